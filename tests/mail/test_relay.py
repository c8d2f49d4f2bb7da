"""Sending over real sockets to a relay that misbehaves in every way that relays do (security.md F01 to F24)."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedserver.errors import ConfigurationError
from mail.envelope import stuffed
from mail.relay import Connection, Envelope, RelayRefused, RelayUnavailable, RelayUrl, Timeouts

from .fake_relay import (
    CERTIFICATE,
    CUT,
    OTHER_CERTIFICATE,
    SILENCE,
    STORE_THEN_CUT,
    STORE_THEN_SILENCE,
    CutAfter,
    FakeRelay,
    StoreThen,
    server_context,
)

PATIENT = Timeouts(connect=30, greeting=30, command=30, data=30, final_dot=30, quit=30)
_LIMIT = {"connect": "greeting", "dot": "final_dot", "QUIT": "quit"}
BODY = b"From: training@example.net\r\nSubject: Fire safety\r\n\r\n.Bring your badge.\r\n..\r\nSee you.\r\n"


def message(key: int, recipient: str = "ana@example.org", data: bytes = BODY) -> Envelope:
    return Envelope(key, "b+1@example.net", recipient, data)


class Book:
    """What `settle` writes down; `keep` after so many outcomes says that the lease is lost."""

    def __init__(self, keep: int = 10**6) -> None:
        self.outcomes, self.keep = [], keep

    def __call__(self, outcome) -> bool:
        self.outcomes.append(outcome)
        return len(self.outcomes) < self.keep

    @property
    def states(self) -> list[str]:
        return [o.state for o in self.outcomes]


def hurried(*moments: str) -> Timeouts:
    """Patient, but at these moments, where nothing comes."""
    return replace(PATIENT, **{_LIMIT.get(moment, "command"): 0.2 for moment in moments})


def connect(relay: FakeRelay, query: str = "", **more) -> Connection:
    steps = {moment: these if isinstance(these, list) else [these] for moment, these in relay.script.items()}
    mute = [moment for moment, these in steps.items() if any(step is SILENCE or step is STORE_THEN_SILENCE for step in these)]
    connection = Connection(RelayUrl.parse(relay.url + query), timeouts=hurried(*mute), **more)
    connection.open()
    return connection


def deliver(relay: FakeRelay, *messages: Envelope, **more) -> tuple[Book, Connection]:
    book, connection = Book(), connect(relay, **more)
    connection.send(iter(messages), book)
    return book, connection


@pytest.mark.parametrize("pipelining", [True, False])
def test_everybody_gets_exactly_what_was_written(pipelining):
    with FakeRelay(pipelining=pipelining) as relay:
        book, connection = deliver(relay, *(message(n, f"l{n}@example.org") for n in range(5)))
        assert book.states == ["sent"] * 5 and connection.is_open
        assert [m.recipients for m in relay.messages] == [[f"l{n}@example.org"] for n in range(5)]
        assert {m.data for m in relay.messages} == {BODY} and relay.connections == 1


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("script", "states", "code", "enhanced", "phase"),
    [
        ({"MAIL": ["451 4.3.0 later"]}, ["temporary", "sent"], 451, "4.3.0", "mail"),
        ({"MAIL": ["550 5.1.7 bad sender"]}, ["permanent", "sent"], 550, "5.1.7", "mail"),
        ({"RCPT": ["550 5.1.1 no such user"]}, ["permanent", "sent"], 550, "5.1.1", "rcpt"),
        ({"RCPT": ["452 4.2.2 mailbox full"]}, ["temporary", "sent"], 452, "4.2.2", "rcpt"),
        ({"DATA": ["554 5.7.1 go away"]}, ["permanent", "sent"], 554, "5.7.1", "data"),
        ({"dot": ["451 4.7.1 greylisted"]}, ["temporary", "sent"], 451, "4.7.1", "dot"),
        ({"dot": ["550-5.7.1 spam\r\n550 5.7.1 indeed"]}, ["permanent", "sent"], 550, "5.7.1", "dot"),
        ({"RCPT": ["421 4.3.2 closing"]}, ["unsent"], 421, "4.3.2", "rcpt"),
        ({"dot": ["421 4.3.2 closing"]}, ["temporary"], 421, "4.3.2", "dot"),
    ],
)
def test_a_refusal_is_told_as_it_was_said_and_the_next_message_goes(pipelining, script, states, code, enhanced, phase):
    with FakeRelay(script, pipelining=pipelining) as relay:
        book, connection = deliver(relay, *(message(n) for n in range(1, len(states) + 1)))
        first = book.outcomes[0]
        assert book.states == states
        assert (first.key, first.code, first.enhanced, first.phase) == (1, code, enhanced, phase)
        assert connection.is_open == (code != 421) and len(relay.messages) == states.count("sent")


def test_a_refusal_in_the_middle_hurts_nobody_before_or_after():
    with FakeRelay({"RCPT": [None, "550 5.1.1 no", "450 4.2.1 later", None]}) as relay:
        book, _ = deliver(relay, *(message(n) for n in range(1, 6)))
        assert [(o.key, o.state) for o in book.outcomes] == [
            (1, "sent"),
            (2, "permanent"),
            (3, "temporary"),
            (4, "sent"),
            (5, "sent"),
        ]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("step", "stored"),
    [(CUT, 0), (STORE_THEN_CUT, 1), (SILENCE, 0), (STORE_THEN_SILENCE, 1), (StoreThen("gibberish"), 1)],
)
def test_after_the_final_dot_nobody_knows(pipelining, step, stored):
    with FakeRelay({"dot": [step]}, pipelining=pipelining) as relay:
        book, connection = deliver(relay, message(1), message(2))
        assert (book.outcomes[0].key, book.outcomes[0].phase) == (1, "dot")
        assert book.states == (["ambiguous", "unsent"] if pipelining else ["ambiguous"])
        assert not connection.is_open and len(relay.messages) == stored


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_connection_cut_in_the_middle_of_a_large_body_certainly_delivered_nothing(pipelining):
    large = BODY + b"x" * 76 + b"\r\n" + (b"y" * 76 + b"\r\n") * 200_000
    with FakeRelay({"body": [CutAfter(5000)]}, pipelining=pipelining) as relay:
        book, connection = deliver(relay, message(1, data=large))
        assert book.states == ["unsent"] and book.outcomes[0].phase == "body" and not connection.is_open
        connection.open()
        connection.send(iter([message(1, data=large)]), book)
        assert book.states == ["unsent", "sent"] and [m.data for m in relay.messages] == [large]


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_body_is_no_attempt(moment):
    with FakeRelay({moment: [CUT]}) as relay:
        book, connection = deliver(relay, message(1), message(2))
        assert book.states == ["unsent"] and not connection.is_open and relay.messages == []


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "nonsense",
    [SILENCE, b"hello\r\n", b"\0\xff\xfe\r\n", b"299" + b"x" * 2_000_000, b"250-more\r\n" * 10_000, b"99 x\r\n"],
)
def test_nonsense_before_the_body_ends_the_connection_and_is_tried_later(moment, nonsense):
    with FakeRelay({moment: [nonsense]}) as relay:
        book, connection = deliver(relay, message(1))
        assert book.states == ["temporary"] and not connection.is_open and relay.messages == []


def test_a_relay_that_drips_its_reply_is_not_waited_for_longer_than_the_limit():
    with FakeRelay({"MAIL": "250 " + "ok " * 100}) as relay:
        connection, book = connect(relay), Book()
        connection.timeouts, relay.drip = hurried("MAIL"), 0.02
        connection.send(iter([message(1)]), book)
        assert book.states == ["temporary"]  # and not "sent", as when the whole reply is waited for


def test_a_relay_that_sends_byte_by_byte_in_time_is_fine():
    with FakeRelay(drip=0.0005) as relay:
        assert deliver(relay, message(1), message(2))[0].states == ["sent", "sent"]


def test_a_relay_that_ends_every_third_message_loses_and_repeats_nothing():
    with FakeRelay(per_connection=3) as relay:
        waiting, done, connection = [message(n) for n in range(10)], [], connect(relay)
        while waiting:
            if not connection.is_open:
                connection.open()
            book = Book()
            connection.send(iter(list(waiting)), book)
            done += [o.key for o in book.outcomes if o.state == "sent"]
            assert set(book.states) <= {"sent", "unsent"}
            waiting = [m for m in waiting if m.key not in done]
        assert done == list(range(10)) and len(relay.messages) == 10 and relay.connections == 4


def test_the_next_body_leaves_only_after_the_last_outcome_was_written_down():
    with FakeRelay() as relay:
        seen = []

        def settle(outcome) -> bool:
            time.sleep(0.02)  # time enough for a body that was sent too early to arrive
            seen.append(len(relay.messages))
            return True

        connect(relay).send((message(n) for n in range(5)), settle)
        assert seen == [1, 2, 3, 4, 5]


def test_a_worker_that_lost_its_lease_stops_at_once():
    with FakeRelay() as relay:
        connection, book = connect(relay), Book(keep=2)
        connection.send((message(n) for n in range(9)), book)
        assert book.states == ["sent", "sent"] and len(relay.messages) == 2 and not connection.is_open


def test_messages_are_taken_one_ahead_at_most():
    with FakeRelay() as relay:
        taken, book = [], Book()

        def stream():
            for n in range(6):
                taken.append(n)
                assert n - len(book.outcomes) <= 1
                yield message(n)

        connect(relay).send(stream(), book)
        assert taken == list(range(6)) and book.states == ["sent"] * 6


def test_a_database_that_fails_in_settle_drops_the_connection_and_is_heard():
    with FakeRelay() as relay:
        connection = connect(relay)
        with pytest.raises(ZeroDivisionError):
            connection.send((message(n) for n in range(3)), lambda outcome: 1 / 0)
        assert not connection.is_open and len(relay.messages) == 1


def test_an_open_connection_is_used_again_and_a_dead_one_is_noticed():
    with FakeRelay({"QUIT": SILENCE}) as relay:
        book, connection = deliver(relay, message(1), None, message(2))
        assert book.states == ["sent"] and connection.idle_check()
        connection.send(iter([message(3)]), book)
        assert book.states == ["sent", "sent"] and relay.connections == 1
        relay.stop()
        until = time.monotonic() + 60
        while connection.idle_check() and time.monotonic() < until:
            time.sleep(0.005)
        assert not connection.is_open


def test_a_quit_that_is_never_answered_changes_nothing():
    with FakeRelay({"QUIT": SILENCE}) as relay:
        book, connection = deliver(relay, message(1))
        connection.close()
        assert book.states == ["sent"] and not connection.is_open


@pytest.mark.parametrize(
    ("envelope", "enhanced"),
    [
        (message(1, "ana@example.org>\r\nRCPT TO:<eve@example.org"), "5.1.3"),
        (message(1, ""), "5.1.3"),
        (message(1, "änä@example.org"), "5.6.7"),
        (message(1, data=b"Subject: x\n\n.\nMAIL FROM:<eve@example.org>\r\n"), "5.6.0"),
        (message(1, data=b"Subject: no end"), "5.6.0"),
    ],
)
def test_what_cannot_be_sent_safely_never_reaches_the_wire(envelope, enhanced):
    with FakeRelay() as relay:
        book, _ = deliver(relay, envelope, message(2))
        assert book.states == ["permanent", "sent"] and book.outcomes[0].enhanced == enhanced
        assert len(relay.messages) == 1 and not any("eve" in line for line in relay.commands)


def test_an_international_address_goes_where_it_is_understood():
    with FakeRelay(offers=("SMTPUTF8", "8BITMIME")) as relay:
        book, _ = deliver(relay, message(1, "änä@example.org", "Subject: Ä\r\n".encode()))
        assert book.states == ["sent"] and relay.messages[0].recipients == ["änä@example.org"]
        assert relay.messages[0].parameters == ["BODY=8BITMIME", "SMTPUTF8"]


def test_a_relay_that_can_report_is_asked_to_report_failures_and_delays():
    with FakeRelay(offers=("DSN",)) as relay:
        deliver(relay, message(7))
        assert relay.messages[0].parameters == ["RET=HDRS", "ENVID=7", "NOTIFY=FAILURE,DELAY"]


def test_a_foreign_text_is_shown_on_one_short_line():
    with FakeRelay({"RCPT": ["550 5.1.1 \x1b[31mno\u202e " + "x" * 4000]}) as relay:
        text = deliver(relay, message(1))[0].outcomes[0].text
        assert len(text) <= 500 and text.startswith("5.1.1 [31mno") and text.isprintable()


# opening


def test_a_port_where_nobody_listens_is_said_in_words():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(RelayUnavailable, match="Nobody listens"):
        Connection(RelayUrl.parse(f"smtp://127.0.0.1:{port}"), timeouts=PATIENT).open()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"connect": "421 4.3.2 busy"}, "421 4.3.2 busy"),
        ({"connect": "554 5.7.1 blocked"}, "554 5.7.1 blocked"),
        ({"connect": SILENCE}, "did not answer in time"),
        ({"connect": CUT}, "ended the connection"),
        ({"connect": b"HTTP/1.1 400 Bad Request\r\n"}, "does not speak SMTP"),
        ({"EHLO": "502 no", "HELO": "502 no"}, "502 no"),
    ],
)
def test_a_relay_that_cannot_be_opened_says_why(script, words):
    with FakeRelay(script) as relay, pytest.raises(RelayUnavailable, match=words):
        connect(relay)


def test_an_old_relay_without_ehlo_is_spoken_to_with_helo():
    with FakeRelay({"EHLO": "502 5.5.1 what?"}) as relay:
        assert deliver(relay, message(1))[0].states == ["sent"] and "helo [127.0.0.1]" in relay.commands


def trusting(certificate=CERTIFICATE) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize("smtps", [True, False])
def test_mail_goes_encrypted_to_a_relay_with_a_good_certificate(smtps):
    with FakeRelay(tls=server_context(), smtps=smtps) as relay:
        query = "" if smtps else "?tls=required"
        large = BODY * 2000
        book, connection = deliver(relay, message(1), message(2, data=large), query=query, context=trusting())
        assert book.states == ["sent", "sent"] and relay.messages[1].data == large
        assert connection.idle_check() and isinstance(connection._sock, ssl.SSLSocket)


@pytest.mark.parametrize("smtps", [True, False])
@pytest.mark.parametrize(("shown", "trusted"), [(CERTIFICATE, OTHER_CERTIFICATE), (OTHER_CERTIFICATE, OTHER_CERTIFICATE)])
def test_a_certificate_of_a_stranger_or_for_another_name_gets_no_mail(smtps, shown, trusted):
    with FakeRelay(tls=server_context(shown), smtps=smtps) as relay:
        with pytest.raises(RelayUnavailable, match="certificate"):
            connect(relay, "" if smtps else "?tls=required", context=trusting(trusted))
        assert not any(line.startswith("MAIL") for line in relay.commands)


def test_where_starttls_is_required_and_stripped_nothing_goes_in_clear():
    with FakeRelay() as relay, pytest.raises(RelayUnavailable, match="STARTTLS"):
        connect(relay, "?tls=required")
    assert [line.split(" ")[0].upper() for line in relay.commands] == ["EHLO"]


def test_without_a_policy_encryption_is_used_where_offered_whatever_the_certificate():
    with FakeRelay(tls=server_context(OTHER_CERTIFICATE)) as relay:
        book, connection = deliver(relay, message(1))
        assert book.states == ["sent"] and isinstance(connection._sock, ssl.SSLSocket)
        assert not isinstance(connect(relay, "?tls=none")._sock, ssl.SSLSocket)


def test_what_a_stranger_slipped_in_before_the_handshake_is_dropped():
    with FakeRelay({"STARTTLS": [b"220 go\r\n250-fake\r\n250 AUTH PLAIN\r\n"]}, tls=server_context()) as relay:
        connection = connect(relay, "?tls=required", context=trusting())
        assert connection.is_open and "auth" not in connection._offers


def test_a_password_with_odd_characters_signs_in():
    with FakeRelay(users={"training@example.net": "p@ss wörd/:"}) as relay:
        url = f"smtp://training%40example.net:p%40ss%20w%C3%B6rd%2F%3A@localhost:{relay.port}"
        connection, book = Connection(RelayUrl.parse(url), timeouts=PATIENT), Book()
        connection.open()
        connection.send(iter([message(1)]), book)
        assert book.states == ["sent"]


def test_a_wrong_password_stops_everything_with_one_error():
    with FakeRelay(users={"u": "right"}) as relay, pytest.raises(RelayRefused, match=r"535 5\.7\.8 wrong password"):
        Connection(RelayUrl.parse(f"smtp://u:wrong@localhost:{relay.port}"), timeouts=PATIENT).open()


def test_a_relay_that_wants_a_sign_in_which_we_have_not_kills_no_message():
    with FakeRelay(users={"u": "p"}) as relay:
        book, connection = Book(), connect(relay)
        with pytest.raises(RelayRefused, match="sign in first"):
            connection.send((message(n) for n in range(100)), book)
        assert book.states == ["unsent"] and not connection.is_open


def test_a_passing_fault_of_the_sign_in_is_no_refusal():
    with FakeRelay({"AUTH": ["454 4.7.0 try later"]}, users={"u": "p"}) as relay, pytest.raises(RelayUnavailable):
        Connection(RelayUrl.parse(f"smtp://u:p@localhost:{relay.port}"), timeouts=PATIENT).open()


def test_a_relay_without_any_sign_in_is_refused_in_words():
    with FakeRelay() as relay, pytest.raises(RelayRefused, match="no sign-in that fits"):
        Connection(RelayUrl.parse(f"smtp://u:p@localhost:{relay.port}"), timeouts=PATIENT).open()


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://relay.example.net", 25, "opportunistic"),
        ("smtp://u:p@relay.example.net", 587, "opportunistic"),
        ("smtp://u:p@relay.example.net:2587?tls=starttls", 2587, "required"),
        ("smtp://relay.example.net?tls=required", 25, "required"),
        ("smtp://relay.example.net:26?tls=none", 26, "none"),
        ("smtps://relay.example.net", 465, "smtps"),
    ],
)
def test_the_setting_is_read_and_its_password_never_shown(url, port, tls):
    relay = RelayUrl.parse(url)
    assert (relay.host, relay.port, relay.tls) == ("relay.example.net", port, tls) and "'p'" not in repr(relay)


@pytest.mark.parametrize("url", ["capture:", "http://relay", "smtp://", "smtp://relay:99999", "smtp://relay?tls=maybe"])
def test_a_wrong_setting_is_named(url):
    with pytest.raises(ConfigurationError, match="SMTP_URL"):
        RelayUrl.parse(url)


@settings(deadline=None)
@given(st.lists(st.sampled_from([b".", b"..", b"x", b".x", b""]), max_size=20))
def test_dots_come_out_as_they_went_in(lines):
    data = b"".join(line + b"\r\n" for line in lines)
    wire = stuffed(data) + b".\r\n"
    got = wire.split(b"\r\n")
    assert got.index(b".") == len(lines)
    assert [line[1:] if line.startswith(b".") else line for line in got[: len(lines)]] == lines
