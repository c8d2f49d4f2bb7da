"""What programs do with proposals: list those that wait, move, decline, substitute, refuse."""

from __future__ import annotations

from datetime import UTC, datetime

from feedserver.store.enrolments import Enrolment
from feedserver.store.proposals import Proposal
from tests.web.api.test_stories import inbound


def proposal(api, inbound_id: int, ids: dict[str, int], **values) -> int:
    """A proposal for this session and enrolment, as a message would have left it: another time, unless told otherwise."""
    nine = datetime(2027, 3, 2, 8, tzinfo=UTC)
    values = {"kind": "counter", "starts_at": nine, "ends_at": nine.replace(hour=9), **values}

    def store(work):
        entry_id = work.db.get_one(Enrolment, ids["enrolment_id"]).entry_id
        row = Proposal(
            organisation_id=work.organisation_id, inbound_id=inbound_id, live_session_id=ids["session_id"], enrolment_id=ids["enrolment_id"],
            entry_id=entry_id, created_at=work.now, **values,
        )  # fmt: skip
        work.db.add(row)
        work.db.flush()
        return row.id

    return api.do(store)


def invited(api) -> dict[str, int]:
    session = api.session(guests="hold")
    enrolment = api.post(f"/sessions/{session['id']}/enrolments", {"learner_id": api.learner()["id"], "status": "Invited"})
    return {"session_id": session["id"], "enrolment_id": enrolment["id"]}


def test_a_session_is_moved_to_the_time_that_somebody_proposed(api):
    ids = invited(api)
    message = inbound(api, "quarantined")
    one = proposal(api, message, ids)
    [waits] = api.get(f"/proposals?state=open&session_id={ids['session_id']}")["items"]
    assert (waits["id"], waits["kind"], waits["starts_at"]) == (one, "counter", "2027-03-02T08:00:00Z")
    assert "another time" in api.post(f"/proposals/{one}/substitute", status=409)["detail"]
    assert api.post(f"/proposals/{one}/accept", status=200)["state"] == "accepted"
    session = api.get(f"/sessions/{ids['session_id']}")
    assert (session["start"], session["end"]) == ("2027-03-02T09:00:00", "2027-03-02T10:00:00")
    assert api.get(f"/inbound/{message}")["outcome"] == "applied" and api.get("/proposals?state=open")["items"] == []


def test_a_time_that_is_not_certain_moves_nothing_and_can_be_declined(api):
    ids = invited(api)
    one = proposal(api, inbound(api, "quarantined"), ids, starts_at=None, ends_at=None)
    assert "no time that is certain" in api.post(f"/proposals/{one}/accept", status=409)["detail"]
    declined = api.post(f"/proposals/{one}/decline", {"reason": "The room is taken."}, status=200)
    assert declined["state"] == "refused" and declined["decided_by"].startswith("api:")
    [told] = [m for m in api.get("/deliveries")["items"] if m["kind"] == "counter_declined"]
    assert (told["method"], told["sequence"]) == ("DECLINECOUNTER", 0)


def test_somebody_else_comes_and_somebody_does_not(api):
    ids = invited(api)
    first, second = (
        proposal(api, inbound(api, "quarantined"), ids, kind="guest", guest_email=f"{name}@elsewhere.example", starts_at=None, ends_at=None)
        for name in ("tom", "ann")
    )
    assert api.post(f"/proposals/{first}/refuse", status=200)["state"] == "refused"
    assert api.post(f"/proposals/{second}/substitute", status=200)["state"] == "substituted"
    people = {p["email"]: p["status"] for p in api.get(f"/sessions/{ids['session_id']}/enrolments")["items"]}
    assert people == {"ada@example.org": "Cancelled", "ann@elsewhere.example": "Invited"}


def test_whether_guests_are_held_or_refused_is_a_field_of_the_session(api):
    session = api.session()
    assert session["guests"] == "hold"
    assert api.patch(f"/sessions/{session['id']}", {"guests": "refuse"})["guests"] == "refuse"
    assert api.patch(f"/sessions/{session['id']}", {"guests": "eat"}, 422)["field"] == "guests"
