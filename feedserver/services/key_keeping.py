"""The keys that sign what stands in people's calendars: a new one signs from now on, an old one is retired knowing who loses what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from ..errors import Conflict, NotFound
from ..store import keys
from ..store.audiences import AudienceFeed
from ..store.feeds import Feed
from ..store.keys import SigningKey
from ..store.learners import Learner
from ..tokens import new_secret
from .work import Work


@dataclass(frozen=True)
class KeyUse:
    """A key, and what hangs on it: addresses of feeds that can be fetched, and how many people have them. `signs`: it is the newest."""

    key_id: int
    created_at: datetime
    retired_at: datetime | None
    feeds: int
    learners: int
    signs: bool


def uses(work: Work) -> list[KeyUse]:
    """Every key, newest first; keys belong to all organisations."""
    current = keys.current(work.db, work.now).id
    alive = (
        select(Feed.key_id, func.count().label("feeds"), func.count(Feed.learner_id.distinct()).label("learners"))
        .where(Feed.revoked_at.is_(None))
        .group_by(Feed.key_id)
    )
    counts = {row.key_id: row for row in work.db.execute(alive)}
    for_others = select(AudienceFeed.key_id, func.count()).where(AudienceFeed.revoked_at.is_(None)).group_by(AudienceFeed.key_id)
    others = dict(work.db.execute(for_others).all())
    found = []
    for key in work.db.scalars(select(SigningKey).order_by(SigningKey.id.desc())):
        count = counts.get(key.id)
        feeds, learners = (count.feeds, count.learners) if count else (0, 0)
        feeds += others.get(key.id, 0)
        found.append(KeyUse(key.id, key.created_at, key.retired_at, feeds, learners, key.id == current))
    return found


def losers(work: Work, key_id: int, limit: int = 20) -> list[tuple[str, str]]:
    """(address, name of the feed) of those whose feed address is signed by this key, the first `limit`."""
    query = (
        select(Learner.email, Feed.name)
        .join(Feed, Feed.learner_id == Learner.id)
        .where(Feed.key_id == key_id, Feed.revoked_at.is_(None))
        .order_by(Learner.email_key, Feed.id)
    )
    found = [tuple(row) for row in work.db.execute(query.limit(limit))]
    others = select(AudienceFeed.subscriber, AudienceFeed.audience).where(AudienceFeed.key_id == key_id, AudienceFeed.revoked_at.is_(None))
    return found + [tuple(row) for row in work.db.execute(others.order_by(AudienceFeed.id).limit(limit - len(found)))]


def make_key(work: Work) -> int:
    """A new key, which signs from now on; what older ones signed stays good. Returns its id."""
    key = SigningKey(secret=new_secret(), created_at=work.now)
    work.db.add(key)
    work.db.flush()
    work.record("signing key made", detail={"key_id": key.id})
    return key.id


def retire_key(work: Work, key_id: int) -> int:
    """Everything that this key signed ends at once: feed addresses, learners' pages, answers by bounce addresses.

    The feeds get new addresses, signed by the newest key, which their people find on their page. Returns how many feeds. Raises `NotFound`,
    or `Conflict` for one that is retired.
    """
    key = work.db.scalars(select(SigningKey).where(SigningKey.id == key_id).with_for_update()).first()
    if key is None:
        raise NotFound(f"There is no signing key {key_id}; see `python -m feedserver feed-key list`.")
    if key.retired_at is not None:
        raise Conflict(f"Signing key {key_id} was retired on {key.retired_at:%Y-%m-%d}.")
    if keys.current(work.db, work.now).id == key.id:
        make_key(work)
    key.retired_at = work.now
    work.db.flush()
    newest = keys.current(work.db, work.now).id
    count = 0
    for row in (Feed, AudienceFeed):
        moved = update(row).where(row.key_id == key.id).values(key_id=newest, version=row.version + 1, changed_at=work.now)
        count += work.db.execute(moved.execution_options(synchronize_session=False)).rowcount
    work.record("signing key retired", detail={"key_id": key.id, "feeds": count})
    return count
