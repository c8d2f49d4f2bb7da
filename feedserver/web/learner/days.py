"""The learner says on their own page that something is done, where the course allows it."""

from __future__ import annotations

from flask import Response, abort, redirect, request, url_for

from ...errors import FeedserverError, NotFound
from ...services import completing
from .. import pages
from ..house import house
from .views import fresh, learner, my_page_of, who_of


@learner.post("/my/<token>/days/<id:entry_id>")
def say_done(token: str, entry_id: int) -> Response:
    """It is done, says the learner."""
    who = who_of(token)
    pages.refuse_foreign()
    if not fresh(request.form.get("nonce", ""), who):
        return redirect(url_for("learner.my_page", token=token, note="old", _anchor="due"), 303)
    try:
        house().run(who.organisation_id, f"learner:{who.id}", lambda work: completing.say_done(work, who.id, entry_id))
    except NotFound:
        abort(404)
    except FeedserverError as error:
        return my_page_of(token, who, refused=error.detail, status=409)
    return redirect(url_for("learner.my_page", token=token, note="noted", _anchor="due"), 303)
