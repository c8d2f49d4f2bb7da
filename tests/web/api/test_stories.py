"""What programs do with the API, from a learner to a cancelled session."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from feedserver.store.enrolments import Enrolment
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery


def test_a_group_is_invited_with_its_session(api):
    ada, bob = api.learner("Ada"), api.learner("Bob")
    course = api.course()
    group = api.post(f"/courses/{course['id']}/groups", {"name": "Night shift", "learner_ids": [ada["id"], bob["id"]]})
    session = api.session(course_id=course["id"], group_id=group["id"], capacity=5)
    assert session["sequence"] == 0 and session["status"] == "scheduled" and session["enrolments"] == {"Invited": 2}
    assert session["seats"] == {"capacity": 5, "taken": 2, "free": 3} and session["starts_at"] == "2027-03-01T08:00:00Z"
    people = api.get(f"/sessions/{session['id']}/enrolments")
    assert [p["email"] for p in people["items"]] == ["ada@example.org", "bob@example.org"] and people["next"] is None
    assert {p["delivery"]["state"] for p in people["items"]} == {"queued"} and {p["sent_sequence"] for p in people["items"]} == {None}
    mails = api.get(f"/deliveries?session_id={session['id']}&state=queued")["items"]
    assert {m["uid"] for m in mails} == {p["uid"] for p in people["items"]} and {m["method"] for m in mails} == {"REQUEST"}


def test_what_is_made_has_an_address_and_a_version(api):
    made = api.call("POST", "/learners", {"email": "ada@example.org", "name": "Ada"}, 201)
    path = made.headers["Location"].removeprefix("http://127.0.0.1:8000/api/v1")
    assert api.get(path) == made.json and made.json["timezone"] == "Europe/Berlin" and made.json["channel"] == "both"


def test_the_same_address_answers_who_has_it(api):
    ada = api.learner("Ada", external_id="7")
    again = api.post("/learners", {"email": "ADA@example.org", "name": "Ada"}, 409)
    assert again["id"] == ada["id"] and again["field"] == "email"
    assert api.post("/learners", {"email": "b@example.org", "name": "B", "external_id": "7"}, 409)["id"] == ada["id"]
    assert [found["id"] for found in api.get("/learners?email=Ada@Example.org")["items"]] == [ada["id"]]


def test_an_edit_counts_the_next_sequence_and_the_second_editor_is_told(api):
    session = api.session()
    seen = api.call("GET", f"/sessions/{session['id']}").headers["ETag"]
    changed = api.patch(f"/sessions/{session['id']}", {"title": "Harder practice"}, headers={"If-Match": seen})
    assert changed["sequence"] == 1 and changed["settle_at"] is not None
    late = api.patch(f"/sessions/{session['id']}", {"title": "Mine"}, 412, headers={"If-Match": seen})
    assert [(c["field"], c["before"], c["after"]) for c in late["changes"]] == [("title", "Practice", "Harder practice")]
    assert api.get(f"/sessions/{session['id']}")["title"] == "Harder practice"
    assert api.patch(f"/sessions/{session['id']}", {"title": "Practice"}, headers={"If-Match": "*"})["sequence"] == 0


def test_registering_waits_for_approval_then_in_line(api):
    session = api.session(capacity=1, approval_required=True, waiting_list=True)
    first, second = (api.post(f"/sessions/{session['id']}/registrations", {"learner_id": api.learner(n)["id"]}) for n in ("Ada", "Bob"))
    assert {first["status"], second["status"]} == {"Waiting Approval"}
    assert api.post(f"/enrolments/{first['id']}/approve", status=200)["status"] == "Registered"
    waiting = api.post(f"/enrolments/{second['id']}/approve", status=200)
    assert (waiting["status"], waiting["position"]) == ("Waiting List", 1)
    api.call("DELETE", f"/enrolments/{first['id']}", status=204)
    api.call("DELETE", f"/enrolments/{first['id']}", status=204)
    assert api.get(f"/enrolments/{second['id']}")["status"] == "Invited"


def test_a_full_session_names_the_other_dates(api):
    session = api.session(capacity=1)
    api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": api.learner("Ada")["id"], "status": "Invited"})
    later = api.session(course_id=session["course_id"], start="2027-04-01T09:00", end="2027-04-01T10:00")
    full = api.post(f"/sessions/{session['id']}/registrations", {"learner_id": api.learner("Bob")["id"]}, 409)
    assert [date["id"] for date in full["other_dates"]] == [later["id"]]
    added = {"learner_id": api.get("/learners?email=bob@example.org")["items"][0]["id"], "status": "Registered"}
    assert "full" in api.post(f"/sessions/{session['id']}/enrolments", added, 409)["detail"]
    assert api.post(f"/sessions/{session['id']}/enrolments", {**added, "over_capacity": True})["status"] == "Registered"


def test_a_cancelled_session_stays_cancelled(api):
    session = api.session()
    cancelled = api.call("POST", f"/sessions/{session['id']}/cancel", json={"reason": "Snow"}).json
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("cancelled", "Snow")
    assert api.call("POST", f"/sessions/{session['id']}/cancel").json["version"] == cancelled["version"]
    assert "make a new session" in api.patch(f"/sessions/{session['id']}", {"title": "Back"}, 409)["detail"]


def test_sessions_are_found_by_time_and_course(api):
    one = api.session()
    two = api.session(start="2027-05-01T09:00", end="2027-05-01T10:00")
    assert [s["id"] for s in api.get("/sessions?from=2027-04-01")["items"]] == [two["id"]]
    assert [s["id"] for s in api.get("/sessions?to=2027-03-01T08:30:00Z")["items"]] == [one["id"]]
    assert [s["id"] for s in api.get(f"/sessions?course_id={two['course_id']}")["items"]] == [two["id"]]


def test_attendance_is_noted(api):
    session = api.session()
    mine = api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": api.learner()["id"], "status": "Attended"})
    assert api.call("PUT", f"/enrolments/{mine['id']}/attendance", {"status": "Absent"}).json["status"] == "Absent"
    assert api.patch(f"/enrolments/{mine['id']}", {"status": "Go Show"})["status"] == "Go Show"
    early = api.call("PUT", f"/enrolments/{mine['id']}/attendance", {"status": "Absent", "occurrence": "x"}, 409).json
    assert "no series" in early["detail"]


def test_what_was_sent_is_seen_with_the_person(api):
    session = api.session()
    mine = api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": api.learner()["id"], "status": "Invited"})
    api.do(lambda work: work.db.execute(update(Delivery).values(state="sent")))
    assert api.get(f"/enrolments/{mine['id']}")["sent_sequence"] == 0
    api.patch(f"/sessions/{session['id']}", {"location": "Yard"})
    assert api.get(f"/enrolments/{mine['id']}")["delivery"] == {"state": "sent", "last_error": None}
    assert api.get(f"/deliveries?learner_id={mine['learner_id']}")["items"][0]["next_attempt_at"] is None


def test_a_dead_message_is_sent_again_and_a_sent_one_is_not(api):
    session = api.session()
    api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": api.learner()["id"], "status": "Invited"})
    mail = api.get("/deliveries")["items"][0]
    assert "already waiting" in api.post(f"/deliveries/{mail['id']}/retry", status=409)["detail"]
    late = api.clock.now - timedelta(days=1)
    api.do(lambda work: work.db.execute(update(Delivery).values(state="dead", attempts=9, expires_at=late, final_at=late)))
    again = api.post(f"/deliveries/{mail['id']}/retry", status=200)
    assert (again["state"], again["message_id"], again["final_at"]) == ("queued", mail["message_id"], None)
    assert api.do(lambda work: work.db.scalar(select(Delivery.expires_at))) > api.clock.now


def test_a_feed_gets_a_new_address_and_the_old_one_ends(api):
    ada = api.learner()
    phone = api.post(f"/learners/{ada['id']}/feeds", {"name": "Phone", "detail": "busy"})
    assert phone["webcal_url"] == phone["url"].replace("http://", "webcal://")
    turned = api.post(f"/feeds/{phone['id']}/rotate", status=200)
    assert turned["url"] != phone["url"] and turned["detail"] == "busy" and turned["id"] == phone["id"]
    assert api.patch(f"/feeds/{phone['id']}", {"alarms": True, "kinds": ["session"]})["kinds"] == ["session"]
    api.call("DELETE", f"/feeds/{phone['id']}", status=204)
    api.call("DELETE", f"/feeds/{phone['id']}", status=404)
    assert [f["name"] for f in api.get(f"/learners/{ada['id']}/feeds")["items"]] == ["My training"]


def test_a_calendar_for_others_is_made_changed_turned_and_taken_back(api):
    session = api.session(title="Knots")
    hall = api.post("/audience-feeds", {"audience": "course", "subject": str(session["course_id"]), "subscriber": "Hall"})
    assert (
        hall["detail"] == "full"
        and hall["url"].startswith("http://127.0.0.1:8000/feeds/for/")
        and hall["webcal_url"].startswith("webcal://")
    )
    path = hall["url"].removeprefix("http://127.0.0.1:8000")
    assert "SUMMARY:Knots" in api.client.get(path).text
    assert api.patch(f"/audience-feeds/{hall['id']}", {"detail": "busy"})["url"] == hall["url"]
    assert "Knots" not in api.client.get(path).text
    turned = api.post(f"/audience-feeds/{hall['id']}/rotate", status=200)
    assert turned["url"] != hall["url"] and "has ended" in api.client.get(path).text
    assert [feed["url"] for feed in api.get("/audience-feeds")["items"]] == [turned["url"]]
    api.call("DELETE", f"/audience-feeds/{hall['id']}", status=204)
    api.call("DELETE", f"/audience-feeds/{hall['id']}", status=404)
    wrong = api.post("/audience-feeds", {"audience": "room", "subject": "7", "subscriber": "Door"}, status=404)
    assert wrong["field"] == "subject" and api.get("/audience-feeds")["items"] == []


def test_who_leaves_is_gone(api):
    session, ada = api.session(), api.learner()
    mine = api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": ada["id"], "status": "Invited"})
    api.call("DELETE", f"/learners/{ada['id']}", status=204)
    api.call("DELETE", f"/learners/{ada['id']}", status=404)
    assert "enrolment" in api.get(f"/enrolments/{mine['id']}", status=404)["detail"]


def test_members_come_and_go(api):
    course, ada = api.course(), api.learner()
    group = api.post(f"/courses/{course['id']}/groups", {"name": "Night shift"})
    session = api.session(course_id=course["id"], group_id=group["id"])
    for _ in range(2):
        api.call("PUT", f"/groups/{group['id']}/members/{ada['id']}", status=204)
    assert [m["id"] for m in api.get(f"/groups/{group['id']}/members")["items"]] == [ada["id"]]
    assert api.get(f"/sessions/{session['id']}")["enrolments"] == {"Invited": 1}
    for _ in range(2):
        api.call("DELETE", f"/groups/{group['id']}/members/{ada['id']}", status=204)
    assert api.get(f"/sessions/{session['id']}")["enrolments"] == {"Cancelled": 1}


def inbound(api, outcome: str, raw: bytes = b"From: x\r\n\r\nHi\x00\xff") -> int:
    """A message that came in."""
    row = {
        "organisation_id": api.organisation_id,
        "received_at": api.clock.now,
        "via": "smtp",
        "sha256": "0",
        "raw": raw,
        "outcome": outcome,
    }

    def store(work):
        message = InboundMessage(**row)
        work.db.add(message)
        work.db.flush()
        return message.id

    return api.do(store)


def test_held_back_mail_is_seen_saved_and_discarded(api):
    old, new = inbound(api, "quarantined"), inbound(api, "pending")
    assert [m["id"] for m in api.get("/inbound")["items"]] == [new, old]
    assert [m["id"] for m in api.get("/inbound?outcome=quarantined")["items"]] == [old]
    saved = api.call("GET", f"/inbound/{old}/raw")
    assert saved.data == b"From: x\r\n\r\nHi\x00\xff" and saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["Content-Disposition"].startswith("attachment") and "sandbox" in saved.headers["Content-Security-Policy"]
    assert api.post(f"/inbound/{old}/discard", status=200)["outcome"] == "rejected"
    assert "being judged" in api.post(f"/inbound/{new}/discard", status=409)["detail"]


def test_ten_thousand_learners_go_into_a_group_in_one_call(api, database):
    from feedserver.store.learners import Learner

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
            [{**row, "email": f"{n}@e.org", "email_key": f"{n}@e.org", "name": str(n), "page_id": str(n)} for n in range(10_000)],
        )
        ids = list(db.scalars(select(Learner.id)))
    group = api.post(f"/courses/{api.course()['id']}/groups", {"name": "All", "learner_ids": ids})
    assert group["members"] == 10_000


def test_status_by_hand_is_history(api):
    session = api.session()
    mine = api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": api.learner()["id"], "status": "Registered"})
    assert api.patch(f"/enrolments/{mine['id']}", {"status": "Cancelled"})["status"] == "Cancelled"
    assert api.do(lambda work: work.db.scalar(select(Enrolment.status))) == "Cancelled"


def test_a_status_that_has_changed_since_it_was_read_is_not_overwritten(api):
    session, ada = api.session(), api.learner("Ada")
    one = api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": ada["id"], "status": "Invited"})
    path = f"/enrolments/{one['id']}"
    seen = api.call("GET", path).headers["ETag"]
    api.call("PATCH", path, {"status": "Registered"}, headers={"If-Match": seen})
    refused = api.call("PATCH", path, {"status": "Declined"}, status=412, headers={"If-Match": seen})
    assert "it is Registered now" in refused.json["detail"]
    assert api.get(path)["status"] == "Registered"


def test_mail_goes_again_to_an_address_that_it_came_back_from(api, database):
    ada = api.learner("Ada")
    with database.write() as db:
        db.execute(update(Learner).where(Learner.id == ada["id"]).values(address_problem="550 no such user"))
    assert api.get(f"/learners/{ada['id']}")["address_problem"] == "550 no such user"
    assert api.patch(f"/learners/{ada['id']}", {"address_problem": "other"}, 422)["field"] == "address_problem"
    assert api.patch(f"/learners/{ada['id']}", {"address_problem": None})["address_problem"] is None
