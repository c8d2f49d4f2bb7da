"""What happened becomes signed messages to programs that listen: rows of the outbox, in the transaction of the change.

One event has one id, the same for every webhook and on every try, and its body is written down whole: a retry is the same octets. Ids alone say
who it is about: no names, no addresses, no calendar UIDs, no tokens, no links to join (docs/webhooks.md). A constant number of statements.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from ..store.courses import Course
from ..store.destinations import LEAVING, WEBHOOK, Destination
from ..store.learners import Learner
from ..store.outbox import QUEUED, Delivery
from ..store.sessions import LiveSession
from ..training.audiences import PRIVATE
from ..training.statuses import Answer, EnrolmentStatus
from .event_types import Happened, family_of, type_of
from .work import Work

LIFETIME = timedelta(days=30)
_AT_ONCE = 10_000
_ANSWERS = {Answer.YES: "yes", Answer.NO: "no", Answer.MAYBE: "maybe"}
_ACTORS = {"admin": "administrator", "learner": "learner", "mail": "learner", "api": "api"}
_SHOWN = ("course_id", "kind", "reference", "on", "kind_id", "certificate_id", "completion_id", "recurrence_id", "reason")


def write(work: Work, happened: Sequence[Happened]) -> int:
    """A row for each event and each webhook that asks for it; paused ones get theirs when they go on. Returns how many."""
    typed = [(one, kind) for one in happened if (kind := type_of(one)) is not None]
    hooks = listeners(work) if typed else []
    families = {family for hook in hooks for family in hook.settings["events"]}
    typed = [(one, kind) for one, kind in typed if family_of(kind) in families]
    if not typed:
        return 0
    sessions = _sessions(work, {one.live_session_id for one, _kind in typed} - {None})
    learners = _learners(work, {one.learner_id for one, _kind in typed} - {None})
    courses = _courses(work, {one.detail["course_id"] for one, _kind in typed if one.learner_id is not None and "course_id" in one.detail})
    rows = []
    for one, kind in typed:
        number = new_id()
        data = _data(one, kind, sessions.get(one.live_session_id), learners.get(one.learner_id))
        if data.get("course_id") in courses:
            data["course_external_id"] = courses[data["course_id"]]
        text = body(number, kind, one.at, work, {"actor": _ACTORS.get(one.actor.partition(":")[0], "system"), **data})
        for hook in hooks:
            if family_of(kind) in hook.settings["events"]:
                rows.append(
                    row(work, hook, number, kind, text, lane=_object(one), session_id=one.live_session_id, learner_id=one.learner_id)
                )
    work.db.execute(insert(Delivery), rows)
    return len(rows)


def listeners(work: Work) -> list[Destination]:
    """The organisation's webhooks; for those that are paused or broken what happens waits."""
    query = select(Destination).where(
        Destination.organisation_id == work.organisation_id, Destination.channel == WEBHOOK, Destination.state != LEAVING
    )
    return list(work.db.scalars(query.order_by(Destination.id)))


def new_id() -> str:
    """The id of one event: opaque, without a dot, which parts what is signed."""
    return f"evt_{secrets.token_hex(16)}"


def body(number: str, kind: str, at: datetime, work: Work, data: dict[str, Any]) -> str:
    """What is sent, as JSON."""
    organisation = {"id": work.organisation_id, "name": work.organisation.name}
    said = {"id": number, "type": kind, "occurred_at": instant(at), "organisation": organisation, "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def row(
    work: Work, hook: Destination, number: str, kind: str, text: str, *, lane: str, session_id: int | None = None, learner_id: int | None = None
) -> dict:  # fmt: skip
    """A row of the outbox for one event and one webhook."""
    return {
        "organisation_id": work.organisation_id, "channel": hook.channel, "destination_id": hook.id, "lane": f"{hook.channel}:{hook.id}:{lane}",
        "kind": kind, "live_session_id": session_id, "learner_id": learner_id, "skeleton_id": 0, "sender": "", "recipient": hook.name,
        "recipient_name": "", "page_id": "", "dtstamp": work.stamp(), "extra": {"id": number, "body": text}, "key_id": work.key_id,
        "state": QUEUED, "due_at": work.now, "expires_at": work.now + LIFETIME, "created_at": work.now,
    }  # fmt: skip


