"""What a subscribed calendar sees."""

from __future__ import annotations

import gzip
import hmac
import inspect
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from zoneinfo import ZoneInfo

import itsdangerous
import pytest

from feedserver import tokens
from feedserver.services import enrolling, scheduling
from feedserver.services.feed_reading import FeedReader
from feedserver.services.feed_shelf import Shelf
from feedserver.services.feeding import FeedRequest, accepts_gzip, answer
from feedserver.store.commit_mark import CommitMark
from feedserver.store.database import Database
from feedserver.store.feeds import Feed
from feedserver.store.organisations import Organisation
from tests.support.subscriber import Subscriber


@pytest.fixture
def lea(database_url: str) -> Iterator[Subscriber]:
    one = Subscriber(database_url)
    yield one
    one.close()


@pytest.fixture
def quick(sqlite_url: str) -> Iterator[Subscriber]:
    """The same on SQLite alone, for what the database has no part in."""
    one = Subscriber(sqlite_url)
    yield one
    one.close()


def test_a_session_stands_in_the_feed_from_the_moment_the_learner_is_in_it(lea):
    assert lea.titles() == []
    lea.session("Fire safety")
    (entry,) = lea.entries()
    assert entry["SUMMARY"] == "Fire safety" and entry["STATUS"] == "CONFIRMED" and entry["SEQUENCE"] == 0
    assert entry.start.isoformat() == "2026-11-25T10:00:00+01:00"
    assert "ORGANIZER" not in entry and "ATTENDEE" not in entry
    assert f"https://t.example/my/{lea.entries()[0]['DESCRIPTION'].split('/my/')[1]}" in entry["DESCRIPTION"]


def test_a_move_shows_with_a_higher_sequence_under_the_same_uid(lea):
    session = lea.session()
    (before,) = lea.entries()
    lea.later(minutes=5)
    moved = {"start": datetime(2026, 11, 26, 14), "end": datetime(2026, 11, 26, 15)}
    lea.do(lambda work: scheduling.edit_session(work, session.id, moved))
    (after,) = lea.entries()
    assert after["UID"] == before["UID"] and after["SEQUENCE"] == before["SEQUENCE"] + 1
    assert after.start.isoformat() == "2026-11-26T14:00:00+01:00"
    assert after["DTSTAMP"].dt > before["DTSTAMP"].dt and after["LAST-MODIFIED"].dt == after["DTSTAMP"].dt


def test_a_cancelled_session_is_struck_out_for_a_week(lea):
    session = lea.session(days=30)
    lea.do(lambda work: scheduling.cancel_session(work, session.id))
    (entry,) = lea.entries()
    assert entry["SUMMARY"] == "Cancelled: Fire safety" and entry["STATUS"] == "CANCELLED" and entry["TRANSP"] == "TRANSPARENT"
    lea.later(days=6, hours=23)
    assert lea.titles() == ["Cancelled: Fire safety"]
    etag = lea.header("ETag")
    lea.later(hours=1, seconds=1)
    assert lea.titles() == [] and lea.header("ETag") != etag


def test_a_cancelled_session_leaves_at_its_old_start_and_a_304_never_hides_it(lea):
    session = lea.session(days=2)
    lea.do(lambda work: scheduling.cancel_session(work, session.id))
    lea.moment = datetime(2026, 11, 22, 8, 59, 59, tzinfo=UTC)
    shown = lea.get()
    seen = {"if_none_match": dict(shown.headers)["ETag"]}
    dated = {"if_modified_since": dict(shown.headers)["Last-Modified"]}
    assert b"Cancelled: " in shown.body and lea.get(**seen).status == lea.get(**dated).status == "304 Not Modified"
    lea.later(seconds=3)
    assert lea.titles() == [] and lea.get(**seen).status == lea.get(**dated).status == "200 OK"


def test_what_was_declined_leaves_and_a_later_cancellation_does_not_bring_it_back(lea):
    session = lea.session()
    lea.do(lambda work: enrolling.set_status(work, session.enrolment_id, "Declined"))
    assert lea.titles() == []
    lea.do(lambda work: scheduling.cancel_session(work, session.id))
    assert lea.titles() == []


def test_somebody_taken_off_has_the_entry_no_more(lea):
    session = lea.session()
    lea.do(lambda work: enrolling.remove(work, session.enrolment_id))
    assert lea.titles() == []


