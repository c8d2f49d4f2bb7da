"""Real processes, real SMTP: the hourly mail to ourselves goes the whole round, and a set-up ends with an answer that was seen."""

from __future__ import annotations

import html
import re
import smtplib
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from sqlalchemy import update

from feedserver.store.database import Database
from feedserver.store.sessions import LiveSession
from tests.support.product import Product, poll

from .world import MAILBOX, World

BOSS = {"email": "boss@corp.example", "name": "Boss"}


class Desk:
    """A signed-in browser without JavaScript."""

    def __init__(self, product: Product) -> None:
        self.product, self.browser = product, build_opener(HTTPCookieProcessor(CookieJar()))
        link = product.command("admin", "create", "olga@example.org", "--role", "owner").strip().split()[-1]
        self.press(product.here(link), product.here(link))

    def press(self, page: str, action: str, **fields: str) -> str:
        """Send a form of a page; where it led."""
        token = html.unescape(re.search(r'name="csrf_token" value="([^"]+)"', self.read(page))[1])
        with self.browser.open(self.product.here(action), urlencode({"csrf_token": token, **fields}).encode(), timeout=30) as answer:
            return answer.url

    def read(self, page: str) -> str:
        with self.browser.open(page if page.startswith("http") else self.product.url + page, timeout=30) as answer:
            return html.unescape(answer.read().decode())


def bring_back(world: World, number: int) -> None:
    """What the relay took for the mailbox reaches the receiver, as the mailbox's server would bring it, `number` times."""
    mine = poll(
        lambda: len(found := [m for m in world.relay.messages if "training" in m.recipients[0]]) >= number and found,
        "no mail to ourselves",
        30,
    )
    for mail in mine[:number]:
        with smtplib.SMTP("127.0.0.1", world.product.smtp_port, timeout=30) as smtp:
            smtp.sendmail(mail.sender, mail.recipients, mail.data)


def test_a_mail_to_ourselves_goes_round_by_smtp_and_a_set_up_ends_with_an_answer(tmp_path: Path):
    with World.open(tmp_path) as world:
        lea, session = world.learner("Lea"), world.session()
        world.enrol(session, lea)
        world.mails(lea, 1)
        database = Database(world.product.environment["FEEDSERVER_DATABASE_URL"])
        with database.write() as db:
            db.execute(update(LiveSession).values(created_at=datetime.now(UTC) - timedelta(hours=1)))
        database.close()
        bring_back(world, 2)
        came = poll(
            lambda: len(found := [m for m in world.all("/inbound?outcome=auto_reply") if m["reason_code"] == "loopback"]) == 2 and found,
            "not judged",
            30,
        )
        assert {(m["kind"], m["sender"], m["via"]) for m in came} == {("reply", MAILBOX, "smtp")}
        assert world.enrolment(session, lea)["status"] == "Invited"
        desk = Desk(world.product)
        assert "Answers come back" in desk.read("/") and "feedserver_circles_broken 0.0" in world.product.get("/metrics")[2].decode()
        assert "a test mail went out and came back 0 minutes ago" in world.product.command("doctor", status=1)

        page = desk.press("/mail/setup", "/mail/checks", kind="setup", address=BOSS["email"])
        (asked,) = world.mails(BOSS, 1)
        assert world.answer(BOSS, asked, "ACCEPTED", "exchange")["reason_code"] == "setup"
        read = desk.read(page)
        assert "The set-up is done" in read and "Exchange" in read and "ORGANIZER is missing" in read
        _, over = world.mails(BOSS, 2)
        assert (over.method, over.uid, over.sequence) == ("CANCEL", asked.uid, 1)
        assert "An answer has come the whole way" in desk.read("/mail/setup")
