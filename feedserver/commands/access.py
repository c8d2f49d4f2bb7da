"""Commands about who may come in: organisations, sign-ins, API tokens."""

from __future__ import annotations

import click

from ..addresses import canonical, parse_mailbox
from ..errors import Conflict
from ..services import access as access_
from ..services.house import utc_now
from ..store import organisations
from ..store.access import ROLES
from ..store.organisations import Organisation
from . import parts

_org = click.option("--org", help="The organisation; the first by default.")


@click.group()
def org() -> None:
    """Organisations (tenants)."""


@org.command("create")
@click.argument("name")
@click.option("--mailbox", required=True, help="The mailbox that its invitations come from: Training <training@example.org>.")
def org_create(name: str, mailbox: str) -> None:
    """A further organisation."""
    found = parts.settings()
    box = parse_mailbox(mailbox, "mailbox")
    database = parts.house(found).database
    parts.first_organisation(found, database)

    def verb(db) -> int:
        if organisations.by_name(db, name) or db.query(Organisation).filter_by(mailbox_key=canonical(box.address)).first():
            raise Conflict("There is an organisation with this name or mailbox already.")
        made = Organisation(
            name=name, mailbox_name=box.name or name, mailbox_address=box.address, mailbox_key=canonical(box.address), timezone=found.timezone, created_at=utc_now(),
        )  # fmt: skip
        db.add(made)
        db.flush()
        return made.id

    click.echo(f"Organisation {database.run(verb)}: {name}")


@org.command("list")
def org_list() -> None:
    """All organisations."""
    with parts.house(parts.settings()).database.read() as db:
        for one in db.query(Organisation).order_by(Organisation.id):
            click.echo(f"{one.id}\t{one.name}\t{one.mailbox}")


@click.group()
def admin() -> None:
    """People who sign in to the web UI."""


@admin.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), default="owner", show_default=True)
@_org
def admin_create(email: str, role: str, org: str | None) -> None:
    """A sign-in; prints a one-time link."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    token = house.run(number, "command", lambda work: access_.create_sign_in(work, email, role))
    click.echo(f"{found.base_url}/sign-in/{token}")


@click.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 3650), default=access_.TOKEN_DAYS, show_default=True, help="How long it holds.")
@_org
def token_create(name: str, days: int, org: str | None) -> None:
    """Prints a new API token alone, once."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    click.echo(house.run(number, "command", lambda work: access_.create_token(work, name, days)))


COMMANDS = (org, admin, token)
