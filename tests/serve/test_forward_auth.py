"""Questions as APISIX's `forward-auth` asks them, by the bytes that were seen when its text ran in
nginx: headers in any order, a body in a packet of its own, connections that are kept."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.live import KEYS, TOKEN, Live, configuration
from tests.serve.test_gateway import GOOD
from tests.serve.test_service import call
from tests.serve.wires import connect, until_closed

GET, POST = "GET /forward", "POST /authz/v1/chat/completions"
TOLD = {f"x-wattlas-{word}" for word in ("id", "region", "point", "model", "tier", "reason")}
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A service that is started by the test."""
    made = Live(tmp_path)
    yield made
    if not made.running.done():
        made.stop()
    made.end()


def head(way: str, *more: str, key: str = KEYS["acme"], order: int = 0) -> bytes:
    """The head of a question; tables of Lua have no order."""
    lines = [
        "User-Agent: lua-resty-http/0.16.1 (Lua) ngx_lua/10023",
        "Host: 127.0.0.1:8081",
        f"x-wattlas-token: {TOKEN}",
        f"authorization: Bearer {key}",
        "X-Forwarded-Method: POST",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: llm.example",
        "X-Forwarded-Uri: /v1/chat/completions?x=1",
        "X-Forwarded-For: 203.0.113.7",
        *more,
    ]
    random.Random(order).shuffle(lines)
    return "\r\n".join([f"{way} HTTP/1.1", *lines, "", ""]).encode()


def answer_on(connection: socket.socket) -> Answer:
    """Status, headers and body of one answer."""
    with connection.makefile("rb") as reading:
        first, *lines = iter(lambda: reading.readline().decode().rstrip("\r\n"), "")
        headers = dict(line.split(": ", 1) for line in lines)
        body = reading.read(int(headers["content-length"]))
    return int(first.split()[1]), headers, body


def asked(connection: socket.socket, way: str, key: str, order: int) -> Answer:
    """What a question is answered; the body comes after the head."""
    body = GOOD if way == POST else b""
    more = [f"Content-Length: {len(body)}"] if body else []
    connection.sendall(head(way, *more, key=key, order=order))
    connection.sendall(body)
    return answer_on(connection)


def decided(live: Live, turns: range) -> Iterator[dict[str, str]]:
    """What is told of questions by GET and by POST on one connection, with wrong keys between."""
    with connect(live.service.addresses["decisions"]) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for turn in turns:
            way = GET if turn % 2 else POST
            key = "sk-wrong" if turn % 5 == 3 else KEYS["acme"]
            status, headers, body = asked(connection, way, key, order=turn % 7)
            assert "connection" not in headers
            if key == "sk-wrong":
                assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
            else:
                assert (status, body) == (200, b"")
                yield headers


def test_each_question_on_a_kept_connection_is_decided_for_itself(live: Live) -> None:
    """No two have the same id, none may be kept by the gateway, and all can be settled once."""
    live.start()
    ids, degraded = set(), 0
    for begin in (0, 20):
        told = list(decided(live, range(begin, begin + 20)))
        ended = [{"id": headers["x-wattlas-id"], "status": 200} for headers in told]
        for taken in (16, 0):
            got = call(live, "decisions", "POST", "/settle", ended)
            assert got == (200, {"settled": taken, "refused": 16 - taken})
        live.settled()
        ids.update(headers["x-wattlas-id"] for headers in told)
        degraded += sum(headers["x-wattlas-tier"] == "degraded" for headers in told)
        assert all(headers.keys() >= TOLD for headers in told)
        assert {headers["cache-control"] for headers in told} == {"no-store"}
    live.stop()
    assert len(ids) == 32
    assert degraded > 0
    assert (live.counts(), live.held()) == ((32, degraded), 0)


def test_framing_of_the_client_in_a_question_by_post(live: Live) -> None:
    """As before APISIX 3.18: whoever waits to be asked for the body is asked, on a connection that
    is kept; a body that is called chunked and is not is refused, and decides nothing."""
    live.start()
    url, expects = live.service.addresses["decisions"], "Expect: 100-continue"
    with connect(url) as connection:
        for key, status in ((KEYS["plain"], 200), ("sk-wrong", 401), (KEYS["plain"], 200)):
            connection.sendall(head(POST, f"Content-Length: {len(GOOD)}", expects, key=key))
            assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(GOOD)
            assert answer_on(connection)[0] == status
        connection.sendall(head(POST, "Transfer-Encoding: chunked"))
        connection.sendall(GOOD)
        got = until_closed(connection)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nconnection: close\r\n" in got
    assert len(live.service.plane.book.in_flight) == 2


def test_of_several_models_a_header_names_the_one(live: Live) -> None:
    """Without it there is nothing to decide."""
    models = configuration({})["models"]
    live.start(models={**models, "other": models["llama"], "modèle": models["llama"]})
    with connect(live.service.addresses["decisions"]) as connection:
        for more, status in ((["x-model: other"], 200), ([], 403)):
            connection.sendall(head(GET, *more))
            got = answer_on(connection)
            assert got[0] == status
        assert json.loads(got[2])["error"]["code"] == "model_not_found"
        for letters in ("utf-8", "latin-1"):
            more = head(GET, "x-model: MODEL").replace(b"MODEL", "modèle".encode(letters))
            connection.sendall(more)
            assert answer_on(connection)[0] == 200
