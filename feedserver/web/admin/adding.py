"""Many people into one session: a pasted list of addresses, or a whole group; looked at first, then sent."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import select

from ...errors import Invalid
from ...services import adding, grouping
from ...services.finding import find
from ...services.work import Work
from ...store.courses import TrainingGroup
from ...store.sessions import LiveSession
from ...training.statuses import BY_HAND, EnrolmentStatus
from .. import pages
from ..forms import Field, Form
from . import people
from .desk import admin, look, run

S = EnrolmentStatus
_NO_GROUP = ("", "No group: the addresses below")
FIELDS = (
    Field("group_id", "Everybody in a training group", "choice", choices=(_NO_GROUP,)),
    Field("list", "Or a list of addresses, one a line", "long", longest=200_000, hint="mia@example.org or Mia Kern <mia@example.org>"),
    Field("make", "Make new learners of addresses that nobody has yet", "check"),
    Field("status", "Status", "choice", choices=[(s.value, s.value) for s in (S.INVITED, *(b for b in BY_HAND if b != S.INVITED))]),
    Field("over_capacity", "Even if it is full", "check"),
)  # fmt: skip


class _Looked(Exception):
    """Carries what would happen out of a transaction that is given up."""


@admin.route("/sessions/<id:session_id>/people/many", methods=["GET", "POST"])
def add_many(session_id: int) -> Response:
    """Asks who, shows what would happen, and does it at the second press."""
    session, groups = look(lambda work: (find(work, LiveSession, session_id), groups_of(work)))
    told = None
    if request.method == "POST":
        form = Form.sent(FIELDS, request.form).with_choices(group_id=[_NO_GROUP, *groups])
        form = Form.sent(form.fields, request.form)
        if request.form.get("send") == "1":
            done = form.attempt(lambda: run(lambda work: _add(work, session_id, form.values)))
            if done is not None:
                _flash(*done)
                return redirect(url_for("admin.session", session_id=session_id), 303)
        else:
            told = form.attempt(lambda: _tried(session_id, form.values))
    else:
        form = Form.shown(FIELDS, {"status": S.INVITED, "make": False}).with_choices(group_id=[_NO_GROUP, *groups])
    return pages.page("admin/add_many.html", 200 if form.ok else 422, form=form, session=session, told=told)


def groups_of(work: Work) -> list[tuple[str, str]]:
    """The organisation's training groups, as choices of a form."""
    mine = select(TrainingGroup.id, TrainingGroup.name).where(TrainingGroup.organisation_id == work.organisation_id)
    return [(str(row.id), row.name) for row in work.db.execute(mine.order_by(TrainingGroup.name).limit(500))]


def _tried(session_id: int, values: dict) -> tuple:
    """What `_add` gives, with nothing kept of it."""

    def attempt(work: Work) -> None:
        done, made, refused = _add(work, session_id, values)
        raise _Looked(len(done.added), len(done.waiting), done.mailed, made, refused)

    try:
        run(attempt)
    except _Looked as looked:
        return looked.args
    raise AssertionError("a look always ends in an exception")


def _add(work: Work, session_id: int, values: dict) -> tuple[adding.Added, int, list[str]]:
    if not values["group_id"] and not values["list"]:
        raise Invalid("Choose a group or paste addresses.", field="list")
    pasted = people.pasted(work, values["list"], values["make"]) if values["list"] else people.Pasted()
    wanted = [learner.id for learner in pasted.learners]
    if values["group_id"]:
        wanted += grouping.members(work, int(values["group_id"]))
    done = adding.add_many(work, session_id, wanted, values["status"] or S.INVITED, over_capacity=values["over_capacity"])
    return done, pasted.made, [*pasted.refused, *(f"{who}: {why}" for who, why in done.refused)]


def _flash(done: adding.Added, made: int, refused: list[str]) -> None:
    words = f"{len(done.added)} added, {done.mailed} invitations on their way"
    words += f"; {len(done.waiting)} on the waiting list" if done.waiting else ""
    words += f"; {made} new learners" if made else ""
    flash(words + ".", "done")
    for line in refused[:20]:
        flash(line, "refused")
