"""Exchanges with a service in trouble: limits of time, quotas, places that lack an endpoint, bugs,
servers that cannot be reached."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.exchanges.parts import (
    ASKED,
    CHAT,
    FULL,
    HELLO,
    MESSAGES,
    RESPONSES,
    chunked,
    status,
    word,
)
from tests.golden.kept import keep
from tests.golden.pieces.ledgers import Said
from tests.golden.talks import LIMITS, Talk, Talks, post
from tests.serve.live import KEYS, TOKEN
from tests.serve.toys import run_apart
from tests.serve.wires import until_closed
from wattlas.serve import connection
from wattlas.serve.gateway import pool as pools
from wattlas.serve.gateway import wire as wires
from wattlas.serve.gateway.pool import WireUpstream
from wattlas.serve.gateway.upstream import Failure, whole

HERE = Path(__file__).parent / "serve"
STREAM = {**HELLO, **FULL, "stream": True}
SHORT = {"header_s": 0.3, "body_s": 0.3, "first_byte_s": 1.0, "idle_s": 1.0}
"""Long for all that has to be in time."""
HALF = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\n"
GUARD = f"x-wattlas-token: {TOKEN}\r\nauthorization: Bearer {KEYS['acme']}\r\n".encode()


def slow(talks: Talks) -> Iterator[str]:
    """What takes too long, on each side."""
    for port in ("gateway", "decisions", "admin"):
        yield from talks.told(Talk(f"half a head, {port}", HALF), port)
        text = HALF + GUARD + b"content-length: 9\r\n\r\nhalf"
        yield from talks.told(Talk(f"half a body, {port}", text), port)
    for name, talk in {
        "none of both": Talk("", post(CHAT, {**HELLO, **FULL}), (("hang",), ("hang",))),
        "no content": Talk(
            "", post(CHAT, STREAM), ((chunked(b": x\n\n", end=b""), "hang"), ("brief",))
        ),
        "a pause": Talk("", post(CHAT, STREAM), ((chunked(word("a"), end=b""), "taken", "hang"),)),
        "half an answer": Talk(
            "",
            post(CHAT, {**HELLO, **FULL}),
            ((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "hang"), ("brief",)),
        ),
    }.items():
        yield from talks.told(talk._replace(name=name))
    yield f"events: {sorted(talks.live.service.plane.events.items())}"


def crowded(talks: Talks) -> Iterator[str]:
    """A tenant that has one request open already; and a stop while one is."""
    text = post(CHAT, HELLO, key="tiny")
    talks.scripts[:], talks.got[:] = [("wait",)], []
    first = talks.connect()
    first.sendall(text)
    talks.wait(lambda: bool(talks.got))
    with talks.connect() as second:
        second.sendall(text)
        taken = until_closed(second)
    yield "== while another is open"
    yield from talks.answers(taken)
    talks.gate.set()
    taken = until_closed(first)
    first.close()
    yield "== the other"
    yield from talks.answers(taken)
    yield from talks.rows()
    talks.gate.clear()
    talks.scripts[:], talks.got[:] = [("wait",)], []
    idle, busy = talks.connect(), talks.connect()
    idle.sendall(b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n")
    yield f"an idle one: {idle.recv(12)!r}"
    busy.sendall(post(CHAT, HELLO, keeps=True))
    talks.wait(lambda: bool(talks.got))
    stopping = threading.Thread(target=talks.live.stop)
    stopping.start()
    taken = until_closed(idle)
    yield f"it is closed: {taken.endswith(b'}')}"
    talks.gate.set()
    taken = until_closed(busy)
    stopping.join(20)
    idle.close()
    busy.close()
    yield "== that which was in flight"
    yield from talks.answers(taken)
    for row in talks.live.rows()[1:]:
        yield "-- row " + " ".join("-" if v in (None, "") else str(v) for v in row)
    delivered, granted = talks.live.counts()
    yield f"{delivered} delivered, {granted} granted, all returned"


def drained(talks: Talks) -> Iterator[str]:
    """A stop while requests are open that do not come to their end."""
    talks.scripts[:], talks.got[:] = [("hang",), (chunked(word("a"), end=b""), "hang")], []
    clients = [talks.connect() for _ in range(2)]
    clients[0].sendall(post(CHAT, {**HELLO, **FULL}))
    talks.wait(lambda: len(talks.got) == 1)
    clients[1].sendall(post(CHAT, STREAM))
    begun = clients[1].recv(1)
    talks.live.stop()
    for client, first in zip(clients, (b"", begun), strict=True):
        taken = first + until_closed(client)
        client.close()
        yield "== a client"
        yield from talks.answers(taken)
    for row in sorted(talks.live.rows()):  # they are cancelled in no order
        yield "-- row " + " ".join("-" if v in (None, "") else str(v) for v in row)


def lacking(talks: Talks) -> Iterator[str]:
    """Places without an endpoint, and a budget of tries that is used up."""
    full = {**ASKED[MESSAGES], **FULL}
    yield from talks.told(Talk("austin alone has it", post(MESSAGES, full), (status(500),)))
    yield from talks.told(Talk("austin alone, and it answers", post(MESSAGES, full)))
    yield from talks.told(Talk("nobody has it", post(RESPONSES, {**ASKED[RESPONSES], **FULL})))
    yield from talks.told(Talk("it is asked first", post(CHAT, {**HELLO, **FULL}), (status(500),)))
    talk = Talk(
        "no more tries", post(CHAT, {**HELLO, "service_tier": "flex"}), (status(500), status(500))
    )
    for _ in range(3):
        yield from talks.told(talk)
    health = talks.live.service.gateway.health
    while health.may_retry():
        pass
    yield from talks.told(talk._replace(name="the budget is used up", rested=False))
    yield from talks.told(
        Talk(
            "the endpoint is missing, then",
            post(CHAT, {**HELLO, **FULL}),
            (status(501), ("brief",)),
        )
    )
    yield f"resting {talks.live.service.gateway.health.resting}"
    yield f"events: {sorted(talks.live.service.plane.events.items())}"


def bugs(talks: Talks) -> Iterator[str]:
    """What is wrong in us is told, and closes nothing else."""
    said = Said()
    for name in ("whole", "kept"):
        text = post(CHAT, HELLO, keeps=name == "kept") + (
            post(CHAT, HELLO, key="no") if name == "kept" else b""
        )
        yield from talks.told(Talk(name, text))
        yield from said.told()
    said.close()


def reached(folder: Path) -> Iterator[str]:
    """Servers that cannot be reached, connections that are kept, and what is sent."""
    yield from run_apart(_reached())


async def _reached() -> list[str]:
    lines: list[str] = []
    count = running = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count, running
        count, running = count + 1, running + 1
        try:
            await answer(count, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()
            running -= 1

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no TLS here\r\n")
        writer.close()

    async def answer(own: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(re.findall(rb"content-length: (\d+)", head)[0])
            body = await reader.readexactly(size)
            text = head.decode("latin-1").replace(str(port), "PORT").replace("\r\n", " | ")
            lines.append(f"connection {own}: {text}{body!r}")
            if body != b"hold":
                more = b"connection: close\r\n" if body == b"close" else b""
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: Text/X\r\nretry-after: 7\r\n"
                    + more
                    + b"content-length: 2\r\n\r\nok"
                )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = WireUpstream(20.0)

    async def post(url: str, body: bytes = b"x", headers: dict[str, str] | None = None) -> None:
        try:
            answer = await upstream.post(url, body, headers or {})
            text = await whole(answer, 100)
            lines.append(
                f"{answer.status} {answer.content_type} {answer.retry_after} "
                f"{dict(answer.headers)} {text!r}"
            )
        except (Failure, ValueError) as error:
            told = (error.status, error.fresh) if isinstance(error, Failure) else ()
            lines.append(f"{url.replace(str(port), 'PORT')}: {error} {told}")
        pool = upstream._pools.get(("127.0.0.1", port, False), ())
        lines.append(f"   {len(pool)} kept, {count} opened")

    url = f"http://127.0.0.1:{port}"
    for path in ("", "/", "/p/q", "/p?a=b&c", "/p?"):
        await post(url + path, path.encode(), {"a": "b", "c-d": "é"})
    await post(url, b"close")
    await post(url)
    await post(url, b"x", {"a": "b\nc"})
    await post(url, b"x", {"a": "b\rc"})
    other = await asyncio.start_server(plain, "127.0.0.1", 0)
    try:
        await upstream.post(f"https://127.0.0.1:{other.sockets[0].getsockname()[1]}", b"", {})
    except Failure as error:
        lines.append(f"{error} {error.status} {error.fresh}")
    other.close()
    dead = await asyncio.start_server(serve, "127.0.0.1", 0)
    gone = dead.sockets[0].getsockname()[1]
    dead.close()
    await dead.wait_closed()
    lines.append("refused")
    try:
        await upstream.post(f"http://127.0.0.1:{gone}", b"", {})
    except Failure as error:
        lines.append(f"{error} {error.status} {error.fresh}")
    two = [asyncio.create_task(post(url, b"two")) for _ in range(2)]
    await asyncio.gather(*two)
    for wire in upstream._pools["127.0.0.1", port, False]:
        wire.idle_since_s -= wires.IDLE_S + 1
    await post(url)
    for wire in upstream._pools["127.0.0.1", port, False]:
        wire.transport.abort()  # its end is not yet told
    await post(url)
    held = asyncio.create_task(post(url, b"hold"))
    while not any("b'hold'" in line for line in lines):
        await asyncio.sleep(0.002)
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    await post(url)
    lines.append(f"known {len(upstream._targets)} of {pools.MOST_URLS}")
    await upstream.close()
    lines.append(f"closed {[len(pool) for pool in upstream._pools.values()]}")
    while running:
        await asyncio.sleep(0.002)
    server.close()
    return lines


ODDS: dict[str, tuple[Callable[[Talks], Iterator[str]], dict[str, Any]]] = {
    "slow": (slow, {"limits": SHORT}),
    "crowded": (crowded, {"limits": LIMITS}),
    "drained": (drained, {"limits": {"drain_s": 0.3}}),
    "lacking": (lacking, {"limits": {"attempts": 2}}),
    "bugs": (bugs, {}),
}


@pytest.mark.parametrize("name", ODDS)
def test_odd_exchanges_are_those_of_the_golden_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte and each row is that which was read and found right."""
    monkeypatch.setattr(connection, "LINGER_S", 0.05)
    tell, changes = ODDS[name]
    upstreams = {
        "austin": {"endpoints": ["chat/completions", "messages"]},
        "oslo": {"endpoints": ["chat/completions"]},
    }
    talks = Talks(tmp_path, monkeypatch, upstreams if name == "lacking" else {}, **changes)
    if name == "bugs":
        talks.live.service.plane.config.upstream_keys["oslo"] += "\n"  # type: ignore[index]
        talks.live.service.plane.config.upstream_keys["austin"] = "\n"  # type: ignore[index]
    try:
        lines = list(tell(talks))
    finally:
        if not talks.live.running.done():
            talks.live.stop()
        talks.live.end()
    keep("\n".join(lines), HERE / f"odd_{name}.txt", exact=True)


def test_connections_to_servers_are_those_of_the_golden_file(tmp_path: Path) -> None:
    """What is sent on which, what is kept, and what cannot be reached."""
    keep("\n".join(reached(tmp_path)), HERE / "odd_reached.txt", exact=True)
