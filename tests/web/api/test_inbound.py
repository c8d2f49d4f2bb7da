"""Incoming messages by program: each judgement is told, and what had no effect is judged again."""

from __future__ import annotations

from feedserver.services import receiving
from feedserver.services.receiving import Verdict
from feedserver.store.inbox import InboundMessage


def came(api, outcome: str, code: str = "x") -> int:
    """A message that ended so."""

    def verb(work) -> int:
        (number,) = receiving.store(work.db, [receiving.Received(b"Subject: x\r\n\r\nx", "smtp")], work.now)
        message = work.db.get_one(InboundMessage, number)
        message.organisation_id = work.organisation_id
        receiving.write(message, None, Verdict(outcome, code, "It is so.", evidence={"decisions": []}), work.now)
        return number

    return api.do(verb)


def test_a_held_message_is_judged_again_and_tells_its_first_judgement(api):
    number = came(api, "quarantined", "from_mismatch")
    said = api.post(f"/inbound/{number}/judge", status=200)
    assert (said["outcome"], said["reason"]) == ("pending", "Waiting to be judged again.")
    assert [(one["by"], one["reason_code"]) for one in said["verdicts"]] == [("first", "from_mismatch")]
    assert api.post(f"/inbound/{number}/judge", status=200)["outcome"] == "pending"


def test_what_had_an_effect_is_refused_and_left_out(api):
    applied, held, gone = came(api, "applied"), came(api, "quarantined"), came(api, "quarantined")
    assert "nothing acts twice" in api.post(f"/inbound/{applied}/judge", status=409)["detail"]
    api.do(lambda work: setattr(work.db.get_one(InboundMessage, gone), "raw", b""))
    assert "past their time" in api.post(f"/inbound/{gone}/judge", status=409)["detail"]
    assert api.post("/inbound/judge", status=200) == {"count": 1}
    assert api.post("/inbound/judge", {"outcome": "applied"}, status=422)["field"] == "outcome"
    assert [api.get(f"/inbound/{number}")["outcome"] for number in (applied, held, gone)] == ["applied", "pending", "quarantined"]
