"""Real conversations with the receiver: what is taken, what is refused, and what strangers cannot do (security.md S38 to S47, B5)."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mail.arrival import Arrival, GroupCommit, oddities
from mail.listener import Limits

from .fake_relay import CERTIFICATE, server_context
from .receiving import Ledger, Receiving, Talk

REPLY = b"From: ana@example.org\r\nSubject: Accepted\r\n\r\nYes.\r\n"


def alone(story):
    """Run a coroutine on a thread of its own: a browser that an earlier test of this process opened keeps a loop running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result()


@pytest.fixture
def here():
    with Receiving() as receiving:
        yield receiving


def test_a_reply_is_stored_as_it_came(here):
    with smtplib.SMTP("127.0.0.1", here.port, "client.example.org") as smtp:
        smtp.sendmail("ana@example.org", ["training@example.net", "b+1@example.net"], REPLY + b".dot\r\n..\r\n.\r\n")
    (arrival,) = here.ledger.arrivals
    assert arrival.data == REPLY + b".dot\r\n..\r\n.\r\n" and arrival.oddities == ()
    assert (arrival.peer, arrival.helo, arrival.mail_from, arrival.via) == ("127.0.0.1", "client.example.org", "ana@example.org", "smtp")
    assert arrival.recipients == ("training@example.net", "b+1@example.net")


def test_it_is_stored_before_250_is_said_and_the_250_names_it():
    with Receiving(Ledger(seconds=0.05)) as here, here.talk() as talk:
        said = talk.data(REPLY)
        assert said == f"250 2.0.0 Stored as {here.ledger.arrivals[0].id}"


@pytest.mark.parametrize("content", [b"", b"x\r\n", b"\r\n", b"..\r\n", b"a.\r\nb.\r\n", b"x" * 200_000 + b".\r\n" + b"y.\r\n" * 30_000])
def test_messages_of_odd_shape_arrive_whole(here, content):
    with here.talk() as talk:
        assert talk.data(content).startswith("250") and talk.say("NOOP").startswith("250")
    assert here.ledger.arrivals[0].data == re.sub(rb"(?m)^\.", b"", content)


def test_a_message_that_comes_byte_by_byte_arrives_whole(here):
    with here.talk() as talk:
        for byte in b"MAIL FROM:<>\r\nRCPT TO:<training@example.net>\r\nDATA\r\n.a\r\n.\r\n":
            talk.send(bytes([byte]))
        assert [talk.reply()[:3] for _ in range(4)] == ["250", "250", "354", "250"]
    assert here.ledger.arrivals[0].data == b"a\r\n" and here.ledger.arrivals[0].mail_from == ""


def test_an_impatient_sender_that_says_all_before_the_banner_is_heard_once(here):
    with Talk(here.port) as talk:
        talk.send(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<training@example.net>\r\nDATA\r\n" + REPLY + b".\r\nQUIT\r\n")
        assert [line[:3] for line in talk.rest()] == ["220", "250", "250", "250", "354", "250", "221"]
    assert len(here.ledger.arrivals) == 1


def test_the_banner_tells_no_program_and_no_version(here):
    with Talk(here.port) as talk:
        assert talk.reply() == "220 mx.example.net ESMTP"


def test_what_is_offered_can_be_used(here):
    with smtplib.SMTP("127.0.0.1", here.port) as smtp:
        smtp.ehlo()
        assert set(smtp.esmtp_features) == {"pipelining", "size", "8bitmime", "smtputf8", "enhancedstatuscodes"}
        smtp.sendmail("änä@example.org", ["träining@example.net"], "Ä\r\n".encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert here.ledger.arrivals[0].recipients == ("träining@example.net",) and here.ledger.arrivals[0].data == "Ä\r\n".encode()


# smuggling (S38)


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\0.\r\n", b"\r\n\0.\r\n", b"\n\n.\r\r\n"]
)
def test_only_crlf_dot_crlf_ends_a_message(here, end):
    smuggled = b"MAIL FROM:<eve@example.org>\r\nRCPT TO:<training@example.net>\r\nDATA\r\nSubject: forged\r\n"
    with here.talk() as talk:
        assert talk.data(b"Subject: x\r\n\r\nbody" + end + smuggled).startswith("250")
        assert talk.say("NOOP").startswith("250")
    (arrival,) = here.ledger.arrivals
    assert smuggled in arrival.data and arrival.oddities


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"a\r\nb\r\n", ()),
        (b"a\nb\r\n", ("bare-lf",)),
        (b"a\rb\r\n", ("bare-cr",)),
        (b"a\r\r\nb\r\n", ("bare-cr",)),
        (b"a\0\r\n", ("nul",)),
        (b"x" * 100 * 1024 + b"\r\n", ("long-line",)),
        (b"x" * 90 * 1024 + b"\r\n", ()),
    ],
)
def test_odd_bytes_are_named(data, found):
    assert oddities(data) == found


