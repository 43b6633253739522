"""Exported weights in the gateways themselves: Envoy and LiteLLM load them and draw by them."""

from __future__ import annotations

import http.client
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import wattlas
from tests.fleets import binding_capacity
from wattlas.cli import run
from wattlas.studies.export.rounding import TOTAL, routes
from wattlas.studies.export.weights import Weights, weights

pytestmark = pytest.mark.gateways
SIGMAS = 5.0
"""Standard deviations that a count may be off: one draw in a million is."""
START_S = 20.0
CLASS, METRO = "A", "austin"


def program(name: str) -> Path:
    """A program of the extra `gateways`: of the environment in WATTLAS_GATEWAYS, or of this one."""
    given = os.environ.get("WATTLAS_GATEWAYS")
    found = shutil.which(name, path=str(Path(given or sys.prefix) / "bin"))
    if found is None:
        pytest.skip(f"no {name} in {given or sys.prefix}: the extra `gateways` is not installed")
    return Path(found)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet whose accelerators are scarce, so that tables split."""
    folder = tmp_path_factory.mktemp("fleet")
    binding_capacity(folder)
    return folder


@pytest.fixture(scope="module")
def hourly(fleet: Path) -> Weights:
    """Its tables by hour."""
    return weights(wattlas.load(fleet), by_hour=True)


def expected(table: Weights, hour: int) -> dict[str, float]:
    """Place → its share of the class and metro that the tests ask for."""
    own = routes(table.scenario, table.rules)[hour]
    (route,) = (r for r in own if r.klass == CLASS and METRO in r.metros)
    return {
        "/".join(p): w / TOTAL for p, w in zip(route.places, route.weights, strict=True)
    }  # fmt: skip


def within(counts: Mapping[str, int], shares: Mapping[str, float]) -> bool:
    """Whether counts of draws are within `SIGMAS` of what shares make likely."""
    n = sum(counts.values())
    return set(counts) <= set(shares) and all(
        abs(counts.get(place, 0) - n * p) <= SIGMAS * math.sqrt(n * p * (1 - p)) + 0.5
        for place, p in shares.items()
    )


def test_the_bound_tells_shares_apart() -> None:
    """Counts that a tenth of the requests is missing from are out of bounds, true ones within."""
    assert within({"a": 830, "b": 170}, {"a": 0.832, "b": 0.168})
    assert not within({"a": 730, "b": 270}, {"a": 0.832, "b": 0.168})
    assert not within({"c": 1}, {"a": 1.0})


class Server(BaseHTTPRequestHandler):
    """Answers with the name of the server, and the point that it was asked for."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet per answer: two would wait for each other's acknowledgement

    def do_GET(self) -> None:
        """One answer."""
        body = f"{self.server.label}/{self.headers['x-wattlas-point']}".encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def endpoints(fleet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A table of the addresses of one small server per region, on loopback."""
    servers = {}
    for region in wattlas.load(fleet).regions:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        server.daemon_threads = True
        server.label = region.id  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers[region.id] = server
    table = tmp_path_factory.mktemp("endpoints") / "endpoints.csv"
    rows = [f"{name},http://127.0.0.1:{s.server_port}" for name, s in servers.items()]
    table.write_text("\n".join(["region,url", *rows]) + "\n")
    yield table
    for server in servers.values():
        server.shutdown()
        server.server_close()


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Envoy:
    """A running Envoy, asked over one connection."""

    def __init__(self, folder: Path, port: int) -> None:
        options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
        self.process = subprocess.Popen(
            [program("envoy"), "-c", "envoy.yaml", *options], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def ask(self, headers: Mapping[str, str]) -> tuple[int, str, str]:
        """Status, body, and where the headers of the answer say that it was served."""
        self.connection.request("GET", "/v1/models", headers=dict(headers))
        answer = self.connection.getresponse()
        body = answer.read().decode()
        told = [answer.getheader(f"x-wattlas-{word}") or "" for word in ("region", "point")]
        return answer.status, body, "/".join(told)

    def wait(self) -> None:
        """Until it answers. What it says on stderr is the reason where it does not."""
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.ask({})[0] == 404:
                    return
            except OSError:
                self.connection.close()
                time.sleep(0.05)
        self.process.terminate()
        raise AssertionError(f"Envoy does not answer: {self.process.communicate(timeout=10)[1]}")

    def count(self, requests: int) -> Counter[str]:
        """Where so many requests of the tests' class and metro were served."""
        counts: Counter[str] = Counter()
        for _ in range(requests):
            status, body, told = self.ask({"x-wattlas-class": CLASS, "x-wattlas-metro": METRO})
            assert (status, body) == (200, told)
            counts[told] += 1
        return counts

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate(timeout=10)
        self.connection.close()


@pytest.fixture(scope="module")
def gateway(
    fleet: Path, endpoints: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Envoy, Path]]:
    """Envoy with the files of an export by hour, and their folder."""
    program("envoy")
    folder, port = tmp_path_factory.mktemp("gateway") / "envoy", free_port()
    told = ["--to", "envoy", "--by-hour", "--out", str(folder), "--endpoints", str(endpoints)]
    assert run(["export", "weights", str(fleet), *told, "--listen", f"127.0.0.1:{port}"]) == 0
    envoy = Envoy(folder, port)
    envoy.wait()
    yield envoy, folder
    envoy.stop()


