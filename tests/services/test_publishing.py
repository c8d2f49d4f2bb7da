"""What goes to collections elsewhere: each change becomes the requests that it needs, in the outbox, and none besides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import icalendar
import pytest
from sqlalchemy import select, update

from feedserver.services import learning, publishing, rooming, scheduling
from feedserver.store.destinations import Destination, PublishedObject, recount
from feedserver.store.outbox import OPEN, SENT, Delivery, MailSkeleton
from tests.support.world import NOW, START, World

MARK = "0123456789ab"


class Elsewhere:
    """A world with collections elsewhere. `asked` is what their server was asked since the last look, which is then done."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shown: dict[tuple[int, int], str] = {}

    def collection(self, kind: str = "everything", subject: Any = "", detail: str = "full", state: str = "active") -> int:
        def make(work) -> int:
            chosen = {"subject_kind": kind, "subject": str(subject), "detail": detail, "mark": MARK, "swept": "2026-11-20"}
            one = Destination(
                organisation_id=work.organisation_id,
                channel="caldav",
                name=kind,
                origin="https://c.example",
                settings=chosen,
                state=state,
                created_at=NOW,
            )
            work.db.add(one)
            work.db.flush()
            recount(work.db, work.organisation_id)
            publishing.bring_up_to_date(work, one)
            return one.id

        return self.world.do(make)

    def asked(self) -> list[str]:
        """ "PUT Fire safety" and the like; what is done counts as standing there."""

        def take(work) -> list[str]:
            query = select(Delivery, MailSkeleton.body).join(MailSkeleton, MailSkeleton.id == Delivery.skeleton_id)
            rows = work.db.execute(query.where(Delivery.channel == "caldav", Delivery.state.in_(OPEN)).order_by(Delivery.id)).all()
            return [self._done(work, one, body) for one, body in rows]

        return self.world.do(take)

    def _done(self, work, one: Delivery, body: bytes) -> str:
        one.state, key = SENT, (one.destination_id, one.live_session_id)
        digest = one.extra["digest"] or None
        here = (PublishedObject.destination_id == key[0], PublishedObject.live_session_id == key[1])
        work.db.execute(update(PublishedObject).where(*here).values(digest=digest, etag=digest))
        if one.method == "DELETE":
            return f"DELETE {self.shown.pop(key)}"
        event = icalendar.Calendar.from_ical(body).walk("VEVENT")[0]
        assert event["UID"] == one.uid and one.extra["href"] == f"{one.uid}.ics"
        self.shown[key] = str(event["SUMMARY"])
        return f"PUT {self.shown[key]}"


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[Elsewhere]:
    """On each database."""
    world = World(database_url)
    yield Elsewhere(world)
    world.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Elsewhere]:
    """On SQLite alone, for what the database has no part in."""
    world = World(sqlite_url)
    yield Elsewhere(world)
    world.close()


def test_a_collection_gets_what_there_is_and_then_what_changes_until_it_is_cancelled(elsewhere):
    world = elsewhere.world
    fire = world.session(title="Fire")
    elsewhere.collection()
    assert elsewhere.asked() == ["PUT Fire"]
    world.session(title="Ice")
    assert elsewhere.asked() == ["PUT Ice"]
    world.edit(fire, title="Flames")
    world.edit(fire, title="Flames", capacity=3)
    assert elsewhere.asked() == ["PUT Flames"]
    world.cancel(fire)
    assert elsewhere.asked() == ["DELETE Flames"]


def test_an_edit_goes_when_it_has_settled_but_a_secret_at_once(elsewhere):
    world = elsewhere.world
    session = world.session(title="Burn-out")
    elsewhere.collection()
    elsewhere.asked()
    world.edit(session, settled=False, title="Resilience")
    assert elsewhere.asked() == []
    world.edit(session, settled=False, visibility="private")
    assert elsewhere.asked() == ["DELETE Burn-out"]
    world.advance(21)
    assert elsewhere.asked() == []


def test_the_newest_state_alone_waits_to_leave(elsewhere):
    world = elsewhere.world
    collection = elsewhere.collection()
    session = world.session(title="One")
    world.edit(session, title="Two")
    rows = world.deliveries(Delivery.destination_id == collection)
    assert [(row.method, row.state, row.sequence) for row in rows] == [("PUT", "superseded", 0), ("PUT", "queued", 1)]
    world.cancel(session)
    assert [row.state for row in world.deliveries(Delivery.destination_id == collection)] == ["superseded", "superseded", "queued"]


def test_where_a_session_is_no_more_it_is_taken_out(elsewhere):
    world = elsewhere.world
    first, second = (world.do(lambda work, n=name: rooming.create_room(work, {"name": n}).id) for name in ("Red", "Blue"))
    rooms = elsewhere.collection("room", first), elsewhere.collection("room", second)
    elsewhere.collection("instructor", "tom@corp.example", "title")
    session = world.session(title="Fire", room_id=first, instructors=["Tom@corp.example"])
    assert elsewhere.asked() == ["PUT Fire", "PUT Fire"] and (rooms[0], session) in elsewhere.shown
    world.edit(session, room_id=second, instructors=[])
    assert sorted(elsewhere.asked()) == ["DELETE Fire", "DELETE Fire", "PUT Fire"]
    assert set(elsewhere.shown) == {(rooms[1], session)}


