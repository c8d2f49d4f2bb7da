"""Every page of the product in a real browser: axe in light and dark, wide and on a phone, and nothing wider than the phone.

The pages come from the table of routes: a new one is looked at by itself, or, where it needs an address that cannot be guessed,
the test fails until `PATHS` has one. What only a button leads to is in `visits`.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from feedserver import tokens
from feedserver.services import access, chats, checking_in, connecting, organising, reconciling
from feedserver.services.house import House
from feedserver.settings import Settings
from feedserver.store.database import Database
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from feedserver.vault import Vault
from feedserver.web import create_app
from feedserver.web.admin.calendar_view import VIEWS
from feedserver.web.admin.reports import KINDS
from tests.support.browsing import axe
from tests.support.product import Product, poll
from tests.support.walking import MAILBOX, Walk, sign_in, walking

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from werkzeug.routing import Rule

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("(serious)", "(critical)")
# Files, feeds and answers for programs.
NO_PAGES = {
    "static", "assets.static", "healthz", "readyz", "metrics", "feeds.feed", "feeds.audience_feed", "feeds.robots", "files.file", "admin.attendance_csv",
    "admin.report_csv", "admin.completion_csv", "admin.compliance_csv", "admin.mail_health_csv", "admin.inbound_source",
    "admin.delivery_source", "dev.source", "dev.html_part",
}  # fmt: skip
# Looked at by somebody who is not signed in.
OUTSIDE = ("learner.", "check_in.", "join.", "answers.", "confirming.", "stopping.", "admin.sign_in_page", "admin.signed_out")
ONBOARDING = {"onboarding_plan": "", "edit_onboarding_plan": "/edit", "start_onboarding": "/start"}
PASTED = "email,status\nann@corp.example,yes\nbob@corp.example,no\njonas.keller@example.net,no\nnobody@example.net,yes\n"
ADDRESSES = "Neo Newcomer <neo@example.net>\nanna.berger@example.net\nnot an address\n"
CSV = "email,name\nneo@example.net,Neo Newcomer\nbroken,Nobody\n"


@dataclass
class Sweep:
    """Looks at pages and keeps what is wrong with them."""

    found: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def look(self, page: Page, name: str) -> None:
        """One page as it stands: all folds open, wide in light, then narrow in dark."""
        self.seen.append(name)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for scheme, size in (("light", WIDE), ("dark", PHONE)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            self.found += [f"{name} {scheme} {size['width']}: {one}" for one in axe(page) if any(word in one for word in SERIOUS)]
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > size["width"]:
                self.found.append(f"{name}: {wide} px wide at {size['width']}")


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("sweep"), settle_seconds="0") as product:
        product.command("demo")
        yield product


@pytest.mark.timeout(400)
def test_every_page_is_fit_for_all_in_light_and_dark_wide_and_on_a_phone(product: Product, browser: Browser):
    signed_in, sweep, quiet = sign_in(product, browser), Sweep(), {"reduced_motion": "reduce"}
    with walking(product, browser, signed_in, **quiet) as desk, walking(product, browser, **quiet) as outside:
        paths = lived_in(desk)
        for endpoint, path in addresses(product, paths):
            walk = outside if endpoint.startswith(OUTSIDE) else desk
            walk.go(path)
            assert walk.status == (404 if path.endswith("/wrong") else 200), (
                f"{endpoint} {path} answers {walk.status}: give it an address in `lived_in`"
            )
            sweep.look(walk.page, f"{endpoint} {path}")
        for walk, name in visits(desk, outside, paths):
            sweep.look(walk.page, name)
    assert len(sweep.seen) > 70
    assert sweep.found == [], "\n".join(sweep.found)


def addresses(product: Product, paths: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """(endpoint, path) of every page that GET shows."""
    database = Database(product.environment["FEEDSERVER_DATABASE_URL"])
    app = create_app(Settings(database_url=database.url, secret_keys=("a-secret-of-the-tests-0123456789",)), database)
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and rule.endpoint not in NO_PAGES]
    database.close()
    for rule in rules:
        if rule.rule.startswith("/api/") and not rule.rule.endswith("/docs"):
            continue
        for path in paths.get(rule.endpoint) or [_usual(rule)]:
            yield rule.endpoint, path


def _examined(desk: Walk) -> str:
    """A test of the calendar doctor that was answered: it looks at nothing by itself any more."""
    desk.go("/mail/checks").get_by_label("Send it to").fill("boss@corp.example")
    desk.press("Send the invitation")
    path = desk.page.url.removeprefix(desk.product.url)
    desk.mail_in(desk.open_mail("boss@corp.example", "Test: "), "ACCEPTED", "boss@corp.example")
    poll(lambda: "would count" in desk.go(path).locator("main").inner_text(), "the answer to the test is not judged")
    return path


def _usual(rule: Rule) -> str:
    """A page of numbers is there with 1: the fixture makes one of everything."""
    assert all(name.endswith("_id") for name in rule.arguments), (
        f"give {rule.endpoint} ({rule.rule}) an address in `lived_in`, or put it in NO_PAGES"
    )
    return rule.build(dict.fromkeys(rule.arguments, 1))[1]


def lived_in(desk: Walk) -> dict[str, list[str]]:
    """A house in which everything has happened once. Endpoint -> its addresses, where 1 is not the one to look at."""
    sessions = {one["title"]: one for one in desk.product.api("GET", "/sessions?limit=50")[1]["items"]}
    practice, asked = sessions["First aid: practice day"], sessions["Becoming a data protection contact"]
    ann, bob, eva = (desk.learner(name, manager_email="boss@corp.example") for name in ("Ann Ample", "Bob Second", "Eva Third"))
    desk.made("/courses/1/milestones", {"kind": "completion_deadline", "title": "Everything about first aid", "day": "2027-03-31"})
    desk.made("/completions", {"learner_id": 1, "course_id": 1, "note": "On paper"})
    kind = desk.made("/certificate-kinds", {"name": "First aid at work, with defibrillator", "validity_months": 24, "course_id": 2})
    desk.made("/certificates", {"learner_id": bob["id"], "kind_id": kind["id"], "awarded_on": "2024-12-01"})
    desk.made("/rooms", {"name": "Blue room", "capacity": 12})
    steps = [
        {"days": -3, "title": "Send your photo"},
        {"days": 1, "kind": "session", "course_id": 1},
        {"days": 30, "kind": "completion", "course_id": 1},
    ]
    plan = desk.made("/onboarding-plans", {"name": "New in production", "description": "With *Ada*.", "steps": steps})
    new = desk.made("/onboardings", {"learner_id": ann["id"], "plan_id": plan["id"], "start_date": "2027-03-01"})
    weekly = desk.session("Every week", recurrence="FREQ=WEEKLY;COUNT=8", instructors=["trainer@example.net"])
    desk.enrol(weekly, bob)
    monthly = desk.session("Every month", recurrence="FREQ=DAILY;INTERVAL=30;COUNT=3")
    desk.enrol(monthly, bob, "Invited")
    date = weekly["occurrences"][2]
    weekly_mail = desk.open_mail(bob["email"], "Every week")
    desk.made("/audience-feeds", {"audience": "room", "subject": "1", "subscriber": "The screen beside the door of the blue room"})
    now = desk.session("Right now", minutes_from_now=-10, join_url="https://meet.example.net/now", instructors=["trainer@example.net"])
    full = desk.session(
        "Full house", capacity=1, waiting_list=True, location="A place with quite a long name, third floor, behind the lift"
    )
    inside = [desk.enrol(now, one) for one in (ann, bob, eva)]
    first = desk.enrol(full, ann)
    for one in (bob, eva):
        desk.made(f"/sessions/{full['id']}/registrations", {"learner_id": one["id"]})
    desk.made(f"/sessions/{asked['id']}/registrations", {"learner_id": eva["id"]})
    desk.open_mail(ann["email"], "Invitation: Full house")
    assert desk.product.api("DELETE", f"/enrolments/{first['id']}")[0] == 204
    offer = desk.open_mail(bob["email"], "A seat is free for you")
    desk.mail_in(offer, "ACCEPTED", "bob.private@home.example")
    desk.mail_in(offer, "ACCEPTED", "somebody.with.a.very.long.address.indeed@department.of.long.names.example")
    with smtplib.SMTP("127.0.0.1", desk.product.smtp_port) as smtp:
        smtp.sendmail(
            ann["email"], [MAILBOX], f"From: {ann['email']}\r\nTo: {MAILBOX}\r\nSubject: Parking?\r\n\r\nIs there any?\r\n".encode()
        )
    poll(lambda: not desk.product.api("GET", "/inbound?outcome=pending")[1]["items"], "what came in is not judged")
    mine = desk.own_page(bob)
    signed = _signed(desk.product, now["id"], inside[0]["id"])
    desk.go(mine).get_by_text("Send my mail to another address").click()
    desk.page.get_by_label("Another address of yours").fill("bob.home@home.example")
    desk.press("Ask that address")
    second = desk.open_mail("bob.home@home.example", "address")
    approval = desk.open_mail("boss@corp.example", "Please approve")
    strange = desk.open_mail(bob["email"], "Was this you")
    numbers = [one["id"] for one in desk.product.api("GET", "/inbound")[1]["items"]]
    _files(desk, practice)
    _plan(desk, asked)
    people = [
        {"external_id": f"E-{n}", "email": address, "name": "Somebody"} for n, address in enumerate(("new@corp.example", "no address"))
    ]
    assert desk.product.api("PUT", "/sync/learners", {"items": people})[1]["refused"] == 1
    desk.go("/learners/import").get_by_label("Or paste its lines").fill(CSV)
    desk.press("Look at it")
    cancelled = desk.open_mail(ann["email"], "Full house") and desk.page.url.rpartition("/")[2]
    examined = _examined(desk)
    return {
        "admin.split_series": [f"/sessions/{date['id']}/following"],
        "admin.session": [f"/sessions/{one['id']}" for one in (weekly, monthly, date, practice, full, asked, now, sessions["First aid: the basics"])],
        "admin.edit_session": [f"/sessions/{one['id']}/edit" for one in (full, asked, weekly, date)],
        "admin.cancel_session": [f"/sessions/{one['id']}/cancel" for one in (full, weekly, date)],
        "admin.preview_session": [f"/sessions/{asked['id']}/preview"],
        "admin.session_files": [f"/sessions/{practice['id']}/files"],
        "admin.attendance": [f"/sessions/{one['id']}/attendance" for one in (now, practice)],
        "admin.check_in_code": [f"/sessions/{one['id']}/check-in" for one in (now, practice)],
        "admin.calendar": [f"/calendar?view={view}" for view in VIEWS],
        "admin.sessions": ["/sessions", "/sessions?which=past", "/sessions?q=nothing+like+that"],
        "admin.onboarding_list": ["/onboarding", "/onboarding?away=1"],
        **{f"admin.{name}": [f"/onboarding/{plan['id']}{path}"] for name, path in ONBOARDING.items()},
        "admin.edit_onboarding_step": [f"/onboarding/{plan['id']}/steps/{plan['steps'][1]['id']}"],
        "admin.onboarding_of": [f"/onboardings/{new['id']}"],
        "admin.completion_report": ["/reports/completions", "/reports/completions?by=team"],
        "admin.compliance_report": ["/reports/compliance", "/reports/compliance?by=team", "/reports/compliance?state=lapsed&team=Nobody"],
        "admin.report": [f"/reports/{kind}" for kind in KINDS],
        "admin.learner": ["/learners/1", f"/learners/{bob['id']}"],
        "admin.mail_out": ["/mail/out", "/mail/out?state=dead"],
        "admin.delivery": ["/mail/out/1", "/mail/out/2"],
        "admin.mail_check": [examined],
        "admin.connection": [_connected(desk.product)],
        "admin.webhook": [_told(desk)],
        "admin.chat": [_heard(desk.product)],
        "admin.mail_in": ["/mail/in", "/mail/in?outcome=quarantined"],
        "admin.inbound": [f"/mail/in/{number}" for number in numbers],
        "admin.sign_in_page": [signed["sign_in"], "/sign-in/wrong"],
        "dev.mailbox": ["/dev/mailbox"],
        "dev.message": ["/dev/mailbox/1", f"/dev/mailbox/{cancelled}"],
        "learner.my_page": [mine, desk.own_page(eva)],
        "learner.courses": [f"{mine}/courses"],
        "learner.address": [desk.link_in(second, "address")],
        "check_in.scanned": [signed["code"], "/check-in/wrong"],
        "check_in.from_mail": [signed["check_in"]],
        "join.join_page": [signed["join"]],
        "answers.rsvp": [desk.link_in(offer, "rsvp"), desk.link_in(weekly_mail, "rsvp")],
        "answers.approval": [desk.link_in(approval, "approvals")],
        "confirming.confirm": [desk.link_in(strange, "confirm")],
        "stopping.show": [signed["stop"], "/stop/wrong"],
    }  # fmt: skip


def _told(desk: Walk) -> str:
    """A webhook that was tried; nobody answers at its address."""
    made = desk.made(
        "/webhooks", {"name": "The personnel system of the whole company", "url": "https://personnel.example/hooks/for/training"}
    )
    desk.made(f"/webhooks/{made['id']}/test", {})
    return f"/connections/webhooks/{made['id']}"


def _heard(product: Product) -> str:
    """A chat channel that was told something."""
    house = House(Database(product.environment["FEEDSERVER_DATABASE_URL"]), product.url, vault=Vault(("k" * 32,)))

    def verb(work) -> str:
        one = chats.create(work, {"name": "#everything-about-training", "flavour": "slack", "url": "https://hooks.example/services/x"})
        chats.test(work, one.id)
        return f"/connections/chats/{one.id}"

    path = house.run(1, "admin:sweep", verb)
    house.database.close()
    return path


def _connected(product: Product) -> str:
    """A calendar elsewhere that was compared once and refuses the password now; nobody answers at its address."""
    house = House(Database(product.environment["FEEDSERVER_DATABASE_URL"]), product.url, vault=Vault(("k" * 32,)))
    values = {
        "name": "The screen beside the door of the blue room",
        "url": "https://cloud.example/dav/rooms/",
        "username": "fs",
        "password": "x",
    }

    def verb(work) -> str:
        one = connecting.connect(work, values)
        reconciling.note(work, one.id, ())
        for finding in ("missing", "extra", "different"):
            kept = {
                "state": finding,
                "session_id": 1,
                "title": "First aid",
                "uid": "u",
                "href": "h",
                "etag": "",
                "fields": ["title", "start"],
            }
            one.report = {**one.report, finding: 1, "findings": [*one.report["findings"], kept]}
        one.state, one.problem, one.problem_at = (
            "broken",
            "It refuses the user name or the password (401). Enter the app password again.",
            work.now,
        )
        return f"/connections/{one.id}"

    found = house.run(1, "system", verb)
    house.database.close()
    return found


def _signed(product: Product, session_id: int, enrolment_id: int) -> dict[str, str]:
    """Addresses that carry a token, as mails and the wall show them; and a mail that failed, which the relay of this house never lets one do."""
    house = House(Database(product.environment["FEEDSERVER_DATABASE_URL"]), product.url)

    def verb(work) -> dict[str, str]:
        organising.edit_organisation(work, {"join_links": "page"})
        failed = {
            "state": "dead",
            "last_code": 550,
            "last_error": "550 5.1.1 No such user here: the address does not exist, or no longer does.",
        }
        work.db.execute(update(Delivery).where(Delivery.id == 2).values(failed))
        return {
            "code": checking_in.code_url(work, work.db.get_one(LiveSession, session_id)),
            "check_in": f"{product.url}/check-in/me/{tokens.sign(tokens.CHECK_IN_MAIL, str(enrolment_id), work.key_secret)}",
            "join": product.url + tokens.join_path(enrolment_id, work.key_secret),
            "stop": f"/stop/{tokens.sign(tokens.STOP, f'reminder.{work.db.get_one(Learner, 1).page_id}', work.key_secret)}",
            "sign_in": f"/sign-in/{access.create_sign_in(work, 'vera@example.net', 'viewer')}",
        }

    found = house.run(1, "system", verb)
    house.database.close()
    return found


def _files(desk: Walk, session: dict) -> None:
    desk.go(f"/sessions/{session['id']}/files")
    desk.page.get_by_label("File").set_input_files(
        {"name": "What to bring and where to park.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}
    )
    desk.press("Add the file")


def _plan(desk: Walk, session: dict) -> None:
    desk.go(f"/sessions/{session['id']}/edit")
    desk.page.get_by_label("Place").fill("Online only")
    desk.press("Only plan it")


def visits(desk: Walk, outside: Walk, paths: dict[str, list[str]]) -> Iterator[tuple[Walk, str]]:
    """What only a button leads to, and what is not there."""
    session = paths["admin.attendance"][0].removesuffix("/attendance")
    desk.go(f"{session}/attendance").get_by_label("Or paste it").fill(PASTED)
    desk.press("Look at it")
    yield desk, "list preview"
    desk.go(f"{session}/people/many").get_by_label("Or a list of addresses").fill(ADDRESSES)
    desk.press("Show what will happen")
    yield desk, "many at once, preview"
    desk.go("/learners/import/1")
    desk.press("Bring them in")
    yield desk, "import done"
    desk.go("/certificates/import").get_by_label("Or paste its lines").fill("email,certificate\nnobody@example.net,1\n")
    desk.press("Look at it")
    yield desk, "certificates, preview"
    desk.go("/courses/1/sessions/new").get_by_label("Title").fill("")
    desk.press("Save")
    yield desk, "form with an error"
    desk.page.get_by_label("Title").fill("Drills")
    desk.page.get_by_label("Repeats").select_option("DAILY")
    desk.page.get_by_label("Ends after so many dates").fill("9")
    desk.press("Save")
    desk.page.get_by_role("button", name="Make the series").wait_for()
    yield desk, "a series before it is made"
    desk.go(paths["admin.onboarding_of"][0]).get_by_label("First day").fill("2027-03-08")
    desk.press("Show what moves")
    yield desk, "an onboarding before it is moved"
    desk.go("/settings").get_by_label("Name of the program").fill("For the portal")
    desk.press("Make a token")
    yield desk, "a token, shown once"
    desk.go("/dev/mailbox/1")
    desk.press("Accept")
    yield desk, "an answer that went by mail"
    desk.go("/nothing/here")
    yield desk, "nothing here"
    for path in ("/my/wrong", "/"):
        outside.go(path)
        yield outside, f"not for strangers: {path}"
    outside.go(paths["answers.rsvp"][0])
    outside.press("No")
    yield outside, "gave up the seat"
    outside.go(paths["answers.approval"][0])
    outside.press("Refuse")
    yield outside, "refused"
    outside.go(paths["confirming.confirm"][0])
    outside.press("No, that was not me")
    yield outside, "was not them"
    outside.go(paths["learner.address"][0])
    outside.press("Yes, send it here")
    yield outside, "address taken"
    outside.go(paths["check_in.from_mail"][0])
    outside.press("I am here")
    yield outside, "checked in"
    outside.go(paths["join.join_page"][0].replace("/join/", "/join/x"))
    yield outside, "no such join page"
