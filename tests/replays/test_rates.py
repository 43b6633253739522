"""Requests drawn from rates: as many as the rates say, as bursty as the table says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.replays.arrivals.stream import FromTrace
from wattlas.replays.arrivals.trace import open_trace


def _table(
    path: Path, rate: float, cv: float, clients: int, windows: int = 4, begin_s: int = 0
) -> Path:
    time, client = np.divmod(np.arange(windows * clients), clients)
    pl.DataFrame(
        {
            "model": ["m"] * len(time),
            "client": client,
            "t_s": begin_s + 600 * time,
            "rate_rps": np.full(len(time), rate),
            "interarrival_cv": np.full(len(time), cv),
        }
    ).write_parquet(path)
    return path


@pytest.mark.parametrize("cv", [0.3, 1.0, 3.0])
def test_rates_and_burstiness_are_met(tmp_path: Path, cv: float) -> None:
    """Counts within five standard deviations, gaps of one client with the stated variation, and
    every window draws anew."""
    trace = open_trace(_table(tmp_path / "r.parquet", 20.0, cv, 1))
    assert trace.layout.name == "servegen"
    batches = list(trace.batches(5))
    times = np.concatenate([batch.t_s for batch in batches])
    rows = np.concatenate([batch.row for batch in batches])
    np.testing.assert_array_equal(rows, np.arange(len(times)))
    expected = 20.0 * 600 * 4
    assert abs(len(times) - expected) < 5 * cv * np.sqrt(expected)
    gaps = np.diff(times)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.08)
    assert (gaps >= 0).all()
    assert times.max() < 2400
    inside = [times[(times >= at) & (times < at + 600)] - at for at in range(0, 2400, 600)]
    assert len({tuple(np.round(part[:5], 6)) for part in inside}) == 4
    later = open_trace(_table(tmp_path / "l.parquet", 20.0, cv, 1, begin_s=7200))
    again = np.concatenate([batch.t_s for batch in later.batches(5)])
    np.testing.assert_array_equal(again, times)


def test_many_clients_and_seeds(tmp_path: Path) -> None:
    """Each client draws for itself; the same seed draws the same; the scenario says the tokens."""
    world = shipped("tiny")
    trace = open_trace(_table(tmp_path / "r.parquet", 0.5, 2.0, 10))
    one, again, other = (list(FromTrace(world, trace, seed=s).batches()) for s in (1, 1, 2))
    for a, b in zip(one, again, strict=True):
        np.testing.assert_array_equal(a.at_s, b.at_s)
    assert sum(len(a.at_s) for a in one) != sum(len(a.at_s) for a in other)
    k = one[0].source % len(world.classes)
    np.testing.assert_array_equal(one[0].tokens[:, 1], np.array([200, 400])[k])


def test_real_rates(shared: Path) -> None:
    """A day of a production model comes to its published rate."""
    path = shared / "data" / "servegen_total_rate.parquet"
    trace = open_trace(path, only="deepseek-r1")
    count = sum(len(batch) for batch in trace.batches())
    rows = pl.read_parquet(path).filter(pl.col("model").cast(pl.String) == "deepseek-r1")
    assert count == pytest.approx(600 * rows["rate_rps"].sum(), rel=0.005)


def test_rates_that_are_none(tmp_path: Path) -> None:
    """A negative rate, and a table of one window."""
    with pytest.raises(InputError, match=r"row 1, rate_rps: is -1.0, wanted requests per second"):
        list(open_trace(_table(tmp_path / "a.parquet", -1.0, 1.0, 1)).batches())
    with pytest.raises(InputError, match="one window, which says no length"):
        list(open_trace(_table(tmp_path / "b.parquet", 1.0, 1.0, 1, windows=1)).batches())
