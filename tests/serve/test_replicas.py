"""Processes on one PostgreSQL, under load, while one of them and the database are killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.serve.live import KEYS, Live, configuration
from tests.serve.test_postgres_store import Cluster, program
from tests.serve.toys import run_apart

pytestmark = pytest.mark.postgres
PHI = Fraction(3, 20)
CLIENTS = 16
ROUND = 100
"""Requests between two faults."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A database of these tests."""
    program("initdb")
    with tempfile.TemporaryDirectory(prefix="wattlas-replicas-") as folder:
        made = Cluster(Path(folder))
        yield made
        made.stop()


class Replica:
    """A service as a process of its own."""

    def __init__(self, config: Path) -> None:
        command = [
            sys.executable,
            "-c",
            "from wattlas.cli import main; main()",
            "serve",
            str(config),
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ready(self) -> None:
        """Wait until it says where it listens."""
        assert self.process.stdout is not None
        self.url = f"http://{self.process.stdout.readline().strip().partition('http://')[2]}"
        assert self.url != "http://"

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.end()

    def end(self) -> None:
        """Wait for its end."""
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Seen:
    """What clients got: ids of answers that came whole, and how many were degraded."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.low = 0


async def ask(session: aiohttp.ClientSession, url: str, seen: Seen) -> None:
    """One request; one to a process that is dead counts for nothing."""
    said = {"model": "llama", "messages": []}
    headers = {"authorization": f"Bearer {KEYS['acme']}"}
    try:
        async with session.post(f"{url}/v1/chat/completions", json=said, headers=headers) as got:
            await got.read()
            assert got.status == 200
            seen.ids.add(got.headers["x-request-id"])
            seen.low += got.headers["x-wattlas-tier"] == "degraded"
    except aiohttp.ClientError:
        return


async def load(replicas: list[Replica], seen: Seen) -> None:
    """A round of requests, dealt to the processes in turn."""
    left = list(range(ROUND))

    async def client(session: aiohttp.ClientSession) -> None:
        while left:
            await ask(session, replicas[left.pop() % len(replicas)].url, seen)
            await asyncio.sleep(0.005)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))


async def with_faults(replicas: list[Replica], config: Path, cluster: Cluster, seen: Seen) -> None:
    """Load, while a process is killed and another takes its place, and the database restarts."""
    await load(replicas, seen)
    running = asyncio.create_task(load(replicas, seen))
    await asyncio.sleep(0.1)
    replicas[0].kill()
    await running
    replicas[0] = Replica(config)
    await asyncio.to_thread(replicas[0].ready)
    running = asyncio.create_task(load(replicas, seen))
    await asyncio.to_thread(cluster.stop)
    await running
    await load(replicas, seen)  # without a database: full service, rows wait
    await asyncio.to_thread(cluster.start)
    await load(replicas, seen)


async def recorded(cluster: Cluster) -> tuple[set[str], int, int, int]:
    """(ids of rows, how many are degraded, answers delivered, permits granted)."""
    db = await asyncpg.connect(cluster.address)
    try:
        rows = await db.fetch("SELECT id, degraded FROM requests WHERE \"end\" = 'whole'")
        counts = await db.fetchrow("SELECT delivered, granted FROM windows")
        await db.execute("TRUNCATE requests, windows, chains, secrets")
    finally:
        await db.close()
    low = sum(row["degraded"] for row in rows)
    return {row["id"] for row in rows}, low, counts["delivered"], counts["granted"]


@pytest.mark.parametrize("count", [2, 4])
def test_replicas_keep_the_cap_over_kills(count: int, cluster: Cluster, tmp_path: Path) -> None:
    """The share that clients saw is within φ; every answer has one row but the one that was being
    sent when its process was killed, and what the survivors hold is returned in the end."""
    models = Live(tmp_path)
    contract = {"share_max": str(PHI), "window": "all"}
    urls = {region: stub.url for region, stub in models.stubs.items()}
    stated = configuration(
        urls, ledger=cluster.address, spool="ended", contracts={"green": contract}
    )
    for name in ("decisions", "admin", "limits"):
        del stated[name]
    config = models.write(stated)
    replicas = [Replica(config) for _ in range(count)]
    seen = Seen()
    try:
        for replica in replicas:
            replica.ready()
        run_apart(with_faults(replicas, config, cluster, seen))
    finally:
        for replica in replicas:
            replica.process.terminate()
        for replica in replicas:
            replica.end()
        models.end()
    ids, low, delivered, granted = run_apart(recorded(cluster))
    assert seen.low <= PHI * len(seen.ids)
    assert granted <= PHI * delivered
    assert delivered == len(ids)
    assert len(seen.ids - ids) <= 1
    assert low <= granted
    assert low > 0
