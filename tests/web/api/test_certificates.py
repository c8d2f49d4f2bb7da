"""Certificates by the API: a kind, awards to one and many, the report, the warnings on record, revoking."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from feedserver.services import departing, expiring
from feedserver.store.certificates import Certificate
from feedserver.store.learners import Learner
from tests.web.api.test_pages_of_lists import statements


@pytest.fixture
def kind(api) -> int:
    """Holds for a year."""
    return api.post("/certificate-kinds", {"name": "First aid", "validity_months": 12})["id"]


def test_an_award_holds_for_as_long_as_its_kind_says_and_is_renewed_by_the_next(api, kind):
    assert api.post("/certificate-kinds", {"name": "First aid"}, 409)["id"] == kind
    wanted = {"learner_id": api.learner()["id"], "kind_id": kind, "awarded_on": "2025-12-01"}
    first = api.post("/certificates", wanted)
    assert (first["expires_on"], first["state"]) == ("2026-12-01", "expiring")
    assert api.post("/certificates", wanted, 409)["id"] == first["id"]
    second = api.post("/certificates", {"learner_id": wanted["learner_id"], "kind_id": kind})
    assert (second["expires_on"], api.get(f"/certificates/{first['id']}")["renewed_by"]) == ("2027-12-01", second["id"])
    revoked = api.post(f"/certificates/{second['id']}/revoke", {"reason": "Forged"}, 200)
    assert (revoked["state"], revoked["reason"]) == ("revoked", "Forged")
    assert [one["id"] for one in api.get("/certificates?state=expiring")["items"]] == [first["id"]]
    assert api.post(f"/certificates/{second['id']}/revoke", None, 409)["detail"].startswith("This certificate was revoked")


def test_many_are_awarded_at_once_and_who_cannot_have_it_is_named(api, kind):
    ada, bob, cleo = (api.learner(name)["id"] for name in ("Ada", "Bob", "Cleo"))
    api.do(lambda work: departing.leave(work, cleo))
    path = f"/certificate-kinds/{kind}/awards"
    told = api.post(path, {"learner_ids": [ada, bob, cleo, 999]}, 200)
    assert told["awarded"] == 2 and [one["who"] for one in told["refused"]] == [str(cleo), "999"]
    told = api.post(path, {"emails": ["ada@example.org", "nobody@example.org"]}, 200)
    assert (told["awarded"], told["unchanged"], told["refused"][0]["who"]) == (0, 1, "nobody@example.org")
    assert api.post(path, {}, 422)["field"] == "emails"
    assert api.post(path, {"learner_ids": [ada], "awarded_on": "2030-01-01"}, 409)["field"] == "awarded_on"


def test_the_report_counts_by_kind_and_team_and_as_a_file_that_no_spreadsheet_reckons_with(api, kind):
    for name, team, day in (("Ada", "Night", "2026-11-01"), ("Bob", "Night", "2025-12-01"), ("=Cleo", "", "2025-01-01")):
        who = api.post("/learners", {"email": f"{name.strip('=').lower()}@example.org", "name": name, "team": team})
        api.post("/certificates", {"learner_id": who["id"], "kind_id": kind, "awarded_on": day})
    sums = {"valid": 1, "expiring": 1, "lapsed": 1}
    assert api.get("/reports/compliance")["items"] == [{"id": kind, "name": "First aid", **sums}]
    teams = api.get("/reports/compliance?by=team")["items"]
    assert [(one["name"], one["valid"], one["lapsed"]) for one in teams] == [("", 0, 1), ("Night", 1, 0)]
    file = api.call("GET", "/reports/compliance.csv?state=lapsed").text
    assert "'=Cleo,cleo@example.org,,First aid,2025-01-01,2026-01-01,lapsed,,," in file and "Ada" not in file


def test_the_warnings_on_record_say_to_whom_they_went_or_why_not(api, kind):
    wanted = {"learner_id": api.learner()["id"], "kind_id": kind, "awarded_on": "2025-11-27"}
    one = api.post("/certificates", wanted)
    path = f"/certificates/{one['id']}/warnings"
    assert api.get(path)["items"] == []
    api.do(lambda work: expiring.warn_due(work, work.organisation_id))
    told = {(row["days"], row["recipient"]): (row["words"], row["address"]) for row in api.get(path)["items"]}
    assert told[7, "learner"] == ("sent", "ada@example.org") and told[7, "manager"] == ("not sent: no manager is named", None)
    assert told[60, "learner"][0].startswith("missed: a later one")


def test_a_report_costs_the_same_statements_of_a_hundred_and_ten_thousand(api, database, kind):
    paths = ("/reports/compliance?by=team", "/reports/compliance.csv", f"/certificates?kind_id={kind}&limit=200")

    def told(count: int) -> list[int]:
        _holders(api, database, kind, count)
        counts = []
        for path in paths:
            with statements(database) as said:
                api.call("GET", path)
            counts.append(len(said))
        return counts

    few = told(100)
    assert told(9_900) == few and max(few) < 10
    assert api.get(paths[0])["items"][0]["valid"] == 10_000


def _holders(api, database, kind: int, count: int) -> None:
    same = {"organisation_id": api.organisation_id, "created_at": api.clock.now}
    person = {**same, "timezone": "UTC", "locale": "en", "channel": "both", "version": 1, "team": "Night"}
    held = {
        **same,
        "kind_id": kind,
        "awarded_on": api.clock.now.date(),
        "expires_on": None,
        "noted_on": api.clock.now.date(),
        "by": "system",
    }
    with database.write() as db:
        names = [f"{count}-{n}@e.org" for n in range(count)]
        ids = db.scalars(
            insert(Learner).returning(Learner.id), [{**person, "email": n, "email_key": n, "name": n, "page_id": n} for n in names]
        )
        rows = [{**held, "learner_id": one, "source": "csv", "batch": 1, "reason": ""} for one in ids]
        db.execute(insert(Certificate), rows)
