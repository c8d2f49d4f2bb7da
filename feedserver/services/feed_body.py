"""What a feed says: a join of the VEVENTs that were rendered when their revisions were frozen, filled with a learner's own lines.

Pure: rows in, bytes out (design decision 10). `RENDERER` names this code in every ETag, so that nobody has to remember a version number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Protocol

from .. import ical
from ..ical import all_day, feed, slots, valarm, vtimezone
from ..imip import catalogues, dates, milestones
from ..store.entries import CANCELLED, WAITING
from ..training.milestones import FEED_KINDS, Noted
from ..training.statuses import EnrolmentStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULT_ALARM = 15
_JOIN, _OWN = slots.slot(slots.JOIN_URL), slots.slot(slots.OWN)


class Named(Protocol):
    """What the calendar of any feed says of itself; `revoked_at` in microseconds since 1970."""

    revoked_at: int | None
    name: str
    organisation: str
    locale: str
    timezone: str


class FeedRow(NamedTuple):
    """A feed with what its bytes depend on besides its entries; instants are microseconds since 1970.

    `dropped_at` is when a cancelled entry last left by time alone, `drops_at` when the next one will.
    """

    revoked_at: int | None
    id: int
    learner_id: int
    name: str
    kinds: str
    content: str
    detail: str
    alarms: bool
    key_id: int
    version: int
    changed_at: int
    learner_version: int
    learner_changed_at: int
    locale: str
    timezone: str
    page_id: str
    organisation: str
    alarm_minutes: int | None
    dropped_at: int | None
    drops_at: int | None

    @property
    def language(self) -> str:
        """That of the catalogues in which the learner reads it."""
        return catalogues.language(self.locale).tag

    @property
    def shows_sessions(self) -> bool:
        """Whether sessions are among the kinds of entry that were chosen."""
        return "session" in json.loads(self.kinds)

    @property
    def milestones(self) -> list[str]:
        """The kinds of milestones that it shows: of the busy time alone none, since a day to note is free."""
        return [] if self.detail == "busy" else [one.value for chosen in json.loads(self.kinds) for one in FEED_KINDS.get(chosen, ())]


class EntryRow(NamedTuple):
    """A calendar entry of that learner; `body` is its VEVENT with slots, `zone` the VTIMEZONE it needs or ""."""

    uid: str
    sequence: int
    dtstamp: int
    feed_state: str
    status: str
    zone: str
    starts_at: int
    ends_at: int
    body: bytes
    enrolment_id: int = 0
    offer_until: int | None = None
    own: str | None = None


class MilestoneRow(NamedTuple):
    """A day to note of that learner."""

    uid: str
    sequence: int
    dtstamp: int
    kind: str
    title: str
    day: str | date
    description: str
    url: str

    @property
    def noted(self) -> Noted:
        """What it shows; SQLite gives a date as text."""
        day = date.fromisoformat(self.day) if isinstance(self.day, str) else self.day
        return Noted(self.kind, self.title, day, self.description, self.url)


def document(
    row: FeedRow, entries: Sequence[EntryRow], page_url: str, join_url: Callable[[int], str] = str, days: Sequence[MilestoneRow] = ()
) -> bytes:  # fmt: skip
    """The whole calendar, `days` to note after the sessions; `join_url` gives the join page of an enrolment, which only some entries ask for."""
    words = catalogues.words(row.locale)
    page = slots.slot_page(page_url)
    alarm = slots.slot_alarm(row.alarm_minutes or _DEFAULT_ALARM, words.training) if row.alarms else b""
    shown = {slots.STATUS: slots.slot_status("CONFIRMED"), slots.MARK: b"", slots.ALARM: alarm}
    waiting = {slots.STATUS: slots.slot_status("TENTATIVE"), slots.ALARM: b""}
    marks = {
        EnrolmentStatus.WAITING_LIST: slots.slot_mark(words.waiting_list),
        EnrolmentStatus.WAITING_APPROVAL: slots.slot_mark(words.waiting_approval),
    }
    cancelled = {
        slots.STATUS: slots.slot_status("CANCELLED"),
        slots.MARK: slots.slot_mark(words.cancelled),
        slots.ALARM: b"",
    }
    parts = []
    for entry in entries:
        values = {
            slots.PAGE: page,
            slots.UID: slots.slot_uid(entry.uid),
            slots.DTSTAMP: slots.slot_dtstamp(entry.dtstamp),
            slots.SEQUENCE: slots.slot_sequence(entry.sequence),
        }
        if entry.status == EnrolmentStatus.INVITED and entry.offer_until is not None:
            until = dates.moment(_EPOCH + timedelta(microseconds=entry.offer_until), row.timezone, catalogues.language(row.locale))
            values[slots.PAGE] = slots.slot_page(page_url, words.held % {"until": until})
        if _JOIN in entry.body:
            joining = join_url(entry.enrolment_id)
            values |= {
                slots.JOIN: slots.slot_join(joining),
                slots.JOIN_URL: slots.slot_join_url(joining),
                slots.JOIN_PLACE: slots.slot_join_place(joining),
            }
        if _OWN in entry.body:
            values[slots.OWN] = slots.slot_own(json.loads(entry.own) if entry.own else None)
        if entry.feed_state == CANCELLED:
            values |= cancelled
        elif entry.feed_state == WAITING:
            values |= waiting
            values[slots.MARK] = marks.get(entry.status, b"")
        else:
            values |= shown
        parts.append(slots.fill(entry.body, values))
    parts += [_day(row, one, page) for one in days]
    return feed.document(parts, zones((one.zone, one.starts_at, one.ends_at) for one in entries), name=name_of(row))


def _day(row: FeedRow, one: MilestoneRow, page: bytes) -> bytes:
    values = {
        slots.PAGE: page,
        slots.UID: slots.slot_uid(one.uid),
        slots.DTSTAMP: slots.slot_dtstamp(one.dtstamp),
        slots.SEQUENCE: slots.slot_sequence(one.sequence),
        slots.ALARM: slots.slot_alarm(all_day.ALARM_MINUTES, one.title) if row.alarms else b"",
    }
    return slots.fill(milestones.feed_vevent(one.noted, row.language), values)


def ended(row: Named, public_id: str, today: date) -> bytes:
    """The calendar of a revoked feed: one entry, today, that says so.

    Programs keep what they had on an error, and an empty calendar says nothing.
    """
    words = catalogues.words(row.locale)
    revoked = _EPOCH + timedelta(microseconds=row.revoked_at)
    vevent = b"".join(
        (
            b"BEGIN:VEVENT\r\n",
            slots.slot_uid(f"ended-{hashlib.sha256(public_id.encode()).hexdigest()[:32]}@feedserver"),
            slots.slot_dtstamp(int(revoked.timestamp())),
            slots.slot_sequence(max(0, (today - revoked.date()).days)),
            f"DTSTART;VALUE=DATE:{today:%Y%m%d}\r\nDTEND;VALUE=DATE:{today + timedelta(days=1):%Y%m%d}\r\n".encode(),
            slots.line("SUMMARY", words.ended),
            slots.line("DESCRIPTION", words.ended_text),
            b"TRANSP:TRANSPARENT\r\nX-MICROSOFT-CDO-BUSYSTATUS:FREE\r\nEND:VEVENT\r\n",
        )
    )
    return feed.document([vevent], (), name=name_of(row))


def name_of(row: Named) -> str:
    """What programs call the calendar."""
    return f"{row.name} ({row.organisation})"


def zones(times: Iterable[tuple[str, int, int]]) -> list[bytes]:
    """A VTIMEZONE for each zone of (zone or "", start, end), right for the whole years they lie in, so that most feeds share one."""
    spans: dict[str, tuple[int, int]] = {}
    for zone, starts_at, ends_at in times:
        if zone:
            first, last = spans.get(zone, (starts_at, ends_at))
            spans[zone] = min(first, starts_at), max(last, ends_at)
    made = []
    for zone, span in sorted(spans.items()):
        first, last = (_EPOCH + timedelta(microseconds=moment) for moment in span)
        years = datetime(first.year, 1, 1, tzinfo=UTC), datetime(last.year, 12, 31, tzinfo=UTC)
        made += feed.vtimezones([zone], *years) or feed.vtimezones([zone], first, last)
    return made


def renderer(*sources: Path) -> str:
    """Changes with every change of what turns rows into bytes: code, words, zone data."""
    digest = hashlib.sha256(version("tzdata").encode())
    for source in (*sources, *sorted(catalogues.FOLDER.glob("*.po"))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


RENDERER = renderer(
    *(Path(module.__file__) for module in (ical, all_day, feed, slots, valarm, vtimezone, catalogues, dates, milestones)), Path(__file__)
)
