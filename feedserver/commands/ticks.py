"""What a worker looks for by the clock: sessions to publish, offers that lapse, and what else is due; each found set-wise, each done on its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from ..services import (
    announcing,
    circling,
    digesting,
    expiring,
    offering,
    publishing,
    rejudging,
    reminding,
    scheduling,
    verbs_roster,
    warning_owners,
)
from ..services.house import House
from ..services.work import Work
from ..settings import Settings

log = structlog.get_logger()
STEP = 0.2


@dataclass(frozen=True, slots=True)
class Tick:
    """`due` names (organisation, thing) pairs in one query every `every` seconds; `do` does one of them in a transaction of its own."""

    name: str
    every: float
    due: Callable[[Session, datetime], Sequence[tuple[int, int]]]
    do: Callable[[Work, int], object]


TICKS: tuple[Tick, ...] = (
    Tick("sessions to publish", 0.2, scheduling.due, scheduling.publish_due),
    Tick("offers that lapse", 1.0, offering.due, offering.lapse_due),
    Tick("signatures to look up again", 60.0, rejudging.due, rejudging.try_again),
    Tick("rosters for instructors", 5.0, verbs_roster.due, verbs_roster.send_due),
    Tick("reminders", 10.0, reminding.due, reminding.remind_due),
    Tick("weekly mails", 20.0, digesting.due, digesting.send_due),
    Tick("certificates that end", 30.0, expiring.due, expiring.warn_due),
    Tick("what takes place today, in chat", 30.0, announcing.due, announcing.remind),
    Tick("connections that fail", 60.0, warning_owners.due, warning_owners.tell),
    Tick("collections to look through", 60.0, publishing.due, publishing.sweep),
    Tick("tests that nobody answered", 60.0, circling.due_ends, circling.end_test),
)
LOOPBACK = Tick("mails to ourselves", 5.0, circling.due_loopbacks, circling.loop_if_due)
"""Not where mail is captured: nothing goes out there that could come back."""


def chosen(found: Settings) -> Sequence[Tick]:
    """The ticks of a worker with these settings."""
    return TICKS if found.captures else (*TICKS, LOOPBACK)


def run(house: House, stop: threading.Event, ticks: Sequence[Tick] = TICKS) -> None:
    """Look at each tick in its time until `stop`; one thing that fails holds up no other."""
    looked = dict.fromkeys((tick.name for tick in ticks), 0.0)
    while not stop.wait(STEP):
        for tick in ticks:
            if time.monotonic() - looked[tick.name] >= tick.every:
                looked[tick.name] = time.monotonic()
                once(house, tick)


def once(house: House, tick: Tick) -> int:
    """Do what is due of one tick; returns how many were done."""
    try:
        with house.database.read() as db:
            found = tick.due(db, house.clock())
    except Exception:
        log.exception("what is due could not be read", tick=tick.name)
        return 0
    done = 0
    for organisation_id, number in found:
        try:
            house.run(organisation_id, "system", lambda work, one=number: tick.do(work, one))
            done += 1
        except Exception:
            log.exception("something due could not be done", tick=tick.name, id=number)
    return done
