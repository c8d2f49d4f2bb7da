"""Lists from other systems by the API: rows by the names that those systems give, taken or refused one by one."""

from __future__ import annotations

LIST = [{"external_id": f"E-{n}", "email": f"p{n}@example.org", "name": f"P{n}"} for n in range(3)]
SESSION = {"external_id": "S-1", "course_external_id": "C-1", "title": "Drill", "start": "2027-03-01T09:00", "end": "2027-03-01T10:00"}


def test_a_list_brings_learners_up_to_date_and_again_changes_nothing(api):
    first = api.put("/sync/learners", {"items": [*LIST, {"external_id": "E-9"}]})
    assert [first[name] for name in ("created", "updated", "unchanged", "refused", "gone")] == [3, 0, 0, 1, 0]
    assert first["rows"][3] == {
        "place": 4, "external_id": "E-9", "outcome": "refused", "id": None, "changes": [],
        "reason": "email: Nobody is known by this external_id; somebody new needs it.",
    }  # fmt: skip
    assert api.put("/sync/learners", {"items": LIST})["unchanged"] == 3
    assert api.get(f"/learners/{first['rows'][0]['id']}")["external_id"] == "E-0"


def test_courses_sessions_and_people_come_in_by_their_names(api):
    api.put("/sync/teams", {"items": [{"external_id": "T-1", "name": "Night", "manager_email": "anna@example.org"}]})
    api.put("/sync/learners", {"items": [one | {"team_external_id": "T-1"} for one in LIST]})
    api.put("/sync/courses", {"items": [{"external_id": "C-1", "name": "Fire safety"}]})
    (session,) = api.put("/sync/sessions", {"items": [SESSION | {"capacity": 2}]})["rows"]
    seats = [{"session_external_id": "S-1", "learner_external_id": one["external_id"], "status": "Invited"} for one in LIST]
    assert [row["reason"] for row in api.put("/sync/enrolments", {"items": seats})["rows"]] == [
        None,
        None,
        "The session is full: on the waiting list.",
    ]
    people = api.get(f"/sessions/{session['id']}/enrolments")["items"]
    assert sorted(one["status"] for one in people) == ["Invited", "Invited", "Waiting List"]
    assert len(api.get("/deliveries")["items"]) == 2 and api.get("/learners")["items"][0]["manager_email"] == "anna@example.org"


def test_half_a_list_is_refused_with_how_many_would_leave(api):
    api.put("/sync/learners", {"items": LIST})
    problem = api.put("/sync/learners", {"items": LIST[:1], "absent": "leave"}, 409)
    assert (problem["would_leave"], problem["of"], problem["field"]) == (2, 3, "most_leaving")
    assert api.put("/sync/learners", {"items": LIST[:1], "absent": "leave", "most_leaving": 2})["gone"] == 2


def test_a_call_takes_five_thousand_rows_and_no_more(api):
    many = [
        {"external_id": f"E-{n}", "email": f"p{n}@example.org", "name": "Somebody", "team": "T" * 100, "active": True} for n in range(5001)
    ]
    assert api.put("/sync/learners", {"items": many}, 422)["field"] == "items"
    done = api.put("/sync/learners", {"items": many[:5000], "dry_run": True})
    assert done["created"] == 5000 and done["rows"][0]["id"] is None and api.get("/learners")["items"] == []


def test_runs_are_listed_with_what_they_changed_and_refused(api):
    api.put("/sync/learners", {"items": [LIST[0], {"external_id": "E-9"}, {}]})
    api.put("/sync/courses", {"items": [{"external_id": "C-1", "name": "Fire safety"}], "dry_run": True})
    listed = api.get("/sync/runs")["items"]
    assert [(one["kind"], one["dry_run"], one["created"], one["refused"]) for one in listed] == [
        ("courses", True, 1, 0),
        ("learners", False, 1, 2),
    ]
    one = api.get(f"/sync/runs/{listed[1]['id']}")
    assert one["changes"][0][0] == "E-0" and [row[1:] for row in one["refusals"]][1] == ["", "external_id: This field is required."]


def test_an_upsert_beside_another_organisation_keeps_to_ones_own(api, other):
    other.put("/sync/learners", {"items": LIST})
    assert api.put("/sync/learners", {"items": LIST})["created"] == 3
    assert api.put("/sync/learners", {"items": [], "absent": "leave", "most_leaving": 9})["gone"] == 3
    assert other.get("/learners")["items"][0]["left_at"] is None
