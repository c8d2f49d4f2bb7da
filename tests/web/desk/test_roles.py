"""Every page and button by every role: what is written here is open, all else is closed, and what is open shows only one's own."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from email import message_from_bytes

import pytest
from sqlalchemy import select

from feedserver.services import enrolling, learning, scheduling
from feedserver.store.access import ROLES
from feedserver.store.entries import CalendarEntry
from feedserver.store.inbox import InboundMessage
from feedserver.web import roles
from tests.web.desk.conftest import Desk

LETTERS = {"o": "owner", "t": "training_manager", "c": "compliance_manager", "i": "instructor", "a": "approver", "v": "viewer"}
OPEN = {"sign_in_page", "use_link", "signed_out"}
# Endpoint: the first letters of the roles that it is open to.
MATRIX = {
    "start": "otciav", "sessions": "otciav", "session": "otciav", "sign_out": "otciav",
    "courses": "otcv", "course": "otcv", "group": "otcv", "rooms": "otcv",
    "learners": "otcav", "learner": "otcav",
    "mail_out": "otcv", "delivery": "otcv", "delivery_source": "ot", "retry_delivery": "ot",
    "mail_in": "otc", "inbound": "otc", "inbound_source": "ot", "apply_inbound": "ot", "discard_inbound": "ot",
    "judge_inbound": "ot", "judge_held": "ot", "know_sender": "ot", "read_letter": "ot", "mail_again": "ot",
    "new_course": "ot", "edit_course": "ot", "new_group": "ot", "add_members": "ot", "remove_member": "ot",
    "new_session": "ot", "edit_session": "ot", "set_calendar": "ot", "cancel_session": "ot", "add_person": "ot", "change_enrolment": "otcia",
    "add_date": "ot", "split_series": "ot", "reissue_session": "ot",
    "new_learner": "ot", "edit_learner": "ot", "new_feed": "ot", "rotate_feed": "ot", "revoke_feed": "ot",
    "preview_session": "ot", "publish_session": "ot", "discard_plan": "ot",
    "calendar": "otciav", "session_history": "otciav", "change_people": "ot", "chase": "ot", "retry_deliveries": "ot", "preview_mail": "ot",
    "leaving": "ot", "leave": "ot", "come_back": "ot", "send_welcome": "ot", "learner_addresses": "ot",
    "session_files": "ot", "delete_file": "ot", "new_slots": "ot", "add_many": "ot",
    "sync_runs": "ot", "sync_run": "ot",
    "import_learners": "ot", "import_job": "ot", "start_import": "ot",
    "completions": "otcv", "completion_report": "otcv", "note_completions": "otc", "undo_completion": "otc", "completion_csv": "otc",
    "compliance_report": "otcav", "certificate": "otcav", "compliance_csv": "otca", "certificate_kinds": "otcv", "certificate_kind": "otcv",
    "new_certificate_kind": "otc", "edit_certificate_kind": "otc", "award_certificates": "otc", "award_certificate": "otc", "revoke_certificate": "otc",
    "import_certificates": "otc",
    "course_days": "ot", "edit_milestone": "ot", "cancel_milestone": "ot",
    "onboarding_list": "otcv", "onboarding_plan": "otcv", "onboarding_of": "otcav",
    "new_onboarding_plan": "ot", "edit_onboarding_plan": "ot", "put_plan_away": "ot",
    "new_onboarding_step": "ot", "edit_onboarding_step": "ot", "remove_onboarding_step": "ot",
    "start_onboarding": "ot", "onboard_learner": "ot", "move_onboarding": "ot", "end_onboarding": "ot", "finish_onboarding_item": "ot",
    "new_room": "ot", "edit_room": "ot", "delete_room": "ot", "decide_proposal": "ot",
    "attendance": "otciav", "mark_attendance": "otci", "mark_walk_in": "otci", "attendance_list": "otci", "attendance_csv": "otci",
    "check_in_code": "otci", "reports": "otciav", "report": "otciav", "report_csv": "otcia",
    "mail_setup": "ot", "check_setup": "ot", "mail_checks": "ot", "send_check": "ot", "mail_check": "ot", "end_check": "ot",
    "mail_health": "otc", "mail_servers": "otc", "mail_health_csv": "otc",
    "audience_feeds": "otia", "new_audience_feed": "otia", "edit_audience_feed": "otia", "rotate_audience_feed": "otia", "revoke_audience_feed": "otia",
    "connections": "ot", "new_connection": "ot", "connection": "ot", "edit_connection": "ot", "press_connection": "ot",
    "programs": "ot", "new_webhook": "ot", "webhook": "ot", "edit_webhook": "ot", "press_webhook": "ot", "send_event_again": "ot",
    "new_chat": "ot", "chat": "ot", "edit_chat": "ot", "press_chat": "ot",
    "organisation": "o", "new_token": "o", "revoke_token": "o", "new_sign_in": "o", "disable_sign_in": "o",
}  # fmt: skip
BUTTONS = {
    "approve": "ota", "refuse": "ota", "status": "ot", "remove": "ot", "again": "ot", "Attended": "otci", "Absent": "otci", "Go Show": "otci", "anything": "ot",
}  # fmt: skip
ONES = {"which": "coming", "kind": "sessions"}


@pytest.fixture
def store_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.fixture
def house_of_all(desk: Desk) -> Desk:
    """One of everything with id 1, in which each signed-in person has a part: mia is in anna's team, tina teaches."""
    desk.learner("Mia", manager_email="Anna@example.org")
    session = desk.session(instructors=["Tina@example.org"])
    desk.send(f"/sessions/{session.id}/people", who="mia@example.org", status="Invited")
    desk.send("/rooms/new", name="Blue")
    with desk.house.database.write() as db:
        values = {"received_at": desk.clock.now, "via": "smtp", "sha256": "0", "raw": b"x", "kind": "reply", "outcome": "quarantined"}
        db.add(InboundMessage(organisation_id=desk.organisation_id, **values))
    return desk


