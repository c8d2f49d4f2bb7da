"""VEVENT (RFC 5545 3.6.1).

A session as a calendar entry, once for all learners, with slots for what is a learner's own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from feedserver.addresses import Mailbox
from feedserver.training.audiences import View
from feedserver.training.changes import Snapshot, instant

from .lines import LIMIT, clean_line, escape, fold, param
from .plaintext import plain, web_url
from .slots import (
    ALARM,
    ATTENDEE,
    DTSTAMP,
    JOIN,
    JOIN_PLACE,
    JOIN_URL,
    MARK,
    NOTES,
    NOTES_ALONE,
    OWN,
    PAGE,
    SEQUENCE,
    STATUS,
    UID,
    exdates,
    line,
    slot,
    slot_status,
)
from .valarm import valarm
from .vtimezone import load, vtimezone
from .words import Words

_UTC_NAMES = {"UTC", "UCT", "GMT", "GMT0", "GMT+0", "GMT-0", "Zulu", "Universal", "Greenwich"}
Method = Literal["REQUEST", "CANCEL"]


def zone_of(snapshot: Snapshot) -> bytes | None:
    """The VTIMEZONE that this session's times need; None where they are written in UTC.

    UTC is for what local time cannot say: a zone without a right VTIMEZONE, a time left out in spring, and either of two
    equal hours in autumn: libical and ical.js take the second, where RFC 5545 3.3.5 means the first.
    """
    zone = load(snapshot.timezone)
    if zone is None or is_utc(snapshot.timezone):
        return None
    for local in (snapshot.start, snapshot.end):
        if len({local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}) == 2:
            return None
    return vtimezone(snapshot.timezone, snapshot.start.replace(tzinfo=zone), snapshot.ends_at)


def is_utc(timezone: str) -> bool:
    """Whether the zone is UTC under one of its names."""
    return timezone.removeprefix("Etc/") in _UTC_NAMES


def title(snapshot: Snapshot, words: Words) -> str:
    """The title as others may see it: discreet for a private session."""
    return words.training if snapshot.visibility == "private" else clean_line(snapshot.title) or words.training


def render(
    snapshot: Snapshot,
    *,
    method: Method | None,
    words: Words,
    organizer: Mailbox | None = None,
    alarm_minutes: int | None = None,
    detail: Literal["everything", "busy"] = "everything",
    notice: str = "",
    join_page: bool = False,
) -> bytes:
    """The VEVENT with its slots.

    A message (`method`) has uid, dtstamp, sequence, attendee and, if a REQUEST, page. A feed entry (None) has
    uid, dtstamp, sequence, status, mark, alarm and, with every detail, page; no ORGANIZER and no ATTENDEE, which
    would make programs ask for an answer. What is the same for all stands first: the mail encodes it once. `notice` is
    a sentence of ours in the description. `join_page`: for the join link stand the slots join, join_url and, without another
    location, join_place, which are filled with a page of the learner's own.
    """
    join_page = join_page and bool(web_url(snapshot.join_url))
    if method is not None and organizer is None:
        raise ValueError("A message needs its ORGANIZER.")
    busy = detail == "busy"
    parts = [b"BEGIN:VEVENT\r\n", _times(snapshot), _recurrence(snapshot)]
    parts.append(
        _feed_summary(words.busy if busy else title(snapshot, words)) if method is None else line("SUMMARY", title(snapshot, words))
    )
    if not busy:
        parts.append(_place(snapshot, join_page))
    parts.append(b"CLASS:PRIVATE\r\n" if busy or snapshot.visibility == "private" else b"CLASS:PUBLIC\r\n")
    if method is not None:
        parts.append(slot_status("CONFIRMED" if method == "REQUEST" else "CANCELLED"))
        parts.append(organizer_line(organizer))
    if method != "CANCEL" and not busy:
        parts.append(_description(snapshot, words, notice, join_page))
    names = [STATUS] if method is None else []
    names += [UID, DTSTAMP, SEQUENCE, *([ATTENDEE] if method is not None else [ALARM])]
    parts += [slot(name) for name in names]
    if method == "REQUEST" and alarm_minutes is not None:
        parts.append(valarm(alarm_minutes, title(snapshot, words)))
    return b"".join([*parts, b"END:VEVENT\r\n"])


def for_others(snapshot: Snapshot, view: View, words: Words) -> bytes:
    """The VEVENT of a feed for others than learners, as `view` lets them see it, of one date.

    Slots: uid, dtstamp, sequence, status, mark, and notes, or notes_alone where the session has no other description.
    """
    about = {"description": "", "instructors": (), "course_name": "", "course_url": "", "files": ()}
    hidden = {
        **({} if view.text else about),
        **({} if view.place else {"location": ""}),
        **({} if view.join else {"join_url": "", "access_code": ""}),
    }
    shown = replace(snapshot, **hidden)
    titles = {"own": clean_line(snapshot.title) or words.training, "discreet": words.training, "busy": words.busy}
    public = view.title == "own" and snapshot.visibility == "public"
    text = description(shown, words)
    parts = (
        b"BEGIN:VEVENT\r\n", _times(shown), _feed_summary(titles[view.title]), _place(shown, join_page=False),
        b"CLASS:PUBLIC\r\n" if public else b"CLASS:PRIVATE\r\n",
        fold("DESCRIPTION:" + escape(text))[:-2] + slot(NOTES) + b"\r\n" if text else slot(NOTES_ALONE),
        *(slot(name) for name in (STATUS, UID, DTSTAMP, SEQUENCE)), b"END:VEVENT\r\n",
    )  # fmt: skip
    return b"".join(parts)


def _times(snapshot: Snapshot) -> bytes:
    if zone_of(snapshot) is None:
        return _time("DTSTART", snapshot.starts_at, "Z") + _time("DTEND", snapshot.first_ends_at, "Z")
    zone = f";TZID={snapshot.timezone}"
    return _time("DTSTART" + zone, snapshot.start) + _time("DTEND" + zone, snapshot.end)


def _time(name: str, value: datetime, suffix: str = "") -> bytes:
    return fold(f"{name}:{value:%Y%m%dT%H%M%S}{suffix}")


def _recurrence(snapshot: Snapshot) -> bytes:
    """RRULE, and EXDATE for dates that nobody has any more (design decision 15: no RDATE, which Outlook refuses, and no RECURRENCE-ID)."""
    tzid = tzid_of(snapshot)
    rule = (
        fold("RRULE:" + snapshot.rule) + exdates([wall(one, tzid, snapshot.timezone) for one in snapshot.left_out], tzid)
        if snapshot.rule
        else b""
    )
    return rule + (slot(OWN) if snapshot.rule or snapshot.moved else b"")


def wall(start: str, tzid: str, timezone: str) -> str:
    """A wall-clock start (ISO) of `timezone` as EXDATE writes it: local, or in UTC where `tzid` is "" as in `tzid_of`."""
    local = datetime.fromisoformat(start)
    return f"{local if tzid else instant(local, timezone):%Y%m%dT%H%M%S}"


def tzid_of(snapshot: Snapshot) -> str:
    """The TZID that this session's times are written with; "" where they are in UTC."""
    return "" if zone_of(snapshot) is None else snapshot.timezone


