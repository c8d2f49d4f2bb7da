"""What comes as mail: one disposition each, as written, soon, and in little memory; what lies behind it is answered meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import psutil
import pytest

from feedserver.settings import Settings
from mail.children import MEMORY
from tests.support import databases
from tests.support.court import Court

MODULES = ("b01_replies", "b02_calendars", "b03_mime", "b04_headers", "b06_evidence", "b12_reports", "b14_recurrence")
CASES = [(name[:3], case) for name in MODULES for case in import_module(f"tests.bad.{name}").CASES]


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    with Court(databases.sqlite_copy(tmp_path_factory.mktemp("bad") / "feedserver.db")) as one:
        yield one


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[f"{b}-{case.name}" for b, case in CASES])
def test_a_bad_mail_ends_in_one_way(court, case):
    _, verdict, _, status = court.ends(case.content, case.given, Settings(**case.settings))
    assert f"{verdict.outcome} {verdict.code}" == case.ends, verdict.reason
    assert verdict.reason.strip() and (status in ("Registered", "Declined")) == (verdict.outcome == "applied")


def test_the_child_that_read_all_this_stayed_small(court):
    court.pool.read(b"From: a@b.example\r\n\r\n")
    child = court.pool._slots.get()
    court.pool._slots.put(child)
    assert psutil.Process(child.process.pid).memory_info().rss < MEMORY / 2
