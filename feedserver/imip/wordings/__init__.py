"""The sentences of each kind of mail, a family a file; those of `kinds.OF_MILESTONES` are in `imip.milestones`."""

from __future__ import annotations

from ..kinds import Kind
from . import addresses, by_mail, in_time, invitations, places, proposals
from .wording import Wording

FAMILIES = (invitations, places, addresses, proposals, by_mail, in_time)
WORDINGS: dict[Kind, Wording] = {kind: wording for family in FAMILIES for kind, wording in family.WORDINGS.items()}
