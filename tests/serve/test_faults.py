"""What servers and clients do wrong, one by one: the client gets an answer or one clear error, each
request has one row, and permits in flight come back to none."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.serve.live import (
    KEYS,
    Asking,
    Behaviour,
    Live,
    Stub,
    answer,
    chunk,
    completion,
    events,
    head,
)
from tests.serve.wires import connect as connect_to
from tests.serve.wires import exchange, wait_for
from wattlas.serve.gateway.health import Health

MESSAGES: Any = [{"role": "user", "content": "ping"}]
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with two regions, and many permits in hand."""
    made = Live(tmp_path_factory.mktemp("faults"))
    made.start()
    with openai.OpenAI(base_url=f"{made.url}/v1", api_key=KEYS["acme"], timeout=10) as client:
        made.client = client  # type: ignore[attr-defined]
        for _ in range(40):
            ask(made, False)
        made.settled()
        yield made
    made.stop()
    made.end()


@pytest.fixture
def live(started: Live) -> Iterator[Live]:
    """The same with servers that behave and that nobody mistrusts, and permits in hand."""
    started.behave(answer)
    plane = started.service.plane
    until = time.monotonic() + 10
    while started.held() < 3 and time.monotonic() < until:
        ask(started, False)
        started.settled()
    assert started.held() >= 3
    yield started
    assert balanced(started)
    assert plane.book.trouble is None


def balanced(live: Live) -> bool:
    """Whether nothing is in flight; the record must have what the rows say and what is held."""
    rows = [row for row in live.settled() if row.tenant == "acme"]
    delivered, granted = live.counts()
    kept = sum(row.degraded and row.end != "failed" for row in rows)
    assert delivered == sum(row.end == "whole" for row in rows)
    assert granted == kept + live.held()
    return not live.service.plane.book.in_flight


