"""Mails that we send to see an answer come back: the hourly loopback, the test that ends a set-up, the calendar doctor.

The loopback goes from the mailbox to itself, so that it leaves by the relay and comes back through the door that replies use. It is a
REPLY, so that its judging is the judging of every reply; it is about nobody, so that it changes nothing. Once a day a second one goes to
an address below the mailbox (`+`): the envelope sender of every mail is one, and reports of bounces come back there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..addresses import Mailbox, check
from ..errors import Conflict
from ..imip.loop_mail import loop_mail
from ..store.circles import DOCTOR, LOOPBACK, SETUP, Circle, is_circle_uid, new_circle_uid
from ..store.inbox import InboundMessage
from ..store.organisations import Organisation
from ..store.outbox import Delivery, MailSkeleton
from ..store.sessions import LiveSession
from ..tokens import new_id
from ..training.changes import Snapshot
from . import rendering
from .finding import find
from .rendering import Kind
from .work import Work, new_batch

EVERY = timedelta(hours=1)
BACK_WITHIN = timedelta(minutes=10)
PLUS_EVERY = timedelta(days=1)
GIVEN_UP = timedelta(days=1)
MOST_AN_HOUR = 10
PLUS = "+loop-"
C_ = Circle


# -- the loopback ----------------------------------------------------------------------------------


def in_use(db: Session, now: datetime) -> dict[int, datetime]:
    """Organisations with a coming session whose calendar is on, and since when they have one."""
    coming = (LiveSession.calendar_enabled, LiveSession.status == "scheduled", ~LiveSession.draft, LiveSession.ends_at > now)
    query = select(LiveSession.organisation_id, func.min(LiveSession.created_at)).where(*coming).group_by(LiveSession.organisation_id)
    return {number: since for number, since in db.execute(query)}


def due_loopbacks(db: Session, now: datetime) -> list[tuple[int, int]]:
    """Organisations whose circle has to be looked at: each hour, and every ten minutes while it is broken."""
    newest = select(func.max(C_.id)).where(C_.kind == LOOPBACK, ~C_.recipient.contains(PLUS)).group_by(C_.organisation_id)
    last = {one.organisation_id: one for one in db.scalars(select(C_).where(C_.id.in_(newest)))}
    return [(number, number) for number, since in in_use(db, now).items() if _due(last.get(number), since, now)]


def _due(last: Circle | None, since: datetime, now: datetime) -> bool:
    if last is None:
        return now - since >= EVERY
    return now - last.sent_at >= (EVERY if last.came_back_at else BACK_WITHIN)


def loop_if_due(work: Work, _organisation_id: int) -> None:
    """Send it, unless another worker has just done so."""
    work.db.execute(select(Organisation.id).where(Organisation.id == work.organisation_id).with_for_update())
    if due_loopbacks_of(work):
        send_loopback(work)


def due_loopbacks_of(work: Work) -> bool:
    """Whether that is this organisation's turn."""
    return any(number == work.organisation_id for number, _ in due_loopbacks(work.db, work.now))


def send_loopback(work: Work) -> Circle:
    """The mail to the mailbox itself; once a day another to an address below it."""
    mailbox = work.organisation.mailbox
    local, _, domain = mailbox.address.rpartition("@")
    first = _send_loop(work, mailbox, mailbox.address)
    mine = (C_.organisation_id == work.organisation_id, C_.kind == LOOPBACK, C_.recipient.contains(PLUS))
    lately = select(C_.id).where(*mine, C_.sent_at > work.now - PLUS_EVERY)
    if "+" not in local and work.db.scalar(lately.limit(1)) is None:
        _send_loop(work, mailbox, f"{local}{PLUS}{new_id()[:8].lower()}@{domain}")
    return first


def _send_loop(work: Work, mailbox: Mailbox, to: str) -> Circle:
    circle = _circle(work, LOOPBACK, to, BACK_WITHIN)
    body = loop_mail(circle.uid, mailbox=mailbox, to=to, now=work.now)
    _deliver(work, circle, LOOPBACK, "REPLY", body, work.now + BACK_WITHIN)
    return circle


# -- tests by hand ---------------------------------------------------------------------------------


def send_test(work: Work, kind: str, address: str) -> Circle:
    """An invitation to a harmless entry, to any mailbox (`kind` is setup or doctor); `Conflict` where there were many within the hour."""
    address = check(address, "address")
    mine = (C_.organisation_id == work.organisation_id, C_.kind.in_((SETUP, DOCTOR)), C_.sent_at > work.now - timedelta(hours=1))
    if work.db.scalar(select(func.count()).where(*mine)) >= MOST_AN_HOUR:
        raise Conflict(f"{MOST_AN_HOUR} tests went out within the last hour. Wait a little: mailboxes take many for spam.")
    circle = _circle(work, kind, address, BACK_WITHIN)
    body = _rendered(work, circle, Kind.TEST)
    _deliver(work, circle, Kind.TEST.value, "REQUEST", body, work.now + GIVEN_UP)
    # The address stands in the row alone, where erasing finds it.
    work.record("calendar test sent", detail={"test": circle.id, "kind": kind})
    return circle


def end_test(work: Work, circle_id: int) -> Circle:
    """Take the entry out of that calendar again; the second time nothing happens."""
    circle = find(work, Circle, circle_id, lock=True)
    findings = circle.findings or {}
    if circle.kind != LOOPBACK and not findings.get("ended") and "bounce" not in findings:
        body = _rendered(work, circle, Kind.TEST_OVER)
        circle.findings = {**findings, "ended": True}
        delivery = _delivery(work, circle, Kind.TEST_OVER.value, "CANCEL", body, work.now + GIVEN_UP)
        delivery.sequence, delivery.dtstamp = 1, max(work.stamp(), int(circle.sent_at.timestamp()) + 1)
        if circle.came_back_at is None:
            circle.failed_at = circle.failed_at or work.now
        work.db.flush()
    return circle


