"""The whole way, into a real Radicale: connected, filled, changed, changed by somebody else, compared, put right, removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import icalendar
import pytest

from feedserver.publish.servers import CalendarServers
from feedserver.services import connecting, reconciling, series
from feedserver.services.connecting import Access
from feedserver.store.destinations import Destination
from tests.publish.desk import HERE, Desk
from tests.support.caldav_servers import PASSWORD, USER, Radicale, Server, running
from tests.support.world import START, World

SERVERS = CalendarServers(HERE)


@pytest.fixture(scope="module")
def radicale(tmp_path_factory) -> Iterator[Server]:
    with running(Radicale, tmp_path_factory.mktemp("dav")) as one:
        yield one


@pytest.fixture
def desk(sqlite_url: str) -> Iterator[Desk]:
    world = World(sqlite_url)
    yield Desk(world)
    world.close()


def shown(access: Access) -> list[tuple[str, str]]:
    """(title, start) of what stands there, by start."""
    events = [icalendar.Calendar.from_ical(one.data).walk("VEVENT")[0] for one in SERVERS.read(access)]
    return sorted((str(one["SUMMARY"]), f"{one.start:%m-%d %H:%M}") for one in events)


def test_a_collection_shows_what_there_is_whatever_happens_to_it(radicale: Server, desk: Desk):
    world = desk.world
    fire, ice = world.session(title="Fire"), world.session(title="Ice", start=START + timedelta(days=1))
    path = radicale.collection("story")
    access = Access(radicale.url + path, USER, PASSWORD)
    assert SERVERS.collections(access)[0].url == access.url
    SERVERS.rehearse(access)
    values = {"name": "Story", "url": access.url, "username": USER, "password": PASSWORD, "subject_kind": "course", "subject": "1"}
    number = world.do(lambda work: connecting.connect(work, values).id)
    desk.go()
    assert shown(access) == [("Fire", "12-01 10:00"), ("Ice", "12-02 10:00")]

    head = world.series("FREQ=WEEKLY;COUNT=3")
    world.edit(fire, title="Flames", start=START + timedelta(hours=3))
    world.cancel(ice)
    world.do(lambda work: series.cancel_date(work, head, "20261208T090000Z"))
    world.advance(30)
    desk.go()
    truth = [("Flames", "12-01 13:00"), ("Weekly", "12-01 10:00"), ("Weekly", "12-15 10:00")]
    assert shown(access) == truth

    there = {one.href: one for one in SERVERS.read(access)}
    flames = next(href for href, one in there.items() if b"Flames" in one.data)
    lost = next(href for href in there if href != flames)
    radicale.ask("PUT", flames, there[flames].data.replace(b"Flames", b"Holiday"), Content_Type="text/calendar")
    radicale.ask("DELETE", lost)
    radicale.ask("PUT", f"{path}dentist.ics", there[flames].data.replace(b"feedserver-", b"dentist-"), Content_Type="text/calendar")
    report = world.do(lambda work: reconciling.note(work, number, SERVERS.read(access)).report)
    assert (report["missing"], report["different"], report["extra"], report["foreign"]) == (1, 1, 0, 1)
    world.do(lambda work: reconciling.repair(work, number))
    desk.go()
    assert shown(access) == [truth[0], *truth]

    world.do(lambda work: connecting.remove(work, number, take_out=True))
    desk.go()
    assert [one[0] for one in shown(access)] == ["Flames"]  # what was not ours
    desk.publishing._sweep()
    assert desk.all(Destination) == []
