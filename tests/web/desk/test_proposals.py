"""What was proposed waits on Today, on the session's and on the message's page, and is decided by a button."""

from __future__ import annotations

import html
from datetime import UTC, datetime

from sqlalchemy import select

from feedserver.store.enrolments import Enrolment
from feedserver.store.inbox import InboundMessage
from feedserver.store.outbox import Delivery
from feedserver.store.proposals import Proposal
from feedserver.store.sessions import LiveSession
from tests.web.desk.conftest import Desk
from tests.web.desk.test_every_page import _inbound


def proposed(desk: Desk, kind: str = "counter", **values) -> LiveSession:
    """Mia, who is invited to a session, proposes another time, or Tom wants to come."""
    session = desk.session("Mia", instructors=["tina@example.org"])
    message = _inbound(desk, kind="counter" if kind == "counter" else "reply")
    if kind == "counter":
        values = {"starts_at": datetime(2027, 3, 11, 8, tzinfo=UTC), "comment": "I teach that day.", **values}

    def verb(work):
        mia = work.db.scalars(select(Enrolment)).one()
        row = {"live_session_id": session.id, "enrolment_id": mia.id, "entry_id": mia.entry_id, "inbound_id": message, "kind": kind}
        work.db.get_one(InboundMessage, message).enrolment_id = mia.id
        work.db.add(Proposal(organisation_id=work.organisation_id, created_at=work.now, **row, **values))

    desk.do(verb)
    return session


def guest(desk: Desk) -> LiveSession:
    return proposed(desk, "guest", guest_email="tom@elsewhere.example", guest_name="Tom", partstat="ACCEPTED")


def text(desk: Desk, path: str) -> str:
    return html.unescape(desk.get(path))


def test_another_time_leads_to_the_edit_form_filled_in_and_nothing_changes_before_it_is_saved(desk: Desk):
    session = proposed(desk)
    for path in ("/", f"/sessions/{session.id}", "/mail/in/1"):
        assert "Mia proposes 11 Mar 2027, 09:00" in text(desk, path), path
    form = text(desk, f"/sessions/{session.id}/edit?proposal=1")
    assert 'value="2027-03-11T09:00"' in form and 'value="2027-03-11T10:00"' in form and "I teach that day." in form
    assert desk.do(lambda work: work.db.get_one(LiveSession, session.id).start) == datetime(2027, 3, 10, 14)
    times = {"start": "2027-03-11T09:00", "end": "2027-03-11T10:30", "timezone": "Europe/Berlin"}
    desk.send(f"/sessions/{session.id}/edit", title="Fire safety", proposal="1", version="1", calendar_enabled="on", **times)
    assert desk.do(lambda work: work.db.get_one(Proposal, 1).state) == "accepted"
    assert desk.do(lambda work: work.db.get_one(LiveSession, session.id).start) == datetime(2027, 3, 11, 9)
    assert "Mia proposes" not in text(desk, "/") and "applied" in text(desk, "/mail/in/1").lower()


def test_a_proposal_is_declined_with_a_word_of_reason(desk: Desk):
    session = proposed(desk)
    page = desk.send("/proposals/1", do="decline", reason="The room is taken.", to="inbound")
    assert page.location.endswith("/mail/in/1") and "stays where it is" in text(desk, "/mail/in/1")
    assert desk.do(lambda work: work.db.scalar(select(Delivery.kind).order_by(Delivery.id.desc()).limit(1))) == "counter_declined"
    desk.send("/proposals/1", do="decline")
    assert "decided already" in text(desk, f"/sessions/{session.id}")


def test_somebody_else_comes_instead(desk: Desk):
    session = guest(desk)
    assert "Tom, who was not invited, answered the invitation of Mia" in text(desk, f"/sessions/{session.id}")
    desk.send("/proposals/1", do="substitute")
    page = text(desk, f"/sessions/{session.id}")
    assert "Tom comes instead" in page and "Registered 1" in page and "Cancelled 1" in page


def test_somebody_else_is_refused(desk: Desk):
    session = guest(desk)
    desk.send("/proposals/1", do="refuse")
    page = text(desk, f"/sessions/{session.id}")
    assert "the place stays with the person invited" in page and "Invited 1" in page and "Let them come instead" not in page


def test_who_sees_no_mail_sees_no_guest_and_who_may_not_decide_has_no_button(desk: Desk):
    session = guest(desk)
    desk.sign_in("tina@example.org", "instructor")
    assert "Tom" not in text(desk, f"/sessions/{session.id}") + text(desk, "/")
    desk.sign_in("carl@example.org", "compliance_manager")
    page = text(desk, f"/sessions/{session.id}")
    assert "Tom, who" in page and "Let them come instead" not in page
    desk.send("/proposals/1", 403, do="substitute")
