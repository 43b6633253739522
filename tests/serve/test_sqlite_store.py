"""The journal in a file: counted once, whole or not at all, and there after a kill."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.toys import KEY, book, facts, outcome, row_of, table
from wattlas.errors import MachineError
from wattlas.policy.cap import Counts
from wattlas.serve.decision import decide, settle
from wattlas.serve.ledger.journal import (
    START,
    Batch,
    ContractWindow,
    Row,
    Want,
    head_after,
    link,
    links,
    padded,
    schema_scripts,
)
from wattlas.serve.ledger.sqlite import SqliteStore
from wattlas.serve.statements import month_us, statement, statement_rows

ACCOUNT = ContractWindow(*KEY, "all")
HALF = Fraction(1, 2)


def rows(*ids: str) -> list[Row]:
    """Rows of requests that ended whole."""
    made = []
    for id in ids:
        ledger = book()
        decision = decide(facts(id), table(), ledger)
        assert decision is not None
        made.append(row_of(decision, outcome(decision)))
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet, in a folder that is not either."""
    return tmp_path / "state" / "ledger.sqlite"


def kept(path: Path) -> list[Row]:
    """Rows of a file, in the order of their chain."""
    with sqlite3.connect(path) as db:
        found = db.execute("SELECT * FROM requests ORDER BY tenant, number").fetchall()
    names = list(Row._fields)
    return [Row(*each[: len(names)])._replace(degraded=bool(each[9])) for each in found]


def test_a_row_counts_once(path: Path) -> None:
    """In one batch, in a later one, and after the file was opened again."""
    store = SqliteStore(path)
    assert store.record(Batch(rows("a", "b", "a"))).rows == 2
    assert store.record(Batch(rows("b", "c"))).rows == 1
    store.close()
    store = SqliteStore(path)
    assert store.record(Batch(rows("c"))).rows == 0
    assert store.counts(ACCOUNT) == Counts(3, 0)
    store.close()


def test_a_block_is_granted_as_far_as_the_rule_allows(path: Path) -> None:
    """m + k ≤ φ·(n + k) with what is recorded in the same transaction."""
    store = SqliteStore(path)
    want = Want(ACCOUNT, HALF, 100)
    assert store.record(Batch(wants=[want])).granted == (0,)
    assert store.record(Batch(rows(*"abcdef"), wants=[want])).granted == (6,)
    assert store.counts(ACCOUNT) == Counts(6, 6)
    moved = Batch(rows("a", "g"), returned={ACCOUNT: 5}, charged={"a", "g"}, wants=[want])
    assert store.record(moved).granted == (3,)  # g had no permit; that of a is counted already
    assert store.counts(ACCOUNT) == Counts(7, 5)
    store.close()


def test_the_chain_shows_what_was_changed(path: Path) -> None:
    """Each tenant's head follows from its rows; a row that was altered does not lead there."""
    store = SqliteStore(path)
    store.record(Batch(rows("a", "b")))
    store.record(Batch(rows("c")))
    store.close()
    own = kept(path)
    with sqlite3.connect(path) as db:
        ((number, head),) = db.execute("SELECT number, head FROM chains").fetchall()
    assert number == 3
    assert head_after(own) == head
    assert head_after([own[0], own[1]._replace(status=500), own[2]]) != head
    assert head_after([own[1], own[0], own[2]]) != head


TEXTS = st.text(st.sampled_from('],["\\é '), max_size=9)


@examples(60)
@given(
    texts=st.lists(
        st.tuples(TEXTS, TEXTS, st.none() | st.integers(-(2**62), 2**62)), min_size=1, max_size=6
    )
)
def test_rows_are_linked_at_once_as_one_by_one(texts: list[tuple[str, str, int | None]]) -> None:
    """Whatever is in them, also what looks like the end of one row and the next."""
    made = [
        rows("x")[0]._replace(id=id, model_asked=model, tokens_in=tokens)
        for id, model, tokens in texts
    ]
    text, heads = links(made, START)
    assert [padded(each) for each in json.loads(f"[{text.decode()}]")] == [tuple(m) for m in made]
    head = START
    for row, after in zip(made, heads, strict=True):
        head = link(head, row)
        assert head == after


