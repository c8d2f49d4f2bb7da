"""A change becomes outbox rows: which entry is told what, set-based, in the transaction of the change.

The number of statements does not depend on the number of learners. A message is rendered once for all who read the same language in the
same zone and were last told the same (`mail_skeletons`); the rows join it by those columns. "Last told" is what certainly left or may
have left: a message that is replaced before it left hands its own baseline on, so that the "before" in a mail is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    exists,
    insert,
    literal,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import aliased

from ..addresses import Mailbox
from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.entries import DECLINED, GONE, SHOWN, WAITING, CalendarEntry, new_uid
from ..store.learners import FeedVersion, Learner
from ..store.outbox import DEFERRED, QUEUED, SUPERSEDED, Delivery, MailSkeleton
from ..store.sessions import LiveSession, Revision, RevisionVevent
from ..training.changes import asks_again, diff
from ..training.statuses import ON_CALENDAR, TABLE, EnrolmentStatus
from ..training.statuses import WAITING as WAITING_STATUSES
from . import rendering
from .rendering import Kind
from .work import Work, new_batch

LIFETIME = timedelta(days=5)
E_, D_, S_ = CalendarEntry, Delivery, MailSkeleton
_WAITING_TO_LEAVE = and_(D_.state.in_((QUEUED, DEFERRED)), D_.ambiguous == 0)


@dataclass(frozen=True)
class Readers:
    """People who get the same octets but for their own values: what they were last told, language, zone, sender."""

    told: int | None
    locale: str
    timezone: str
    sender: Mailbox
    declined: bool


def freeze(work: Work, session: LiveSession) -> Revision:
    """The latest revision if it shows the session as it stands, else a new one with its VEVENTs rendered (design decisions 6, 10)."""
    snapshot = session.snapshot(work.db.get_one(Course, session.course_id))
    last = latest_revision(work, session)
    if last is not None and last.snapshot == snapshot:
        return last
    revision = Revision(
        live_session_id=session.id,
        number=0 if last is None else last.number + 1,
        snapshot_json=snapshot.to_json(),
        starts_at=snapshot.starts_at,
        ends_at=snapshot.ends_at,
        frozen_at=work.now,
    )
    work.db.add(revision)
    work.db.flush()
    for locale in rendering.LOCALES:
        body, busy, zone = rendering.feed_vevents(snapshot, locale)
        work.db.add(RevisionVevent(revision_id=revision.id, locale=locale, timezone=zone, body=body, busy=busy))
    work.db.flush()
    return revision


def latest_revision(work: Work, session: LiveSession) -> Revision | None:
    """The newest frozen state of a session."""
    query = select(Revision).where(Revision.live_session_id == session.id).order_by(Revision.number.desc()).limit(1)
    return work.db.scalars(query).first()


def publish(work: Work, session: LiveSession) -> int:
    """Freeze what the session shows now and tell everybody whose calendar shows something else; returns the number of messages.

    A net-zero edit tells nobody. Somebody who declined hears of a new time, never of wording. Sessions that are over send nothing.
    """
    work.db.execute(update(LiveSession).where(LiveSession.id == session.id).values(settle_at=None))
    session.settle_at = None
    if session.status != "scheduled":
        return 0
    _hold_waiting(work, session)
    revision = freeze(work, session)
    told = _told(session)
    behind = select(told).where(told.c.ended_at.is_(None), told.c.revision_id != revision.id).subquery()
    befores = {r: work.db.get_one(Revision, r).snapshot for r in work.db.scalars(select(behind.c.told).distinct()) if r is not None}
    changes = {r: diff(before, revision.snapshot) for r, before in befores.items()}
    same = [r for r, c in changes.items() if not c]
    asking = [r for r, c in changes.items() if asks_again(c)]
    wording = [r for r in changes if r not in same and r not in asking]
    asked = or_(behind.c.told.is_(None), behind.c.told.in_(asking))
    reworded = and_(behind.c.told.in_(wording), behind.c.status != EnrolmentStatus.DECLINED)
    batch = new_batch()
    sent = 0
    if _open_for_mail(work, session, *(before.ends_at for before in befores.values())):
        sent = _dispatch(
            work, session, revision, batch, behind, and_(behind.c.mailed, or_(asked, reworded)),
            lambda r: Kind.INVITE if r.told is None else Kind.UPDATE, method="REQUEST",
            partstat=case((asked, "NEEDS-ACTION"), else_=behind.c.partstat),
        )  # fmt: skip
    now_told = {"revision_id": revision.id}
    # Back to what they were told before the message that has not left: that one goes, and the feed, which showed it, moves on.
    _touch(work, select(behind.c.id).where(behind.c.told.in_(same), behind.c.pending.is_not(None)), batch, **now_told)
    _supersede(work, session, batch, select(E_.id).where(E_.live_session_id == session.id, E_.batch == batch))
    unmoved = select(behind.c.id).where(behind.c.told.in_(same))
    work.db.execute(update(E_).where(E_.id.in_(unmoved)).values(**now_told).execution_options(synchronize_session=False))
    _touch(work, select(behind.c.id).where(reworded), batch, **now_told)
    _touch(work, select(behind.c.id).where(asked), batch, **now_told, **_ask_again(work))
    _bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
    return sent


def begin(work: Work, session: LiveSession, only: int | None = None) -> int:
    """Put the session into the calendars of everybody enrolled in it who has no live entry, or takes the one that only the feed showed.

    `only` narrows it to one enrolment. A first invitation never waits for the settle time. Returns the number of invitations.
    """
    revision = freeze(work, session)
    batch = new_batch()
    _new_entries(work, session, revision, batch, only)
    if not _open_for_mail(work, session):
        _bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
        return 0
    feed_only = select(E_.id).join(Enrolment, Enrolment.entry_id == E_.id).join(Learner, Learner.id == E_.learner_id).where(
        E_.live_session_id == session.id, E_.ended_at.is_(None), E_.mailed.is_(False), Enrolment.status.in_(ON_CALENDAR), Learner.channel != "feed",
        Enrolment.id == only if only else true(),
    )  # fmt: skip
    stamp = _later(work)
    work.db.execute(
        update(E_).where(E_.id.in_(feed_only))
        .values(mailed=True, batch=batch, revision_id=revision.id, dtstamp=stamp, asked_dtstamp=stamp, asked_sequence=E_.sequence)
    )  # fmt: skip
    told = _told(session)
    fresh = select(told).where(told.c.batch == batch, told.c.mailed).subquery()
    sent = _dispatch(
        work, session, revision, new_batch(), fresh, literal(True), lambda _r: Kind.INVITE,
        method="REQUEST", partstat=literal("NEEDS-ACTION"), bump=0,
        baseline=cast(null(), BigInteger), dtstamp=fresh.c.dtstamp,
    )  # fmt: skip
    _bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
    return sent


def end(
    work: Work,
    session: LiveSession,
    which: ColumnElement[bool],
    kind: Kind,
    *,
    ended_as: str,
    feed_state: str = GONE,
    note: str = "",
    extra: dict | None = None,
) -> int:
    """Take the live entries that `which` selects out of calendars: CANCEL to those who may have the entry and did not say No.

    An invitation that certainly never left is taken back with no message at all. Returns the number of CANCELs.
    """
    _hold_waiting(work, session)
    revision = latest_revision(work, session)
    told = _told(session)
    chosen = select(E_.id).where(E_.live_session_id == session.id, E_.ended_at.is_(None), which)
    going = select(told).where(told.c.id.in_(chosen)).subquery()
    never_left = and_(going.c.pending.is_not(None), going.c.told.is_(None))
    batch = new_batch()
    sent = 0
    if revision is not None and _open_for_mail(work, session, revision.ends_at, even_without_calendar=True):
        sent = _dispatch(
            work, session, revision, batch, going, and_(going.c.mailed, ~never_left, going.c.partstat != "DECLINED"),
            lambda _r: kind, method="CANCEL", partstat=going.c.partstat, note=note, extra=extra,
        )  # fmt: skip
    _supersede(work, session, batch, select(going.c.id).where(going.c.pending.is_not(None)))
    _touch(work, select(going.c.id), batch, ended_at=work.now, ended_as=ended_as, feed_state=feed_state)
    _bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
    return sent


def tell(
    work: Work,
    session: LiveSession,
    entry: CalendarEntry,
    kind: Kind,
    *,
    note: str = "",
    bump: bool = True,
    ask: bool = False,
    extra: dict | None = None,
    seen: int | None = None,
) -> int:
    """One person is sent the present state of one entry again (REQUEST), or that it has ended (CANCEL when `entry` has).

    `seen` is the revision that they have been looking at, where that is known to be an older one: the mail then says what changed.
    """
    _hold_waiting(work, session)
    ended = entry.ended_at is not None
    revision = work.db.get_one(Revision, entry.revision_id) if ended else freeze(work, session)
    told = _told(session)
    one = select(told).where(told.c.id == entry.id).subquery()
    batch = new_batch()
    sent = 0
    if entry.mailed and _open_for_mail(work, session, revision.ends_at, even_without_calendar=ended):
        partstat = literal("NEEDS-ACTION") if ask else one.c.partstat
        sent = _dispatch(
            work, session, revision, batch, one, literal(True), lambda r: Kind.INVITE if r.told is None and not ended else kind,
            method="CANCEL" if ended else "REQUEST", partstat=partstat, note=note, extra=extra, bump=int(bump),
            baseline=literal(seen) if seen else None,
        )  # fmt: skip
    stamp = _later(work)
    values = {"dtstamp": stamp, "batch": batch, "revision_id": revision.id, "sequence": E_.sequence + int(bump)}
    if ask:
        values |= {"partstat": "NEEDS-ACTION", "asked_sequence": E_.sequence + int(bump), "asked_dtstamp": stamp}
    work.db.execute(update(E_).where(E_.id == entry.id).values(**values))
    work.db.refresh(entry)
    _bump_feeds(work, E_.id == entry.id)
    return sent


def show(work: Work, session: LiveSession, which: ColumnElement[bool]) -> None:
    """Let the feed show the live entries that `which` selects as the enrolment's status says (a Declined one leaves, a waiting one is marked)."""
    states = {
        s: DECLINED if s == EnrolmentStatus.DECLINED else WAITING if rule.listed else SHOWN
        for s, rule in TABLE.items()
        if rule.entry or rule.listed
    }
    status = select(Enrolment.status).where(Enrolment.id == E_.enrolment_id).scalar_subquery()
    state = case(*((status == s, state) for s, state in states.items()), else_=GONE)
    where = and_(E_.live_session_id == session.id, E_.ended_at.is_(None), which)
    work.db.execute(
        update(E_)
        .where(where, E_.feed_state != state)
        .values(feed_state=state, dtstamp=_later(work))
        .execution_options(synchronize_session=False)
    )
    _bump_feeds(work, where)


