"""How mail fares by domain: counted in one query, with a hint; and servers that may answer inside themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import update

from feedserver.services import mail_domains
from feedserver.services.mail_domains import Fares, neighbours
from feedserver.store.outbox import Delivery
from tests.support.world import World

QUIET = Fares("a.example", 20, 20, 0, 0, 0, 0, 0, 0, 20, 10, 1.0, None)


def test_a_domain_is_told_by_what_was_sent_came_back_and_was_answered(world: World):
    for name in ("Ann", "Bob", "Cleo"):
        world.person(name, email=f"{name}@Corp.example")
    world.person("Dan", email="dan@other.example")
    world.session("Ann", "Bob", "Cleo", "Dan")
    asked = world.mails()
    for hours, mail in zip((1, 2), asked, strict=False):
        world.advance(hours * 3600)
        world.answer(mail)
    refused = update(Delivery).where(Delivery.recipient == "dan@other.example").values(state="dead", bounce_class="policy")
    world.do(lambda work: work.db.execute(refused))
    corp, other = world.look(mail_domains.fares)
    assert (corp.domain, corp.people, corp.sent, corp.invited, corp.answered, corp.share) == ("corp.example", 3, 3, 3, 2, 67)
    assert (corp.median_hours, corp.last_answer_at, corp.hint) == (2.0, world.moment, "")
    assert (other.domain, other.sent, other.policy, other.answered) == ("other.example", 0, 1, 0) and "SPF" in other.hint
    assert world.look(mail_domains.fares_csv).startswith(b"domain,people,sent") or b"corp.example" in world.look(mail_domains.fares_csv)
    world.advance(31 * 86_400)
    assert world.look(mail_domains.fares) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"answered": 0}, "No answer from this domain in 30 days though 20 invitations went out"),
        ({"answered": 0, "invited": 9}, ""),
        ({"hard_address": 4}, "do not exist"),
        ({"deferred": 10}, "puts us off"),
        ({"policy": 1, "answered": 0}, "refused 1"),
    ],
)
def test_the_hint_says_what_to_look_at(change, words):
    hint = replace(QUIET, **change).hint
    assert words in hint and bool(words) == bool(hint)


def test_a_server_that_learners_share_with_the_mailbox_is_named():
    exchangers = {"acme.example": ["mx.acme.example."], "berlin.acme.example": ["MX.acme.example"], "far.example": ["mx.far.example"]}
    found = neighbours(
        ["acme.example", "berlin.acme.example", "far.example", "none.example"], "t@acme.example", lambda one: exchangers.get(one, ())
    )
    assert set(found) == {"acme.example", "berlin.acme.example"} and "mx.acme.example" in found["berlin.acme.example"]
