"""Signing in by a one-time link, and out. The link's page has a button: scanners open links, and must not use them up."""

from __future__ import annotations

from flask import Response, g, make_response, redirect, request, url_for

from ...services import access
from .. import pages
from ..house import house, settings
from .desk import admin, cookie_name


@admin.get("/sign-in/<token>")
def sign_in_page(token: str) -> Response:
    """Shows a button; changes nothing."""
    with house().database.read() as db:
        good = access.link_is_good(db, token, house().clock())
    return pages.page("admin/sign_in.html", 200 if good else 404, good=good, token=token)


@admin.post("/sign-in/<token>")
def use_link(token: str) -> Response:
    """Use the link up: this browser is signed in, under a secret of its own."""
    secret = house().database.run(lambda db: access.use_link(db, token, house().clock()))
    if secret is None:
        return pages.page("admin/sign_in.html", 404, good=False, token=token)
    response = redirect(url_for("admin.start"), 303)
    _set_cookie(response, secret, int(access.LONGEST.total_seconds()))
    return response


@admin.post("/sign-out")
def sign_out() -> Response:
    """End this browser's session, here and in the database."""
    secret = request.cookies.get(cookie_name(), "")
    house().database.run(lambda db: access.sign_out(db, secret, house().clock()))
    response = redirect(url_for("admin.signed_out"), 303)
    _set_cookie(response, "", 0)
    return response


@admin.get("/signed-out")
def signed_out() -> Response:
    """What is left to say."""
    g.who = None
    response = make_response(pages.page("admin/signed_out.html", goodbye=True))
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return response


def _set_cookie(response: Response, value: str, seconds: int) -> None:
    secure = settings().base_url.startswith("https://")
    response.set_cookie(cookie_name(), value, max_age=seconds, httponly=True, samesite="Lax", secure=secure, path="/")