@pytest.mark.parametrize(
    ("rules", "word"),
    [({"capacity": 0, "waiting_list": True}, "Waiting list"), ({"approval_required": True}, "Waiting for approval")],
)
def test_a_place_on_a_list_is_tentative_free_and_marked(lea, rules, word):
    session = lea.session(status=None, **rules)
    lea.do(lambda work: enrolling.register(work, session.id, lea.learner_id))
    (entry,) = lea.entries()
    assert entry["SUMMARY"] == f"{word}: Fire safety"
    assert entry["STATUS"] == "TENTATIVE" and entry["TRANSP"] == "TRANSPARENT"


def test_a_german_reads_german(database_url):
    lea = Subscriber(database_url, locale="de-AT")
    session = lea.session(status=None, capacity=0, waiting_list=True)
    lea.do(lambda work: enrolling.register(work, session.id, lea.learner_id))
    assert lea.titles() == ["Warteliste: Fire safety"]
    lea.close()


def test_a_busy_feed_says_when_and_nothing_else(lea):
    lea.session("Anger management", description="Be calm", location="Room 5", join_url="https://meet.example/x")
    lea.change_feed(detail="busy")
    body = lea.get().body
    assert lea.titles() == ["Busy"]
    assert not any(word in body for word in (b"Anger", b"calm", b"Room", b"meet.example", b"/my/"))


def test_a_private_session_is_discreet(lea):
    lea.session("Anger management", visibility="private")
    assert lea.titles() == ["Training"] and lea.entries()[0]["CLASS"] == "PRIVATE"


def test_a_feed_of_what_was_not_invited_leaves_the_mailed_out(lea):
    lea.session("Mailed")
    listed = lea.session("Listed", status=None, capacity=0, waiting_list=True)
    lea.do(lambda work: enrolling.register(work, listed.id, lea.learner_id))
    lea.change_feed(content="not_invited")
    assert lea.titles() == ["Waiting list: Listed"]


def test_a_feed_without_sessions_among_its_kinds_shows_none(lea):
    lea.session()
    lea.change_feed(kinds=["deadline", "assessment"])
    assert lea.titles() == []


def test_alarms_come_where_they_are_wanted_at_the_organisations_minutes(lea):
    lea.session()
    assert not lea.entries()[0].walk("VALARM")
    lea.change_feed(alarms=True)
    assert lea.entries()[0].walk("VALARM")[0]["TRIGGER"].dt == timedelta(minutes=-15)
    with lea.database.write() as db:
        db.get_one(Organisation, 1).alarm_minutes = 45
    assert lea.entries()[0].walk("VALARM")[0]["TRIGGER"].dt == timedelta(minutes=-45)


def test_the_window_is_three_months_back_and_eighteen_ahead(quick):
    for title, days in (("long gone", -93), ("gone", -91), ("far", 548), ("too far", 550)):
        quick.session(title, days=days)
    assert quick.titles() == ["gone", "far"]
    quick.later(days=2)
    assert quick.titles() == ["far", "too far"]


def test_an_empty_feed_is_still_a_calendar_with_a_name(lea):
    body = lea.get().body
    assert b"BEGIN:VTIMEZONE\r\n" in body and b"METHOD" not in body
    assert b"NAME:My training (Acme)\r\n" in body and b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n" in body


def test_sessions_in_several_zones_bring_each_zone_once(quick):
    for zone in ("Europe/Berlin", "America/New_York", "Europe/Berlin", "UTC", "Africa/Casablanca"):
        quick.session(zone, timezone=zone)
    body = quick.get().body
    assert body.count(b"BEGIN:VTIMEZONE") == 3 and body.count(b"TZID:Europe/Berlin\r\n") == 1
    for entry in quick.entries():
        assert entry.start.utcoffset() == datetime(2026, 11, 25, 10, tzinfo=ZoneInfo(entry["SUMMARY"])).utcoffset()


