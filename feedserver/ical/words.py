"""The few words that a calendar entry says besides the session's own text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """In the reader's language; English unless a catalogue says otherwise."""

    training: str = "Training"
    busy: str = "Busy"
    join: str = "Join"
    access_code: str = "Access code"
    instructors: str = "Instructors"
    course: str = "Course"
    file: str = "File"
    page: str = "Your page"
    waiting_list: str = "Waiting list"
    waiting_approval: str = "Waiting for approval"
    cancelled: str = "Cancelled"
    held: str = "Held for you until %(until)s. Without a Yes by then it goes to the next on the list."
    ended: str = "This calendar has ended"
    ended_text: str = "Its address is no longer in use. Please unsubscribe from it."
    taken: str = "Seats taken: %(taken)s"
    taken_of: str = "Seats taken: %(taken)s of %(seats)s"
    free: str = "Seats free: %(free)s"
    register: str = "Register"
    register_there: str = "Register on your own page."
    team: str = "Team of %(who)s"
    teaching: str = "Sessions of %(who)s"
    room: str = "Room %(who)s"
    every_session: str = "All sessions"
    open_seats: str = "Open seats"
    invited: str = "Invited"
    registered: str = "Registered"
    declined: str = "Declined"
    attended: str = "Attended"
    absent: str = "Absent"
    go_show: str = "Go Show"
