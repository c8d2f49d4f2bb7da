"""Commands of upkeep: what is wrong and how it is mended; the keys that sign feed addresses."""

from __future__ import annotations

import sys

import click

from ..errors import ConfigurationError
from ..services import key_keeping
from ..services.house import House, utc_now
from . import checks, parts


@click.command()
@click.option("--zones", is_flag=True, help="List the coming sessions that a change of zone data has moved instead.")
def doctor(zones: bool) -> None:
    """Check settings, database, clock, zone data, SMTP, receiver and web; says what to mend. Exit 1 where something fails."""
    try:
        found = parts.settings()
    except ConfigurationError as error:
        click.echo(checks.Line(checks.FAIL, "settings", error.detail))
        sys.exit(1)
    failed = False
    for line in (checks.zones if zones else checks.examine)(found, utc_now()):
        click.echo(str(line))
        failed |= line.level == checks.FAIL
    sys.exit(1 if failed else 0)


@click.group("feed-key")
def feed_key() -> None:
    """The keys that sign feed addresses, learners' pages and bounce addresses. They do not depend on SECRET_KEYS."""


@feed_key.command("list")
def key_list() -> None:
    """Every key, and what hangs on it."""
    house, number = _house()
    for key in house.run(number, "command", key_keeping.uses):
        state = f"retired {key.retired_at:%Y-%m-%d}" if key.retired_at else "signs" if key.signs else "verifies"
        click.echo(f"{key.key_id}\tmade {key.created_at:%Y-%m-%d}\t{state}\t{key.feeds} feeds of {key.learners} learners")


@feed_key.command("new")
def key_new() -> None:
    """A new key, which signs from now on; nobody loses anything."""
    house, number = _house()
    click.echo(f"Key {house.run(number, 'command', key_keeping.make_key)} signs from now on.")


@feed_key.command("retire")
@click.argument("key_id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def key_retire(key_id: int, yes: bool) -> None:
    """End everything that a key signed, at once; says first who loses what."""
    house, number = _house()
    use = next((u for u in house.run(number, "command", key_keeping.uses) if u.key_id == key_id), None)
    if use and use.feeds and not use.retired_at:
        click.echo(f"{use.learners} learners lose the addresses of {use.feeds} feeds, and the links in the mails they have:")
        shown = house.read(number, "command", lambda work: key_keeping.losers(work, key_id))
        for address, feed in shown:
            click.echo(f"  {address}: {feed}")
        if len(shown) < use.feeds:
            click.echo(f"  and {use.feeds - len(shown)} more")
    if not yes:
        click.confirm(f"Retire key {key_id}? It cannot be undone.", abort=True)
    count = house.run(number, "command", lambda work: key_keeping.retire_key(work, key_id))
    click.echo(f"Key {key_id} is retired; {count} feeds have new addresses, which their people find on their page.")


def _house() -> tuple[House, int]:
    found = parts.settings()
    house = parts.house(found)
    return house, parts.first_organisation(found, house.database)


COMMANDS = (doctor, feed_key)
