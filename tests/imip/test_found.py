"""Real answers, mutated as relays, gateways and attackers mutate them: always read, never an exception; and what fuzzing found before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedserver.imip import extract
from feedserver.imip.incoming import KINDS, Incoming
from tests.replies import CLIENTS, message, reply

FOUND = sorted((Path(__file__).parents[1] / "fixtures/found").iterdir())
NAMES = ("bounce", "out_of_office", "google_counter", "forwarded_request")
REAL = [reply(client, uid="u1@localhost", attendee="lea@corp.example") for client in CLIENTS]
REAL += [message(name, uid="u1@localhost", attendee="lea@corp.example") for name in NAMES]
REAL += [
    path.read_bytes() for path in sorted((Path(__file__).parents[2] / "../shared/corpus").glob("*/*.eml")) if path.stat().st_size < 60_000
]
POISON = (
    b"\x00", b"\xff\xfe", b"\r", b"\n\n", b"%00", b'"', b";", b"=?utf-8?q?=00?=", b"--b\r\n", b"charset=utf-7", b"charset=\x00", b"boundary=", b"END:VEVENT\r\n",
    b"BEGIN:VCALENDAR\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"Content-Transfer-Encoding: base64\r\n", b"\xf0\x9f", b"TZID=Pacific:", b"99999999999",
)  # fmt: skip


@st.composite
def mutants(draw) -> bytes:
    """A real message with lines lost, doubled or exchanged, poison put in, and its end cut off."""
    lines = draw(st.sampled_from(REAL)).splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["lost", "doubled", "moved", "poisoned", "cut", "joined"])):
            case "lost" if len(lines) > 1:
                del lines[at]
            case "doubled":
                lines.insert(at, lines[at])
            case "moved":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "poisoned":
                where = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:where] + draw(st.sampled_from(POISON)) + lines[at][where:]
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case "joined":
                lines[at] = lines[at].rstrip(b"\r\n")
    return b"".join(lines)


@given(mutants())
@settings(max_examples=400)
def test_a_mutant_is_read_without_the_last_net(raw):
    incoming = extract._read(raw)
    assert incoming.kind in KINDS and Incoming.from_json(incoming.to_json()) == incoming
    assert all(attendee.address.count("@") <= 1 for one in incoming.objects for attendee in one.attendees)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_fuzzing_found_is_read(path):
    incoming = extract._read(path.read_bytes())
    assert incoming.kind in KINDS and incoming.kind != "broken"


def test_an_answer_counts_though_its_file_name_has_a_number_and_none():
    named = b"text/calendar; name*0=a; name*=utf-8''a.ics;"
    raw = reply("sabre", uid="u1@localhost", attendee="lea@corp.example").replace(b"text/calendar;", named)
    incoming = extract._read(raw)
    assert named in raw and (incoming.kind, incoming.objects[0].attendees[0].partstat) == ("reply", "ACCEPTED")
