"""Learners as people type them: found by address or name, made from pasted lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import aliased

from ...addresses import canonical, check
from ...errors import Conflict, FeedserverError, Invalid
from ...services import attending, learning
from ...services.work import Work
from ...store.courses import GroupMember, TrainingGroup
from ...store.enrolments import Enrolment
from ...store.learners import Learner
from ...store.sessions import LiveSession

_MOST_LINES = 2000


@dataclass
class Pasted:
    """What became of a pasted list: known learners, new ones, and each line that was refused with its reason."""

    learners: list[Learner] = field(default_factory=list)
    made: int = 0
    refused: list[str] = field(default_factory=list)


def search(
    work: Work, text: str, limit: int = 50, offset: int = 0, *, left: bool = False, among: ColumnElement[bool] | None = None
) -> list[Learner]:  # fmt: skip
    """Learners whose name or address holds the text; `left`: those who are no longer here; `among`: of these alone."""
    here = Learner.left_at.is_not(None) if left else Learner.left_at.is_(None)
    query = select(Learner).where(Learner.organisation_id == work.organisation_id, here, true() if among is None else among)
    if text:
        key = canonical(text)
        query = query.where(or_(Learner.name.icontains(text, autoescape=True), Learner.email_key.contains(key, autoescape=True)))
    return list(work.db.scalars(query.order_by(Learner.name, Learner.id).limit(limit).offset(offset)))


def around(session: LiveSession) -> ColumnElement[bool]:
    """Who is in a training group of the session's course, in one of its sessions, or in a team with somebody of the session."""
    groups = select(TrainingGroup.id).where(TrainingGroup.course_id == session.course_id)
    sessions = select(LiveSession.id).where(LiveSession.course_id == session.course_id)
    colleague = aliased(Learner)
    teams = select(colleague.team).join(Enrolment, Enrolment.learner_id == colleague.id).where(Enrolment.live_session_id == session.id)
    return or_(
        Learner.id.in_(select(GroupMember.learner_id).where(GroupMember.group_id.in_(groups))),
        Learner.id.in_(select(Enrolment.learner_id).where(Enrolment.live_session_id.in_(sessions))),
        Learner.team.in_(teams.where(colleague.team.is_not(None), colleague.team != "")),
    )


def the_one(work: Work, text: str, among: ColumnElement[bool] | None = None) -> Learner:
    """The learner that an address or a name means, `among` these where that is given; raises `Invalid`, naming who it could be."""
    text = text.strip()
    exact = select(Learner).where(Learner.organisation_id == work.organisation_id, Learner.email_key == canonical(text))
    found = work.db.scalars(exact if among is None else exact.where(among)).first()
    if found is not None:
        return found
    near = search(work, text, 6, among=among) if text else []
    if len(near) == 1:
        return near[0]
    if not near and among is not None:
        raise Invalid("Nobody around this course has this name or address. A training manager can add them.", field="who")
    if not near:
        raise Invalid("No learner has this name or address. Make the learner first, or paste the address in a group.", field="who")
    names = "; ".join(f"{one.name} <{one.email}>" for one in near[:5])
    raise Invalid(f"Several people could be meant: {names}. Give the address.", field="who")


def with_addresses(work: Work, addresses: Sequence[str], name: str) -> list[int]:
    """The learners with these addresses, aliases included; raises `Invalid` for the field `name` where nobody has one, or none is given."""
    keys = [canonical(one) for one in addresses]
    if not keys:
        raise Invalid("Write at least one address.", field=name)
    who = attending.learners_of(work, keys)
    unknown = [key for key in keys if key not in who]
    if unknown:
        raise Invalid(f"Nobody here has this address: {', '.join(unknown[:5])}.", field=name)
    return list(dict.fromkeys(who[key] for key in keys))


def pasted(work: Work, text: str, make: bool) -> Pasted:
    """Read a list of `address`, `Name <address>` or `address, name` lines; `make` turns unknown addresses into learners."""
    result = Pasted()
    lines = [line.strip() for line in re.split(r"[\n;]", text) if line.strip()]
    for line in lines[:_MOST_LINES]:
        try:
            learner, new = _line(work, line, make)
        except FeedserverError as error:
            result.refused.append(f"{line[:80]}: {error.detail}")
            continue
        result.learners.append(learner)
        result.made += new
    if len(lines) > _MOST_LINES:
        result.refused.append(f"Only the first {_MOST_LINES:,} lines were read; paste the rest again.")
    return result


def _line(work: Work, line: str, make: bool) -> tuple[Learner, bool]:
    name, address = _apart(line)
    email = check(address)
    known = select(Learner).where(Learner.organisation_id == work.organisation_id, Learner.email_key == canonical(email))
    found = work.db.scalars(known).first()
    if found is not None:
        return found, False
    if not make:
        raise Conflict("no learner has this address.")
    name = name or email.partition("@")[0].replace(".", " ").replace("_", " ").title()
    return learning.create_learner(work, {"email": email, "name": name[:200]}), True


def _apart(line: str) -> tuple[str, str]:
    if "<" in line:
        name, address = parseaddr(line)
        return name.strip(), address
    words = [w.strip() for w in re.split(r"[,\t]", line) if w.strip()]
    addresses = [w for w in words if "@" in w]
    return " ".join(w for w in words if "@" not in w), addresses[0] if addresses else line
