"""Lists of who was there, as trainers and meeting programs make them: read with forgiveness, every refused line with its reason."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..addresses import canonical
from ..errors import Invalid
from ..training.attendance import read_mark
from ..training.statuses import ATTENDANCE, EnrolmentStatus

LARGEST, MOST_LINES, MOST_COLUMNS, LONGEST = 2 * 1024 * 1024, 20_000, 64, 8192
_ADDRESS = re.compile(r"mail|upn|address|adresse")
_STATUS = re.compile(r"status|attend|present|anwesen|teilnahme|came")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file that names somebody: the address as compared, and how they are to be marked."""

    number: int
    email_key: str
    mark: EnrolmentStatus


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that cannot be taken: its number in the file, whom it names, why."""

    line: int
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was read."""

    lines: tuple[Line, ...]
    refused: tuple[Refused, ...]


def read(raw: bytes) -> Sheet:
    """Read `email,status`, with or without a header, in any order; without a status everybody named was there.

    Raises `Invalid` for what is no list. A person named twice counts by the last line, and the first is refused.
    """
    rows = list(_rows(_text(raw)))
    if not rows:
        raise Invalid("The file is empty.", field="file")
    address, status = _columns(rows)
    if address is None:
        raise Invalid("No column holds e-mail addresses; the file needs `email` and `status`.", field="file")
    lines: dict[str, Line] = {}
    refused: list[Refused] = []
    for number, row in rows:
        one = _line(number, row, address, status)
        if isinstance(one, Refused):
            refused.append(one)
        elif one is not None:
            if one.email_key in lines:
                refused.append(Refused(lines[one.email_key].number, one.email_key, f"is named again in line {number}, which counts"))
            lines[one.email_key] = one
    if not lines and not refused:
        raise Invalid("The file has a header and nobody below it.", field="file")
    return Sheet(tuple(lines.values()), tuple(refused))


def _text(raw: bytes) -> str:
    if len(raw) > LARGEST:
        raise Invalid("The file is larger than 2 MiB.", field="file")
    # Teams writes its attendance reports in UTF-16, Excel on Windows in its own code page; only the addresses matter there.
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", "replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", "replace")
    if "\0" in text:
        raise Invalid("This is not a text file; save the list as CSV.", field="file")
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    head = text[:4000]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    try:
        for row in reader:
            if any(value.strip() for value in row):
                if reader.line_num > MOST_LINES or len(row) > MOST_COLUMNS or max(map(len, row)) > LONGEST:
                    raise Invalid(
                        f"Line {reader.line_num}: too long, or more than {MOST_LINES:,} lines or {MOST_COLUMNS} columns.", field="file"
                    )
                yield reader.line_num, [value.strip() for value in row]
    except csv.Error as error:
        raise Invalid(f"Line {reader.line_num} cannot be read: {error}.", field="file") from error


def _columns(rows: Sequence[tuple[int, list[str]]]) -> tuple[int | None, int | None]:
    """Where the addresses and the marks stand: by the header, else by what the first lines look like."""
    for at, (_number, row) in enumerate(rows[:30]):
        names = [value.casefold() for value in row]
        if "@" not in "".join(names):
            address = next((n for n, name in enumerate(names) if _ADDRESS.search(name)), None)
            if address is not None and any("@" in _at(later, address) for _n, later in rows[at + 1 : at + 30]):
                return address, next((n for n, name in enumerate(names) if n != address and _STATUS.search(name)), None)
    for _number, row in rows[:30]:
        address = next((n for n, value in enumerate(row) if "@" in value), None)
        if address is not None:
            marks = [n for n, value in enumerate(row) if n != address and (read_mark(value) or not value)]
            return address, marks[0] if marks else (1 - address if len(row) == 2 and address < 2 else None)
    return None, None


def _line(number: int, row: list[str], address: int, status: int | None) -> Line | Refused | None:
    who = _at(row, address).removeprefix("'")
    if "@" not in who:
        # Headers, totals and the summaries that meeting programs put around the list say nothing about anybody.
        marked = status is not None and read_mark(_at(row, status)) is not None
        return Refused(number, who[:100], "is not an e-mail address") if who and marked else None
    word = _at(row, status) if status is not None else "yes"
    mark = read_mark(word)
    if mark is None:
        known = ", ".join(ATTENDANCE)
        reason = (
            f"“{word[:40]}” says neither yes nor no; write {known}"
            if word
            else f"says nothing about whether the person came; write {known}"
        )
        return Refused(number, who[:100], reason)
    return Line(number, canonical(who), mark)


def _at(row: Sequence[str], place: int) -> str:
    return row[place] if place < len(row) else ""
