"""Reminders of dates: found by the clock, rendered when they are due from what then holds, written set-based (exactly once, by unique rows).

One look at an organisation is a constant number of statements, whatever the number of people: the dates in reach, the zones and languages
of their people, what was dealt with before; then one INSERT .. SELECT for the people and one for their mails.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, exists, func, insert, literal, null, or_, select, update
from sqlalchemy.orm import Session

from ..imip.kinds import REMINDERS
from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.organisations import Organisation
from ..store.outbox import QUEUED, SUPPRESSED, Delivery, MailSkeleton, waiting_to_leave
from ..store.reminders import Reminder, ReminderRound
from ..store.sessions import TAKES_PLACE, LiveSession, Revision
from ..training import reminders
from ..training.changes import Snapshot
from ..training.reminders import GRACE, LOOK_BACK, SENT, Due
from ..training.statuses import EnrolmentStatus
from . import rendering
from .dispatching import LIFETIME
from .rendering import Kind
from .work import Work, new_batch

S = EnrolmentStatus
L_, D_, S_, R_ = LiveSession, Delivery, MailSkeleton, ReminderRound
_REMINDED = (S.INVITED, S.REGISTERED)
_NOTED_EVERY = timedelta(minutes=30)
_AT_ONCE = 1000
TAKEN = 50
WANTED = and_(
    Learner.left_at.is_(None), Learner.address_problem.is_(None), Learner.complained_at.is_(None), Learner.reminders_off_at.is_(None)
)
"""Whose mail is reminded at all: nobody who left, whose address fails, who complained (RFC 5965) or stopped reminders (RFC 8058)."""
KINDS: dict[S, Kind] = {S.INVITED: Kind.REMINDER_ANSWER, S.REGISTERED: Kind.REMINDER}


@dataclass(frozen=True, slots=True)
class _Date:
    """A date in reach: the rules that hold for it, and since when people know that it starts then."""

    id: int
    organisation_id: int
    starts_at: datetime
    rules: tuple[str, ...]
    known_since: datetime


def due(db: Session, now: datetime) -> Sequence[tuple[int, int]]:
    """(organisation, organisation) that have to be looked at: something is due, or it was not noted for a while that all was dealt with."""
    looked = {row.id: row.reminders_looked_at for row in db.execute(select(Organisation.id, Organisation.reminders_looked_at))}
    stale = {one for one, at in looked.items() if at is None or at < now - _NOTED_EVERY}
    found = Counter(date.organisation_id for date, _zone, _one in _plan(db, now, looked))
    # Each transaction takes some: rendering thousands in one would keep SQLite's writers waiting.
    return [(one, one) for one in sorted(stale | found.keys()) for _ in range(max(1, -(-found[one] // TAKEN)))]


def remind_due(work: Work, organisation_id: int) -> int:
    """The next `TAKEN` dates and zones that are due in the organisation; returns how many mails. Two workers take turns."""
    # KEY SHARE, which every new row of the organisation takes, goes on beside this lock.
    mine = select(Organisation).where(Organisation.id == work.organisation_id)
    here = work.db.scalars(mine.with_for_update(key_share=True).execution_options(populate_existing=True)).one()
    found = sorted(_plan(work.db, work.now, {here.id: here.reminders_looked_at}), key=lambda one: (one[2].at, one[0].id, one[1]))
    if len(found) <= TAKEN:
        here.reminders_looked_at = work.now
    found = found[:TAKEN]
    if not found:
        return 0
    batch = new_batch()
    rounds = [
        {
            "organisation_id": here.id, "live_session_id": date.id, "rule": one.rule, "starts_at": date.starts_at, "timezone": zone,
            "due_at": one.at, "outcome": one.outcome, "batch": batch, "created_at": work.now,
        }
        for date, zone, one in found
    ]  # fmt: skip
    work.db.execute(insert(R_), rounds)
    _note_people(work, batch)
    sent = {(date.id, zone) for date, zone, one in found if one.outcome == SENT}
    return _send(work, batch, sent) if sent else 0


def _plan(db: Session, now: datetime, looked: dict[int, datetime | None]) -> list[tuple[_Date, str, Due]]:
    """(date, zone, what is to be done about it) of these organisations; `looked`: up to when all was dealt with."""
    since = {one: max(min(at or now, now - GRACE), now - LOOK_BACK) for one, at in looked.items()}
    if not since:
        return []
    dates = {date.id: date for date in _dates(db, now, min(since.values()), list(since))}
    done: dict[tuple[int, str], dict[str, object]] = defaultdict(dict)
    zones: set[tuple[int, str]] = set()
    ids = sorted(dates)
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        for row in db.execute(select(R_.live_session_id, R_.timezone, R_.rule, R_.starts_at).where(R_.live_session_id.in_(some))):
            if row.starts_at == dates[row.live_session_id].starts_at:
                done[row.live_session_id, row.timezone][row.rule] = True
        zones |= set(map(tuple, db.execute(_people(Enrolment.live_session_id, Learner.timezone, some))))
    out = []
    for number, zone in sorted(zones):
        date = dates[number]
        for one in reminders.due(
            date.rules, date.starts_at, zone, now, since=since[date.organisation_id], known_since=date.known_since, done=done[number, zone]
        ):  # fmt: skip
            out.append((date, zone, one))
    return out


def _dates(db: Session, now: datetime, since: datetime, organisations: list[int]) -> list[_Date]:
    """Dates one of whose rules has its moment between `since` and now."""
    reach = [
        and_(L_.starts_at > since + (rule.before or timedelta()), L_.starts_at <= now + (rule.before or timedelta(days=1)))
        for rule in reminders.RULES.values()
    ]
    told = (
        select(func.min(Revision.frozen_at)).where(Revision.live_session_id == L_.id, Revision.starts_at == L_.starts_at).scalar_subquery()
    )
    query = (
        select(
            L_.id, L_.organisation_id, L_.starts_at, L_.created_at, told.label("told"), L_.reminders, Course.reminders.label("of_course"),
            Organisation.reminders.label("of_organisation"),
        )
        .join(Course, Course.id == L_.course_id)
        .join(Organisation, Organisation.id == L_.organisation_id)
        # An edit that still settles is told first; the reminder says what then holds.
        .where(L_.organisation_id.in_(organisations), TAKES_PLACE, L_.status == "scheduled", L_.draft.is_(False), L_.settle_at.is_(None))
        .where(L_.calendar_enabled, or_(*reach))
    )  # fmt: skip
    return [
        _Date(row.id, row.organisation_id, row.starts_at, reminders.in_effect(row.reminders, row.of_course, row.of_organisation), row.told or row.created_at)
        for row in db.execute(query)
    ]  # fmt: skip


def _people(*columns_and_ids):
    *columns, ids = columns_and_ids
    return (
        select(*columns)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(Enrolment.live_session_id.in_(ids), Enrolment.status.in_(_REMINDED), WANTED)
        .distinct()
    )


def _note_people(work: Work, batch: int) -> None:
    """A row for everybody whom a round concerns: in the session before its moment, and not reminded so of this start before."""
    before = exists().where(Reminder.enrolment_id == Enrolment.id, Reminder.rule == R_.rule, Reminder.starts_at == R_.starts_at)
    columns = {
        "organisation_id": R_.organisation_id, "enrolment_id": Enrolment.id, "round_id": R_.id, "rule": R_.rule, "starts_at": R_.starts_at,
        "outcome": R_.outcome,
    }  # fmt: skip
    rows = (
        select(*(value.label(name) for name, value in columns.items()))
        .select_from(R_)
        .join(Enrolment, Enrolment.live_session_id == R_.live_session_id)
        .join(Learner, and_(Learner.id == Enrolment.learner_id, Learner.timezone == R_.timezone))
        .where(
            R_.batch == batch, Enrolment.status.in_(_REMINDED), WANTED, Enrolment.created_at < R_.due_at, ~before.correlate(R_, Enrolment)
        )
        .order_by(R_.id, Enrolment.id)
    )
    work.db.execute(insert(Reminder).from_select(list(columns), rows, include_defaults=False))


def _send(work: Work, batch: int, sent: set[tuple[int, str]]) -> int:
    sender = work.organisation.mailbox
    _render(work, batch, sent)
    kind = case({status.value: literal(one.value) for status, one in KINDS.items()}, value=Enrolment.status)
    columns = {
        "organisation_id": literal(work.organisation_id), "channel": literal("mail"), "kind": S_.kind, "method": null(),
        "live_session_id": Enrolment.live_session_id, "enrolment_id": Enrolment.id, "entry_id": null(), "learner_id": Learner.id,
        "skeleton_id": S_.id, "sender": literal(sender.address), "recipient": func.coalesce(Learner.target_email, Learner.email),
        "recipient_name": Learner.name, "page_id": Learner.page_id, "dtstamp": literal(work.stamp()), "key_id": literal(work.key_id),
        "state": literal(QUEUED), "due_at": literal(work.now, D_.due_at.type),
        "expires_at": case(
            (Reminder.starts_at < literal(work.now + LIFETIME, D_.expires_at.type), Reminder.starts_at),
            else_=literal(work.now + LIFETIME, D_.expires_at.type),
        ),
        "created_at": literal(work.now, D_.created_at.type),
    }  # fmt: skip
    rows = (
        select(*(value.label(name) for name, value in columns.items()))
        .select_from(R_)
        .join(Reminder, Reminder.round_id == R_.id)
        .join(Enrolment, Enrolment.id == Reminder.enrolment_id)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .join(
            S_,
            and_(
                S_.batch == batch, S_.live_session_id == R_.live_session_id, S_.timezone == R_.timezone, S_.locale == Learner.locale,
                S_.kind == kind,
            ),
        )
        .where(R_.batch == batch, Reminder.outcome == SENT)
        .order_by(Reminder.id)
    )  # fmt: skip
    write = insert(D_).from_select(list(columns), rows, include_defaults=False)
    return work.db.execute(write, execution_options={"preserve_rowcount": True}).rowcount


def _render(work: Work, batch: int, sent: set[tuple[int, str]]) -> None:
    """One mail for all who read the same language in the same zone and stand alike; a template that fails leaves everything as it was."""
    sender = work.organisation.mailbox
    ids = sorted({number for number, _zone in sent})
    readers = []
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        readers += work.db.execute(_people(Enrolment.live_session_id, Learner.timezone, Learner.locale, Enrolment.status, some)).all()
    shown, rows = snapshots(work, ids), []
    for number, zone, locale, status in readers:
        if (number, zone) not in sent:
            continue
        kind = KINDS[S(status)]
        body = rendering.skeleton(kind, shown[number], None, locale, zone, sender, work.organisation)
        rows.append(
            {
                "organisation_id": work.organisation_id, "batch": batch, "kind": kind.value, "sender_name": sender.name,
                "sender_address": sender.address, "locale": locale, "timezone": zone, "live_session_id": number, "base_url": work.base_url,
                "body": body, "created_at": work.now,
            }
        )  # fmt: skip
    if rows:
        work.db.execute(insert(S_), rows)


def snapshots(work: Work, ids: Sequence[int]) -> dict[int, Snapshot]:
    """What was last published of each; a date in the one entry of its series has no revisions of its own."""
    out: dict[int, Snapshot] = {}
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        newest = select(func.max(Revision.id)).where(Revision.live_session_id.in_(some)).group_by(Revision.live_session_id)
        out |= {one.live_session_id: one.snapshot for one in work.db.scalars(select(Revision).where(Revision.id.in_(newest)))}
        bare = [number for number in some if number not in out]
        query = select(L_, Course).join(Course, Course.id == L_.course_id).where(L_.id.in_(bare))
        out |= {session.id: session.snapshot(course) for session, course in work.db.execute(query)}
    return out


def rounds_of(work: Work, session_id: int) -> list[ReminderRound]:
    """What became of the reminders of a session, the newest first."""
    query = select(R_).where(R_.organisation_id == work.organisation_id, R_.live_session_id == session_id)
    return list(work.db.scalars(query.order_by(R_.due_at.desc(), R_.timezone, R_.id)))


def stop(work: Work, learner: Learner, off: bool) -> None:
    """The learner wants no reminders any more, or wants them again; what waits to leave does not leave."""
    if (learner.reminders_off_at is not None) == off:
        return
    learner.reminders_off_at = work.now if off else None
    learner.version += 1
    work.record("reminders stopped" if off else "reminders wanted again", learner_id=learner.id)
    if off:
        withdraw(work, and_(D_.learner_id == learner.id, D_.kind.in_([kind.value for kind in REMINDERS])))


def withdraw(work: Work, which) -> None:
    """Messages that `which` selects and that have not left are of no use any more."""
    values = {"state": SUPPRESSED, "final_at": work.now, "last_error": "Not sent: the reader wants no such mail any more."}
    work.db.execute(update(D_).where(which, waiting_to_leave(D_)).values(**values).execution_options(synchronize_session=False))
