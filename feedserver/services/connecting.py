"""Connections: collections of calendars elsewhere that an administrator chose, what goes there, and until when.

A password is sealed for the origin that it was entered for (S52) and shown to nobody. What a server is asked is asked by `publish`, through
`CalendarServers`, never within a transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import delete, exists, func, select, update

from ..errors import Conflict, Invalid, NotFound
from ..ical.lines import clean_line
from ..origins import origin_of
from ..store import lanes
from ..store.audiences import DETAILS
from ..store.destinations import ACTIVE, BROKEN, CALDAV, LEAVING, PAUSED, Destination, PublishedObject, recount
from ..store.outbox import OPEN, SUPPRESSED, Delivery, state_in, waiting_to_leave
from ..training.audiences import PUBLISHED
from . import audiences, publishing
from .comparing import Standing
from .finding import find
from .warning_owners import needs_somebody
from .work import Work

KINDS = tuple(PUBLISHED)
_MOST = 100
_LONGEST = {"name": 200, "username": 200, "password": 500, "url": 1000}
_QUIET = {"synchronize_session": False}


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """How a server is entered; `url` is that of a collection, or where to look for collections."""

    url: str
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A calendar that could be published to."""

    url: str
    name: str


class CalendarServers(Protocol):
    """What is asked of CalDAV servers by people who wait for the answer; each ends by a deadline, and raises `FeedserverError` with words for them."""

    def collections(self, access: Access) -> Sequence[Collection]:
        """The calendars that can be found from there."""

    def rehearse(self, access: Access) -> None:
        """Store an entry in the collection and take it out again."""

    def read(self, access: Access) -> Sequence[Standing]:
        """All entries of the collection."""

    def allow(self, url: str) -> None:
        """Raises `Invalid` for an address that we would never connect to, now that somebody can still mend it; asks nothing of the server."""


class _Named(NamedTuple):
    id: int
    audience: str
    subject: str


def connections(work: Work) -> list[Destination]:
    """All of the organisation, by name."""
    query = select(Destination).where(Destination.organisation_id == work.organisation_id, Destination.channel == CALDAV)
    return list(work.db.scalars(query.order_by(Destination.name, Destination.id)))


def connection(work: Work, destination_id: int, *, lock: bool = False) -> Destination:
    """One of them; raises `NotFound`."""
    found = find(work, Destination, destination_id, lock=lock)
    if found.channel != CALDAV:
        raise NotFound(f"There is no connection {destination_id} in this organisation.")
    return found


def labels(work: Work, found: Sequence[Destination]) -> dict[int, str]:
    """What goes to each, in words, by id."""
    names = audiences.labels(work, [_Named(one.id, one.settings["subject_kind"], one.settings["subject"]) for one in found])
    return {one.id: _words(one.settings["subject_kind"], names[one.id]) for one in found}


def waiting(work: Work, found: Sequence[Destination]) -> dict[int, int]:
    """How many requests each still waits for, by id."""
    query = select(Delivery.destination_id, func.count()).where(
        Delivery.destination_id.in_([one.id for one in found]), state_in(Delivery.state, OPEN)
    )
    return dict(work.db.execute(query.group_by(Delivery.destination_id)).all()) if found else {}


def standing(work: Work, found: Sequence[Destination]) -> dict[int, int]:
    """How many entries of ours stand in each, by id."""
    o = PublishedObject
    query = select(o.destination_id, func.count()).where(o.destination_id.in_([one.id for one in found]), o.digest.is_not(None))
    return dict(work.db.execute(query.group_by(o.destination_id)).all()) if found else {}


def given_up(work: Work, one: Destination) -> int:
    """How many entries are not as they ought to be, and nothing is on the way that would change that: its server refused them, or time ran out."""
    o = PublishedObject
    on_the_way = exists().where(
        Delivery.destination_id == one.id, Delivery.live_session_id == o.live_session_id, state_in(Delivery.state, OPEN)
    )
    query = select(func.count()).where(o.destination_id == one.id, o.queued_digest.is_distinct_from(o.digest), ~on_the_way)
    return work.db.scalar(query) or 0


