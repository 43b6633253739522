"""Figures of benchmarks, word for word, over small worlds and by a clock that counts its readings.

By such a clock whatever is measured once takes one second, so that units, divisions and what is
compared with what are seen; what is solved is judged by the benchmarks themselves. A change is made
on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from benchmarks import (
    as_written,
    coupled,
    engine,
    fleet,
    live,
    live_idle,
    rolling,
    shared,
    waiting,
)
from benchmarks.live_servers import Round
from benchmarks.modelling import Built
from benchmarks.program import our_program
from benchmarks.registry import Figure, RunOptions
from wattlas.data.scenario_file import example
from wattlas.model.frictions import Frictions, Initial
from wattlas.placement.fleet.size import Sizing

HERE = Path(__file__).parents[1] / "golden" / "figures"
TINY = wattlas.example("tiny")
Patch = pytest.MonkeyPatch
STEPS = {"engine": 6, "coupled": 8, "as_written": 4}
"""Hours of instances; the smallest size of the shared folder's generator, whatever is asked for."""


def _of_the_generator(patch: Patch, module: Any, folder: Path) -> RunOptions:
    """A benchmark of generated instances, on small ones."""
    options = RunOptions("tiny", folder, repeat=1)
    real = shared.shared_module(options, "instances").make

    def small(_options: RunOptions, name: str) -> Any:
        if name != "instances":
            return shared.shared_module(options, name)
        return SimpleNamespace(make=lambda _size, V, T: real("S", V=V, T=T))

    patch.setattr(module, "shared_module", small)
    return options


def _engine(patch: Patch, folder: Path) -> Sequence[Figure]:
    patch.setitem(engine.HOURS, "tiny", 6)
    patch.setitem(engine.JUDGED, "tiny", 2)
    return engine.run(_of_the_generator(patch, engine, folder))


def _coupled(patch: Patch, folder: Path) -> Sequence[Figure]:
    patch.setitem(coupled.HOURS, "tiny", 8)
    return coupled.run(_of_the_generator(patch, coupled, folder))


def _as_written(patch: Patch, folder: Path) -> Sequence[Figure]:
    options = replace(_of_the_generator(patch, as_written, folder), size="S")

    def built(instance: Any, measure: Any, hours: np.ndarray) -> Built:
        return replace(our_program(instance, measure, hours), write_s=1.0, build_s=2.0, solve_s=5.0)

    patch.setattr(as_written, "pulp_program", built)
    patch.setattr(as_written, "linopy_program", built)
    return as_written.run(options)


def _fleet(patch: Patch, folder: Path) -> Sequence[Figure]:
    patch.setattr(fleet, "example", lambda _name: TINY)
    figures = fleet.run(RunOptions("tiny", repeat=1))
    some = tuple(
        replace(region, on_demand_gpu=0.4 * n, on_demand_usd_per_gpu_h=1.0)
        for n, region in enumerate(TINY.regions)
    )
    limited = fleet.terms_of(replace(TINY, regions=some))
    assert Sizing.of(limited).nominal().value == pytest.approx(fleet._whole(limited)[1], rel=1e-5)
    terms = fleet.large_terms(_of_the_generator(patch, fleet, folder), hours=3)
    found, (took, value) = Sizing.of(terms).nominal(1e-6), fleet._whole(terms)
    assert found.value == pytest.approx(value, rel=1e-5)
    return [
        *figures,
        Figure("hours of L", found.value, "USD", took, note=f"{found.y.sum():.4g} GPU"),
    ]


def _waiting(patch: Patch, folder: Path) -> Sequence[Figure]:
    worlds: dict[str, Any] = {}

    def short(name: str, set: list[str]) -> Any:
        if set[0] not in worlds:
            worlds[set[0]] = example(name, set=set).at_hours(range(5))
        return worlds[set[0]]

    patch.setattr(waiting, "example", short)
    return waiting.run(RunOptions("tiny", repeat=1))


def _rolling(patch: Patch, folder: Path) -> Sequence[Figure]:
    frictions = Frictions(start_usd_per_gpu_h=0.5, initial=Initial.FREE)
    world = replace(TINY, frictions=frictions)
    patch.setattr(rolling, "core_world", lambda _shared: world)
    patch.setattr(rolling, "BEGIN", 12)
    patch.setattr(rolling, "LOOK_AHEAD_H", 4)
    patch.setitem(rolling.HOURS, "day", 12)
    return rolling.run(RunOptions("day", folder, repeat=1))


class _Server:
    """A server whose CPU time is so many ms more at each look."""

    def __init__(self, ms: float) -> None:
        self.ms, self.looks = ms, 0


def _live(patch: Patch, folder: Path) -> Sequence[Figure]:
    """Parts of `live` over servers of which everything is known: a port is its latency, µs."""

    def measured(port: int, requests: int, *servers: Any) -> Round:
        return Round((requests / port,), 1e6 / port + len(rounds), requests // 7)

    def spent(server: Any) -> float:
        server.looks += 1
        return float(server.ms * server.looks / 1e3)

    rounds: list[int] = []
    patch.setattr(live, "measured", lambda *given: (rounds.append(1), measured(*given))[1])
    patch.setattr(live, "spent", spent)
    patch.setattr(live, "times_s", lambda port, n: [port * 1e-6 * (1 + k / n) for k in range(n)])
    patch.setattr(live, "streams", lambda port, n, tokens, _ms: [port * 1e-6] * (n * tokens))
    servers: Any = {"nginx": (_Server(2.0), 200), "Envoy": None}
    own: Any = (_Server(5.0), 500)
    return [
        *live.gateways(1000, own, servers),
        *live.latency(100, 100, 500, servers["nginx"]),
        *live.streaming(own, servers["nginx"], 100),
        *(live_idle._waits("p99", [each / 100 for each in range(100)]),),
    ]


CASES: dict[str, Callable[[Patch, Path], Sequence[Figure]]] = {
    "engine": _engine, "coupled": _coupled, "as_written": _as_written, "fleet": _fleet,
    "waiting": _waiting, "rolling": _rolling, "live": _live,
}  # fmt: skip


def said(figures: Sequence[Figure]) -> str:
    """A line for each figure, without what rounding makes."""
    lines = []
    for each in figures:
        told = {name: value for name, value in each.as_dict().items() if value not in (None, "")}
        told = {n: _number(v) if isinstance(v, float) else str(v) for n, v in told.items()}
        if told.pop("phase") == "certified gap":
            told.pop("ours")
        lines.append("\n  ".join([each.phase, *(f"{n}: {v}" for n, v in told.items())]))
    text = re.sub(r"\d+ (rounds|programs|windows)", r"some \1", "\n".join(lines)) + "\n"
    # What is nothing but rounding may be nothing at all elsewhere.
    tiny = r"-?\b\d(\.\d+)?e[-+](00|0[5-9]|[1-9]\d)|(?<=gap )0(?![\d.])|grew by \d+"
    return re.sub(tiny, "~0", text)


def _number(value: float) -> str:
    return f"{round(value, 9) + 0.0:.5g}"


@pytest.mark.parametrize("name", CASES)
def test_figures_are_those_of_the_golden_file(
    name: str, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every phase, figure, unit, ratio, target and note is that which was read and found right."""
    ticks = count()
    monkeypatch.setattr(time, "process_time", lambda: float(next(ticks)))
    found, file = said(CASES[name](monkeypatch, shared)), HERE / f"{name}.txt"
    if os.environ.get("WATTLAS_GOLDEN") == "write":
        file.write_text(found, encoding="utf-8")
    assert found == file.read_text(encoding="utf-8")
