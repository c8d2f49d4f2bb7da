"""B2: calendar syntax, broken, huge or turned into a weapon."""

from __future__ import annotations

import codecs

from . import APPLIED, CALENDAR, HEAD, TYPE, Bad, answer, octets

BROKEN = "rejected broken"
HEADER = octets(HEAD + TYPE + "\n")
WIDE = octets(HEAD + TYPE.replace("utf-8", "utf-16") + "\n")
PLAIN = octets(CALENDAR)


def with_line(line: str) -> bytes:
    return answer(("SEQUENCE:0\n", f"SEQUENCE:0\n{line}\n"))


def zone(line: str) -> bytes:
    return answer(
        (
            "BEGIN:VEVENT",
            f"BEGIN:VTIMEZONE\nTZID:x\nBEGIN:STANDARD\nDTSTART:19700101T000000\n{line}\nEND:STANDARD\nEND:VTIMEZONE\nBEGIN:VEVENT",
        )
    )


CASES = [
    Bad("01 empty", HEADER, BROKEN),
    Bad("02 only blanks", HEADER + b" " * 500, BROKEN),
    Bad("03 byte order mark", HEADER + codecs.BOM_UTF8 + PLAIN, APPLIED),
    Bad("04 UTF-16", WIDE + CALENDAR.encode("utf-16"), APPLIED),
    Bad("05 Latin-1", HEADER + PLAIN.replace(b"CN=Lea", "CN=L\xe9a".encode("latin-1")), APPLIED),
    Bad("06 NUL in a value", answer(("CN=Lea", "CN=Le\x00a")), APPLIED),
    Bad("07 bare LF", HEADER + CALENDAR.encode(), APPLIED),
    Bad("08 bare CR", HEADER + CALENDAR.replace("\n", "\r").encode(), APPLIED),
    Bad("09 folds of both kinds", answer(("mailto:lea@", "mail\n to:l\n\tea@")), APPLIED),
    Bad("10 fold inside a character", HEADER + PLAIN.replace(b"CN=Lea", b"CN=L\xc3\r\n \xa9a"), APPLIED),
    Bad("11 fold with TAB", answer(("mailto:lea@", "mailto:\n\tlea@")), APPLIED),
    Bad("12 a line of 1 MB", with_line("DESCRIPTION:" + "x" * 1_000_000), BROKEN),
    Bad("13 10 MB of description", with_line("DESCRIPTION:" + "x" * 10_000_000), BROKEN),
    Bad("14 400,000 folds", with_line("COMMENT:" + "\n x" * 400_000), BROKEN),
    Bad("15 no END", answer(("END:VEVENT\nEND:VCALENDAR\n", "")), BROKEN),
    Bad("16 END before BEGIN", HEADER + octets("END:VEVENT\nBEGIN:VEVENT\n") + PLAIN, APPLIED),
    Bad("17 100,000 VEVENTs in each other", with_line("BEGIN:VEVENT\n" * 100_000), BROKEN),
    Bad("18 a calendar in a calendar", answer(("BEGIN:VEVENT", "BEGIN:VCALENDAR\nBEGIN:VEVENT"), ("END:VEVENT", "END:VEVENT\nEND:VCALENDAR")), BROKEN),
    Bad("19 two calendars", HEADER + PLAIN + PLAIN, APPLIED),
    Bad("20 no VERSION", answer(("VERSION:2.0\n", "")), APPLIED),
    Bad("21 VERSION 1.0", answer(("VERSION:2.0", "VERSION:1.0")), APPLIED),
    Bad("22 no PRODID", answer(("PRODID:-//Some Program//EN\n", "")), APPLIED),
    Bad("23 100,000 ATTENDEEs", with_line("ATTENDEE:mailto:a@b.example\n" * 100_000), BROKEN),
    Bad("24 20,000 parameters", answer(("CN=Lea", "A=b;" * 20_000 + "CN=Lea")), "quarantined attendee_missing"),
    Bad("25 a quote that never ends", answer(("CN=Lea", 'CN="' + "x" * 200_000)), "quarantined attendee_missing"),
    Bad("26 a parameter without a value", answer(("CN=Lea;", "CN;")), APPLIED),
    Bad("27 no colon", with_line("DESCRIPTION"), APPLIED),
    Bad("28 a name of 10 kB", with_line("X" * 10_000 + ":y"), APPLIED),
    Bad("29 lower-case names", HEADER + octets(CALENDAR.replace("ATTENDEE;CN=", "attendee;cn=").replace("PARTSTAT", "partstat").replace("UID:", "uid:")), APPLIED),
    Bad("30 a storm of X-", with_line("X-A:b\n" * 30_000), APPLIED),
    Bad("31 200,000 RDATEs", with_line("RDATE:20270101T000000Z\n" * 10_000), APPLIED),
    Bad("32 commas", with_line("CATEGORIES:" + "," * 200_000), APPLIED),
    Bad("33 10 MB inline", with_line("ATTACH;ENCODING=BASE64;VALUE=BINARY:" + "QUFB" * 2_500_000), BROKEN),
    Bad("34 an alarm for ever", with_line("BEGIN:VALARM\nTRIGGER:-PT1M\nREPEAT:2147483648\nDURATION:PT1S\nACTION:AUDIO\nEND:VALARM"), APPLIED),
    Bad("35 a zone that is a file", answer(("DTSTART:20261201T090000Z", "DTSTART;TZID=../../../etc/passwd:20261201T090000")), APPLIED),
    Bad("36 an unknown zone", answer(("DTSTART:20261201T090000Z", "DTSTART;TZID=Bogus/Zone:20261201T090000")), APPLIED),
    Bad("37 a zone that changes each second", zone("RRULE:FREQ=SECONDLY"), APPLIED),
    Bad("38 year 0000", answer(("DTSTART:20261201T", "DTSTART:00000101T")), APPLIED),
    Bad("39 30 February", answer(("DTSTART:20261201T", "DTSTART:20260230T")), APPLIED),
    Bad("40 the end before the start", answer(("DTEND:20261201T", "DTEND:20251201T")), APPLIED),
    Bad("41 a duration of ages", answer(("DTEND:20261201T100000Z", "DURATION:P9999999999W")), APPLIED),
    Bad("42 a negative duration", answer(("DTEND:20261201T100000Z", "DURATION:-PT1H")), APPLIED),
    Bad("43 nowhere", with_line("GEO:nan;nan"), APPLIED),
    Bad("44 SEQUENCE of 5,000 digits", answer(("SEQUENCE:0", "SEQUENCE:" + "9" * 5000)), APPLIED),
    Bad("45 carets", answer(("CN=Lea", "CN=Le^^a^n^'^")), APPLIED),
]  # fmt: skip
