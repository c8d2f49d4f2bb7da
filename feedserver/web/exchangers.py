"""Which servers take a domain's mail, as the DNS says (RFC 5321 5.1): asked only when somebody presses a button."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor, wait

import dns.exception
import dns.resolver

SECONDS = 2.0
_AT_ONCE = 16
Ask = Callable[[str, float], Collection[str]]


def ask_dns(domain: str, seconds: float) -> Collection[str]:
    """The names of its MX records; none where there are none, or no answer comes in time."""
    try:
        return [str(one.exchange) for one in dns.resolver.resolve(domain, "MX", lifetime=seconds)]
    except (dns.exception.DNSException, ValueError, OSError):
        return ()


def of_all(domains: Iterable[str], ask: Ask = ask_dns, seconds: float = SECONDS) -> dict[str, Collection[str]]:
    """Of each domain, all together within `seconds`; those that were not told in time are left out."""
    until = time.monotonic() + seconds
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="mx")
    asked = {pool.submit(ask, one, seconds): one for one in dict.fromkeys(domains)}
    done, _ = wait(asked, max(0.0, until - time.monotonic()))
    pool.shutdown(wait=False, cancel_futures=True)
    return {asked[one]: one.result() for one in done if one.exception() is None}
