"""Feeds for others than learners: what a manager, a trainer, a room's door, a whole course and a seeker of seats subscribe to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import icalendar
import pytest

from feedserver import tokens
from feedserver.errors import FeedserverError, Forbidden, NotFound
from feedserver.services import access, audiences, departing, key_keeping, learning, rooming, scheduling, series
from feedserver.services.audience_reading import AudienceReader
from feedserver.services.feeding import FeedRequest, Reply, answer
from feedserver.store.audiences import AudienceFeed
from feedserver.store.commit_mark import CommitMark
from tests.support.world import START, World


class Others:
    """A world in which others subscribe; `cal` is what one of their calendars shows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.reader = AudienceReader(world.database, "https://t.example")

    def feed(self, audience: str, subject: str | int = "", detail: str = "full", subscriber: str = "Wall", **values) -> SimpleNamespace:
        values = {"audience": audience, "subject": str(subject), "detail": detail, "subscriber": subscriber, **values}

        def make(work):
            feed = audiences.create_feed(work, values)
            return SimpleNamespace(id=feed.id, token=token_of(audiences.urls(work, [feed])[feed.id]))

        return self.world.do(make)

    def get(self, feed: SimpleNamespace, **request) -> Reply:
        return answer(FeedRequest(request.pop("method", "GET"), feed.token, **request), self.world.moment, self.reader)

    def cal(self, feed: SimpleNamespace) -> list[icalendar.Event]:
        reply = self.get(feed)
        assert reply.status == "200 OK", reply
        return icalendar.Calendar.from_ical(reply.body).walk("VEVENT")

    def titles(self, feed: SimpleNamespace) -> list[str]:
        return [str(one["SUMMARY"]) for one in self.cal(feed)]


def token_of(url: str) -> str:
    return url.removeprefix("https://t.example/feeds/for/").removesuffix(".ics")


@pytest.fixture
def others(database_url: str) -> Iterator[Others]:
    """On each database."""
    world = World(database_url)
    yield Others(world)
    world.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Others]:
    """On SQLite alone, for what the database has no part in."""
    world = World(sqlite_url)
    yield Others(world)
    world.close()


def test_a_manager_sees_when_the_own_people_are_in_training_and_who(others):
    world = others.world
    world.person("Anna", manager_email="Max@corp.example")
    world.do(lambda work: learning.edit_learner(work, world.people["Anna"], {"name": "Anna Ahlers"}))
    world.person("Ben", manager_email="max@corp.example")
    world.person("Zoe", manager_email="eva@corp.example")
    session = world.session(description="Bring *gloves*", join_url="https://meet.example/x", access_code="4711", capacity=9)
    for name, status in (("Anna", "Registered"), ("Ben", "Declined"), ("Zoe", "Registered")):
        world.enrol(session, name, status)
    world.enrol(world.session(title="Of others"), "Zoe")
    world.enrol(world.session(title="Waited for", capacity=0, waiting_list=True), "Ben", "Declined")
    feed = others.feed("team", "max@corp.example", subscriber="Max <max@corp.example>")
    (entry,) = others.cal(feed)
    assert entry["SUMMARY"] == "Fire safety" and entry["TRANSP"] == "TRANSPARENT" and entry.start.isoformat() == "2026-12-01T10:00:00+01:00"
    assert "Bring gloves" in entry["DESCRIPTION"] and str(entry["DESCRIPTION"]).endswith("Anna Ahlers: Registered\nBen: Declined")
    body = others.get(feed).body
    assert not any(word in body for word in (b"Zoe", b"meet.example", b"4711", b"Seats", b"ATTENDEE", b"ORGANIZER", b"METHOD"))