def sign_in_as(desk: Desk, role: str) -> None:
    email = {"instructor": "tina@example.org", "approver": "anna@example.org", "owner": "olga@example.org"}.get(
        role, f"{role[0]}@example.org"
    )
    desk.sign_in(email, role)


def rules(desk: Desk) -> list:
    """Every rule of administrators' pages that needs a sign-in."""
    ours = [rule for rule in desk.app.url_map.iter_rules() if rule.endpoint.startswith("admin.")]
    return [rule for rule in ours if rule.endpoint.removeprefix("admin.") not in OPEN]


def test_every_page_is_in_the_matrix(visitor: Desk):
    endpoints = {rule.endpoint.removeprefix("admin.") for rule in rules(visitor)}
    assert endpoints <= set(MATRIX)
    assert {name: {LETTERS[letter] for letter in who} for name, who in MATRIX.items()} == {n: set(r) for n, r in roles.TABLE.items()}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_its_pages_and_no_other(house_of_all: Desk, role):
    desk, wrong, walked = house_of_all, [], 0
    sign_in_as(desk, role)
    for rule in rules(desk):
        name = rule.endpoint.removeprefix("admin.")
        if name == "sign_out":
            continue
        with desk.app.test_request_context():
            path = rule.build({one: ONES.get(one, 1) for one in rule.arguments})[1]
        for method in rule.methods & {"GET", "POST"}:
            walked += 1
            code = desk.client.get(path).status_code if method == "GET" else desk.send(path, None).status_code
            open_to = {LETTERS[letter] for letter in MATRIX[name]}
            if (code != 403) != (role in open_to) or code >= 500:
                wrong.append((method, path, code))
    assert wrong == [] and walked > 40


@pytest.mark.parametrize("role", ROLES)
def test_the_buttons_beside_a_person_are_each_roles_own(house_of_all: Desk, role):
    sign_in_as(house_of_all, role)
    pressed = {do: house_of_all.send("/enrolments/1", None, do=do).status_code for do in BUTTONS}
    assert {do for do, code in pressed.items() if code != 403} == {
        do for do, who in BUTTONS.items() if role in {LETTERS[one] for one in who}
    }


def test_a_page_that_the_table_does_not_know_is_open_to_nobody():
    assert not any(roles.may(role, "admin.new_idea") for role in ROLES)
    assert not roles.may("stranger", "admin.start")


def test_an_instructor_sees_only_the_sessions_they_teach(desk: Desk):
    own = desk.session("Mia", title="Knots", instructors=["TINA@example.org"])
    other = second(desk, "Ali", title="Ladders", instructors=["martina@example.org"])
    desk.sign_in("tina@example.org", "instructor")
    listed = desk.get("/sessions")
    assert "Knots" in listed and "Ladders" not in listed and "Ladders" not in desk.get("/")
    page = desk.get(f"/sessions/{own.id}")
    assert "Mia" in page and "Invited" in page and "Take off" not in page and "/learners/" not in page
    for path in ("", "/attendance"):
        desk.get(f"/sessions/{other.id}{path}", 404)
    desk.send("/enrolments/2", 404, do="Attended")
    desk.clock.pass_by(days=200)
    desk.sign_in("tina@example.org", "instructor")
    desk.send("/enrolments/1", do="Attended")
    assert "Attended 1" in desk.get(f"/sessions/{own.id}")


def test_an_approver_is_told_of_the_own_teams_seats_alone(desk: Desk):
    mia = desk.learner("Mia", manager_email="anna@example.org")
    session = desk.session("Ali", "Bob", "Cleo", "Dora", capacity=17)
    desk.do(lambda work: enrolling.enrol(work, session.id, mia.id, "Registered"))
    paths = ("/", "/sessions", f"/sessions/{session.id}", "/reports/levels", "/calendar?month=2027-03")

    def totals() -> list[bool]:
        words = [" ".join(re.sub("<[^>]*>", " ", desk.get(path)).split()) for path in paths]
        return [re.search(r"5 ?(of|/) ?17|Fire safety .* 5 17 ", one) is not None for one in words]

    desk.sign_in("olga@example.org", "owner")
    assert totals()[1:3] == [True, True] and ",5,17," in desk.get("/reports/levels.csv")
    desk.sign_in("anna@example.org", "approver")
    assert totals() == [False] * 5 and ",1,,0,0" in desk.get("/reports/levels.csv")


