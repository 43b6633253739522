"""What the ports say of themselves, held against them by a tool that others wrote: no answer is a
server's error, each conforms to its description, and nothing is served that is not described."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.live import KEYS, TOKEN, Live
from wattlas.serve.decisions_api import PATHS
from wattlas.serve.gateway.endpoints import ENDPOINTS

EXAMPLES = 8
HEADERS = {
    "gateway": {"authorization": f"Bearer {KEYS['plain']}"},
    "decisions": {"x-wattlas-token": TOKEN, "authorization": f"Bearer {KEYS['plain']}"},
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with two regions."""
    made = Live(tmp_path_factory.mktemp("openapi"))
    made.start()
    yield made
    made.stop()
    made.end()


def described(live: Live, port: str) -> dict[str, Any]:
    """The description that a port gives."""
    host = live.service.addresses[port].removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", "/openapi.json", headers=HEADERS[port])
    answer = connection.getresponse()
    assert answer.status == 200
    made = json.loads(answer.read())
    connection.close()
    return dict(made)


def test_what_is_served_is_described(live: Live) -> None:
    """Both are made from one table; nobody reads them without a key."""
    paths = {path.decode() for path in ENDPOINTS}
    assert set(described(live, "gateway")["paths"]) == {*paths, "/v1/models", "/openapi.json"}
    told = {path.decode() for path in PATHS} | {f"/authz{path}" for path in paths} | {"/forward"}
    made = described(live, "decisions")
    assert set(made["paths"]) == told
    question = made["paths"]["/decide"]["post"]["requestBody"]["content"]["application/json"]
    assert question["schema"]["properties"]["tenant"]["enum"] == list(KEYS)
    for port in HEADERS:
        host = live.service.addresses[port].removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("GET", "/openapi.json")
        assert connection.getresponse().status == 401
        connection.close()


@pytest.mark.acceptance
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("port", HEADERS)
def test_answers_conform(live: Live, port: str) -> None:
    """Of requests that fit the description, and of those that do not."""
    schemathesis = pytest.importorskip("schemathesis")
    made = described(live, port)
    schema = schemathesis.openapi.from_dict(made)
    schema.config.base_url = live.service.addresses[port]
    modes = schemathesis.GenerationMode
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        tried += conforms(operation, modes.POSITIVE, HEADERS[port])
        if operation.body:
            tried += conforms(operation, modes.NEGATIVE, HEADERS[port])
    assert tried >= EXAMPLES * len(made["paths"])


def conforms(operation: Any, mode: Any, headers: dict[str, str]) -> int:
    """Try an operation with some requests; how many they were."""
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import CHECKS

    counted = operation.path == "/settle"  # what makes no sense there is counted, not refused
    left_out = [CHECKS.get_one("negative_data_rejection")] if counted else []
    bounds = settings(
        max_examples=EXAMPLES, phases=[Phase.generate], deadline=None, database=None,
        suppress_health_check=list(HealthCheck), derandomize=True,
    )  # fmt: skip
    tried = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @bounds
    def one(case: Any) -> None:
        nonlocal tried
        tried += 1
        answer = case.call(headers=headers, timeout=10)
        case.validate_response(answer, excluded_checks=left_out, headers=headers)

    one()
    return tried
