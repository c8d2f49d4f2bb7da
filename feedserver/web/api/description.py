"""`/api/v1/openapi.json` (OpenAPI 3.1) and `/api/v1/docs`, made from the table of calls and the models that check."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from flask import Blueprint, Response, render_template
from markupsafe import Markup, escape
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from ... import __version__, errors
from .. import problems
from ..auth import TooManyWrongTokens, Unauthorized, WrongToken
from ..house import house
from . import routing
from .reading import Unreadable
from .routing import PREFIX, Nothing, Route, openapi_path
from .uploads import Upload

_REF = "#/components/schemas/{model}"
_ERRORS = (
    Unreadable, Unauthorized, WrongToken, errors.NotFound, errors.Conflict, errors.Changed, errors.Invalid,
    TooManyWrongTokens, errors.Unavailable,
)  # fmt: skip
_WORDS = {
    400: "The body is not JSON", 401: "No token, or one that does not hold", 404: "Not found in this organisation", 409: "Cannot be done as things stand",
    412: "Changed meanwhile; `changes` says what", 413: "The body is too large", 415: "Not application/json", 422: "A value that cannot be taken; `field` names it",
    429: "Too many wrong tokens",
}  # fmt: skip
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `field` names what was wrong, `errors` all of it where it is more than one thing.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "field": {"type": "string"},
    },
    "example": {
        "type": "/api/v1/docs#invalid",
        "title": "That value cannot be taken",
        "status": 422,
        "detail": "Write a local time of the years 1990 to 2199 as 2026-12-01T09:00.",
        "code": "invalid",
        "field": "start",
    },
}
_INTRODUCTION = (
    "Puts training sessions into people's calendars and takes their answers back. Errors are RFC 9457 problems with a `detail` to act on. "
    "Times are RFC 3339; `start` and `end` of a session are local times without offset in its `timezone`. Lists are `{items, next}`: hand `next` back "
    "as `cursor`. A POST with an `Idempotency-Key` acts once: the same key with the same body gets the same answer for 24 hours; refusals are not kept."
)
_EXAMPLES: dict[str, dict[str, Any]] = {
    "NewLearner": {"email": "ada@example.org", "name": "Ada Lovelace", "timezone": "Europe/London", "locale": "en"},
    "NewCourse": {"name": "Fire safety", "description": "Every year for everybody.", "url": "https://example.org/fire"},
    "NewGroup": {"name": "Night shift", "learner_ids": []},
    "NewSession": {
        "course_id": 1, "title": "Fire safety, practice", "location": "Yard", "start": "2027-03-01T09:00", "end": "2027-03-01T10:30", "timezone": "Europe/Berlin",
        "capacity": 12, "waiting_list": True,
    },
    "NewEnrolment": {"learner_id": 1, "status": "Invited"},
    "NewMilestone": {"kind": "completion_deadline", "title": "Fire safety", "day": "2027-03-31"},
    "NewCompletion": {"learner_id": 1, "course_id": 1, "completed_on": "2026-11-20"},
    "NewCertificateKind": {"name": "First aid", "validity_months": 24, "course_id": 1, "renewal_course_id": 2},
    "NewCertificate": {"learner_id": 1, "kind_id": 1, "awarded_on": "2026-11-20"},
    "ManyCertificates": {"emails": ["ada@example.org"], "awarded_on": "2026-11-20"},
    "NewOnboardingPlan": {
        "name": "Office", "working_days": True,
        "steps": [{"days": -7, "kind": "note", "title": "Send your photo"}, {"days": 1, "kind": "session", "course_id": 1}],
    },
    "NewOnboarding": {"learner_id": 1, "plan_id": 1, "start_date": "2027-01-04"},
    "SyncLearners": {"items": [{"external_id": "E-1", "email": "ada@example.org", "name": "Ada Lovelace", "team": "Night shift"}], "dry_run": True},
    "NewWebhook": {"name": "Personnel system", "url": "https://hr.example.org/hooks/training", "events": ["completion", "certificate"]},
    "NewFeed": {"name": "Phone", "detail": "busy"},
    "NewAudienceFeed": {"audience": "organisation", "subscriber": "Screen in the hall", "detail": "title"},
}  # fmt: skip


def _routes() -> list[Route]:
    return [one for one in routing.ROUTES if one.described]


def mount(blueprint: Blueprint) -> None:
    """The two addresses."""

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return Response(_document(house().base_url), content_type="application/json")

    @blueprint.get("/docs")
    def docs() -> str:
        return render_template("api/docs.html", calls=_calls(), errors=_errors(), introduction=_marked(_INTRODUCTION), prefix=PREFIX)


@cache
def _document(base_url: str) -> bytes:
    return json.dumps(describe(base_url), ensure_ascii=False).encode()


def describe(base_url: str) -> dict[str, Any]:
    """The whole description."""
    wanted = [(m, mode) for one in _routes() for m, mode in ((one.body, "validation"), (one.answer, "serialization")) if m]
    names, definitions = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_REF, schema_generator=GenerateJsonSchema)
    schemas = {**definitions.get("$defs", {}), "Problem": _PROBLEM}
    for name, example in _EXAMPLES.items():
        schemas[name]["example"] = example
    paths: dict[str, dict[str, Any]] = {}
    for one in _routes():
        paths.setdefault(PREFIX + openapi_path(one.path), {})[one.method.lower()] = _operation(one, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "feedserver", "version": __version__, "description": _INTRODUCTION},
        "servers": [{"url": base_url}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in _routes())],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(one: Route, names: dict) -> dict[str, Any]:
    summary, _, more = (one.handler.__doc__ or "").strip().partition(". ")
    found: dict[str, Any] = {
        "operationId": one.name, "tags": [one.tag], "summary": summary.rstrip("."), "description": more, "parameters": _parameters(one),
        "responses": _responses(one, names),
    }  # fmt: skip
    if one.writes and one.body is not None:
        found["requestBody"] = {
            "required": one.body_required,
            "content": {"multipart/form-data" if one.body is Upload else "application/json": {"schema": names[one.body, "validation"]}},
        }  # fmt: skip
    return found


def _parameters(one: Route) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(kind)}
        for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", one.path)
    ]
    if one.query is not None:
        schema = TypeAdapter(one.query).json_schema(by_alias=True)
        found += [{"name": n, "in": "query", "schema": _plain(s)} for n, s in schema["properties"].items()]
    if one.tagged and one.method in ("PATCH", "POST") and "<" in one.path:
        words = "The ETag that you saw; 412 where it no longer holds."
        found.append({"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": words})
    if one.method == "POST":
        key = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": key, "description": "Acts once within 24 hours."})
    return found


def _path_schema(kind: str) -> dict[str, Any]:
    if kind == "id":
        return {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
    return {"type": "string", "pattern": "^[0-9]{8}T[0-9]{6}Z$", "description": "The original start, in UTC."}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter's schema: null is said by leaving it out."""
    schema = {k: v for k, v in schema.items() if k not in ("title", "default")}
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        schema.pop("anyOf")
        schema |= kinds[0]
    elif kinds:
        schema["anyOf"] = kinds
    return schema


