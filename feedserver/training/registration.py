"""Where somebody who registers ends up: approval, then the waiting list, then a seat (seed text 2; contract, registrations)."""

from __future__ import annotations

from .statuses import EnrolmentStatus


def status_on_registering(*, approval_required: bool, approved: bool, seat_free: bool, waiting_list: bool) -> EnrolmentStatus | None:
    """The status after each hurdle in turn, or None: the session is full and keeps no list."""
    if approval_required and not approved:
        return EnrolmentStatus.WAITING_APPROVAL
    if seat_free:
        return EnrolmentStatus.REGISTERED
    return EnrolmentStatus.WAITING_LIST if waiting_list else None
