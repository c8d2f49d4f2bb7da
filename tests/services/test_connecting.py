"""Connections to collections elsewhere, from the first entry to the last; what stands there is compared, and put right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from feedserver.errors import Conflict, Invalid, NotFound
from feedserver.services import connecting, publishing, reconciling
from feedserver.services.connecting import Access
from feedserver.store import lanes
from feedserver.store.destinations import Destination
from feedserver.store.outbox import Delivery
from feedserver.vault import CannotOpen
from tests.support.elsewhere import PASSWORD, OneServer
from tests.support.world import World

VALUES = {"name": "Rooms", "url": "https://cloud.example/cal/rooms/", "username": "fs", "password": PASSWORD}


class Connected:
    """A world with connections to one server; `there` is what stands there: href -> bytes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.server = OneServer()

    def connect(self, **values) -> int:
        return self.world.do(lambda work: connecting.connect(work, {**VALUES, **values}).id)

    def row(self, number: int) -> Destination | None:
        return self.world.look(lambda work: work.db.get(Destination, number))

    @property
    def there(self) -> dict[str, bytes]:
        return self.server.there

    def leave(self) -> list[str]:
        """All that waits leaves; what was asked."""
        return self.world.do(self.server.take)

    def compare(self, number: int) -> dict:
        standing = self.server.read(Access("", "", PASSWORD))
        return self.world.do(lambda work: reconciling.note(work, number, standing).report)


@pytest.fixture
def connected(sqlite_url: str) -> Iterator[Connected]:
    world = World(sqlite_url)
    yield Connected(world)
    world.close()


@pytest.fixture
def anywhere(database_url: str) -> Iterator[Connected]:
    """On each database."""
    world = World(database_url)
    yield Connected(world)
    world.close()


def test_a_new_connection_is_filled_at_once_and_its_password_is_read_by_nobody(anywhere):
    world = anywhere.world
    world.session(title="Fire")
    world.session(title="Secret", visibility="private")
    number = anywhere.connect()
    assert anywhere.leave() == ["PUT"]
    one = anywhere.row(number)
    assert (
        b"s3cret" not in one.sealed
        and one.origin == "https://cloud.example"
        and world.look(lambda work: work.organisation).caldav_listeners == 1
    )
    found = world.look(lambda work: connecting.access(work, one))
    assert (found.url, found.username, found.password) == (VALUES["url"], "fs", PASSWORD) and PASSWORD not in repr(found)


def test_a_password_stays_with_the_server_that_it_was_given_for(connected):
    world, number = connected.world, connected.connect()
    change = lambda **values: world.do(lambda work: connecting.change(work, number, values))  # noqa: E731
    with pytest.raises(Invalid, match="was given for https"):
        change(url="https://evil.example/cal/rooms/")
    assert connected.row(number).url == VALUES["url"]
    change(url="https://cloud.example/cal/other/")
    change(url="https://new.example/cal/", password="another")
    assert world.look(lambda work: connecting.access(work, connected.row(number))).password == "another"
    world.do(lambda work: work.db.execute(update(Destination).values(origin="https://evil.example")))
    with pytest.raises(CannotOpen):
        world.look(lambda work: connecting.access(work, connected.row(number)))


def test_another_address_gets_everything_anew_and_another_choice_what_differs(connected):
    world = connected.world
    world.session(title="Fire")
    number = connected.connect()
    assert connected.leave() == ["PUT"]
    change = lambda **values: world.do(lambda work: connecting.change(work, number, values))  # noqa: E731
    change(name="Everything", detail="full")
    assert connected.leave() == []
    change(detail="busy")
    assert connected.leave() == ["PUT"]
    change(subject_kind="instructor", subject="tom@corp.example")
    assert connected.leave() == ["DELETE"]
    change(subject_kind="everything")
    connected.leave()
    change(url="https://cloud.example/cal/other/")
    assert connected.leave() == ["PUT"]


def test_what_happens_in_a_pause_waits_for_its_end(connected):
    world, number = connected.world, connected.connect()
    world.do(lambda work: connecting.pause(work, number))
    session = world.session(title="Fire")
    world.edit(session, title="Ice")
    with world.database.read() as db:
        assert lanes.due(db, world.moment) == []
    world.do(lambda work: connecting.resume(work, number))
    with world.database.read() as db:
        assert [one.id for one in lanes.due(db, world.moment)] == [number]
    assert connected.leave() == ["PUT"] and b"SUMMARY:Ice" in next(iter(connected.there.values()))


