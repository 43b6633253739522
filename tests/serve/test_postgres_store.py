"""The journal in a real PostgreSQL: what holds in a file holds there, and over processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest

from tests.golden.pieces.ledgers import journals
from tests.serve.live import Live
from tests.serve.test_corrections import HOURS_US, MONTH, leads, made_rows
from tests.serve.test_sqlite_store import rows
from tests.serve.toys import KEY, book, facts, outcome, table
from wattlas.errors import MachineError
from wattlas.policy.cap import Counts
from wattlas.serve.corrections import Revised, correct
from wattlas.serve.decision import Decision, decide, settle
from wattlas.serve.ledger.journal import Batch, ContractWindow, Want, head_after, schema_scripts
from wattlas.serve.ledger.postgres import PostgresStore
from wattlas.serve.statements import statement, statement_rows

pytestmark = pytest.mark.postgres
ACCOUNT = ContractWindow(*KEY, "all")
HALF, PHI = Fraction(1, 2), Fraction(3, 20)


def program(name: str) -> str:
    """A program of PostgreSQL's server, of the latest version that is there."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: PostgreSQL is not installed")
    return found


class Cluster:
    """A private server on a Unix socket, run by a user without rights: no port that another
    program may take while it is down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cluster"
        self.user = "nobody" if os.geteuid() == 0 else None
        folder.chmod(0o777)  # the folders of pytest are closed to other users
        self.run("initdb", "-A", "trust", "-U", "wattlas", "--no-sync")
        self.start()
        self.address = f"postgresql://wattlas@/postgres?host={self.folder}"

    def run(self, name: str, *arguments: str) -> None:
        """Run a program on the cluster."""
        done = subprocess.run(
            [program(name), "-D", self.folder, *arguments], user=self.user, cwd="/",
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
        log = self.folder / "log"
        said = log.read_text()[-2000:] if log.exists() else ""
        assert done.returncode == 0, f"{done.stderr}\n{said}"

    def start(self) -> None:
        """Start the server; after a crash its processes may still be about to go."""
        log = str(self.folder / "log")
        options = f"-c listen_addresses='' -k {self.folder}"
        for last in (False, False, True):
            try:
                self.run("pg_ctl", "start", "-w", "-t", "15", "-l", log, "-o", options)
                return
            except AssertionError:
                if last:
                    raise
                time.sleep(0.5)

    def stop(self) -> None:
        """Stop the server as a crash would, without finishing anything."""
        self.run("pg_ctl", "stop", "-w", "-m", "immediate")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server for these tests."""
    program("initdb")
    with tempfile.TemporaryDirectory(prefix="wattlas-postgres-") as folder:
        made = Cluster(Path(folder))
        yield made
        made.stop()


@pytest.fixture
def store(cluster: Cluster) -> Iterator[PostgresStore]:
    """An empty journal."""
    made = PostgresStore(cluster.address)
    made._do(_emptied(made))
    yield made
    made.close()


async def _emptied(store: PostgresStore) -> None:
    db = await store._connection()
    await db.execute("TRUNCATE requests, windows, chains, secrets")


def test_batches_come_to_the_same_as_in_a_file(store: PostgresStore, root: Path) -> None:
    """Rows, heads, counts, permits and secrets, as the golden file has them."""
    kept = (root / "tests" / "golden" / "serve" / "in_sqlite.txt").read_text("utf-8")
    assert list(journals(store)) == kept.splitlines()


def test_rows_count_once_and_blocks_obey_the_rule(store: PostgresStore, cluster: Cluster) -> None:
    """As in a file; another process sees the same."""
    want = Want(ACCOUNT, HALF, 100)
    other = PostgresStore(cluster.address)
    assert store.record(Batch(rows("a", "b", "a"))).rows == 2
    assert other.record(Batch(rows("b", "c"))).rows == 1
    assert store.record(Batch(rows(*"def"), wants=[want])).granted == (6,)
    assert other.record(Batch(wants=[want])).granted == (0,)
    moved = Batch(rows("a", "g"), returned={ACCOUNT: 5}, charged={"a", "g"}, wants=[want])
    assert other.record(moved).granted == (3,)  # g had no permit; that of a is counted already
    assert store.counts(ACCOUNT) == other.counts(ACCOUNT) == Counts(7, 5)
    kept = other.rows("acme", 0, 2**62)
    assert other.tenants() == ["acme"]
    assert [row.id for row in kept.rows] == list("abcdefg")
    assert kept.heads[-1] == head_after(kept.rows)
    assert store.secret("seal", b"one") == other.secret("seal", b"two") == b"one"
    other.close()


