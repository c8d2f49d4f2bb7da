"""Calendar servers elsewhere, without a network: one that knows a password and holds what it was given."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from feedserver.errors import Conflict, Invalid
from feedserver.services.comparing import Standing
from feedserver.services.connecting import Access, Collection
from feedserver.store.destinations import PublishedObject
from feedserver.store.outbox import OPEN, SENT, Delivery, MailSkeleton

BASE = "https://cloud.example/dav/"
PASSWORD = "s3cret-app-password"


class OneServer:
    """As `CalendarServers`; `there`: href -> bytes. `tried` are the addresses that were written to for a try."""

    def __init__(self) -> None:
        self.there: dict[str, bytes] = {}
        self.tried: list[str] = []

    def collections(self, access: Access) -> Sequence[Collection]:
        self._enter(access)
        return [Collection(f"{BASE}{name.lower()}/", name) for name in ("Rooms", "Team")] if access.url.startswith(BASE) else []

    def rehearse(self, access: Access) -> None:
        self._enter(access)
        self.tried.append(access.url)

    def read(self, access: Access) -> Sequence[Standing]:
        self._enter(access)
        return [Standing(href, f'"{len(data)}"', data) for href, data in self.there.items()]

    def allow(self, url: str) -> None:
        if ".corp" in url:
            raise Invalid("That is not a public address.", field="url")

    def _enter(self, access: Access) -> None:
        if access.password != PASSWORD:
            raise Conflict("It refuses the user name or the password (401). Enter the app password again.")

    def take(self, work) -> list[str]:
        """All that waits to leave leaves; what was asked."""
        query = select(Delivery, MailSkeleton.body).join(MailSkeleton, MailSkeleton.id == Delivery.skeleton_id)
        rows = work.db.execute(query.where(Delivery.channel == "caldav", Delivery.state.in_(OPEN)).order_by(Delivery.id)).all()
        return [self._done(work, one, body) for one, body in rows]

    def _done(self, work, one: Delivery, body: bytes) -> str:
        one.state, name = SENT, one.extra["href"]
        here = (PublishedObject.destination_id == one.destination_id, PublishedObject.live_session_id == one.live_session_id)
        work.db.execute(update(PublishedObject).where(*here).values(digest=one.extra["digest"] or None))
        if one.method == "DELETE":
            self.there.pop(name)
        else:
            self.there[name] = body
        return one.method
