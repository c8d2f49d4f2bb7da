"""Training groups: who is in one is invited to its coming sessions, who leaves is taken off them alone."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import func, select

from ...services import grouping
from ...services.finding import find
from ...services.work import Work
from ...store.courses import Course, GroupMember, TrainingGroup
from ...store.learners import Learner
from ...store.sessions import CHOSEN, LiveSession
from .. import pages
from ..forms import Field, Form
from . import people
from .desk import act, admin, look, run
from .overview import session_lines

ADD_FIELDS = (
    Field("who", "Name or address"),
    Field("list", "Or a list of addresses, one a line", "long", longest=200_000, hint="mia@example.org or Mia Kern <mia@example.org>"),
    Field("make", "Make new learners of addresses that nobody has yet", "check"),
)  # fmt: skip


@admin.get("/groups/<id:group_id>")
def group(group_id: int) -> Response:
    """One group: its members, its sessions."""
    return _page(group_id, Form.shown(ADD_FIELDS, {"make": True}))


@admin.post("/groups/<id:group_id>/members")
def add_members(group_id: int) -> Response:
    """Put people into the group; each is invited to its coming sessions at once."""
    form = Form.sent(ADD_FIELDS, request.form)
    if not form.texts["who"].strip() and not form.texts["list"].strip():
        form.errors["who"] = "Say who: a name, an address, or a list of addresses."
    done = form.attempt(lambda: run(lambda work: _add(work, group_id, form.values)))
    if done is None:
        return _page(group_id, form)
    joined, already, result = done
    words = f"{joined} {'person is' if joined == 1 else 'people are'} now in the group"
    words += f", {result.made} of them new learners" if result.made else ""
    words += f"; {already} already were" if already else ""
    flash(words + ".", "done")
    for line in result.refused[:20]:
        flash(line, "refused")
    return redirect(url_for("admin.group", group_id=group_id), 303)


@admin.post("/groups/<id:group_id>/members/<id:learner_id>/remove")
def remove_member(group_id: int, learner_id: int) -> Response:
    """Take one learner off the group and off its coming sessions."""

    def verb(work: Work) -> str:
        grouping.remove_member(work, group_id, learner_id)
        return "Taken off the group, and off its coming sessions: that person alone is sent a cancellation."

    return act(verb, "group", group_id=group_id)


def _add(work: Work, group_id: int, values: dict) -> tuple[int, int, people.Pasted]:
    find(work, TrainingGroup, group_id)
    result = people.pasted(work, values["list"], values["make"])
    if values["who"]:
        result.learners.append(people.the_one(work, values["who"]))
    wanted = list(dict.fromkeys(learner.id for learner in result.learners))
    joined = sum(grouping.add_member(work, group_id, one) for one in wanted)
    return joined, len(wanted) - joined, result


def _page(group_id: int, form: Form) -> Response:
    status = 200 if form.ok else 422
    return pages.page("admin/group.html", status, form=form, **look(lambda work: _one(work, group_id)))


def _one(work: Work, group_id: int) -> dict:
    group = find(work, TrainingGroup, group_id)
    members = (
        select(Learner)
        .join(GroupMember, GroupMember.learner_id == Learner.id)
        .where(GroupMember.group_id == group.id)
        .order_by(Learner.name, Learner.id)
    )
    here = LiveSession.group_id == group.id
    return {
        "group": group,
        "course": find(work, Course, group.course_id),
        "members": pages.paged(lambda n, o: work.db.scalars(members.limit(n).offset(o)).all()),
        "number": work.db.scalar(select(func.count()).where(GroupMember.group_id == group.id)),
        "coming": session_lines(work, here, CHOSEN, LiveSession.ends_at > work.now, limit=100),
    }
