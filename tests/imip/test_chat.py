"""What a chat channel reads, and that nothing in it can call people or lead elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from feedserver.imip import chat
from feedserver.imip.chat import Channel
from feedserver.training.changes import Snapshot

NASTY = "<!channel> @everyone <https://evil.example|Prize> [Prize](https://evil.example) <at>all</at> & *bold*"
ONE = Snapshot(
    "Fire safety",
    datetime(2026, 12, 1, 10),
    datetime(2026, 12, 1, 11),
    "Europe/Berlin",
    location="Room 1",
    join_url="https://meet.example/S",
)
BERLIN, TOKYO = Channel("de", "Europe/Berlin"), Channel("en", "Asia/Tokyo")


def test_a_new_session_is_said_in_the_channels_language_and_zone():
    assert chat.published(ONE, BERLIN, free=3).plain.splitlines() == [
        "Neu: Fire safety", "Wann: Dienstag, 1. Dezember 2026, 10:00–11:00 (Zeit in Berlin, MEZ)", "Wo: Room 1", "Freie Plätze: 3",
    ]  # fmt: skip
    assert "Tuesday, 1 December 2026, 18:00–19:00 (Tokyo time" in chat.published(ONE, TOKYO).plain


def test_a_move_says_before_and_now_and_wording_alone_says_nothing():
    moved = replace(ONE, start=datetime(2026, 12, 2, 10), end=datetime(2026, 12, 2, 11))
    (label, (before, now)) = chat.changed(ONE, moved, BERLIN).texts[0]
    assert (label, before[:27], now[:26]) == ("Wann", "Bisher: Dienstag, 1. Dezemb", "Jetzt: Mittwoch, 2. Dezemb")
    assert chat.changed(ONE, replace(ONE, description="new"), BERLIN) is None


def test_a_series_is_one_message():
    rule = replace(ONE, rule="FREQ=WEEKLY;UNTIL=20261222T090000Z", left_out=("2026-12-08T10:00:00",))
    assert "and 2 more" in chat.published(rule, TOKYO).plain and "and 9 more" in chat.published(ONE, TOKYO, dates_=10).plain
    assert "3 dates of this series" in chat.changed(ONE, ONE, TOKYO, dates_=3).plain


def test_today_and_a_cancellation_in_words():
    assert chat.reminder([(ONE, 0), (ONE, None)], TOKYO).heading == "Training today"
    assert "Reason: ill" in chat.cancelled(ONE, "ill", TOKYO).plain and "https://meet.example" not in chat.published(ONE, TOKYO).plain


@pytest.mark.parametrize("flavour", chat.FLAVOURS)
def test_a_title_calls_nobody_and_makes_no_link(flavour: str):
    said = json.loads(chat.FLAVOURS[flavour](chat.published(replace(ONE, title=NASTY, location=NASTY), TOKYO)))
    for kind, text in _texts(said):
        assert kind in ("plain_text", "TextRun") or ("<" not in text and ">" not in text)
    if flavour == "slack":
        assert (said["mrkdwn"], said["parse"], said["link_names"], said["unfurl_links"]) == (False, "none", False, False)


def _texts(value, kind: str = ""):
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "text" and isinstance(one, str):
                yield value.get("type", kind), one
            else:
                yield from _texts(one, value.get("type", kind))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, kind)
