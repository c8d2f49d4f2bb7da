"""What people do by mail alone, once it is certain whose mail it is: each effect is confirmed by a mail to the address that we know, never to the sender's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select

from .. import tokens
from ..addresses import canonical
from ..errors import Conflict, FeedserverError, NotFound
from ..imip import by_mail, verb_lists
from ..imip.letters import Reader
from ..imip.verbs import Verb
from ..store import keys
from ..store.courses import Course
from ..store.enrolments import Enrolment
from ..store.entries import CalendarEntry
from ..store.learners import ALIAS, Learner, LearnerAlias
from ..store.outbox import Delivery
from ..store.sessions import TAKES_PLACE, LiveSession
from ..training.statuses import TABLE, Answer, EnrolmentStatus
from . import catalogue, corresponding, enrolling, notifying, offering, page_answers, series_entry, telling, undoing, waiting_line
from .rendering import Kind
from .work import Work

S, V = EnrolmentStatus, Verb
ANSWERS = {V.YES: Answer.YES, V.NO: Answer.NO, V.LEAVE: Answer.NO, V.MAYBE: Answer.MAYBE}
LIST_LENGTH = 30
PER_DAY = {Kind.COURSES: 3, Kind.AGENDA: 3, Kind.VERBS: 1, Kind.ANSWERED: 20}
"""How many such mails one address is sent in a day, whoever writes in its name."""
# An entry that is told again does not say what was understood.
_SAY_NOTHING = (Kind.AGAIN, Kind.UPDATE)
_GRACE = 2


@dataclass(frozen=True, slots=True)
class Question:
    """What a mail answers, by a code that we signed: `letter` says of what the numbers are."""

    letter: str
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The entry that is answered, and the SEQUENCE of the question; `date`: of a series that is one entry, this date alone."""

    enrolment_id: int
    entry: CalendarEntry
    sequence: int
    date: LiveSession | None = None


def question(work: Work, code: str) -> Question | None:
    """What a code of ours names; None for one that is not ours."""
    payload = tokens.read_verb_code(code, keys.usable(work.db).values())
    if payload is None:
        return None
    first, _, second = payload[1:].partition(".")
    return Question(payload[0], int(first), int(second or 0))


def asked(work: Work, of: Question) -> Asked | None:
    """The entry of this organisation that a question is about: `e` names it with its SEQUENCE, `n` the enrolment and when it was asked."""
    if of.letter == "e":
        entry = work.db.get(CalendarEntry, of.first)
        found = entry and Asked(entry.enrolment_id, entry, of.second)
    else:
        enrolment = work.db.get(Enrolment, of.first)
        entry = work.db.get(CalendarEntry, enrolment.entry_id) if enrolment and enrolment.entry_id else None
        date = work.db.get_one(LiveSession, enrolment.live_session_id) if enrolment else None
        if date is not None and date.series_id is not None and not date.own_entry:
            entry = series_entry.of_date(work, date, enrolment.learner_id)[1]
        else:
            date = None
        # Asked again since then: what was answered is no longer the question.
        found = entry and Asked(enrolment.id, entry, entry.asked_sequence - (of.second + _GRACE < entry.asked_dtstamp), date)
    return found if found and entry.organisation_id == work.organisation_id else None


def of_message_id(work: Work, named: str) -> Delivery | None:
    """The delivery that had this Message-ID, which anybody could guess: the caller asks for more."""
    number, _, rest = named.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    stamp = rest.partition(".")[0]
    one = work.db.get(Delivery, int(number))
    return one if one and one.organisation_id == work.organisation_id and str(one.dtstamp) == stamp else None


def by_address(work: Work, address: str) -> Learner | None:
    """Who has this address, or is known to write from it; nobody who has left."""
    key = canonical(address)
    alias = select(LearnerAlias.learner_id).where(LearnerAlias.address_key == key, LearnerAlias.kind == ALIAS)
    query = select(Learner).where(
        Learner.organisation_id == work.organisation_id, Learner.left_at.is_(None), or_(Learner.email_key == key, Learner.id.in_(alias))
    )
    found = work.db.scalars(query.limit(2)).all()
    return found[0] if len(found) == 1 else None


def aliases(work: Work, learner: Learner) -> frozenset[str]:
    """The other addresses that are this learner."""
    query = select(LearnerAlias.address_key).where(LearnerAlias.learner_id == learner.id, LearnerAlias.kind == ALIAS)
    return frozenset(work.db.scalars(query))


