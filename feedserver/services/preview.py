"""Publishing a plan, and what that would do: the preview publishes in a transaction that is taken back, so it can never say anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from ..errors import Changed, Conflict, Invalid
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.outbox import MAIL, OPEN, SUPERSEDED, Delivery, state_in
from ..store.sessions import LiveSession
from ..training.changes import Change
from ..training.statuses import EnrolmentStatus
from . import notifying, planning, scheduling
from .finding import locked_session
from .work import Work

SHOWN = 200
_IS_MAIL = Delivery.channel == MAIL
_NOTHING = "Nothing is planned for this session: its changes go out by themselves."


@dataclass(frozen=True)
class Told:
    """People who get the same kind of message: `method` REQUEST, CANCEL, or None for words alone; `asked`: they have to answer again."""

    kind: str
    method: str | None
    asked: bool
    number: int
    people: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class Preview:
    """What publishing would do now. Up to `SHOWN` people of each kind are named (id, name).

    `ahead`: messages that wait for the relay already; `replaced`: of them those that newer ones would take the place of; `problem`: why it
    cannot be published as it stands.
    """

    changes: Sequence[Change]
    told: Sequence[Told] = field(default_factory=tuple)
    nothing: int = 0
    nobody: Sequence[tuple[int, str, str]] = ()
    ahead: int = 0
    replaced: int = 0
    problem: str = ""

    @property
    def mails(self) -> int:
        """How many messages would go out."""
        return sum(one.number for one in self.told)

    def number(self, method: str | None) -> int:
        """How many of them are a REQUEST, a CANCEL, or (None) words alone."""
        return sum(one.number for one in self.told if one.method == method)


def publish(work: Work, session_id: int, version: int | None = None) -> int:
    """Do what is planned, as one change, now; planning ends. Returns the number of messages.

    Raises `Changed` where `version` no longer holds, `Conflict` where nothing is planned.
    """
    session = locked_session(work, session_id)
    if version is not None and version != session.version:
        raise Changed(
            "Somebody else has changed the plan since you looked at it. Look at the preview again.",
            extra={"changes": scheduling.changes_since(work, session, version), "version": session.version},
        )
    if not session.planning:
        raise Conflict(_NOTHING)
    last = _last(work)
    scheduling.edit_session(work, session_id, planning.take(work, session))
    work.db.refresh(session)
    if session.draft:
        _show(work, session)
    elif session.settle_at is not None:
        notifying.publish(work, session)
    return work.db.scalar(select(func.count()).where(_IS_MAIL, Delivery.live_session_id == session_id, Delivery.id > last))


def preview(work: Work, session_id: int) -> Preview:
    """To be called in a transaction that is taken back (`House.rehearse`). Raises `Conflict` where nothing is planned."""
    session = locked_session(work, session_id)
    if not session.planning:
        raise Conflict(_NOTHING)
    changes = planning.changes(session)
    last, ahead = _last(work), work.db.scalar(select(func.count()).where(_IS_MAIL, state_in(Delivery.state, OPEN)))
    try:
        publish(work, session_id)
    except (Invalid, Conflict) as error:
        return Preview(changes, problem=error.detail)
    new = (_IS_MAIL, Delivery.live_session_id == session_id, Delivery.id > last, Delivery.state != SUPERSEDED)
    replaced = select(func.count()).where(
        _IS_MAIL, Delivery.live_session_id == session_id, Delivery.id <= last, Delivery.state == SUPERSEDED, Delivery.final_at == work.now
    )
    untold = (
        Enrolment.live_session_id == session_id,
        Enrolment.status != EnrolmentStatus.CANCELLED,
        Enrolment.id.not_in(select(Delivery.enrolment_id).where(*new, Delivery.enrolment_id.is_not(None))),
    )
    names = select(Learner.id, Learner.name, Enrolment.status).join(Enrolment, Enrolment.learner_id == Learner.id)
    return Preview(
        changes,
        told=_told(work, new),
        nothing=work.db.scalar(select(func.count()).select_from(Enrolment).where(*untold)),
        nobody=[tuple(row) for row in work.db.execute(names.where(*untold).order_by(Learner.name, Learner.id).limit(SHOWN))],
        ahead=ahead,
        replaced=work.db.scalar(replaced),
    )


def minutes(seen: Preview, rate: int | None) -> int | None:
    """How long the relay takes for it and for what waits before, rounded up; `rate` is its messages a minute, None where it has no such pace."""
    return -(-max(0, seen.ahead - seen.replaced + seen.mails) // rate) if rate else None


def _show(work: Work, session: LiveSession) -> None:
    """A session that nobody was told of stands in calendars from now on."""
    session.draft = False
    session.version += 1
    work.record("published", live_session_id=session.id)
    work.db.flush()
    notifying.begin(work, session)


def _told(work: Work, new: tuple) -> list[Told]:
    asked = ((Delivery.method == "REQUEST") & (Delivery.partstat == "NEEDS-ACTION")).label("asked")
    groups = select(Delivery.kind, Delivery.method, asked, func.count()).where(*new).group_by(Delivery.kind, Delivery.method, asked)
    found = []
    for kind, method, again, number in work.db.execute(groups.order_by(Delivery.method, Delivery.kind)).all():
        people = (
            select(Delivery.learner_id, Delivery.recipient_name)
            .where(*new, Delivery.kind == kind, Delivery.method.is_not_distinct_from(method), asked.is_not_distinct_from(again))
            .order_by(Delivery.recipient_name, Delivery.id)
            .limit(SHOWN)
        )
        found.append(Told(kind, method, bool(again), number, [tuple(row) for row in work.db.execute(people)]))
    return found


def _last(work: Work) -> int:
    return work.db.scalar(select(func.max(Delivery.id))) or 0