def _feed_summary(text: str) -> bytes:
    folded = fold("SUMMARY:" + escape(text))
    return b"SUMMARY:" + slot(MARK) + folded[len(b"SUMMARY:") :]


def _place(snapshot: Snapshot, join_page: bool) -> bytes:
    if join_page:
        place = clean_line(snapshot.location)
        return (line("LOCATION", place) if place else slot(JOIN_PLACE)) + slot(JOIN_URL)
    url = web_url(snapshot.join_url)
    # Phones show LOCATION as the thing to press, so the link stands there too where there is no room.
    place = clean_line(snapshot.location) or url
    return line("LOCATION", place) + (fold("URL:" + url) if url else b"")


def organizer_line(organizer: Mailbox) -> bytes:
    """ORGANIZER (RFC 5545 3.8.4.3)."""
    name = clean_line(organizer.name)
    return fold(f"ORGANIZER{';CN=' + param(name) if name else ''}:mailto:{clean_line(organizer.address)}")


def description(snapshot: Snapshot, words: Words, notice: str = "") -> str:
    """The description as plain text, the join link first; of a private session nothing but how to join."""
    join = [
        (words.join, web_url(snapshot.join_url) or clean_line(snapshot.join_url)),
        (words.access_code, snapshot.access_code),
    ]
    about: list[tuple[str, str]] = []
    text = ""
    if snapshot.visibility != "private":
        text = plain(snapshot.description)
        course = [clean_line(snapshot.course_name), web_url(snapshot.course_url)]
        about = [(words.instructors, ", ".join(snapshot.instructors)), (words.course, " ".join(c for c in course if c))]
        # Links and no ATTACH: Google, Outlook and Apple drop that, and octets of strangers do not belong into a calendar.
        about += [(words.file, f"{clean_line(name)} {web_url(url)}") for name, url in snapshot.files]
    blocks = [_labelled(join), clean_line(notice), text, _labelled(about)]
    return "\n\n".join(block for block in blocks if block)


def _labelled(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(f"{label}: {clean_line(value)}" for label, value in pairs if clean_line(value))


def _description(snapshot: Snapshot, words: Words, notice: str, join_page: bool) -> bytes:
    text = description(replace(snapshot, join_url="") if join_page else snapshot, words, notice)
    head = (text + "\n\n" if text else "") + words.page + ": "
    if join_page:
        begin = fold(f"DESCRIPTION:{escape(words.join)}: ")[:-2] + slot(JOIN)
        gap = "\n" if clean_line(snapshot.access_code) else "\n\n"
        return begin + fold(escape(gap + head), LIMIT - 1)[:-2] + slot(PAGE) + b"\r\n"
    return fold("DESCRIPTION:" + escape(head))[:-2] + slot(PAGE) + b"\r\n"
