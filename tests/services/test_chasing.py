"""Who may still have the old time, and sending again to those alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from feedserver.errors import Conflict
from feedserver.services import resending, scheduling, versions
from feedserver.store.feeds import Feed
from feedserver.store.sessions import LiveSession
from tests.support.world import START, World


@pytest.fixture
def moved(world: World) -> int:
    """Ada, Bob, Cleo and Dora said Yes; then it moved. Bob answered the new time, Cleo's program fetched her feed, Dora said No."""
    session = world.session("Ada", "Bob", "Cleo", "Dora")
    for mail in world.mails():
        world.answer(mail)
    world.edit(session, start=START + timedelta(days=1))
    mails = {mail.who: mail for mail in world.mails()}
    world.answer(mails["Bob"])
    world.answer(mails["Dora"], "DECLINED")
    world.mails()
    _fetch(world, "Cleo")
    return session


def _fetch(world: World, name: str) -> None:
    values = {"last_fetched_at": world.moment, "last_user_agent": "Thunderbird"}
    world.do(lambda work: work.db.execute(update(Feed).where(Feed.learner_id == world.people[name]).values(**values)))


def _behind(world: World, session_id: int) -> int | None:
    return world.look(
        lambda work: versions.number_behind(work, work.db.scalars(select(LiveSession).where(LiveSession.id == session_id)).one())
    )


def _chase(world: World, session_id: int) -> int:
    return world.do(lambda work: resending.chase(work, session_id))


def test_only_who_gave_no_sign_of_the_new_time_is_chased(world: World, moved: int):
    assert _behind(world, moved) == 1
    before = world.entry(moved, "Ada")
    world.advance(60)
    assert _chase(world, moved) == 1
    mail = world.mail()
    assert (mail.who, mail.kind, mail.uid, mail.sequence) == ("Ada", "again", before.uid, 1) and mail.dtstamp > before.dtstamp
    world.answer(mail)
    assert _behind(world, moved) == 0 and _chase(world, moved) == 0


def test_who_came_after_the_move_never_had_the_old_time(world: World, moved: int):
    world.enrol(moved, "Eve")
    assert _behind(world, moved) == 1


def test_a_session_that_never_moved_has_nobody_to_chase(world: World):
    session = world.session("Ada")
    world.edit(session, title="Fire drill")
    assert _behind(world, session) is None
    with pytest.raises(Conflict, match="never changed"):
        _chase(world, session)


def test_a_message_that_has_not_left_is_replaced_and_not_doubled(world: World):
    session = world.session("Ada")
    world.mails()
    world.edit(session, start=START + timedelta(days=1))
    assert _chase(world, session) == 1
    mail = world.mail()
    assert (mail.kind, mail.sequence) == ("update", 1) and world.outbox_is_empty


def test_sending_again_to_many_keeps_uids_and_sequences(world: World):
    session = world.session("Ada", "Bob", "Cleo")
    first = {m.who: (m.uid, m.sequence) for m in world.mails()}
    ids = [world.enrolment(session, name).id for name in ("Ada", "Bob")]
    assert world.do(lambda work: resending.send_again_to(work, session, ids)) == 2
    again = {m.who: (m.uid, m.sequence) for m in world.mails()}
    assert again == {name: first[name] for name in ("Ada", "Bob")}


def test_a_thousand_are_chased_in_as_many_statements_as_one(world: World):
    from sqlalchemy import event

    def told(names: list[str]) -> int:
        session, told = world.session(*names), []
        world.mails()
        world.edit(session, start=START + timedelta(days=1))
        event.listen(world.database.engine, "before_cursor_execute", note := lambda *_a: told.append(1))
        assert _chase(world, session) == len(names)
        event.remove(world.database.engine, "before_cursor_execute", note)
        return len(told)

    assert told(["Ada"]) == told([f"P{n}" for n in range(60)])


def test_nothing_is_sent_while_invitations_are_off(world: World, moved: int):
    world.do(lambda work: scheduling.edit_session(work, moved, {"calendar_enabled": False}))
    assert _chase(world, moved) == 0