def test_secrets_of_learners_calendars_are_in_no_feed_for_others(quick):
    world = quick.world
    world.person("Anna", team="Rescue")
    session = world.session("Anna", instructors=["tom@corp.example"])
    feeds = [quick.feed(*which) for which in (("team", "Rescue"), ("instructor", "tom@corp.example"), ("organisation",), ("course", 1))]
    bodies = [quick.get(feed).body.replace(b"\r\n ", b"") for feed in feeds]
    uid = world.entry(session, "Anna").uid
    assert all(b"Fire safety" in body and uid.encode() not in body and uid.split("@")[0].encode() not in body for body in bodies)
    assert len({str(quick.cal(feed)[0]["UID"]) for feed in feeds}) == 4


def test_busy_and_private_sessions_show_no_more_than_they_may(quick):
    world = quick.world
    world.person("Anna", manager_email="max@corp.example")
    for title, visibility in (("Open", "public"), ("Blocked", "busy"), ("Burn-out", "private")):
        session = world.session(title=title, visibility=visibility, description="Secret words", location="Clinic")
        world.enrol(session, "Anna")
    seen = {
        who: sorted(quick.titles(quick.feed("team", "max@corp.example", subscriber=who)))
        for who in ("max@corp.example", "eva@corp.example")
    }
    assert seen == {"max@corp.example": ["Busy", "Open", "Training"], "eva@corp.example": ["Busy", "Busy", "Open"]}
    assert sorted(quick.titles(quick.feed("organisation"))) == ["Busy", "Open"]
    assert quick.titles(quick.feed("open_seats")) == ["Open"]
    assert quick.titles(quick.feed("course", 1, "title")).count("Open") == 1
    hidden = quick.get(quick.feed("team", "max@corp.example", "title", "max@corp.example")).body
    assert not any(word in hidden for word in (b"Burn-out", b"Blocked", b"Secret", b"Clinic", b"Anna"))


def test_a_session_that_was_made_private_is_hidden_before_that_is_published(quick):
    session = quick.world.session(title="Burn-out")
    feed = quick.feed("organisation")
    assert quick.titles(feed) == ["Burn-out"]
    quick.world.edit(session, settled=False, visibility="private")
    assert quick.titles(feed) == []
    quick.world.advance(21)
    quick.world.edit(session, settled=False, visibility="public")
    assert quick.titles(feed) == []


def test_an_instructor_has_the_link_the_numbers_and_the_names(others):
    world = others.world
    world.session("Ali", instructors=["TOM@corp.example"], capacity=12, join_url="https://meet.example/x")
    world.session(title="Of Thom", instructors=["thom@corp.example"])
    (entry,) = others.cal(others.feed("instructor", "Tom@corp.example"))
    assert entry["TRANSP"] == "OPAQUE" and entry["URL"] == "https://meet.example/x"
    assert "Seats taken: 1 of 12\nAli: Invited" in entry["DESCRIPTION"]
    (entry,) = others.cal(others.feed("instructor", "tom@corp.example", "title"))
    assert entry["DESCRIPTION"] == "Seats taken: 1 of 12" and "URL" not in entry
    (entry,) = others.cal(others.feed("instructor", "tom@corp.example", "busy"))
    assert entry["SUMMARY"] == "Busy" and "DESCRIPTION" not in entry


def test_a_room_says_when_it_is_taken(others):
    room = others.world.do(lambda work: rooming.create_room(work, {"name": "Blue", "location": "", "capacity": 9}).id)
    others.world.session("Ali", room_id=room)
    others.world.session(title="Elsewhere")
    feed = others.feed("room", room)
    (entry,) = others.cal(feed)
    assert (entry["SUMMARY"], entry["LOCATION"], entry["TRANSP"], entry["DESCRIPTION"]) == (
        "Fire safety",
        "Blue",
        "OPAQUE",
        "Seats taken: 1",
    )
    assert b"NAME:Room Blue (Acme)\r\n" in others.get(feed).body