def due_ends(db: Session, now: datetime) -> list[tuple[int, int]]:
    """Tests that nobody has answered for a day."""
    open_ = (C_.kind.in_((SETUP, DOCTOR)), C_.came_back_at.is_(None), C_.failed_at.is_(None), C_.sent_at < now - GIVEN_UP)
    return [(number, one) for number, one in db.execute(select(C_.organisation_id, C_.id).where(*open_).limit(100))]


# -- what comes back -------------------------------------------------------------------------------


def of_uid(work: Work, uids: Sequence[str]) -> Circle | None:
    """The circle of this organisation that one of these UIDs names."""
    known = [uid for uid in uids if is_circle_uid(uid)]
    if not known:
        return None
    query = select(C_).where(C_.uid.in_(known), C_.organisation_id == work.organisation_id)
    return work.db.scalars(query.order_by(C_.id).limit(1).with_for_update()).first()


def came_back(work: Work, circle: Circle, message: InboundMessage, findings: dict[str, Any]) -> None:
    """Its answer was judged. The first one closes the circle; a later one to a test is shown instead, and ends it no second time."""
    again = circle.came_back_at is not None
    if again and circle.kind == LOOPBACK:
        return
    delivery = work.db.get(Delivery, circle.delivery_id) if circle.delivery_id else None
    left = delivery.final_at if delivery is not None and delivery.final_at else circle.sent_at
    seconds = max(0.0, (message.received_at - left).total_seconds())
    circle.findings = {**(circle.findings or {}), **findings, "seconds": round(seconds, 1)}
    circle.inbound_id, circle.came_back_at, circle.failed_at = message.id, work.now, None
    if circle.kind == SETUP and findings.get("trusted"):
        proved(work)
    if circle.kind != LOOPBACK and not again:
        end_test(work, circle.id)
    work.db.flush()


def bounced(work: Work, delivery: Delivery, bounce_class: str, words: str) -> None:
    """A mail of a circle came back as undeliverable."""
    circle = _of_delivery(work, delivery)
    if circle is not None and circle.came_back_at is None:
        circle.failed_at = work.now
        circle.findings = {**(circle.findings or {}), "bounce": bounce_class, "bounce_words": words[:500]}


def heard(work: Work, delivery: Delivery, how: str, subject: str) -> None:
    """Something else than an answer came to a mail of a circle: an automatic reply, or words of a person."""
    circle = _of_delivery(work, delivery)
    if circle is not None:
        circle.findings = {**(circle.findings or {}), "heard": how, "heard_subject": subject[:200]}


def proved(work: Work) -> None:
    """An answer has come the whole way and counts: the mailbox works. Noted once."""
    if work.organisation.mailbox_proved_at is None:
        work.organisation.mailbox_proved_at = work.now
        work.record("mailbox proved")


def _of_delivery(work: Work, delivery: Delivery) -> Circle | None:
    if not is_circle_uid(delivery.uid):
        return None
    mine = (C_.uid == delivery.uid, C_.organisation_id == work.organisation_id)
    return work.db.scalars(select(C_).where(*mine).with_for_update()).first()


# -- writing ---------------------------------------------------------------------------------------


def _circle(work: Work, kind: str, recipient: str, within: timedelta) -> Circle:
    circle = Circle(
        organisation_id=work.organisation_id, kind=kind, public_id=new_id(), recipient=recipient, sent_at=work.now, due_at=work.now + within,
        uid=new_circle_uid(work.organisation.mailbox.domain),
    )  # fmt: skip
    work.db.add(circle)
    work.db.flush()
    return circle


def _rendered(work: Work, circle: Circle, kind: Kind) -> bytes:
    organisation, zone = work.organisation, ZoneInfo(work.organisation.timezone)
    # The same for the cancellation: made from when the test was sent.
    start = circle.sent_at.astimezone(zone).replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    title = {"de": "Kommen Antworten zurück?"}.get(rendering.feed_locale(organisation.locale), "Do answers come back?")
    snapshot = Snapshot(title, start, start + timedelta(minutes=15), organisation.timezone)
    return rendering.skeleton(kind, snapshot, None, organisation.locale, organisation.timezone, organisation.mailbox, organisation)


def _deliver(work: Work, circle: Circle, kind: str, method: str, body: bytes, until: datetime) -> None:
    circle.delivery_id = _delivery(work, circle, kind, method, body, until).id
    work.db.flush()


def _delivery(work: Work, circle: Circle, kind: str, method: str, body: bytes, until: datetime) -> Delivery:
    organisation, mailbox = work.organisation, work.organisation.mailbox
    skeleton = MailSkeleton(
        organisation_id=work.organisation_id, batch=new_batch(), kind=kind, sender_name=mailbox.name, sender_address=mailbox.address,
        locale=organisation.locale, timezone=organisation.timezone, base_url=work.base_url, body=body, created_at=work.now,
    )  # fmt: skip
    work.db.add(skeleton)
    work.db.flush()
    delivery = Delivery(
        organisation_id=work.organisation_id, kind=kind, method=method, skeleton_id=skeleton.id, sender=mailbox.address, recipient=circle.recipient,
        recipient_name="", page_id="", uid=circle.uid, sequence=0, dtstamp=work.stamp(), key_id=work.key_id, due_at=work.now, created_at=work.now,
        expires_at=until,
    )  # fmt: skip
    work.db.add(delivery)
    work.db.flush()
    return delivery
