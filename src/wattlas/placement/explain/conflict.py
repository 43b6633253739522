"""Why no placement exists, as the smallest set of requirements found, in words.

A conflict is irreducible: each demand and each row in it is needed, drop any one and the rest can
be met. It is found in two steps. The program that misses the requirements by the least has a dual
whose support already clashes; then each member of it is dropped where the clash remains without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Clash
from wattlas.placement.constraints.registry import constraints, hourly_rows
from wattlas.placement.hour import highs
from wattlas.placement.problem import feasibility as masks
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Layout, demand, hourly
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.words import NAMED, listed, who

SHORT = 1e-7
"""Where the largest demand is 100, by how much requirements must be missed for a clash."""
CARRIES = 1e-9
"""A dual above this carries the clash."""

Row = tuple[str, int]
"""The name of a constraint, and one of its rows."""


def stranded_words(instance: Instance) -> str:
    """Each demand without a place: metro, class, budget, the nearest place, and every mask."""
    lines = [_stranded(instance, i, k) for i, k in instance.stranded[:NAMED]]
    more = len(instance.stranded) - NAMED
    if more > 0:
        lines.append(f"and {more} more demands have no place")
    return "\n".join(lines)


def hour_words(instance: Instance, steps: np.ndarray) -> str:
    """The smallest conflict of the first infeasible step, and how many more steps clash."""
    clash = hour_conflict(instance, int(steps[0]))
    told = [each for each in constraints() if each.name in clash.rows]
    if told:
        text = told[-1].clash_words(instance, clash)  # the others are told with it
    else:
        text = f"At {clash.when} {clash.who} have no place."
    more = len(steps) - 1
    return f"{text} (and {more} more hours clash)" if more else text


def hour_conflict(instance: Instance, step: int) -> Clash:
    """An irreducible conflict of a step that is infeasible."""
    program = _Elastic(_at_step(instance, step))
    sources, rows = program.support()
    for source in list(sources):
        fewer = [s for s in sources if s != source]
        sources = fewer if program.short(fewer, rows) else sources
    for row in list(rows):
        fewer_rows = [r for r in rows if r != row]
        rows = fewer_rows if program.short(sources, fewer_rows) else rows
    by_constraint: dict[str, tuple[int, ...]] = {}
    for name, j in rows:
        by_constraint[name] = (*by_constraint.get(name, ()), j)
    when = f"{instance.scenario.hours.utc[step]}Z"
    return Clash(step, tuple(sources), by_constraint, who(instance, tuple(sources)), when)


def _at_step(instance: Instance, step: int) -> Instance:
    """The instance of one step alone."""
    return replace(
        instance,
        scenario=instance.scenario.at_hours([step]),
        demand=instance.demand[:, [step]],
        capacity=instance.capacity[:, [step]],
        baseline_use=None,
    )


class _Elastic:
    """An hour in which every requirement may be missed: how much all of some must be, together.

    A demand is missed by what goes unserved of it, a row by what lies outside of its bounds. Demand
    that may go unserved at a price is no part of a conflict.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = replace(instance, unserved_usd=np.ones(instance.sources))
        must = np.isnan(instance.unserved_usd) & (instance.demand[:, 0] > 0)
        self.must = [int(s) for s in np.flatnonzero(must)]
        blocks, self.rows = self._blocks()
        self.lower = np.concatenate([block.lower for block in blocks])
        self.upper = np.concatenate([block.upper for block in blocks])
        count = self.instance.sources
        self.own = len(self.instance.columns)
        missed = [
            (count + n, sign)
            for n in range(len(self.rows))
            for sign, bound in ((-1.0, self.upper[count + n]), (1.0, self.lower[count + n]))
            if np.isfinite(bound)
        ]
        self.missed_row = np.array([row for row, _ in missed], dtype=np.int64)
        n = self.own + len(missed)
        self.columns = np.arange(n, dtype=np.int32)
        self.index = np.arange(len(self.lower), dtype=np.int32)
        self.solver: Any = highs.new_solver()
        zero, free = np.zeros(self.own), np.full(self.own, np.inf)
        highs.load(self.solver, highs.Lp(zero, zero, free, blocks))
        if missed:
            start = np.arange(len(missed), dtype=np.int32)
            sign = np.array([each for _, each in missed])
            nothing, most = np.zeros(len(missed)), np.full(len(missed), np.inf)
            self.solver.addCols(
                len(missed), nothing, nothing, most, len(missed), start,
                self.missed_row.astype(np.int32), sign,
            )  # fmt: skip

    def _blocks(self) -> tuple[list[Rows], list[Row]]:
        """Demand and every row that binds, scaled: the largest entry 1, the largest demand 100."""
        layout = Layout(self.instance, np.array([0]))
        made = [
            (rows, block)
            for rows in hourly_rows(self.instance).values()
            if (block := hourly(layout, rows)) is not None
        ]
        names = [(rows.name, int(j)) for rows, _ in made for j in np.flatnonzero(rows.bound())]
        scale = 100.0 / max(float(self.instance.demand.max(initial=0.0)), 1e-300)
        blocks = []
        for block in [demand(layout), *(block for _, block in made)]:
            largest = block.largest()
            unit = block.times(1.0 / np.where(largest > 0, largest, 1.0))
            blocks.append(replace(unit, lower=unit.lower * scale, upper=unit.upper * scale))
        return blocks, names

    def support(self) -> tuple[list[int], list[Row]]:
        """Sources and rows that carry a dual where the least is missed."""
        answer = self._solve(self.must, self.rows)
        count = self.instance.sources
        sources = [s for s in self.must if answer.dual[s] > CARRIES]
        carried = np.abs(answer.dual[count:]) > CARRIES
        rows = [row for row, on in zip(self.rows, carried, strict=True) if on]
        return (sources, rows) if self.short(sources, rows) else (self.must, self.rows)

    def short(self, sources: list[int], rows: list[Row]) -> bool:
        """Whether these requirements alone clash."""
        return bool(sources) and self._solve(sources, rows).objective > SHORT

    def _solve(self, sources: list[int], rows: list[Row]) -> highs.Answer:
        columns, count = self.instance.columns, self.instance.sources
        unserved = ~columns.served & np.isin(columns.source, sources)
        cost = np.concatenate([np.where(unserved, 1.0, 0.0), np.ones(len(self.missed_row))])
        self.solver.changeColsCost(len(cost), self.columns, cost)
        kept = np.array([*[True] * count, *(row in rows for row in self.rows)])
        lower, upper = np.where(kept, self.lower, -np.inf), np.where(kept, self.upper, np.inf)
        self.solver.changeRowsBounds(len(lower), self.index, lower, upper)
        return highs.run_safely(self.solver)


