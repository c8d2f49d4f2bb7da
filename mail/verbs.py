"""Answers in words (docs/mail-verbs.md): a mail of a person that names a question of ours, or asks for a list, judged like a reply.

The code in the subject or in what is quoted is the evidence that a UID is in a reply; From must speak for the person all the same. What
is no verb stays a letter, which a person reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from feedserver.addresses import canonical
from feedserver.imip import verbs as words
from feedserver.imip.incoming import Incoming
from feedserver.imip.kinds import Kind
from feedserver.imip.verbs import Said, Verb
from feedserver.itip.attendees import Attendee
from feedserver.itip.parse import ItipObject
from feedserver.services import answering, stopping, verbs, verbs_roster
from feedserver.services.receiving import Verdict
from feedserver.services.verbs import Asked, Question
from feedserver.services.work import Work
from feedserver.settings import Settings
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession

from . import replies_in
from .trust import Trust

V = Verb


def handle(work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> Verdict | None:
    """What a mail of a person does, or None where it is a letter to be read."""
    mail = _Mail(work, message, incoming, settings)
    question, coded = _question(work, incoming)
    said = words.said(incoming.subject, incoming.text, coded_subject=coded)
    own_list = question is not None and question.letter == "d" and said is not None and said.verb is V.ROSTER
    if question is not None and question.letter in _HANDLERS and (said is None or said.verb not in _LISTS or own_list):
        return _HANDLERS[question.letter](mail, question, said)
    verb = said.verb if question is not None and said is not None else words.alone(incoming.subject, incoming.text)
    return _listed(mail, verb) if verb in _LISTS else None


class _Mail:
    """One mail being judged: who may it speak for?"""

    def __init__(self, work: Work, message: InboundMessage, incoming: Incoming, settings: Settings) -> None:
        self.work, self.message, self.incoming, self.settings = work, message, incoming, settings

    def speaks_for(self, address: str, aliases: frozenset[str] = frozenset()) -> Trust:
        """The trust in the sender for a person without an entry, by the same rules as for a reply."""
        key = canonical(address)
        who = Attendee(key)
        one = ItipObject("VEVENT", "REPLY", attendees=(who,))
        return replies_in.weigh(self.work, self.message, self.incoming, one, who, self.settings, enrolled=key, aliases=aliases)

    def held(self, trust: Trust, enrolment_id: int | None = None, learner_id: int | None = None) -> Verdict:
        """It waits, with its reason."""
        evidence = {"verb": True, "trust": trust.reason_code, **trust.evidence}
        return Verdict(
            "quarantined", trust.reason_code, f"{trust.reason} Nothing was changed.", enrolment_id, learner_id, evidence=evidence
        )


def _question(work: Work, incoming: Incoming) -> tuple[Question | None, bool]:
    """What the mail answers, and whether its subject says so."""
    in_subject = set(words.codes(incoming.subject, ""))
    for code in words.codes(incoming.subject, incoming.text):
        if (found := verbs.question(work, code)) is not None:
            return found, code in in_subject
    for named in incoming.answers:
        one = verbs.of_message_id(work, named)
        # Message-IDs can be guessed. A mail program names the thread too, which is a digest of the UID.
        if (
            one is not None
            and one.uid
            and one.entry_id
            and f"{hashlib.sha256(one.uid.encode()).hexdigest()[:32]}@entry.invalid" in incoming.answers
        ):
            return Question("e", one.entry_id, one.sequence or 0), False
    return None, False


def _entry(mail: _Mail, question: Question, said: Said | None) -> Verdict | None:
    """An answer to what stands, or stood, in the person's calendar or on the list."""
    work = mail.work
    asked = verbs.asked(work, question)
    who = answering.holder(work.db, asked.entry.uid) if asked else None
    if asked is None or who is None:
        return None
    mine = (asked.enrolment_id, who.learner_id)
    if said is not None and said.verb in verbs.ANSWERS and not said.rest:
        return _answer(mail, asked, who.email_key, said.verb)
    trust = mail.speaks_for(who.email_key, who.aliases)
    if said is not None and said.verb in _PRESSED and not said.rest:
        if not trust.speaks:
            return mail.held(trust, *mine)
        before = verbs.last_delivery(work)
        done, sentence = _PRESSED[said.verb](work, asked.enrolment_id)
        verbs.confirm(work, asked.enrolment_id, sentence, before)
        return Verdict("applied" if done else "unchanged", f"verb_{said.verb.name.lower()}", f"{said.verb} by mail. {sentence}", *mine)
    if trust.speaks:
        verbs.send_help(work, work.db.get_one(Learner, who.learner_id), unsure=True)
    return None


def _answer(mail: _Mail, asked: Asked, email_key: str, verb: Verb) -> Verdict:
    """The reply that a mail program would have written."""
    work, answer = mail.work, verbs.ANSWERS[verb]
    who = Attendee(email_key, partstat=answer.value)
    date = asked.date and asked.date.recurrence_id
    at, named = (int(date.timestamp()), f"{date:%Y%m%dT%H%M%SZ}") if date else (None, "")
    one = ItipObject(
        "VEVENT", "REPLY", uid=asked.entry.uid, recurrence_id=at, recurrence_text=named, sequence=asked.sequence, attendees=(who,)
    )
    before, own = verbs.last_delivery(work), asked.entry.own
    verdict = replies_in.reply(work, mail.message, replace(mail.incoming, objects=(one,)), mail.settings)
    if verdict.outcome in ("applied", "unchanged", "stale"):
        verbs.confirm_answer(work, asked.enrolment_id, verb, verdict.code, before)
        if asked.date is not None:
            verbs.show_date(work, asked, own)
    return replace(verdict, reason=f"{verb} in words, by mail. {verdict.reason}", evidence={"verb": verb.name, **verdict.evidence})


