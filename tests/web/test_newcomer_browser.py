"""A newcomer's first minutes in a real browser on the real product: course, group, session, save, mailbox, Accept, Registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.product import Product, poll
from tests.support.walking import sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("newcomer"), settle_seconds="0") as product:
        yield product


@pytest.fixture(scope="module")
def signed_in(product: Product, browser: Browser) -> dict:
    """The cookies of the owner's browser."""
    return sign_in(product, browser)


@pytest.fixture(scope="module")
def told(product: Product, browser: Browser, signed_in: dict) -> dict[str, str]:
    """The walk itself, JavaScript off; gives the addresses that it saw."""
    context = browser.new_context(storage_state=signed_in, java_script_enabled=False)
    page = context.new_page()
    seen = {"session": _plan(product, page)}
    poll(lambda: _mail_is_there(product, page), "the invitation does not arrive in the mailbox")
    page.get_by_role("link", name="Invitation: Fire safety").click()
    seen["message"] = page.url
    page.get_by_role("button", name="Accept").click()
    seen["answer"] = page.get_by_role("status").inner_text()
    page.get_by_role("link", name="See it in the session").click()
    seen["people"] = page.get_by_role("row").filter(has_text="Mia Kern").inner_text()
    page.get_by_role("link", name="Mia Kern").click()
    seen["learner"] = page.url
    seen["my"] = page.get_by_role("link", name="Their own page").get_attribute("href")
    context.close()
    return seen


def test_the_first_session_comes_back_as_registered(told: dict[str, str]):
    assert "Invited became Registered" in told["answer"]
    assert "Registered" in told["people"] and "Yes" in told["people"]


def test_the_learner_says_no_on_her_own_page(product: Product, told: dict[str, str], page: Page):
    page.goto(product.here(told["my"]))
    page.get_by_role("button", name="No: Fire safety").click()
    assert "Your answer is noted" in page.get_by_role("status").inner_text()
    assert page.get_by_role("button", name="No: Fire safety").get_attribute("aria-pressed") == "true"


def test_nothing_is_fetched_from_elsewhere(product: Product, told: dict[str, str], signed_in: dict, browser: Browser):
    context = browser.new_context(storage_state=signed_in)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("/", told["session"], told["message"], product.here(told["my"])):
        page.goto(path if path.startswith("http") else product.url + path)
    context.close()
    assert asked and [url for url in asked if not url.startswith((product.url, "data:"))] == []


def _plan(product: Product, page: Page) -> str:
    page.goto(product.url + "/")
    page.get_by_role("link", name="Make a course").click()
    page.get_by_label("Name").fill("Safety at work")
    page.get_by_role("button", name="Make the course").click()
    page.get_by_label("Name of the group").fill("Berlin")
    page.get_by_role("button", name="Make a group").click()
    page.get_by_label("a list of addresses").fill("Mia Kern <mia@example.org>")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("link", name="New session for this group").click()
    page.get_by_label("Title").fill("Fire safety")
    assert page.get_by_label("Send calendar invitations").is_checked()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Invitations on").wait_for()
    return page.url.removeprefix(product.url)


def _mail_is_there(product: Product, page: Page) -> bool:
    page.goto(product.url + "/dev/mailbox")
    return page.get_by_role("link", name="Invitation: Fire safety").count() == 1
