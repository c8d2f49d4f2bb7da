"""Forms of the pages: fields as data, texts in, typed values out, and every error at its field with what was typed kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import available_timezones

from ..addresses import check
from ..errors import Changed, FeedserverError, Invalid
from ..ical.lines import clean, clean_line

T = TypeVar("T")
_NO_PLACES = ("Etc/", "posix", "right")
ZONES = ("UTC", *sorted(z for z in available_timezones() if "/" in z and not z.startswith(_NO_PLACES)))


@dataclass(frozen=True)
class Field:
    """One input. `kind` is text, long, mail, mails, url, number, offset, check, time, date, choice, checks, secret or zone; `choices` are (value, words).

    A secret is never written back.
    """

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    required: bool = False
    longest: int = 250
    choices: Sequence[tuple[str, str]] = ()
    more: bool = False


@dataclass
class Form:
    """Fields with what was typed into them (`texts`), what that means (`values`), and what is wrong with it (`errors`)."""

    fields: Sequence[Field]
    texts: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    changes: list[dict] = field(default_factory=list)
    version: int | None = None

    @classmethod
    def shown(cls, fields: Sequence[Field], values: Mapping[str, Any]) -> Form:
        """A form that shows these values."""
        return cls(fields, {f.name: written(values.get(f.name)) for f in fields})

    @classmethod
    def sent(cls, fields: Sequence[Field], texts: Mapping[str, str]) -> Form:
        """A form that somebody has sent: typed values and errors filled in."""
        form = cls(fields, {f.name: _sent(f, texts) for f in fields})
        for one in fields:
            if one.kind == "checks" and one.name not in texts:
                continue  # no box ticked is said by an empty value; a form without the boxes says nothing
            try:
                form.values[one.name] = _read(one, form.texts[one.name])
            except Invalid as error:
                form.errors[one.name] = error.detail
        version = texts.get("version", "")
        form.version = int(version) if version.isdecimal() and len(version) < 10 else None
        return form

    @property
    def ok(self) -> bool:
        """Nothing is wrong so far."""
        return not self.errors and not self.problem

    def field(self, name: str) -> Field:
        """The field of that name."""
        return next(f for f in self.fields if f.name == name)

    def with_choices(self, **choices: Sequence[tuple[str, str]]) -> Form:
        """The same form with these choices in its fields."""
        self.fields = [replace(f, choices=choices[f.name]) if f.name in choices else f for f in self.fields]
        return self

    def attempt(self, act: Callable[[], T]) -> T | None:
        """Do it; where a rule refuses, its words stand at the field (or over the form), and None is returned."""
        if not self.ok:
            return None
        try:
            return act()
        except Changed as error:
            self.problem = error.detail
            self.changes = list(error.extra.get("changes", ()))
            self.version = error.extra.get("version")
        except FeedserverError as error:
            if error.field in {f.name for f in self.fields}:
                self.errors[error.field] = error.detail
            else:
                self.problem = error.detail
        return None


def _sent(one: Field, texts: Mapping[str, str]) -> str:
    """What was typed; of several boxes the values of those ticked, a line each."""
    if one.kind == "checks" and hasattr(texts, "getlist"):
        return "\n".join(filter(None, texts.getlist(one.name)))
    return texts.get(one.name, "")


def written(value: Any) -> str:
    """A value as the text that stands in its input."""
    if isinstance(value, bool):
        return "on" if value else ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, list | tuple):
        return "\n".join(str(one) for one in value)
    return "" if value is None else str(value)


def _read(one: Field, text: str) -> Any:
    text = text.strip() if one.kind == "long" else clean_line(text) if one.kind not in ("mails", "checks", "secret") else text
    if one.kind == "check":
        return bool(text)
    if not text:
        if one.required:
            raise Invalid("Please fill this in.", field=one.name)
        return _EMPTY.get(one.kind, "")
    if len(text) > one.longest:
        raise Invalid(f"This is too long: {len(text)} characters; {one.longest} fit.", field=one.name)
    return _READERS.get(one.kind, _text)(one, text)


def _text(_one: Field, text: str) -> str:
    return clean(text)


def _url(one: Field, text: str) -> str:
    if not text.lower().startswith(("https://", "http://")):
        raise Invalid("Write the whole address, beginning with https://.", field=one.name)
    return text


def _number(one: Field, text: str) -> int:
    if not text.isdecimal() or len(text) > 6 or not int(text):
        raise Invalid("Write a whole number from 1 up, or leave it empty.", field=one.name)
    return int(text)


def _offset(one: Field, text: str) -> int:
    digits = text.removeprefix("-").removeprefix("\N{MINUS SIGN}")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 4:
        raise Invalid("Write a whole number of days, such as 5, 0 or -3.", field=one.name)
    return int(digits) if digits == text else -int(digits)


def _time(one: Field, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None, second=0, microsecond=0)
    except ValueError as error:
        raise Invalid("Write date and time as 2027-03-10T14:00.", field=one.name) from error


def _date(one: Field, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("Write the date as 2027-03-10.", field=one.name) from error


def _choice(one: Field, text: str) -> str:
    if text not in {value for value, _words in one.choices}:
        raise Invalid("Choose one of the list.", field=one.name)
    return text


def _checks(one: Field, text: str) -> list[str]:
    ticked = text.split("\n")
    if not set(ticked) <= {value for value, _words in one.choices}:
        raise Invalid("Choose among the list.", field=one.name)
    return ticked


def _mails(one: Field, text: str) -> list[str]:
    return [check(part, one.name) for part in clean(text).replace(",", "\n").split("\n") if part.strip()]


_EMPTY: dict[str, Any] = {"number": None, "offset": None, "time": None, "date": None, "mails": [], "checks": []}
_READERS: dict[str, Callable[[Field, str], Any]] = {
    "url": _url,
    "number": _number,
    "offset": _offset,
    "time": _time,
    "date": _date,
    "choice": _choice,
    "checks": _checks,
    "mail": lambda one, text: check(text, one.name),
    "mails": _mails,
}
