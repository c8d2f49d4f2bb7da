"""Rendered feeds kept in memory: the least recently used go first, counted by bytes, safe between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")
SIXTY_FOUR_MEGABYTES = 64 * 1024 * 1024


class Shelf(Generic[V]):
    """At most `limit` bytes of values; what weighs more than that is not kept."""

    def __init__(self, limit: int = SIXTY_FOUR_MEGABYTES) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[str, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> V | None:
        """The value kept under `key`."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: str, value: V, weight: int) -> None:
        """Keep `value`, that weighs so many bytes, in place of what was there."""
        with self._lock:
            self.bytes -= self._kept.pop(key, (None, 0))[1]
            if weight > self.limit:
                return
            self._kept[key] = (value, weight)
            self.bytes += weight
            while self.bytes > self.limit:
                self.bytes -= self._kept.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.bytes = 0
