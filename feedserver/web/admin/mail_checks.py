"""Do answers come back: the guided set-up with its test mail, the calendar doctor, how mail fares by domain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Response, redirect, request, url_for
from sqlalchemy import func, select

from ...errors import Conflict, NotFound
from ...services import circle_watch, circling, mail_domains
from ...services.finding import find
from ...services.work import Work
from ...store.circles import DOCTOR, LOOPBACK, SETUP, Circle
from ...store.mailboxes import PolledMailbox
from ...store.outbox import MAIL, SENT, Delivery, RelayPace
from .. import exchangers, pages, reaching
from ..forms import Field, Form
from ..house import house, settings
from ..reaching import DONE, NOT_YET, UNKNOWN, Check
from .attendance import csv_file
from .desk import act, admin, look, run
from .findings import steps

_FEW = 20
_LOOKED_UP = 30
_WATCHED = timedelta(minutes=15)
_AGAIN = 5
ADDRESS = (Field("address", "Send it to", "mail", required=True, hint="Any mailbox that you can open: best one as your learners have."),)


@admin.get("/mail/setup")
def mail_setup() -> Response:
    """What to enter where, what is done already, and the test that ends it."""
    return _setup(())


@admin.post("/mail/setup/check")
def check_setup() -> Response:
    """Try what can be tried from here; no mail is sent."""
    found = settings()
    mailbox = look(lambda work: work.organisation.mailbox_address)
    return _setup((reaching.relay(found), reaching.receiver(found, mailbox)))


@admin.get("/mail/checks")
def mail_checks() -> Response:
    """The calendar doctor: a test to any mailbox, and those of before."""
    return _doctor(Form(ADDRESS))


@admin.post("/mail/checks")
def send_check() -> Response:
    """Send a test: to an address for the set-up or the doctor, or a loopback at once."""
    kind = request.form.get("kind", DOCTOR)
    if kind == LOOPBACK:
        return act(_loopback, "mail_setup")
    kind = kind if kind in (SETUP, DOCTOR) else DOCTOR
    form = Form.sent(ADDRESS, request.form)
    circle = form.attempt(lambda: run(lambda work: circling.send_test(work, kind, form.values["address"])))
    if circle is None:
        return _setup((), form) if kind == SETUP else _doctor(form)
    return redirect(url_for("admin.mail_check", circle_id=circle.id), 303)


@admin.get("/mail/checks/<id:circle_id>")
def mail_check(circle_id: int) -> Response:
    """One test, step by step; it looks again by itself while an answer may come."""

    def shown(work: Work) -> dict[str, Any]:
        circle = find(work, Circle, circle_id)
        if circle.kind == LOOPBACK:
            raise NotFound("That is a mail to ourselves; Today and the set-up show how it fares.")
        delivery = work.db.get(Delivery, circle.delivery_id) if circle.delivery_id else None
        open_ = circle.came_back_at is None and circle.failed_at is None and work.now - circle.sent_at < _WATCHED
        return {"circle": circle, "delivery": delivery, "open": open_, "steps": steps(circle, delivery, work.organisation.mailbox_address)}

    found = look(shown)
    response = pages.page("admin/mail_check.html", **found)
    if found["open"]:
        response.headers["Refresh"] = str(_AGAIN)
    return response


@admin.post("/mail/checks/<id:circle_id>/end")
def end_check(circle_id: int) -> Response:
    """Take the entry out of that calendar, with or without an answer."""

    def verb(work: Work) -> str:
        circling.end_test(work, circle_id)
        return "A cancellation takes the entry out of that calendar."

    return act(verb, "mail_check", circle_id=circle_id)


@admin.get("/mail/health")
def mail_health() -> Response:
    """How mail fares by domain."""
    return _health({})


@admin.post("/mail/health/servers")
def mail_servers() -> Response:
    """Ask the DNS which domains share the mailbox's server."""
    domains, mailbox = look(_domains)
    home = mailbox.rpartition("@")[2].lower()
    known = exchangers.of_all((home, *domains))
    return _health(mail_domains.neighbours(domains, mailbox, lambda one: known.get(one, ())), looked_up=True)


@admin.get("/mail/health.csv")
def mail_health_csv() -> Response:
    """The same for a spreadsheet."""
    return csv_file(look(mail_domains.fares_csv), "mail-health.csv")


def _loopback(work: Work) -> str:
    if settings().captures:
        raise Conflict("Mail is captured here and does not leave, so none can come back. Set SMTP_URL first.")
    if circle_watch.loops_lately(work) >= circling.MOST_AN_HOUR:
        raise Conflict("Many were sent within the last hour. Wait a little.")
    circling.send_loopback(work)
    return "A mail to ourselves is on its way. Look again in a moment."


