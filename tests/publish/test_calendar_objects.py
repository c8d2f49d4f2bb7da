"""Publishing into real collections: one request a change, nothing twice, and what is published wins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from feedserver.ical.sameness import fingerprint
from feedserver.store.destinations import Destination, PublishedObject
from feedserver.store.history import HistoryEntry
from tests.support.caldav_servers import Proxy, Radicale, Server, Xandikos, running
from tests.support.world import World

from .desk import Desk, event


@pytest.fixture(scope="module", params=[Radicale, Xandikos], ids=["radicale", "xandikos"])
def server(request, tmp_path_factory) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp("dav")) as one:
        yield one


@pytest.fixture
def desk(sqlite_url) -> Iterator[Desk]:
    world = World(sqlite_url)
    yield Desk(world)
    world.close()


@pytest.fixture
def calendar(server, request) -> str:
    return server.collection(f"c{abs(hash(request.node.name)) % 10**8}")


def test_each_change_is_one_request_and_the_server_holds_what_was_published(desk, server, calendar):
    with Proxy(server) as proxy:
        room = desk.connect(proxy.url + calendar)
        for session in (1, 2, 3):
            desk.publish(room, session, event(f"u{session}"))
        desk.go()
        desk.publish(room, 1, event("u1", hour=14, sequence=1))
        desk.publish(room, 2, None)
        desk.go()
    assert {name: fingerprint(data) for name, data in server.objects(calendar).items()} == {
        "u1.ics": fingerprint(event("u1", hour=14)), "u3.ics": fingerprint(event("u3")),
    }  # fmt: skip
    assert desk.states() == ["sent"] * 5 and sum(proxy.seen.values()) == 5


def test_somebodys_edit_is_recorded_and_what_is_published_stands_there_again(desk, server, calendar):
    room = desk.connect(server.url + calendar)
    desk.publish(room, 1, event("u1"))
    desk.go()
    status, _, _ = server.ask("PUT", f"{calendar}u1.ics", event("u1", hour=20), Content_Type="text/calendar")
    assert status in (200, 201, 204)
    desk.publish(room, 1, event("u1", hour=15))
    desk.go()
    assert fingerprint(server.objects(calendar)["u1.ics"]) == fingerprint(event("u1", hour=15))
    (standing,) = desk.all(PublishedObject)
    assert standing.edited_at is not None and [h.verb for h in desk.all(HistoryEntry)][-1] == "publishing.overwrote"


def test_what_somebody_deleted_is_put_back_and_taking_out_what_is_gone_is_done(desk, server, calendar):
    room = desk.connect(server.url + calendar)
    for session in (1, 2):
        desk.publish(room, session, event(f"u{session}"))
    desk.go()
    for name in ("u1", "u2"):
        assert server.ask("DELETE", f"{calendar}{name}.ics")[0] in (200, 204)
    desk.publish(room, 1, event("u1", hour=11))
    desk.publish(room, 2, None)
    desk.go()
    assert list(server.objects(calendar)) == ["u1.ics"] and desk.states() == ["sent"] * 4


def test_the_same_uid_under_another_name_is_adopted_and_not_doubled(desk, server, calendar):
    assert server.ask("PUT", f"{calendar}other.ics", event("u1"), Content_Type="text/calendar")[0] == 201
    room = desk.connect(server.url + calendar)
    desk.publish(room, 1, event("u1", hour=12))
    desk.go()
    assert {name: fingerprint(data) for name, data in server.objects(calendar).items()} == {"other.ics": fingerprint(event("u1", hour=12))}
    desk.publish(room, 1, None)
    desk.go()
    assert server.objects(calendar) == {}


@pytest.mark.parametrize("fault", ["500 after", "drop before", "drop after"])
def test_a_try_of_which_nobody_knows_is_repeated_and_is_no_edit_of_somebodys(desk, server, calendar, fault):
    with Proxy(server) as proxy:
        room = desk.connect(proxy.url + calendar)
        desk.publish(room, 1, event("u1"))
        desk.go()
        proxy.next = [fault]
        desk.publish(room, 1, event("u1", hour=16))
        desk.once()
        assert desk.states()[-1] == "deferred"
        desk.publish(room, 1, event("u1", hour=17))
        desk.go()
    assert fingerprint(server.objects(calendar)["u1.ics"]) == fingerprint(event("u1", hour=17))
    assert desk.all(PublishedObject)[0].edited_at is None and desk.states() == ["sent", "superseded", "sent"]


def test_a_wrong_password_ends_in_words_and_waits_until_a_person_mends_it(desk, server, calendar):
    if isinstance(server, Xandikos):
        pytest.skip("it asks nobody for a password")
    room = desk.connect(server.url + calendar, password="wrong")
    desk.publish(room, 1, event("u1"))
    for _ in range(4):
        desk.once()
        desk.world.moment += timedelta(hours=2)
    (broken,) = desk.all(Destination)
    assert (broken.state, desk.states()) == ("broken", ["deferred"]) and "password" in broken.problem


def test_a_collection_that_is_gone_is_said_and_costs_no_entry(desk, server, calendar):
    room = desk.connect(f"{server.url}{server.home}nowhere/")
    desk.publish(room, 1, event("u1"))
    desk.once()
    (there,) = desk.all(Destination)
    assert desk.states() == ["deferred"] and there.problem and there.rest_until > desk.world.moment
