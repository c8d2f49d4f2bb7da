"""Learners: list and search, a new one, one with sessions, answers, feeds and mail."""

from __future__ import annotations

from flask import Response, flash, g, redirect, request, url_for
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import aliased

from ... import tokens
from ...services import certifying, channelling, learning, subscribing
from ...services.finding import find
from ...services.work import Work
from ...store.enrolments import Enrolment
from ...store.feeds import Feed
from ...store.inbox import InboundMessage
from ...store.learners import ALIAS, CHANNELS, DELEGATE, Learner, LearnerAlias
from ...store.milestones import MilestoneEntry
from ...store.outbox import Delivery
from ...store.sessions import CHOSEN, LiveSession
from ...store.verdicts import SenderQuestion
from ...training.statuses import EnrolmentStatus
from .. import pages
from ..forms import Field, Form
from . import certificates, onboardings, people
from .desk import act, admin, look, run, search_text, typed
from .milestones import KIND_WORDS

_CHANNEL_WORDS = {"both": "invitations by mail, and the feed", "feed": "the feed alone", "mail": "mail alone"}
FIELDS = (
    Field("name", "Name", required=True),
    Field("email", "E-mail address", "mail", required=True),
    Field("timezone", "Time zone", "zone", hint="Mails and the learner's page show times in it. Empty: the organisation's."),
    Field("locale", "Language", hint="en, de, de-AT and so on. Texts are written in English and German.", longest=20),
    Field("channel", "Told by", "choice", choices=[(c, _CHANNEL_WORDS[c]) for c in CHANNELS], more=True),
    Field("team", "Team", more=True),
    Field("manager_email", "Manager's address", "mail", more=True),
    Field("external_id", "Id in another system", more=True),
    Field("start_date", "First day at work", "date", more=True),
)  # fmt: skip
ADDRESS_CHANGE = Field(
    "address_change", "If the address changes", "choice",
    choices=(
        ("same_person", "The same person's new address: the same entries go on there"),
        ("new_mailbox", "Another mailbox: cancelled in the old one, new in the new one"),
    ),
    hint="Choose another mailbox where the old address was wrong: it then speaks for nobody, and the link to the learner's page changes.",
)  # fmt: skip
WELCOME = Field("welcome", "Send the welcome mail", "check", hint="It asks to add the sender to the contacts, and explains subscribing.")
_FEW = 50


@admin.get("/learners")
def learners() -> Response:
    """All learners, by name."""
    text = search_text()
    left = request.args.get("left") == "1"
    found = look(lambda work: pages.paged(lambda n, o: people.search(work, text, n, o, left=left)))
    return pages.page("admin/learners.html", q=text, learners=found, left=left, channels=_CHANNEL_WORDS)


@admin.route("/learners/new", methods=["GET", "POST"])
def new_learner() -> Response:
    """A new learner."""
    fields = (*FIELDS, WELCOME) if look(lambda work: work.organisation.welcome) else FIELDS
    form = Form.sent(fields, request.form) if request.method == "POST" else Form.shown(fields, {"channel": "both"})
    if request.method == "POST":
        learner = form.attempt(lambda: run(lambda work: _create(work, _given(form))))
        if learner:
            flash(f"{learner.name} is in. The feed is ready, too.", "done")
            return redirect(url_for("admin.learner", learner_id=learner.id), 303)
    back = url_for("admin.learners")
    status = 200 if form.ok else 422
    return pages.page("admin/form.html", status, form=form, title="New learner", button="Add the learner", back=back)


@admin.get("/learners/<id:learner_id>")
def learner(learner_id: int) -> Response:
    """One learner."""
    return pages.page("admin/learner.html", **look(lambda work: _one(work, learner_id)))


@admin.route("/learners/<id:learner_id>/edit", methods=["GET", "POST"])
def edit_learner(learner_id: int) -> Response:
    """Change a learner; a new address is for later messages, the old one stays known."""
    one = look(lambda work: find(work, Learner, learner_id))
    shown = {f.name: getattr(one, f.name) for f in FIELDS}
    fields = (*FIELDS[:2], ADDRESS_CHANGE, *FIELDS[2:])
    form = Form.sent(fields, request.form) if request.method == "POST" else Form.shown(fields, shown)
    back = url_for("admin.learner", learner_id=learner_id)
    if request.method == "POST":
        values = {**{f.name: None for f in fields if f.more}, **_given(form)}
        values["channel"] = values["channel"] or one.channel
        if form.attempt(lambda: run(lambda work: learning.edit_learner(work, learner_id, values))):
            flash("Saved.", "done")
            return redirect(back, 303)
    status = 200 if form.ok else 422
    return pages.page("admin/form.html", status, form=form, title=f"Edit {one.name}", button="Save", back=back)


@admin.post("/learners/<id:learner_id>/feeds")
def new_feed(learner_id: int) -> Response:
    """Another feed, for another device."""
    name = typed("name", 100) or "Another calendar"

    def verb(work: Work) -> str:
        subscribing.create_feed(work, learner_id, {"name": name})
        return f"The feed {name} is ready. Give its address to nobody but the learner."

    return act(verb, "learner", learner_id=learner_id)


