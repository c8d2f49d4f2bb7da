"""Wall-clock times in IANA zones: which exist, once or twice, and how long a session may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import Invalid
from .changes import instant

LONGEST = timedelta(days=31)
EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2200, 1, 1)


def check_zone(name: str, field: str = "timezone") -> str:
    """The IANA name if tzdata knows it; raises `Invalid`."""
    try:
        if not name or name.startswith(("posix", "right", "/")) or name in ("localtime", "posixrules", "Factory"):
            raise ZoneInfoNotFoundError
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"{name[:60]!r} is not an IANA time zone; write it as Europe/Berlin or UTC.", field=field) from error


def check_times(start: datetime, end: datetime, timezone: str, fold: int) -> None:
    """Raises `Invalid`, naming the field, for a time that does not exist, an end before the start, or a session of more than 31 days."""
    for field, local in (("start", start), ("end", end)):
        if not EARLIEST <= local <= LATEST:
            raise Invalid(f"{local:%Y-%m-%d} is outside the years 1990 to 2199.", field=field)
        if not exists(local, timezone, fold):
            after = instant(local, timezone, 0).astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
            before = instant(local, timezone, 1).astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
            choice = " or ".join(f"{t:%H:%M}" for t in sorted({after, before}))
            raise Invalid(
                f"{local:%H:%M} does not exist on {local:%Y-%m-%d} in {timezone}: the clocks go forward. Choose {choice}.",
                field=field,
            )
    length = instant(end, timezone, fold) - instant(start, timezone, fold)
    if length <= timedelta(0):
        raise Invalid("The session must end after it starts.", field="end")
    if length > LONGEST:
        raise Invalid("A session lasts 31 days at most; make several sessions instead.", field="end")


def exists(local: datetime, timezone: str, fold: int = 0) -> bool:
    """Whether the clocks of the zone ever show this time."""
    zone = ZoneInfo(timezone)
    aware = local.replace(tzinfo=zone, fold=fold)
    return aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
