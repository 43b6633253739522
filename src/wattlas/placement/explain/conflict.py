"""Why no placement exists, as the smallest set of requirements found, in words.

A conflict is irreducible: each demand and each row in it is needed, drop any one and the rest can
be met. HiGHS finds it in the rows that the constraints of the registry write.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wattlas.errors import SolverError
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Clash
from wattlas.placement.constraints.registry import constraints, hourly_rows
from wattlas.placement.hour import highs
from wattlas.placement.problem import feasibility as masks
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import ColumnLayout, demand, hourly_block
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.words import NAMED, listed, who

IRREDUCIBLE = 2 | 4
"""HiGHS's strategy: the rows that the least infeasible point misses, reduced until each is needed.

On 500 random infeasible hours all sets were irreducible, at most 0.02 s each; an hour of the
embedded world takes 0.9 s, and 14 to 21 s without the first step."""


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
    constraints_named = [
        constraint for constraint in constraints() if constraint.name in clash.rows
    ]
    if constraints_named:
        text = constraints_named[-1].clash_words(instance, clash)  # its words include the others
    else:
        text = f"At {clash.when} {clash.who} have no place."
    more = len(steps) - 1
    return f"{text} (and {more} more hours clash)" if more else text


def hour_conflict(instance: Instance, step: int) -> Clash:
    """An irreducible conflict of a step that is infeasible."""
    sources, rows = _irreducible(_at_step(instance, step))
    when = f"{instance.scenario.hours.utc[step]}Z"
    return Clash(step, sources, rows, who(instance, sources), when)


def _at_step(instance: Instance, step: int) -> Instance:
    """The instance of one step alone."""
    return replace(
        instance,
        scenario=instance.scenario.at_hours([step]),
        demand=instance.demand[:, [step]],
        capacity=(instance.capacity + instance.surplus)[:, [step]],
        surplus=np.zeros_like(instance.surplus[:, [step]]),
        baseline_use=None,
    )


def _irreducible(instance: Instance) -> tuple[tuple[int, ...], dict[str, tuple[int, ...]]]:
    """(sources, rows by constraint) of an irreducible infeasible set of one step, by HiGHS.

    Demand that may go unserved at a price is no part of a conflict. Raises SolverError where HiGHS
    names none.
    """
    blocks, names = _blocks(instance)
    solver: Any = highs.new_solver()
    zero = np.zeros(len(instance.columns))
    highs.load(solver, highs.Lp(zero, zero, np.full(len(zero), np.inf), blocks))
    solver.setOptionValue("iis_strategy", IRREDUCIBLE)
    solver.run()
    _, conflict = solver.getIis()
    sources: list[int] = []
    rows: dict[str, tuple[int, ...]] = {}
    for index in sorted(int(row) for row in conflict.row_index_):
        if index < instance.sources:
            sources.append(index)
        else:
            name, j = names[index - instance.sources]
            rows[name] = (*rows.get(name, ()), j)
    if not sources:
        raise SolverError("HiGHS named no conflict in an hour without a placement")
    return tuple(sources), rows


def _blocks(instance: Instance) -> tuple[list[Rows], list[tuple[str, int]]]:
    """Demand and every row that binds, scaled: the largest entry 1, the largest demand 100; and the
    constraint and row that each of those after the demand is.
    """
    layout = ColumnLayout(instance, np.array([0]))
    constraint_blocks = [
        (rows, block)
        for rows in hourly_rows(instance).values()
        if (block := hourly_block(layout, rows)) is not None
    ]
    names = [
        (rows.name, int(j)) for rows, _ in constraint_blocks for j in np.flatnonzero(rows.bound())
    ]
    scale = 100.0 / max(float(instance.demand.max(initial=0.0)), 1e-300)
    blocks = []
    for block in [demand(layout), *(block for _, block in constraint_blocks)]:
        largest = block.largest()
        unit = block.times(1.0 / np.where(largest > 0, largest, 1.0))
        blocks.append(replace(unit, lower=unit.lower * scale, upper=unit.upper * scale))
    return blocks, names


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