def _told(session: LiveSession):
    """The session's entries with what their people need, `pending` (a message that has not left) and `told` (what they were last told; null: nothing)."""
    pending = aliased(D_)
    waiting = and_(pending.entry_id == E_.id, pending.state.in_((QUEUED, DEFERRED)), pending.ambiguous == 0)
    return (
        select(
            E_.id, E_.enrolment_id, E_.learner_id, E_.uid, E_.sequence, E_.dtstamp, E_.partstat, E_.revision_id, E_.mailed, E_.ended_at, E_.batch,
            E_.organizer_name, E_.organizer_address, Enrolment.status, Learner.email, Learner.name, Learner.page_id, Learner.locale, Learner.timezone,
            Learner.channel, pending.id.label("pending"),
            case((pending.id.is_not(None), pending.told_revision_id), else_=E_.revision_id).label("told"),
        )
        .join(Enrolment, Enrolment.id == E_.enrolment_id)
        .join(Learner, Learner.id == E_.learner_id)
        .outerjoin(pending, waiting)
        .where(E_.live_session_id == session.id)
        .subquery()
    )  # fmt: skip


def _dispatch(
    work: Work, session: LiveSession, revision: Revision, batch: int, people, which, choose: Callable[[Readers], Kind], *,
    method: str, partstat, note: str = "", bump: int = 1, baseline=None, dtstamp=None, extra: dict | None = None,
) -> int:  # fmt: skip
    """Render what `people` have to read, once for each kind of reader, and write a row for each of them in one INSERT .. SELECT."""
    p = people.c
    told = p.told if baseline is None else baseline
    groups = work.db.execute(
        select(
            told.label("told"),
            p.locale,
            p.timezone,
            p.organizer_name,
            p.organizer_address,
            (p.status == EnrolmentStatus.DECLINED).label("declined"),
        )
        .where(which)
        .distinct()
    ).all()
    readers = [Readers(g.told, g.locale, g.timezone, Mailbox(g.organizer_name, g.organizer_address), bool(g.declined)) for g in groups]
    _render(work, session, revision, batch, readers, choose, note)
    if not readers:
        return 0
    same_reader = and_(
        S_.batch == batch,
        S_.locale == p.locale,
        S_.timezone == p.timezone,
        S_.sender_name == p.organizer_name,
        S_.sender_address == p.organizer_address,
        or_(S_.told_revision_id == told, and_(S_.told_revision_id.is_(None), told.is_(None))),
    )
    columns = {
        "organisation_id": literal(work.organisation_id),
        "channel": literal("mail"),
        "kind": S_.kind,
        "method": literal(method),
        "live_session_id": literal(session.id),
        "enrolment_id": p.enrolment_id,
        "entry_id": p.id,
        "learner_id": p.learner_id,
        "skeleton_id": S_.id,
        "told_revision_id": told,
        "sender": p.organizer_address,
        "recipient": p.email,
        "recipient_name": p.name,
        "page_id": p.page_id,
        "uid": p.uid,
        "sequence": p.sequence + bump,
        "dtstamp": _later(work, p.dtstamp) if dtstamp is None else dtstamp,
        "partstat": partstat,
        "extra": literal(extra, D_.extra.type) if extra else null(),
        "key_id": literal(work.key_id),
        "state": literal(QUEUED),
        "due_at": literal(work.now, D_.due_at.type),
        "expires_at": literal(_expiry(work, revision, method), D_.expires_at.type),
        "created_at": literal(work.now, D_.created_at.type),
    }
    rows = (
        select(*(value.label(name) for name, value in columns.items()))
        .select_from(people)
        .join(S_, same_reader)
        .where(which)
        .order_by(p.id)
    )
    count = work.db.execute(insert(D_).from_select(list(columns), rows, include_defaults=False)).rowcount
    _supersede(work, session, batch, select(p.id).where(p.pending.is_not(None), which))
    return count


