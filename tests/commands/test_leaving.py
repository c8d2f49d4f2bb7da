"""Lea asks for her data, and then that it goes."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from feedserver.commands import people
from feedserver.imip.kinds import Kind
from feedserver.services import (
    access,
    certifying,
    completing,
    corresponding,
    enrolling,
    grouping,
    learning,
    leaving,
    onboarding,
    onboarding_plans,
    personal_data,
    receiving,
    remembering,
    retention,
    scheduling,
)
from feedserver.services.receiving import Received
from feedserver.store.audiences import AudienceFeed
from feedserver.store.base import Base
from feedserver.store.certificates import CertificateWarning
from feedserver.store.circles import Circle
from feedserver.store.enrolments import Enrolment
from feedserver.store.history import HistoryEntry
from feedserver.store.imports import ImportJob
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner, LearnerAlias
from feedserver.store.mailboxes import PolledMailbox, PolledMessage
from feedserver.store.outbox import OPEN, QUEUED, SENT, SUPERSEDED, SUPPRESSED, CapturedMessage, Delivery
from feedserver.store.proposals import Proposal
from feedserver.store.reminders import Reminder, ReminderRound, WeeklyMail
from feedserver.store.verdicts import SenderQuestion, VerdictRow

LISTS = (Kind.CERTIFICATES, Kind.TEAM_DIGEST)
LEA = "lea.canary@corp.example"
CANARIES = (
    "lea.canary", "Canary-Surname", "lea.alias", "canary-external", "canary-team", "canary-words", "canary-page", "canary-comment",
    "canary-verdict", "canary-question", "canary-proposal", "canary-guest", "canary-note", "canary-revoked",
)  # fmt: skip


@pytest.fixture
def lea(desk):
    """Lea has been invited to two sessions and told, has answered by mail and by hand of an administrator, and a bounce names her."""
    desk.lea = desk.do(_lea)
    tell(desk)
    return desk


def _lea(work) -> int:
    values = {"email": LEA, "name": "Lea Canary-Surname", "external_id": "canary-external", "team": "canary-team"}
    learner = learning.create_learner(work, values)
    learner.page_id = "canary-page"
    work.db.add(LearnerAlias(learner_id=learner.id, address_key="lea.alias@home.example", created_at=work.now))
    learning.create_learner(work, {"email": "jo@corp.example", "name": "Jo", "manager_email": "Lea.Canary@corp.example"})
    course = grouping.create_course(work, {"name": "Safety"})
    for day in (2, 9):
        start = datetime.combine((work.now + timedelta(days=day)).date(), datetime.min.time().replace(hour=10))
        session = scheduling.create_session(
            work, course.id, {"title": f"Day {day}", "start": start, "end": start + timedelta(hours=1), "timezone": "UTC"}
        )
        enrolment = enrolling.enrol(work, session.id, learner.id, "Invited")
        enrolment.comment = "canary-comment"
    raw = b"From: Lea <lea.canary@corp.example>\r\nSubject: canary-words\r\n\r\ncanary-words"
    for outcome, data in (
        ("applied", raw),
        ("human", b"From: x@y.example\r\n\r\nask lea.canary@corp.example"),
        ("bounce", b"canary-words"),
    ):
        (number,) = receiving.store(work.db, [Received(data, "smtp", LEA if data is raw else "", ("training@localhost",))], work.now)
        mine = {"learner_id": learner.id} if outcome != "human" else {}
        work.db.execute(
            update(InboundMessage).where(InboundMessage.id == number).values(outcome=outcome, sender="", subject="canary-words", **mine)
        )
    _named_by_others(work, learner.id, number, enrolment)
    _on_her_way(work, course.id, learner, enrolment)
    remembering.begin(work, "k1", "d")
    remembering.finish(work, "k1", 201, json.dumps({"email": LEA}).encode())
    return learner.id


def _on_her_way(work, course_id: int, learner: Learner, enrolment) -> None:
    """What she has done, what she is to do, what she was warned and reminded of; lists to her manager and to who watches over certificates."""
    now, here, monday = work.now, work.organisation_id, work.now.date()
    grouping.create_group(work, course_id, "Berlin", [learner.id])
    completing.complete(work, [learner.id], course_id, source="button", note="canary-note")
    kind = certifying.create_kind(work, {"name": "First aid", "validity_months": 12})
    (held,) = certifying.award(work, [learner.id], kind.id, source="button")
    certifying.revoke(work, held.id, "canary-revoked")
    plan = onboarding_plans.make(work, {"name": "New", "steps": [{"days": 3, "title": "Photo"}]})
    onboarding.start(work, learner.id, plan.id, monday)
    lists = {
        kind: corresponding.write_to_other(work, kind, "boss@corp.example", "en", "UTC", {"block": [["Lea Canary-Surname", "…", ""]]})
        for kind in LISTS
    }
    date = {"rule": "hours_48", "starts_at": now, "outcome": "sent", "organisation_id": here}
    round_ = ReminderRound(**date, live_session_id=enrolment.live_session_id, timezone="UTC", due_at=now, batch=1, created_at=now)
    question = SenderQuestion(
        organisation_id=here, learner_id=learner.id, inbound_id=1, sender_key="x@y.example", attendee_key=LEA, public_id="q2", asked_at=now
    )
    warning = CertificateWarning(
        organisation_id=here, certificate_id=held.id, days=7, recipient="manager", outcome="sent", today=monday,
        delivery_id=lists[Kind.CERTIFICATES].id, batch=1, at=now,
    )  # fmt: skip
    work.db.add_all([round_, question, warning])
    work.db.add(WeeklyMail(organisation_id=here, reader=f"learner:{learner.id}", monday=monday, lines=1, created_at=now))
    work.db.flush()
    work.db.add(Reminder(**date, enrolment_id=enrolment.id, round_id=round_.id))


def _named_by_others(work, learner_id: int, inbound_id: int, enrolment) -> None:
    """Judgements, a question, proposals, files of learners, circles and addresses given away name her."""
    now, here = work.now, work.organisation_id
    one = {
        "organisation_id": here,
        "live_session_id": enrolment.live_session_id,
        "enrolment_id": enrolment.id,
        "entry_id": enrolment.entry_id,
    }
    jo = {"organisation_id": here, "learner_id": learner_id + 1, "inbound_id": inbound_id}
    ready = b"email,name\nlea.canary@corp.example,Lea\n"
    refused = [[2, "lea.canary@corp.example is there twice."], [3, "No name."]]
    (other,) = receiving.store(work.db, [Received(b"From: jo@corp.example\r\n\r\nhello", "smtp", "", ("training@localhost",))], now)
    feed = {
        "audience": "organisation",
        "key_id": work.key_id,
        "timezone": "UTC",
        "locale": "en",
        "created_at": now,
        "organisation_id": here,
    }
    work.db.add_all(
        [
            VerdictRow(
                inbound_id=inbound_id, judged_at=now, by="", outcome="human", reason_code="", reason="", evidence={"a": "canary-verdict"}
            ),
            SenderQuestion(**jo, sender_key="x@y.example", attendee_key="canary-question", public_id="q", asked_at=now),
            Proposal(**one, inbound_id=inbound_id, kind="counter", comment="canary-proposal", sequence=0, created_at=now),
            Proposal(**one, inbound_id=other, kind="guest", guest_email=LEA, guest_name="canary-guest", sequence=0, created_at=now),
            LearnerAlias(learner_id=learner_id + 1, address_key=LEA, kind="delegate", created_at=now),
            ImportJob(organisation_id=here, actor="x", body=ready, created_at=now),
            ImportJob(organisation_id=here, actor="x", state="done", body=b"", refused=refused, created_at=now),
            Circle(organisation_id=here, kind="doctor", public_id="c", recipient=LEA, sent_at=now, due_at=now),
            AudienceFeed(**feed, subscriber=f"Lea <{LEA}>", public_id="f"),
            PolledMailbox(name="inbox"),
        ]
    )
    work.db.flush()
    work.db.add(PolledMessage(mailbox_id=1, uid_validity=1, uid=1, inbound_id=inbound_id, sha256="0" * 64, taken_at=now))


def tell(desk) -> None:
    """Everything that waits has left, and was captured."""

    def leave(work) -> None:
        for row in work.db.scalars(select(Delivery).where(Delivery.state.in_(OPEN))).all():
            row.state, row.final_at = SENT, work.now
            raw = f"To: {row.recipient}".encode()
            work.db.add(CapturedMessage(delivery_id=row.id, captured_at=work.now, envelope_from="", recipient=row.recipient, raw=raw))

    desk.do(leave)


def found(desk) -> set[str]:
    """Where a canary still stands: "table.column canary"."""
    left = set()
    with desk.house.database.read() as db:
        for table in Base.metadata.sorted_tables:
            for row in db.execute(table.select()).mappings():
                texts = {name: value if isinstance(value, bytes) else str(value).encode() for name, value in row.items()}
                left |= {f"{table.name}.{n} {c}" for n, text in texts.items() for c in CANARIES if c.lower().encode() in text.lower()}
    return left


def of_people() -> set[str]:
    """Tables with a learner's number in them, and those that hang on one of a learner's rows."""
    tables, owners = Base.metadata.sorted_tables, {"enrolments", "certificates", "onboardings"}
    direct = {table.name for table in tables if "learner_id" in table.c}
    return direct | {t.name for t in tables if {f.column.table.name for f in t.foreign_keys} & owners or "enrolment_id" in t.c}


def rows_of(desk) -> dict[str, int]:
    """How many rows each table with a learner's number in it has of Lea."""
    tables = [table for table in Base.metadata.sorted_tables if "learner_id" in table.c]
    with desk.house.database.read() as db:
        return {t.name: db.scalar(select(func.count()).select_from(t).where(t.c.learner_id == desk.lea)) for t in tables}


