"""Live sessions: the list, a new one, an edit that never overwrites somebody else's, the calendar sign, cancelling."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Response, flash, g, redirect, request, url_for
from sqlalchemy import select

from ...services import planning, proposing, reissuing, scheduling
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course, TrainingGroup
from ...store.proposals import Proposal
from ...store.sessions import CHOSEN, TAKES_PLACE, LiveSession
from .. import pages
from ..forms import Field, Form, written
from ..house import house
from . import double_booking, proposals, reminder_choice, series_form, series_pages
from .calendar_view import filters
from .desk import act, admin, look, run, search_text, typed
from .overview import session_lines

VISIBILITY = (
    ("public", "Public: title and details as they are"),
    ("private", "Private: a discreet title in calendar and mail"),
    ("busy", "Busy: others see only that the time is taken"),
)
GUESTS = (("hold", "Waits for your decision"), ("refuse", "Is refused"))
COUNTS = (("", "As the course says"), ("yes", "Yes"), ("no", "No"))
_COUNTS = {"": None, "yes": True, "no": False}
FIELDS = (
    Field("title", "Title", required=True),
    Field("start", "Starts", "time", required=True),
    Field("end", "Ends", "time", required=True),
    Field("timezone", "Time zone", "zone", required=True, hint="Where it takes place. Everybody gets it in their own."),
    Field("location", "Place", longest=500),
    double_booking.ROOM,
    Field("join_url", "Link to join online", "url", longest=2000),
    Field("description", "Description", "long", longest=20_000, hint="Markdown; it stands in the invitation."),
    Field("capacity", "Seats", "number", hint="Empty: as many as come."),
    Field("waiting_list", "Keep a waiting list when it is full", "check"),
    Field("calendar_enabled", "Send calendar invitations", "check", hint="Everybody on the list gets it into their calendar, and every change."),
    Field("offer_minutes", "Minutes that a free seat is held for the first on the waiting list", "number", more=True, hint="Empty: a day, 1440. Never past the start."),
    Field("hold_minutes", "Minutes that a declined seat is kept for whoever declined", "number", more=True, hint="Empty: it is free at once."),
    Field("lock_minutes", "Minutes before the start in which no declined seat is kept", "number", more=True, hint="Empty: kept up to the start at the latest."),
    Field("guests", "Somebody else who answers an invitation, or is to come instead", "choice", choices=GUESTS, more=True),
    Field("approval_required", "Somebody approves those who register themselves", "check", more=True),
    Field("access_code", "Access code", more=True),
    Field("instructors", "Instructors' addresses, one a line", "mails", longest=5000, more=True),
    Field("visibility", "Who may see what", "choice", choices=VISIBILITY, more=True),
    Field("counts", "Whoever attends has completed the course", "choice", choices=COUNTS, more=True),
    reminder_choice.field("course"),
    Field("fold", "If the clock shows this time twice (the autumn night)", "choice", choices=(("0", "The first of the two"), ("1", "The second")), more=True),
)  # fmt: skip
_USUAL_MINUTES = {"offer_minutes": 1440, "hold_minutes": 0, "lock_minutes": 0}
GROUP = Field("group_id", "Training group", "choice", hint="Its members are invited at once; who joins it later, too.")
_OF_THE_SERIES = {"capacity", "waiting_list", "approval_required", "calendar_enabled", "guests", *_USUAL_MINUTES}
_WHEN = {"coming": "Coming", "past": "Past", "cancelled": "Cancelled"}


@admin.get("/sessions")
def sessions() -> Response:
    """Coming, past or cancelled sessions."""
    which = request.args.get("which", "coming")
    which = which if which in _WHEN else "coming"
    form, lines = look(lambda work: _list(work, which))
    return pages.page("admin/sessions.html", which=which, kinds=_WHEN, q=search_text(), form=form, lines=lines)


@admin.route("/courses/<id:course_id>/sessions/new", methods=["GET", "POST"])
def new_session(course_id: int) -> Response:
    """A new session of a course; with a group its members are invited at once."""
    course, groups, zone = look(lambda work: _course(work, course_id))
    fields, found = double_booking.with_rooms((GROUP, *FIELDS, *series_form.RULE_FIELDS, series_form.PER_DATE)), []
    if request.method == "POST":
        form = Form.sent([_with_groups(f, groups) for f in fields], request.form)
        group_id = int(form.values.get("group_id") or 0) or None
        if form.ok and form.values["repeat"]:
            looked_at = series_pages.making(form, course, _values(form), group_id)
            if looked_at is not None:
                return looked_at
            return _shown_again(form, course)
        found = double_booking.of_new(form, _values(form), group_id) if form.ok else []
        session = None if found else form.attempt(lambda: run(lambda work: _create(work, course_id, form)))
        if session:
            flash(_made(session), "done")
            return redirect(url_for("admin.session", session_id=session.id), 303)
    else:
        form = Form.shown([_with_groups(f, groups) for f in fields], _proposed(course, groups, zone))
    status = 409 if found else 200 if form.ok else 422
    return pages.page(
        "admin/session_form.html", status, form=form, course=course, session=None, conflicts=found, mark=double_booking.mark(found)
    )


@admin.route("/sessions/<id:session_id>/edit", methods=["GET", "POST"])
def edit_session(session_id: int) -> Response:
    """Change a session. Where somebody else has meanwhile: what they changed is shown, and what was typed stays."""
    session, course, settle = look(lambda work: _edited(work, session_id))
    proposal = proposals.asked(session_id)
    fields, found = double_booking.with_rooms(_fields(session)), []
    if request.method == "POST":
        form = Form.sent(fields, request.form)
        values = _values(form) if form.ok else {}
        if session.is_series:
            looked_at = series_pages.moving(form, course, session, values)
            if looked_at is not None:
                return looked_at
        found = double_booking.of_edit(form, values, session) if form.ok and not session.is_series else []
        values |= {"planning": True} if request.form.get("planning") else {}
        saved = None if found else form.attempt(lambda: run(lambda work: _edit(work, session_id, values, form.version, proposal)))
        if saved:
            flash(_saved(saved, session.version, settle), "done")
            page = "admin.preview_session" if saved.planning else "admin.session"
            return redirect(url_for(page, session_id=session_id), 303)
        if form.changes:
            session = look(lambda work: find(work, LiveSession, session_id))
            _take_over(form, session)
    else:
        shown = _shown(session) | (proposing.times(session, proposal) if proposal and proposal.starts_at else {})
        form = Form.shown(fields, shown)
        form.version = session.version
    status = 409 if found else 200 if form.ok else 412 if form.changes else 422
    return pages.page(
        "admin/session_form.html", status, form=form, course=course, session=session, conflicts=found, mark=double_booking.mark(found), proposal=proposal
    )  # fmt: skip


def _fields(session: LiveSession) -> tuple[Field, ...]:
    """What can be changed in it: how a series repeats; of a date, nothing that belongs to the series."""
    if session.is_series:
        return (*FIELDS, *series_form.RULE_FIELDS)
    if session.series_id is not None and not session.seats_per_date:
        return tuple(one for one in FIELDS if one.name not in _OF_THE_SERIES)
    return FIELDS


def _shown_again(form: Form, course: Course) -> Response:
    return pages.page("admin/session_form.html", 200 if form.ok else 422, form=form, course=course, session=None, conflicts=[], mark="")


@admin.post("/sessions/<id:session_id>/calendar")
def set_calendar(session_id: int) -> Response:
    """Turn calendar invitations on or off for one session."""
    on = request.form.get("on") == "1"

    def verb(work: Work) -> str:
        if scheduling.edit_session(work, session_id, {"calendar_enabled": on}).planning:
            return "That is planned now. Nobody is told until you publish it."
        if on:
            return "Calendar invitations are on: everybody entitled is invited."
        return "Calendar invitations are off: what stood in calendars is taken back with a cancellation."

    return act(verb, "session", session_id=session_id)


@admin.post("/sessions/<id:session_id>/reissue")
def reissue_session(session_id: int) -> Response:
    """Zone data moved it: its instants are derived again, and calendars get it once more."""

    def verb(work: Work) -> str:
        sent = reissuing.reissue(work, session_id)
        return f"It stands where its local time says now. {sent} {'mail goes' if sent == 1 else 'mails go'} out, and feeds show it; answers stay."

    return act(verb, "session", session_id=session_id)


@admin.route("/sessions/<id:session_id>/cancel", methods=["GET", "POST"])
def cancel_session(session_id: int) -> Response:
    """Asks for the reason, then cancels for everybody."""
    if request.method == "POST":
        reason = typed("reason")

        def verb(work: Work) -> str:
            session = scheduling.cancel_session(work, session_id, reason)
            what = "series" if session.is_series else "date" if session.series_id else "session"
            return f"The {what} is cancelled. Everybody who has it in the calendar is told."

        return act(verb, "session", session_id=session_id)
    return pages.page("admin/cancel.html", session=look(lambda work: find(work, LiveSession, session_id)))


def _list(work: Work, which: str) -> tuple[Form, pages.Paged]:
    S = LiveSession
    where, order = {
        "coming": ((S.status == "scheduled", S.ends_at > work.now), (S.starts_at, S.id)),
        "past": ((S.status == "scheduled", S.ends_at <= work.now), (S.starts_at.desc(), S.id.desc())),
        "cancelled": ((S.status == "cancelled",), (S.starts_at.desc(), S.id.desc())),
    }[which]
    form, also = filters(work, dates=True)
    # Who teaches one date of a series does not see the series.
    once = CHOSEN if g.who.role != "instructor" else TAKES_PLACE
    return form, pages.paged(lambda n, o: session_lines(work, once, *where, *also, order=order, limit=n, offset=o))


def _course(work: Work, course_id: int) -> tuple[Course, list[TrainingGroup], str]:
    course = find(work, Course, course_id)
    groups = select(TrainingGroup).where(TrainingGroup.course_id == course.id).order_by(TrainingGroup.name).limit(500)
    return course, list(work.db.scalars(groups)), work.organisation.timezone


def _edited(work: Work, session_id: int) -> tuple[LiveSession, Course, timedelta]:
    session = find(work, LiveSession, session_id)
    return session, find(work, Course, session.course_id), work.settle


def _edit(work: Work, session_id: int, values: dict, version: int | None, proposal: Proposal | None) -> LiveSession:
    """Save; a proposal of another time that led here is taken with it, unless it is only planned."""
    session = scheduling.edit_session(work, session_id, values, version)
    if proposal is not None and not session.planning:
        proposing.accept(work, proposal.id)
    return session


def _with_groups(one: Field, groups: list[TrainingGroup]) -> Field:
    choices = [("", "No group: I add people by hand"), *((str(g.id), g.name) for g in groups)]
    return Field(**{**vars(one), "choices": choices}) if one.name == "group_id" else one


def _proposed(course: Course, groups: list[TrainingGroup], zone: str) -> dict:
    """Next week at ten: a good guess saves typing."""
    asked = request.args.get("group", "")
    local = house().clock().astimezone(ZoneInfo(zone))
    start = datetime.combine(local.date() + timedelta(days=7), time(10))
    group = next((g.id for g in groups if str(g.id) == asked), groups[0].id if len(groups) == 1 else "")
    return {
        "title": course.name, "start": start, "end": start + timedelta(hours=1), "timezone": zone, "visibility": "public",
        "guests": "hold", "fold": "0", "calendar_enabled": True, "reminders": reminder_choice.shown(None), "group_id": group,
    }  # fmt: skip


def _create(work: Work, course_id: int, form: Form) -> LiveSession:
    group = form.values["group_id"]
    values = _values(form)
    values.pop("group_id", None)
    return scheduling.create_session(work, course_id, values, int(group) if group else None, draft=bool(request.form.get("planning")))


def _values(form: Form) -> dict:
    values = {name: value for name, value in form.values.items() if name not in series_form.NAMES}
    values["fold"] = int(values.get("fold") or 0)
    values["visibility"] = values.get("visibility") or "public"
    if "guests" in values:
        values["guests"] = values["guests"] or "hold"
    for name in _USUAL_MINUTES.keys() & values.keys():
        values[name] = values[name] or _USUAL_MINUTES[name]
    values["counts"] = _COUNTS.get(values.get("counts") or "")
    if "reminders" in values:
        values["reminders"] = reminder_choice.read(values["reminders"])
    if "room_id" in values:
        values["room_id"] = int(values["room_id"] or 0) or None
    return values


def _shown(session: LiveSession) -> dict:
    shown = {f.name: planning.as_planned(session, f.name) for f in FIELDS}
    shown |= series_form.shown(session.recurrence, session.start, session.timezone)
    shown["reminders"] = reminder_choice.shown(shown["reminders"])
    shown["counts"] = _counted(shown["counts"])
    return shown | {name: shown[name] or None for name in _USUAL_MINUTES}


def _counted(value: object) -> str:
    """What a session says of completing its course, as the form writes it."""
    return next(name for name, meant in _COUNTS.items() if meant is value)


def _take_over(form: Form, session: LiveSession) -> None:
    """Fields that this editor left as they were take what the other one wrote; what was typed stays."""
    seen, now = {}, _shown(session)
    for change in form.changes:
        seen.setdefault(change["field"], _plain(form, change["field"], change["before"]))
    for name, before in seen.items():
        if name in form.texts and form.texts[name].strip() == before.strip():
            form.texts[name] = written(now[name])


def _plain(form: Form, name: str, value: object) -> str:
    if name == "counts":
        return _counted(value)
    is_time = name in form.texts and form.field(name).kind == "time" and isinstance(value, str)
    return written(datetime.fromisoformat(value) if is_time else value)


def _made(session: LiveSession) -> str:
    if session.draft:
        return "The session is made as a draft. Nobody is told, and no calendar shows it, until you publish it."
    if not session.calendar_enabled:
        return "The session is made. Calendar invitations are off: nobody is told yet."
    return "The session is made. Whoever is on its list is being invited."


def _saved(session: LiveSession, before: int, settle: timedelta) -> str:
    if session.version == before:
        return "Nothing was changed."
    if session.planning:
        return "Collected. Nobody is told until you publish it."
    if session.settle_at is not None and session.calendar_enabled:
        return f"Saved. If it changes what calendars show, one update goes out in {settle.seconds} seconds."
    return "Saved."
