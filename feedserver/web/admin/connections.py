"""Connections: collections of calendars elsewhere that are kept up to date, what goes there, and how they fare."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from flask import Response, flash, redirect, request, url_for

from ...errors import FeedserverError, Invalid
from ...origins import origin_of
from ...services import connecting, reconciling
from ...services.connecting import Access, Collection
from ...services.work import Work
from ...store.audiences import DETAILS
from ...store.destinations import CALDAV, Destination
from .. import pages
from ..forms import Field, Form
from ..house import calendars
from .audiences import ADDRESS, subjects
from .desk import act, admin, look, run

_DETAIL_WORDS = {"full": "Title, place, description", "title": "Titles alone", "busy": "Busy times alone"}
_HINT = "Of your server, or of one calendar: beside this is where it is found."
URL = Field("url", "Address", "url", required=True, longest=1000, hint=_HINT)
THERE = Field(
    "url", "Address", "url", required=True, longest=1000, hint="Of the calendar itself. At another address everything is stored anew."
)
USER = Field("username", "User name", required=True, longest=200)
_SEALED = "One made for this, not the one people sign in with. It is kept sealed, and never shown again."
_KEPT = "Empty: the one that is kept. For an address on another server it has to be entered again."
PASSWORD = Field("password", "App password", "secret", required=True, longest=500, hint=_SEALED)
AGAIN = Field("password", "App password", "secret", longest=500, hint=_KEPT)
NAME = Field("name", "Name", required=True, longest=200, hint="What it is called here.")
WHAT = Field("what", "What goes there", "choice", required=True)
DETAIL = Field("detail", "How much of it", "choice", required=True, choices=[(one, _DETAIL_WORDS[one]) for one in DETAILS])
WHERE = Field("collection", "Calendar", "choice", required=True)
SUBJECT = (WHAT, ADDRESS, DETAIL)
_SHOWN = 200


@admin.get("/connections")
def connections() -> Response:
    """All of them, and how they fare."""

    def found(work: Work) -> dict[str, Any]:
        rows = connecting.connections(work)
        return {
            "rows": rows,
            "labels": connecting.labels(work, rows),
            "waiting": connecting.waiting(work, rows),
            "standing": connecting.standing(work, rows),
        }

    return pages.page("admin/connections.html", details=_DETAIL_WORDS, **look(found))


@admin.route("/connections/new", methods=["GET", "POST"])
def new_connection() -> Response:
    """Address and password, then one of the calendars found there; it is tried before it is kept."""
    if request.method != "POST":
        return _look_page(Form([URL, USER, PASSWORD]))
    if request.form.get("do") != "connect":
        return _found_page()
    known = [Collection(*pair) for pair in zip(request.form.getlist("known"), request.form.getlist("known_name"), strict=False)]
    form = Form.sent(_fields([(one.url, one.name) for one in known]), request.form)
    made = form.attempt(lambda: _connect(form))
    if made is None:
        return _choose_page(form, known)
    flash("Connected: an entry was stored there and taken out again. What goes there is on its way.", "done")
    return redirect(url_for("admin.connection", destination_id=made), 303)


@admin.get("/connections/<id:destination_id>")
def connection(destination_id: int) -> Response:
    """One of them: how it fares, what was found by comparing, what can be changed."""
    return _one_page(destination_id)


@admin.post("/connections/<id:destination_id>")
def edit_connection(destination_id: int) -> Response:
    """Another name, choice, address or password; what it is entered by is tried first."""
    one = look(lambda work: connecting.connection(work, destination_id))
    form = Form.sent(_edit_fields(), request.form)

    def save() -> bool:
        values = {**{name: form.values[name] for name in ("name", "detail", "url", "username")}, **_subject(form.values)}
        if form.values["password"]:
            values["password"] = form.values["password"]
        if "password" in values or (values["url"], values["username"]) != (one.url, one.username):
            calendars().rehearse(_entered(one, values))
        run(lambda work: connecting.change(work, destination_id, values))
        return True

    if form.attempt(save):
        flash("Saved.", "done")
        return redirect(url_for("admin.connection", destination_id=destination_id), 303)
    return _one_page(destination_id, form)


@admin.post("/connections/<id:destination_id>/press")
def press_connection(destination_id: int) -> Response:
    """Pause, resume, compare, repair, remove."""
    do = request.form.get("do", "")
    if do == "compare":
        return _compare(destination_id)
    if do in ("remove", "take_out"):
        return act(lambda work: _remove(work, destination_id, do == "take_out"), "connections")
    return act(lambda work: _pressed(work, destination_id, do), "connection", destination_id=destination_id)


def _pressed(work: Work, destination_id: int, do: str) -> str:
    if do == "pause":
        connecting.pause(work, destination_id)
        return "Paused: nothing goes there. What happens meanwhile waits."
    if do == "resume":
        connecting.resume(work, destination_id)
        return "Resumed: what waited is on its way."
    if do == "repair":
        number = reconciling.repair(work, destination_id)
        return f"{number} {'request is' if number == 1 else 'requests are'} on the way. Compare again in a moment."
    raise Invalid("Press one of the buttons.")


def _remove(work: Work, destination_id: int, take_out: bool) -> str:
    if connecting.remove(work, destination_id, take_out=take_out) is None:
        return "The connection is removed."
    return "Our entries are being taken out; the connection goes when the last of them is gone."


def _compare(destination_id: int) -> Response:
    access = look(lambda work: connecting.access(work, connecting.connection(work, destination_id)))
    try:
        standing = calendars().read(access)
    except FeedserverError as error:
        flash(f"It could not be compared: {error.detail}", "refused")
        return redirect(url_for("admin.connection", destination_id=destination_id), 303)

    def verb(work: Work) -> str:
        report = reconciling.note(work, destination_id, standing).report
        return "Compared: all is as it ought to be." if not report["findings"] else "Compared: see below what differs. Nothing was changed."

    return act(verb, "connection", destination_id=destination_id)


def _found_page() -> Response:
    form = Form.sent([URL, USER, PASSWORD], request.form)

    def search() -> list[Collection]:
        origin_of(form.values["url"])
        return list(calendars().collections(Access(form.values["url"], form.values["username"], form.values["password"])))

    found = form.attempt(search)
    if found is None:
        return _look_page(form)
    if not found:
        form.errors["url"] = "No calendar was found there. Make one on the server first, or give the address of one."
        return _look_page(form)
    shown = Form.shown(
        _fields([(one.url, one.name) for one in found]),
        {"what": "everything:", "detail": "full", "collection": found[0].url, "name": found[0].name},
    )
    return _choose_page(shown, found, _sealed(form.values["url"], form.values["password"]), form.values["username"])


def _connect(form: Form) -> int:
    """Its id; the password comes back as it was sealed for the server that it was entered for, and opens at no other."""
    url, username = form.values["collection"], request.form.get("username", "")
    access = look(lambda work: Access(url, username, _unsealed(work, request.form.get("sealed", ""), url)))
    calendars().rehearse(access)
    values = {"name": form.values["name"], "url": url, "username": username, "password": access.password, "detail": form.values["detail"]}
    return run(lambda work: connecting.connect(work, {**values, **_subject(form.values)}).id)


def _sealed(url: str, password: str) -> str:
    origin = origin_of(url)
    return look(lambda work: base64.b64encode(work.vault.seal(password, work.organisation_id, CALDAV, origin)).decode())


def _unsealed(work: Work, text: str, url: str) -> str:
    try:
        return work.vault.unseal(base64.b64decode(text, validate=True), work.organisation_id, CALDAV, origin_of(url))
    except (binascii.Error, ValueError) as error:
        raise Invalid("Enter address and password again.") from error


def _entered(one: Destination, values: dict[str, Any]) -> Access:
    if "password" in values:
        return Access(values["url"], values["username"], values["password"])
    if origin_of(values["url"]) != one.origin:
        raise Invalid(f"The password was given for {one.origin}: enter the one for this server.", field="password")
    kept = look(lambda work: connecting.access(work, one))
    return Access(values["url"], values["username"], kept.password)


def _choices() -> list[tuple[str, str]]:
    return look(lambda work: [("everything:", "All sessions"), *subjects(work)])


def _subject(typed: dict[str, Any]) -> dict[str, str]:
    kind, _, subject = typed["what"].partition(":")
    return {"subject_kind": kind, "subject": subject or typed["subject"]}


def _fields(found: list[tuple[str, str]]) -> list[Field]:
    return Form([NAME, WHERE, *SUBJECT]).with_choices(what=_choices(), collection=found).fields


def _edit_fields() -> list[Field]:
    return Form([NAME, *SUBJECT, THERE, USER, AGAIN]).with_choices(what=_choices()).fields


def _look_page(form: Form) -> Response:
    return pages.page("admin/connection_new.html", 200 if form.ok else 422, form=form, found=None)


def _choose_page(form: Form, found: list[Collection], sealed: str = "", username: str = "") -> Response:
    kept = {"sealed": sealed or request.form.get("sealed", ""), "username": username or request.form.get("username", "")}
    return pages.page("admin/connection_new.html", 200 if form.ok else 422, form=form, found=found, kept=kept)


def _one_page(destination_id: int, form: Form | None = None) -> Response:
    def found(work: Work) -> dict[str, Any]:
        one = connecting.connection(work, destination_id)
        return {
            "one": one, "label": connecting.labels(work, [one])[one.id], "waiting": connecting.waiting(work, [one]).get(one.id, 0),
            "standing": connecting.standing(work, [one]).get(one.id, 0), "given_up": connecting.given_up(work, one),
            "stale": one.checked_at is not None and one.checked_at < work.now - reconciling.STALE,
        }  # fmt: skip

    shown = look(found)
    one = shown["one"]
    if form is None:
        named = one.settings["subject_kind"] in ("instructor", "team")
        values = {name: getattr(one, name) for name in ("name", "url", "username")} | {"detail": one.settings["detail"]}
        choices = dict(_choices())
        what = f"{one.settings['subject_kind']}:{one.settings['subject']}"
        if what not in choices and named:
            what, values["subject"] = f"{one.settings['subject_kind']}:", one.settings["subject"]
        form = Form.shown(_edit_fields(), {**values, "what": what})
    return pages.page("admin/connection.html", 200 if form.ok else 422, form=form, details=_DETAIL_WORDS, most=_SHOWN, **shown)