def _stranded(instance: Instance, i: int, k: int) -> str:
    scenario, judged = instance.scenario, instance.judged
    metro, klass = scenario.metros[i], scenario.classes[k]
    latency = judged.latency_ms[i, k]
    reach = np.where(judged.lawful[i, k], latency, np.inf)
    nearest = np.unravel_index(int(reach.argmin()), reach.shape)
    head = f"{metro.id}, class {klass.id}: no place within {judged.budget_ms[i, k]:,.0f} ms"
    if np.isfinite(reach[nearest]):
        region = scenario.regions[int(nearest[0])].id
        head += f"; the nearest lawful place is {region} at {reach[nearest]:,.1f} ms"
    else:
        head += "; no place is lawful at any latency"
    return f"{head}. {_why_closed(scenario, judged, i, k)}"


def _why_closed(scenario: Scenario, judged: masks.Feasibility, i: int, k: int) -> str:
    """What closed each region: the masks of its least closed point, regions grouped by them."""
    groups: dict[str, list[str]] = {}
    for r, region in enumerate(scenario.regions):
        closed = judged.closed[i, k, r]
        least = min(closed, key=lambda c: (int(c).bit_count(), int(c)))
        groups.setdefault(masks.words(int(least)), []).append(region.id)
    parts = [f"{reason}: {listed(names)}" for reason, names in groups.items()]
    return "Closed by " + "; ".join(parts)