def raw(text: bytes) -> Behaviour:
    """A server that sends so much and closes."""

    async def behave(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        writer.write(text)
        writer.close()

    return behave


def said(
    body: Any, status: int = 200, kind: str = "application/json", more: bytes = b""
) -> Behaviour:
    """A server that answers so."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw(head(status, kind, len(text)).replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n") + text)


def kind_of(asking: Asking) -> str:
    """The type of an answer."""
    return "text/event-stream" if asking.said.get("stream") else "application/json"


async def reset(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
    """Drops the connection."""
    writer.transport.abort()


async def hang(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
    """Says nothing, and notices when it is no longer waited for."""
    await reader.read()
    stub.cancelled += 1


async def head_then_hang(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
    """Says that it will answer, and does not."""
    writer.write(head(kind=kind_of(asking)))
    await hang(stub, asking, reader, writer)


async def drip(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
    """A byte now and then."""
    writer.write(
        head(kind="text/event-stream" if asking.said.get("stream") else "application/json")
    )
    for _ in range(100):
        writer.write(chunk(b" "))
        await writer.drain()
        await asyncio.sleep(0.05)


async def other_model(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
    """Answers with a model that nobody asked it for."""
    asking.said["model"] = "llama-1b"
    await answer(stub, asking, reader, writer)


async def never_ending_line(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
    """Much more than any event or answer has."""
    writer.write(
        head(kind="text/event-stream" if asking.said.get("stream") else "application/json")
    )
    for _ in range(100):
        writer.write(chunk(b"data: " + b"x" * 50_000))
        await writer.drain()


async def reset_without_length(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
    """Sends what may be all, without saying how much that is, and drops the connection."""
    body = json.dumps(completion(asking)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + body)
    await writer.drain()
    await asyncio.sleep(0.05)
    # Closed without waiting, a socket sends a reset and no end.
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


EARLY: dict[str, tuple[Behaviour, int]] = {
    "reset": (reset, 502),
    "reset without length": (reset_without_length, 502),
    "closed": (raw(b""), 502),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH\r\n"), 502),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\ncontent-"), 502),
    "hangs": (hang, 504),
    "hangs after the head": (head_then_hang, 504),
    "drips": (drip, 504),
    "500": (said({"error": {"message": "oops"}}, 500), 502),
    "502": (said(b"<html>", 502, "text/html"), 502),
    "503": (said(b"", 503), 503),
    "429": (said({"error": {}}, 429, more=b"retry-after: soon\r\n"), 429),
    "498": (said({"error": {}}, 498), 502),
    "404": (said({"error": {}}, 404), 502),
    "401": (said({"error": {}}, 401), 502),
    "moved": (said(b"", 302, more=b"location: http://127.0.0.1:9/\r\n"), 502),
    "HTML": (said(b"<html>", kind="text/html"), 502),
    "half of JSON": (said(b'{"model": "llama-70b", "choi'), 502),
    "a list": (said([]), 502),
    "no choices": (said({"model": "llama-70b"}), 502),
    "an error in band": (said({"error": {"message": "overloaded"}}), 502),
    "cut short": (raw(head(length=5000) + b'{"model":'), 502),
    "gzip": (said(b"\x1f\x8b", more=b"content-encoding: gzip\r\n"), 502),
    "NUL in a header": (said(b"{}", more=b"x-odd: a\x00b\r\n"), 502),
    "bare CR in a header": (said(b"{}", more=b"x-odd: a\rb: c\r\n"), 502),
    "a huge header": (said(b"{}", more=b"x-odd: " + b"a" * 1_000_000 + b"\r\n"), 502),
    "two lengths": (said(b"{}", more=b"content-length: 7\r\n"), 502),
    "another model": (other_model, 502),
    "a line without end": (never_ending_line, 502),
}
STREAMED: dict[str, tuple[Behaviour, int]] = {
    "an error first": (
        raw(head(kind="text/event-stream") + chunk(b'data: {"error": {"message": "no"}}\n\n')), 502,
    ),
    "[DONE] first": (
        raw(head(kind="text/event-stream") + chunk(b"data: [DONE]\n\n") + chunk(b"")), 502,
    ),
    "nothing": (raw(head(kind="text/event-stream") + chunk(b"")), 502),
    "no JSON": (raw(head(kind="text/event-stream") + chunk(b"data: hello\n\n")), 502),
    "only comments": (raw(head(kind="text/event-stream") + chunk(b": ping\n\n") + chunk(b"")), 502),
}  # fmt: skip
CASES = [(name, stream) for name in EARLY for stream in (False, True)]
CASES += [(name, True) for name in STREAMED]


def ask(live: Live, stream: bool, tier: Any = "default", retries: int = 0) -> str:
    """The text of an answer to OpenAI's client."""
    client: openai.OpenAI = live.client.with_options(max_retries=retries)  # type: ignore[attr-defined]
    said: dict[str, Any] = {"model": "llama", "messages": MESSAGES, "service_tier": tier}
    if not stream:
        return client.chat.completions.create(**said).choices[0].message.content or ""
    chunks = client.chat.completions.create(**said, stream=True)
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


@pytest.mark.parametrize(("name", "stream"), CASES)
def test_another_region_takes_over(live: Live, name: str, stream: bool) -> None:
    """Before the first byte the client notices nothing, and the row says who served it."""
    before = len(live.settled())
    bad = {**EARLY, **STREAMED}[name][0]
    for region, good in (("oslo", "austin"), ("austin", "oslo")):
        live.stubs[region].behaviour, live.stubs[good].behaviour = bad, answer
        text = ask(live, stream)
        assert text == ("wörd0 wörd1 wörd2 wörd3 wörd4 " if stream else "pong ✓")
        row = live.settled()[-1]
        assert (row.region, row.end, row.degraded) == (good, "whole", False)
    assert len(live.rows()) == before + 2


@pytest.mark.parametrize(
    ("name", "stream", "tier"),
    [(*case, ("default", "flex")[n // 2 % 2]) for n, case in enumerate(CASES) if n % 4 in (0, 3)],
)
def test_when_all_fail_there_is_one_error(live: Live, name: str, stream: bool, tier: str) -> None:
    """In OpenAI's form, with a row, and the permit of a degraded request is back."""
    bad, status = {**EARLY, **STREAMED}[name]
    for stub in live.stubs.values():
        stub.behaviour = bad
    before, held = len(live.settled()), live.held()
    began = time.monotonic()
    with pytest.raises(openai.APIStatusError) as caught:
        ask(live, stream, tier, retries=2)
    assert time.monotonic() - began < 6
    assert caught.value.status_code == status
    assert caught.value.body["code"] == "upstream_unavailable"  # type: ignore[index]
    assert caught.value.response.headers["x-should-retry"] == "false"
    rows = live.settled()
    assert len(rows) == before + 1
    assert (rows[-1].end, rows[-1].status) == ("failed", status)
    assert (rows[-1].tokens_out, rows[-1].attempts >= 2) == (0, True)
    assert live.held() >= held


def test_what_is_wrong_with_the_request_is_passed_on(live: Live) -> None:
    """Another server would say the same: none is tried."""
    for stub in live.stubs.values():
        stub.behaviour = said({"error": {"message": "top_p is odd", "code": "odd"}}, 400)
    with pytest.raises(openai.BadRequestError, match="top_p is odd"):
        ask(live, False)
    assert live.settled()[-1].attempts == 1


def after(count: int, then: Behaviour | None, last: bytes = b"") -> Behaviour:
    """A server that streams so many events, then something else."""

    async def behave(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        writer.write(head(kind="text/event-stream"))
        for event in events(asking)[:count]:
            writer.write(chunk(event))
        await writer.drain()
        await asyncio.sleep(0.05)  # what was sent is read before a reset overtakes it
        if last:
            writer.write(chunk(last))
        if then is None:
            writer.write(chunk(b""))
        else:
            await then(stub, asking, reader, writer)

    return behave


LATE: dict[str, Behaviour] = {
    "reset": after(3, reset),
    "hangs": after(3, hang),
    "no [DONE]": after(3, None),
    "cut short": after(3, raw(b"")),
    "an error": after(3, None, b'data: {"error": {"message": "out of memory"}}\n\n'),
    "half an event": after(3, None, b'data: {"choices": [{"delta": {"content": "ha'),
    "a line without end": after(3, None, b"data: " + b"x" * 150_000),
    "bad chunks": after(3, raw(b"zz\r\n")),
}


@pytest.mark.parametrize("tier", ["default", "flex"])
@pytest.mark.parametrize("name", LATE)
def test_a_stream_that_breaks_says_so(live: Live, name: str, tier: str) -> None:
    """In band; what was delivered is metered, and a degraded answer keeps its permit."""
    for stub in live.stubs.values():
        stub.behaviour = LATE[name]
    before, held = live.counts(), live.held()
    with pytest.raises(openai.APIError, match="broke off"):
        ask(live, True, tier)
    row = live.settled()[-1]
    assert (row.end, row.degraded) == ("broken", tier == "flex")
    assert (row.tokens_out, row.method) == (3, "events")
    assert row.facility_mj is not None
    assert row.facility_mj > 0
    delivered, granted = live.counts()
    assert delivered == before[0]
    assert granted - live.held() == before[1] - held + (tier == "flex")


def test_events_may_be_cut_anywhere(live: Live) -> None:
    """At every byte, in the middle of a letter too; with other ends of lines as well."""

    async def byte_by_byte(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        writer.write(head(kind="text/event-stream"))
        text = b"".join(events(asking)).replace(b"\n\n", b"\r\n\r\n")
        for at in range(len(text)):
            writer.write(chunk(text[at : at + 1]))
            if at % 7 == 0:
                await writer.drain()
        writer.write(chunk(b""))

    live.stubs["oslo"].behaviour = live.stubs["austin"].behaviour = byte_by_byte
    assert ask(live, True) == "wörd0 wörd1 wörd2 wörd3 wörd4 "
    assert live.settled()[-1].tokens_out == 50


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, (None, "bytes")),
        ({"prompt_tokens": -1, "completion_tokens": 5}, (None, "bytes")),
        ({"prompt_tokens": 3, "completion_tokens": 1e300}, (None, "bytes")),
        ({"prompt_tokens": "3", "completion_tokens": "5"}, (None, "bytes")),
        ([], (None, "bytes")),
        ({"prompt_tokens": 3}, (0, "usage")),
    ],
)
def test_usage_that_makes_no_sense_is_estimated(
    live: Live, usage: Any, tokens: tuple[int | None, str]
) -> None:
    """And the row says how."""

    async def odd(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        body = json.dumps(completion(asking, usage=usage)).encode()
        writer.write(head(length=len(body)) + body)

    live.stubs["oslo"].behaviour = live.stubs["austin"].behaviour = odd
    ask(live, False)
    row = live.settled()[-1]
    assert row.method == tokens[1]
    assert tokens[0] is None or row.tokens_out == tokens[0]
    assert row.tokens_out is not None
    assert 0 <= row.tokens_out < 200


def test_a_dead_idle_connection_costs_nothing(live: Live) -> None:
    """A server that closed it in the meantime is asked again, on another one."""

    async def answer_and_close(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        await answer(stub, asking, reader, writer)
        await writer.drain()
        writer.transport.abort()

    for stub in live.stubs.values():
        stub.behaviour = answer_and_close
    for _ in range(6):
        assert ask(live, False) == "pong ✓"
    assert {row.end for row in live.settled()[-6:]} == {"whole"}


def test_servers_that_keep_failing_are_left_alone(live: Live) -> None:
    """After five failures in a row the others are asked at once, and later it is tried again."""
    now = [0.0]
    live.service.gateway.health = Health(lambda: now[0])
    live.stubs["oslo"].behaviour = reset
    for _ in range(12):
        ask(live, False)
    asked = len(live.stubs["oslo"].asked)
    for _ in range(6):
        ask(live, False)
    assert len(live.stubs["oslo"].asked) == asked
    live.stubs["oslo"].behaviour = answer
    now[0] += 100.0
    for _ in range(4):
        ask(live, False)
    assert len(live.stubs["oslo"].asked) > asked


def test_servers_whose_streams_break_are_left_alone(live: Live) -> None:
    """They began well, which is no reason to trust them."""
    live.stubs["oslo"].behaviour = after(3, reset)
    for _ in range(12):
        try:
            ask(live, True)
        except openai.APIError:
            continue
    assert live.service.gateway.health.resting == [live.stubs["oslo"].url]


def test_second_tries_have_a_budget(live: Live) -> None:
    """When everything fails, servers get little more than one try per request."""
    health = live.service.gateway.health
    before = {region: len(stub.asked) for region, stub in live.stubs.items()}
    for stub in live.stubs.values():
        stub.behaviour = said({"error": {}}, 429)  # too busy is no reason to rest
    for _ in range(60):
        with pytest.raises(openai.RateLimitError):
            ask(live, False)
    tries = sum(len(stub.asked) - before[region] for region, stub in live.stubs.items())
    assert tries <= 60 * 1.2 + 21
    assert not health.resting


def connect(live: Live) -> socket.socket:
    """A connection to the gateway."""
    return connect_to(live.url)


def request(stream: bool, tier: str, close: bool = False) -> bytes:
    """A request as bytes."""
    body = json.dumps(
        {"model": "llama", "messages": MESSAGES, "stream": stream, "service_tier": tier}
    )
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEYS['acme']}\r\n"
        f"{'connection: close' if close else 'x: y'}\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


@pytest.mark.parametrize("tier", ["default", "flex"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_early_stops_the_server(live: Live, stream: bool, tier: str) -> None:
    """Its request is cancelled there, and the permit is back."""
    for stub in live.stubs.values():
        stub.behaviour, stub.cancelled = hang, 0
    held = live.held()
    with connect(live) as connection:
        connection.sendall(request(stream, tier))
        wait_for(lambda: bool(live.service.plane.book.in_flight))
        time.sleep(0.1)
    wait_for(lambda: sum(stub.cancelled for stub in live.stubs.values()) == 1)
    row = live.settled()[-1]
    assert (row.end, row.status, row.tokens_out) == ("failed", 499, 0)
    assert live.held() >= held


@pytest.mark.parametrize("tier", ["default", "flex"])
def test_a_client_that_leaves_a_stream_stops_the_server(live: Live, tier: str) -> None:
    """What it was given is metered; a degraded answer keeps its permit."""
    for stub in live.stubs.values():
        stub.behaviour, stub.cancelled = after(3, hang), 0
    with connect(live) as connection:
        connection.sendall(request(True, tier))
        got = b""
        while got.count(b"data: ") < 3:
            got += connection.recv(65_536)
    wait_for(lambda: sum(stub.cancelled for stub in live.stubs.values()) == 1)
    row = live.settled()[-1]
    assert (row.end, row.status, row.tokens_out) == ("broken", 499, 3)
    assert row.degraded is (tier == "flex")


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_after_the_last_byte_was_served(live: Live, stream: bool) -> None:
    """Once, and whole."""
    before = len(live.settled())
    with connect(live) as connection:
        connection.sendall(request(stream, "default"))
        got = b""
        while (b"[DONE]" if stream else b"pong") not in got:
            got += connection.recv(65_536)
    rows = live.settled()
    assert len(rows) == before + 1
    assert rows[-1].end == "whole"


def test_a_client_that_does_not_read_is_dropped(live: Live) -> None:
    """What is held for it is bounded, its server is let go, and the row says so."""

    async def flood(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        writer.write(head(kind="text/event-stream"))
        first = events(asking)[1]
        try:
            for _ in range(2000):
                writer.write(chunk(first + b": " + b"x" * 20_000 + b"\n\n"))
                await writer.drain()
        except ConnectionError:
            stub.cancelled += 1

    for stub in live.stubs.values():
        stub.behaviour, stub.cancelled = flood, 0
    with connect(live) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request(True, "default"))
        wait_for(lambda: sum(stub.cancelled for stub in live.stubs.values()) == 1)
        row = live.settled()[-1]
    assert (row.end, row.status) == ("broken", 499)


def test_a_tenant_may_have_so_many_in_flight(live: Live) -> None:
    """One more gets 429 at once, and another tenant is served."""
    for stub in live.stubs.values():
        stub.behaviour = head_then_hang
    body = json.dumps({"model": "llama", "messages": MESSAGES})
    tiny = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEYS['tiny']}\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()
    with connect(live) as first:
        first.sendall(tiny)
        wait_for(lambda: bool(live.service.plane.book.in_flight))
        got = exchange(live.url, tiny)
        assert b" 429 " in got.split(b"\r\n")[0]
        assert b"retry-after: 1\r\n" in got
        assert b"\r\nx-ratelimit-limit-requests: 1\r\n" in got
        assert b"\r\nx-ratelimit-remaining-requests: 0\r\n" in got
        assert b"\r\nx-ratelimit-reset-requests: 1s\r\n" in got
        assert b'\r\nratelimit-policy: "in-flight";q=1;qu="concurrent-requests"\r\n' in got
        assert b'\r\nratelimit: "in-flight";r=0;t=1\r\n' in got
        for stub in live.stubs.values():
            stub.behaviour = answer
        assert ask(live, False) == "pong ✓"
    live.settled()
