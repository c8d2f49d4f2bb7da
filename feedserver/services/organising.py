"""The organisation itself: name, mailbox, zone, language, alarm, where join links lead, a line of its own in every mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select

from ..addresses import canonical, check
from ..errors import Conflict, Invalid
from ..store.organisations import Organisation
from ..training import reminders
from ..training.wall_time import check_zone
from . import joining, rendering
from .work import Work

FIELDS = (
    "name",
    "mailbox_name",
    "mailbox_address",
    "timezone",
    "locale",
    "alarm_minutes",
    "join_links",
    "banner",
    "contact_email",
    "welcome",
    "trust_profile",
    "reminders",
    "manager_digest",
)
TRUST_PROFILES = ("standard", "strict")
LONGEST_BANNER = 300
JOIN_LINKS = ("raw", rendering.JOIN_PAGE)


def edit_organisation(work: Work, values: Mapping[str, Any]) -> Organisation:
    """Change `FIELDS`. Entries that stand in calendars keep the mailbox they were sent from (design decision 1)."""
    organisation = work.db.get_one(Organisation, work.organisation_id, with_for_update=True)
    changed = {k: v for k, v in values.items() if k in FIELDS and getattr(organisation, k) != v}
    if not changed:
        return organisation
    _check(changed)
    key = canonical(changed.get("mailbox_address", organisation.mailbox_address))
    other = select(Organisation.id).where(
        Organisation.id != organisation.id,
        or_(Organisation.mailbox_key == key, Organisation.name == changed.get("name", organisation.name)),
    )
    if work.db.scalar(other.limit(1)) is not None:
        raise Conflict("Another organisation has this name or this mailbox.", field="mailbox_address")
    for name, value in changed.items():
        setattr(organisation, name, value)
    if key != organisation.mailbox_key:
        organisation.mailbox_proved_at = None
    organisation.mailbox_key = key
    if "join_links" in changed:
        work.db.flush()
        joining.switched(work)
    work.record("organisation edited", detail={"fields": sorted(changed)})
    work.db.flush()
    return organisation


def _check(values: dict[str, Any]) -> None:
    for name in ("name", "timezone", "locale"):
        if name in values and not values[name]:
            raise Invalid("This cannot be empty.", field=name)
    if values.get("join_links", "raw") not in JOIN_LINKS:
        raise Invalid(f"Choose one of {', '.join(JOIN_LINKS)}.", field="join_links")
    if values.get("trust_profile", "standard") not in TRUST_PROFILES:
        raise Invalid(f"Choose one of {', '.join(TRUST_PROFILES)}.", field="trust_profile")
    if "mailbox_address" in values:
        values["mailbox_address"] = check(values["mailbox_address"], "mailbox_address")
    if values.get("contact_email"):
        values["contact_email"] = check(values["contact_email"], "contact_email")
    if len(values.get("banner", "")) > LONGEST_BANNER:
        raise Invalid(f"The line is too long; {LONGEST_BANNER} characters fit.", field="banner")
    if "reminders" in values:
        values["reminders"] = reminders.check(values["reminders"])
    if "timezone" in values:
        values["timezone"] = check_zone(values["timezone"])
    if "locale" in values:
        values["locale"] = rendering.check_locale(values["locale"])
    if values.get("alarm_minutes") is not None and not 0 < values["alarm_minutes"] <= 10080:
        raise Invalid("An alarm is 1 to 10,080 minutes (a week) before the start.", field="alarm_minutes")
