"""What people write to the mailbox is marked as read; an address that mail came back from is given mail again."""

from __future__ import annotations

from flask import Response, request

from ...services import bouncing, forwarding
from ...services.work import Work
from .desk import act, admin


@admin.post("/mail/in/<id:inbound_id>/read")
def read_letter(inbound_id: int) -> Response:
    """Somebody has read it; back to Today, to the learner, or to the message."""

    def verb(work: Work) -> str:
        forwarding.mark_read(work, inbound_id)
        return "Marked as read."

    back = request.form.get("back")
    if back == "start":
        return act(verb, "start")
    if back == "learner" and (learner := request.form.get("learner", "")).isdecimal():
        return act(verb, "learner", learner_id=int(learner))
    return act(verb, "inbound", inbound_id=inbound_id)


@admin.post("/learners/<id:learner_id>/mail-again")
def mail_again(learner_id: int) -> Response:
    """Mail goes to the learner again; what did not arrive is sent as it stands now."""

    def verb(work: Work) -> str:
        sent = bouncing.lift(work, learner_id)
        return "Mail goes again." + (
            f" What did not arrive is sent as it stands now: {sent} {'message' if sent == 1 else 'messages'}." if sent else ""
        )

    return act(verb, "learner", learner_id=learner_id)
