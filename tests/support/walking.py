"""A person at the product's pages in a real browser: signs in, reads the captured mail of anybody, presses what its reader would press."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from urllib.parse import quote

import icalendar
from playwright.sync_api import Browser, Locator, Page

from tests.replies import reply

from .product import Product, poll

OWNER = "olga@example.org"
MAILBOX = "training@localhost"


def sign_in(product: Product, browser: Browser, email: str = OWNER, role: str = "owner") -> dict:
    """The cookies of somebody's browser."""
    link = product.command("admin", "create", email, "--role", role).strip().split()[-1]
    context = browser.new_context()
    page = context.new_page()
    page.goto(product.here(link))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today").wait_for()
    state = context.storage_state()
    context.close()
    return state


@contextmanager
def walking(product: Product, browser: Browser, signed_in: dict | None = None, **context: object) -> Iterator[Walk]:
    """A walk with cookies of its own; scripts are off where `java_script_enabled=False`."""
    opened = browser.new_context(**{"storage_state": signed_in, "viewport": {"width": 1280, "height": 900}, **context})
    opened.set_default_timeout(30_000)
    try:
        yield Walk(product, opened.new_page())
    finally:
        opened.close()


@dataclass
class Walk:
    """One browser; `page` is Playwright's."""

    product: Product
    page: Page
    status: int = 0

    def go(self, path: str) -> Page:
        """Open a path, or an address that a mail names (at the port where the product really listens)."""
        answer = self.page.goto(self.product.here(path) if path.startswith("http") else self.product.url + path)
        self.status = answer.status if answer else 0
        return self.page

    def press(self, name: str) -> None:
        """Press the one button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        """Follow the first link of that name."""
        self.page.get_by_role("link", name=name).first.click()

    def press_access_key(self, letter: str) -> None:
        """Alt and a letter, as a keyboard sends them (Playwright's own `press` leaves out what the key means alone), and the page after."""
        keyboard = self.page.context.new_cdp_session(self.page)
        with self.page.expect_navigation():
            keyboard.send("Input.dispatchKeyEvent", {"type": "keyDown", "modifiers": 1, "key": letter, "unmodifiedText": letter})
            keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", "modifiers": 1, "key": letter})
        keyboard.detach()

    @property
    def says(self) -> str:
        """What the page answered to the last button."""
        return self.page.locator(".note[role=status], .note[role=alert]").first.inner_text()

    def row(self, text: str) -> str:
        """The words of the one row of a table that holds this text."""
        return " ".join(self.page.get_by_role("row").filter(has_text=text).inner_text().split())

    def open_mail(self, to: str, subject: str, saying: str = "") -> Message:
        """Wait for the newest captured mail with this in its subject (and words), open it as a program shows it; its octets, read."""

        def found() -> tuple[str, Message] | None:
            self.go(f"/dev/mailbox?to={quote(to)}")
            links = self.page.get_by_role("row").get_by_role("link", name=subject).all()
            mails = ((link.get_attribute("href"), self._source(link)) for link in links)
            return next(((path, mail) for path, mail in mails if saying in words_of(mail)), None)

        path, mail = poll(found, lambda: f"no mail “{subject}” to {to}: {self.page.locator('main').inner_text()}")
        self.go(path)
        return mail

    def _source(self, link: Locator) -> Message:
        return message_from_bytes(self.product.get(f"{link.get_attribute('href')}/source")[2])

    def link_in(self, mail: Message, path: str) -> str:
        """The address below a path that a mail names in its words."""
        return next(word.strip("<>.") for word in words_of(mail).split() if f"/{path}/" in word)

    def answer(self, button: str) -> str:
        """Press Accept, Maybe or Decline beside the open invitation: a REPLY goes by SMTP. What became of it."""
        self.press(button)
        return self.says

    def mail_in(self, invitation: Message, partstat: str, sender: str) -> None:
        """Answer an invitation by SMTP from whatever address."""
        event = calendar_of(invitation).events[0]
        attendee = str(event["ATTENDEE"]).removeprefix("mailto:")
        raw = reply(
            "google", uid=str(event["UID"]), attendee=attendee, sender=sender, partstat=partstat, sequence=int(event["SEQUENCE"]),
            dtstamp=datetime.now(UTC).replace(microsecond=0), dtstart=event["DTSTART"].dt, organizer=MAILBOX,
        )  # fmt: skip
        with smtplib.SMTP("127.0.0.1", self.product.smtp_port, timeout=30) as smtp:
            assert smtp.sendmail(sender, [MAILBOX], raw) == {}

    # -- what stands there before the story begins ------------------------------------------------

    def made(self, path: str, json: dict, status: int = 201) -> dict:
        """Make something by the API."""
        found, answer = self.product.api("POST", path, json)
        assert found == status, answer
        return answer

    def learner(self, name: str, **fields: str) -> dict:
        """Somebody new, at `<first name>@corp.example`."""
        return self.made("/learners", {"name": name, "email": f"{name.split()[0].lower()}@corp.example", **fields})

    def session(self, title: str, *, minutes_from_now: int = 60 * 24 * 30, **fields: object) -> dict:
        """A session of a course of its own, an hour long."""
        start = (datetime.now(UTC) + timedelta(minutes=minutes_from_now)).replace(tzinfo=None, second=0, microsecond=0)
        times = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat(), "timezone": "UTC"}
        course = self.made("/courses", {"name": f"Course of {title}"})
        return self.made("/sessions", {"course_id": course["id"], "title": title, **times, **fields})

    def enrol(self, session: dict, learner: dict, status: str = "Registered") -> dict:
        """Put somebody in by hand."""
        return self.made(f"/sessions/{session['id']}/enrolments", {"learner_id": learner["id"], "status": status})

    def own_page(self, learner: dict) -> str:
        """The address of a learner's own page, as the administrator's page names it."""
        self.go(f"/learners/{learner['id']}")
        return self.page.get_by_role("link", name="Their own page").get_attribute("href")


def words_of(mail: Message) -> str:
    """The words of a mail's plain part."""
    part = next(one for one in mail.walk() if one.get_content_type() == "text/plain")
    return part.get_payload(decode=True).decode()


def calendar_of(mail: Message) -> icalendar.Calendar:
    """The calendar part of a mail."""
    part = next(one for one in mail.walk() if one.get_content_type() == "text/calendar")
    return icalendar.Calendar.from_ical(part.get_payload(decode=True))
