"""What programs that listen are told: events out of the history, in the transaction of the change, in a constant number of statements."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, update

from feedserver.errors import Conflict, Invalid, NotFound
from feedserver.services import access, answering, attending, completing, enrolling, event_types, scheduling, warning_owners, webhooks
from feedserver.store.courses import Course
from feedserver.store.destinations import WEBHOOK, Destination
from feedserver.store.outbox import SENT, SUPPRESSED, Delivery
from feedserver.training.statuses import Answer
from feedserver.vault import Vault
from tests import replies
from tests.support.world import MAILBOX, START, World

URL = "https://hr.example/hooks"


@pytest.fixture
def listened(world: World) -> World:
    world.house.vault = Vault(["k" * 32])
    world.hook = world.do(lambda work: webhooks.create(work, {"name": "HR", "url": URL})[0].id)
    return world


def told(world: World, hook: int | None = None) -> list[dict]:
    """The bodies that wait, the oldest first."""
    return [json.loads(one.extra["body"]) for one in world.deliveries(Delivery.destination_id == (hook or world.hook))]


def test_a_registration_its_answer_and_its_attendance_are_told_in_order(listened: World):
    session = listened.session("Ann")
    mine = listened.enrolment(session, "Ann").id
    listened.do(lambda work: answering.answer_on_page(work, mine, Answer.YES), actor="learner:1")
    listened.do(lambda work: enrolling.mark_attendance(work, mine, "Attended"))
    events = told(listened)
    assert [one["type"] for one in events] == [
        "session.created", "enrolment.created", "answer.received", "enrolment.changed", "attendance.recorded",
    ]  # fmt: skip
    created, answer, changed = events[1], events[2], events[3]
    assert created["data"]["learner"] == {"id": listened.people["Ann"], "external_id": None}
    assert (answer["data"]["answer"], answer["data"]["actor"]) == ("yes", "learner")
    assert changed["data"]["status"] == {"before": "Invited", "after": "Registered"}
    listened.enrol(session, "Ben")
    assert (told(listened)[-1]["type"], told(listened)[-1]["data"]["status"]) == ("enrolment.created", {"before": None, "after": "Invited"})
    lanes = [one.lane for one in listened.deliveries(Delivery.learner_id == listened.people["Ann"], Delivery.channel == WEBHOOK)]
    assert set(lanes) == {f"webhook:{listened.hook}:enrolment:{mine}"} and len(lanes) == 4


def test_nothing_secret_is_told(listened: World):
    session = listened.session("Ann", join_url="https://meet.example/SECRET", access_code="SECRET")
    uid = listened.entry(session, "Ann").uid
    listened.cancel(session, "ill")
    listened.cancel(listened.session("Ann", title="SECRET talk", visibility="private"), "SECRET reason")
    texts = " ".join(json.dumps(one) for one in told(listened))
    assert "session.cancelled" in texts and '"reason": "ill"' in texts
    for secret in ("SECRET", uid, "ann@corp.example", '"Ann"', "admin:test"):
        assert secret not in texts


def test_each_hook_gets_what_it_asks_for_with_the_same_id_also_while_it_is_paused(listened: World):
    other = listened.do(lambda work: webhooks.create(work, {"name": "LMS", "url": URL, "events": ["session"], "active": False})[0].id)
    listened.session("Ann")
    (only,) = told(listened, other)
    assert only == told(listened)[0] and only["type"] == "session.created"
    assert len({one["id"] for one in told(listened)}) == 2


def test_a_change_that_is_refused_or_taken_back_is_told_to_nobody(listened: World):
    def refused(work) -> None:
        with work.db.begin_nested():
            scheduling.create_session(work, listened.course_id, SESSION)
        nested = work.db.begin_nested()
        scheduling.create_session(work, listened.course_id, SESSION | {"title": "Taken back"})
        nested.rollback()

    listened.do(refused)
    assert [one["data"]["session"]["title"] for one in told(listened)] == ["Kept"]
    with pytest.raises(Conflict):
        listened.do(lambda work: (scheduling.create_session(work, listened.course_id, SESSION), _raise()))
    assert len(told(listened)) == 1


SESSION = {"title": "Kept", "start": START, "end": START + timedelta(hours=1), "timezone": "Europe/Berlin"}


def _raise() -> None:
    raise Conflict("no")


def test_answers_by_mail_that_are_written_together_are_told(listened: World):
    session = listened.session("Ann", "Ben")
    yes = [{"uid": mail.uid, "attendee": mail.to, "sequence": mail.sequence, "dtstamp": listened.moment} for mail in listened.mails()]
    listened.receive_all([replies.reply("thunderbird", partstat="ACCEPTED", organizer=MAILBOX, **one) for one in yes])
    kinds = [(one["type"], one["data"]["actor"]) for one in told(listened)][-4:]
    assert sorted(kinds) == [("answer.received", "learner")] * 2 + [("enrolment.changed", "learner")] * 2
    assert listened.status(session, "Ben") == "Registered"


def test_many_people_cost_a_constant_number_of_statements(listened: World):
    few, many = ([listened.person(f"{size}p{i}") for i in range(size)] for size in (3, 40))
    counted = [
        _statements(listened, lambda work, some=some: enrolling.invite_many(work, _new(work, listened), some)) for some in (few, many)
    ]
    assert counted[0] == counted[1]
    assert sum(1 for one in told(listened) if one["type"] == "enrolment.created") == 43


def test_where_nobody_listens_a_change_costs_no_statement(listened: World):
    person = listened.person("Ann")
    with_hook = _statements(listened, lambda work: enrolling.invite_many(work, _new(work, listened), [person]))
    listened.do(lambda work: webhooks.remove(work, listened.hook))
    without = _statements(listened, lambda work: enrolling.invite_many(work, _new(work, listened), [person]))
    assert with_hook - without == 5  # the webhooks, the sessions, the learners, the key, one INSERT
    assert listened.count(Delivery, Delivery.channel == WEBHOOK, Delivery.state != SUPPRESSED) == 0


def _new(work, world: World):
    return scheduling.create_session(work, world.course_id, SESSION)


def _statements(world: World, verb) -> int:
    seen: list[str] = []
    listener = lambda _c, _cursor, statement, *_rest: seen.append(statement)  # noqa: E731
    event.listen(world.database.engine, "before_cursor_execute", listener)
    try:
        world.do(verb)
    finally:
        event.remove(world.database.engine, "before_cursor_execute", listener)
    return len(seen)


def test_completion_and_its_undoing_are_told(listened: World):
    ann = listened.person("Ann")
    listened.do(lambda work: work.db.execute(update(Course).values(external_id="SAFE")))
    (made,) = listened.do(lambda work: completing.complete(work, [ann], listened.course_id, source="button", on=listened.moment.date()))
    listened.do(lambda work: completing.undo(work, made.id))
    first, second = told(listened)
    assert (first["type"], first["data"]["course_id"], first["data"]["course_external_id"]) == (
        "completion.recorded",
        listened.course_id,
        "SAFE",
    )
    assert (second["type"], second["data"]["completion_id"]) == ("completion.undone", made.id)


def test_attendance_of_many_at_once_is_told_of_each(listened: World):
    session = listened.session("Ann", "Ben")
    listened.advance(60 * 60 * 24 * 30)
    listened.do(lambda work: attending.record_all(work, session))
    marked = [one for one in told(listened) if one["type"] == "attendance.recorded"]
    assert [one["data"]["status"]["after"] for one in marked] == ["Attended", "Attended"]


# -- looking after them ------------------------------------------------------------------------------


def test_a_secret_is_shown_once_and_overlaps_when_it_is_rotated(listened: World):
    def old_and_new(work) -> tuple[list, str]:
        _one, new = webhooks.rotate(work, listened.hook)
        return webhooks._secrets(work, work.db.get_one(Destination, listened.hook)), new

    kept, new = listened.do(old_and_new)
    assert kept[0] == [new, None] and kept[1][0] != new and kept[1][1].startswith("2026-11-21T10:00:30")
    assert new.encode() not in listened.look(lambda work: work.db.get_one(Destination, listened.hook).sealed)
    moved, secret = listened.do(lambda work: webhooks.edit(work, listened.hook, {"url": "https://elsewhere.example/"}))
    assert secret not in (None, new) and moved.origin == "https://elsewhere.example"
    assert listened.do(lambda work: webhooks.edit(work, listened.hook, {"url": "https://elsewhere.example/2"}))[1] is None


def test_what_was_sent_can_be_sent_again_with_the_same_octets(listened: World):
    listened.session()
    (one,) = listened.deliveries(Delivery.channel == WEBHOOK)
    listened.do(lambda work: work.db.execute(update(Delivery).where(Delivery.id == one.id).values(state=SENT, final_at=work.now)))
    again = listened.do(lambda work: webhooks.send_again(work, webhooks.find(work, listened.hook), one.id))
    assert (again.state, again.extra) == ("queued", one.extra)
    with pytest.raises(Conflict):
        listened.do(lambda work: webhooks.send_again(work, webhooks.find(work, listened.hook), one.id))


def test_a_test_is_a_ping_and_a_paused_one_is_not_tested(listened: World):
    listened.do(lambda work: webhooks.test(work, listened.hook))
    assert told(listened)[-1]["type"] == "ping"
    listened.do(lambda work: webhooks.edit(work, listened.hook, {"active": False}))
    with pytest.raises(Conflict):
        listened.do(lambda work: webhooks.test(work, listened.hook))


@pytest.mark.parametrize(
    "values",
    [
        {"url": "ftp://x.example"},
        {"url": "https://me:pw@x.example"},
        {"url": "https://x.example/#a"},
        {"events": []},
        {"events": ["mail"]},
        {"name": " "},
    ],
)
def test_what_cannot_be_a_webhook_is_refused(listened: World, values: dict):
    with pytest.raises(Invalid):
        listened.do(lambda work: webhooks.create(work, {"name": "X", "url": URL, **values}))


def test_another_organisations_webhook_is_nobodys(listened: World):
    with pytest.raises(NotFound):
        listened.do(lambda work: webhooks.find(work, listened.hook + 1))


def test_owners_are_told_once_of_one_that_fails_and_again_when_it_fails_again(listened: World):
    listened.do(lambda work: access.create_sign_in(work, "olga@corp.example", "owner"))
    fails = {"problem": "It answers 500: no", "failures": 9}
    for _time in (0, 1):
        listened.do(lambda work: work.db.execute(update(Destination).values(problem_at=work.now, told_at=None, **fails)))
        assert told_owners(listened) == 0
        listened.advance(60 * 60)
        assert told_owners(listened) == 1 and told_owners(listened) == 0
    (mail, _again) = listened.deliveries(Delivery.kind == "connection")
    listened.mails()
    (notice, _again) = [one for one in listened.notices if one.kind == "connection"]
    assert mail.recipient == "olga@corp.example" and "It answers 500: no" in notice.words
    assert f"https://t.example/connections/webhooks/{listened.hook}" in notice.words


def told_owners(world: World) -> int:
    with world.database.read() as db:
        due = warning_owners.due(db, world.moment)
    return sum(world.do(lambda work, one=one: warning_owners.tell(work, one)) for _organisation, one in due)


# -- the table ---------------------------------------------------------------------------------------

FEEDSERVER = Path(event_types.__file__).parents[1]
# Verbs that are made up while running: changes of an enrolment's status (told by what changed), and words that nobody outside is told.
MADE_UP = {
    "services/answering_plain.py": "'answered ' + WORDS[answer]",
    "services/attending.py": "verb",
    "services/enrolling.py": "verb",
}
QUIET = {
    "services/stopping.py", "services/importing.py", "services/knowing.py", "services/asking.py", "services/milestones.py", "services/reminding.py",
    "services/proposing.py", "services/planning.py", "services/resending.py",
}  # fmt: skip


def test_every_verb_of_the_history_is_an_event_or_named_as_none():
    written, made_up = set(), {}
    for path in FEEDSERVER.rglob("*.py"):
        for verb in _verbs(ast.parse(path.read_text())):
            if isinstance(verb, ast.Constant):
                written.add(verb.value)
            elif ast.unparse(verb).rpartition(".")[2] == "UNDONE":
                written.add("answer undone")
            else:
                made_up[path.relative_to(FEEDSERVER).as_posix()] = ast.unparse(verb)
    status_only = {"offered a place"}
    assert written - event_types.NOT_EVENTS == set(event_types.TYPES) | status_only
    assert set(made_up) - QUIET == set(MADE_UP)


def _verbs(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record":
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "work":
                yield node.args[0]
        elif isinstance(node, ast.Dict):
            yield from (
                value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant) and key.value == "verb"
            )