def test_an_instructor_finds_walk_ins_around_the_course_alone(desk: Desk):
    own = desk.session("Mia", title="Knots", instructors=["tina@example.org"])
    desk.learner("Ali")
    desk.learner("Cleo", team="Rescue")
    desk.do(lambda work: learning.edit_learner(work, 1, {"team": "Rescue"}))
    desk.clock.pass_by(days=200)
    desk.sign_in("tina@example.org", "instructor")
    path = f"/sessions/{own.id}/attendance"
    for who, said in (
        ("Ali", "Nobody around this course"),
        ("ali@example.org", "Nobody around this course"),
        ("Cleo", "Cleo is marked as Go Show"),
    ):
        desk.send(f"{path}/walk-in", who=who)
        assert said in desk.get(path)
    desk.sign_in("olga@example.org", "owner")
    desk.send(f"{path}/walk-in", who="Ali")
    assert "Ali is marked as Go Show" in desk.get(path)


def test_an_approver_sees_the_own_team_and_approves_it(desk: Desk):
    mia, ali = desk.learner("Mia", manager_email="Anna@Example.org"), desk.learner("Ali", manager_email="bert@example.org")
    session = desk.session(approval_required=True)
    for one in (mia, ali):
        desk.do(lambda work, one=one: enrolling.register(work, session.id, one.id))
    desk.sign_in("anna@example.org", "approver")
    page = desk.get("/")
    assert "Mia waits for approval" in page and "Ali" not in page
    people = desk.get("/learners")
    assert "Mia" in people and "Ali" not in people
    desk.get(f"/learners/{ali.id}", 404)
    page = desk.get(f"/sessions/{session.id}")
    assert "Approve" in page and "Ali" not in page and "Set status" not in page
    desk.send("/enrolments/2", 404, do="approve")
    desk.send("/enrolments/1", do="approve")
    assert "Registered 1" in desk.get(f"/sessions/{session.id}")


@pytest.mark.parametrize("role", ["compliance_manager", "viewer", "approver", "instructor"])
def test_a_private_session_is_seen_by_those_entitled_alone(desk: Desk, role):
    desk.learner("Mia", manager_email="vera@example.org")
    session = desk.session(visibility="private", title="Burn-out", instructors=["tina@example.org"])
    desk.send(f"/sessions/{session.id}/people", who="mia@example.org", status="Invited")
    assert "Burn-out" in desk.get("/sessions")
    desk.sign_in("theo@example.org", "training_manager")
    assert "Burn-out" in desk.get("/sessions")
    desk.sign_in("vera@example.org", role)
    seen = [
        path
        for path in ("/", "/sessions", "/sessions?q=burn", "/courses/1", "/learners/1", "/mail/out", "/reports")
        if "Burn-out" in html_of(desk, path)
    ]
    assert seen == []
    desk.get(f"/sessions/{session.id}", 404)
    desk.sign_in("tina@example.org", role)
    assert "Burn-out" in desk.get("/sessions") and "Burn-out" in desk.get(f"/sessions/{session.id}")


def test_a_viewer_finds_nothing_that_would_let_them_act_for_others(desk: Desk):
    session = desk.session("Mia")
    uid = desk.do(lambda work: work.db.scalar(select(CalendarEntry.uid)))
    mail = message_from_bytes(desk.client.get("/mail/out/1/source").data)
    assert any(uid.encode() in (part.get_payload(decode=True) or b"") for part in mail.walk())
    desk.sign_in("vera@example.org", "viewer")
    pages = [html_of(desk, path) for path in ("/", f"/sessions/{session.id}", "/learners/1", "/mail/out", "/mail/out/1")]
    assert all("Mia" in page for page in pages[1:3])
    assert [page for page in pages if uid in page or "/feeds/" in page or "/my/" in page] == []


def test_the_last_owner_stays_and_a_new_role_holds_at_once(desk: Desk):
    assert "last owner" in desk.send("/settings/sign-ins", 422, email="olga@example.org", role="viewer").text
    desk.send("/settings/sign-ins", 200, email="otto@example.org", role="owner")
    desk.send("/settings/sign-ins", None, email="olga@example.org", role="viewer")
    desk.send("/courses/new", 403, name="X")


def test_the_last_owner_cannot_be_shut_out(desk: Desk):
    desk.send("/settings/sign-ins/1/disable")
    assert "last owner" in desk.get("/settings")


def html_of(desk: Desk, path: str) -> str:
    return html.unescape(desk.client.get(path, headers={"Accept": "text/html"}).text)


def second(desk: Desk, name: str, **fields):
    """Another session of the course that is there, with one person."""
    learner, start = desk.learner(name), datetime(2027, 3, 10, 10)

    def verb(work):
        values = {"start": start, "end": start + timedelta(hours=1), "timezone": "Europe/Berlin", **fields}
        session = scheduling.create_session(work, 1, values)
        enrolling.enrol(work, session.id, learner.id, "Invited")
        return session

    return desk.do(verb)