def _domains(work: Work) -> tuple[list[str], str]:
    return [one.domain for one in mail_domains.fares(work, _LOOKED_UP)], work.organisation.mailbox_address


def _health(shared: dict[str, str], looked_up: bool = False) -> Response:
    def found(work: Work) -> dict[str, Any]:
        rows = pages.paged(lambda limit, offset: mail_domains.fares(work, limit, offset))
        home = work.organisation.mailbox_address.rpartition("@")[2].lower()
        # The same domain needs no DNS to be told.
        own = mail_domains.neighbours([one.domain for one in rows.items], work.organisation.mailbox_address, lambda _domain: ())
        return {"rows": rows, "home": home, "shared": {**own, **shared}}

    return pages.page("admin/mail_health.html", looked_up=looked_up, **look(found))


def _doctor(form: Form) -> Response:
    tests = look(lambda work: pages.paged(lambda limit, offset: circle_watch.listed(work, limit, offset), _FEW))
    return pages.page("admin/mail_checks.html", 200 if form.ok else 422, form=form, tests=tests)


def _setup(tried: tuple[Check, ...], form: Form | None = None) -> Response:
    found = settings()

    def shown(work: Work) -> dict[str, Any]:
        checks = [*(tried or (_relay_seen(work),)), _imap_seen(work), _authserv(), _proved(work)]
        mailbox = work.organisation.mailbox
        last = next(iter(circle_watch.listed(work, 1)), None)
        return {
            "checks": [one for one in checks if one], "mailbox": mailbox, "local": mailbox.address.rpartition("@")[0], "domain": mailbox.domain,
            "loop": None if found.captures else circle_watch.look(work), "last": last, "proved": work.organisation.mailbox_proved_at,
        }  # fmt: skip

    host, port = found.inbound_bind
    names = {
        "web_host": urlsplit(found.base_url).hostname, "bind": f"{host}:{port or 2525}", "port": port or 2525, "protocol": found.inbound_protocol,
        "relay_host": None if found.captures else urlsplit(found.smtp_url).hostname, "imap": bool(found.imap_url), "authserv_id": found.trusted_authserv_id,
    }  # fmt: skip
    form = form or Form(ADDRESS, {})
    return pages.page("admin/mail_setup.html", 200 if form.ok else 422, form=form, tried=bool(tried), **names, **look(shown))


def _relay_seen(work: Work) -> Check:
    if settings().captures:
        return Check("Relay", NOT_YET, "Mail is captured here and leaves by no relay: set SMTP_URL.")
    problem = work.db.scalar(select(RelayPace.problem).where(RelayPace.problem.is_not(None)).limit(1))
    if problem:
        return Check("Relay", NOT_YET, problem)
    last = work.db.scalar(
        select(func.max(Delivery.final_at)).where(
            Delivery.organisation_id == work.organisation_id, Delivery.channel == MAIL, Delivery.state == SENT
        )
    )
    return Check("Relay", DONE, "It has taken mail of ours.") if last else Check("Relay", UNKNOWN, "It has taken no mail of ours yet.")


def _imap_seen(work: Work) -> Check | None:
    if not settings().imap_url:
        return None
    row = work.db.scalars(select(PolledMailbox).order_by(PolledMailbox.last_seen_at.desc()).limit(1)).first()
    if row is None or (row.last_seen_at is None and not row.problem):
        return Check("IMAP mailbox", UNKNOWN, "Nobody has looked into it yet: is a worker alive?")
    if row.problem:
        return Check("IMAP mailbox", NOT_YET, row.problem)
    fresh = row.last_seen_at > house().clock() - timedelta(minutes=10)
    return Check(
        "IMAP mailbox", DONE if fresh else NOT_YET, "It is looked through." if fresh else "Nobody has looked into it for ten minutes."
    )


def _authserv() -> Check:
    name = settings().trusted_authserv_id
    if name:
        return Check("Proof of origin", DONE, f"What {name} writes in Authentication-Results is believed (TRUSTED_AUTHSERV_ID).")
    words = "TRUSTED_AUTHSERV_ID is not set: without it answers are judged by UID, ATTENDEE and From. Set it where a server in front checks mail."
    return Check("Proof of origin", UNKNOWN, words)


def _proved(work: Work) -> Check:
    if work.organisation.mailbox_proved_at:
        return Check("An answer", DONE, "An answer has come the whole way and counted.")
    return Check("An answer", NOT_YET, "No answer has come the whole way yet: send the test and press Yes in it.")
