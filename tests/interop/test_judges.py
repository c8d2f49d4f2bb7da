"""What we send, before judges that none of us wrote: they find nothing."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tzdata

from feedserver.ical import feed, slots, vevent
from feedserver.ical.words import Words
from feedserver.imip.compose import Kind, compose
from feedserver.store.audiences import DETAILS
from feedserver.training.audiences import view
from feedserver.training.changes import Snapshot
from tests.support.sessions import TRAINING, UID, snapshot, values

JUDGES = Path(__file__).parents[2] / "../shared/interop"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (JUDGES / "check_itip").exists(), reason="the judges are not here")]

CASES = {
    "public": {},
    "private": {"visibility": "private"},
    "busy": {"visibility": "busy", "join_url": ""},
    "unicode": {"title": "Grüße 👩\u200d👩\u200d👧; a, b\\c " * 6, "location": "北京市, 5 号; x", "instructors": ("Zoë “Z”",)},
    "utc": {"timezone": "UTC"},
    "equal hour": {"start": datetime(2027, 10, 31, 2), "end": datetime(2027, 10, 31, 2, 30), "fold": 1},
    "one offset": {"timezone": "Asia/Tokyo"},
    "no rule": {"timezone": "Africa/Casablanca"},
    "an odd winter": {"timezone": "America/Havana", "start": datetime(2026, 12, 10, 10), "end": datetime(2026, 12, 10, 11)},
    "shifted rule": {"timezone": "Africa/Cairo"},
    "negative summer": {"timezone": "Europe/Dublin"},
}


def judge(command: str, *files: Path) -> list[str]:
    """Every line of the judges that is not plain praise."""
    options = ["--one-uid"] if command == "check_itip" else []
    # The judges' Python would else look into the machine's zone data, which is older than ours.
    environment = os.environ | {"PYTHONTZPATH": str(Path(tzdata.__file__).parent / "zoneinfo")}
    done = subprocess.run([JUDGES / command, *options, *files], capture_output=True, text=True, env=environment)
    assert done.stdout, done.stderr
    return [line for line in done.stdout.splitlines() if not re.match("ok |skip |note ", line)]


def series(session: Snapshot, locale: str) -> list[bytes]:
    """Invited, moved, reworded, cancelled: as one learner gets it."""
    before = snapshot(title="Other title", start=session.start.replace(minute=1), timezone=session.timezone, end=session.end)
    steps = [(Kind.INVITE, "NEEDS-ACTION"), (Kind.UPDATE, "NEEDS-ACTION"), (Kind.AGAIN, "ACCEPTED"), (Kind.CANCEL, "ACCEPTED")]
    mails = []
    for number, (kind, partstat) in enumerate(steps):
        shown = before if kind is Kind.INVITE else session
        skeleton = compose(
            kind, shown, told=before, locale=locale, timezone="Asia/Kolkata", sender=TRAINING, organisation_name="Acme", alarm_minutes=15
        )
        own = values(
            to_name="Léa, “Learner”", sequence=number, dtstamp=1_795_168_800 + number, partstat=partstat, message_id=f"m{number}@t.example"
        )
        mails.append(skeleton.fill(own))
    return mails


@pytest.mark.parametrize("case", CASES)
def test_a_series_of_messages_is_found_in_order(case: str, tmp_path: Path) -> None:
    files = []
    for number, raw in enumerate(series(snapshot(**CASES[case]), "de" if case == "unicode" else "en")):
        files.append(tmp_path / f"{number}.eml")
        files[-1].write_bytes(raw)

    assert judge("check_itip", *files) == []


def test_a_feed_of_all_of_them_is_found_in_order(tmp_path: Path) -> None:
    # node-ical goes by the name of the zone and by Node's own data, which does not know Havana's odd winter yet.
    cases = [changes for changes in CASES.values() if changes.get("timezone") != "America/Havana"]
    parts = []
    for number, changes in enumerate(cases):
        status = ("CONFIRMED", "TENTATIVE", "CANCELLED")[number % 3]
        detail = "busy" if number == 2 else "everything"
        own = {
            "uid": slots.slot_uid(f"{number}{UID}"),
            "dtstamp": slots.slot_dtstamp(1_795_168_800),
            "sequence": slots.slot_sequence(number),
            "page": slots.slot_page("https://t.example/my/abc"),
            "status": slots.slot_status(status),
            "mark": slots.slot_mark("" if status == "CONFIRMED" else "Waiting list"),
            "alarm": slots.slot_alarm(15 if number % 2 else None, "Training"),
        }
        parts.append(slots.fill(vevent.render(snapshot(**changes), method=None, words=Words(), detail=detail), own))
    zones = {s.timezone for s in (snapshot(**changes) for changes in cases) if vevent.zone_of(s)}
    file = tmp_path / "feed.ics"
    file.write_bytes(
        feed.document(
            parts, feed.vtimezones(zones, datetime(2026, 8, 1, tzinfo=UTC), datetime(2028, 5, 1, tzinfo=UTC)), name="Lea’s training"
        )
    )

    assert judge("check_feed", file) == []


def test_a_feed_for_others_of_all_of_them_is_found_in_order(tmp_path: Path) -> None:
    cases = [snapshot(**changes) for changes in CASES.values() if changes.get("timezone") != "America/Havana"]
    parts = []
    for number, (one, audience, detail) in enumerate(
        (c, a, d) for c in cases for a in ("team", "instructor", "open_seats") for d in DETAILS
    ):
        how = view(audience, detail, one.visibility)
        notes = "Seats taken: 3 of 12\nZoë “Z”; Zander, 北京: Registered" * (number % 3)
        own = {
            "uid": slots.slot_uid(f"{number}@feedserver"),
            "dtstamp": slots.slot_dtstamp(1_795_168_800),
            "sequence": slots.slot_sequence(number),
            "status": slots.slot_status("CANCELLED" if number % 4 == 3 else "CONFIRMED", blocks=number % 2 == 0),
            "mark": slots.slot_mark("Cancelled" if number % 4 == 3 else ""),
            "notes": slots.slot_notes(notes),
            "notes_alone": slots.slot_notes_alone(notes),
        }
        if how is not None:
            parts.append(slots.fill(vevent.for_others(one, how, Words()), own))
    zones = feed.vtimezones(
        {s.timezone for s in cases if vevent.zone_of(s)}, datetime(2026, 8, 1, tzinfo=UTC), datetime(2028, 5, 1, tzinfo=UTC)
    )
    file = tmp_path / "feed.ics"
    file.write_bytes(feed.document(parts, zones, name="Team of max@corp.example"))

    assert len(parts) > 70 and judge("check_feed", file) == []


def test_an_empty_feed_is_found_in_order(tmp_path: Path) -> None:
    file = tmp_path / "feed.ics"
    file.write_bytes(feed.document([], [], name="Nothing yet"))

    # A VTIMEZONE that nothing refers to is the one component that an empty feed can hold.
    assert [line for line in judge("check_feed", file) if "TZUNUSED" not in line] == []
