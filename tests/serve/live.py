"""A service and servers of models on loopback, in threads of the test: nothing is imitated but the
models themselves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.serve import shapes
from wattlas.data.whole_file import write_text
from wattlas.serve.gateway.health import Health
from wattlas.serve.ledger.journal import Row
from wattlas.serve.plane import TRUE_CLOCK, PlaneClock
from wattlas.serve.run import RunningService

KEYS = {"acme": "sk-acme", "plain": "sk-plain", "tiny": "sk-tiny"}
ADMIN, TOKEN = "admin-token", "service-token"
START_S = 20.0


def digest(text: str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


class Asking:
    """A request as a model's server got it."""

    def __init__(self, head: str, headers: dict[str, str], body: bytes) -> None:
        self.head, self.headers, self.body = head, headers, body
        self.path = head.split()[1]
        self.said: dict[str, Any] = json.loads(body)


Behaviour = Callable[["Stub", Asking, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Stub:
    """A model's server in one region: what it does is `behaviour`, per request."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.behaviour: Behaviour = answer
        self.asked: list[Asking] = []
        self.connections = 0
        self.cancelled = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                got = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = got.split("\r\n")[1:]
                headers = dict(line.lower().split(": ", 1) for line in lines if line)
                if "content-length" not in headers:  # somebody looks whether anybody is there
                    writer.write(head(404, length=0))
                    continue
                body = await reader.readexactly(int(headers["content-length"]))
                asking = Asking(got, headers, body)
                self.asked.append(asking)
                await self.behaviour(self, asking, reader, writer)
                await writer.drain()
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # cancelled at the end, when nobody waits for it
        finally:
            writer.close()


def head(status: int = 200, kind: str = "application/json", length: int | None = None) -> bytes:
    """The head of an answer; in chunks without a length."""
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return f"HTTP/1.1 {status} Words\r\ncontent-type: {kind}\r\n{size}\r\n\r\n".encode()


def chunk(text: bytes) -> bytes:
    """A piece of a chunked body; an empty one ends it."""
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


def completion(asking: Asking, **changes: Any) -> dict[str, Any]:
    """What a model says."""
    message = {"role": "assistant", "content": "pong ✓"}
    if "prompt" in asking.said:
        choice = {"index": 0, "text": "pong ✓", "finish_reason": "stop", "logprobs": None}
        changes = {"object": "text_completion", "choices": [choice], **changes}
    return {
        "id": "c-1", "object": "chat.completion", "created": 1, "model": asking.said["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}, **changes,
    }  # fmt: skip


def embedding(asking: Asking) -> dict[str, Any]:
    """What a model makes of a text."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return {"object": "list", "data": data, "model": asking.said["model"], "usage": usage}


def events(asking: Asking, words: int = 5) -> list[bytes]:
    """The events of a stream, the last but one with usage where it was asked for."""

    named = shapes.streamed(asking.path, asking.said["model"])
    if named is not None:
        return named
    kind = "text_completion" if "prompt" in asking.said else "chat.completion.chunk"

    def event(delta: Mapping[str, Any], end: str | None = None, **more: Any) -> bytes:
        said = {
            "id": "c-1", "object": kind, "created": 1,
            "model": asking.said["model"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": end,
                         "text": delta.get("content", "")}], **more,
        }  # fmt: skip
        return b"data: " + json.dumps(said, ensure_ascii=False).encode() + b"\n\n"

    made = [event({"role": "assistant", "content": ""})]
    made += [event({"content": f"wörd{n} "}) for n in range(words)]
    made.append(event({}, "stop"))
    if (asking.said.get("stream_options") or {}).get("include_usage"):
        usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
        empty = {"index": 0, "delta": {}, "finish_reason": None, "text": ""}
        choices = json.dumps([empty]).encode()
        made.append(event({}, usage=usage).replace(choices, b"[]"))
    return [*made, b"data: [DONE]\n\n"]


async def answer(
    stub: Stub, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """As a good server does."""
    if asking.said.get("stream"):
        writer.write(head(kind="text/event-stream"))
        for event in events(asking):
            writer.write(chunk(event))
        writer.write(chunk(b""))
    else:
        usual = embedding if "input" in asking.said else completion
        body = json.dumps(shapes.whole(asking.path, asking.said["model"]) or usual(asking)).encode()
        writer.write(head(length=len(body)) + body)


def schedule(hold_s: float = 86_400.0, **changes: Any) -> dict[str, Any]:
    """Chat in full from oslo and austin, degraded from oslo on the small model."""
    small, large = {"region": "oslo", "point": "small"}, {"point": "large", "share": 0.5}
    issued = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    signal = {"price_usd_per_mwh": 50.0, "average_g_per_kwh": 30.0, "marginal_g_per_kwh": 100.0}
    dirty = {"price_usd_per_mwh": -5.0, "average_g_per_kwh": 400.0}
    full = [{**large, "region": "oslo"}, {**large, "region": "austin"}]
    hour = {
        "issued_utc": issued, "hold_s": hold_s,
        "sets": [{"metro": "lagos", "class": "chat~green", "full": full, "degraded": [small],
                  "saving_usd": 2e-4},
                 {"metro": "lagos", "class": "chat", "full": full}],
        "threshold_usd": {"chat~green": 1e-4},
        "signals": {"oslo": signal, "austin": dirty}, "vintage": "test 2026",
    }  # fmt: skip
    whole = {
        "format": "wattlas-schedule-1", "epoch": 3,
        "classes": [{"id": "chat"}, {"id": "chat~green", "base": "chat", "contract": "green"}],
        "points": {
            "large": {"variant": "llama-70b", "prefill_j_per_token": 0.5,
                      "decode_j_per_token": 4.0, "request_j": 1.0},
            "small": {"variant": "llama-8b", "prefill_j_per_token": 0.1,
                      "decode_j_per_token": 0.5},
        },
        "regions": {"oslo": {"pue": 1.1}, "austin": {"pue": 1.3}},
        "usual": {"lagos": {"chat": {"region": "austin", "point": "large"},
                            "chat~green": {"region": "austin", "point": "large"}}},
        "hours": [hour],
    }  # fmt: skip
    return {**whole, **changes}


def configuration(urls: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """A configuration of everything, with short limits."""
    stated = {
        "schedule": "schedule.json",
        "ledger": "ledger.sqlite",
        "metro": "lagos",
        "gateway": {"listen": "127.0.0.1:0"},
        "decisions": {"listen": "127.0.0.1:0", "token_sha256": digest(TOKEN)},
        "admin": {"listen": "127.0.0.1:0", "token_sha256": digest(ADMIN)},
        "upstreams": {region: {"url": url} for region, url in urls.items()},
        "models": {"llama": {"class": "chat"}},
        "contracts": {"green": {"share_max": "1/2", "window": "all"}},
        "tenants": {
            "acme": {"keys_sha256": [digest(KEYS["acme"])], "contract": "green"},
            "plain": {"keys_sha256": [digest(KEYS["plain"])]},
            "tiny": {"keys_sha256": [digest(KEYS["tiny"])], "most_in_flight": 1},
        },
        "limits": {
            "header_s": 0.5, "body_s": 0.5, "first_byte_s": 0.5, "idle_s": 0.5, "answer_s": 20.0,
            "body_bytes": 100_000, "event_bytes": 100_000, "answer_bytes": 1_000_000,
            "drain_s": 2.0,
        },
    }  # fmt: skip
    return {**stated, **changes}


def renamed(said: Any, names: Mapping[str, str]) -> Any:
    """Configuration or schedule with other names of regions and points."""
    if isinstance(said, dict):
        return {names.get(key, key): renamed(value, names) for key, value in said.items()}
    if isinstance(said, list):
        return [renamed(value, names) for value in said]
    return names.get(said, said) if isinstance(said, str) else said


class Live:
    """Stubs and, once it is started, a service, on one loop in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.stubs = {region: Stub(region) for region in ("oslo", "austin")}
        for stub in self.stubs.values():
            self.call(stub.start())

    def call(self, coroutine: Any) -> Any:
        """What a coroutine returns that is run on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(START_S)

    def write(self, config: Mapping[str, Any] | None = None, plan: Any = None) -> Path:
        """Write configuration and schedule; JSON is YAML."""
        urls = {region: stub.url for region, stub in self.stubs.items()}
        path = self.folder / "serve.yaml"
        write_text(self.folder / "schedule.json", json.dumps(plan or schedule()))
        return write_text(path, json.dumps(config or configuration(urls)))

    def start(self, clock: PlaneClock = TRUE_CLOCK, plan: Any = None, **changes: Any) -> None:
        """Start the service."""
        urls = {region: stub.url for region, stub in self.stubs.items()}
        path = self.write(configuration(urls, **changes), plan)
        ready = threading.Event()

        async def begin() -> RunningService:
            return RunningService(path, clock)

        self.service: RunningService = self.call(begin())
        self.running = asyncio.run_coroutine_threadsafe(self.service.run(ready.set), self.loop)
        assert ready.wait(START_S), self.running.exception(0)

    @property
    def url(self) -> str:
        """The gateway."""
        return self.service.addresses["gateway"]

    def stop(self) -> None:
        """Stop the service in order."""
        self.loop.call_soon_threadsafe(self.service.stop)
        self.running.result(START_S)

    def settled(self) -> list[Row]:
        """Rows of the ledger, once nothing is in flight or waits."""
        book = self.service.plane.book
        until = time.monotonic() + START_S
        while book.in_flight or book.pending or book.stirred:
            assert time.monotonic() < until, (book.in_flight, book.pending)
            time.sleep(0.01)
        return self.rows()

    def rows(self) -> list[Row]:
        """Rows as they are in the file, in the order in which requests ended."""
        with sqlite3.connect(self.folder / "ledger.sqlite") as db:
            found = db.execute("SELECT * FROM requests ORDER BY ended_us, number").fetchall()
        return [Row(*each[:-2])._replace(degraded=bool(each[9])) for each in found]

    def counts(self, tenant: str = "acme") -> tuple[int, int]:
        """(delivered, granted) as recorded."""
        with sqlite3.connect(self.folder / "ledger.sqlite") as db:
            found = db.execute(
                "SELECT delivered, granted FROM windows WHERE tenant = ?", (tenant,)
            ).fetchone()
        return found or (0, 0)

    def held(self) -> int:
        """Permits in hand."""
        return sum(held.free for held in self.service.plane.book._held.values())

    def behave(self, behaviour: Behaviour) -> None:
        """Let all servers behave so, and nobody mistrust them."""
        for stub in self.stubs.values():
            stub.behaviour = behaviour
        self.service.gateway.health = Health(time.monotonic)

    def end(self) -> None:
        """End everything."""

        async def close() -> None:
            for stub in self.stubs.values():
                stub.server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        self.call(close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(START_S)
        self.loop.close()
