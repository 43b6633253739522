"""The gateway for long, at half load, while things fail: nothing lost, the cap kept, memory flat.

Servers of models break off, answer 500 and hang; clients leave; in the first half of the run the
service is killed and started again. What clients counted is compared with the ledger: every answer
that was delivered whole has a row, but for the one that is being sent when a process is killed, and
the degraded ones are at most φ of the delivered ones at every moment.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import psutil
import uvloop

from benchmarks import live_load
from benchmarks.live import SHARE, config_of, resident_mib
from benchmarks.live_load import request
from benchmarks.live_servers import SERVE, free_port, process, wait_until_served
from benchmarks.registry import Benchmark, Figure, RunOptions

SIZES = {"30s": 30.0, "5min": 300.0, "1h": 3_600.0}
PER_S = 200.0
"""Requests per second: less than half of what the gateway takes on a core that others use, too."""
KILLS = {"30s": 2, "5min": 8, "1h": 60}
GIVES_UP_S = 10.0
CONNECTIONS = 64
LEAVES = 0.02
"""Of clients, so many go before they are answered."""
WARM_SHARE = 0.6
"""After this part of the run memory should not grow."""
GROWTH_PERCENT = 5.0


@dataclass
class Seen:
    """What clients saw, in the order in which answers came to them."""

    whole: int = 0
    low: int = 0
    failed: int = 0
    left: int = 0
    worst: Fraction = Fraction(0)
    """Largest excess of degraded answers over φ·delivered."""
    ids: set[str] = field(default_factory=set)
    """Of answers that were delivered whole."""

    def take(self, id: str, degraded: bool) -> None:
        """An answer came whole."""
        self.ids.add(id)
        self.whole += 1
        self.low += degraded
        self.worst = max(self.worst, self.low - SHARE * self.whole)


async def ask(port: int, dice: random.Random, seen: Seen) -> None:
    """One request of one client on a connection of its own."""
    writer = None
    try:
        async with asyncio.timeout(GIVES_UP_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request())
            if dice.random() < LEAVES:
                await asyncio.sleep(dice.random() * 0.003)
                seen.left += 1
                return
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            await reader.readexactly(int(lines["content-length"]))
            if head.startswith("http/1.1 200"):
                seen.take(lines["x-request-id"], lines["x-wattlas-tier"] == "degraded")
            else:
                seen.failed += 1
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        seen.failed += 1
    finally:
        if writer is not None:
            writer.close()


async def clients(port: int, seconds: float, seen: Seen) -> None:
    """Requests at random moments for so long."""
    dice, running = random.Random(7), asyncio.Semaphore(CONNECTIONS)
    until, tasks = time.monotonic() + seconds, set[asyncio.Task[None]]()

    async def one() -> None:
        async with running:
            await ask(port, dice, seen)

    while time.monotonic() < until:
        await asyncio.sleep(dice.expovariate(PER_S))
        task = asyncio.create_task(one())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


def faulty(folder: Path, port: int, listen: int) -> Path:
    """The configuration of the benchmark on a port of its own, with short limits."""
    path = config_of(folder, port)
    config = json.loads(path.read_text())
    config["gateway"] = {"listen": f"127.0.0.1:{listen}"}
    config["limits"] = {"first_byte_s": 2.0, "idle_s": 2.0}
    del config["access_log"]
    path.write_text(json.dumps(config))
    return path


class Service:
    """The service as a process that is killed now and then."""

    def __init__(self, config: Path, port: int) -> None:
        self._config, self._port = config, port
        self._stack = ExitStack()
        self.running: psutil.Process
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.running, _ = self._stack.enter_context(process(*SERVE, self._config, lines=2))
        wait_until_served(self.running, self._port)

    def kill(self) -> None:
        """Kill it, and start it again."""
        self.running.kill()
        self._stack.close()
        self._stack = ExitStack()
        self.start()

    def stop(self) -> None:
        """Let it come to its end."""
        self.running.terminate()
        self.running.wait(60)
        self._stack.close()


async def soak(service: Service, port: int, seconds: float, kills: int) -> tuple[Seen, list[float]]:
    """What clients saw, and the memory after the last kill, MiB."""
    seen, memory = Seen(), list[float]()
    asking = asyncio.create_task(clients(port, seconds, seen))
    began = time.monotonic()
    moments = [seconds * 0.5 * (n + 1) / (kills + 1) for n in range(kills)]
    while not asking.done():
        await asyncio.sleep(0.5)
        passed = time.monotonic() - began
        if moments and passed > moments[0]:
            moments.pop(0)
            await asyncio.to_thread(service.kill)
        elif not moments and passed > WARM_SHARE * seconds:
            memory.append(resident_mib(service.running))
    await asking
    return seen, memory


def rows_of(ledger: Path) -> tuple[set[str], int, int]:
    """Ids of rows that ended whole, and the counts of the window."""
    with sqlite3.connect(ledger) as db:
        whole = {id for (id,) in db.execute("SELECT id FROM requests WHERE \"end\" = 'whole'")}
        delivered, granted = db.execute("SELECT delivered, granted FROM windows").fetchone()
    return whole, delivered, granted


def growth_percent(memory: Sequence[float]) -> float:
    """Of the last tenth over the first, in percent."""
    tenth = max(len(memory) // 10, 1)
    first, last = memory[:tenth], memory[-tenth:]
    return 100 * (sum(last) / len(last) / (sum(first) / len(first)) - 1)


def run(options: RunOptions) -> Sequence[Figure]:
    """A run of some length."""
    seconds, kills = SIZES[options.size], KILLS[options.size]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, listen = Path(name), free_port()
        command = (sys.executable, live_load.__file__, "faults")
        _, (said,) = stack.enter_context(process(*command, lines=1))
        service = Service(faulty(folder, int(said), listen), listen)
        seen, memory = uvloop.run(soak(service, listen, seconds, kills))
        service.stop()
        whole, delivered, granted = rows_of(folder / "ledger.sqlite")
    unknown = len(seen.ids - whole)
    told = f"{seen.whole:,} whole, {seen.failed:,} failed, {seen.left:,} left, {kills} kills"
    # A client that left just after the last byte was served, and its row may be all that says so.
    delivered_ids = len(seen.ids | whole)
    return [
        Figure("degraded less φ·delivered, by clients", float(seen.low - SHARE * delivered_ids),
               unit="", target=0.0,
               note=f"{seen.low:,} read degraded of {delivered_ids:,} delivered; {told}"),
        Figure("the same at the worst moment", float(seen.worst), unit="",
               note="in the order in which clients read, which is not that of delivery"),
        Figure("granted less φ·delivered, ledger", float(granted - SHARE * delivered),
               unit="", target=0.0, note=f"{granted:,} of {delivered:,}"),
        Figure("answers without a row, per kill", unknown / kills, unit="",
               target=1.0, note=f"{unknown} of {seen.whole:,}"),
        Figure("growth of memory", growth_percent(memory), unit="%",
               target=None if options.size == "30s" else GROWTH_PERCENT,
               note=f"{memory[0]:.0f} to {memory[-1]:.0f} MiB"),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="soak",
    tells="the gateway at half load while it is killed and servers fail: cap, accounts, memory",
    sizes=tuple(SIZES),
    run=run,
    usual="30s",
)
