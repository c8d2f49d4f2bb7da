"""The demo: a small organisation that looks real, made by the same verbs that people use, so that its mail leaves as any mail does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from .. import tokens
from ..services import access, answering, enrolling, grouping, learning, organising, scheduling
from ..services.house import House
from ..services.work import Work
from ..settings import LOOPBACK, Settings
from ..store import organisations
from ..store.access import SignIn
from ..store.enrolments import Enrolment
from ..store.feeds import Feed
from ..store.keys import SigningKey
from ..store.learners import Learner
from ..store.organisations import Organisation
from ..training.wall_time import exists
from . import demo_content as content
from . import demo_in_time, parts

# Invitations went out the day before yesterday, answers came yesterday.
INVITED_BEFORE, ANSWERED_BEFORE = timedelta(days=2), timedelta(days=1)


def fill_if_empty(found: Settings) -> str | None:
    """Fill a database that has no learner; the one-time sign-in link of its administrator, or None where there was one."""
    house = parts.house(found)
    try:
        number = parts.first_organisation(found, house.database)
        secret = house.run(number, "demo", fill)
    finally:
        house.database.close()
    return f"{found.base_url}/sign-in/{secret}" if secret else None


def fresh_link(found: Settings) -> str | None:
    """Another one-time link for the demo's administrator, on this machine alone (loopback): `./run` always says how to get in."""
    if found.http_bind[0] not in LOOPBACK:
        return None
    house = parts.house(found)
    try:
        secret = house.run(parts.first_organisation(found, house.database), "demo", _fresh_link)
    finally:
        house.database.close()
    return f"{found.base_url}/sign-in/{secret}" if secret else None


def fill(work: Work) -> str | None:
    """All of it in one transaction: the whole demo or none. Returns the secret of the sign-in link, None where there are learners."""
    if work.db.scalar(select(Learner.id).limit(1)) is not None:
        return None
    asked = replace(work, now=work.now - INVITED_BEFORE)
    _name(asked)
    # First, so that there is somebody whom requests for approval are mailed to.
    secret = access.create_sign_in(work, content.ADMINISTRATOR, "owner")
    people = {key: _learner(asked, key, *who) for key, who in content.LEARNERS.items()}
    courses = {key: grouping.create_course(asked, values).id for key, values in content.COURSES.items()}
    groups = {
        name: grouping.create_group(asked, courses[course], name, [people[p] for p in members]).id
        for name, (course, members) in content.GROUPS.items()
    }
    for planned in content.SESSIONS:
        group = groups[planned.group] if planned.group else None
        session = scheduling.create_session(asked, courses[planned.course], _fields(work, planned), group)
        _people(asked, session.id, planned, people)
        _answers(replace(work, now=work.now - ANSWERED_BEFORE), session.id, planned, people)
    demo_in_time.fill(work, asked, courses, groups, people)
    return secret


def _fresh_link(work: Work) -> str | None:
    """A link for the demo's administrator, where this is the demo."""
    there = select(SignIn.id).where(SignIn.organisation_id == work.organisation_id, SignIn.email_key == content.ADMINISTRATOR)
    if work.db.scalar(there) is None:
        return None
    return access.create_sign_in(work, content.ADMINISTRATOR, "owner")


def what_to_try(found: Settings, addresses: list[str], link: str | None) -> str:
    """A short text for the terminal: where to look and what to press. `addresses` are the lines of the three processes, web first."""
    base = reached_at(found, addresses)
    house = parts.house(found)
    try:
        own = example_links(house, base)
    finally:
        house.database.close()
    again = "python -m feedserver admin create you@example.net prints a link to sign in"
    steps = [f"sign in at {_moved(found, base, link)}" if link else again]
    if found.captures:
        steps += [f"read the invitations at {base}/dev/mailbox and press Accept as a learner", "look at the session: the answer is there"]
    if own:
        steps += [f"see what {own[0]} sees: {own[1]}", f"subscribe to that calendar in yours: {own[2]}"]
    steps.append(f"read the API's description at {base}/api/v1/docs")
    numbered = "\n".join(f"  {n}. {step}" for n, step in enumerate(steps, 1))
    return f"\nWhat to try first:\n{numbered}\n"


def reached_at(found: Settings, addresses: list[str]) -> str:
    """What links here start with: BASE_URL where it was set, else the address that the web part really has."""
    printed = next((line.removeprefix("web:").strip() for line in addresses if line.startswith("web:")), None)
    return printed if printed and found.base_url == Settings.base_url else found.base_url


def example_links(house: House, base: str) -> tuple[str, str, str] | None:
    """(name, page, feed) of the first learner, None where there is none."""
    with house.database.read() as db:
        first = organisations.first(db)
        row = db.execute(
            select(Learner.name, Learner.page_id, Feed.public_id, SigningKey.secret)
            .join(Feed, Feed.learner_id == Learner.id)
            .join(SigningKey, SigningKey.id == Feed.key_id)
            .where(Learner.organisation_id == (first.id if first else 0), Feed.revoked_at.is_(None), SigningKey.retired_at.is_(None))
            .order_by(Learner.id, Feed.id)
            .limit(1)
        ).first()
    if row is None:
        return None
    page, feed = tokens.sign(tokens.LEARNER_PAGE, row.page_id, row.secret), tokens.sign(tokens.FEED, row.public_id, row.secret)
    return row.name, f"{base}/my/{page}", f"{base}/feeds/{feed}.ics"


def _moved(found: Settings, base: str, link: str) -> str:
    return base + link.removeprefix(found.base_url)


def _name(work: Work) -> None:
    """A name as a real one has, and the zone of its sessions; what somebody chose is left, and so is the mailbox."""
    if work.organisation.timezone == Settings.timezone:
        organising.edit_organisation(work, {"timezone": "Europe/Berlin"})
    if work.organisation.name != Settings().organizer.name:
        return
    taken = work.db.scalar(select(Organisation.id).where(Organisation.name == content.ORGANISATION))
    if taken is None:
        organising.edit_organisation(work, {"name": content.ORGANISATION})


def _learner(work: Work, key: str, name: str, timezone: str, locale: str, team: str) -> int:
    values = {"email": f"{key}@example.net", "name": name, "timezone": timezone, "locale": locale, "team": team}
    return learning.create_learner(work, values).id


def _fields(work: Work, planned: content.Planned) -> dict:
    """The fields of a session; one whose time the clocks skip that day is a day later."""
    today = work.now.astimezone(ZoneInfo(planned.timezone)).date()
    start = datetime.combine(today + timedelta(days=planned.days), planned.at)
    if not exists(start, planned.timezone) or not exists(start + planned.length, planned.timezone):
        start += timedelta(days=1)
    times = {"start": start, "end": start + planned.length, "timezone": planned.timezone}
    return {"title": planned.title, **times, **planned.fields}


def _people(work: Work, session_id: int, planned: content.Planned, people: dict[str, int]) -> None:
    for key in planned.registering:
        enrolling.register(work, session_id, people[key])
    for key, status in planned.by_hand:
        enrolling.enrol(work, session_id, people[key], status)


def _answers(work: Work, session_id: int, planned: content.Planned, people: dict[str, int]) -> None:
    for key, answer in planned.answers:
        mine = select(Enrolment.id).where(Enrolment.live_session_id == session_id, Enrolment.learner_id == people[key])
        answering.answer_on_page(work, work.db.scalars(mine).one(), answer)
