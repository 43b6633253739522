"""Every endpoint, streamed or not, in each tier, and each way to end too early: what a client is
told, the ledger's row and the statement are one account, and permits in flight come back."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve import shapes
from tests.serve.live import (
    ADMIN,
    KEYS,
    Asking,
    Behaviour,
    Live,
    Stub,
    answer,
    chunk,
    configuration,
    events,
    head,
)

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
MESSAGES: Any = [{"role": "user", "content": "ping"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": "ping"},
    "/v1/embeddings": {"input": "ping"},
    "/v1/responses": {"input": "ping"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 9},
}
TOKENS = 3
BEFORE = {"/v1/responses": 4, "/v1/messages": 3}
"""Events before the first token; of the others each event counts as one."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service whose times are short."""
    made = Live(tmp_path_factory.mktemp("matrix"))
    urls = {region: stub.url for region, stub in made.stubs.items()}
    limits = {**configuration(urls)["limits"], "first_byte_s": 0.12, "idle_s": 0.12}
    made.start(limits=limits)
    yield made
    made.stop()
    made.end()


@pytest.fixture
def live(started: Live) -> Iterator[Live]:
    """Servers that behave, and permits in hand; in the end the record is what the rows say."""
    started.behave(answer)
    until = time.monotonic() + 20
    while started.held() < 2:
        assert time.monotonic() < until
        assert post(started, "/v1/embeddings", service_tier="default")[0].status == 200
        started.settled()
    yield started
    rows = [row for row in started.settled() if row.tenant == "acme"]
    kept = sum(row.degraded and row.end != "failed" for row in rows)
    delivered = sum(row.end == "whole" for row in rows)
    assert started.counts() == (delivered, kept + started.held())
    assert not started.service.plane.book.in_flight
    assert not started.service.gateway._open["acme"]


def body(path: str, **more: Any) -> bytes:
    """A request."""
    return json.dumps({"model": "llama", **BODIES[path], **more}).encode()


def post(live: Live, path: str, **more: Any) -> tuple[http.client.HTTPResponse, bytes]:
    """The answer to a plain request, and its text."""
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=10)
    try:
        told = {"authorization": f"Bearer {KEYS['acme']}"}
        connection.request("POST", path, body(path, **more), told)
        got = connection.getresponse()
        return got, got.read()
    finally:
        connection.close()


def statement(live: Live) -> dict[str, int]:
    """Totals of the month."""
    host = live.service.addresses["admin"].removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    month = time.strftime("%Y-%m", time.gmtime())
    told = {"authorization": f"Bearer {ADMIN}"}
    connection.request("GET", f"/statements/acme/{month}.json", headers=told)
    made = json.loads(connection.getresponse().read())
    connection.close()
    return dict(made["total"])


def models_in(text: bytes) -> set[str]:
    """Every model that an answer names, wherever it stands."""
    said = [json.loads(line[6:]) for line in text.split(b"\n") if line.startswith(b"data: {")]
    found = set()
    for each in said or [json.loads(text)]:
        for part in (each, each.get("response"), each.get("message")):
            if isinstance(part, dict) and "model" in part:
                found.add(part["model"])
    return found


