"""Which DKIM signatures count: the rules that libraries lack, a DNS that is down, and arithmetic that must not hang."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from feedserver.imip.extract import read
from feedserver.imip.signed import speaks_for
from mail import signatures
from mail.children import ParserPool
from mail.signatures import checked, holds
from tests.mail.signing import COVERED, Dns, record, signed
from tests.replies import reply

LEA, CORP = "lea@corp.example", "corp.example"
REPLY = reply("google", uid="u1", attendee=LEA)
HERE = SimpleNamespace(holds=holds)


def result(raw: bytes, dns=None, pool=HERE) -> tuple[str, str]:
    incoming = read(raw)
    if incoming.signatures[0].result == "unchecked":
        incoming = checked(raw, incoming, [0], pool, dns or Dns(corp_example=record()))
    return incoming.signatures[0].result, incoming.signatures[0].why


def test_a_good_signature_holds_and_one_octet_breaks_it():
    raw = signed(REPLY, CORP)
    assert result(raw) == ("pass", "")
    assert result(raw.replace(b"BEGIN:VEVENT", b"BEGIN:VEVENt") if b"BEGIN:VEVENT" in raw else raw + b"x")[0] == "broken"
    assert result(raw.replace(b"Subject: ", b"Subject: Re: "))[0] == "broken"


@pytest.mark.parametrize("how, words", [
    ({"length": True}, "only the beginning"), ({"covered": ("From",)}, "does not cover Date"),
    ({"covered": tuple(n for n in COVERED if n != "Content-Type")}, "does not cover Content-Type"),
    ({"signature_algorithm": b"rsa-sha1"}, "only rsa-sha256"),
])  # fmt: skip
def test_what_a_library_would_take_does_not_count(how, words):
    raw = signed(REPLY, CORP, **how) if "signature_algorithm" not in how else signed(REPLY, CORP).replace(b"a=rsa-sha256", b"a=rsa-sha1", 1)
    dns = Dns(corp_example=record())
    said = result(raw, dns)
    assert said[0] == "ignored" and words in said[1] and dns.asked == []


def test_a_second_date_or_type_that_nobody_signed_does_not_slip_in():
    for extra in (b"Content-Type: text/calendar\r\n", b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n"):
        assert result(extra + signed(REPLY, CORP))[0] == "ignored"


@pytest.mark.parametrize("domain, identity, counts", [
    (CORP, None, True), ("example", None, False), ("mail.corp.example", None, False), ("evil.example", None, False), ("xcorp.example", None, False),
    (CORP, "lea@corp.example", True), (CORP, "eve@corp.example", False), (CORP, "@sub.corp.example", False),
])  # fmt: skip
def test_only_the_domain_of_the_sender_or_one_above_it_speaks_for_them(domain, identity, counts):
    raw = signed(REPLY, domain, identity=identity.encode() if identity else None)
    assert speaks_for(read(raw).signatures[0], LEA) is counts
    assert speaks_for(read(signed(REPLY, CORP)).signatures[0], "lea@berlin.corp.example")


@pytest.mark.parametrize("held, said", [
    (None, "broken"), (TimeoutError, "temperror"), (b"v=DKIM1; p=", "broken"), (b"rubbish", "broken"), (b"p=AAAA; p=BBBB", "broken"),
    (b"v=DKIM1; t=y; p=AAAA", "ignored"), (b"v=DKIM1; k=rsa; p=" + b"A" * 1500, "ignored"), (b"x" * 9000, "broken"), (b"v=DKIM1; p=AAAA", "broken"),
])  # fmt: skip
def test_a_key_that_is_none_is_no_proof_and_a_silent_dns_no_fault(held, said):
    assert result(signed(REPLY, CORP), Dns(corp_example=held))[0] == said


def test_at_most_two_of_five_signatures_cost_a_look_up():
    raw = REPLY
    for number in range(7):
        raw = signed(raw, CORP, f"k{number}")
    incoming, dns = read(raw), Dns(corp_example=record())
    assert len(incoming.signatures) == 5
    results = [one.result for one in checked(raw, incoming, range(5), HERE, dns).signatures]
    assert results == ["pass", "pass", "ignored", "ignored", "ignored"] and len(dns.asked) == 2


def test_a_body_of_blanks_costs_a_child_and_nothing_else():
    raw = signed(REPLY, CORP)
    bomb = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + b" " * 1_900_000
    with ParserPool(deadline=1.0) as pool:
        assert result(raw, pool=pool) == ("pass", "")
        assert result(bomb, pool=pool) == ("ignored", "Checking it took too long.")
        assert pool.read(raw).kind == "reply" and result(raw, pool=pool) == ("pass", "")


def test_faults_of_the_resolver_are_faults_of_the_dns(monkeypatch):
    def fails(*_args, **_more):
        raise signatures.dns.resolver.NoNameservers

    monkeypatch.setattr(signatures.dns.resolver, "resolve", fails)
    with pytest.raises(TimeoutError):
        signatures.look_up("k1._domainkey.corp.example.", 1)
