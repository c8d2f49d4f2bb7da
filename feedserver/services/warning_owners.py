"""A connection (CalDAV, webhook, chat) that takes nothing for an hour, or waits for a person: the owners are told by mail, once each time it fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ..ical.lines import clean_line
from ..store.access import SignIn
from ..store.destinations import ACTIVE, BROKEN, CALDAV, CHAT, PAUSED, WEBHOOK, Destination
from . import corresponding
from .rendering import Kind
from .work import Work

PATIENCE = timedelta(hours=1)
_PATHS = {CALDAV: "/connections", WEBHOOK: "/connections/webhooks", CHAT: "/connections/chats"}
D = Destination


def needs_somebody(since: datetime):
    """Condition: it is broken, or says that it is gone, or has taken nothing since before that."""
    return and_(
        D.problem.is_not(None),
        or_(D.state == BROKEN, and_(D.state == PAUSED, D.channel != CALDAV), and_(D.state == ACTIVE, D.problem_at <= since)),
    )


def due(db: Session, now: datetime) -> Sequence[tuple[int, int]]:
    """(organisation, connection) of those whose owners are still to be told."""
    query = select(D.organisation_id, D.id).where(needs_somebody(now - PATIENCE), D.told_at.is_(None))
    return [tuple(row) for row in db.execute(query.order_by(D.id))]


def tell(work: Work, destination_id: int) -> int:
    """Tell every owner; returns the mails, none where it works again or they were told."""
    query = select(D).where(
        D.id == destination_id, D.organisation_id == work.organisation_id, needs_somebody(work.now - PATIENCE), D.told_at.is_(None)
    )
    one = work.db.scalars(query.with_for_update()).first()
    if one is None:
        return 0
    one.told_at = work.now
    of = work.organisation
    block = [[clean_line(one.name), f"{work.base_url}{_PATHS[one.channel]}/{one.id}"], clean_line(one.problem or "")]
    owners = select(SignIn.email).where(SignIn.organisation_id == of.id, SignIn.role == "owner", SignIn.disabled_at.is_(None))
    addresses = work.db.scalars(owners.order_by(SignIn.id)).all()
    for address in addresses:
        corresponding.write_to_other(work, Kind.CONNECTION, address, of.locale, of.timezone, {"block": block})
    work.db.flush()
    return len(addresses)
