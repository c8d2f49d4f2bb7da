"""Calendars on other servers that are kept up to date (CalDAV): connected, looked after, compared and put right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from ...errors import Conflict, FeedserverError, Invalid
from ...origins import origin_of
from ...services import connecting, reconciling
from ...services.connecting import Access
from ...services.work import Work
from ...store.destinations import Destination
from ..auth import Caller
from ..house import calendars, house
from . import paging
from .fields import Body, Out, RowId, line, optional
from .paging import Page
from .routing import Answer, Call, at, route

SubjectKind = Literal["everything", "course", "team", "room", "instructor"]
Detail = Literal["full", "title", "busy"]
# Checked by `origin_of`: what is no address is refused in words.
Url = Annotated[str, Field(min_length=1, max_length=1000)]
Secret = Annotated[str, Field(min_length=1, max_length=500)]


class Account(Body):
    """Where to look: the address of a server, an account or a calendar, and an app password for it."""

    url: Url
    username: line(200, empty=False)
    password: Secret


class NewDestination(Account):
    """A calendar, and what goes there. `subject`: a team's name or its manager's address, an instructor's address, the id of a room or course."""

    name: line(200, empty=False)
    subject_kind: SubjectKind = "everything"
    subject: line(250) = ""
    detail: Detail = "full"


class DestinationChange(Body):
    """What is to change. An address on another server needs the password again."""

    name: line(200, empty=False) = optional()
    url: Url = optional()
    username: line(200, empty=False) = optional()
    password: Secret = optional()
    subject_kind: SubjectKind = optional()
    subject: line(250) = optional()
    detail: Detail = optional()


class FindingOut(Out):
    """An entry that is not as it ought to be; `fields` say in words what differs."""

    state: Literal["missing", "extra", "different"]
    session_id: RowId
    title: str
    uid: str
    href: str
    fields: list[str]


class ReportOut(Out):
    """What comparing found. `foreign` entries are not ours and never touched; what is still on its way is `waiting`, and no fault."""

    missing: int
    extra: int
    different: int
    same: int
    foreign: int
    waiting: int
    findings: list[FindingOut]


class DestinationOut(Out):
    """A calendar elsewhere and how it fares. `standing`: entries of ours that stand there; `waiting`: requests on their way. The password is never answered."""

    id: RowId
    channel: str
    name: str
    url: str
    username: str
    subject_kind: SubjectKind
    subject: str
    detail: Detail
    state: Literal["active", "paused", "broken", "leaving"]
    problem: str | None
    problem_at: datetime | None
    rest_until: datetime | None
    last_ok_at: datetime | None
    standing: int
    waiting: int
    compared_at: datetime | None
    report: ReportOut | None
    created_at: datetime


class CollectionOut(Out):
    """A calendar that was found."""

    url: str
    name: str


class CollectionsOut(Out):
    """The calendars that were found."""

    items: list[CollectionOut]


class DestinationQuery(paging.Query):
    """Which destinations."""

    channel: Literal["caldav"] = "caldav"


class Ending(Body):
    """Whether our entries are taken out first, or stay there as they are."""

    entries: Literal["take_out", "leave"] = "take_out"


_PLAIN = ("id", "channel", "name", "url", "username", "state", "problem", "problem_at", "rest_until", "last_ok_at", "created_at")


def show(work: Work, found: Sequence[Destination]) -> list[DestinationOut]:
    """Rows as they are answered."""
    waiting, standing = connecting.waiting(work, found), connecting.standing(work, found)
    return [
        DestinationOut(
            **{name: getattr(one, name) for name in _PLAIN}, **{name: one.settings[name] for name in ("subject_kind", "subject", "detail")},
            waiting=waiting.get(one.id, 0), standing=standing.get(one.id, 0), compared_at=one.checked_at,
            report=ReportOut.model_validate(one.report) if one.report else None,
        )
        for one in found
    ]  # fmt: skip


def _asked(ask: Any) -> Any:
    """What a server says; where it does not, a 409 that says why."""
    try:
        return ask()
    except FeedserverError as error:
        raise error if error.status < 500 else Conflict(error.detail, field=error.field) from error


def _search(_who: Caller, call: Call) -> Any:
    return _asked(lambda: calendars().collections(Access(**call.body.given())))


def _try_new(_who: Caller, call: Call) -> None:
    origin_of(call.body.url)
    _asked(lambda: calendars().rehearse(Access(call.body.url, call.body.username, call.body.password)))


