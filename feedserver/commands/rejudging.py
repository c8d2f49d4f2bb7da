"""The command that gives messages back to the worker, after a fix or once addresses are known."""

from __future__ import annotations

import click

from ..services import rejudging
from . import parts


@click.command("judge-again")
@click.option("--outcome", type=click.Choice(rejudging.OUTCOMES), default="quarantined", show_default=True, help="Which messages.")
@click.option("--org", help="The organisation; the first by default.")
def judge_again(outcome: str, org: str | None) -> None:
    """Judge incoming messages again that had no effect: the worker does it. What somebody discarded or applied stays as it is."""
    found = parts.settings()
    house = parts.house(found)
    number = parts.organisation(found, house.database, org)
    count = house.run(number, "judge-again", lambda work: rejudging.judge_all_again(work, outcome))
    click.echo(f"{count} {'message is' if count == 1 else 'messages are'} judged again by the worker.")


COMMANDS = (judge_again,)
