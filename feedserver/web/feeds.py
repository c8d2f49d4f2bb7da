"""Feeds of learners, and for others, over Flask, and robots.txt. Behind `wsgi:app` the gate answers feeds before Flask is asked; both call `feeding.answer`."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.datastructures import Headers

from ..services.audience_reading import AudienceReader
from ..services.feed_reading import FeedReader
from ..services.feeding import FeedRequest, accepts_gzip, answer
from . import house as parts

PREFIX, SUFFIX = "/feeds/", ".ics"
FOR_OTHERS = f"{PREFIX}for/"
_READER, _AUDIENCES = "feedserver.feeds", "feedserver.audience_feeds"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "MKCALENDAR"]
# Google's importer obeys robots.txt, so feeds stay open to it; X-Robots-Tag keeps them out of search engines.
_ROBOTS = "User-agent: *\nDisallow: /admin/\nDisallow: /api/\nDisallow: /dev/\nAllow: /\n"

blueprint = Blueprint("feeds", __name__)


def register(app: Flask) -> None:
    """Add the routes to an application that was given its parts."""
    house = app.extensions["feedserver.house"]
    app.extensions[_READER] = FeedReader(house.database, house.base_url)
    app.extensions[_AUDIENCES] = AudienceReader(house.database, house.base_url)
    app.register_blueprint(blueprint)


class Verbatim(Response):
    """Headers as given: Werkzeug would take Last-Modified from a 304 (and Content-Type, which it must not invent)."""

    default_mimetype = None
    automatically_set_content_length = False

    def get_wsgi_headers(self, environ: dict) -> Headers:
        """Nothing added, nothing removed."""
        return self.headers


@blueprint.route(f"{PREFIX}<token>{SUFFIX}", methods=_METHODS, provide_automatic_options=False)
def feed(token: str) -> Response:
    """A learner's feed (contract, Feeds)."""
    return _answered(token, _READER)


@blueprint.route(f"{FOR_OTHERS}<token>{SUFFIX}", methods=_METHODS, provide_automatic_options=False)
def audience_feed(token: str) -> Response:
    """A feed for others: a team's manager, an instructor, a room, a course, the organisation, open seats."""
    return _answered(token, _AUDIENCES)


def _answered(token: str, reader: str) -> Response:
    reply = answer(request_of(request.environ, token), parts.house().clock(), current_app.extensions[reader])
    return Verbatim(reply.body, reply.status, reply.headers)


@blueprint.get("/robots.txt")
def robots() -> Response:
    """What crawlers may read."""
    return Response(_ROBOTS, mimetype="text/plain", headers={"Cache-Control": "public, max-age=86400"})


def request_of(environ: dict, token: str) -> FeedRequest:
    """What of a WSGI environment matters to a feed."""
    get = environ.get
    return FeedRequest(
        environ["REQUEST_METHOD"],
        token,
        get("HTTP_IF_NONE_MATCH"),
        get("HTTP_IF_MODIFIED_SINCE"),
        accepts_gzip(get("HTTP_ACCEPT_ENCODING") or ""),
        get("HTTP_USER_AGENT") or "",
    )
