"""Compliance: how many certificates hold, end soon or have lapsed, by kind and by team, and one by one with what became of the last warning.

Certificates that were renewed or revoked are not counted, nor those of people who have left. Sums are made by the database, lists come by the
page: ten thousand people cost as many statements as ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal_column, or_, select

from ..store.certificates import LEARNER, Certificate, CertificateKind, CertificateWarning
from ..store.learners import Learner
from ..store.outbox import Delivery
from ..training.certificates import CURRENT, EXPIRING, LAPSED, SENT, UNREACHED, VALID
from . import awarding, certifying, exporting
from .certifying import FAILED, MAIL_STATE
from .completing import today
from .work import Work

C_, K_, W_, D_ = Certificate, CertificateKind, CertificateWarning, Delivery
BY = ("kind", "team")
MOST_ROWS = 100_000
LATELY = timedelta(days=7)
_HEADER = (
    "name",
    "email",
    "team",
    "certificate",
    "awarded_on",
    "expires_on",
    "state",
    "last_warning_days",
    "last_warning",
    "last_warning_at",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which certificates: of a kind, of a team ("" for people without one), in a state of `training.certificates.CURRENT`."""

    kind_id: int | None = None
    team: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """One row: what it was grouped by, and how many certificates are valid (for longer than 60 days), expire within 60 days, have lapsed."""

    key: int | str | None
    name: str
    valid: int
    expiring: int
    lapsed: int

    @property
    def certificates(self) -> int:
        """All of them."""
        return self.valid + self.expiring + self.lapsed

    @property
    def percent(self) -> int | None:
        """How many hold today, of a hundred; None where there are none."""
        return round(100 * (self.valid + self.expiring) / self.certificates) if self.certificates else None


@dataclass(frozen=True, slots=True)
class Holder:
    """A certificate with who has it; the learner's last warning and the state of its mail (`certifying.MAIL_STATE`), None where there was none."""

    certificate: Certificate
    kind: str
    name: str
    email: str
    team: str
    state: str
    warning: CertificateWarning | None
    mail_state: str | None

    @property
    def warned(self) -> str:
        """What became of the last warning, in words; "" where there was none."""
        return certifying.outcome_words(self.warning, self.mail_state) if self.warning else ""


def summary(work: Work, by: str, limit: int, offset: int = 0, scope: Scope | None = None) -> list[Tally]:
    """By kind or by team, by name. Who has two certificates counts twice in a team."""
    # Written out: PostgreSQL takes two bound texts for two different groups.
    team = func.coalesce(Learner.team, literal_column("''"))
    key, name = (K_.id, K_.name) if by == "kind" else (team, team)
    query = _standing(work, select(key, name, *_sums(work)), scope or Scope()).group_by(*dict.fromkeys((key, name)))
    return [Tally(*row) for row in work.db.execute(query.order_by(name, key).limit(limit).offset(offset))]


def total(work: Work, scope: Scope) -> Tally:
    """The same over everything in the scope."""
    row = work.db.execute(_standing(work, select(*_sums(work)), scope)).one()
    return Tally(None, "", *(number or 0 for number in row))


def holders(work: Work, scope: Scope, limit: int, offset: int = 0) -> list[Holder]:
    """One by one, the earliest end first."""
    query = _warned(work, scope).order_by(C_.expires_on.nulls_last(), Learner.name, C_.id)
    return _shown(work, work.db.execute(query.limit(limit).offset(offset)))


def as_csv(work: Work, scope: Scope) -> bytes:
    """All of it one by one, for a spreadsheet."""
    return exporting.table(_HEADER, (_cells(one) for one in holders(work, scope, MOST_ROWS)))


def unwarned(work: Work, limit: int) -> tuple[int, Sequence[Holder]]:
    """(how many, the first) certificates about to lapse whose last warning did not reach the learner."""
    failed = or_(W_.outcome == UNREACHED, and_(W_.outcome == SENT, MAIL_STATE.in_(tuple(FAILED))))
    return _counted(work, EXPIRING, failed, limit)


def lapsed_lately(work: Work, limit: int) -> tuple[int, Sequence[Holder]]:
    """(how many, the first) certificates that lapsed within the last seven days."""
    return _counted(work, LAPSED, C_.expires_on >= today(work) - LATELY, limit)


def _sums(work: Work) -> list[ColumnElement[int]]:
    return [func.sum(case((certifying.in_state(work, state), 1), else_=0)) for state in (VALID, EXPIRING, LAPSED)]


def _standing(work: Work, query: Select, scope: Scope) -> Select:
    query = (
        query.select_from(C_)
        .join(Learner, Learner.id == C_.learner_id)
        .join(K_, K_.id == C_.kind_id)
        .where(C_.organisation_id == work.organisation_id, awarding.CURRENT, Learner.left_at.is_(None))
    )
    if scope.kind_id is not None:
        query = query.where(C_.kind_id == scope.kind_id)
    if scope.team is not None:
        query = query.where(func.coalesce(Learner.team, "") == scope.team)
    return query.where(certifying.in_state(work, scope.state)) if scope.state in CURRENT else query


def _warned(work: Work, scope: Scope) -> Select:
    """Each with the learner's last warning and the state of its mail, as `_shown` reads them."""
    last = select(func.max(W_.id)).where(W_.certificate_id == C_.id, W_.recipient == LEARNER).correlate(C_).scalar_subquery()
    query = select(C_, K_.name, Learner.name, Learner.email, func.coalesce(Learner.team, ""), W_, MAIL_STATE, func.count().over())
    return _standing(work, query, scope).outerjoin(W_, W_.id == last).outerjoin(D_, D_.id == W_.delivery_id)


def _shown(work: Work, rows: Iterable[Row]) -> list[Holder]:
    return [
        Holder(one, kind, name, email, team, certifying.state_of(work, one), warning, mail_state)
        for one, kind, name, email, team, warning, mail_state, _number in rows
    ]


def _counted(work: Work, state: str, where: ColumnElement[bool], limit: int) -> tuple[int, Sequence[Holder]]:
    query = _warned(work, Scope(state=state)).where(where).order_by(C_.expires_on, Learner.name, C_.id)
    rows = work.db.execute(query.limit(limit)).all()
    return (rows[0][-1] if rows else 0), _shown(work, rows)


def _cells(one: Holder) -> tuple[Any, ...]:
    held, warning = one.certificate, one.warning
    last = (warning.days, one.warned, warning.at) if warning else ("", "", "")
    return (one.name, one.email, one.team, one.kind, held.awarded_on, held.expires_on or "", one.state, *last)
