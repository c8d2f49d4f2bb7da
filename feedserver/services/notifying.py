"""A change becomes messages: which entry is told what, in the transaction of the change (the writing itself: `dispatching`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, exists, insert, literal, null, or_, select, true, update

from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.entries import DECLINED, GONE, SHOWN, WAITING, CalendarEntry, new_uid
from ..store.learners import Learner
from ..store.outbox import Delivery
from ..store.sessions import LiveSession, Revision, RevisionVevent
from ..training.changes import Snapshot, asks_again, diff
from ..training.statuses import ON_CALENDAR, TABLE, EnrolmentStatus
from ..training.statuses import WAITING as WAITING_STATUSES
from . import dispatching, rendering, series_own, urgent
from .dispatching import Readers, ask_again, bump_feeds, dispatch, hold_waiting, later, open_for_mail, people, readers, supersede, touch
from .rendering import Kind
from .work import Work, new_batch

E_ = CalendarEntry


def freeze(work: Work, session: LiveSession) -> Revision:
    """The latest revision if it shows the session as it stands, else a new one with its VEVENTs rendered (design decisions 6, 10).

    The same wall-clock times may have become other instants by a change of zone data: that is another revision.
    """
    snapshot = session.snapshot(work.db.get_one(Course, session.course_id))
    last = latest_revision(work, session)
    if last is not None and last.snapshot == snapshot and _instants(last) == _instants(snapshot):
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
        body, busy, zone = rendering.feed_vevents(snapshot, locale, join_page=work.organisation.join_links == rendering.JOIN_PAGE)
        work.db.add(RevisionVevent(revision_id=revision.id, locale=locale, timezone=zone, body=body, busy=busy))
    work.db.flush()
    return revision


def latest_revision(work: Work, session: LiveSession) -> Revision | None:
    """The newest frozen state of a session."""
    query = select(Revision).where(Revision.live_session_id == session.id).order_by(Revision.number.desc()).limit(1)
    return work.db.scalars(query).first()


def _instants(shown: Revision | Snapshot) -> tuple[datetime, datetime]:
    return shown.starts_at, shown.ends_at


def publish(work: Work, session: LiveSession, *, by_zone: bool = False) -> int:
    """Freeze what the session shows now and tell everybody whose calendar shows something else; returns the number of messages.

    A net-zero edit tells nobody. Somebody who declined hears of a new time, never of wording. Sessions that are over send nothing.
    Where zone data alone moved the instants people are sent it again with the new VTIMEZONE and their answer stands; `by_zone`
    says that it was so for a series, whose UNTIL moves with it.
    """
    work.db.execute(update(LiveSession).where(LiveSession.id == session.id).values(settle_at=None))
    session.settle_at = None
    if session.status != "scheduled":
        return 0
    hold_waiting(work, session)
    revision = freeze(work, session)
    if not session.own_entry:
        return 0
    everybody = people(session)
    # While invitations are off, who has one (having said No to it) is told nothing, and so stays behind.
    here = true() if session.calendar_enabled else everybody.c.mailed.is_(False)
    behind = select(everybody).where(everybody.c.ended_at.is_(None), everybody.c.revision_id != revision.id, here).subquery()
    groups = readers(work, behind)
    seen = {g.told: work.db.get_one(Revision, g.told) for g in groups if g.told is not None}
    befores = {told: before.snapshot for told, before in seen.items()}
    changes = {told: diff(before, revision.snapshot) for told, before in befores.items()}
    shifted = [
        told
        for told, c in changes.items()
        if _instants(seen[told]) != _instants(revision) and (not c or (by_zone and {one.field for one in c} == {"rule"}))
    ]
    same = [told for told, c in changes.items() if not c and told not in shifted]
    asking = [told for told, c in changes.items() if asks_again(c) and told not in shifted]
    reading = [told for told in changes if told not in same and told not in asking and told not in shifted]
    wording = [*reading, *shifted]
    asked = or_(behind.c.told.is_(None), behind.c.told.in_(asking))
    reworded = and_(behind.c.told.in_(wording), behind.c.status != EnrolmentStatus.DECLINED)
    batch, sent = new_batch(), 0
    if open_for_mail(work, session, *(before.ends_at for before in befores.values())):
        to = [g for g in groups if g.mailed and (g.told in asking or g.told is None or (g.told in wording and not g.declined))]
        sent = dispatch(
            work, session, revision, batch, behind, and_(behind.c.mailed, or_(asked, reworded)), to,
            lambda reader: _first(reader) if reader.told is None else Kind.AGAIN if reader.told in shifted else Kind.UPDATE, method="REQUEST",
            partstat=case((asked, "NEEDS-ACTION"), else_=behind.c.partstat),
        )  # fmt: skip
    sent += urgent.tell_change(work, session, revision, behind, groups, befores, [*asking, *reading])
    _now_told(work, session, revision, batch, behind, groups, same, asking, wording)
    bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
    return sent


def _now_told(
    work: Work, session: LiveSession, revision: Revision, batch: int, behind, groups: list[Readers], same, asking, wording
) -> None:
    """The entries of those who were told, or whose feed shows it, now hold the revision; nothing is joined that need not be."""
    alive = (E_.live_session_id == session.id, E_.ended_at.is_(None), E_.revision_id != revision.id)
    if not session.calendar_enabled:
        alive = (*alive, E_.mailed.is_(False))
    now_told = {"revision_id": revision.id}
    if not any(g.pending for g in groups):
        declined = select(Enrolment.id).where(Enrolment.live_session_id == session.id, Enrolment.status == EnrolmentStatus.DECLINED)
        spared = [E_.enrolment_id.not_in(declined)] if any(g.declined for g in groups) else []
        _quietly(work, and_(*alive, E_.revision_id.in_(same)), now_told, same)
        if wording:
            touch(work, and_(*alive, E_.revision_id.in_(wording), *spared), batch, **now_told)
        if asking:
            touch(work, and_(*alive, E_.revision_id.in_(asking)), batch, **now_told, **ask_again(work))
        return
    of = behind.c
    chosen = lambda *which: E_.id.in_(select(of.id).where(*which))  # noqa: E731
    # Back to what they were told before the message that has not left: that one goes, and the feed, which showed it, moves on. A message that
    # was to show them nothing but what they were told, once more, stays: it puts their calendar right.
    undone = and_(of.pending.is_not(None), of.revision_id != of.told)
    touch(work, chosen(of.told.in_(same), undone), batch, **now_told)
    # The same but for wording, which somebody who said No is not told: they hold what they were told before.
    unsaid = (of.told.in_(wording), of.status == EnrolmentStatus.DECLINED, undone)
    touch(work, chosen(*unsaid), batch, revision_id=select(of.told).where(of.id == E_.id).scalar_subquery())
    back = select(E_.id).where(E_.live_session_id == session.id, E_.batch == batch)
    supersede(work, session, batch, Delivery.entry_id.in_(back))
    _quietly(work, chosen(of.told.in_(same)), now_told, same)
    touch(work, chosen(of.told.in_(wording), of.status != EnrolmentStatus.DECLINED), batch, **now_told)
    touch(work, chosen(or_(of.told.is_(None), of.told.in_(asking))), batch, **now_told, **ask_again(work))


def _quietly(work: Work, which, values: dict, wanted: list) -> None:
    if wanted:
        work.db.execute(update(E_).where(which).values(**values).execution_options(synchronize_session=False))


def begin(work: Work, session: LiveSession, only: int | None = None, first: Kind | None = None, extra: dict | None = None) -> int:
    """Put the session into the calendars of everybody enrolled in it who has no live entry, or takes the one that only the feed showed.

    `only` narrows it to one enrolment. A first invitation never waits for the settle time; of a draft there is none.
    `first` is how the invitation is called where it is no usual one, `extra` what that says besides. Returns the number of invitations.
    """
    if session.draft or not session.own_entry:
        return 0
    revision = freeze(work, session)
    batch = new_batch()
    begun = _new_entries(work, session, revision, batch, only)
    if not open_for_mail(work, session):
        bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
        return 0
    feed_only = select(E_.id).join(Enrolment, and_(Enrolment.id == E_.enrolment_id, Enrolment.entry_id == E_.id)).join(Learner, Learner.id == E_.learner_id).where(
        E_.live_session_id == session.id, E_.ended_at.is_(None), E_.mailed.is_(False), Enrolment.status.in_(ON_CALENDAR), Learner.channel != "feed",
        or_(Enrolment.status != EnrolmentStatus.DECLINED, E_.partstat != "DECLINED"),
        Enrolment.id == only if only else true(),
    )  # fmt: skip
    stamp = later(work)
    taken = work.db.execute(
        update(E_).where(E_.id.in_(feed_only))
        .values(
            mailed=True, batch=batch, revision_id=revision.id, dtstamp=stamp, asked_dtstamp=stamp, asked_sequence=E_.sequence,
            partstat=case((E_.partstat == "DECLINED", "NEEDS-ACTION"), else_=E_.partstat),
        )
    )  # fmt: skip
    if not begun and not taken.rowcount:
        return 0
    everybody = people(session)
    fresh = select(everybody).where(everybody.c.batch == batch, everybody.c.mailed).subquery()
    nothing = cast(null(), BigInteger)
    sent = dispatch(
        work, session, revision, new_batch(), fresh, literal(True), readers(work, fresh, nothing), (lambda _reader: first) if first else _first,
        method="REQUEST", partstat=literal("NEEDS-ACTION"), bump=0,
        baseline=nothing, dtstamp=fresh.c.dtstamp, extra=extra if first else None,
    )  # fmt: skip
    bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
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
    """Take the live entries that `which` selects out of calendars: CANCEL to those whose calendars may show the entry as anything but declined.

    An invitation that certainly never left is taken back with no message at all. Returns the number of CANCELs.
    """
    hold_waiting(work, session)
    revision = latest_revision(work, session)
    everybody = people(session)
    chosen = select(E_.id).where(E_.live_session_id == session.id, E_.ended_at.is_(None), which)
    going = select(everybody).where(everybody.c.id.in_(chosen)).subquery()
    never_left = and_(going.c.pending.is_not(None), going.c.told.is_(None))
    batch = new_batch()
    sent = 0
    if revision is not None and open_for_mail(work, session, revision.ends_at, even_without_calendar=True):
        sees_it = or_(going.c.partstat != "DECLINED", dispatching.still_undeclined(going))
        holds = select(going).where(going.c.mailed, ~never_left, sees_it).subquery()
        sent = dispatch(
            work, session, revision, batch, holds, literal(True), readers(work, holds),
            lambda _reader: kind, method="CANCEL", partstat=holds.c.partstat, note=note, extra=extra,
        )  # fmt: skip
    supersede(work, session, batch, Delivery.entry_id.in_(chosen))
    urgent.tell_end(work, session, revision, going, kind, note)
    touch(
        work,
        and_(E_.live_session_id == session.id, E_.ended_at.is_(None), which),
        batch,
        ended_at=work.now,
        ended_as=ended_as,
        feed_state=feed_state,
    )
    bump_feeds(work, and_(E_.live_session_id == session.id, E_.batch == batch))
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
    hold_waiting(work, session)
    ended = entry.ended_at is not None
    revision = _present(work, session, entry)
    bump = bump or revision.id != entry.revision_id
    everybody = people(session)
    one = select(everybody).where(everybody.c.id == entry.id).subquery()
    batch = new_batch()
    sent = 0

    def choose(reader: Readers) -> Kind:
        if ended or reader.told is None:
            return kind if ended else _first(reader)
        changed = kind is Kind.AGAIN and work.db.get_one(Revision, reader.told).snapshot != revision.snapshot
        return Kind.UPDATE if changed else kind

    if entry.mailed and open_for_mail(work, session, revision.ends_at, even_without_calendar=ended):
        partstat = literal("NEEDS-ACTION") if ask else one.c.partstat
        seen_ = literal(seen) if seen else None
        sent = dispatch(
            work, session, revision, batch, one, literal(True), readers(work, one, seen_), choose,
            method="CANCEL" if ended else "REQUEST", partstat=partstat, note=note, extra=extra, bump=int(bump),
            baseline=seen_,
        )  # fmt: skip
    stamp = later(work)
    values = {"dtstamp": stamp, "batch": batch, "revision_id": revision.id, "sequence": E_.sequence + int(bump)}
    if ask:
        values |= {"partstat": "NEEDS-ACTION", "asked_sequence": E_.sequence + int(bump), "asked_dtstamp": stamp}
    work.db.execute(update(E_).where(E_.id == entry.id).values(**values))
    work.db.refresh(entry)
    bump_feeds(work, E_.id == entry.id)
    return sent


def catch_up(work: Work, session: LiveSession, entry: CalendarEntry) -> int:
    """Somebody who had said No is in again: they are sent what they were spared, or asked where their calendar still says No."""
    declined = entry.partstat == "DECLINED"
    if entry.ended_at is not None or not (declined or _present(work, session, entry).id != entry.revision_id):
        return 0
    return tell(work, session, entry, Kind.AGAIN, bump=declined, ask=declined)


def show_declined(work: Work, session: LiveSession, entry: CalendarEntry) -> int:
    """Somebody who said Yes was set to Declined by another: their calendar says so, too, and holds no "accepted" without a seat."""
    if entry.ended_at is not None or not entry.mailed or entry.partstat not in ("ACCEPTED", "TENTATIVE"):
        return 0
    entry.partstat = "DECLINED"
    work.db.flush()
    return tell(work, session, entry, Kind.AGAIN)


def _first(reader: Readers) -> Kind:
    """How the first message about an entry is called."""
    return Kind.OFFER if reader.held else Kind.INVITE


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
        .values(feed_state=state, dtstamp=later(work))
        .execution_options(synchronize_session=False)
    )
    bump_feeds(work, where)


def _present(work: Work, session: LiveSession, entry: CalendarEntry) -> Revision:
    """What one person can be told again: never an edit that still settles, nor a new time that all are asked about together."""
    own, latest = work.db.get_one(Revision, entry.revision_id), latest_revision(work, session)
    if entry.ended_at is not None or latest is None or asks_again(diff(own.snapshot, latest.snapshot)):
        return own
    return own if own.snapshot == latest.snapshot else latest


def _new_entries(work: Work, session: LiveSession, revision: Revision, batch: int, only: int | None) -> int:
    """An entry for each enrolment that has none alive, how many; UIDs are made here, since nothing random belongs into SQL."""
    alive = exists().where(E_.id == Enrolment.entry_id, E_.ended_at.is_(None))
    query = (
        select(Enrolment.id, Enrolment.learner_id, Enrolment.status, Learner.channel)
        .join(Learner, Learner.id == Enrolment.learner_id)
        .where(Enrolment.live_session_id == session.id, Enrolment.status.in_([*ON_CALENDAR, *WAITING_STATUSES]), ~alive)
        .where(Enrolment.id == only if only else true())
        .order_by(Enrolment.id)
    )
    mailing = open_for_mail(work, session)
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
        return 0
    work.db.execute(insert(E_), rows)
    series_own.refresh(work, session, [row["learner_id"] for row in rows])
    newest = select(E_.id).where(E_.enrolment_id == Enrolment.id, E_.batch == batch).scalar_subquery()
    fresh = select(E_.enrolment_id).where(E_.live_session_id == session.id, E_.batch == batch)
    work.db.execute(
        update(Enrolment)
        .where(Enrolment.live_session_id == session.id, Enrolment.id.in_(fresh))
        .values(entry_id=newest)
        .execution_options(synchronize_session=False)
    )
    return len(rows)
