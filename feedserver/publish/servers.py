"""Calendar servers asked while a person waits: which calendars there are, whether one can be written, what stands in it (RFC 4791, 5397, 6764).

An address of the server, of an account or of one calendar is taken. Redirects are followed within the origin alone (`/.well-known/caldav` answers with
one); where a server keeps the calendars elsewhere, as iCloud does, that address is said and not followed: the password is bound to its origin (S52).
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urljoin, urlsplit

from ..errors import Conflict, Invalid
from ..origins import PORTS, origin_of
from ..services.comparing import Standing
from ..services.connecting import Access, Collection
from . import caldav
from .caldav import CalDav, NotCalDav
from .guard import CONNECT, Answer, NotAllowed, OutboundError, Unreachable, WayOut
from .multistatus import Resource, cal, dav

HOPS = 4
MOST = 300
_ASKED = (
    "<d:resourcetype/><d:displayname/><d:current-user-principal/><d:current-user-privilege-set/><c:calendar-home-set/>"
    "<c:supported-calendar-component-set/>"
)
_WORDS = {
    401: "It refuses the user name or the password (401). Many servers want an app password made for this.",
    403: "It does not let this user in there (403).",
    404: "There is nothing at this address (404).",
    405: "There is no calendar server at this address (405).",
    429: "It asks for a pause (429). Try again in some minutes.",
}
_TRIAL = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//feedserver//try//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20200101T000000Z\r\n"
    "DTSTART:20200101T000000Z\r\nDTEND:20200101T001000Z\r\nTRANSP:TRANSPARENT\r\nSUMMARY:feedserver tries whether it can write here\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


class CalendarServers:
    """As `services.connecting.CalendarServers`, over the guarded way out. Every failure is a `Conflict` with words for the person who waits."""

    def __init__(self, way_out: WayOut) -> None:
        self.way_out = way_out

    def collections(self, access: Access) -> Sequence[Collection]:
        """The calendars that can be found from there and written to; none is a `Conflict`, too."""
        with self._speaking(access) as server:
            found = _found_from(server, access.url)
        if not found:
            raise Conflict(
                "There is no calendar at this address that this user may write to. Make one there first, or give its own address."
            )
        return found

    def rehearse(self, access: Access) -> None:
        """Store an entry of long ago in the collection and take it out again."""
        uid = f"feedserver-try-{secrets.token_hex(8)}"
        href = caldav.href_in(access.url, caldav.name_of(uid))
        with self._speaking(access) as server:
            answer = server.put(href, _TRIAL.format(uid=uid).encode(), None)
            if answer.status not in (200, 201, 204):
                raise Conflict(f"An entry could not be stored there: {_words(answer)}")
            answer = server.delete(href, None)
            if answer.status not in (200, 202, 204, 404):
                raise Conflict(f"The entry that was stored for a try could not be taken out again: {_words(answer)}")

    def read(self, access: Access) -> Sequence[Standing]:
        """All entries of the collection, whoever put them there."""
        with self._speaking(access) as server:
            there = server.listing(access.url)
            found = server.fetch(access.url, [one.href for one in there.values()])
        return [Standing(urlsplit(one.href).path, one.etag or "", one.data) for one in found.values() if one.data]

    def allow(self, url: str) -> None:
        """Whether deliveries to this address would be refused by the way out (S55). A name that is not known just now may be later."""
        parts = urlsplit(origin_of(url))
        port = parts.port or PORTS[parts.scheme]
        try:
            self.way_out.checked(parts.hostname or "", port, time.monotonic() + CONNECT, plain=parts.scheme == "http")
        except NotAllowed as error:
            raise Invalid(error.detail, field="url") from error
        except (Unreachable, TimeoutError):
            return

    @contextlib.contextmanager
    def _speaking(self, access: Access) -> Iterator[CalDav]:
        client = self.way_out.open(origin_of(access.url))
        try:
            yield CalDav(client, access.username, access.password)
        except NotCalDav as error:
            raise Conflict(_words(error.answer) if error.answer.status != 207 else error.detail, field="url") from error
        except OutboundError as error:
            raise Conflict(error.detail, field="url") from error
        finally:
            client.close()


def _found_from(server: CalDav, url: str) -> list[Collection]:
    here, asked = _asked(server, url)
    if here is None or _is_calendar(here):
        return [_collection(asked, here)] if here is not None and _may_write(here) else []
    home = _href(here, cal("calendar-home-set"))
    if not home:
        principal = _href(here, dav("current-user-principal"))
        if not principal:
            raise Conflict("It answers, but names no user: is this the address of a CalDAV server, and the user name right?", field="url")
        asked = _within(asked, principal)
        home = _href(server.propfind(asked, _ASKED)[0], cal("calendar-home-set"))
        if not home:
            raise Conflict("It knows this user, but has no calendars for them.", field="url")
    asked = _within(asked, home)
    found = [one for one in server.propfind(asked, _ASKED, depth="1") if _is_calendar(one) and _may_write(one)]
    return [_collection(_within(asked, one.href), one) for one in found[:MOST]]


def _asked(server: CalDav, url: str) -> tuple[Resource | None, str]:
    """(what stands at the address, the address that answered): its own, or where /.well-known/caldav leads."""
    parts = urlsplit(url)
    for start in dict.fromkeys((url, f"{parts.scheme}://{parts.netloc}/.well-known/caldav")):
        asked = start
        for _ in range(HOPS):
            try:
                found = server.propfind(asked, _ASKED)
            except NotCalDav as error:
                if error.answer.status in (301, 302, 303, 307, 308):
                    asked = _within(asked, error.answer.headers.get("location", ""))
                    continue
                if error.answer.status in (401, 403, 429) or start != url or error.answer.status >= 500:
                    raise
                break
            if found and (start != url or _says_where(found[0])):
                return found[0], asked
            break
    raise Conflict("There is no calendar server at this address: give the one that its help page names for CalDAV.", field="url")


def _says_where(one: Resource) -> bool:
    return _is_calendar(one) or bool(_href(one, dav("current-user-principal")) or _href(one, cal("calendar-home-set")))


def _within(base: str, href: str) -> str:
    """The whole address of an href; a `Conflict` that names it where it lies on another server."""
    url = urljoin(base, href)
    if origin_of(url) != origin_of(base):
        raise Conflict(
            f"The calendars are kept at {url[:300]}: connect with that address if you know it. The password is sent nowhere else.",
            field="url",
        )
    return url


def _href(one: Resource, name: str) -> str:
    return one.props.words(name, dav("href"))


def _is_calendar(one: Resource) -> bool:
    kinds = [comp.attributes.get("name", "").upper() for comp in one.props.all(cal("supported-calendar-component-set"), cal("comp"))]
    return one.props.first(dav("resourcetype"), cal("calendar")) is not None and (not kinds or "VEVENT" in kinds)


def _may_write(one: Resource) -> bool:
    """Where it says what this user may do, that is believed; most say nothing."""
    granted = {right.name for each in one.props.all(dav("current-user-privilege-set"), dav("privilege")) for right in each.children}
    return not granted or bool(granted & {dav("write"), dav("write-content"), dav("bind"), dav("all")})


def _collection(url: str, one: Resource) -> Collection:
    name = " ".join(one.props.words(dav("displayname")).split()) or urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return Collection(url if url.endswith("/") else url + "/", name[:200])


def _words(answer: Answer) -> str:
    return _WORDS.get(answer.status, f"It answers with {answer.status}.")
