"""A real Chromium: the fixtures `browser` and `page`, and `axe` for what assistive programs would stumble over."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for each worker; fails with the reason where there is none."""
    from playwright.sync_api import sync_playwright

    path = chromium.find()
    if not path:
        pytest.fail("no Chromium: run the tests with ./test, or name one in FEEDSERVER_TEST_CHROMIUM", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.flags())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page with cookies of its own; a script error on it fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin")
    context.set_default_timeout(30_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == [], "scripts on the page failed"


def axe(page: Page) -> list[str]:
    """What axe-core finds on the page, frames aside: one line a violation, with the elements; empty is good."""
    # evaluate and not a script tag: the page's Content-Security-Policy refuses foreign scripts, rightly.
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe_source())
    # Our frames are mails in a sandbox, where axe cannot run and would wait for an answer.
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], iframes: false}).then(result => result.violations)")
    return [f"{one['id']} ({one['impact']}): {one['help']}: " + " | ".join(node["html"][:160] for node in one["nodes"]) for one in found]


@cache
def _axe_source() -> str:
    return (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
