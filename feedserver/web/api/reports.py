"""Reports: answers against attendance."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ...services import reporting
from ...services.reporting import Scope, Tally
from ...services.work import Work
from . import paging
from .fields import Out, QueryId, QueryInstant
from .paging import Page
from .routing import Call, route


class ReportQuery(paging.Query):
    """Sessions that start from `from` on and before `to`, of a course; people of a team; summed up by session, course or team."""

    by: Literal["session", "course", "team"] = "session"
    course_id: QueryId | None = None
    team: Annotated[str | None, Field(max_length=200)] = None
    from_: Annotated[QueryInstant | None, Field(alias="from")] = None
    to: QueryInstant | None = None


class AttendanceTally(Out):
    """Sums over everybody who had a seat or said No, in sessions that have begun. `id` is that of the session or course, null for a team;
    `yes_came` and `yes_absent` are those who said Yes.
    """

    id: int | None
    name: str
    starts_at: datetime | None
    people: int
    yes: int
    no: int
    maybe: int
    no_answer: int
    attended: int
    absent: int
    go_show: int
    not_marked: int
    yes_came: int
    yes_absent: int


@route("GET", "/reports/attendance", query=ReportQuery, answer=Page[AttendanceTally])
def report_attendance(work: Work, call: Call) -> Page[AttendanceTally]:
    """What people answered against who came, by session, course or team."""
    given = call.query
    scope = Scope(since=given.from_, before=given.to, course_id=given.course_id, team=given.team)
    place = paging.read_cursor(given.cursor)
    if given.by == "team":
        # Teams have no number of their own: their cursor counts them.
        skipped = place[0] if place else 0
        rows, following = paging.page_of(
            reporting.attendance(work, "team", scope, given.limit + 1, min(skipped, reporting.MOST_ROWS)), given.limit, lambda _row: (skipped + given.limit,)
        )  # fmt: skip
    else:
        rows, following = paging.page_of(
            reporting.attendance(work, given.by, scope, given.limit + 1, after=place[0] if place else 0),
            given.limit,
            lambda row: (row.key,),
        )
    return Page[AttendanceTally](items=[_shown(row, given.by) for row in rows], next=following)


def _shown(row: Tally, by: str) -> AttendanceTally:
    sums = {name: getattr(row, name) for name in reporting.COLUMNS}
    return AttendanceTally(id=None if by == "team" else row.key, name=row.name, starts_at=row.starts_at, **sums)
