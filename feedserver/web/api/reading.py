"""Requests into checked values: bounded, strict, and every refusal names the field and the way out."""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from ...errors import FeedserverError, Invalid
from .fields import Body

M = TypeVar("M", bound=BaseModel)
LARGEST_BODY = 1024 * 1024
_LONGEST_NUMBER = 400
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WORDS = {
    "missing": "This field is required.",
    "string_type": "This must be text.",
    "string_unicode": "This text holds half a character (a lone surrogate).",
    "int_type": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "list_type": "This must be a list.",
    "model_type": "Send a JSON object.",
    "dict_type": "Send a JSON object.",
}


class Unreadable(FeedserverError):
    """The body is not JSON."""

    status = 400
    title = "The body is not JSON"


def read_body(request: Request, model: type[M], *, required: bool, largest: int = LARGEST_BODY) -> M:
    """The JSON body as `model`; an empty one counts as `{}` unless `required`. Raises `Unreadable`, `Invalid`, 413, 415."""
    request.max_content_length = largest
    raw = request.get_data(cache=False)
    if not raw and not required:
        return validate(model, {})
    _check_type(request)
    return validate(model, parse(raw))


def read_query(args: MultiDict[str, str], model: type[M]) -> M:
    """The query as `model`; a parameter that is not known, or is given twice, is refused by name."""
    for name, values in args.lists():
        if len(values) > 1 and name != "limit":
            raise Invalid("This parameter is given twice; give it once.", field=name)
    return validate(model, args.to_dict())


def read_key(request: Request) -> str | None:
    """The Idempotency-Key, if there is one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Invalid("The key must be 1 to 255 printable ASCII characters without blanks.", field="Idempotency-Key")
    return key


def read_versions(request: Request) -> list[int] | None:
    """The versions that If-Match names; None for any (no header, or `*`). What is no ETag of ours matches nothing."""
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None
    tags = re.findall(r'(?:W/)?"([^"]*)"', header)
    return [int(tag) for tag in tags if re.fullmatch(r"[0-9]{1,9}", tag)] or [0]


def parse(raw: bytes) -> Any:
    """JSON in UTF-8; no NaN, no name twice, no number of thousands of digits, no bottomless nesting."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float)
    except UnicodeDecodeError as error:
        raise Unreadable("The body is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"{error.msg}: line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise Unreadable("The body is nested too deeply.") from error


def validate(model: type[M], value: Any) -> M:
    """`value` as `model`; raises `Invalid` naming the first field, with all of them in `errors`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _refusal(model, error) from error


def _refusal(model: type[BaseModel], error: ValidationError) -> Invalid:
    found = [
        {"field": ".".join(str(part) for part in one["loc"]) or "body", "detail": _words(model, one)}
        for one in error.errors(include_url=False, include_input=False)
    ]
    extra = {"errors": found[:50]} if len(found) > 1 else None
    return Invalid(found[0]["detail"], field=found[0]["field"], extra=extra)


def _words(model: type[BaseModel], one: Any) -> str:
    if one["type"] == "extra_forbidden":
        name = str(one["loc"][-1])
        hints = model.hints if issubclass(model, Body) else {}
        return hints.get(name) or f"There is no such field here; there are: {', '.join(_names(model))}."
    return _WORDS.get(one["type"]) or f"{one['msg'].removeprefix('Value error, ')}".rstrip(".") + "."


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] or ["none"]


def _check_type(request: Request) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable("This name stands twice in one object; send it once.", field=twice[:100])
    return found


def _constant(name: str) -> None:
    raise Unreadable(f"{name} is not a number in JSON.")


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise Unreadable("A number has too many digits.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Unreadable("A number is too large.")
    return value
