"""Mail out: every message that a change required, its state in words, its source, another try."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Response, request
from sqlalchemy import func, select

from ...errors import Conflict
from ...services import messages
from ...services.finding import find
from ...services.refilling import refill
from ...services.work import Work
from ...store import keys
from ...store.circles import LOOPBACK
from ...store.learners import Learner
from ...store.outbox import DEAD, EXPIRED, MAIL, OPEN, STATES, CapturedMessage, Delivery, MailSkeleton, RelayPace
from ...store.sessions import LiveSession
from .. import pages
from ..house import settings
from .desk import act, admin, look, search_text

# What one link of another page asks for.
_SEVERAL = {"open": OPEN, "failed": (DEAD, EXPIRED)}
_MOST = 200


@admin.get("/mail/out")
def mail_out() -> Response:
    """All messages, newest first."""
    state = request.args.get("state", "")
    state = state if state in (*STATES, *_SEVERAL) else ""
    text = search_text()
    rate = settings().smtp_rate
    found, waiting, ends = look(lambda work: (pages.paged(lambda n, o: _list(work, state, text, n, o)), *_expected(work, rate)))
    return pages.page(
        "admin/mail_out.html", state=state, states=STATES, q=text, deliveries=found, retriable=messages.AGAIN, rate=rate, waiting=waiting, ends=ends,
    )  # fmt: skip


@admin.get("/mail/out/<id:delivery_id>")
def delivery(delivery_id: int) -> Response:
    """One message."""
    return pages.page("admin/delivery.html", retriable=messages.AGAIN, **look(lambda work: _one(work, delivery_id)))


@admin.get("/mail/out/<id:delivery_id>/source")
def delivery_source(delivery_id: int) -> Response:
    """The octets as they go out, as a file."""
    return pages.download(look(lambda work: _source(work, delivery_id)), f"message-{delivery_id}.eml")


@admin.post("/mail/out/<id:delivery_id>/retry")
def retry_delivery(delivery_id: int) -> Response:
    """Try again now: the same octets."""

    def verb(work: Work) -> str:
        messages.retry(work, delivery_id)
        return "It is tried again now, byte for byte the same."

    return act(verb, "delivery", delivery_id=delivery_id)


@admin.post("/mail/out/retry")
def retry_deliveries() -> Response:
    """Try those again that are ticked; what would say something that no longer holds is left, with the reason."""
    ids = [int(text) for text in request.form.getlist("delivery")[:_MOST] if text.isdecimal() and len(text) < 19]

    def verb(work: Work) -> str:
        done, left = 0, []
        for delivery_id in ids:
            try:
                messages.retry(work, delivery_id)
                done += 1
            except Conflict as error:
                left.append(error.detail)
        if not done:
            raise Conflict(left[0] if left else "Tick the messages first.")
        words = f"{done} {'is' if done == 1 else 'are'} tried again now, byte for byte the same."
        return f"{words} {len(left)} not: {left[0]}" if left else words

    return act(verb, "mail_out", **({"state": request.form["state"]} if request.form.get("state") in (*STATES, *_SEVERAL) else {}))


def _expected(work: Work, rate: int | None) -> tuple[int, datetime | None]:
    """How many messages of all organisations wait for the relay now, and when the last of them has left at its pace; None where it has no such pace."""
    if not rate:
        return 0, None
    d = Delivery.__table__.c
    waiting = work.db.scalar(select(func.count()).where(d.channel == MAIL, d.state.in_(OPEN), d.due_at <= work.now))
    free_at = work.db.scalar(select(func.max(RelayPace.free_at))) or work.now
    return waiting, max(free_at, work.now) + timedelta(minutes=1) / rate * waiting


def _list(work: Work, state: str, text: str, limit: int, offset: int) -> list:
    query = (
        select(Delivery, LiveSession.title)
        .outerjoin(LiveSession, LiveSession.id == Delivery.live_session_id)
        .where(Delivery.organisation_id == work.organisation_id)
    )
    if state:
        query = query.where(Delivery.state.in_(_SEVERAL.get(state, (state,))))
    if not text:
        # One an hour: found by the mailbox's address, and shown as a whole under Mail set-up.
        query = query.where(Delivery.kind != LOOPBACK)
    else:
        who = Delivery.recipient.icontains(text, autoescape=True) | Delivery.recipient_name.icontains(text, autoescape=True)
        query = query.where(who | LiveSession.title.icontains(text, autoescape=True))
    return list(work.db.execute(query.order_by(Delivery.id.desc()).limit(limit).offset(offset)))


def _one(work: Work, delivery_id: int) -> dict:
    one = find(work, Delivery, delivery_id)
    captured = select(CapturedMessage.id).where(CapturedMessage.delivery_id == one.id)
    return {
        "delivery": one,
        "session": work.db.get(LiveSession, one.live_session_id) if one.live_session_id else None,
        "learner": work.db.get(Learner, one.learner_id) if one.learner_id else None,
        "captured_id": work.db.scalar(captured.order_by(CapturedMessage.id.desc()).limit(1)),
    }


def _source(work: Work, delivery_id: int) -> bytes:
    one = find(work, Delivery, delivery_id)
    if one.channel != MAIL:
        if "body" in (one.extra or {}):
            return one.extra["body"].encode()
        return work.db.scalar(select(MailSkeleton.body).where(MailSkeleton.id == one.skeleton_id)) or b""
    secret = keys.usable(work.db).get(one.key_id)
    raw = refill(work.db, one, secret) if secret else None
    if raw is None:
        raise Conflict("Its words are past the time for which they are kept.")
    return raw
