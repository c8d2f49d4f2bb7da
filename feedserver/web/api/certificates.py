"""Certificates: who has one until when, and what became of the warnings of its end."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import func, select

from ...errors import Conflict
from ...services import certifying
from ...services.certifying import Warned
from ...services.finding import find
from ...services.work import Work
from ...store.certificates import Certificate
from ...store.learners import Learner
from . import paging
from .enrolments import Reason
from .fields import Body, CalendarDay, Out, QueryId, RowId
from .paging import Page
from .routing import Answer, Call, at, route

State = Literal["valid", "expiring", "lapsed", "renewed", "revoked"]


class NewCertificate(Body):
    """Somebody has it from `awarded_on` (today by default) until `expires_on` (else as its kind says)."""

    learner_id: RowId
    kind_id: RowId
    awarded_on: CalendarDay | None = None
    expires_on: CalendarDay | None = None


class CertificateOut(Out):
    """A certificate; `expires_on` is the last day on which it holds. `expiring`: within 60 days. `renewed_by` is the one that took its place."""

    id: RowId
    learner_id: RowId
    kind_id: RowId
    state: State
    awarded_on: date
    expires_on: date | None
    by: str
    source: str
    completion_id: RowId | None
    renewed_by: RowId | None
    revoked_at: datetime | None
    reason: str
    created_at: datetime


class WarningOut(Out):
    """A warning so many `days` before the end, to the `learner`, the `manager` or a compliance manager (`compliance:` and a sign-in's number).

    `words` say what became of it, its mail included; `address` is where that went.
    """

    id: RowId
    days: int
    recipient: str
    outcome: Literal["sent", "later_one", "late", "before", "unreached", "left", "nobody"]
    words: str
    address: str | None
    delivery_id: RowId | None
    at: datetime


class Warnings(Out):
    """What became of the warnings of a certificate."""

    items: list[WarningOut]


class CertificateQuery(paging.Query):
    """Of a kind, of a learner, of a team, in a state."""

    kind_id: QueryId | None = None
    learner_id: QueryId | None = None
    team: Annotated[str | None, Field(max_length=200)] = None
    state: State | None = None


def show(work: Work, one: Certificate) -> CertificateOut:
    """A row as it is answered."""
    names = [name for name in CertificateOut.model_fields if name != "state"]
    return CertificateOut(**{name: getattr(one, name) for name in names}, state=certifying.state_of(work, one))


@route("POST", "/certificates", body=NewCertificate, answer=CertificateOut, status=201, problems=(404, 409))
def award_certificate(work: Work, call: Call) -> Answer:
    """Award a certificate: its end comes into the learner's calendar, and the one before is renewed. From the same day on: 409 with the id."""
    given = call.body
    learner = find(work, Learner, given.learner_id)
    if learner.left_at is not None:
        raise Conflict("This learner has left.", extra={"id": learner.id})
    made = certifying.award(work, [learner.id], given.kind_id, source="api", on=given.awarded_on, expires_on=given.expires_on)
    if not made:
        on, _ = certifying.checked_days(work, given.awarded_on, None)
        same = (Certificate.kind_id == given.kind_id, Certificate.awarded_on == on, Certificate.revoked_at.is_(None))
        known = work.db.scalar(select(Certificate.id).where(Certificate.learner_id == learner.id, *same).limit(1))
        raise Conflict("That is on record already.", extra={"id": known})
    return Answer(show(work, made[0]), headers=at("certificates", made[0].id))


@route("GET", "/certificates", query=CertificateQuery, answer=Page[CertificateOut])
def list_certificates(work: Work, call: Call) -> Page[CertificateOut]:
    """List certificates, of a kind, a learner, a team, or in a state; renewed and revoked ones included."""
    given, query = call.query, select(Certificate).where(Certificate.organisation_id == work.organisation_id)
    if given.kind_id:
        query = query.where(Certificate.kind_id == given.kind_id)
    if given.learner_id:
        query = query.where(Certificate.learner_id == given.learner_id)
    if given.team is not None:
        query = query.join(Learner, Learner.id == Certificate.learner_id).where(func.coalesce(Learner.team, "") == given.team)
    if given.state:
        query = query.where(certifying.in_state(work, given.state))
    rows, following = paging.by_id(work.db, query, Certificate.id, given)
    return Page[CertificateOut](items=[show(work, row) for row in rows], next=following)


@route("GET", "/certificates/<id:certificate_id>", answer=CertificateOut, problems=(404,))
def get_certificate(work: Work, call: Call) -> CertificateOut:
    """One certificate."""
    return show(work, find(work, Certificate, call.path["certificate_id"]))


@route("GET", "/certificates/<id:certificate_id>/warnings", answer=Warnings, problems=(404,))
def list_certificate_warnings(work: Work, call: Call) -> Warnings:
    """What became of its warnings: sent, or why not."""
    one = find(work, Certificate, call.path["certificate_id"])
    return Warnings(items=[_warning(each) for each in certifying.warnings_of(work, one.id)])


@route("POST", "/certificates/<id:certificate_id>/revoke", body=Reason, body_required=False, answer=CertificateOut, problems=(404, 409))
def revoke_certificate(work: Work, call: Call) -> CertificateOut:
    """It does not hold any more and leaves the calendar; what it had renewed stands again."""
    return show(work, certifying.revoke(work, call.path["certificate_id"], call.body.reason or ""))


def _warning(one: Warned) -> WarningOut:
    names = [name for name in WarningOut.model_fields if name not in ("words", "address")]
    return WarningOut(**{name: getattr(one.warning, name) for name in names}, words=one.words, address=one.address)
