"""Reports: answers against attendance, completions, certificates."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ...services import completion_reports, compliance, reporting
from ...services.reporting import Scope, Tally
from ...services.work import Work
from . import paging
from .fields import Body, Out, QueryId, QueryInstant
from .paging import Page
from .routing import Answer, Call, route


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


class CompletionQuery(paging.Query):
    """Of a course, of a team; summed up by course or team."""

    by: Literal["course", "team"] = "course"
    course_id: QueryId | None = None
    team: Annotated[str | None, Field(max_length=200)] = None


class CompletionTally(Out):
    """Of `people` who take it how many have completed it, and of the others how many are late. `id` is the course's, null for a team."""

    id: int | None
    name: str
    people: int
    completed: int
    late: int


@route("GET", "/reports/completions", query=CompletionQuery, answer=Page[CompletionTally])
def report_completions(work: Work, call: Call) -> Page[CompletionTally]:
    """Who has completed what, by course or team."""
    given = call.query
    place = paging.read_cursor(given.cursor)
    skipped = min(place[0], completion_reports.MOST_ROWS) if place else 0
    rows = completion_reports.summary(work, given.by, given.limit + 1, skipped, course_id=given.course_id, team=given.team)
    rows, following = paging.page_of(rows, given.limit, lambda _row: (skipped + given.limit,))
    items = [
        CompletionTally(
            id=row.key if given.by == "course" else None, name=row.name, people=row.people, completed=row.completed, late=row.late
        )
        for row in rows
    ]
    return Page[CompletionTally](items=items, next=following)


class ComplianceQuery(paging.Query):
    """Of a kind, of a team; summed up by kind or team."""

    by: Literal["kind", "team"] = "kind"
    kind_id: QueryId | None = None
    team: Annotated[str | None, Field(max_length=200)] = None


class ComplianceTally(Out):
    """How many certificates are `valid` for longer than 60 days, are `expiring` within 60 days, have `lapsed`. `id` is the kind's, null for a team."""

    id: int | None
    name: str
    valid: int
    expiring: int
    lapsed: int


class ComplianceFileQuery(Body):
    """Of a kind, of a team, in a state."""

    kind_id: QueryId | None = None
    team: Annotated[str | None, Field(max_length=200)] = None
    state: Literal["valid", "expiring", "lapsed"] | None = None


@route("GET", "/reports/compliance", query=ComplianceQuery, answer=Page[ComplianceTally])
def report_compliance(work: Work, call: Call) -> Page[ComplianceTally]:
    """Which certificates hold, end soon, have lapsed, by kind or team; renewed and revoked ones and people who have left are not counted."""
    given = call.query
    place = paging.read_cursor(given.cursor)
    skipped = min(place[0], compliance.MOST_ROWS) if place else 0
    rows = compliance.summary(work, given.by, given.limit + 1, skipped, compliance.Scope(given.kind_id, given.team))
    rows, following = paging.page_of(rows, given.limit, lambda _row: (skipped + given.limit,))
    items = [
        ComplianceTally(
            id=row.key if given.by == "kind" else None, name=row.name, valid=row.valid, expiring=row.expiring, lapsed=row.lapsed
        )
        for row in rows
    ]
    return Page[ComplianceTally](items=items, next=following)


@route("GET", "/reports/compliance.csv", query=ComplianceFileQuery, raw="text/csv")
def get_compliance_csv(work: Work, call: Call) -> Answer:
    """The same one by one, with what became of the last warning, as CSV whose cells no spreadsheet takes for formulas."""
    given = call.query
    headers = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": 'attachment; filename="compliance.csv"'}
    return Answer(compliance.as_csv(work, compliance.Scope(given.kind_id, given.team, given.state)), headers=headers)
