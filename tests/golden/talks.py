"""Exchanges with the embedded gateway, byte by byte: a client that writes to its port, servers of
models that answer by a script, and what each of them received."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.serve.live import (
    KEYS,
    Asking,
    Live,
    Stub,
    answer,
    chunk,
    configuration,
    events,
    head,
    schedule,
)
from tests.serve.shapes import named
from wattlas.serve import run
from wattlas.serve.gateway import trail
from wattlas.serve.gateway.health import Health
from wattlas.serve.ledger import keeper
from wattlas.serve.plane import PlaneClock

NOON_S = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
WAIT_S = 30.0
Step = bytes | str
"""What a server does: bytes that it writes, a `brief` or a `good` answer, `pause`, `taken` (until
the client has more of a body), `wait` (for the gate), `close`, `reset`, `hang`."""


class Talk(NamedTuple):
    """What a client sends, and what servers do, one script for each time that one is asked. Before
    what follows an empty piece the client waits for an answer. A client that `leaves` does so once
    a server was asked, or once it has something of an answer."""

    name: str
    sent: bytes | tuple[bytes, ...]
    scripts: tuple[tuple[Step, ...], ...] = ()
    leaves: str = ""
    rested: bool = True
    """Whether servers are trusted again that failed before."""


def post(
    path: str, said: Any, *lines: str, key: str | None = "acme", version: str = "1.1",
    keeps: bool = False, chunks: bool = False,
) -> bytes:  # fmt: skip
    """A request; `said` is bytes, or what its JSON says."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    told = [f"POST {path} HTTP/{version}", "host: llm.example"]
    told += [f"authorization: Bearer {KEYS.get(key, key)}"] if key else []
    told += [*lines, *([] if keeps else ["connection: close"])]
    told.append("transfer-encoding: chunked" if chunks else f"content-length: {len(body)}")
    if chunks:
        parts = [body[n : n + 40] for n in range(0, len(body), 40)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return "\r\n".join([*told, "", ""]).encode() + body


class Talks:
    """A service by a clock of ours, whose ids are always the same, before scripted servers."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch,
        upstreams: Mapping[str, Mapping[str, Any]] = MappingProxyType({}), **changes: Any,
    ) -> None:  # fmt: skip
        self.now = [NOON_S + 30.0]
        monkeypatch.setattr(trail, "time_ns", lambda: round(self.now[0] * 1e9))
        monkeypatch.setattr(keeper, "PAUSE_S", 0.002)
        monkeypatch.setattr(keeper, "PER_ROW_S", 0.0)
        monkeypatch.setattr(run, "BLOCKED_S", 1e9)  # a busy machine is no event
        monkeypatch.setattr(run, "WATCH_S", 1e9)  # files are taken anew when a test says so
        monkeypatch.setenv("OSLO_KEY", "sk-oslo")
        self.live = Live(folder)
        self.urls = {region: stub.url for region, stub in self.live.stubs.items()}
        stated = configuration(self.urls, **changes)
        stated["limits"] = {**LIMITS, **changes.get("limits", {})}
        stated["upstreams"]["oslo"] |= {"key_env": "OSLO_KEY", "meter": "neuralwatt"}
        stated["upstreams"]["austin"] |= {"meter": {"header": "x-joules", "unit": "J"}}
        for region, more in upstreams.items():
            stated["upstreams"][region] |= more
        made = schedule()
        made["hours"][0]["issued_utc"] = datetime.fromtimestamp(NOON_S, UTC).isoformat()
        self.live.start(PlaneClock(lambda: self.now[0], lambda: self.now[0]), made, **stated)
        self.live.service.plane.boot = "boot"
        self.scripts: list[tuple[Step, ...]] = []
        self.got: list[tuple[Stub, Asking, int]] = []
        for stub in self.live.stubs.values():
            stub.behaviour = self._behave
        self._rows = self._had = 0
        self.gate = threading.Event()
        """Ends what servers `wait` for."""
        self.taken = b""
        self.live.settled()

    async def _behave(
        self, stub: Stub, asking: Asking, reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        self.got.append((stub, asking, stub.connections))
        self.now[0] += 0.25
        for step in self.scripts.pop(0) if self.scripts else ("brief",):
            if isinstance(step, bytes):
                writer.write(step)
            elif step == "good" and asking.said.get("stream"):
                # At once: what comes behind the last event may find the connection closed.
                parts = map(chunk, (*events(asking), b""))
                writer.write(head(kind="text/event-stream") + b"".join(parts))
            elif step == "good":
                await answer(stub, asking, reader, writer)
            elif step == "brief":
                writer.write(brief(asking))
            elif step == "taken":
                await self._more()
            elif step == "wait":
                while not self.gate.is_set():
                    await asyncio.sleep(0.002)
                await answer(stub, asking, reader, writer)
            elif step == "pause":
                await writer.drain()
                await asyncio.sleep(0.01)
            elif step == "close":
                await writer.drain()
                writer.close()
                return
            elif step == "reset":
                writer.transport.abort()
                return
            elif step == "hang":
                await writer.drain()
                await reader.read()
                return

    async def _more(self) -> None:
        """Until the client has more of a body than it had."""
        while len(self.taken.partition(b"\r\n\r\n")[2]) <= self._had:
            await asyncio.sleep(0.002)
        self._had = len(self.taken.partition(b"\r\n\r\n")[2])

    def close(self) -> None:
        """End the service and the servers."""
        self.live.stop()
        self.live.end()

    def connect(self, port: str = "gateway") -> socket.socket:
        """A connection to a port."""
        host, number = self.live.service.addresses[port].removeprefix("http://").split(":")
        return socket.create_connection((host, int(number)), timeout=WAIT_S)

    def told(self, talk: Talk, port: str = "gateway") -> Iterator[str]:
        """Everything that came of an exchange, and the rows of it."""
        yield from self.said(talk, port)
        yield from self.rows()

    def said(self, talk: Talk, port: str = "gateway") -> Iterator[str]:
        """Everything that came of an exchange."""
        yield f"== {talk.name}"
        if talk.rested:
            self.live.service.gateway.health = Health(lambda: self.now[0])
        self.scripts[:], self.got[:] = talk.scripts, []
        self.taken, self._had = b"", 0
        self.now[0] += 0.5
        with self.connect(port) as client:
            for n, piece in enumerate([talk.sent] if isinstance(talk.sent, bytes) else talk.sent):
                if not piece:
                    self.taken += client.recv(65_536)
                    continue
                if n:
                    time.sleep(0.01)
                client.sendall(piece)
            if talk.leaves == "asked":
                self.wait(lambda: bool(self.got))
            elif talk.leaves == "answered":
                client.recv(1)
            else:
                self._take_all(client)
        yield from self.came(self.taken)

    def _take_all(self, client: socket.socket) -> None:
        """What comes until the other side closes."""
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(65_536):
                self.taken += piece

    def came(self, taken: bytes) -> Iterator[str]:
        """What servers and the client received."""
        for stub, asking, connection in self.got:
            yield f"-- {stub.region} is asked, connection {connection}"
            head = asking.head.rstrip("\r\n").replace("\r\n", "\n")
            yield from self.masked(head).split("\n")
            yield ""
            yield asking.body.decode()
        yield from self.answers(taken)

    def rows(self) -> Iterator[str]:
        """The rows of what has ended, once nothing is in flight."""
        rows = self.live.settled()
        for row in rows[self._rows :]:
            yield "-- row " + " ".join("-" if v in (None, "") else str(v) for v in row)
        self._rows = len(rows)

    def sealed(self, sent: bytes) -> str:
        """The id of a decision that is asked for."""
        list(self.said(Talk("", sent), "decisions"))
        return str(json.loads(self.taken.partition(b"\r\n\r\n")[2])["id"])

    def wait(self, condition: Any) -> None:
        """Until a condition holds."""
        until = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.002)

    def masked(self, text: str) -> str:
        """A text without what differs from run to run."""
        for region, url in self.urls.items():
            text = text.replace(url.removeprefix("http://"), f"{region}.example")
        text = text.replace(str(self.live.folder), "FOLDER")
        for block, short in BLOCKS:
            text = text.replace(block, short)
        return re.sub(r"(?m)^date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "date: now", text)

    def answers(self, taken: bytes) -> Iterator[str]:
        """Answers, one after the other; of bodies in chunks what they hold."""
        while taken:
            head, _, taken = taken.partition(b"\r\n\r\n")
            head = head.replace(b"allow: HEAD, GET", b"allow: GET, HEAD")  # of a set
            yield "-- the client is told"
            yield from self.masked(head.decode().replace("\r\n", "\n")).split("\n")
            length = re.search(rb"content-length: (\d+)", head)
            if b"chunked" in head:
                body, taken, whole = unchunked(taken)
                yield f"   ({'chunks, to their end' if whole else 'chunks, cut off'})"
            elif length is not None:
                body, taken = taken[: int(length[1])], taken[int(length[1]) :]
            elif head.startswith(b"HTTP/1.1 100"):
                continue
            else:
                body, taken = taken, b""
            if body:
                yield ""
                text = self.masked(body.decode(errors="backslashreplace"))
                yield from text.replace("\r", "\\r").split("\n")


BLOCKS = (
    ("content-type: application/json\naccept-encoding: identity\n", "(JSON as it is)\n"),
    *(("\n".join((
        f"x-ratelimit-limit-requests: {most}", f"x-ratelimit-remaining-requests: {most - 1}",
        f"x-ratelimit-reset-requests: {int(most == 1)}s",
        f'ratelimit-policy: "in-flight";q={most};qu="concurrent-requests"',
        f'ratelimit: "in-flight";r={most - 1};t={int(most == 1)}\n',
    )), f"(all but one of {most})\n") for most in (1, 1000)),
)  # fmt: skip
"""Lines that are often there, and in short."""
LIMITS = {
    "header_s": 30.0, "body_s": 30.0, "first_byte_s": 30.0, "idle_s": 30.0, "answer_s": 60.0,
    "header_bytes": 2048, "body_bytes": 20_000, "event_bytes": 4000, "answer_bytes": 30_000,
    "drain_s": 2.0,
}  # fmt: skip


def brief(asking: Asking) -> bytes:
    """A short answer of a good server, a stream of two words where one is asked for."""
    key = {"/v1/messages": "content", "/v1/responses": "output", "/v1/embeddings": "data"}
    said: dict[str, Any] = {key.get(asking.path, "choices"): [{}]}
    if not asking.said.get("stream"):
        body = json.dumps(said).encode()
        return head(length=len(body)) + body
    if asking.path == "/v1/messages":
        kinds: tuple[str, ...] = ("content_block_delta", "message_stop")
        parts = [named("message_start", message={}), *(named(kind) for kind in kinds)]
    elif asking.path == "/v1/responses":
        parts = [named("response.output_text.delta"), named("response.completed")]
    else:
        parts = [b'data: {"choices":[{}]}\n\n', b"data: [DONE]\n\n"]
    return head(kind="text/event-stream") + b"".join(map(chunk, (*parts, b"")))


def unchunked(text: bytes) -> tuple[bytes, bytes, bool]:
    """What chunks hold, what comes behind them, and whether they came to their end."""
    body = b""
    while True:
        size, _, rest = text.partition(b"\r\n")
        if not size:
            return body, b"", False
        length = int(size, 16)
        body, text = body + rest[:length], rest[length + 2 :]
        if not length:
            return body, text, True
