"""The table of calls: what answers, what it takes, what it gives. Dispatch and the OpenAPI description are made from the same rows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, TypeAdapter

from ...services import remembering
from ...services.work import Work
from ..auth import caller
from ..house import house
from .fields import Body
from .reading import LARGEST_BODY, read_body, read_key, read_query, read_versions
from .uploads import Upload, read_upload

PREFIX = "/api/v1"


class Nothing(Body):
    """No fields."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given besides its `Work`: ids of the path, checked body and query, versions of If-Match, what was asked `outside`."""

    path: dict[str, Any]
    body: Any = None
    query: Any = None
    versions: list[int] | None = None
    outside: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler gives where it is more than the object itself."""

    body: Any = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """One row of the table. `outside(caller, call)` asks other servers, before any transaction.

    `shown_once`: members of the answer that are secrets: nothing remembers them, and a repeated call answers null.
    """

    method: str
    path: str
    handler: Callable[[Work, Call], Any]
    tag: str
    body: type[BaseModel] | None = None
    body_required: bool = True
    query: type[BaseModel] | None = None
    answer: Any = None
    status: int = 200
    problems: tuple[int, ...] = ()
    tagged: bool = False
    raw: str | None = None
    described: bool = True
    rehearsal: bool = False
    outside: Callable[[Any, Call], Any] | None = None
    shown_once: tuple[str, ...] = ()
    largest: int = LARGEST_BODY

    @property
    def name(self) -> str:
        """Its operationId."""
        first, *rest = self.handler.__name__.split("_")
        return first + "".join(part.title() for part in rest)

    @property
    def writes(self) -> bool:
        """Whether it needs the write lock."""
        return self.method != "GET"


ROUTES: list[Route] = []


def route(method: str, path: str, **what: Any) -> Callable:
    """Put a handler into the table. Its docstring is its description; see `Route` for `what`."""

    def add(handler: Callable[[Work, Call], Any]) -> Callable[[Work, Call], Any]:
        ROUTES.append(Route(method, path, handler, handler.__module__.rpartition(".")[2], **what))
        return handler

    return add


def arrange(modules: Iterable[str]) -> None:
    """Put the table into the order of these modules; raises `ValueError` for a call of none of them."""
    order = [name.rpartition(".")[2] for name in modules]
    ROUTES.sort(key=lambda one: order.index(one.tag))


def mount(blueprint: Blueprint) -> None:
    """Every row of the table as a view."""
    for one in ROUTES:
        blueprint.add_url_rule(one.path, one.name, _view(one), methods=[one.method])


def etag(version: int) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'


def at(path: str, row_id: int) -> dict[str, str]:
    """The Location of a new row."""
    return {"Location": f"{house().base_url}{PREFIX}/{path}/{row_id}"}


def _view(one: Route) -> Callable[..., Response]:
    render = _renderer(one)

    def view(**path: Any) -> Response:
        who = caller(request)
        key = read_key(request) if one.method == "POST" else None
        call = Call(
            path,
            body=_body(one) if one.writes else None,
            query=read_query(request.args, one.query or Nothing),
            versions=read_versions(request) if one.tagged else None,
        )  # fmt: skip
        if one.outside is not None:
            call = replace(call, outside=one.outside(who, call))
        if one.rehearsal:
            return _response(*house().rehearse(who.organisation_id, who.actor, lambda work: render(work, call)))
        if not one.writes:
            return _response(*house().read(who.organisation_id, who.actor, lambda work: render(work, call)))
        if key is None:
            return _response(*house().run(who.organisation_id, who.actor, lambda work: render(work, call)))
        digest = _digest(one, path, call)
        return _response(
            *house().run(who.organisation_id, who.actor, lambda work: _once(work, key, digest, one, lambda: render(work, call)))
        )

    return view


def _body(one: Route) -> BaseModel:
    if one.body is Upload:
        return read_upload(request)
    return read_body(request, one.body or Nothing, required=one.body is not None and one.body_required, largest=one.largest)


def _renderer(one: Route) -> Callable[[Work, Call], tuple[int, dict[str, str], bytes]]:
    adapter = TypeAdapter(one.answer) if one.answer is not None else None

    def render(work: Work, call: Call) -> tuple[int, dict[str, str], bytes]:
        given = one.handler(work, call)
        answer = given if isinstance(given, Answer) else Answer(given)
        headers = dict(answer.headers)
        if one.tagged:
            headers["ETag"] = etag(answer.body.version)
        if adapter is None:
            body = answer.body or b""
            if body:
                headers.setdefault("Content-Type", one.raw or "application/octet-stream")
        else:
            body = adapter.dump_json(answer.body) + b"\n"
            headers["Content-Type"] = "application/json"
        return answer.status or one.status, headers, body

    return render


def _once(work: Work, key: str, digest: str, one: Route, act: Callable) -> tuple[int, dict[str, str], bytes]:
    known = remembering.begin(work, key, digest)
    if known is not None:
        head, _, body = known[1].partition(b"\n")
        return known[0], {**json.loads(head), "Idempotent-Replayed": "true"}, body
    status, headers, body = act()
    kept = json.dumps({**json.loads(body), **dict.fromkeys(one.shown_once)}).encode() + b"\n" if one.shown_once else body
    remembering.finish(work, key, status, json.dumps(headers).encode() + b"\n" + kept)
    return status, headers, body


def _digest(one: Route, path: dict[str, Any], call: Call) -> str:
    body = call.body.model_dump_json(exclude_unset=True) if call.body is not None else ""
    said = json.dumps([one.name, path, body, call.versions], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _response(status: int, headers: dict[str, str], body: bytes) -> Response:
    response = Response(body, status=status)
    if status == 204:
        response.headers.remove("Content-Type")
    response.headers.update(headers)
    return response


def openapi_path(path: str) -> str:
    """`/learners/<id:learner_id>` -> `/learners/{learner_id}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)
