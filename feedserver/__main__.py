"""`python -m feedserver COMMAND`: see `--help`."""

from __future__ import annotations

import zoneinfo

zoneinfo.reset_tzpath(to=())  # the pinned tzdata wheel, never what the system has (its Vancouver of 2027 is an hour off)

import sys  # noqa: E402

import click  # noqa: E402

from .errors import FeedserverError  # noqa: E402


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Training in the calendar people already use, and the answer back."""
    from .logs import configure

    configure()


@main.command()
@click.option("--demo", is_flag=True, help="Fill an empty database with a small organisation first.")
def serve(demo: bool) -> None:
    """Everything in one go: migrates, starts web, worker and mail receiver, prints the addresses."""
    from .commands import processes

    processes.serve(with_demo=demo)


@main.command()
def web() -> None:
    """The web part alone."""
    from .commands import processes

    processes.web()


@main.command()
def worker() -> None:
    """The worker alone: publishes, sends, judges."""
    from .commands import processes

    processes.worker()


@main.command()
def receive() -> None:
    """The mail receiver alone."""
    from .commands import processes

    processes.receive()


@main.command()
def migrate() -> None:
    """Bring the schema up to date and make the first organisation from ORGANIZER."""
    from .commands import parts, processes

    processes.migrate(parts.settings())
    click.echo("The database is up to date.")


@main.command()
def demo() -> None:
    """Fill an empty database with a small, real-looking organisation."""
    from .commands import demo as demo_data
    from .commands import parts, processes

    found = parts.settings()
    processes.migrate(found)
    link = demo_data.fill_if_empty(found)
    click.echo(f"Sign in: {link}" if link else "There are learners already: nothing was added.")


def _register() -> None:
    from .commands import access, imports, inbound, people, rejudging, sync, upkeep

    for module in (access, imports, inbound, people, rejudging, sync, upkeep):
        for command in module.COMMANDS:
            main.add_command(command)


def run() -> None:
    """The way in: errors of ours end in their words and 1, not in a traceback."""
    _register()
    try:
        main(standalone_mode=False)
    except FeedserverError as error:
        click.echo(error.detail, err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)


if __name__ == "__main__":
    run()
