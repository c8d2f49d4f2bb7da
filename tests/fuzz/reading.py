"""Coverage-guided fuzzing of the reader of inbound mail: `python -m tests.fuzz.reading [SECONDS] [SEEDS…]` (needs `pip install atheris`).

Every octet sequence has to become an `Incoming` that goes through JSON and back, without the reader's last net: what only that net
caught is written to `var/fuzz/found/` under the name of its exception and goes on, so that one run finds many. Cases that were found
and mended are kept in `tests/fixtures/found/` and read by `tests/imip/test_found.py`.
"""

from __future__ import annotations

import hashlib
import sys
import time
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["feedserver.imip", "feedserver.itip", "feedserver.addresses", "email"]):
    from feedserver.imip import extract
    from feedserver.imip.incoming import KINDS, Incoming

from tests.replies import CLIENTS, message, reply

HERE = Path("var/fuzz")
FOUND = HERE / "found"
SLOW = 1.0
_seen: set[str] = set()


def one(data: bytes) -> None:
    """Read one input; what the last net would catch, and what is slow, is kept."""
    began = time.monotonic()
    try:
        incoming = extract._read(data)
        assert incoming.kind in KINDS
        assert Incoming.from_json(incoming.to_json()) == incoming
    except (Exception, RecursionError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        keep(f"{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}", data)
    if time.monotonic() - began > SLOW:
        keep("slow", data)


def keep(name: str, data: bytes) -> None:
    """Write the first input of each kind."""
    if name not in _seen:
        _seen.add(name)
        print(f"found: {name}", flush=True)
        (FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:8]}.eml").write_bytes(data)


def main() -> None:
    """Fill the seeds, then fuzz for as long as is asked for."""
    seconds, more = (sys.argv[1] if len(sys.argv) > 1 else "300"), sys.argv[2:]
    for folder in (FOUND, HERE / "seeds"):
        folder.mkdir(parents=True, exist_ok=True)
    for client in CLIENTS:
        (HERE / "seeds" / client).write_bytes(reply(client, uid="u1@localhost", attendee="lea@corp.example"))
    for name in ("bounce", "out_of_office", "human", "google_counter"):
        (HERE / "seeds" / name).write_bytes(message(name, uid="u1@localhost", attendee="lea@corp.example"))
    words = HERE / "words.txt"
    words.write_text("".join(f'"{word}"\n' for word in _WORDS))
    options = [f"-max_total_time={seconds}", "-max_len=20000", "-timeout=5", "-rss_limit_mb=1024", f"-dict={words}", "-verbosity=1"]
    atheris.Setup([sys.argv[0], *options, str(HERE / "seeds"), *more], one)
    atheris.Fuzz()


_WORDS = (
    "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "METHOD:REPLY", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:", "UID:", "SEQUENCE:",
    "RECURRENCE-ID;TZID=", "DTSTAMP:", "DTSTART;TZID=", "TZID:", "X-LIC-LOCATION:", "Content-Type: text/calendar; charset=", "boundary=",
    "Content-Transfer-Encoding: base64", "quoted-printable", "message/rfc822", "message/delivery-status", "multipart/mixed", "=?utf-8?q?",
    "iso-2022-jp", "utf-7", "utf-16", "X-Failed-Recipients: ", "Final-Recipient: rfc822; ", "Status: 5.1.1", "Action: failed",
)  # fmt: skip


if __name__ == "__main__":
    main()
