"""What no exchange comes to but by a rare moment: a client's line, an application behind a front,
a server's connection, files of too many processes."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from itertools import product
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.golden.pieces.ledgers import Said
from tests.golden.pieces.players import row
from tests.serve.toys import book, facts, run_apart, table
from wattlas.errors import WattlasError
from wattlas.serve import connection, envoy_log, extra, litellm, telemetry
from wattlas.serve.asgi import handler_of
from wattlas.serve.authz import no_place
from wattlas.serve.config import LimitsSection
from wattlas.serve.decision import Decision, Reason, failovers
from wattlas.serve.decisions_api import described
from wattlas.serve.demo.tally import SLOT_S, DemoTally
from wattlas.serve.direct import DirectServer
from wattlas.serve.gateway import messages
from wattlas.serve.gateway import pool as pools
from wattlas.serve.gateway.client import Client, Request
from wattlas.serve.gateway.completions import ChunkEvents
from wattlas.serve.gateway.endpoints import ALL
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.front import Front
from wattlas.serve.gateway.json_text import changed
from wattlas.serve.gateway.pool import WireUpstream
from wattlas.serve.gateway.responses import ResponseEvents
from wattlas.serve.gateway.upstream import Failure
from wattlas.serve.gateway.wire import HIGH_BYTES, IDLE_S, Wire
from wattlas.serve.heads import Head
from wattlas.serve.ledger import spool
from wattlas.serve.schedule_parts import LARGEST_BYTES, read_part
from wattlas.serve.seal import Seal
from wattlas.serve.table import Place


class _Line:
    """A client's connection: what is written to it, and whether it takes more."""

    date = b"date: now"

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.full: asyncio.Future[None] | None = None
        self.aborted = False

    def write(self, text: bytes) -> None:
        """Keep bytes."""
        self.written.append(text)

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


async def _clients() -> list[str]:
    """A client's body and answer, step by step."""
    lines = []

    async def told(
        name: str,
        tell: Callable[[Client, _Line], Awaitable[Any]],
        *steps: Callable[[Client, _Line], object],
        old: bool = False,
        head: bool = False,
    ) -> None:
        line = _Line()
        client = Client(line, True, old, head)
        task = asyncio.ensure_future(tell(client, line))
        await asyncio.sleep(0)
        for step in steps:
            step(client, line)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        try:
            made = await asyncio.wait_for(task, 5.0)
        except Refusal as refusal:
            made = f"{refusal.status} {refusal.code} {refusal.message}"
        except TimeoutError:
            made = "still waits"
        flags = "".join(
            f" {name}"
            for name in ("keep", "began", "ended", "left", "taken", "sending", "complete")
            if getattr(client, name)
        )
        lines.append(f"{name}: {made!r}{flags} {line.written} {line.aborted}")

    def body(client: Client, _line: _Line) -> Awaitable[bytes]:
        return client.body(5, 0.2 if client.expects else 4.0)

    def feed(part: bytes) -> Callable[[Client, _Line], object]:
        return lambda client, _: client.feed(part)

    def end(client: Client, _line: _Line) -> None:
        client.end_body()

    await told("a body in two", body, feed(b"abc"), feed(b"de"), end)
    await told("five are enough", body, feed(b"abcde"), end)
    await told("six are too many, before the end", body, feed(b"abcdef"))
    await told("it leaves in its body", body, feed(b"a"), lambda c, _: c.lose())
    await told(
        "a body that makes no sense", body, lambda c, _: c.break_body(Refusal(400, "No.", "no"))
    )
    await told("no end", lambda c, _: c.body(5, 0.01), feed(b"a"))

    async def stream(client: Client, line: _Line) -> list[bool]:
        pushed = [client.push(b"early")]
        client.lines = (b"x: y",)
        client.end_body()
        await client.start_stream([(b"a", b"b")])
        pushed.append(client.push(b"one"))
        line.full = asyncio.get_running_loop().create_future()
        pushed.append(client.push(b"full"))
        waits = asyncio.ensure_future(client.part(b"two"))
        await asyncio.sleep(0)
        lines.append(f"while it is full: sending {client.sending}")
        line.full.set_result(None)
        await waits
        line.full = None
        lines.append(f"then: sending {client.sending}")
        await client.part(b"")
        await client.finish()
        pushed.append(client.push(b"late"))
        client.feed(b"nobody reads it")
        client.lose()
        await client.part(b"gone")
        return pushed

    await told("a stream", stream)
    await told("a stream of 1.0", stream, old=True)

    async def whole(client: Client, _line: _Line) -> None:
        client.lines = (b"x: y",)
        await client.send(200, [(b"a", b"b")], b"text")

    await told("an answer before the body", whole)
    await told("a head alone", whole, end, head=True)

    async def left(client: Client, _line: _Line) -> list[str]:
        calls: list[str] = []
        client.watch(lambda: calls.append("first"))
        client.lose()
        client.watch(lambda: calls.append("left already"))
        client.unwatch()
        client.lose()
        await client.send(200, [], b"nobody")
        client.abort()
        return calls

    await told("it left", left)
    return lines


