"""B8: what a foreign page, an old cookie or a role that may not could do at the desk: nothing."""

from __future__ import annotations

from .front import Asked

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
NEW = {"name": "Eve", "email": "eve@example.org"}
DENIED = (302, 303, 400, 401, 403, 404)


def form(name: str, status=DENIED, path: str = "/learners/new", who: str = "owner", csrf: bool = False, **request) -> Asked:
    return Asked(name, "POST", path, status, who, csrf, request={"data": NEW, **request})


def theirs(number: str, path: str) -> Asked:
    return Asked(f"{number} theirs: {path}", "GET", lambda f: path.format(**f.theirs), 404, "owner")


def shown(name: str, path: str) -> Asked:
    return Asked(name, "GET", path, (200, 400, 404, 422), "owner")


CASES = [
    form("01 no token", 400),
    form("02 a wrong token", 400, data={**NEW, "csrf_token": "wrong"}),
    Asked("03 the token of another", "POST", "/learners/new", 400, "owner", request=lambda f: {"data": {**NEW, "csrf_token": f.viewer.client.get("/").text[-50:]}}),
    Asked("04 a token in a GET", "GET", "/learners/new?csrf_token=x&name=Eve&email=eve@example.org", 200, "owner"),
    form("05 from a foreign page", (400, 403), csrf=True, headers={"Origin": "https://evil.example"}),
    form("06 from nowhere, without a token", 400, headers={"Origin": "null"}),
    form("07 cross-site", (400, 403), csrf=True, headers={"Sec-Fetch-Site": "cross-site"}),
    Asked("08 another method in a header", "GET", "/learners/new", 200, "owner", request={"headers": {"X-HTTP-Method-Override": "POST"}, "data": NEW}),
    Asked("09 JSON for a form", "POST", "/learners/new", 400, "owner", request={"json": NEW}),
    Asked("10 a cookie made up", "GET", "/learners", 401, request={"headers": {"Cookie": "feedserver=" + "a" * 43, "Accept": "text/html"}}),
    Asked("11 a cookie of 100 kB", "GET", "/learners", 401, request={"headers": {"Cookie": "feedserver=" + "a" * 100_000, "Accept": "text/html"}}),
    Asked("12 two cookies", "GET", "/learners", 401, request={"headers": {"Cookie": "feedserver=a; feedserver=b", "Accept": "text/html"}}),
    Asked("13 a cookie of NUL", "GET", "/learners", 401, request={"headers": {"Cookie": "feedserver=%00", "Accept": "text/html"}}),
    Asked("14 a cookie of quotes", "GET", "/learners", 401, request={"headers": {"Cookie": 'feedserver="\';--"', "Accept": "text/html"}}),
    Asked("15 nobody", "GET", "/learners", 401, request={"headers": {"Accept": "text/html"}}),
    form("16 nobody sends a form", (400, 401, 403), who="nobody"),
    Asked("17 a sign-in link made up", "GET", "/sign-in/" + "a" * 60, 404),
    Asked("18 a sign-in link of another kind", "GET", lambda f: f"/sign-in/{f.feed}", 404),
    Asked("19 a sign-in link, pressed", "POST", "/sign-in/" + "a" * 60, (400, 404)),
    Asked("20 another Host has no cookie", "GET", "/", 401, "owner", request={"headers": {"Host": "evil.example"}}),
    form("21 a viewer adds a learner", 403, who="viewer", csrf=True),
    form("22 a viewer cancels", 403, "/sessions/1/cancel", "viewer", True, data={"reason": "x"}),
    form("23 a viewer makes a token", 403, "/settings/tokens", "viewer", True, data={"name": "x"}),
    form("24 a viewer makes an owner", 403, "/settings/sign-ins", "viewer", True, data={"email": "v@example.org", "role": "owner"}),
    theirs("25", "/learners/{learner}"),
    theirs("26", "/learners/{learner}/edit"),
    theirs("27", "/sessions/{session}"),
    theirs("28", "/sessions/{session}/edit"),
    theirs("29", "/sessions/{session}/attendance"),
    theirs("30", "/sessions/{session}/history"),
    Asked("31 a role that is none", "POST", "/settings/sign-ins", (400, 422), "owner", True, request={"data": {"email": "v@example.org", "role": "god"}}),
    shown("32 a script in a search", f"/learners?q={EVIL}"),
    shown("33 a script in a filter", f"/mail/in?outcome={EVIL}"),
    shown("34 a script in a month", f"/calendar?month={EVIL}"),
    shown("35 a script in a path", f"/learners/{EVIL}"),
    shown("36 a script in a report", f"/reports/{EVIL}"),
    shown("37 a script in a page number", f"/sessions?cursor={EVIL}"),
]  # fmt: skip
