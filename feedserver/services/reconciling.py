"""Compare and repair: what stands in a collection against what ought to, kept for people to look at before anything is done about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from ..errors import Conflict
from ..store.destinations import Destination, PublishedObject
from ..store.outbox import OPEN, Delivery, state_in
from . import publishing
from .comparing import Finding, Standing, Wanted, compare
from .connecting import connection
from .published_rows import entries
from .publishing import Order
from .work import Work

STALE = timedelta(hours=1)
_MOST = 5000
_QUIET = {"synchronize_session": False}


def note(work: Work, destination_id: int, standing: Iterable[Standing]) -> Destination:
    """Keep what came of comparing: {missing, extra, different, same, foreign, waiting, findings}. What is still to leave is `waiting`, and no fault."""
    one = connection(work, destination_id, lock=True)
    ought = entries(work, [one]).get(one.id, {})
    wanted = [Wanted(number, entry.uid, entry.title, entry.data) for number, entry in ought.items()]
    found, foreign = compare(one.settings["mark"], wanted, standing)
    open_ = _open(work, one)
    findings = [finding for finding in found if finding.session_id not in open_]
    counts = {state: sum(finding.state == state for finding in findings) for state in ("missing", "extra", "different")}
    unlike = {finding.session_id for finding in found} | open_
    one.report = {
        **counts, "same": len(ought.keys() - unlike), "foreign": foreign, "waiting": len(open_),
        "findings": [_kept(finding) for finding in findings[:_MOST]],
    }  # fmt: skip
    one.checked_at = work.now
    work.record("collection compared", detail={"destination_id": one.id, **counts})
    work.db.flush()
    return one


def repair(work: Work, destination_id: int) -> int:
    """Queue what puts right all that was found; returns how many requests. `Conflict` where nothing was compared within the last hour."""
    one = connection(work, destination_id, lock=True)
    if one.report is None or one.checked_at is None or one.checked_at < work.now - STALE:
        raise Conflict("Compare first: what is put right is what was found within the last hour.")
    findings = [Finding(**{**kept, "fields": tuple(kept["fields"])}) for kept in one.report["findings"]]
    ought = entries(work, [one], {finding.session_id for finding in findings}).get(one.id, {})
    orders = {}
    for finding in findings:
        entry = ought.get(finding.session_id)
        # What came or went since then is on its way by itself.
        if (finding.state == "extra") == (entry is None):
            orders[finding.session_id] = (Order(one, finding.session_id, entry, finding.href if entry is None else ""), finding)
    queued = publishing.queue(work, [order for order, _finding in orders.values()])
    for _order, finding in orders.values():
        _stands(work, one, finding)
    one.report, one.version = None, one.version + 1
    work.record("collection repaired", detail={"destination_id": one.id, "requests": queued})
    work.db.flush()
    return queued


def _open(work: Work, one: Destination) -> set[int]:
    query = select(Delivery.live_session_id).where(Delivery.destination_id == one.id, state_in(Delivery.state, OPEN))
    return set(work.db.scalars(query))


def _kept(finding: Finding) -> dict[str, Any]:
    return {
        "state": finding.state, "session_id": finding.session_id, "title": finding.title, "uid": finding.uid, "href": finding.href,
        "etag": finding.etag, "fields": list(finding.fields),
    }  # fmt: skip


def _stands(work: Work, one: Destination, finding: Finding) -> None:
    """What was seen there is what the next request goes by: somebody has looked at it, and decided."""
    values: dict[str, Any] = {"etag": finding.etag or None, "digest": None, "fingerprint": None}
    if finding.href:
        values["href"] = finding.href
    here = (PublishedObject.destination_id == one.id, PublishedObject.live_session_id == finding.session_id)
    work.db.execute(update(PublishedObject).where(*here).values(**values).execution_options(**_QUIET))
