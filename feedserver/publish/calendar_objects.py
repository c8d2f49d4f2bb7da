"""What has to stand in a CalDAV collection, put there: the sender of the channel caldav.

Each object has a name of ours (UID.ics) and is written only over the version that we know (If-Match) or where nothing stands (If-None-Match): one
request a change. 412 means that something else stands there: it is read. Either it is what we want to say (an earlier try did arrive), or somebody
edited it: that is recorded, and what is published wins. A UID that the server has under another name is adopted. Every step can be repeated.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Row, update
from sqlalchemy.orm import Session

from ..ical.sameness import fingerprint
from ..store.destinations import PublishedObject
from ..store.history import HistoryEntry
from . import caldav
from .caldav import CalDav, NotCalDav, Standing
from .guard import Answer, Client
from .multistatus import path_of
from .outcomes import Outcome, Result, retry_after
from .sending import Target

ROUNDS = 4
_DONE = (200, 201, 204)
# Of these an administrator gets words that say what to do; all others come to "it answers with NNN".
_WORDS = {
    401: "It refuses the user name or the password (401). Enter the app password again.",
    403: "It does not let this user write there (403).",
    404: "The collection is not there any more (404).",
    405: "This address is no calendar collection (405).",
    410: "The collection is gone for good (410).",
    507: "The account there has no space left (507).",
}


class Collections:
    """Sender of the channel caldav (RFC 4791). Method PUT or DELETE; `uid`; `body` of a PUT; `extra`: `digest` of it, `href`."""

    def deliver(self, row: Row, target: Target, client: Client, now: datetime) -> Outcome:
        """One object put or taken out; the ETag of what then stands there is noted."""
        if row.object_id is None:
            return Outcome(Result.REFUSED, words="It belongs to nothing that is published there any more.")
        writing = _Writing(row, target, CalDav(client, target.username, target.secret), now)
        try:
            return writing.delete() if row.method == "DELETE" else writing.put()
        except NotCalDav as error:
            return writing.failure(error.answer)


class _Writing:
    """One delivery on its way: what we believe stands there, corrected as we learn."""

    def __init__(self, row: Row, target: Target, dav: CalDav, now: datetime) -> None:
        self.row, self.target, self.dav, self.now = row, target, dav, now
        self.extra = row.extra or {}
        self.href = row.object_href or caldav.href_in(target.url, self.extra.get("href") or caldav.name_of(row.uid))
        self.etag: str | None = row.object_etag
        self.astray = False
        if self.extra.get("href", "").startswith("/") and not _same(self.extra["href"], self.href):
            # Compare saw one of ours under another name than we know it by.
            self.href, self.etag, self.astray = self.extra["href"], None, row.object_digest is not None
        self.says = "" if row.method == "DELETE" else fingerprint(row.body)
        self.edited = False

    def put(self) -> Outcome:
        """Until our body stands there, or the server says why not."""
        if self.etag is None and self.row.object_digest is not None and (seen := self._look()) is not None:
            return seen
        for _ in range(ROUNDS):
            answer = self.dav.put(self.href, self.row.body, self.etag)
            if answer.status in _DONE:
                return self._stands(answer.status, caldav.tag(answer))
            if answer.status == 412:
                seen = self._look()
                if seen is None and self.etag is None:
                    self._adopt()
            elif answer.status in (403, 409) and self._adopt():
                seen = None
            else:
                return self.failure(answer)
            if seen is not None:
                return seen
        return Outcome(Result.FAILED, 412, "Somebody changes it there faster than we can write.")

    def delete(self) -> Outcome:
        """Until nothing of ours stands there."""
        for _ in range(ROUNDS):
            if self.etag is None:
                seen = self.dav.get(self.href)
                if isinstance(seen, Answer):
                    return self.failure(seen)
                if seen is None:
                    return self._taken_out(404)
                self._compare(seen)
            answer = self.dav.delete(self.href, self.etag)
            if answer.status in (*_DONE, 202, 404, 410):
                return self._taken_out(answer.status)
            if answer.status != 412:
                return self.failure(answer)
            self.etag = None
        return Outcome(Result.FAILED, 412, "Somebody changes it there faster than we can take it out.")

    def _look(self) -> Outcome | None:
        """Read what stands there: an outcome where it is what we want already, or cannot be read."""
        seen = self.dav.get(self.href)
        if isinstance(seen, Answer):
            return self.failure(seen)
        if seen is None:
            self.etag = None
            return None
        if fingerprint(seen.data or b"") == self.says:
            return self._stands(200, seen.etag)
        self._compare(seen)
        return None

    def _compare(self, seen: Standing) -> None:
        """Take its version for the one that we write over; whether a person had changed it is known only where no try of ours is unaccounted for."""
        self.etag = seen.etag
        known = self.row.object_fingerprint
        self.edited = self.edited or (known is not None and not self.row.ambiguous and fingerprint(seen.data or b"") != known)

    def _adopt(self) -> bool:
        """The same UID under another name: from now on that name is ours."""
        other = self.dav.find(self.target.url, self.row.uid)
        if other is None or _same(other.href, self.href):
            return False
        self.href, self.etag = other.href, other.etag
        return True

    def failure(self, answer: Answer) -> Outcome:
        """What a status that is no success comes to."""
        status = answer.status
        words = _WORDS.get(status, f"It answers with {status}.")
        wait = retry_after(answer.headers.get("retry-after"), self.now)
        if status == 429 or (status == 503 and wait):
            return Outcome(Result.BUSY, status, f"It asks for a pause ({status}).", wait or timedelta(minutes=1))
        if status == 507:
            return Outcome(Result.BUSY, status, words, timedelta(minutes=30))
        if 300 <= status < 400:
            return Outcome(
                Result.DENIED, status, f"It sends us to {answer.headers.get('location', '')[:200]}: connect that address if it is right."
            )
        if status in (401, 404, 405, 410):
            return Outcome(Result.DENIED, status, words)
        if (status == 403 and not caldav.precondition(answer)) or (status == 409 and not self._collection_is_there()):
            return Outcome(Result.DENIED, status, _WORDS[403 if status == 403 else 404])
        if status in (423, 408, 425) or status >= 500:
            return Outcome(Result.FAILED, status, words, may_have_arrived=status >= 500)
        return Outcome(Result.REFUSED, status, f"It does not take this entry: {status} {caldav.precondition(answer)}".strip())

    def _collection_is_there(self) -> bool:
        try:
            return bool(self.dav.propfind(self.target.url, "<d:resourcetype/>"))
        except NotCalDav as error:
            return error.answer.status not in (404, 410)

    def _stands(self, code: int, etag: str | None) -> Outcome:
        known = {"href": self.href, "etag": etag, "digest": self.extra.get("digest") or self.says, "fingerprint": self.says}
        return Outcome(Result.DONE, code, self._words(), note=self._noted(**known, revision_id=self.row.told_revision_id))

    def _taken_out(self, code: int) -> Outcome:
        gone = {} if self.astray else {"etag": None, "digest": None, "fingerprint": None}
        return Outcome(Result.DONE, code, self._words(), note=self._noted(**gone))

    def _words(self) -> str:
        return "Somebody had changed it there; what is published stands there again." if self.edited else ""

    def _noted(self, **values):
        row, edited = self.row, self.edited

        def note(db: Session, now: datetime) -> None:
            if edited:
                values["edited_at"] = now
                what = {"destination_id": row.destination_id, "delivery_id": row.id}
                actor, session = f"destination:{row.destination_id}", row.live_session_id
                db.add(
                    HistoryEntry(
                        organisation_id=row.organisation_id,
                        at=now,
                        actor=actor,
                        verb="publishing.overwrote",
                        live_session_id=session,
                        detail=what,
                    )
                )
            mine = update(PublishedObject).where(PublishedObject.id == row.object_id)
            db.execute(mine.values(at=now, **values).execution_options(synchronize_session=False))

        return note


def _same(one: str, other: str) -> bool:
    return path_of(one) == path_of(other)
