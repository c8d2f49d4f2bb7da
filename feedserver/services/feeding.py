"""A request for a feed, a learner's or one for others, becomes status, headers and body: one function that a small WSGI gate and a Flask view both call.

HTTP semantics by RFC 9110 (validators 8.8, conditions 13), the address is the secret, so every failure reads the same.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from .feed_body import Named, ended
from .feed_reading import DAY, Reader

ENDED_FOR = timedelta(days=30)
_LOG = structlog.get_logger()
_SECOND = 1_000_000
_WEIGHT = 2048
_ETAG = re.compile(r'"[^"]*"')
Headers = list[tuple[str, str]]


class FeedRequest(NamedTuple):
    """What of a request matters; `path_token` is what stands between /feeds/ (/feeds/for/) and .ics, headers are None where they are missing."""

    method: str
    path_token: str
    if_none_match: str | None = None
    if_modified_since: str | None = None
    accept_gzip: bool = False
    user_agent: str = ""


class Reply(NamedTuple):
    """`status` as a status line has it ("200 OK"); `headers` belong to the cache: copy before changing them."""

    status: str
    headers: Headers
    body: bytes


class Identity(NamedTuple):
    """Which bytes a feed has now: the row and day they follow from, and the ETag over those. Times are seconds since 1970.

    `changed` is when they last changed, `modified` what Last-Modified says: a second that is not over may yet bring another
    change, so the one before it is claimed, and nobody who knows dates alone is told 304 for that change.
    """

    row: tuple
    day: int
    etag: str
    changed: int
    modified: int

    def holds(self, row: tuple, moment: int) -> bool:
        """Whether the feed is still that at `moment` (microseconds)."""
        if self.row != row or self.day != moment // DAY:
            return False
        return self.modified == self.changed or moment // _SECOND <= self.changed


class Kept:
    """A rendered feed on the shelf: its replies, ready to send, as they are and compressed (made when first asked for)."""

    __slots__ = ("body", "compressed", "identity", "plain")

    def __init__(self, identity: Identity, body: bytes) -> None:
        self.identity = identity
        self.body = body
        self.plain = Coded(identity, body)
        self.compressed: Coded | None = None

    def coded(self, accept_gzip: bool) -> Coded:
        """The form that this client is sent."""
        if not accept_gzip:
            return self.plain
        if self.compressed is None:
            self.compressed = Coded(self.identity, gzip.compress(self.body, 6, mtime=0), "gzip")
        return self.compressed

    @property
    def weight(self) -> int:
        """Bytes it takes in memory, about."""
        return len(self.body) + (len(self.compressed.full.body) if self.compressed else 0) + _WEIGHT


class Coded:
    """One content coding of a feed: the full reply, the one to HEAD, and "not modified"."""

    __slots__ = ("etag", "full", "head", "unchanged")

    def __init__(self, identity: Identity, body: bytes, coding: str = "") -> None:
        self.etag = etag_of(identity, coding)
        self.unchanged = not_modified(identity, coding)
        headers = [
            ("Content-Type", "text/calendar; charset=utf-8"),
            ("Content-Length", str(len(body))),
            *self.unchanged.headers,
            *_SECURITY,
        ]
        if coding:
            headers.append(("Content-Encoding", coding))
        self.full = Reply("200 OK", headers, body)
        self.head = Reply("200 OK", headers, b"")


_CACHE = ("Cache-Control", "private, max-age=300")
_SECURITY: Headers = [
    ("Content-Disposition", 'inline; filename="training.ics"'),
    ("X-Robots-Tag", "noindex, nofollow, noarchive"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]


def answer(request: FeedRequest, now: datetime, reader: Reader) -> Reply:
    """The reply to a request for a feed. Never raises, writes nothing; a fault serves the last good body where there is one."""
    method = request.method
    if method != "GET" and method != "HEAD":
        return _NOT_ALLOWED
    public_id = None
    try:
        public_id = reader.public_id(request.path_token, now)
        reply = None if public_id is None else _current(request, public_id, now, reader)
    except Exception as error:
        # The text of a driver's error may hold the query; its kind says enough.
        _LOG.error("feed fault", feed=_short(public_id), error=type(error).__name__)
        reply = _last_good(request, public_id, reader)
    reply = _NOT_FOUND if reply is None else reply
    return reply._replace(body=b"") if method == "HEAD" and reply.body else reply


def etag_of(identity: Identity, coding: str) -> str:
    """The strong ETag of one coding."""
    return f'"{identity.etag}-{coding}"' if coding else f'"{identity.etag}"'


def not_modified(identity: Identity, coding: str) -> Reply:
    """304 with the validators and what tells caches apart (RFC 9110 15.4.5)."""
    return Reply(
        "304 Not Modified",
        [
            ("ETag", etag_of(identity, coding)),
            ("Last-Modified", formatdate(identity.modified, usegmt=True)),
            _CACHE,
            ("Vary", "Accept-Encoding"),
        ],
        b"",
    )


@lru_cache(maxsize=512)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header asks for gzip."""
    for part in accept_encoding[:1000].lower().split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", parameters)
    return False


