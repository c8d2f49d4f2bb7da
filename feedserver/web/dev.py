"""/dev/mailbox: what would have been sent (`SMTP_URL=capture:`), as a mail program shows it, with its three buttons.

A button writes a real REPLY and hands it to our receiver by real SMTP (or LMTP): the circle is the one that mail takes.
"""

from __future__ import annotations

import contextlib
import smtplib
import time
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message

from flask import Blueprint, Flask, Response, abort, flash, redirect, request, url_for
from sqlalchemy import func, select

from ..addresses import Mailbox
from ..ical.lines import clean_line
from ..imip.reply_mail import reply_mail
from ..itip.answer import Invitation, read_invitation, reply
from ..settings import LOOPBACK
from ..store.enrolments import Enrolment
from ..store.inbox import PENDING, InboundMessage
from ..store.outbox import CapturedMessage, Delivery
from ..tokens import new_id
from . import pages
from .house import house, settings

dev = Blueprint("dev", __name__, url_prefix="/dev/mailbox")
ANSWERS = {"accept": "ACCEPTED", "maybe": "TENTATIVE", "decline": "DECLINED"}
_PATIENCE = 3.0
_TIMEOUT = 10.0
_HTML_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"


@dataclass(frozen=True)
class Seen:
    """A captured message, read as a mail program would."""

    row: CapturedMessage
    subject: str
    sender: str
    to: str
    date: str
    text: str
    html: str
    calendar: bytes
    card: Invitation | None


def register(app: Flask) -> None:
    """Put the mailbox into the application."""
    pages.ready(app)
    app.register_blueprint(dev)


@dev.before_request
def guard() -> None:
    """There only where mail is captured and only this machine can look; needs no sign-in."""
    here = settings().http_bind[0] in LOOPBACK
    # A foreign page whose name was rebound to 127.0.0.1 says its own name here.
    named = request.host.rpartition(":")[0] or request.host
    if not (settings().captures and here and named.strip("[]") in (*LOOPBACK, "testserver")):
        abort(404)
    pages.guard_post()


@dev.get("")
def mailbox() -> Response:
    """All captured messages, newest first; `?to=` shows one person's."""
    to = clean_line(request.args.get("to", ""))[:254]
    with house().database.read() as db:
        query = select(CapturedMessage).order_by(CapturedMessage.id.desc())
        query = query.where(CapturedMessage.recipient == to) if to else query
        found = pages.paged(lambda n, o: [_seen(row) for row in db.scalars(query.limit(n).offset(o))])
    return pages.page("admin/mailbox.html", messages=found, to=to)


@dev.get("/<id:message_id>")
def message(message_id: int) -> Response:
    """One message, its calendar part, its source."""
    seen = _seen(_row(message_id))
    with house().database.read() as db:
        delivery = db.get(Delivery, seen.row.delivery_id)
        result = _result(db, request.args.get("answered", ""))
    return pages.page(
        "admin/captured.html", seen=seen, delivery=delivery, result=result, answers=ANSWERS,
        calendar=seen.calendar.decode("utf-8", "replace"), source=seen.row.raw.decode("utf-8", "replace"),
    )  # fmt: skip