def test_a_team_sees_the_sessions_in_which_anybody_of_it_has_a_seat(elsewhere):
    world = elsewhere.world
    for name, team in (("Anna", "Rescue"), ("Ben", "Rescue"), ("Zoe", "Kitchen")):
        world.person(name, team=team)
    elsewhere.collection("team", "Rescue")
    session = world.session("Zoe", title="Fire")
    assert elsewhere.asked() == []
    world.enrol(session, "Anna")
    world.enrol(session, "Ben")
    assert elsewhere.asked() == ["PUT Fire"]
    world.set_status(session, "Anna", "Declined")
    assert elsewhere.asked() == []
    world.remove(session, "Ben")
    assert elsewhere.asked() == ["DELETE Fire"]
    world.do(lambda work: learning.edit_learner(work, world.people["Zoe"], {"team": "Rescue"}))
    world.session("Ben", title="Ice")
    assert elsewhere.asked() == ["PUT Fire", "PUT Ice"]


def test_an_answer_by_mail_moves_a_team_s_collection_too(quick):
    world = quick.world
    world.person("Anna", team="Rescue")
    quick.collection("team", "Rescue")
    world.session("Anna", title="Fire")
    assert quick.asked() == ["PUT Fire"]
    world.answer(world.mail(), "DECLINED")
    assert quick.asked() == ["DELETE Fire"]


def test_each_date_of_a_series_is_an_entry_of_its_own(elsewhere):
    world = elsewhere.world
    elsewhere.collection("course", world.course_id, "busy")
    head = world.series("FREQ=WEEKLY;COUNT=8")
    assert elsewhere.asked() == ["PUT Busy"] * 8
    dates = sorted(number for _collection, number in elsewhere.shown if number != head)
    assert len(dates) == 8
    world.cancel(dates[2])
    world.advance(21)
    assert elsewhere.asked() == ["DELETE Busy"]
    world.edit(dates[3], start=START + timedelta(days=22))
    assert elsewhere.asked() == ["PUT Busy"]
    world.edit(head, title="Every week")
    assert elsewhere.asked() == []  # nothing of that is seen where busy times alone are shown


def test_time_alone_brings_sessions_in_and_takes_them_out(quick):
    world = quick.world
    collection = quick.collection()
    world.session(title="Far", start=START + timedelta(days=560))
    world.session(title="Near")
    assert quick.asked() == ["PUT Near"]
    sweep = lambda: world.do(lambda work: publishing.sweep(work, collection))  # noqa: E731
    for days, said in ((60, ["PUT Far"]), (60, ["DELETE Near"]), (1, [])):
        world.moment += timedelta(days=days)
        with world.database.read() as db:
            assert publishing.due(db, world.moment) == [(world.organisation_id, collection)]
        sweep()
        assert quick.asked() == said
    with world.database.read() as db:
        assert publishing.due(db, world.moment) == []


def test_what_was_given_up_is_tried_again_the_next_day(quick):
    world = quick.world
    collection = quick.collection()
    session = world.session(title="Fire")
    world.do(lambda work: work.db.execute(update(Delivery).where(Delivery.destination_id == collection).values(state="dead")))
    world.do(lambda work: publishing.sweep(work, collection))
    assert quick.asked() == ["PUT Fire"]
    world.cancel(session)
    world.do(lambda work: work.db.execute(update(Delivery).where(Delivery.method == "DELETE").values(state="dead")))
    world.do(lambda work: publishing.sweep(work, collection))
    assert quick.asked() == ["DELETE Fire"]


def test_what_is_rehearsed_or_fails_asks_nothing(quick):
    world = quick.world
    quick.collection()
    session = world.session(title="Fire")
    quick.asked()
    world.house.rehearse(world.organisation_id, "admin:test", lambda work: scheduling.cancel_session(work, session))
    with pytest.raises(ZeroDivisionError):
        world.do(lambda work: (scheduling.cancel_session(work, session), 1 / 0))
    assert quick.asked() == []


def test_nobody_s_secrets_and_nobody_s_names_are_in_what_is_published(quick):
    world = quick.world
    world.person("Anna", team="Rescue")
    world.do(lambda work: learning.edit_learner(work, world.people["Anna"], {"name": "Anna Ahlers"}))
    quick.collection("team", "Rescue")
    session = world.session("Anna", capacity=3)
    (body,) = world.look(lambda work: work.db.scalars(select(MailSkeleton.body).where(MailSkeleton.kind == publishing.STORED)).all())
    uid = world.entry(session, "Anna").uid
    assert uid.encode() not in body and not any(word in body for word in (b"Ahlers", b"anna", b"Seats", b"ORGANIZER", b"METHOD"))


def test_a_change_costs_no_statement_where_nobody_listens_and_a_few_where_many_do(quick, monkeypatch):
    world = quick.world
    asked = []
    monkeypatch.setattr(publishing, "kept", lambda work, kept=publishing.kept: asked.append(1) or kept(work))
    session = world.session("Anna", title="Fire")
    world.edit(session, title="Ice")
    assert asked == []
    few = _statements(world, session, "Two")
    for _ in range(5):
        quick.collection()
    one = _statements(world, session, "Three")
    for _ in range(15):
        quick.collection()
    assert _statements(world, session, "Four") - one <= 1 and one - few < 16


def _statements(world: World, session_id: int, title: str) -> int:
    from sqlalchemy import event

    seen: list[str] = []
    note = lambda _c, _cursor, statement, *_rest: seen.append(statement)  # noqa: E731
    event.listen(world.database.engine, "before_cursor_execute", note)
    world.edit(session_id, title=title)
    event.remove(world.database.engine, "before_cursor_execute", note)
    return len(seen)
