"""After a rotation of SECRET_KEYS: what an older key sealed is sealed again by the newest, so that the older one can be dropped."""

from __future__ import annotations

import structlog
from sqlalchemy import select

from ..services.house import House
from ..store.destinations import Destination
from ..vault import CannotOpen

log = structlog.get_logger()


def seal_again(house: House) -> int:
    """All destinations, in one transaction; what no key opens stays as it is, and says so when it is next used. Returns how many were sealed again."""

    def verb(db) -> int:
        done = 0
        for one in db.scalars(select(Destination).where(Destination.sealed.is_not(None)).with_for_update()):
            if house.vault.is_stale(one.sealed):
                place = (one.organisation_id, one.channel, one.origin)
                try:
                    one.sealed = house.vault.seal(house.vault.unseal(one.sealed, *place), *place)
                    done += 1
                except CannotOpen as error:
                    log.warning("a stored password cannot be read", destination=one.id, why=error.detail)
        return done

    with house.database.read() as db:
        stale = any(
            house.vault.is_stale(sealed) for sealed in db.scalars(select(Destination.sealed).where(Destination.sealed.is_not(None)))
        )
    return house.database.run(verb) if stale else 0
