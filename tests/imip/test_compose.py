"""The mails that learners get: their shape, their words, and that nothing in them can be anybody else's."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import Message

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedserver.ical.lines import clean_line
from feedserver.imip.compose import METHODS, Kind, Skeleton, compose
from feedserver.imip.kinds import OF_MILESTONES, WITHOUT_SESSION
from tests.support.sessions import TRAINING, UID, snapshot, values

NINE = datetime(2027, 3, 3, 9)


def skeleton(kind=Kind.INVITE, session=None, *, locale="en", timezone="Europe/Berlin", **more) -> Skeleton:
    fixed = {"sender": TRAINING, "organisation_name": "Acme", "alarm_minutes": 15}
    return compose(kind, session or snapshot(), locale=locale, timezone=timezone, **(fixed | more))


def mail(kind=Kind.INVITE, session=None, *, own=None, **more) -> Message:
    return email.message_from_bytes(skeleton(kind, session, **more).fill(own or values()))


def part(message: Message, kind: str) -> str:
    [found] = [p for p in message.walk() if p.get_content_type() == kind]
    return found.get_payload(decode=True).decode().replace("\r\n", "\n")


def header(message: Message, name: str) -> str:
    return str(make_header(decode_header(message[name])))


def test_an_invitation_has_the_shape_that_shows_buttons_everywhere() -> None:
    message = mail()
    kinds = [p.get_content_type() for p in message.walk()]
    calendar = next(p for p in message.walk() if p.get_content_type() == "text/calendar")

    assert kinds == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar", "application/ics"]
    assert (calendar.get_param("method"), calendar["Content-Disposition"]) == ("REQUEST", None)
    assert calendar.get_payload(decode=True) == message.get_payload(1).get_payload(decode=True)
    assert icalendar.Calendar.from_ical(calendar.get_payload(decode=True))["METHOD"] == "REQUEST"
    assert message.get_payload(1).get_filename() == "invite.ics"


@pytest.mark.parametrize("kind", sorted(set(Kind) - OF_MILESTONES))
def test_every_kind_carries_the_calendar_part_that_it_should(kind: Kind) -> None:
    message = mail(kind)
    calendars = [p for p in message.walk() if p.get_content_type() == "text/calendar"]

    assert [p.get_param("method") for p in calendars] == [METHODS[kind] for _ in range(kind in METHODS)]
    assert ("application/ics" in str(message)) == (METHODS.get(kind) == "REQUEST")
    assert not message.defects and UID not in str(message)


def test_the_headers_name_one_mailbox_and_ask_for_no_answer_by_machine() -> None:
    message = mail(Kind.CANCEL)

    assert message["From"] == message["Reply-To"] == "Training <training@localhost>"
    assert (message["To"], message["Message-ID"]) == ("Lea Learner <lea@corp.example>", "<m1.abc@training.example.net>")
    assert (message["Auto-Submitted"], message["X-Auto-Response-Suppress"]) == ("auto-generated", "OOF")
    assert message["Date"] == "Fri, 20 Nov 2026 10:00:00 +0000"


def test_all_mails_about_one_entry_are_one_thread() -> None:
    assert mail(Kind.INVITE)["References"] == mail(Kind.CANCEL)["References"]
    assert mail(own=values(uid="other"))["References"] != mail()["References"]


@pytest.mark.parametrize("kind", sorted(set(Kind) - OF_MILESTONES))
def test_the_same_values_give_the_same_bytes_also_after_being_stored(kind: Kind) -> None:
    made = skeleton(kind)

    assert Skeleton.from_bytes(made.to_bytes()).fill(values()) == made.fill(values()) == skeleton(kind).fill(values())


def test_bytes_that_are_no_skeleton_are_refused() -> None:
    stored = skeleton().to_bytes()

    for wrong in (b"", b"junk", stored[:60]):
        with pytest.raises(ValueError, match="skeleton"):
            Skeleton.from_bytes(wrong)


def test_a_learner_elsewhere_reads_both_clocks() -> None:
    text = part(mail(timezone="America/New_York"), "text/plain")

    assert (
        "When: Wednesday, 3 March 2027, 04:00–05:30 (New York time, EST)\n  = Wednesday, 3 March 2027, 10:00–11:30 (Berlin time, CET)"
        in text
    )
    assert "  = " not in part(mail(timezone="Europe/Paris"), "text/plain")


def test_a_new_time_is_told_as_before_and_now_and_asks_again() -> None:
    text = part(mail(Kind.UPDATE, told=snapshot(start=NINE, title="Fire drill")), "text/plain")

    assert "The time has changed, so please answer again." in text
    assert "before: Wednesday, 3 March 2027, 09:00–11:30" in text and "now: Wednesday, 3 March 2027, 10:00–11:30" in text
    assert "before: Fire drill\n  now: Fire safety" in text and "Press Yes or No" in text


def test_new_wording_says_that_nothing_is_needed() -> None:
    for told in (snapshot(description="old"), snapshot(location="Room 1")):
        text = part(mail(Kind.UPDATE, told=told), "text/plain")
        assert "You need not answer again" in text and "answer again.\n\nWhen" not in text
    assert "before: Room 1\n  now: Room 5, main building" in text


def test_a_cancellation_says_so_in_words_and_why() -> None:
    message = mail(Kind.CANCEL, note="The trainer is ill.")

    assert header(message, "Subject") == "Cancelled: Fire safety"
    assert "This session is cancelled and will not take place.\n\nReason: The trainer is ill." in part(message, "text/plain")
    assert "Reason: The trainer is ill." in part(message, "text/html")


def test_who_comes_late_learns_the_place_on_the_list() -> None:
    for kind in (Kind.FULL, Kind.WAITING):
        assert "You are number 3 on the waiting list." in part(mail(kind), "text/plain")
        assert "You are number 3 on the waiting list." in part(mail(kind), "text/html")
    with pytest.raises(KeyError, match="position"):
        mail(Kind.FULL, own=values(extra={}))


def test_a_private_session_s_mail_gives_nothing_away() -> None:
    told = snapshot(title="Coping with debt", start=NINE, description="about debt")
    for kind in set(Kind) - WITHOUT_SESSION:
        raw = mail(kind, snapshot(title="Debt advice", visibility="private"), told=told)
        texts = part(raw, "text/plain") + part(raw, "text/html") + header(raw, "Subject")
        assert "Training" in header(raw, "Subject")
        assert not [word for word in ("ebt", "laptop", "Ann Trainer", "Safety") if word in texts]


def test_lea_reads_german_and_unknown_languages_read_english() -> None:
    german = mail(locale="de-AT")

    assert header(german, "Subject") == "Einladung: Fire safety" and german["Content-Language"] == "de"
    assert "Mittwoch, 3. März 2027, 10:00–11:30 (Zeit in Berlin, MEZ)" in part(german, "text/plain")
    assert "Ihre Seite: https://training.example.net/my/" in part(german, "text/plain")
    assert mail(locale="xx-Nonsense")["Content-Language"] == "en"


def test_the_page_is_linked_in_every_part_also_when_it_is_long() -> None:
    url = "https://training.example.net/my/.=?&" + ".x" * 100
    message = mail(own=values(page_url=url))

    assert f"Your page: {url}\n" in part(message, "text/plain")
    assert f'href="{url.replace("&", "&amp;")}"' in part(message, "text/html")
    assert url in str(icalendar.Calendar.from_ical(part(message, "text/calendar").encode()).walk("VEVENT")[0]["DESCRIPTION"])


@given(st.text(max_size=120), st.text(max_size=300))
def test_no_name_and_no_title_adds_a_header_or_breaks_a_line(name: str, title: str) -> None:
    raw = skeleton(session=snapshot(title=title, description=title, visibility="busy"), note=title).fill(values(to_name=name))
    message = email.message_from_bytes(raw)

    assert message.keys() == mail().keys() and not message.defects
    assert header(message, "Subject").startswith("Invitation: " + (clean_line(title)[:100].rstrip() or "Training"))
    assert b"<lea@corp.example>" in raw or message["To"] == "lea@corp.example"
    assert all(len(line) <= 78 and not re.match(rb"\.|From ", line) for line in raw.split(b"\r\n"))
    assert raw.isascii() and b"\n" not in raw.replace(b"\r\n", b"")


@given(st.text(max_size=200))
def test_a_name_is_read_back_as_it_is(name: str) -> None:
    read = header(mail(own=values(to_name=name)), "To")

    expected = clean_line(name)
    assert email.utils.parseaddr(mail(own=values(to_name="L"))["To"])[1] == "lea@corp.example"
    if expected and len(expected) <= 200:
        bare = str.maketrans("", "", '"\\')  # quoted or not, as the name needs it
        assert read.rpartition("<")[0].translate(bare).strip() == expected.translate(bare).strip()


@pytest.mark.parametrize("field", ["message_id", "to_address"])
def test_what_could_hold_a_header_is_refused(field: str) -> None:
    for wrong in ("a@b\r\nBcc: x@y.example", "a b@c", "", "a<b@c"):
        with pytest.raises(ValueError, match=r"Message-ID|header"):
            mail(own=values(**{field: wrong}))


def test_nobody_s_text_is_run_as_a_template_or_as_html() -> None:
    text = "{{7*7}} {% include 'x' %} %s %(title)s <script>alert(1)</script> <img src=x>"
    message = mail(Kind.CANCEL, snapshot(title=text), note=text)

    assert text in header(message, "Subject") and text in part(message, "text/plain")
    assert (
        "<script" not in part(message, "text/html") and "<img" not in part(message, "text/html") and "49" not in part(message, "text/plain")
    )


def test_markdown_becomes_safe_html_without_pictures() -> None:
    html = part(
        mail(session=snapshot(description="**b** <i onclick=x>\n\n![p](https://track.example/p.gif) [j](javascript:x)")), "text/html"
    )

    assert "<strong>b</strong>" in html and "<img" not in html and "<i " not in html and 'href="javascript' not in html


def test_an_offer_says_until_when_in_the_mail_and_in_the_entry() -> None:
    held = datetime(2026, 11, 21, 10, tzinfo=UTC)
    message = mail(Kind.OFFER, held=held)
    event = icalendar.Calendar.from_ical(message.get_payload(1).get_payload(decode=True)).events[0]

    assert "The seat is held for you until Saturday, 21 November 2026, 11:00 (Berlin time, CET)." in part(message, "text/plain")
    assert "Held for you until Saturday, 21 November 2026, 11:00" in event["DESCRIPTION"]
    assert "11:00 (Berlinzeit, MEZ)" not in part(message, "text/html") and "05:00" in part(
        mail(Kind.OFFER, held=held, timezone="America/New_York"), "text/plain"
    )
    assert "Held for you" not in str(icalendar.Calendar.from_ical(mail().get_payload(1).get_payload(decode=True)))


def test_who_may_answer_is_given_the_page_for_it_and_an_approver_no_page_of_the_learner() -> None:
    for kind in (Kind.INVITE, Kind.OFFER, Kind.RELEASED, Kind.WAITING):
        assert "/rsvp/7." in part(mail(kind), "text/plain") and "/rsvp/7." in part(mail(kind), "text/html")
    text = part(mail(Kind.APPROVAL), "text/plain")
    assert "Tom Learner (lea.private@home.example) has registered" in text and "/my/" not in text and "/rsvp/7." in text
