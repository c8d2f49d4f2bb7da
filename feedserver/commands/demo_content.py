"""What the demo holds, as tables: people, courses, groups, sessions, and who does what. All addresses are of reserved domains (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time, timedelta

from ..training.statuses import Answer, EnrolmentStatus

YES, NO, MAYBE = Answer.YES, Answer.NO, Answer.MAYBE
S = EnrolmentStatus
ORGANISATION = "Lakeside Learning"
ADMINISTRATOR = "admin@example.net"

# local part of the address: name, zone, language, team
LEARNERS = {
    "anna.berger": ("Anna Berger", "Europe/Berlin", "de", "Production"),
    "jonas.keller": ("Jonas Keller", "Europe/Berlin", "de", "Production"),
    "mia.huber": ("Mia Huber", "Europe/Vienna", "de-AT", "Production"),
    "oliver.grant": ("Oliver Grant", "Europe/London", "en-GB", "Customer care"),
    "priya.nair": ("Priya Nair", "Asia/Kolkata", "en", "Development"),
    "claire.dubois": ("Claire Dubois", "Europe/Paris", "fr", "Customer care"),
    "tomas.novak": ("Tomáš Novák", "Europe/Prague", "en", "Development"),
    "grace.miller": ("Grace Miller", "America/New_York", "en-US", "Sales"),
    "luis.ortega": ("Luis Ortega", "America/Mexico_City", "es", "Sales"),
    "yuki.tanaka": ("Yuki Tanaka", "Asia/Tokyo", "en", "Development"),
    "noah.wilson": ("Noah Wilson", "Australia/Sydney", "en", "Customer care"),
    "samira.aziz": ("Samira Aziz", "Europe/Berlin", "de", "Sales"),
}

COURSES = {
    "first-aid": {
        "name": "First aid at work",
        "url": "https://learn.example.net/courses/first-aid",
        "description": (
            "What to do in the **first ten minutes**.\n\n- calling for help\n- recovery position and CPR\n- bleeding, burns, shock\n\n"
            "Wear something that you can kneel in. More in the [handbook](https://learn.example.net/first-aid/handbook)."
        ),
    },
    "data-protection": {
        "name": "Data protection in daily work",
        "url": "https://learn.example.net/courses/data-protection",
        "description": (
            "Which data may go where, and *whom to ask*.\n\n1. What counts as personal data\n2. Mail, chat, screenshots\n3. When something went wrong"
        ),
    },
}

# name: course and members
GROUPS = {
    "First aiders": ("first-aid", ("anna.berger", "jonas.keller", "mia.huber", "oliver.grant", "claire.dubois", "samira.aziz")),
    "Everybody who handles customer data": (
        "data-protection",
        ("oliver.grant", "priya.nair", "tomas.novak", "grace.miller", "luis.ortega"),
    ),
}


@dataclass(frozen=True)
class Planned:
    """One session: `days` from today and the time there in `timezone`, fields of the contract, then what its people do, in this order."""

    title: str
    course: str
    days: int
    at: time
    minutes: int
    timezone: str
    fields: dict
    group: str | None = None
    registering: tuple[str, ...] = ()
    by_hand: tuple[tuple[str, EnrolmentStatus], ...] = ()
    answers: tuple[tuple[str, Answer], ...] = field(default_factory=tuple)

    @property
    def length(self) -> timedelta:
        """How long it takes."""
        return timedelta(minutes=self.minutes)


SESSIONS = (
    Planned(
        "First aid: the basics",
        "first-aid",
        -9,
        time(9),
        180,
        "Europe/Berlin",
        {"location": "Room 3, Lakeside house", "instructors": ["eva.lindner@example.net"]},
        by_hand=(("anna.berger", S.ATTENDED), ("jonas.keller", S.ABSENT), ("samira.aziz", S.GO_SHOW)),
    ),
    Planned(
        "First aid: practice day",
        "first-aid",
        5,
        time(9),
        210,
        "Europe/Berlin",
        {"location": "Gym, Lakeside house", "instructors": ["eva.lindner@example.net"], "description": "Bring **sturdy shoes**."},
        group="First aiders",
        answers=(("anna.berger", YES), ("jonas.keller", MAYBE), ("mia.huber", YES), ("oliver.grant", NO)),
    ),
    Planned(
        "First aid: questions and answers online",
        "first-aid",
        12,
        time(14),
        60,
        "Europe/Berlin",
        {"join_url": "https://meet.example.net/first-aid", "access_code": "4711", "description": "Ask what the practice day left open."},
        group="First aiders",
        answers=(("claire.dubois", YES),),
    ),
    Planned(
        "Data protection: what is new",
        "data-protection",
        8,
        time(15),
        90,
        "Europe/London",
        {"capacity": 3, "waiting_list": True, "join_url": "https://meet.example.net/data-protection", "access_code": "2026"},
        group="Everybody who handles customer data",
        # The No frees a place, which the first on the waiting list is offered and takes.
        answers=(("priya.nair", YES), ("oliver.grant", NO), ("grace.miller", YES)),
    ),
    Planned(
        "After the incident of last week",
        "data-protection",
        3,
        time(11),
        30,
        "Europe/Berlin",
        {"visibility": "private", "join_url": "https://meet.example.net/x7", "description": "In confidence."},
        by_hand=(("tomas.novak", S.INVITED), ("samira.aziz", S.REGISTERED)),
        answers=(("tomas.novak", YES),),
    ),
    Planned(
        "Planning next year's dates (draft)",
        "data-protection",
        26,
        time(10),
        60,
        "America/New_York",
        {"calendar_enabled": False, "location": "To be announced"},
        by_hand=(("grace.miller", S.REGISTERED), ("luis.ortega", S.REGISTERED)),
    ),
    Planned(
        "Becoming a data protection contact",
        "data-protection",
        19,
        time(16),
        120,
        "Asia/Kolkata",
        {"approval_required": True, "capacity": 12, "waiting_list": True, "location": "Online and in Kochi"},
        registering=("yuki.tanaka", "noah.wilson"),
        by_hand=(("priya.nair", S.INVITED),),
        answers=(("priya.nair", MAYBE),),
    ),
)
