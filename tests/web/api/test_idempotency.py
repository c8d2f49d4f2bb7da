"""A POST with an Idempotency-Key acts once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

ADA = {"email": "ada@example.org", "name": "Ada"}


def test_a_repeated_post_gets_the_first_answer(api):
    first = api.call("POST", "/learners", ADA, 201, headers={"Idempotency-Key": "k1"})
    again = api.call("POST", "/learners", {"name": "Ada", "email": "ada@example.org"}, 201, headers={"Idempotency-Key": "k1"})
    assert again.data == first.data and again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true" and len(api.get("/learners")["items"]) == 1


def test_a_key_is_for_one_request(api):
    api.post("/learners", ADA, headers={"Idempotency-Key": "k1"})
    for path, body in (("/learners", {**ADA, "name": "Eve"}), ("/courses", {"name": "C"})):
        assert api.post(path, body, 409, headers={"Idempotency-Key": "k1"})["field"] == "Idempotency-Key"
    assert api.post("/learners", ADA, 422, headers={"Idempotency-Key": "a b"})["field"] == "Idempotency-Key"


def test_a_refusal_is_not_kept(api):
    ada = api.learner("Ada")
    api.post("/learners", ADA, 409, headers={"Idempotency-Key": "k1"})
    api.call("DELETE", f"/learners/{ada['id']}", status=204)
    assert api.post("/learners", ADA, 201, headers={"Idempotency-Key": "k1"})["id"] != ada["id"]


def test_a_key_is_forgotten_after_a_day(api, clock):
    api.post("/courses", {"name": "C"}, headers={"Idempotency-Key": "k1"})
    clock.pass_by(hours=25)
    assert api.post("/courses", {"name": "D"}, headers={"Idempotency-Key": "k1"})["name"] == "D"


def test_two_organisations_may_choose_the_same_key(api, other):
    mine = api.post("/courses", {"name": "C"}, headers={"Idempotency-Key": "k1"})
    assert other.post("/courses", {"name": "C"}, headers={"Idempotency-Key": "k1"})["id"] != mine["id"]


def test_twenty_at_once_act_once(api):
    def post(_):
        client = api.client.application.test_client()
        headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": "k1"}
        return client.post("/api/v1/courses", json={"name": "C"}, headers=headers)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))
    assert {a.status_code for a in answers} == {201} and len({a.data for a in answers}) == 1
    assert len(api.get("/courses")["items"]) == 1
