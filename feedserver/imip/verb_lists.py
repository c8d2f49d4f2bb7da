"""The lines of mails that list: courses with a link to register, what is coming, a roster, what was understood of an answer, what works by mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from feedserver.addresses import Mailbox
from feedserver.ical import vevent
from feedserver.training.changes import Snapshot
from feedserver.training.statuses import EnrolmentStatus

from . import dates
from .by_mail import LABELS, STANDING
from .catalogues import Language, _
from .letters import Reader
from .verbs import Verb, mailto

V, S = Verb, EnrolmentStatus
Line = str | list[str]
"""A text, or a word and its link."""

_FREE = _("free seats: %(number)s")
_LINE = _("full; you would go on the waiting list")
_APPROVAL = _("somebody has to approve it")
_NO_COURSES = _("There is nothing to register for just now.")
_NO_AGENDA = _("Nothing is coming.")
_HOW = _("A link opens a mail that only needs to be sent. Or write to %(mailbox)s with the subject that stands in the link.")
_UNSURE = _("We could not tell from your mail what you want to do. It has been kept, and a person may read it.")
_INTRODUCTION = _("Write one of these words to %(mailbox)s as the subject, or as the first line of an answer to one of our mails.")
_EXPLAINED: dict[Verb, str] = {
    V.YES: _("you come. Also Maybe or No, as an answer to an invitation"),
    V.LEAVE: _("gives up your seat or your place on the waiting list, as an answer to a mail about it"),
    V.TAKE: _("takes a seat that stayed free, as an answer to a mail about the waiting list"),
    V.UNDO: _("takes your last answer back, as an answer to the mail that confirms it"),
    V.COURSES: _("brings the courses with free seats, each with a link to register"),
    V.STATUS: _("brings what is coming for you"),
    V.STOP: _("ends reminders and weekly mails; invitations go on"),
    V.HELP: _("brings this list"),
}
_THERE, _NOT_THERE, _WITHOUT_PLACE = _("There: %(names)s"), _("Not there: %(names)s"), _("Came without a place: %(names)s")
_SILENT = _("Nothing was said about: %(names)s")
_UNREAD = _("Not understood: %(line)s")
_UNMARKED = _("Could not be marked: %(name)s (%(status)s)")
_NOTHING = _("Nothing was understood, and nothing has changed.")
_NO_ANSWER = _("no answer yet")
_TEAM = {
    S.REGISTERED: _("Registered: %(names)s"),
    S.INVITED: _("Invited, no Yes yet: %(names)s"),
    S.DECLINED: _("Said No: %(names)s"),
    S.WAITING_LIST: _("On the waiting list: %(names)s"),
    S.WAITING_APPROVAL: _("Waiting for approval: %(names)s"),
}
_BOXES = {S.ATTENDED: "[x]", S.GO_SHOW: "[x]", S.ABSENT: "[-]"}


def courses(
    dated: Iterable[tuple[str, Snapshot, int | None, str, str]], reader: Reader, mailbox: Mailbox, first: Sequence[str] = ()
) -> list[Line]:
    """`dated`: course, session, free seats (None: no limit), what holds (a sentence of ours, or ""), the code to register with ("" where one cannot)."""
    say, course = reader.say, ""
    out: list[Line] = [say(one) for one in first]
    for name, snapshot, free, holds, code in dated:
        if name != course:
            out += ["", name]
            course = name
        more = [say(holds)] if holds else [] if free is None else [say(_FREE, number=free)]
        out.append(" · ".join([vevent.title(snapshot, reader.words), dates.when(snapshot, reader.timezone, say)[0], *more]))
        if code:
            out.append(link(V.REGISTER, snapshot, code, reader, mailbox))
    if not course:
        return [*out, say(_NO_COURSES)]
    return [*out, "", say(_HOW, mailbox=mailbox.address)]


def agenda(rows: Iterable[tuple[Snapshot, EnrolmentStatus, str, Sequence[Verb]]], reader: Reader, mailbox: Mailbox) -> list[Line]:
    """`rows`: session, where the person stands, the code and the verbs that it can be answered with."""
    say = reader.say
    out: list[Line] = []
    for snapshot, status, code, verbs in rows:
        out += [vevent.title(snapshot, reader.words), dates.when(snapshot, reader.timezone, say)[0]]
        out += [snapshot.location] if snapshot.location else []
        out += [say(STANDING[status]), *(link(verb, snapshot, code, reader, mailbox) for verb in verbs), ""]
    return out or [say(_NO_AGENDA)]


def days(rows: Iterable[tuple[str, str]]) -> list[Line]:
    """Days to note: what, and the day in words."""
    return [line for what, day in rows for line in (what, day, "")]


def team(
    sessions: Iterable[tuple[Snapshot, Mapping[EnrolmentStatus, Sequence[str]]]], noted: Mapping[tuple[str, str], Sequence[str]], reader: Reader
) -> list[Line]:  # fmt: skip
    """What a team has before it: each session with names by status, then days to note (what, day) with names."""
    say, out = reader.say, []
    for snapshot, people in sessions:
        out += [vevent.title(snapshot, reader.words), dates.when(snapshot, reader.timezone, say)[0]]
        out += [say(_TEAM[status], names=", ".join(names)) for status, names in people.items() if names] + [""]
    for (what, day), names in noted.items():
        out += [what, f"{day}: {', '.join(names)}", ""]
    return out


def help_lines(say: Language, mailbox: Mailbox, *, unsure: bool) -> list[Line]:
    """What works by mail; `unsure`: sent because a mail was not understood."""
    out: list[Line] = [say(_UNSURE), ""] if unsure else []
    out.append(say(_INTRODUCTION, mailbox=mailbox.address))
    return [*out, *(f"{say(LABELS[verb])}: {say(words)}" for verb, words in _EXPLAINED.items())]


def roster(people: Sequence[tuple[str, EnrolmentStatus]], say: Language) -> list[Line]:
    """A numbered line for each, with a box to tick."""
    return [
        f"{_BOXES.get(status, '[ ]')} {number} {name}" + (f" ({say(_NO_ANSWER)})" if status is S.INVITED else "")
        for number, (name, status) in enumerate(people, 1)
    ]


def understood(
    marked: Mapping[EnrolmentStatus, Sequence[str]], silent: Sequence[str], refused: Sequence[tuple[str, str]], unread: Sequence[str], say: Language
) -> list[Line]:  # fmt: skip
    """What an answer to a roster came to: names by mark, those that nothing was said about, those that cannot be marked so, lines that were not read."""
    words = {S.ATTENDED: _THERE, S.ABSENT: _NOT_THERE, S.GO_SHOW: _WITHOUT_PLACE}
    out: list[Line] = [say(words[mark], names=", ".join(names)) for mark, names in marked.items() if names]
    out = out or [say(_NOTHING)]
    out += [say(_SILENT, names=", ".join(silent))] if silent else []
    out += [say(_UNMARKED, name=name, status=why) for name, why in refused]
    return out + [say(_UNREAD, line=line) for line in unread[:20]]


def link(verb: Verb, snapshot: Snapshot, code: str, reader: Reader, mailbox: Mailbox) -> list[str]:
    """A word and its link, for a code that is known already."""
    word = reader.say(LABELS[verb])
    return [word, mailto(mailbox.address, f"{word}: {vevent.title(snapshot, reader.words)[:60]} [{code}]")]


WAITS, APPROVES = _LINE, _APPROVAL
