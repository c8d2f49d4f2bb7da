"""What is sent because its time has come, or because a day is to be noted: every kind once, by a clock that is handed in, before judges that none of us wrote."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from feedserver.commands import ticks
from feedserver.imip.kinds import OF_MILESTONES, OF_ONBOARDING, Kind
from feedserver.services import certifying, completing, course_milestones, milestones, onboarding, onboarding_plans
from feedserver.training.milestones import MilestoneKind
from tests.interop.test_everything_we_send import JUDGES, judge
from tests.support.clock_times import spoken, without_zone
from tests.support.databases import sqlite_copy
from tests.support.subscriber import Subscriber
from tests.support.world import Mail, World

KINDS = OF_MILESTONES | OF_ONBOARDING | {
    Kind.REMINDER, Kind.REMINDER_ANSWER, Kind.DIGEST, Kind.TEAM_DIGEST, Kind.CERTIFICATE, Kind.CERTIFICATES,
}  # fmt: skip
judged = pytest.mark.skipif(not (JUDGES / "check_itip").exists(), reason="the judges are not here")
IN_WORDS = KINDS - OF_MILESTONES
SUNDAY, MONDAY = datetime(2026, 11, 29, 13, 5, tzinfo=UTC), datetime(2026, 11, 30, 13, tzinfo=UTC)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Mail]]:
    """Every mail of two weeks in which all of it happens: to Mia, who reads mail alone in New York, to Ole and to their manager."""
    world = World(sqlite_copy(tmp_path_factory.mktemp("in_time") / "feedserver.db"))
    try:
        yield [*lived(world), *world.notices]
    finally:
        world.close()


def lived(world: World) -> list[Mail]:
    """All that happens; the mails with a calendar part, in the order in which they left."""
    mia = world.person("Mia", channel="mail", timezone="America/New_York", digest="weekly", manager_email="boss@corp.example")
    world.person("Ole", locale="de", timezone="Asia/Kolkata", digest="weekly", manager_email="boss@corp.example")
    world.session("Mia", "Ole", start=datetime(2026, 12, 1, 14))
    course = world.course_id
    quiz, poll = (_milestone(world, title) for title in ("Quiz; Teil 1, 北京", "Poll"))
    sent = world.mails()
    world.do(lambda work: course_milestones.edit(work, quiz, {"day": date(2026, 12, 20)}))
    world.do(lambda work: course_milestones.cancel(work, poll, "No longer needed"))
    sent += world.mails()
    world.do(lambda work: completing.complete(work, [mia], course, source="button"))
    kind = world.do(lambda work: certifying.create_kind(work, {"name": "First aid"}).id)
    world.do(lambda work: certifying.award(work, list(world.people.values()), kind, source="button", expires_on=date(2026, 12, 6)))
    steps = [{"days": 1, "title": "Meet your team"}, {"days": 2, "kind": "session", "course_id": course}]
    plan = world.do(lambda work: onboarding_plans.make(work, {"name": "New", "steps": steps}).id)
    begun = world.do(lambda work: onboarding.start(work, mia, plan, date(2026, 11, 25)).id)
    sent += world.mails()
    world.do(lambda work: onboarding.move(work, begun, date(2026, 11, 26)))
    sent += world.mails()
    answered = next(mail for mail in sent if mail.kind == "invite" and mail.who == "Mia")
    world.answer(answered, "ACCEPTED")
    for moment in (SUNDAY, MONDAY):
        world.moment = moment
        for tick in ticks.TICKS:
            ticks.once(world.house, tick)
        sent += world.mails()
    return sent


def _milestone(world: World, title: str) -> int:
    values = {"kind": "completion_deadline", "title": title, "day": date(2026, 12, 18)}
    return world.do(lambda work: course_milestones.add(work, world.course_id, values).id)


def test_every_kind_was_sent_and_those_in_words_carry_no_calendar(sent):
    found = {mail.kind for mail in sent}
    assert found >= KINDS, KINDS - found
    wrong = [mail.subject for mail in sent if mail.kind in IN_WORDS and b"text/calendar" in mail.raw]
    assert wrong == []


def test_every_time_of_day_is_followed_by_its_zone_and_it_is_the_readers(sent):
    assert [(mail.kind, line) for mail in sent for line in without_zone(mail.words)] == []
    html = {mail.kind: message_from_bytes(mail.raw, policy=policy.default).get_body(("html",)).get_content() for mail in sent}
    assert [(kind, line) for kind, words in html.items() for line in without_zone(words)] == []
    timed = [mail for mail in sent if spoken(mail.words)]
    assert {mail.kind for mail in timed} >= {"reminder_answer", "digest", "team_digest", "onboarding"}
    for who, zone in (("Mia", "New York time, EST"), ("Ole", "Zeit in Kolkata, ")):
        assert {mail.kind for mail in timed if mail.who == who and zone not in mail.words} == set()


@judged
def test_a_feed_with_days_to_note_of_every_kind_is_found_in_order(sqlite_url, tmp_path: Path):
    lea = Subscriber(sqlite_url)
    lea.session()
    for kind in MilestoneKind:
        words = {"title": f"{kind}; Größe, 北京", "description": "Do the *quiz*.", "url": "https://lms.example/q"}
        lea.do(lambda work, kind=kind, words=words: milestones.give(work, [lea.learner_id], kind, day=date(2026, 12, 24), **words))
    lea.change_feed(alarms=True)
    (tmp_path / "feed.ics").write_bytes(lea.get().body)
    # Not the file: judges would serve it at a port of theirs, the same for all.
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = judge("check_feed", f"http://127.0.0.1:{server.server_port}/feed.ics")
        server.shutdown()
    assert found == [] and len(lea.entries()) == 1 + len(MilestoneKind)
    lea.close()


@judged
def test_every_series_of_days_to_note_is_found_in_order(sent, tmp_path: Path):
    series, found = defaultdict(list), {}
    for mail in sent:
        if mail.kind in OF_MILESTONES:
            file = tmp_path / f"{len(series[mail.uid])}-{mail.uid.partition('@')[0]}.eml"
            file.write_bytes(mail.raw)
            series[mail.uid].append(file)
    for uid, files in series.items():
        found[uid] = judge("check_itip", *files)
    assert {uid: lines for uid, lines in found.items() if lines} == {} and len(series) >= 4