def test_a_new_password_mends_a_connection_that_was_refused(connected):
    world = connected.world
    world.session(title="Fire")
    number = connected.connect()
    later = world.moment + timedelta(hours=2)
    with world.database.write() as db:
        lanes.fails(db, number, world.moment, "It does not know this password.", None, state="broken")
        db.execute(update(Delivery).where(Delivery.destination_id == number).values(state="deferred", due_at=later))
    assert [one.id for one in world.look(lambda work: connecting.in_trouble(work, work.now))] == [number]
    world.do(lambda work: connecting.change(work, number, {"password": "right"}))
    assert connected.row(number).state == "active" and world.look(lambda work: connecting.in_trouble(work, work.now)) == []
    with world.database.read() as db:
        assert [one.id for one in lanes.due(db, world.moment)] == [number]


def test_removing_takes_our_entries_out_or_leaves_them(anywhere):
    world = anywhere.world
    world.session(title="Fire")
    first, second = anywhere.connect(), anywhere.connect(name="Second")
    anywhere.leave()
    assert world.do(lambda work: connecting.remove(work, second, take_out=False)) is None and anywhere.row(second) is None
    assert world.do(lambda work: connecting.remove(work, first, take_out=True)).state == "leaving"
    with pytest.raises(Conflict):
        world.do(lambda work: connecting.resume(work, first))
    world.session(title="Ice")
    assert anywhere.leave() == ["DELETE"] and len(anywhere.there) == 1
    with world.database.write() as db:
        assert lanes.finish_leaving(db) == 1
    assert world.look(lambda work: (work.organisation.caldav_listeners, connecting.connections(work))) == (0, [])


def test_comparing_shows_what_differs_and_repairing_puts_that_right(anywhere):
    world = anywhere.world
    for title in ("Fire", "Ice", "Water"):
        world.session(title=title)
    gone = world.session(title="Gone")
    number = anywhere.connect()
    anywhere.leave()
    fire, ice, _water, old = sorted(anywhere.there)
    kept = anywhere.there[old]
    world.cancel(gone)
    anywhere.leave()
    anywhere.there[old] = kept
    anywhere.there["dentist.ics"] = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    del anywhere.there[fire]
    anywhere.there[ice] = anywhere.there[ice].replace(b"SUMMARY:Ice", b"SUMMARY:Holiday")
    report = anywhere.compare(number)
    assert {name: report[name] for name in ("missing", "extra", "different", "same", "foreign", "waiting")} == {
        "missing": 1, "extra": 1, "different": 1, "same": 1, "foreign": 1, "waiting": 0,
    }  # fmt: skip
    assert sorted((one["state"], one["title"], one["fields"]) for one in report["findings"]) == [
        ("different", "Ice", ["title"]), ("extra", "Gone", []), ("missing", "Fire", []),
    ]  # fmt: skip
    assert anywhere.leave() == []
    assert world.do(lambda work: reconciling.repair(work, number)) == 3
    assert sorted(anywhere.leave()) == ["DELETE", "PUT", "PUT"]
    assert anywhere.compare(number)["findings"] == [] and "dentist.ics" in anywhere.there


def test_what_is_on_its_way_is_no_fault_and_old_findings_repair_nothing(connected):
    world = connected.world
    world.session(title="Fire")
    number = connected.connect()
    report = connected.compare(number)
    assert (report["missing"], report["waiting"], report["findings"]) == (0, 1, [])
    world.moment += timedelta(hours=2)
    with pytest.raises(Conflict, match="Compare first"):
        world.do(lambda work: reconciling.repair(work, number))


@pytest.mark.parametrize(
    ("field", "value"),
    [("url", "calendar"), ("url", "ftp://x.example/"), ("url", "https://u:p@x.example/"), ("detail", "all"), ("subject_kind", "moon"), ("name", " "), ("password", "")],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_field(connected, field, value):
    with pytest.raises(Invalid) as refused:
        connected.connect(**{field: value})
    assert refused.value.field == field


def test_subjects_and_connections_of_others_are_not_found(connected):
    with pytest.raises(NotFound):
        connected.connect(subject_kind="room", subject="77")
    with pytest.raises(NotFound):
        connected.world.do(lambda work: connecting.pause(work, 77))
    assert connected.world.do(publishing.kept) == []


def test_what_a_server_refused_for_good_is_counted_until_it_stands_there(anywhere):
    world = anywhere.world
    world.session(title="Fire")
    number = anywhere.connect()
    given_up = lambda: world.look(lambda work: connecting.given_up(work, anywhere.row(number)))  # noqa: E731
    assert given_up() == 0
    world.do(lambda work: work.db.execute(update(Delivery).where(Delivery.destination_id == number).values(state="dead")))
    assert given_up() == 1
    anywhere.compare(number)
    world.do(lambda work: reconciling.repair(work, number))
    assert anywhere.leave() == ["PUT"] and given_up() == 0
