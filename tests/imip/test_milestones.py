"""What people without a feed are sent of a day to note: a whole day, free, that asks nothing."""

from __future__ import annotations

import email
from datetime import date

import icalendar
import pytest

from feedserver.addresses import Mailbox
from feedserver.imip import milestones
from feedserver.imip.catalogues import language
from feedserver.imip.compose import METHODS, Kind, Skeleton
from feedserver.imip.kinds import OF_MILESTONES
from feedserver.training.milestones import MilestoneKind, Noted

from .test_compose import TRAINING, header, part, values

DAY = date(2027, 3, 31)
NOTED = Noted(MilestoneKind.COMPLETION_DEADLINE, "Fire safety", DAY, "Do the *quiz*.", "https://lms.example/quiz")


def mail(kind: Kind, before: date | None = None, locale: str = "en", **more):
    made = milestones.compose(kind, NOTED, before, locale=locale, sender=TRAINING, organisation_name="Acme", **more)
    return email.message_from_bytes(Skeleton.from_bytes(made.to_bytes()).fill(values()))


def event(message):
    (one,) = icalendar.Calendar.from_ical(part(message, "text/calendar").replace("\n", "\r\n").encode()).walk("VEVENT")
    return one


def test_a_deadline_is_a_whole_day_that_leaves_people_free_and_asks_for_no_answer() -> None:
    one = event(mail(Kind.MILESTONE))

    assert (one.decoded("DTSTART"), one.decoded("DTEND")) == (DAY, date(2027, 4, 1))
    assert (one["TRANSP"], one["X-MICROSOFT-CDO-BUSYSTATUS"]) == ("TRANSPARENT", "FREE")
    assert (
        one["ATTENDEE"].params["RSVP"] == "FALSE"
        and one["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
        and one["ATTENDEE"] == "mailto:lea@corp.example"
    )
    assert one["ORGANIZER"] == f"mailto:{TRAINING.address}" and not one.walk("VALARM")
    assert one["SUMMARY"] == "Deadline: Fire safety" and one["URL"] == "https://lms.example/quiz"


@pytest.mark.parametrize("kind", sorted(OF_MILESTONES))
def test_every_kind_has_its_method_and_no_defect(kind: Kind) -> None:
    message = mail(kind, note="Moved on")

    calendars = [p for p in message.walk() if p.get_content_type() == "text/calendar"]
    assert [p.get_param("method") for p in calendars] == [METHODS[kind]] and not message.defects
    assert (event(message)["STATUS"] == "CANCELLED") == (METHODS[kind] == "CANCEL")
    assert "Reason: Moved on" in part(message, "text/plain")


def test_who_is_told_another_day_reads_both_in_their_language() -> None:
    message = mail(Kind.MILESTONE_CHANGED, before=date(2027, 3, 1), locale="de")

    assert header(message, "Subject") == "Geändert: Frist: Fire safety"
    assert "bisher: Montag, 1. März 2027" in part(message, "text/plain") and "jetzt: Mittwoch, 31. März 2027" in part(message, "text/plain")


def test_every_kind_of_milestone_has_a_name_in_every_language() -> None:
    names = {(kind, tag): milestones.title(Noted(kind, "x", DAY), language(tag)) for kind in MilestoneKind for tag in ("en", "de")}

    assert len(set(names.values())) == 2 * len(MilestoneKind)


def test_an_empty_title_and_a_hostile_link_make_no_broken_entry() -> None:
    bad = Noted(MilestoneKind.ASSESSMENT, "\r\nMETHOD:X", DAY, "\0", "javascript:alert(1)")
    raw = milestones.compose(Kind.MILESTONE, bad, None, locale="en", sender=Mailbox("", "a@b.example"), organisation_name="").fill(values())

    one = event(email.message_from_bytes(raw))
    assert one["SUMMARY"] == "Assessment: METHOD:X" and "URL" not in one
