"""What a mail says, as values: which sentences each kind has, the details of the session, what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from feedserver.ical import vevent
from feedserver.ical.lines import clean, clean_line
from feedserver.ical.plaintext import html, plain, web_url
from feedserver.training.changes import Snapshot, asks_again, diff

from . import dates
from .catalogues import Language, _, words


class Kind(StrEnum):
    """Why we write."""

    INVITE = "invite"
    UPDATE = "update"
    AGAIN = "again"
    CANCEL = "cancel"
    REMOVED = "removed"
    WITHDRAWN = "withdrawn"
    FULL = "full"
    STALE_CANCEL = "stale_cancel"
    WAITING = "waiting"
    WAITING_APPROVAL = "waiting_approval"
    REFUSED = "refused"
    RELEASED = "released"
    CONFIRM_SENDER = "confirm_sender"


METHODS: dict[Kind, vevent.Method] = {
    Kind.INVITE: "REQUEST",
    Kind.UPDATE: "REQUEST",
    Kind.AGAIN: "REQUEST",
    Kind.CANCEL: "CANCEL",
    Kind.REMOVED: "CANCEL",
    Kind.WITHDRAWN: "CANCEL",
    Kind.FULL: "CANCEL",
    Kind.STALE_CANCEL: "CANCEL",
}
"""The METHOD of a kind's calendar part; the others are notices in words alone."""

EXTRA: dict[Kind, tuple[str, ...]] = {
    Kind.FULL: ("position",),
    Kind.WAITING: ("position",),
    Kind.CONFIRM_SENDER: ("address",),
}
"""What `Values.extra` has to hold for a kind."""

SLOTS = {name: f"\x00{name}\x00" for name in ("position", "address", "page_url")}


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of a kind: title in the subject, in the heading; what stands before and after the details."""

    subject: str
    heading: str
    opening: tuple[str, ...] = ()
    closing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detail:
    """A labelled line or lines; `url` makes it a link in HTML."""

    label: str
    lines: tuple[str, ...]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One change, as it was told before and as it holds now; both empty where only the fact is worth saying."""

    label: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """All that the templates show. Texts are cleaned, not escaped."""

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


_ANSWER = _("Will you come? Press Yes or No in your mail program or on your page.")
_STANDS = _(
    "You need not answer again, even if your mail program asks. If you have not answered yet, press Yes or No there or on your page."
)
_NOTHING = _("You need not do anything. If it still stands in your calendar, you can delete it there.")

WORDINGS: dict[Kind, Wording] = {
    Kind.INVITE: Wording(_("Invitation: %(title)s"), _("You are invited: %(title)s"), (), (_ANSWER,)),
    Kind.UPDATE: Wording(_("Changed: %(title)s"), _("There is a change: %(title)s")),
    Kind.AGAIN: Wording(
        _("Invitation: %(title)s"),
        _("Your invitation, once more: %(title)s"),
        (_("We send it again so that your calendar shows what holds now."),),
        (_ANSWER,),
    ),
    Kind.CANCEL: Wording(
        _("Cancelled: %(title)s"),
        _("Cancelled: %(title)s"),
        (_("This session is cancelled and will not take place."),),
        (_NOTHING,),
    ),
    Kind.REMOVED: Wording(
        _("Cancelled: %(title)s"),
        _("You are no longer on the list: %(title)s"),
        (_("You have been taken off this session, so it is cancelled for you. It may still take place for others."),),
        (_NOTHING,),
    ),
    Kind.WITHDRAWN: Wording(
        _("Cancelled: %(title)s"),
        _("Taken out of your calendar: %(title)s"),
        (
            _(
                "Calendar invitations for this session have been turned off, so yours is cancelled. Your page shows what is planned."
            ),
        ),
        (_NOTHING,),
    ),
    Kind.FULL: Wording(
        _("Waiting list: %(title)s"),
        _("The session is full: %(title)s"),
        (
            _("You said Yes, but all seats were taken by then. You are number %(position)s on the waiting list."),
            _(
                "So the entry in your calendar is cancelled. When a seat becomes free for you, you get a new invitation."
            ),
        ),
        (_NOTHING,),
    ),
    Kind.STALE_CANCEL: Wording(
        _("Cancelled: %(title)s"),
        _("This invitation had already ended: %(title)s"),
        (_("Your answer came to an invitation that no longer holds. It is cancelled, and you have no seat by it."),),
        (_NOTHING,),
    ),
    Kind.WAITING: Wording(
        _("Waiting list: %(title)s"),
        _("You are on the waiting list: %(title)s"),
        (
            _(
                "You are number %(position)s on the waiting list. When a seat becomes free for you, you get an invitation."
            ),
        ),
        (_("You need not do anything. You can leave the list on your page."),),
    ),
    Kind.WAITING_APPROVAL: Wording(
        _("Waiting for approval: %(title)s"),
        _("Your registration waits for approval: %(title)s"),
        (_("Somebody has to approve your registration. Then you get an invitation."),),
        (_("You need not do anything."),),
    ),
    Kind.REFUSED: Wording(
        _("Not approved: %(title)s"),
        _("Your registration was not approved: %(title)s"),
        (_("You have no seat in this session."),),
        (_("You need not do anything."),),
    ),
    Kind.RELEASED: Wording(
        _("You gave up your seat: %(title)s"),
        _("You gave up your seat: %(title)s"),
        (_("You answered No, so your seat is free for somebody else."),),
        (_("Changed your mind? Press Yes in your calendar or on your page. It counts while there are seats."),),
    ),
    Kind.CONFIRM_SENDER: Wording(
        _("Was this you? %(title)s"),
        _("Was this you? %(title)s"),
        (
            _(
                "An answer to your invitation came from %(address)s, an address that we do not know as yours. It has not been counted."
            ),
        ),
        (_("If it was you, say so on your page. If not, you need not do anything."),),
    ),
}


