"""Feeds for others than learners: for a team's manager, an instructor, a room, a course, the organisation, and of open seats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from ...services import audiences, subscribing
from ...services.work import Work
from ...store.audiences import AudienceFeed
from . import paging
from .fields import Body, Locale, Out, RowId, line, optional
from .paging import Page
from .routing import Answer, Call, at, route

Audience = Literal["team", "instructor", "room", "course", "organisation", "open_seats"]
Detail = Literal["full", "title", "busy"]


class NewAudienceFeed(Body):
    """A feed for one subscriber, a name or an address. `subject`: a team's name or its manager's address, an instructor's address, the id of a room or course."""

    audience: Audience
    subject: line(250) = ""
    subscriber: line(200, empty=False)
    detail: Detail = "full"
    locale: Locale = optional()


class AudienceFeedChange(Body):
    """What is to change; the address stays."""

    subscriber: line(200, empty=False) = optional()
    detail: Detail = optional()


class AudienceFeedOut(Out):
    """A feed for others. Whoever has its address reads it."""

    id: RowId
    audience: Audience
    subject: str
    subscriber: str
    detail: Detail
    locale: str
    url: str
    webcal_url: str
    last_fetched_at: datetime | None
    last_user_agent: str | None
    created_at: datetime


def show(work: Work, feeds: Sequence[AudienceFeed]) -> list[AudienceFeedOut]:
    """Rows as they are answered."""
    urls = audiences.urls(work, feeds)
    plain = [n for n in AudienceFeedOut.model_fields if n not in ("url", "webcal_url")]
    return [AudienceFeedOut(**{n: getattr(f, n) for n in plain}, url=urls[f.id], webcal_url=subscribing.webcal(urls[f.id])) for f in feeds]


@route("POST", "/audience-feeds", body=NewAudienceFeed, answer=AudienceFeedOut, status=201, problems=(404,))
def create_audience_feed(work: Work, call: Call) -> Answer:
    """Make a calendar for somebody who is no learner of it."""
    feed = audiences.create_feed(work, call.body.given())
    return Answer(show(work, [feed])[0], headers=at("audience-feeds", feed.id))


@route("GET", "/audience-feeds", query=paging.Query, answer=Page[AudienceFeedOut])
def list_audience_feeds(work: Work, call: Call) -> Page[AudienceFeedOut]:
    """List those that still answer, newest first."""
    rows, following = paging.by_number(audiences.list_feeds(work), call.query)
    return Page[AudienceFeedOut](items=show(work, rows), next=following)


@route("GET", "/audience-feeds/<id:audience_feed_id>", answer=AudienceFeedOut, problems=(404,))
def get_audience_feed(work: Work, call: Call) -> AudienceFeedOut:
    """One of them."""
    return show(work, [audiences.live_feed(work, call.path["audience_feed_id"])])[0]


@route("PATCH", "/audience-feeds/<id:audience_feed_id>", body=AudienceFeedChange, answer=AudienceFeedOut, problems=(404,))
def edit_audience_feed(work: Work, call: Call) -> AudienceFeedOut:
    """Change how much it shows, or for whom it is; its address stays."""
    return show(work, [audiences.edit_feed(work, call.path["audience_feed_id"], call.body.given())])[0]


@route("DELETE", "/audience-feeds/<id:audience_feed_id>", status=204, problems=(404,))
def delete_audience_feed(work: Work, call: Call) -> None:
    """Take it back: for 30 days its address says that it has ended. A second time answers 404."""
    audiences.revoke_feed(work, call.path["audience_feed_id"])


@route("POST", "/audience-feeds/<id:audience_feed_id>/rotate", answer=AudienceFeedOut, problems=(404,))
def rotate_audience_feed(work: Work, call: Call) -> AudienceFeedOut:
    """Give it a new address; the old one says for 30 days that it has ended."""
    return show(work, [audiences.rotate_feed(work, call.path["audience_feed_id"])])[0]