def check(work: Work, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of name, url, username, password, subject_kind, subject, detail that were given, as they are stored; raises `Invalid`, `NotFound` at the field."""
    found = {name: str(values[name]) for name in _LONGEST if values.get(name) is not None}
    for name, text in found.items():
        found[name] = text if name == "password" else clean_line(text)
        if not found[name] or len(text) > _LONGEST[name]:
            raise Invalid(f"Please fill this in, with at most {_LONGEST[name]} characters.", field=name)
    if "detail" in values:
        if values["detail"] not in DETAILS:
            raise Invalid(f"Choose one of {', '.join(DETAILS)}.", field="detail")
        found["detail"] = values["detail"]
    if "subject_kind" in values:
        kind = values["subject_kind"]
        if kind not in KINDS:
            raise Invalid(f"Choose one of {', '.join(KINDS)}.", field="subject_kind")
        found["subject_kind"] = kind
        found["subject"] = audiences.stored_subject(work, PUBLISHED[kind], str(values.get("subject") or ""))
    return found


def connect(work: Work, values: Mapping[str, Any]) -> Destination:
    """A new connection; all that goes there is queued at once."""
    found = check(work, {"detail": "full", "subject_kind": "everything", **values})
    for name in _LONGEST:
        if name not in found:
            raise Invalid("Please fill this in.", field=name)
    if len(connections(work)) >= _MOST:
        raise Conflict(f"There are {_MOST} connections; remove some first.")
    chosen, origin = {name: found[name] for name in ("subject_kind", "subject", "detail")}, origin_of(found["url"])
    one = Destination(
        organisation_id=work.organisation_id, channel=CALDAV, name=found["name"], url=found["url"], origin=origin, username=found["username"],
        sealed=work.vault.seal(found["password"], work.organisation_id, CALDAV, origin), state=ACTIVE, created_at=work.now,
        settings={**chosen, "mark": secrets.token_hex(6), "swept": work.now.date().isoformat()},
    )  # fmt: skip
    work.db.add(one)
    work.db.flush()
    _counted(work)
    queued = publishing.bring_up_to_date(work, one)
    work.record("collection connected", detail={"destination_id": one.id, "name": one.name, "origin": origin, **chosen, "entries": queued})
    return one


def change(work: Work, destination_id: int, values: Mapping[str, Any]) -> Destination:
    """Another name, choice, address or password. An address at another origin needs the password again (S52)."""
    one = _open(work, destination_id)
    found = check(work, values)
    chosen = {name: found.pop(name) for name in ("subject_kind", "subject", "detail") if name in found}
    password = found.pop("password", None)
    moved = "url" in found and found["url"] != one.url
    origin = origin_of(found["url"]) if moved else one.origin
    if origin != one.origin and password is None:
        raise Invalid(f"The password was given for {one.origin}: enter the one for {origin}.", field="password")
    one.origin = origin
    if password is not None:
        one.sealed = work.vault.seal(password, work.organisation_id, CALDAV, origin)
    changed = sorted(name for name in found if getattr(one, name) != found[name]) + ["password"] * (password is not None)
    for name, value in found.items():
        setattr(one, name, value)
    choice = any(one.settings[name] != value for name, value in chosen.items())
    if moved:
        _forget(work, one)
    if moved or password is not None or "username" in changed:
        _mended(work, one)
    if choice or moved:
        one.settings = {**one.settings, **chosen}
        one.report = one.checked_at = None
        publishing.bring_up_to_date(work, one)
    if changed or choice:
        one.version += 1
        work.record("collection changed", detail={"destination_id": one.id, "fields": changed + sorted(chosen) * choice})
    work.db.flush()
    return one


def pause(work: Work, destination_id: int) -> Destination:
    """Nothing goes there until it is resumed; what happens meanwhile waits."""
    one = _open(work, destination_id)
    if one.state != PAUSED:
        one.state, one.version = PAUSED, one.version + 1
        work.record("collection paused", detail={"destination_id": one.id, "name": one.name})
    work.db.flush()
    return one


def resume(work: Work, destination_id: int) -> Destination:
    """Go on, at once: what waited goes out, and what is missing by now is queued."""
    one = _open(work, destination_id)
    if one.state != ACTIVE or one.rest_until is not None:
        _mended(work, one)
        one.state, one.version = ACTIVE, one.version + 1
        publishing.bring_up_to_date(work, one)
        work.record("collection resumed", detail={"destination_id": one.id, "name": one.name})
    work.db.flush()
    return one


def remove(work: Work, destination_id: int, *, take_out: bool) -> Destination | None:
    """End a connection: `take_out` our entries first, or leave them where they are. None where it is gone at once."""
    one = connection(work, destination_id, lock=True)
    detail = {"destination_id": one.id, "name": one.name, "take_out": take_out}
    if not take_out:
        work.record("collection removed", detail=detail)
    elif one.state != LEAVING:
        one.state, one.version = LEAVING, one.version + 1
        _mended(work, one)
        _counted(work)
        work.record("collection removed", detail=detail)
        if publishing.bring_up_to_date(work, one) or waiting(work, [one]):
            work.db.flush()
            return one
    elif waiting(work, [one]):
        return one
    _end_waiting(work, one, "The connection was removed before this left.")
    work.db.execute(delete(Destination).where(Destination.id == one.id).execution_options(**_QUIET))
    work.db.expunge(one)
    _counted(work)
    return None


def access(work: Work, one: Destination) -> Access:
    """How its server is entered; raises `vault.CannotOpen` where the password has to be given again."""
    if one.sealed is None:
        raise Invalid("There is no password for this connection: enter it.", field="password")
    return Access(one.url, one.username, work.vault.unseal(one.sealed, one.organisation_id, CALDAV, one.origin))


def in_trouble(work: Work, since: datetime) -> list[Destination]:
    """Those that are broken or say that they are gone, or have rested since before `since`: somebody should look."""
    query = select(Destination).where(Destination.organisation_id == work.organisation_id, needs_somebody(since))
    return list(work.db.scalars(query.order_by(Destination.problem_at, Destination.id)))


def _open(work: Work, destination_id: int) -> Destination:
    one = connection(work, destination_id, lock=True)
    if one.state == LEAVING:
        raise Conflict("This connection is being removed: its entries are taken out just now.")
    return one


def _mended(work: Work, one: Destination) -> None:
    """Somebody has seen to it: no more resting, and what was put off is tried now."""
    kept = one.state
    work.db.flush()
    lanes.wake(work.db, one.id, work.now)
    work.db.refresh(one)
    if kept != BROKEN:
        one.state = kept


def _forget(work: Work, one: Destination) -> None:
    """Another address is another place: what stands there is not known."""
    _end_waiting(work, one, "The connection got another address before this left.")
    work.db.execute(delete(PublishedObject).where(PublishedObject.destination_id == one.id).execution_options(**_QUIET))


def _end_waiting(work: Work, one: Destination, why: str) -> None:
    waits = (Delivery.destination_id == one.id, waiting_to_leave(Delivery))
    values = {"state": SUPPRESSED, "final_at": work.now, "last_error": why}
    work.db.execute(update(Delivery).where(*waits).values(**values).execution_options(**_QUIET))


def _counted(work: Work) -> None:
    work.db.flush()
    recount(work.db, work.organisation_id)
    work.db.refresh(work.organisation)


def _words(kind: str, label: str) -> str:
    known = {
        "everything": "All sessions",
        "team": f"Team of {label}" if "@" in label else f"Team {label}",
        "instructor": f"Sessions of {label}",
    }
    return known.get(kind, f"{kind.capitalize()} {label}")
