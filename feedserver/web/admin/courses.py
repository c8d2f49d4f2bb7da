"""Courses: the list, a new one, one with its training groups and sessions."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import func, select

from ...services import grouping
from ...services.finding import find
from ...services.work import Work
from ...store.completions import Completion
from ...store.courses import Course, GroupMember, TrainingGroup
from ...store.milestones import Milestone
from ...store.sessions import CHOSEN, LiveSession
from .. import pages
from ..forms import Field, Form
from . import reminder_choice
from .desk import admin, look, run, search_text
from .overview import session_lines

FIELDS = (
    Field("name", "Name", required=True, hint="As learners know it: it stands in the invitation."),
    Field("description", "Description", "long", longest=20_000),
    Field("url", "Link to the course", "url", longest=2000, hint="Stands in every invitation."),
    Field(
        "counts",
        "Attending a session of it completes it",
        "check",
        hint="A session can say otherwise; of a series all dates have to be attended.",
    ),
    Field("self_paced", "Learners may say themselves that they have completed it", "check", hint="With a button on their own page."),
    reminder_choice.field("organisation", more=True),
)
GROUP_FIELDS = (Field("name", "Name of the group", required=True, hint="For example: Berlin, spring."),)


@admin.get("/courses")
def courses() -> Response:
    """All courses, by name."""
    text = search_text()
    return pages.page("admin/courses.html", q=text, courses=look(lambda work: pages.paged(lambda n, o: _list(work, text, n, o))))


@admin.route("/courses/new", methods=["GET", "POST"])
def new_course() -> Response:
    """A new course."""
    form = Form.sent(FIELDS, request.form) if request.method == "POST" else Form.shown(FIELDS, {"reminders": reminder_choice.shown(None)})
    if request.method == "POST":
        course = form.attempt(lambda: run(lambda work: grouping.create_course(work, _values(form))))
        if course:
            flash("The course is made. Next: a training group, the people who take it together.", "done")
            return redirect(url_for("admin.course", course_id=course.id), 303)
    back = url_for("admin.courses")
    return pages.page("admin/form.html", _status(form), form=form, title="New course", button="Make the course", back=back)


@admin.get("/courses/<id:course_id>")
def course(course_id: int) -> Response:
    """One course: its groups, its sessions."""
    return _course_page(course_id, Form(GROUP_FIELDS))


@admin.route("/courses/<id:course_id>/edit", methods=["GET", "POST"])
def edit_course(course_id: int) -> Response:
    """Name, description and link; its coming sessions are told."""
    one = look(lambda work: find(work, Course, course_id))
    shown = {f.name: getattr(one, f.name) for f in FIELDS} | {"reminders": reminder_choice.shown(one.reminders)}
    form = Form.sent(FIELDS, request.form) if request.method == "POST" else Form.shown(FIELDS, shown)
    back = url_for("admin.course", course_id=course_id)
    if request.method == "POST" and form.attempt(lambda: run(lambda work: grouping.edit_course(work, course_id, _values(form)))):
        flash("Saved.", "done")
        return redirect(back, 303)
    return pages.page("admin/form.html", _status(form), form=form, title=f"Edit {one.name}", button="Save", back=back)


@admin.post("/courses/<id:course_id>/groups")
def new_group(course_id: int) -> Response:
    """A new training group in this course."""
    form = Form.sent(GROUP_FIELDS, request.form)
    group = form.attempt(lambda: run(lambda work: grouping.create_group(work, course_id, form.values["name"])))
    if group is None:
        return _course_page(course_id, form)
    flash("The group is made. Now say who is in it.", "done")
    return redirect(url_for("admin.group", group_id=group.id), 303)


def _course_page(course_id: int, form: Form) -> Response:
    return pages.page("admin/course.html", _status(form), form=form, **look(lambda work: _one(work, course_id)))


def _list(work: Work, text: str, limit: int, offset: int) -> list:
    groups = select(func.count()).where(TrainingGroup.course_id == Course.id).scalar_subquery()
    coming = (
        select(func.count())
        .where(LiveSession.course_id == Course.id, LiveSession.ends_at > work.now, LiveSession.status == "scheduled", CHOSEN)
        .scalar_subquery()
    )
    query = select(Course, groups.label("groups"), coming.label("coming")).where(Course.organisation_id == work.organisation_id)
    if text:
        query = query.where(Course.name.icontains(text, autoescape=True))
    return list(work.db.execute(query.order_by(Course.name, Course.id).limit(limit).offset(offset)))


def _one(work: Work, course_id: int) -> dict:
    course = find(work, Course, course_id)
    members = select(func.count()).where(GroupMember.group_id == TrainingGroup.id).scalar_subquery()
    groups = select(TrainingGroup, members.label("members")).where(TrainingGroup.course_id == course.id)
    here = LiveSession.course_id == course.id
    standing = (Completion.course_id == course.id, Completion.kind == "course", Completion.undone_at.is_(None))
    live = (Milestone.course_id == course.id, Milestone.cancelled_at.is_(None), Milestone.day >= work.now.date())
    return {
        "course": course,
        "days": work.db.scalar(select(func.count(Milestone.id)).where(*live)),
        "completed": work.db.scalar(select(func.count(Completion.learner_id.distinct())).where(*standing)),
        "groups": list(work.db.execute(groups.order_by(TrainingGroup.name).limit(500))),
        "coming": session_lines(work, here, CHOSEN, LiveSession.ends_at > work.now, limit=100),
        "past": session_lines(
            work, here, CHOSEN, LiveSession.ends_at <= work.now, order=(LiveSession.starts_at.desc(), LiveSession.id), limit=20
        ),
    }


def _values(form: Form) -> dict:
    values = dict(form.values)
    if "reminders" in values:
        values["reminders"] = reminder_choice.read(values["reminders"])
    return values


def _status(form: Form) -> int:
    return 200 if form.ok else 422


def choices(work: Work) -> list[tuple[str, str]]:
    """The courses there are, by name, as choices of a form."""
    mine = select(Course.id, Course.name).where(Course.organisation_id == work.organisation_id).order_by(Course.name).limit(1000)
    return [(str(number), name) for number, name in work.db.execute(mine)]
