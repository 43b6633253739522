"""Requests that have ended, kept from a kill until they are recorded."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.serve.live import KEYS, Live
from tests.serve.test_gateway import GOOD, post
from tests.serve.test_service import call, decide, settle
from tests.serve.toys import NOON_S, book, facts, table
from wattlas.serve import seal as seals
from wattlas.serve.decision import Decision, End, Reason, Settlement
from wattlas.serve.decision import decide as decided
from wattlas.serve.ledger.spool import Spool
from wattlas.serve.seal import MAC_LETTERS, Seal
from wattlas.serve.table import Place

LOW = Place("oslo", "small")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """How the files begin."""
    return tmp_path / "ledger.sqlite-ended"


def names(path: Path) -> list[str]:
    """The files that there are."""
    return sorted(each.name.removeprefix(path.name) for each in path.parent.iterdir())


def killed(path: Path, *lines: str) -> None:
    """Another process writes lines and is killed."""
    code = (
        "import os, sys; from pathlib import Path; from wattlas.serve.ledger.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]))\n"
        "for line in sys.argv[2:]:\n"
        "    spool.turn() if line == 'turn' else spool.keep(line.encode())\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path), *lines]).returncode == -9


def test_a_killed_process_leaves_what_it_wrote(path: Path) -> None:
    """Of both files; the next finds it until a batch with it is recorded, and once more after."""
    killed(path, "a", "turn", "b")
    spool = Spool(path)
    assert sorted(spool.left) == [b"a", b"b"]
    spool.keep(b"c")
    spool.turn()  # both files hold something: what comes goes on in the one that is open
    spool.keep(b"d")
    killed(path)  # has files of its own, and leaves nothing
    spool.recorded()
    spool.turn()
    spool.keep(b"e")
    spool.recorded()
    spool._slot.close()  # as if killed: what came after the last batch is there
    assert Spool(path).left == [b"e"]


def test_files_of_the_dead_are_taken_over_and_those_of_the_living_are_not(path: Path) -> None:
    """Two processes beside each other; who comes third finds what the dead one left."""
    living = Spool(path)
    living.keep(b"mine")
    killed(path, "left")
    third = Spool(path)
    assert third.left == [b"left"]
    assert names(path) == ["-0a", "-0b", "-1a", "-1b"]
    living.turn()
    living.recorded()
    living.close()
    fourth = Spool(path)
    assert fourth.left == []
    fourth.close()
    third.turn()
    third.recorded()
    third.close()
    assert names(path) == []


def test_several_dead_are_taken_over_by_one(path: Path) -> None:
    """Their lines are moved to its own files, and are there if it dies before they are recorded."""
    first, second = Spool(path), Spool(path)
    first.keep(b"one")
    second.keep(b"two")
    first._slot.close()
    second._slot.close()
    heir = Spool(path)
    assert sorted(heir.left) == [b"one", b"two"]
    assert names(path) == ["-0a", "-0b"]
    heir._slot.close()
    assert sorted(Spool(path).left) == [b"one", b"two"]


def test_a_failed_batch_stays_until_one_is_recorded(path: Path) -> None:
    """A store that is away for several batches: nothing is emptied, nothing is written over."""
    spool = Spool(path)
    for line in (b"a", b"b", b"c"):
        spool.keep(line)
        spool.turn()
    spool._slot.close()
    assert sorted(Spool(path).left) == [b"a", b"b", b"c"]


def test_a_line_that_was_cut_off_is_left_out(path: Path) -> None:
    """What a full disk took half of is no line."""
    spool = Spool(path)
    spool.keep(b"whole")
    os.write(spool._slot.files[0], b"half")
    spool._slot.close()
    assert Spool(path).left == [b"whole"]


@pytest.mark.parametrize("moved", [False, True])
def test_a_line_that_a_full_disk_takes_half_of_spoils_no_other(path: Path, moved: bool) -> None:
    """It is counted as not kept, and the next one, once there is room, is whole."""
    spool = Spool(path)
    spool.keep(b"first")
    if moved:
        other = Spool(path)
        other.keep(b"a line of a process that has ended since")
        for each in (spool, other):
            each._slot.close()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
    try:
        if moved:
            with pytest.raises(OSError, match="No space left"):
                Spool(path)
        else:
            spool.keep(b"one that is too long")
            assert spool.failures == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    if not moved:
        spool.keep(b"third")
        spool._slot.close()
    lines = [b"first", b"a line of a process that has ended since" if moved else b"third"]
    assert sorted(Spool(path).left) == sorted(lines)


def test_a_disk_that_takes_nothing_is_counted(path: Path) -> None:
    """The request goes on."""
    spool = Spool(path)
    os.close(spool._slot.files[0])
    spool.keep(b"a")
    assert spool.failures == 1


def test_what_no_disk_took_is_told(tmp_path: Path) -> None:
    """On a disk that is full: the answer is whole and recorded, and the metric counts it."""
    live = Live(tmp_path)
    live.start()
    try:
        spool = live.service.plane.spool
        assert spool is not None
        for file in spool._slot.files:
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, file)
            os.close(full)
        said = {"model": "llama", "messages": [{"role": "user", "content": "ping"}]}
        key = f"Bearer {KEYS['acme']}"
        for n in (1, 2):
            status, _ = call(
                live, "gateway", "POST", "/v1/chat/completions", said, authorization=key
            )
            assert status == 200
            assert len(live.settled()) == n
            _, text = call(live, "admin", "GET", "/metrics")
            assert f"wattlas_spool_failures {n}.0" in text
    finally:
        live.stop()
        live.end()


def drawn() -> Iterator[tuple[Decision, Settlement]]:
    """Requests that ended in each way."""
    for n, end in enumerate(End):
        decision = decided(facts(str(n)), table(), book())
        assert decision is not None
        later = (Reason.FAILOVER, NOON_S + 0.05) if n else (None, None)
        said = (200 + n, "llama", "llama-8b", 7, None, "usage", 2, *later)
        yield decision, Settlement(end, LOW, bool(n % 2), NOON_S + 0.1, *said)


def test_a_line_says_all_of_a_request() -> None:
    """It is read as it was written; one that was sealed elsewhere, or is none, says nothing."""
    seal = Seal(b"secret")
    for decision, outcome in drawn():
        line = seal.line(decision, outcome)
        assert seal.ended(line) == (decision, outcome)
        assert Seal(b"other").ended(line) is None
        for odd in (b"", b"[]", b"{}", line[:-5], line[1:], b'["a.b.c", "whole"]', b"null"):
            assert seal.ended(odd) is None


def test_what_is_sealed_alike_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though all but id and moment is written once; also when more was sealed than is kept. No part
    of one text stands in another."""
    monkeypatch.setattr(seals, "MOST_KNOWN", 2)
    seal, other = Seal(b"secret"), Seal(b"secret")
    asked = [facts(str(n), utc_s=NOON_S + n, metro=metro) for n in range(2)
             for metro in ("lagos", "cairo", "quito")]  # fmt: skip
    metros = ("lagos", "cairo", "quito")
    made = [decided(f._replace(metro="lagos"), table(), book()) for f in asked]
    texts = []
    for decision, wanted in zip(made, asked, strict=True):
        assert decision is not None
        sealed = seal.sealed(decision._replace(facts=wanted))
        assert sealed == seal.sealed(decision._replace(facts=wanted))
        assert other.opened(sealed) == decision._replace(facts=wanted)
        texts.append(sealed.split("."))
    assert len(seal._known) <= 2
    for n, (id, moment, letters) in enumerate(texts):
        for k, (id2, moment2, letters2) in enumerate(texts):
            if n // len(metros) != k // len(metros):
                assert other.opened(f"{id2}.{moment}.{letters}") is None
                assert other.opened(f"{id}.{moment2}.{letters}") is None
            if n != k:
                crossed = letters[:MAC_LETTERS] + letters2[MAC_LETTERS:]
                assert other.opened(f"{id2}.{moment2}.{crossed}") is None


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Servers of models; the service is started by the test."""
    made = Live(tmp_path)
    yield made
    if hasattr(made, "service"):
        made.stop()
    made.end()


@contextmanager
def slow_to_record(config: Path) -> Iterator[Any]:
    """A service in a process of its own that records once, and then not for an hour; killed."""
    code = (
        "from wattlas.serve.ledger import keeper; keeper.PAUSE_S = 3600.0\n"
        "from wattlas.cli import main; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "serve", str(config)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = [process.stdout.readline().split() for _ in range(3)]
            addresses = {name.rstrip(":"): url for name, url in said}
            service = SimpleNamespace(addresses=addresses)
            yield SimpleNamespace(service=service, url=addresses["gateway"])
        finally:
            process.kill()


def test_a_killed_service_loses_no_answer(live: Live) -> None:
    """Answers of the gateway and settlements by others that no batch holds yet: each has one row
    after the next start, and what was degraded without a permit is counted as granted with it.
    """
    with slow_to_record(live.write()) as first:
        ids = {post(first, GOOD).getheader("x-request-id") for _ in range(7)}
        for point in ("large", "small"):
            decision = decide(first, service_tier="default")
            said = {"id": decision["id"], "region": "oslo", "point": point, "tokens_out": 5}
            assert settle(first, said) == (1, 0)
            ids.add(decision["id"].partition(".")[0])
    live.start()
    rows = live.settled()
    assert len(ids) == 9
    assert sorted(row.id for row in rows) == sorted(ids)
    assert live.counts() == (9, 1)
    assert live.service.plane.events["ended_recovered"] == 9
    live.stop()
    assert not list(live.folder.glob("*-ended*"))
    live.start()
    assert len(live.settled()) == 9
    assert live.counts() == (9, 1)
