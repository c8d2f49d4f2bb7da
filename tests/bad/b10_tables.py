"""B10: files of learners as programs save them and as somebody means harm: looked at, told line by line, and nobody comes in by looking."""

from __future__ import annotations

import io
import zipfile

from .front import Asked

TWO = "email,name\nmia@example.org,Mia\nali@example.org,Ali\n"
LOOKED_AT, REFUSED = (303,), (400, 413, 422)
EITHER = LOOKED_AT + REFUSED


def file(name: str, data: str | bytes, status=EITHER, called: str = "people.csv") -> Asked:
    raw = data.encode() if isinstance(data, str) else data
    return Asked(
        name, "POST", "/learners/import", status, "owner", True, request=lambda _front: {"data": {"file": (io.BytesIO(raw), called)}}
    )


def line(name: str, text: str) -> Asked:
    """One line beside a good one: the file is looked at, and the line is told."""
    return file(name, f"email,name\nmia@example.org,Mia\n{text}\n", LOOKED_AT)


def packed(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * size)
    return out.getvalue()


CASES = [
    file("01 empty", "", REFUSED),
    file("02 a header alone", "email,name\n"),
    file("03 a column is missing", "name\nMia\n", REFUSED),
    file("04 a column twice", "email,name,email\na@example.org,A,b@example.org\n", REFUSED),
    file("05 20,001 lines", "email,name\n" + "".join(f"a{n}@example.org,A\n" for n in range(20_001))),
    file("06 65 columns", ",".join(f"c{n}" for n in range(65)) + "\n", REFUSED),
    file("07 a cell of 200 kB", "email,name\na@example.org," + "x" * 200_000 + "\n"),
    file("08 NUL", "email,name\na@example.org,A\x00B\n"),
    file("09 a byte order mark", "\ufeff" + TWO, LOOKED_AT),
    file("10 UTF-16", TWO.encode("utf-16")),
    file("11 Latin-1", "email,name\nz@example.org,Zo\xeb\n".encode("latin-1")),
    file("12 line ends of all kinds", "email,name\r\na@example.org,A\rb@example.org,B\nc@example.org,C\n"),
    file("13 a quote that never ends", 'email,name\na@example.org,"A\nb@example.org,B\n'),
    file("14 semicolons", TWO.replace(",", ";"), LOOKED_AT),
    file("15 tabs", TWO.replace(",", "\t"), LOOKED_AT),
    line("16 an address with a line end", '"a@example.org\r\nBcc: b@example.org",A'),
    line("17 two addresses", '"a@example.org,b@example.org",A'),
    line("18 an address in brackets", "<a@example.org>,A"),
    line("19 an option for a mailer", "-oQ/tmp/x@example.org,A"),
    line("20 the same twice", "mia@example.org,Mia"),
    line("21 the same in another case", "MIA@EXAMPLE.ORG,Mia"),
    line("22 a domain of other letters", "a@b\xfccher.example,A"),
    file("23 10,000 empty lines", "email,name\n" + "\n" * 10_000 + "a@example.org,A\n"),
    line("24 a formula", "=cmd|'/c calc'!A1,A"),
    line("25 plus", 'a@example.org,"+1+1"'),
    line("26 minus", 'a@example.org,"-1+1"'),
    line("27 at", 'a@example.org,"@SUM(1)"'),
    line("28 tab", 'a@example.org,"\t=1+1"'),
    line("29 carriage return", 'a@example.org,"\r=1+1"'),
    line("30 a link", 'a@example.org,"=HYPERLINK(""http://evil.example"")"'),
    line("31 a script", 'a@example.org,"<script>alert(1)</script>"'),
    file("32 a workbook called .csv", packed(1000), REFUSED),
    file("33 a zip bomb", packed(20_000_000), REFUSED, "people.xlsx"),
    file("34 11 MB", "email,name\n" + "a@example.org,A\n" * 700_000),
    file("35 no name", TWO, EITHER, ""),
    file("36 a name that climbs", TWO, EITHER, "../../etc/passwd"),
    file("37 a picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 500, REFUSED),
    file("38 noise", bytes(range(256)) * 100),
]
