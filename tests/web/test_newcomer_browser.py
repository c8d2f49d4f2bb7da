"""A newcomer's first minutes in a real browser on the real product: course, group, session, save, mailbox, Accept, Registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browsing import axe
from tests.support.product import Product, poll

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

SERIOUS = ("(serious)", "(critical)")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(tmp_path_factory.mktemp("newcomer"), settle_seconds="0") as product:
        yield product


@pytest.fixture(scope="module")
def signed_in(product: Product, browser: Browser) -> dict:
    """The cookies of the owner's browser."""
    link = product.command("admin", "create", "olga@example.org", "--role", "owner").strip().split()[-1]
    context = browser.new_context()
    page = context.new_page()
    page.goto(product.here(link))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today").wait_for()
    state = context.storage_state()
    context.close()
    return state


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


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_no_page_is_wider_than_the_screen(
    product: Product, told: dict[str, str], signed_in: dict, browser: Browser, width: int, scheme: str
):
    context = browser.new_context(storage_state=signed_in, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    found = []
    for path in _pages(product, told):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        found += [f"{path}: {one}" for one in axe(page) if any(word in one for word in SERIOUS)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{path}: wider than {width} px")
    context.close()
    assert found == []


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
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Invitations on").wait_for()
    return page.url.removeprefix(product.url)


def _mail_is_there(product: Product, page: Page) -> bool:
    page.goto(product.url + "/dev/mailbox")
    return page.get_by_role("link", name="Invitation: Fire safety").count() == 1


def _pages(product: Product, told: dict[str, str]) -> list[str]:
    session, learner = told["session"], Path(told["learner"]).name
    here = ("/", "/courses", "/courses/new", "/courses/1", "/courses/1/sessions/new", "/groups/1", "/learners", f"/learners/{learner}")
    there = (
        "/sessions",
        session,
        f"{session}/edit",
        f"{session}/cancel",
        "/mail/out",
        "/mail/out/1",
        "/mail/in",
        "/mail/in/1",
        "/settings",
    )
    return [product.url + path for path in (*here, *there, "/dev/mailbox", "/sessions/99")] + [told["message"], product.here(told["my"])]