def test_open_seats_come_and_go_and_lead_to_where_one_registers(others):
    world = others.world
    seeker = world.person("Ida")
    session = world.session(capacity=2)
    world.session(title="Full", capacity=0)
    mine, wall = others.feed("open_seats", subscriber="ida@corp.example"), others.feed("open_seats")
    (entry,) = others.cal(mine)
    page = world.look(lambda work: tokens.sign(tokens.LEARNER_PAGE, work.db.get_one(learning.Learner, seeker).page_id, work.key_secret))
    assert entry["DESCRIPTION"] == f"Course: Safety\n\nSeats free: 2\nRegister: https://t.example/my/{page}/courses#session-{session}"
    assert others.cal(wall)[0]["DESCRIPTION"] == "Course: Safety\n\nSeats free: 2\nRegister on your own page."
    world.register(session, "Ida")
    assert "Seats free: 1" in others.cal(wall)[0]["DESCRIPTION"]
    world.register(session, "Ali")
    assert others.titles(wall) == []
    world.remove(session, "Ali")
    assert others.titles(wall) == ["Fire safety"]
    etag = dict(others.get(wall).headers)["ETag"]
    world.moment = START.replace(tzinfo=world.moment.tzinfo)
    assert others.titles(wall) == [] and others.get(wall, if_none_match=etag).status == "200 OK"


def test_a_change_raises_sequence_and_a_304_never_hides_one(others):
    world = others.world
    world.person("Anna", team="Rescue")
    session = world.session("Anna")
    feed = others.feed("team", "Rescue")
    (first,) = others.cal(feed)
    world.moment += timedelta(seconds=5)
    seen = dict(others.get(feed).headers)
    assert others.get(feed, if_none_match=seen["ETag"]).status == "304 Not Modified"
    assert others.get(feed, if_modified_since=seen["Last-Modified"]).status == "304 Not Modified"
    for step in ("status", "name", "time", "gone"):
        world.moment += timedelta(minutes=5)
        if step == "status":
            world.set_status(session, "Anna", "Registered")
        elif step == "name":
            world.do(lambda work: learning.edit_learner(work, world.people["Anna"], {"name": "Anna B"}))
        elif step == "time":
            world.edit(session, start=START.replace(hour=14))
        else:
            world.remove(session, "Anna")
        for condition in ({"if_none_match": seen["ETag"]}, {"if_modified_since": seen["Last-Modified"]}):
            assert others.get(feed, **condition).status == "200 OK", (step, condition)
        seen = dict(others.get(feed).headers)
        if step == "time":
            (moved,) = others.cal(feed)
            assert moved["UID"] == first["UID"] and moved["SEQUENCE"] > first["SEQUENCE"] and moved.start.hour == 14
            assert moved["LAST-MODIFIED"].dt > first["LAST-MODIFIED"].dt
            assert str(moved["DESCRIPTION"]).endswith("Anna B: Registered")
    assert others.titles(feed) == []


def test_a_cancelled_session_is_struck_out_for_a_week(others):
    session = others.world.session("Ali", start=START.replace(month=12, day=20))
    feed = others.feed("organisation")
    others.world.cancel(session)
    (entry,) = others.cal(feed)
    assert entry["SUMMARY"] == "Cancelled: Fire safety" and entry["STATUS"] == "CANCELLED" and entry["TRANSP"] == "TRANSPARENT"
    others.world.moment += timedelta(days=6, hours=23)
    assert others.titles(feed) == ["Cancelled: Fire safety"]
    others.world.moment += timedelta(hours=1, seconds=1)
    assert others.titles(feed) == []


