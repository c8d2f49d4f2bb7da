"""The web part for any WSGI server: `wsgi:app`."""

# ruff: noqa: E402
import zoneinfo  # isort: skip

zoneinfo.reset_tzpath(to=())  # the pinned tzdata wheel, never the machine's own zone data

from feedserver.commands import parts
from feedserver.web.gate import build

settings = parts.settings()
app = build(settings, lambda: parts.calendars(settings))
