"""Values as they stand in bodies and queries: strict, with words for people; the OpenAPI description is made from the same types."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar
from zoneinfo import available_timezones

from babel.localedata import locale_identifiers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from ... import addresses
from ...errors import Invalid
from ...services.rendering import check_locale
from ...training.wall_time import check_zone

LARGEST_ID = 2**63 - 1
# Control characters break lines in mails and calendars; the others turn text around so that it reads as something else.
_UNSEEN = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_LINE = rf"^[^{_UNSEEN}]*$"
_WORDS = rf"^[^{_UNSEEN}]*[^\s{_UNSEEN}][^{_UNSEEN}]*$"
_LINES = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]*$"
_URL = rf'^(https?://[^\s/?#@:\[\]\\<>"{_UNSEEN}]+(:[0-9]{{1,5}})?([/?#][^\s\\<>"{_UNSEEN}]*)?)?$'
_ATOM = r"[A-Za-z0-9!#$&'*+/=?^_`{|}~-]"
_EMAIL = (
    rf"^[A-Za-z0-9!#$&'*+/=?^_`{{|}}~]{_ATOM}{{0,30}}(\.{_ATOM}{{1,30}})?"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\.){0,3}[A-Za-z]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$"
)
_LOCAL = r"^(199[0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)", re.IGNORECASE)


class Body(BaseModel):
    """What is sent to us. A field that is not known is refused by name; `hints` say what to do instead, where that is known."""

    model_config = ConfigDict(strict=True, extra="forbid")
    hints: ClassVar[dict[str, str]] = {}

    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class Out(BaseModel):
    """What is answered: every field is always there."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class _Schema:
    """Adds keywords to a JSON schema (published beside a check of our own)."""

    def __init__(self, **keywords: Any) -> None:
        self.keywords = keywords

    def __get_pydantic_json_schema__(self, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(core) | self.keywords


def _matching(pattern: str, words: str):
    known = re.compile(pattern[1:-1])

    def check(value: str) -> str:
        if not known.fullmatch(value):
            raise PydanticCustomError("text", words)
        return value

    return AfterValidator(check)


def _email(value: str) -> str:
    try:
        return addresses.check(value)
    except Invalid as error:
        raise PydanticCustomError("email", "{detail}", {"detail": error.detail}) from error


def _zone(value: str) -> str:
    try:
        return check_zone(value)
    except Invalid as error:
        raise PydanticCustomError("timezone", "{detail}", {"detail": error.detail}) from error


def _tag(value: str) -> str:
    try:
        return check_locale(value)
    except Invalid as error:
        raise PydanticCustomError("locale", "{detail}", {"detail": error.detail}) from error


def _local(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _ZONED.fullmatch(value):
        raise PydanticCustomError("local_time", "Give the local wall-clock time without Z or offset, and the zone in `timezone`.")
    try:
        if isinstance(value, str) and re.fullmatch(_LOCAL[1:-1], value):
            return datetime.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError("local_time", "There is no such day; look at the month.") from error
    raise PydanticCustomError("local_time", "Write a local time of the years 1990 to 2199 as 2026-12-01T09:00.")


def _day(value: Any) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError("day", "There is no such day; look at the month.") from error
    raise PydanticCustomError("day", "Write a day as 2026-12-01.")


def _instant(value: Any) -> datetime:
    try:
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            text = value if "T" in value.upper() else f"{value}T00:00:00Z"
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # falls through to the one sentence below
    raise PydanticCustomError("instant", "Write it as 2026-12-01T09:00:00Z, with Z or an offset, or as a day, 2026-12-01.")


_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?", re.ASCII | re.IGNORECASE)


def _number(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) and int(value) > 0:
        return int(value)
    raise PydanticCustomError("number", "This must be the id of one of yours: a whole number from 1 up.")


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 3.0 is 3."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**63 else value


def line(longest: int, *, empty: bool = True):
    """One line of text; `empty=False` asks for something to read."""
    if empty:
        words = "This must be one line of text without control characters."
        return Annotated[str, Field(max_length=longest), _matching(_LINE, words), _Schema(pattern=_LINE)]
    words = "This must be one line of text, not empty, without control characters."
    return Annotated[str, Field(min_length=1, max_length=longest), _matching(_WORDS, words), _Schema(pattern=_WORDS)]


def lines(longest: int):
    """Text of several lines (Markdown)."""
    words = "This text must not hold control characters besides line ends and tabs."
    plain = AfterValidator(lambda text: text.replace("\r\n", "\n").replace("\r", "\n"))
    return Annotated[str, Field(max_length=longest), _matching(_LINES, words), plain, _Schema(pattern=_LINES)]


def optional() -> Any:
    """A field that may be left out, but whose null is no value (PATCH)."""
    return Field(default_factory=lambda: None)


WHOLE = BeforeValidator(_whole)
RowId = Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE]
Email = Annotated[str, Field(max_length=254), AfterValidator(_email), _Schema(pattern=_EMAIL, examples=["ada@example.org"])]
Url = Annotated[
    str, Field(max_length=2000), _matching(_URL, "Write it as https://example.org/room, or leave it empty."), _Schema(pattern=_URL)
]  # fmt: skip
_ZONES = sorted(z for z in available_timezones() if z not in ("Factory", "localtime"))
Timezone = TypeAliasType("Timezone", Annotated[str, AfterValidator(_zone), _Schema(enum=_ZONES)])
LocalTime = TypeAliasType(
    "LocalTime",
    Annotated[
        datetime,
        BeforeValidator(_local),
        WithJsonSchema(
            {"type": "string", "pattern": _LOCAL, "description": "Wall-clock time without offset, in `timezone`.", "examples": ["2026-12-01T09:00"]},
            mode="validation",
        ),
        WithJsonSchema({"type": "string", "examples": ["2026-12-01T09:00:00"]}, mode="serialization"),
    ],
)  # fmt: skip
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"}, mode="validation")]
# Every day of these years that there is, so that the description says all that can be wrong with one.
_CALENDAR_DAY = (
    r"^((19[7-9][0-9]|2[01][0-9]{2})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"|(19(7[26]|8[048]|9[26])|2000|2[01](0[48]|[2468][048]|[13579][26]))-02-29)$"
)
CalendarDay = Annotated[
    date, BeforeValidator(_day), WithJsonSchema({"type": "string", "pattern": _CALENDAR_DAY, "examples": ["2027-03-31"]}, mode="validation")
]  # fmt: skip
_TAGS = sorted(t.replace("_", "-") for t in locale_identifiers() if re.fullmatch(r"[a-z]{2,3}(_[A-Z]{2})?", t))
Locale = TypeAliasType("Locale", Annotated[str, AfterValidator(_tag), _Schema(enum=_TAGS)])
QueryInstant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}, mode="validation"),
]  # fmt: skip
QueryId = Annotated[
    int, BeforeValidator(_number), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10**18 - 1}, mode="validation")
]  # fmt: skip
