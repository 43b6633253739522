"""The promise through the whole gateway: many at once, none and all of them, a full disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import aiohttp
import pytest

from tests.serve.live import KEYS, Asking, Live, Stub, answer


@pytest.fixture
def folder_live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Servers of models; the service is started by the test."""
    made = Live(tmp_path_factory.mktemp("promise"))
    yield made
    if not made.running.done():
        made.stop()
    made.end()


def started(live: Live, share: Any, window: str = "all") -> Live:
    """The service with a share."""
    contract = {"share_max": share, "window": window}
    live.start(contracts={"green": contract}, limits={"first_byte_s": 10.0, "drain_s": 2.0})
    return live


async def _ask(live: Live, session: aiohttp.ClientSession, tier: str) -> tuple[int, str]:
    said = {"model": "llama", "messages": [], "service_tier": tier}
    headers = {"authorization": f"Bearer {KEYS['acme']}"}
    async with session.post(f"{live.url}/v1/chat/completions", json=said, headers=headers) as got:
        await got.read()
        return got.status, got.headers.get("x-wattlas-tier", "")


async def _burst(live: Live, count: int, tier: str) -> list[str]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        got = await asyncio.gather(*(_ask(live, session, tier) for _ in range(count)))
    assert {status for status, _ in got} == {200}
    return [tier for _, tier in got]


def burst(live: Live, count: int, tier: str = "auto") -> list[str]:
    """The tiers that so many requests at once were served in."""
    return list(live.call(_burst(live, count, tier)))


async def slowly(
    stub: Stub, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A server whose degraded answers are fast, and whose full ones are not."""
    await asyncio.sleep(0.02 if asking.said["model"] == "llama-8b" else 0.25)
    await answer(stub, asking, reader, writer)


def test_many_at_once_share_the_permits(folder_live: Live) -> None:
    """Sixty requests at the same moment use no more than are there, and degraded ones overtake."""
    live = started(folder_live, "3/20")
    burst(live, 20, "default")
    live.settled()
    for stub in live.stubs.values():
        stub.behaviour = slowly
    for _ in range(3):
        burst(live, 60)
        rows = live.settled()
        whole = sorted((row for row in rows if row.end == "whole"), key=lambda row: row.ended_us)
        low = 0
        for n, row in enumerate(whole, 1):
            low += row.degraded
            assert low <= Fraction(3, 20) * n
    assert low > 5
    delivered, granted = live.counts()
    assert delivered == len(whole) == 200
    assert granted == low + live.held()


def test_a_share_of_nothing_and_of_all(folder_live: Live) -> None:
    """φ = 0 degrades nobody, φ = 1 everybody who does not ask for full service."""
    live = started(folder_live, 0)
    assert set(burst(live, 20)) == {"full"}
    assert live.counts()[1] == 0
    live.stop()
    started(live, 1)
    burst(live, 1)
    live.settled()
    until = time.monotonic() + 10
    while live.held() < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert burst(live, 3) == ["degraded"] * 3
    assert burst(live, 2, "default") == ["full"] * 2


def test_a_full_disk_means_full_service(folder_live: Live) -> None:
    """Nothing is lost: when there is room again every row is recorded, and the sums agree."""
    live = started(folder_live, "1/2")
    burst(live, 20, "default")
    live.settled()
    plane = live.service.plane
    db: Any = plane.store._db  # type: ignore[attr-defined]
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    until = time.monotonic() + 20
    while plane.book.trouble is None:
        burst(live, 20, "default")
        assert time.monotonic() < until
    assert set(burst(live, 10)) == {"full"}
    assert plane.keeper.failures > 0
    assert plane.book.pending > 0
    db.execute("PRAGMA max_page_count = 1000000")
    rows = live.settled()
    while plane.book.trouble is not None:
        time.sleep(0.02)
        assert time.monotonic() < until
    served = sum(len(stub.asked) for stub in live.stubs.values())
    assert len(rows) == served == len({row.id for row in rows})
    delivered, granted = live.counts()
    assert delivered == served
    assert granted == sum(row.degraded for row in rows) + live.held()
    assert "degraded" in burst(live, 5)


def test_windows_end_while_requests_run(folder_live: Live) -> None:
    """An hour is over between decision and answer: each counts where it was admitted."""
    live = started(folder_live, "1/2", "hour")
    plane = live.service.plane
    hour = time.time() // 3600 * 3600
    shift = [hour + 3590.0 - time.time()]
    plane.clock = lambda: time.time() + shift[0]
    burst(live, 12, "default")
    live.settled()
    for stub in live.stubs.values():
        stub.behaviour = slowly
    running = asyncio.run_coroutine_threadsafe(_burst(live, 6, "default"), live.loop)
    time.sleep(0.1)
    shift[0] += 3600.0
    running.result(20)
    later = burst(live, 4)
    assert set(later) == {"full"}  # the new window has no answers yet
    rows = live.settled()
    windows = {row.window for row in rows}
    assert len(windows) == 2
    first = min(windows)
    assert sum(row.window == first for row in rows) == 18