@dev.get("/<id:message_id>/html")
def html_part(message_id: int) -> Response:
    """The HTML part alone, for a frame that lets it do nothing."""
    response = Response('<base target="_blank">' + _seen(_row(message_id)).html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _HTML_CSP
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@dev.get("/<id:message_id>/source")
def source(message_id: int) -> Response:
    """The octets, as a file that a mail program opens."""
    return pages.download(_row(message_id).raw, f"captured-{message_id}.eml")


@dev.post("/<id:message_id>/answer")
def answer(message_id: int) -> Response:
    """Answer as this learner: a real mail to our receiver; then say what became of it."""
    seen, chosen = _seen(_row(message_id)), ANSWERS.get(request.form.get("answer", ""))
    back = url_for("dev.message", message_id=message_id)
    if chosen is None or seen.card is None or seen.card.method != "REQUEST":
        flash("Only an invitation can be answered, with Accept, Maybe or Decline.", "refused")
        return redirect(back, 303)
    sent_id = f"{new_id()}@dev.mailbox"
    with house().database.read() as db:
        before = db.scalar(select(func.max(InboundMessage.id))) or 0
    try:
        _send(_written(seen, chosen, sent_id), seen.card)
    except (OSError, smtplib.SMTPException) as error:
        host, port = _receiver()
        flash(f"The receiver at {host}:{port} did not take the answer: {error}. Is it running?", "refused")
        return redirect(back, 303)
    found = _await(before, sent_id)
    if found is None:
        flash("The answer is handed over. What became of it will stand under Mail in.", "done")
        return redirect(back, 303)
    return redirect(url_for("dev.message", message_id=message_id, answered=found), 303)


def _written(seen: Seen, partstat: str, message_id: str) -> bytes:
    card, now = seen.card, house().clock()
    attendee = Mailbox(card.attendee.name, card.attendee.address)
    return reply_mail(
        reply(seen.calendar, partstat, now, attendee=attendee), partstat=partstat, attendee=attendee,
        organizer=card.organizer, title=card.title, message_id=message_id, now=now,
    )  # fmt: skip


def _receiver() -> tuple[str, int]:
    """Where the receiver really listens: it notes that at its start, since INBOUND_BIND may say port 0."""
    host, port = settings().inbound_bind
    with contextlib.suppress(OSError, ValueError):
        noted = (settings().data_dir / "inbound.addr").read_text().strip()
        host, port = noted.rpartition(":")[0].strip("[]"), int(noted.rpartition(":")[2])
    return ("127.0.0.1" if host in ("", "0.0.0.0") else host), port  # noqa: S104 - compared, not bound


def _send(mail: bytes, card: Invitation) -> None:
    kind = smtplib.LMTP if settings().inbound_protocol == "lmtp" else smtplib.SMTP
    host, port = _receiver()
    with kind(host, port, **({} if kind is smtplib.LMTP else {"timeout": _TIMEOUT})) as link:
        link.sendmail(card.attendee.address, [card.organizer.address], mail)


def _await(before: int, sent_id: str) -> int | None:
    """The inbound message once it is judged, or after three seconds as it stands; None where it has not come."""
    end = time.monotonic() + _PATIENCE
    found = None
    while time.monotonic() < end:
        with house().database.read() as db:
            rows = select(InboundMessage).where(InboundMessage.id > before).order_by(InboundMessage.id).limit(50)
            mine = [row for row in db.scalars(rows) if sent_id.encode() in row.raw[:32768]]
        found = mine[0].id if mine else found
        if mine and mine[0].outcome != PENDING:
            break
        time.sleep(0.05)
    return found


def _result(db, answered: str) -> dict | None:
    """What became of an answer, for its learner's page of the story."""
    if not answered.isdecimal() or len(answered) > 18:
        return None
    inbound = db.get(InboundMessage, int(answered))
    if inbound is None:
        return None
    enrolment = db.get(Enrolment, inbound.enrolment_id) if inbound.enrolment_id else None
    return {"inbound": inbound, "enrolment": enrolment}


def _row(message_id: int) -> CapturedMessage:
    with house().database.read() as db:
        row = db.get(CapturedMessage, message_id) if message_id < 2**63 else None
    if row is None:
        abort(404)
    return row


def _seen(row: CapturedMessage) -> Seen:
    mail = message_from_bytes(row.raw, policy=policy.compat32)
    parts = {part.get_content_type(): part for part in reversed(list(mail.walk()))}
    calendar = _octets(parts.get("text/calendar"))
    return Seen(
        row=row, subject=_header(mail, "Subject"), sender=_header(mail, "From"), to=_header(mail, "To"),
        date=_header(mail, "Date"), text=_words(parts.get("text/plain")), html=_words(parts.get("text/html")),
        calendar=calendar, card=read_invitation(calendar) if calendar else None,
    )  # fmt: skip


def _header(mail: Message, name: str) -> str:
    return str(make_header(decode_header(mail.get(name, ""))))


def _octets(part: Message | None) -> bytes:
    return part.get_payload(decode=True) or b"" if part is not None else b""


def _words(part: Message | None) -> str:
    return _octets(part).decode("utf-8", "replace")
