"""The product from outside: what an administrator does by HTTP, what the relay took, what people answer by SMTP.

with World.open(tmp_path, settle_seconds=0) as world:
    lea = world.learner("Lea")
    session = world.session()
    world.enrol(session, lea)
    (invitation,) = world.mails(lea, 1)
    assert world.answer(lea, invitation, "ACCEPTED")["outcome"] == "applied"
"""

from __future__ import annotations

import contextlib
import email
import smtplib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from functools import cached_property
from pathlib import Path
from typing import Any

import icalendar

from tests.mail.fake_relay import FakeRelay, Received
from tests.replies import reply
from tests.support.product import Product, poll

MAILBOX = "training@localhost"
COMING = (datetime.now() + timedelta(days=90)).replace(hour=14, minute=0, second=0, microsecond=0)


def at(hours: float = 0) -> str:
    """A local time so many hours after the usual start of a session."""
    return (COMING + timedelta(hours=hours)).isoformat()


@dataclass(frozen=True)
class Sent:
    """A mail that the relay took."""

    received: Received

    @property
    def raw(self) -> bytes:
        return self.received.data

    @cached_property
    def mail(self) -> Message:
        return email.message_from_bytes(self.raw)

    @property
    def to(self) -> str:
        return self.received.recipients[0]

    @property
    def subject(self) -> str:
        return str(email.header.make_header(email.header.decode_header(self.mail["Subject"])))

    @property
    def message_id(self) -> str:
        return self.mail["Message-ID"].strip("<>")

    @property
    def text(self) -> str:
        """The words of the plain part."""
        part = next(p for p in self.mail.walk() if p.get_content_type() == "text/plain")
        return part.get_payload(decode=True).decode()

    @cached_property
    def part(self) -> Message | None:
        """The calendar part, None in a notice of words alone."""
        return next((p for p in self.mail.walk() if p.get_content_type() == "text/calendar"), None)

    @cached_property
    def calendar(self) -> icalendar.Calendar:
        return icalendar.Calendar.from_ical(self.part.get_payload(decode=True))

    @cached_property
    def event(self) -> icalendar.Event:
        return self.calendar.events[0]

    @property
    def method(self) -> str:
        return str(self.calendar["METHOD"])

    @property
    def uid(self) -> str:
        return str(self.event["UID"])

    @property
    def sequence(self) -> int:
        return int(self.event["SEQUENCE"])

    @property
    def dtstamp(self) -> datetime:
        return self.event["DTSTAMP"].dt

    @property
    def partstat(self) -> str:
        return self.event["ATTENDEE"].params["PARTSTAT"]


