"""Every mail and feed of a busy week, as the relay and the subscriber got them, before judges that none of us wrote."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import tzdata

from tests.e2e.world import Sent, World, at

JUDGES = Path(__file__).parents[2] / "../shared/interop"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (JUDGES / "check_itip").exists(), reason="the judges are not here"),
]


@dataclass
class Week:
    """What was sent to whom, by UID, and where the feeds are."""

    world: World
    people: dict[str, dict] = field(default_factory=dict)

    def invite(self, name: str, status: str = "Invited", person: dict | None = None, **fields) -> dict:
        """A person and a session of their own; gives the session."""
        self.people[name] = self.world.learner(name, **(person or {}))
        session = self.world.session(**fields)
        self.world.enrol(session, self.people[name], status)
        self.world.mails(self.people[name], 1)
        if "capacity" not in fields:
            self.world.enrol(session, self.people["Subscriber"])
        return session

    def edit(self, session: dict, **fields) -> None:
        """Change a session; what follows from it has left when this returns, so that no later message takes its place."""
        self.world.edit(session, **fields)
        self.world.quiet()

    def series(self) -> dict[str, list[Sent]]:
        """Every calendar mail by UID, in the order in which it was sent."""
        found = defaultdict(list)
        for mail in self.world.mails():
            if mail.part:
                found[mail.uid].append(mail)
        return found


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    with World.open(tmp_path_factory.mktemp("week")) as world:
        yield busy(Week(world))


def busy(week: Week) -> Week:
    """All that an administrator and people do."""
    world = week.world
    week.people["Subscriber"] = world.learner("Subscriber", channel="feed")
    moved = week.invite(
        "Moved", description="Bring *your* [laptop](https://c.example/laptop).\n\n- one\n- two", join_url="https://meet.example/a?b=1&c=2"
    )
    week.edit(moved, start=at(3), end=at(4))
    week.edit(moved, title="Grüße, 北京; a\\b 👩‍🚒 " * 5, location="Room 5, main building")
    world.cancel(moved)
    reworded = week.invite("Reworded", "Registered")
    week.edit(reworded, title="Other words", description="Longer than before.")
    german = week.invite(
        "Günther", person={"email": "guenther@corp.example", "name": "Günther Groß", "locale": "de", "timezone": "Europe/Vienna"}
    )
    week.edit(german, start=at(-2), end=at(-1), timezone="America/New_York")
    world.cancel(german)
    week.invite("Tokyo", timezone="Asia/Tokyo", person={"timezone": "Asia/Kolkata"})
    greenwich = week.invite("Greenwich", timezone="UTC", access_code="4711", instructors=["ann@corp.example"])
    week.edit(greenwich, location="Room 9")
    casablanca = week.invite("Casablanca", timezone="Africa/Casablanca")
    week.edit(casablanca, start=at(1), end=at(2))
    secret = week.invite("Secret", visibility="private", join_url="https://meet.example/secret")
    week.edit(secret, start=at(5), end=at(6))
    week.edit(week.invite("Shown", visibility="busy"), visibility="public")
    toggled = week.invite("Toggled")
    week.edit(toggled, calendar_enabled=False)
    week.edit(toggled, calendar_enabled=True)
    for status in ("Declined", "Attended", "Absent", "Go Show"):
        week.invite(status.replace(" ", ""), status)
    answered(week)
    world.quiet()
    return week


def answered(week: Week) -> None:
    """Taken off; too late for a seat; an answer to the old time, which is put right; passed a place on."""
    world = week.world
    removed = week.invite("Removed")
    world.call("DELETE", f"/enrolments/{world.enrolment(removed, week.people['Removed'])['id']}", status=204)
    full = week.invite("Full", capacity=1, waiting_list=True)
    (invitation,) = world.mails(week.people["Full"], 1)
    world.answer(week.people["Full"], invitation, "DECLINED")
    week.people["Next"] = world.learner("Next")
    world.post(f"/sessions/{full['id']}/registrations", {"learner_id": week.people["Next"]["id"]})
    world.answer(week.people["Full"], invitation, "ACCEPTED")
    late = week.invite("Late")
    (invitation,) = world.mails(week.people["Late"], 1)
    world.answer(week.people["Late"], invitation, "ACCEPTED")
    week.edit(late, start=at(30), end=at(31))
    world.answer(week.people["Late"], invitation, "ACCEPTED")


def judge(command: str, *what: Path | str) -> list[str]:
    """Every line of the judges that is not plain praise."""
    options = ["--one-uid"] if command == "check_itip" else []
    # The judges' Python would else look into the machine's zone data, which is older than ours.
    environment = os.environ | {"PYTHONTZPATH": str(Path(tzdata.__file__).parent / "zoneinfo")}
    done = subprocess.run([JUDGES / command, *options, *map(str, what)], capture_output=True, text=True, env=environment)
    assert done.stdout, done.stderr
    return [line for line in done.stdout.splitlines() if not re.match("ok |skip |note ", line)]


def test_every_series_of_mails_is_found_in_order(week, tmp_path):
    series = week.series()
    found = {}
    for uid, mails in series.items():
        files = [tmp_path / f"{uid}.{n}.eml" for n in range(len(mails))]
        for file, mail in zip(files, mails, strict=True):
            file.write_bytes(mail.raw)
        found[mails[0].to, *(m.subject for m in mails)] = judge("check_itip", *files)
    assert {k: v for k, v in found.items() if v} == {}
    assert len(series) >= 18 and max(len(mails) for mails in series.values()) == 4


def test_the_week_holds_every_kind_of_mail(week):
    kinds = {d["kind"] for d in week.world.all("/deliveries?state=sent")}
    assert kinds >= {"invite", "update", "cancel", "removed", "withdrawn", "full"}, kinds


def test_every_feed_is_found_in_order(week):
    world, found = week.world, {}
    for name in ("Subscriber", "Günther", "Full", "Removed"):
        found[name] = judge("check_feed", world.product.here(world.feed_url(week.people[name])))
    # A VTIMEZONE that nothing refers to is the one component that an empty feed can hold.
    assert [line for line in found.pop("Removed") if "TZUNUSED" not in line] == []
    assert {k: v for k, v in found.items() if v} == {}
    assert len(world.feed(week.people["Subscriber"])) >= 14


def test_feeds_for_others_are_found_in_order_and_hold_no_secret_uid(week):
    world, found = week.world, {}
    secrets = {uid.partition("@")[0].encode() for uid in week.series()}
    for audience, subject in (("organisation", ""), ("open_seats", ""), ("instructor", "ann@corp.example")):
        feed = world.post("/audience-feeds", {"audience": audience, "subject": subject, "subscriber": "Wall"})
        found[audience] = judge("check_feed", world.product.here(feed["url"]))
        body = world.product.get(world.product.here(feed["url"]).removeprefix(world.product.url))[2].replace(b"\r\n ", b"")
        assert b"BEGIN:VEVENT" in body and not [uid for uid in secrets if uid in body]
    assert {k: v for k, v in found.items() if v} == {}
