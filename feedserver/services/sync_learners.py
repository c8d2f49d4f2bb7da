"""Learners as an HR system lists them: who is new, what differs, who has left. What is as it was costs a comparison and no write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, update

from ..addresses import canonical
from ..errors import Conflict, Invalid
from ..store.history import HistoryEntry
from ..store.learners import Learner
from ..store.sync import Team
from . import departing, following, importing, learning
from .importing import Person
from .sync_rows import CREATED, UNCHANGED, UPDATED, Outcome, Row, attempt, done, refused
from .work import Work

_PLAIN = ("external_id", "email", "name", "timezone", "locale", "team", "manager_email", "start_date")
"""What a statement for all writes; more follows from the others."""
_VERBS = ("channel", "digest")
_TEAM = ("team", "manager_email")
_COLUMNS = (Learner.id, Learner.email_key, Learner.version, Learner.left_at, *(getattr(Learner, name) for name in (*_PLAIN, *_VERBS)))


@dataclass
class _Sorted:
    plain: dict[int, Row] = field(default_factory=dict)
    verbs: list[tuple[int, Row]] = field(default_factory=list)
    fresh: list[Row] = field(default_factory=list)


def take(work: Work, rows: Sequence[Row]) -> dict[int, Outcome]:
    """Outcomes by place. People are known by `external_id`, or by e-mail where they have none yet. The number of statements does not depend on how
    many rows there are, only on how many have another address, channel or leave.
    """
    outcomes: dict[int, Outcome] = {}
    rows = _with_teams(work, rows, outcomes)
    by_name = _known(work, Learner.external_id, [row.external_id for row in rows])
    by_email = _known(work, Learner.email_key, [key for row in rows if row.external_id not in by_name and (key := _key(row))])
    sorted_rows = _Sorted()
    for row in rows:
        known = by_name.get(row.external_id) or _unnamed(by_email.get(_key(row)))
        _sort(row, known, sorted_rows, outcomes)
    _edit(work, sorted_rows.plain, outcomes)
    _edit_each(work, sorted_rows.verbs, outcomes)
    _add(work, sorted_rows.fresh, outcomes)
    return outcomes


def absent(work: Work, present: set[str], most: int | None) -> list[tuple[int, str]]:
    """(id, external_id) of everybody here whom another system named before and does not name now.

    Raises `Conflict` where they are more than `most`, by default a tenth: half a file must not send half of the people away.
    """
    here = select(Learner.id, Learner.external_id).where(
        Learner.organisation_id == work.organisation_id, Learner.external_id.is_not(None), Learner.left_at.is_(None)
    )
    everybody = [tuple(row) for row in work.db.execute(here.order_by(Learner.id))]
    gone = [(learner_id, name) for learner_id, name in everybody if name not in present]
    bound = len(everybody) // 10 if most is None else most
    if len(gone) > bound:
        raise Conflict(
            f"{len(gone)} of {len(everybody)} people are not in this list and would leave; that is more than {bound}. Nothing was changed. If the list "
            "is whole, say how many may leave as `most_leaving`.",
            field="most_leaving",
            extra={"would_leave": len(gone), "of": len(everybody)},
        )
    return gone


def leave(work: Work, learner_id: int, external_id: str, place: int) -> Outcome:
    """Somebody whom the list does not name any more."""
    departing.leave(work, learner_id)
    return Outcome(place, external_id, UPDATED, learner_id, ["active"], "Not in the list any more.")


def _with_teams(work: Work, rows: Sequence[Row], outcomes: dict[int, Outcome]) -> list[Row]:
    """The rows with the name of the team that they name by `team_external_id`."""
    wanted = {name for row in rows if (name := row.values.get("team_external_id"))}
    if not any("team_external_id" in row.values for row in rows):
        return list(rows)
    mine = select(Team.external_id, Team.name, Team.manager_email).where(Team.organisation_id == work.organisation_id)
    teams = {row.external_id: row for row in work.db.execute(mine.where(Team.external_id.in_(wanted)))}
    found = []
    for row in rows:
        values = dict(row.values)
        name = values.pop("team_external_id", None)
        if name is None:
            found.append(Row(row.place, row.external_id, {**values, "team": None} if "team_external_id" in row.values else values))
        elif name not in teams:
            error = Invalid(f"There is no team {name[:60]!r}; send the teams first.", field="team_external_id")
            outcomes[row.place] = refused(row.place, row.external_id, error)
        else:
            found.append(Row(row.place, row.external_id, {**values, "team": teams[name].name, "_manager": teams[name].manager_email}))
    return found


def _known(work: Work, column: Any, values: Sequence[str]) -> dict[str, Any]:
    if not values:
        return {}
    query = select(*_COLUMNS).where(Learner.organisation_id == work.organisation_id, column.in_(values))
    return {getattr(row, column.key): row for row in work.db.execute(query)}


def _key(row: Row) -> str | None:
    return canonical(row.values["email"]) if "email" in row.values else None


def _unnamed(known: Any) -> Any:
    """Somebody with this address whom no system has named yet: the row does so."""
    return known if known is not None and known.external_id is None else None


def _sort(row: Row, known: Any, sorted_rows: _Sorted, outcomes: dict[int, Outcome]) -> None:
    if known is None:
        sorted_rows.fresh.append(row)
        return
    changes = _changes(row, known)
    if not changes:
        outcomes[row.place] = done(row, UNCHANGED, known.id)
    elif _moves(changes, known) or "active" in changes or any(name in changes for name in _VERBS):
        sorted_rows.verbs.append((known.id, row))
    else:
        sorted_rows.plain[known.id] = row


def _changes(row: Row, known: Any) -> dict[str, Any]:
    """What the row says otherwise; who joins a team gets its manager, unless the row names one."""
    given = {name: value for name, value in row.values.items() if name in (*_PLAIN, *_VERBS)}
    changes = {name: value for name, value in given.items() if getattr(known, name) != value}
    if "team" in changes and "manager_email" not in given and row.values.get("_manager") not in (None, known.manager_email):
        changes["manager_email"] = row.values["_manager"]
    if row.values.get("active", known.left_at is None) != (known.left_at is None):
        changes["active"] = row.values["active"]
    return changes


def _moves(changes: Mapping[str, Any], known: Any) -> bool:
    return "email" in changes and canonical(changes["email"]) != known.email_key


def _edit(work: Work, rows: Mapping[int, Row], outcomes: dict[int, Outcome]) -> None:
    """One UPDATE for all, of rows that are read again once they are held: somebody may have edited one meanwhile."""
    if not rows:
        return
    held = select(*_COLUMNS).where(Learner.id.in_(list(rows))).order_by(Learner.id).with_for_update()
    values, history, teams = [], [], []
    common = {"organisation_id": work.organisation_id, "at": work.now, "actor": work.actor, "verb": "learner edited"}
    for known in work.db.execute(held):
        row = rows[known.id]
        changes = _changes(row, known)
        outcomes[row.place] = done(row, UPDATED if changes else UNCHANGED, known.id, changes)
        if not changes:
            continue
        plain = {name: changes.get(name, getattr(known, name)) for name in _PLAIN}
        values.append({"id": known.id, "version": known.version + 1, **plain})
        history.append({**common, "learner_id": known.id, "detail": {"fields": sorted(changes)}})
        teams += [known.id] if set(changes) & set(_TEAM) else []
    for row in rows.values():
        outcomes.setdefault(row.place, refused(row.place, row.external_id, Conflict("Somebody removed this learner just now.")))
    if values:
        work.db.execute(update(Learner), values)
        work.db.execute(insert(HistoryEntry), history)
        following.moved(work.db, *teams)


def _edit_each(work: Work, rows: list[tuple[int, Row]], outcomes: dict[int, Outcome]) -> None:
    """One by one, with all that follows. An address that somebody else of the list gives up is taken in the next round."""
    while rows:
        for learner_id, row in rows:
            outcomes.pop(row.place, None)
            with attempt(work, row, outcomes):
                outcomes[row.place] = _edit_one(work, learner_id, row)
        again = [(learner_id, row) for learner_id, row in rows if outcomes[row.place].outcome == "refused" and "email" in row.values]
        if len(again) == len(rows):
            return
        rows = again


def _edit_one(work: Work, learner_id: int, row: Row) -> Outcome:
    learner = work.db.get_one(Learner, learner_id, with_for_update=True, populate_existing=True)
    changes = _changes(row, learner)
    rest = {name: value for name, value in changes.items() if name != "active"}
    if "active" in changes:
        (departing.come_back if changes["active"] else departing.leave)(work, learner_id)
    if rest:
        learning.edit_learner(work, learner_id, rest)
    return done(row, UPDATED if changes else UNCHANGED, learner_id, changes)


def _add(work: Work, rows: list[Row], outcomes: dict[int, Outcome]) -> None:
    """New learners. Who is not here, and was not known, is not made."""
    holders = _known(work, Learner.email_key, [key for row in rows if (key := _key(row))])
    people: list[tuple[Row, Person]] = []
    just_made = _Sorted()
    for row in rows:
        holder = holders.get(_key(row))
        missing = [name for name in ("email", "name") if name not in row.values]
        if holder is not None and holder.external_id == row.external_id:
            # Somebody else made this learner since we looked.
            _sort(row, holder, just_made, outcomes)
        elif row.values.get("active") is False:
            outcomes[row.place] = done(row, UNCHANGED, None)
        elif missing:
            error = Invalid("Nobody is known by this external_id; somebody new needs it.", field=missing[0])
            outcomes[row.place] = refused(row.place, row.external_id, error)
        elif holder is not None:
            error = Conflict("A learner with another external_id has this e-mail.", field="email")
            outcomes[row.place] = refused(row.place, row.external_id, error)
            outcomes[row.place].id = holder.id
        else:
            people.append((row, Person(row.place, _initial(row))))
    _edit(work, just_made.plain, outcomes)
    _edit_each(work, just_made.verbs, outcomes)
    ids = importing.add(work, [person for _, person in people])
    for (row, person), learner_id in zip(people, ids, strict=True):
        outcomes[row.place] = done(row, CREATED, learner_id, person.values)


def _initial(row: Row) -> dict[str, Any]:
    values = {name: value for name, value in row.values.items() if name in (*_PLAIN, *_VERBS) and value is not None}
    if row.values.get("_manager"):
        values.setdefault("manager_email", row.values["_manager"])
    return values


def names_of(rows: Iterable[Row | Outcome]) -> set[str]:
    """The people that a list names; a row that was refused names somebody, too."""
    return {row.external_id for row in rows}
