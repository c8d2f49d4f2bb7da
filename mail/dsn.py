"""What a refusal means for the address: one table for bounces and for the answers of a relay."""

from __future__ import annotations

import re
from enum import StrEnum

from feedserver.imip.incoming import Bounce


class BounceClass(StrEnum):
    """Whose fault it is. Whether to try again is said by the SMTP code, not by this."""

    HARD_ADDRESS = "hard_address"
    """The address does not exist: suppressed after one."""
    MAILBOX_FULL = "mailbox_full"
    TRANSIENT = "transient"
    """Passing, or unknown: what nobody understands never blames an address."""
    TOO_BIG = "too_big"
    POLICY = "policy"
    """Our reputation or their rules; the address is not blamed (spam filters disabled members of Mailman lists)."""
    ROUTING = "routing"
    CONTENT = "content"
    DELIVERY_DELAYED = "delivery_delayed"
    """Still being tried: not a bounce."""
    SUCCESS = "success"


B = BounceClass
_ACTIONS = {"delayed": B.DELIVERY_DELAYED, "delivered": B.SUCCESS, "relayed": B.SUCCESS, "expanded": B.SUCCESS}
# RFC 3463 and its registry; the longest prefix wins. Classes of the full code come before those of the family.
_CODES: dict[str, BounceClass] = {
    "2": B.SUCCESS,
    **dict.fromkeys(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"), B.HARD_ADDRESS),
    **dict.fromkeys(("4.2.2", "5.2.2"), B.MAILBOX_FULL),
    **dict.fromkeys(("5.3.4", "5.2.3"), B.TOO_BIG),
    **dict.fromkeys(("5.7", "4.7", "5.1.7", "5.1.8"), B.POLICY),
    **dict.fromkeys(("5.4.3", "5.4.4", "5.4.6", "5.4.14", "5.4.310", "5.4.312"), B.ROUTING),
    "5.6": B.CONTENT,
    **dict.fromkeys(("4", "5.4"), B.TRANSIENT),
}
_DNS = r"host or domain name not found|name service|domain not found|host (?:unknown|not found)|unknown host|dns|no mx|unrouteable|mail loop|too many hops"
# Codes that servers use for two things: the words decide.
_TWOFOLD: tuple[tuple[str, str, BounceClass], ...] = (
    ("5.1.2", _DNS, B.ROUTING),
    # Exchange Online answers so for a mailbox that does not exist.
    ("5.4.1", r"recipient address rejected", B.HARD_ADDRESS),
)
_TEXTS: tuple[tuple[str, BounceClass], ...] = (
    (r"quota|mailbox (?:is )?full|space not enough|storage|over ?limit", B.MAILBOX_FULL),
    (r"too (?:large|big)|size limit|maximum incoming message|exceeds? (?:the )?(?:maximum )?(?:message )?size", B.TOO_BIG),
    (r"spam|block(?:ed|list)|blacklist|dmarc|\bspf\b|dkim|reputation|\bpolicy|\brbl\b|spamhaus|confirmation|not accepting mail from", B.POLICY),
    (_DNS, B.ROUTING),
    (r"(?:user|recipient|mailbox|address|account)\b.{0,60}(?:unknown|not found|unavailable|rejected|disabled|"
     r"deactivated|does(?: not|n't) exist|not (?:exist|valid|known|listed))|(?:unknown|invalid|no such|nonexist\w*) "
     r"(?:user|recipient|mailbox|address|account)|no mailbox|"
     r"not a valid (?:user|recipient|mailbox|address)|invalid final delivery userid|does not like recipient", B.HARD_ADDRESS),
)  # fmt: skip


def classify(code: int, enhanced: str, text: str, action: str = "") -> BounceClass:
    """The class of an SMTP answer (`code` 0 where there is none) or of a delivery report (`action` as in RFC 3464).

    The enhanced code comes first, the words second; what is unknown is soft.
    """
    if action.lower() in _ACTIONS:
        return _ACTIONS[action.lower()]
    for prefix, words, found in _TWOFOLD:
        if enhanced == prefix and re.search(words, text, re.I):
            return found
    if found := _by_code(enhanced):
        return found
    if 200 <= code < 400:
        return B.SUCCESS
    for words, found in _TEXTS:
        # A 4xx is about now, whatever it says, except that a full mailbox is counted by days.
        if re.search(words, text[:4000], re.I) and (code >= 500 or code == 0 or found is B.MAILBOX_FULL):
            return found
    return B.TRANSIENT


def classify_bounce(bounce: Bounce) -> BounceClass:
    """The class of a delivery report."""
    code = re.match(r"\s*([245]\d\d)\b", bounce.diagnostic)
    generic = bounce.status[:1].isdigit() and bounce.status[1:] == ".0.0"
    known = int(code[1]) if code else int(bounce.status[0]) * 100 if bounce.status[:1].isdigit() else 0
    return classify(known, "" if generic else bounce.status, bounce.diagnostic, bounce.action)


def _by_code(enhanced: str) -> BounceClass | None:
    pieces = enhanced.split(".")
    prefixes = (".".join(pieces[:n]) for n in range(len(pieces), 0, -1))
    return next((_CODES[p] for p in prefixes if p in _CODES), None)
