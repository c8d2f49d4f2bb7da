"""What a mail says, as values: the sentences of its kind, the details of the session, what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from feedserver.addresses import Mailbox
from feedserver.ical import vevent
from feedserver.ical.lines import clean, clean_line
from feedserver.ical.plaintext import html, plain, web_url
from feedserver.ical.words import Words
from feedserver.training import recurrence
from feedserver.training.changes import Snapshot, asks_again, diff

from . import dates
from .by_mail import by_hand, links
from .catalogues import Language, _, language, words
from .kinds import ANSWER_LINKS, LISTING, METHODS, REMINDERS, STOPS, TO_OTHERS, Kind
from .wordings import WORDINGS
from .wordings.wording import ANSWER, ASK_AGAIN, HELD, KEPT, STANDS

SLOTS = {
    name: f"\x00{name}\x00"
    for name in ("position", "answer", "address", "name", "page_url", "answer_url", "join_url", "stop_url", "code", "block")
}
"""What stands in a text for a value that is a learner's own."""


MOST_DATES = 30
"""Of a series so many dates are written out."""


@dataclass(frozen=True, slots=True)
class Reader:
    """In which language, with which words and in which zone a group of learners reads; `join_page`: each joins by a page of their own."""

    say: Language
    words: Words
    timezone: str
    join_page: bool = False

    @classmethod
    def of(cls, locale: str | None, timezone: str, join_page: bool = False) -> Reader:
        """The reader of a language tag (English where there is no catalogue) in an IANA zone."""
        return cls(language(locale), words(locale), timezone, join_page)