@pytest.mark.parametrize("mode", ["dates", "rule"])
def test_a_series_stands_there_by_its_dates_each_once(others, mode):
    world = others.world
    values = {"title": "Knots", "start": START, "end": START + timedelta(hours=1), "timezone": "Europe/Berlin", "capacity": 3}
    values |= {"recurrence": "FREQ=WEEKLY;COUNT=3", "entry_mode": mode}
    head = world.do(lambda work: series.create(work, world.course_id, values).id)
    world.enrol(head, "Anna")
    world.do(lambda work: learning.edit_learner(work, world.people["Anna"], {"team": "Rescue"}))
    feeds = [others.feed(*which) for which in (("organisation",), ("team", "Rescue"), ("open_seats",))]
    for feed in feeds:
        assert [one.start.isoformat() for one in others.cal(feed)] == [f"2026-12-{day}T10:00:00+01:00" for day in ("01", "08", "15")]
    assert "Seats taken: 1 of 3" in others.cal(feeds[0])[1]["DESCRIPTION"] and "Seats free: 2" in others.cal(feeds[2])[1]["DESCRIPTION"]
    moved = {"start": START + timedelta(days=8), "end": START + timedelta(days=8, hours=1)}
    world.do(lambda work: series.edit_date(work, head, "20261208T090000Z", moved))
    world.advance(21)
    assert [one.start.day for one in others.cal(feeds[1])] == [1, 9, 15]
    world.do(lambda work: series.cancel_date(work, head, "20261215T090000Z"))
    assert others.titles(feeds[0]) == ["Knots", "Knots", "Cancelled: Knots"]


def test_a_draft_is_in_no_feed_until_it_is_published(quick):
    values = {"title": "Planned", "start": START, "end": START + timedelta(hours=1), "timezone": "Europe/Berlin"}
    quick.world.do(lambda work: scheduling.create_session(work, 1, values, draft=True))
    assert quick.titles(quick.feed("organisation")) == []


def test_every_process_says_the_same_and_a_mark_saves_the_question(quick, monkeypatch):
    quick.world.session("Ali")
    feed = quick.feed("organisation")
    first = quick.get(feed)
    other = AudienceReader(quick.world.database, "https://t.example", mark=CommitMark(quick.world.database))
    asked = []
    run = other._run
    monkeypatch.setattr(other, "_run", lambda query: (asked.append(1), run(query))[1])
    quick.reader = other
    assert quick.get(feed).body == first.body and dict(quick.get(feed).headers)["ETag"] == dict(first.headers)["ETag"]
    asked.clear()
    assert quick.get(feed).body == first.body and not asked
    quick.world.session(title="Another")
    assert b"Another" in quick.get(feed).body and asked
    other.mark.close()


def test_an_address_is_changed_revoked_and_survives_a_new_key(others):
    world = others.world
    world.session("Ali")
    feed = others.feed("organisation")
    world.do(key_keeping.make_key)
    assert others.titles(feed) == ["Fire safety"]
    world.do(lambda work: audiences.edit_feed(work, feed.id, {"detail": "busy"}))
    assert others.titles(feed) == ["Busy"]
    new = world.do(lambda work: audiences.urls(work, [audiences.rotate_feed(work, feed.id)])[feed.id])
    assert others.titles(feed) == ["This calendar has ended"] and others.titles(SimpleNamespace(token=token_of(new))) == ["Busy"]
    world.do(lambda work: audiences.revoke_feed(work, feed.id))
    world.moment += timedelta(days=31)
    assert others.get(feed).status == others.get(SimpleNamespace(token=token_of(new))).status == "410 Gone"
    with pytest.raises(NotFound):
        world.do(lambda work: audiences.revoke_feed(work, feed.id))


def test_a_retired_key_takes_the_address_with_it_and_the_list_names_who_loses_it(quick):
    feed = quick.feed("organisation", subscriber="Wall")
    key = quick.world.look(lambda work: work.key_id)
    assert quick.world.look(lambda work: key_keeping.losers(work, key)) == [("Wall", "organisation")]
    assert quick.world.do(lambda work: key_keeping.retire_key(work, key)) == 1
    quick.world.moment += timedelta(seconds=6)
    assert quick.get(feed).status == "404 Not Found"


def test_learners_tokens_open_no_feed_for_others_nor_the_other_way_round(quick):
    feed = quick.feed("organisation")
    public_id = quick.world.look(lambda work: work.db.get_one(AudienceFeed, feed.id).public_id)
    as_learners = quick.world.look(lambda work: tokens.sign(tokens.FEED, public_id, work.key_secret))
    assert quick.get(SimpleNamespace(token=as_learners)).status == quick.get(SimpleNamespace(token="x")).status == "404 Not Found"


