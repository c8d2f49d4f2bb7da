"""Publishing to collections elsewhere (RFC 4791): a change becomes rows of the outbox, in the transaction of the change.

What ought to stand is compared with what was last queued or stands there, by digest: so it does not matter who asks, how often, or what
was missed. Nothing here speaks with a server; `publish` sends the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..ical import published
from ..store.destinations import CALDAV, LEAVING, Destination, PublishedObject
from ..store.enrolments import Enrolment
from ..store.organisations import Organisation
from ..store.outbox import OPEN, QUEUED, SUPERSEDED, Delivery, MailSkeleton, state_in, waiting_to_leave
from ..store.sessions import LiveSession
from .published_rows import Entry, entries
from .work import Work, new_batch

PUT, DELETE = "PUT", "DELETE"
STORED, TAKEN_OUT = "stored", "taken_out"
LIFETIME = timedelta(days=30)
_QUIET = {"synchronize_session": False}
_AT_ONCE = 400
D_ = Delivery


@dataclass(frozen=True, slots=True)
class Order:
    """One request that is to be made: an entry to be stored, or (None) a session's to be taken out, of `href` where it was seen there."""

    destination: Destination
    session_id: int
    entry: Entry | None
    href: str = ""


def listening(organisation: Organisation) -> bool:
    """Whether there is any collection that is kept up to date: without one a change costs no statement."""
    return bool(organisation.caldav_listeners)


def follow(work: Work, session_ids: Collection[int], learner_ids: Collection[int] = (), people: Collection[int] = ()) -> int:
    """These sessions may show something else, these learners belong to another team, in `people` sessions somebody came or went; returns the requests queued."""
    if not listening(work.organisation):
        return 0
    found = kept(work)
    ids = set(session_ids)
    teams = any(one.settings["subject_kind"] == "team" for one in found)
    if teams:
        ids.update(people)
        if learner_ids:
            ids.update(work.db.scalars(select(Enrolment.live_session_id).where(Enrolment.learner_id.in_(sorted(learner_ids)))))
    if not found or not ids:
        return 0
    return sum(_bring(work, found, some) for some in _parts(_with_dates(work, sorted(ids))))


def bring_up_to_date(work: Work, destination: Destination) -> int:
    """Queue all that a collection lacks or has too much, by what is known here of it; returns the requests queued."""
    return _bring(work, [destination], None)


def kept(work: Work) -> list[Destination]:
    """The collections of the organisation; for those that are paused or broken what happens waits."""
    query = select(Destination).where(
        Destination.organisation_id == work.organisation_id, Destination.channel == CALDAV, Destination.state != LEAVING
    )
    return list(work.db.scalars(query.order_by(Destination.id)))


def due(db: Session, now: datetime) -> list[tuple[int, int]]:
    """(organisation, collection) of those that were not looked through today: sessions come into the window, and leave it, by time alone."""
    query = select(Destination.organisation_id, Destination.id, Destination.settings).where(
        Destination.channel == CALDAV, Destination.state != LEAVING
    )
    today = now.date().isoformat()
    return [(organisation, number) for organisation, number, chosen in db.execute(query) if chosen.get("swept") != today]


def sweep(work: Work, destination_id: int) -> int:
    """Look one collection through; returns the requests queued."""
    destination = work.db.get_one(Destination, destination_id, with_for_update=True)
    destination.settings = {**destination.settings, "swept": work.now.date().isoformat()}
    return bring_up_to_date(work, destination)


def queue(work: Work, orders: Sequence[Order]) -> int:
    """Write a row for each; older ones of the same session and collection that certainly did not leave give way. Returns how many."""
    if not orders:
        return 0
    for some in _parts(orders):
        lanes = [lane(one.destination.id, one.session_id) for one in some]
        replaced = {"state": SUPERSEDED, "final_at": work.now, "last_error": "Replaced by a newer state of the session before it left."}
        work.db.execute(update(D_).where(D_.lane.in_(lanes), waiting_to_leave(D_)).values(**replaced).execution_options(**_QUIET))
        batch = new_batch()
        work.db.execute(insert(MailSkeleton), [_body(work, one, batch) for one in some])
        made = work.db.scalars(select(MailSkeleton.id).where(MailSkeleton.batch == batch).order_by(MailSkeleton.id)).all()
        work.db.execute(insert(D_), [_row(work, one, skeleton) for one, skeleton in zip(some, made, strict=True)])
        _note_queued(work, some)
    return len(orders)