def test_unchanged_is_answered_with_304_and_its_validators(lea):
    lea.session()
    headers = dict(lea.get().headers)
    reply = lea.get(if_none_match=f'"other", W/{headers["ETag"]}')
    assert reply.status == "304 Not Modified" and reply.body == b""
    assert {n: headers[n] for n in ("ETag", "Last-Modified", "Cache-Control", "Vary")} == dict(reply.headers)
    assert lea.get(if_none_match="*").status == "304 Not Modified"
    lea.session("Another")
    assert lea.get(if_none_match=headers["ETag"]).status == "200 OK"


def test_a_process_that_has_rendered_nothing_yet_answers_304_too(lea):
    lea.session()
    etag = lea.header("ETag")
    lea.reader.shelf.clear()
    assert lea.get(if_none_match=etag).status == "304 Not Modified"
    assert lea.reader.shelf.bytes == 0


def test_a_matching_date_is_304_unless_an_etag_says_otherwise(lea):
    lea.session()
    lea.later(seconds=5)
    modified = lea.header("Last-Modified")
    assert lea.get(if_modified_since=modified).status == "304 Not Modified"
    assert lea.get(if_modified_since=modified, if_none_match='"old"').status == "200 OK"
    earlier = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)
    assert lea.get(if_modified_since=earlier).status == "200 OK"


def test_two_changes_within_one_second_are_both_seen_by_a_client_that_knows_dates_only(quick):
    quick.session("First")
    modified = quick.header("Last-Modified")
    quick.session("Second")
    assert quick.get(if_modified_since=modified).status == "200 OK" and len(quick.titles()) == 2
    quick.later(seconds=1)
    assert quick.get(if_modified_since=quick.header("Last-Modified")).status == "304 Not Modified"


@pytest.mark.parametrize("date", ["", "yesterday", "0", "Mon, 99 Foo 2026 99:99:99 GMT", "x" * 10_000, "Thu, 01 Jan 99999 00:00:00 GMT"])
def test_a_date_that_is_none_is_as_good_as_absent(quick, date):
    assert quick.get(if_modified_since=date).status == "200 OK"


def test_the_etag_moves_with_the_day_and_with_what_the_calendar_says_of_itself(quick):
    seen = {quick.header("ETag")}
    for step in ("day", "name", "organisation"):
        if step == "day":
            quick.later(days=1)
        elif step == "name":
            quick.change_feed(name="Phone")
        else:
            with quick.database.write() as db:
                db.get_one(Organisation, 1).name = "Acme Ltd"
        seen.add(quick.header("ETag"))
    assert len(seen) == 4


def test_another_renderer_is_another_etag_so_that_an_upgrade_is_fetched(quick, monkeypatch):
    before = quick.header("ETag")
    quick.reader = FeedReader(quick.database, "https://t.example")
    assert quick.get(if_none_match=before).status == "304 Not Modified"
    monkeypatch.setattr(FeedReader, "renderer", "newer")
    quick.reader = FeedReader(quick.database, "https://t.example")
    assert quick.get(if_none_match=before).status == "200 OK"


def test_gzip_is_the_same_calendar_smaller_with_an_etag_of_its_own(lea):
    lea.session()
    plain, small = lea.get(), lea.get(accept_gzip=True)
    headers = dict(small.headers)
    assert gzip.decompress(small.body) == plain.body and headers["Content-Encoding"] == "gzip"
    assert headers["ETag"] != dict(plain.headers)["ETag"] and int(headers["Content-Length"]) == len(small.body) < len(plain.body)
    assert lea.get(accept_gzip=True, if_none_match=headers["ETag"]).status == "304 Not Modified"
    assert lea.get(if_none_match=headers["ETag"]).status == "200 OK"
    assert lea.get(accept_gzip=True) == small


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("deflate, gzip ;q=1.0", True),
        ("", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("notgzip", False),
        ("x," * 50_000 + "gzip", False),
    ],
)
def test_gzip_only_when_asked_for(header, wanted):
    assert accepts_gzip(header) is wanted


def test_head_has_the_headers_of_get_and_no_body(lea):
    lea.session()
    get, head = lea.get(), lea.get(method="HEAD")
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")
    assert int(dict(head.headers)["Content-Length"]) == len(get.body)