@dataclass
class World:
    """A product with the relay that it sends through; `token` is that of another organisation, where there is one."""

    product: Product
    relay: FakeRelay
    token: str | None = None
    mailbox: str = MAILBOX
    people: dict[int, str] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, relay: FakeRelay | None = None, **settings: Any) -> Iterator[World]:
        """Everything runs; `settings` are those of the product, `parts` which processes."""
        with relay or FakeRelay() as used, Product(folder, **{"smtp_url": used.url, "settle_seconds": 0, **settings}) as product:
            yield cls(product, used)

    def organisation(self, name: str, mailbox: str) -> World:
        """A further organisation on the same product, in the hands of its own administrator."""
        self.product.command("org", "create", name, "--mailbox", f"{name} <{mailbox}>")
        token = self.product.command("token", "create", "tests", "--org", name).strip()
        return World(self.product, self.relay, token, mailbox)

    # -- what an administrator does --------------------------------------------------------------

    def call(self, method: str, path: str, json: Any = None, status: int = 200) -> Any:
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        found, answer = self.product.api(method, path, json, **given)
        assert found == status, f"{method} {path} answered {found}: {answer}"
        return answer

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, json: Any = None, status: int = 201) -> Any:
        return self.call("POST", path, json, status)

    def all(self, path: str) -> list[dict]:
        """Every item of a list."""
        items, following, mark = [], "", "&" if "?" in path else "?"
        while following is not None:
            page = self.get(f"{path}{mark}limit=200{following and f'&cursor={following}'}")
            items, following = items + page["items"], page["next"]
        return items

    def learner(self, name: str, /, **fields: Any) -> dict:
        address = f"{name.lower()}.{time.time_ns():x}@corp.example"
        return self.post("/learners", {"email": address, "name": f"{name} Learner", **fields})

    def crowd(self, number: int) -> list[dict]:
        """Many learners at once, as from a file."""
        file = self.product.folder / "crowd.csv"
        file.write_text("email,name\n" + "".join(f"p{n}@corp.example,Person {n}\n" for n in range(number)))
        self.product.command("import", "learners", str(file))
        return self.all("/learners")

    def course(self, **fields: Any) -> dict:
        return self.post("/courses", {"name": "Safety", **fields})

    def session(self, **fields: Any) -> dict:
        """A coming session, of a new course unless one is named."""
        values = {"title": "Fire safety", "start": at(), "end": at(1.5), "timezone": "Europe/Berlin", **fields}
        return self.post("/sessions", {"course_id": fields.get("course_id") or self.course()["id"], **values})

    def session_of(self, people: list[dict], **fields: Any) -> dict:
        """A session to whose training group these people belong, so that all are invited."""
        course = self.course()
        group = self.post(f"/courses/{course['id']}/groups", {"name": "Shift", "learner_ids": [p["id"] for p in people]})
        return self.session(course_id=course["id"], group_id=group["id"], **fields)

    def enrol(self, session: dict, learner: dict, status: str = "Invited") -> dict:
        return self.post(f"/sessions/{session['id']}/enrolments", {"learner_id": learner["id"], "status": status})

    def edit(self, session: dict, **fields: Any) -> dict:
        return self.call("PATCH", f"/sessions/{session['id']}", fields)

    def cancel(self, session: dict) -> dict:
        return self.call("POST", f"/sessions/{session['id']}/cancel", {})

    # -- what is seen ----------------------------------------------------------------------------

    def enrolment(self, session: dict, learner: dict) -> dict:
        return next(e for e in self.all(f"/sessions/{session['id']}/enrolments") if e["learner_id"] == learner["id"])

    def deliveries(self, learner: dict, state: str = "") -> list[dict]:
        """Newest last."""
        found = self.all(f"/deliveries?learner_id={learner['id']}{state and f'&state={state}'}")
        return sorted(found, key=lambda d: d["id"])

    def delivery(self, learner: dict, state: str) -> dict:
        """The newest delivery to a learner, once it is in this state."""
        return poll(
            lambda: next((d for d in self.deliveries(learner)[-1:] if d["state"] == state), None),
            lambda: f"not {state}: {self.deliveries(learner)}",
        )

    def retry(self, delivery: dict) -> dict:
        return self.call("POST", f"/deliveries/{delivery['id']}/retry")

    def mails(self, learner: dict | None = None, number: int | None = None) -> list[Sent]:
        """What went to a learner (or to all), once `number` mails have, or once nothing is on its way any more."""

        def found() -> list[Sent]:
            return [Sent(r) for r in list(self.relay.messages) if learner is None or r.recipients == [learner["email"]]]

        if number is None:
            self.quiet()
        else:
            poll(lambda: len(found()) >= number, lambda: f"{len(found())} of {number} mails came")
            assert len(found()) == number, [m.subject for m in found()]
            self._noted()
        return found()

    def _noted(self) -> None:
        """Until the worker has noted what became of all that it had in hand: a mail is here before its row says so."""
        poll(lambda: not self.get("/deliveries?state=sending&limit=1")["items"], "something is still in hand")

    def quiet(self, seconds: float = 60) -> None:
        """Until no edit waits to settle, no message to leave, and none that came in to be judged."""
        # Looked at twice: what a dead worker held goes from sending to queued, and from there to sending again.
        leaving = ("/deliveries?state=queued", "/deliveries?state=sending")
        lists = (*leaving, *leaving, "/inbound?outcome=pending")

        def all_done() -> bool:
            settled = not any(s["settle_at"] for s in self.all("/sessions"))
            return settled and not any(self.get(f"{path}&limit=1")["items"] for path in lists)

        poll(all_done, lambda: str([self.get(path)["items"][:3] for path in lists]), seconds)

    def feed(self, learner: dict) -> dict[str, icalendar.Event]:
        """The learner's feed now, UID -> VEVENT."""
        status, _, body = self.product.get(self.product.here(self.feed_url(learner)).removeprefix(self.product.url))
        assert status == 200, body
        return {str(event["UID"]): event for event in icalendar.Calendar.from_ical(body).events}

    def feed_url(self, learner: dict) -> str:
        return self.get(f"/learners/{learner['id']}/feeds")["items"][0]["url"]

    # -- what people answer ----------------------------------------------------------------------

    def reply(self, learner: dict, mail: Sent, partstat: str, client: str = "google", **changes: Any) -> bytes:
        """The reply of a mail program to this invitation, `changes` are those of `tests.replies`."""
        start = mail.event["DTSTART"].dt
        values = {
            "uid": mail.uid, "attendee": learner["email"], "partstat": partstat, "sequence": mail.sequence, "cn": learner["name"],
            "dtstamp": datetime.now(UTC).replace(microsecond=0), "organizer": self.mailbox, "dtstart": start, **changes,
        }  # fmt: skip
        return reply(client, **values)

    def answer(self, learner: dict, mail: Sent, partstat: str, client: str = "google", **changes: Any) -> dict:
        """Answer by SMTP; what became of the message."""
        return self.hand_in(self.reply(learner, mail, partstat, client, **changes), changes.get("sender") or learner["email"])

    def hand_in(self, raw: bytes, sender: str = "somebody@corp.example") -> dict:
        """Hand a message to the receiver by SMTP or LMTP; gives its row once it is judged."""
        speak = smtplib.LMTP if self.product.said["mail"].startswith("lmtp") else smtplib.SMTP
        with speak("127.0.0.1", self.product.smtp_port, timeout=30) as smtp:
            assert smtp.sendmail(sender, [self.mailbox], raw) == {}
        return self.newest()

    def newest(self) -> dict:
        """The message that came in last, once it is judged; a 250 means that it is listed."""
        one = self.get("/inbound?limit=1")["items"][0]
        return poll(lambda: self._judged(one["id"]), lambda: str(self.get(f"/inbound/{one['id']}")))

    def _judged(self, number: int) -> dict | None:
        found = self.get(f"/inbound/{number}")
        return found if found["outcome"] != "pending" else None
