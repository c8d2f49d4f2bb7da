"""A file of a session over HTTP: put there by program, fetched by whoever has the link, saved and never run."""

from __future__ import annotations

import io
from urllib.parse import urlsplit

from tests.web.api.conftest import Api, api, app, clock, database

__all__ = ["api", "app", "clock", "database"]


def put(api: Api, session_id: int, name: str = "Plan & map.txt", data: bytes = b"Take the stairs.", status: int = 201, **options):
    sent = {"file": (io.BytesIO(data), name)}
    return api.call("POST", f"/sessions/{session_id}/files", status=status, data=sent, content_type="multipart/form-data", **options)


def test_a_file_is_put_listed_fetched_and_taken_away(api: Api):
    session = api.session()
    shown = put(api, session["id"]).json
    assert (shown["name"], shown["size"], shown["media_type"]) == ("Plan & map.txt", 16, "text/plain; charset=utf-8")
    path = urlsplit(shown["url"]).path
    fetched = api.client.get(path)
    assert fetched.data == b"Take the stairs." and fetched.headers["X-Content-Type-Options"] == "nosniff"
    assert fetched.headers["Content-Disposition"].startswith("attachment;") and "sandbox" in fetched.headers["Content-Security-Policy"]
    assert [one["id"] for one in api.get(f"/sessions/{session['id']}/files")["items"]] == [shown["id"]]
    api.call("DELETE", f"/sessions/{session['id']}/files/{shown['id']}", status=204)
    assert api.client.get(path).status_code == 404


def test_a_guessed_or_renamed_address_is_no_file(api: Api):
    path = urlsplit(put(api, api.session()["id"]).json["url"]).path
    folder, _, _name = path.rpartition("/")
    for wrong in (f"{folder}/other.html", path.replace("/files/", "/files/x"), f"/files/{'a' * 90}/x.txt"):
        assert api.client.get(wrong).status_code == 404


def test_once_even_when_asked_twice(api: Api):
    session = api.session()["id"]
    first = put(api, session, headers={"Idempotency-Key": "k"}).json
    assert put(api, session, headers={"Idempotency-Key": "k"}).json == first
    assert put(api, session, name="other.txt", status=409, headers={"Idempotency-Key": "k"}).json["field"] == "Idempotency-Key"
    assert len(api.get(f"/sessions/{session}/files")["items"]) == 1


def test_what_is_no_file_is_refused_in_words(api: Api):
    session = api.session()["id"]
    assert "not taken" in put(api, session, name="x.svg", status=422).json["detail"]
    assert (
        "field `file`"
        in api.call("POST", f"/sessions/{session}/files", status=422, data={}, content_type="multipart/form-data").json["detail"]
    )
    api.call("POST", f"/sessions/{session}/files", {"file": "x"}, status=415)
    assert "larger than 10 MiB" in put(api, session, data=b"x" * (10 * 1024 * 1024 + 1), status=422).json["detail"]
    put(api, session, data=b"x" * (12 * 1024 * 1024), status=413)
