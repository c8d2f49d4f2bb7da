"""Polling: who polls a mailbox, and which of its messages the inbox holds, written in the transaction that stores them (RFC 3501 2.3.1.1)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..store.inbox import InboundMessage
from ..store.mailboxes import PolledMailbox, PolledMessage
from ..store.outbox import Worker
from . import receiving
from .receiving import Received

RECENT = timedelta(days=30)
OVERLAP = timedelta(days=2)  # clocks and INTERNALDATE differ, and SINCE knows days alone
SILENT = timedelta(minutes=10)
_LINE = re.compile(rb"^(from|subject)[ \t]*:[ \t]*([^\r\n]*)", re.I | re.M)
_ADDRESS = re.compile(rb"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+")


class NotOurs(Exception):
    """Another worker polls this mailbox now, or it is no longer the one that we looked at."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message of a folder: `data` whole, or its header alone where it was not taken, with the reason in `refused`."""

    uid: int
    data: bytes
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: from `first_uid` on everything, below it what is unseen or came since the day of `since`."""

    first_uid: int
    since: datetime


def hold(db: Session, name: str, worker_id: int, now: datetime) -> int | None:
    """Let this worker poll the mailbox; its id, or None while another worker that lives does."""
    mailbox = db.scalars(select(PolledMailbox).where(PolledMailbox.name == name).with_for_update()).first()
    if mailbox is None:
        mailbox = PolledMailbox(name=name)
        db.add(mailbox)
    elif mailbox.worker_id not in (None, worker_id):
        alive = (Worker.id == mailbox.worker_id, Worker.alive_until >= now, Worker.stopped_at.is_(None))
        if db.scalar(select(Worker.id).where(*alive)) is not None:
            return None
    mailbox.worker_id = worker_id
    db.flush()
    return mailbox.id


def holds(db: Session, mailbox_id: int, worker_id: int) -> bool:
    """Whether it is still this worker that polls."""
    return db.scalar(select(PolledMailbox.worker_id).where(PolledMailbox.id == mailbox_id)) == worker_id


def let_go(db: Session, mailbox_id: int, worker_id: int) -> None:
    """Leave the mailbox to another worker at once."""
    ours = (PolledMailbox.id == mailbox_id, PolledMailbox.worker_id == worker_id)
    db.execute(update(PolledMailbox).where(*ours).values(worker_id=None))


def begin(db: Session, mailbox_id: int, uid_validity: int, uid_next: int, now: datetime) -> Start:
    """The folder was opened. Under a new UIDVALIDITY all UIDs are unknown: what may have been missed is read again."""
    mailbox = db.get_one(PolledMailbox, mailbox_id, with_for_update=True)
    if mailbox.uid_validity != uid_validity or mailbox.first_uid is None:
        mailbox.uid_validity, mailbox.first_uid = uid_validity, uid_next
    since = now - RECENT
    if mailbox.last_seen_at is not None:
        since = min(since, mailbox.last_seen_at - OVERLAP)
    return Start(mailbox.first_uid, since)


def known(db: Session, mailbox_id: int, uid_validity: int, uids: Iterable[int]) -> set[int]:
    """Which of these UIDs were taken or refused before."""
    uids = set(uids)
    if not uids:
        return set()
    generation = (PolledMessage.mailbox_id == mailbox_id, PolledMessage.uid_validity == uid_validity)
    query = select(PolledMessage.uid).where(*generation, PolledMessage.uid.between(min(uids), max(uids)))
    return uids.intersection(db.scalars(query))


def keep(db: Session, mailbox_id: int, worker_id: int, uid_validity: int, messages: Sequence[Found], peer: str, now: datetime) -> int:
    """Store messages and remember their UIDs, together; returns how many were new. Raises `NotOurs`.

    What is here already, octet for octet, is remembered under its new UID and not judged again.
    """
    mailbox = db.get_one(PolledMailbox, mailbox_id, with_for_update=True)
    if (mailbox.worker_id, mailbox.uid_validity) != (worker_id, uid_validity):
        raise NotOurs
    messages = [one for one in messages if one.uid not in known(db, mailbox_id, uid_validity, [one.uid])]
    sums = [hashlib.sha256(one.data).hexdigest() for one in messages]
    here = _here(db, mailbox_id, sums)
    new = {digest: one for digest, one in zip(sums, messages, strict=True) if digest not in here}
    ids = receiving.store(db, [Received(one.data, "imap", peer=peer) for one in new.values()], now) if new else []
    here |= dict(zip(new, ids, strict=True))
    for number, one in zip(ids, new.values(), strict=True):
        if one.refused:
            _refuse(db.get_one(InboundMessage, number), one, now)
    db.add_all(
        PolledMessage(
            mailbox_id=mailbox_id, uid_validity=uid_validity, uid=one.uid, inbound_id=here[digest], sha256=digest, refused=one.refused or None, taken_at=now
        )
        for digest, one in zip(sums, messages, strict=True)
    )  # fmt: skip
    return len(new)


def _here(db: Session, mailbox_id: int, sums: Sequence[str]) -> dict[str, int | None]:
    query = select(PolledMessage.sha256, PolledMessage.inbound_id).where(
        PolledMessage.sha256.in_(sums), PolledMessage.mailbox_id == mailbox_id
    )
    return dict(db.execute(query).all())


def _refuse(message: InboundMessage, found: Found, now: datetime) -> None:
    """It was never fetched, so it is never judged: what its header says must do to find it."""
    lines = {name.lower(): value for name, value in reversed(_LINE.findall(found.data[:65536]))}
    sender = _ADDRESS.search(lines.get(b"from", b""))
    message.outcome, message.reason_code, message.reason = "rejected", "too_large", found.refused
    message.kind, message.judged_at = "broken", now
    message.sender = sender.group().decode("ascii", "replace")[:320] if sender else ""
    message.subject = lines.get(b"subject", b"").decode("ascii", "replace")[:500]


def seen(db: Session, mailbox_id: int, now: datetime) -> None:
    """The mailbox was looked through just now; nothing is wrong with it."""
    values = {"last_seen_at": now, "problem": None, "problem_at": None}
    db.execute(update(PolledMailbox).where(PolledMailbox.id == mailbox_id).values(**values))


def note_problem(db: Session, mailbox_id: int, words: str, now: datetime) -> None:
    """Keep in words why the mailbox cannot be polled, since when, for people to see."""
    mailbox = db.get_one(PolledMailbox, mailbox_id)
    mailbox.problem, mailbox.problem_at = words, mailbox.problem_at or now


def forget_others(db: Session, name: str | None) -> None:
    """The setting names another mailbox now, or none: what was wrong with former ones is of no interest."""
    others = PolledMailbox.name != name if name is not None else PolledMailbox.id.is_not(None)
    db.execute(update(PolledMailbox).where(others, PolledMailbox.problem.is_not(None)).values(problem=None, problem_at=None))


def last_seen(db: Session, name: str) -> datetime | None:
    """When this mailbox was last looked through."""
    return db.scalar(select(PolledMailbox.last_seen_at).where(PolledMailbox.name == name))


def trouble(db: Session) -> tuple[str, datetime] | None:
    """What is wrong with a polled mailbox, and since when; None where all is well or none is polled."""
    query = select(PolledMailbox.problem, PolledMailbox.problem_at).where(PolledMailbox.problem.is_not(None)).limit(1)
    found = db.execute(query).first()
    return (found.problem, found.problem_at) if found else None
