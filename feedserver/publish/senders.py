"""Which sender serves which channel."""

from __future__ import annotations

from ..store.destinations import CALDAV, CHAT, WEBHOOK
from .calendar_objects import Collections
from .chat import Chat
from .sending import Sender
from .webhooks import Webhooks

SENDERS: dict[str, Sender] = {
    CALDAV: Collections(),
    WEBHOOK: Webhooks(),
    CHAT: Chat(),
}