def test_her_data_comes_as_json(lea):
    data = json.loads(lea(people.export_group, "learner", LEA).stdout)
    assert data["learner"]["name"] == "Lea Canary-Surname" and data["other_addresses"] == ["lea.alias@home.example"]
    assert [e["session"]["title"] for e in data["enrolments"]] == ["Day 2", "Day 9"]
    assert len(data["messages_sent"]) == 3 and len(data["messages_received"]) == 2
    assert "canary-page" not in json.dumps(data)  # a link to her page is made of it


def test_every_table_that_holds_something_of_a_person_is_in_her_data(lea):
    """A new table with a learner in it fails here until the export has it, and `_lea` a row of it."""
    data = json.loads(lea(people.export_group, "learner", LEA).stdout)
    elsewhere = {"enrolments", "learner_aliases", "group_members", "inbound_messages"}
    exported = {row.__tablename__ for row, _which in personal_data.BY_ROW.values()} | elsewhere
    assert of_people() - exported == {"feed_versions"}  # a number that grows
    assert [name for name, value in data.items() if not value] == []


def test_of_all_her_rows_only_numbers_are_left(lea):
    before = rows_of(lea)
    assert {name for name, number in before.items() if not number} == set()
    lea(people.erase_group, "learner", LEA, "--yes")
    assert {name for name, number in rows_of(lea).items() if number} == {"deliveries", "inbound_messages", "history"}
    assert lea.count(WeeklyMail) == 0


