"""Which program wrote an answer, guessed from PRODID and from what it and its server write into the header."""

from __future__ import annotations

import re

from .fields import Fields

_SIGNS = (
    # What is looked for, in which of the texts (product, agent, path), and the words for it; the first that fits holds.
    (r"google", "product", "Google Calendar"),
    (r"iphone|ios", "product agent", "Apple iPhone or iPad"),
    (r"mac os x|macos|ical \d|apple mail", "product agent", "Apple Mail or Calendar on a Mac"),
    (r"mozilla|thunderbird", "product agent", "Thunderbird"),
    (r"zimbra", "product agent", "Zimbra"),
    (r"roundcube", "product agent", "Roundcube"),
    (r"nextcloud|sabre", "product agent", "Nextcloud"),
    (r"proton", "product agent path", "Proton"),
    (r"tutao|tutanota", "product agent path", "Tuta"),
    (r"cyrusimap|fastmail", "product agent", "Fastmail"),
    (r"outlook for mac|outlook \d+ mac|macoutlook", "product agent", "Outlook for Mac"),
    (r"outlook\.com|hotmail", "path", "Outlook.com"),
    (r"microsoft exchange|exchangeprotocol|x-ms-exchange", "product path", "Outlook or Exchange (Microsoft 365)"),
    (r"outlook", "product agent", "Outlook"),
    (r"lotus|domino", "product agent", "HCL Notes"),
    (r"bluemind", "product agent", "BlueMind"),
    (r"yahoo", "product agent path", "Yahoo"),
    (r"android|samsung", "product agent", "Android"),
    (r"feedserver", "product", "our own captured mail, or our loopback"),
)


def client_of(fields: Fields, product: str) -> str:
    """The program in words; "" where nothing tells. `product` is PRODID of the answer."""
    texts = {
        "product": product.lower(),
        "agent": f"{fields.text('user-agent')[:200]} {fields.text('x-mailer')[:200]}".lower(),
        "path": " ".join((fields.text("message-id")[:300], *(name for name, _ in fields.pairs if name.startswith("x-ms-exchange"))))[
            :2000
        ].lower(),
    }
    for pattern, where, words in _SIGNS:
        if any(re.search(pattern, texts[name]) for name in where.split()):
            return words
    return ""
