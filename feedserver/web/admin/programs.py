"""Programs that listen: webhooks with their secret and their log, and chat channels; how they fare and what is told to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, flash, redirect, request, url_for
from sqlalchemy import select

from ...errors import Invalid
from ...imip.catalogues import LANGUAGES
from ...services import announcing, chats, webhooks
from ...services.event_types import FAMILIES
from ...services.work import Work
from ...store.courses import Course
from ...store.learners import Learner
from .. import pages
from ..forms import ZONES, Field, Form
from ..house import allow
from .desk import act, admin, look, run

_FAMILY_WORDS = {
    "enrolment": "Enrolments",
    "answer": "Answers",
    "attendance": "Attendance",
    "session": "Sessions",
    "completion": "Completions",
    "certificate": "Certificates",
}
_WHAT_WORDS = {
    announcing.PUBLISHED: "New sessions",
    announcing.CHANGED: "Another title, time or place",
    announcing.CANCELLED: "Cancellations",
    announcing.FREE: "Seats that are free again",
    announcing.TODAY: "In the morning, what takes place that day",
}
_FLAVOUR_WORDS = (("slack", "Slack"), ("teams", "Microsoft Teams"))
_LANGUAGE_WORDS = {"en": "English", "de": "Deutsch"}
NAME = Field("name", "Name", required=True, longest=200, hint="What it is called here.")
URL = Field(
    "url", "Address", "url", required=True, longest=2000, hint="Where your program takes a POST. https, and nothing that redirects."
)
EVENTS = Field("events", "What it is told", "checks", choices=[(one, _FAMILY_WORDS[one]) for one in FAMILIES])
FLAVOUR = Field("flavour", "Where", "choice", required=True, choices=_FLAVOUR_WORDS)
_SEALED = "Of the incoming webhook, made in Slack or Teams. Whoever has it can post there, so it is kept sealed and never shown again."
HOOK = Field("url", "Address", "secret", required=True, longest=2000, hint=_SEALED)
AGAIN = Field("url", "Another address", "secret", longest=2000, hint="Empty: the one that is kept.")
ABOUT = Field("subject", "Which sessions", "choice", required=True)
HEARS = Field("what", "What it hears", "checks", choices=[(one, _WHAT_WORDS[one]) for one in announcing.WHAT])
LOCALE = Field("locale", "Language", "choice", required=True, choices=[(one, _LANGUAGE_WORDS[one]) for one in LANGUAGES])
ZONE = Field("timezone", "Time zone", "zone", required=True, choices=[(one, one) for one in ZONES])
T = TypeVar("T")
_SHOWN = 50
_MOST = 300


@admin.get("/connections/programs")
def programs() -> Response:
    """All webhooks and chat channels, and how they fare."""

    def found(work: Work) -> dict[str, Any]:
        hooks, channels = webhooks.list_all(work), chats.list_all(work)
        return {
            "hooks": hooks,
            "channels": channels,
            "waiting": webhooks.waiting(work, [*hooks, *channels]),
            "about": dict(_subjects(work)),
        }

    return pages.page("admin/programs.html", families=_FAMILY_WORDS, what=_WHAT_WORDS, **look(found))


# -- webhooks ----------------------------------------------------------------------------------------


@admin.route("/connections/webhooks/new", methods=["GET", "POST"])
def new_webhook() -> Response:
    """A new one; its secret is shown this once."""
    if request.method == "POST":
        form = Form.sent([NAME, URL, EVENTS], request.form)
        made = form.attempt(lambda: _run(form, lambda work: _made(webhooks.create(work, form.values))))
        if made is not None:
            return _webhook_page(made[0], secret=made[1])
    else:
        form = Form.shown([NAME, URL, EVENTS], {"events": FAMILIES})
    return pages.page("admin/webhook_new.html", 200 if form.ok else 422, form=form)


@admin.get("/connections/webhooks/<id:webhook_id>")
def webhook(webhook_id: int) -> Response:
    """One of them: how it fares, and each event that it was told."""
    return _webhook_page(webhook_id)


@admin.post("/connections/webhooks/<id:webhook_id>")
def edit_webhook(webhook_id: int) -> Response:
    """Another name, address or choice; an address on another server gets a secret of its own."""
    form = Form.sent([NAME, URL, EVENTS], request.form)
    made = form.attempt(lambda: _run(form, lambda work: _made(webhooks.edit(work, webhook_id, form.values))))
    if made is None:
        return _webhook_page(webhook_id, form)
    if made[1] is not None:
        return _webhook_page(webhook_id, secret=made[1])
    flash("Saved.", "done")
    return redirect(url_for("admin.webhook", webhook_id=webhook_id), 303)


@admin.post("/connections/webhooks/<id:webhook_id>/press")
def press_webhook(webhook_id: int) -> Response:
    """Pause, resume, send a test, make a new secret, remove."""
    do = request.form.get("do", "")
    if do == "rotate":
        return _webhook_page(webhook_id, secret=run(lambda work: webhooks.rotate(work, webhook_id)[1]))

    def verb(work: Work) -> str:
        if do == "test":
            webhooks.test(work, webhook_id)
            return "A test is on its way. Reload this page to see what came of it."
        if do == "remove":
            webhooks.remove(work, webhook_id)
            return "The webhook is removed."
        return _paused(lambda active: webhooks.edit(work, webhook_id, {"active": active}), do)

    return act(verb, "programs") if do == "remove" else act(verb, "webhook", webhook_id=webhook_id)


@admin.post("/connections/webhooks/<id:webhook_id>/events/<id:event_id>/again")
def send_event_again(webhook_id: int, event_id: int) -> Response:
    """The same octets once more; `event_id` is the number of the delivery."""

    def verb(work: Work) -> str:
        webhooks.send_again(work, webhooks.find(work, webhook_id), event_id)
        return "It is sent once more, with the same id."

    return act(verb, "webhook", webhook_id=webhook_id)


# -- chat channels -----------------------------------------------------------------------------------


@admin.route("/connections/chats/new", methods=["GET", "POST"])
def new_chat() -> Response:
    """Connect a channel."""
    fields = _chat_fields([NAME, FLAVOUR, HOOK, ABOUT, HEARS, LOCALE, ZONE])
    if request.method == "POST":
        form = Form.sent(fields, request.form)
        made = form.attempt(lambda: _run(form, lambda work: chats.create(work, _chosen(form)).id))
        if made is not None:
            flash("Connected. Send a test to see that messages arrive.", "done")
            return redirect(url_for("admin.chat", chat_id=made), 303)
    else:
        ours = look(lambda work: (work.organisation.locale.partition("-")[0], work.organisation.timezone))
        form = Form.shown(
            fields, {"subject": "everything:", "what": announcing.WHAT, "locale": ours[0], "timezone": ours[1], "flavour": "slack"}
        )
    return pages.page("admin/chat_new.html", 200 if form.ok else 422, form=form)


@admin.get("/connections/chats/<id:chat_id>")
def chat(chat_id: int) -> Response:
    """One of them."""
    return _chat_page(chat_id)


@admin.post("/connections/chats/<id:chat_id>")
def edit_chat(chat_id: int) -> Response:
    """Another name, choice, language or address."""
    form = Form.sent(_chat_fields([NAME, ABOUT, HEARS, LOCALE, ZONE, AGAIN]), request.form)
    if form.attempt(lambda: _run(form, lambda work: chats.edit(work, chat_id, _chosen(form)).id)) is None:
        return _chat_page(chat_id, form)
    flash("Saved.", "done")
    return redirect(url_for("admin.chat", chat_id=chat_id), 303)


@admin.post("/connections/chats/<id:chat_id>/press")
def press_chat(chat_id: int) -> Response:
    """Pause, resume, send a test, remove."""
    do = request.form.get("do", "")

    def verb(work: Work) -> str:
        if do == "test":
            chats.test(work, chat_id)
            return "A message is on its way: look into the channel, or reload this page."
        if do == "remove":
            chats.remove(work, chat_id)
            return "The channel is removed."
        return _paused(lambda active: chats.edit(work, chat_id, {"active": active}), do)

    return act(verb, "programs") if do == "remove" else act(verb, "chat", chat_id=chat_id)


def _paused(edit: Any, do: str) -> str:
    if do not in ("pause", "resume"):
        raise Invalid("Press one of the buttons.")
    edit(do == "resume")
    return "Resumed: what waited is on its way." if do == "resume" else "Paused: nothing goes there."


def _made(made: tuple) -> tuple[int, str | None]:
    return made[0].id, made[1]


def _run(form: Form, verb: Callable[[Work], T]) -> T:
    """Look at the address first, which may take a while: no transaction waits for it."""
    allow(form.values.get("url"))
    return run(verb)


def _chosen(form: Form) -> dict[str, Any]:
    kind, _, subject = form.values["subject"].partition(":")
    return {**form.values, "what": form.values.get("what", []), "subject_kind": kind, "subject": subject}


def _subjects(work: Work) -> list[tuple[str, str]]:
    here = work.organisation_id
    teams = select(Learner.team).where(Learner.organisation_id == here, Learner.team.is_not(None)).distinct().order_by(Learner.team)
    courses = select(Course.id, Course.name).where(Course.organisation_id == here).order_by(Course.name, Course.id)
    found = [("everything:", "All sessions")]
    found += [(f"course:{number}", f"Course {name}") for number, name in work.db.execute(courses.limit(_MOST))]
    return found + [(f"team:{name}", f"Team {name}") for name in work.db.scalars(teams.limit(_MOST)) if name]


def _chat_fields(fields: list[Field]) -> list[Field]:
    return Form(fields).with_choices(subject=look(_subjects)).fields


def _before() -> int | None:
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _webhook_page(webhook_id: int, form: Form | None = None, secret: str | None = None) -> Response:
    def found(work: Work) -> dict[str, Any]:
        one = webhooks.find(work, webhook_id)
        rows = list(webhooks.log(work, one, _SHOWN + 1, _before()))
        return {"one": one, "waiting": webhooks.waiting(work, [one]).get(one.id, 0), "log": rows[:_SHOWN], "more": len(rows) > _SHOWN}

    shown = look(found)
    one = shown["one"]
    form = form or Form.shown([NAME, URL, EVENTS], {"name": one.name, "url": one.url, "events": one.settings["events"]})
    return pages.page("admin/webhook.html", 200 if form.ok else 422, form=form, secret=secret, **shown)


def _chat_page(chat_id: int, form: Form | None = None) -> Response:
    def found(work: Work) -> dict[str, Any]:
        one = chats.find(work, chat_id)
        return {"one": one, "log": list(webhooks.log(work, one, _SHOWN)), "about": dict(_subjects(work))}

    shown = look(found)
    one = shown["one"]
    if form is None:
        chosen = one.settings
        values = {
            "name": one.name,
            "subject": f"{chosen['subject_kind']}:{chosen['subject']}",
            "what": chosen["what"],
            "timezone": chosen["timezone"],
        }
        form = Form.shown(_chat_fields([NAME, ABOUT, HEARS, LOCALE, ZONE, AGAIN]), {**values, "locale": chosen["locale"].partition("-")[0]})
    return pages.page("admin/chat.html", 200 if form.ok else 422, form=form, **shown)
