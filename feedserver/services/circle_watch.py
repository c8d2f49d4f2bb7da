"""How the circle stands: whether answers come back to the mailbox, and if not, where they were lost and what to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..store.circles import DOCTOR, LOOPBACK, SETUP, Circle
from ..store.organisations import Organisation
from ..store.outbox import DEAD, SENT, Delivery, RelayPace
from . import circling
from .work import Work

GOOD, HELD, BROKEN, UNKNOWN = "good", "held", "broken", "unknown"
SILENT = 2 * circling.EVERY
_LOOKED_AT = 12
C_ = Circle
_NOT_BACK = (
    "Look whether mail to {mailbox} is led to this server: the MX or the forwarding of its domain, the receiver or the IMAP mailbox, and the "
    "mailbox's own spam folder."
)
_NOT_SENT = "Look at SMTP_URL, at the relay, and whether a worker is alive: `python -m feedserver doctor` says which."
_REFUSED = "The relay takes no mail to {mailbox}, which is where every answer goes. Ask whoever runs it."
_CHANGED = "Something on the way back changes mail: it has to be redirected as it is, not forwarded under another sender."
_HELD = "Mail of your own domain does not prove where it comes from, and other servers see that, too: look at SPF and DKIM of the relay."


@dataclass(frozen=True, slots=True)
class Loop:
    """`state` is good, held (it came, but a learner's answer like it would wait), broken or unknown; `closed_at` when it last came back,
    `what` and `look_at` what is wrong, in words; `plus_lost` that mail to addresses with a plus, where bounces go, does not come."""

    state: str
    closed_at: datetime | None = None
    seconds: float | None = None
    what: str = ""
    look_at: str = ""
    plus_lost: bool = False

    @property
    def took(self) -> str:
        """How long the last one was on its way, in words."""
        return seconds_words(self.seconds)


def look(work: Work) -> Loop:
    """As things stand now in this organisation, by its last loopbacks."""
    mine = (C_.organisation_id == work.organisation_id, C_.kind == LOOPBACK)
    rows = work.db.scalars(select(C_).where(*mine).order_by(C_.id.desc()).limit(_LOOKED_AT)).all()
    loops = [one for one in rows if circling.PLUS not in one.recipient]
    closed = next((one for one in loops if one.came_back_at), None) or _last_closed(work)
    decided = next((one for one in loops if _decided(one, work.now)), None)
    plus = next((one for one in rows if circling.PLUS in one.recipient and _decided(one, work.now)), None)
    known = {
        "closed_at": closed.came_back_at if closed else None,
        "seconds": (closed.findings or {}).get("seconds") if closed else None,
        "plus_lost": plus is not None and plus.came_back_at is None and decided is not None and decided.came_back_at is not None,
    }
    silent = _silent(work, loops[0] if loops else None)
    if silent is not None:
        return Loop(BROKEN if silent else UNKNOWN, **known, what=silent, look_at=_NOT_SENT if silent else "")
    if decided is None:
        return Loop(UNKNOWN, **known)
    if decided.came_back_at is None:
        what, look_at = _lost(work, decided)
        return Loop(BROKEN, **known, what=what, look_at=look_at.format(mailbox=work.organisation.mailbox_address))
    findings = decided.findings or {}
    # Without a proof strict trust would hold it; learners' mail brings the proof of their own domains.
    if not findings.get("trusted") and findings.get("judged") != "auth_missing":
        words = f"The hourly test mail came back, but a learner's answer like it would be held: {findings.get('judged_words')}"
        return Loop(HELD, **known, what=words, look_at=_HELD if findings.get("judged") == "auth_fail" else _CHANGED)
    return Loop(GOOD, **known)


def _decided(one: Circle, now: datetime) -> bool:
    return one.came_back_at is not None or one.failed_at is not None or one.due_at <= now


def _last_closed(work: Work) -> Circle | None:
    mine = (C_.organisation_id == work.organisation_id, C_.kind == LOOPBACK, C_.came_back_at.is_not(None))
    return work.db.scalars(select(C_).where(*mine, ~C_.recipient.contains(circling.PLUS)).order_by(C_.id.desc()).limit(1)).first()


def _silent(work: Work, last: Circle | None) -> str | None:
    """Words where no test was sent for too long though the calendar is in use; "" where it is not; None where they go out as they should."""
    if last is not None and last.sent_at > work.now - SILENT:
        return None
    since = circling.in_use(work.db, work.now).get(work.organisation_id)
    if since is None or since > work.now - SILENT:
        return ""
    return "For two hours no test mail has been sent to see whether answers come back: no worker seems to be alive."


def _lost(work: Work, circle: Circle) -> tuple[str, str]:
    """Where a mail was lost, and what to look at."""
    findings = circle.findings or {}
    if "bounce" in findings:
        return f"The hourly test mail came back as undeliverable: {findings['bounce_words'] or findings['bounce']}", _NOT_BACK
    delivery = work.db.get(Delivery, circle.delivery_id) if circle.delivery_id else None
    if delivery is None or delivery.state == SENT:
        return "The relay took the hourly test mail, but it did not come back within ten minutes.", _NOT_BACK
    if delivery.state == DEAD:
        return f"The relay refused the hourly test mail: {delivery.last_code or ''} {delivery.last_error or ''}".strip(), _REFUSED
    problem = delivery.last_error if delivery.last_code else None
    problem = problem or work.db.scalar(select(RelayPace.problem).where(RelayPace.problem.is_not(None)).limit(1)) or delivery.last_error
    return f"The hourly test mail could not be sent: {problem or 'no worker has taken it.'}", _NOT_SENT


def loops_lately(work: Work) -> int:
    """How many loopbacks went out within the hour."""
    mine = (C_.organisation_id == work.organisation_id, C_.kind == LOOPBACK, C_.sent_at > work.now - circling.EVERY)
    return work.db.scalar(select(func.count()).where(*mine))


def listed(work: Work, limit: int, offset: int = 0) -> Sequence[Circle]:
    """Tests by hand, newest first."""
    mine = (C_.organisation_id == work.organisation_id, C_.kind.in_((SETUP, DOCTOR)))
    return work.db.scalars(select(C_).where(*mine).order_by(C_.id.desc()).limit(limit).offset(offset)).all()


def figures(db: Session, now: datetime) -> dict[str, tuple[bool, float | None]]:
    """For each organisation whose calendar is in use: whether its circle is closed, and how many seconds ago it last was (None: never)."""
    used = circling.in_use(db, now)
    plain = (C_.kind == LOOPBACK, ~C_.recipient.contains(circling.PLUS))
    decided = (C_.came_back_at.is_not(None)) | (C_.failed_at.is_not(None)) | (C_.due_at <= now)
    newest = select(func.max(C_.id)).where(*plain, decided).group_by(C_.organisation_id)
    last = {one.organisation_id: one for one in db.scalars(select(C_).where(C_.id.in_(newest)))}
    closed = select(C_.organisation_id, func.max(C_.came_back_at)).where(*plain, C_.came_back_at.is_not(None)).group_by(C_.organisation_id)
    when = {number: at for number, at in db.execute(closed)}
    names = select(Organisation.id, Organisation.name).where(Organisation.id.in_(used)).order_by(Organisation.id)
    return {
        name: (
            number not in last or last[number].came_back_at is not None,
            (now - when[number]).total_seconds() if number in when else None,
        )
        for number, name in db.execute(names)
    }


def seconds_words(seconds: float | None) -> str:
    """How long an answer took: "4 s", "12 minutes"; "" for none."""
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 120 else f"{timedelta(seconds=seconds).total_seconds() / 60:.0f} minutes"