def test_the_headers_keep_the_secret_and_the_type(lea):
    headers = dict(lea.get().headers)
    assert headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert headers["Cache-Control"].startswith("private") and "Set-Cookie" not in headers
    assert headers["X-Robots-Tag"] == "noindex, nofollow, noarchive" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff" and "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Content-Disposition"] == 'inline; filename="training.ics"'


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "get", "💥"])
def test_other_methods_are_refused_before_anything_is_looked_up(quick, method):
    quick.reader.database = None
    reply = quick.get(method=method)
    assert reply.status == "405 Method Not Allowed" and dict(reply.headers)["Allow"] == "GET, HEAD"


def wrong_tokens(lea: Subscriber) -> dict[str, str]:
    """Tokens that open nothing."""
    payload, _, signature = lea.token.partition(".")
    key = next(iter(lea.reader._keys.values()))
    return {
        "nothing": "",
        "random": "c2VjcmV0.c2VjcmV0",
        "with =": lea.token + "=",
        "upper": lea.token.upper(),
        "truncated": lea.token[:-1],
        "longer": lea.token + "A",
        "no signature": payload,
        "other payload": f"{tokens.new_id()}.{signature}",
        "10 kB": "A" * 10_000,
        "NUL": lea.token + "\x00",
        "path": "../" + lea.token,
        "encoded": lea.token.replace(".", "%2E"),
        "not ASCII": "ä" + lea.token[1:],
        "surrogate": "\udcff" + lea.token,
        "other kind": tokens.sign(tokens.LEARNER_PAGE, payload, key),
        "unknown, well signed": tokens.sign(tokens.FEED, tokens.new_id(), key),
    }


def test_every_wrong_token_is_the_same_404(lea):
    lea.get()
    replies = {name: lea.get(token) for name, token in wrong_tokens(lea).items()}
    assert {name for name, reply in replies.items() if reply != lea.get("wrong")} == set()
    assert lea.get("wrong").status == "404 Not Found"


def test_no_character_of_a_token_can_be_changed(quick):
    quick.get()
    for place, old in enumerate(quick.token):
        new = "B" if old == "A" else "A"
        assert quick.get(quick.token[:place] + new + quick.token[place + 1 :]).status == "404 Not Found"


def test_signatures_are_compared_in_constant_time():
    assert "hmac.compare_digest" in inspect.getsource(tokens.read)
    assert itsdangerous.signer.hmac.compare_digest is hmac.compare_digest
    assert "compare_digest" in inspect.getsource(itsdangerous.signer.SigningAlgorithm.verify_signature)


