"""The ledger of the live service is a trace: what was answered is replayed, and calibrates."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wattlas
from tests.serve.toys import book, facts, outcome, row_of, table
from wattlas.errors import InputError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.replays.arrivals.stream import FromTrace
from wattlas.replays.arrivals.trace import open_trace
from wattlas.replays.calibrate import calibrate
from wattlas.replays.service.model import ServiceModel
from wattlas.replays.service.pool import serve
from wattlas.serve.decision import decide
from wattlas.serve.ledger.journal import Batch, Row
from wattlas.serve.ledger.sqlite import SqliteStore

BEGIN_US = 1_767_225_600_000_000


def _row(n: int, **changes: object) -> Row:
    decision = decide(facts(f"r{n}"), table(), book())
    assert decision is not None
    made = row_of(decision, outcome(decision))
    stated = {
        "contract": "",
        "admitted_us": BEGIN_US + n * 1_000_000,
        "tokens_in": 10 + n,
        "tokens_out": 5,
        "metro": "oslo",
        "klass": "A",
        "region": "r",
        "point": "large",
    }
    return made._replace(**{**stated, **changes})  # type: ignore[arg-type]


def _ledger(path: Path, rows: list[Row]) -> Path:
    store = SqliteStore(path)
    # The order of the ledger is that in which requests ended.
    store.record(Batch(sorted(rows, key=lambda row: -row.admitted_us)))
    store.close()
    return path


def _contracted(scenario: Scenario) -> Scenario:
    """The scenario with its first class under a contract beside it."""
    first = scenario.classes[0]
    under = replace(first, id=f"{first.id}/green", base=first.id, contract="green")
    demand = np.concatenate([scenario.demand_per_h, scenario.demand_per_h[:, :1]], axis=1)
    return replace(scenario, classes=(*scenario.classes, under), demand_per_h=demand)


def test_a_ledger_is_replayed_in_the_order_of_admission(tmp_path: Path) -> None:
    """Metro, class and contract are those of the request; what has no tokens is told."""
    world = _contracted(wattlas.example("tiny"))
    metro, klass = world.metros[1].id, world.classes[0].id
    rows = [
        _row(0, metro=metro, klass=klass),
        _row(1, metro=metro, klass=klass, contract="green"),
        _row(2, metro=metro, klass=klass, tokens_in=None, tokens_out=None, end="lost"),
        _row(3, metro=metro, klass=klass, contract="of somebody else"),
    ]
    opened = open_trace(_ledger(tmp_path / "ledger.sqlite", rows))
    assert opened.layout.name == "gateway"
    (came,) = FromTrace(world, opened).batches()
    np.testing.assert_allclose(came.at_s, [0.0, 1.0, 3.0])
    np.testing.assert_array_equal(came.tokens, [[10, 5], [11, 5], [13, 5]])
    base, under = len(world.classes), len(world.classes) + len(world.classes) - 1
    np.testing.assert_array_equal(came.source, [base, under, base])
    assert opened.notes == ["Requests without a token in answer are left out: 1"]


def test_a_ledger_calibrates_the_server_of_a_place(tmp_path: Path) -> None:
    """From what one place served its model is found; answers that were no streams judge nothing."""
    count, draw = 60, np.random.default_rng(3)
    model = ServiceModel(0.02, 4e-5, 2e-8, batch=16, step_tokens=512)
    at_s = np.cumsum(draw.exponential(0.05, count)).round(6)
    tokens = draw.integers(20, 300, (count, 2))
    served = serve(model, at_s, tokens[:, 0], tokens[:, 1])
    rows = []
    for n in range(count):
        first, last = (BEGIN_US + round(1e6 * t[n]) for t in (served.first_s, served.last_s))
        rows.append(
            _row(
                n, admitted_us=BEGIN_US + round(1e6 * at_s[n]), ended_us=last,
                first_us=None if n % 10 == 9 else first, tokens_in=int(tokens[n, 0]),
                tokens_out=int(tokens[n, 1]),
            )
        )  # fmt: skip
    elsewhere = _row(1000, admitted_us=BEGIN_US, region="s", first_us=None)
    path = _ledger(tmp_path / "ledger.sqlite", [*rows, elsewhere])
    with pytest.raises(UsageError, match="--place: the log is of r/large, s/large"):
        calibrate(open_trace(path))
    with pytest.raises(InputError, match="--place: name one of r/large, s/large"):
        calibrate(open_trace(path, place="t/large"))
    made = calibrate(open_trace(path, place="r/large"), batch=16, step_tokens=512, kv_tokens=10**9)
    assert made.fitted.requests + made.held_out.requests == count - count // 10
    assert abs(made.held_out.mean[:2]).max() < 0.02
    assert any("judge nothing: 6" in note for note in made.notes)


def test_databases_that_are_no_ledger(tmp_path: Path) -> None:
    """It is said in words; and only a log of several places takes the name of one."""
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE x (y)")
    with pytest.raises(InputError, match="no ledger that can be read: no such table: requests"):
        open_trace(path)
    flat = tmp_path / "a.csv"
    flat.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0,1,1\n")
    with pytest.raises(UsageError, match="vidur does not say where requests ran"):
        open_trace(flat, place="r/large")
