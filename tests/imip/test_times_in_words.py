"""Whoever reads a time reads in which zone it is: in their own, and in the session's where its clock differs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedserver.imip.kinds import OF_MILESTONES, WITHOUT_SESSION, Kind
from tests.imip.test_compose import mail, part
from tests.support.clock_times import spoken, without_zone
from tests.support.sessions import snapshot

WITH_SESSION = sorted(set(Kind) - OF_MILESTONES - WITHOUT_SESSION)
LOCALES = ("en-GB", "en-US", "de-AT")
HELD = datetime(2027, 2, 1, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", WITH_SESSION)
def test_every_time_in_a_mail_is_followed_by_its_zone(kind: Kind, locale: str):
    before, other = snapshot(start=datetime(2027, 3, 2, 23, 15)), snapshot(start=datetime(2027, 4, 3, 9), timezone="Asia/Tokyo")
    message = mail(kind, told=before, others=[other], held=HELD, locale=locale, timezone="America/New_York")
    for shape in ("text/plain", "text/html"):
        words = part(message, shape)
        assert without_zone(words) == [] and spoken(words) > 0


def test_a_time_without_its_zone_would_be_found():
    assert without_zone("Wednesday, 10:00–11:30\nat 9:15 AM\nhttps://t.example:8000/a 10:00 (Berlin time, CET)") == [
        "Wednesday, 10:00–11:30", "at 9:15 AM",
    ]  # fmt: skip
    assert without_zone("Mi., 3. März 2027, 22:00 – Do., 4. März 2027, 01:00 (Zeit in Berlin, MEZ), bis 10:00") != []
