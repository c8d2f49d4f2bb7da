"""What stands in paths."""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class IdConverter(BaseConverter):
    """`<id:name>`: a row's id. Werkzeug's `int` raises on thousands of digits; what no row can have answers 404 further in."""

    regex = "[0-9]{1,25}"

    def to_python(self, value: str) -> int:
        """Digits to a number."""
        return int(value)

    def to_url(self, value: int) -> str:
        """A number to digits."""
        return str(value)
