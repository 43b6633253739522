"""The live plane: deciding, the embedded gateway, and the service behind Envoy, in CPU time.

Every server is a process of its own on loopback; what counts is the CPU time that it took per
request, which other work on the machine does not change. Envoy is taken from the environment that
WATTLAS_GATEWAYS names, where there is one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil

from benchmarks.registry import Benchmark, Figure, RunOptions

SIZES = {"small": 2_000, "usual": 20_000, "large": 60_000}
"""Requests of each phase."""
CLIENTS = 32
KEY = "sk-benchmark"
DECIDE_US = 5.0
BEHIND_US = 30.0
BOTH_US = 130.0
START_S = 30.0
WORDS = "The quick brown fox jumps over the lazy dog. " * 20
BODY = json.dumps(
    {"model": "llama", "messages": [{"role": "user", "content": WORDS}]}, separators=(",", ":")
).encode()
"""Written as OpenAI's client does, without blanks."""
ANSWER = json.dumps(
    {
        "id": "c", "object": "chat.completion", "created": 1, "model": "llama-70b",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 200, "total_tokens": 400},
    }
).encode()  # fmt: skip


class StubProtocol(asyncio.Protocol):
    """Answers every request with the same body, and the model that it names."""

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.index(b"content-length:") + 15
            size = int(head[at:].split(b"\r\n", 1)[0])
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[: end + 4 + size], self.buffer[end + 4 + size :]
            small = b'"llama-8b"' in body
            text = ANSWER.replace(b"llama-70b", b"llama-8b") if small else ANSWER
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(text), text)
            )


