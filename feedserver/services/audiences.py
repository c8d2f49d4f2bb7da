"""Feeds for others than learners: made for one subscriber each, changed, given a new address, taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from .. import tokens
from ..addresses import canonical, check
from ..errors import Forbidden, Invalid, NotFound
from ..ical.lines import clean_line
from ..store.audiences import AUDIENCES, DETAILS, AudienceFeed
from ..store.courses import Course
from ..store.keys import SigningKey
from ..store.learners import Learner
from ..store.rooms import Room
from .audience_body import address_of
from .finding import find
from .work import Work

FIELDS = ("detail", "subscriber")
_ROWS = {"room": Room, "course": Course}
_NOBODYS = ("organisation", "open_seats")
_MOST = 1000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Own:
    """All that somebody may have a feed of who does not manage training: their team, or the sessions they teach."""

    audience: str
    subject: str

    def holds(self, feed: AudienceFeed) -> bool:
        """Whether a feed is of that."""
        return (feed.audience, feed.subject) == (self.audience, self.subject)


def list_feeds(work: Work, own: Own | None = None) -> list[AudienceFeed]:
    """Those that still answer, newest first; `own`: of them those alone."""
    query = select(AudienceFeed).where(AudienceFeed.organisation_id == work.organisation_id, AudienceFeed.revoked_at.is_(None))
    if own is not None:
        query = query.where(AudienceFeed.audience == own.audience, AudienceFeed.subject == own.subject)
    return list(work.db.scalars(query.order_by(AudienceFeed.id.desc())))


def create_feed(work: Work, values: Mapping[str, Any], own: Own | None = None) -> AudienceFeed:
    """A feed of `audience` and `subject` for a `subscriber`, with a `detail`; `NotFound` where nothing is named so, `Invalid`, `Forbidden` for what is not `own`."""
    audience = _one_of(values.get("audience", ""), AUDIENCES, "audience")
    subject = stored_subject(work, audience, str(values.get("subject") or ""))
    if own is not None and (audience, subject) != (own.audience, own.subject):
        raise Forbidden("You can make calendars of your own team or sessions alone.")
    if len(list_feeds(work)) >= _MOST:
        raise Invalid(f"There are {_MOST} calendars for others; take some back first.", field="audience")
    feed = AudienceFeed(
        organisation_id=work.organisation_id, audience=audience, subject=subject, public_id=tokens.new_id(), key_id=work.key_id,
        timezone=work.organisation.timezone, locale=values.get("locale") or work.organisation.locale, created_at=work.now,
        changed_at=work.now, **_checked({"detail": "full", "subscriber": "", **values}),
    )  # fmt: skip
    work.db.add(feed)
    work.db.flush()
    work.record("calendar for others made", detail={"audience_feed_id": feed.id, "audience": audience, "detail": feed.detail})
    return feed


def edit_feed(work: Work, feed_id: int, values: Mapping[str, Any], own: Own | None = None) -> AudienceFeed:
    """Change how much it shows, or for whom it is; its address stays."""
    feed = live_feed(work, feed_id, own, lock=True)
    changed = {k: v for k, v in _checked(values).items() if getattr(feed, k) != v}
    for name, value in changed.items():
        setattr(feed, name, value)
    if changed:
        _touch(work, feed)
        work.record("calendar for others changed", detail={"audience_feed_id": feed.id, "fields": sorted(changed)})
        work.db.flush()
    return feed


def rotate_feed(work: Work, feed_id: int, own: Own | None = None) -> AudienceFeed:
    """Give it a new address; the old one says for 30 days that it has ended."""
    feed = live_feed(work, feed_id, own, lock=True)
    kept = [column.key for column in AudienceFeed.__table__.columns if column.key not in ("id", "revoked_at", "changed_at")]
    old = {name: getattr(feed, name) for name in kept}
    feed.public_id, feed.key_id = tokens.new_id(), work.key_id
    feed.last_fetched_at = feed.last_user_agent = None
    _touch(work, feed)
    work.db.flush()
    work.db.add(AudienceFeed(**old, changed_at=work.now, revoked_at=work.now))
    work.record("calendar for others rotated", detail={"audience_feed_id": feed.id})
    work.db.flush()
    return feed


def revoke_feed(work: Work, feed_id: int, own: Own | None = None) -> None:
    """Take it back: its address says for 30 days that it has ended. Raises `NotFound` where that was done before."""
    _revoke(work, live_feed(work, feed_id, own, lock=True))
    work.db.flush()


def end_those_of(work: Work, addresses: Collection[str]) -> int:
    """Somebody has left or signs in no more: what these canonical addresses subscribe to ends. Returns how many."""
    theirs = [feed for feed in list_feeds(work) if address_of(feed.subscriber) in addresses]
    for feed in theirs:
        _revoke(work, feed)
    work.db.flush()
    return len(theirs)


def live_feed(work: Work, feed_id: int, own: Own | None = None, *, lock: bool = False) -> AudienceFeed:
    """A feed of this organisation that still answers, and is `own` where that matters; raises `NotFound`."""
    feed = find(work, AudienceFeed, feed_id, lock=lock)
    if own is not None and not own.holds(feed):
        raise NotFound(f"There is no calendar for others {feed_id} in this organisation.")
    if feed.revoked_at is not None:
        raise NotFound(f"The calendar for others {feed_id} was taken back.")
    return feed


def urls(work: Work, feeds: Sequence[AudienceFeed]) -> dict[int, str]:
    """The address of each, by id, in one statement. Whoever has it reads the feed: keep it out of logs."""
    wanted = select(SigningKey.id, SigningKey.secret).where(SigningKey.id.in_({feed.key_id for feed in feeds}))
    secrets = dict(work.db.execute(wanted).all()) if feeds else {}
    return {one.id: f"{work.base_url}/feeds/for/{tokens.sign(tokens.AUDIENCE, one.public_id, secrets[one.key_id])}.ics" for one in feeds}


def labels(work: Work, feeds: Sequence[AudienceFeed]) -> dict[int, str]:
    """What each is of, in words, by id; two statements at the most."""
    names: dict[tuple[str, str], str] = {}
    for audience, row in _ROWS.items():
        ids = {int(feed.subject) for feed in feeds if feed.audience == audience}
        if ids:
            found = work.db.execute(select(row.id, row.name).where(row.id.in_(ids), row.organisation_id == work.organisation_id))
            names.update({(audience, str(row_id)): name for row_id, name in found})
    return {feed.id: names.get((feed.audience, feed.subject), feed.subject) for feed in feeds}


def stored_subject(work: Work, audience: str, subject: str) -> str:
    """Of what somebody may have named, as it is stored; `NotFound` at the field `subject` where nothing is named so."""
    subject = clean_line(subject)
    if audience in _NOBODYS:
        return ""
    if audience == "instructor" or (audience == "team" and "@" in subject):
        try:
            return canonical(check(subject, "subject"))
        except Invalid as error:
            raise NotFound(error.detail, field="subject") from error
    if audience in _ROWS:
        if not (subject.isascii() and subject.isdecimal()) or len(subject) > 18:
            raise NotFound(f"Give the id of the {audience}.", field="subject")
        try:
            return str(find(work, _ROWS[audience], int(subject)).id)
        except NotFound as error:
            raise NotFound(error.detail, field="subject") from error
    team = select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.team == subject)
    if not subject or work.db.scalar(team.limit(1)) is None:
        raise NotFound("No learner is in a team of that name; give a team's name or its manager's address.", field="subject")
    return subject


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: values[name] for name in FIELDS if name in values}
    if "detail" in found:
        _one_of(found["detail"], DETAILS, "detail")
    if "subscriber" in found:
        found["subscriber"] = clean_line(str(found["subscriber"]))
        if not 1 <= len(found["subscriber"]) <= _LONGEST:
            raise Invalid("Say for whom it is: a name or an address.", field="subscriber")
    return found


def _one_of(value: str, known: Sequence[str], name: str) -> str:
    if value not in known:
        raise Invalid(f"Choose one of {', '.join(known)}.", field=name)
    return value


def _revoke(work: Work, feed: AudienceFeed) -> None:
    feed.revoked_at = work.now
    _touch(work, feed)
    work.record("calendar for others revoked", detail={"audience_feed_id": feed.id})


def _touch(work: Work, feed: AudienceFeed) -> None:
    feed.version += 1
    feed.changed_at = work.now
