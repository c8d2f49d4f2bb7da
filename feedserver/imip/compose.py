"""Compose the mail of one kind for all who read the same language in the same zone (RFC 6047): texts, MIME, slots.

The shape is Google's own: multipart/mixed of multipart/alternative (text, HTML, calendar last and without a
disposition, else Thunderbird shows no invitation) and, with a REQUEST, the same octets again as invite.ics. A notice
is the alternative of the two texts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from feedserver.addresses import Mailbox
from feedserver.itip.cancel import cancel
from feedserver.itip.declinecounter import decline_counter
from feedserver.itip.request import request
from feedserver.training.changes import Snapshot

from . import headers
from .catalogues import Language, language
from .kinds import EXTRA, METHODS, Kind
from .letters import SLOTS, Letter, Reader, letter, letter_without_session
from .quoted import encode_template
from .skeleton import Skeleton, Values

__all__ = ["EXTRA", "METHODS", "Kind", "Skeleton", "Values", "compose", "compose_without_session"]

TEMPLATES = Path(__file__).parents[2] / "templates" / "mail"
# "=_" cannot occur in quoted-printable nor in base64, so these stand for no line of ours.
_MIXED, _ALTERNATIVE = b"=_feedserver_mixed", b"=_feedserver_alternative"
_ATTACHMENT = b'Content-Type: application/ics; name="invite.ics"\r\nContent-Disposition: attachment; filename="invite.ics"\r\n'


def compose(
    kind: Kind,
    snapshot: Snapshot,
    *,
    told: Snapshot | None = None,
    locale: str,
    timezone: str,
    sender: Mailbox,
    organisation_name: str,
    alarm_minutes: int | None = None,
    note: str = "",
    held: datetime | None = None,
    join_page: bool = False,
    banner: str = "",
    others: Sequence[Snapshot] = (),
    more: Sequence[str] = (),
) -> Skeleton:
    """The message with slots.

    `sender` is From, Reply-To and ORGANIZER; `told` what these readers were last told (None: nothing to compare); `held` until
    when a seat is kept for them, in mail and entry; `join_page` whether the join link leads to a page of the learner's own;
    `banner` a line of the organisation's own that stands first; `others` are further dates of the course; `more` sentences that come first.

    Raises whatever a template that fails raises: this happens before commit, so the request fails and nothing is
    stored.
    """
    reader = Reader.of(locale, timezone, join_page)
    content = letter(
        kind, snapshot, reader, told=told, organisation=organisation_name, note=note, held=held, others=others, more=more, mailbox=sender
    )
    method = METHODS.get(kind)
    calendar = b""
    if method == "REQUEST":
        notice = reader.words.held % {"until": content.held} if content.held else ""
        calendar = request(snapshot, words=reader.words, organizer=sender, alarm_minutes=alarm_minutes, notice=notice, join_page=join_page)
    elif method == "CANCEL":
        calendar = cancel(snapshot, words=reader.words, organizer=sender, join_page=join_page)
    elif method == "DECLINECOUNTER":
        calendar = decline_counter(sender, note)
    return Skeleton(_mail(content, sender, method, reader.say, banner), calendar)


def compose_without_session(
    kind: Kind, *, locale: str, timezone: str, sender: Mailbox, organisation_name: str, title: str = ""
) -> Skeleton:  # fmt: skip
    """The message of one of `kinds.WITHOUT_SESSION`, with slots."""
    reader = Reader.of(locale, timezone)
    return Skeleton(_mail(letter_without_session(kind, reader, organisation_name, title), sender, None, reader.say))


def compose_letter(content: Letter, calendar: bytes, *, sender: Mailbox, method: str | None, banner: str = "") -> Skeleton:
    """The message that says `content` and carries this calendar object, with slots."""
    return Skeleton(_mail(content, sender, method, language(content.language), banner), calendar)


def _mail(content: Letter, sender: Mailbox, method: str | None, say: Language, banner: str = "") -> bytes:
    texts = [
        _text_part(b"plain", encode_template(_render("message.txt", content, say, banner), "text")),
        _text_part(b"html", encode_template(_render("message.html", content, say, banner), "html")),
    ]
    if method is None:
        return _headers(content, sender) + _multipart(b"alternative", _ALTERNATIVE, texts)
    kind = b"Content-Type: text/calendar; charset=UTF-8; method=%s\r\n" % method.encode()
    alternative = _multipart(b"alternative", _ALTERNATIVE, [*texts, _base64_part(kind)])
    parts = [alternative]
    if method == "REQUEST":
        parts.append(_base64_part(_ATTACHMENT))
    return _headers(content, sender) + _multipart(b"mixed", _MIXED, parts)


def _headers(content: Letter, sender: Mailbox) -> bytes:
    return b"".join(
        (
            headers.sender(sender),
            b"\x00to\x00",
            headers.subject(content.subject),
            b"\x00date\x00\x00message_id\x00\x00references\x00",
            # Against vacation replies; "OOF" alone, since "All" would suppress bounces too and perhaps
            # the answers (MS-OXCMAIL).
            b"\x00unsubscribe\x00" if content.stop else b"",
            b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: OOF\r\n",
            b"Content-Language: %s\r\nMIME-Version: 1.0\r\n" % content.language.encode(),
        )
    )


def _multipart(kind: bytes, boundary: bytes, parts: list[bytes]) -> bytes:
    body = b"".join(b"--%s\r\n%s" % (boundary, part) for part in parts)
    return b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n%s--%s--\r\n' % (kind, boundary, body, boundary)


def _text_part(kind: bytes, text: bytes) -> bytes:
    return b"Content-Type: text/%s; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n%s\r\n" % (
        kind,
        text,
    )


def _base64_part(head: bytes) -> bytes:
    return head + b"Content-Transfer-Encoding: base64\r\n\r\n\x00calendar\x00"


def _render(name: str, content: Letter, say: Language, banner: str) -> str:
    template = _environment(say.tag).get_template(name)
    links = {name: SLOTS[name] for name in ("page_url", "answer_url", "stop_url", "code", "block")}
    return template.render(letter=content, banner=banner, description=Markup(content.html), **links)  # noqa: S704 - made by plaintext.html


@lru_cache(maxsize=16)
def _environment(tag: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html"),  # noqa: S701 - the other is plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(language(tag).translations, newstyle=True)
    return environment