def test_a_tenant_can_prove_each_month(path: Path) -> None:
    """From the head before on, the lines as they stand lead to the statement's head, also where
    a row of one month was recorded among those of another; none that is changed or left out does.
    """
    october, november = (month_us(f"2026-{n}")[0] for n in (10, 11))
    moments = [october, october + 1, november, october + 2, november + 3, november - 1]
    store, whole = SqliteStore(path), SqliteStore(path.with_name("whole.sqlite"))
    made = [
        row._replace(admitted_us=moment)
        for n, moment in enumerate(moments)
        for row in rows(f"x-{n + 1}")
    ]
    whole.record(Batch(made))
    for row in made:
        store.record(Batch([row]))
    for each in (store, whole):  # one by one, and all in one batch
        within = each.rows(ACCOUNT.tenant, october + 1, november).rows
        assert [row.id for row in within] == ["x-2", "x-4", "x-6"]
    for month, most in (("2026-10", 6), ("2026-11", 3)):
        text = statement_rows(store, ACCOUNT.tenant, month)
        told, *lines = text.splitlines()
        said = json.loads(told)
        assert len(lines) == most == said["number"] - said["number_before"]
        assert said["head"] == statement(store, ACCOUNT.tenant, month)["chain"]["head"]
        assert _leads(said, lines)
        assert not _leads(said, lines[:-1])
        assert not _leads(said, [lines[0].replace(b"x-", b"y-"), *lines[1:]])
    empty = json.loads(statement_rows(store, ACCOUNT.tenant, "2026-12"))
    assert empty["number"] == empty["number_before"]
    assert empty["head"] == empty["head_before"]
    store.close()


def _leads(said: dict[str, str], lines: list[bytes]) -> bool:
    head = bytes.fromhex(said["head_before"])
    for line in lines:
        head = sha256(head + line).digest()
    return head.hex() == said["head"]


def test_rows_of_an_earlier_version_stay_as_they_were(path: Path) -> None:
    """A file without the columns that came later is brought up to date; its lines prove what they
    proved, and columns that they lack are empty."""
    path.parent.mkdir()
    old = [row[:33] for row in rows("a", "b")]
    lines = [json.dumps(row, separators=(",", ":")).encode() for row in old]
    heads = [sha256(bytes(32) + lines[0]).digest()]
    heads.append(sha256(heads[0] + lines[1]).digest())
    with sqlite3.connect(path) as db:
        db.executescript(schema_scripts("sqlite")[0] + ";PRAGMA user_version = 1")
        moment = rows("a")[0].admitted_us
        text, ends = b",".join(lines).decode(), b"".join(heads)
        db.execute("INSERT INTO segments VALUES (?, 1, ?, ?, ?, ?)",
                   (ACCOUNT.tenant, moment, moment, text, ends))  # fmt: skip
        db.execute("INSERT INTO chains VALUES (?, 2, ?)", (ACCOUNT.tenant, heads[1]))
    store = SqliteStore(path)
    store.record(Batch([row._replace(energy="profile") for row in rows("c")]))
    text = statement_rows(store, ACCOUNT.tenant, "2026-09").splitlines()
    assert text[1:3] == lines
    assert _leads(json.loads(text[0]), text[1:])
    assert [row.energy for row in kept(path)] == [None, None, "profile"]
    store.close()


def test_a_file_of_a_later_version_is_refused(path: Path) -> None:
    """Nothing is changed in it."""
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        ours = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute(f"PRAGMA user_version = {ours + 1}")
    with pytest.raises(MachineError, match="later version"):
        SqliteStore(path)


def test_what_is_no_ledger_is_refused(path: Path) -> None:
    """With its name."""
    path.parent.mkdir()
    path.write_text("not a database, but long enough to look at" * 50)
    with pytest.raises(MachineError, match=r"ledger\.sqlite: the ledger cannot be used"):
        SqliteStore(path)


