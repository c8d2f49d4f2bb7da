"""Answers to mails that we sent to see them come back (`services.circling`): judged as any reply is, shown, and changing nothing else."""

from __future__ import annotations

import re
from typing import Any

from feedserver.addresses import canonical
from feedserver.imip.clients import client_of
from feedserver.imip.fields import fields_of, split
from feedserver.imip.incoming import Incoming
from feedserver.itip.parse import ItipObject
from feedserver.itip.reply import AttendeeProblem, attendee_of
from feedserver.services import circling
from feedserver.services.receiving import Verdict
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.circles import LOOPBACK, Circle
from feedserver.store.inbox import InboundMessage
from feedserver.store.outbox import Delivery, message_id

from . import replies_in

_HEAD = 256 * 1024
_OURS = re.compile(r"([0-9]{1,18})\.[0-9]{1,12}\.feedserver@[^\s<>]{1,255}")
_VERDICT = re.compile(r"\b(spf|dkim|dmarc)\s*=\s*([a-z]{2,12})\b", re.I)
_HEARD = {"auto_reply": "an automatic reply", "receipt": "a receipt", "human": "words that somebody wrote, not an answer by a button"}


def answer(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict | None:
    """The verdict on an answer that closes a circle; None for every other mail."""
    circle = circling.of_uid(work, [one.uid for one in incoming.objects]) if incoming.objects else None
    if circle is None:
        _heard(work, incoming)
        return None
    one = next(one for one in incoming.objects if one.uid == circle.uid)
    findings = _findings(work, message, incoming, one, circle, settings)
    if incoming.kind == "reply":
        circling.came_back(work, circle, message, findings)
    else:
        circle.findings = {**(circle.findings or {}), "heard": f"a {incoming.kind.upper()}", "heard_subject": incoming.subject[:200]}
    return _verdict(circle, findings)


def _verdict(circle: Circle, findings: dict[str, Any]) -> Verdict:
    held = "" if findings["trusted"] else f" A learner's answer that came like this would be held: {findings['judged_words']}"
    if circle.kind == LOOPBACK:
        return Verdict("auto_reply", LOOPBACK, f"Our own hourly test: it went out and came back.{held}", evidence=findings)
    return Verdict("unchanged", circle.kind, f"The answer to a test of the calendar mail; it changes nothing.{held}", evidence=findings)


def _heard(work: Work, incoming: Incoming) -> None:
    if incoming.kind not in _HEARD:
        return
    for one in incoming.answers:
        number = _OURS.fullmatch(one)
        delivery = work.db.get(Delivery, int(number[1])) if number else None
        mine = delivery is not None and delivery.organisation_id == work.organisation_id
        if mine and message_id(delivery.id, delivery.dtstamp, delivery.sender) == one:
            circling.heard(work, delivery, _HEARD[incoming.kind], incoming.subject)


def _findings(
    work: Work, message: InboundMessage, incoming: Incoming, one: ItipObject, circle: Circle, settings: Settings
) -> dict[str, Any]:
    """What came back and how, as plain values."""
    asked = work.organisation.mailbox_address if circle.kind == LOOPBACK else circle.recipient
    sent = work.db.get(Delivery, circle.delivery_id) if circle.delivery_id else None
    head = fields_of(split(message.raw[:_HEAD])[0])
    attendee = attendee_of(one, frozenset({canonical(asked)}))
    found = {
        "kind": incoming.kind, "method": one.method, "via": message.via, "from": incoming.sender or incoming.sender_problem,
        "from_is_invited": canonical(incoming.sender) == canonical(asked), "sequence": one.sequence, "dtstamp": _stamp(one, sent),
        "recurrence": bool(one.recurrence_text), "subject": incoming.subject, "client": client_of(head, one.product), "product": one.product,
        "defects": [*incoming.defects, *one.defects], "checks": _checks(incoming, settings), "to": list(message.envelope_to or ())[:3],
    }  # fmt: skip
    if isinstance(attendee, AttendeeProblem):
        return {
            **found,
            "partstat": "",
            "organizer": "",
            "trusted": False,
            "judged": attendee.value,
            "judged_words": "It does not say who answers.",
        }
    trust = replies_in.weigh(work, message, incoming, one, attendee, settings, enrolled=asked)
    kept = {name: trust.evidence[name] for name in ("attendee", "organizer", "authentication", "signatures")}
    return {
        **found,
        **kept,
        "partstat": attendee.partstat,
        "trusted": trust.speaks,
        "judged": trust.reason_code,
        "judged_words": trust.reason,
    }


def _stamp(one: ItipObject, sent: Delivery | None) -> str:
    if one.dtstamp is None:
        return "missing"
    return "copied" if sent is not None and one.dtstamp == sent.dtstamp else "own"


def _checks(incoming: Incoming, settings: Settings) -> dict[str, str]:
    """SPF, DKIM and DMARC as the topmost Authentication-Results has them: of our own server where it is named, else only to be shown."""
    ours = (settings.trusted_authserv_id or "").lower()
    for raw in incoming.authentication_results:
        if not ours or raw.strip().lower().startswith(ours):
            found: dict[str, str] = {}
            for name, result in _VERDICT.findall(raw):
                found.setdefault(name.lower(), result.lower())
            return found
    return {}
