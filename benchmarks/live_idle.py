"""Clients that hold their connections: memory, CPU time, and whether others are answered.

First so many clients that asked once and keep their connection, as clients of OpenAI's API do; then
as many that connect and say nothing, which are to be sent away when the time for a head is over.
While either are there, clients that come anew are answered. All is on loopback, from several of its
addresses.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import uvloop

from benchmarks import live_load
from benchmarks.live import config_of, percentile, resident_mib
from benchmarks.live_load import request, times_s
from benchmarks.live_servers import SERVE, process, spent
from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.serve.config import LimitsSection

SIZES = {"small": 500, "usual": 10_000}
ADDRESSES = 8
AT_ONCE = 200
"""Clients that connect together."""
OTHERS = 200
"""Requests of those that come anew."""
HEADER_S = LimitsSection().header_s
"""What a client that says nothing is given."""
LATER_S = 15.0
"""So much later, at most, all of them are gone."""
LOOKS_S = 3.0
MEMORY_MIB = 200.0
ANSWER_S = 1.0
"""Of the slowest in a hundred, on a machine that is busy."""
SERVED = 1024
"""Descriptors that the service is started with: it has to raise that itself."""
SPARE = 200
"""Descriptors for all else."""


class Idle(asyncio.Protocol):
    """A client that asks once, or says nothing, and stays."""

    def __init__(self, text: bytes, there: set[Idle]) -> None:
        self.text, self.there = text, there
        self.answered = asyncio.get_running_loop().create_future()
        self.got = b""

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self.transport = transport
        self.there.add(self)
        if self.text:
            transport.write(self.text)
        else:
            self.answered.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take the answer, of which nobody looks at the body."""
        self.got = self.got or data[:16]
        if not self.answered.done():
            self.answered.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Sent away."""
        self.there.discard(self)
        if not self.answered.done():
            self.answered.set_exception(error or ConnectionError("closed without an answer"))


async def connected(port: int, count: int, text: bytes) -> tuple[list[Idle], set[Idle]]:
    """So many clients, each answered once where it asked; and those that are there, kept so."""
    loop, made, there = asyncio.get_running_loop(), list[Idle](), set[Idle]()

    async def one(n: int) -> None:
        _, client = await loop.create_connection(
            lambda: Idle(text, there), "127.0.0.1", port,
            local_addr=(f"127.0.0.{1 + n % ADDRESSES}", 0),
        )  # fmt: skip
        made.append(client)
        await client.answered

    for begin in range(0, count, AT_ONCE):
        await asyncio.gather(*map(one, range(begin, min(begin + AT_ONCE, count))))
    return made, there


async def others(port: int) -> list[float]:
    """How long clients that come anew wait, one after the other, s."""
    return await asyncio.to_thread(_anew, port)


def _anew(port: int) -> list[float]:
    return [took for _ in range(OTHERS) for took in times_s(port, 1)]


async def held(port: int, service: psutil.Process, count: int) -> list[Figure]:
    """Both kinds of clients, one after the other."""
    made, there = await connected(port, count, request())
    answered = sum(b" 200 " in each.got for each in made)
    began, before = time.monotonic(), spent(service)
    await asyncio.sleep(LOOKS_S)
    cpu_percent = 100 * (spent(service) - before) / (time.monotonic() - began)
    memory, took = resident_mib(service), await others(port)
    kept = len(there)
    for each in made:
        each.transport.close()
    began = time.monotonic()
    made, there = await connected(port, count, b"")
    silent, still = resident_mib(service), await others(port)
    while there and time.monotonic() - began < HEADER_S + LATER_S:
        await asyncio.sleep(0.1)
    gone_s = time.monotonic() - began
    told = sum(each.got.startswith(b"HTTP/1.1 408") for each in made)
    return [
        Figure(f"{count:,} idle: clients without answer or connection",
               float(2 * count - answered - kept), unit="", target=0.0),
        Figure("the same: memory", memory, unit="MiB", target=MEMORY_MIB),
        Figure("the same: CPU time", cpu_percent, unit="%", note="of one core"),
        _waits("the same: others wait, p99", took),
        Figure(f"{count:,} silent: memory", silent, unit="MiB", target=MEMORY_MIB),
        _waits("the same: others wait, p99", still),
        Figure("the same: not sent away with 408", float(count - told), unit="", target=0.0),
        Figure("the same: until all were gone", gone_s, unit="s", target=HEADER_S + LATER_S),
    ]  # fmt: skip


def _waits(phase: str, took_s: Sequence[float]) -> Figure:
    late_ms, usual_ms = (percentile(took_s, share) * 1e3 for share in (0.99, 0.5))
    note = f"{len(took_s)} answered, median {usual_ms:.1f} ms"
    return Figure(phase, late_ms, unit="ms", target=ANSWER_S * 1e3, note=note)


def run(options: RunOptions) -> Sequence[Figure]:
    """So many clients as the size says, or as many as this machine allows."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted, most = SIZES[options.size], before[1]
    count = wanted if most == resource.RLIM_INFINITY else min(wanted, most - SPARE)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _, (said,) = stack.enter_context(process(sys.executable, live_load.__file__, lines=1))
        path = config_of(folder, int(said))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(SERVED, most), most))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        service, addresses = stack.enter_context(process(*SERVE, path, lines=2))
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        port = int(addresses[0].rpartition(":")[2])
        figures = uvloop.run(held(port, service, count))
    if count < wanted:
        words = f"{most:,} descriptors are allowed here (`ulimit -Hn`)"
        figures.append(Figure("clients that there was no room for", float(wanted - count),
                              unit="", target=0.0, note=words))  # fmt: skip
    return figures


BENCHMARK = Benchmark(
    name="idle",
    tells="ten thousand clients that hold their connections: memory, and whether others are served",
    sizes=tuple(SIZES),
    run=run,
    usual="usual",
)
