"""What a process lives through: places that cannot be reached, many idle clients, no descriptors
left, a store that only reads, files that change under load, a loop that is held, keys revoked."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.serve.live import (
    ADMIN,
    KEYS,
    TOKEN,
    Asking,
    Live,
    Stub,
    answer,
    chunk,
    configuration,
    digest,
    events,
    head,
    schedule,
)  # fmt: skip
from tests.serve.test_gateway import GOOD, post
from tests.serve.test_promise import burst
from tests.serve.test_service import call

ROOT = Path(__file__).resolve().parents[2]
IDLE = 500


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Servers of models; the service is started by the test."""
    made = Live(tmp_path)
    yield made
    if not made.running.done():
        made.stop()
    made.end()


def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def unreachable(kind: str) -> tuple[str, list[socket.socket]]:
    """An address that nobody answers at, and what makes it so."""
    if kind == "no such name":
        return "http://oslo.invalid:8000", []
    held = [socket.socket()]
    held[0].bind(("127.0.0.1", 0))
    port = held[0].getsockname()[1]
    if kind == "nothing comes back":  # a queue that is full takes no further connection
        held[0].listen(0)
        for _ in range(4):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
            held.append(each)
    return f"http://127.0.0.1:{port}", held


@pytest.mark.parametrize("kind", ["refused", "no such name", "nothing comes back"])
def test_a_region_that_cannot_be_reached_is_passed_over(live: Live, kind: str) -> None:
    """Within the time for a connection; where none is left there is one error, and one row each."""
    url, held = unreachable(kind)
    urls = {region: {"url": stub.url} for region, stub in live.stubs.items()}
    limits = {"connect_s": 0.3, "first_byte_s": 5.0, "drain_s": 2.0}
    live.start(upstreams={**urls, "oslo": {"url": url}}, limits=limits)
    began = time.monotonic()
    for _ in range(6):
        assert post(live, GOOD, KEYS["plain"]).status == 200
    assert time.monotonic() - began < 6
    assert {row.region for row in live.settled()} == {"austin"}
    live.stop()
    live.start(upstreams={"oslo": {"url": url}, "austin": {"url": url}}, limits=limits)
    got = post(live, GOOD, KEYS["plain"])
    assert got.status in (502, 504)
    assert json.loads(got.text)["error"]["code"] == "upstream_unavailable"
    rows = live.settled()
    assert len(rows) == 7
    assert rows[-1].end == "failed"
    for each in held:
        each.close()


def test_idle_connections_stop_nobody(live: Live) -> None:
    """Five hundred that say nothing: others are answered, and memory stays small."""
    live.start()
    host, port = live.url.removeprefix("http://").split(":")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = [socket.create_connection((host, int(port)), timeout=10) for _ in range(IDLE)]
    assert burst(live, 5, "default") == ["full"] * 5
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 50 * IDLE  # both ends are in this process
    for each in held:
        each.close()


def test_as_many_descriptors_as_allowed() -> None:
    """A service that is started with few descriptors takes all that it may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = subprocess.run(
        [sys.executable, "-c", LOOKS, str(most)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.split()
    assert told == ["256", str(most), str(most)]


LOOKS = """
import resource, sys
from wattlas.serve.run import main

async def look():
    print(*resource.getrlimit(resource.RLIMIT_NOFILE))

resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], end=" ")
main(look())
"""


class Served:
    """A service in a process of its own."""

    def __init__(self, config: Path, descriptors: int) -> None:
        self.log = (config.parent / "log.txt").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from wattlas.cli import main; main()", "serve", config],
            stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=ROOT, env=dict(os.environ),
        )  # fmt: skip
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().split() for _ in range(3)]
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.ports = {name: int(url.rpartition(":")[2]) for name, url in lines}

    def ask(self, port: str, head: str, body: bytes = b"") -> bytes:
        """All that comes back; empty where the connection is closed without an answer."""
        with socket.create_connection(("127.0.0.1", self.ports[port]), timeout=10) as connection:
            text = f"{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(text.encode() + body)
            got = b""
            try:
                while piece := connection.recv(65_536):
                    got += piece
            except ConnectionError:
                return b""
            return got

    def chat(self) -> bool:
        """Whether a request is served."""
        head = f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {KEYS['plain']}"
        return self.ask("gateway", head, GOOD).startswith(b"HTTP/1.1 200 ")

    def counted(self, event: str) -> float:
        """How often something happened, by the metrics."""
        got = self.ask("admin", f"GET /metrics HTTP/1.1\r\nauthorization: Bearer {ADMIN}")
        key = f'wattlas_events_total{{event="{event}"}} '.encode()
        return sum(float(line.split()[-1]) for line in got.splitlines() if line.startswith(key))


def test_without_descriptors_it_lives_on(tmp_path: Path) -> None:
    """While clients hold all of them nobody new is served; once they leave everybody is. SIGHUP
    takes the files anew, and SIGTERM ends it in order. No key stands in its log."""
    servers = Live(tmp_path)
    served = Served(servers.write(), descriptors=96)
    try:
        assert served.chat()
        held = []
        for _ in range(150):
            held.append(socket.create_connection(("127.0.0.1", served.ports["gateway"]), 10))
        time.sleep(0.3)
        assert served.process.poll() is None
        for each in held:
            each.close()
        until(served.chat)
        before = served.counted("configs_taken")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: served.counted("configs_taken") == before + 1)
        assert served.ask("gateway", "GET /v1/models HTTP/1.1\r\nauthorization: Bearer sk-wrong")
    finally:
        served.process.terminate()
        assert served.process.wait(20) == 0
        assert served.process.stdout is not None
        served.process.stdout.close()
        servers.end()
    served.log.seek(0)
    text = served.log.read()
    secrets = [*KEYS.values(), TOKEN, ADMIN, *map(digest, KEYS.values()), "sk-wrong"]
    assert not [secret for secret in secrets if secret in text]
    served.log.close()


def test_a_store_that_only_reads_means_full_service(live: Live) -> None:
    """And every row is there once it writes again."""
    live.start()
    burst(live, 10, "default")
    live.settled()
    plane = live.service.plane
    db: sqlite3.Connection = plane.store._db  # type: ignore[attr-defined]
    db.execute("PRAGMA query_only = 1")
    burst(live, 3, "default")
    until(lambda: plane.book.trouble == "store")
    assert burst(live, 4, "flex") == ["full"] * 4
    db.execute("PRAGMA query_only = 0")
    until(lambda: plane.book.trouble is None)
    assert len(live.settled()) == 17


def test_files_are_taken_anew_under_load(live: Live) -> None:
    """Schedules and shares come and go while requests run: each is served, and has a row."""
    # No answer is late on a machine that is busy with something else.
    patient = {**configuration({})["limits"], "first_byte_s": 20.0, "idle_s": 20.0}
    live.start(limits=patient)
    plane, urls = live.service.plane, {r: s.url for r, s in live.stubs.items()}
    before = live.service.plane.events["configs_taken"]
    served = 0
    for epoch in range(4, 9):
        share = "1/2" if epoch % 2 else "1/10"
        running = asyncio.run_coroutine_threadsafe(_later(live, 20), live.loop)
        contracts = {"green": {"share_max": share, "window": "all"}}
        stated = configuration(urls, contracts=contracts, limits=patient)
        live.write(stated, schedule(epoch=epoch))
        live.loop.call_soon_threadsafe(live.service.reload)
        assert set(running.result(20)) == {200}
        served += 20
    until(lambda: plane.schedule.epoch == 8)
    assert plane.events["configs_taken"] >= before + 5
    rows = live.settled()
    assert len(rows) == len({row.id for row in rows}) == served
    degraded = sum(row.degraded for row in rows)
    # Permits of a share that changed meanwhile are returned in a batch of their own.
    until(lambda: live.counts() == (served, degraded + live.held()))


async def _later(live: Live, count: int) -> list[int]:
    import aiohttp

    headers = {"authorization": f"Bearer {KEYS['acme']}"}
    async with aiohttp.ClientSession() as session:

        async def one() -> int:
            url = f"{live.url}/v1/chat/completions"
            async with session.post(url, data=GOOD, headers=headers) as got:
                await got.read()
                return got.status

        return await asyncio.gather(*(one() for _ in range(count)))


def test_a_loop_that_is_held_is_noticed(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted, and told in the log."""
    live.start()
    with caplog.at_level(logging.WARNING, "wattlas.serve"):
        live.loop.call_soon_threadsafe(time.sleep, 1.0)
        until(lambda: live.service.plane.events["loop_blocked"] >= 1)
    assert "held the process" in caplog.text


