"""A benchmark is a workload × phases × sizes; a figure is one number of ours beside its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One phase of a workload: our number, the alternative's where there is one, the target.

    `target` bounds `ours`, or `ratio` (= other / ours) where `of_ratio` is set. Numbers are in
    `unit`; ours must be at most the target, a ratio at least.
    """

    phase: str
    ours: float
    unit: str = "s"
    other: float | None = None
    other_name: str = ""
    target: float | None = None
    of_ratio: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The alternative's number over ours."""
        return None if self.other is None else self.other / max(self.ours, 1e-12)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        if self.of_ratio:
            return self.ratio is not None and self.ratio >= self.target
        return self.ours <= self.target

    def as_dict(self) -> dict[str, Any]:
        """The figure for JSON."""
        names = ("phase", "ours", "unit", "other", "other_name", "ratio", "target", "of_ratio")
        return {name: getattr(self, name) for name in names} | {"met": self.met, "note": self.note}


@dataclass(frozen=True)
class RunOptions:
    """What a run measures: a size, and a folder with shared instances if there is one."""

    size: str
    shared: Path | None = None
    repeat: int = 3


@dataclass(frozen=True)
class Benchmark:
    """A workload by name, what it tells, its sizes from small to large, and how it is run."""

    name: str
    tells: str
    sizes: tuple[str, ...]
    run: Callable[[RunOptions], Sequence[Figure]]
    usual: str = field(default="")

    @property
    def size(self) -> str:
        """The size of a run that names none."""
        return self.usual or self.sizes[-1]


NAMES = (
    "program small engine as_written core coupled fleet waiting tiers replay policies live "
    "live_envoy live_soak live_idle start imports forecasts rolling stream study killed "
    "first_command"
).split()
"""Modules with a `BENCHMARK`, in the order in which they are run."""


def registry() -> dict[str, Benchmark]:
    """Every benchmark by name; their modules, which need this one, are imported now."""
    modules = [import_module(f"benchmarks.{name}") for name in NAMES]
    return {module.BENCHMARK.name: module.BENCHMARK for module in modules}


def table(name: str, size: str, figures: Sequence[Figure]) -> str:
    """The figures for people, one line each."""
    lines = [f"{name} ({size})"]
    for figure in figures:
        line = f"  {figure.phase:<34} {figure.ours:>9.4g} {figure.unit:<4}"
        if figure.other is not None:
            line += (
                f"  {figure.other_name} {figure.other:.4g} {figure.unit}, ratio {figure.ratio:.3g}"
            )
        if figure.target is not None:
            bound = (
                f"ratio ≥ {figure.target:g}"
                if figure.of_ratio
                else f"≤ {figure.target:g} {figure.unit}"
            )
            line += f"  target {bound}: {'met' if figure.met else 'NOT MET'}"
        lines.append(line + (f"  ({figure.note})" if figure.note else ""))
    return "\n".join(lines)
