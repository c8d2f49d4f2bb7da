"""Lists of who was there: read as trainers, Excel and Teams write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.errors import Invalid
from feedserver.services.attendance_sheet import read


def marks(raw: bytes) -> dict[str, str]:
    """Address -> mark."""
    return {line.email_key: line.mark.value for line in read(raw).lines}


WANTED = {"ada@x.example": "Attended", "bob@x.example": "Absent"}


@pytest.mark.parametrize(
    "raw",
    [
        b"email,status\nada@x.example,yes\nbob@x.example,no\n",
        b"ada@x.example;present\r\nbob@x.example;absent\r\n",
        b"\xef\xbb\xbfName;E-Mail;Status\nAda;ADA@x.example;x\nBob;bob@x.example;-\n",
        "Name\tE-Mail-Adresse\tAnwesend\nAda Lovélace\tada@x.example\tja\nBob\tbob@x.example\tnein\n".encode("utf-16"),
        "Attended,Email\nyes,ada@x.example\nno,bob@x.example\n".encode("cp1252"),
        b"Meeting summary\n\nFull name,Email,Status\nAda,ada@x.example,attended\nBob,bob@x.example,no show\n",
    ],
)
def test_one_list_in_many_shapes(raw):
    assert marks(raw) == WANTED


def test_a_bare_list_of_addresses_names_those_who_came():
    assert marks(b"email\nada@x.example\ncy@x.example\n") == {"ada@x.example": "Attended", "cy@x.example": "Attended"}


def test_each_line_that_says_nothing_is_refused_with_its_number():
    sheet = read(b"email,status\nada@x.example,perhaps\nbob@x.example,yes\nbob@x.example,no\nnobody,yes\n")
    assert [(one.line, one.reason.split(";")[0]) for one in sheet.refused] == [
        (2, "“perhaps” says neither yes nor no"),
        (3, "is named again in line 4, which counts"),
        (5, "is not an e-mail address"),
    ]
    assert [(line.email_key, line.mark) for line in sheet.lines] == [("bob@x.example", "Absent")]


@pytest.mark.parametrize(
    "raw", [b"", b"\n\n", b"name,age\nAda,36\n", b"\x89PNG\x00\x00", b"a@b.example," + b"x" * 9000, b"a" * (2**21 + 1)]
)
def test_what_is_no_list_is_refused_whole(raw):
    with pytest.raises(Invalid):
        read(raw)


@given(st.binary(max_size=300))
def test_no_file_breaks_it(raw):
    try:
        read(raw)
    except Invalid as error:
        assert error.detail
