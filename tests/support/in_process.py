"""What stands for the pool of reading children where no process of its own is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from feedserver.imip.extract import read
from feedserver.imip.incoming import Incoming


class InProcess:
    """Reads where it is asked, as `mail.children.ParserPool` does in a child."""

    def __init__(self, read: Callable[[bytes], Incoming] = read, holds: Callable[[bytes, int, bytes], bool] | None = None) -> None:
        self.read, self.holds = read, holds

    def read_all(self, raws: Iterable[bytes]) -> Iterator[Incoming]:
        """One after the other."""
        for raw in raws:
            yield self.read(raw)
