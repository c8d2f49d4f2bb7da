"""Receiving: raw messages into the inbox, committed before anybody is told that we have them (design decision 8)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, object_session

from ..addresses import canonical
from ..imip.incoming import Incoming
from ..store import organisations
from ..store.inbox import InboundMessage
from ..store.organisations import Organisation
from ..store.verdicts import VerdictRow

FIRST, AGAIN = "first", "again"
_ADDRESSED = re.compile(rb"^(?:x-original-to|delivered-to|envelope-to|to)[ \t]*:(.*(?:\r?\n[ \t].*)*)", re.I | re.M)
_DELIVERED = re.compile(rb"^(?:x-original-to|delivered-to|envelope-to)[ \t]*:(.*)", re.I | re.M)
_RETURN_PATH = re.compile(rb"^return-path[ \t]*:[ \t]*<([^\s<>]*)>", re.I | re.M)
_ADDRESS = re.compile(rb"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came over the wire or on standard input."""

    data: bytes
    via: str
    envelope_from: str = ""
    recipients: tuple[str, ...] = ()
    peer: str = ""


def mailboxes(db: Session) -> dict[str, int]:
    """Canonical mailbox of each organisation -> its id."""
    return {key: org for key, org in db.execute(select(Organisation.mailbox_key, Organisation.id))}


def reads(known: dict[str, int], address: str) -> int | None:
    """The organisation that reads this address; `mailbox+anything@domain` is `mailbox@domain`."""
    local, _, domain = canonical(address).rpartition("@")
    return known.get(f"{local}@{domain}") or known.get(f"{local.partition('+')[0]}@{domain}")


def store(db: Session, messages: Iterable[Received], now: datetime) -> list[int]:
    """Put messages into the inbox in one statement; returns the ids in the order given. The caller commits before it says yes."""
    known = mailboxes(db)
    messages = [m if m.recipients else _from_header(m) for m in messages]
    rows = [
        {
            "organisation_id": _organisation(db, known, m), "received_at": now, "via": m.via, "peer": m.peer[:200], "envelope_from": m.envelope_from[:500],
            "envelope_to": list(m.recipients), "sha256": hashlib.sha256(m.data).hexdigest(), "raw": m.data, "outcome": "pending", "kind": "", "sender": "",
            "subject": "", "reason": "Waiting to be read.", "reason_code": "", "tries": 0,
        }
        for m in messages
    ]  # fmt: skip
    result = db.execute(insert(InboundMessage).returning(InboundMessage.id, sort_by_parameter_order=True), rows)
    return list(result.scalars())


def _from_header(message: Received) -> Received:
    """What a pipe hands over has no envelope: the MTA notes it on top (RFC 5321 4.4 for Return-Path, the others by custom)."""
    head = re.split(rb"\r?\n\r?\n", message.data[:65536], maxsplit=1)[0]
    recipients = [a.decode("ascii", "replace") for field in _DELIVERED.findall(head) for a in _ADDRESS.findall(field)]
    sender = _RETURN_PATH.search(head)
    return replace(
        message, recipients=tuple(dict.fromkeys(recipients)), envelope_from=sender.group(1).decode("ascii", "replace") if sender else ""
    )


def _organisation(db: Session, known: dict[str, int], message: Received) -> int | None:
    """By envelope recipient; a message without envelope (a pipe) by what its header says; else the first organisation."""
    addresses: Iterable[str] = message.recipients
    if not message.recipients:
        head = re.split(rb"\r?\n\r?\n", message.data[:65536], maxsplit=1)[0]
        addresses = [a.decode("ascii", "replace") for field in _ADDRESSED.findall(head) for a in _ADDRESS.findall(field)]
    for address in addresses:
        if (organisation := reads(known, address)) is not None:
            return organisation
    first = organisations.first(db)
    return first.id if first else None


@dataclass(frozen=True)
class Verdict:
    """What a message ended in: the outcome of the contract, a code for programs, a reason in plain words, whom it concerns, what spoke for it."""

    outcome: str
    code: str
    reason: str
    enrolment_id: int | None = None
    learner_id: int | None = None
    delivery_id: int | None = None
    evidence: dict = field(default_factory=dict)


def write(message: InboundMessage, incoming: Incoming | None, verdict: Verdict, now: datetime, by: str = "") -> None:
    """Put the verdict into the message's row, and on record as one of its judgements; `by` names a person who decided, else it was the worker."""
    if incoming is not None:
        message.kind, message.sender, message.subject = incoming.kind, incoming.sender, incoming.subject
    message.outcome, message.reason_code, message.reason = verdict.outcome, verdict.code, verdict.reason
    message.enrolment_id = verdict.enrolment_id or message.enrolment_id
    message.learner_id = verdict.learner_id or message.learner_id
    message.delivery_id = verdict.delivery_id or message.delivery_id
    evidence = {name: value for name, value in verdict.evidence.items() if name != "incoming"}
    row = VerdictRow(
        inbound_id=message.id, judged_at=now, by=by or (AGAIN if message.judged_at else FIRST), outcome=verdict.outcome,
        reason_code=verdict.code, reason=verdict.reason, evidence=evidence or None,
    )  # fmt: skip
    object_session(message).add(row)
    message.judged_at = now
    if verdict.evidence:
        message.evidence = verdict.evidence
