"""What an inbound mail turned out to be: a value that passes between processes as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from ..itip.parse import ItipObject, as_dict

METHOD_KINDS = ("reply", "counter", "refresh", "request", "cancel", "publish", "add", "declinecounter")
KINDS = (*METHOD_KINDS, "bounce", "complaint", "receipt", "auto_reply", "human", "broken")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a delivery report says (RFC 3464) of one recipient; every field is "" where it is not said.

    `status` is the enhanced code (5.1.1), `message_id` and `uid` are those of the mail that came back. `action` is one
    of RFC 3464 2.3.3: failed, delayed, delivered, relayed or expanded.
    """

    recipient: str = ""
    action: str = ""
    status: str = ""
    diagnostic: str = ""
    message_id: str = ""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A DKIM signature (RFC 6376): who signed (d=, s=, i=), and what became of checking it, with the reason in words.

    `result` is unchecked, pass, broken, ignored (it may not count, whatever its key says) or temperror (the DNS did not answer).
    """

    domain: str
    selector: str
    identity: str
    result: str = "unchecked"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One inbound mail, read.

    `kind` is one of `KINDS`; `reason` says in plain words why it is "broken". `sender` is "" where `sender_problem`
    says why. `date` is in seconds since 1970. `authentication_results` are raw values, the topmost first. `defects` are
    noted, `limits` are what was hit and cut. `answers` are the Message-IDs of In-Reply-To and References, without brackets.
    """

    kind: str
    reason: str = ""
    sender: str = ""
    sender_name: str = ""
    sender_problem: str = ""
    subject: str = ""
    message_id: str = ""
    date: int | None = None
    auto_submitted: str = ""
    null_sender: bool = False
    objects: tuple[ItipObject, ...] = ()
    bounce: Bounce | None = None
    authentication_results: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    received_count: int = 0
    text: str = ""
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON; a third of what `dataclasses.asdict` costs."""
        values = {name: getattr(self, name) for name in _NAMES}
        values["objects"] = [as_dict(one) for one in self.objects]
        values["bounce"] = dataclasses.asdict(self.bounce) if self.bounce else None
        values["signatures"] = [dataclasses.asdict(one) for one in self.signatures]
        return values

    def to_json(self) -> str:
        """As it goes over a pipe or into a row."""
        return _ENCODER.encode(self.to_dict())

    @classmethod
    def from_json(cls, text: str | bytes) -> Incoming:
        """The inverse of `to_json`."""
        values = json.loads(text)
        values["objects"] = tuple(ItipObject.from_dict(one) for one in values["objects"])
        values["bounce"] = Bounce(**values["bounce"]) if values["bounce"] else None
        values["signatures"] = tuple(Signature(**one) for one in values.get("signatures", ()))
        for name in ("authentication_results", "defects", "limits", "answers"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)


_NAMES = tuple(field.name for field in dataclasses.fields(Incoming))
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def broken(reason: str, limit: str = "") -> Incoming:
    """A mail of which nothing can be said but why."""
    return Incoming("broken", reason, limits=(limit,) if limit else ())
