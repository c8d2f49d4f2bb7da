"""The web part with something in it, and everybody who may come to its door: nobody, a program, a viewer, the owner, another organisation."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from feedserver.services import subscribing
from feedserver.services.house import House
from feedserver.settings import Settings
from feedserver.store.courses import Course, TrainingGroup
from feedserver.store.database import Database
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from feedserver.web import create_app
from tests.web.api.conftest import open_house
from tests.web.desk.conftest import SECRETS, Clock, Desk
from tests.web.test_answers import rsvp

WATCHED = (
    (Learner, ("name", "email", "channel")), (LiveSession, ("title", "status", "version")), (Enrolment, ("status", "partstat")),
    (Course, ("name",)), (TrainingGroup, ("name",)), (Delivery, ("kind",)),
)  # fmt: skip
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True)
class Asked:
    """One request: who asks what, and the status codes that are right. `path` may be made from the house that is asked."""

    name: str
    method: str
    path: str | Callable[[Front], str]
    status: int | tuple[int, ...]
    who: str = "nobody"
    csrf: bool = False
    request: dict[str, Any] | Callable[[Front], dict[str, Any]] = field(default_factory=dict)
    changes: bool = False


class Front:
    """Lea is invited to session 1 of the first organisation; `feed`, `old_feed`, `my`, `rsvp` are tokens of hers."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.database = Database(url)
        self.app = create_app(Settings(database_url=url, secret_keys=SECRETS), self.database, self.clock)
        self.api = open_house(self.app, self.database, self.clock, "Acme")
        self.other = open_house(self.app, self.database, self.clock, "Globex")
        lea = self.api.learner("Lea")
        course = self.api.course()["id"]
        group = self.api.post(f"/courses/{course}/groups", {"name": "Berlin", "learner_ids": [lea["id"]]})
        self.session = self.api.session(course_id=course, group_id=group["id"])
        self.enrolment = self.api.get(f"/sessions/{self.session['id']}/enrolments")["items"][0]
        self.lea = lea
        self.feed, self.old_feed = self._feeds()
        self.theirs = {"learner": self.other.learner("Tom")["id"], "session": self.other.session()["id"]}
        self.owner = self._desk("olga@example.org", "owner")
        self.viewer = self._desk("vera@example.org", "viewer")
        self.rsvp = rsvp(self.owner, self.enrolment["id"]).rpartition("/")[2]
        self.my = self.owner.my_page(self.api.do(lambda work: work.db.get_one(Learner, lea["id"]))).rpartition("/")[2]

    def _feeds(self) -> tuple[str, str]:
        kept, gone = (self.api.post(f"/learners/{self.lea['id']}/feeds", {"name": name}) for name in ("Phone", "Work"))
        self.api.do(lambda work: subscribing.revoke_feed(work, gone["id"]))
        return tuple(urlsplit(one["url"]).path.rpartition("/")[2].removesuffix(".ics") for one in (kept, gone))

    def _desk(self, email: str, role: str) -> Desk:
        desk = Desk(self.app.test_client(), self.app, House(self.database, "http://127.0.0.1:8000", clock=self.clock), self.clock, 1)
        desk.sign_in(email, role)
        return desk

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def ask(self, case: Asked):
        """The response, and the rows that matter before and after."""
        options = dict(case.request(self) if callable(case.request) else case.request)
        path = case.path(self) if callable(case.path) else case.path
        headers = dict(options.pop("headers", {}))
        clients = {"owner": self.owner.client, "viewer": self.viewer.client}
        client = clients.get(case.who) or self.app.test_client()
        if case.who in ("api", "other"):
            headers["Authorization"] = f"Bearer {getattr(self, case.who).token}"
            path = f"/api/v1{path}"
        if case.csrf:
            options["data"] = {"csrf_token": html.unescape(_TOKEN.search(client.get("/").text)[1]), **options.get("data", {})}
        if case.who in clients:
            headers.setdefault("Accept", "text/html")
        before = self.rows()
        response = client.open(path, method=case.method, headers=headers, **options)
        return response, before, self.rows()

    def rows(self) -> list:
        """What people would notice if it changed."""
        with self.database.read() as db:
            return [db.execute(select(*(getattr(row, name) for name in ("id", *names))).order_by(row.id)).all() for row, names in WATCHED]
