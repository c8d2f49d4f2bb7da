"""Feeds for others than learners, read as learners' feeds are: the same tokens, the same answers, the same shelf (`feed_reading`).

What they show is looked at in one narrow query and named by a digest, so that an unchanged one costs no more than that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from .. import tokens
from ..store.audiences import AudienceFeed
from ..training.audiences import View
from ..training.statuses import ON_CALENDAR, SEATED
from .audience_body import RENDERER, AudienceRow, Person, SessionRow, digest, document, leaves_at, visible
from .feed_reading import DAY, Reader

_BACK, _AHEAD = 92 * DAY, 549 * DAY
_MOST_SNAPSHOTS, _AT_ONCE = 20_000, 200
_Shown = list[tuple[SessionRow, View]]
_People = dict[int, list[Person]]

_FEED = """
SELECT a.revoked_at, a.id, a.organisation_id, a.audience, a.subject, a.detail, a.subscriber, a.key_id, a.version,
  COALESCE(a.changed_at, a.created_at), a.timezone, a.locale, o.name,
  CASE a.audience WHEN 'course' THEN (SELECT c.name FROM courses c WHERE c.organisation_id = o.id AND CAST(c.id AS TEXT) = a.subject)
    WHEN 'room' THEN (SELECT m.name FROM rooms m WHERE m.organisation_id = o.id AND CAST(m.id AS TEXT) = a.subject) END
FROM audience_feeds a JOIN organisations o ON o.id = a.organisation_id WHERE a.public_id = ?
"""
_PAGE = "SELECT page_id FROM learners WHERE organisation_id = ? AND email_key = ? AND left_at IS NULL"
# A date of a series that is one entry has no revision of its own; where its seats are the series', neither has it seats.
_INHERITS = "s.series_id IS NOT NULL AND NOT s.own_entry"
_SOURCE = f"CASE WHEN {_INHERITS} THEN s.series_id ELSE s.id END"
_SEATS = "CASE WHEN s.series_id IS NOT NULL AND NOT s.seats_per_date THEN s.series_id ELSE s.id END"
# What takes place: the dates of a series, and never its head.
_TAKES_PLACE = "NOT s.draft AND (s.entry_mode IS NULL OR s.entry_mode NOT IN ('dates', 'rule'))"
_SEATED = ", ".join(f"'{status}'" for status in SEATED)
_HAVE_ENTRIES = ", ".join(f"'{status}'" for status in ON_CALENDAR)
_OF_TEAM = "(LOWER(l.manager_email) = ? OR l.team = ?)"
_WHICH = {
    "team": f"""s.calendar_enabled AND s.id IN (SELECT n.live_session_id FROM learners l JOIN enrolments n ON n.learner_id = l.id
      WHERE l.organisation_id = ? AND {_OF_TEAM} AND n.status IN ({_SEATED}))""",  # noqa: S608
    "instructor": "LOWER(CAST(s.instructors AS TEXT)) LIKE ? ESCAPE '!'",
    "room": "s.room_id = ?",
    "course": "s.course_id = ?",
    "organisation": "s.organisation_id = ?",
    "open_seats": "s.organisation_id = ? AND (c.capacity IS NULL OR c.taken < c.capacity + c.over_capacity)",
}
_NUMBERS = f"""t.taken, c.taken, c.capacity + c.over_capacity, (SELECT COALESCE(MAX(n.updated_at), 0) FROM enrolments n
  JOIN learners l ON l.id = n.learner_id WHERE n.live_session_id IN (s.id, {_SEATS})%s)"""  # noqa: S608
_FROM = f"""
FROM live_sessions s JOIN seats t ON t.live_session_id = s.id JOIN seats c ON c.live_session_id = {_SEATS}
  JOIN revisions r ON r.live_session_id = {_SOURCE}
WHERE s.organisation_id = ? AND {_TAKES_PLACE} AND s.ends_at > ? AND s.starts_at < ?
  AND r.number = (SELECT MAX(q.number) FROM revisions q WHERE q.live_session_id = r.live_session_id)
"""  # noqa: S608
_SESSIONS = f"""
SELECT s.id, r.id, CASE WHEN {_INHERITS} THEN 0 ELSE 1 END, r.frozen_at, s.status, s.visibility,
  CASE WHEN r.snapshot_json LIKE ? THEN 'private' WHEN r.snapshot_json LIKE ? THEN 'busy' ELSE 'public' END,
  CAST(s.start AS TEXT), CAST(s."end" AS TEXT), s.timezone, s.fold, s.starts_at, s.ends_at, s.created_at, s.updated_at, %s{_FROM} AND %s