def _render(work: Work, session: LiveSession, revision: Revision, batch: int, readers: Iterable[Readers], choose, note: str) -> None:
    """One skeleton for each kind of reader; a template that fails, fails the change (design decision 6)."""
    seen, befores = set(), {}
    for reader in readers:
        key = (reader.told, reader.locale, reader.timezone, reader.sender)
        if key in seen:
            continue
        seen.add(key)
        if reader.told is not None and reader.told not in befores:
            befores[reader.told] = work.db.get_one(Revision, reader.told).snapshot
        kind = choose(reader)
        body = rendering.skeleton(
            kind,
            revision.snapshot,
            befores.get(reader.told),
            reader.locale,
            reader.timezone,
            reader.sender,
            work.organisation,
            note,
        )
        work.db.add(
            MailSkeleton(
                organisation_id=work.organisation_id, batch=batch, kind=kind.value, told_revision_id=reader.told, sender_name=reader.sender.name,
                sender_address=reader.sender.address, locale=reader.locale, timezone=reader.timezone, base_url=work.base_url, body=body, created_at=work.now,
            )
        )  # fmt: skip
    work.db.flush()


def _new_entries(work: Work, session: LiveSession, revision: Revision, batch: int, only: int | None) -> None:
    """An entry for each enrolment that has none alive; UIDs are made here, since nothing random belongs into SQL."""
    alive = exists().where(E_.id == Enrolment.entry_id, E_.ended_at.is_(None))
    query = (
        select(Enrolment.id, Enrolment.learner_id, Enrolment.status, Learner.channel)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(Enrolment.live_session_id == session.id, Enrolment.status.in_([*ON_CALENDAR, *WAITING_STATUSES]), ~alive)
        .where(Enrolment.id == only if only else true())
        .order_by(Enrolment.id)
    )
    mailing = _open_for_mail(work, session)
    stamp, mailbox = work.stamp(), work.organisation.mailbox
    rows = [
        {
            "organisation_id": work.organisation_id, "enrolment_id": enrolment_id, "learner_id": learner_id, "live_session_id": session.id,
            "revision_id": revision.id, "uid": new_uid(mailbox.domain), "organizer_name": mailbox.name, "organizer_address": mailbox.address,
            "sequence": 0, "dtstamp": stamp, "asked_sequence": 0, "asked_dtstamp": stamp, "partstat": "NEEDS-ACTION", "reconfirm": False,
            "mailed": mailing and status in ON_CALENDAR and channel != "feed",
            "feed_state": DECLINED if status == EnrolmentStatus.DECLINED else WAITING if status in WAITING_STATUSES else SHOWN,
            "batch": batch, "created_at": work.now,
        }
        for enrolment_id, learner_id, status, channel in work.db.execute(query)
    ]  # fmt: skip
    if not rows:
        return
    work.db.execute(insert(E_), rows)
    newest = select(E_.id).where(E_.enrolment_id == Enrolment.id, E_.batch == batch).scalar_subquery()
    fresh = select(E_.enrolment_id).where(E_.live_session_id == session.id, E_.batch == batch)
    work.db.execute(
        update(Enrolment)
        .where(Enrolment.live_session_id == session.id, Enrolment.id.in_(fresh))
        .values(entry_id=newest)
        .execution_options(synchronize_session=False)
    )


