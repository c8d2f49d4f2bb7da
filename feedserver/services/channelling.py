"""How a learner is told: invitations by mail, their calendar feed, or both; and the mail that makes us a known sender (decision 0010)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from ..errors import Conflict, Invalid
from ..store.learners import CHANNELS, Learner
from ..training.statuses import TABLE, EnrolmentStatus
from . import corresponding, milestones, moving, notifying
from .finding import find, must_be_here
from .rendering import Kind
from .work import Work


def choose(work: Work, learner_id: int, channel: str) -> int:
    """The learner answers the question on their own page; returns the invitations that follow from it."""
    learner = find(work, Learner, learner_id, lock=True)
    learner.channel_chosen_at = work.now
    return set_channel(work, learner, channel)


def set_channel(work: Work, learner: Learner, channel: str) -> int:
    """From now on by this channel. Who wants mail again is invited to what is coming, with the UID that the feed shows; days to note go by mail to who wants mail alone.

    Invitations that went out stay, and changes to them go by mail: taken back, they would be missing until the program next reads the feed.
    """
    if channel not in CHANNELS:
        raise Invalid(f"Choose one of {', '.join(CHANNELS)}.", field="channel")
    before, learner.channel = learner.channel, channel
    if before == channel:
        return 0
    work.record("channel chosen", learner_id=learner.id, detail={"from": before, "to": channel})
    work.db.flush()
    sent = invite_coming(work, learner) if before == "feed" else 0
    return sent + (milestones.mail_coming(work, learner) if channel == "mail" else 0)


def invite_coming(work: Work, learner: Learner) -> int:
    """Invitations for the coming sessions that only the feed shows."""
    mine = [
        (session, enrolment) for session, enrolment, entry in moving.coming(work, learner)
        if not entry.mailed and TABLE[EnrolmentStatus(enrolment.status)].entry and enrolment.status != EnrolmentStatus.DECLINED
    ]  # fmt: skip
    return sum(notifying.begin(work, session, only=enrolment.id) for session, enrolment in mine)


def welcome(work: Work, learner_ids: Sequence[int]) -> int:
    """Send the welcome mail to those of these who have not had it, nor marked a mail of ours as unwanted; returns how many.

    `Conflict` where the organisation sends none.
    """
    if not work.organisation.welcome:
        raise Conflict("Welcome mails are turned off; the settings of the organisation turn them on.", field="welcome")
    sent = 0
    for at in range(0, len(learner_ids), 1000):
        mine = (Learner.organisation_id == work.organisation_id, Learner.id.in_(learner_ids[at : at + 1000]))
        new = (
            select(Learner)
            .where(*mine, Learner.welcomed_at.is_(None), Learner.left_at.is_(None), Learner.complained_at.is_(None))
            .order_by(Learner.id)
        )
        learners = list(work.db.scalars(new.with_for_update()))
        for one in learners:
            one.welcomed_at = work.now
        corresponding.write_many(work, learners, Kind.WELCOME, extra={"address": work.organisation.mailbox_address})
        sent += len(learners)
    return sent


def send_welcome(work: Work, learner_id: int) -> int:
    """The same for one, at the press of a button."""
    learner = find(work, Learner, learner_id)
    must_be_here(learner)
    return welcome(work, [learner.id])