def test_a_very_long_line_is_taken_and_never_refused(here):
    with here.talk() as talk:
        assert talk.data(b"x" * 300_000 + b"\r\n").startswith("250")
    assert here.ledger.arrivals[0].oddities == ("long-line",)


# whom and what


@pytest.mark.parametrize(
    "path",
    [
        "<eve@elsewhere.example>",
        "<eve%elsewhere.example@relay.example>",
        "<training@example.net@elsewhere.example>",
        '<"training@example.net"@elsewhere.example>',
        "<@example.net:eve@elsewhere.example>",
        "<elsewhere.example!eve>",
        "<training@example.net.elsewhere.example>",
        "<postmaster>",
    ],
)
def test_nothing_is_taken_for_anybody_else(here, path):
    with here.talk() as talk:
        talk.say("MAIL FROM:<ana@example.org>")
        assert talk.say(f"RCPT TO:{path}").startswith("550 5.7.1")
        assert talk.say("DATA").startswith("503")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("VRFY training@example.net", "252"),
        ("EXPN staff", "502"),
        ("ETRN example.net", "502"),
        ("AUTH PLAIN AAAA", "502"),
        ("STARTTLS", "502"),
        ("FROBNICATE", "500"),
        ("", "500"),
        (b"\xff\xfe\xfd", "500"),
        ("NOOP " + "x" * 5000, "500"),
        ("DATA", "503"),
        ("RCPT TO:<training@example.net>", "503"),
        ("MAIL TO:<ana@example.org>", "501"),
        ("MAIL FROM:<a@b> SIZE=99999999", "552"),
        ("MAIL FROM:<a@b> SIZE=\u0663", "555"),
        ("MAIL FROM:<a@b> RET=FULL", "555"),
        (b"MAIL FROM:<\xff\xfe@example.org>", "501"),
        ("MAIL FROM:<änä@example.org>", "553"),
        ("MAIL FROM:ana@example.org", "250"),
        ("MAIL FROM: <ana@example.org>", "250"),
        ("MAIL FROM:<>", "250"),
        ("RSET", "250"),
    ],
)
def test_each_command_has_its_answer_and_the_conversation_goes_on(here, line, code):
    with here.talk() as talk:
        assert talk.say(line).startswith(code)
        talk.say("RSET")
        assert talk.data(REPLY).startswith("250")


@pytest.mark.parametrize(
    ("recipient", "code"), [("x" * 250 + "@example.net", "501"), ("", "501"), ("a\x01b@example.net", "501"), ('"a b"@example.net', "250")]
)
def test_odd_recipients(here, recipient, code):
    with here.talk() as talk:
        talk.say("MAIL FROM:<>")
        assert talk.say(f"RCPT TO:<{recipient}>").startswith(code)


def test_mail_before_hello_and_twice_is_refused(here):
    with here.talk(greet=None) as talk:
        talk.reply()
        assert talk.say("MAIL FROM:<>").startswith("503")
        talk.say("HELO x")
        assert [talk.say("MAIL FROM:<>")[:3] for _ in range(2)] == ["250", "503"]


