"""CalDAV as we speak it (RFC 4791, 4918): the few requests that publishing takes, each one exchange through the guard."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit
from xml.sax.saxutils import escape

from . import multistatus
from .guard import Answer, Client, OutboundError
from .multistatus import NotXml, Resource, cal, dav

SECONDS = 20.0
LARGEST = 5 * 1024 * 1024
TOGETHER = 100
_XML = "application/xml; charset=utf-8"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_NAMES = 'xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"'


class NotCalDav(OutboundError):
    """An answer that no CalDAV server gives; `answer` is what came."""

    def __init__(self, detail: str, answer: Answer) -> None:
        super().__init__(detail)
        self.answer = answer
        self.temporary = answer.status >= 500 or answer.status == 429


@dataclass(frozen=True, slots=True)
class Standing:
    """An object as it stands there; `etag` None where the server gives none, `data` None where it was not asked for."""

    href: str
    etag: str | None
    data: bytes | None = None


class CalDav:
    """One account's requests. Paths and whole addresses of the client's origin are both taken."""

    def __init__(self, client: Client, username: str, password: str) -> None:
        self.client = client
        self._headers = {}
        if username or password:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def put(self, href: str, data: bytes, etag: str | None) -> Answer:
        """Write, only over the version `etag`, or only where nothing stands (None)."""
        only = {"If-Match": etag} if etag else {"If-None-Match": "*"}
        return self._request("PUT", href, data, {"Content-Type": "text/calendar; charset=utf-8", **only})

    def delete(self, href: str, etag: str | None) -> Answer:
        """Take out, only that version where `etag` is known."""
        return self._request("DELETE", href, b"", {"If-Match": etag} if etag else {})

    def get(self, href: str) -> Standing | Answer | None:
        """What stands there; None for nothing; the answer where it is neither."""
        answer = self._request("GET", href, b"", {})
        if answer.status == 200:
            return Standing(href, tag(answer), answer.body)
        return None if answer.status in (404, 410) else answer

    def find(self, collection: str, uid: str) -> Standing | None:
        """The object of this UID, under whatever name it stands in the collection. Raises `NotCalDav`."""
        wanted = (
            f'<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:prop-filter name="UID">'
            f'<c:text-match collation="i;octet">{escape(uid)}</c:text-match></c:prop-filter></c:comp-filter></c:comp-filter></c:filter>'
        )
        body = f"{_HEAD}<c:calendar-query {_NAMES}><d:prop><d:getetag/><c:calendar-data/></d:prop>{wanted}</c:calendar-query>"
        for one in self._standing(self.multistatus("REPORT", collection, body, depth="1")):
            if f"UID:{uid}".encode() in (one.data or b"").replace(b"\r\n ", b"").replace(b"\n ", b"").splitlines():
                return one
        return None

    def listing(self, collection: str) -> dict[str, Standing]:
        """Every object of the collection by its unescaped path, without data. Raises `NotCalDav`."""
        body = f"{_HEAD}<d:propfind {_NAMES}><d:prop><d:getetag/><d:resourcetype/></d:prop></d:propfind>"
        found = self.multistatus("PROPFIND", collection, body, depth="1")
        here = multistatus.path_of(collection).rstrip("/")
        objects = [
            r
            for r in found
            if multistatus.path_of(r.href).rstrip("/") != here and r.props.first(dav("resourcetype"), dav("collection")) is None
        ]
        return {multistatus.path_of(one.href): one for one in self._standing(objects)}

    def fetch(self, collection: str, hrefs: Iterable[str]) -> dict[str, Standing]:
        """These objects with their data, by unescaped path, a hundred at a time (calendar-multiget). Raises `NotCalDav`."""
        wanted, found = list(hrefs), {}
        for n in range(0, len(wanted), TOGETHER):
            asked = "".join(f"<d:href>{escape(urlsplit(href).path)}</d:href>" for href in wanted[n : n + TOGETHER])
            body = f"{_HEAD}<c:calendar-multiget {_NAMES}><d:prop><d:getetag/><c:calendar-data/></d:prop>{asked}</c:calendar-multiget>"
            for one in self._standing(self.multistatus("REPORT", collection, body, depth="1")):
                found[multistatus.path_of(one.href)] = one
        return found

    def propfind(self, url: str, properties: str, depth: str = "0") -> list[Resource]:
        """Properties (elements with the prefixes d and c) of a resource or of what lies in it. Raises `NotCalDav`."""
        body = f"{_HEAD}<d:propfind {_NAMES}><d:prop>{properties}</d:prop></d:propfind>"
        return self.multistatus("PROPFIND", url, body, depth=depth)

    def multistatus(self, method: str, url: str, body: str, *, depth: str) -> list[Resource]:
        """An exchange whose answer has to be a multistatus."""
        answer = self._request(method, url, body.encode(), {"Content-Type": _XML, "Depth": depth})
        if answer.status != 207:
            raise NotCalDav(f"It answers {method} with {answer.status}.", answer)
        try:
            return multistatus.resources(answer.body)
        except NotXml as error:
            raise NotCalDav(f"Its answer to {method} cannot be read: {error}", answer) from error

    def _request(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        return self.client.request(method, url, headers={**self._headers, **headers}, body=body, seconds=SECONDS, largest=LARGEST)

    def _standing(self, found: Iterable[Resource]) -> list[Standing]:
        return [
            Standing(one.href, _strong(one.props.words(dav("getetag"))), one.props.words(cal("calendar-data")).encode() or None)
            for one in found
            if one.status == 200
        ]


def tag(answer: Answer) -> str | None:
    """The ETag of an answer, as If-Match takes it."""
    return _strong(answer.headers.get("etag", ""))


def _strong(text: str) -> str | None:
    # A weak one never matches (RFC 9110, 13.1.1); proxies make ours weak on the way, and the server knows it by the strong form.
    return text.strip().removeprefix("W/") or None


def precondition(answer: Answer) -> str:
    """The name of the precondition that a server says was not met (RFC 4918, 16), "" where it says none."""
    try:
        root = multistatus.read(answer.body) if answer.body else None
    except NotXml:
        return ""
    return root.children[0].name.partition("}")[2] if root is not None and root.name == dav("error") and root.children else ""


def name_of(uid: str) -> str:
    """The name of our object of this UID within its collection."""
    return quote(uid, safe="") + ".ics"


def href_in(collection: str, href: str) -> str:
    """The path of an object: `href` as a server gave it, or a name within the collection."""
    return urlsplit(urljoin(urlsplit(collection).path.rstrip("/") + "/", href)).path
