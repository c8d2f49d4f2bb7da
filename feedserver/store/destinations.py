"""Where changes are published besides mail and feeds: CalDAV collections, webhooks, chat channels; and what stands in each collection."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Integer, LargeBinary, UniqueConstraint, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from .base import Base, BigId, Id, ref
from .organisations import Organisation

CALDAV, WEBHOOK, CHAT = "caldav", "webhook", "chat"
CHANNELS = (CALDAV, WEBHOOK, CHAT)
ACTIVE, PAUSED, BROKEN, LEAVING = "active", "paused", "broken", "leaving"
STATES = (ACTIVE, PAUSED, BROKEN, LEAVING)
DELIVERING = (ACTIVE, LEAVING)
"""States in which what is queued goes out; in the others it waits."""


class Destination(Base):
    """One place that an administrator connected. `url` is shown to people; where the whole address is a secret (chat) it is "" and lies in `sealed`.

    `sealed`: what `feedserver.vault` sealed for this organisation, channel and `origin` (scheme://host[:port]): another origin cannot open it.
    `settings`: caldav: subject_kind (everything, course, team, room, instructor), subject, detail (full, title, busy); webhook: events; chat:
    flavour, course_id or team, what. `state`: active, paused (by a person, or it said that it is gone), broken (it refused us until somebody mends it),
    leaving (what is queued still goes out, then the row goes). `failures` in a row, `rest_until`: nothing goes there before. `problem` in plain words
    since `problem_at`; `told_at`: when the owner was told of it. `checked_at` and `report`: when it was last compared or tried, and what came of it.
    """

    __tablename__ = "destinations"
    __table_args__ = (
        CheckConstraint("channel IN ('caldav', 'webhook', 'chat')", name="channel"),
        CheckConstraint("state IN ('active', 'paused', 'broken', 'leaving')", name="state"),
    )

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    channel: Mapped[str]
    name: Mapped[str]
    url: Mapped[str] = mapped_column(default="")
    origin: Mapped[str]
    username: Mapped[str] = mapped_column(default="")
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    settings: Mapped[dict] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(default=ACTIVE)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    rest_until: Mapped[datetime | None]
    problem: Mapped[str | None]
    problem_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    report: Mapped[dict | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1)


class PublishedObject(Base):
    """What we put into a collection for one session, and what of it is known to stand there.

    `uid` and `href` stay the same for good, also after it was taken out (`digest`, `fingerprint` and `etag` are then None). `digest`: of what the
    server confirmed, as its publisher names it; `fingerprint`: the same by `ical.sameness`, to be held against what the server gives back;
    `queued_digest`: of the newest body in the outbox (None: a removal, or nothing yet). `edited_at`: when we last wrote over somebody's edit.
    """

    __tablename__ = "published_objects"
    __table_args__ = (UniqueConstraint("destination_id", "live_session_id"),)

    id: Mapped[Id]
    organisation_id: Mapped[int] = ref("organisations")
    destination_id: Mapped[int] = ref("destinations", index=False)
    live_session_id: Mapped[int] = mapped_column(BigId, index=True)
    uid: Mapped[str]
    href: Mapped[str] = mapped_column(default="")
    etag: Mapped[str | None]
    digest: Mapped[str | None]
    fingerprint: Mapped[str | None]
    queued_digest: Mapped[str | None]
    revision_id: Mapped[int | None] = mapped_column(BigId)
    edited_at: Mapped[datetime | None]
    at: Mapped[datetime | None]


def recount(db: Session, organisation_id: int) -> None:
    """Keep in the organisation how many destinations of each channel take part, so that a change costs no statement where there are none.

    To be called in the transaction that adds, pauses, resumes or removes one. Paused and broken ones count: what happens meanwhile waits for them.
    """
    of = select(Destination.channel, func.count()).where(Destination.organisation_id == organisation_id, Destination.state != LEAVING)
    found = dict(db.execute(of.group_by(Destination.channel)).all())
    values = {f"{channel}_listeners": found.get(channel, 0) for channel in CHANNELS}
    db.execute(update(Organisation).where(Organisation.id == organisation_id).values(**values))