@pytest.mark.parametrize(
    "first", [b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nEHLO x\r\n", b"\x16\x03\x01\x02\x00\x01\n", b"BDAT 5\r\nQUIT\r\n"]
)
def test_what_is_no_mail_is_sent_away_before_it_can_say_more(here, first):
    with here.talk() as talk:
        talk.send(first)
        assert [line[:3] for line in talk.rest()] == ["502"]


# limits (S41)


def test_the_hundred_and_first_recipient_waits_for_another_message(here):
    with here.talk() as talk:
        talk.say("MAIL FROM:<>")
        codes = [talk.say(f"RCPT TO:<r{n}@example.net>")[:3] for n in range(102)]
        assert codes == ["250"] * 100 + ["452"] * 2


def test_a_message_at_the_limit_is_taken_and_one_octet_more_is_not():
    with Receiving(limits=Limits(message=100_000)) as here, here.talk() as talk:
        assert talk.data(b"x" * 99_998 + b"\r\n").startswith("250")
        assert talk.data(b"x" * 99_999 + b"\r\n").startswith("552 5.3.4")
        assert talk.data(b"x" * 3_000_000 + b".\r\n").startswith("552 5.3.4")
        assert talk.data(REPLY).startswith("250") and here.listener.held == 0
        assert len(here.ledger.arrivals) == 2


def test_memory_held_for_all_senders_together_is_bounded():
    with Receiving(limits=Limits(memory=200_000)) as here, here.talk() as slow, here.talk() as other:
        slow.say("MAIL FROM:<>"), slow.say("RCPT TO:<training@example.net>"), slow.say("DATA")
        slow.send(b"x" * 190_000)
        wait_until(lambda: here.listener.held > 100_000)
        assert other.data(b"y" * 150_000 + b"\r\n").startswith("452 4.3.1")
        assert slow.say(b"\r\n.").startswith("250") and other.data(REPLY).startswith("250")


def test_too_many_connections_are_told_to_come_back():
    with Receiving(limits=Limits(loopback=3)) as here:
        talks = [here.talk() for _ in range(3)]
        with Talk(here.port) as fourth:
            assert fourth.rest() == ["421 4.7.0 Too many connections"]
        talks[0].say("QUIT")
        wait_until(lambda: len(here.listener._open) == 2)
        with here.talk() as again:
            assert again.say("NOOP").startswith("250")


@pytest.mark.parametrize(
    ("peer", "name", "most"),
    [
        (("192.0.2.7", 1), "192.0.2.7", 20),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7", 20),
        (("2001:db8:1:2:3::4", 1, 0, 0), "2001:db8:1:2::/64", 20),
        (("127.0.0.1", 1), "local", 200),
        (("::1", 1, 0, 0), "local", 200),
        ("", "local", 200),
        (None, "local", 200),
    ],
)
def test_a_peer_is_counted_by_its_network(peer, name, most):
    from mail.listener import _peer

    assert _peer(peer, Limits()) == (name, most)


def test_twenty_errors_are_borne(here):
    with here.talk() as talk:
        assert [talk.say("BOGUS")[:3] for _ in range(21)] == ["500"] * 20 + ["421"]
        assert talk.reply() == ""


@pytest.mark.parametrize("line", ["NOOP", "RSET", "VRFY x"])
def test_a_flood_of_nothing_ends(here, line):
    with here.talk() as talk:
        talk.send(f"{line}\r\n".encode() * 1200)
        replies = talk.rest()
        assert len(replies) <= 1000 and (not replies or replies[-1].startswith(("2", "421")))


def test_many_good_messages_on_one_connection_are_no_flood(here):
    with here.talk() as talk:
        assert all(talk.data(REPLY).startswith("250") for _ in range(400)) and len(here.ledger.arrivals) == 400


def test_an_endless_command_line_is_cut_off(here):
    with here.talk() as talk:
        talk.send(b"x" * 200_000)
        assert talk.rest() in (["421 4.7.0 That is no mail command"], [])


def test_an_idle_sender_is_sent_away():
    with Receiving(limits=Limits(idle=0.2)) as here, here.talk() as talk:
        assert talk.rest() == ["421 4.4.2 Too slow"]


def test_dribbling_does_not_extend_the_time_for_a_message():
    with Receiving(limits=Limits(data=0.4)) as here, here.talk() as talk:
        talk.say("MAIL FROM:<>"), talk.say("RCPT TO:<training@example.net>"), talk.say("DATA")
        until, line = time.monotonic() + 60, b""
        talk.sock.settimeout(0.05)
        while not line and time.monotonic() < until:
            talk.send(b"x\r\n")
            try:
                line = talk.sock.recv(100)
            except TimeoutError:
                continue
        assert line.startswith(b"421 4.4.2") and here.ledger.arrivals == []


def test_a_sender_that_hangs_up_in_the_middle_leaves_nothing(here):
    with here.talk() as talk:
        talk.say("MAIL FROM:<>"), talk.say("RCPT TO:<training@example.net>"), talk.say("DATA")
        talk.send(b"Subject: half\r\n")
    wait_until(lambda: not here.listener._open)
    assert here.ledger.arrivals == [] and here.listener.held == 0


# our own faults (S44, decision 6)


def test_a_store_that_fails_says_later_and_tells_nothing():
    with Receiving(Ledger(fail=lambda arrival: b"poison" in arrival.data)) as here, here.talk() as talk:
        assert talk.data(b"poison\r\n") == "451 4.3.0 Our fault, not yours: please try again later"
        assert talk.data(REPLY).startswith("250") and len(here.ledger.arrivals) == 1


def test_an_address_check_that_fails_says_later_and_tells_nothing():
    with Receiving() as here, here.talk() as talk:
        here.listener.accepts = lambda address: 1 / 0
        talk.say("MAIL FROM:<>")
        assert talk.say("RCPT TO:<training@example.net>") == "451 4.3.0 Our fault, not yours: please try again later"


def test_one_bad_message_fails_alone_and_the_others_of_its_batch_are_stored():
    ledger = Ledger(fail=lambda arrival: arrival.data == b"3", seconds=0.02)

    async def story():
        store = GroupCommit(ledger)
        arrivals = [Arrival("", "", "", (), str(n).encode(), "smtp") for n in range(10)]
        ends = await asyncio.gather(*(store.put(one) for one in arrivals), return_exceptions=True)
        await store.close()
        return ends

    ends = alone(story())
    assert [n for n, end in enumerate(ends) if end is not None] == [3]
    assert [a.data for a in ledger.arrivals] == [b"0", b"1", b"2", b"4", b"5", b"6", b"7", b"8", b"9"]


def test_messages_that_come_together_are_committed_together():
    with Receiving(Ledger(seconds=0.1)) as here:
        senders = [threading.Thread(target=lambda: here.talk().data(REPLY)) for _ in range(12)]
        [one.start() for one in senders], [one.join() for one in senders]
        assert len(here.ledger.arrivals) == 12 and len(here.ledger.batches) < 12


# LMTP


def test_lmtp_answers_for_each_recipient_it_took():
    with Receiving(protocol="lmtp") as here, here.talk("LHLO mta.example.net") as talk:
        talk.say("MAIL FROM:<ana@example.org>")
        codes = [talk.say(f"RCPT TO:<{one}>")[:3] for one in ("training@example.net", "eve@elsewhere.example", "b+1@example.net")]
        assert codes == ["250", "550", "250"]
        talk.say("DATA")
        talk.send(REPLY + b".\r\nNOOP\r\n")
        first, second, noop = talk.reply(), talk.reply(), talk.reply()
        assert first == second == f"250 2.0.0 Stored as {here.ledger.arrivals[0].id}" and "here" in noop
        assert here.ledger.arrivals[0].via == "lmtp" and len(here.ledger.arrivals) == 1


def test_lmtp_and_smtp_do_not_take_each_others_hello():
    with Receiving(protocol="lmtp") as lmtp, Receiving() as smtp:
        assert lmtp.talk("EHLO x").say("MAIL FROM:<>").startswith("503")
        assert smtp.talk("LHLO x").say("MAIL FROM:<>").startswith("503")


def test_lmtp_tells_every_recipient_of_a_failure():
    with Receiving(Ledger(fail=lambda arrival: True), protocol="lmtp") as here, here.talk("LHLO x") as talk:
        assert talk.data(REPLY, "", "a@example.net", "b@example.net").startswith("451")
        assert talk.reply().startswith("451")


# STARTTLS (S39)


def test_who_starts_tls_has_to_say_hello_again():
    with Receiving(tls=server_context()) as here, smtplib.SMTP("localhost", here.port) as smtp:
        smtp.ehlo()
        assert smtp.has_extn("starttls")
        smtp.starttls(context=ssl.create_default_context(cafile=str(CERTIFICATE)))
        assert smtp.docmd("MAIL FROM:<>")[0] == 503 and smtp.ehlo()[0] == 250 and not smtp.has_extn("starttls")


def test_a_whole_message_goes_through_tls_and_starttls_twice_does_not():
    with Receiving(tls=server_context()) as here:
        with smtplib.SMTP("localhost", here.port) as smtp:
            smtp.starttls(context=ssl.create_default_context(cafile=str(CERTIFICATE)))
            smtp.sendmail("ana@example.org", ["training@example.net"], REPLY * 5000)
            assert smtp.docmd("STARTTLS")[0] == 503
        assert here.ledger.arrivals[0].data == REPLY * 5000


def test_a_command_slipped_in_behind_starttls_is_dropped():
    with Receiving(tls=server_context()) as here, here.talk() as talk:
        talk.send(b"STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<eve@example.org>\r\n")
        assert talk.reply().startswith("220")
        context = ssl.create_default_context(cafile=str(CERTIFICATE))
        with context.wrap_socket(talk.sock, server_hostname="localhost") as sock:
            sock.sendall(b"RCPT TO:<training@example.net>\r\n")
            assert sock.recv(1000).startswith(b"503")


# the end


def test_on_shutdown_the_idle_leave_at_once_and_a_message_half_handed_over_is_finished():
    with Receiving() as here, here.talk() as idle, here.talk() as busy:
        busy.say("MAIL FROM:<>"), busy.say("RCPT TO:<training@example.net>"), busy.say("DATA")
        here.stop()
        assert idle.rest() == ["421 4.3.2 Shutting down, please come back"]
        busy.send(REPLY + b".\r\n")
        assert [line[:3] for line in busy.rest()] == ["250", "421"]
        assert here.ended() and len(here.ledger.arrivals) == 1


def test_on_shutdown_nobody_is_waited_for_for_ever():
    with Receiving(limits=Limits(finish=0.2)) as here, here.talk() as busy:
        busy.say("MAIL FROM:<>")
        here.stop()
        assert here.ended(5) and busy.rest() == []


SERVE = """
from mail.listener import *
listener = Listener(("127.0.0.1", 0), "smtp", GroupCommit(lambda batch: None), "mx.example.net", accepts=lambda a: True)
run(listener, lambda host, port: print(port, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly(number):
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
    with Talk(int(process.stdout.readline())) as talk:
        assert talk.reply().startswith("220") and talk.say("EHLO x") and talk.data(REPLY).startswith("250")
        os.kill(process.pid, number)
        assert talk.rest() == ["421 4.3.2 Shutting down, please come back"]
    assert process.wait(60) == 0 and process.stdout.read() == "ended\n"


def test_a_taken_port_is_named():
    from feedserver.errors import ConfigurationError
    from mail.listener import Listener, serve

    with socket.create_server(("127.0.0.1", 0)) as taken:

        async def story():
            await serve(Listener(taken.getsockname(), "smtp", GroupCommit(Ledger()), "mx"))

        with pytest.raises(ConfigurationError, match="INBOUND_BIND"):
            alone(story())


def wait_until(true, timeout: float = 60) -> None:
    until = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.005)