def instant(at: datetime) -> str:
    """RFC 3339, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _object(one: Happened) -> str:
    """What the event is about: events of one object arrive in order."""
    if one.enrolment_id is not None:
        return f"enrolment:{one.enrolment_id}"
    if one.learner_id is not None:
        return f"learner:{one.learner_id}"
    return f"session:{one.live_session_id}"


def _data(one: Happened, kind: str, session: dict | None, learner: dict | None) -> dict[str, Any]:
    data: dict[str, Any] = {"session": session}
    if one.learner_id is not None:
        data["learner"] = learner or {"id": one.learner_id, "external_id": None}
    if one.enrolment_id is not None:
        data["enrolment"] = {"id": one.enrolment_id}
    if one.changes_status:
        # Who was not in it, or no more, was Cancelled there.
        before = one.detail["from"]
        data["status"] = {"before": None if before == EnrolmentStatus.CANCELLED else before, "after": one.detail["to"]}
    elif kind == "enrolment.created":
        data["status"] = {"before": None, "after": one.detail.get("status")}
    elif kind == "answer.received":
        data |= {"answer": _ANSWERS.get(one.detail["answer"]), "previous_answer": _ANSWERS.get(one.detail.get("was"))}
        data["status"] = {"before": one.detail.get("status")}
    elif kind == "answer.outdated":
        data["answer"] = _ANSWERS.get(one.detail["answer"])
    elif kind == "answer.withdrawn":
        data["previous_answer"] = _ANSWERS.get(one.detail.get("was"))
    elif kind == "session.updated":
        data["changed"] = sorted(one.detail.get("changes") or [])
    hidden = {"reason"} if session is not None and session["visibility"] == PRIVATE else set()
    return data | {name: one.detail[name] for name in _SHOWN if name in one.detail and name not in hidden and not one.changes_status}


def _sessions(work: Work, ids: set[int]) -> dict[int, dict]:
    """Of each what a receiver needs to find it; never how to join it."""
    L = LiveSession
    columns = (
        L.id, L.external_id, L.course_id, Course.external_id.label("course_external_id"), L.series_id, L.title, L.start, L.end, L.timezone, L.fold,
        L.starts_at, L.ends_at, L.status, L.visibility, L.draft,
    )  # fmt: skip
    found = {}
    for some in _parts(sorted(ids)):
        query = select(*columns).join(Course, Course.id == L.course_id).where(L.organisation_id == work.organisation_id, L.id.in_(some))
        for one in work.db.execute(query):
            shown = one._asdict()
            shown |= {"start": one.start.isoformat(), "end": one.end.isoformat()}
            if one.visibility == PRIVATE:
                shown["title"] = None  # what it is about stands on the learner's own page alone
            shown |= {"starts_at": instant(one.starts_at), "ends_at": instant(one.ends_at)}
            found[one.id] = shown
    return found


def _learners(work: Work, ids: set[int]) -> dict[int, dict]:
    found = {}
    for some in _parts(sorted(ids)):
        query = select(Learner.id, Learner.external_id).where(Learner.organisation_id == work.organisation_id, Learner.id.in_(some))
        found |= {number: {"id": number, "external_id": external} for number, external in work.db.execute(query)}
    return found


def _courses(work: Work, ids: set[int]) -> dict[int, str | None]:
    """How other systems name them."""
    found: dict[int, str | None] = {}
    for some in _parts(sorted(ids)):
        query = select(Course.id, Course.external_id).where(Course.organisation_id == work.organisation_id, Course.id.in_(some))
        found |= {number: external for number, external in work.db.execute(query)}
    return found


def _parts(values: Sequence[int]) -> Iterable[Sequence[int]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))