@dataclass(frozen=True, slots=True)
class Detail:
    """A labelled line or lines; `url` makes it a link in HTML. `listed`: the lines are several things, else the same in other words."""

    label: str
    lines: tuple[str, ...]
    url: str = ""
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One change, as it was told before and as it holds now; both empty where only the fact is worth saying."""

    label: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """All that the templates show. Texts are cleaned, not escaped; `html` is safe as it is.

    `answer` are the words before the link to the page where it is answered; `own_page`: the reader is the learner, who has one; `held` is
    until when a seat is kept, in words. `verbs` are (word, link) of what can be answered by mail, `by_hand` says how without the links;
    `listing`: lines made for one reader follow; `stop` are the words before the link that ends mails of this kind.
    """

    language: str
    subject: str
    heading: str
    opening: tuple[str, ...]
    differences: tuple[Difference, ...]
    details: tuple[Detail, ...]
    text: str
    html: str
    closing: tuple[str, ...]
    organisation: str
    answer: str = ""
    own_page: bool = True
    held: str = ""
    verbs: tuple[tuple[str, str], ...] = ()
    by_hand: tuple[str, ...] = ()
    listing: bool = False
    stop: str = ""


def letter(
    kind: Kind, snapshot: Snapshot, reader: Reader, *, told: Snapshot | None, organisation: str, note: str, held: datetime | None = None,
    others: Sequence[Snapshot] = (), more: Sequence[str] = (), mailbox: Mailbox | None = None,
) -> Letter:  # fmt: skip
    """The letter of a kind; `told` is what these readers were last told, `note` an administrator's reason, `held` until when a seat is kept.

    `others` are further dates of the course: when they are is said, and nothing else. `more` are sentences that come first, `mailbox` is where
    answers go.
    """
    say, wording = reader.say, WORDINGS[kind]
    title = vevent.title(snapshot, reader.words)
    opening, closing = list(wording.opening), list(wording.closing)
    if kind in (Kind.UPDATE, Kind.UPDATE_NOTICE):
        again = told is None or asks_again(diff(told, snapshot))
        closing += [ANSWER] if again else STANDS
        opening += [ASK_AGAIN] if again and told is not None else []
    sentences = [say(sentence, **SLOTS) for sentence in (*more, *opening)]
    until = dates.moment(held, reader.timezone, say) if held else ""
    if until:
        sentences.append(say(KEPT if kind is Kind.RELEASED else HELD, until=until))
    reason = clean(note).strip()
    if reason:
        sentences.append(say(_("Reason: %(reason)s"), reason=reason))
    inviting = METHODS.get(kind) == "REQUEST" or kind in REMINDERS
    text = snapshot.description if inviting and snapshot.visibility != "private" else ""
    return Letter(
        language=say.tag,
        subject=say(wording.subject, title=title),
        heading=say(wording.heading, title=title),
        opening=tuple(sentences),
        differences=_differences(told, snapshot, reader) if kind in (Kind.UPDATE, Kind.UPDATE_NOTICE) and told else (),
        details=_details(snapshot, reader, inviting)
        + tuple(Detail(say(_("Another date")), dates.when(s, reader.timezone, say)) for s in others),
        text=plain(text),
        html=html(text),
        closing=tuple(say(sentence) for sentence in closing),
        organisation=clean_line(organisation),
        answer=say(ANSWER_LINKS[kind]) if kind in ANSWER_LINKS else "",
        own_page=kind not in TO_OTHERS,
        held=until,
        verbs=links(kind, title, mailbox, say) if mailbox else (),
        by_hand=by_hand(kind, mailbox, say) if mailbox else (),
        listing=kind in LISTING,
        stop=say(STOPS[kind]) if kind in STOPS else "",
    )


def letter_without_session(kind: Kind, reader: Reader, organisation: str, title: str = "") -> Letter:
    """The letter of one of `kinds.WITHOUT_SESSION`: an address to confirm, a welcome; `title` is the subject of a mail that is passed on."""
    say, wording, title = reader.say, WORDINGS[kind], clean_line(title) or reader.say(_("(none)"))
    return Letter(
        language=say.tag,
        subject=say(wording.subject, title=title),
        heading=say(wording.heading, title=title),
        opening=tuple(say(sentence, **SLOTS) for sentence in wording.opening),
        differences=(),
        details=(),
        text="",
        html="",
        closing=tuple(say(sentence) for sentence in wording.closing),
        organisation=clean_line(organisation),
        answer=say(ANSWER_LINKS[kind]) if kind in ANSWER_LINKS else "",
        own_page=kind is not Kind.CONFIRM_ADDRESS and kind not in TO_OTHERS,
        listing=kind in LISTING,
        stop=say(STOPS[kind]) if kind in STOPS else "",
    )


def _details(snapshot: Snapshot, reader: Reader, inviting: bool) -> tuple[Detail, ...]:
    say = reader.say
    details = [Detail(say(_("When")), () if snapshot.rule else dates.when(snapshot, reader.timezone, say))]
    details.append(Detail(say(_("All dates")), _dates(snapshot, reader), listed=True))
    details.append(_detail(say(_("Where")), snapshot.location))
    if inviting:
        details.append(_join(snapshot, reader))
        details.append(_detail(say(_("Access code")), snapshot.access_code))
    if inviting and snapshot.visibility != "private":
        details.append(_detail(say(_("Instructors")), ", ".join(snapshot.instructors)))
        details.append(_detail(say(_("Course")), snapshot.course_name or snapshot.course_url, snapshot.course_url))
        details += [_detail(say(_("File")), name, url) for name, url in snapshot.files]
    return tuple(detail for detail in details if detail.lines)


def _dates(snapshot: Snapshot, reader: Reader, only: frozenset[str] | None = None) -> tuple[str, ...]:
    """The dates of a series, a line each; `only` those that start then (ISO), else all that it does not leave out."""
    if not snapshot.rule:
        return ()
    rule = recurrence.parse_rule(snapshot.rule, snapshot.timezone)
    starts = recurrence.starts(rule, snapshot.start, snapshot.timezone)
    chosen = [one for one in starts if (one.isoformat() in only if only is not None else one.isoformat() not in snapshot.left_out)]
    length = snapshot.end - snapshot.start
    shown = [replace(snapshot, start=one, end=one + length, rule="", left_out=()) for one in chosen[:MOST_DATES]]
    lines = [dates.when(one, reader.timezone, reader.say)[0] for one in shown]
    more = len(chosen) - MOST_DATES
    return (*lines, *([reader.say(_("and %(count)s more"), count=more)] if more > 0 else ()))


def _join(snapshot: Snapshot, reader: Reader) -> Detail:
    label = reader.say(_("Join"))
    if reader.join_page and web_url(snapshot.join_url):
        return Detail(label, (SLOTS["join_url"],), SLOTS["join_url"])
    return _detail(label, snapshot.join_url, snapshot.join_url)


def _detail(label: str, text: str, url: str = "") -> Detail:
    text = clean_line(text)
    return Detail(label, (text,) if text else (), web_url(url))


_TIMES = {"start", "end", "timezone", "fold"}
_SHOWN: dict[str, tuple[str, Callable[[Snapshot], str]]] = {
    "title": (_("Title"), lambda s: s.title),
    "location": (_("Where"), lambda s: s.location),
    "join_url": (_("Join"), lambda s: s.join_url),
    "access_code": (_("Access code"), lambda s: s.access_code),
    "instructors": (_("Instructors"), lambda s: ", ".join(s.instructors)),
    "course_name": (_("Course"), lambda s: s.course_name),
    "files": (_("Files"), lambda s: ", ".join(name for name, _url in s.files)),
}
_SHOWN_OF_PRIVATE = {"location", "join_url", "access_code"}


def _differences(told: Snapshot, now: Snapshot, reader: Reader) -> tuple[Difference, ...]:
    say = reader.say
    changes = diff(told, now)
    changed = {change.field for change in changes}
    # A private session's title must not appear, neither the one it has nor the one it had.
    private = "private" in (told.visibility, now.visibility)
    shown = _SHOWN_OF_PRIVATE if private else _SHOWN.keys()
    if reader.join_page:
        # The link itself stands nowhere but on the page, which leads to the new one.
        shown = shown - {"join_url"}
    out = []
    if asks_again(changes) and not now.rule:
        before, after = (dates.when(s, reader.timezone, say) for s in (told, now))
        out.append(Difference(say(_("When")), before, after))
    if changed & {"rule", "left_out"}:
        gone = frozenset(now.left_out) - frozenset(told.left_out)
        out.append(
            Difference(
                say(_("No longer on %(dates)s"), dates="; ".join(_dates(told, reader, gone))) if gone else say(_("The dates have changed."))
            )
        )
    for name in [name for name in _SHOWN if name in changed & shown]:
        label, read = _SHOWN[name]
        before, after = (clean_line(read(s)) or say(_("(none)")) for s in (told, now))
        out.append(Difference(say(label), (before,), (after,)))
    if changed - _TIMES - shown - {"visibility", "rule", "left_out", "moved"} or not out:
        out.append(Difference(say(_("The description or other details have changed."))))
    return tuple(out)
