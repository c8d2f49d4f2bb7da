"""Webhooks: made, changed, tried out, given a new secret, sent again, removed by administrators; what they are told is `webhook_events`."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from ..errors import Conflict, Invalid, NotFound
from ..ical.lines import clean_line
from ..origins import origin_of
from ..store import lanes
from ..store.destinations import ACTIVE, BROKEN, LEAVING, PAUSED, WEBHOOK, Destination, recount
from ..store.outbox import DEFERRED, OPEN, QUEUED, SENDING, SUPPRESSED, Delivery, state_in
from . import webhook_events
from .event_types import FAMILIES, PING
from .finding import find as find_row
from .finding import find_destination
from .work import Work

FIELDS = ("name", "url", "events", "active")
OVERLAP = timedelta(hours=24)
"""So long after a new secret was made everything is signed by both."""
MOST = 50
_LIVES = timedelta(days=1)
_LONGEST_URL = 2000
D_ = Delivery


def list_all(work: Work) -> list[Destination]:
    """By name."""
    mine = (Destination.organisation_id == work.organisation_id, Destination.channel == WEBHOOK, Destination.state != LEAVING)
    return list(work.db.scalars(select(Destination).where(*mine).order_by(Destination.name, Destination.id)))


def find(work: Work, webhook_id: int, *, lock: bool = False) -> Destination:
    """One of the organisation's; raises `NotFound`."""
    return find_destination(work, WEBHOOK, webhook_id, "webhook", lock=lock)


def create(work: Work, values: Mapping[str, Any]) -> tuple[Destination, str]:
    """(webhook, its secret, which is never shown again). Raises `Invalid`, `Conflict` where there are too many."""
    given = _checked({"events": FAMILIES, **values})
    if len(list_all(work)) >= MOST:
        raise Conflict(f"There are {MOST} webhooks; remove one first.")
    one = Destination(
        organisation_id=work.organisation_id, channel=WEBHOOK, name=given["name"], url=given["url"], origin=origin_of(given["url"]),
        settings={"events": given["events"]}, state=ACTIVE if given.get("active", True) else PAUSED, created_at=work.now,
    )  # fmt: skip
    secret = _seal(work, one, [])
    work.db.add(one)
    work.db.flush()
    recount(work.db, work.organisation_id)
    work.record("webhook made", detail={"destination_id": one.id, "origin": one.origin})
    work.db.flush()
    return one, secret


def edit(work: Work, webhook_id: int, values: Mapping[str, Any]) -> tuple[Destination, str | None]:
    """Change `FIELDS`; `active` pauses it or lets it go on. Another server gets a secret of its own, which is given back: the old one stays known there."""
    one = find(work, webhook_id, lock=True)
    given = _checked(values)
    before = (one.name, one.url, one.settings, one.state)
    secret = None
    one.name = given.get("name", one.name)
    one.settings = {**one.settings, **({"events": given["events"]} if "events" in given else {})}
    if "url" in given and given["url"] != one.url:
        moved = origin_of(given["url"]) != one.origin
        one.url, one.origin = given["url"], origin_of(given["url"])
        secret = _seal(work, one, []) if moved else None
    if "active" in given and not given["active"]:
        one.state, one.problem, one.problem_at = PAUSED, None, None
    work.db.flush()
    if given.get("active") or (one.url != before[1] and one.state == BROKEN):
        lanes.wake(work.db, one.id, work.now)
        work.db.refresh(one)
    if before != (one.name, one.url, one.settings, one.state):
        one.version += 1
        recount(work.db, work.organisation_id)
        work.record("webhook changed", detail={"destination_id": one.id, "fields": sorted(given)})
    work.db.flush()
    return one, secret


def rotate(work: Work, webhook_id: int) -> tuple[Destination, str]:
    """(webhook, new secret). For 24 hours everything is signed by the old one, too."""
    one = find(work, webhook_id, lock=True)
    secret = _seal(work, one, _secrets(work, one))
    one.version += 1
    work.record("webhook secret rotated", detail={"destination_id": one.id})
    work.db.flush()
    return one, secret


def test(work: Work, webhook_id: int) -> Delivery:
    """Send it a `ping`, now, also while it rests; `Conflict` while it is paused."""
    one = find(work, webhook_id, lock=True)
    if one.state == PAUSED:
        raise Conflict("This webhook is paused: let it go on first, and it gets all that has happened meanwhile.")
    lanes.wake(work.db, one.id, work.now)
    number = webhook_events.new_id()
    text = webhook_events.body(number, PING, work.now, work, {"webhook": {"id": one.id, "name": one.name}})
    delivery = Delivery(**webhook_events.row(work, one, number, PING, text, lane=number))
    work.db.add(delivery)
    work.record("webhook tested", detail={"destination_id": one.id})
    work.db.flush()
    return delivery


