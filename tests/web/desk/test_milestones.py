"""Milestones and completions at the desk, and on the learner's own page."""

from __future__ import annotations

import io
import re

import pytest

from feedserver.services import grouping
from feedserver.store.learners import Learner
from tests.web.desk.conftest import Desk


@pytest.fixture
def course(desk: Desk) -> int:
    """A course that Mia and Ole take, and of which they may say themselves that it is done."""
    people = [desk.learner("Mia", team="Night", locale="de").id, desk.learner("Ole").id]

    def make(work):
        made = grouping.create_course(work, {"name": "Fire safety", "self_paced": True})
        grouping.create_group(work, made.id, "All", people)
        return made.id

    return desk.do(make)


def test_a_deadline_is_set_moved_and_cancelled(desk: Desk, course: int):
    path = f"/courses/{course}/milestones"
    desk.send(path, kind="completion_deadline", title="Quiz", day="2027-03-31")
    assert "Quiz" in desk.get(path) and "31 Mar 2027" in desk.get(path)
    assert "Write the date" in desk.send(path, 422, kind="assessment", title="x", day="soon").text
    desk.send("/milestones/1", title="Quiz", day="2027-04-30")
    assert "30 Apr 2027" in desk.get(path) and "To do" in desk.get("/learners/1")
    desk.send("/milestones/1/cancel")
    assert "Cancelled" in desk.get(path) and "No longer" in desk.get("/learners/1")


def test_completions_are_noted_by_hand_and_from_a_file_and_undone(desk: Desk, course: int):
    path = f"/courses/{course}/completions"
    desk.send(path, people="mia@example.org")
    assert "1 of 2 have completed it (50 %)" in desk.get(path)
    assert "Nobody here has this address" in desk.send(path, 422, people="who@example.org").text
    lines = b"email,course,completed_on\nole@example.org,Fire safety,2026-01-31\nmia@example.org,Baking,\nole@example.org,1,31.1.2026\n"
    desk.send(path, file=(io.BytesIO(lines), "done.csv"))
    said = desk.get(path)
    assert "1 noted, 0 on record already, 2 refused" in said and "Line 3: course" in said and "Line 4: completed_on" in said
    assert "2 of 2" in said and "31 Jan 2026" in said
    desk.send("/completions/1/undo")
    assert "1 of 2" in desk.get(path) and "Undone" in desk.get(path)
    assert "Night" in desk.get("/reports/completions?by=team")
    assert "Fire safety,Ole,ole@example.org,,2026-01-31,no" in desk.get("/reports/completions.csv")


def test_a_learner_sees_what_is_due_and_says_that_it_is_done_by_a_button_alone(desk: Desk, course: int):
    desk.send(f"/courses/{course}/milestones", kind="completion_deadline", title="Quiz", day="2027-03-31")
    mine = desk.my_page(desk.do(lambda work: work.db.get_one(Learner, 1)))
    page = desk.get(mine)
    assert "Frist: Quiz" in page and "Mittwoch, 31. März 2027" in page
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)[1]
    assert desk.client.get(f"{mine}/days/1").status_code == 405
    assert desk.client.post(f"{mine}/days/1", data={"nonce": "x"}).location.endswith("note=old#due")
    assert desk.client.post(f"{mine}/days/2", data={"nonce": nonce}).status_code == 404
    assert desk.client.post(f"{mine}/days/1", data={"nonce": nonce}).status_code == 303
    assert "Frist: Quiz" not in desk.get(mine) and "says so themselves" in desk.get(f"/courses/{course}/completions")