def _try_changed(who: Caller, call: Call) -> None:
    given = call.body.given()
    if not given.keys() & {"url", "username", "password"}:
        return

    def entered(work: Work) -> Access:
        one = connecting.connection(work, call.path["destination_id"])
        if "password" not in given and origin_of(given.get("url", one.url)) != one.origin:
            raise Invalid(f"The password was given for {one.origin}: give the one for this server.", field="password")
        password = given.get("password") or connecting.access(work, one).password
        return Access(given.get("url", one.url), given.get("username", one.username), password)

    access = house().read(who.organisation_id, who.actor, entered)
    _asked(lambda: calendars().rehearse(access))


def _read(who: Caller, call: Call) -> Any:
    def entered(work: Work) -> Access:
        return connecting.access(work, connecting.connection(work, call.path["destination_id"]))

    access = house().read(who.organisation_id, who.actor, entered)
    return _asked(lambda: calendars().read(access))


@route("POST", "/destinations/collections", body=Account, answer=CollectionsOut, problems=(409,), outside=_search)
def find_collections(_work: Work, call: Call) -> CollectionsOut:
    """Find the calendars of an account. Nothing is kept."""
    return CollectionsOut(items=[CollectionOut(url=one.url, name=one.name) for one in call.outside])


@route("POST", "/destinations", body=NewDestination, answer=DestinationOut, status=201, problems=(404, 409), outside=_try_new)
def create_destination(work: Work, call: Call) -> Answer:
    """Connect a calendar: an entry is stored there and taken out again first; then all that goes there is on its way."""
    one = connecting.connect(work, call.body.given())
    return Answer(show(work, [one])[0], headers=at("destinations", one.id))


@route("GET", "/destinations", query=DestinationQuery, answer=Page[DestinationOut])
def list_destinations(work: Work, call: Call) -> Page[DestinationOut]:
    """List them, newest first."""
    rows, following = paging.by_number(connecting.connections(work), call.query)
    return Page[DestinationOut](items=show(work, rows), next=following)


@route("GET", "/destinations/<id:destination_id>", answer=DestinationOut, problems=(404,))
def get_destination(work: Work, call: Call) -> DestinationOut:
    """One of them, with what comparing found last."""
    return show(work, [connecting.connection(work, call.path["destination_id"])])[0]


@route(
    "PATCH", "/destinations/<id:destination_id>", body=DestinationChange, answer=DestinationOut, problems=(404, 409), outside=_try_changed
)
def edit_destination(work: Work, call: Call) -> DestinationOut:
    """Change it; another address, user or password is tried first."""
    return show(work, [connecting.change(work, call.path["destination_id"], call.body.given())])[0]


@route("DELETE", "/destinations/<id:destination_id>", query=Ending, status=204, problems=(404,))
def delete_destination(work: Work, call: Call) -> None:
    """Remove it. Our entries are taken out first (it is `leaving` meanwhile), or stay with `entries=leave`."""
    connecting.remove(work, call.path["destination_id"], take_out=call.query.entries == "take_out")


@route("POST", "/destinations/<id:destination_id>/pause", answer=DestinationOut, problems=(404, 409))
def pause_destination(work: Work, call: Call) -> DestinationOut:
    """Send nothing there until it is resumed; what happens meanwhile waits."""
    return show(work, [connecting.pause(work, call.path["destination_id"])])[0]


@route("POST", "/destinations/<id:destination_id>/resume", answer=DestinationOut, problems=(404, 409))
def resume_destination(work: Work, call: Call) -> DestinationOut:
    """Go on, at once: also where it was broken, or rests."""
    return show(work, [connecting.resume(work, call.path["destination_id"])])[0]


@route("POST", "/destinations/<id:destination_id>/compare", answer=DestinationOut, problems=(404, 409), outside=_read)
def compare_destination(work: Work, call: Call) -> DestinationOut:
    """Read what stands there and say what is missing, extra or different. Nothing is changed."""
    return show(work, [reconciling.note(work, call.path["destination_id"], call.outside)])[0]


@route("POST", "/destinations/<id:destination_id>/repair", answer=DestinationOut, problems=(404, 409))
def repair_destination(work: Work, call: Call) -> DestinationOut:
    """Put right what comparing found within the last hour. What somebody changed there is written anew."""
    reconciling.repair(work, call.path["destination_id"])
    return get_destination(work, call)
