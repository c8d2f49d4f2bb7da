"""What our mails say to people who have nothing but mail: which words each kind takes as an answer, and the sentences that confirm them."""

from __future__ import annotations

from feedserver.addresses import Mailbox
from feedserver.training.statuses import EnrolmentStatus

from .catalogues import Language, _
from .kinds import Kind
from .verbs import Verb, mailto

V, S = Verb, EnrolmentStatus
CODE = "\x00code\x00"
_LONGEST_TITLE = 60

LABELS: dict[Verb, str] = {
    V.YES: _("Yes"),
    V.NO: _("No"),
    V.MAYBE: _("Maybe"),
    V.LEAVE: _("Leave"),
    V.TAKE: _("Take"),
    V.UNDO: _("Undo"),
    V.REGISTER: _("Register"),
    V.APPROVE: _("Approve"),
    V.REFUSE: _("Refuse"),
    V.ROSTER: _("Roster"),
    V.COURSES: _("Courses"),
    V.STATUS: _("Status"),
    V.HELP: _("Help"),
    V.STOP: _("Stop"),
}
"""The word that our links write, in each language one that is read as the verb again."""

VERBS: dict[Kind, tuple[Verb, ...]] = {
    **dict.fromkeys((Kind.INVITE, Kind.UPDATE, Kind.AGAIN, Kind.UPDATE_NOTICE), (V.YES, V.NO, V.MAYBE)),
    **dict.fromkeys((Kind.INSTEAD, Kind.NOT_PASSED_ON, Kind.COUNTER_DECLINED), (V.YES, V.NO, V.MAYBE)),
    **dict.fromkeys((Kind.OFFER, Kind.OFFER_NOTICE), (V.YES, V.NO)),
    **dict.fromkeys((Kind.RELEASED, Kind.LEFT_LIST), (V.UNDO,)),
    **dict.fromkeys((Kind.WAITING, Kind.WAITING_APPROVAL, Kind.FULL), (V.LEAVE,)),
    **dict.fromkeys((Kind.LAPSED, Kind.LAPSED_NOTICE), (V.TAKE, V.LEAVE)),
    Kind.ANSWERED: (V.YES, V.NO, V.UNDO),
    Kind.REMINDER: (V.NO, V.STOP),
    Kind.REMINDER_ANSWER: (V.YES, V.NO, V.MAYBE, V.STOP),
    Kind.APPROVAL: (V.APPROVE, V.REFUSE),
    Kind.ROSTER: (V.ROSTER,),
    Kind.ROSTER_AFTER: (V.ROSTER,),
    Kind.ROSTER_READ: (V.ROSTER,),
}
"""What a mail of this kind can be answered with, as links and by hand. Only these carry a code."""

STANDING: dict[EnrolmentStatus, str] = {
    S.INVITED: _("You are invited and have not said Yes yet."),
    S.REGISTERED: _("You are registered."),
    S.DECLINED: _("You do not take part: you said No."),
    S.WAITING_LIST: _("You are on the waiting list."),
    S.WAITING_APPROVAL: _("Your registration waits for approval."),
    S.ATTENDED: _("You were there."),
    S.GO_SHOW: _("You were there."),
    S.ABSENT: _("You are noted as absent."),
    S.CANCELLED: _("You are not in this session."),
}
"""Where somebody stands, in words."""

HEARD: dict[Verb, str] = {
    V.YES: _("We have your answer: Yes."),
    V.NO: _("We have your answer: No."),
    V.MAYBE: _("We have your answer: Maybe."),
    V.LEAVE: _("We have your answer: No."),
    V.UNDO: _("Your last answer is taken back."),
    V.TAKE: _("The seat is yours."),
    V.REGISTER: _("We have your registration."),
    V.APPROVE: _("You have approved it."),
    V.REFUSE: _("You have refused it."),
}
OLD_QUESTION = _("Your answer was to an earlier state of this session and was not counted. Please answer the newest mail about it.")
NO_LONGER = _("Your answer was to an invitation that no longer holds.")
OVER = _("The session is over or cancelled, so nothing changes.")
NOTHING_TO_UNDO = _("There is no answer that could be taken back.")
NO_SEAT = _("There is no free seat, and the session keeps no waiting list.")
NOT_OPEN = _("You cannot register for this session.")
ALREADY = _("You are in this session already.")
DECIDED_BEFORE = _("This was decided before; nothing changes.")
UNSURE_APPROVER = _("We could not tell what you meant. Please answer with Approve, or with Refuse and a word why, as the first line.")
PLACE = _("You are number %(position)s on the waiting list.")
NOT_OVER = _("The session is not over yet. Please send the attendance when it is.")

_BY_HAND = _("Or answer this mail with one of these words alone as its first line, and leave the code below in it: %(words)s.")
_BY_LIST = _("Answer this mail with who was there once the session is over, and leave the code below in it.")
_HELP = _("The word Help to %(mailbox)s brings what else works by mail.")
_ROSTERS = (Kind.ROSTER, Kind.ROSTER_AFTER, Kind.ROSTER_READ)


def links(kind: Kind, title: str, mailbox: Mailbox, say: Language) -> tuple[tuple[str, str], ...]:
    """(word, link) of each verb of a kind; the links hold the slot of the code."""
    title = title if len(title) <= _LONGEST_TITLE else title[:_LONGEST_TITLE].rstrip() + "…"
    return tuple(
        (word, mailto(mailbox.address, f"{word}: {title} [{CODE}]")) for word in (say(LABELS[verb]) for verb in VERBS.get(kind, ()))
    )


def by_hand(kind: Kind, mailbox: Mailbox, say: Language) -> tuple[str, ...]:
    """How to do the same where links open nothing."""
    if kind not in VERBS:
        return ()
    first = say(_BY_LIST) if kind in _ROSTERS else say(_BY_HAND, words=", ".join(say(LABELS[verb]) for verb in VERBS[kind]))
    return (first,) if kind is Kind.APPROVAL else (first, say(_HELP, mailbox=mailbox.address))
