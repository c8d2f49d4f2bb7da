"""Programs that none of us wrote, which say when the entries of an iCalendar text take place: recurring-ical-events, libical, ical.js (Thunderbird's).

Each takes a list of texts and gives a set of (UID, start, end), in seconds since 1970, from and to the years of `SPAN`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import icalendar
import recurring_ical_events

if TYPE_CHECKING:
    from playwright.sync_api import Page

Times = set[tuple[str, int, int]]
SPAN = datetime(2026, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
_VEVENT = 4  # icalcomponent_kind, libical 3


def by_recurring_ical_events(texts: Iterable[bytes]) -> Times:
    """The one in Python."""
    found = set()
    for text in texts:
        for event in recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(*SPAN):
            found.add((str(event["UID"]), int(event.start.timestamp()), int(event.end.timestamp())))
    return found


class _Time(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("year", "month", "day", "hour", "minute", "second", "is_date", "is_daylight")),
        ("zone", ctypes.c_void_p),
    )


class _Span(ctypes.Structure):
    _fields_ = (("start", ctypes.c_long), ("end", ctypes.c_long), ("is_busy", ctypes.c_int))


_TELL = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_Span), ctypes.c_void_p)


@cache
def libical() -> ctypes.CDLL | None:
    """The library, where the machine has it (Debian: libical3)."""
    name = ctypes.util.find_library("ical")
    if name is None or not name.endswith(".so.3"):
        return None
    library = ctypes.CDLL(name)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for function, result, arguments in (
        ("icalparser_parse_string", pointer, [text]),
        ("icalcomponent_get_first_component", pointer, [pointer, ctypes.c_int]),
        ("icalcomponent_get_next_component", pointer, [pointer, ctypes.c_int]),
        ("icalcomponent_get_uid", text, [pointer]),
        ("icaltime_from_string", _Time, [text]),
        ("icalcomponent_foreach_recurrence", None, [pointer, _Time, _Time, _TELL, pointer]),
        ("icalcomponent_free", None, [pointer]),
    ):
        getattr(library, function).restype, getattr(library, function).argtypes = result, arguments
    return library


def by_libical(texts: Iterable[bytes]) -> Times:
    """The one in C."""
    library = libical()
    first, last = (library.icaltime_from_string(f"{moment:%Y%m%dT%H%M%SZ}".encode()) for moment in SPAN)
    found = set()
    for text in texts:
        calendar = library.icalparser_parse_string(text)
        event = library.icalcomponent_get_first_component(calendar, _VEVENT)
        while event:
            uid = library.icalcomponent_get_uid(event).decode()
            tell = _TELL(lambda _event, span, _data, uid=uid: found.add((uid, span[0].start, span[0].end)))
            library.icalcomponent_foreach_recurrence(event, first, last, tell, None)
            event = library.icalcomponent_get_next_component(calendar, _VEVENT)
        library.icalcomponent_free(calendar)
    return found


def by_ical_js(page: Page) -> Callable[[Iterable[bytes]], Times]:
    """The one in JavaScript, in a browser."""
    source = (Path(__file__).parent / "ical.min.js").read_text(encoding="utf-8").replace("export{Yt as default}", "window.ICAL=Yt")
    page.evaluate(f"() => {{ {source} }}")
    return lambda texts: {tuple(one) for one in page.evaluate(_EXPAND, [text.decode() for text in texts])}


_EXPAND = """texts => texts.flatMap(text => {
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(new ICAL.Timezone(zone));
  return calendar.getAllSubcomponents("vevent").map(one => new ICAL.Event(one)).flatMap(event => {
    const said = (start, end) => [event.uid, start.toUnixTime(), end.toUnixTime()];
    if (!event.isRecurring()) return [said(event.startDate, event.endDate)];
    const found = [], dates = event.iterator();
    for (let date; (date = dates.next()) && found.length < 1000;) {
      const details = event.getOccurrenceDetails(date);
      found.push(said(details.startDate, details.endDate));
    }
    return found;
  });
})"""
