"""Rooms over the API, and the warnings of what is wanted twice."""

from __future__ import annotations


def test_a_room_is_made_changed_and_taken_away(api):
    room = api.post("/rooms", {"name": "Blue", "capacity": 8})
    assert room["location"] == "" and api.get(f"/rooms/{room['id']}") == room
    assert api.patch(f"/rooms/{room['id']}", {"location": "Annex", "capacity": None})["capacity"] is None
    assert api.post("/rooms", {"name": "Blue"}, 409)["id"] == room["id"]
    assert [one["location"] for one in api.get("/rooms")["items"]] == ["Annex"]
    api.call("DELETE", f"/rooms/{room['id']}", status=204)
    api.get(f"/rooms/{room['id']}", status=404)


def test_a_double_booking_is_saved_and_said(api):
    room = api.post("/rooms", {"name": "Blue"})["id"]
    first = api.session(room_id=room, instructors=["tina@example.org"])
    assert first["warnings"] == [] and first["room_id"] == room
    second = api.session(instructors=["tina@example.org"], title="Late")
    assert [(one["kind"], one["session_id"]) for one in second["warnings"]] == [("instructor", first["id"])]
    moved = api.patch(f"/sessions/{second['id']}", {"room_id": room, "capacity": 9})
    assert [one["kind"] for one in moved["warnings"]] == ["instructor", "room"]
    assert "is taken by “Practice”" in moved["warnings"][1]["detail"]
    assert api.get(f"/sessions/{second['id']}")["warnings"] == moved["warnings"]


def test_a_room_in_use_and_one_of_others_are_refused(api, other):
    room = api.post("/rooms", {"name": "Blue"})["id"]
    session = api.session(room_id=room)
    api.call("DELETE", f"/rooms/{room}", status=409)
    theirs = other.post("/rooms", {"name": "Red"})["id"]
    assert api.patch(f"/sessions/{session['id']}", {"room_id": theirs}, 422)["field"] == "room_id"
    api.patch(f"/sessions/{session['id']}", {"room_id": None})
    api.call("DELETE", f"/rooms/{room}", status=204)