async def _application() -> list[str]:
    """An application that reads a body, and more than there is."""
    lines = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told = {k: v for k, v in scope.items() if k not in ("asgi", "headers")}
        lines.extend([f"{told} {scope['headers']}", f"{await receive()} {await receive()}"])
        headers = [(b"Content-Length", b"9"), (b"x", b"y"), (b"connection", b"z")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    for path, size, leaves in ((b"/a%20b", 4, False), (b"/x", 5, False), (b"/y", 5, True)):
        line = _Line()
        client = Client(line, True, False, False)
        client.feed(size * b"b")
        client.end_body()
        if leaves:
            client.lose()
        handler = handler_of(app, LimitsSection.model_construct(body_bytes=4, body_s=1.0))
        await handler(Request("POST", path, b"q=1", [(b"h", b"v")]), client)
        lines.append(f"{line.written}")
    return lines


class _Transport:
    """A connection's other side."""

    def __init__(self, gone: bool = False) -> None:
        self.did: list[Any] = []
        self.gone = gone

    def is_closing(self) -> bool:
        """Whether it is gone."""
        return self.gone

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def get_write_buffer_size(self) -> int:
        """All was sent."""
        return 0

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given: self.did.append((name, *given) if given else name)


async def _bugs() -> list[str]:
    """A handler that fails, and a connection that is gone."""
    lines: list[str] = []
    said = Said()

    def handler(_head: Head, body: bytes) -> Any:
        if body == b"bug":
            raise KeyError("a bug")
        if body == b"refused":
            raise Refusal(418, "No.", "no")
        return b"HTTP/1.1 204 No Content\r\n\r\n"

    server = DirectServer(handler, LimitsSection())
    made = server.made(server)
    for gone in (False, True):
        transport = _Transport(gone)
        made.connection_made(transport)
        for keeps, body in ((True, b"bug"), (True, b"refused"), (True, b"fine"), (False, b"fine")):
            made.whole(Head(b"POST", b"/", [(b"host", b"h")], keeps, False), body)
        made.refuse(Refusal(400, "No.", "no"))
        made.refuse(Refusal(400, "Again.", "again"))
        lines.append(f"gone {gone}: {transport.did} deaf {made.deaf}")
        made.deaf = False
    lines += said.told()
    said.close()
    return lines


async def _fronts() -> list[str]:
    """Requests behind each other on a connection, of a server that is told to stop or not."""
    lines = []

    async def handler(request: Request, client: Client) -> None:
        await client.send(200, [(b"path", request.path)], await client.body(9, 1.0))

    for name in ("serves", "stops", "stops then"):
        front = Front(handler, LimitsSection())
        front.date = b"date: now"
        if name == "stops":
            front.stop()
        made, transport = front.made(front), _Transport()
        made.connection_made(transport)
        for n in (1, 2):
            made.data_received(b"POST /%d HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok" % n)
        if name == "stops then":
            front.stop()
        for _ in range(6):
            await asyncio.sleep(0)
        lines.append(f"{name}: {transport.did} busy {made.busy}")
    return lines


async def _wires() -> list[str]:
    """A server's connection, piece by piece."""
    lines = []
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n"
    long = b"x-%d: " + b"y" * 30_000 + b"\r\n"
    cases: dict[str, tuple[bytes | None, ...]] = {
        "whole": (head % 2 + b"\r\nok",),
        "unasked": (head % 2 + b"\r\nok", b"more"),
        "two at once": (head % 2 + b"\r\nok" + head % 2 + b"\r\nno",),
        "headers that are too long": (head % 2, long % 1, long % 2, long % 3),
        "headers that are nearly so": (head % 2, long % 1, long % 2, b"\r\nok"),
        "an endless header": (b"HTTP/1.1 200 OK\r\nx: ", *[b"y" * 30_000] * 3),
        "an interim answer": (b"HTTP/1.1 103 Early\r\na: b\r\n\r\n", head % 2 + b"\r\nok"),
        "much at once": (head % (2 * HIGH_BYTES) + b"\r\n", b"a" * HIGH_BYTES, b"a" * HIGH_BYTES),
        "it breaks off": (head % 9 + b"\r\nok", None),
        "no length": (b"HTTP/1.1 200 OK\r\n\r\nok", None),
        "nothing": (None,),
        "half a head": (head % 2, None),
    }
    for name, pieces in cases.items():
        pool: Any = deque()
        for used in (False, True):
            wire, transport = Wire(pool), _Transport()
            other = Wire(pool)
            other.connection_made(_Transport())
            other.idle_since_s = asyncio.get_running_loop().time() - (IDLE_S + 1) * used
            pool.append(other)
            wire.connection_made(transport)
            wire.used = used
            answer = wire.send(b"ask")
            for piece in pieces:
                wire.connection_lost(None) if piece is None else wire.data_received(piece)
            try:
                body = b"".join([part async for part in answer.pieces()]) if answer._ended else b"-"
                told = f"{answer.status} {len(body)}"
            except Failure as failure:
                told = f"{failure.kind} {failure.status} {failure.fresh}"
            kept = [each is other for each in pool]
            lines.append(
                f"{name}, used {used}: {told} {transport.did} {other.transport.did} {kept}"
            )
            pool.clear()
    wire = Wire(deque())
    wire.connection_made(_Transport())
    answer = wire.send(b"ask")
    wire.data_received(head % (2 * HIGH_BYTES) + b"\r\n" + b"a" * (HIGH_BYTES + 1))
    taken = [len(await anext(answer.pieces()))]
    lines.append(f"it is read on: {wire.transport.did} {taken}")  # type: ignore[attr-defined]
    return lines


async def _pools(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that are forgotten, and a machine that connects to nothing."""
    upstream = WireUpstream(1.0)
    monkeypatch.setattr(pools, "MOST_URLS", 2)
    known = []
    for n in (1, 2, 1, 3, 3):
        target = upstream._target(f"http://h{n}" if n != 3 else "https://h3/p?q")
        known.append(f"{target.port} {target.tls} {len(upstream._targets)}")
    lines = [f"{known}"]

    async def fails(*_given: Any, **_named: Any) -> None:
        raise OSError(errno.ENETUNREACH, "no way there")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fails)
    try:
        await upstream.post("http://h1", b"", {})
    except Failure as failure:
        lines.append(f"{failure.kind} {failure.status} {failure.fresh}")
    return lines


async def _upgrades() -> list[str]:
    """Requests that wish to speak something else, and are read without that wish."""
    lines = []
    more = b"host: h\r\nupgrade: h2c\r\nx-empty:\r\nx-list: upgrade,b\r\n"
    for first, wish in (
        (b"GET /u?v HTTP/1.1", b"Upgrade, close"),
        (b"GET /u HTTP/1.1", b"upgrade"),
        (b"POST /u HTTP/1.1", b"keep-alive,Upgrade , HTTP2-Settings"),
        (b"GET /u HTTP/1.0", b"upgrade"),
        (b"CONNECT h:1 HTTP/1.1", b"upgrade"),
    ):
        server = DirectServer(
            lambda head, body: (200, [], repr(head.headers).encode()), LimitsSection()
        )
        made, transport = server.made(server), _Transport()
        made.connection_made(transport)
        for _ in range(2):
            made.data_received(b"%b\r\n%bconnection: %b\r\n\r\n" % (first, more, wish))
        lines.append(f"{first!r} {wish!r}: {transport.did}")
    return lines


async def _late() -> list[str]:
    """Connections on which something takes long, at its limit and beyond it."""
    lines = []
    limits = LimitsSection(header_s=10.0, body_s=20.0)
    for server in (DirectServer(lambda _head, _body: b"", limits), Front(_never, limits)):
        server.idle_s = 30.0
        for in_head, since_s, idle_s, busy in (
            (True, 90.0, 0.0, False),
            (True, 89.9, 0.0, False),
            (False, 80.0, 0.0, False),
            (False, 79.9, 0.0, False),
            (False, float("inf"), 70.0, False),
            (False, float("inf"), 69.9, False),
            (False, float("inf"), 69.9, True),
        ):
            made, transport = server.made(server), _Transport()
            made.connection_made(transport)
            made.in_head, made.since_s, made.idle_since_s = in_head, since_s, idle_s
            if busy and isinstance(server, Front):
                made._clients.append(())  # type: ignore[attr-defined]
            server._sweep(100.0)
            told = [each[:2] if isinstance(each, tuple) else each for each in transport.did]
            lines.append(f"{type(server).__name__} {in_head} {since_s} {idle_s} {busy}: {told}")
            made.connection_lost(None) if not busy else server.connections.clear()
    return lines


async def _never(_request: Request, _client: Client) -> None:
    """Answers nothing."""


def _logs(folder: Path) -> Iterator[str]:
    """A log that comes late, has endless lines, and goes; numbers at their limits."""
    taken: list[bytes] = []
    path = folder / "access.log"
    events: Counter[str] = Counter()
    plane: Any = SimpleNamespace(events=events, clock=lambda: 0.0, book=SimpleNamespace(handed={}))
    log = envoy_log.EnvoyLog(plane, path)
    log.take_all = lambda lines: taken.extend(lines) or 0  # type: ignore[method-assign,func-returns-value]

    def read(name: str) -> str:
        more = [log._read() for _ in range(2)]
        told = f"{name}: {more} {taken} rest {log._rest!r} lines {log._lines}"
        taken.clear()
        return told

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(envoy_log, "LONGEST_LINE", 8)
        patched.setattr(envoy_log, "PIECE_BYTES", 16)
        yield read("none")
        for text in (b"one\ntw", b"o\n12345678", b"\n123456789", b"\nthree\n", 20 * b"x", b"\n4\n"):
            with path.open("ab") as file:
                file.write(text)
            yield read(f"{text!r}")
        path.unlink()
        yield read("gone")
        path.write_bytes(b"another\n")
        yield read("another")
        os.truncate(path, 0)
        yield read("emptied")
        with path.open("ab") as file:
            file.write(b"5\n")
        yield read("filled")
    log._close()
    del log.take_all
    for line in (b"{", b"[]", b'{"id": 7}', b'{"id": "", "status": 200}', b'{"id": ""}'):
        yield f"{line!r}: {log.take(line)} {sorted(events.items())}"
    most = envoy_log.MOST_NUMBER
    for value in (-1, 0, 1, most - 1, most, True, "1", 1.0, None):
        said = {"status": value, "bytes_in": 1, "bytes_out": value, "attempts": 2}
        yield f"{value!r}: {envoy_log.numbers_of(said)}"
    for status, flags, size in product((200, 500), (None, "-", "", "UC"), (0, 1)):
        yield f"{status} {flags} {size}: {envoy_log.ended(status, flags, size)}"
    for cluster in ("oslo/large", "oslo", "a/b/c", "/", 7, None):
        yield f"{cluster!r}: {log._place(cluster)}"


def rare(folder: Path) -> Iterator[str]:
    """Moment by moment."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "LINGER_S", 0.0)
        for work in (_clients, _application, _bugs, _fronts, _upgrades, _late, _wires):
            yield f"== {work.__name__.strip('_')}"
            yield from run_apart(work())
        yield "== pools"
        yield from run_apart(_pools(patched))
        patched.setattr(extra, "LIBRARIES", ("json", "no_such_a", "no_such_b"))
        patched.setattr(telemetry, "find_spec", lambda name: None)
        patched.setattr(spool, "MOST_PROCESSES", 2)
        yield "== callback"
        yield from _callback(patched)
        with pytest.MonkeyPatch.context() as unreached:
            yield from run_apart(_connected(unreached))
        yield "== refused"
        yield from _refused(folder)
    yield "== logs"
    yield from _logs(folder)
    yield "== decided"
    yield from _decided()


def _callback(patched: pytest.MonkeyPatch) -> Iterator[str]:
    """The callback as LiteLLM loads it, which has a class of its own to derive from."""
    name = "litellm.integrations.custom_logger"
    for part in ("litellm", "litellm.integrations", name):
        patched.setitem(sys.modules, part, ModuleType(part))
    base = type("CustomLogger", (), {"__init__": lambda self: setattr(self, "begun", True)})
    patched.setattr(sys.modules[name], "CustomLogger", base, raising=False)
    more = {"WATTLAS_TOKEN": "t", "WATTLAS_TENANT": "acme", "WATTLAS_TENANT_KEY": "team"}
    for url, given in (("unix:/a/b", {}), ("https://h:7", more), ("http://h", {})):
        for key in more:
            patched.delenv(key, raising=False)
        for key, value in {"WATTLAS_URL": url, **given}.items():
            patched.setenv(key, value)
        made = litellm.from_environment()
        service = made._service
        hooks = sorted(each for each in vars(type(made)) if not each.startswith("__"))
        kinds = [kind.__name__ for kind in type(made).__mro__]
        yield f"{url}: {made._tenant!r} {made._tenant_key!r} {service._path!r} {service._token!r}"
        yield f"   {kinds} {made.begun} {hooks}"


async def _connected(patched: pytest.MonkeyPatch) -> list[str]:
    """Where the callback looks for the service."""
    lines = []

    def notes(kind: str) -> Callable[..., Awaitable[Any]]:
        async def opened(*given: Any, **named: Any) -> Any:
            lines.append(f"   {kind} {given} {named}")
            raise OSError("nobody there")

        return opened

    for kind in ("open_connection", "open_unix_connection"):
        patched.setattr(asyncio, kind, notes(kind))
    for url in ("http://h", "https://h", "http://h:7", "https://h:7", "unix:/a/b"):
        lines.append(url)
        try:
            await litellm.DecisionClient(url).post("/decide", {})
        except litellm.AWAY as error:
            lines.append(f"   {error}")
    return lines


def _refused(folder: Path) -> Iterator[str]:
    kept = [spool.Spool(folder / "s") for _ in range(2)]
    large = folder / "large.json"
    large.touch()
    os.truncate(large, LARGEST_BYTES + 1)
    for work in (
        extra.check_extra,
        lambda: telemetry.Telemetry("http://c:1", 1.0, False),
        lambda: spool.Spool(folder / "s"),
        lambda: read_part(large),
    ):
        try:
            work()
        except (WattlasError, OSError) as error:
            yield f"{type(error).__name__} {error}".replace(str(folder), "FOLDER")
    for each in kept:
        each.keep(b"a line")
        each.close()
    again = spool.Spool(folder / "s")
    yield f"left {again.left} {sorted(path.name for path in folder.iterdir())}"
    again.close()


def _decided() -> Iterator[str]:
    """What another version sealed, a pair that is routed no more, and edits of odd texts."""
    made = Decision(facts("x"), "all", False, Place("oslo", "large"), Reason.SAVING, 7)
    seal = Seal(b"secret")
    for epoch in (7, None, 1.5):
        opened = seal.opened(seal.sealed(made._replace(epoch=epoch)))  # type: ignore[arg-type]
        yield f"opened: {opened and opened.epoch}"
    for reason, asked in (("later", "auto"), ("saving", "soon"), ("saving", "auto")):
        odd = made._replace(
            reason=SimpleNamespace(_value_=reason),  # type: ignore[arg-type]
            facts=made.facts._replace(asked=SimpleNamespace(_value_=asked)),  # type: ignore[arg-type]
        )
        yield f"opened, {reason}, {asked}: {seal.opened(seal.sealed(odd)) == made}"
    for klass in ("chat", "video"):
        gone = made._replace(facts=facts("x", klass=klass))
        yield f"{klass}: {[tuple(d.place) for d in failovers(gone, table(), book())]}"
    for text in (
        b'{"a" :1, "b":"x"}',
        b'{"b":"x","c":"x"}',
        b'{"b" :  "\\u0078"}',
        b'{"b":{"b":1}}',
    ):
        said = json.loads(text)
        yield f"{text!r} {changed(text, said, {'b': 'y'}, 'a')!r} {changed(text, said, {}, 'b')!r}"
    refusal = no_place("chat", "lagos")
    yield f"{refusal.status} {refusal.headers} {refusal.body!r}"
    plane: Any = SimpleNamespace(
        config=SimpleNamespace(document=SimpleNamespace(models={}, tenants={"b": 0, "a": 0})),
        schedule=SimpleNamespace(bases=["y", "x"], metros=frozenset(f"m{n}" for n in range(9))),
    )
    for guarded in (False, True):
        made_of = described(plane, guarded)
        yield f"{made_of.get('security')} {json.dumps(made_of['paths']['/decide'])}"
        yield f"{json.dumps(made_of['paths']['/authz/v1/messages'])[-200:]}"
    for kind in (ChunkEvents, ResponseEvents, messages.MessageEvents):
        chat = SimpleNamespace(endpoint=ALL[-1])
        broken = kind(SimpleNamespace(chat=chat)).broke(502, "m")  # type: ignore[arg-type]
        yield f"{kind.__name__} {broken!r}"
    for count, key in product((0, 1, 2), (b"", b'"j"')):
        meter: Any = SimpleNamespace(events=count, key=key)
        chunks = ChunkEvents(SimpleNamespace(meter=meter))  # type: ignore[arg-type]
        datas = (
            b'{"a":1}',
            b'{"usage":null}',
            b'{"usage": {}}',
            b'{"error":1}',
            b'{"j":1}',
            b"[DONE]",
        )
        yield f"{count} {key!r}: {[chunks.plain(data) for data in datas]}"
    for usage in (
        {"input_tokens": 1},
        {"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 4},
        {"input_tokens": 1, "cache_read_input_tokens": "2"},
        {"input_tokens": 1, "cache_read_input_tokens": -2},
        {"input_tokens": 1, "cache_read_input_tokens": True},
        {"input_tokens": None, "cache_read_input_tokens": 2},
        {"cache_read_input_tokens": 2},
        {"input_tokens": 0},
        {},
    ):
        yield f"{usage} {messages._read(usage)}"
    tally = DemoTally()
    hour = int(row(0).admitted_us)
    for n in range(48 * 3600 // SLOT_S + 3):
        later = hour + n * SLOT_S * 1_000_000
        tally.add([row(n, end="whole", admitted_us=hour, ended_us=later)])
    slots = sorted(tally._shares)
    yield f"{len(slots)} slots, from {slots[0] * SLOT_S - hour // 1_000_000} s"


CASES = {"rare": rare}
