"""People who chose their calendar alone: what cannot wait for it goes to them in words (a program may look for changes once a day).

Cancellations always, changes when the session begins within two days. Offers from the waiting list: `promoting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from sqlalchemy import and_, null, select

from ..imip.kinds import IN_WORDS
from ..store.entries import SHOWN, CalendarEntry
from ..store.sessions import LiveSession, Revision
from ..training.changes import Snapshot
from .dispatching import Readers, dispatch, open_for_mail, readers
from .rendering import Kind
from .work import Work, new_batch

SOON = timedelta(hours=48)


def tell_change(
    work: Work, session: LiveSession, revision: Revision, behind, groups: list[Readers], befores: Mapping[int, Snapshot], changed: Iterable[int]
) -> int:  # fmt: skip
    """A session changes that begins, or would have begun, within two days. `behind` are people whose feed shows it by now; returns the mails."""
    soon = work.now + SOON
    tolds = [told for told in changed if min(befores[told].starts_at, revision.starts_at) <= soon]
    to = [g for g in groups if not g.mailed and not g.declined and g.told in tolds]
    if not to or not open_for_mail(work, session, *(befores[told].ends_at for told in tolds)):
        return 0
    which = and_(_by_feed_alone(behind), behind.c.told.in_(tolds))
    return _dispatch(work, session, revision, behind, which, to, Kind.UPDATE_NOTICE, "")


def tell_end(work: Work, session: LiveSession, revision: Revision | None, going, kind: Kind, note: str) -> int:
    """A session is cancelled, or somebody taken off it; returns the mails."""
    if revision is None or kind not in IN_WORDS or not open_for_mail(work, session, revision.ends_at):
        return 0
    holds = select(going).where(_by_feed_alone(going)).subquery()
    to = readers(work, holds)
    return _dispatch(work, session, revision, holds, holds.c.id > 0, to, IN_WORDS[kind], note) if to else 0


def _by_feed_alone(chosen):
    shown = select(CalendarEntry.id).where(CalendarEntry.feed_state == SHOWN)
    return and_(~chosen.c.mailed, chosen.c.channel == "feed", chosen.c.id.in_(shown))


def _dispatch(work: Work, session: LiveSession, revision: Revision, chosen, which, to: list[Readers], kind: Kind, note: str) -> int:
    return dispatch(
        work, session, revision, new_batch(), chosen, which, to, lambda _reader: kind, method=None, partstat=null(), note=note, bump=0
    )  # fmt: skip
