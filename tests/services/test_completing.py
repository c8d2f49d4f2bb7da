"""What a course sets, who has it to note, and what completing does to that."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from feedserver.errors import Conflict, Invalid
from feedserver.services import attending, channelling, completing, course_milestones, departing, grouping, learning, series
from feedserver.store.completions import Completion
from feedserver.store.courses import Course
from feedserver.store.learners import Learner
from feedserver.store.milestones import MilestoneEntry
from feedserver.store.sessions import LiveSession
from feedserver.training.statuses import EnrolmentStatus as S
from tests.support.world import World

DAY = date(2026, 12, 24)


def deadline(world: World, kind: str = "completion_deadline", **values) -> int:
    values = {"kind": kind, "title": "Quiz", "day": DAY} | values
    return world.do(lambda work: course_milestones.add(work, world.course_id, values).id)


def states(world: World, name: str) -> list[str]:
    query = select(MilestoneEntry.state).where(MilestoneEntry.learner_id == world.people[name]).order_by(MilestoneEntry.id)
    return world.look(lambda work: list(work.db.scalars(query)))


def complete(world: World, name: str, **values) -> list[Completion]:
    values = {"source": "button"} | values
    return world.do(lambda work: completing.complete(work, [world.person(name)], world.course_id, **values))


def standing(world: World, name: str) -> list[Completion]:
    query = select(Completion).where(Completion.learner_id == world.people[name], Completion.undone_at.is_(None))
    return world.look(lambda work: list(work.db.scalars(query)))


def test_a_deadline_is_given_to_the_groups_and_to_who_is_in_a_session_and_to_nobody_else(world):
    world.session("Mia")
    world.enrol(world.session(), "Ole")
    world.enrol(world.session(), "Nia", "Declined")
    deadline(world)
    assert (states(world, "Mia"), states(world, "Ole"), states(world, "Nia")) == (["open"], ["open"], [])


def test_who_joins_later_gets_what_is_coming_and_who_leaves_is_rid_of_it(world):
    group = world.group("Mia")
    deadline(world)
    deadline(world, title="Over", day=date(2026, 1, 1))
    ole = world.person("Ole")
    world.do(lambda work: grouping.add_member(work, group, ole))
    assert states(world, "Ole") == ["open"]
    world.do(lambda work: grouping.remove_member(work, group, ole))
    assert states(world, "Ole") == ["ended"]
    session = world.session()
    world.enrol(session, "Ole")
    world.remove(session, "Ole")
    assert states(world, "Ole") == ["ended", "ended"]


def test_one_for_a_group_concerns_that_group_alone(world):
    world.group("Mia", name="A")
    group = world.group("Ole", name="B")
    deadline(world, group_id=group)
    assert (states(world, "Mia"), states(world, "Ole")) == ([], ["open"])


def test_a_move_and_a_cancellation_reach_those_who_have_not_done_it(world):
    world.person("Mia", channel="mail")
    world.person("Ole", channel="mail")
    world.group("Mia", "Ole")
    number = deadline(world)
    complete(world, "Ole")
    world.mails()
    world.do(lambda work: course_milestones.edit(work, number, {"day": DAY + timedelta(days=7)}))
    assert [(m.who, m.kind) for m in world.mails()] == [("Mia", "milestone_changed")]
    world.do(lambda work: course_milestones.cancel(work, number, "Not needed"))
    assert [(m.who, m.method) for m in world.mails()] == [("Mia", "CANCEL")] and "done" in states(world, "Ole")
    with pytest.raises(Conflict, match="stays so"):
        world.do(lambda work: course_milestones.edit(work, number, {"title": "x"}))


def test_completing_is_once_a_day_and_undone_on_record_with_what_it_had_ended(world):
    world.group("Mia")
    deadline(world)
    deadline(world, "assessment", title="Exam")
    (one,) = complete(world, "Mia")
    assert complete(world, "Mia") == [] and states(world, "Mia") == ["done", "done"]
    assert (one.by, one.source, one.completed_on) == ("admin:test", "button", date(2026, 11, 20))
    undone = world.do(lambda work: completing.undo(work, one.id))
    assert undone.undone_by == "admin:test" and sorted(states(world, "Mia")) == ["ended", "ended", "open", "open"]
    with pytest.raises(Conflict):
        world.do(lambda work: completing.undo(work, one.id))


def test_an_assessment_ends_the_day_of_that_name_alone(world):
    world.group("Mia")
    deadline(world)
    deadline(world, "assessment", title="Exam")
    deadline(world, "assessment", title="Other exam")
    complete(world, "Mia", kind="assessment", reference="Exam")
    assert states(world, "Mia") == ["open", "done", "open"] and world.count(Completion) == 1


def test_a_day_to_come_and_an_unknown_kind_are_refused(world):
    world.group("Mia")
    for values, error in (({"on": date(2026, 11, 23)}, Conflict), ({"kind": "party"}, Invalid)):
        with pytest.raises(error):
            complete(world, "Mia", **values)


def test_attending_the_session_that_counts_completes_and_a_corrected_mark_takes_it_back(world):
    session = world.session("Mia", "Ole")
    deadline(world)
    world.do(lambda work: setattr(work.db.get_one(Course, world.course_id), "counts", True))
    world.moment += timedelta(days=12)
    marks = {world.people["Mia"]: S.ATTENDED, world.people["Ole"]: S.ABSENT}
    world.do(lambda work: attending.record(work, session, marks))
    assert [(c.source, c.completed_on, c.live_session_id) for c in standing(world, "Mia")] == [("attendance", date(2026, 12, 1), session)]
    assert standing(world, "Ole") == [] and (states(world, "Mia"), states(world, "Ole")) == (["done"], ["open"])
    world.do(lambda work: attending.record(work, session, {world.people["Mia"]: S.ABSENT}))
    assert standing(world, "Mia") == [] and states(world, "Mia") == ["ended", "open"]


def test_a_session_may_count_where_the_course_does_not_and_by_any_way_of_marking(world):
    plain, counting = world.session("Mia"), world.session("Mia", counts=True)
    world.moment += timedelta(days=12)
    world.set_status(plain, "Mia", "Attended")
    assert standing(world, "Mia") == []
    world.set_status(counting, "Mia", "Go Show")
    assert len(standing(world, "Mia")) == 1


def test_of_a_series_that_counts_all_dates_have_to_be_attended(world):
    values = {"title": "Weekly", "start": datetime(2026, 12, 1, 10), "end": datetime(2026, 12, 1, 11), "timezone": "Europe/Berlin"}
    head = world.do(lambda work: series.create(work, world.course_id, {**values, "recurrence": "FREQ=WEEKLY;COUNT=2", "counts": True}).id)
    world.enrol(head, "Mia")
    dates = select(LiveSession.id).where(LiveSession.series_id == head).order_by(LiveSession.id)
    first, second = world.look(lambda work: list(work.db.scalars(dates)))
    world.moment += timedelta(days=30)
    mia = world.people["Mia"]
    world.do(lambda work: attending.record(work, first, {mia: S.ATTENDED}))
    assert standing(world, "Mia") == []
    world.do(lambda work: attending.record(work, second, {mia: S.ATTENDED}))
    assert [c.live_session_id for c in standing(world, "Mia")] == [head]


def test_a_learner_may_say_so_where_the_course_allows_it(world):
    world.group("Mia")
    deadline(world)
    mia = world.people["Mia"]
    entry = world.look(lambda work: work.db.scalars(select(MilestoneEntry.id)).one())
    with pytest.raises(Conflict, match="Whoever runs"):
        world.do(lambda work: completing.say_done(work, mia, entry))
    world.do(lambda work: setattr(work.db.get_one(Course, world.course_id), "self_paced", True))
    world.do(lambda work: completing.say_done(work, mia, entry), f"learner:{mia}")
    assert [(c.source, c.by) for c in standing(world, "Mia")] == [("learner", f"learner:{mia}")]


def test_people_who_change_take_their_days_along(world):
    mia, ole = world.person("Mia", channel="mail"), world.person("Ole")
    world.group("Mia", "Ole")
    deadline(world)
    first = world.mail()
    world.do(lambda work: learning.edit_learner(work, mia, {"email": "mia@new.example"}))
    again = world.mail()
    assert (again.to, again.uid, again.sequence) == ("mia@new.example", first.uid, 1)
    world.do(lambda work: learning.edit_learner(work, mia, {"email": "mia@other.example", "address_change": "new_mailbox"}))
    gone, fresh = world.mails()
    assert (gone.to, gone.method) == ("mia@new.example", "CANCEL") and (fresh.to, fresh.uid != first.uid) == ("mia@other.example", True)
    world.do(lambda work: channelling.set_channel(work, work.db.get_one(Learner, ole), "mail"))
    assert [(m.who, m.method) for m in world.mails()] == [("Ole", "REQUEST")]
    world.do(lambda work: departing.leave(work, ole))
    assert [(m.who, m.method) for m in world.mails()] == [("Ole", "CANCEL")]
