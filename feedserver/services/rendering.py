"""The one place where services meet the texts: skeletons of mails, VEVENTs of feeds, languages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError

from ..addresses import Mailbox
from ..errors import Invalid
from ..ical import vevent
from ..imip import certificates, milestones
from ..imip.catalogues import LANGUAGES, language, words
from ..imip.compose import Kind, compose, compose_without_session
from ..store.organisations import Organisation
from ..training.changes import Snapshot
from ..training.milestones import Noted

LOCALES = LANGUAGES
JOIN_PAGE = "page"

__all__ = [
    "LOCALES",
    "Kind",
    "certificate_line",
    "certificate_skeleton",
    "check_locale",
    "feed_locale",
    "feed_vevents",
    "milestone_skeleton",
    "skeleton",
    "skeleton_for_many",
    "skeleton_without_session",
]


def check_locale(tag: str) -> str:
    """A language tag such as `de` or `en-GB`; raises `Invalid` for what is none."""
    try:
        parsed = Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise Invalid(f"{tag[:40]!r} is not a language tag; write it as en, de or de-AT.", field="locale") from error
    return f"{parsed.language}-{parsed.territory}" if parsed.territory else parsed.language


def feed_locale(tag: str) -> str:
    """The language of `LOCALES` in which a learner reads a feed."""
    language = tag.partition("-")[0]
    return language if language in LOCALES else "en"


def feed_vevents(snapshot: Snapshot, locale: str, *, join_page: bool = False) -> tuple[bytes, bytes, str]:
    """(VEVENT with slots, the same as busy time alone, the IANA zone that it needs a VTIMEZONE for or "")."""
    full = vevent.render(snapshot, method=None, words=words(locale), join_page=join_page)
    busy = vevent.render(snapshot, method=None, words=words(locale), detail="busy")
    return full, busy, snapshot.timezone if vevent.zone_of(snapshot) is not None else ""


def skeleton(
    kind: Kind, snapshot: Snapshot, told: Snapshot | None, locale: str, timezone: str, sender: Mailbox, organisation: Organisation, note: str = "",
    held: datetime | None = None, others: Sequence[Snapshot] = (), more: Sequence[str] = (),
) -> bytes:  # fmt: skip
    """The stored form of a mail; raises what a failing template raises."""
    return compose(
        kind, snapshot, told=told, locale=locale, timezone=timezone, sender=sender,
        organisation_name=organisation.name, alarm_minutes=organisation.alarm_minutes, note=note, held=held, join_page=organisation.join_links == JOIN_PAGE,
        banner=organisation.banner, others=others, more=more,
    ).to_bytes()  # fmt: skip


def skeleton_for_many(
    kind: Kind, snapshot: Snapshot, locale: str, timezone: str, sender: Mailbox, organisation: Organisation, held: datetime | None
) -> bytes:  # fmt: skip
    """The same for what one after the other is told: rendered once for all of them."""
    return _rendered(
        kind, snapshot, locale, timezone, sender, held, organisation.name, organisation.alarm_minutes, organisation.join_links, organisation.banner
    )  # fmt: skip


@lru_cache(64)
def _rendered(
    kind: Kind, snapshot: Snapshot, locale: str, timezone: str, sender: Mailbox, held: datetime | None, name: str, alarm_minutes: int | None,
    join_links: str, banner: str | None,
) -> bytes:  # fmt: skip
    return compose(
        kind, snapshot, locale=locale, timezone=timezone, sender=sender, organisation_name=name, alarm_minutes=alarm_minutes, held=held,
        join_page=join_links == JOIN_PAGE, banner=banner,
    ).to_bytes()  # fmt: skip


def skeleton_without_session(
    kind: Kind, locale: str, timezone: str, sender: Mailbox, organisation: Organisation, *, title: str = ""
) -> bytes:
    """The stored form of a mail that is about no session; `title` is the subject of one that is passed on."""
    return compose_without_session(
        kind, locale=locale, timezone=timezone, sender=sender, organisation_name=organisation.name, title=title
    ).to_bytes()


def milestone_skeleton(
    kind: Kind, noted: Noted, before: date | None, locale: str, sender: Mailbox, organisation: Organisation, note: str = ""
) -> bytes:  # fmt: skip
    """The stored form of a mail about a day to note; `before` is the day that was told, where it was another."""
    return milestones.compose(
        kind, noted, before, locale=locale, sender=sender, organisation_name=organisation.name, note=note, banner=organisation.banner
    ).to_bytes()


def certificate_skeleton(name: str, day: date, left: int, course: str, locale: str, sender: Mailbox, organisation: Organisation) -> bytes:
    """The stored form of a warning to a learner: the certificate ends on that day, so many days from now; `course` renews it."""
    return certificates.compose(
        name, day, left, course, locale=locale, sender=sender, organisation_name=organisation.name, banner=organisation.banner
    ).to_bytes()


def certificate_line(name: str, day: date, left: int, locale: str) -> str:
    """The same in a list for somebody else."""
    return certificates.line(name, day, left, language(locale))
