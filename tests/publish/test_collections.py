"""Publishing into real collections: one request a change, nothing twice, and what is published wins."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import select

from feedserver.ical.sameness import fingerprint
from feedserver.origins import origin_of
from feedserver.publish.guard import WayOut
from feedserver.publish.outgoing import Publishing
from feedserver.publish.senders import SENDERS
from feedserver.store.destinations import Destination, PublishedObject
from feedserver.store.history import HistoryEntry
from feedserver.store.outbox import Delivery, MailSkeleton
from feedserver.vault import Vault
from tests.support.caldav_servers import PASSWORD, USER, Proxy, Radicale, Server, Xandikos, running
from tests.support.world import World

EVENT = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//feedserver//EN\r
BEGIN:VEVENT\r
UID:{uid}\r
DTSTAMP:20261120T100000Z\r
SEQUENCE:{sequence}\r
DTSTART:20261201T{hour:02}0000Z\r
DTEND:20261201T{end:02}0000Z\r
SUMMARY:Fire safety\\, {uid} with a title that is long enough to be folded ünd more\r
END:VEVENT\r
END:VCALENDAR\r
"""


def event(uid: str, hour: int = 9, sequence: int = 0) -> bytes:
    return EVENT.format(uid=uid, hour=hour, end=hour + 1, sequence=sequence).encode()


class Desk:
    """One organisation that publishes; its clock runs by itself from tick to tick."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.house.vault = Vault(["a-key-of-sixteen-characters"])
        self.publishing = Publishing(world.house, WayOut([ip_network("127.0.0.0/8")]), SENDERS, threading.Event())

    def connect(self, url: str, password: str = PASSWORD) -> int:
        origin, organisation = origin_of(url), self.world.organisation_id
        sealed = self.world.house.vault.seal(password, organisation, "caldav", origin)
        values = {"channel": "caldav", "name": "Room", "url": url, "origin": origin, "username": USER, "sealed": sealed}
        return self._add(Destination(organisation_id=organisation, created_at=self.world.moment, **values))

    def publish(self, destination: int, session: int, body: bytes | None, uid: str = "") -> int:
        """Queue a PUT, or (None) a DELETE."""
        uid = uid or f"u{session}"

        def verb(db) -> int:
            there = db.scalars(select(PublishedObject).filter_by(destination_id=destination, live_session_id=session)).first()
            if there is None:
                db.add(
                    PublishedObject(
                        organisation_id=self.world.organisation_id, destination_id=destination, live_session_id=session, uid=uid
                    )
                )
            now, org = self.world.moment, self.world.organisation_id
            skeleton = MailSkeleton(
                organisation_id=org,
                batch=0,
                kind="",
                sender_name="",
                sender_address="",
                locale="",
                timezone="",
                base_url="",
                body=body or b"",
                created_at=now,
            )
            db.add(skeleton)
            db.flush()
            row = Delivery(
                organisation_id=org, channel="caldav", kind="published", method="PUT" if body else "DELETE", live_session_id=session, skeleton_id=skeleton.id,
                destination_id=destination, lane=f"caldav:{destination}:{session}", sender="", recipient="Room", recipient_name="", page_id="", uid=uid,
                dtstamp=0, key_id=1, due_at=now, expires_at=now + timedelta(days=30), created_at=now, extra={"digest": f"d{hash(body)}"},
            )  # fmt: skip
            db.add(row)
            db.flush()
            return row.id

        return self.world.database.run(verb)

    def go(self, most: int = 60) -> None:
        """Deliver all that is open, letting time pass between tries."""
        for _ in range(most):
            self.once()
            if not self.open():
                return
            self.world.moment += timedelta(seconds=20)

    def once(self) -> None:
        """A turn for each destination for which something is due."""
        from feedserver.store import claims, lanes

        moment = self.world.moment
        self.publishing.worker_id = self.world.database.run(lambda db: claims.enter(db, "w", moment))
        with self.world.database.read() as db:
            found = lanes.due(db, moment)
        for one in found:
            self.publishing._turn(one)

    def open(self) -> int:
        with self.world.database.read() as db:
            return len(db.scalars(select(Delivery.id).where(Delivery.state.in_(("queued", "sending", "deferred")))).all())

    def all(self, kind):
        with self.world.database.read() as db:
            return db.scalars(select(kind).order_by(kind.id)).all()

    def states(self) -> list[str]:
        return [d.state for d in self.all(Delivery)]

    def _add(self, row) -> int:
        def verb(db) -> int:
            db.add(row)
            db.flush()
            return row.id

        return self.world.database.run(verb)


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
