"""Lists that HR and learning systems send: what is new, what differs, who left; the same list again does nothing at all."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event, func, select

from feedserver.errors import Conflict, Invalid
from feedserver.services import audiences, enrolling, learning, leaving, syncing
from feedserver.services.sync_fields import LEARNERS, SESSIONS
from feedserver.services.sync_rows import Outcome, Reader
from feedserver.services.syncing import Wish
from feedserver.store.audiences import AudienceFeed
from feedserver.store.courses import Course
from feedserver.store.enrolments import Enrolment
from feedserver.store.history import HistoryEntry
from feedserver.store.learners import FeedVersion, Learner
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from tests.support.world import World

MIA = {"external_id": "E-1", "email": "mia@corp.example", "name": "Mia"}
TOM = {"external_id": "E-2", "email": "tom@corp.example", "name": "Tom"}
FIRE = {"external_id": "C-1", "name": "Fire safety"}
DRILL = {
    "external_id": "S-1", "course_external_id": "C-1", "title": "Drill", "start": "2026-12-01T10:00", "end": "2026-12-01T11:00", "capacity": 2,
}  # fmt: skip


def sync(world: World, kind: str, *items: dict, **wish) -> syncing.Report:
    return world.do(lambda work: syncing.take(work, kind, items, Wish(**wish)), actor="api:hr")


def outcomes(report: syncing.Report) -> list[str]:
    return [one.outcome for one in report.outcomes]


def learner(world: World, external_id: str) -> Learner:
    return world.look(lambda work: work.db.scalars(select(Learner).where(Learner.external_id == external_id)).one())


def written(world: World) -> dict[str, object]:
    """What a write would show in: history, outbox, versions."""

    def look(work) -> dict[str, object]:
        counts = {
            row.__tablename__: work.db.scalar(select(func.count()).select_from(row)) for row in (HistoryEntry, Delivery, Learner, Enrolment)
        }
        rows = {
            f"{row.__tablename__}.version": work.db.scalar(select(func.sum(row.version)))
            for row in (Learner, FeedVersion, LiveSession, Course)
        }
        return counts | rows | {"settling": work.db.scalar(select(func.count()).where(LiveSession.settle_at.is_not(None)))}

    return world.look(look)


def seat(world: World, *pairs: tuple[str, str], session: str = "S-1") -> syncing.Report:
    return sync(world, "enrolments", *({"session_external_id": session, "learner_external_id": who, "status": what} for who, what in pairs))


def house(world: World) -> None:
    """A course, a session of two seats, three people, as other systems name them."""
    sync(world, "courses", FIRE)
    sync(world, "sessions", DRILL)
    sync(world, "learners", MIA, TOM, {"external_id": "E-3", "email": "kim@corp.example", "name": "Kim"})


def status(world: World, external_id: str) -> str:
    mine = select(Enrolment.status).join(Learner, Learner.id == Enrolment.learner_id).where(Learner.external_id == external_id)
    return world.look(lambda work: work.db.scalar(mine))


def test_who_is_new_is_made_as_by_hand_and_the_same_list_again_does_nothing(world):
    first = sync(world, "learners", MIA, TOM | {"team": "Night"})
    assert outcomes(first) == ["created", "created"] and learner(world, "E-2").team == "Night"
    feeds = world.look(lambda work: work.db.scalar(select(func.count()).select_from(FeedVersion)))
    before = written(world)
    again = sync(world, "learners", MIA, TOM | {"team": "Night"})
    assert outcomes(again) == ["unchanged", "unchanged"] and written(world) == before and feeds == 2
    assert [one.id for one in again.outcomes] == [one.id for one in first.outcomes]


def test_a_field_that_is_absent_stays_and_null_clears_it(world):
    sync(world, "learners", MIA | {"team": "Night", "manager_email": "anna@corp.example"})
    report = sync(world, "learners", {"external_id": "E-1", "team": None})
    assert report.outcomes[0].changes == ["team"]
    assert (learner(world, "E-1").team, learner(world, "E-1").manager_email) == (None, "anna@corp.example")


def test_a_row_that_is_refused_refuses_nothing_else(world):
    bad = [{"external_id": "E-7"}, {"external_id": "E-8", "email": "nobody", "name": "N"}, MIA, {"name": "No name"}, MIA | {"shoe": 43}]
    report = sync(world, "learners", *bad, TOM | {"email": "MIA@corp.example"}, TOM)
    assert outcomes(report) == ["refused", "refused", "created", "refused", "refused", "refused", "created"]
    reasons = [one.reason for one in report.outcomes]
    assert (
        reasons[0].startswith("email: Nobody is known")
        and "is not an e-mail address" in reasons[1]
        and reasons[3] == "external_id: This field is required."
    )
    assert "There is no such field" in reasons[4] and reasons[5] == "email: Row 3 of the same list has the same e-mail."
    assert (report.run.created, report.run.refused) == (2, 5)


def test_somebody_added_by_hand_is_taken_up_by_address(world):
    number = world.person("Mia")
    report = sync(world, "learners", MIA | {"name": "Mia Berg"})
    assert report.outcomes[0].id == number and report.outcomes[0].changes == ["external_id", "name"]
    assert sync(world, "learners", MIA | {"external_id": "E-9"}).outcomes[0].reason.startswith("email: A learner with another external_id")


def test_another_address_sends_what_is_coming_to_it_and_the_old_one_stays_known(world):
    house(world)
    seat(world, ("E-1", "Registered"))
    world.mails()
    report = sync(world, "learners", MIA | {"email": "mia.berg@corp.example"}, TOM)
    assert [(one.outcome, list(one.changes)) for one in report.outcomes] == [("updated", ["email"]), ("unchanged", [])]
    assert [(m.to, m.sequence) for m in world.mails()] == [("mia.berg@corp.example", 1)]


def test_two_people_whose_addresses_move_on_in_one_list_both_get_theirs(world):
    sync(world, "learners", MIA, TOM)
    report = sync(world, "learners", MIA | {"email": TOM["email"]}, TOM | {"email": "tom.new@corp.example"})
    assert outcomes(report) == ["updated", "updated"]
    assert learner(world, "E-1").email == "tom@corp.example"


def test_who_leaves_gives_up_the_seat_and_comes_back_without_it(world):
    house(world)
    seat(world, ("E-1", "Registered"))
    report = sync(world, "learners", MIA | {"active": False})
    assert report.outcomes[0].changes == ["active"] and status(world, "E-1") == "Cancelled" and learner(world, "E-1").left_at
    assert outcomes(sync(world, "learners", MIA | {"active": False})) == ["unchanged"]
    assert outcomes(sync(world, "learners", MIA)) == ["unchanged"] and learner(world, "E-1").left_at
    sync(world, "learners", MIA | {"active": True})
    assert learner(world, "E-1").left_at is None and status(world, "E-1") == "Cancelled"


def test_half_a_list_sends_nobody_away(world):
    everybody = [{"external_id": f"E-{n}", "email": f"p{n}@corp.example", "name": f"P{n}"} for n in range(20)]
    sync(world, "learners", *everybody)
    before = written(world)
    with pytest.raises(Conflict) as refused:
        sync(world, "learners", *everybody[:10], leave=True)
    assert refused.value.extra == {"would_leave": 10, "of": 20} and written(world) == before
    report = sync(world, "learners", *everybody[:18], leave=True)
    assert (report.run.gone, report.run.unchanged) == (2, 18) and learner(world, "E-19").left_at
    assert sync(world, "learners", *everybody[:10], leave=True, most_leaving=8).run.gone == 8


def test_a_row_without_a_name_might_be_anybodys_so_nobody_leaves(world):
    sync(world, "learners", MIA, TOM)
    report = sync(world, "learners", MIA, {"email": "tom@corp.example"}, leave=True, most_leaving=5)
    assert report.run.held_back == syncing.NAMELESS and report.run.gone == 0 and learner(world, "E-2").left_at is None
    wrong = sync(world, "learners", MIA, TOM | {"name": ""}, leave=True, most_leaving=5)
    assert wrong.run.gone == 0 and wrong.run.refused == 1


def test_a_dry_run_says_the_same_and_does_nothing(world):
    house(world)
    before = written(world)
    items = [
        MIA | {"email": "mia.berg@corp.example"},
        TOM | {"active": False},
        {"external_id": "E-4", "email": "new@corp.example", "name": "New"},
    ]
    trial = sync(world, "learners", *items, dry_run=True)
    assert outcomes(trial) == ["updated", "updated", "created"] and trial.outcomes[2].id is None and trial.run.dry_run
    assert written(world) == before
    assert outcomes(sync(world, "learners", *items)) == outcomes(trial)


def test_a_team_that_is_renamed_keeps_its_people_and_gives_them_its_manager(world):
    team = {"external_id": "T-1", "name": "Night", "manager_email": "anna@corp.example"}
    assert outcomes(sync(world, "teams", team)) == ["created"]
    sync(world, "learners", MIA | {"team_external_id": "T-1"}, TOM | {"team_external_id": "T-1", "manager_email": "otto@corp.example"})
    feed = world.do(lambda work: audiences.create_feed(work, {"audience": "team", "subject": "Night", "subscriber": "Anna"}).id)
    report = sync(world, "teams", team | {"name": "Late", "manager_email": "ben@corp.example"})
    assert world.look(lambda work: work.db.get_one(AudienceFeed, feed).subject) == "Late"
    assert report.outcomes[0].changes == ["manager_email", "name"] and outcomes(sync(world, "teams", {"external_id": "T-1"})) == [
        "unchanged"
    ]
    assert [(learner(world, e).team, learner(world, e).manager_email) for e in ("E-1", "E-2")] == [
        ("Late", "ben@corp.example"),
        ("Late", "otto@corp.example"),
    ]
    assert sync(world, "learners", MIA | {"team_external_id": "T-9"}).outcomes[0].reason.startswith("team_external_id: There is no team")


def test_a_session_that_moves_is_told_once_after_the_settle_time(world):
    house(world)
    seat(world, ("E-1", "Invited"))
    world.mails()
    moved = DRILL | {"start": "2026-12-01T14:00", "end": "2026-12-01T15:00"}
    assert sync(world, "sessions", moved).outcomes[0].changes == ["end", "start"]
    assert outcomes(sync(world, "sessions", moved)) == ["unchanged"]
    world.advance(30)
    assert [(m.who, m.start.hour, m.sequence) for m in world.mails()] == [("Mia", 14, 1)]
    assert outcomes(sync(world, "sessions", moved)) == ["unchanged"]
    world.advance(30)
    assert world.mails() == []


def test_a_session_is_cancelled_for_good(world):
    house(world)
    seat(world, ("E-1", "Invited"))
    world.mails()
    assert outcomes(sync(world, "sessions", DRILL | {"status": "cancelled", "title": "Never mind"})) == ["updated"]
    assert [m.method for m in world.mails()] == ["CANCEL"]
    assert outcomes(sync(world, "sessions", DRILL | {"status": "cancelled", "title": "Never mind"})) == ["unchanged"]
    assert "stays so" in sync(world, "sessions", DRILL).outcomes[0].reason


def test_sessions_and_courses_that_are_here_already_are_linked_by_id_or_name(world):
    session = world.session()
    by_name = sync(world, "courses", {"external_id": "C-9", "name": "Safety"}).outcomes[0]
    assert (by_name.id, list(by_name.changes)) == (world.course_id, ["external_id"])
    linked = sync(world, "sessions", {"external_id": "S-9", "id": session}).outcomes[0]
    assert (linked.id, list(linked.changes)) == (session, ["external_id"])
    assert outcomes(sync(world, "sessions", {"external_id": "S-9", "id": session})) == ["unchanged"]
    assert sync(world, "sessions", {"external_id": "S-8", "id": session}).outcomes[0].reason.startswith("id: There is no")


def test_what_cannot_be_a_session_is_refused_with_its_field(world):
    sync(world, "courses", FIRE)
    wrong = [
        DRILL | {"external_id": "a", "start": "2026-12-01T10:00Z"}, DRILL | {"external_id": "b", "end": "2026-11-01T10:00"},
        DRILL | {"external_id": "c", "course_external_id": "C-8"}, {"external_id": "d", "course_external_id": "C-1", "title": "T"},
        DRILL | {"external_id": "e", "room_id": 99}, DRILL | {"external_id": "f", "instructors": ["nobody"]}, DRILL,
    ]  # fmt: skip
    report = sync(world, "sessions", *wrong)
    assert [(one.reason or "").partition(":")[0] for one in report.outcomes] == [
        "start",
        "end",
        "course_external_id",
        "start",
        "room_id",
        "instructors",
        "",
    ]


def test_where_seats_run_out_people_wait_and_the_same_list_moves_nobody(world):
    house(world)
    report = seat(world, ("E-1", "Invited"), ("E-2", "Invited"), ("E-3", "Invited"))
    assert outcomes(report) == ["created"] * 3 and report.outcomes[2].reason.startswith("The session is full")
    assert status(world, "E-3") == "Waiting List"
    world.mails()
    before = written(world)
    assert outcomes(seat(world, ("E-1", "Invited"), ("E-2", "Invited"), ("E-3", "Invited"))) == ["unchanged"] * 3
    assert written(world) == before and world.mails() == []


def test_registered_does_not_sit_down_in_a_full_session(world):
    house(world)
    report = seat(world, ("E-1", "Registered"), ("E-2", "Registered"), ("E-3", "Registered"))
    assert outcomes(report) == ["created", "created", "refused"] and report.outcomes[2].reason == "The session is full."
    assert outcomes(seat(world, ("E-1", "Cancelled"), ("E-3", "Registered"))) == ["updated", "created"]


def test_a_no_by_mail_outlives_the_nightly_list_until_it_says_something_new(world):
    house(world)
    seat(world, ("E-1", "Registered"))
    (invitation,) = world.mails()
    world.answer(invitation, "DECLINED")
    assert status(world, "E-1") == "Declined"
    assert outcomes(seat(world, ("E-1", "Registered"))) == ["unchanged"] and status(world, "E-1") == "Declined"
    assert outcomes(seat(world, ("E-1", "Invited"))) == ["updated"] and status(world, "E-1") == "Invited"


def test_who_was_put_there_by_hand_is_taken_up_as_they_are(world):
    house(world)
    session = world.look(lambda work: work.db.scalar(select(LiveSession.id).where(LiveSession.external_id == "S-1")))
    world.do(lambda work: enrolling.enrol(work, session, learner(world, "E-1").id, "Registered"))
    assert outcomes(seat(world, ("E-1", "Invited"))) == ["unchanged"] and status(world, "E-1") == "Registered"


def test_enrolments_name_what_there_is(world):
    house(world)
    report = seat(world, ("E-9", "Invited"), ("E-1", "Waiting List"), ("E-2", "Cancelled"))
    assert [one.reason and one.reason.partition(":")[0] for one in report.outcomes] == ["learner_external_id", "status", None]
    assert outcomes(seat(world, ("E-1", "Invited"), session="S-9")) == ["refused"]


def test_a_run_is_kept_for_a_month_with_what_it_did(world):
    sync(world, "learners", MIA, {"external_id": "E-2"})
    (run,) = world.look(syncing.runs)
    assert (run.kind, run.actor, run.created, run.refused) == ("learners", "api:hr", 1, 1) and run.finished_at
    assert run.changes == [["E-1", learner(world, "E-1").id, ["email", "external_id", "name"]]] and run.refusals[0][:2] == [2, "E-2"]
    world.moment += syncing.KEPT * 1.1
    sync(world, "learners", MIA)
    assert [one.unchanged for one in world.look(syncing.runs)] == [1]


def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(world):
    def statements(count: int, changed: int) -> tuple[int, int]:
        everybody = [{"external_id": f"{count}-{n}", "email": f"{count}.{n}@corp.example", "name": f"P{n}"} for n in range(count)]
        sync(world, "learners", *everybody)
        before, seen = written(world), []
        note = lambda *a: seen.append(a[2])  # noqa: E731
        event.listen(world.database.engine, "before_cursor_execute", note)
        for one in everybody[:changed]:
            one["name"] += " again"
        report = sync(world, "learners", *everybody)
        event.remove(world.database.engine, "before_cursor_execute", note)
        after = written(world)
        assert report.run.updated == changed and after["history"] - before["history"] == changed
        assert (
            after["learners.version"] - before["learners.version"] == changed
            and after["feed_versions.version"] == before["feed_versions.version"]
        )
        return len(seen)

    assert statements(20, 3) == statements(400, 50) < 20


def test_two_lists_at_once_make_everybody_once(world):
    items = [{"external_id": f"E-{n}", "email": f"p{n}@corp.example", "name": f"P{n}"} for n in range(200)]
    found: list[Outcome] = []
    threads = [threading.Thread(target=lambda: found.extend(sync(world, "learners", *items).outcomes)) for _ in range(2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(one.outcome for one in found) == ["created"] * 200 + ["unchanged"] * 200


def test_a_list_beside_edits_of_the_same_people_loses_neither(world):
    items = [{"external_id": f"E-{n}", "email": f"p{n}@corp.example", "name": f"P{n}"} for n in range(30)]
    sync(world, "learners", *items)
    ids = [learner(world, f"E-{n}").id for n in range(30)]
    refusals: list[Exception] = []

    def edit() -> None:
        for number in ids:
            try:
                world.do(lambda work, n=number: learning.edit_learner(work, n, {"team": "Night"}))
                world.do(
                    lambda work, n=number: learning.create_learner(
                        work, {"email": f"q{n}@corp.example", "name": "Q", "external_id": f"Q-{n}"}
                    )
                )
            except Conflict as error:
                refusals.append(error)

    thread = threading.Thread(target=edit)
    thread.start()
    for name in ("A", "B", "C"):
        more = [{"external_id": f"Q-{n}", "email": f"q{n}@corp.example", "name": name} for n in ids]
        assert "refused" not in outcomes(sync(world, "learners", *({**one, "name": name} for one in items), *more))
    thread.join()
    assert {(one.name, one.team) for one in world.look(lambda work: work.db.scalars(select(Learner).where(Learner.id.in_(ids))).all())} == {
        ("C", "Night")
    }
    assert world.look(lambda work: work.db.scalar(select(func.count()).where(Learner.external_id.startswith("Q-")))) == 30


def test_an_erased_person_is_in_no_kept_list(world):
    sync(world, "learners", MIA, TOM, {"external_id": "E-1", "name": "Mia"}, {"email": "mia@corp.example,"})
    kept = str(world.look(syncing.runs)[0].refusals)
    assert "E-1" in kept and "mia@corp" in str(sync(world, "learners", {"external_id": "E-8", "email": "mia@corp.example,"}).run.refusals)
    world.do(lambda work: leaving.erase(work, "mia@corp.example"))
    runs = world.look(syncing.runs)
    assert "E-1" not in str([run.refusals for run in runs]) and "mia@corp" not in str([run.refusals for run in runs])
    assert [run.changes for run in runs] == [[], [["E-2", learner(world, "E-2").id, ["email", "external_id", "name"]]]]


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        (LEARNERS, "name", "Zo\ud800"), (LEARNERS, "name", "Z\u202eo"), (LEARNERS, "name", " "), (LEARNERS, "name", None), (LEARNERS, "team", "x" * 201),
        (LEARNERS, "active", "yes"), (LEARNERS, "start_date", "2026-02-30"), (LEARNERS, "timezone", "Berlin"), (LEARNERS, "locale", "xx-nonsense"),
        (SESSIONS, "capacity", 0), (SESSIONS, "capacity", True), (SESSIONS, "join_url", "javascript:alert(1)"), (SESSIONS, "fold", 2),
        (SESSIONS, "start", "2026-02-30T09:00"), (SESSIONS, "instructors", "a@b.example"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_taken_names_its_field(fields, name, value):
    with pytest.raises(Invalid) as refused:
        fields[name].value(value, name)
    assert refused.value.field == name


def test_a_cell_is_read_as_the_value_that_it_writes():
    row = Reader("sessions").read_cells(
        2, {"external_id": "S", "capacity": "12", "waiting_list": "yes", "instructors": "a@b.example; c@d.example"}, empty_clears=False
    )
    assert row.values == {"external_id": "S", "capacity": 12, "waiting_list": True, "instructors": ["a@b.example", "c@d.example"]}
    cells = {"external_id": "E", "team": "", "name": ""}
    assert Reader("learners").read_cells(2, cells, empty_clears=False).values == {"external_id": "E"}
    assert Reader("learners").read_cells(2, cells, empty_clears=True).values == {"external_id": "E", "team": None}


def test_a_report_names_what_it_cannot_read_in_characters_that_can_be_shown():
    shown = Reader("learners").read(1, {"external_id": "E\ud800\0\u202e", "shoe\n": 1})
    assert shown.external_id == "E???" and shown.reason.startswith("shoe?: ")
