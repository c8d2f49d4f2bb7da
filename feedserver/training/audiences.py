"""What of a session others than its learners may see: one table for every output that shows sessions to an audience.

Audiences and details are those of `store.audiences`, a visibility that of the session. What is not in the table is not shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

PUBLIC, BUSY, PRIVATE = "public", "busy", "private"
_SECRECY = (PUBLIC, BUSY, PRIVATE)


@dataclass(frozen=True, slots=True)
class View:
    """How a session is shown. `title`: its own, a discreet word, or that the time is taken.

    `names`: who is in it, with status. `seats`: how many are taken, or free. `text`: description, instructors, course, files.
    `register`: the link to register. `blocks`: the time counts as taken for who looks.
    """

    title: Literal["own", "discreet", "busy"]
    place: bool = False
    text: bool = False
    join: bool = False
    names: bool = False
    seats: Literal["", "taken", "free"] = ""
    register: bool = False
    blocks: bool = False


_TAKEN = View("busy")
_TITLE = View("own")

# Who manages a team is told of that team alone, not of the seats of others. The link to join is for those who are in the session, and for who teaches it.
_FULL: dict[str, View] = {
    "team": View("own", place=True, text=True, names=True),
    "instructor": View("own", place=True, text=True, join=True, names=True, seats="taken"),
    "room": View("own", place=True, seats="taken"),
    "course": View("own", place=True, text=True, seats="taken"),
    "organisation": View("own", place=True, text=True, seats="taken"),
    "open_seats": View("own", place=True, text=True, seats="free", register=True),
}
_LESS: dict[str, View] = {
    **dict.fromkeys(_FULL, _TITLE),
    "instructor": View("own", seats="taken"),
    "open_seats": View("own", register=True),
}
# Of a session that is not public: what is left of it at the most; None: it is not shown at all.
_SECRET: dict[tuple[str, str], View | None] = {
    ("team", BUSY): _TAKEN,
    ("team", PRIVATE): _TAKEN,
    ("room", BUSY): _TAKEN,
    ("room", PRIVATE): _TAKEN,
    ("course", BUSY): _TAKEN,
    ("course", PRIVATE): None,
    ("organisation", BUSY): _TAKEN,
    ("organisation", PRIVATE): None,
    ("open_seats", BUSY): None,
    ("open_seats", PRIVATE): None,
    ("instructor", PRIVATE): View("discreet", place=True, join=True, seats="taken"),
}
_BLOCKING = ("instructor", "room")
_DISCREET = View("discreet")


def view(audience: str, detail: str, visibility: str, *, manages: bool = False) -> View | None:
    """How an audience sees a session at a detail (full, title, busy); None: not at all. `manages`: who looks is the manager of those enrolled."""
    shown = _FULL[audience] if detail == "full" else _LESS[audience]
    if (audience, visibility) in _SECRET:
        shown = _least(_SECRET[audience, visibility], detail, _LESS[audience])
        if audience == "team" and visibility == PRIVATE and manages:
            shown = _DISCREET
    if shown is not None and detail == "busy":
        shown = _TAKEN
    return shown and replace(shown, blocks=audience in _BLOCKING)


PUBLISHED = {"everything": "organisation", "course": "course", "team": "team", "room": "room", "instructor": "instructor"}
"""What is published to a collection elsewhere -> the audience that it is shown to."""


def published(kind: str, detail: str, visibility: str) -> View | None:
    """The same for an entry in a collection elsewhere: who reads that is for its server to say, so it names and counts nobody."""
    shown = view(PUBLISHED[kind], detail, visibility)
    return shown and replace(shown, names=False, seats="", register=False)


def strictest(*visibilities: str) -> str:
    """The most secret of them: what was published, and what somebody has chosen since."""
    return max(visibilities, key=_SECRECY.index)


def _least(secret: View | None, detail: str, less: View) -> View | None:
    if secret is None or detail == "full" or secret.title == "busy":
        return secret
    return replace(less, title=secret.title)
