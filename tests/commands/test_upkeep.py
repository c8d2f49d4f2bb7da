"""The person who runs the server asks what is wrong; old things go by themselves."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from feedserver import tokens
from feedserver.commands import checks, demo, rejudging, upkeep
from feedserver.services import access, learning, receiving, remembering, retention
from feedserver.services.receiving import Received, Verdict
from feedserver.store import claims, keys
from feedserver.store.access import BrowserSession, RememberedAnswer, SignInLink
from feedserver.store.feeds import Feed
from feedserver.store.history import HistoryEntry
from feedserver.store.inbox import InboundMessage
from feedserver.store.outbox import OPEN, SENDING, SENT, CapturedMessage, Delivery, MailSkeleton, Worker
from feedserver.store.verdicts import VerdictRow


def report(desk, **settings) -> dict[str, tuple[str, str]]:
    """Subject -> (level, words)."""
    found = replace(desk.found, inbound_bind=("127.0.0.1", 1), base_url="http://127.0.0.1:1", **settings)
    return {line.subject: (line.level, line.words) for line in checks.examine(found, desk.house.clock())}


@pytest.fixture
def listening():
    """A port where somebody says something to whoever comes, then hangs up."""
    servers = []

    def listen(said: bytes) -> tuple[str, int]:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(said)
                        connection.settimeout(5)
                        connection.recv(1000)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()

    yield listen
    for server in servers:
        server.close()


def test_a_database_that_is_well_is_said_to_be_well(desk):
    said = report(desk)
    for subject in ("database", "clock", "ORGANIZER", "outgoing mail", "incoming mail", "zone data"):
        assert said[subject][0] == "ok", said[subject]


def test_a_database_that_loses_what_it_said_yes_to_is_found_out(desk):
    with desk.house.database.read() as db:
        safe = desk.house.database.is_sqlite or db.connection().exec_driver_sql("SHOW fsync").scalar() == "on"
    level, words = report(desk)["durability"]
    assert level == ("ok" if safe else "FAIL") and (safe or "fsync" in words)  # the tests' own server has it off


def test_what_does_not_run_fails_with_the_command_that_starts_it(quick):
    done = quick(upkeep.doctor)
    assert done.exit_code == 1
    assert "FAIL worker: none is alive" in done.output and "start `python -m feedserver serve`" in done.output


def test_no_database_yet_says_what_to_run(quick):
    said = report(quick, database_url=f"sqlite:///{quick.folder}/none.db")
    assert said["database"] == ("FAIL", "there is none yet: run `python -m feedserver migrate`.")
    assert not (quick.folder / "none.db").exists()


def test_an_old_schema_and_a_dead_server_are_told_apart(quick):
    (quick.folder / "old.db").touch()
    assert "its schema is not that of this version" in report(quick, database_url=f"sqlite:///{quick.folder}/old.db")["database"][1]
    assert "cannot be used" in report(quick, database_url="postgresql+psycopg://x@127.0.0.1:1/none")["database"][1]


def test_a_setting_that_is_wrong_is_a_line_of_the_report(quick, monkeypatch):
    monkeypatch.setenv("FEEDSERVER_SMTP_URL", "pigeon:")
    done = quick(upkeep.doctor)
    assert done.exit_code == 1 and done.output.startswith("FAIL settings: FEEDSERVER_SMTP_URL is wrong")


def test_an_organizer_that_differs_from_the_database_is_shown(quick, monkeypatch):
    monkeypatch.setenv("FEEDSERVER_ORGANIZER", "Courses <courses@corp.example>")
    assert "warn ORGANIZER: the setting says Courses <courses@corp.example>" in quick(upkeep.doctor).output


def test_a_clock_that_went_back_is_noticed(desk):
    ahead = desk.house.clock() + timedelta(hours=1)
    desk.do(lambda work: work.db.add(HistoryEntry(organisation_id=desk.number, at=ahead, actor="test", verb="seen")))
    assert report(desk)["clock"][0] == "FAIL"


def test_mail_that_is_late_is_told_with_the_reason(desk):
    demo.fill_if_empty(desk.found)
    desk.do(lambda work: claims.note_problem(work.db, "relay:25", work.now, "Nobody listens at the relay's address."))
    assert report(desk)["outgoing mail"] == ("warn", "something is due for 48 hours. Nobody listens at the relay's address.")


def test_a_living_worker_is_counted(desk):
    desk.do(lambda work: claims.enter(work.db, "here", work.now))
    assert report(desk)["worker"] == ("ok", "1 alive.")


def test_a_receiver_is_known_by_its_greeting(quick, listening):
    good, bad = listening(b"220 training ESMTP\r\n"), listening(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert checks._receiver(replace(quick.found, inbound_bind=good)).level == "ok"
    assert checks._receiver(replace(quick.found, inbound_bind=bad)).level == "FAIL"
    (quick.folder / "inbound.addr").write_text(f"127.0.0.1:{good[1]}\n")
    on_disk = replace(quick.found, inbound_bind=("127.0.0.1", 0), database_url=f"sqlite:///{quick.folder}/feedserver.db")
    assert checks._receiver(on_disk).level == "ok"


def test_a_web_part_that_is_not_healthy_fails(quick, listening):
    for said, level in ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "ok"), (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "FAIL")):
        host, port = listening(said)
        assert checks._web(replace(quick.found, base_url=f"http://{host}:{port}")).level == level


@pytest.mark.parametrize(
    ("settings", "subject", "level"),
    [
        ({"smtp_url": "smtp://127.0.0.1:1"}, "SMTP_URL", "FAIL"),
        ({"smtp_url": "capture:"}, "SMTP_URL", "ok"),
    ],
)
def test_the_relay_is_tried(quick, settings, subject, level):
    assert report(quick, **settings)[subject][0] == level


def test_plain_http_beyond_this_machine_is_warned_of(quick):
    lines = {line.subject: line.level for line in checks._settings(replace(quick.found, base_url="http://training.corp.example"))}
    assert lines["BASE_URL"] == "warn"


# -- keys --------------------------------------------------------------------------------------


def test_a_new_key_signs_from_now_on_and_nobody_loses_anything(desk):
    lea = desk.do(lambda work: learning.create_learner(work, {"email": "lea@corp.example", "name": "Lea"}))
    assert desk(upkeep.feed_key, "new").output == "Key 2 signs from now on.\n"
    jo = desk.do(lambda work: learning.create_learner(work, {"email": "jo@corp.example", "name": "Jo"}))
    with desk.house.database.read() as db:
        signed = dict(db.execute(select(Feed.learner_id, Feed.key_id)).all())
    assert signed == {lea.id: 1, jo.id: 2}
    assert [line.split("\t")[2:] for line in desk(upkeep.feed_key, "list").output.splitlines()] == [
        ["signs", "1 feeds of 1 learners"],
        ["verifies", "1 feeds of 1 learners"],
    ]


def test_retiring_says_who_loses_what_and_ends_the_old_addresses(desk):
    lea = desk.do(lambda work: learning.create_learner(work, {"email": "lea@corp.example", "name": "Lea"}))
    with desk.house.database.read() as db:
        feed = db.scalars(select(Feed).where(Feed.learner_id == lea.id)).one()
        old = tokens.sign(tokens.FEED, feed.public_id, keys.usable(db)[feed.key_id])
    done = desk(upkeep.feed_key, "retire", "1", "--yes")
    assert "1 learners lose the addresses of 1 feeds" in done.output and "lea@corp.example: My training" in done.output
    with desk.house.database.read() as db:
        usable = keys.usable(db)
        moved = db.get_one(Feed, feed.id)
    assert tokens.read(tokens.FEED, old, usable.values()) is None
    new = tokens.sign(tokens.FEED, moved.public_id, usable[moved.key_id])
    assert tokens.read(tokens.FEED, new, usable.values()) == feed.public_id


def test_retiring_asks_and_knows_what_is_retired(quick):
    assert quick(upkeep.feed_key, "retire", "1").exit_code != 0
    quick(upkeep.feed_key, "retire", "1", "--yes")
    assert "was retired on" in quick(upkeep.feed_key, "retire", "1", "--yes").exception.detail
    assert "There is no signing key 77" in quick(upkeep.feed_key, "retire", "77", "--yes").exception.detail


# -- retention ---------------------------------------------------------------------------------


def later(desk, **span) -> dict[str, int]:
    """What goes when that much time has passed; only what went."""
    done = desk.do(lambda work: retention.tidy(work.db, work.now + timedelta(**span)))
    return {kind: count for kind, count in done.items() if count}


def inbound(desk, outcome: str) -> None:
    """A message of today that ended so."""
    (number,) = desk.do(lambda work: receiving.store(work.db, [Received(b"Subject: x\r\n\r\nx", "smtp")], work.now))
    desk.do(lambda work: work.db.execute(update(InboundMessage).where(InboundMessage.id == number).values(outcome=outcome)))


def raws(desk) -> dict[str, bool]:
    with desk.house.database.read() as db:
        return {outcome: bool(raw) for outcome, raw in db.execute(select(InboundMessage.outcome, InboundMessage.raw))}


def test_raw_mail_goes_after_90_days_but_not_what_nobody_has_decided(desk):
    for outcome in ("applied", "quarantined", "pending"):
        inbound(desk, outcome)
    assert later(desk, days=89) == {}
    assert later(desk, days=91) == {"inbound": 1} and raws(desk) == {"applied": False, "quarantined": True, "pending": True}
    assert later(desk, days=181) == {"inbound": 1} and raws(desk) == {"applied": False, "quarantined": False, "pending": True}
    assert later(desk, days=5000) == {}


def test_evidence_goes_with_the_bytes_and_the_verdict_stays(desk):
    inbound(desk, "pending")
    verdict = Verdict("applied", "x", "It was so.", evidence={"decisions": [{"from": "lea@corp.example"}]})
    desk.do(lambda work: receiving.write(work.db.get_one(InboundMessage, 1), None, verdict, work.now))
    assert later(desk, days=91) == {"inbound": 1}
    with desk.house.database.read() as db:
        kept = db.execute(select(VerdictRow.reason, VerdictRow.evidence, InboundMessage.evidence).join(InboundMessage)).one()
    assert tuple(kept) == ("It was so.", None, None)


def test_what_is_held_is_judged_again_by_command(quick):
    inbound(quick, "quarantined")
    inbound(quick, "applied")
    assert quick(rejudging.judge_again).output == "1 message is judged again by the worker.\n"
    assert quick(rejudging.judge_again, "--outcome", "applied").exit_code == 2
    assert quick.count(InboundMessage, InboundMessage.outcome == "pending") == 1


def test_deliveries_forget_their_people_after_180_days_and_then_skeletons_go(desk):
    demo.fill_if_empty(desk.found)
    total = desk.count(Delivery)
    final = Delivery.id <= total // 2
    desk.do(lambda work: work.db.execute(update(Delivery).where(final).values(state=SENT, final_at=work.now)))
    assert later(desk, days=179) == {"sign_in_links": 1}
    before = desk.count(MailSkeleton)
    gone = later(desk, days=183)
    assert gone["deliveries"] == total // 2 == desk.count(Delivery, Delivery.recipient == "")
    assert 0 < gone["skeletons"] < before
    with desk.house.database.read() as db:
        needed = set(db.scalars(select(Delivery.skeleton_id).where(Delivery.state.in_(OPEN))))
        assert needed and needed <= set(db.scalars(select(MailSkeleton.id)))


def test_captured_mail_goes_after_30_days(desk):
    row = {"delivery_id": 1, "envelope_from": "", "recipient": "lea@corp.example", "raw": b"x"}
    desk.do(lambda work: work.db.add(CapturedMessage(captured_at=work.now, **row)))
    assert later(desk, days=29) == {}
    assert later(desk, days=31) == {"captured": 1}


def test_entrances_and_remembered_answers_go(desk):
    secret = desk.do(lambda work: access.create_sign_in(work, "admin@corp.example", "owner"))
    desk.do(lambda work: access.use_link(work.db, secret, work.now))
    desk.do(lambda work: remembering.begin(work, "key", "digest"))
    assert later(desk, hours=25) == {"answers": 1} and desk.count(RememberedAnswer) == 0
    assert later(desk, days=38) == {"sign_in_links": 1, "browser_sessions": 1}
    assert desk.count(SignInLink) == desk.count(BrowserSession) == 0


def test_workers_that_ended_go_unless_something_is_held_in_their_name(desk):
    demo.fill_if_empty(desk.found)
    ids = [desk.do(lambda work, n=n: claims.enter(work.db, f"w{n}", work.now)) for n in range(3)]
    desk.do(lambda work: work.db.execute(update(Delivery).where(Delivery.id == 1).values(state=SENDING, worker_id=ids[0])))
    assert later(desk, days=6) == {}
    assert later(desk, days=8) == {"workers": 1}
    with desk.house.database.read() as db:
        assert list(db.scalars(select(Worker.id).order_by(Worker.id))) == [ids[0], ids[2]]