def swap(folder: Path, hour: int) -> None:
    """Put the weights of an hour in place, as cron would."""
    env = {"WATTLAS_HOUR": f"{hour:02d}", "PATH": "/usr/bin:/bin"}
    subprocess.run([folder / "swap.sh"], env=env, check=True)


def test_traffic_through_envoy_follows_the_weights(
    gateway: tuple[Envoy, Path], hourly: Weights
) -> None:
    """Each place gets its share, its servers are told the point, and a swap needs no restart."""
    envoy, folder = gateway
    before, after = (expected(hourly, hour) for hour in (0, 3))
    assert min(before.values()) > 0.05
    assert len(after) == 3
    swap(folder, 0)
    time.sleep(0.5)  # the file is watched; its weights are live a few milliseconds later
    counts = envoy.count(1_500)
    assert within(counts, before), counts
    swap(folder, 3)
    time.sleep(0.5)
    counts = envoy.count(1_500)
    assert within(counts, after), counts
    assert not within(counts, before)


def test_what_has_no_weights_is_not_served(gateway: tuple[Envoy, Path]) -> None:
    """A class or a metro that is unknown gets 404, not somebody else's region."""
    envoy, _ = gateway
    for headers in (
        {},
        {"x-wattlas-class": "Z"},
        {"x-wattlas-class": CLASS, "x-wattlas-metro": "atlantis"},
        {"x-wattlas-class": "D", "x-wattlas-metro": "lyon"},
    ):
        status, body, _ = envoy.ask(headers)
        assert (status, body) == (404, "wattlas: no weights for this class and metro\n")


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_envoy_takes_a_single_file(ending: str, fleet: Path, tmp_path: Path) -> None:
    """A complete bootstrap, with TLS to its servers, is valid for Envoy."""
    envoy, file = program("envoy"), tmp_path / f"envoy.{ending}"
    told = ["--to", "envoy", "--out", str(file), "--endpoints", "https://{region}.example:8443"]
    assert run(["export", "weights", str(fleet), *told]) == 0
    checked = subprocess.run(
        [envoy, "--mode", "validate", "-c", str(file)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_envoy_refuses_the_part_that_is_not_served(
    fleet: Path, endpoints: Path, tmp_path: Path
) -> None:
    """Where the table leaves a part of a class unserved, that part gets 503, the rest is served."""
    program("envoy")
    file, port = tmp_path / "envoy.yaml", free_port()
    # A request of class D that is not served loses less than any place would cost.
    price = ["--set", "classes.D.unserved_usd_per_request=0.00001"]
    told = ["--to", "envoy", "--out", str(file), "--endpoints", str(endpoints)]
    assert run(["export", "weights", str(fleet), *price, *told,
                "--listen", f"127.0.0.1:{port}"]) == 0  # fmt: skip
    envoy = Envoy(tmp_path, port)
    envoy.wait()
    try:
        headers = {"x-wattlas-class": "D", "x-wattlas-metro": METRO}
        assert {envoy.ask(headers)[0] for _ in range(20)} == {503}
        assert envoy.ask({"x-wattlas-class": CLASS, "x-wattlas-metro": METRO})[0] == 200
    finally:
        envoy.stop()
