"""Learners: made, changed, left. Each has one feed and the channel `both` from the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import case, delete, or_, select, update

from ..addresses import canonical, check
from ..errors import Conflict, Invalid
from ..store.enrolments import Enrolment
from ..store.feeds import KINDS, Feed
from ..store.learners import FeedVersion, Learner
from ..store.milestones import MilestoneEntry
from ..store.sessions import CHOSEN, LiveSession
from ..tokens import new_id
from ..training.statuses import EnrolmentStatus
from ..training.wall_time import check_zone
from . import audiences, bouncing, channelling, enrolling, forgetting, milestones, moving, reminding, rendering, stopping
from .finding import find
from .work import Work

FIELDS = ("email", "name", "timezone", "locale", "channel", "external_id", "team", "manager_email", "start_date", "digest")


def create_learner(work: Work, values: Mapping[str, Any]) -> Learner:
    """A new learner; the same e-mail or `external_id` is a `Conflict` with the id of the one there is."""
    email = check(values["email"])
    same = [Learner.email_key == canonical(email)]
    if values.get("external_id"):
        same.append(Learner.external_id == values["external_id"])
    known = work.db.scalars(select(Learner).where(Learner.organisation_id == work.organisation_id, or_(*same))).first()
    if known is not None:
        what = "e-mail" if known.email_key == canonical(email) else "external_id"
        raise Conflict(
            f"There is already a learner with this {what}.",
            field="email" if what == "e-mail" else what,
            extra={"id": known.id},
        )
    rest = {k: v for k, v in values.items() if k in FIELDS and k != "email" and v is not None}
    rest["timezone"] = check_zone(rest.get("timezone") or work.organisation.timezone)
    rest["locale"] = rendering.check_locale(rest.get("locale") or work.organisation.locale)
    if rest.get("manager_email"):
        rest["manager_email"] = check(rest["manager_email"], "manager_email")
    learner = Learner(
        organisation_id=work.organisation_id,
        email=email,
        email_key=canonical(email),
        page_id=new_id(),
        created_at=work.now,
        **rest,
    )
    work.db.add(learner)
    work.db.flush()
    work.db.add(FeedVersion(learner_id=learner.id, version=1, changed_at=work.now))
    work.db.add(new_feed(work, learner.id, "My training"))
    work.record("learner created", learner_id=learner.id)
    work.db.flush()
    return learner


def new_feed(work: Work, learner_id: int, name: str, **values: Any) -> Feed:
    """An unsaved feed with its own address."""
    values.setdefault("kinds", list(KINDS))
    return Feed(
        organisation_id=work.organisation_id, learner_id=learner_id, public_id=new_id(), key_id=work.key_id, name=name, changed_at=work.now,
        created_at=work.now, **values,
    )  # fmt: skip


def edit_learner(work: Work, learner_id: int, values: Mapping[str, Any]) -> Learner:
    """Change a learner. `address_change` says whether a new address is the same person's (by default), or another mailbox: see `moving`; an
    `address_problem` of None lets mail go again (`bouncing.lift`), a `reminders_off_at` of None reminders.
    """
    learner = find(work, Learner, learner_id, lock=True)
    values = dict(values)
    if values.get("email"):
        email = check(values["email"])
        taken = select(Learner.id).where(
            Learner.organisation_id == work.organisation_id,
            Learner.email_key == canonical(email),
            Learner.id != learner.id,
        )
        if (other := work.db.scalar(taken)) is not None:
            raise Conflict("Another learner has this e-mail.", field="email", extra={"id": other})
        moving.change_address(work, learner, email, values.get("address_change") or moving.SAME_PERSON)
    if "reminders_off_at" in values and values.pop("reminders_off_at") is None:
        reminding.stop(work, learner, off=False)
    if "address_problem" in values and values.pop("address_problem") is None:
        bouncing.lift(work, learner.id)
    if values.get("external_id"):
        taken = select(Learner.id).where(
            Learner.organisation_id == work.organisation_id,
            Learner.external_id == values["external_id"],
            Learner.id != learner.id,
        )
        if (other := work.db.scalar(taken)) is not None:
            raise Conflict("Another learner has this external_id.", field="external_id", extra={"id": other})
    if values.get("timezone"):
        values["timezone"] = check_zone(values["timezone"])
    if values.get("locale"):
        values["locale"] = rendering.check_locale(values["locale"])
    if values.get("manager_email"):
        values["manager_email"] = check(values["manager_email"], "manager_email")
    for name in FIELDS:
        if name in values and name != "email":
            if values[name] is None and name in ("name", "timezone", "locale", "channel", "digest"):
                raise Invalid("This cannot be empty.", field=name)
            if name == "digest":
                stopping.choose_digest(work, learner, values[name])
            elif name == "channel":
                channelling.set_channel(work, learner, values[name])
            else:
                setattr(learner, name, values[name])
    learner.version += 1
    work.record("learner edited", learner_id=learner.id, detail={"fields": sorted(values)})
    work.db.flush()
    return learner


def remove_learner(work: Work, learner_id: int) -> None:
    """Somebody leaves for good: coming entries are cancelled, places freed and passed on, feeds and the person's data go."""
    learner = find(work, Learner, learner_id, lock=True)
    coming = (
        select(Enrolment.id)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .where(
            Enrolment.learner_id == learner.id,
            Enrolment.status != EnrolmentStatus.CANCELLED,
            LiveSession.ends_at > work.now,
        )
        .order_by(case((CHOSEN, 0), else_=1), LiveSession.id)
    )
    for enrolment_id in work.db.scalars(coming).all():
        enrolling.remove(work, enrolment_id)
    milestones.end(work, MilestoneEntry.learner_id == learner.id)
    work.record("learner removed", learner_id=learner.id)
    audiences.end_those_of(work, {learner.email_key})
    # Calendars for others must tell programs that a name has gone: what is newest among the people of a session is no longer.
    been_in = select(Enrolment.live_session_id).where(Enrolment.learner_id == learner.id)
    was_there = update(LiveSession).where(LiveSession.id.in_(been_in), LiveSession.status == "scheduled")
    work.db.execute(was_there.values(updated_at=work.now).execution_options(synchronize_session=False))
    work.db.flush()
    work.db.execute(delete(FeedVersion).where(FeedVersion.learner_id == learner.id))
    forgetting.by_learner(work, learner.id)
    work.db.execute(delete(Learner).where(Learner.id == learner.id))
    work.db.expire_all()
