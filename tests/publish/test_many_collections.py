"""Many sessions in many collections, a server that dies half way and answers that go wrong: afterwards the collections equal the truth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from feedserver.ical.sameness import fingerprint
from feedserver.services.house import utc_now
from feedserver.store.destinations import PublishedObject
from feedserver.store.outbox import Delivery
from tests.support.caldav_servers import Proxy, Radicale, running
from tests.support.world import World

from .desk import Desk, event
from .test_outgoing import until

DEAREST = 1.5
"""Requests for each change, at most: without faults it is one."""


@pytest.fixture
def desk(sqlite_url) -> Iterator[Desk]:
    world = World(sqlite_url)
    world.house.clock = utc_now
    yield Desk(world)
    world.close()


@pytest.fixture
def server(tmp_path) -> Iterator[Radicale]:
    with running(Radicale, tmp_path / "radicale") as one:
        yield one


def walk(desk: Desk, server: Radicale, sessions: int, collections: int, patience: float) -> float:
    """Publish, kill the server, move half and cancel some, start it again; returns the requests for each change."""
    paths = [server.collection(f"c{number}") for number in range(collections)]
    with Proxy(server, share=0.1) as proxy:
        rooms = [desk.connect(proxy.url + path) for path in paths]
        put_into = {session: rooms[session % collections] for session in range(sessions)}
        desk.publish_all([(room, session, event(f"u{session}")) for session, room in put_into.items()])
        loop = threading.Thread(target=desk.publishing.run)
        loop.start()
        try:
            until(lambda: desk.states().count("sent") > sessions // 3, patience)
            server.kill()
            moved = {session: event(f"u{session}", hour=15, sequence=1) for session in range(0, sessions, 2)}
            cancelled = range(0, sessions, 10)
            changes = moved | dict.fromkeys(cancelled)
            desk.publish_all([(put_into[session], session, body) for session, body in changes.items()])
            until(lambda: any(one.failures > 2 for one in desk.destinations()), patience)
            server.start()
            until(lambda: not desk.open(), patience)
        finally:
            desk.stop.set()
            loop.join(30)
        asked, wrong = sum(proxy.seen.values()), sum(proxy.wrong.values())
    truth = {f"u{s}.ics": event(f"u{s}", hour=15 if s in moved else 9) for s in put_into if s not in cancelled}
    found = [(name, fingerprint(data)) for path in paths for name, data in server.objects(path).items()]
    assert sorted(found) == sorted((name, fingerprint(data)) for name, data in truth.items())
    assert {one.state for one in desk.all(Delivery)} == {"sent", "superseded"} and wrong > sessions // 20
    assert all(one.edited_at is None for one in desk.all(PublishedObject))
    return asked / desk.states().count("sent")


def test_sixty_sessions_in_three_collections_come_out_right(desk, server):
    assert walk(desk, server, 60, 3, patience=60) <= 2 * DEAREST  # few changes, so that the tries while it is down weigh more


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_thousand_sessions_in_twenty_collections_come_out_right(desk, server):
    began = utc_now()
    each = walk(desk, server, 1000, 20, patience=300)
    print(f"{each:.2f} requests for each change, {(utc_now() - began) / timedelta(seconds=1):.0f} s")
    assert each <= DEAREST