def _current(request: FeedRequest, public_id: str, now: datetime, reader: Reader) -> Reply | None:
    moment = int(now.timestamp() * _SECOND)
    row = reader.feed(public_id, moment)
    if row is None:
        return None
    if row[0] is not None:
        return _after_revocation(reader.named(row), public_id, now)
    if request.method == "GET":
        reader.notes.note(row[1], now, request.user_agent)
    kept = reader.shelf.get(public_id)
    if kept is None or not kept.identity.holds(row, moment):
        identity = _identity(row, moment, reader)
        coding = "gzip" if request.accept_gzip else ""
        if _unchanged(request, etag_of(identity, coding), identity.changed):
            return not_modified(identity, coding)
        kept = _render(public_id, identity, moment, reader)
    return _choose(request, public_id, kept, reader)


def _choose(request: FeedRequest, public_id: str, kept: Kept, reader: Reader) -> Reply:
    compressing = request.accept_gzip and kept.compressed is None
    coded = kept.coded(request.accept_gzip)
    if compressing:
        reader.shelf.put(public_id, kept, kept.weight)
    if _unchanged(request, coded.etag, kept.identity.changed):
        return coded.unchanged
    return coded.full if request.method == "GET" else coded.head


def _unchanged(request: FeedRequest, etag: str, changed: int) -> bool:
    """RFC 9110 13.2.2: If-None-Match decides alone where it is given."""
    wanted = request.if_none_match
    if wanted is not None:
        return wanted == etag or wanted.strip() == "*" or etag in _ETAG.findall(wanted)
    if request.if_modified_since is None:
        return False
    try:
        since = parsedate_to_datetime(request.if_modified_since)
    except (ValueError, IndexError, TypeError, OverflowError):
        return False
    return changed <= (since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp()


def _identity(row: tuple, moment: int, reader: Reader) -> Identity:
    day = moment // DAY
    named = repr((reader.renderer, reader.base_url, day, reader.validator(row)))
    changed = max(day * DAY, reader.changed(row)) // _SECOND
    digest = hashlib.blake2b(named.encode(), digest_size=12).hexdigest()
    return Identity(row, day, digest, changed, min(changed, moment // _SECOND - 1))


def _render(public_id: str, identity: Identity, moment: int, reader: Reader) -> Kept:
    for _ in range(3):
        body = reader.document(identity.row, moment)
        after = reader.feed(public_id, moment)
        if after == identity.row or after is None:
            break
        # Something was committed between the two queries: these bytes may be those of the next version.
        identity = _identity(after, moment, reader)
    kept = Kept(identity, body)
    reader.shelf.put(public_id, kept, kept.weight)
    return kept


def _after_revocation(row: Named, public_id: str, now: datetime) -> Reply:
    """No validators: a revoked feed is never "not modified" (S10)."""
    revoked = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row.revoked_at)
    if now >= revoked + ENDED_FOR:
        return _GONE
    body = ended(row, public_id, now.astimezone(ZoneInfo(row.timezone)).date())
    headers = [("Content-Type", "text/calendar; charset=utf-8"), ("Content-Length", str(len(body))), _CACHE, *_SECURITY]
    return Reply("200 OK", headers, body)


def _last_good(request: FeedRequest, public_id: str | None, reader: Reader) -> Reply:
    kept = reader.shelf.get(public_id) if public_id else None
    return _UNAVAILABLE if kept is None else _choose(request, public_id, kept, reader)


def _short(public_id: str | None) -> str | None:
    return hashlib.sha256(public_id.encode()).hexdigest()[:6] if public_id else None


def _plain(status: str, text: str, *more: tuple[str, str]) -> Reply:
    body = text.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "private, no-store"),
        *_SECURITY[1:],
        *more,
    ]
    return Reply(status, headers, body)


_NOT_ALLOWED = _plain("405 Method Not Allowed", "A feed is read with GET or HEAD.\n", ("Allow", "GET, HEAD"))
_NOT_FOUND = _plain("404 Not Found", "There is no calendar at this address.\n")
_GONE = _plain("410 Gone", "This calendar has ended. Please unsubscribe from it.\n")
_UNAVAILABLE = _plain("503 Service Unavailable", "Not possible just now; please try again.\n", ("Retry-After", "60"))
