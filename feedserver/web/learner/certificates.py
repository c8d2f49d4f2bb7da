"""What a learner is certified in, in words."""

from __future__ import annotations

from dataclasses import dataclass

from ...imip import milestones
from ...imip.catalogues import Language
from ...services import certifying
from ...services.work import Work
from ...store.courses import Course
from ...store.learners import Learner


@dataclass(frozen=True)
class Line:
    """One certificate: its name, its state, until when in words ("" for ever), and the course that renews it."""

    name: str
    state: str
    until: str
    renewing: Course | None


def certificates_of(work: Work, who: Learner, say: Language) -> list[Line]:
    """Those that hold or have lapsed, the next end first; renewed and revoked ones are history."""
    return [
        Line(one.kind, one.state, milestones.in_words(one.certificate.expires_on, say) if one.certificate.expires_on else "", one.renewing)
        for one in certifying.of_learner(work, who.id, current=True)
    ]