@pytest.mark.parametrize("tier", ["default", "flex", "auto"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", BODIES)
def test_body_header_row_and_statement_agree(
    live: Live, path: str, stream: bool, tier: str
) -> None:
    """On the model, on whether it was degraded, and why; the statement grows by the row."""
    if path == "/v1/embeddings" and stream:
        assert post(live, path, stream=True)[0].status == 400
        return
    before = statement(live)
    got, text = post(live, path, stream=stream, service_tier=tier)
    assert got.status == 200
    row = live.settled()[-1]
    after = statement(live)
    assert row.id == got.headers["x-request-id"]
    assert models_in(text) == {row.model_served} == {got.headers["x-wattlas-model"]}
    assert row.degraded is (got.headers["x-wattlas-tier"] == "degraded")
    assert row.degraded is (row.model_served == "llama-8b") is (tier != "default")
    assert got.headers["x-wattlas-reason"] == row.reason
    assert row.reason == ("saving" if row.degraded else "asked")
    grown = {name: after[name] - before[name] for name in after}
    assert (grown["requests"], grown["whole"], grown["degraded"]) == (1, 1, int(row.degraded))
    for name in ("tokens_in", "tokens_out", "facility_mj", "average_ug", "usual_mj"):
        assert grown[name] == (getattr(row, name) or 0)


def parts(asking: Asking) -> list[bytes]:
    """The pieces of a good answer: events, or two halves of a body."""
    if asking.said.get("stream"):
        return events(asking)
    text = json.dumps({"data": [], "model": asking.said["model"]}).encode()
    return [text[:9], text[9:]]


def until(moment: str, end: str) -> Behaviour:
    """A server that comes so far, and then fails so."""

    async def behaviour(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        stream = bool(asking.said.get("stream"))
        if moment == "before headers" and end == "5xx":
            writer.write(head(500, length=2) + b"{}")
            return
        if moment != "before headers":
            writer.write(head(kind="text/event-stream" if stream else "application/json"))
        if moment == "mid-stream":
            count = BEFORE.get(asking.path, 0) + TOKENS if stream else 1
            for part in parts(asking)[:count]:
                writer.write(chunk(part))
        await writer.drain()
        if end == "5xx":
            writer.close()  # a reset might overtake what was sent
        else:
            await reader.read()
            stub.cancelled += 1

    return behaviour


def ask_and_leave(live: Live, path: str, stream: bool, seen: int, tier: str) -> None:
    """Ask, read so many tokens, and go."""
    host, port = live.url.removeprefix("http://").split(":")
    text = body(path, stream=stream, service_tier=tier)
    told = f"host: x\r\nauthorization: Bearer {KEYS['acme']}\r\ncontent-length: {len(text)}"
    asked = sum(len(stub.asked) for stub in live.stubs.values())
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\n{told}\r\n\r\n".encode() + text)
        got = b""
        while seen and got.count(b"\ndata: ") < seen:
            got += connection.recv(65_536)
        while sum(len(stub.asked) for stub in live.stubs.values()) == asked:
            time.sleep(0.005)
        time.sleep(0.03)


@pytest.mark.parametrize("tier", ["default", "flex"])
@pytest.mark.parametrize("moment", ["before headers", "before first token", "mid-stream"])
@pytest.mark.parametrize("end", ["client cancel", "5xx", "timeout"])
@pytest.mark.parametrize("path", BODIES)
def test_however_it_ends_there_is_one_account(
    live: Live, path: str, end: str, moment: str, tier: str
) -> None:
    """One row; produced tokens metered; a permit is back unless degraded content was delivered."""
    stream = path != "/v1/embeddings"
    live.behave(until(moment, end))
    before, held = len(live.settled()), live.held()
    delivered = moment == "mid-stream" and stream
    seen = BEFORE.get(path, 0) + TOKENS if delivered else 0
    if end == "client cancel":
        ask_and_leave(live, path, stream, seen, tier)
    else:
        got, text = post(live, path, stream=stream, service_tier=tier)
        assert (got.status == 200) is delivered
        assert b"error" in text
    rows = live.settled()
    assert len(rows) == before + 1
    row = rows[-1]
    status = {"client cancel": 499, "timeout": 504, "5xx": 502}[end]
    assert (row.end, row.status) == ("broken" if delivered else "failed", status)
    assert row.tokens_out == (TOKENS if delivered else 0)
    if delivered:
        assert row.degraded is (tier == "flex")
        assert (row.method, (row.facility_mj or 0) > 0) == ("events", True)
    else:
        assert live.held() >= held


def test_the_events_before_a_token_are_counted_right() -> None:
    """Of the shapes that the tests above count in."""
    streams = {
        "/v1/responses": shapes.response_events("m"), "/v1/messages": shapes.message_events("m"),
    }  # fmt: skip
    for path, stream in streams.items():
        first = next(n for n, event in enumerate(stream) if "wörd0".encode() in event)
        assert first == BEFORE[path]
