"""B7: addresses of feeds and answers, guessed, mangled, scanned and pressed twice: 404 without a hint, and looking changes nothing."""

from __future__ import annotations

from .front import Asked

LOOKS, GONE = (200, 304), 404
# Sent back to the page, which says that it was out of date.
UNHEARD = (303, 400, 409, 422)
BROWSERS = {
    "30 SafeLinks": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SafeLinks",
    "31 Googlebot": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "32 a preview": "WhatsApp/2.23",
    "34 a scanner that runs scripts": "Mozilla/5.0 HeadlessChrome/130.0",
}


def feed(name: str, path, status, method: str = "GET", **request) -> Asked:
    return Asked(name, method, lambda f: f"/feeds/{path(f.feed)}.ics", status, request=request)


def swapped(token: str, at: int) -> str:
    """One letter another; the last is left alone, since its low bits may say nothing."""
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def answer(name: str, status, method: str = "POST", path=lambda f: f"/rsvp/{f.rsvp}", **request) -> Asked:
    return Asked(name, method, path, status, request=request)


CASES = [
    Asked("01 a random token", "GET", "/feeds/bm90IGEgdG9rZW4gYXQgYWxsLCBhdCBhbGw.ics", GONE),
    *(feed(f"02 letter {at} changed", lambda t, at=at: swapped(t, at), GONE) for at in (0, 1, 5, 11, 17, 23, 29)),
    feed("03 an equals sign", lambda t: t + "=", GONE),
    feed("04 upper case", lambda t: t.upper(), GONE),
    feed("05 cut short", lambda t: t[:-4], GONE),
    feed("06 10 kB", lambda t: t + "a" * 10_000, (GONE, 414)),
    feed("07 NUL", lambda t: t + "%00", GONE),
    feed("08 up a folder", lambda t: f"x/../{t}", GONE),
    feed("09 encoded twice", lambda t: t.replace("-", "%252D") + "%252E", GONE),
    Asked("10 revoked", "GET", lambda f: f"/feeds/{f.old_feed}.ics", 200),
    Asked("11 revoked, and known", "GET", lambda f: f"/feeds/{f.old_feed}.ics", LOOKS, request={"headers": {"If-None-Match": "*"}}),
    Asked("12 a token of another kind", "GET", lambda f: f"/feeds/{f.my}.ics", GONE),
    Asked("13 no token", "GET", "/feeds/.ics?token=", GONE),
    feed("14 POST", lambda t: t, 405, "POST", data=b"x"),
    feed("15 PUT", lambda t: t, 405, "PUT", data=b"x"),
    feed("16 DELETE", lambda t: t, 405, "DELETE"),
    feed("17 TRACE", lambda t: t, 405, "TRACE"),
    feed("18 OPTIONS of a foreign page", lambda t: t, (200, 204, 405), "OPTIONS", headers={"Origin": "https://evil.example"}),
    feed("19 HEAD", lambda t: t, 200, "HEAD"),
    feed("20 a range", lambda t: t, (200, 206), headers={"Range": "bytes=0-0"}),
    feed("21 a bomb of codings", lambda t: t, 200, headers={"Accept-Encoding": "gzip, " * 1000}),
    feed("22 another Host", lambda t: t, 200, headers={"Host": "evil.example"}),
    feed("23 another forwarded Host", lambda t: t, 200, headers={"X-Forwarded-Host": "evil.example"}),
    feed("24 a forged address", lambda t: t, 200, headers={"X-Forwarded-For": "127.0.0.1"}),
    Asked("25 the whole URI", "GET", lambda f: f"http://evil.example/feeds/{f.feed}.ics", 200),
    feed("26 HTTP/1.0", lambda t: t, 200, environ_overrides={"SERVER_PROTOCOL": "HTTP/1.0"}),
    feed("27 a header of 100 kB", lambda t: t, (200, 431), headers={"X-Long": "a" * 100_000}),
    feed("28 If-None-Match of 10 kB", lambda t: t, 200, headers={"If-None-Match": '"' + "a" * 10_000 + '"'}),
    feed("29 If-Modified-Since of no time", lambda t: t, 200, headers={"If-Modified-Since": "yesterday"}),
    *(answer(name, 200, "GET", headers={"User-Agent": agent}) for name, agent in BROWSERS.items()),
    answer("33 HEAD", 200, "HEAD"),
    answer("35 pressed without a nonce", UNHEARD, data={"answer": "no"}),
    answer("36 pressed with an old nonce", UNHEARD, data={"answer": "no", "nonce": "old"}),
    answer("37 one-click by a mail program", UNHEARD, data={"List-Unsubscribe": "One-Click"}),
    answer("38 an answer in the address", 200, "GET", path=lambda f: f"/rsvp/{f.rsvp}?answer=no"),
    answer("39 changed token", GONE, "GET", path=lambda f: f"/rsvp/{swapped(f.rsvp, 3)}"),
    answer("40 no such answer", UNHEARD, data={"answer": "foo", "nonce": "x"}),
    answer("41 JSON", UNHEARD, json={"answer": "no"}),
    answer("42 PUT", 405, "PUT", data=b"no"),
    Asked("43 next=javascript:", "GET", lambda f: f"/my/{f.my}?next=javascript:alert(1)", 200),
    Asked("44 next=//evil", "GET", lambda f: f"/rsvp/{f.rsvp}?next=//evil.example", 200),
    Asked("45 a feed's token for a page", "GET", lambda f: f"/my/{f.feed}", GONE),
    Asked("46 an answer's token for a page", "GET", lambda f: f"/my/{f.rsvp}", GONE),
]
