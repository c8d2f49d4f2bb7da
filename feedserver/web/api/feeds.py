"""Feeds of learners: their selection and their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ...services import subscribing
from ...services.work import Work
from ...store.feeds import Feed
from . import paging
from .fields import Body, Out, RowId, line, optional
from .paging import Page
from .routing import Answer, Call, at, route

Kind = Literal["session", "deadline", "assessment", "certificate", "onboarding"]
Content = Literal["everything", "not_invited"]
Detail = Literal["full", "busy"]
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=5)]


class NewFeed(Body):
    """A further feed (phone, work) with its own selection."""

    name: line(100, empty=False) = "My training"
    kinds: Kinds = optional()
    content: Content = "everything"
    detail: Detail = "full"
    alarms: bool = False


class FeedChange(Body):
    """What is to change; the address stays."""

    name: line(100, empty=False) = optional()
    kinds: Kinds = optional()
    content: Content = optional()
    detail: Detail = optional()
    alarms: bool = optional()


class FeedOut(Out):
    """A feed. Whoever has its address reads it."""

    id: RowId
    learner_id: RowId
    name: str
    url: str
    webcal_url: str
    kinds: list[Kind]
    content: Content
    detail: Detail
    alarms: bool
    last_fetched_at: datetime | None
    last_user_agent: str | None
    created_at: datetime


def show(work: Work, feeds: Sequence[Feed]) -> list[FeedOut]:
    """Rows as they are answered."""
    urls = subscribing.urls(work, feeds)
    plain = [n for n in FeedOut.model_fields if n not in ("url", "webcal_url")]
    return [FeedOut(**{n: getattr(f, n) for n in plain}, url=urls[f.id], webcal_url=subscribing.webcal(urls[f.id])) for f in feeds]


@route("POST", "/learners/<id:learner_id>/feeds", body=NewFeed, body_required=False, answer=FeedOut, status=201, problems=(404,))
def create_feed(work: Work, call: Call) -> Answer:
    """Add a feed to a learner, who has one from the start."""
    feed = subscribing.create_feed(work, call.path["learner_id"], call.body.given())
    return Answer(show(work, [feed])[0], headers=at("feeds", feed.id))


@route("GET", "/learners/<id:learner_id>/feeds", query=paging.Query, answer=Page[FeedOut], problems=(404,))
def list_feeds(work: Work, call: Call) -> Page[FeedOut]:
    """List the feeds of a learner that still answer."""
    after = (paging.read_cursor(call.query.cursor) or (0,))[0]
    rows = [feed for feed in subscribing.feeds_of(work, call.path["learner_id"]) if feed.id > after]
    rows, following = paging.page_of(rows[: call.query.limit + 1], call.query.limit, lambda feed: (feed.id,))
    return Page[FeedOut](items=show(work, rows), next=following)


@route("GET", "/feeds/<id:feed_id>", answer=FeedOut, problems=(404,))
def get_feed(work: Work, call: Call) -> FeedOut:
    """One feed."""
    return show(work, [subscribing.live_feed(work, call.path["feed_id"])])[0]


@route("PATCH", "/feeds/<id:feed_id>", body=FeedChange, answer=FeedOut, problems=(404,))
def edit_feed(work: Work, call: Call) -> FeedOut:
    """Change the selection of a feed; its address stays."""
    return show(work, [subscribing.edit_feed(work, call.path["feed_id"], call.body.given())])[0]


@route("DELETE", "/feeds/<id:feed_id>", status=204, problems=(404,))
def delete_feed(work: Work, call: Call) -> None:
    """Take a feed back: for 30 days its address says that it has ended. A second time answers 404."""
    subscribing.revoke_feed(work, call.path["feed_id"])


@route("POST", "/feeds/<id:feed_id>/rotate", answer=FeedOut, problems=(404,))
def rotate_feed(work: Work, call: Call) -> FeedOut:
    """Give a feed a new address; the old one says for 30 days that it has ended."""
    return show(work, [subscribing.rotate_feed(work, call.path["feed_id"])])[0]