def test_a_zip_holds_every_message_and_her_feed(lea):
    done = lea(people.export_group, "learner", LEA, "--out", "lea.zip")
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile("lea.zip") as archive:
        names = sorted(archive.namelist())
        assert [n.partition("/")[0] for n in names] == ["data.json", "feeds", "received", "received", "sent", "sent", "sent"]
        assert b"BEGIN:VEVENT" in archive.read(next(n for n in names if n.startswith("feeds")))


def test_a_message_that_was_not_captured_is_made_again(lea):
    lea.do(lambda work: work.db.query(CapturedMessage).delete())
    lea(people.export_group, "learner", LEA, "--out", "lea.zip")
    with zipfile.ZipFile("lea.zip") as archive:
        sent = [archive.read(n) for n in archive.namelist() if n.startswith("sent/")]
    assert [LEA.encode() in mail for mail in sent] == [True] * 3 and sum(b"method=REQUEST" in mail for mail in sent) == 2


def test_erasing_asks_first(quick):
    quick.do(lambda work: learning.create_learner(work, {"email": LEA, "name": "Lea"}))
    done = quick(people.erase_group, "learner", LEA)
    assert done.exit_code != 0 and quick.count(Learner) == 1


def test_her_cancellations_leave_first_and_keep_their_address_alone(lea):
    done = lea(people.erase_group, "learner", LEA, "--yes")
    assert done.exit_code == 0 and "2 cancellations are on their way" in done.output
    waiting = (Delivery.state == QUEUED, Delivery.method == "CANCEL", Delivery.recipient == LEA)
    assert lea.count(Delivery, *waiting) == 2 and lea.count(Learner) == 1 and lea.count(Enrolment) == 0
    assert {place.split()[0] for place in found(lea)} == {
        "deliveries.recipient", "deliveries.recipient_name", "deliveries.page_id",
    }  # fmt: skip


