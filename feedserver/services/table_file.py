"""Reading a CSV file of people line by line: any size, any of three separators, every line that cannot be read told with its reason (S60, B10)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ..errors import Invalid

SEPARATORS = (",", ";", "\t")
LONGEST_CELL = 8192
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_OTHER_FILES = {
    b"PK\x03\x04": "That is a spreadsheet or another zip file; save it as CSV (UTF-8) first.",
    b"\xff\xfe": "That file is UTF-16; save it as CSV in UTF-8.",
    b"\xfe\xff": "That file is UTF-16; save it as CSV in UTF-8.",
    b"\xd0\xcf\x11\xe0": "That is an old Excel workbook; save it as CSV (UTF-8) first.",
}


class TableFile:
    """`for line, cells in TableFile(stream, known, required)`: `cells` is a dict by column, or text that says why the line cannot be read.

    The header is read at once: `Invalid` names an unknown, doubled or missing column before anything is done.
    """

    def __init__(self, stream: BinaryIO, known: Sequence[str], required: Sequence[str]) -> None:
        start = stream.peek(4)[:4] if hasattr(stream, "peek") else b""
        for magic, words in _OTHER_FILES.items():
            if start.startswith(magic):
                raise Invalid(words, field="file")
        self.stream = stream
        self._text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        self._before = 0
        head = self._first_line()
        separator = max(SEPARATORS, key=lambda s: len(set(_cells(head, s)) & set(known)) * 1000 + head.count(s))
        self.columns = _cells(head, separator)
        _check_header(self.columns, known, required)
        csv.field_size_limit(LONGEST_CELL)
        self._reader = csv.reader(self._text, delimiter=separator, strict=True)

    def _first_line(self) -> str:
        for line in iter(lambda: self._text.readline(64 * LONGEST_CELL), ""):
            self._before += 1
            if line.strip():
                return line.strip("\r\n")
        raise Invalid("The file is empty; its first line must name the columns, as in: email,name", field="file")

    def __iter__(self) -> Iterator[tuple[int, dict[str, str] | str]]:
        while True:
            start = self._before + self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield start, self._why(error, start)
                continue
            if any(cell.strip() for cell in cells):
                yield start, self._row(cells)

    def _row(self, cells: list[str]) -> dict[str, str] | str:
        if len(cells) > len(self.columns) and any(cell.strip() for cell in cells[len(self.columns) :]):
            return f"It has {len(cells)} cells, but the header names {len(self.columns)} columns."
        if any("\0" in cell for cell in cells):
            return "It holds a NUL character: that is no text."
        if any(_NOT_UTF8.search(cell) for cell in cells):
            return "It is not UTF-8; save the file as CSV in UTF-8."
        return dict(zip(self.columns, cells, strict=False))

    def _why(self, error: csv.Error, start: int) -> str:
        last = self._before + self._reader.line_num
        text = str(error)
        if "field larger" in text:
            words = f"A cell is longer than {LONGEST_CELL} characters"
        elif "unexpected end" in text:
            words = "A quotation mark is not closed"
        else:
            words = f"It is not CSV ({text})"
        if last > start:
            words += f"; lines {start} to {last} were read as one, so look for a quotation mark that is not closed"
        return f"{words}."


def _cells(line: str, separator: str) -> list[str]:
    try:
        row = next(csv.reader([line], delimiter=separator), [])
    except csv.Error as error:
        raise Invalid(f"The first line cannot be read as names of columns: {error}.", field="file") from error
    return [cell.strip().lower() for cell in row]


def _check_header(columns: list[str], known: Sequence[str], required: Sequence[str]) -> None:
    for name in columns:
        if name not in known:
            raise Invalid(f"There is no column {name[:60]!r}; the columns are {', '.join(known)}.", field=name[:60])
        if columns.count(name) > 1:
            raise Invalid(f"The column {name!r} is there twice.", field=name)
    for name in required:
        if name not in columns:
            raise Invalid(f"The column {name!r} is missing; the first line must name the columns, as in: email,name", field=name)
