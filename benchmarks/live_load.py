"""A model's server that answers at once, and clients that ask as fast as they are answered.

`python benchmarks/live_load.py` is the server; its port is on stdout. A request with `n` and
`pause_ms` is answered by a stream of so many tokens, each the moment at which it was sent, ns.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from typing import Any

import uvloop

KEY = "sk-benchmark"
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
    },
    separators=(",", ":"),
).encode()  # fmt: skip
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_SENT = re.compile(rb'"content":"(\d+)"')


def _size(head: bytes) -> int:
    at = head.index(b"content-length:") + 15
    return int(head[at:].split(b"\r\n", 1)[0])


class StubProtocol(asyncio.Protocol):
    """Answers every request with the model that it names; with `faults` not always."""

    faults = False

    def fails(self) -> bool:
        """Now and then: break off, answer 500, say half, or hang."""
        dice = random.random()
        if dice < 0.01:
            self.transport.abort()
        elif dice < 0.02:
            self.transport.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
        elif dice < 0.03:
            self.transport.write((_HEAD % (len(ANSWER), ANSWER))[:300])
            self.transport.close()
        return dice < 0.032

    def connection_made(self, transport: Any) -> None:
        """Keep the connection."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            size = _size(self.buffer[:end].lower())
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            if self.faults and self.fails():
                return
            if b'"pause_ms"' in body:
                asyncio.get_running_loop().create_task(self.stream(json.loads(body)))
            else:
                small = b'"llama-8b"' in body
                text = ANSWER.replace(b"llama-70b", b"llama-8b") if small else ANSWER
                self.transport.write(_HEAD % (len(text), text))

    async def stream(self, said: dict[str, Any]) -> None:
        """So many tokens, then usage, then the end."""
        start = (
            'data: {"id":"c","object":"chat.completion.chunk","created":1,'
            f'"model":"{said["model"]}",'
        ).encode()
        self.transport.write(_STREAM)
        pause_s, at = said["pause_ms"] / 1e3, time.monotonic()
        for _ in range(said["n"]):
            at += pause_s
            await asyncio.sleep(max(at - time.monotonic(), 0))
            self.event(
                start
                + b'"choices":[{"index":0,"delta":{"content":"%d"},"finish_reason":null}]}'
                % time.monotonic_ns()
            )
        self.event(start + b'"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":9}}')
        self.event(b"data: [DONE]")
        self.transport.write(b"0\r\n\r\n")

    def event(self, text: bytes) -> None:
        """One event as one chunk."""
        self.transport.write(b"%x\r\n%b\n\n\r\n" % (len(text) + 2, text))


async def stub() -> None:
    """Serve until killed; the port is on stdout."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(StubProtocol, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def request(body: bytes = BODY) -> bytes:
    """A request as bytes."""
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


class Client(asyncio.Protocol):
    """Sends a request whenever the last one is answered, and counts by tier. `left` holds how many
    requests and clients there still are."""

    def __init__(self, text: bytes, left: list[int], done: asyncio.Future[None]) -> None:
        self.text, self.left, self.done = text, left, done
        self.low = 0
        self.took_s: list[float] = []

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
        self.began = time.perf_counter()
        self.transport.write(self.text)

    def data_received(self, data: bytes) -> None:
        """Take an answer."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        if len(self.buffer) < end + 4 + _size(head):
            return
        if b" 200 " not in head[:16] and not self.done.done():
            self.done.set_exception(AssertionError(self.buffer[:500]))
        self.took_s.append(time.perf_counter() - self.began)
        self.low += b"x-wattlas-tier: degraded" in head
        self.buffer = b""
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """One client less."""
        self.left[1] -= 1
        if self.left[1] == 0 and not self.done.done():
            self.done.set_result(None)


async def _load(port: int, requests: int, clients: int) -> list[Client]:
    loop = asyncio.get_running_loop()
    left, done = [requests, clients], loop.create_future()
    text = request()
    made = [Client(text, left, done) for _ in range(clients)]
    for client in made:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await done
    return made


def load(port: int, requests: int, clients: int = 32) -> tuple[float, int]:
    """(requests per second, how many were degraded) of clients that ask without a pause."""
    began = time.perf_counter()
    made = uvloop.run(_load(port, requests, clients))
    return requests / (time.perf_counter() - began), sum(client.low for client in made)


def times_s(port: int, requests: int) -> list[float]:
    """How long each request takes of one client alone."""
    (client,) = uvloop.run(_load(port, requests, 1))
    return client.took_s


class Listener(asyncio.Protocol):
    """Takes one stream, and notes how late each token is."""

    def __init__(self, text: bytes, lags_s: list[float], done: asyncio.Future[None]) -> None:
        self.text, self.lags_s, self.done = text, lags_s, done
        self.rest = b""

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self.transport = transport
        transport.write(self.text)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        now = time.monotonic_ns()
        self.rest += data
        end = 0
        for match in _SENT.finditer(self.rest):
            self.lags_s.append((now - int(match[1])) / 1e9)
            end = match.end()
        self.rest = self.rest[end:]
        if b"[DONE]" in self.rest:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The stream came to its end, or broke."""
        whole = b"[DONE]" in self.rest
        if not self.done.done():
            if whole:
                self.done.set_result(None)
            else:
                self.done.set_exception(AssertionError(self.rest[-500:]))


async def _streams(port: int, streams: int, tokens: int, pause_ms: float, ramp_s: float) -> Any:
    said = {"model": "llama", "messages": [{"role": "user", "content": "Go."}], "stream": True,
            "n": tokens, "pause_ms": pause_ms}  # fmt: skip
    text = request(json.dumps(said, separators=(",", ":")).encode())
    loop = asyncio.get_running_loop()
    lags_s: list[float] = []
    waiting = []
    for _ in range(streams):
        done = loop.create_future()
        waiting.append(done)
        await loop.create_connection(
            lambda done=done: Listener(text, lags_s, done), "127.0.0.1", port
        )
        await asyncio.sleep(ramp_s / streams)
    await asyncio.gather(*waiting)
    return lags_s


def streams(
    port: int, count: int, tokens: int, pause_ms: float, ramp_s: float = 0.5
) -> list[float]:
    """How late each token of some streams at once was, s."""
    lags_s: list[float] = uvloop.run(_streams(port, count, tokens, pause_ms, ramp_s))
    return lags_s


if __name__ == "__main__":
    StubProtocol.faults = "faults" in sys.argv
    uvloop.run(stub())
