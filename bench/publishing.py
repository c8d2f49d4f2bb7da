"""Publishing N sessions into C collections of a real Radicale, and moving half of them: requests a change and changes a second, beside bare PUTs.

python bench/publishing.py [--sessions 1000] [--collections 20] [--faults 0.1]
"""

from __future__ import annotations

import zoneinfo

zoneinfo.reset_tzpath(to=())

import argparse  # noqa: E402
import base64  # noqa: E402
import http.client  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402

import structlog  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from feedserver.publish.outgoing import PER_ORIGIN  # noqa: E402
from feedserver.services.house import utc_now  # noqa: E402
from tests.publish.desk import Desk, event  # noqa: E402
from tests.support.caldav_servers import PASSWORD, USER, Proxy, Radicale, running  # noqa: E402
from tests.support.databases import begin_run, end_run, sqlite_copy  # noqa: E402
from tests.support.world import World  # noqa: E402


def bare(server: Radicale, paths: list[str], sessions: int) -> float:
    """PUTs a second of as many connections as the product opens, and nothing besides."""
    key = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Content-Type": "text/calendar; charset=utf-8", "If-None-Match": "*"}

    def one(turn: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for number in range(turn, sessions, PER_ORIGIN):
            connection.request("PUT", f"{paths[number % len(paths)]}bare{number}.ics", event(f"bare{number}"), headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201, answer.status
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(PER_ORIGIN) as pool:
        list(pool.map(one, range(PER_ORIGIN)))
    return sessions / (time.perf_counter() - began)


def product(desk: Desk, url: str, paths: list[str], sessions: int) -> tuple[int, float, float]:
    """(changes, seconds, processor seconds of the worker) for publishing all and then moving half."""
    rooms = [desk.connect(url + path) for path in paths]
    put_into = {session: rooms[session % len(rooms)] for session in range(sessions)}
    loop, seconds, cpu = threading.Thread(target=desk.publishing.run), 0.0, 0.0
    loop.start()
    try:
        for some, hour in ((range(sessions), 9), (range(0, sessions, 2), 15)):
            desk.publish_all([(put_into[session], session, event(f"u{session}", hour=hour)) for session in some])
            began, spent = time.perf_counter(), time.process_time()
            while desk.open():
                time.sleep(0.2)
            seconds, cpu = seconds + time.perf_counter() - began, cpu + time.process_time() - spent
    finally:
        desk.stop.set()
        loop.join()
    return desk.states().count("sent"), seconds, cpu


def main() -> None:
    """Both, printed."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--sessions", type=int, default=1000)
    given.add_argument("--collections", type=int, default=20)
    given.add_argument("--faults", type=float, default=0.0, help="share of the requests that go wrong")
    chosen = given.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    run = begin_run()
    try:
        with tempfile.TemporaryDirectory() as folder, running(Radicale, Path(folder) / "radicale") as server:
            paths = [server.collection(f"c{number}") for number in range(chosen.collections)]
            rate = bare(server, [server.collection(f"b{number}") for number in range(chosen.collections)], chosen.sessions)
            world = World(sqlite_copy(Path(folder) / "f.db"))
            world.house.clock = utc_now
            with Proxy(server, share=chosen.faults) as proxy:
                url = proxy.url if chosen.faults else server.url
                changes, seconds, cpu = product(Desk(world), url, paths, chosen.sessions)
                asked = sum(proxy.seen.values())
            world.close()
    finally:
        end_run(run)
    print(
        f"bare PUTs: {rate:.0f}/s; product: {changes} changes, {changes / seconds:.0f}/s, {cpu / changes * 1e3:.1f} ms of our processor time each"
    )
    print(f"requests a change: {asked / changes:.2f}" if chosen.faults else "requests a change: counted with --faults alone")


if __name__ == "__main__":
    main()
