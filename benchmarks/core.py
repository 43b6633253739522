"""The real hours of 2023: the frontier at every breakpoint, and tiers joint with placement.

The pack is built from the shared data (`--shared`): 241 cities, 18 sites, 8,760 hours.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.data.scenario_file import load
from wattlas.model.contract import Tier
from wattlas.model.objective import Minimise, Objective
from wattlas.model.offer import full_service, offer
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.engine import warm_up
from wattlas.placement.frontier.frontier import frontier

ROOT = Path(__file__).resolve().parent.parent
FRONTIER_S = 30.0
JOINT = 1.5
STEPS = {"month": 730, "year": 8760}
ROOM = 3.0
"""Capacity of all sites over the largest need, where it is limited."""
TIMES = 3


def run(options: RunOptions) -> Sequence[Figure]:
    """Wall seconds of the frontier on two cores; CPU seconds of the plans."""
    if options.shared is None:
        raise SystemExit("this benchmark needs --shared FOLDER with data/")
    with tempfile.TemporaryDirectory() as folder:
        scenario = core(options.shared, Path(folder)).at_hours(np.arange(STEPS[options.size]))
    warm_up()
    return (*_frontiers(scenario), *_joint(scenario))


def core(shared: Path, folder: Path) -> Scenario:
    """The scenario of the acceptance test."""
    from tests.acceptance.test_core_2023 import SCENARIO

    logging.disable(logging.WARNING)
    tool = [sys.executable, str(ROOT / "tools" / "build_packs.py"), str(shared / "data")]
    subprocess.run(
        [*tool, "--out", str(folder), "--only", "core-2023"], check=True, capture_output=True
    )
    document = folder / "scenario.yaml"
    document.write_text(SCENARIO.replace("PACK", "./core-2023"), encoding="utf-8")
    return load(document)


def _frontiers(scenario: Scenario) -> Sequence[Figure]:
    """Least carbon at every breakpoint, with free capacity and with capacity that binds."""
    point = replace(scenario.points[0], decode_gpu_s_per_token=1.0)
    limited = _limited(replace(scenario, points=(point,)))
    figures = []
    for name, world in (("free capacity", scenario), ("capacity that binds", limited)):
        began, cpu = time.perf_counter(), time.process_time()
        traced = frontier(world, "scale", objective="carbon")
        wall, spent = time.perf_counter() - began, time.process_time() - cpu
        assert traced.exact
        note = f"{len(traced.x)} breakpoints, {traced.info.programs:,} programs, {spent:.1f} CPU s"
        figures.append(Figure(f"frontier, {name}", wall, target=FRONTIER_S, note=note))
    return figures


def _limited(scenario: Scenario) -> Scenario:
    """With rooms of all sizes, all together `ROOM` times the largest need of any hour."""
    per_request = max(p.decode_gpu_s_per_token for p in scenario.points)
    need = scenario.demand_per_h.sum(axis=(0, 1)).max() * per_request / 3600
    share = np.random.default_rng(1).lognormal(0, 0.6, len(scenario.regions))
    room = ROOM * need * share / share.sum()
    return replace(scenario, reserved_gpu=np.repeat(room[:, None], scenario.hours.count, axis=1))


def _joint(scenario: Scenario) -> Sequence[Figure]:
    """Two tiers joint with placement, against placement of the same classes in full service."""
    point = scenario.points[0]
    half = replace(point, id="half", decode_j_per_token=1800.0, accuracy=0.8)
    classes = tuple(replace(k, accuracy_min=0.9, latency_budget_ms=100.0) for k in scenario.classes)
    plain = replace(
        scenario,
        points=(point, half),
        classes=classes,
        objective=Objective(minimise=Minimise.CARBON),
    )
    tiered = offer(plain, [Tier("green", 0.2, 0.4, accuracy_min=0.7)])
    busy = tuple(replace(p, decode_gpu_s_per_token=1.0) for p in tiered.points)
    bound = _limited(replace(tiered, points=busy))
    figures = []
    for name, world, target in (("", tiered, JOINT), (", capacity that binds", bound, None)):
        joint = min(_seconds(world) for _ in range(TIMES))
        apart = min(_seconds(full_service(world)) for _ in range(TIMES))
        note = f"{joint:.2f} s; placement of the same classes in full service {apart:.2f} s"
        figures.append(
            Figure(f"two tiers over placement alone{name}", joint / apart, unit="×",
                   target=target, note=note)
        )  # fmt: skip
    return figures


def _seconds(scenario: Scenario) -> float:
    began = time.process_time()
    placement = plan(scenario)
    assert placement.ok
    return time.process_time() - began


BENCHMARK = Benchmark(
    name="core",
    tells="frontier at every breakpoint and tiers over the real hours of 2023 (needs --shared)",
    sizes=tuple(STEPS),
    run=run,
)