def last_delivery(work: Work) -> int:
    """The newest delivery, to be able to tell what an effect has sent."""
    return work.db.scalar(select(func.max(Delivery.id))) or 0


def confirm_answer(work: Work, enrolment_id: int, verb: Verb, code: str, before: int) -> None:
    """Say what became of an answer, unless another mail that it caused does; `code` is that of the decision."""
    if code in ("duplicate", "older_answer"):
        return
    odd = {"stale_answer": by_mail.OLD_QUESTION, "entry_ended": by_mail.NO_LONGER, "session_over": by_mail.OVER}
    confirm(work, enrolment_id, odd.get(code, by_mail.HEARD[verb]), before)


def confirm(work: Work, enrolment_id: int, sentence: str, before: int) -> None:
    """One sentence, and where the person now stands."""
    kinds = work.db.scalars(select(Delivery.kind).where(Delivery.id > before, Delivery.enrolment_id == enrolment_id)).all()
    enrolment = work.db.get_one(Enrolment, enrolment_id, populate_existing=True)
    if set(kinds) - set(_SAY_NOTHING) or _enough(work, Kind.ANSWERED, Delivery.enrolment_id == enrolment_id):
        return
    session = work.db.get_one(LiveSession, enrolment.live_session_id)
    place = waiting_line.position(work, enrolment)
    more = [sentence, by_mail.STANDING[S(enrolment.status)], *([by_mail.PLACE] if place else [])]
    until = max(session.ends_at, work.now + timedelta(days=1))
    telling.tell_learner(work, session, enrolment, Kind.ANSWERED, more=more, extra={"position": str(place)} if place else None, until=until)


def show_date(work: Work, of: Asked, before: dict | None) -> None:
    """A date of a series was answered in words, of which that calendar knows nothing: it is sent the series with its dates."""
    head = work.db.get_one(LiveSession, of.date.series_id)
    work.db.refresh(of.entry)
    series_entry.put_right(work, head, of.entry, before)


def undo(work: Work, enrolment_id: int) -> tuple[bool, str]:
    """The last answer is taken back: (whether, what is said)."""
    try:
        undoing.undo(work, enrolment_id)
    except Conflict:
        return False, by_mail.NOTHING_TO_UNDO
    return True, by_mail.HEARD[V.UNDO]


def take(work: Work, enrolment_id: int) -> tuple[bool, str]:
    """A seat that stayed free is taken by somebody on the list."""
    try:
        offering.take_free_seat(work, enrolment_id)
    except Conflict:
        return False, by_mail.NO_SEAT
    return True, by_mail.HEARD[V.TAKE]


def register(work: Work, learner: Learner, session_id: int) -> tuple[bool, str, int | None]:
    """By the code of a list of courses: (whether, a reason in words for the administrator, enrolment)."""
    before = last_delivery(work)
    mine = select(Enrolment).where(Enrolment.live_session_id == session_id, Enrolment.learner_id == learner.id)
    try:
        enrolment = catalogue.register(work, learner.id, session_id)
    except NotFound:
        send_courses(work, learner, first=by_mail.NOT_OPEN)
        return False, "They wanted to register for what they cannot register for; they were sent what they can.", None
    except Conflict as problem:
        there = work.db.scalars(mine).first()
        if there is not None and there.status not in (S.CANCELLED, S.DECLINED):
            confirm(work, there.id, by_mail.ALREADY, before)
        else:
            send_courses(work, learner, first=by_mail.NO_SEAT)
        return False, f"They wanted to register: {problem.detail}", there.id if there else None
    confirm(work, enrolment.id, by_mail.HEARD[V.REGISTER], before)
    return True, f"Registered by mail: {enrolment.status}.", enrolment.id


def send_courses(work: Work, learner: Learner, first: str = "") -> bool:
    """What the learner can register for, each with a link of their own; False where they were sent that often enough today."""
    if _enough(work, Kind.COURSES, Delivery.learner_id == learner.id):
        return False
    reader = Reader.of(learner.locale, learner.timezone)
    dated = []
    for course, offers in catalogue.open_sessions(work, learner, LIST_LENGTH):
        for one in offers:
            code = tokens.verb_code(f"s{learner.id}.{one.session.id}", work.key_secret) if one.may_register else ""
            # Of a series its next date; the code is that of the whole.
            shown = one.dates[0] if one.dates else one.session
            dated.append((course.name, shown.snapshot(course), one.free, _holds(one), code))
    lines = verb_lists.courses(dated, reader, work.organisation.mailbox, [first] if first else [])
    corresponding.write(work, learner, Kind.COURSES, extra={"block": lines})
    return True


