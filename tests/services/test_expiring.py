"""Warnings before certificates end: each once, at nine in the learner's zone, also after the scheduler was down."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select

from feedserver.commands import ticks
from feedserver.services import access, certifying, completing, departing, expiring
from feedserver.store.certificates import Certificate, CertificateWarning
from feedserver.store.learners import Learner
from feedserver.store.outbox import Delivery
from feedserver.training.certificates import USUAL_DAYS
from tests.support.world import World

TICK = next(tick for tick in ticks.TICKS if tick.name == "certificates that end")
ENDS = date(2027, 3, 1)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu", "Pacific/Kiritimati")


def kind(world: World, **values) -> int:
    return world.do(lambda work: certifying.create_kind(work, {"name": "First aid"} | values).id)


def award(world: World, kind_id: int, *names: str, expires_on: date | None = ENDS, on: date | None = None) -> list[int]:
    ids = [world.person(name) for name in names]
    made = world.do(lambda work: certifying.award(work, ids, kind_id, source="button", on=on, expires_on=expires_on))
    return [one.id for one in made]


def look(world: World, *moment: int) -> list[tuple[str, str]]:
    """(first name or address, subject) of what leaves when the worker looks at this moment."""
    world.moment = datetime(*moment, tzinfo=UTC)
    ticks.once(world.house, TICK)
    world.notices.clear()
    world.mails()
    return sorted((mail.who or mail.to, mail.subject) for mail in world.notices if mail.kind.startswith("certificate"))


def outcomes(world: World, recipient: str = "learner") -> list[tuple[int, str]]:
    query = select(CertificateWarning.days, CertificateWarning.outcome).where(CertificateWarning.recipient == recipient)
    return world.look(lambda work: [tuple(row) for row in work.db.execute(query.order_by(CertificateWarning.id))])


def test_sixty_days_before_at_nine_in_the_learners_zone_once(world):
    world.person("Mia", timezone="Europe/Berlin", locale="de")
    world.person("Ole", timezone="America/New_York")
    award(world, kind(world), "Mia", "Ole")
    assert look(world, 2026, 12, 31, 7, 59, 59) == []
    assert look(world, 2026, 12, 31, 8, 0) == [("Mia", "Ihr Zertifikat läuft ab: First aid")]
    assert "noch 60 Tage" in world.notices[0].words
    assert look(world, 2026, 12, 31, 14, 0) == [("Ole", "Your certificate ends: First aid")] and look(world, 2026, 12, 31, 23, 0) == []


def test_managers_and_compliance_managers_get_one_list_at_seven_days_and_on_the_day(world):
    for name in ("Mia", "Ole"):
        world.person(name, manager_email="Boss@corp.example")
    world.do(lambda work: access.create_sign_in(work, "cora@corp.example", "compliance_manager"))
    award(world, kind(world), "Mia", "Ole")
    assert not [one for one in look(world, 2027, 1, 30, 8, 0) if "@" in one[0]]
    mails = look(world, 2027, 2, 22, 8, 0)
    assert Counter(subject for _, subject in mails) == {"Your certificate ends: First aid": 2, "Certificates that end": 2}
    lists = [one for one in world.notices if one.kind == "certificates"]
    assert {one.to for one in lists} == {"boss@corp.example", "cora@corp.example"}
    assert all("Mia" in one.words and "Ole" in one.words and "7 more days" in one.words for one in lists)
    assert len(look(world, 2027, 3, 1, 8, 0)) == 4 and look(world, 2027, 3, 9, 8, 0) == []


def test_after_an_outage_one_mail_says_the_days_that_are_left_and_the_rest_is_on_record(world):
    award(world, kind(world), "Mia")
    assert look(world, 2026, 12, 1, 8, 0) == []
    assert len(look(world, 2027, 2, 24, 9, 0)) == 1 and "5 more days" in world.notices[0].words
    assert outcomes(world) == [(60, "later_one"), (30, "later_one"), (7, "sent")]
    assert look(world, 2027, 3, 4, 8, 0) == [("Mia", "Your certificate has ended: First aid")]
    assert outcomes(world)[3:] == [(0, "sent")]


def test_who_left_cannot_be_reached_or_had_it_lapsed_before_is_on_record_and_gets_none(world):
    number = kind(world)
    award(world, number, "Mia", "Ole", "Ada")
    award(world, number, "Old", on=date(2025, 1, 1), expires_on=date(2026, 1, 1))
    world.do(lambda work: departing.leave(work, world.people["Mia"]))
    world.do(lambda work: setattr(work.db.get_one(Learner, world.people["Ole"]), "address_problem", "gone"))
    assert [who for who, _ in look(world, 2026, 12, 31, 8, 0)] == ["Ada"]
    assert Counter(outcomes(world)) == {(60, "left"): 1, (60, "unreached"): 1, (60, "sent"): 1, **{(d, "before"): 1 for d in USUAL_DAYS}}


def test_a_revoked_or_renewed_one_is_not_warned_of(world):
    number = kind(world, validity_months=12)
    (mine,) = award(world, number, "Mia")
    award(world, number, "Ole")
    world.do(lambda work: certifying.revoke(work, mine))
    world.moment += timedelta(days=1)
    award(world, number, "Ole", expires_on=None)
    assert look(world, 2027, 2, 22, 8, 0) == [] and len(look(world, 2028, 1, 1, 8, 0)) == 1


def test_the_number_of_statements_does_not_grow_with_the_people(world):
    award(world, kind(world), *(f"P{n}" for n in range(40)))
    world.moment, counts = datetime(2026, 12, 31, 8, tzinfo=UTC), []

    def counted(*_args) -> None:
        counts.append(1)

    event.listen(world.database.engine, "before_cursor_execute", counted)
    ticks.once(world.house, TICK)
    event.remove(world.database.engine, "before_cursor_execute", counted)
    assert len(counts) < 40 and world.count(Delivery, Delivery.kind == "certificate") == 40


def test_a_file_of_many_is_dealt_with_in_several_transactions_and_each_manager_has_one_list(world, monkeypatch):
    monkeypatch.setattr(expiring, "PEOPLE_AT_ONCE", 4)
    monkeypatch.setattr(expiring, "MANAGERS_AT_ONCE", 2)
    for n in range(9):
        world.person(f"P{n}", manager_email=f"m{n % 5}@corp.example")
    number = kind(world)
    for ends in (date(2027, 2, 24), date(2027, 2, 20)):
        award(world, number, *(f"P{n}" for n in range(9) if (n % 2 == 0) == (ends.day == 24)), expires_on=ends)
    world.moment = datetime(2027, 2, 20, 9, tzinfo=UTC)
    with world.database.read() as db:
        assert len(expiring.due(db, world.moment)) == 3
    mails = look(world, 2027, 2, 20, 9, 0)
    assert Counter(who for who, _ in mails) == {**{f"P{n}": 1 for n in range(9)}, **{f"m{n}@corp.example": 1 for n in range(5)}}
    assert sorted(sum(f"P{n}" in one.words for n in range(9)) for one in world.notices if one.kind == "certificates") == [1, 2, 2, 2, 2]
    with world.database.read() as db:
        assert expiring.due(db, world.moment) == []


@pytest.mark.long
def test_a_year_of_three_hundred_learners_and_three_days_without_a_scheduler(world):
    found = a_year(world, people=300, lasting=[70 + 50 * n for n in range(6)], zones=ZONES)
    assert found == {60: 300, 30: 300, 7: 240, 0: 240}


def test_some_months_of_a_few_learners_and_three_days_without_a_scheduler(world):
    found = a_year(world, people=24, lasting=[70, 90], zones=ZONES[:3])
    assert found == {60: 24, 30: 24, 7: 19, 0: 19}


def a_year(world: World, people: int, lasting: list[int], zones: tuple[str, ...]) -> Counter[int]:
    """How many were warned so many days before: at nine in their zone, or once the scheduler is back; each fifth renews by a course, 20 days before."""
    chance, begin = Random(5), world.moment.date()
    number = kind(world, validity_months=12, renewal_course_id=world.course_id)
    ids = crowd(world, people, zones, chance)
    ends = [begin + timedelta(days=days) for days in lasting]
    for at, end in enumerate(ends):
        some = ids[at :: len(ends)]
        world.do(lambda work, e=end, s=some: certifying.award(work, s, number, source="csv", expires_on=e))
    renewing = {one: ends[at % len(ends)] - timedelta(days=20) for at, one in enumerate(ids) if at % 5 == 0}
    down = chance.choice(ends) - timedelta(days=chance.choice(USUAL_DAYS) + chance.randrange(3))
    # It is looked at each nine o'clock that is somebody's; at other moments nothing may come, of which a few are tried.
    days = sorted({end - timedelta(days=before) for end in ends for before in USUAL_DAYS} | {down + timedelta(days=3), *renewing.values()})
    for day in days:
        for moment in sorted({datetime.combine(day, time(9), ZoneInfo(zone)).astimezone(UTC) for zone in zones}):
            for world.moment in (moment - timedelta(seconds=1), moment) if chance.random() < 0.05 else (moment,):
                if not down <= day < down + timedelta(days=3):
                    ticks.once(world.house, TICK)
        if who := [one for one, on in renewing.items() if on == day]:
            world.do(lambda work, w=who: completing.complete(work, w, world.course_id, source="csv"))
    found = world.look(lambda work: work.db.execute(warned()).all())
    assert len({(one.certificate_id, one.days) for one, *_ in found}) == len(found)
    late = 0
    for warning, end, zone, delivery in found:
        due = end - timedelta(days=warning.days)
        nine = datetime.combine(due, time(9), ZoneInfo(zone)).astimezone(UTC)
        assert warning.outcome == "sent" and delivery.created_at == warning.at
        late += warning.at != nine
        assert warning.at == nine or (down <= due < down + timedelta(days=3) and warning.at > nine)
    assert late and world.count(Delivery, Delivery.kind == "certificate") == len(found)
    return Counter(one.days for one, *_ in found)


def crowd(world: World, people: int, zones: tuple[str, ...], chance: Random) -> list[int]:
    """So many learners, in these zones and both languages."""
    common = {"organisation_id": world.organisation_id, "channel": "both", "version": 1, "created_at": world.moment}
    learners = [
        common | {"email": f"p{n}@corp.example", "email_key": f"p{n}@corp.example", "name": f"P{n}", "page_id": f"page-{n}"}
        | {"timezone": chance.choice(zones), "locale": chance.choice(("en", "de"))}
        for n in range(people)
    ]  # fmt: skip
    world.do(lambda work: work.db.add_all([Learner(**one) for one in learners]))
    return world.look(lambda work: list(work.db.scalars(select(Learner.id).order_by(Learner.id))))


def warned():
    """(warning, end, zone, mail) of everybody's own warnings."""
    query = select(CertificateWarning, Certificate.expires_on, Learner.timezone, Delivery)
    query = query.join(Certificate, Certificate.id == CertificateWarning.certificate_id).join(Learner, Learner.id == Certificate.learner_id)
    return query.outerjoin(Delivery, Delivery.id == CertificateWarning.delivery_id).where(CertificateWarning.recipient == "learner")
