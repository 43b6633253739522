"""What matters: main effects of a grid, sensitivity indices with known values, what is left out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sobol_indices, uniform

import wattlas
from tests.studies.sweeps.folders import PUE, tiny
from wattlas.errors import UsageError
from wattlas.studies.sweeps.change import Written
from wattlas.studies.sweeps.design import SweepDesign
from wattlas.studies.sweeps.folder import RunRow, SweepFolder, sweep_in
from wattlas.studies.sweeps.found import SweepFindings
from wattlas.studies.sweeps.ranking import ranking
from wattlas.studies.sweeps.verbs import NUMBER, VERBS, Verb

NAMES = ("x1", "x2", "x3")
Function = Callable[..., Any]


def ishigami(x1: Any, x2: Any, x3: Any) -> Any:
    """Ishigami and Homma 1990, a = 7, b = 0.1."""
    return np.sin(x1) + 7.0 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)


def known() -> dict[str, tuple[float, float]]:
    """First-order and total indices of it, in closed form."""
    v1 = 0.5 * (1 + 0.1 * pi**4 / 5) ** 2
    v2, v13 = 7.0**2 / 8, 0.1**2 * pi**8 * (1 / 18 - 1 / 50)
    v = v1 + v2 + v13
    return {"x1": (v1 / v, (v1 + v13) / v), "x2": (v2 / v, v2 / v), "x3": (0.0, v13 / v)}


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SweepFolder]:
    """Makes the folder of a sweep whose verb is a function of three numbers."""
    settings = dict.fromkeys(NAMES, NUMBER)
    verb = Verb(("y_usd",), ("y_usd",), lambda *_: ("made", {}), settings)
    monkeypatch.setitem(VERBS, "function", verb)

    def make(vary: dict[str, Any], samples: int = 0) -> SweepFolder:
        design = SweepDesign.of(vary, "function", samples=samples)
        return sweep_in(tmp_path / "sweep", Written(Path("tiny")), design)

    return make


def runs(sweep: SweepFolder, function: Function, failed: frozenset[int] = frozenset()) -> Any:
    """The table of a sweep whose runs gave the values of a function."""
    rows = [
        (n, RunRow("failed", exit_code=3) if n in failed else
            RunRow("made", {"y_usd": float(function(*point.values))}))
        for n, point in enumerate(sweep.points)
    ]  # fmt: skip
    return sweep.frame(rows)


def test_indices_of_a_function_whose_indices_are_known(
    swept: Callable[..., SweepFolder],
) -> None:
    """Ishigami's within a few per cent, the intervals around them, and as scipy finds them."""
    sweep = swept(dict.fromkeys(NAMES, (-pi, pi)), 1024)
    table = runs(sweep, ishigami)
    rows, notes = ranking(sweep.design, table)
    assert notes == ()
    found = SweepFindings(sweep, table)
    assert found.sentence() == (
        f"Over {5 * 1024:,} runs of function, y (USD) depends most on x1: {rows[0]['total']:.2f} "
        "of its variance, with all that it does together with others."
    )
    shown = found.listings()[0]
    assert [column.heading for column in shown.columns] == [
        "field", "alone", "from", "to", "in all", "from", "to",
    ]  # fmt: skip
    indices = ("first", "first_low", "first_high", "total", "total_low", "total_high")
    for name in indices:
        assert shown.table[name] == [f"{row[name]:.3f}" for row in rows]
    assert [column.name for column in shown.columns] == ["field", *indices]
    assert [row["field"] for row in rows] == ["x1", "x2", "x3"]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    for row in rows:
        first, total = known()[row["field"]]
        assert row["first"] == pytest.approx(first, abs=0.03)
        assert row["total"] == pytest.approx(total, abs=0.03)
        assert row["first_low"] - 0.01 <= first <= row["first_high"] + 0.01
        assert row["total_low"] - 0.01 <= total <= row["total_high"] + 0.01
    ranges = [uniform(loc=-pi, scale=2 * pi)] * 3
    alone = sobol_indices(
        func=lambda x: ishigami(*x), n=1024, dists=ranges, rng=np.random.default_rng(0)
    )
    assert [row["first"] for row in rows] == pytest.approx(list(alone.first_order), abs=1e-12)
    assert [row["total"] for row in rows] == pytest.approx(list(alone.total_order), abs=1e-12)
    theirs = alone.bootstrap(confidence_level=0.95, n_resamples=200)
    for name, interval in (("first", theirs.first_order), ("total", theirs.total_order)):
        ends = interval.confidence_interval
        ours = [row[f"{name}_high"] - row[f"{name}_low"] for row in rows]
        assert ours == pytest.approx(list(ends.high - ends.low), rel=0.25)