def test_corrections_are_appended(store: PostgresStore) -> None:
    """As in a file: the chain goes on, and the cap's counts are as they were."""
    given = made_rows([(n % 2, n % 3, 1000 * n, "lagos") for n in range(9)])
    store.record(Batch(given))
    since, until = sorted({row.admitted_us for row in given})[:2]
    within = [row for row in given if since <= row.admitted_us < until]
    assert 0 < len(within) < len(given)
    assert store.rows("acme", since, until).rows == within
    account = ContractWindow("acme", "g", MONTH)
    before, counts = statement_rows(store, "acme", MONTH), store.counts(account)
    signals = {("oslo", HOURS_US[0]): Revised(None, 99.0)}
    made = correct(store, "acme", signals, "v2", "revised")
    assert made
    assert not correct(store, "acme", signals, "v2", "revised")
    after = statement_rows(store, "acme", MONTH)
    assert leads(before)
    assert leads(after)
    assert after.splitlines()[1:10] == before.splitlines()[1:]
    assert store.counts(account) == counts == Counts(9, 0)
    assert store.rows("acme", 0, 2**62).rows[:9] == given
    told = statement(store, "acme", MONTH)
    assert told["total"]["corrections"] == len(made)
    assert told["chain"]["head_before"] == bytes(32).hex()
    assert store.head("acme", 9).hex() == json.loads(before.splitlines()[0])["head"]


def test_a_batch_that_fails_leaves_nothing(store: PostgresStore) -> None:
    """Neither rows nor permits; the connection goes on."""
    store.record(Batch(rows(*"abcd")))
    broken = rows("e")[0]._replace(status=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="null value"):
        store.record(Batch([*rows("f"), broken], wants=[Want(ACCOUNT, HALF, 2)]))
    assert store.counts(ACCOUNT) == Counts(4, 0)
    assert store.record(Batch(rows("f"))).rows == 1


class Replica(threading.Thread):
    """A process of several: decides, settles some requests at once and others later, records, and
    now and then is killed with permits in hand and answers in flight, which are delivered."""

    def __init__(self, name: str, address: str, client: Client) -> None:
        super().__init__(name=name)
        self.address, self.client = address, client
        self.failed = 0

    def _opened(self) -> PostgresStore:
        """The journal, as soon as the server is there."""
        for _ in range(200):
            try:
                return PostgresStore(self.address)
            except MachineError:
                time.sleep(0.05)
        raise AssertionError("the server does not come back")

    def run(self) -> None:
        """A hundred rounds."""
        for life in range(4):
            store, ledger = self._opened(), book(PHI)
            running: list[Decision] = []
            for turn in range(25):
                for n in range(12):
                    request = facts(f"{self.name}/{life}/{turn}/{n}")
                    decision = decide(request, self.client.table, ledger)
                    assert decision is not None
                    running.append(decision)
                running.sort(key=lambda d: not d.degraded)  # degraded answers overtake
                for decision in running[:10]:
                    self.client.got(decision)
                    settle(ledger, decision.facts.id, outcome(decision))
                running = running[10:]
                batch = ledger.collect()
                try:
                    ledger.recorded(batch, store.record(batch))
                except Exception:
                    self.failed += 1
                    ledger.failed(batch)
                    time.sleep(0.05)
            for decision in running:
                self.client.got(decision)
            store.close()


class Client:
    """Counts what all replicas deliver, in the order in which it comes."""

    def __init__(self) -> None:
        self.table = table()
        self.whole = self.low = self.over = 0
        self._lock = threading.Lock()

    def got(self, decision: Decision) -> None:
        """An answer."""
        with self._lock:
            self.whole, self.low = self.whole + 1, self.low + decision.degraded
            self.over += self.low > PHI * self.whole


