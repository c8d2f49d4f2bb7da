"""The dates of a series."""

from __future__ import annotations

from ...services import series
from ...services.work import Work
from .routing import Answer, Call, at, route
from .session_shapes import NewDate, OccurrenceChange, OneSessionOut, Reason
from .sessions import show_one


@route("POST", "/sessions/<id:session_id>/occurrences", body=NewDate, answer=OneSessionOut, status=201, problems=(404, 409))
def add_occurrence(work: Work, call: Call) -> Answer:
    """Add a date to a series, with an entry of its own for everybody in it; one that was left out from the start takes place after all."""
    date = series.add_date(work, call.path["session_id"], call.body.start, call.body.end)
    return Answer(show_one(work, date), headers=at("sessions", date.id))


@route("PATCH", "/sessions/<id:session_id>/occurrences/<recurrence_id>", body=OccurrenceChange, answer=OneSessionOut, problems=(404, 409))
def edit_occurrence(work: Work, call: Call) -> OneSessionOut:
    """Change one date of a series. `recurrence_id` is its original start as `YYYYMMDDTHHMMSSZ`; the answer is the date."""
    return show_one(work, series.edit_date(work, call.path["session_id"], call.path["recurrence_id"], call.body.given()))


@route(
    "POST", "/sessions/<id:session_id>/occurrences/<recurrence_id>/cancel", body=Reason, body_required=False, answer=OneSessionOut, problems=(404, 409)
)  # fmt: skip
def cancel_occurrence(work: Work, call: Call) -> OneSessionOut:
    """Cancel one date of a series; it stays cancelled. In a series that is one entry nobody is asked to confirm the rest."""
    return show_one(work, series.cancel_date(work, call.path["session_id"], call.path["recurrence_id"], call.body.reason or ""))


@route("POST", "/sessions/<id:session_id>/occurrences/<recurrence_id>/split", answer=OneSessionOut, status=201, problems=(404, 409))
def split_series(work: Work, call: Call) -> Answer:
    """ "This and following": the dates from this one on become a series of their own, with the same people, which is answered; then change that one."""
    second = series.split(work, call.path["session_id"], call.path["recurrence_id"])
    return Answer(show_one(work, second), headers=at("sessions", second.id))