ORDER BY s.starts_at, s.id
"""
_PEOPLE = f"""
SELECT n.live_session_id, l.name, n.status FROM enrolments n JOIN learners l ON l.id = n.learner_id
WHERE n.status IN ({_HAVE_ENTRIES})%s AND n.live_session_id IN (SELECT s.id{_FROM} AND %s)
ORDER BY n.live_session_id, l.name, l.id
"""  # noqa: S608
_SNAPSHOTS = f"SELECT id, snapshot_json FROM revisions WHERE id IN ({', '.join('?' * _AT_ONCE)})"  # noqa: S608
_NONE = "0, 0, NULL, 0"
_PUBLISHED_AS = tuple(f'%"visibility":"{word}"%' for word in ("private", "busy"))


@dataclass
class AudienceReader(Reader):
    """Feeds for a team's manager, an instructor, a room, a course, the organisation, and of open seats."""

    _noticed: dict[str, tuple[str, int]] = field(default_factory=dict)
    _snapshots: dict[int, str] = field(default_factory=dict)

    purpose, table, renderer = tokens.AUDIENCE, AudienceFeed.__table__, RENDERER

    def named(self, row: tuple) -> AudienceRow:
        """The columns under their names."""
        return AudienceRow._make(row)

    def validator(self, row: tuple) -> tuple:
        """All but what this process alone knows."""
        return row[: AudienceRow._fields.index("noticed_at")]

    def changed(self, row: tuple) -> int:
        """When the feed was changed, or this process first saw what it shows: what has left it leaves no time behind."""
        one = AudienceRow._make(row)
        return max(one.changed_at, one.noticed_at)

    def document(self, row: tuple, moment: int) -> bytes:
        """The calendar at `moment`."""
        one = AudienceRow._make(row)
        shown, people, _ = self._shown(one, moment)
        key = self._keys.get(one.key_id) or next(iter(self._keys.values()))
        page = f"{self.base_url}/my/{tokens.sign(tokens.LEARNER_PAGE, one.page_id, key)}/courses" if one.page_id else ""
        snapshots = self._revisions({session.revision_id for session, _ in shown})
        return document(one, shown, people, snapshots, key, lambda session_id: page and f"{page}#session-{session_id}")

    def _look(self, public_id: str, moment: int) -> tuple | None:
        found = self._rows(_FEED, (public_id,))
        if not found:
            return None
        row = AudienceRow(*found[0])
        if row.revoked_at is not None:
            return tuple(row)
        if row.audience == "open_seats":
            pages = self._rows(_PAGE, (row.organisation_id, row.address))
            row = row._replace(page_id=pages[0][0] if pages else None)
        shown, people, drops_at = self._shown(row, moment)
        name = digest(shown, people)
        if len(self._noticed) >= _MOST_SNAPSHOTS:
            self._noticed = {}
        if self._noticed.get(public_id, ("",))[0] != name:
            self._noticed[public_id] = (name, moment)
        return tuple(row._replace(digest=name, noticed_at=self._noticed[public_id][1], drops_at=drops_at))

    def _shown(self, row: AudienceRow, moment: int) -> tuple[_Shown, _People, int | None]:
        """What is shown at `moment`, who is in it, and when a part of that leaves by time alone."""
        today = moment - moment % DAY
        which, team = _WHICH[row.audience], (row.subject, row.subject)
        only, mine = (f" AND {_OF_TEAM}", team) if row.audience == "team" else ("", ())
        window = (row.organisation_id, today - _BACK, today + _AHEAD)
        bound = _bound(row)
        numbers = _NUMBERS % only if row.counts else _NONE
        found = self._rows(_SESSIONS % (numbers, which), (*_PUBLISHED_AS, *(mine if row.counts else ()), *window, *bound))
        shown = visible(row, map(SessionRow._make, found), moment)
        leaving = [leaves for one, _ in shown if (leaves := leaves_at(row, one)) is not None]
        people: _People = {}
        if row.names:
            rows = map(Person._make, self._rows(_PEOPLE % (only, which), (*mine, *window, *bound)))
            named = {one.id for one, how in shown if how.names}
            people = {key: list(who) for key, who in groupby(rows, lambda one: one.session_id) if key in named}
        return shown, people, min(leaving, default=None)

    def _revisions(self, ids: Iterable[int]) -> dict[int, str]:
        """The snapshots of these revisions, which never change."""
        missing = sorted(set(ids) - self._snapshots.keys())
        if len(self._snapshots) + len(missing) > _MOST_SNAPSHOTS:
            self._snapshots, missing = {}, sorted(ids)
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            self._snapshots.update(self._rows(_SNAPSHOTS, (*some, *[some[0]] * (_AT_ONCE - len(some)))))
        return self._snapshots

    def _rows(self, text: str, values: tuple) -> list[tuple]:
        return self._run(lambda db: db.execute(self._sql(text), values).fetchall())


def _bound(row: AudienceRow) -> tuple:
    """The values of `_WHICH`."""
    if row.audience == "team":
        return (row.organisation_id, row.subject, row.subject)
    if row.audience == "instructor":
        key = json.dumps(row.subject)
        for sign in "!%_":
            key = key.replace(sign, f"!{sign}")
        return (f"%{key}%",)
    return (int(row.subject) if row.audience in ("room", "course") else row.organisation_id,)