@pytest.mark.parametrize("by", ["erasing again", "the worker"])
def test_once_they_have_left_nothing_of_her_is_there(lea, by):
    lea(people.erase_group, "learner", LEA, "--yes")
    tell(lea)
    if by == "the worker":
        lea.do(lambda work: retention.tidy(work.db, work.now))
    else:
        assert lea(people.erase_group, "learner", LEA, "--yes").output.startswith("Erased.")
    assert found(lea) == set()
    assert lea.count(Delivery) == 7 and lea.count(InboundMessage, InboundMessage.reason == retention.ERASED) == 3
    assert lea.count(HistoryEntry, HistoryEntry.learner_id == lea.lea) > 3


def test_her_words_are_not_in_the_file_either(quick):
    quick.lea = quick.do(_lea)
    tell(quick)
    quick(people.erase_group, "learner", LEA, "--yes")
    tell(quick)
    quick(people.erase_group, "learner", LEA, "--yes")
    with quick.house.database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    data = b"".join(path.read_bytes() for path in quick.folder.glob("feedserver.db*"))
    assert [c for c in CANARIES if c.encode() in data] == []


def test_a_mail_that_asked_her_manager_to_approve_forgets_her_too(lea):
    def asks(work) -> None:
        course = grouping.create_course(work, {"name": "Coaching"})
        start = datetime.combine((work.now + timedelta(days=5)).date(), datetime.min.time().replace(hour=10))
        times = {"start": start, "end": start + timedelta(hours=1), "timezone": "UTC"}
        session = scheduling.create_session(work, course.id, {"title": "Talk", "approval_required": True, **times})
        learning.edit_learner(work, lea.lea, {"manager_email": "boss@corp.example"})
        enrolling.register(work, session.id, lea.lea)

    lea.do(asks)
    tell(lea)
    assert lea.count(Delivery, Delivery.kind == "approval", Delivery.extra.is_not(None)) == 1
    lea.do(lambda work: leaving.erase(work, LEA))
    assert lea.count(Delivery, Delivery.kind == "approval", Delivery.extra.is_not(None)) == 0


def test_an_invitation_that_never_left_does_not_leave_and_a_notice_neither(quick):
    quick.do(_lea)

    def notice(work) -> None:
        row = work.db.get_one(Delivery, 1)
        own = {c.key: getattr(row, c.key) for c in Delivery.__table__.columns if c.key != "id"}
        work.db.add(Delivery(**own | {"method": None, "entry_id": None}))

    quick.do(notice)
    assert "on their way" not in quick(people.erase_group, "learner", LEA, "--yes").output
    assert quick.count(Delivery, Delivery.state == SUPERSEDED) == 2 and quick.count(Delivery, Delivery.state == SUPPRESSED) == 4
    assert found(quick) == set()


def test_somebody_unknown_is_said_to_be_unknown(quick):
    done = quick(people.erase_group, "learner", "nobody@corp.example", "--yes")
    assert "There is no learner 'nobody@corp.example'" in done.exception.detail


def test_an_administrator_who_is_erased_as_a_learner_is_told_of_the_sign_in(quick):
    quick.do(lambda work: learning.create_learner(work, {"email": LEA, "name": "Lea"}))
    quick.do(lambda work: access.create_sign_in(work, LEA, "owner"))
    assert "also signs in" in quick(people.erase_group, "learner", LEA, "--yes").output


def test_another_organisation_keeps_its_learner_of_the_same_address(desk):
    from feedserver.commands import access as access_commands

    desk(access_commands.org, "create", "Other", "--mailbox", "other@corp.example")
    other = replace(desk, number=desk.number + 1)
    for one in (desk, other):
        one.do(lambda work: learning.create_learner(work, {"email": LEA, "name": "Lea"}))
    desk(people.erase_group, "learner", LEA, "--yes")
    assert desk.count(Learner, Learner.organisation_id == other.number) == desk.count(Learner) == 1
