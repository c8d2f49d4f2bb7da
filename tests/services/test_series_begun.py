"""A series that has begun: its seats are still of use for the dates to come, and answers to it can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feedserver.errors import Conflict
from feedserver.services import series
from tests.services.test_series import dates, exdates, make, press, statuses
from tests.support.world import World


def begun(world: World) -> None:
    """The first of the Tuesdays is over, the second is tomorrow."""
    world.mails()
    world.moment = datetime(2026, 12, 7, 9, tzinfo=UTC)
    world.advance(0)


@pytest.mark.parametrize("count", [3, 8])
def test_a_seat_given_up_after_the_first_date_is_offered_for_the_dates_to_come_until_the_next_begins(world, count):
    head = make(world, "Anna", "Ben", dates=count, capacity=1, waiting_list=True)
    begun(world)
    press(world, head, "Anna", "no")
    assert (world.status(head, "Ben"), world.enrolment(head, "Ben").offer_until) == ("Invited", datetime(2026, 12, 8, 9, tzinfo=UTC))
    assert statuses(world, head, "Ben") == ["Waiting List", *["Invited"] * (count - 1)]
    world.moment = datetime(2026, 12, 8, 9, tzinfo=UTC)
    world.advance(1)
    assert world.status(head, "Ben") == "Waiting List"


def test_nothing_of_a_series_is_offered_once_its_last_date_has_begun(world):
    head = make(world, "Anna", "Ben", dates=3, capacity=1, waiting_list=True)
    world.moment = datetime(2026, 12, 15, 9, 10, tzinfo=UTC)
    world.remove(head, "Anna")
    assert world.status(head, "Ben") == "Waiting List"


def test_an_offer_of_a_series_ends_where_the_series_now_begins(world):
    head = make(world, "Anna", "Ben", dates=8, capacity=1, waiting_list=True, offer_minutes=60 * 24 * 60)
    world.remove(head, "Anna")
    assert world.enrolment(head, "Ben").offer_until == datetime(2026, 12, 1, 9, tzinfo=UTC)
    world.edit(head, start=datetime(2026, 11, 24, 10), end=datetime(2026, 11, 24, 11))
    assert world.enrolment(head, "Ben").offer_until == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_decline_all_is_taken_back_with_what_was_said_to_single_dates(world):
    head = make(world, "Anna", dates=8)
    world.answer(world.mail(), "ACCEPTED")
    press(world, dates(world, head)[1].id, "Anna", "no")
    world.moment += timedelta(minutes=5)
    press(world, head, "Anna", "no")
    assert set(statuses(world, head, "Anna")) == {"Declined"}
    press(world, head, "Anna", "undo")
    assert world.status(head, "Anna") == "Registered"
    assert statuses(world, head, "Anna") == ["Registered", "Declined", *["Registered"] * 6]


def test_decline_all_is_taken_back_and_a_yes_to_one_date_alone_is_there_again(world):
    head = make(world, "Anna", dates=8)
    world.mails()
    press(world, dates(world, head)[2].id, "Anna", "yes")
    world.moment += timedelta(minutes=5)
    press(world, head, "Anna", "no")
    press(world, head, "Anna", "undo")
    assert statuses(world, head, "Anna") == ["Invited", "Invited", "Registered", *["Invited"] * 5]
    assert world.enrolment(dates(world, head)[2].id, "Anna").partstat == "ACCEPTED"


@pytest.mark.parametrize("count", [3, 8])
def test_an_offer_of_a_series_that_lapses_takes_every_entry_back_with_the_place_in_words(world, count):
    head = make(world, "Anna", "Ben", "Cem", dates=count, capacity=1, waiting_list=True, offer_minutes=60)
    world.remove(head, "Anna")
    world.mails()
    world.advance(3700)
    taken = [mail for mail in world.mails() if mail.who == "Ben"]
    assert {mail.method for mail in taken} == {"CANCEL"} and len(taken) == (count if count == 3 else 1)
    assert all("You are number 1 on the waiting list." in mail.words for mail in taken)


def test_a_free_seat_of_a_series_is_taken_in_the_series_and_not_in_one_date(world):
    head = make(world, "Anna", "Ben", dates=8, capacity=1, waiting_list=True, offer_minutes=60)
    world.remove(head, "Anna")
    world.advance(3700)
    with pytest.raises(Conflict, match="goes by the series"):
        press(world, dates(world, head)[3].id, "Ben", "take")
    press(world, head, "Ben", "take")
    assert {world.status(head, "Ben"), *statuses(world, head, "Ben")} == {"Registered"}


def test_who_comes_to_the_added_date_alone_is_shown_none_of_the_rule(world):
    head = make(world, "Anna", dates=7)
    world.mails()
    world.do(lambda work: series.add_date(work, head, datetime(2026, 12, 4, 14)))
    world.mails()
    for date in dates(world, head):
        if date.entry_mode is None:
            press(world, date.id, "Anna", "no")
    *_, last = world.mails()
    assert (len(exdates(last)), last.partstat, world.status(head, "Anna")) == (7, "NEEDS-ACTION", "Invited")