def _hold_waiting(work: Work, session: LiveSession) -> None:
    """Lock the session's messages that have not left, so that no worker takes one while it is being replaced."""
    work.db.execute(select(D_.id).where(D_.live_session_id == session.id, _WAITING_TO_LEAVE).with_for_update()).all()


def _supersede(work: Work, session: LiveSession, batch: int, entries) -> None:
    """Messages of these entries that certainly did not leave give way to the newer ones of this batch."""
    new = select(S_.id).where(S_.batch == batch)
    work.db.execute(
        update(D_)
        .where(D_.live_session_id == session.id, _WAITING_TO_LEAVE, D_.entry_id.in_(entries), D_.skeleton_id.not_in(new))
        .values(state=SUPERSEDED, final_at=work.now, last_error="Replaced by a newer message before it left.")
        .execution_options(synchronize_session=False)
    )


def _touch(work: Work, entries, batch: int, **values) -> None:
    """The entries' calendars show something new: SEQUENCE + 1, DTSTAMP later than before (design decision 2)."""
    values = {"sequence": E_.sequence + 1, "dtstamp": _later(work), "batch": batch, **values}
    work.db.execute(
        update(E_)
        .where(E_.id.in_(entries))
        .values(**values)
        .execution_options(synchronize_session="fetch" if "ended_at" in values else False)
    )