def remove(work: Work, webhook_id: int) -> None:
    """It gets nothing any more; what waited for it is told to nobody."""
    one = find(work, webhook_id, lock=True)
    drop(work, one, "The webhook was removed.")
    work.record("webhook removed", detail={"destination_id": webhook_id, "origin": one.origin})
    work.db.flush()


def drop(work: Work, one: Destination, why: str) -> None:
    """Take a destination away; what waits for it ends with these words."""
    waiting = (D_.destination_id == one.id, state_in(D_.state, (QUEUED, DEFERRED)))
    values = {"state": SUPPRESSED, "final_at": work.now, "last_error": why}
    work.db.execute(update(D_).where(*waiting).values(**values).execution_options(synchronize_session=False))
    one.state = LEAVING  # what is just being sent is settled first, then the row goes
    work.db.flush()
    recount(work.db, work.organisation_id)


def log(work: Work, destination: Destination, limit: int = 50, before: int | None = None, state: str | None = None) -> Sequence[Delivery]:
    """Its deliveries, the newest first; `before` is an id."""
    query = select(D_).where(D_.destination_id == destination.id, D_.organisation_id == work.organisation_id)
    query = query.where(D_.id < before) if before is not None else query
    query = query.where(D_.state == state) if state is not None else query
    return work.db.scalars(query.order_by(D_.id.desc()).limit(limit)).all()


def waiting(work: Work, destinations: Sequence[Destination]) -> dict[int, int]:
    """Of each, how many deliveries have not left."""
    ids = [one.id for one in destinations]
    query = select(D_.destination_id, func.count()).where(D_.destination_id.in_(ids), state_in(D_.state, OPEN)).group_by(D_.destination_id)
    return {number: count for number, count in work.db.execute(query)}


def send_again(work: Work, destination: Destination, delivery_id: int) -> Delivery:
    """The same octets with the same id, once more, now, whatever became of it; `Conflict` while it waits anyway or where it is kept no more."""
    one = find_row(work, Delivery, delivery_id, lock=True)
    if one.destination_id != destination.id:
        raise NotFound(f"There is no delivery {delivery_id} of this connection.")
    if one.state in (QUEUED, SENDING):
        raise Conflict("It is already waiting to be sent.")
    if not one.extra:
        raise Conflict("What it said is kept no more.")
    one.state, one.due_at, one.final_at, one.worker_id = QUEUED, work.now, None, None
    one.expires_at = max(one.expires_at, work.now + _LIVES)
    work.record("message retried", live_session_id=one.live_session_id, learner_id=one.learner_id, detail={"delivery_id": one.id})
    work.db.flush()
    return one


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(values)
    if "url" in given:
        given["url"] = str(given["url"]).strip()
        origin_of(given["url"])
        if len(given["url"]) > _LONGEST_URL or "#" in given["url"]:
            raise Invalid(f"The address may have {_LONGEST_URL} characters at most, and no part after a #.", field="url")
    if "name" in given:
        given["name"] = clean_line(str(given["name"])).strip()
        if not given["name"] or len(given["name"]) > 200:
            raise Invalid("Give it a name, of 200 characters at most.", field="name")
    if "events" in given:
        wanted = set(given["events"])
        if not wanted or wanted - set(FAMILIES):
            raise Invalid(f"Choose at least one of {', '.join(FAMILIES)}.", field="events")
        given["events"] = [one for one in FAMILIES if one in wanted]
    return given


def _seal(work: Work, one: Destination, older: Sequence[Sequence[str | None]]) -> str:
    """Make a secret and put it before those that still sign; returns it."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    until = (work.now + OVERLAP).isoformat()
    kept = [[text, end or until] for text, end in older if end is None or datetime.fromisoformat(end) > work.now][:1]
    one.sealed = work.vault.seal(json.dumps([[secret, None], *kept]), one.organisation_id or work.organisation_id, WEBHOOK, one.origin)
    return secret


def _secrets(work: Work, one: Destination) -> list[list[str | None]]:
    return json.loads(work.vault.unseal(one.sealed, one.organisation_id, WEBHOOK, one.origin)) if one.sealed else []