def test_a_batch_that_fails_leaves_nothing(path: Path) -> None:
    """Neither rows nor permits."""
    store = SqliteStore(path)
    store.record(Batch(rows("a", "b", "c", "d")))
    broken = rows("e")[0]._replace(tenant=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.Error):
        store.record(Batch([*rows("f"), broken], wants=[Want(ACCOUNT, HALF, 2)]))
    assert store.counts(ACCOUNT) == Counts(4, 0)
    assert store.record(Batch(rows("f"))).rows == 1
    store.close()


SERVICE = """
import sys
from fractions import Fraction
from pathlib import Path
from tests.serve.toys import KEY, NOON_S, book, facts, outcome, table
from wattlas.serve.decision import Asked, decide, settle
from wattlas.serve.ledger.sqlite import SqliteStore

store, ledger, routing = SqliteStore(Path(sys.argv[1])), book(Fraction(1, 2)), table()
degraded, begun = 0, sys.argv[2]

def record():
    batch = ledger.collect()
    ledger.recorded(batch, store.record(batch))

ledger.window(*KEY, NOON_S)
record()
for n in range(int(sys.argv[3])):
    asked = Asked.AUTO if n < 30 else Asked.DEFAULT
    decision = decide(facts(f"{begun}-{n}", asked), routing, ledger)
    degraded += decision.degraded
    settle(ledger, decision.facts.id, outcome(decision))
    record()
print(degraded, sum(held.free for held in ledger._held.values()), flush=True)
for n in range(1000):
    decision = decide(facts(f"{begun}+{n}"), routing, ledger)
    if decision.degraded:
        print("used", flush=True)
sys.stdin.read()
"""


def run_and_kill(path: Path, name: str, requests: int) -> tuple[int, int, int]:
    """(degraded and settled, in hand, used without settling) of a service that is killed."""
    command = [sys.executable, "-c", SERVICE, str(path), name, str(requests)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, env=dict(os.environ),
        cwd=Path(__file__).parents[2],
    ) as service:  # fmt: skip
        assert service.stdout is not None
        degraded, held = map(int, service.stdout.readline().split())
        used = 0
        for _ in range(held - 1):  # killed with one permit unused, and the rest in flight
            assert service.stdout.readline() == "used\n"
            used += 1
        service.send_signal(signal.SIGKILL)
    return degraded, held, used


def test_a_block_counts_as_granted_after_a_kill(path: Path) -> None:
    """Killed between grant and use, twice: what was in hand is granted, whoever used it."""
    degraded, held, used = run_and_kill(path, "first", 40)
    assert held >= 2
    store = SqliteStore(path)
    counts = store.counts(ACCOUNT)
    store.close()
    assert counts == Counts(40, degraded + held)
    again, still, more = run_and_kill(path, "second", 40)
    store = SqliteStore(path)
    counts = store.counts(ACCOUNT)
    assert counts == Counts(80, degraded + held + again + still)
    # Clients got the settled answers and those in flight: all of them together keep the cap.
    assert degraded + used + again + more <= HALF * (80 + used + more)
    whole = [row for row in kept(path) if row.end == "whole"]
    assert len(whole) == counts.delivered
    assert sum(row.degraded for row in whole) == degraded + again
    store.close()


def test_permits_in_hand_are_returned_at_the_end(path: Path) -> None:
    """After an orderly stop the record holds what was used, and no more."""
    store, ledger, routing = SqliteStore(path), book(HALF), table()
    low = 0
    for n in range(30):
        decision = decide(facts(str(n)), routing, ledger)
        assert decision is not None
        low += decision.degraded
        settle(ledger, str(n), outcome(decision))
        batch = ledger.collect()
        ledger.recorded(batch, store.record(batch))
    ledger.release()
    store.record(ledger.collect())
    assert store.counts(ACCOUNT) == Counts(30, low)
    assert low > 5
    store.close()
