"""Takes the pictures of README.md and docs/roles from the demo: `.venv/bin/python -m docs.take_pictures`, from the checkout, after `./test` has found a Chromium."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from feedserver.commands.demo_in_time import SERIES
from tests.support import chromium

ROOT = Path(__file__).resolve().parents[1]
PICTURES = Path(__file__).parent / "pictures"
SIZE = {"width": 1080, "height": 700}
LARGEST = 150_000


@contextmanager
def demo() -> Iterator[str]:
    """A server with the demo on free ports and in a folder of its own; gives what it printed until it was ready."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DATABASE_URL": f"sqlite:///{folder}/demo.db", "HTTP_BIND": "127.0.0.1:0", "INBOUND_BIND": "127.0.0.1:0"}
        others = {name: value for name, value in os.environ.items() if not name.startswith("FEEDSERVER_")}
        environment = others | {f"FEEDSERVER_{name}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "feedserver", "serve", "--demo"]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
            try:
                said = ""
                for line in server.stdout:
                    said += line
                    if line.strip() == "ready":
                        break
                yield said
            finally:
                server.terminate()
                server.wait(20)


def take(page: Page, said: str) -> None:
    """Walk the tour of the README and keep what is seen."""
    base = re.search(r"web: (\S+)", said)[1]
    page.goto(re.search(r"\S+/sign-in/\S+", said)[0])
    page.get_by_role("button").first.click()
    page.wait_for_load_state()
    keep(page, "start")
    page.goto(f"{base}/dev/mailbox")
    page.locator("main a", has_text="Invitation: First aid: practice day").first.click()
    page.get_by_role("button", name="Accept").wait_for()
    keep(page, "invitation")
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("Your answer went by mail").wait_for()
    page.get_by_role("link", name="See it in the session").click()
    page.get_by_role("heading", name="People").wait_for()
    keep(page, "session")
    page.goto(re.search(r"\S+/my/\S+", said)[0])
    keep(page, "learner")
    take_for_roles(page, base)


def take_for_roles(page: Page, base: str) -> None:
    """What docs/roles shows: the calendar, a plan before it is published, an approval, attendance, a series, certificates."""
    page.goto(f"{base}/calendar?view=agenda")
    keep(page, "roles/calendar")
    page.goto(f"{base}/sessions")
    page.get_by_role("link", name="First aid: practice day").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Place").fill("Hall 2, Lakeside house")
    page.get_by_role("button", name="Only plan it").click()
    page.get_by_role("heading", name="Before you publish").wait_for()
    keep(page, "roles/preview")
    page.get_by_role("button", name="Forget the plan").click()
    page.goto(f"{base}/sessions")
    page.get_by_role("link", name="Becoming a data protection contact").click()
    page.get_by_role("link", name="Waiting Approval 2").click()
    page.get_by_label("Change Noah Wilson").click()
    keep(page, "roles/approval")
    page.goto(f"{base}/sessions?which=past")
    page.get_by_role("link", name="First aid: the basics").click()
    page.get_by_role("link", name="Attendance").click()
    page.get_by_role("heading", level=1).wait_for()
    keep(page, "roles/attendance")
    page.goto(f"{base}/sessions")
    page.get_by_role("link", name=SERIES).first.click()
    page.get_by_role("heading", name="Dates").scroll_into_view_if_needed()
    keep(page, "roles/series")
    page.goto(f"{base}/reports/compliance")
    keep(page, "roles/certificates")


def keep(page: Page, name: str) -> None:
    """The visible part of a page as a small PNG."""
    data = page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
    if len(data) > LARGEST:
        raise SystemExit(f"{name}.png has {len(data)} octets; at most {LARGEST} belong in the repository.")


def main() -> None:
    """Take all pictures."""
    (PICTURES / "roles").mkdir(parents=True, exist_ok=True)
    with demo() as said, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.flags())
        take(browser.new_page(viewport=SIZE, locale="en-GB", timezone_id="Europe/Berlin"), said)
        browser.close()


if __name__ == "__main__":
    main()