def _responses(one: Route, names: dict) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if one.answer is not None:
        content = {"content": {"application/json": {"schema": names[one.answer, "serialization"]}}}
    elif one.raw:
        content = {"content": {one.raw: {"schema": {"type": "string", "contentEncoding": "binary"}}}}
    headers: dict[str, Any] = {}
    if one.status == 201:
        headers["Location"] = {"schema": {"type": "string"}, "description": "The address of what was made."}
    if one.tagged:
        headers["ETag"] = {"schema": {"type": "string"}, "description": "The version, for If-Match."}
    good = {"description": "Done" if one.writes else "Found", **content, **({"headers": headers} if headers else {})}
    found = {str(one.status): good}
    for status in sorted(
        {*one.problems, 401, 422, 429, *((400, 413, 415) if one.writes else ()), *((409,) if one.method == "POST" else ())}
    ):
        schema = {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}}
        found[str(status)] = {"description": _WORDS[status], "content": schema}
    return found


def _calls() -> list[dict[str, Any]]:
    """The table as the page shows it."""
    return [
        {
            "name": one.name, "tag": one.tag, "method": one.method, "path": openapi_path(one.path), "words": _marked(one.handler.__doc__ or ""), "status": one.status,
            "fields": _fields(one.body), "query": _fields(one.query), "answer": _fields(_item(one.answer)), "list": one.answer is not None and one.query is not None,
            "example": json.dumps(_EXAMPLES.get(one.body.__name__), indent=2) if one.body and one.body.__name__ in _EXAMPLES else "",
        }
        for one in _routes()
    ]  # fmt: skip


def _item(answer: type[BaseModel] | None) -> type[BaseModel] | None:
    if answer is None or "items" not in answer.model_fields:
        return answer
    return answer.model_fields["items"].annotation.__args__[0]


def _fields(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None or model is Nothing:
        return []
    schema = model.model_json_schema(mode="validation")
    needed = set(schema.get("required", []))
    return [{"name": name, "needed": name in needed} for name in schema.get("properties", {})]


def _marked(words: str) -> Markup:
    """`code` as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words))))  # noqa: S704 (escaped before)


def _errors() -> list[dict[str, Any]]:
    return [
        {"code": problems.code_of(kind), "status": kind.status, "title": kind.title, "words": _marked((kind.__doc__ or "").strip())}
        for kind in _ERRORS
    ]
