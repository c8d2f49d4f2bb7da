"""Which sender serves which channel."""

from __future__ import annotations

from ..store.destinations import CALDAV
from .collections import Collections
from .outgoing import Sender

SENDERS: dict[str, Sender] = {
    CALDAV: Collections(),
}
