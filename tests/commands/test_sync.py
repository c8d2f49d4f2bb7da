"""`sync` on the command line: the nightly file of an HR system."""

from __future__ import annotations

import json

from sqlalchemy import event, select

from feedserver.commands.sync import sync
from feedserver.store.courses import Course
from feedserver.store.history import HistoryEntry
from feedserver.store.learners import Learner
from feedserver.store.sessions import LiveSession

HEAD = "external_id,email,name,team,start_date\n"


def people(count: int, changed: int = 0) -> str:
    return HEAD + "".join(f"E-{n},p{n}@b.example,Person {n},{'New' if n < changed else 'Old'},2026-12-01\n" for n in range(count))


def test_a_nightly_file_touches_what_changed_and_needs_the_same_statements_for_each_thousand(quick):
    first = quick(sync, "learners", quick.file(people(3000)))
    assert first.exit_code == 0 and first.stdout == "3000 created, 0 updated, 0 unchanged, 0 refused\n"
    told: list[str] = []
    note = lambda *a: told.append(a[2])  # noqa: E731
    event.listen(type(quick.house.database.engine), "before_cursor_execute", note)
    before, seen = quick.count(HistoryEntry), []
    for text in (people(3000, 50), people(1000, 50), people(3000, 50)):
        told.clear()
        result = quick(sync, "learners", quick.file(text))
        seen.append((result.stdout.split(", ")[1], len([line for line in told if "learners" in line]), quick.count(HistoryEntry) - before))
    event.remove(type(quick.house.database.engine), "before_cursor_execute", note)
    # Of the first file one thousand holds all that changed: two statements more, to hold them and to write them.
    assert [one[0] for one in seen] == ["50 updated", "0 updated", "0 updated"] and [one[2] for one in seen] == [50, 50, 50]
    assert seen[0][1] - 2 == seen[2][1] and seen[2][1] <= 3 * seen[1][1]
    assert quick.count(Learner, Learner.version > 1) == 50


def test_rows_that_are_refused_are_said_with_their_line_and_the_rest_is_taken(desk):
    text = HEAD + "E-1,p1@b.example,Zo,,\n,p2@b.example,Cy,,\nE-3,nobody,Bo,,\nE-1,p4@b.example,Di,,\nE-5,p5@b.example\n"
    result = desk(sync, "learners", desk.file(text))
    assert result.exit_code == 1 and "1 created" in result.stdout and "4 refused" in result.stdout
    assert "line 3 (no name): external_id: This field is required." in result.stderr
    assert "line 4 (E-3): email: 'nobody'" in result.stderr and "line 5 (E-1): external_id: Row 2" in result.stderr
    assert "line 6 (E-5): name: Nobody is known" in result.stderr


def test_who_is_not_in_the_file_leaves_unless_they_are_too_many(desk):
    desk(sync, "learners", desk.file(people(40)))
    refused = desk(sync, "learners", desk.file(people(20)), "--absent", "leave")
    assert "20 of 40 people are not in this list" in str(refused.exception) and desk.count(Learner, Learner.left_at.is_not(None)) == 0
    result = desk(sync, "learners", desk.file(people(38)), "--absent", "leave")
    assert result.stdout.strip().endswith("2 gone") and desk.count(Learner, Learner.left_at.is_not(None)) == 2
    assert "0 updated, 38 unchanged" in desk(sync, "learners", desk.file(people(38)), "--absent", "leave").stdout


def test_an_empty_cell_says_nothing_unless_told_to_clear(quick):
    quick(sync, "learners", quick.file(people(1)))
    text = HEAD + "E-0,,,,\n"
    assert "1 unchanged" in quick(sync, "learners", quick.file(text)).stdout
    assert "1 updated" in quick(sync, "learners", quick.file(text), "--clear-empty").stdout
    one = quick.do(lambda work: work.db.scalars(select(Learner)).one())
    assert (one.team, one.start_date, one.name) == (None, None, "Person 0")


def test_the_report_can_be_read_by_a_program_and_a_dry_run_does_nothing(quick):
    result = quick(sync, "learners", quick.file(people(2)), "--dry-run", "--json")
    report = json.loads(result.stdout)
    assert report["dry_run"] and report["created"] == 2 and report["rows"][1]["external_id"] == "E-1" and quick.count(Learner) == 0


def test_courses_and_sessions_come_from_files_too(quick):
    assert quick(sync, "courses", quick.file("external_id,name,counts\nC-1,Fire safety,yes\n")).exit_code == 0
    head = "external_id,course_external_id,title,start,end,capacity,instructors\n"
    line = "S-1,C-1,Drill,2027-03-01T09:00,2027-03-01T10:00,12,a@b.example c@b.example\n"
    assert "1 created" in quick(sync, "sessions", quick.file(head + line)).stdout
    assert "1 unchanged" in quick(sync, "sessions", quick.file(head + line)).stdout
    session = quick.do(lambda work: work.db.scalars(select(LiveSession)).one())
    assert (session.capacity, session.instructors) == (12, ["a@b.example", "c@b.example"]) and quick.count(Course, Course.counts) == 1
