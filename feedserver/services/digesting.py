"""Weekly mails in words: a learner's own week, and a manager's list of the team; on Monday morning, once a week and reader, if there is something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Text, and_, cast, func, insert, literal, select
from sqlalchemy.orm import Session

from .. import tokens
from ..imip import milestones as day_words
from ..imip import verb_lists
from ..imip.letters import Reader
from ..store.enrolments import Enrolment
from ..store.learners import Learner
from ..store.milestones import OPEN, MilestoneEntry
from ..store.organisations import Organisation
from ..store.reminders import ManagerOptOut, WeeklyMail, reader_of
from ..store.sessions import TAKES_PLACE, LiveSession
from ..training.milestones import MilestoneKind
from ..training.statuses import EnrolmentStatus
from ..training.weeks import Week, due_week
from . import corresponding, reminding, verbs
from .rendering import Kind
from .work import Work

S, L_, E_ = EnrolmentStatus, LiveSession, MilestoneEntry
AT_ONCE = 500
EXPIRES_WITHIN = timedelta(days=30)
_SHOWN = (S.REGISTERED, S.INVITED, S.WAITING_LIST, S.WAITING_APPROVAL)
_OF_TEAM = (S.REGISTERED, S.INVITED, S.DECLINED, S.WAITING_LIST, S.WAITING_APPROVAL)
_EXPIRY = (MilestoneKind.CERTIFICATE_EXPIRY, MilestoneKind.CERTIFICATE_RENEWAL)
_MANAGER = func.lower(Learner.manager_email)
_WANTED = (Learner.left_at.is_(None), Learner.address_problem.is_(None), Learner.complained_at.is_(None))


def due(db: Session, now: datetime) -> Sequence[tuple[int, int]]:
    """(organisation, organisation) where somebody's week has begun and they were not written to."""
    weeks = _weeks(db, now)
    found = {one.organisation_id for one in _learners(db, weeks, 1)} if weeks else set()
    # Each organisation whose Monday it is: its own zone is that of its managers' lists.
    for here in db.scalars(select(Organisation).where(Organisation.manager_digest)):
        week = due_week(now, here.timezone)
        if week is not None and _managers(db, here.id, week, 1):
            found.add(here.id)
    return [(one, one) for one in sorted(found)]


def send_due(work: Work, organisation_id: int) -> int:
    """The next of them, `AT_ONCE` at most; returns how many mails."""
    mine = select(Organisation).where(Organisation.id == work.organisation_id)
    here = work.db.scalars(mine.with_for_update(key_share=True).execution_options(populate_existing=True)).one()
    sent = 0
    if weeks := _weeks(work.db, work.now):
        sent += _send_to_learners(work, _learners(work.db, weeks, AT_ONCE, here.id), weeks)
    week = due_week(work.now, here.timezone)
    if here.manager_digest and week is not None:
        for address in _managers(work.db, here.id, week, AT_ONCE):
            sent += _send_to_manager(work, address, week)
    return sent


def _weeks(db: Session, now: datetime) -> dict[str, Week]:
    """The zones of people who want a plan in which it is Monday morning."""
    zones = db.scalars(select(Learner.timezone).where(Learner.digest == "weekly").distinct())
    return {zone: week for zone in zones if (week := due_week(now, zone)) is not None}


def _learners(db: Session, weeks: dict[str, Week], limit: int, organisation_id: int | None = None) -> list[Learner]:
    """Who is to be written to, and was not; the weeks of different zones begin on the same Monday, or a day apart."""
    out: list[Learner] = []
    for monday in sorted({week.monday for week in weeks.values()}):
        zones = [zone for zone, week in weeks.items() if week.monday == monday]
        reader = literal("learner:") + cast(Learner.id, Text)
        had = select(WeeklyMail.id).where(
            WeeklyMail.organisation_id == Learner.organisation_id, WeeklyMail.reader == reader, WeeklyMail.monday == monday
        )
        query = select(Learner).where(Learner.digest == "weekly", *_WANTED, Learner.timezone.in_(zones), ~had.exists())
        if organisation_id is not None:
            query = query.where(Learner.organisation_id == organisation_id)
            out += db.scalars(query.order_by(Learner.id).limit(limit))
        else:
            ids = db.scalars(query.with_only_columns(func.min(Learner.id)).group_by(Learner.organisation_id)).all()
            out += db.scalars(select(Learner).where(Learner.id.in_(ids)))
    return out


def _managers(db: Session, organisation_id: int, week: Week, limit: int) -> list[str]:
    """Addresses of managers who were not written to this week, and want to be."""
    here = Learner.organisation_id == organisation_id
    had = select(WeeklyMail.id).where(
        WeeklyMail.organisation_id == organisation_id, WeeklyMail.reader == _MANAGER, WeeklyMail.monday == week.monday
    )
    out = select(ManagerOptOut.id).where(ManagerOptOut.organisation_id == organisation_id, ManagerOptOut.address_key == _MANAGER)
    query = select(_MANAGER).where(here, Learner.left_at.is_(None), Learner.manager_email != "", ~had.exists(), ~out.exists())
    return list(db.scalars(query.distinct().order_by(_MANAGER).limit(limit)))


