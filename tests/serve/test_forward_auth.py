"""Questions as APISIX's `forward-auth` asks them of the decision service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.serve.live import KEYS, TOKEN, Live, configuration
from tests.serve.test_gateway import GOOD
from tests.serve.test_process import _kept


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A service that is started by the test."""
    made = Live(tmp_path)
    yield made
    if not made.running.done():
        made.stop()
    made.end()


APISIX = {
    "x-forwarded-proto": "http", "x-forwarded-method": "POST", "x-forwarded-host": "llm.example",
    "x-forwarded-uri": "/v1/chat/completions?x=1", "x-forwarded-for": "203.0.113.7",
    "x-wattlas-token": TOKEN, "authorization": f"Bearer {KEYS['plain']}",
}  # fmt: skip
"""What `forward-auth` of APISIX sends by its documentation, with the headers that it is told to."""


def test_the_question_of_apisix_as_it_is_documented(live: Live) -> None:
    """By GET without a body at /forward, by POST with the client's at /authz/: a 2xx with headers,
    or the error; what it forwards about the client changes nothing."""
    live.start()
    with closing(_kept(live)) as kept:
        for method, path, body in (
            ("GET", "/forward", None), ("POST", "/authz/v1/chat/completions", GOOD),
        ):  # fmt: skip
            kept.request(method, path, body, APISIX)
            got = kept.getresponse()
            got.read()
            assert got.status == 200
            told = {f"x-wattlas-{w}" for w in ("id", "region", "point", "model", "tier", "reason")}
            assert told <= {name.lower() for name, _ in got.getheaders()}
            kept.request(method, path, body, {**APISIX, "authorization": "Bearer sk-no"})
            got = kept.getresponse()
            assert (got.status, json.loads(got.read())["error"]["code"]) == (401, "invalid_api_key")


def test_of_several_models_a_header_names_the_one(live: Live) -> None:
    """Without it there is nothing to decide."""
    models = configuration({})["models"]
    live.start(models={**models, "other": models["llama"]})
    with closing(_kept(live)) as kept:
        for header, status in (({"x-model": "other"}, 200), ({}, 403)):
            kept.request("GET", "/forward", None, {**APISIX, **header})
            got = kept.getresponse()
            text = got.read()
            assert got.status == status
        assert json.loads(text)["error"]["code"] == "model_not_found"
