"""How a learner is reached: the one question of channels, and a second address, which is asked itself before anything goes there."""

from __future__ import annotations

from flask import Response, abort, redirect, request, url_for

from ...errors import FeedserverError
from ...services import channelling, moving, reminding, stopping
from ...services.finding import find
from ...services.work import Work
from ...store.learners import CHANNELS, Learner
from ...store.organisations import Organisation
from .. import pages, pressing
from ..catalogues import language
from ..house import house
from .views import fresh, learner, my_page_of, who_of

_OPEN_FOR = 24 * 3600
_PURPOSE = "address"


@learner.post("/my/<token>/channel")
def choose_channel(token: str) -> Response:
    """Invitations by mail, the calendar alone, or both."""
    channel = request.form.get("channel", "")
    return _press(token, lambda work, who: channelling.choose(work, who.id, channel) if channel in CHANNELS else None, "channel")


@learner.post("/my/<token>/address")
def choose_address(token: str) -> Response:
    """Ask a second address whether it is theirs, or go back to the first."""
    if request.form.get("drop"):
        return _press(token, lambda work, who: moving.drop_target(work, who.id), "address")
    return _press(token, lambda work, who: moving.ask_for_target(work, who.id, request.form.get("email", "")), "asked")


@learner.post("/my/<token>/mails")
def choose_mails(token: str) -> Response:
    """Reminders or none; the week's plan or none."""
    wants = request.form.get("reminders") == "1"
    digest = "weekly" if request.form.get("digest") == "weekly" else "none"

    def verb(work: Work, who: Learner) -> None:
        mine = find(work, Learner, who.id, lock=True)
        reminding.stop(work, mine, off=not wants)
        stopping.choose_digest(work, mine, digest)

    return _press(token, verb, "mails", "mails")


@learner.get("/address/<token>")
def address(token: str) -> Response:
    """Whose mail would come here; a button confirms it."""
    return _confirming(token, *_asked(token))


@learner.post("/address/<token>")
def confirm_address(token: str) -> Response:
    """From now on their mail goes here."""
    who, email = _asked(token)
    pages.refuse_foreign()
    if pressing.read_nonce(_PURPOSE, request.form.get("nonce", ""), _OPEN_FOR) != who.id:
        return _confirming(token, who, email, note="old")
    try:
        house().run(who.organisation_id, f"learner:{who.id}", lambda work: moving.take_target(work, who.id, email))
    except FeedserverError as error:
        return _confirming(token, who, email, refused=error.detail, status=409)
    return redirect(url_for("learner.address", token=token), 303)


def _press(token: str, verb, note: str, anchor: str = "reach") -> Response:
    who = who_of(token)
    pages.refuse_foreign()
    back = {"token": token, "_anchor": anchor}
    if who.left_at is not None or not fresh(request.form.get("nonce", ""), who):
        return redirect(url_for("learner.my_page", **back, note="old"), 303)
    try:
        house().run(who.organisation_id, f"learner:{who.id}", lambda work: verb(work, who))
    except FeedserverError as error:
        return my_page_of(token, who, refused=error.detail, status=409)
    return redirect(url_for("learner.my_page", **back, note=note), 303)


def _asked(token: str) -> tuple[Learner, str]:
    home = house()
    with home.database.read() as db:
        found = moving.read_target(db, token, home.clock())
    if found is None:
        abort(404)
    return found


def _confirming(token: str, who: Learner, email: str, *, note: str = "", refused: str = "", status: int = 200) -> Response:
    def shown(work: Work) -> tuple[Organisation, bool]:
        return work.organisation, work.db.get_one(Learner, who.id).address.lower() == email.lower()

    organisation, confirmed = house().read(who.organisation_id, f"learner:{who.id}", shown)
    return pages.page(
        "learner/address.html", status, token=token, learner=who, email=email, say=language(who.locale), organisation=organisation,
        confirmed=confirmed, note=note, refused=refused, nonce=pressing.nonce(_PURPOSE, who.id),
    )  # fmt: skip
