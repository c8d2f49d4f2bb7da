"""B14: rules and times that keep others busy for ever, echoed in an answer: rules of strangers are never computed."""

from __future__ import annotations

from . import APPLIED, Bad, answer

ONE_DATE = "quarantined recurrence_unknown"


def rule(*lines: str) -> bytes:
    return answer(("SEQUENCE:0\n", "SEQUENCE:0\n" + "".join(f"{one}\n" for one in lines)))


def start(text: str) -> bytes:
    return answer(("DTSTART:20261201T090000Z", text), ("DTEND:20261201T100000Z\n", ""))


CASES = [
    Bad("01 each second", rule("RRULE:FREQ=SECONDLY"), APPLIED),
    Bad("02 each minute", rule("RRULE:FREQ=MINUTELY"), APPLIED),
    Bad("03 each hour", rule("RRULE:FREQ=HOURLY"), APPLIED),
    Bad("04 the second of each minute's one", rule("RRULE:FREQ=MINUTELY;BYSETPOS=2"), APPLIED),
    Bad("05 at no interval", rule("RRULE:FREQ=DAILY;INTERVAL=0"), APPLIED),
    Bad("06 seconds of 30 February", rule("RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"), APPLIED),
    Bad("07 30 February", rule("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), APPLIED),
    Bad("08 the 99th Monday", rule("RRULE:FREQ=MONTHLY;BYDAY=99MO"), APPLIED),
    Bad("09 position 400", rule("RRULE:FREQ=YEARLY;BYDAY=MO;BYSETPOS=400"), APPLIED),
    Bad("10 five million times", rule("RRULE:FREQ=DAILY;COUNT=5000000"), APPLIED),
    Bad("11 no time", rule("RRULE:FREQ=DAILY;COUNT=0"), APPLIED),
    Bad("12 until 9999", rule("RRULE:FREQ=DAILY;UNTIL=99991231T000000Z"), APPLIED),
    Bad("13 until, in local time", rule("RRULE:FREQ=DAILY;UNTIL=20270101T000000"), APPLIED),
    Bad("14 100,000 minutes", rule("RRULE:FREQ=DAILY;BYMINUTE=" + ",".join("5" for _ in range(60_000))), APPLIED),
    Bad("15 by Easter", rule("RRULE:FREQ=YEARLY;BYEASTER=1"), APPLIED),
    Bad("16 by another calendar", rule("RRULE:RSCALE=HEBREW;FREQ=YEARLY"), APPLIED),
    Bad("17 two rules", rule("RRULE:FREQ=DAILY", "RRULE:FREQ=SECONDLY"), APPLIED),
    Bad("18 EXRULE", rule("EXRULE:FREQ=SECONDLY"), APPLIED),
    Bad("19 10,000 EXDATEs", rule(*["EXDATE:20270101T000000Z"] * 10_000), APPLIED),
    Bad("20 RDATE periods", rule("RDATE;VALUE=PERIOD:20270101T000000Z/P1000W"), APPLIED),
    Bad("21 200 overrides", answer(("END:VCALENDAR", "BEGIN:VEVENT\nUID:x\nEND:VEVENT\n" * 200 + "END:VCALENDAR")), "rejected broken"),
    Bad("22 an override outside the set", rule("RRULE:FREQ=DAILY;COUNT=2", "RECURRENCE-ID:20300101T090000Z"), ONE_DATE),
    Bad("23 an override of a date left out", rule("EXDATE:20261201T090000Z", "RECURRENCE-ID:20261201T090000Z"), ONE_DATE),
    Bad("24 this and all after it", rule("RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T090000Z"), ONE_DATE),
    Bad("25 a day and a time", rule("EXDATE;VALUE=DATE:20261201", "EXDATE:20261201T090000Z"), APPLIED),
    Bad("26 a time that does not exist", start("DTSTART;TZID=Europe/Berlin:20260329T023000"), APPLIED),
    Bad("27 a time that exists twice", start("DTSTART;TZID=Europe/Berlin:20261025T023000"), APPLIED),
    Bad("28 a leap day", start("DTSTART:20270229T090000Z"), APPLIED),
    Bad("29 second 60 of week 53", start("DTSTART:20261231T235960Z"), APPLIED),
    Bad("30 a time of no zone", start("DTSTART:20261201T090000"), APPLIED),
]  # fmt: skip
