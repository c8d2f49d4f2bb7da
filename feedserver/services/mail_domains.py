"""How mail fares by the domain of the learners' addresses: sent, refused, come back, answered; with what to look at. One query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, and_, case, func, null, select, type_coerce

from ..store.base import Instant
from ..store.enrolments import Enrolment
from ..store.outbox import DEFERRED, SENT, Delivery
from . import exporting
from .work import Work

DAYS = 30
MANY = 10
MOST = 500
_INVITING = ("invite", "offer", "instead")
_HOUR = 3_600_000_000
_BOUNCES = ("hard_address", "mailbox_full", "transient", "policy")
D_, E_ = Delivery, Enrolment
COLUMNS = ("domain", "people", "sent", "deferred", *_BOUNCES, "other", "invited", "answered", "median_hours", "last_answer_at")
Lookup = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True)
class Fares:
    """One domain in the last 30 days. `hard_address`, `mailbox_full`, `transient`, `policy` and `other` count what came back or was refused."""

    domain: str
    people: int
    sent: int
    deferred: int
    hard_address: int
    mailbox_full: int
    transient: int
    policy: int
    other: int
    invited: int
    answered: int
    median_hours: float | None
    last_answer_at: datetime | None

    @property
    def share(self) -> int | None:
        """Per cent of the invitations that were answered; None where there were none."""
        return round(100 * self.answered / self.invited) if self.invited else None

    @property
    def hint(self) -> str:
        """What to look at, in words; "" for nothing."""
        if self.policy:
            return f"Their server refused {self.policy} of our mails as unwanted: look at SPF, DKIM and DMARC of our domain."
        if self.invited >= MANY and not self.answered:
            return f"No answer from this domain in {DAYS} days though {self.invited} invitations went out: try the calendar doctor with an address there."
        if self.hard_address >= max(3, self.people // 5):
            return f"{self.hard_address} mails came back because the addresses do not exist: look at the list of learners."
        if self.deferred >= MANY:
            return f"{self.deferred} mails wait because their server puts us off."
        return ""


def fares(work: Work, limit: int = MOST, offset: int = 0) -> list[Fares]:
    """By domain, those with most mail first."""
    rows = _rows(work).cte("rows")
    own = {"partition_by": rows.c.domain}
    placed = select(
        rows,
        func.row_number().over(**own, order_by=(case((rows.c.waited.is_(None), 1), else_=0), rows.c.waited)).label("place"),
        func.count(rows.c.waited).over(**own).label("answers"),
    ).cte("placed")
    c = placed.c
    # Of an even number the two in the middle.
    middle = and_(c.waited.is_not(None), c.place.in_(((c.answers + 1) // 2, (c.answers + 2) // 2)))
    bounces = [_count(c.bounce_class == one).label(one) for one in _BOUNCES]
    query = (
        select(
            c.domain,
            func.count(func.distinct(c.learner_id)),
            _count(c.state == SENT),
            _count(c.state == DEFERRED),
            *bounces,
            _count(and_(c.bounce_class.is_not(None), c.bounce_class.not_in(_BOUNCES))),
            _count(c.inviting == 1),
            func.count(c.waited),
            func.avg(case((middle, c.waited))),
            func.max(type_coerce(c.responded_at, Instant)),
        )
        .group_by(c.domain)
        .order_by(func.count().desc(), c.domain)
        .limit(limit)
        .offset(offset)
    )
    return [Fares(*row[:11], None if row[11] is None else round(float(row[11]) / _HOUR, 1), row[12]) for row in work.db.execute(query)]


def _rows(work: Work):
    at = D_.recipient
    split = func.split_part(at, "@", 2) if work.db.get_bind().dialect.name != "sqlite" else func.substr(at, func.instr(at, "@") + 1)
    inviting = and_(D_.kind.in_(_INVITING), D_.state == SENT)
    began, answered = type_coerce(D_.created_at, BigInteger), type_coerce(E_.responded_at, BigInteger)
    told = and_(inviting, E_.responded_at >= D_.created_at)
    return (
        select(
            func.lower(split).label("domain"), D_.learner_id, D_.state, D_.bounce_class,
            case((inviting, 1), else_=0).label("inviting"),
            case((told, answered - began), else_=null()).label("waited"),
            case((told, answered), else_=null()).label("responded_at"),
        )
        .outerjoin(E_, E_.id == D_.enrolment_id)
        .where(D_.organisation_id == work.organisation_id, D_.channel == "mail", D_.learner_id.is_not(None), D_.recipient != "")
        .where(D_.created_at > work.now - timedelta(days=DAYS))
    )  # fmt: skip


def _count(which):
    return func.coalesce(func.sum(case((which, 1), else_=0)), 0)


def fares_csv(work: Work) -> bytes:
    """The same as a table for a spreadsheet."""
    rows = fares(work)
    return exporting.table((*COLUMNS, "hint"), ((*(getattr(one, name) for name in COLUMNS), one.hint) for one in rows))


def neighbours(domains: Iterable[str], mailbox: str, lookup: Lookup) -> dict[str, str]:
    """Domains of learners whose server may be that of the mailbox, with the reason: such a server may answer inside itself, where we never see it.

    `lookup` gives the mail exchangers (RFC 5321 5.1) of a domain, none where the DNS does not say.
    """
    home = mailbox.rpartition("@")[2].lower()
    ours = {host.rstrip(".").lower() for host in lookup(home)}
    found = {}
    for domain in domains:
        if domain == home:
            found[domain] = "It is the domain of the mailbox itself."
        elif shared := sorted(ours & {host.rstrip(".").lower() for host in lookup(domain)}):
            found[domain] = f"Its mail goes to the same server as the mailbox's: {shared[0]}."
    return found
