"""What is asked of the web part: the right refusal, never 5xx, nothing changed, and no script of a stranger in any page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.bad.front import Front
from tests.support import databases
from tests.web.desk.conftest import writes

MODULES = ("b07_links", "b08_desk", "b09_api", "b10_tables")
CASES = [(name[:3], case) for name in MODULES for case in import_module(f"tests.bad.{name}").CASES]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    one = Front(databases.sqlite_copy(tmp_path_factory.mktemp("bad") / "feedserver.db"))
    yield one
    one.close()


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[f"{b}-{case.name}"[:60] for b, case in CASES])
def test_a_bad_request_is_answered_and_changes_nothing(front, case):
    began = time.process_time()
    with front.owner.statements() as told:
        response, before, after = front.ask(case)
    right = case.status if isinstance(case.status, tuple) else (case.status,)
    assert response.status_code in right, response.data[:500]
    assert time.process_time() - began < 5 and (before == after) != case.changes
    text = response.data.decode("utf-8", "replace")
    assert "<script>alert" not in text and "<img src=x" not in text and "Traceback" not in text
    assert not any("evil.example" in value for name, value in response.headers if name in ("Location", "Access-Control-Allow-Origin"))
    if case.method in ("GET", "HEAD"):
        assert writes(told) == []
    if case.who == "api" and response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/problem+json" and len(response.json["detail"]) > 10
