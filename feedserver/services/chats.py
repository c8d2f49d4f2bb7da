"""Chat channels of Slack and Teams: connected by an address that is itself a secret, changed, tried out, removed; what they hear is `announcing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import select

from ..errors import Conflict, Invalid
from ..ical.lines import clean_line
from ..ical.vtimezone import load
from ..imip.chat import FLAVOURS
from ..origins import origin_of
from ..store import lanes
from ..store.courses import Course
from ..store.destinations import ACTIVE, BROKEN, CHAT, LEAVING, PAUSED, Destination, recount
from ..store.learners import Learner
from ..store.outbox import Delivery
from . import announcing, webhooks
from .announcing import MORNING, WHAT
from .finding import find as find_row
from .finding import find_destination
from .rendering import check_locale
from .work import Work

FIELDS = ("name", "flavour", "url", "subject_kind", "subject", "what", "locale", "timezone", "active")
KINDS = ("everything", "course", "team")
MOST = 100
_LONGEST_URL = 2000


def list_all(work: Work) -> list[Destination]:
    """By name."""
    mine = (Destination.organisation_id == work.organisation_id, Destination.channel == CHAT, Destination.state != LEAVING)
    return list(work.db.scalars(select(Destination).where(*mine).order_by(Destination.name, Destination.id)))


def find(work: Work, chat_id: int, *, lock: bool = False) -> Destination:
    """One of the organisation's; raises `NotFound`."""
    return find_destination(work, CHAT, chat_id, "chat channel", lock=lock)


def create(work: Work, values: Mapping[str, Any]) -> Destination:
    """Connect a channel; `url` is sealed and never shown again. Raises `Invalid`, `NotFound`, `Conflict` where there are too many."""
    organisation = work.organisation
    common = {"subject_kind": "everything", "subject": "", "what": WHAT, "locale": organisation.locale, "timezone": organisation.timezone}
    given = _checked(work, {**common, **{k: v for k, v in values.items() if v is not None}})
    if len(list_all(work)) >= MOST:
        raise Conflict(f"There are {MOST} chat channels; remove one first.")
    one = Destination(
        organisation_id=work.organisation_id, channel=CHAT, name=given["name"], origin="", created_at=work.now,
        settings={name: given[name] for name in ("flavour", "subject_kind", "subject", "what", "locale", "timezone")},
        state=ACTIVE if given.get("active", True) else PAUSED,
    )  # fmt: skip
    _seal(work, one, given["url"])
    here = work.now.astimezone(ZoneInfo(given["timezone"]))
    if here.time() >= MORNING:  # today has been said by others
        one.settings = {**one.settings, "reminded": here.date().isoformat()}
    work.db.add(one)
    work.db.flush()
    recount(work.db, work.organisation_id)
    work.record("chat channel connected", detail={"destination_id": one.id, "origin": one.origin})
    work.db.flush()
    return one


def edit(work: Work, chat_id: int, values: Mapping[str, Any]) -> Destination:
    """Change `FIELDS`, all but the flavour; an empty `url` leaves it as it is. `active` pauses it or lets it go on."""
    one = find(work, chat_id, lock=True)
    chosen = {name: one.settings[name] for name in ("flavour", "subject_kind", "subject", "what", "locale", "timezone")}
    given = _checked(work, {**chosen, **{k: v for k, v in values.items() if v not in (None, "") or k == "subject"}})
    one.name = given.get("name", one.name)
    one.settings = {**one.settings, **{name: given[name] for name in chosen}}
    if given.get("url"):
        _seal(work, one, given["url"])
    if given.get("active") is False:
        one.state, one.problem, one.problem_at = PAUSED, None, None
    work.db.flush()
    if given.get("active") or (given.get("url") and one.state == BROKEN):
        lanes.wake(work.db, one.id, work.now)
        work.db.refresh(one)
    one.version += 1
    recount(work.db, work.organisation_id)
    work.record("chat channel changed", detail={"destination_id": one.id, "fields": sorted(values)})
    work.db.flush()
    return one


def test(work: Work, chat_id: int) -> Delivery:
    """Let it say that messages arrive; `Conflict` while it is paused."""
    one = find(work, chat_id, lock=True)
    if one.state == PAUSED:
        raise Conflict("This channel is paused: let it go on first.")
    lanes.wake(work.db, one.id, work.now)
    delivery = Delivery(**announcing.row_for_test(work, one))
    work.db.add(delivery)
    work.db.flush()
    return delivery


def remove(work: Work, chat_id: int) -> None:
    """It hears nothing any more."""
    one = find(work, chat_id, lock=True)
    webhooks.drop(work, one, "The chat channel was removed.")
    work.record("chat channel removed", detail={"destination_id": chat_id, "origin": one.origin})
    work.db.flush()


def _seal(work: Work, one: Destination, url: str) -> None:
    one.origin = origin_of(url)
    one.sealed = work.vault.seal(url, work.organisation_id, CHAT, one.origin)


def _checked(work: Work, values: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(values)
    given["name"] = clean_line(str(given["name"])).strip() if "name" in given else ""
    if "name" in values and not 0 < len(given["name"]) <= 200:
        raise Invalid("Give it a name, of 200 characters at most.", field="name")
    if not given["name"]:
        del given["name"]
    if given.get("flavour") not in FLAVOURS:
        raise Invalid("Choose Slack or Teams.", field="flavour")
    if "url" in given:
        given["url"] = str(given["url"]).strip()
        if origin_of(given["url"]).startswith("https:") and urlsplit(given["url"]).path in ("", "/"):
            raise Invalid("Paste the whole address of the incoming webhook: it is longer than that.", field="url")
        if len(given["url"]) > _LONGEST_URL:
            raise Invalid(f"The address may have {_LONGEST_URL} characters at most.", field="url")
    wanted = set(given["what"])
    if not wanted or wanted - set(WHAT):
        raise Invalid(f"Choose at least one of {', '.join(WHAT)}.", field="what")
    given["what"] = [one for one in WHAT if one in wanted]
    given["locale"] = check_locale(given["locale"])
    if load(given["timezone"]) is None:
        raise Invalid(f"{given['timezone'][:60]!r} is no time zone; write it as Europe/Berlin.", field="timezone")
    given["subject"] = _subject(work, given["subject_kind"], str(given.get("subject") or ""))
    return given


def _subject(work: Work, kind: str, subject: str) -> str:
    if kind not in KINDS:
        raise Invalid(f"Choose one of {', '.join(KINDS)}.", field="subject_kind")
    if kind == "course":
        return str(find_row(work, Course, int(subject) if subject.isascii() and subject.isdigit() and len(subject) < 19 else 0).id)
    if kind == "team":
        known = select(Learner.id).where(Learner.organisation_id == work.organisation_id, Learner.team == subject).limit(1)
        if not subject or work.db.scalar(known) is None:
            raise Invalid(f"Nobody is in a team {subject[:60]!r}.", field="subject")
        return subject
    return ""
