"""B1: replies that say too little, too much, or what only the organiser may say."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from feedserver.addresses import canonical
from feedserver.store.enrolments import Enrolment
from feedserver.store.learners import DELEGATE, LearnerAlias
from feedserver.store.organisations import Organisation
from feedserver.store.sessions import LiveSession
from tests.support.court import UID
from tests.support.world import NOW

from . import APPLIED, CALENDAR, HEAD, TYPE, Bad, answer, octets

VEVENT = CALENDAR[CALENDAR.index("BEGIN:VEVENT") : CALENDAR.index("END:VCALENDAR")]
LEA = "mailto:lea@corp.example"
ATTENDEE = f"ATTENDEE;CN=Lea;PARTSTAT=ACCEPTED:{LEA}"
ORGANIZER = "ORGANIZER;CN=Training:mailto:training@localhost"


def method(name: str) -> bytes:
    return answer(("METHOD:REPLY", f"METHOD:{name}"), head=HEAD + TYPE.replace("REPLY", name))


def also(kind: str = "", address: str = "l.learner@corp.example"):
    """Another address is known to speak for Lea."""

    def given(court, db, entry, _incoming):
        more = {"kind": kind} if kind else {}
        db.add(LearnerAlias(learner_id=entry.learner_id, address_key=canonical(address), created_at=NOW, **more))

    return given


def elsewhere(court, db, entry, _incoming):
    box = "training@globex.example"
    other = Organisation(name="Globex", mailbox_name="G", mailbox_address=box, mailbox_key=box, timezone="UTC", created_at=NOW)
    db.add(other)
    db.flush()
    entry.organisation_id = other.id


def moved(court, db, entry, _incoming):
    entry.sequence = entry.asked_sequence = 1


def over(court, db, entry, _incoming):
    moment = court.world.moment
    db.execute(update(LiveSession).values(starts_at=moment - timedelta(hours=2), ends_at=moment - timedelta(hours=1)))


def attended(court, db, entry, _incoming):
    db.execute(update(Enrolment).where(Enrolment.id == entry.enrolment_id).values(status="Attended"))


def cancelled(court, db, entry, _incoming):
    db.execute(update(LiveSession).values(status="cancelled"))
    entry.ended_at, entry.ended_as = court.world.moment, "cancelled"


CASES = [
    Bad("01 no METHOD", answer(("METHOD:REPLY\n", "")), "rejected broken"),
    Bad("02 METHOD twice", answer(("METHOD:REPLY", "METHOD:REPLY\nMETHOD:CANCEL")), "rejected broken"),
    Bad("03 REQUEST to us", method("REQUEST"), "rejected request"),
    Bad("04 CANCEL to us", method("CANCEL"), "rejected cancel"),
    Bad("05 COUNTER", method("COUNTER"), "quarantined counter"),
    Bad("06 REFRESH", method("REFRESH"), "unchanged refreshed"),
    Bad("07 ADD", method("ADD"), "rejected add"),
    Bad("08 PUBLISH", method("PUBLISH"), "rejected publish"),
    Bad("09 lower-case method", answer(("METHOD:REPLY", "method:reply")), APPLIED),
    Bad("10 REQUEST outside, REPLY inside", answer(head=HEAD + TYPE.replace("REPLY", "REQUEST")), APPLIED),
    Bad("11 no method outside", answer(head=HEAD + TYPE.replace("; method=REPLY", "")), APPLIED),
    Bad("12 no UID", answer((f"UID:{UID}\n", "")), "rejected uid_unknown"),
    Bad("13 two UIDs", answer((f"UID:{UID}", f"UID:{UID}\nUID:another@localhost")), "rejected uid_unknown"),
    Bad("14 unknown UID", answer((UID, "another@localhost")), "rejected uid_unknown"),
    Bad("15 UID of another tenant", answer(), "rejected uid_unknown", elsewhere),
    Bad("16 UID in another case", answer((UID, UID.upper())), "rejected uid_unknown"),
    Bad("17 UID and blanks", answer((UID, UID + "  ")), APPLIED),
    Bad("18 UID of 10 kB", answer((UID, UID + "x" * 10_000)), "rejected uid_unknown"),
    Bad("19 no ATTENDEE", answer((ATTENDEE + "\n", "")), "quarantined attendee_missing"),
    Bad("20 two ATTENDEEs", answer((ATTENDEE, f"{ATTENDEE}\nATTENDEE;PARTSTAT=DECLINED:mailto:tom@corp.example")), "quarantined attendee_multiple"),
    Bad("21 another learner of the session", answer((LEA, "mailto:tom@corp.example")), "quarantined attendee_mismatch"),
    Bad("22 somebody not invited", answer((LEA, "mailto:eve@evil.example")), "quarantined attendee_mismatch"),
    Bad("23 bare address", answer((LEA, "lea@corp.example")), APPLIED),
    Bad("24 MAILTO", answer((LEA, "MAILTO:LEA@CORP.EXAMPLE")), APPLIED),
    Bad("25 urn:uuid and EMAIL", answer((f":{LEA}", ";EMAIL=lea@corp.example:urn:uuid:1f0c")), APPLIED),
    Bad("26 the name is the victim",
        answer((f"CN=Lea;PARTSTAT=ACCEPTED:{LEA}", 'CN="lea@corp.example";PARTSTAT=ACCEPTED:mailto:eve@evil.example')), "quarantined attendee_mismatch"),
    Bad("27 known alias", answer((LEA, "mailto:l.learner@corp.example")), APPLIED, also()),
    Bad("28 unknown alias", answer((LEA, "mailto:l.learner@corp.example")), "quarantined attendee_mismatch"),
    Bad("29 plus address", answer((LEA, "mailto:lea+work@corp.example")), "quarantined attendee_mismatch"),
    Bad("30 no PARTSTAT", answer((";PARTSTAT=ACCEPTED", "")), "unchanged no_answer"),
    Bad("31 PARTSTAT twice", answer(("PARTSTAT=ACCEPTED", "PARTSTAT=ACCEPTED;PARTSTAT=DECLINED")), "quarantined partstat_twice"),
    Bad("32 PARTSTAT of its own", answer(("=ACCEPTED", "=X-FOO")), "quarantined partstat_unknown"),
    Bad("33 DELEGATED", answer(("=ACCEPTED", '=DELEGATED;DELEGATED-TO="mailto:amy@corp.example"')), "quarantined delegated"),
    Bad("34 COMPLETED", answer(("=ACCEPTED", "=COMPLETED")), "quarantined partstat_unknown"),
    Bad("35 no ORGANIZER", answer((ORGANIZER + "\n", "")), APPLIED),
    Bad("36 foreign ORGANIZER", answer((ORGANIZER, "ORGANIZER:mailto:eve@evil.example")), APPLIED),
    Bad("37 two ORGANIZERs", answer((ORGANIZER, f"{ORGANIZER}\nORGANIZER:mailto:eve@evil.example")), APPLIED),
    Bad("38 no SEQUENCE", answer(("SEQUENCE:0\n", "")), APPLIED),
    Bad("39 SEQUENCE -1", answer(("SEQUENCE:0", "SEQUENCE:-1")), APPLIED),
    Bad("40 SEQUENCE 2^31", answer(("SEQUENCE:0", "SEQUENCE:2147483648")), APPLIED),
    Bad("41 SEQUENCE abc", answer(("SEQUENCE:0", "SEQUENCE:abc")), APPLIED),
    Bad("42 SEQUENCE that we never sent", answer(("SEQUENCE:0", "SEQUENCE:5")), "quarantined future_sequence"),
    Bad("43 SEQUENCE before the move", answer(), "stale stale_answer", moved),
    Bad("44 no DTSTAMP", answer(("DTSTAMP:20261120T100000Z\n", "")), APPLIED),
    Bad("45 DTSTAMP 9999", answer(("DTSTAMP:20261120", "DTSTAMP:99991231")), APPLIED),
    Bad("46 DTSTAMP 1970", answer(("DTSTAMP:20261120", "DTSTAMP:19700101")), APPLIED),
    Bad("47 DTSTAMP in local time", answer(("DTSTAMP:20261120T100000Z", "DTSTAMP:20261120T100000")), APPLIED),
    Bad("48 RECURRENCE-ID unknown", answer(("SEQUENCE:0", "SEQUENCE:0\nRECURRENCE-ID:20261208T090000Z")), "quarantined recurrence_unknown"),
    Bad("49 THISANDFUTURE", answer(("SEQUENCE:0", "SEQUENCE:0\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261208T090000Z")), "quarantined recurrence_unknown"),
    Bad("50 RECURRENCE-ID as DATE", answer(("SEQUENCE:0", "SEQUENCE:0\nRECURRENCE-ID;VALUE=DATE:20261208")), "quarantined recurrence_unknown"),
    Bad("51 two VEVENTs that contradict each other",
        answer(("END:VCALENDAR", VEVENT.replace("ACCEPTED", "DECLINED") + "END:VCALENDAR")), "quarantined conflicting_parts"),
    Bad("52 two VEVENTs, one of others", answer(("END:VCALENDAR", VEVENT.replace(UID, "another@localhost") + "END:VCALENDAR")), APPLIED),
    Bad("53 VTODO", octets(HEAD + TYPE + "\n" + CALENDAR.replace("VEVENT", "VTODO")), "rejected component"),
    Bad("54 VFREEBUSY", octets(HEAD + TYPE + "\n" + CALENDAR.replace("VEVENT", "VFREEBUSY")), "rejected component"),
    Bad("55 REQUEST-STATUS 3.7", answer(("SEQUENCE:0", "SEQUENCE:0\nREQUEST-STATUS:3.7;Invalid calendar user")), APPLIED),
    Bad("56 SENT-BY that nobody approved", answer(("PARTSTAT", 'SENT-BY="mailto:amy@corp.example";PARTSTAT')), "quarantined delegate_unapproved"),
    Bad("57 SENT-BY approved",
        octets(HEAD.replace("lea@", "amy@") + TYPE + "\n" + CALENDAR.replace("PARTSTAT", 'SENT-BY="mailto:amy@corp.example";PARTSTAT')),
        APPLIED, also(DELEGATE, "amy@corp.example")),
    Bad("58 after the end", answer(), "unchanged session_over", over),
    Bad("59 who has attended says No", answer(("=ACCEPTED", "=DECLINED")), "unchanged no_change", attended),
    Bad("60 a cancelled session", answer(), "unchanged entry_ended", cancelled),
]  # fmt: skip