@admin.post("/learners/<id:learner_id>/feeds/<id:feed_id>/rotate")
def rotate_feed(learner_id: int, feed_id: int) -> Response:
    """A new address; the old one tells calendars that it has ended."""

    def verb(work: Work) -> str:
        subscribing.rotate_feed(work, feed_id)
        return "The feed has a new address. Calendars with the old one show that it has ended."

    return act(verb, "learner", learner_id=learner_id)


@admin.post("/learners/<id:learner_id>/feeds/<id:feed_id>/revoke")
def revoke_feed(learner_id: int, feed_id: int) -> Response:
    """End one feed."""

    def verb(work: Work) -> str:
        subscribing.revoke_feed(work, feed_id)
        return "The feed is revoked. Calendars that still fetch it show for 30 days that it has ended."

    return act(verb, "learner", learner_id=learner_id)


def _create(work: Work, values: dict) -> Learner:
    learner = learning.create_learner(work, values)
    if values.get("welcome"):
        channelling.welcome(work, [learner.id])
    return learner


def _given(form: Form) -> dict:
    return {k: v for k, v in form.values.items() if v not in ("", None)}


def _known(work: Work, learner: Learner, kind: str) -> list[str]:
    mine = (LearnerAlias.learner_id == learner.id, LearnerAlias.kind == kind)
    return list(work.db.scalars(select(LearnerAlias.address_key).where(*mine).order_by(LearnerAlias.address_key)))


def _one(work: Work, learner_id: int) -> dict:
    learner = find(work, Learner, learner_id)
    db = work.db
    # A series once; a date by itself where they are in that alone.
    whole = aliased(Enrolment)
    in_series = exists().where(whole.live_session_id == LiveSession.series_id, whole.learner_id == learner.id)
    sessions = (
        select(Enrolment, LiveSession)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(Enrolment.learner_id == learner.id, or_(CHOSEN, ~in_series.correlate(LiveSession)))
        .order_by(LiveSession.starts_at.desc())
        .limit(_FEW)
    )
    feeds = select(Feed).where(Feed.learner_id == learner.id).order_by(Feed.id).limit(_FEW)
    out = select(Delivery).where(Delivery.learner_id == learner.id, Delivery.channel == "mail").order_by(Delivery.id.desc()).limit(_FEW)
    received = select(InboundMessage).where(InboundMessage.learner_id == learner.id)
    rows = db.execute(sessions).all()
    came = _attended(work, learner, [session.id for _enrolment, session in rows if session.is_series])
    feeds = list(db.scalars(feeds))
    # An address lets whoever has it read, and answer, in the learner's name.
    urls = subscribing.urls(work, feeds) if g.may_act else {}
    return {
        "learner": learner,
        "aliases": _known(work, learner, ALIAS),
        "delegates": _known(work, learner, DELEGATE),
        "asked": list(
            db.scalars(select(SenderQuestion).where(SenderQuestion.learner_id == learner.id).order_by(SenderQuestion.id.desc()).limit(_FEW))
        ),
        "sessions": [(enrolment, session, came.get(session.id)) for enrolment, session in rows],
        "feeds": [(f, urls.get(f.id, "")) for f in feeds],
        "days": list(
            db.scalars(
                select(MilestoneEntry).where(MilestoneEntry.learner_id == learner.id).order_by(MilestoneEntry.day.desc()).limit(_FEW)
            )
        ),
        "onboardings": onboardings.of_learner(work, learner.id),
        "day_words": KIND_WORDS,
        "certificates": certifying.of_learner(work, learner.id),
        "award_form": certificates.award_form(work),
        "mail_out": list(db.scalars(out)),
        "mail_in": list(db.scalars(received.order_by(InboundMessage.id.desc()).limit(_FEW))),
        "channel": _CHANNEL_WORDS[learner.channel],
        "twice": learner.channel == "both" and any(f.content == "everything" and f.last_fetched_at and not f.revoked_at for f in feeds),
        "welcomes": work.organisation.welcome,
        "page_url": f"{work.base_url}/my/{tokens.sign(tokens.LEARNER_PAGE, learner.page_id, work.key_secret)}" if g.may_act else "",
    }


def _attended(work: Work, learner: Learner, series_ids: list[int]) -> dict[int, tuple[int, int]]:
    """(dates they came to, dates that there are) of each of these series."""
    came = Enrolment.status.in_((EnrolmentStatus.ATTENDED, EnrolmentStatus.GO_SHOW))
    query = (
        select(LiveSession.series_id, func.count().filter(came), func.count())
        .join(Enrolment, (Enrolment.live_session_id == LiveSession.id) & (Enrolment.learner_id == learner.id))
        .where(LiveSession.series_id.in_(series_ids), LiveSession.status == "scheduled")
        .group_by(LiveSession.series_id)
    )
    return {row[0]: (row[1], row[2]) for row in work.db.execute(query)} if series_ids else {}
