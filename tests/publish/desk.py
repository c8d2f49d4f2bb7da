"""A desk that publishes: destinations, rows in the outbox, and a clock that its tests push on."""

from __future__ import annotations

import threading
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from sqlalchemy import select

from feedserver.origins import origin_of
from feedserver.publish.guard import WayOut
from feedserver.publish.outgoing import Publishing
from feedserver.publish.senders import SENDERS
from feedserver.store import claims, lanes
from feedserver.store.destinations import Destination, PublishedObject
from feedserver.store.outbox import Delivery, MailSkeleton
from feedserver.vault import Vault
from tests.support.caldav_servers import PASSWORD, USER
from tests.support.world import World

HERE = WayOut([ip_network("127.0.0.0/8")])
EVENT = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//feedserver//EN\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20261120T100000Z\r
SEQUENCE:{sequence}\r
DTSTART:20261201T{hour:02}0000Z\r
DTEND:20261201T{end:02}0000Z\r
SUMMARY:Fire safety\\, {uid} with a title that is long enough to be folded ünd more\r
END:VEVENT\r
END:VCALENDAR\r
"""


def event(uid: str, hour: int = 9, sequence: int = 0) -> bytes:
    return EVENT.format(uid=uid, hour=hour, end=hour + 1, sequence=sequence).encode()


_EMPTY = {name: "" for name in ("kind", "sender_name", "sender_address", "locale", "timezone", "base_url")}


class Desk:
    """One organisation that publishes; `world.moment` is its clock."""

    def __init__(self, world: World, senders: dict[str, Any] | None = None, threads: int = 16) -> None:
        self.world, self.database = world, world.database
        world.house.vault = Vault(["a-key-of-sixteen-characters"])
        self.stop = threading.Event()
        self.publishing = Publishing(world.house, HERE, senders or SENDERS, self.stop, threads=threads)

    def connect(self, url: str, password: str = PASSWORD, channel: str = "caldav", **values: Any) -> int:
        """A destination; returns its id."""
        origin, organisation = origin_of(url), self.world.organisation_id
        sealed = self.world.house.vault.seal(password, organisation, channel, origin)
        given = {"channel": channel, "name": "Room", "url": url, "origin": origin, "username": USER, "sealed": sealed, **values}
        return self._add(Destination(organisation_id=organisation, created_at=self.world.moment, **given))

    def publish(self, destination: int, session: int, body: bytes | None, uid: str = "") -> int:
        """Queue a PUT, or (None) a DELETE."""
        uid = uid or f"u{session}"
        with self.database.read() as db:
            known = db.scalars(select(PublishedObject).filter_by(destination_id=destination, live_session_id=session)).first()
        if known is None:
            organisation = self.world.organisation_id
            self._add(PublishedObject(organisation_id=organisation, destination_id=destination, live_session_id=session, uid=uid))
        values = {"kind": "published", "method": "PUT" if body else "DELETE", "live_session_id": session, "uid": uid}
        return self.queue(destination, f"caldav:{destination}:{session}", body or b"", **values)

    def publish_all(self, wanted: list[tuple[int, int, bytes | None]]) -> None:
        """(destination, session, body) of many, in one transaction."""
        now, organisation = self.world.moment, self.world.organisation_id

        def verb(db) -> None:
            known = {tuple(one) for one in db.execute(select(PublishedObject.destination_id, PublishedObject.live_session_id))}
            for to, session, body in wanted:
                if (to, session) not in known:
                    db.add(PublishedObject(organisation_id=organisation, destination_id=to, live_session_id=session, uid=f"u{session}"))
                skeleton = MailSkeleton(organisation_id=organisation, batch=0, **_EMPTY, body=body or b"", created_at=now)
                db.add(skeleton)
                db.flush()
                values = {"method": "PUT" if body else "DELETE", "live_session_id": session, "uid": f"u{session}"}
                db.add(Delivery(**self._row(to, f"caldav:{to}:{session}", skeleton.id, **values)))

        self.database.run(verb)

    def destinations(self) -> list[Destination]:
        """All of them."""
        return self.all(Destination)

    def queue(self, destination: int, lane: str | None, body: bytes = b"", **values: Any) -> int:
        """A row of the outbox for it."""
        now, organisation = self.world.moment, self.world.organisation_id
        skeleton = self._add(MailSkeleton(organisation_id=organisation, batch=0, **_EMPTY, body=body, created_at=now))
        return self._add(Delivery(**self._row(destination, lane, skeleton, **values)))

    def _row(self, destination: int, lane: str | None, skeleton: int, **values: Any) -> dict[str, Any]:
        now = self.world.moment
        return {
            "organisation_id": self.world.organisation_id, "channel": "caldav", "kind": "event", "skeleton_id": skeleton, "destination_id": destination,
            "lane": lane, "sender": "", "recipient": "Room", "recipient_name": "", "page_id": "", "dtstamp": 0, "key_id": 1, "due_at": now,
            "expires_at": now + timedelta(days=30), "created_at": now, **values,
        }  # fmt: skip

    def go(self, most: int = 60) -> None:
        """Deliver all that is open, letting time pass between tries."""
        for _ in range(most):
            self.once()
            if not self.open():
                return
            self.world.moment += timedelta(seconds=20)

    def once(self) -> None:
        """A turn for each destination for which something is due, one after the other."""
        moment = self.world.moment
        self.publishing.worker_id = self.database.run(lambda db: claims.enter(db, "w", moment))
        with self.database.read() as db:
            found = lanes.due(db, moment)
        for one in found:
            self.publishing._turn(one)

    def open(self) -> int:
        """How many have no final state."""
        return len([one for one in self.states() if one in ("queued", "sending", "deferred")])

    def all(self, kind: type) -> list:
        """All rows of this kind, in order."""
        with self.database.read() as db:
            return list(db.scalars(select(kind).order_by(kind.id)))

    def states(self) -> list[str]:
        """The states of all deliveries, in order."""
        with self.database.read() as db:
            return list(db.scalars(select(Delivery.state).order_by(Delivery.id)))

    def _add(self, row: Any) -> int:
        def verb(db) -> int:
            db.add(row)
            db.flush()
            return row.id

        return self.database.run(verb)
