"""What changed between two snapshots, and whether the person is asked again."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.training.changes import Snapshot, asks_again, diff
from tests.support.sessions import snapshot

WEEKLY = "FREQ=WEEKLY;UNTIL=20270331T080000Z"
CHANGES = {
    "title": "Fire drill", "start": datetime(2027, 3, 4, 10), "end": datetime(2027, 3, 3, 12), "timezone": "Europe/London", "fold": 1,
    "description": "other", "location": "Room 6", "join_url": "https://meet.example/2", "access_code": "1", "instructors": ("Bo",),
    "visibility": "private", "course_name": "Fire", "course_url": "https://c.example/2",
    "files": (("Map.pdf", "https://t.example/files/x/Map.pdf"),), "rule": WEEKLY, "left_out": ("2027-03-10T09:00:00",), "moved": True,
}  # fmt: skip


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Snapshot)])
def test_each_field_is_a_change_and_only_when_it_takes_place_asks_again(field):
    before, after = snapshot(), snapshot(**{field: CHANGES[field]})
    (change,) = diff(before, after)
    assert (change.field, change.before, change.after) == (field, getattr(before, field), CHANGES[field])
    assert asks_again((change,)) is (field in ("start", "end", "timezone", "fold", "rule"))


def test_a_series_that_only_ends_sooner_asks_nobody_again():
    shorter = snapshot(rule=WEEKLY.replace("0331", "0324"))
    assert not asks_again(diff(snapshot(rule=WEEKLY), shorter))
    assert asks_again(diff(shorter, snapshot(rule=WEEKLY)))


def test_there_and_back_is_no_change():
    assert diff(snapshot(), snapshot()) == () and not asks_again(())


wild = st.builds(
    Snapshot,
    title=st.text(),
    start=st.datetimes(datetime(1990, 1, 1), datetime(2199, 1, 1)),
    end=st.datetimes(datetime(1990, 1, 1), datetime(2199, 1, 1)),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    fold=st.integers(0, 1),
    description=st.text(),
    instructors=st.lists(st.text()).map(tuple),
)


@given(wild)
def test_what_is_stored_with_a_revision_comes_back_the_same(one):
    assert Snapshot.from_json(one.to_json()) == one


def test_a_key_of_a_later_version_is_passed_over():
    text = snapshot().to_json().replace('"title"', '"badge":"gold","title"')
    assert Snapshot.from_json(text) == snapshot()


@given(wild, wild)
def test_what_changed_leads_from_one_to_the_other_and_back(one, other):
    forth, back = diff(one, other), diff(other, one)
    assert dataclasses.replace(one, **{c.field: c.after for c in forth}) == other
    assert [(c.field, c.before, c.after) for c in forth] == [(c.field, c.after, c.before) for c in back]
    assert asks_again(forth) == asks_again(back)


def test_the_instants_follow_from_wall_time_and_zone():
    twice = snapshot(start=datetime(2027, 10, 31, 2, 30), end=datetime(2027, 10, 31, 4), fold=0)
    assert twice.starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert dataclasses.replace(twice, fold=1).starts_at - twice.starts_at == timedelta(hours=1)


def test_files_come_back_as_they_were_and_none_leave_no_trace_in_what_is_stored():
    with_files = snapshot(files=(("Map.pdf", "https://t.example/files/x/Map.pdf"),))
    assert Snapshot.from_json(with_files.to_json()) == with_files
    assert "files" not in snapshot().to_json() and Snapshot.from_json(snapshot().to_json()).files == ()
