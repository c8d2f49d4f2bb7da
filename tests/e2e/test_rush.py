"""Sixty people register at the same moment for seven places, over HTTP, on both databases; then one says No by mail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.product import Product, poll

PLACES, PEOPLE = 7, 60


@pytest.mark.slow
def test_sixty_register_at_once_for_seven_places(tmp_path: Path, database_url: str):
    with Product(tmp_path, database_url=database_url, settle_seconds="0") as product:
        course = product.api("POST", "/courses", {"name": "Safety"})[1]["id"]
        times = {"start": "2027-03-01T09:00", "end": "2027-03-01T10:00", "timezone": "Europe/Berlin"}
        session = product.api(
            "POST", "/sessions", {"course_id": course, "title": "Fire", "capacity": PLACES, "waiting_list": True, **times}
        )[1]["id"]
        people = [product.api("POST", "/learners", {"name": f"P{n}", "email": f"p{n}@corp.example"})[1]["id"] for n in range(PEOPLE)]
        with ThreadPoolExecutor(PEOPLE) as pool:
            answers = list(pool.map(lambda i: product.api("POST", f"/sessions/{session}/registrations", {"learner_id": i}), people))
        assert {status for status, _ in answers} == {201}
        seated, waiting = in_line(product, session)
        assert (len(seated), len(waiting)) == (PLACES, PEOPLE - PLACES)
        assert [one["position"] for one in waiting] == list(range(1, PEOPLE - PLACES + 1))
        product.api("DELETE", f"/enrolments/{seated[0]['id']}")
        first = waiting[0]["id"]
        offered = poll(lambda: product.api("GET", f"/enrolments/{first}")[1], "no answer")
        assert (offered["status"], offered["offer_until"] is not None) == ("Invited", True)


def in_line(product: Product, session: int) -> tuple[list[dict], list[dict]]:
    """Who has a seat, and who waits, in order."""
    items = product.api("GET", f"/sessions/{session}/enrolments?limit=100")[1]["items"]
    waiting = sorted((one for one in items if one["status"] == "Waiting List"), key=lambda one: one["position"])
    return [one for one in items if one["status"] == "Registered"], waiting
