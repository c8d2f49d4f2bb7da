"""Who is in which session, as another system lists it.

Only a change of what the list says acts: an enrolment remembers the status that the list last gave it (`synced_status`), so that a list that
says Registered every night does not overwrite a No by mail, an attendance, or a place on the waiting list, every night.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select, update

from ..errors import Conflict, FeedserverError, Invalid
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.sessions import LiveSession
from ..training.statuses import EnrolmentStatus
from . import adding, enrolling
from .sync_rows import CREATED, UNCHANGED, UPDATED, Outcome, Row, attempt, done, refused
from .work import Work

S = EnrolmentStatus


def take(work: Work, rows: Sequence[Row]) -> dict[int, Outcome]:
    """Outcomes by place. Who is taken off goes first, so that seats are free; who is new is added session by session, and waits where seats run out."""
    outcomes: dict[int, Outcome] = {}
    sessions, learners = _named(work, LiveSession, rows, "session_external_id"), _named(work, Learner, rows, "learner_external_id")
    known = _enrolments(work, sessions.values(), learners.values())
    edits: list[tuple[Row, int, str]] = []
    fresh: dict[tuple[int, str], list[tuple[Row, int]]] = defaultdict(list)
    marks: dict[int, str] = {}
    for row in rows:
        session_id = sessions.get(row.values["session_external_id"])
        learner_id = learners.get(row.values["learner_external_id"])
        if session_id is None or learner_id is None:
            what = "session" if session_id is None else "learner"
            error = Invalid(f"There is no {what} of this name; send the {what}s first.", field=f"{what}_external_id")
            outcomes[row.place] = refused(row.place, row.external_id, error)
            continue
        _decide(row, known.get((session_id, learner_id)), (session_id, learner_id), outcomes, edits, fresh, marks)
    for row, enrolment_id, status in sorted(edits, key=lambda one: one[2] != S.CANCELLED):
        with attempt(work, row, outcomes):
            changed = enrolling.set_status(work, enrolment_id, status)
            outcomes[row.place] = done(row, UPDATED, changed.id, ["status"])
            marks[enrolment_id] = status
    for (session_id, status), people in fresh.items():
        _add(work, session_id, status, people, outcomes, marks)
    _mark(work, marks)
    return outcomes


def _decide(row: Row, known, pair: tuple[int, int], outcomes: dict, edits: list, fresh: dict, marks: dict[int, str]) -> None:
    wanted = row.values["status"]
    if known is None or (known.status == S.CANCELLED and known.synced_status != wanted != S.CANCELLED):
        if wanted == S.CANCELLED:
            outcomes[row.place] = done(row, UNCHANGED, None)
        else:
            fresh[pair[0], wanted].append((row, pair[1]))
    elif known.synced_status == wanted:
        outcomes[row.place] = done(row, UNCHANGED, known.id)
    elif known.status == wanted or (wanted == S.INVITED and known.synced_status is None):
        # Whoever is in a session already is not invited to it once more.
        outcomes[row.place] = done(row, UNCHANGED, known.id)
        marks[known.id] = wanted
    else:
        edits.append((row, known.id, wanted))


def _add(work: Work, session_id: int, status: str, people: list[tuple[Row, int]], outcomes: dict, marks: dict[int, str]) -> None:
    try:
        with work.db.begin_nested():
            if status == S.WAITING_LIST:
                raise Invalid("Nobody is put onto a waiting list: send Invited, and who finds no seat waits.", field="status")
            made = adding.add_many(work, session_id, [learner_id for _, learner_id in people], status)
    except FeedserverError as error:
        outcomes.update({row.place: refused(row.place, row.external_id, error) for row, _ in people})
        return
    ids = _enrolments(work, [session_id], [learner_id for _, learner_id in people])
    inside = {*made.added, *made.waiting}
    # What is refused of one of ours is either that somebody has left, or that there is no seat.
    gone = set(work.db.scalars(select(Learner.id).where(Learner.id.in_([i for _, i in people]), Learner.left_at.is_not(None))))
    for row, learner_id in people:
        if learner_id in inside:
            enrolment = ids[session_id, learner_id]
            outcomes[row.place] = done(row, CREATED, enrolment.id, ["status"])
            outcomes[row.place].reason = "The session is full: on the waiting list." if learner_id in made.waiting else None
            marks[enrolment.id] = status
        else:
            error = Conflict("This person has left." if learner_id in gone else "The session is full.")
            outcomes[row.place] = refused(row.place, row.external_id, error)


def _mark(work: Work, marks: dict[int, str]) -> None:
    by_status: dict[str, list[int]] = defaultdict(list)
    for enrolment_id, status in marks.items():
        by_status[status].append(enrolment_id)
    for status, ids in by_status.items():
        said = update(Enrolment).where(Enrolment.id.in_(ids)).values(synced_status=status)
        work.db.execute(said.execution_options(synchronize_session=False))


def _named(work: Work, noun: type[LiveSession] | type[Learner], rows: Sequence[Row], field: str) -> dict[str, int]:
    names = {row.values[field] for row in rows}
    mine = select(noun.external_id, noun.id).where(noun.organisation_id == work.organisation_id, noun.external_id.in_(names))
    return dict(work.db.execute(mine).all())


def _enrolments(work: Work, session_ids, learner_ids) -> dict[tuple[int, int], Enrolment]:
    wanted = (Enrolment.id, Enrolment.live_session_id, Enrolment.learner_id, Enrolment.status, Enrolment.synced_status)
    query = select(*wanted).where(Enrolment.live_session_id.in_(list(session_ids)), Enrolment.learner_id.in_(list(learner_ids)))
    return {(one.live_session_id, one.learner_id): one for one in work.db.execute(query)}
