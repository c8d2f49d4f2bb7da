"""The usual receiver beside ours: aiosmtpd, each message into a file of its own that is on disk before the 250.

python bench/spool.py PORT FOLDER
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP


class Spool:
    """A handler of aiosmtpd, as its documentation shows them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, itertools.count()

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: object) -> str:
        """Write, sync, say 250."""
        with (self.folder / f"{next(self.numbers)}.eml").open("wb") as file:
            file.write(envelope.original_content)
            file.flush()
            os.fsync(file.fileno())
        return "250 OK"


async def main(port: int, folder: Path) -> None:
    """Serve until killed."""
    handler = Spool(folder)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(handler, hostname="localhost"), "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