def test_a_key_that_is_revoked_is_refused_at_once(live: Live) -> None:
    """At the gateway and for Envoy, also where the same head was taken before."""
    live.start()
    head = {"authorization": f"Bearer {KEYS['plain']}", "x-wattlas-token": TOKEN}
    said = json.loads(GOOD)
    path = "/authz/v1/chat/completions"
    with closing(_kept(live)) as kept:
        for _ in range(3):
            assert _on(kept, path, head) == 200
        assert post(live, GOOD, KEYS["plain"]).status == 200
        urls = {region: stub.url for region, stub in live.stubs.items()}
        changed = configuration(urls)
        changed["tenants"]["plain"]["keys_sha256"] = [digest("sk-another")]
        live.write(changed)
        assert call(live, "admin", "POST", "/reload")[0] == 200
        assert _on(kept, path, head) == 401
    assert call(live, "decisions", "POST", path, said, **head)[0] == 401
    assert post(live, GOOD, KEYS["plain"]).status == 401
    for stub in live.stubs.values():
        stub.behaviour = answer
    assert post(live, GOOD, "sk-another").status == 200


def _kept(live: Live) -> Any:
    import http.client

    host = live.service.addresses["decisions"].removeprefix("http://")
    return http.client.HTTPConnection(host, timeout=10)


def _on(connection: Any, path: str, headers: dict[str, str]) -> int:
    connection.request("POST", path, GOOD, headers)
    got = connection.getresponse()
    got.read()
    return int(got.status)


def test_a_stream_may_take_longer_than_any_of_its_parts(live: Live) -> None:
    """What keeps coming is waited for beyond the time of a head, a body, a first byte and a
    pause: only a whole answer has another bound."""
    parts = dict.fromkeys(("header_s", "body_s", "first_byte_s", "idle_s", "connect_s"), 1.0)
    live.start(limits={**parts, "answer_s": 30.0, "drain_s": 2.0})

    async def slow(stub: Stub, asking: Asking, reader: Any, writer: Any) -> None:
        writer.write(head(kind="text/event-stream"))
        for event in [*events(asking)[:1] * 9, *events(asking)]:
            await asyncio.sleep(0.12)
            writer.write(chunk(event))
        writer.write(chunk(b""))

    for stub in live.stubs.values():
        stub.behaviour = slow
    began = time.monotonic()
    got = post(live, json.dumps({**json.loads(GOOD), "stream": True}).encode(), KEYS["plain"])
    assert time.monotonic() - began > 1.2
    assert got.text.splitlines()[-2] == b"data: [DONE]"
    (row,) = live.settled()
    assert (row.end, row.attempts) == ("whole", 1)


def test_a_stream_without_end_comes_to_one(live: Live) -> None:
    """Sound events for ever are cut off in band when the time of an answer is over; one row."""
    live.start(limits={"answer_s": 1.0, "first_byte_s": 5.0, "drain_s": 2.0})

    async def endless(stub: Stub, asking: Asking, reader: Any, writer: Any) -> None:
        writer.write(head(kind="text/event-stream"))
        event = events(asking)[0]
        while not writer.is_closing():
            writer.write(chunk(event))
            await writer.drain()
            await asyncio.sleep(0.01)

    for stub in live.stubs.values():
        stub.behaviour = endless
    began = time.monotonic()
    got = post(live, json.dumps({**json.loads(GOOD), "stream": True}).encode(), KEYS["plain"])
    assert time.monotonic() - began < 6
    assert b'"error"' in got.text.splitlines()[-2]
    (row,) = live.settled()
    assert row.end == "broken"
    assert row.tokens_out
