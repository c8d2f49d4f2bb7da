"""One message: what spoke for and against it in words, every judgement, and what an administrator does about a strange sender."""

from __future__ import annotations

import html
import json
import threading

import pytest
from sqlalchemy import select

from feedserver.services import organising, receiving
from feedserver.settings import Settings
from feedserver.store.enrolments import Enrolment
from feedserver.store.entries import CalendarEntry
from feedserver.store.learners import LearnerAlias
from feedserver.store.verdicts import VerdictRow
from feedserver.web.admin import evidence
from mail import trust
from mail.judging import Judging
from tests.replies import reply
from tests.support.in_process import InProcess
from tests.web.desk.conftest import Desk

HOME, AMY = "mia@home.example", "amy@example.org"


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def arrive(desk: Desk, change=lambda raw: raw, **values) -> None:
    """Mia's answer comes in and is judged by the worker."""
    uid = desk.do(lambda work: work.db.scalars(select(CalendarEntry.uid)).one())
    raw = change(reply("sabre", uid=uid, attendee="mia@example.org", **values))
    desk.do(lambda work: receiving.store(work.db, [receiving.Received(raw, "smtp", "x@y.example", ("training@localhost",))], work.now))
    judge(desk)


def judge(desk: Desk) -> None:
    judging = Judging(desk.house, Settings(), threading.Event(), lambda: 1)
    judging.pool = InProcess()
    while judging.once():
        pass


def status(desk: Desk) -> str:
    return desk.do(lambda work: work.db.scalars(select(Enrolment.status)).one())


def test_a_strange_sender_is_explained_made_known_and_judged_again(desk: Desk):
    desk.session("Mia")
    arrive(desk, sender=HOME, partstat="DECLINED")
    page = html.unescape(desk.get("/mail/in/1"))
    for words in (
        f"{HOME}: not known as theirs",
        "mia@example.org: the enrolled address",
        "TRUSTED_AUTHSERV_ID is not set",
        "no answer yet",
        "METHOD:REPLY",
    ):
        assert words in page
    desk.send("/mail/in/1/know", address="somebody@else.example")
    assert "settled already" in desk.get("/mail/in/1") and status(desk) == "Invited"
    desk.send("/mail/in/1/know", address=HOME)
    judge(desk)
    page = html.unescape(desk.get("/mail/in/1"))
    assert status(desk) == "Declined" and f"{HOME}: another address that is known as theirs" in page
    assert "when it came" in page and "judged again" in page and "/mail/in/1/judge" not in page
    assert HOME in desk.get("/learners/1")


def test_an_assistant_is_approved_from_the_message(desk: Desk):
    desk.session("Mia")
    arrive(desk, lambda raw: raw.replace(b"PARTSTAT=", f'SENT-BY="mailto:{AMY}";PARTSTAT='.encode(), 1), sender=AMY)
    assert "answers on behalf of Mia" in desk.get("/mail/in/1")
    desk.send("/mail/in/1/know", address=AMY)
    judge(desk)
    assert status(desk) == "Registered" and desk.do(lambda work: work.db.scalars(select(LearnerAlias.kind)).one()) == "delegate"
    assert "may answer on their behalf" in desk.get("/learners/1")


def test_all_that_is_held_is_judged_again_and_what_is_discarded_stays_so(desk: Desk):
    desk.session("Mia")
    arrive(desk, sender=HOME)
    arrive(desk, sender="eve@evil.example")
    desk.send("/mail/in/2/discard")
    desk.do(lambda work: work.db.add(LearnerAlias(learner_id=1, address_key=HOME, created_at=work.now)))
    desk.send("/mail/in/judge", page="/mail/in?outcome=quarantined")
    judge(desk)
    assert status(desk) == "Registered" and "An administrator discarded it" in desk.get("/mail/in/2")
    by = desk.do(lambda work: work.db.execute(select(VerdictRow.inbound_id, VerdictRow.by).order_by(VerdictRow.id)).all())
    assert [tuple(row) for row in by] == [(1, "first"), (2, "first"), (2, "admin:olga@example.org"), (1, "again")]


def test_strict_trust_is_a_setting_and_means_what_the_judge_means(desk: Desk):
    assert set(organising.TRUST_PROFILES) == set(trust.PROFILES)
    desk.session("Mia")
    values = {
        "name": "Acme",
        "mailbox_name": "Training",
        "mailbox_address": "training@localhost",
        "locale": "en",
        "timezone": "Europe/Berlin",
    }
    desk.send("/settings", **values, trust_profile="strict")
    desk.send("/settings", **values)
    assert 'value="strict" selected' in desk.get("/settings")
    assert desk.send("/settings", 422, **values, trust_profile="none").status_code == 422
    arrive(desk)
    assert status(desk) == "Invited" and "Strict trust" in desk.get("/mail/in/1")


def test_whatever_the_evidence_holds_is_shown_as_words():
    odd = {"decisions": [{"uid": "known", "colour": ["red", {"deep": 1}]}, "text"], "verb": "leave", "incoming": {"text": "x"}}
    found = evidence.tables(json.loads(json.dumps(odd)))
    assert [[(row.about, row.mark) for row in rows] for rows in found] == [[("UID", "good"), ("colour", ""), ("deep", "")], [("verb", "")]]
    assert evidence.source(b"A: \x00\x1b[31m\r\n\r\n" + "\u202e".encode()) == "A: \u00b7\u00b7[31m\n\n\u00b7"
    assert evidence.source(b"x" * 70000).endswith("4,464 octets more")
