"""Somebody new gets the whole calendar of a plan, and all that is not done moves with their first day."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from sqlalchemy import select

from feedserver.errors import Conflict
from feedserver.services import (
    completing,
    departing,
    enrolling,
    importing_onboardings,
    learning,
    onboarding,
    onboarding_items,
    onboarding_plans,
)
from feedserver.store.milestones import MilestoneEntry
from feedserver.store.onboarding import Onboarding, OnboardingItem, OnboardingPlan
from tests.support.world import START, World

MONDAY = date(2026, 11, 30)
STEPS = [
    {"days": -3, "kind": "note", "title": "Send your photo"},
    {"days": 0, "kind": "note", "title": "Meet your team"},
    {"days": 5, "kind": "completion", "title": "Read the rules"},
    {"days": 1, "kind": "session", "title": "Safety"},
]


def plan(world: World, *steps: dict, **values) -> int:
    rows = [{**one, "course_id": one.get("course_id") or (world.course_id if one["kind"] != "note" else None)} for one in (steps or STEPS)]
    return world.do(lambda work: onboarding_plans.make(work, {"name": "New", "steps": rows, **values}).id)


def begin(world: World, name: str, plan_id: int, day: date = MONDAY, **values) -> int:
    learner_id = world.person(name, **values)
    return world.do(lambda work: onboarding.start(work, learner_id, plan_id, day).id)


def move(world: World, number: int, day: date) -> None:
    world.do(lambda work: onboarding.move(work, number, day))


def items(world: World, number: int) -> dict[str, OnboardingItem]:
    found = world.look(lambda work: list(work.db.scalars(select(OnboardingItem).where(OnboardingItem.onboarding_id == number))))
    return {one.title: one for one in found}


def days(world: World, name: str) -> dict[str, date]:
    mine = select(MilestoneEntry).where(MilestoneEntry.learner_id == world.people[name], MilestoneEntry.state == "open")
    return {one.title: one.day for one in world.look(lambda work: list(work.db.scalars(mine)))}


def notices(world: World) -> list:
    world.mails()
    found, world.notices[:] = [one for one in world.notices if one.kind.startswith("onboarding")], []
    return found


def test_the_whole_calendar_and_one_mail_with_the_list(world):
    session_id = world.session(start=START)
    number = begin(world, "Mia", plan(world), timezone="America/New_York")

    assert world.status(session_id, "Mia") == "Invited" and items(world, number)["Safety"].ours
    assert days(world, "Mia") == {
        "Send your photo": date(2026, 11, 27), "Meet your team": MONDAY, "Read the rules": date(2026, 12, 7),
    }  # fmt: skip
    (mail,) = notices(world)
    assert mail.kind == "onboarding" and mail.words.index("Send your photo") < mail.words.index("Fire safety") < mail.words.index(
        "Read the"
    )
    assert "1 December 2026, 04:00" in mail.words and "30 November" in mail.words


def test_the_start_moves_what_is_not_done_as_one_mail_and_the_session_follows(world):
    first, second = world.session(start=START), world.session(start=START.replace(day=10))
    number = begin(world, "Mia", plan(world))
    world.do(lambda work: onboarding_items.done(work, items(world, number)["Send your photo"].id))
    notices(world)
    move(world, number, date(2026, 12, 7))

    assert (world.status(first, "Mia"), world.status(second, "Mia")) == ("Cancelled", "Invited")
    assert days(world, "Mia") == {"Meet your team": date(2026, 12, 7), "Read the rules": date(2026, 12, 14)}
    (mail,) = notices(world)
    assert mail.kind == "onboarding_moved" and "photo" not in mail.words and "10 December" in mail.words
    move(world, number, date(2026, 12, 7))
    assert notices(world) == []


def test_who_reads_mail_alone_has_each_day_in_the_calendar_and_still_one_list(world):
    number = begin(world, "Mia", plan(world, *STEPS[:2]), channel="mail")
    assert [mail.kind for mail in world.mails()] == ["milestone", "milestone"] and len(notices(world)) == 1
    move(world, number, date(2026, 12, 7))

    mails = world.mails()
    assert [(mail.kind, mail.sequence) for mail in mails] == [("milestone_changed", 1)] * 2
    assert [mail.kind for mail in notices(world)] == ["onboarding_moved"]


def test_no_seat_is_a_day_to_note_until_a_date_is_found(world):
    full = world.session("Ada", start=START, capacity=1)
    number = begin(world, "Mia", plan(world, STEPS[3]))
    assert days(world, "Mia") == {"Safety": date(2026, 12, 1)}
    assert "onboarding" in notices(world)[0].kind

    later = world.session(start=START.replace(day=9), capacity=1)
    move(world, number, MONDAY)
    assert world.status(later, "Mia") == "Invited" and days(world, "Mia") == {}
    assert items(world, number)["Safety"].live_session_id == later != full and len(notices(world)) == 1


def test_an_own_seat_counts_and_is_never_taken_away(world):
    session_id = world.session("Mia", start=START)
    number = begin(world, "Mia", plan(world, STEPS[3]))
    assert items(world, number)["Safety"].live_session_id == session_id and not items(world, number)["Safety"].ours
    move(world, number, date(2026, 12, 14))

    assert world.status(session_id, "Mia") == "Invited" and days(world, "Mia") == {"Safety": date(2026, 12, 15)}


def test_steps_are_done_by_completing_and_by_coming_and_open_again_when_that_is_undone(world):
    session_id = world.session(start=START)
    number, mia = begin(world, "Mia", plan(world)), world.people["Mia"]
    (made,) = world.do(lambda work: completing.complete(work, [mia], world.course_id, source="button"))
    assert items(world, number)["Read the rules"].state == "done" and "Read the rules" not in days(world, "Mia")
    world.do(lambda work: completing.undo(work, made.id))
    assert items(world, number)["Read the rules"].state == "open" and "Read the rules" in days(world, "Mia")

    world.moment = datetime(2026, 12, 1, 12, tzinfo=world.moment.tzinfo)
    enrolment = world.look(lambda work: enrolling.enrolment_in(work, session_id, mia).id)
    world.do(lambda work: enrolling.mark_attendance(work, enrolment, "Attended"))
    assert items(world, number)["Safety"].state == "done"
    world.do(lambda work: enrolling.mark_attendance(work, enrolment, "Absent"))
    assert items(world, number)["Safety"].state == "open"


def test_leaving_ends_it_and_erasing_leaves_nothing(world):
    session_id = world.session(start=START)
    number, mia = begin(world, "Mia", plan(world)), world.people["Mia"]
    world.do(lambda work: departing.leave(work, mia))
    assert {one.state for one in items(world, number).values()} == {"ended"} and days(world, "Mia") == {}
    assert world.status(session_id, "Mia") == "Cancelled"
    with pytest.raises(Conflict, match="has ended"):
        move(world, number, date(2026, 12, 7))

    world.do(lambda work: learning.remove_learner(work, mia))
    assert world.look(lambda work: list(work.db.scalars(select(Onboarding)))) == []


def test_ending_gives_the_seat_back_and_it_can_begin_anew(world):
    session_id, number = world.session(start=START, capacity=1), None
    plan_id = plan(world)
    number = begin(world, "Mia", plan_id)
    with pytest.raises(Conflict, match="already"):
        begin(world, "Mia", plan_id)
    world.do(lambda work: onboarding.end(work, number))
    assert world.status(session_id, "Mia") == "Cancelled" and days(world, "Mia") == {}
    assert begin(world, "Mia", plan_id) != number


def test_a_plan_changes_for_those_to_come_alone(world):
    plan_id = plan(world, *STEPS[:2])
    number = begin(world, "Mia", plan_id)
    world.do(lambda work: onboarding_plans.edit(work, plan_id, {"steps": [{"days": 2, "title": "Lunch"}], "working_days": False}))
    assert set(items(world, number)) == {"Send your photo", "Meet your team"}
    assert set(items(world, begin(world, "Finn", plan_id))) == {"Lunch"}
    world.do(lambda work: onboarding_plans.edit(work, plan_id, {"archived": True}))
    assert world.look(lambda work: work.db.get_one(OnboardingPlan, plan_id).version) == 3
    with pytest.raises(Conflict, match="put away"):
        begin(world, "Ada", plan_id)


def test_a_file_of_starts_doubles_nothing_and_another_date_moves(world):
    plan(world, *STEPS[:1])
    world.person("Mia")

    def take(*lines: str) -> tuple[int, int, int, list[str]]:
        rows = [(n, dict(zip(importing_onboardings.COLUMNS, line.split(","), strict=True))) for n, line in enumerate(lines, 2)]
        tally = world.do(lambda work: importing_onboardings.take(work, rows))
        return tally.added, tally.changed, tally.unchanged, [one.reason.partition(":")[0] for one in tally.refused]

    mia = "mia@corp.example,new,2026-11-30"
    assert take(mia, "ada@corp.example,new,2026-11-30", mia.replace("new", "old"), mia.replace("-30", "-31")) == (
        1, 0, 0, ["email", "plan", "start_date"],
    )  # fmt: skip
    assert take(mia) == (0, 0, 1, []) and take(mia.replace("-11-30", "-12-07")) == (0, 1, 0, [])
    assert days(world, "Mia") == {"Send your photo": date(2026, 12, 4)} and len(notices(world)) == 2


def test_a_learner_says_that_a_day_to_note_is_done_and_nothing_else(world):
    number, mia = begin(world, "Mia", plan(world, STEPS[0], STEPS[2])), world.people["Mia"]
    photo, rules = world.look(lambda work: list(work.db.scalars(select(MilestoneEntry.id).order_by(MilestoneEntry.day))))
    world.do(lambda work: completing.say_done(work, mia, photo), f"learner:{mia}")
    done = items(world, number)["Send your photo"]
    assert (done.state, done.done_by) == ("done", f"learner:{mia}")
    with pytest.raises(Conflict):
        world.do(lambda work: completing.say_done(work, mia, rules))
