"""Lists: every row once, and the number of statements does not grow with them."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from feedserver.errors import Invalid
from feedserver.store.rows import Learner
from feedserver.web.api.paging import clamp, read_cursor, write_cursor


@contextmanager
def statements(database):
    """Collects what is said to the database."""
    said: list[str] = []

    def note(_connection, _cursor, statement, *_):
        said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield said
    event.remove(database.engine, "before_cursor_execute", note)


def many(api, database, count: int) -> None:
    """`count` learners, invited to one session, with their mails."""
    row = {
        "organisation_id": api.organisation_id,
        "timezone": "UTC",
        "locale": "en",
        "channel": "both",
        "version": 1,
        "created_at": api.clock.now,
    }
    with database.write() as db:
        db.execute(
            Learner.__table__.insert(),
            [{**row, "email": f"{n}@e.org", "email_key": f"{n}@e.org", "name": str(n), "page_id": str(n)} for n in range(count)],
        )
    ids = [n + 1 for n in range(count)]
    course = api.course()
    group = api.post(f"/courses/{course['id']}/groups", {"name": "All", "learner_ids": ids})
    api.session(course_id=course["id"], group_id=group["id"], capacity=count - 5)


def walk(api, path: str, limit: int) -> list[int]:
    """All ids of a list, page by page."""
    found, cursor = [], ""
    while cursor is not None:
        page = api.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}")
        found += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    return found


def test_every_row_comes_once(api, database):
    many(api, database, 23)
    assert walk(api, "/learners", 5) == list(range(1, 24))
    assert len(walk(api, "/sessions/1/enrolments", 23)) == 23
    mails = walk(api, "/deliveries", 7)
    assert mails == sorted(mails, reverse=True) and len(set(mails)) == len(mails) == 18


def test_sessions_of_one_start_come_once_each(api):
    ids = [api.session()["id"] for _ in range(5)]
    assert walk(api, "/sessions", 2) == ids


@pytest.mark.parametrize("path", ["/learners", "/sessions", "/sessions/1/enrolments", "/deliveries", "/groups/1/members", "/inbound"])
def test_a_page_costs_the_same_of_a_hundred_and_a_thousand(api, database, path):
    many(api, database, 100)
    api.get(path)
    with statements(database) as few:
        api.get(f"{path}?limit=20")
    with database.write() as db:
        row = {"organisation_id": api.organisation_id, "timezone": "UTC", "locale": "en", "channel": "both", "version": 1}
        rows = [
            {**row, "email": f"m{n}", "email_key": f"m{n}", "name": "m", "page_id": f"m{n}", "created_at": api.clock.now}
            for n in range(900)
        ]
        db.execute(Learner.__table__.insert(), rows)
    group = api.post("/courses/1/groups", {"name": "More", "learner_ids": list(range(101, 1001))})
    for _ in range(3):
        api.session(course_id=1, group_id=group["id"])
    with statements(database) as more:
        assert api.get(f"{path}?limit=200")["items"] or path == "/inbound"
    assert len(more) <= len(few) + 1 and len(more) < 15


@given(st.one_of(st.text(), st.integers()))
def test_any_limit_becomes_one_to_two_hundred(value):
    assert 1 <= clamp(value) <= 200


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=2))
def test_a_cursor_comes_back_as_it_went(place):
    cursor = write_cursor(*place)
    assert read_cursor(cursor, len(place)) == tuple(place) and cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=40))
def test_any_other_cursor_is_refused_in_words(text):
    try:
        read_cursor(text)
    except Invalid as error:
        assert error.field == "cursor"