def send_agenda(work: Work, learner: Learner) -> bool:
    """What is coming for the learner, each with the words that it can be answered with."""
    if _enough(work, Kind.AGENDA, Delivery.learner_id == learner.id):
        return False
    query = (
        select(Enrolment, LiveSession, Course)
        .join(LiveSession, LiveSession.id == Enrolment.live_session_id)
        .join(Course, Course.id == LiveSession.course_id)
        .where(Enrolment.learner_id == learner.id, Enrolment.status != S.CANCELLED)
        .where(LiveSession.status == "scheduled", LiveSession.draft.is_(False), LiveSession.ends_at > work.now, TAKES_PLACE)
        .order_by(LiveSession.starts_at, LiveSession.id)
        .limit(LIST_LENGTH)
    )
    rows = []
    for enrolment, session, course in work.db.execute(query):
        revision = notifying.latest_revision(work, session)
        code = tokens.verb_code(f"n{enrolment.id}.{work.stamp()}", work.key_secret)
        shown = revision.snapshot if revision else session.snapshot(course)
        words = answerable(S(enrolment.status))
        # The waiting list of a series is left by the series, not in a date that has no entry.
        rows.append((shown, S(enrolment.status), code, words if session.own_entry or V.LEAVE not in words else ()))
    lines = verb_lists.agenda(rows, Reader.of(learner.locale, learner.timezone), work.organisation.mailbox)
    corresponding.write(work, learner, Kind.AGENDA, extra={"block": lines})
    return True


def send_help(work: Work, learner: Learner, *, unsure: bool = False) -> bool:
    """What works by mail; at most once a day."""
    if _enough(work, Kind.VERBS, Delivery.learner_id == learner.id):
        return False
    lines = verb_lists.help_lines(Reader.of(learner.locale, learner.timezone).say, work.organisation.mailbox, unsure=unsure)
    corresponding.write(work, learner, Kind.VERBS, extra={"block": lines})
    return True


def decide(work: Work, request: Delivery, verb: Verb | None, reason: str) -> tuple[bool, str]:
    """An approver approves or refuses by answering the mail that asked: (whether, a reason in words for the administrator)."""
    enrolment = work.db.get_one(Enrolment, request.enrolment_id, populate_existing=True)
    session = work.db.get_one(LiveSession, enrolment.live_session_id)
    done, sentence, words = False, by_mail.DECIDED_BEFORE, "It was decided before; nothing changes."
    if verb is None:
        sentence, words = by_mail.UNSURE_APPROVER, "It says neither Approve nor Refuse; they were told what to write."
    elif page_answers.still_asked(request, enrolment):
        try:
            if verb is V.APPROVE:
                enrolling.approve(work, enrolment.id)
            else:
                enrolling.reject(work, enrolment.id, reason)
            done, sentence, words = True, by_mail.HEARD[verb], "Approved by mail." if verb is V.APPROVE else "Refused by mail."
        except FeedserverError as problem:
            sentence, words = by_mail.OVER, problem.detail
    mine = (Delivery.enrolment_id == enrolment.id) & (Delivery.recipient == request.recipient)
    if done or not _enough(work, Kind.DECIDED, mine):
        telling.tell_other(work, session, enrolment, Kind.DECIDED, request.recipient, more=[sentence])
    return done, words


def _holds(one: catalogue.Offering) -> str:
    """What is worth a word besides the number of free seats."""
    if one.mine is not None and one.mine.status != S.CANCELLED:
        return by_mail.STANDING[S(one.mine.status)]
    if one.free is not None and one.free <= 0:
        return verb_lists.WAITS if one.session.waiting_list else by_mail.NO_SEAT
    return verb_lists.APPROVES if one.session.approval_required else ""


def answerable(status: S) -> tuple[Verb, ...]:
    """What somebody who stands so can answer by mail."""
    if TABLE[status].listed:
        return (V.LEAVE,)
    return {S.INVITED: (V.YES, V.MAYBE, V.NO), S.REGISTERED: (V.NO,), S.DECLINED: (V.YES,)}.get(status, ())


def _enough(work: Work, kind: Kind, which) -> bool:
    """Whether this was sent often enough in the last day: others may write in somebody's name, and machines answer machines."""
    since = work.now - timedelta(days=1)
    sent = select(func.count()).select_from(Delivery).where(Delivery.kind == kind.value, which, Delivery.created_at > since)
    return work.db.scalar(sent.where(Delivery.organisation_id == work.organisation_id)) >= PER_DAY.get(kind, 3)
