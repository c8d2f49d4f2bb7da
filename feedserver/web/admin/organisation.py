"""Settings: the organisation, API tokens, who may sign in."""

from __future__ import annotations

from flask import Response, flash, redirect, request, url_for

from ...errors import Invalid
from ...services import access, organising, sample
from ...services.work import Work
from ...store.access import ROLES
from ...training import reminders
from .. import pages, roles
from ..forms import Field, Form
from ..house import settings
from . import reminder_choice
from .desk import LARGEST_ID, act, admin, look, run

_JOIN = (
    ("raw", "As they are: one tap in Outlook, Google and Apple calendars"),
    (organising.JOIN_LINKS[1], "By a page of ours, which notes who came"),
)
_TRUST = (
    ("standard", "Standard: the invitation's own number and the right sender, and nothing speaks against it"),
    ("strict", "Strict: the mail also has to prove that it came from the sender's domain"),
)
FIELDS = (
    Field("name", "Name of the organisation", required=True),
    Field("mailbox_name", "Invitations come from: name", required=True),
    Field("mailbox_address", "… and address", "mail", required=True, hint="Answers go there, so its mail must come to us. Entries in calendars keep the old one."),
    Field("timezone", "Time zone", "zone", required=True),
    Field("locale", "Language", required=True, longest=20),
    Field("alarm_minutes", "Calendars remind people … minutes before a session", "number", hint="Empty: no reminder. Programs may show their own."),
    Field("banner", "A line that stands first in every mail about a session", longest=organising.LONGEST_BANNER),
    Field("contact_email", "Contact address", "mail", hint="Gets what people write to the mailbox, and requests for approval where no manager is named."),
    Field("join_links", "Links to join online", "choice", choices=_JOIN),
    Field("trust_profile", "Trust in replies", "choice", choices=_TRUST, hint="What does not show it waits under Mail in, and the learner is asked whether it was them."),
    reminder_choice.field(None),
    Field("manager_digest", "Managers get a list of their team's training on Mondays", "check", hint="Each can stop it by one click."),
    Field("welcome", "New learners get a welcome mail when somebody presses send", "check", hint="It explains subscribing, and makes us a sender that Google knows."),
)  # fmt: skip
_FRAMED = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
TOKEN_FIELDS = (
    Field("token_name", "Name of the program", required=True, longest=100),
    Field("token_days", "Days that it holds", "number", hint=f"Empty: a year, {access.TOKEN_DAYS}."),
)
SIGN_IN_FIELDS = (
    Field("email", "E-mail address", "mail", required=True),
    Field("role", "Role", "choice", required=True, choices=[(r, f"{r.replace('_', ' ').capitalize()}: {roles.WORDS[r]}") for r in ROLES]),
)


@admin.route("/settings", methods=["GET", "POST"])
def organisation() -> Response:
    """The organisation's own settings; tokens and sign-ins below."""
    if request.method != "POST":
        return _page()
    form = Form.sent(FIELDS, request.form)
    if form.attempt(lambda: run(lambda work: _save(work, form.values))):
        flash("Saved.", "done")
        return redirect(url_for("admin.organisation"), 303)
    return _page(form=form)


@admin.post("/settings/tokens")
def new_token() -> Response:
    """A new API token, shown this once."""
    form = Form.sent(TOKEN_FIELDS, request.form)
    token = form.attempt(lambda: run(lambda work: _token(work, form.values)))
    return _page(token_form=form, token=token)


@admin.post("/settings/tokens/<id:token_id>/revoke")
def revoke_token(token_id: int) -> Response:
    """End a token at once."""

    def verb(work: Work) -> str:
        access.revoke_token(work, min(token_id, LARGEST_ID))
        return "The token is revoked."

    return act(verb, "organisation")


@admin.post("/settings/sign-ins")
def new_sign_in() -> Response:
    """A one-time link for somebody, shown this once."""
    form = Form.sent(SIGN_IN_FIELDS, request.form)
    secret = form.attempt(lambda: run(lambda work: access.create_sign_in(work, form.values["email"], form.values["role"])))
    link = f"{settings().base_url}/sign-in/{secret}" if secret else None
    return _page(sign_in_form=form, link=link)


@admin.post("/settings/sign-ins/<id:sign_in_id>/disable")
def disable_sign_in(sign_in_id: int) -> Response:
    """Shut somebody out, signed-in browsers included."""

    def verb(work: Work) -> str:
        access.disable_sign_in(work, min(sign_in_id, LARGEST_ID))
        return "Shut out, here and in every browser."

    return act(verb, "organisation")


def _token(work: Work, values: dict) -> str:
    try:
        return access.create_token(work, values["token_name"], values["token_days"] or access.TOKEN_DAYS)
    except Invalid as error:
        raise Invalid(error.detail, field=f"token_{error.field}") from error


def _save(work: Work, values: dict) -> object:
    kept = {name: values[name] or getattr(work.organisation, name) for name in ("join_links", "trust_profile")}
    return organising.edit_organisation(work, {**values, "contact_email": values["contact_email"] or None, **kept})


@admin.get("/settings/preview")
def preview_mail() -> Response:
    """What learners are sent, as a mail program shows it; `part=html` is the HTML alone, for a frame that lets it do nothing."""
    kind, locale = request.args.get("kind", ""), request.args.get("locale", "")
    seen = look(lambda work: sample.mail(work, kind, locale))
    if request.args.get("part") != "html":
        return pages.page("admin/mail_sample.html", seen=seen, kinds=sample.KINDS, locales=sample.LOCALES)
    response = Response('<base target="_blank">' + seen.html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _FRAMED
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _page(form: Form | None = None, token_form: Form | None = None, sign_in_form: Form | None = None, **shown) -> Response:
    forms = (form, token_form, sign_in_form)
    status = 422 if any(one is not None and not one.ok for one in forms) else 200
    found = look(_found)
    if shown.get("token"):
        token_form = None
    if shown.get("link"):
        sign_in_form = None
    return pages.page(
        "admin/settings.html", status, role_words=roles.WORDS,
        form=form or Form.shown(FIELDS, found.pop("values")), token_form=token_form or Form(TOKEN_FIELDS),
        sign_in_form=sign_in_form or Form.shown(SIGN_IN_FIELDS, {"role": "training_manager"}), **{**found, **shown},
    )  # fmt: skip


def _found(work: Work) -> dict:
    one = work.organisation
    values = {f.name: getattr(one, f.name) for f in FIELDS} | {"reminders": list(reminders.in_effect(one.reminders))}
    return {"values": values, "tokens": access.list_tokens(work), "sign_ins": access.list_sign_ins(work)}
