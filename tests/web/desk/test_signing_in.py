"""Who comes in, how long they stay, and what a foreign page cannot do in their name."""

from __future__ import annotations

import pytest

from feedserver.services import access
from feedserver.settings import Settings
from feedserver.web import create_app
from tests.web.desk.conftest import SECRETS, Desk, writes


def test_without_a_sign_in_the_page_says_how_to_get_one(visitor: Desk):
    assert "python -m feedserver admin create" in visitor.get("/", 401)
    assert "Acme" not in visitor.get("/sessions", 401)


def test_scanners_that_open_the_link_do_not_use_it_up(visitor: Desk):
    link = visitor.do(lambda work: access.create_sign_in(work, "olga@example.org", "owner"))
    with visitor.statements() as told:
        for _ in range(3):
            visitor.get(f"/sign-in/{link}")
    assert writes(told) == []
    visitor.send(f"/sign-in/{link}", page=f"/sign-in/{link}")
    assert "Today" in visitor.get("/")


def test_a_link_signs_in_once_and_the_cookie_is_not_for_scripts_or_other_sites(visitor: Desk):
    link = visitor.do(lambda work: access.create_sign_in(work, "olga@example.org", "owner"))
    response = visitor.send(f"/sign-in/{link}", page=f"/sign-in/{link}")
    cookie = next(c for c in response.headers.getlist("Set-Cookie") if c.startswith("feedserver="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "no longer works" in visitor.get(f"/sign-in/{link}", 404)


def test_over_https_cookies_are_bound_to_the_host(desk: Desk, house, clock):
    settings = Settings(database_url=house.database.url, secret_keys=SECRETS, base_url="https://t.example")
    client = create_app(settings, house.database, clock).test_client()
    link = desk.do(lambda work: access.create_sign_in(work, "otto@example.org", "owner"))
    page = client.get(f"/sign-in/{link}", base_url="https://t.example")
    assert page.headers["Set-Cookie"].startswith("__Host-feedserver_form=") and "Secure" in page.headers["Set-Cookie"]


def test_signing_out_ends_the_session_in_the_database_too(desk: Desk):
    kept = desk.client.get_cookie("feedserver").value
    desk.send("/sign-out")
    desk.client.set_cookie("feedserver", kept)
    assert desk.client.get("/").status_code == 401


def test_after_twelve_idle_hours_one_is_out(desk: Desk):
    desk.clock.pass_by(hours=11)
    assert desk.client.get("/").status_code == 200
    desk.clock.pass_by(hours=13)
    assert desk.client.get("/").status_code == 401


def test_a_form_without_our_token_changes_nothing(desk: Desk):
    refused = desk.client.post("/courses/new", data={"name": "Forged"})
    assert refused.status_code == 400 and "Forged" not in desk.get("/courses")


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_form_from_another_site_is_refused_even_with_a_token(desk: Desk, headers):
    desk.client.environ_base.update({"HTTP_" + k.upper().replace("-", "_"): v for k, v in headers.items()})
    desk.send("/courses/new", 403, name="Forged")
    assert "Forged" not in desk.get("/courses")


def test_a_browser_that_hides_where_the_form_came_from_may_send_it(desk: Desk):
    desk.client.environ_base.update(HTTP_ORIGIN="null", HTTP_SEC_FETCH_SITE="same-origin")
    desk.send("/courses/new", name="Ours")
    assert "Ours" in desk.get("/courses")


def test_a_viewer_looks_but_changes_nothing(desk: Desk):
    session = desk.session("Mia")
    desk.sign_in("vera@example.org", "viewer")
    assert "Mia" in desk.get(f"/sessions/{session.id}")
    assert "New course" not in desk.get("/courses")
    desk.send(f"/sessions/{session.id}/calendar", 403, on="0")
    assert "Invitations on" in desk.get(f"/sessions/{session.id}")


def test_pages_carry_the_headers_of_their_class(desk: Desk):
    headers = desk.client.get("/").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
