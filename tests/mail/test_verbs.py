"""People who have nothing but mail: what they write, what follows, and what they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from urllib.parse import unquote

import pytest
from sqlalchemy import update

from feedserver.services import leaving, reminding, verbs_roster
from feedserver.store.inbox import InboundMessage
from feedserver.store.learners import Learner, LearnerAlias
from feedserver.store.outbox import Delivery
from feedserver.store.sessions import LiveSession
from feedserver.training.statuses import EnrolmentStatus as S
from tests.services.test_series import exdates, make, statuses
from tests.support.databases import sqlite_copy
from tests.support.world import MAILBOX, NOW, Mail, World, opened

LINK = re.compile(r"(\S+): mailto:training@localhost\?subject=(\S+)")


class ByMail(World):
    """A world in which people write plain mails."""

    def write(self, sender: str, subject: str = "", text: str = "", to: Mail | None = None, **headers: str) -> InboundMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, MAILBOX, subject
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        quoted = "\n".join(f"> {line}" for line in to.words.splitlines()) if to else ""
        mail.set_content(f"{text}\n\nOn Friday Training wrote:\n{quoted}\n" if to else text)
        return self.receive(mail.as_bytes())

    def follow(self, mail: Mail, word: str, sender: str | None = None) -> InboundMessage:
        """Press a mailto link: the program opens a mail with the subject, and it is sent as it is."""
        subject = next(unquote(subject) for label, subject in LINK.findall(mail.words) if label == word)
        return self.write(sender or mail.to, subject)

    def told(self, *kinds: str) -> list[Mail]:
        """The notices that have arrived since the last look."""
        self.mails()
        found, self.notices = [replace(one, words=one.words.replace("\r\n", "\n")) for one in self.notices], []
        return [one for one in found if not kinds or one.kind in kinds]

    def learner(self, name: str) -> Learner:
        """The row."""
        return self.look(lambda work: work.db.get_one(Learner, self.people[name]))

    def notice(self, kind: str) -> Mail:
        (one,) = self.told(kind)
        return one


@pytest.fixture
def world(tmp_path) -> Iterator[ByMail]:
    one = ByMail(sqlite_copy(tmp_path / "one.db"))
    yield one
    one.close()


@pytest.fixture
def everywhere(database_url: str) -> Iterator[ByMail]:
    """On each database."""
    one = ByMail(database_url)
    yield one
    one.close()


@pytest.mark.parametrize(
    ("word", "status", "partstat"), [("Yes", "Registered", "ACCEPTED"), ("No", "Declined", "DECLINED"), ("Maybe", "Invited", "TENTATIVE")]
)
def test_a_link_that_is_followed_is_an_answer_and_is_confirmed(world, word, status, partstat):
    session = world.session("Lea")
    got = world.follow(world.mail(), word)
    assert (got.outcome, world.status(session, "Lea")) == ("unchanged" if word == "Maybe" else "applied", status), got.reason
    assert world.enrolment(session, "Lea").partstat == partstat
    (told,) = world.told()
    assert told.to == "lea@corp.example" and told.kind == ("released" if word == "No" else "answered")
    assert word == "No" or f"We have your answer: {word}." in told.words


@pytest.mark.parametrize("text", ["Yes", "Oui", "Ja, bitte!", "sí", "\n\nOK.\n"])
def test_a_word_above_the_quoted_mail_is_an_answer(world, text):
    session = world.session("Lea")
    mail = world.mail()
    got = world.write(mail.to, f"AW: {mail.subject}", text, mail)
    assert (got.outcome, world.status(session, "Lea")) == ("applied", "Registered"), got.reason


def test_the_code_survives_what_programs_do_to_subjects(world):
    session = world.session("Lea")
    mail = world.mail()
    subject = next(unquote(subject) for label, subject in LINK.findall(mail.words) if label == "Yes")
    got = world.write(mail.to, f"[EXTERN] RE: Antw: {subject.upper()}")
    assert (got.outcome, world.status(session, "Lea")) == ("applied", "Registered"), got.reason


def test_the_thread_is_evidence_where_nothing_is_quoted_and_a_guessed_message_id_is_none(world):
    session = world.session("Lea", "Tom")
    lea, _tom = world.mails()
    number, thread = (re.search(rf"^{name}: (<.*>)", lea.raw.decode(), re.M)[1] for name in ("Message-ID", "References"))
    assert world.write(lea.to, f"Re: {lea.subject}", "No", In_Reply_To=number).outcome == "human"
    assert world.write(lea.to, f"Re: {lea.subject}", "No", In_Reply_To=number, References=f"{thread} {number}").outcome == "applied"
    assert (world.status(session, "Lea"), world.status(session, "Tom")) == ("Declined", "Invited")


def test_a_german_learner_gets_german_words_and_answers_with_them(world):
    world.person("Lea", locale="de")
    session = world.session("Lea")
    assert world.follow(world.mail(), "Ja").outcome == "applied" and world.status(session, "Lea") == "Registered"
    assert "Ihre Antwort ist da: Ja.\n\nSie sind angemeldet." in world.notice("answered").words


def test_somebody_else_s_mail_waits_and_the_learner_is_asked(world):
    session = world.session("Lea")
    got = world.follow(world.mail(), "No", sender="mallory@evil.example")
    assert (got.outcome, got.reason_code, world.status(session, "Lea")) == ("quarantined", "from_mismatch", "Invited")
    assert [one.to for one in world.told()] == ["lea@corp.example"]


def test_a_no_in_words_is_known_to_no_calendar_and_so_the_cancellation_is_sent(world):
    session = world.session("Mia", "Ben")
    mia, ben = world.mails()
    world.follow(mia, "No")
    world.answer(ben, "DECLINED")
    assert {world.status(session, name) for name in ("Mia", "Ben")} == {"Declined"} and world.mails() == []
    world.cancel(session)
    assert [(mail.who, mail.method, mail.uid) for mail in world.mails()] == [("Mia", "CANCEL", mia.uid)]


def test_an_alias_may_write_too(world):
    session = world.session("Lea")
    world.do(lambda work: work.db.add(LearnerAlias(learner_id=world.people["Lea"], address_key="lea@home.example", created_at=NOW)))
    assert world.follow(world.mail(), "Yes", sender="lea@home.example").outcome == "applied"
    assert world.status(session, "Lea") == "Registered" and world.notice("answered").to == "lea@corp.example"


def test_a_code_with_another_number_in_it_is_none(world):
    session = world.session("Lea", "Tom")
    lea, _tom = world.mails()
    subject = next(unquote(subject) for label, subject in LINK.findall(lea.words) if label == "No")
    other = re.sub(r"\[e(\d+)", lambda m: f"[e{int(m[1]) + 1}", subject)
    assert world.write("tom@corp.example", other).outcome == "human" and world.status(session, "Tom") == "Invited"


def test_an_answer_to_the_old_time_counts_for_nothing_and_says_so(world):
    session = world.session("Lea")
    old = world.mail()
    world.edit(session, start=datetime(2026, 12, 3, 9))
    world.mails()
    got = world.follow(old, "Yes")
    assert (got.outcome, world.status(session, "Lea")) == ("stale", "Invited")
    (new,) = world.mails()
    assert new.kind == "update" and "was not counted" in world.notices[-1].words


def test_a_machine_s_answer_is_never_a_verb(world):
    session = world.session("Lea")
    mail = world.mail()
    got = world.write(mail.to, f"Re: {mail.subject}", "No", mail, Auto_Submitted="auto-replied")
    assert (got.outcome, world.status(session, "Lea"), world.told()) == ("auto_reply", "Invited", [])


@pytest.mark.parametrize("text", ["I am ill, sorry", "No problem, I'll be there", "No, I'll come", "yes but later"])
def test_what_is_unclear_stays_a_letter_and_the_person_is_told_once_what_to_write(world, text):
    session = world.session("Lea")
    mail = world.mail()
    got = [world.write(mail.to, f"Re: {mail.subject}", text, mail) for _ in range(2)]
    assert [one.outcome for one in got] == ["human", "human"] and world.status(session, "Lea") == "Invited"
    assert "We could not tell from your mail" in world.notice("verbs").words


def test_a_subject_and_a_text_that_contradict_one_another_change_nothing(world):
    session = world.session("Lea")
    mail = world.mail()
    subject = next(unquote(subject) for label, subject in LINK.findall(mail.words) if label == "Yes")
    assert world.write(mail.to, subject, "No").outcome == "human" and world.status(session, "Lea") == "Invited"


def test_a_given_up_seat_is_taken_back(world):
    session = world.session("Lea")
    world.follow(world.mail(), "Yes")
    world.told()
    (agenda,) = [world.write("lea@corp.example", "Agenda"), world.notice("agenda")][1:]
    assert "Fire safety" in agenda.words and "You are registered." in agenda.words
    assert world.follow(agenda, "No").outcome == "applied"
    released = world.notice("released")
    assert world.follow(released, "Undo").reason_code == "verb_undo" and world.status(session, "Lea") == "Registered"
    assert world.follow(released, "Undo").outcome == "unchanged" and "no answer that could be taken back" in world.told()[-1].words


def test_the_list_is_left_and_an_offer_is_taken(world):
    session = world.session("Lea", capacity=1, waiting_list=True)
    invitation = world.mail()
    for name in ("Tom", "Uli"):
        world.register(session, name)
    tom, _uli = world.told("waiting")
    assert world.follow(tom, "Leave").outcome == "applied" and world.status(session, "Tom") == "Declined"
    world.follow(invitation, "No")
    (offer,) = world.mails()
    assert (offer.to, offer.kind) == ("uli@corp.example", "offer") and world.follow(offer, "Yes").outcome == "applied"
    assert world.status(session, "Uli") == "Registered" and {one.kind for one in world.told()} == {"left_list", "released", "answered"}


def test_courses_are_listed_to_the_enrolled_address_and_registered_for(everywhere):
    world = everywhere
    session = world.session(capacity=1)
    world.person("Lea", channel="mail")
    assert world.write("Lea <LEA@corp.example>", "Re: Kurse").outcome == "unchanged"
    courses = world.notice("courses")
    assert "Safety" in courses.words and "free seats: 1" in courses.words
    assert world.follow(courses, "Register", sender="mallory@evil.example").outcome == "quarantined"
    got = world.follow(courses, "Register")
    assert (got.outcome, world.status(session, "Lea"), world.mail().kind) == ("applied", "Registered", "invite"), got.reason
    assert world.follow(courses, "Register").outcome == "unchanged" and "You are in this session already." in world.notice("answered").words
    world.person("Tom")
    world.write("tom@corp.example", "courses")
    assert "There is no free seat" in world.notice("courses").words


def test_lists_are_not_sent_without_end_nor_to_strangers(world):
    world.person("Lea")
    said = [world.write("lea@corp.example", "", "Help").reason for _ in range(2)]
    assert "was sent it." in said[0] and "often enough" in said[1] and len(world.told("verbs")) == 1
    assert world.write("mallory@evil.example", "Courses").outcome == "human" and world.told() == []
    assert world.write("lea@corp.example", "Help wanted in the kitchen", "see above").outcome == "human"


def test_an_approver_approves_one_and_refuses_another_by_answering(world):
    session = world.session(approval_required=True)
    for name in ("Lea", "Tom"):
        world.person(name, manager_email="boss@corp.example")
        world.register(session, name)
    lea, tom = world.told("approval")
    assert world.follow(lea, "Approve", sender="lea@corp.example").outcome == "quarantined"
    assert world.follow(lea, "Approve").outcome == "applied" and world.status(session, "Lea") == "Registered"
    got = world.write("boss@corp.example", f"Re: {tom.subject}", "No: there is no budget\nthis year", tom)
    assert (got.outcome, world.status(session, "Tom")) == ("applied", "Cancelled")
    assert "Reason: there is no budget this year" in world.told("refused", "decided")[1].words
    assert world.follow(lea, "Refuse").outcome == "unchanged" and world.status(session, "Lea") == "Registered"


def roster_of(world: ByMail, session: int) -> Mail:
    world.do(lambda work: verbs_roster.send_due(work, session))
    return next(one for one in world.told("roster", "roster_after"))


def due(world: ByMail) -> list[tuple[int, int]]:
    with world.database.read() as db:
        return list(verbs_roster.due(db, world.moment))


def test_a_roster_goes_out_a_day_before_and_comes_back_as_attendance(everywhere):
    world = everywhere
    session = world.session("Ben", "Anna", "Cara", "Dirk", instructors=["Tina@corp.example"])
    world.mails()
    assert due(world) == []
    world.moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert due(world) == [(world.organisation_id, session)]
    roster = roster_of(world, session)
    assert (roster.to, due(world)) == ("Tina@corp.example", []) and "[ ] 1 Anna (no answer yet)\n[ ] 2 Ben" in roster.words
    early = world.write("tina@corp.example", f"Re: {roster.subject}", "all", roster)
    assert (
        early.outcome == "unchanged" and "not over yet" in world.notice("roster_read").words and world.status(session, "Anna") == "Invited"
    )
    world.moment = datetime(2026, 12, 1, 11, tzinfo=UTC)
    assert "session is over" in roster_of(world, session).words and due(world) == []
    got = world.write("tina@corp.example", f"Re: {roster.subject}", "1 and 3\n2 absent\nDirk maybe", roster)
    assert got.outcome == "applied", got.reason
    assert [world.status(session, one) for one in ("Anna", "Ben", "Cara", "Dirk")] == ["Attended", "Absent", "Attended", "Invited"]
    read = world.notice("roster_read").words
    assert "There: Anna, Cara" in read and "Not there: Ben" in read and "said about: Dirk" in read and "Not understood: Dirk maybe" in read
    assert (
        world.write("tina@corp.example", "Re: x", "[x] 4 Dirk", roster).outcome == "applied" and world.status(session, "Dirk") == "Attended"
    )


def test_attendance_by_html_alone_counts_and_by_a_stranger_waits(world):
    session = world.session("Anna", "Ben", instructors=["tina@corp.example"])
    world.moment = datetime(2026, 12, 1, 8, tzinfo=UTC)
    roster = roster_of(world, session)
    world.moment += timedelta(hours=3)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "tina@corp.example", MAILBOX, "Re: roster"
    lines = "".join(f"<div>{line}</div>" for line in roster.words.replace("[ ] 2", "[-] 2").splitlines())
    mail.set_content(f"<div>1</div><br><div>Am Montag schrieb Training:</div>{lines}", subtype="html")
    stranger = mail.as_bytes().replace(b"tina@", b"mallory@")
    assert world.receive(stranger).outcome == "quarantined" and world.status(session, "Anna") == "Invited"
    assert world.receive(mail.as_bytes()).outcome == "applied"
    assert (world.status(session, "Anna"), world.status(session, "Ben")) == ("Attended", "Absent")


def test_an_instructor_asks_for_lists_and_an_erased_person_leaves_them(everywhere):
    world = everywhere
    session = world.session("Anna", "Ben", instructors=["tina@corp.example"])
    assert world.write("tina@corp.example", "Teilnehmerliste").reason_code == "verb_roster"
    roster = world.notice("roster")
    assert "Anna" in roster.words and world.write("lea@corp.example", "Roster").outcome == "human"
    assert world.follow(roster, "Roster").reason_code == "verb_roster" and world.notice("roster").words.count("Anna") == 1
    world.do(lambda work: leaving.erase(work, "anna@corp.example"))
    lists = [one.extra for one in world.deliveries(Delivery.live_session_id == session, Delivery.kind == "roster")]
    assert lists == [None, None]


def test_a_session_moved_to_a_later_week_has_its_roster_sent_again(world):
    session = world.session("Anna", instructors=["tina@corp.example"])
    world.moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
    roster_of(world, session)
    world.edit(session, start=datetime(2026, 12, 8, 10))
    assert due(world) == []
    world.moment = datetime(2026, 12, 7, 12, tzinfo=UTC)
    assert due(world) == [(world.organisation_id, session)]


def test_filling_the_same_row_gives_the_same_code(world):
    world.session("Lea")
    first = world.mail()
    world.do(lambda work: work.db.execute(update(Delivery).values(state="queued", due_at=work.now)))
    assert world.mail().raw == first.raw and opened(first.raw).words.count("[e") == 1


def test_a_class_marked_on_the_page_is_not_asked_for(world):
    session = world.session("Anna", instructors=["tina@corp.example"])
    world.moment = datetime(2026, 12, 1, 8, tzinfo=UTC)
    roster_of(world, session)
    world.moment += timedelta(hours=3)
    world.set_status(session, "Anna", S.ATTENDED)
    assert world.do(lambda work: verbs_roster.send_due(work, session)) == 0
    assert world.look(lambda work: work.db.get_one(LiveSession, session).roster_sent_at) == world.moment


def test_stop_ends_reminders_by_the_link_and_by_the_bare_word_but_nobody_elses(world):
    session = world.session("Lea", reminders=["48h"])
    world.moment = datetime(2026, 11, 29, 9, 0, 5, tzinfo=UTC)
    world.do(lambda work: reminding.remind_due(work, work.organisation_id))
    reminder = world.notice("reminder_answer")
    stranger = world.follow(reminder, "Stop", "else@where.example")
    assert stranger.outcome == "human" and not world.learner("Lea").reminders_off_at

    assert world.follow(reminder, "Stop").reason_code == "verb_stop" and world.learner("Lea").reminders_off_at
    assert world.status(session, "Lea") == "Invited"


def test_a_reminder_is_answered_by_mail_as_an_invitation_is(world):
    session = world.session("Lea", reminders=["48h"])
    world.moment = datetime(2026, 11, 29, 9, 0, 5, tzinfo=UTC)
    world.do(lambda work: reminding.remind_due(work, work.organisation_id))
    assert world.follow(world.notice("reminder_answer"), "Yes").outcome == "applied"
    assert world.status(session, "Lea") == "Registered"


def test_one_date_of_a_series_that_is_one_entry_is_declined_from_the_agenda_and_the_calendar_is_sent_the_rest(world):
    head = make(world, "Lea", dates=8)
    world.mails()
    world.write("lea@corp.example", "Agenda")
    second = [unquote(subject) for label, subject in LINK.findall(world.notice("agenda").words) if label == "No"][1]
    assert world.write("lea@corp.example", second).outcome == "applied"
    assert statuses(world, head, "Lea") == ["Invited", "Declined", *["Invited"] * 6]
    assert exdates(world.mail()) == ["20261208T100000"]