def _note_queued(work: Work, orders: Sequence[Order]) -> None:
    """What stands there once these have left; two changes at once may both be the first to publish a session."""
    rows = [
        {
            "organisation_id": work.organisation_id, "destination_id": one.destination.id, "live_session_id": one.session_id,
            "uid": uid_of(one.destination, one.session_id), "href": "", "queued_digest": one.entry.digest if one.entry else None,
        }
        for one in orders
    ]  # fmt: skip
    dialect = sqlite if work.db.get_bind().dialect.name == "sqlite" else postgresql
    write = dialect.insert(PublishedObject).values(rows)
    here = ["destination_id", "live_session_id"]
    work.db.execute(write.on_conflict_do_update(index_elements=here, set_={"queued_digest": write.excluded.queued_digest}))


def lane(destination_id: int, session_id: int) -> str:
    """What must stay in order: the requests for one session in one collection."""
    return f"caldav:{destination_id}:{session_id}"


def _bring(work: Work, destinations: Sequence[Destination], only: Collection[int] | None) -> int:
    wanted = entries(work, destinations, only)
    last = _last(work, destinations, only)
    orders = []
    for destination in destinations:
        here, there = wanted.get(destination.id, {}), last.get(destination.id, {})
        orders += [Order(destination, number, entry) for number, entry in here.items() if there.get(number) != entry.digest]
        orders += [Order(destination, number, None) for number, digest in there.items() if digest and number not in here]
    return queue(work, orders)


def _last(work: Work, destinations: Sequence[Destination], only: Collection[int] | None) -> dict[int, dict[int, str | None]]:
    """Of each collection, by session, the digest of what was last queued; None where that was its removal.

    Where all is looked through, what was given up counts as never queued: then it is tried once more.
    """
    ids = [one.id for one in destinations]
    found: dict[int, dict[int, str | None]] = {number: {} for number in ids}
    o = PublishedObject
    query = select(o.destination_id, o.live_session_id, o.queued_digest, o.digest).where(o.destination_id.in_(ids))
    if only is not None:
        query = query.where(o.live_session_id.in_(sorted(only)))
    waiting = set() if only is not None else _waiting(work, ids)
    for number, session_id, queued, standing in work.db.execute(query):
        gave_up = only is None and queued != standing and (number, session_id) not in waiting
        found[number][session_id] = standing if gave_up else queued
    return found


def _waiting(work: Work, ids: Sequence[int]) -> set[tuple[int, int]]:
    """(collection, session) of what has not left yet."""
    query = select(D_.destination_id, D_.live_session_id).where(D_.destination_id.in_(ids), state_in(D_.state, OPEN))
    return {tuple(row) for row in work.db.execute(query)}


def _with_dates(work: Work, ids: Sequence[int]) -> list[int]:
    """These sessions and, of a series among them, its dates; such as are no more stay in the list, to be taken out."""
    dates = select(LiveSession.id).where(LiveSession.series_id.in_(ids), LiveSession.organisation_id == work.organisation_id)
    return sorted({*ids, *work.db.scalars(dates)})


def _body(work: Work, one: Order, batch: int) -> dict:
    return {
        "organisation_id": work.organisation_id, "batch": batch, "kind": STORED if one.entry else TAKEN_OUT, "sender_name": "", "sender_address": "",
        "locale": work.organisation.locale, "timezone": "", "live_session_id": one.session_id, "base_url": work.base_url,
        "body": one.entry.data if one.entry else b"", "created_at": work.now,
    }  # fmt: skip


def _row(work: Work, one: Order, skeleton_id: int) -> dict:
    uid, entry = uid_of(one.destination, one.session_id), one.entry
    said = {"digest": entry.digest, "revision_id": entry.revision_id} if entry else {"digest": "", "revision_id": None}
    return {
        "organisation_id": work.organisation_id, "channel": CALDAV, "destination_id": one.destination.id, "lane": lane(one.destination.id, one.session_id),
        "kind": STORED if entry else TAKEN_OUT, "method": PUT if entry else DELETE, "live_session_id": one.session_id, "skeleton_id": skeleton_id,
        "told_revision_id": said["revision_id"], "sender": "", "recipient": one.destination.name, "recipient_name": "", "page_id": "", "uid": uid,
        "sequence": entry.sequence if entry else None, "dtstamp": entry.stamp if entry else work.stamp(), "key_id": work.key_id,
        "extra": {"href": one.href or published.href_of(uid), **said}, "state": QUEUED, "due_at": work.now, "expires_at": work.now + LIFETIME,
        "created_at": work.now,
    }  # fmt: skip


def uid_of(destination: Destination, session_id: int) -> str:
    """The UID of a session in this collection."""
    return published.uid_of(destination.settings["mark"], session_id)


def _parts(values: Sequence) -> Iterable[Sequence]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))
