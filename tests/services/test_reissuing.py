"""Vancouver keeps summer time for good: sessions were planned with the zone data of before, then came the new."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import select

from feedserver.commands import checks
from feedserver.ical import vtimezone
from feedserver.services import reissuing, series
from feedserver.settings import Settings
from feedserver.store.entries import CalendarEntry
from feedserver.store.sessions import LiveSession
from feedserver.training import recurrence
from tests.support.world import Mail, World

JANUARY = datetime(2027, 1, 15, 10)
KEPT = (vtimezone.load, vtimezone.vtimezone, vtimezone._yearly, vtimezone._changes_of_year, recurrence.closed_text)


@contextmanager
def zone_data_of_before(folder: Path) -> Iterator[None]:
    """Vancouver went by the clock of Los Angeles."""

    def start_again() -> None:
        zoneinfo.ZoneInfo.clear_cache()
        for one in KEPT:
            one.cache_clear()

    old = folder / "America" / "Vancouver"
    old.parent.mkdir()
    old.write_bytes(files("tzdata.zoneinfo").joinpath("America", "Los_Angeles").read_bytes())
    source = vtimezone._source
    vtimezone._source = lambda zone: old if zone == "America/Vancouver" else source(zone)
    zoneinfo.reset_tzpath(to=(str(folder),))
    start_again()
    try:
        yield
    finally:
        vtimezone._source = source
        zoneinfo.reset_tzpath(to=())
        start_again()


def calendar(mail: Mail) -> str:
    part = next(p for p in message_from_bytes(mail.raw).walk() if p.get_content_type() == "text/calendar")
    return part.get_payload(decode=True).decode().replace("\r\n ", "").replace("\r\n", "\n")


def reissue(world: World, session_id: int) -> int:
    return world.do(lambda work: reissuing.reissue(work, session_id))


def test_a_session_whose_instant_moved_is_sent_again_with_the_new_clock_and_the_answer_stands(world, tmp_path):
    with zone_data_of_before(tmp_path):
        moved = world.session("Anna", "Ben", start=JANUARY, timezone="America/Vancouver")
        kept = world.session("Anna", start=JANUARY)
        anna, ben, _ = world.mails()
        world.answer(anna, "ACCEPTED")
        world.answer(ben, "DECLINED")
    (found,) = world.look(lambda work: reissuing.shifted(work.db, work.now))
    assert (found.session_id, found.was.hour, found.now.hour) == (moved, 18, 17)
    assert (reissue(world, moved), reissue(world, moved), reissue(world, kept)) == (1, 0, 0)
    again = world.mail()
    assert (again.who, again.uid, again.sequence, again.partstat, again.kind) == ("Anna", anna.uid, 1, "ACCEPTED", "again")
    assert "DTSTART;TZID=America/Vancouver:20270115T100000" in calendar(again) and "TZOFFSETTO:-0800" not in calendar(again)
    assert "TZOFFSETTO:-0800" in calendar(anna)
    assert world.status(moved, "Anna") == "Registered"
    assert world.look(lambda work: reissuing.shifted(work.db, work.now)) == []
    assert world.look(lambda work: work.db.get_one(LiveSession, moved)).starts_at == datetime(2027, 1, 15, 17, tzinfo=UTC)


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY;COUNT=8", "FREQ=WEEKLY;UNTIL=20270108T180000Z", "FREQ=WEEKLY;COUNT=3"])
def test_all_dates_of_a_series_move_with_their_clock(world, tmp_path, rule):
    start = datetime(2026, 11, 27, 10)
    with zone_data_of_before(tmp_path):
        values = {
            "title": "Fire safety",
            "start": start,
            "end": start.replace(hour=11),
            "timezone": "America/Vancouver",
            "recurrence": rule,
        }
        group = world.group("Anna")
        head = world.do(lambda work: series.create(work, world.course_id, values, group).id)
        for mail in world.mails():
            world.answer(mail, "ACCEPTED")
    with world.database.read() as db:
        number = len(db.scalars(select(LiveSession.id).where(LiveSession.series_id == head)).all())
        (found,) = reissuing.shifted(db, world.moment)
    sent = reissue(world, head)
    assert (found.session_id, found.dates, sent) == (head, number, 3 if number == 3 else 1)
    every = world.look(lambda work: series.dates_of(work, work.db.get_one(LiveSession, head)))
    assert len(every) == number and {one.recurrence_id.hour for one in every} == {17}
    assert {one.starts_at for one in every} == {one.recurrence_id for one in every}
    mails = world.mails()
    assert {(mail.partstat, mail.sequence, mail.start.hour) for mail in mails} == {("ACCEPTED", 1, 10)}
    if sent == 1:
        assert f"UNTIL={every[-1].recurrence_id:%Y%m%dT%H%M%SZ}" in calendar(mails[0])
        answer = world.answer(mails[0], "DECLINED", recurrence_id=f"{every[1].recurrence_id:%Y%m%dT%H%M%SZ}")
        assert answer.outcome == "applied", answer.reason
    assert world.count(CalendarEntry, CalendarEntry.ended_at.is_not(None)) == 0


def test_doctor_lists_what_the_zone_data_moved(sqlite_url, tmp_path):
    one = World(sqlite_url)
    with zone_data_of_before(tmp_path):
        moved = one.session("Anna", start=JANUARY, timezone="America/Vancouver")
    first, last = checks.zones(Settings(database_url=sqlite_url), one.moment)
    assert first.subject == f"session {moved}" and "2027-01-15 18:00 UTC is 2027-01-15 17:00 UTC" in first.words
    assert "1 to send again" in last.words
    reissue(one, moved)
    assert [line.level for line in checks.zones(Settings(database_url=sqlite_url), one.moment)] == ["ok"]
    one.close()
