"""The page of lists that other systems sent: what each changed, and why rows were refused."""

from __future__ import annotations

from feedserver.services import syncing
from feedserver.services.syncing import Wish
from tests.web.desk.conftest import Desk

EVIL = '<script>alert("x")</script>'


def test_who_manages_sees_what_a_list_did_and_which_rows_it_could_not_take(desk: Desk):
    assert "No system has sent anything yet" in desk.get("/sync") and "/sync" in desk.get("/learners")
    items = [
        {"external_id": "E-1", "email": "mia@example.org", "name": EVIL},
        {"external_id": EVIL, "shoe": 43},
        {"external_id": "E-3", "email": "x"},
    ]
    desk.do(lambda work: syncing.take(work, "learners", items, Wish()))
    desk.do(lambda work: syncing.take(work, "learners", [{"external_id": "E-1", "active": False}], Wish(dry_run=True)))
    page = desk.get("/sync")
    assert "dry run" in page and page.index("/sync/2") < page.index("/sync/1")
    one = desk.get("/sync/1")
    assert "There is no such field here" in one and "is not an e-mail address" in one and "<script>" not in one and "&lt;script&gt;" in one
    assert "A dry run" in desk.get("/sync/2") and "There is no sync run 9" in desk.get("/sync/9", 404)
