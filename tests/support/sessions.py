"""A session and its people, as the tests of what we send use them."""

from __future__ import annotations

from datetime import UTC, datetime

from feedserver.addresses import Mailbox
from feedserver.imip.skeleton import Values
from feedserver.training.changes import Snapshot

TRAINING = Mailbox("Training", "training@localhost")
UID = "k7Qm2vX9pLwRz4TnB8sYcA@training.example.net"


def snapshot(**changes) -> Snapshot:
    """Fire safety on 3 March 2027 from 10:00 to 11:30 in Berlin."""
    values = {
        "title": "Fire safety",
        "start": datetime(2027, 3, 3, 10),
        "end": datetime(2027, 3, 3, 11, 30),
        "timezone": "Europe/Berlin",
        "description": "Bring *your* [laptop](https://c.example/laptop).\n\n- one\n- two",
        "location": "Room 5, main building",
        "join_url": "https://meet.example/fire?room=5&x=1",
        "access_code": "4711",
        "instructors": ("Ann Trainer",),
        "course_name": "Safety",
        "course_url": "https://c.example/safety",
    }
    return Snapshot(**(values | changes))


def values(**changes) -> Values:
    """What is Lea's own in a message."""
    own = {
        "message_id": "m1.abc@training.example.net",
        "date": datetime(2026, 11, 20, 10, tzinfo=UTC),
        "to_name": "Lea Learner",
        "to_address": "lea@corp.example",
        "uid": UID,
        "sequence": 0,
        "dtstamp": 1_795_168_800,
        "page_url": "https://training.example.net/my/AbCd1234.EfGh5678EfGh5678EfGh5678EfGh5678EfGh5678EfG",
        "answer_url": "https://training.example.net/rsvp/7.AbCd1234.EfGh5678EfGh5678EfGh5678EfGh5678EfGh5678EfG",
        "code": "e7.0-abcdefghijklmnopqrstuvwx23",
        "extra": {
            "position": "3",
            "name": "Tom Learner",
            "address": "lea.private@home.example",
            "answer": "Yes",
            "block": ["[ ] 1 Tom Learner", "", ["Register", "mailto:training@localhost?subject=Register"]],
        },
    }
    return Values(**(own | changes))
