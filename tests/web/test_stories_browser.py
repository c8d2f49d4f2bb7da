"""The main stories in a real browser on the real product: people press what they see, mail is read where it is captured, answers go by SMTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.product import Product, poll
from tests.support.walking import Walk, calendar_of, sign_in, walking, words_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Door = Callable[..., AbstractContextManager[Walk]]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("stories"), settle_seconds="0") as product:
        yield product


@pytest.fixture(scope="module")
def desk(product: Product, browser: Browser) -> Door:
    """Opens a browser in which the owner is signed in."""
    return partial(walking, product, browser, sign_in(product, browser))


@pytest.fixture(scope="module")
def phone(product: Product, browser: Browser) -> Door:
    """Opens a browser that knows nobody, as wide as a phone, scripts off."""
    return partial(walking, product, browser, java_script_enabled=False, **PHONE)


def test_a_freed_place_is_offered_and_taken_from_the_calendar(desk: Door, phone: Door):
    with desk() as office, phone() as tom:
        lea, tom_ = office.learner("Lea Full"), office.learner("Tom Wait")
        session = office.session("Full house", capacity=1, waiting_list=True)
        office.enrol(session, lea)
        tom.go(office.own_page(tom_))
        tom.follow("See all courses and register")
        tom.press("Join the waiting list: Full house")
        assert "1 on the waiting list" in tom.page.locator("li").filter(has_text="Full house").inner_text()

        office.open_mail(lea["email"], "Invitation: Full house")
        assert "Registered became Declined" in office.answer("Decline")
        offer = office.open_mail(tom_["email"], "A seat is free for you: Full house")
        assert calendar_of(offer)["METHOD"] == "REQUEST" and "held for you until" in words_of(offer)
        assert "Invited became Registered" in office.answer("Accept")
        office.follow("See it in the session")
        assert "Registered" in office.row("Tom Wait") and "Yes" in office.row("Tom Wait") and "Declined" in office.row("Lea Full")


def test_an_approver_lets_one_in_and_refuses_another_with_a_word(desk: Door, phone: Door):
    with desk() as office, phone() as outside:
        team = [office.learner(name, manager_email="boss@corp.example") for name in ("Ina Asks", "Udo Asks")]
        session = office.session("By leave", approval_required=True)
        for one in team:
            outside.go(office.own_page(one))
            outside.follow("See all courses and register")
            outside.press("Ask to take part: By leave")
        for one, press in zip(team, ("Approve", "Refuse"), strict=True):
            asked = office.open_mail("boss@corp.example", "By leave", saying=one["name"])
            outside.go(outside.link_in(asked, "approvals"))
            if press == "Refuse":
                outside.page.get_by_label("A word of reason").fill("The spring date suits us better.")
            outside.press(press)
            assert "The person is told by mail" in outside.says
        assert calendar_of(office.open_mail(team[0]["email"], "By leave"))["METHOD"] == "REQUEST"
        assert "The spring date suits us better." in words_of(office.open_mail(team[1]["email"], "By leave"))
        office.go(f"/sessions/{session['id']}")
        assert "Registered" in office.row("Ina Asks")
        office.follow("Cancelled 1")
        assert "Udo Asks" in office.row("Cancelled")


def test_held_replies_are_worked_through_with_the_keyboard_alone(desk: Door):
    with desk() as office:
        session = office.session("Held")
        for name in ("Ada Held", "Ben Held"):
            one = office.learner(name)
            office.enrol(session, one, "Invited")
            invitation = office.open_mail(one["email"], "Held")
            office.mail_in(invitation, "ACCEPTED", f"{name.split()[0].lower()}.private@home.example")

        def held() -> bool:
            office.go("/mail/in?outcome=quarantined")
            return office.page.get_by_role("row").filter(has_text="private@home.example").count() == 2

        poll(held, "the replies from other addresses are not held")
        office.page.get_by_role("row").filter(has_text="ada.private").get_by_role("link").focus()
        office.page.keyboard.press("Enter")
        office.page.get_by_role("heading", name="Evidence").wait_for()
        office.press_access_key("a")
        assert "Registered" in office.says and "ben.private@home.example" in office.page.content()
        office.press_access_key("d")
        office.go(f"/sessions/{session['id']}")
        assert "Registered" in office.row("Ada Held") and "Invited" in office.row("Ben Held")


def test_attendance_all_at_once_one_put_right_and_one_by_the_code_on_the_wall(desk: Door, phone: Door):
    with desk() as office, phone() as eva:
        session = office.session("Now", minutes_from_now=-10)
        people = [office.learner(name) for name in ("Eva Came", "Jan Came", "Kim Stayed")]
        for one in people:
            office.enrol(session, one)
        office.go(f"/sessions/{session['id']}")
        office.follow("Attendance")
        office.follow("Show the check-in code")
        assert "0 of 3 are here" in office.page.locator("main").inner_text()
        eva.go(office.page.get_by_role("link", name="Open it on this device").get_attribute("href"))
        eva.page.get_by_label("Your e-mail address in this session").fill(people[0]["email"])
        eva.press("Send me a link")
        eva.go(eva.link_in(office.open_mail(people[0]["email"], "Check in"), "check-in"))
        eva.press("I am here")
        eva.page.get_by_role("heading", name="You are checked in").wait_for()

        office.go(f"/sessions/{session['id']}/attendance")
        office.press("All attended (2 not marked yet)")
        assert "2 marked." in office.says
        office.page.get_by_role("row").filter(has_text="Kim Stayed").get_by_label("Absent").check()
        office.press("Save this page")
        assert "1 marked." in office.says and "2 attended, 1 absent" in office.page.locator(".tally").inner_text()
        assert "checked in" in office.row("Eva Came")


def test_somebody_leaves_in_one_action_and_the_place_is_passed_on(desk: Door):
    with desk() as office:
        gone, next_ = office.learner("Ole Gone"), office.learner("Pia Next")
        sessions = [office.session(title, capacity=1, waiting_list=True) for title in ("Leaving one", "Leaving two")]
        for session in sessions:
            office.enrol(session, gone)
        office.made(f"/sessions/{sessions[0]['id']}/registrations", {"learner_id": next_["id"]})
        office.go(f"/learners/{gone['id']}")
        office.follow("Leaves…")
        told = office.page.locator("main").inner_text()
        assert "2 coming sessions are cancelled" in told and "In 1 of them somebody waits" in told
        office.press("Ole Gone leaves")
        for title in ("Leaving one", "Leaving two"):
            poll(lambda title=title: _method_of_newest(office, gone, title) == "CANCEL", f"no CANCEL of {title}")
        offer = office.open_mail(next_["email"], "Leaving one")
        assert calendar_of(offer)["METHOD"] == "REQUEST"
        office.go(f"/sessions/{sessions[0]['id']}")
        assert "Invited" in office.row("Pia Next")
        office.follow("Cancelled 1")
        assert "Ole Gone" in office.row("Cancelled")


def _method_of_newest(walk: Walk, learner: dict, subject: str) -> str:
    return str(calendar_of(walk.open_mail(learner["email"], subject))["METHOD"])
