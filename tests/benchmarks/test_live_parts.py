"""What clients of the live benchmarks make of what a server sends, however it is cut."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from benchmarks import live, live_load
from benchmarks.live import percentile
from benchmarks.live_idle import Idle
from benchmarks.live_load import BODY, Client, Listener, StubProtocol, request
from tests.serve.toys import run_apart

ANSWER = b"HTTP/1.1 200 OK\r\n%bcontent-length: 2\r\n\r\nok"
LOW = ANSWER % b"X-Wattlas-Tier: degraded\r\n"


class Wire:
    """A transport that keeps what is sent, and is closed at once."""

    def __init__(self, protocol: Any) -> None:
        self.protocol, self.sent, self.closed = protocol, list[bytes](), False
        protocol.connection_made(self)

    def write(self, text: bytes) -> None:
        """Keep it."""
        self.sent.append(text)

    def close(self) -> None:
        """Close once."""
        if not self.closed:
            self.closed = True
            self.protocol.connection_lost(None)

    abort = close


def cut(text: bytes) -> list[bytes]:
    """In pieces of seven bytes."""
    return [text[n : n + 7] for n in range(0, len(text), 7)]


def test_clients_ask_until_all_is_asked_and_count_what_is_degraded() -> None:
    """Each asks again when it is answered; the last one that leaves ends it."""

    async def main() -> None:
        left, done = [5, 2], asyncio.get_running_loop().create_future()
        clients = [Client(request(), left, done) for _ in range(2)]
        wires = [Wire(client) for client in clients]
        for n, text in enumerate([ANSWER % b"", LOW, LOW, ANSWER % b"", LOW]):
            assert not done.done()
            for piece in cut(text):
                clients[n % 2].data_received(piece)
        assert [client.low for client in clients] == [2, 1]
        assert [len(client.took_s) for client in clients] == [3, 2]
        assert [len(wire.sent) for wire in wires] == [3, 2]
        assert left == [0, 0]
        assert done.result() is None

    run_apart(main())


def test_an_answer_that_is_none_ends_the_load() -> None:
    """A 500 is told, and not counted as one more answer."""

    async def main() -> None:
        done = asyncio.get_running_loop().create_future()
        client = Client(request(), [1, 1], done)
        Wire(client)
        client.data_received(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
        with pytest.raises(AssertionError, match="500 Oops"):
            done.result()

    run_apart(main())


def test_a_stream_of_the_stub_is_taken_token_by_token() -> None:
    """What the stub sends is what the listener waits for; each token was sent before it came."""

    async def main() -> None:
        stub = StubProtocol()
        sending = Wire(stub)
        await stub.stream({"model": "llama", "n": 5, "pause_ms": 1.0})
        text = b"".join(sending.sent)
        lags, done = list[float](), asyncio.get_running_loop().create_future()
        listener = Listener(b"ask", lags, done)
        wire = Wire(listener)
        assert wire.sent == [b"ask"]
        for piece in cut(text):
            listener.data_received(piece)
        assert done.result() is None
        assert len(lags) == 5
        assert all(0 <= lag < 60 for lag in lags)
        listener.data_received(b'"content":"%d"' % (time.monotonic_ns() - 2_000_000_000))
        assert 2.0 <= lags[-1] < 60
        broken = asyncio.get_running_loop().create_future()
        listener = Listener(b"ask", [], broken)
        wire = Wire(listener)
        listener.data_received(text[: len(text) // 2])
        wire.close()
        with pytest.raises(AssertionError):
            broken.result()

    run_apart(main())


def test_the_stub_answers_each_request_with_the_model_that_it_names() -> None:
    """Also where two come at once, or one in pieces."""

    async def main() -> None:
        stub = StubProtocol()
        wire = Wire(stub)
        small = BODY.replace(b'"llama"', b'"llama-8b"')
        for piece in cut(request() + request(small)):
            stub.data_received(piece)
        first, second = wire.sent
        assert first.endswith(live_load.ANSWER)
        assert second.endswith(live_load.ANSWER.replace(b"llama-70b", b"llama-8b"))
        for text in wire.sent:
            head, _, body = text.partition(b"\r\n\r\n")
            assert f"content-length: {len(body)}".encode() in head

    run_apart(main())


def test_an_idle_client_keeps_the_first_of_its_answer_and_is_there_until_it_is_sent_away() -> None:
    """One that says nothing is done at once; one that is sent away without an answer says so."""

    async def main() -> None:
        there: set[Idle] = set()
        asking, silent, lost = (Idle(text, there) for text in (b"ask", b"", b"ask"))
        wires = [Wire(each) for each in (asking, silent, lost)]
        assert [wire.sent for wire in wires] == [[b"ask"], [], [b"ask"]]
        assert [each.answered.done() for each in (asking, silent, lost)] == [False, True, False]
        for piece in (ANSWER % b"", b"more", b"and more"):
            asking.data_received(piece)
        assert asking.answered.result() is None
        assert asking.got == (ANSWER % b"")[:16]
        silent.data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        assert silent.got.startswith(b"HTTP/1.1 408")
        assert there == {asking, silent, lost}
        wires[1].close()
        wires[2].close()
        assert there == {asking}
        with pytest.raises(ConnectionError):
            lost.answered.result()

    run_apart(main())


def test_so_many_values_are_at_most_a_percentile() -> None:
    """Of a hundred in any order."""
    values = [float((37 * n) % 100) for n in range(100)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [0, 50, 99, 99]
    assert percentile([3.0], 0.5) == 3.0


def test_memory_of_open_streams_is_the_most_that_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """While they were open."""
    seen: list[float] = []

    def look(_running: Any) -> float:
        seen.append((10.0, 30.0, 20.0)[min(len(seen), 2)])
        return seen[-1]

    def open_streams(_port: int, count: int, tokens: int, *_more: Any, **_else: Any) -> list[float]:
        while len(seen) < 3:
            time.sleep(0.01)
        return [0.0] * (count * tokens)

    monkeypatch.setattr(live, "resident_mib", look)
    monkeypatch.setattr(live, "streams", open_streams)
    figure = live.memory_open(7, None, 1)  # type: ignore[arg-type]
    assert (figure.phase, figure.ours, figure.unit) == ("memory, 7 open streams", 30.0, "MiB")