def letter(
    kind: Kind,
    snapshot: Snapshot,
    *,
    told: Snapshot | None,
    locale: str,
    timezone: str,
    organisation: str,
    note: str,
    say: Language,
) -> Letter:
    """The letter of a kind; `told` is what this learner was last told, `note` a reason in an administrator's words."""
    wording = WORDINGS[kind]
    title = vevent.title(snapshot, words(locale))
    opening = [say(sentence, **SLOTS) if "%(" in sentence else say(sentence) for sentence in wording.opening]
    closing = [say(sentence) for sentence in wording.closing]
    differences: tuple[Difference, ...] = ()
    if kind is Kind.UPDATE:
        changes = diff(told, snapshot) if told else ()
        differences = _differences(told, snapshot, timezone, say) if told else ()
        again = told is None or asks_again(changes)
        closing.append(say(_ANSWER if again else _STANDS))
        if told is not None and again:
            opening.append(say(_("The time has changed, so please answer again.")))
    if clean(note).strip():
        opening.append(say(_("Reason: %(reason)s"), reason=clean(note).strip()))
    private = snapshot.visibility == "private"
    with_text = METHODS.get(kind) == "REQUEST" and not private
    return Letter(
        language=str(say.locale).replace("_", "-") if say.tag != "en" else "en",
        subject=say(wording.subject, title=title),
        heading=say(wording.heading, title=title),
        opening=tuple(opening),
        differences=differences,
        details=_details(snapshot, timezone, say, joining=with_text or (private and METHODS.get(kind) == "REQUEST")),
        text=plain(snapshot.description) if with_text else "",
        html=html(snapshot.description) if with_text else "",
        closing=tuple(closing),
        organisation=clean_line(organisation),
    )


def _details(snapshot: Snapshot, timezone: str, say: Language, *, joining: bool) -> tuple[Detail, ...]:
    details = [Detail(say(_("When")), dates.when(snapshot, timezone, say)), _line(say(_("Where")), snapshot.location)]
    if joining:
        details += [
            _line(say(_("Join")), snapshot.join_url, snapshot.join_url),
            _line(say(_("Access code")), snapshot.access_code),
        ]
    if joining and snapshot.visibility != "private":
        course = clean_line(snapshot.course_name) or snapshot.course_url
        details += [
            _line(say(_("Instructors")), ", ".join(snapshot.instructors)),
            _line(say(_("Course")), course, snapshot.course_url),
        ]
    return tuple(detail for detail in details if detail.lines)


def _line(label: str, text: str, url: str = "") -> Detail:
    text = clean_line(text)
    return Detail(label, (text,) if text else (), web_url(url))


_PLAIN_FIELDS: dict[str, tuple[str, Callable[[Snapshot], str]]] = {
    "title": (_("Title"), lambda s: s.title),
    "location": (_("Where"), lambda s: s.location),
    "join_url": (_("Join"), lambda s: s.join_url),
    "access_code": (_("Access code"), lambda s: s.access_code),
    "instructors": (_("Instructors"), lambda s: ", ".join(s.instructors)),
    "course_name": (_("Course"), lambda s: s.course_name),
}
_OF_PRIVATE = ("location", "join_url", "access_code")


def _differences(told: Snapshot, now: Snapshot, timezone: str, say: Language) -> tuple[Difference, ...]:
    changes = diff(told, now)
    changed = {change.field for change in changes}
    # A private session's old title must not appear either, nor the new one of a session that just became private.
    private = "private" in (told.visibility, now.visibility)
    out = []
    if asks_again(changes):
        out.append(Difference(say(_("When")), dates.when(told, timezone, say), dates.when(now, timezone, say)))
    for name, (label, read) in _PLAIN_FIELDS.items():
        if name in changed and (not private or name in _OF_PRIVATE):
            nothing = say(_("(none)"))
            before, after = (clean_line(read(s)) or nothing for s in (told, now))
            out.append(Difference(say(label), (before,), (after,)))
    rest = (
        changed - set(_PLAIN_FIELDS) - {"start", "end", "timezone", "fold"}
        if not private
        else changed - {*_OF_PRIVATE, "start", "end", "timezone", "fold"}
    )
    if rest:
        out.append(Difference(say(_("The description or other details have changed."))))
    return tuple(out)
