"""The description is what the API does: schemathesis asks everything it allows and much that it does not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

from feedserver.settings import Settings
from feedserver.store.database import Database
from feedserver.web import create_app
from tests.support import databases
from tests.web.api.conftest import Api, Clock, a_session, open_house

# What no schema can say: an end before its start, a step without its course, an hour that a zone skips, a learner who is not there, a version long gone.
UNSAYABLE = (
    "POST /api/v1/sessions",
    "PATCH /api/v1/sessions/{session_id}",
    "POST /api/v1/sessions/{session_id}/cancel",
    "POST /api/v1/sessions/{session_id}/occurrences",
    "POST /api/v1/sessions/{session_id}/files",
    "POST /api/v1/sessions/{session_id}/publish",
    "POST /api/v1/courses/{course_id}/groups",
    "PUT /api/v1/sync/learners",
    "POST /api/v1/destinations",
    "POST /api/v1/destinations/collections",
    "PATCH /api/v1/destinations/{destination_id}",
    "POST /api/v1/webhooks",
    "PATCH /api/v1/webhooks/{webhook_id}",
    "POST /api/v1/courses/{course_id}/slots",
    "POST /api/v1/sessions/{session_id}/enrolments/bulk",
    "POST /api/v1/certificate-kinds/{certificate_kind_id}/awards",
    "POST /api/v1/certificates",
    "POST /api/v1/onboarding-plans",
    "PATCH /api/v1/onboarding-plans/{plan_id}",
    "POST /api/v1/onboardings",
    "PATCH /api/v1/onboardings/{onboarding_id}",
)
ALSO = {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "404", "409", "412", "422"]}}


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[Api]:
    """A house with one of everything."""
    url = databases.sqlite_copy(tmp_path_factory.mktemp("described") / "feedserver.db")
    database, clock = Database(url), Clock()
    app = create_app(Settings(database_url=url, secret_keys=("k" * 32,)), database, clock)
    api = open_house(app, database, clock, "Acme")
    ada, course = api.learner(), api.course()
    group = api.post(f"/courses/{course['id']}/groups", {"name": "G", "learner_ids": [ada["id"]]})
    api.post("/sessions", a_session(course_id=course["id"], group_id=group["id"]))
    yield api
    database.close()


class Quiet(WSGIRequestHandler):
    """Keeps connections open and says nothing."""

    protocol_version = "HTTP/1.1"

    def log(self, *_args: object) -> None:
        """No access log."""


@pytest.fixture(scope="module")
def address(house: Api) -> Iterator[str]:
    """Where it is served."""
    server = make_server("127.0.0.1", 0, house.client.application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def document(house: Api) -> dict:
    return house.client.get("/api/v1/openapi.json").json


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_call_does_what_its_description_says(house, address):
    config = SchemathesisConfig.from_dict(
        {
            "base-url": address,
            "headers": {"Authorization": f"Bearer {house.token}"},
            "generation": {"max-examples": 5, "deterministic": True},
            "phases": {"stateful": {"enabled": False}, "coverage": {"unexpected-methods": ["PUT", "TRACE"]}},
            "operations": [{"include-name": name, "checks": ALSO} for name in UNSAYABLE],
        }
    )
    found, asked = [], 0
    described = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", config=config)
    for event in from_schema(described).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), vars(event)
        if isinstance(event, events.ScenarioFinished):
            asked += len(event.recorder.cases)
            checks = [check for checks in event.recorder.checks.values() for check in checks]
            found += [f"{event.label}: {check.name}: {check.failure_info.failure}" for check in checks if check.failure_info]
    assert found == [] and asked > 5000


def test_every_call_is_described_once_with_words(house, document):
    assert document["openapi"].startswith("3.1")
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) >= 40
    for one in operations:
        assert one["summary"] and {"401", "422"} <= set(one["responses"])
    rules = house.client.application.url_map.iter_rules()
    ours = {rule.endpoint.removeprefix("api.") for rule in rules if rule.endpoint.startswith("api.")}
    assert ours - {one["operationId"] for one in operations} == {"openapi", "docs"}


def test_the_examples_of_the_description_work(house, document):
    paths = {"NewLearner": "/learners", "NewCourse": "/courses", "NewSession": "/sessions", "NewGroup": "/courses/1/groups"}
    for name, path in paths.items():
        example = json.dumps(document["components"]["schemas"][name]["example"])
        assert house.post(path, json.loads(example.replace("ada@", "example@").replace("Night shift", "Day shift")))["id"]


def test_the_documentation_needs_no_foreign_host_and_no_script(house):
    page = house.client.get("/api/v1/docs")
    assert page.status_code == 200 and "<script" not in page.text and "POST" in page.text
    assert not [link for link in re.findall(r'(?:href|src)="([^"]+)"', page.text) if not link.startswith(("/", "#"))]
    style = re.search(r'rel="stylesheet" href="([^"]+)"', page.text).group(1)
    assert house.client.get(style).status_code == 200