def test_what_somebody_subscribes_to_ends_when_they_leave_or_sign_in_no_more(others):
    world = others.world
    max_id, feeds = world.person("Max"), {}
    for who in ("max@corp.example", "Vera <vera@corp.example>", "Wall"):
        feeds[who] = others.feed("organisation", subscriber=who)
    world.do(lambda work: access.create_sign_in(work, "vera@corp.example", "viewer"))
    world.do(lambda work: departing.leave(work, max_id))
    world.do(lambda work: access.disable_sign_in(work, 1))
    assert [others.titles(feed) for feed in feeds.values()] == [["This calendar has ended"], ["This calendar has ended"], []]


def test_who_manages_a_team_makes_calendars_of_that_team_alone(quick):
    own = audiences.Own("team", "max@corp.example")
    wall = quick.feed("organisation")

    def make(subject: str):
        return lambda work: audiences.create_feed(work, {"audience": "team", "subject": subject, "subscriber": "Max"}, own)

    mine = quick.world.do(make("max@corp.example"))
    with pytest.raises(Forbidden):
        quick.world.do(make("eva@corp.example"))
    for verb in (audiences.revoke_feed, audiences.rotate_feed, lambda w, i, o: audiences.edit_feed(w, i, {"detail": "busy"}, o)):
        with pytest.raises(NotFound):
            quick.world.do(lambda work, verb=verb: verb(work, wall.id, own))
    assert [feed.id for feed in quick.world.look(lambda work: audiences.list_feeds(work, own))] == [mine.id]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"audience": "everybody"}, "audience"),
        ({"audience": "team", "subject": "Nobody's"}, "subject"),
        ({"audience": "instructor", "subject": "no address"}, "subject"),
        ({"audience": "room", "subject": "1"}, "subject"),
        ({"audience": "course", "subject": "9" * 30}, "subject"),
        ({"audience": "organisation", "subscriber": " "}, "subscriber"),
        ({"audience": "organisation", "detail": "all"}, "detail"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_refused_at_its_field(quick, values, field):
    with pytest.raises(FeedserverError) as refused:
        quick.world.do(lambda work: audiences.create_feed(work, {"subscriber": "Wall", **values}))
    assert refused.value.field == field


def test_a_fetch_is_noted_with_its_program(quick):
    feed = quick.feed("organisation")
    quick.get(feed, user_agent="Thunderbird/140")
    assert quick.reader.notes.write(quick.world.database) == 1
    row = quick.world.look(lambda work: work.db.get_one(AudienceFeed, feed.id))
    assert row.last_user_agent == "Thunderbird/140" and row.last_fetched_at == quick.world.moment


def test_a_german_reads_german(quick):
    quick.world.session("Ali", instructors=["tom@corp.example"], visibility="busy")
    feed = quick.feed("instructor", "tom@corp.example", locale="de-AT")
    (entry,) = quick.cal(feed)
    assert "Belegte Plätze: 1\nAli: Eingeladen" in entry["DESCRIPTION"]


def test_erasing_somebody_takes_the_name_out_with_a_higher_sequence(quick):
    world = quick.world
    session = world.session("Ali", "Ben", instructors=["tom@corp.example"], start=world.moment.replace(tzinfo=None) + timedelta(hours=2))
    feed = quick.feed("instructor", "tom@corp.example")
    world.moment += timedelta(hours=5)
    world.set_status(session, "Ali", "Attended")
    (before,) = quick.cal(feed)
    world.moment += timedelta(hours=1)
    world.do(lambda work: learning.remove_learner(work, world.people["Ali"]))
    (after,) = quick.cal(feed)
    assert "Ali" in before["DESCRIPTION"] and "Ali" not in after["DESCRIPTION"] and after["SEQUENCE"] > before["SEQUENCE"]
