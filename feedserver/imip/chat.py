"""What a chat channel is told of a session, in its language and zone, and how Slack and Teams take it.

What people wrote is never markup there: a title can neither call everybody nor make a link. Slack shows `plain_text` as it is (its line for
notifications is escaped, and names no one: `parse` none), Teams shows a `TextRun` as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from feedserver.ical.lines import clean_line
from feedserver.training import recurrence
from feedserver.training.changes import Snapshot

from . import dates
from .catalogues import Language, _, language

SLACK, TEAMS = "slack", "teams"
_LONGEST_HEADING, _LONGEST_TEXT, _MOST_LISTED = 150, 1900, 20
_PUBLISHED, _CHANGED, _CANCELLED = _("New: %(title)s"), _("Changed: %(title)s"), _("Cancelled: %(title)s")
_TODAY, _FREE = _("Training today"), _("Seats are free again: %(title)s")
_BEFORE, _NOW = _("Before: %(was)s"), _("Now: %(now)s")
_OTHER_DATES = _("%(count)s dates of this series have changed.")


@dataclass(frozen=True, slots=True)
class Card:
    """A heading, and labelled texts of one or more lines."""

    heading: str
    texts: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def plain(self) -> str:
        """All of it as text."""
        return "\n".join([self.heading, *(f"{label}: {'; '.join(lines)}" if label else "; ".join(lines) for label, lines in self.texts)])


@dataclass(frozen=True, slots=True)
class Channel:
    """Who reads: a language tag and an IANA zone."""

    locale: str
    timezone: str

    @property
    def say(self) -> Language:
        """Its language."""
        return language(self.locale)


def published(now: Snapshot, to: Channel, *, dates_: int = 1, free: int | None = None) -> Card:
    """A session, or a series of so many dates from `now` on, is open to be seen; `free` seats where they are limited."""
    return _card(_PUBLISHED, now, to, (*_details(now, to, dates_), *_seats(free, to)))


def changed(before: Snapshot, now: Snapshot, to: Channel, *, dates_: int = 1) -> Card | None:
    """What is different of when, where and the title; None where nothing of it is. With several `dates_` of a series only how many."""
    say, texts = to.say, []
    if dates_ > 1:
        return _card(_CHANGED, now, to, (("", (say(_OTHER_DATES, count=dates_),)),))
    looks: Sequence[tuple[str, Callable[[Snapshot], tuple[str, ...]]]] = (
        (_("Title"), lambda s: (clean_line(s.title),)),
        (_("When"), lambda s: _when(s, to, 1)),
        (_("Where"), lambda s: (clean_line(s.location) or say(_("(none)")),)),
    )
    for label, look in looks:
        was, is_ = look(before), look(now)
        if was != is_:
            texts.append((say(label), (say(_BEFORE, was="; ".join(was)), say(_NOW, now="; ".join(is_)))))
    return _card(_CHANGED, now, to, tuple(texts)) if texts else None


def cancelled(last: Snapshot, reason: str, to: Channel, *, dates_: int = 1) -> Card:
    """It does not take place."""
    why = ((to.say(_("Reason")), (clean_line(reason),)),) if reason else ()
    return _card(_CANCELLED, last, to, (*_details(last, to, dates_), *why))


def seats(now: Snapshot, free: int, to: Channel) -> Card:
    """It was full and is no more."""
    return _card(_FREE, now, to, (*_details(now, to, 1), *_seats(free, to)))


def reminder(today: Sequence[tuple[Snapshot, int | None]], to: Channel) -> Card:
    """What takes place today, each with the seats that are free."""
    texts = []
    for snapshot, free in today[:_MOST_LISTED]:
        lines = [line for _label, some in (*_details(snapshot, to, 1), *_seats(free, to)) for line in some]
        texts.append((clean_line(snapshot.title), tuple(lines)))
    more = len(today) - _MOST_LISTED
    return Card(to.say(_TODAY), (*texts, *([("", (to.say(_("and %(count)s more"), count=more),))] if more > 0 else ())))


def slack(card: Card) -> str:
    """The JSON of an incoming webhook of Slack (Block Kit)."""
    sections = [
        {"type": "section", "text": {"type": "plain_text", "text": _text(label, lines)[:_LONGEST_TEXT], "emoji": False}} for label, lines in card.texts
    ]  # fmt: skip
    heading = {"type": "header", "text": {"type": "plain_text", "text": card.heading[:_LONGEST_HEADING], "emoji": False}}
    fallback = card.plain[:_LONGEST_TEXT].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quiet = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    return _json({"text": fallback, **quiet, "blocks": [heading, *sections]})


def teams(card: Card) -> str:
    """The JSON that a Teams workflow takes: an Adaptive Card."""
    runs: list[dict[str, Any]] = [_rich(card.heading[:_LONGEST_HEADING], weight="Bolder", size="Medium")]
    for label, lines in card.texts:
        runs += [_rich(label, weight="Bolder")] if label else []
        runs += [_rich(line[:_LONGEST_TEXT]) for line in lines]
    content = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": runs}
    return _json(
        {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}],
        }
    )


FLAVOURS: dict[str, Callable[[Card], str]] = {SLACK: slack, TEAMS: teams}


def _rich(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _text(label: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{label}:" if len(lines) > 1 else f"{label}: {lines[0]}", *(lines if len(lines) > 1 else ())] if label else lines)


def _card(heading: str, snapshot: Snapshot, to: Channel, texts: tuple[tuple[str, tuple[str, ...]], ...]) -> Card:
    return Card(to.say(heading, title=clean_line(snapshot.title)), texts)


def _details(snapshot: Snapshot, to: Channel, number: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    place = clean_line(snapshot.location)
    return ((to.say(_("When")), _when(snapshot, to, number)), *([(to.say(_("Where")), (place,))] if place else []))


def _when(snapshot: Snapshot, to: Channel, number: int) -> tuple[str, ...]:
    """The first date, and how many follow it."""
    if snapshot.rule:
        rule = recurrence.parse_rule(snapshot.rule, snapshot.timezone)
        starts = [one for one in recurrence.starts(rule, snapshot.start, snapshot.timezone) if one.isoformat() not in snapshot.left_out]
        number, first = len(starts), (starts or [snapshot.start])[0]
        snapshot = replace(snapshot, start=first, end=first + (snapshot.end - snapshot.start), rule="", left_out=())
    lines = dates.when(snapshot, to.timezone, to.say)
    return (*lines, *([to.say(_("and %(count)s more"), count=number - 1)] if number > 1 else ()))


def _seats(free: int | None, to: Channel) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("", (to.say(_("Seats free: %(free)s"), free=free),)),) if free is not None else ()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
