"""The real parts that commands put together: settings, keys, database, house."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..addresses import canonical
from ..errors import ConfigurationError
from ..publish.guard import WayOut
from ..services.house import House, utc_now
from ..settings import Settings, load
from ..store import keys, migrations, organisations
from ..store.database import Database
from ..store.organisations import Organisation
from ..vault import Vault

if TYPE_CHECKING:
    from ..services.connecting import CalendarServers

KEY_FILE = "secret-keys"
INBOUND_FILE = "inbound.addr"


def settings() -> Settings:
    """The settings, with keys made at first start beside the database."""
    found = load()
    return found if found.secret_keys else replace(found, secret_keys=_own_keys(found.data_dir))


def house(found: Settings) -> House:
    """The house that all carriers of this process share; raises `ConfigurationError` where the database is not up to date."""
    database = Database(found.database_url)
    with database.engine.connect() as connection:
        if not migrations.is_current(connection):
            raise ConfigurationError("The database is not up to date; run `python -m feedserver migrate` first.", field="DATABASE_URL")
    return House(database, found.base_url, timedelta(seconds=found.settle_seconds), vault=Vault(found.secret_keys))


def way_out(found: Settings) -> WayOut:
    """The one way to addresses that people enter."""
    return WayOut(found.outbound_networks)


def calendars(found: Settings) -> CalendarServers:
    """Who speaks with calendar servers while somebody connects one."""
    from ..publish.servers import CalendarServers

    return CalendarServers(way_out(found))


def first_organisation(found: Settings, database: Database) -> int:
    """The id of the first organisation, made from ORGANIZER where there is none; later the database wins."""

    def verb(db) -> int:
        there = organisations.first(db)
        if there is None:
            mailbox = found.organizer
            there = Organisation(
                name=mailbox.name or mailbox.domain, mailbox_name=mailbox.name, mailbox_address=mailbox.address, mailbox_key=canonical(mailbox.address),
                timezone=found.timezone, created_at=utc_now(),
            )  # fmt: skip
            db.add(there)
            db.flush()
        keys.current(db, utc_now())
        return there.id

    return database.run(verb)


def organisation(found: Settings, database: Database, name: str | None) -> int:
    """The id of the organisation that `--org` names, or of the first."""
    if name is None:
        return first_organisation(found, database)
    with database.read() as db:
        there = organisations.by_name(db, name)
    if there is None:
        raise ConfigurationError(f"There is no organisation called {name!r}; see `python -m feedserver org list`.")
    return there.id


def _own_keys(folder: Path) -> tuple[str, ...]:
    path = folder / KEY_FILE
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        temporary = folder / f".{KEY_FILE}.{os.getpid()}"
        temporary.write_text(secrets.token_urlsafe(32) + "\n")
        temporary.chmod(0o600)
        try:
            os.link(temporary, path)  # the first of several processes wins, the others read its key
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return tuple(line.strip() for line in path.read_text().splitlines() if line.strip())