@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_keep_the_cap_together(
    store: PostgresStore, cluster: Cluster, replicas: int
) -> None:
    """Under load, with kills and with a crash of the database: no prefix is over, and the counter
    is the sum of the rows."""
    client = Client()
    running = [Replica(f"{replicas}-{n}", cluster.address, client) for n in range(replicas)]
    for replica in running:
        replica.start()
    if replicas == 2:
        time.sleep(1.0)
        cluster.stop()
        time.sleep(0.2)
        cluster.start()
    for replica in running:
        replica.join(60)
        assert not replica.is_alive()
    assert client.over == 0
    assert client.low > 0.02 * client.whole
    counts = store.counts(ACCOUNT)
    kept = store.rows("acme", 0, 2**62)
    assert counts.delivered == sum(row.end == "whole" for row in kept.rows)
    assert counts.granted >= sum(row.degraded for row in kept.rows)
    assert kept.numbers == list(range(1, len(kept.rows) + 1))
    assert kept.heads[-1] == head_after(kept.rows)


def test_a_service_runs_on_it(store: PostgresStore, cluster: Cluster, tmp_path: Path) -> None:
    """From the configuration's address, and gives back what it holds at its end."""
    live = Live(tmp_path)
    live.start(ledger=cluster.address)
    plane = live.service.plane
    try:
        for _ in range(12):
            request = plane.facts(plane.new_id(), "acme", "chat", facts("x").asked, "lagos")
            decision = plane.decide(request)
            assert decision is not None
            assert plane.settle(request.id, outcome(decision, utc_s=time.time()))
            until = time.monotonic() + 10
            while plane.book.pending or plane.book.stirred:
                assert time.monotonic() < until
                time.sleep(0.01)
    finally:
        live.stop()
        live.end()
    kept = store.rows("acme", 0, 2**62).rows
    assert len(kept) == 12
    low = sum(row.degraded for row in kept)
    assert low > 0
    assert store.counts(ACCOUNT) == Counts(12, low)


def test_rows_of_an_earlier_version_stay_as_they_were(
    store: PostgresStore, cluster: Cluster
) -> None:
    """As in a file: a database without the columns that came later is brought up to date, by
    whoever comes first; its lines prove what they proved."""
    old = [row[:33] for row in rows("a", "b")]
    lines = [json.dumps(row, separators=(",", ":")).encode() for row in old]
    heads = [sha256(bytes(32) + lines[0]).digest()]
    heads.append(sha256(heads[0] + lines[1]).digest())
    address = f"postgresql://wattlas@/earlier?host={cluster.folder}"

    async def written_before() -> None:
        db = await store._connection()
        await db.execute("CREATE DATABASE earlier")
        earlier = await asyncpg.connect(address)
        await earlier.execute(schema_scripts("postgres")[0])
        await earlier.execute("CREATE TABLE wattlas_schema (number BIGINT NOT NULL)")
        await earlier.execute("INSERT INTO wattlas_schema VALUES (1)")
        places = ", ".join(f"${n + 1}" for n in range(35))
        for n, row in enumerate(old):
            given = (*row, n + 1, heads[n])
            await earlier.execute(f"INSERT INTO requests VALUES ({places})", *given)
        await earlier.execute("INSERT INTO chains VALUES ($1, 2, $2)", "acme", heads[1])
        await earlier.close()

    store._do(written_before())
    first, second = PostgresStore(address), PostgresStore(address)
    second.record(Batch([row._replace(energy="profile") for row in rows("c")]))
    text = statement_rows(first, "acme", "2026-09")
    assert text.splitlines()[1:3] == lines
    assert leads(text)
    assert [row.energy for row in first.rows("acme", 0, 2**62).rows] == [None, None, "profile"]
    first.close()
    second.close()


def test_a_database_of_a_later_version_is_refused(store: PostgresStore, cluster: Cluster) -> None:
    """The next one is enough; nothing is changed in it."""

    async def changed(statement: str) -> None:
        await (await store._connection()).execute(statement)

    store._do(changed("INSERT INTO wattlas_schema SELECT max(number) + 1 FROM wattlas_schema"))
    try:
        with pytest.raises(MachineError, match="later version"):
            PostgresStore(cluster.address)
    finally:
        last = "(SELECT max(number) FROM wattlas_schema)"
        store._do(changed(f"DELETE FROM wattlas_schema WHERE number = {last}"))
    PostgresStore(cluster.address).close()


def test_a_database_that_is_not_there_is_told() -> None:
    """At the start, with its fix."""
    with pytest.raises(MachineError, match="database cannot be used"):
        PostgresStore("postgresql://wattlas@/postgres?host=/nowhere")