def test_points_with_a_failed_run_are_left_out_and_told(
    swept: Callable[..., SweepFolder],
) -> None:
    """Of 64 points one is broken in part AB₂: 32 are used, and give the indices of those."""
    sweep = swept(dict.fromkeys(NAMES, (0.0, 1.0)), 64)
    lost = frozenset({3 * 64 + 5})
    rows, notes = ranking(sweep.design, runs(sweep, lambda a, b, c: 3 * a + 2 * b + c, lost))
    assert notes == (
        "Of 64 points of the sample 32 are used, a power of two at which every run has a result",
    )
    assert [row["field"] for row in rows] == ["x1", "x2", "x3"]
    for row, part in zip(rows, (9 / 14, 4 / 14, 1 / 14), strict=True):
        assert row["total"] == pytest.approx(part, abs=0.12)
    everything = frozenset(range(5 * 64))
    nothing = runs(sweep, max, everything)
    assert ranking(sweep.design, nothing) == ([], ())
    found = SweepFindings(sweep, nothing)
    assert found.sentence() == "Over 320 runs of function, none has a result."
    empty, failed = found.listings()
    assert (empty.notes, failed.notes) == ((), ("317 more.",))
    assert found.exit_code == 3


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_effects_of_a_sum_are_its_parts(weights: list[float]) -> None:
    """On a grid of an additive function a swing is weight · range, and parts add up to 1."""
    values = (0.0, 1.0, 4.0)
    design = SweepDesign.of({f"regions.r{n}.pue": values for n in range(3)})
    points = list(product(values, repeat=3))
    columns: dict[str, Any] = dict(zip(design.columns, zip(*points, strict=True), strict=True))
    cost = np.array(points) @ weights
    frame = pl.DataFrame({**columns, **dict.fromkeys(design.of_verb.ranked, cost)})
    rows = [row for row in ranking(design, frame)[0] if row["metric"] == "cost_usd"]
    swings = {row["field"]: row["swing"] for row in rows}
    for n, weight in enumerate(weights):
        assert swings[f"regions.r{n}.pue"] == pytest.approx(abs(weight) * 4.0, abs=1e-9)
    assert [row["swing"] for row in rows] == sorted(swings.values(), reverse=True)
    if np.ptp(cost) > 1e-3:
        assert sum(row["first"] for row in rows) == pytest.approx(1.0)


@settings(max_examples=20)
@given(
    st.sets(st.integers(0, 11), max_size=7),
    st.lists(st.floats(-9, 9), min_size=12, max_size=12),
)
def test_runs_without_a_result_weigh_nothing(lost: set[int], cost: list[float]) -> None:
    """Means and parts of the variance are those of the runs that are left, by plain loops."""
    values = (1.1, 1.2, 1.3), (1.1, 1.2, 1.3, 1.4)
    design = SweepDesign.of({"regions.a.pue": values[0], "regions.b.pue": values[1]})
    points = list(product(*values))
    told = [None if n in lost else value for n, value in enumerate(cost)]
    columns: dict[str, Any] = dict(zip(design.columns, zip(*points, strict=True), strict=True))
    ranked = design.of_verb.ranked
    types = dict.fromkeys(ranked, pl.Float64)
    frame = pl.DataFrame({**columns, **dict.fromkeys(ranked, told)}, schema_overrides=types)
    rows = {r["field"]: r for r in ranking(design, frame)[0] if r["metric"] == "cost_usd"}
    left = [value for value in told if value is not None]
    mean = sum(left) / len(left)
    spread = sum((value - mean) ** 2 for value in left)
    for at, field in enumerate(design.columns):
        groups: dict[float, list[float]] = {}
        for point, value in zip(points, told, strict=True):
            if value is not None:
                groups.setdefault(point[at], []).append(value)
        means = {value: sum(each) / len(each) for value, each in groups.items()}
        between = sum(len(each) * (means[v] - mean) ** 2 for v, each in groups.items())
        row, ends = rows[field], (min(means.values()), max(means.values()))
        assert (row["low"], row["high"]) == pytest.approx(ends)
        assert row["swing"] == pytest.approx(ends[1] - ends[0], abs=1e-9)
        if spread > 1e-6:
            assert row["first"] == pytest.approx(between / spread, abs=1e-9)


def test_a_sweep_from_python(tmp_path: Path) -> None:
    """A design, a folder, and the tables as frames; a range where values belong is refused."""
    design = wattlas.SweepDesign.of({PUE.field: [1.1, 1.3]})
    found = wattlas.sweep_into(tmp_path / "sweep", "tiny", design)
    assert isinstance(found, SweepFindings)
    assert found.to_polars("runs").equals(pl.read_parquet(tmp_path / "sweep" / "sweep.parquet"))
    assert found.to_polars("ranking")["field"].unique().to_list() == [PUE.field]
    assert "cost (USD) depends most on regions.*.pue" in found.sentence()
    assert tiny(tmp_path / "sweep", PUE.__class__(PUE.field, (1.1, 1.3))).missing() == []
    with pytest.raises(UsageError, match="wants \\(low, high\\)"):
        wattlas.SweepDesign.of({PUE.field: [1.1, 1.2, 1.3]}, samples=8)
