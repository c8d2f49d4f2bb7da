"""Who may open what: one table from administrators' pages to roles. What is not in it is open to nobody."""

from __future__ import annotations

from collections.abc import Iterable

from ..store.access import ROLES
from ..training.statuses import ATTENDANCE

OWNER = frozenset({"owner"})
MANAGERS = OWNER | {"training_manager"}
EVERYBODY = frozenset(ROLES)
OVERSEERS = MANAGERS | {"compliance_manager"}
LOOKERS = OVERSEERS | {"viewer"}
MARKERS = OVERSEERS | {"instructor"}
APPROVERS = MANAGERS | {"approver"}
WORDS = {
    "owner": "Everything, with people, programs and the organisation's settings",
    "training_manager": "Everything but people, programs and the organisation's settings",
    "compliance_manager": "Looks at everything but private sessions, exports, marks attendance, awards certificates",
    "instructor": "The sessions with their address among the instructors: people, answers, attendance",
    "approver": "Their own team, where they are the manager: approvals, sessions",
    "viewer": "Looks at everything but private sessions and what would let them act for others",
}


def _for(roles: frozenset[str], endpoints: str) -> Iterable[tuple[str, frozenset[str]]]:
    return ((name, roles) for name in endpoints.split())


TABLE: dict[str, frozenset[str]] = dict(
    (
        *_for(EVERYBODY, "start sessions calendar session session_history attendance reports report sign_out"),
        *_for(LOOKERS, "courses course group rooms mail_out delivery"),
        *_for(LOOKERS | APPROVERS, "learners learner"),
        *_for(OVERSEERS, "mail_in inbound"),
        *_for(MARKERS, "mark_attendance mark_walk_in attendance_list attendance_csv check_in_code"),
        *_for(MARKERS | APPROVERS, "change_enrolment report_csv"),
        *_for(LOOKERS, "completions completion_report"),
        *_for(LOOKERS | APPROVERS, "compliance_report certificate"),
        *_for(OVERSEERS | APPROVERS, "compliance_csv"),
        *_for(LOOKERS, "certificate_kinds certificate_kind"),
        *_for(
            OVERSEERS,
            "new_certificate_kind edit_certificate_kind award_certificates award_certificate revoke_certificate import_certificates",
        ),
        *_for(MANAGERS, "course_days edit_milestone cancel_milestone"),
        *_for(OVERSEERS, "note_completions undo_completion completion_csv"),
        *_for(MANAGERS, "new_course edit_course new_group add_members remove_member"),
        *_for(MANAGERS, "new_session edit_session set_calendar cancel_session add_person add_date split_series reissue_session"),
        *_for(MANAGERS, "preview_session publish_session discard_plan change_people chase retry_deliveries preview_mail"),
        *_for(MANAGERS, "new_learner edit_learner new_feed rotate_feed revoke_feed"),
        *_for(
            MANAGERS,
            "leaving leave come_back send_welcome learner_addresses session_files delete_file new_slots add_many import_learners import_job start_import",
        ),
        *_for(LOOKERS, "onboarding_list onboarding_plan"),
        *_for(LOOKERS | APPROVERS, "onboarding_of"),
        *_for(
            MANAGERS,
            "new_onboarding_plan edit_onboarding_plan put_plan_away new_onboarding_step edit_onboarding_step remove_onboarding_step",
        ),
        *_for(MANAGERS, "start_onboarding onboard_learner move_onboarding end_onboarding finish_onboarding_item"),
        *_for(MANAGERS, "sync_runs sync_run"),
        *_for(MANAGERS, "new_room edit_room delete_room decide_proposal"),
        *_for(
            MANAGERS,
            "delivery_source retry_delivery inbound_source apply_inbound discard_inbound judge_inbound judge_held know_sender read_letter mail_again",
        ),
        *_for(MANAGERS, "connections new_connection connection edit_connection press_connection"),
        *_for(MANAGERS, "programs new_webhook webhook edit_webhook press_webhook send_event_again new_chat chat edit_chat press_chat"),
        *_for(MANAGERS, "mail_setup check_setup mail_checks send_check mail_check end_check"),
        *_for(OVERSEERS, "mail_health mail_servers mail_health_csv"),
        *_for(
            APPROVERS | {"instructor"},
            "audience_feeds new_audience_feed edit_audience_feed rotate_audience_feed revoke_audience_feed",
        ),
        *_for(OWNER, "organisation new_token revoke_token new_sign_in disable_sign_in"),
    )
)
"""Endpoint of the blueprint `admin` -> the roles that it is open to."""

VERBS: dict[str, dict[str, frozenset[str]]] = {
    "change_enrolment": {
        "approve": APPROVERS,
        "refuse": APPROVERS,
        **{status.value: MARKERS for status in ATTENDANCE},
    },
}
"""Where one endpoint has several buttons (`do`): who may press which; buttons that are not named are the managers'."""


def may(role: str, endpoint: str, do: str | None = None) -> bool:
    """Whether this role may open an endpoint (`admin.session`, or `session`), or press one of its buttons."""
    name = endpoint.removeprefix("admin.")
    allowed = role in TABLE.get(name, ())
    if name in VERBS and do is not None:
        return allowed and role in VERBS[name].get(do, MANAGERS)
    return allowed
