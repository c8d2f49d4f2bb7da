"""Kinds of certificates, and awarding one to many."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from ...errors import Invalid
from ...services import adding, certifying
from ...services.finding import find
from ...services.work import Work
from ...store.certificates import CertificateKind
from ...training.certificates import MOST_DAYS, MOST_MONTHS, MOST_RULES, USUAL_DAYS, USUAL_NOTIFY_DAYS
from . import paging
from .adding import Refused
from .fields import WHOLE, Body, CalendarDay, Email, Out, RowId, line, lines, optional
from .paging import Page
from .routing import Answer, Call, at, route

Months = Annotated[int, Field(ge=1, le=MOST_MONTHS), WHOLE]
Days = Annotated[list[Annotated[int, Field(ge=0, le=MOST_DAYS), WHOLE]], Field(max_length=MOST_RULES)]


class NewCertificateKind(Body):
    """What is certified: for so many months (null: for ever). Completing `course_id` awards it, completing `renewal_course_id` renews it.

    `reminder_days` before the end the learner is warned, on `notify_days` the manager and the compliance managers.
    """

    name: line(200, empty=False)
    description: lines(20_000) = ""
    validity_months: Months | None = None
    course_id: RowId | None = None
    renewal_course_id: RowId | None = None
    reminder_days: Days = list(USUAL_DAYS)
    notify_days: Days = list(USUAL_NOTIFY_DAYS)


class CertificateKindChange(Body):
    """What is to change; certificates that there are keep their end."""

    name: line(200, empty=False) = optional()
    description: lines(20_000) = optional()
    validity_months: Months | None = None
    course_id: RowId | None = None
    renewal_course_id: RowId | None = None
    reminder_days: Days = optional()
    notify_days: Days = optional()


class CertificateKindOut(Out):
    """A kind of certificate."""

    id: RowId
    name: str
    description: str
    validity_months: int | None
    course_id: RowId | None
    renewal_course_id: RowId | None
    reminder_days: list[int]
    notify_days: list[int]
    created_at: datetime


class ManyCertificates(Body):
    """Who: `emails` or `learner_ids`, one of the two; all from the same day on."""

    emails: Annotated[list[Email], Field(max_length=50_000)] = []
    learner_ids: Annotated[list[RowId], Field(max_length=50_000)] = []
    awarded_on: CalendarDay | None = None
    expires_on: CalendarDay | None = None


class ManyCertificatesOut(Out):
    """How many have it now, how many had it from that day on already, and who cannot have it."""

    awarded: int
    unchanged: int
    refused: list[Refused]


def show(one: CertificateKind) -> CertificateKindOut:
    """A row as it is answered."""
    return CertificateKindOut.model_validate(one, from_attributes=True)


@route("POST", "/certificate-kinds", body=NewCertificateKind, answer=CertificateKindOut, status=201, problems=(404, 409))
def create_certificateshow(work: Work, call: Call) -> Answer:
    """Add a kind of certificate. 409 with the id where there is one of this name."""
    made = certifying.create_kind(work, call.body.model_dump())
    return Answer(show(made), headers=at("certificate-kinds", made.id))


@route("GET", "/certificate-kinds", query=paging.Query, answer=Page[CertificateKindOut])
def list_certificate_kinds(work: Work, call: Call) -> Page[CertificateKindOut]:
    """List kinds of certificates."""
    query = select(CertificateKind).where(CertificateKind.organisation_id == work.organisation_id)
    rows, following = paging.by_id(work.db, query, CertificateKind.id, call.query)
    return Page[CertificateKindOut](items=[show(row) for row in rows], next=following)


@route("GET", "/certificate-kinds/<id:certificate_kind_id>", answer=CertificateKindOut, problems=(404,))
def get_certificateshow(work: Work, call: Call) -> CertificateKindOut:
    """One kind of certificate."""
    return show(find(work, CertificateKind, call.path["certificate_kind_id"]))


@route(
    "PATCH", "/certificate-kinds/<id:certificate_kind_id>", body=CertificateKindChange, answer=CertificateKindOut, problems=(404, 409)
)  # fmt: skip
def edit_certificateshow(work: Work, call: Call) -> CertificateKindOut:
    """Change a kind; certificates that there are keep their end."""
    return show(certifying.edit_kind(work, call.path["certificate_kind_id"], call.body.given()))


@route(
    "POST", "/certificate-kinds/<id:certificate_kind_id>/awards", body=ManyCertificates, answer=ManyCertificatesOut, problems=(404, 409)
)  # fmt: skip
def award_certificates(work: Work, call: Call) -> ManyCertificatesOut:
    """Award it to many at once: the end comes into their calendars. Who cannot have it is named with the reason, and holds nobody else up."""
    given = call.body
    if bool(given.emails) == bool(given.learner_ids):
        raise Invalid("Give one of emails and learner_ids.", field="emails")
    wanted, missing = adding.by_addresses(work, given.emails) if given.emails else (given.learner_ids, [])
    done = certifying.award_many(
        work, wanted, call.path["certificate_kind_id"], source="api", on=given.awarded_on, expires_on=given.expires_on
    )
    refused = [Refused(who=str(who), reason=reason) for who, reason in (*missing, *done.refused)]
    return ManyCertificatesOut(awarded=len(done.made), unchanged=done.already, refused=refused)
