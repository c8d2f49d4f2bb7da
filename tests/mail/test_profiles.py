"""What each profile asks of a reply, with signatures that we check ourselves and a DNS of our own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from feedserver.commands import ticks
from feedserver.settings import Settings
from feedserver.store.inbox import InboundMessage
from feedserver.store.organisations import Organisation
from mail.signatures import holds
from tests import replies
from tests.mail.signing import Dns, record, signed
from tests.support.in_process import InProcess
from tests.support.world import World

CORP, MX = "corp.example", "mx.example.net"


@pytest.fixture
def world(sqlite_url: str) -> Iterator[World]:
    one = World(sqlite_url)
    one.judging.pool = InProcess(holds=holds)
    one.judging.lookup = Dns(corp_example=record(), google_com=record())
    one.session("Lea")
    yield one
    one.close()


def strict(world: World) -> None:
    world.do(lambda work: setattr(work.db.get_one(Organisation, work.organisation_id), "trust_profile", "strict"))


def yes(mail, headers: str = "", client: str = "google") -> bytes:
    return replies.reply(client, uid=mail.uid, attendee=mail.to, dtstart=mail.start, headers=headers)


def test_standard_trust_asks_the_dns_nothing_for_a_reply_that_counts_anyhow(world):
    one = world.mail()
    got = world.receive(signed(yes(one), CORP))
    assert got.outcome == "applied" and world.judging.lookup.asked == []
    assert got.evidence["decisions"][0]["signatures"] == [f"{CORP}: unchecked."]


def test_strict_trust_takes_what_is_signed_by_the_domain_of_the_sender_and_holds_the_rest(world):
    strict(world)
    one = world.mail()
    plain, foreign = world.receive(yes(one)), world.receive(signed(yes(one), "evil.example"))
    assert {plain.reason_code, foreign.reason_code} == {"auth_missing"} and world.judging.lookup.asked == []
    changed = signed(yes(one), CORP).replace(b"Subject: ", b"Subject: x", 1)
    broken = world.receive(changed)
    assert broken.reason_code == "auth_missing" and "broken" in broken.evidence["decisions"][0]["signatures"][0]
    good = world.receive(signed(yes(one), CORP))
    assert (good.outcome, world.judging.lookup.asked) == ("applied", [f"k1._domainkey.{CORP}."] * 2)


def test_strict_trust_believes_our_mail_server_without_asking_the_dns(world):
    strict(world)
    world.judging.settings = Settings(trusted_authserv_id=MX)
    one = world.mail()
    assert world.receive(yes(one, f"Authentication-Results: {MX}; dmarc=none\n")).reason_code == "auth_missing"
    failed = yes(one, f"Authentication-Results: {MX}; dmarc=fail\n")
    assert world.receive(signed(failed, CORP)).reason_code == "auth_fail" and world.judging.lookup.asked == []
    assert world.receive(yes(one, f"Authentication-Results: {MX}; dmarc=pass header.from={CORP}\n")).outcome == "applied"


def test_googles_signature_is_checked_where_our_server_says_only_that_dmarc_failed(world):
    world.judging.settings = Settings(trusted_authserv_id=MX)
    one = world.mail()
    failed = yes(one, f"Authentication-Results: {MX}; dmarc=fail header.from={CORP}\n")
    forged = signed(failed, "google.com").replace(b"Subject: ", b"Subject: x", 1)
    assert [world.receive(raw).reason_code for raw in (failed, signed(failed, CORP), forged)] == ["auth_fail"] * 3
    assert world.receive(signed(failed, "google.com")).outcome == "applied"
    assert set(world.judging.lookup.asked) == {"k1._domainkey.google.com."}


@pytest.mark.parametrize(("then", "outcome"), [(record(), "applied"), (TimeoutError, "quarantined")])
def test_a_silent_dns_counts_against_nobody_at_once(world, then, outcome):
    strict(world)
    world.judging.lookup = Dns(corp_example=TimeoutError)
    got = world.receive(signed(yes(world.mail()), CORP))
    assert got.reason_code == "auth_temperror" and questions(world) == 0
    world.judging.lookup = Dns(corp_example=then)
    tick = next(one for one in ticks.TICKS if one.name == "signatures to look up again")
    assert ticks.once(world.house, tick) == 0
    world.moment += timedelta(minutes=11)
    assert ticks.once(world.house, tick) == 1 and world.judging.once() == 1
    got = world.look(lambda work: work.db.scalars(select(InboundMessage)).one())
    assert got.outcome == outcome and questions(world) == (outcome == "quarantined")
    world.moment += timedelta(minutes=11)
    assert ticks.once(world.house, tick) == 0


def questions(world: World) -> int:
    world.mails()
    return len([mail for mail in world.notices if mail.kind == "confirm_sender"])