def _send_to_learners(work: Work, learners: list[Learner], weeks: dict[str, Week]) -> int:
    lines = _plans(work, learners, weeks)
    told = [one for one in learners if lines[one.id]]
    each = {one.id: {"block": lines[one.id]} for one in told}
    sent = {one.learner_id: one.id for one in corresponding.write_many(work, told, Kind.DIGEST, each=each)} if told else {}
    rows = [_row(work, reader_of(one.id), weeks[one.timezone], len(lines[one.id]), sent.get(one.id)) for one in learners]
    if rows:
        work.db.execute(insert(WeeklyMail), rows)
    return len(sent)


def _plans(work: Work, learners: list[Learner], weeks: dict[str, Week]) -> dict[int, list[verb_lists.Line]]:
    """What each has in the week that begins; an empty list for nothing."""
    ids = [one.id for one in learners]
    last = max((week.ends for week in weeks.values()), default=work.now)
    sessions, snapshots = _sessions(work, Enrolment.learner_id.in_(ids), _SHOWN, last)
    noted = _noted(work, E_.learner_id.in_(ids), last)
    out = {}
    for one in learners:
        week, reader = weeks[one.timezone], Reader.of(one.locale, one.timezone)
        rows = [
            (snapshots[e.live_session_id], S(e.status), tokens.verb_code(f"n{e.id}.{work.stamp()}", work.key_secret), verbs.answerable(S(e.status)))
            for e, starts_at in sessions.get(one.id, ()) if starts_at < week.ends
        ]  # fmt: skip
        days = [entry.noted for entry in noted.get(one.id, ()) if week.monday <= entry.day < week.monday + timedelta(days=7)]
        lines = verb_lists.agenda(rows, reader, work.organisation.mailbox) if rows else []
        out[one.id] = lines + verb_lists.days((day_words.title(n, reader.say), day_words.in_words(n.day, reader.say)) for n in days)
    return out


def _send_to_manager(work: Work, address: str, week: Week) -> int:
    """The list of one team, by name; what to a manager who is a learner goes in their language and zone."""
    team = {
        one.id: one
        for one in work.db.scalars(
            select(Learner).where(Learner.organisation_id == work.organisation_id, Learner.left_at.is_(None), address == _MANAGER)
        )
    }
    own = work.db.scalars(select(Learner).where(Learner.organisation_id == work.organisation_id, Learner.email_key == address)).first()
    lines = [] if own is not None and (own.address_problem or own.complained_at or own.left_at) else _team_lines(work, team, own, week)
    sent = None
    if lines:
        of = own or work.organisation
        sent = corresponding.write_to_other(work, Kind.TEAM_DIGEST, address, of.locale, of.timezone, {"block": lines}).id
    work.db.execute(insert(WeeklyMail), [_row(work, address, week, len(lines), sent)])
    return int(sent is not None)


def _team_lines(work: Work, team: dict[int, Learner], own: Learner | None, week: Week) -> list[verb_lists.Line]:
    of = own or work.organisation
    reader = Reader.of(of.locale, of.timezone)
    sessions, snapshots = _sessions(work, Enrolment.learner_id.in_(team), _OF_TEAM, week.ends)
    people: dict[int, dict[S, list[str]]] = defaultdict(lambda: {status: [] for status in _OF_TEAM})
    for learner_id, rows in sessions.items():
        for enrolment, _starts_at in rows:
            people[enrolment.live_session_id][S(enrolment.status)].append(team[learner_id].name)
    in_order = sorted(people, key=lambda number: (snapshots[number].starts_at, number))
    noted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for learner_id, entries in _noted(work, E_.learner_id.in_(team), week.ends + EXPIRES_WITHIN).items():
        for entry in entries:
            if entry.day < week.monday + (EXPIRES_WITHIN if entry.kind in _EXPIRY else timedelta(days=7)):
                noted[day_words.title(entry.noted, reader.say), day_words.in_words(entry.day, reader.say)].append(team[learner_id].name)
    for names in (*noted.values(), *(names for by_status in people.values() for names in by_status.values())):
        names.sort()
    return verb_lists.team([(snapshots[number], people[number]) for number in in_order], noted, reader)


def _sessions(work: Work, whose, statuses: Sequence[S], until: datetime):
    """({learner: [(enrolment, start)]}, {session: what was published}) of what takes place from now on."""
    query = (
        select(Enrolment, L_.starts_at)
        .join(L_, L_.id == Enrolment.live_session_id)
        .where(whose, Enrolment.status.in_(statuses), TAKES_PLACE, L_.status == "scheduled", L_.draft.is_(False))
        .where(L_.starts_at >= work.now, L_.starts_at < until)
        .order_by(L_.starts_at, L_.id)
    )
    by_learner = defaultdict(list)
    for enrolment, starts_at in work.db.execute(query):
        by_learner[enrolment.learner_id].append((enrolment, starts_at))
    return by_learner, reminding.snapshots(work, sorted({e.live_session_id for rows in by_learner.values() for e, _ in rows}))


def _noted(work: Work, whose, until: datetime) -> dict[int, list[MilestoneEntry]]:
    first = (work.now - timedelta(days=1)).date()
    query = select(E_).where(and_(whose, E_.state == OPEN, E_.day >= first, E_.day <= until.date())).order_by(E_.day, E_.id)
    found = defaultdict(list)
    for entry in work.db.scalars(query):
        found[entry.learner_id].append(entry)
    return found


def _row(work: Work, reader: str, week: Week, lines: int, delivery_id: int | None) -> dict:
    return {
        "organisation_id": work.organisation_id, "reader": reader, "monday": week.monday, "lines": lines, "delivery_id": delivery_id,
        "created_at": work.now,
    }  # fmt: skip
