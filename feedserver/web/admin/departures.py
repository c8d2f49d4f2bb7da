"""A learner leaves, comes back, is welcomed: what will happen is said before the button that does it."""

from __future__ import annotations

from flask import Response, request

from ...services import channelling, departing, knowing, moving
from ...services.finding import find
from ...services.work import Work
from ...store.learners import Learner
from .. import pages
from .desk import act, admin, look, typed


@admin.get("/learners/<id:learner_id>/leave")
def leaving(learner_id: int) -> Response:
    """What leaving will do, and the button for it."""

    def shown(work: Work) -> dict:
        learner = find(work, Learner, learner_id)
        return {"learner": learner, "told": departing.consequences(work, learner)}

    return pages.page("admin/leave.html", **look(shown))


@admin.post("/learners/<id:learner_id>/leave")
def leave(learner_id: int) -> Response:
    """Coming entries are cancelled, places freed and passed on, feeds ended."""

    def verb(work: Work) -> str:
        return f"{departing.leave(work, learner_id).name} has left. What was coming is cancelled, and the feeds have ended."

    return act(verb, "learner", learner_id=learner_id)


@admin.post("/learners/<id:learner_id>/come-back")
def come_back(learner_id: int) -> Response:
    """Here again, in no session, with a new feed."""

    def verb(work: Work) -> str:
        return f"{departing.come_back(work, learner_id).name} is back, with a new feed and in no session yet."

    return act(verb, "learner", learner_id=learner_id)


@admin.post("/learners/<id:learner_id>/addresses")
def learner_addresses(learner_id: int) -> Response:
    """Where mail goes, and which other addresses speak for the learner."""
    do, address = request.form.get("do", ""), typed("address", 250)

    def verb(work: Work) -> str:
        if do == "ask":
            return f"{moving.ask_for_target(work, learner_id, address)} is asked. Mail goes there once somebody there has said Yes."
        if do == "drop":
            moving.drop_target(work, learner_id)
            return "Mail goes to the first address again."
        if do == "know":
            knowing.know_by_hand(work, learner_id, address)
            return f"Answers from {address} count from now on."
        knowing.forget(work, learner_id, address)
        return f"{address} does not speak for this learner any more."

    return act(verb, "learner", learner_id=learner_id)


@admin.post("/learners/<id:learner_id>/welcome")
def send_welcome(learner_id: int) -> Response:
    """The welcome mail, once."""

    def verb(work: Work) -> str:
        return "The welcome mail is on its way." if channelling.send_welcome(work, learner_id) else "This learner has had the welcome mail."

    return act(verb, "learner", learner_id=learner_id)
