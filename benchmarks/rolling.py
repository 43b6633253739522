"""A year of hourly rolling decisions on real hours, with start-up costs: how long a decision takes,
and what forecasts cost against the truth.

The world is the embedded one with the real hours of 2023, a pack that is built from the shared data
(`--shared`), and one operating point per class. A year is what the first 26 decisions take,
of which HiGHS makes 25 and the simplex one from nothing, and the others at the rate of those that
see all of their look-ahead: of `week` the 168 of seven days, since a forecast of demand is wrong at
weekends.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.data.scenario_file import example_path, load
from wattlas.model.frictions import Frictions
from wattlas.model.scenario import Scenario
from wattlas.placement.engine import warm_up
from wattlas.placement.window.simplex import warm_up as warm_up_windows
from wattlas.policy.followed import Followed, followed
from wattlas.policy.forecasts.outlook import forecast_outlook
from wattlas.policy.rolling import oracle, rolling

ROOT = Path(__file__).resolve().parent.parent
BEGIN = 24
"""The first day is the past of the forecast."""
POINTS = {
    "A": "large-h100-fast", "B": "medium-h100-batch", "C": "medium-h100-batch",
    "D": "small-h100-batch",
}  # fmt: skip
START_USD, LOOK_AHEAD_H = 0.5, 24
HOURS = {"day": 72, "week": 2 * LOOK_AHEAD_H + 169, "year": 8736}
YEAR_H, SECONDS = 8760, 120.0
ROOM = 2.0
"""Accelerators over those of the scenario, which are for its leanest points."""


def run(options: RunOptions) -> Sequence[Figure]:
    """CPU seconds of a year of decisions; regret of persistence in per cent of the cost."""
    if options.shared is None:
        raise SystemExit("this benchmark needs --shared FOLDER with data/")
    whole = core_world(options.shared)
    count = HOURS[options.size]
    scenario = whole.at_hours(range(BEGIN, BEGIN + count))
    past = whole.at_hours(range(BEGIN))
    warm_up()
    warm_up_windows()
    years = {name: _told(scenario, past, name) for name in ("perfect", "persistence")}
    figures = [year.figure(name) for name, year in years.items()]
    perfect, persistence = (year.made for year in years.values())
    regret = persistence.totals.variable_usd - perfect.totals.variable_usd
    share = 100.0 * regret / perfect.totals.variable_usd
    note = f"accelerators short at most {persistence.over_gpu:.3g}"
    figures.append(Figure("forecast regret of persistence", share, unit="%", note=note))
    if options.size == "day":  # of more hours the oracle is several windows, and not the optimum
        best = followed(scenario, oracle(scenario), forecast_outlook(scenario, "perfect"))
        above = perfect.totals.variable_usd / best.totals.variable_usd - 1.0
        figures.append(Figure("perfect forecast above the oracle", 100.0 * above, unit="%"))
    return figures


@dataclass(frozen=True)
class Year:
    """What came of a policy, and the CPU time before the first and after each decision, s: each
    follows from what the last one left running, so that they are made one after the other.
    """

    made: Followed
    cpu_s: Sequence[float]

    def figure(self, name: str) -> Figure:
        """What the first decisions took, and the others of a year at the rate of those that see all
        of their look-ahead."""
        begin = LOOK_AHEAD_H + 2
        steady = self.cpu_s[begin : 1 - LOOK_AHEAD_H]
        begun_s, count = steady[0] - self.cpu_s[0], len(steady) - 1
        decision_s = (steady[-1] - steady[0]) / count
        year_s = begun_s + decision_s * (YEAR_H - begin)
        note = (
            f"{decision_s * 1e3:.1f} ms of CPU a decision, {count} decisions counted; "
            f"{begun_s:.1f} s for the first {begin}"
        )
        return Figure(f"a year of decisions, {name}", year_s, target=SECONDS, note=note)


def _told(scenario: Scenario, past: Scenario, name: str) -> Year:
    """The decisions that are told a forecast."""
    outlook = forecast_outlook(scenario, name, past=past, look_ahead_h=LOOK_AHEAD_H)
    cpu_s = [time.process_time()]
    decided = followed(
        scenario, rolling(scenario, LOOK_AHEAD_H), outlook,
        lambda _share: cpu_s.append(time.process_time()),
    )  # fmt: skip
    return Year(decided, cpu_s)


def core_world(shared: Path) -> Scenario:
    """The embedded scenario over the real hours of 2023, a price on every start."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tool = [sys.executable, str(ROOT / "tools" / "build_packs.py"), str(shared / "data")]
        subprocess.run(
            [*tool, "--out", str(folder), "--only", "core-2023"], check=True, capture_output=True
        )
        tables = {name: folder / "core-2023" / f"{name}.parquet" for name in ("price", "carbon")}
        loaded = load(
            example_path("typical-2023"),
            set=[f"signals.{name}.table={path}" for name, path in tables.items()],
        )
    classes = tuple(
        replace(klass, points=(POINTS[klass.id],), accuracy_min=0.0) for klass in loaded.classes
    )
    frictions = Frictions(start_usd_per_gpu_h=START_USD)
    room = ROOM * loaded.reserved_gpu
    return replace(loaded, classes=classes, frictions=frictions, reserved_gpu=room)


BENCHMARK = Benchmark(
    name="rolling",
    tells="a year of hourly decisions on a rolling horizon with start-up costs (needs --shared)",
    sizes=tuple(HOURS),
    run=run,
    usual="week",
)