def _ask_again(work: Work) -> dict:
    return {
        "asked_sequence": E_.sequence + 1,
        "asked_dtstamp": _later(work),
        "reconfirm": or_(E_.reconfirm, E_.partstat.in_(("ACCEPTED", "TENTATIVE"))),
        "partstat": "NEEDS-ACTION",
    }


def _later(work: Work, column=E_.dtstamp):
    """The later of now and one second after the last DTSTAMP, so that it always grows."""
    return case((column >= work.stamp(), column + 1), else_=work.stamp())


def _bump_feeds(work: Work, which) -> None:
    learners = select(E_.learner_id).where(which)
    work.db.execute(
        update(FeedVersion).where(FeedVersion.learner_id.in_(learners)).values(version=FeedVersion.version + 1, changed_at=work.now)
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def _open_for_mail(work: Work, session: LiveSession, *told_ends: datetime, even_without_calendar: bool = False) -> bool:
    """Whether mail about this session goes out at all: invitations are on, and it is over neither as it stands nor in what people were told."""
    return (session.calendar_enabled or even_without_calendar) and max([session.ends_at, *told_ends]) > work.now


def _expiry(work: Work, revision: Revision, method: str) -> datetime:
    """Until when trying is of use: five days, for a REQUEST not past the end of the session."""
    latest = work.now + LIFETIME
    return latest if method == "CANCEL" else min(latest, max(revision.ends_at, work.now + timedelta(hours=1)))
