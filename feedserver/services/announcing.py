"""Chat channels hear of sessions: published, changed, cancelled, free again, and in the morning what takes place that day.

A message for each change once it has settled (that is: for each new revision), for a series one in all. Rendered and frozen in the transaction of
the change, like a mail; `publish.chat` sends it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, aliased

from ..imip import chat
from ..imip.chat import Card, Channel
from ..store.destinations import ACTIVE, CHAT, LEAVING, Destination
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.outbox import Delivery
from ..store.sessions import TAKES_PLACE, LiveSession, Revision, Seats
from ..training.audiences import published as view
from ..training.audiences import strictest
from ..training.changes import Snapshot
from ..training.statuses import SEATED, TABLE, EnrolmentStatus
from . import webhook_events
from .event_types import Happened
from .reminding import snapshots
from .work import Work

PUBLISHED, CHANGED, CANCELLED, FREE, TODAY = "published", "changed", "cancelled", "seats", "reminder"
WHAT = (PUBLISHED, CHANGED, CANCELLED, FREE, TODAY)
"""What a channel can ask for."""
MORNING = time(7)
LIFETIME = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class News:
    """One thing to say of a session (of a series: of its head, and `number` of its dates)."""

    what: str
    session: LiveSession
    now: Snapshot
    before: Snapshot | None = None
    reason: str = ""
    number: int = 1
    free: int | None = None


def announce(work: Work, happened: Sequence[Happened], revisions: Sequence[Revision]) -> int:
    """Tell the channels of what this transaction published, cancelled and freed; returns how many messages were written."""
    cancelled = {one.live_session_id: str(one.detail.get("reason") or "") for one in happened if one.verb == "cancelled"}
    frozen = {one.live_session_id: one for one in sorted(revisions, key=lambda one: one.number)}
    freed = _freed(happened)
    if not (cancelled or frozen or freed):
        return 0
    channels = listeners(work)
    if not channels:
        return 0
    query = select(LiveSession).where(
        LiveSession.organisation_id == work.organisation_id, LiveSession.id.in_({*cancelled, *frozen, *freed})
    )
    sessions = {one.id: one for one in work.db.scalars(query.execution_options(populate_existing=True))}
    open_ = {number for number, one in sessions.items() if not one.draft and one.ends_at > work.now}
    news = _of_revisions(
        work, {n: frozen[n] for n in frozen.keys() & open_ - cancelled.keys() if sessions[n].status == "scheduled"}, sessions, revisions
    )
    news += _of_cancelled(work, {n: cancelled[n] for n in cancelled.keys() & open_}, sessions)
    seats = _seats(work, freed.keys() & open_ - frozen.keys() - cancelled.keys())
    shown = snapshots(work, sorted(seats))
    news += [News(FREE, sessions[n], shown[n], free=free) for n, free in seats.items() if 0 < free <= freed[n]]
    return _write(work, channels, news)


def listeners(work: Work) -> list[Destination]:
    """The chat channels that are told; what happens while one is paused is not said afterwards: it would be old."""
    mine = (Destination.organisation_id == work.organisation_id, Destination.channel == CHAT, Destination.state.not_in((LEAVING, "paused")))
    return list(work.db.scalars(select(Destination).where(*mine).order_by(Destination.id)))


def due(db: Session, now: datetime) -> list[tuple[int, int]]:
    """(organisation, channel) of those that are to be told what takes place today and were not yet; not after noon."""
    query = select(Destination.organisation_id, Destination.id, Destination.settings)
    rows = db.execute(query.where(Destination.channel == CHAT, Destination.state == ACTIVE))
    return [(organisation, number) for organisation, number, chosen in rows if TODAY in chosen["what"] and _morning(chosen, now)]


def remind(work: Work, channel_id: int) -> int:
    """Tell one channel what takes place today; returns the messages, none where it was told or nothing does."""
    channel = work.db.get_one(Destination, channel_id, with_for_update=True, populate_existing=True)
    chosen = channel.settings
    if not _morning(chosen, work.now):
        return 0
    here = work.now.astimezone(ZoneInfo(chosen["timezone"]))
    channel.settings = {**chosen, "reminded": here.date().isoformat()}
    end = datetime.combine(here.date() + timedelta(days=1), time(), here.tzinfo)
    query = select(LiveSession).where(
        LiveSession.organisation_id == work.organisation_id, TAKES_PLACE, LiveSession.status == "scheduled", LiveSession.draft.is_(False),
        LiveSession.starts_at > work.now, LiveSession.starts_at < end,
    )  # fmt: skip
    sessions = list(work.db.scalars(query.order_by(LiveSession.starts_at, LiveSession.id)))
    teams = _teams(work, [channel], [one.id for one in sessions])
    sessions = [one for one in sessions if _belongs(channel, one, teams) and _may_see(channel, one, one.visibility)]
    if not sessions:
        return 0
    shown, free = snapshots(work, [one.id for one in sessions]), _seats(work, {one.series_id or one.id for one in sessions})
    today = [(_dated(shown[one.id], one), free.get(one.series_id or one.id)) for one in sessions]
    card = chat.reminder(today, Channel(chosen["locale"], chosen["timezone"]))
    work.db.execute(insert(Delivery), [_row(work, channel, TODAY, card, f"day:{here.date()}", None)])
    return 1


def row_for_test(work: Work, channel: Destination) -> dict:
    """A message that says no more than that messages arrive."""
    words = Card(work.organisation.name, (("", ("Messages arrive here.",)),))
    return _row(work, channel, "test", words, webhook_events.new_id(), None)


def _morning(chosen: dict, now: datetime) -> bool:
    here = now.astimezone(ZoneInfo(chosen["timezone"]))
    return MORNING <= here.time() < time(12) and chosen.get("reminded") != here.date().isoformat()


def _dated(shown: Snapshot, session: LiveSession) -> Snapshot:
    """As it is told today: a date of a series that is one entry has the times of its own row."""
    return replace(shown, start=session.start, end=session.end, timezone=session.timezone, fold=session.fold, rule="", left_out=())


def _freed(happened: Sequence[Happened]) -> dict[int, int]:
    """Of each session, how many gave up a seat and nobody took."""
    found: dict[int, int] = defaultdict(int)
    for one in happened:
        if one.changes_status and one.live_session_id is not None:
            before, after = (TABLE[EnrolmentStatus(one.detail[name])].seat for name in ("from", "to"))
            found[one.live_session_id] += before - after
        elif one.verb == "seat no longer kept" and one.live_session_id is not None:
            found[one.live_session_id] += 1
    return {number: count for number, count in found.items() if count > 0}


def _of_revisions(work: Work, frozen: dict[int, Revision], sessions: dict[int, LiveSession], revisions: Sequence[Revision]) -> list[News]:
    first_new = {}
    for one in sorted(revisions, key=lambda one: -one.number):
        first_new[one.live_session_id] = one.number
    older = aliased(Revision)
    befores = {}
    known = [n for n in frozen if first_new[n] > 0]
    if known:
        last = select(older).where(older.live_session_id.in_(known)).order_by(older.number)
        for one in work.db.scalars(last):
            if one.number < first_new[one.live_session_id]:
                befores[one.live_session_id] = one.snapshot
    free = _seats(work, frozen.keys())
    found = []
    for what, numbers in ((PUBLISHED, [n for n in frozen if n not in befores]), (CHANGED, list(befores))):
        for head, some in _by_series(numbers, sessions).items():
            about = frozen.get(head, frozen[some[0]])
            number = len(some) - (head in some and len(some) > 1)
            before = befores.get(about.live_session_id, about.snapshot)
            session = sessions[about.live_session_id]
            found.append(News(what, session, about.snapshot, before, number=number, free=free.get(about.live_session_id)))
    return found


def _of_cancelled(work: Work, cancelled: dict[int, str], sessions: dict[int, LiveSession]) -> list[News]:
    shown = snapshots(work, sorted(cancelled))
    found = []
    for head, some in _by_series(list(cancelled), sessions).items():
        about = head if head in some else some[0]
        number = len(some) - (head in some and len(some) > 1)
        found.append(News(CANCELLED, sessions[about], shown[about], reason=cancelled[about], number=number))
    return found


def _by_series(numbers: Collection[int], sessions: dict[int, LiveSession]) -> dict[int, list[int]]:
    """Dates of one series that changed together are one message, about the head where that changed with them."""
    found: dict[int, list[int]] = defaultdict(list)
    for number in sorted(numbers, key=lambda n: (sessions[n].starts_at, n)):
        found[sessions[number].series_id or number].append(number)
    return found


def _seats(work: Work, ids: Collection[int]) -> dict[int, int]:
    """Of each session with a limited number, how many seats are free."""
    if not ids:
        return {}
    query = select(Seats.live_session_id, Seats.capacity - Seats.taken).where(Seats.live_session_id.in_(ids), Seats.capacity.is_not(None))
    return {number: max(0, free) for number, free in work.db.execute(query)}


def _write(work: Work, channels: Sequence[Destination], news: Sequence[News]) -> int:
    teams = _teams(work, channels, [one.session.id for one in news])
    rows = []
    for channel in channels:
        to = Channel(channel.settings["locale"], channel.settings["timezone"])
        for one in news:
            seen = strictest(one.session.visibility, one.now.visibility, *([one.before.visibility] if one.before else []))
            if one.what in channel.settings["what"] and _belongs(channel, one.session, teams) and _may_see(channel, one.session, seen):
                card = _card(one, to)
                if card is not None:
                    rows.append(_row(work, channel, one.what, card, f"session:{one.session.series_id or one.session.id}", one.session.id))
    if rows:
        work.db.execute(insert(Delivery), rows)
    return len(rows)


def _card(one: News, to: Channel) -> Card | None:
    if one.what == PUBLISHED:
        return chat.published(one.now, to, dates_=one.number, free=one.free)
    if one.what == CANCELLED:
        return chat.cancelled(one.now, one.reason, to, dates_=one.number)
    if one.what == FREE:
        return chat.seats(one.now, one.free or 0, to)
    return chat.changed(one.before or one.now, one.now, to, dates_=one.number)


def _row(work: Work, channel: Destination, what: str, card: Card, lane: str, session_id: int | None) -> dict:
    text = chat.FLAVOURS[channel.settings["flavour"]](card)
    row = webhook_events.row(work, channel, webhook_events.new_id(), f"chat.{what}", text, lane=lane, session_id=session_id)
    return row | {"expires_at": work.now + LIFETIME}


def _belongs(channel: Destination, session: LiveSession, teams: dict[str, set[int]]) -> bool:
    kind, subject = channel.settings["subject_kind"], channel.settings["subject"]
    if kind == "team":
        return bool({session.id, session.series_id} & teams.get(subject, set()))
    return kind == "everything" or subject == str(session.course_id)


def _may_see(channel: Destination, session: LiveSession, visibility: str) -> bool:
    """A channel has readers whom nobody here knows: it hears of what everybody on its side may see by name, and of nothing else."""
    shown = view(channel.settings["subject_kind"], "full", visibility)
    return shown is not None and shown.title == "own" and shown.place


def _teams(work: Work, channels: Sequence[Destination], ids: Collection[int]) -> dict[str, set[int]]:
    """Of each team that a channel is for, those of these sessions in which anybody of it has a seat."""
    wanted = {one.settings["subject"] for one in channels if one.settings["subject_kind"] == "team"}
    found: dict[str, set[int]] = defaultdict(set)
    if wanted and ids:
        query = (
            select(Learner.team, Enrolment.live_session_id)
            .join(Enrolment, Enrolment.learner_id == Learner.id)
            .where(Learner.organisation_id == work.organisation_id, Learner.team.in_(wanted), Enrolment.live_session_id.in_(ids))
            .where(Enrolment.status.in_(SEATED))
            .distinct()
        )
        for team, number in work.db.execute(query):
            found[team].add(number)
    return found