def _register(mail: _Mail, question: Question, said: Said | None) -> Verdict | None:
    """A line of a list of courses that the learner was sent."""
    work = mail.work
    learner = work.db.get(Learner, question.first)
    if learner is None or learner.organisation_id != work.organisation_id or learner.left_at is not None:
        return None
    trust = mail.speaks_for(learner.email, verbs.aliases(work, learner))
    if said is None or said.verb not in (V.REGISTER, V.YES):
        if trust.speaks:
            verbs.send_help(work, learner, unsure=True)
        return None
    if not trust.speaks:
        return mail.held(trust, None, learner.id)
    done, reason, enrolment_id = verbs.register(work, learner, question.second)
    return Verdict("applied" if done else "unchanged", "verb_register", reason, enrolment_id, learner.id)


def _to_others(mail: _Mail, question: Question, said: Said | None) -> Verdict | None:
    """An answer to a mail that went to an approver or an instructor."""
    one = mail.work.db.get(Delivery, question.first)
    if one is None or one.organisation_id != mail.work.organisation_id or not one.recipient:
        return None
    if one.kind == Kind.APPROVAL and one.enrolment_id is not None:
        return _approval(mail, one, said)
    return _roster(mail, one, said) if one.kind in verbs_roster.KINDS else None


def _approval(mail: _Mail, request: Delivery, said: Said | None) -> Verdict | None:
    trust = mail.speaks_for(request.recipient)
    if not trust.speaks:
        return mail.held(trust, request.enrolment_id)
    verb = _DECISIONS.get(said.verb) if said is not None else None
    done, reason = verbs.decide(mail.work, request, verb, said.rest if said else "")
    if verb is None:
        return None
    return Verdict("applied" if done else "unchanged", f"verb_{verb.name.lower()}", reason, request.enrolment_id)


def _roster(mail: _Mail, roster: Delivery, said: Said | None) -> Verdict:
    work, session = mail.work, mail.work.db.get_one(LiveSession, roster.live_session_id)
    trust = mail.speaks_for(roster.recipient)
    if not trust.speaks:
        return mail.held(trust)
    if canonical(roster.recipient) not in map(canonical, verbs_roster.instructors(session)):
        return Verdict("quarantined", "not_instructor", "They no longer teach this session. Nothing was changed.")
    if said is not None and said.verb is V.ROSTER:
        verbs_roster.again(work, session, roster.recipient)
        return Verdict("unchanged", "verb_roster", "An instructor asked for the list and was sent it.")
    done, reason = verbs_roster.take_back(work, roster, mail.incoming.text)
    return Verdict("applied" if done else "unchanged", "verb_attendance", reason)


def _stopped(mail: _Mail) -> Verdict | None:
    """No more reminders and weekly mails, for a learner or a manager; a list that nobody is on stays a letter."""
    work, sender = mail.work, mail.incoming.sender
    learner = verbs.by_address(work, sender)
    aliases = frozenset({canonical(sender)})
    if not (mail.speaks_for(learner.email, aliases) if learner else mail.speaks_for(sender)).speaks:
        return None
    if not stopping.by_address(work, sender, learner):
        return None
    whose = learner.name if learner else "A manager"
    return Verdict("applied", "verb_stop", f"{whose} gets no reminders and weekly mails any more.", None, learner.id if learner else None)


def _listed(mail: _Mail, verb: Verb) -> Verdict | None:
    """Lists that need no code: they go to the address that we know, whoever asks in its name."""
    work, sender = mail.work, mail.incoming.sender
    if not sender:
        return None
    if verb is V.STOP:
        return _stopped(mail)
    if verb is V.ROSTER:
        sent = verbs_roster.on_request(work, sender) if mail.speaks_for(sender).speaks else 0
        return Verdict("unchanged", "verb_roster", "An instructor asked for lists and was sent them.") if sent else None
    learner = verbs.by_address(work, sender)
    if learner is None or not mail.speaks_for(learner.email, frozenset({canonical(sender)})).speaks:
        return None
    sent = _LISTS[verb](work, learner)
    more = "and was sent it" if sent else "but was sent it often enough today"
    return Verdict(
        "unchanged", f"verb_{verb.name.lower()}", f"{learner.name} asked for what the word {verb} brings, {more}.", None, learner.id
    )


_HANDLERS: dict[str, Callable[[_Mail, Question, Said | None], Verdict | None]] = {"e": _entry, "n": _entry, "s": _register, "d": _to_others}
_PRESSED: dict[Verb, Callable[[Work, int], tuple[bool, str]]] = {V.UNDO: verbs.undo, V.TAKE: verbs.take}
_DECISIONS = {V.APPROVE: V.APPROVE, V.YES: V.APPROVE, V.REFUSE: V.REFUSE, V.NO: V.REFUSE}
_LISTS: dict[Verb, Callable[[Work, Learner], bool] | None] = {
    V.COURSES: verbs.send_courses,
    V.STATUS: verbs.send_agenda,
    V.HELP: verbs.send_help,
    V.ROSTER: None,
    V.STOP: None,
}
