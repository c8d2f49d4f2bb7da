"""Answers come by other doors too: through a real Postfix by LMTP or a pipe, and out of a mailbox at a real Dovecot."""

from __future__ import annotations

import random
import shlex
import smtplib
import sqlite3
import sys
import time
from contextlib import closing

import pytest

from tests.mail.fake_relay import FakeRelay
from tests.support.mail_servers import CERTIFICATE, Dovecot, Postfix, free_port
from tests.support.product import ROOT, Product, poll

from .world import World

OURS = "training@training.example"
MANUAL = (ROOT / "docs" / "operations.md").read_text()


def samples(heading: str, **instead: str) -> list[str]:
    """The configuration that the manual shows under a heading, for this machine."""
    chapter = MANUAL.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    blocks = chapter.split("```")[1::2]
    for theirs, ours in {"training.example.org": "training.example", "training\\.example\\.org": "training\\.example", **instead}.items():
        blocks = [block.removeprefix("text\n").replace(theirs, ours) for block in blocks]
    return blocks


def arrived(world: World, number: int) -> list[dict]:
    """What came in, once there is so much and all of it is judged."""
    poll(lambda: len(world.all("/inbound")) >= number, lambda: f"{len(world.all('/inbound'))} of {number} came in")
    world.quiet()
    return world.all("/inbound")


def test_behind_postfix_the_circle_closes_and_a_bounce_finds_its_learner(tmp_path):
    ours, relay = free_port(), FakeRelay({"RCPT": ["550 5.1.1 no such user"]})
    settings = {"inbound_protocol": "lmtp", "inbound_bind": f"127.0.0.1:{ours}", "organizer": f"Training <{OURS}>"}
    table = tmp_path / "training_recipients"
    main, recipients, *_ = samples(
        "Behind Postfix, by LMTP", **{"127.0.0.1:2525": f"127.0.0.1:{ours}", "/etc/postfix/training_recipients": str(table)}
    )
    table.write_text(recipients)
    with (
        Postfix(tmp_path, main, default=f"smtp:[127.0.0.1]:{relay.port}") as postfix,
        World.open(tmp_path, relay, smtp_url=postfix.url, **settings) as world,
    ):
        world.mailbox = OURS
        gone, lea, session = world.learner("Gone"), world.learner("Lea"), world.session()
        world.enrol(session, gone)
        (bounce,) = arrived(world, 1)
        assert (bounce["via"], bounce["outcome"], bounce["learner_id"]) == ("lmtp", "bounce", gone["id"]), bounce
        world.enrol(session, lea)
        (invitation,) = world.mails(lea, 1)
        assert invitation.received.sender.startswith("training+b-") and invitation.received.sender.endswith("@training.example")
        postfix.send(world.reply(lea, invitation, "ACCEPTED"), lea["email"], OURS)
        arrived(world, 2)
        assert world.enrolment(session, lea)["status"] == "Registered", postfix.words()
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            postfix.send(b"From: a@b.example\r\n\r\n", "a@b.example", "nobody@training.example")


def test_what_the_pipe_cannot_take_now_postfix_brings_again(tmp_path):
    product = Product(tmp_path)
    names = ("FEEDSERVER_DATABASE_URL", "FEEDSERVER_SECRET_KEYS", "PYTHONPATH")
    wrapper = tmp_path / "python"
    lines = [f"export {name}={shlex.quote(product.environment[name])}" for name in names]
    wrapper.write_text("\n".join(["#!/bin/sh", *lines, f'exec {shlex.quote(sys.executable)} "$@"', ""]))
    wrapper.chmod(0o755)
    here = {"user=feedserver": "user=nobody", "/srv/feedserver/.venv/bin/python": str(wrapper), "/srv/feedserver": str(ROOT)}
    service, main, *_ = samples("Behind Postfix, by a pipe", **here)
    with Postfix(tmp_path, main, service) as postfix:
        postfix.send(b"From: mia@corp.example\r\nSubject: I am ill\r\n\r\nSorry.\r\n", "mia@corp.example", OURS)
        poll(lambda: "status=deferred (temporary failure. Command output: It could not be stored now" in postfix.words(), postfix.words)
        product.command("migrate")
        poll(lambda: "status=sent (delivered via feedserver service)" in postfix.words(), postfix.words)
        with closing(sqlite3.connect(tmp_path / "feedserver.db")) as db:
            assert db.execute("SELECT via, envelope_from, envelope_to FROM inbound_messages").fetchall() == [
                ("ingest", "mia@corp.example", f'["{OURS}"]')
            ]


@pytest.mark.timeout(120)
def test_out_of_a_mailbox_every_answer_is_taken_once_though_the_worker_dies(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    number, moments = 12, random.Random()
    with Dovecot() as dovecot, World.open(tmp_path, parts=("web", "worker"), imap_url=dovecot.url()) as world:
        people = world.crowd(number)
        session = world.session_of(people)
        poll(lambda: len(world.relay.messages) >= number, "not all were invited")
        mails = {mail.to: mail for mail in world.mails()}
        dovecot.deliver(*(world.reply(p, mails[p["email"]], "ACCEPTED") for p in people))
        time.sleep(moments.uniform(0, 0.4))  # at any moment, not at one that can be told from outside
        world.product.kill9("worker")
        world.product.start("worker")
        found = arrived(world, number)
        statuses = [e["status"] for e in world.all(f"/sessions/{session['id']}/enrolments")]
        assert (len(found), {m["via"] for m in found}, {m["outcome"] for m in found}) == (number, {"imap"}, {"applied"})
        assert statuses == ["Registered"] * number
        assert "opens and holds" in world.product.command("doctor", status=1), "nobody listens at BASE_URL, so doctor ends with 1"
