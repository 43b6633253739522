"""Every port speaks HTTP/1.1 within the same bounds: the same bytes to the gateway, to the decision
service and to the admin port."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator

import pytest

from tests.serve.live import ADMIN, KEYS, TOKEN, Live
from tests.serve.test_service import call
from tests.serve.toys import run_apart
from tests.serve.wires import connect, exchange, until_closed
from wattlas.serve.config import LimitsSection
from wattlas.serve.gateway.client import Client, Request
from wattlas.serve.gateway.front import Front

PORTS = ("gateway", "decisions", "admin")
CHAT = json.dumps({"model": "llama", "messages": []}).encode()
DECIDE = json.dumps({"tenant": "acme", "model": "llama"}).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with all its ports."""
    made = Live(tmp_path_factory.mktemp("fronts"))
    made.start()
    yield made
    made.stop()
    made.end()


@pytest.fixture
def live(service: Live) -> Iterator[Live]:
    """The service, where every request has ended once a test has: tests run in any order."""
    yield service
    opened = [{"id": text} for text in service.service.plane.book.handed]
    call(service, "decisions", "POST", "/settle", opened)


def good(port: str, close: bool = True) -> bytes:
    """A request that the port answers with 200."""
    path, key, body = {
        "gateway": ("/v1/chat/completions", f"authorization: Bearer {KEYS['acme']}", CHAT),
        "decisions": ("/decide", f"x-wattlas-token: {TOKEN}", DECIDE),
        "admin": ("/reload", f"authorization: Bearer {ADMIN}", b"{}"),
    }[port]
    last = "connection: close" if close else "x: y"
    return (
        f"POST {path} HTTP/1.1\r\nhost: x\r\n{key}\r\n{last}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def with_header(text: bytes, *lines: bytes) -> bytes:
    """The request with more headers."""
    return text.replace(b"host: x\r\n", b"host: x\r\n" + b"".join(line + b"\r\n" for line in lines))


def statuses(got: bytes) -> list[bytes]:
    """Of every answer in some bytes."""
    return re.findall(rb"HTTP/1.1 (\d\d\d) ", got)


def broken(port: str) -> dict[str, tuple[bytes, int]]:
    """What breaks a bound, and the status that it is answered with."""
    text = good(port)
    path = text.split(b" ")[1]
    return {
        "length and chunks": (with_header(text, b"transfer-encoding: chunked"), 400),
        "two lengths": (with_header(text, b"content-length: 5"), 400),
        "no host": (text.replace(b"host: x\r\n", b""), 400),
        "two hosts": (with_header(text, b"host: y"), 400),
        "bare LF": (text.replace(b"host: x\r\n", b"host: x\n"), 400),
        "a huge header": (with_header(text, b"odd: " + b"a" * 64_000), 431),
        "a header without end": (b"POST / HTTP/1.1\r\nodd: " + b"a" * 200_000, 431),
        "many headers": (with_header(text, *[b"a: b"] * 4000), 431),
        "a long path": (text.replace(path, b"/" + b"a" * 40_000), 431),
        "blank before the colon": (text.replace(b"host: x", b"host : x"), 400),
        "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        "NUL in a header": (with_header(text, b"odd: a\x00b"), 400),
        "a bad chunk": (
            text.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400,
        ),
        "slow headers": (text[:20], 408),
        "slow body": (text[:-1], 408),
        "nothing": (b"", 408),
        "a long body": (
            text.split(b"content-length")[0] + b"content-length: 200000\r\n\r\n" + b"x" * 200_000,
            413,
        ),
        "a long body in chunks": (
            text.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"
            + (b"2710\r\n" + b"x" * 10_000 + b"\r\n") * 20, 413,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", broken("gateway"))
@pytest.mark.parametrize("port", PORTS)
def test_what_breaks_a_bound_is_refused(live: Live, port: str, name: str) -> None:
    """In time, with one JSON error, and a closed connection; nothing is accounted for."""
    text, status = broken(port)[name]
    before, began = len(live.settled()), time.monotonic()
    got = exchange(live.service.addresses[port], text)
    assert time.monotonic() - began < 4
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.split(b" ", 2)[1] == str(status).encode(), got[:200]
    assert b"connection: close" in head
    assert json.loads(body)["error"]["message"]
    assert len(live.settled()) == before


@pytest.mark.parametrize("port", PORTS)
def test_slow_headers_have_a_deadline(live: Live, port: str) -> None:
    """A byte now and then does not extend it."""
    began = time.monotonic()
    text = b"POST /decide HTTP/1.1\r\n" * 3
    assert b" 408 " in exchange(live.service.addresses[port], text, pause_s=0.03)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("port", PORTS)
def test_requests_that_come_at_once_are_answered_in_turn(live: Live, port: str) -> None:
    """Three on one connection, also cut at odd bytes, and what is broken after them comes last."""
    text = good(port, close=False) * 2 + good(port)
    url = live.service.addresses[port]
    assert exchange(url, text).count(b"HTTP/1.1 200") == 3
    with connect(url) as connection:
        for at in range(0, len(text), 97):
            connection.sendall(text[at : at + 97])
            time.sleep(0.001)
        assert until_closed(connection).count(b"HTTP/1.1 200") == 3
    got = exchange(url, good(port, close=False) + b"no HTTP\r\n\r\n")
    assert statuses(got) == [b"200", b"400"]


@pytest.mark.parametrize("port", PORTS)
def test_a_connection_is_kept(live: Live, port: str) -> None:
    """One request after the other; it is closed where the client asks for that."""
    with connect(live.service.addresses[port]) as connection:
        for _ in range(3):
            connection.sendall(good(port, close=False))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(good(port))
        assert until_closed(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("port", PORTS)
def test_a_body_may_come_in_chunks(live: Live, port: str) -> None:
    """With extensions and trailers, as in one piece."""
    head, _, body = good(port).partition(b"\r\n\r\n")
    head = head.split(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"
    parts = [body[:1], body[1:]]
    text = b"".join(b"%x;a=b\r\n%b\r\n" % (len(part), part) for part in parts)
    got = exchange(live.service.addresses[port], head + text + b"0\r\nodd: trailer\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("port", PORTS)
def test_a_client_that_waits_to_be_asked_is_asked(live: Live, port: str) -> None:
    """`Expect: 100-continue`, as curl sends it with a long body."""
    text = with_header(good(port), b"expect: 100-continue")
    head, _, body = text.partition(b"\r\n\r\n")
    with connect(live.service.addresses[port]) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert until_closed(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("port", PORTS)
def test_the_answer_to_head_has_no_body(live: Live, port: str) -> None:
    """And says how long it would be."""
    text = b"HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    head, _, body = exchange(live.service.addresses[port], text).partition(b"\r\n\r\n")
    assert body == b""
    assert b"content-length: " in head
    assert head.count(b"content-length") == 1


@pytest.mark.parametrize("port", PORTS)
def test_an_upgrade_is_not_taken(live: Live, port: str) -> None:
    """The request is answered as what it is, body and all, and the connection is kept."""
    wish = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABk")
    text = with_header(good(port, close=False), *wish) + good(port)
    assert statuses(exchange(live.service.addresses[port], text)) == [b"200", b"200"]
    got = exchange(live.service.addresses[port], b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n")
    assert statuses(got) == [b"400"]


@pytest.mark.parametrize("port", PORTS)
def test_http_1_0_is_answered_and_closed(live: Live, port: str) -> None:
    """Old clients read until the connection ends."""
    text = good(port, close=False).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert b" 200 " in exchange(live.service.addresses[port], text)


def test_an_old_client_gets_a_stream_without_chunks(live: Live) -> None:
    """HTTP/1.0 has none."""
    body = json.dumps({"model": "llama", "messages": [], "stream": True}).encode()
    text = good("gateway").replace(CHAT, body).replace(b"HTTP/1.1", b"HTTP/1.0")
    text = text.replace(b"content-length: %d" % len(CHAT), b"content-length: %d" % len(body))
    head, _, got = exchange(live.url, text).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert got.startswith(b"data: ")
    assert got.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("port", PORTS)
def test_paths_are_compared_as_they_are_sent(live: Live, port: str) -> None:
    """No spelling of a path reaches another one."""
    path = good(port).split(b" ")[1]
    for odd in (
        b"/" + path,
        path + b"/",
        path.upper(),
        b"/x/.." + path,
        path.replace(b"e", b"%2565"),
    ):
        got = exchange(live.service.addresses[port], good(port).replace(path, odd, 1))
        assert got.split(b" ")[1] in (b"404", b"307"), (odd, got[:80])


def test_two_keys_are_refused(live: Live) -> None:
    """Two readers might take different ones."""
    text = with_header(good("gateway"), b"authorization: Bearer sk-plain")
    assert exchange(live.url, text).startswith(b"HTTP/1.1 400")


def test_a_connection_is_kept_for_so_long_after_its_last_answer() -> None:
    """Not from its beginning on, nor from the request; while one is being answered, for ever."""

    async def main() -> None:
        answering = asyncio.Event()

        async def handler(request: Request, client: Client) -> None:
            await client.body(1000, 10.0)
            await answering.wait()
            await client.send(200, [], b"ok")

        front = Front(handler, LimitsSection(header_s=1e6))
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: front.made(front), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        text = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nok"
        for _ in range(2):
            answering.clear()
            writer.write(text)
            while not any(each.busy for each in front.connections):
                await asyncio.sleep(0)
            (line,) = front.connections
            front._sweep(loop.time() + 100 * front.idle_s)
            assert not line.transport.is_closing()
            assert line.transport.is_reading()
            await asyncio.sleep(0.01)
            began = loop.time()
            answering.set()
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(2)
            while line.busy:
                await asyncio.sleep(0)
            assert line.idle_since_s >= began
            front._sweep(line.idle_since_s + front.idle_s - 0.01)
            assert not line.transport.is_closing()
        front._sweep(line.idle_since_s + front.idle_s + 0.01)
        assert line.transport.is_closing()
        assert await reader.read() == b""
        writer.close()
        server.close()

    run_apart(main())


def test_no_more_is_read_than_the_next_request() -> None:
    """A client that sends on and on while its first request is answered is made to wait."""

    async def main() -> None:
        answering = asyncio.Event()

        async def handler(request: Request, client: Client) -> None:
            await client.body(1000, 10.0)
            await answering.wait()
            await client.send(200, [], request.path)

        front = Front(handler, LimitsSection())
        server = await asyncio.get_running_loop().create_server(
            lambda: front.made(front), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        text = b"POST /%d HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
        writer.write(text % 0)
        while not any(each.busy for each in front.connections):
            await asyncio.sleep(0)
        (line,) = front.connections
        assert line.transport.is_reading()
        writer.write(text % 1)
        while line.transport.is_reading():
            await asyncio.sleep(0)
        writer.write(text % 2)
        answering.set()
        for n in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(2) == b"/%d" % n
        assert line.transport.is_reading()
        writer.close()
        server.close()

    run_apart(asyncio.wait_for(main(), 20))
