"""Replies to one date of a series that stands in calendars as one entry (RECURRENCE-ID, RFC 5545 3.8.4.4): that date alone is answered."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, update

from ..itip import ordering
from ..itip.ordering import Held, LastReply, Reply
from ..itip.ordering import Verdict as Order
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.sessions import LiveSession, Revision
from ..training import changes, recurrence
from ..training.changes import Snapshot
from ..training.statuses import ATTENDANCE, TABLE, Answer, EnrolmentStatus
from . import enrolling, series_own, series_people
from .following import touched
from .work import Work

S = EnrolmentStatus
Ending = tuple[str, str, str]
"""Outcome, code, reason."""


def find_date(work: Work, head_id: int, instant: int | None) -> LiveSession | None:
    """The date whose original start is this instant (seconds since 1970)."""
    if instant is None:
        return None
    at = datetime.fromtimestamp(instant, UTC)
    return work.db.scalars(select(LiveSession).where(LiveSession.series_id == head_id, LiveSession.recurrence_id == at)).first()


def was_date(work: Work, head: LiveSession, instant: int | None) -> bool:
    """Whether the series, as people were once told of it, had a date that started at this instant."""
    told = select(Revision).where(Revision.live_session_id == head.id).order_by(Revision.number.desc())
    return any(instant in _instants(revision.snapshot) for revision in work.db.scalars(told))


def _instants(told: Snapshot) -> set[int]:
    if not told.rule:
        return set()
    rule = recurrence.parse_rule(told.rule, told.timezone)
    return {int(changes.instant(local, told.timezone).timestamp()) for local in recurrence.starts(rule, told.start, told.timezone)}


def answer_date(
    work: Work, date: LiveSession, entry: CalendarEntry, learner_id: int, reply: Reply, comment: str, inbound_id: int | None
) -> Ending:
    """Let a reply to one date count; the entry's own EXDATE follows with the next message, since that calendar shows it already."""
    mine = work.db.scalars(
        select(Enrolment).where(Enrolment.live_session_id == date.id, Enrolment.learner_id == learner_id).with_for_update()
    ).first()
    day = f"{date.start:%Y-%m-%d %H:%M} {date.timezone}"
    if mine is None or mine.status == S.CANCELLED:
        return "unchanged", "not_in_date", f"They are not in the date of {day}; nothing changes."
    if date.own_entry:
        return (
            "stale",
            "date_moved",
            f"The date of {day} has left the series and stands in an entry of its own; that one has to be answered.",
        )
    last = LastReply(mine.reply_sequence or 0, mine.reply_dtstamp, mine.partstat) if mine.reply_dtstamp is not None else None
    verdict = ordering.judge(Held(entry.sequence, entry.dtstamp, entry.asked_sequence, entry.asked_dtstamp, {}, last), reply)
    if verdict.verdict in _WORDS:
        return _WORDS[verdict.verdict]
    answer = Answer(reply.partstat)
    mine.reply_sequence, mine.reply_dtstamp = verdict.sequence, verdict.dtstamp
    return record(work, date, mine, answer, comment, inbound_id)


def record(work: Work, date: LiveSession, mine: Enrolment, answer: Answer, comment: str = "", inbound_id: int | None = None) -> Ending:
    """Note an answer to one date and let the table say what it does to the status there."""
    before, was = S(mine.status), mine.partstat
    mine.partstat, mine.responded_at, mine.updated_at, mine.comment = answer.value, work.now, work.now, comment or None
    work.record(
        "answered", live_session_id=date.id, enrolment_id=mine.id, learner_id=mine.learner_id, inbound_id=inbound_id,
        detail={"answer": answer.value, "status": before, "was": was, "recurrence_id": f"{date.recurrence_id:%Y%m%dT%H%M%SZ}"},
    )  # fmt: skip
    work.db.flush()
    day = f"{date.start:%Y-%m-%d}"
    if date.status == "cancelled" or date.ends_at <= work.now:
        return "unchanged", "session_over", f"The date of {day} is cancelled or over: noted, the status there stays {before}."
    new = TABLE[before].after(answer)
    if new is None or new == before:
        return "unchanged", "no_change", f"Noted for {day}; the status there stays {before}."
    if TABLE[new].seat and not TABLE[before].seat and not series_people.has_seat(work, date, mine.learner_id):
        return "unchanged", "found_full", f"Yes to {day}, but the series is full: noted, the status there stays {before}."
    enrolling.change(work, date, mine, new, "answered one date", inbound_id=inbound_id, own=True)
    head = work.db.get_one(LiveSession, date.series_id)
    series_own.refresh(work, head, [mine.learner_id])
    return "applied", "status_changed", f"For {day} alone: {before} became {new}."


def answer_rest(work: Work, head: LiveSession, learner_id: int, answer: Answer) -> bool:
    """No to the whole where a single date was answered Yes: the others are given up, that one and the seat are kept. False where there is none."""
    dates = [one.id for one in series_people.coming_dates(work, head) if not one.own_entry]
    mine = (Enrolment.live_session_id.in_(dates), Enrolment.learner_id == learner_id)
    kept = select(Enrolment.id).where(*mine, Enrolment.responded_at.is_not(None), Enrolment.status == S.REGISTERED).limit(1)
    if answer is not Answer.NO or work.db.scalar(kept) is None:
        return False
    work.db.execute(
        update(Enrolment)
        .where(*mine, Enrolment.responded_at.is_(None), Enrolment.status.not_in([*ATTENDANCE, S.CANCELLED, S.DECLINED]))
        .values(status=S.DECLINED, updated_at=work.now, version=Enrolment.version + 1)
        .execution_options(synchronize_session=False)
    )
    touched(work.db, head.id)
    series_own.refresh(work, head, [learner_id])
    return True


_WORDS: dict[Order, Ending] = {
    Order.STALE: ("stale", "stale_answer", "It answers an older version of the series, before the times changed; the status stays."),
    Order.OLDER: ("stale", "older_answer", "A later answer to this date is already recorded; this one changes nothing."),
    Order.DUPLICATE: ("unchanged", "duplicate", "The same answer to this date once more; nothing changes."),
    Order.FUTURE: ("quarantined", "future_sequence", "It answers a version that we have not sent: not ours. Look at it and decide."),
    Order.NO_ANSWER: ("unchanged", "no_answer", "It says neither Yes, No nor Maybe to this date; an earlier answer stays."),
}
