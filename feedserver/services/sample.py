"""A mail as learners get it, about a session that there is not, so that the texts can be looked at before anybody gets them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from email import message_from_bytes, policy
from zoneinfo import ZoneInfo

from ..imip.skeleton import Skeleton, Values
from ..training.changes import Snapshot
from . import rendering
from .rendering import LOCALES, Kind
from .work import Work

_REASON = "The trainer is ill."
KINDS = (Kind.INVITE, Kind.UPDATE, Kind.AGAIN, Kind.CANCEL, Kind.REMOVED)
__all__ = ["KINDS", "LOCALES", "Sample", "mail"]


@dataclass(frozen=True)
class Sample:
    """One mail as a program shows it."""

    kind: str
    locale: str
    sender: str
    subject: str
    text: str
    html: str


def mail(work: Work, kind: str, locale: str) -> Sample:
    """The mail of one of `KINDS` in one of `LOCALES`; what is none of them counts as the first."""
    chosen = Kind(kind) if kind in KINDS else KINDS[0]
    locale = locale if locale in LOCALES else rendering.feed_locale(work.organisation.locale)
    zone = work.organisation.timezone
    start = datetime.combine(work.now.astimezone(ZoneInfo(zone)).date() + timedelta(days=7), time(10))
    before = Snapshot(
        "Fire safety", start, start + timedelta(hours=1), zone, location="Room 3", join_url="https://meet.example.net/fire",
        description="Bring **sturdy shoes**.", course_name="Safety at work",
    )  # fmt: skip
    after = replace(before, start=start + timedelta(hours=4), end=start + timedelta(hours=5), location="Room 5")
    told = before if chosen is Kind.UPDATE else None
    body = rendering.skeleton(
        chosen,
        after if told else before,
        told,
        locale,
        zone,
        work.organisation.mailbox,
        work.organisation,
        _REASON if chosen is Kind.CANCEL else "",
    )
    page = f"{work.base_url}/my/example"
    links = {"page_url": page, "answer_url": f"{work.base_url}/rsvp/example", "join_url": before.join_url, "code": "example"}
    values = Values(
        "sample@example.net", work.now, "Grace Hopper", "grace@example.net", "sample@example.net", dtstamp=work.stamp(), **links
    )
    message = message_from_bytes(Skeleton.from_bytes(body).fill(values), policy=policy.default)
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    return Sample(chosen.value, locale, str(message["From"]), str(message["Subject"]), text, html)
