"""The rows of a series: one for each date, what they take from the head, and what the head's one entry leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, literal, select

from ..store.enrolments import Enrolment
from ..store.sessions import LiveSession, Seats
from ..training import recurrence
from ..training.changes import instant
from ..training.recurrence import Occurrence
from ..training.statuses import EnrolmentStatus
from .series_plan import DATES, EXTRA, MOVED, RULE
from .session_fields import EDITABLE, TIMES, instants
from .work import Work

SEATS = ("capacity", "waiting_list", "approval_required")
SHARED = tuple(name for name in EDITABLE if name not in (*TIMES, *SEATS))


def dates_of(work: Work, head: LiveSession) -> list[LiveSession]:
    """Every date, by its original start."""
    return list(work.db.scalars(select(LiveSession).where(LiveSession.series_id == head.id).order_by(LiveSession.recurrence_id)))


def key_of(recurrence_id: datetime) -> str:
    """The original start as the API writes it."""
    return f"{recurrence_id:%Y%m%dT%H%M%SZ}"


def row(
    work: Work, head: LiveSession, one: Occurrence, capacity: int | None, *, extra: bool = False, left_out: bool = False
) -> LiveSession:
    """A row for one date, not yet added. Times that exist twice or not at all are read differently by programs: such a date leaves an RRULE
    entry from the start, and one beside the rule was never in it (no RDATE, which Outlook refuses)."""
    alone = head.entry_mode == RULE and recurrence.awkward(one, head.timezone)
    of_its_own = {name: getattr(head, name) for name in ("waiting_list", "approval_required")} if head.seats_per_date else {}
    return LiveSession(
        organisation_id=head.organisation_id, course_id=head.course_id, group_id=head.group_id, series_id=head.id, recurrence_id=one.recurrence_id,
        **{name: getattr(head, name) for name in SHARED if getattr(head, name) is not None},
        start=one.start, end=one.end, timezone=head.timezone, fold=one.fold, **instants(
            {"start": one.start, "end": one.end, "timezone": head.timezone, "fold": one.fold}
        ),
        capacity=capacity, seats_per_date=head.seats_per_date, own_entry=alone or extra or head.entry_mode == DATES,
        entry_mode=EXTRA if extra else MOVED if alone else None, status="cancelled" if left_out else "scheduled", draft=left_out,
        created_at=work.now, updated_at=work.now, **of_its_own,
    )  # fmt: skip


def add(work: Work, rows: Sequence[LiveSession]) -> None:
    """Put rows in, with their seats."""
    work.db.add_all(rows)
    work.db.flush()
    work.db.add_all([Seats(live_session_id=one.id, capacity=one.capacity) for one in rows])
    work.db.flush()


def span(head: LiveSession, dates: Sequence[LiveSession]) -> None:
    """The series is over when its last date is."""
    on = [one for one in dates if one.status == "scheduled"] or dates
    head.starts_at = instant(head.start, head.timezone, head.fold or 0)
    head.ends_at = max(one.ends_at for one in on)


def leave_out(work: Work, head: LiveSession) -> None:
    """What an RRULE entry leaves out: dates that are cancelled, and those that have an entry of their own."""
    work.db.flush()
    if head.entry_mode != RULE:
        return
    rule = recurrence.parse_rule(head.recurrence, head.timezone)
    # As the rule writes them: a time that does not exist comes back from its instant as another.
    written = {instant(local, head.timezone): local.isoformat() for local in recurrence.starts(rule, head.start, head.timezone)}
    out = [date for date in dates_of(work, head) if date.status == "cancelled" or date.own_entry]
    head.left_out = sorted(written[date.recurrence_id] for date in out if date.recurrence_id in written) or None
    work.db.flush()


def copy_people(work: Work, head: LiveSession, second: LiveSession) -> None:
    """Who is in the first part is in the second, with the same status and a seat where they have one."""
    seats = work.db.get_one(Seats, head.id, populate_existing=True)
    work.db.add(Seats(live_session_id=second.id, capacity=seats.capacity, taken=seats.taken, over_capacity=seats.over_capacity))
    work.db.flush()
    names = (
        "organisation_id",
        "learner_id",
        "status",
        "partstat",
        "responded_at",
        "queued_at",
        "offer_until",
        "hold_until",
        "version",
        "created_at",
        "updated_at",
    )
    rows = select(*(getattr(Enrolment, name) for name in names), literal(second.id)).where(
        Enrolment.live_session_id == head.id, Enrolment.status != EnrolmentStatus.CANCELLED
    )
    work.db.execute(insert(Enrolment).from_select([*names, "live_session_id"], rows, include_defaults=False))


def everybody(work: Work, head: LiveSession) -> list[int]:
    """Whoever has an enrolment in the series."""
    return list(work.db.scalars(select(Enrolment.learner_id).where(Enrolment.live_session_id == head.id)))
