"""Subscribing: a learner's feeds, each with its own selection and its own address that can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from .. import tokens
from ..errors import Invalid, NotFound
from ..store.feeds import CONTENTS, DETAILS, KINDS, Feed
from ..store.keys import SigningKey
from ..store.learners import Learner
from .finding import find
from .learning import new_feed
from .work import Work

FIELDS = ("name", "kinds", "content", "detail", "alarms")
_MOST = 50


def feeds_of(work: Work, learner_id: int) -> list[Feed]:
    """The feeds of a learner that still answer, oldest first; raises `NotFound`."""
    find(work, Learner, learner_id)
    mine = select(Feed).where(Feed.learner_id == learner_id, Feed.revoked_at.is_(None))
    return list(work.db.scalars(mine.order_by(Feed.id)))


def create_feed(work: Work, learner_id: int, values: Mapping[str, Any]) -> Feed:
    """A further feed: `name`, and what of `FIELDS` differs from the default."""
    learner = find(work, Learner, learner_id, lock=True)
    if len(feeds_of(work, learner.id)) >= _MOST:
        raise Invalid(f"A learner has {_MOST} feeds at most; take one back first.", field="learner_id")
    feed = new_feed(work, learner.id, **_checked({"name": "My training", **values}))
    work.db.add(feed)
    work.record("feed created", learner_id=learner.id)
    work.db.flush()
    return feed


def edit_feed(work: Work, feed_id: int, values: Mapping[str, Any]) -> Feed:
    """Change the selection of a feed; its address stays."""
    feed = live_feed(work, feed_id, lock=True)
    changed = {k: v for k, v in _checked(values).items() if getattr(feed, k) != v}
    for name, value in changed.items():
        setattr(feed, name, value)
    if changed:
        _touch(work, feed)
        work.record("feed edited", learner_id=feed.learner_id, detail={"feed_id": feed.id, "fields": sorted(changed)})
        work.db.flush()
    return feed


def revoke_feed(work: Work, feed_id: int) -> None:
    """Take a feed back: its address says for 30 days that it has ended. Raises `NotFound` where that was done before."""
    feed = live_feed(work, feed_id, lock=True)
    feed.revoked_at = work.now
    _touch(work, feed)
    work.record("feed revoked", learner_id=feed.learner_id, detail={"feed_id": feed.id})
    work.db.flush()


def rotate_feed(work: Work, feed_id: int) -> Feed:
    """Give a feed a new address; the old one says for 30 days that it has ended."""
    feed = live_feed(work, feed_id, lock=True)
    old = {name: getattr(feed, name) for name in (*FIELDS, "organisation_id", "learner_id", "public_id", "key_id", "created_at")}
    old |= {"last_fetched_at": feed.last_fetched_at, "last_user_agent": feed.last_user_agent}
    feed.public_id, feed.key_id = tokens.new_id(), work.key_id
    feed.last_fetched_at = feed.last_user_agent = None
    _touch(work, feed)
    work.db.flush()
    work.db.add(Feed(**old, version=feed.version, changed_at=work.now, revoked_at=work.now))
    work.record("feed rotated", learner_id=feed.learner_id, detail={"feed_id": feed.id})
    work.db.flush()
    return feed


def urls(work: Work, feeds: Sequence[Feed]) -> dict[int, str]:
    """The address of each feed, by id, in one statement. Whoever has it reads the feed: keep it out of logs."""
    wanted = select(SigningKey.id, SigningKey.secret).where(SigningKey.id.in_({feed.key_id for feed in feeds}))
    secrets = {key_id: secret for key_id, secret in work.db.execute(wanted)} if feeds else {}
    return {feed.id: f"{work.base_url}/feeds/{tokens.sign(tokens.FEED, feed.public_id, secrets[feed.key_id])}.ics" for feed in feeds}


def webcal(url: str) -> str:
    """The same address with the scheme on which calendar programs offer to subscribe."""
    return f"webcal://{url.partition('://')[2]}"


def live_feed(work: Work, feed_id: int, *, lock: bool = False) -> Feed:
    """A feed of this organisation that still answers; raises `NotFound`."""
    feed = find(work, Feed, feed_id, lock=lock)
    if feed.revoked_at is not None:
        raise NotFound(f"The feed {feed_id} was taken back.")
    return feed


def _touch(work: Work, feed: Feed) -> None:
    feed.version += 1
    feed.changed_at = work.now


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {k: v for k, v in values.items() if k in FIELDS}
    if not str(found.get("name", "x")).strip():
        raise Invalid("Give the feed a name.", field="name")
    if "kinds" in found:
        found["kinds"] = [kind for kind in KINDS if kind in found["kinds"]]
        if not found["kinds"] or len(found["kinds"]) != len(set(values["kinds"])):
            raise Invalid(f"Choose from {', '.join(KINDS)}.", field="kinds")
    for name, known in (("content", CONTENTS), ("detail", DETAILS)):
        if name in found and found[name] not in known:
            raise Invalid(f"Choose one of {', '.join(known)}.", field=name)
    return found