def test_a_revoked_feed_says_so_for_thirty_days_and_then_is_gone(lea):
    lea.session()
    etag = lea.header("ETag")
    lea.change_feed(revoked_at=lea.moment)
    for _ in range(2):
        reply = lea.get(if_none_match=etag, if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT")
        (entry,) = lea.entries()
        assert reply.status == "200 OK" and entry["SUMMARY"] == "This calendar has ended"
        assert entry.start == lea.moment.date() and entry["TRANSP"] == "TRANSPARENT"
        assert lea.get() == lea.get() and "ETag" not in dict(reply.headers)
        lea.later(days=29)
    assert lea.get(if_none_match=etag).status == "410 Gone"


def test_a_revoked_feed_tells_a_german_in_german(sqlite_url):
    lea = Subscriber(sqlite_url, locale="de")
    lea.change_feed(revoked_at=lea.moment)
    assert lea.titles() == ["Dieser Kalender ist beendet"]
    lea.close()


class Broken:
    """A database that has gone away."""

    is_sqlite = True

    def raw(self):
        raise OSError("no route to host")

    def drop_raw(self) -> None:
        pass


def test_a_passing_fault_serves_the_last_good_body(lea):
    lea.session()
    good = lea.get()
    lea.reader.database = Broken()
    assert lea.get() == good
    assert lea.get(if_none_match=dict(good.headers)["ETag"]).status == "304 Not Modified"
    lea.later(hours=1)
    assert lea.get() == good


def test_a_fault_before_anything_was_good_asks_to_come_back(quick):
    quick.reader.database = Broken()
    reply = quick.get()
    assert reply.status == "503 Service Unavailable" and dict(reply.headers)["Retry-After"] == "60"


def test_one_broken_connection_is_not_noticed(lea):
    lea.session()
    lea.get()
    lea.database.raw().close()
    lea.session("Another", days=6)
    assert lea.titles() == ["Fire safety", "Another"]


def test_a_get_writes_nothing_and_fetches_are_noted_in_one_go(lea):
    lea.session()
    before = dump(lea)
    for agent in ("SafeLinks", "Googlebot", "WhatsApp/2.0"):
        lea.get(user_agent=agent)
        lea.get(method="HEAD", user_agent="scanner")
    assert dump(lea) == before
    assert lea.reader.notes.write(lea.database) == 1 and lea.reader.notes.write(lea.database) == 0
    with lea.database.read() as db:
        feed = db.get_one(Feed, lea.feed_id)
        assert (feed.last_user_agent, feed.last_fetched_at) == ("WhatsApp/2.0", lea.moment)
    assert lea.get(if_none_match=lea.header("ETag")).status == "304 Not Modified"


def dump(lea: Subscriber) -> list:
    """Everything in the tables that a feed touches."""
    tables = ("feeds", "feed_versions", "calendar_entries", "history", "learners", "outbox_deliveries")
    with lea.database.read() as db:
        known = {t.name: t for t in Feed.metadata.sorted_tables}
        return [db.execute(known[t].select().order_by(*known[t].primary_key)).all() for t in tables if t in known]


def test_notes_survive_a_database_that_is_away(quick):
    quick.get(user_agent="Calendar\x00Agent\n" + "x" * 500)
    working, quick.reader.database = quick.reader.database, Broken()
    with pytest.raises(AttributeError):
        quick.reader.notes.write(quick.reader.database)
    assert quick.reader.notes.write(working) == 1
    with quick.database.read() as db:
        assert db.get_one(Feed, quick.feed_id).last_user_agent == "CalendarAgent" + "x" * 185


def test_a_change_between_two_queries_never_stands_under_the_old_etag(quick, monkeypatch):
    quick.session("First")
    read = quick.reader.entries
    steps = iter([lambda: quick.session("Second")])
    monkeypatch.setattr(quick.reader, "entries", lambda row, at: (next(steps, lambda: None)(), read(row, at))[1])
    early = quick.get()
    assert b"Second" in early.body
    monkeypatch.undo()
    quick.reader.shelf.clear()
    assert dict(quick.get().headers)["ETag"] == dict(early.headers)["ETag"] and quick.get().body == early.body


def test_the_same_feed_is_the_same_bytes_in_every_process(lea):
    lea.session()
    other = type(lea.reader)(lea.database, lea.reader.base_url)
    assert answer(FeedRequest("GET", lea.token), lea.moment, other) == lea.get()


def test_with_a_mark_of_commits_nothing_is_asked_twice_and_nothing_is_missed(quick, monkeypatch):
    asked = []
    run = quick.reader._run
    monkeypatch.setattr(quick.reader, "_run", lambda query: (asked.append(1), run(query))[1])
    mark = quick.reader.mark = CommitMark(quick.database)
    session = quick.session(days=30)
    quick.get()
    asked.clear()
    assert quick.titles() == ["Fire safety"] and not asked
    quick.do(lambda work: scheduling.cancel_session(work, session.id))
    assert quick.titles() == ["Cancelled: Fire safety"] and asked
    quick.later(days=6, hours=23)
    assert quick.titles() == ["Cancelled: Fire safety"]
    quick.later(hours=1, seconds=1)
    assert quick.titles() == []
    mark.close()


def test_another_process_that_commits_changes_the_mark(quick):
    mark = CommitMark(quick.database)
    before = mark()
    assert mark() == before
    commit = "import sqlite3, sys; sqlite3.connect(sys.argv[1], isolation_level=None).execute('UPDATE feeds SET version = version + 1')"
    subprocess.run([sys.executable, "-c", commit, quick.database.engine.url.database], check=True)
    assert mark() != before
    mark.close()


def test_postgresql_has_no_mark(postgresql_url):
    database = Database(postgresql_url)
    assert CommitMark(database)() is None
    database.close()


def test_a_shelf_forgets_the_least_recently_used_by_bytes():
    shelf: Shelf[str] = Shelf(100)
    shelf.put("a", "A", 40)
    shelf.put("b", "B", 40)
    assert shelf.get("a") == "A"
    shelf.put("c", "C", 40)
    shelf.put("too big", "D", 101)
    assert [shelf.get(k) for k in ("a", "b", "c", "too big")] == ["A", None, "C", None] and shelf.bytes == 80
