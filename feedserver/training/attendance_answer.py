"""A list of people that somebody sends back by mail with who was there: read with forgiveness, and nothing guessed.

What says nothing (an empty box, a quoted line as it went out) marks nobody; what contradicts itself marks nobody and is said back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .attendance import read_mark
from .statuses import EnrolmentStatus

S = EnrolmentStatus
CAME, MISSED = S.ATTENDED, S.ABSENT
MOST_LINES, LONGEST = 1500, 500
_BOX = re.compile(r"^(?:[\[(]\s*([^\s\])]{0,12})\s*[\])]|([☐☑☒✓✔✗✘]))\s*")
_EMPTY = frozenset(("", "☐", "_", ".", "…", "?"))
_NUMBERS = re.compile(r"^(?:\d{1,4}(?:\s*(?:-|–|to|bis|a|à|tot)\s*\d{1,4})?(?:\s*(?:,|;|\+|&|and|und|et|en|y|e)\s*|\s+|$))+$", re.I)
_SPAN = re.compile(r"(\d{1,4})(?:\s*(?:-|–|to|bis|a|à|tot)\s*(\d{1,4}))?", re.I)
_ALL = r"(?:all|everybody|everyone|alle|jeder|tous|toutes|tout le monde|iedereen|allemaal|todos|todas|tutti|tutte)"
_HERE = r"(?:\s+(?:present|here|came|were there|attended|da|anwesend|waren da|la|presents|aanwezig|presentes|presenti))?"
_BUT = r"(?:but|except|without|ausser|bis auf|ohne|sauf|behalve|zonder|menos|excepto|tranne|salvo|eccetto)"
_EVERYBODY = re.compile(rf"^{_ALL}{_HERE}(?:\s*,?\s*{_BUT}\s*:?\s+(?P<who>.+))?$")
_NOBODY = re.compile(r"^(?:none|nobody|no one|niemand|keiner|personne|nadie|nessuno)(?:\s+(?:came|present|da|gekommen|anwesend))?$")
_REST = re.compile(
    r"^(?:the |all |die |alle |les |de |los |gli )?(?:rest|others|other|uebrigen|ubrigen|anderen|autres|overigen|demas|altri)\s*(?:were|was|is|:|-)?\s*(?P<mark>\S.*)$"
)
_ORDER = re.compile(rf"^(?:{_ALL})\b")
_QUOTED = re.compile(r"^(?:[>|]\s?)+")
_NOTE = re.compile(r"\s*\([^()]{0,60}\)\s*$")
_WROTE = re.compile(
    r"^(?:.{0,200}\b(?:wrote|schrieb|écrit|schreef|escribió|ha scritto)\b.{0,100}:|(?:from|von|de|van|da)\s*:.{0,200}@.{0,200})$", re.I
)
_ENDS = re.compile(r"^(?:-- ?$|_{8,}|-{4,})")


@dataclass(frozen=True, slots=True)
class Read:
    """`marks`: number on the list -> Attended, Absent or Go Show. `unclear`: the lines that could not be taken, as they were written."""

    marks: Mapping[int, EnrolmentStatus] = field(default_factory=dict)
    unclear: tuple[str, ...] = ()


def read(text: str, names: Mapping[int, str]) -> Read:
    """Read an answer to a list of `names` by number, in whatever of its forms people use: boxes, words, numbers alone, all but some."""
    found = _Answer(names)
    own, marked = True, re.search(r"^\s*>", text, re.M) is not None
    for line in text.splitlines()[:MOST_LINES]:
        quoted = _QUOTED.match(line.strip())
        bare = _QUOTED.sub("", line.strip()).strip()[:LONGEST]
        if not quoted and (_ENDS.match(bare) or (_WROTE.match(bare) and not marked)):
            # Below a signature, or a quote that is not marked as one, only lines of the list itself are read.
            own = False
        if bare:
            found.take(bare, own=own and not quoted)
    return found.outcome()


class _Answer:
    """What the lines said so far: a person in own words, then "all", then what is ticked in the quote, then "the rest"."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = names
        self.keys = {number: _folded(name) for number, name in names.items()}
        self.said: dict[bool, dict[int, set[EnrolmentStatus]]] = {True: {}, False: {}}
        self.everybody: set[EnrolmentStatus] = set()
        self.rest: set[EnrolmentStatus] = set()
        self.unclear: list[str] = []

    def take(self, line: str, *, own: bool) -> None:
        """One line, without its quote marks."""
        if (self._commanded(line) if own else False) or self._person(line, own):
            return
        if own and self._matters(line):
            self.unclear.append(line[:120])

    def outcome(self) -> Read:
        marks, unclear = {}, self.unclear
        for number in self.names:
            said = self.said[True].get(number) or self.everybody or self.said[False].get(number) or self.rest
            if len(said) == 1:
                marks[number] = next(iter(said))
            elif said:
                unclear.append(f"{number} {self.names[number]}: {' / '.join(sorted(said))}")
        return Read(marks, tuple(dict.fromkeys(unclear)))

    def _commanded(self, line: str) -> bool:
        text = _folded(line).strip(" .!")
        if _NUMBERS.match(text) and (numbers := self._numbers(text)):
            return self._mark(numbers, CAME, True)
        if found := _EVERYBODY.match(text):
            missing = self._people(found["who"]) if found["who"] else []
            if missing is None:
                return False
            self.everybody.add(CAME)
            return self._mark(missing, MISSED, True)
        if _NOBODY.match(text):
            self.everybody.add(MISSED)
            return True
        if (found := _REST.match(text)) and (mark := read_mark(found["mark"])):
            self.rest.add(mark)
            return True
        return self._listed(text)

    def _listed(self, text: str) -> bool:
        """ "absent: 3, 5", "x 12", "present Ben and Cara"."""
        words = re.split(r"[\s:]+", text, maxsplit=2)
        for count in (2, 1):
            mark = read_mark(" ".join(words[:count])) if len(words) > count and not words[0].isdigit() else None
            who = self._people(text[len(" ".join(words[:count])) :].strip(" :=-–")) if mark else None
            if mark and who:
                return self._mark(who, mark, True)
        return False

    def _person(self, line: str, own: bool) -> bool:
        box = _BOX.match(line)
        inside = (box[1] if box[1] is not None else box[2]).casefold() if box else ""
        mark = read_mark(inside) if inside not in _EMPTY else None
        rest = _folded(_NOTE.sub("", line[box.end() :] if box else line))
        number, tail = self._whose(rest)
        if number is None or (box and inside not in _EMPTY and mark is None):
            return False
        said = {mark} if mark else set()
        if tail:
            word = read_mark(tail)
            if word is None:
                return False
            said.add(word)
        # Somebody typed the person's line and nothing else: they were there. As it went out it has a box.
        if not said and not box and own:
            said = {CAME}
        if not said:
            return True
        self.said[own].setdefault(number, set()).update(said)
        return True

    def _whose(self, text: str) -> tuple[int | None, str]:
        """The person a line is about, and what stands behind (or before) the name."""
        found = re.match(r"#?(\d{1,4})\b[.):]?\s*", text)
        if found and int(found[1]) in self.keys:
            number, tail = int(found[1]), text[found.end() :]
            return number, _stripped(tail.removeprefix(self.keys[number]))
        if found:
            return None, ""
        number = self._named(text)
        if number is None:
            return None, ""
        name = next(one for one in self._spellings(number) if one in text)
        before, _, behind = text.partition(name)
        return number, _stripped(before) or _stripped(behind)

    def _named(self, text: str) -> int | None:
        """The only person whose whole name, else first or last name, stands in a line as words of their own."""
        for spelling in range(3):
            found = [n for n in self.keys if spelling < len(self._spellings(n)) and _has(text, self._spellings(n)[spelling])]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _spellings(self, number: int) -> list[str]:
        words = self.keys[number].split()
        return [self.keys[number], *dict.fromkeys(word for word in (words[:1] + words[-1:]) if len(word) > 1)]

    def _people(self, text: str) -> list[int] | None:
        """Numbers, spans and names between commas; None where one is not understood."""
        text = text.strip(" .!")
        if _NUMBERS.match(text):
            return self._numbers(text) or None
        out = []
        for piece in re.split(r"\s*(?:,|;|&|\band\b|\bund\b|\bet\b|\ben\b|\by\b|\be\b)\s*", text):
            number, tail = self._whose(piece) if piece else (None, "")
            if number is None or tail:
                return None
            out.append(number)
        return out

    def _numbers(self, text: str) -> list[int]:
        """All numbers of a line, or none where one is not on the list."""
        out = []
        for first, last in _SPAN.findall(text):
            out += range(int(first), int(last or first) + 1)
        return out if out and all(n in self.keys for n in out) else []

    def _mark(self, numbers: Sequence[int], mark: EnrolmentStatus, own: bool) -> bool:
        for number in numbers:
            self.said[own].setdefault(number, set()).add(mark)
        return True

    def _matters(self, line: str) -> bool:
        """Whether a line that was not understood might have meant somebody."""
        text = _folded(line)
        return (
            bool(re.search(r"\d", text) or _ORDER.match(text))
            or self._named(text) is not None
            or any(read_mark(word) for word in _words(text))
        )


def _words(text: str) -> Iterator[str]:
    yield from (word for word in re.findall(r"[\w✓✔✗✘]+", text) if len(word) > 1)


def _folded(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.casefold().replace("\xdf", "ss").split())


def _stripped(text: str) -> str:
    return _NOTE.sub("", text).strip(" .,:;=-–—|\t")


def _has(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
