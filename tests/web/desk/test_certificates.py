"""Certificates at the desk: kinds, awards by hand and from a file, warnings on record, the report, and the learner's own page."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from feedserver.services import access, certifying, expiring
from feedserver.store.certificates import Certificate
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from tests.web.desk.conftest import Desk, writes


@pytest.fixture
def kind(desk: Desk) -> int:
    """Holds for a year, and is renewed by a course."""
    desk.send("/courses/new", name="Refresher")
    sent = {"validity_months": "12", "renewal_course_id": "1", "reminder_days": "60, 7 0", "notify_days": ""}
    desk.send("/certificate-kinds/new", name="First aid", **sent)
    return 1


def held(desk: Desk, name: str, awarded_on: str, **fields) -> None:
    """Somebody new has it."""
    desk.learner(name, **fields)
    desk.send("/certificate-kinds/1/awards", people=f"{name.lower()}@example.org", awarded_on=awarded_on)


def test_a_kind_is_made_with_its_days_and_what_cannot_be_is_said_at_the_field(desk: Desk, kind: int):
    page = desk.get("/certificate-kinds/1")
    assert "12 months" in page and "60 days, 7 days, the same day" in page and "nobody" in page and "Refresher" in page
    wrong = desk.send("/certificate-kinds/1/edit", 422, name="First aid", reminder_days="soon", validity_months="700")
    assert "whole numbers of days" in wrong.text
    assert "1 to 600 months" in desk.send("/certificate-kinds/1/edit", 422, name="x", validity_months="700").text
    desk.send("/certificate-kinds/1/edit", name="First response", reminder_days="30")
    assert "First response" in desk.get("/certificate-kinds") and "the learner: 30 days" in desk.get("/certificate-kinds/1")


def test_it_is_awarded_to_a_pasted_list_or_on_a_learners_page_and_revoked_with_a_reason(desk: Desk, kind: int):
    desk.learner("Ole")
    held(desk, "Mia", "2026-11-01")
    assert "Nobody here has this address" in desk.send("/certificate-kinds/1/awards", 422, people="who@example.org").text
    desk.send("/learners/1/certificates", kind_id="1", awarded_on="2026-01-31", expires_on="")
    assert "31 Jan 2027" in desk.get("/learners/1") and "is still to come" in award_tomorrow(desk)
    page = desk.get("/certificates/1")
    assert "1 Nov 2027" in page and "To come: 2 Sep 2027 to Mia" in page
    desk.send("/certificates/1/revoke", reason="Wrong <person>")
    assert "Wrong &lt;person&gt;" in desk.get("/certificates/1") and "Revoked" in desk.get("/learners/2")


def award_tomorrow(desk: Desk) -> str:
    desk.send("/learners/1/certificates", kind_id="1", awarded_on="2027-01-31")
    return desk.get("/learners/1")


def test_a_file_is_looked_at_first_and_then_taken(desk: Desk, kind: int):
    desk.learner("Mia")
    lines = b"email,certificate,awarded_on\nmia@example.org,first aid,2026-10-01\nwho@example.org,1,\n"
    page = desk.send("/certificates/import", 200, file=(io.BytesIO(lines), "held.csv"), send="0").text
    assert "1 will be awarded" in page and "Line 3: email: Nobody here" in page and "Nobody yet" in desk.get("/certificate-kinds/1")
    desk.send("/certificates/import", text=lines.decode(), send="1")
    assert "1 awarded, 0 on record already, 1 refused" in desk.get("/reports/compliance")
    assert "0 will be awarded" in desk.send("/certificates/import", 200, text=lines.decode(), send="0").text
    for bad, words in ((b"", "Choose a file"), (b"name\nx\n", "no column"), (b"email,certificate\n\xff,1\n", "not UTF-8")):
        assert words in desk.send("/certificates/import", 422, file=(io.BytesIO(bad), "bad.csv"), send="1").text


def test_the_report_shows_sums_bars_and_each_certificate_and_narrows_them(desk: Desk, kind: int):
    for name, day, team in (("Mia", "2026-11-01", "Night"), ("Ole", "2025-12-01", "Night"), ("Ada", "2025-01-01", "")):
        held(desk, name, day, team=team)
    page = desk.get("/reports/compliance")
    assert "67 % of 3 hold today" in page and "67 % of 3 hold</text>" in page and '<svg class="bars"' in page
    assert names(page) == ["Ada", "Ole", "Mia"]
    assert names(desk.get("/reports/compliance?team=Night&state=expiring")) == ["Ole"]
    assert names(desk.get("/reports/compliance?by=team&team=-")) == ["Ada"]
    assert "Ada,ada@example.org,,First aid,2025-01-01,2026-01-01,lapsed" in desk.get("/reports/compliance.csv?state=lapsed&kind=1")
    for odd in ("x", "9" * 40, "'; --"):
        assert desk.client.get("/reports/compliance", query_string={"kind": odd, "team": odd, "state": odd, "by": odd}).status_code == 200


def names(page: str) -> list[str]:
    """Of whom a certificate is listed."""
    return re.findall(r'<a href="/certificates/\d+">(\w+)</a><br>', page)


def test_an_approver_sees_the_own_team_alone_and_an_instructor_nothing(desk: Desk, kind: int):
    held(desk, "Mia", "2025-12-01", manager_email="Anna@example.org")
    held(desk, "Ole", "2025-12-01")
    desk.sign_in("anna@example.org", "approver")
    page = desk.get("/reports/compliance")
    assert names(page) == ["Mia"] and "100 % of 1 hold" in page and "ole@" not in desk.get("/reports/compliance.csv")
    assert "First aid" in desk.get("/certificates/1") and "First aid" in desk.get("/learners/1")
    desk.get("/certificates/2", 404)
    desk.sign_in("tina@example.org", "instructor")
    desk.get("/reports/compliance", 403)


def test_today_shows_who_was_not_reached_and_what_lapsed_this_week(desk: Desk, kind: int):
    held(desk, "Mia", "2025-11-26")
    held(desk, "Ole", "2025-11-26")
    desk.do(lambda work: access.create_sign_in(work, "cora@example.org", "compliance_manager"))
    desk.do(lambda work: setattr(work.db.get_one(Learner, 1), "address_problem", "gone"))
    desk.do(lambda work: expiring.warn_due(work, work.organisation_id))
    page = desk.get("/")
    assert "ends soon, and the warning did not arrive" in page and "Mia: First aid" in page and "Ole: First aid" not in page
    desk.do(lambda work: work.db.execute(update(Delivery).where(Delivery.kind == "certificate").values(state="dead")))
    assert "Ole: First aid" in desk.get("/") and "Could not be delivered" in desk.get("/certificates/2")
    desk.clock.pass_by(days=9)
    desk.sign_in("olga@example.org", "owner")
    assert "lapsed within the last week" in desk.get("/")
    desk.clock.pass_by(days=9)
    desk.sign_in("olga@example.org", "owner")
    assert "First aid" not in desk.get("/")


def test_learners_see_what_they_have_until_when_and_what_renews_it(desk: Desk, kind: int):
    held(desk, "Mia", "2025-12-01", locale="de")
    mine = desk.my_page(desk.do(lambda work: work.db.get_one(Learner, 1)))
    page = desk.get(mine)
    assert "Ihre Zertifikate" in page and "Gilt bis Dienstag, 1. Dezember 2026" in page and "läuft bald ab" in page
    assert "Wird erneuert durch den Kurs Refresher" in page
    desk.do(lambda work: certifying.revoke(work, 1))
    assert "Ihre Zertifikate" not in desk.get(mine)


def test_a_hundred_times_the_certificates_cost_the_same_queries_and_looking_writes_nothing(desk: Desk, kind: int):
    paths = ("/reports/compliance", "/reports/compliance?by=team", "/certificate-kinds", "/certificate-kinds/1", "/certificates/1", "/")
    held(desk, "Mia", "2026-10-01", team="Night")

    def told() -> list[int]:
        counts = []
        for path in paths:
            with desk.statements() as said:
                desk.get(path)
            assert writes(said) == []
            counts.append(len(said))
        return counts

    few = told()
    desk.do(lambda work: crowd(work, 100))
    assert told() == few and max(few) < 30


def crowd(work, count: int) -> None:
    """So many more who have it."""
    day = work.now.date()
    for n in range(count):
        name = f"p{n}@example.org"
        row = {
            "email": name,
            "email_key": name,
            "name": name,
            "page_id": name,
            "timezone": "UTC",
            "locale": "en",
            "channel": "both",
            "version": 1,
        }
        work.db.execute(insert(Learner).values(organisation_id=work.organisation_id, created_at=work.now, team="Night", **row))
    ids = [one.id for one in work.db.query(Learner).where(Learner.email.like("p%"))]
    same = {
        "organisation_id": work.organisation_id,
        "kind_id": 1,
        "awarded_on": day,
        "noted_on": day,
        "by": "system",
        "source": "csv",
        "batch": 1,
    }
    rows = [{**same, "learner_id": one, "expires_on": day + timedelta(days=one % 90), "reason": "", "created_at": work.now} for one in ids]
    work.db.execute(insert(Certificate), rows)