async def stub() -> None:
    """Serve until killed; the port is on stdout."""
    server = await asyncio.get_running_loop().create_server(StubProtocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Client(asyncio.Protocol):
    """Sends a request whenever the last one is answered, and counts by tier."""

    def __init__(self, text: bytes, left: list[int], done: asyncio.Future[None]) -> None:
        self.text, self.left, self.done = text, left, done
        self.low = 0

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport, self.buffer = transport, b""
        self.send()

    def send(self) -> None:
        """The next request, or the end."""
        if self.left[0] <= 0:
            self.transport.close()
            return
        self.left[0] -= 1
        self.transport.write(self.text)

    def data_received(self, data: bytes) -> None:
        """Take an answer."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        size = int(head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + size:
            return
        if b" 200 " not in head[:16]:
            self.done.set_exception(AssertionError(self.buffer[:500]))
        self.low += b"x-wattlas-tier: degraded" in head
        self.buffer = b""
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """One client less."""
        self.left[1] -= 1
        if self.left[1] == 0 and not self.done.done():
            self.done.set_result(None)


async def load(port: int, requests: int) -> tuple[float, int]:
    """(requests per second, how many were degraded)."""
    loop = asyncio.get_running_loop()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )
    left, done = [requests, CLIENTS], loop.create_future()
    began = time.perf_counter()
    clients = [Client(head.encode() + BODY, left, done) for _ in range(CLIENTS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await done
    return requests / (time.perf_counter() - began), sum(client.low for client in clients)


def files(folder: Path, port: int) -> Path:
    """Configuration and schedule of one region that serves both models."""
    place = {"region": "oslo", "point": "large"}
    issued = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    schedule = {
        "format": "wattlas-schedule-1", "epoch": 1, "classes": [{"id": "chat"}],
        "points": {"large": {"variant": "llama-70b", "decode_j_per_token": 4.0},
                   "small": {"variant": "llama-8b", "decode_j_per_token": 0.5}},
        "regions": {"oslo": {"pue": 1.1}}, "usual": {"lagos": {"chat": place}},
        "hours": [{"issued_utc": issued, "hold_s": 86400.0, "threshold_usd": {"chat": 1e-4},
                   "sets": [{"metro": "lagos", "class": "chat", "full": [place],
                             "degraded": [{"region": "oslo", "point": "small"}],
                             "saving_usd": 2e-4}],
                   "signals": {"oslo": {"price_usd_per_mwh": 50.0, "average_g_per_kwh": 30.0}}}],
    }  # fmt: skip
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    config = {
        "schedule": "schedule.json", "metro": "lagos", "gateway": {"listen": "127.0.0.1:0"},
        "decisions": {"socket": "decisions.sock"}, "access_log": "access.log",
        "upstreams": {"oslo": {"url": f"http://127.0.0.1:{port}"}},
        "models": {"llama": {"class": "chat"}},
        "contracts": {"green": {"share_max": "3/20", "window": "all"}},
        "tenants": {"acme": {"keys_sha256": [digest], "contract": "green"}},
    }  # fmt: skip
    (folder / "schedule.json").write_text(json.dumps(schedule))
    (folder / "serve.yaml").write_text(json.dumps(config))
    return folder / "serve.yaml"


@contextmanager
def process(
    *command: object, lines: int, cwd: Path | None = None
) -> Iterator[tuple[psutil.Process, list[str]]]:
    """A process, and so many lines of its stdout, after which it is ready."""
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=Path(__file__).parent.parent,
    ) as started:  # fmt: skip
        try:
            assert started.stdout is not None
            yield (
                psutil.Process(started.pid),
                [started.stdout.readline().strip() for _ in range(lines)],
            )
        finally:
            started.terminate()


def cpu_us(running: psutil.Process, since: float, requests: int) -> float:
    """CPU µs per request since a reading."""
    return (spent(running) - since) / requests * 1e6


def spent(running: psutil.Process) -> float:
    """CPU seconds of a process so far."""
    times = running.cpu_times()
    return float(times.user + times.system)


def deciding(requests: int) -> Figure:
    """decide + settle in process, the best of five."""
    from tests.serve.toys import KEY as ACCOUNT
    from tests.serve.toys import NOON_S, book, table
    from wattlas.serve.decision import Asked, End, Facts, Outcome, decide, settle

    routing, best = table(), float("inf")
    for run in range(5):
        ledger = book(Fraction(3, 20))
        ledger.window(*ACCOUNT, NOON_S)
        began = time.process_time()
        for n in range(requests):
            facts = Facts(f"{run}-{n}", *ACCOUNT, "lagos", "chat", Asked.AUTO, NOON_S)
            decision = decide(facts, routing, ledger)
            assert decision is not None
            outcome = Outcome(End.WHOLE, decision.place, decision.degraded, NOON_S)
            settle(ledger, facts.id, outcome)
        best = min(best, (time.process_time() - began) / requests * 1e6)
    return Figure("decide + settle, in process", best, unit="µs", target=DECIDE_US)


def run(options: RunOptions) -> Sequence[Figure]:
    """CPU of each part, and what Envoy takes as a plain proxy in the same run."""
    requests = SIZES[options.size]
    figures = [deciding(requests)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with process(sys.executable, __file__, "stub", lines=1) as (_, (port,)):
            config = files(folder, int(port))
            figures += with_servers(folder, config, int(port), requests)
    return figures


def with_servers(folder: Path, config: Path, port: int, requests: int) -> list[Figure]:
    """The gateway by itself, then Envoy as a plain proxy and with decisions."""
    command = (sys.executable, "-c", "from wattlas.cli import main; main()", "serve", config)
    figures = []
    with process(*command, lines=2) as (service, addresses):
        gateway = int(addresses[0].rpartition(":")[2])
        asyncio.run(load(gateway, 500))
        before = spent(service)
        rate, low = asyncio.run(load(gateway, requests))
        ours = cpu_us(service, before, requests)
        memory = service.memory_info().rss / 2**20
        envoy = envoy_program()
        plain = None if envoy is None else plain_envoy(envoy, folder, port, requests)
        figures.append(
            Figure("gateway, 1 KB chat", ours, unit="µs CPU", other=plain,
                   other_name="Envoy, plain proxy",
                   note=f"{rate:,.0f} requests/s, {low:,} of {requests:,} degraded")
        )  # fmt: skip
        figures.append(Figure("memory of the service", memory, unit="MiB", target=80.0))
        if envoy is not None:
            figures += behind_envoy(envoy, folder, config, service, requests)
    return figures


def envoy_program() -> str | None:
    """Envoy of the environment of gateways."""
    given = os.environ.get("WATTLAS_GATEWAYS")
    return shutil.which("envoy", path=str(Path(given or sys.prefix) / "bin"))


@contextmanager
def envoy_on(envoy: str, file: Path, port: int) -> Iterator[psutil.Process]:
    """Envoy with a configuration, once it listens."""
    options = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error",
               "--file-flush-interval-msec", "50")  # fmt: skip
    with process(envoy, "-c", file, *options, lines=0) as (running, _):
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            try:
                asyncio.run(load(port, 200))
                break
            except OSError:
                time.sleep(0.05)
        yield running


def plain_envoy(envoy: str, folder: Path, port: int, requests: int) -> float:
    """CPU µs per request of Envoy as a plain proxy to the same servers."""
    from wattlas.model.endpoints import Address
    from wattlas.studies.export.envoy import cluster, socket_address

    types = "type.googleapis.com/envoy.extensions.filters"
    listen = free_port()
    manager = {
        "@type": f"{types}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "plain",
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": f"{types}.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": "stub"}}]}]},
    }  # fmt: skip
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager",
                          "typed_config": manager}]}  # fmt: skip
    whole = {"static_resources": {
        "listeners": [{"name": "l", "address": socket_address("127.0.0.1", listen),
                       "filter_chains": [chain]}],
        "clusters": [cluster("stub", Address("127.0.0.1", port, False))]}}  # fmt: skip
    file = folder / "plain.json"
    file.write_text(json.dumps(whole))
    with envoy_on(envoy, file, listen) as running:
        before = spent(running)
        asyncio.run(load(listen, requests))
        return cpu_us(running, before, requests)


def behind_envoy(
    envoy: str, folder: Path, config: Path, service: psutil.Process, requests: int
) -> list[Figure]:
    """CPU µs per request of the service, and of both together; the share must be exact."""
    from wattlas.serve.config import read_config
    from wattlas.serve.schedule import read_schedule
    from wattlas.studies.export.live_envoy import live_bootstrap

    read, listen = read_config(config), free_port()
    schedule = read_schedule(read.schedule_path)
    made = live_bootstrap(read, schedule, f"127.0.0.1:{listen}", time.time())
    file = folder / "live.json"
    file.write_text(json.dumps(made))
    with envoy_on(envoy, file, listen) as running:
        before, ours = spent(running), spent(service)
        rate, low = asyncio.run(load(listen, requests))
        time.sleep(0.5)
        own, other = cpu_us(service, ours, requests), cpu_us(running, before, requests)
    note = f"{rate:,.0f} requests/s, {low:,} of {requests:,} degraded"
    return [
        Figure("behind Envoy, the service", own, unit="µs CPU", target=BEHIND_US),
        Figure("behind Envoy, both", own + other, unit="µs CPU", target=BOTH_US, note=note),
    ]


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


BENCHMARK = Benchmark(
    name="live",
    tells="CPU time per request of deciding, of the gateway, and of the service behind Envoy",
    sizes=tuple(SIZES),
    run=run,
    usual="usual",
)

if __name__ == "__main__":
    asyncio.run(stub())
