"""Windows that begin from the last one: the same optimum, from a point that is known feasible."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.shipped import shipped
from wattlas.model.frictions import Frictions
from wattlas.placement.constraints.registry import links
from wattlas.placement.constraints.start_up import StartUpLink
from wattlas.placement.hour.highs_hour import columns_to_flows
from wattlas.placement.problem.flows import join
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.lp import ColumnLayout, objective
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.window.linked_program import (
    ProgramScale,
    Ran,
    layout_of,
    link_costs,
    program_rows,
    run_program,
)
from wattlas.placement.window.warm_window import start_of


def moving(start_usd: float = 0.3) -> Instance:
    """The tiny example with a price on starting, prices that move, and little room."""
    tiny = shipped("tiny").at_hours(range(12))
    draw = np.random.default_rng(5)
    price = tiny.signals.price_usd_per_mwh * draw.uniform(0.2, 3.0, (len(tiny.signals.zones), 12))
    return build_instance(
        replace(
            tiny,
            signals=replace(tiny.signals, price_usd_per_mwh=price),
            frictions=Frictions(start_usd_per_gpu_h=start_usd),
        )
    )


def program(
    instance: Instance, steps: np.ndarray, before: dict[str, np.ndarray]
) -> tuple[ColumnLayout, np.ndarray, list[Any]]:
    """The layout, the cost and the rows of some steps."""
    tied = links(instance.scenario)
    layout = layout_of(instance, steps, tied, before)
    costs = link_costs(layout, tied)
    return layout, objective(layout, cost(instance), costs), program_rows(layout, tied, (), costs)


def solved(
    instance: Instance, steps: np.ndarray, before: dict[str, np.ndarray], memory: Any = None
) -> Ran:
    """Those steps at least cost."""
    return run_program(*program(instance, steps, before), time.perf_counter(), None, memory)


def left(instance: Instance, ran: Ran) -> dict[str, np.ndarray]:
    """What runs after the first hour of a window."""
    columns = ran.layout.column("x")[0]
    flows = join([columns_to_flows(instance, ran.x[columns], int(ran.layout.hours[0]))])
    return {"start_up": StartUpLink().left_behind(instance, flows)}


def value(ran: Ran) -> float:
    """What a window costs, USD."""
    return ran.answer.objective / ran.scale.cost / ran.scale.demand


@pytest.mark.parametrize("came", [1.0, 0.9])
def test_windows_from_the_last_one_cost_what_windows_from_nothing_do(came: float) -> None:
    """Hour by hour, whether what was planned came or less: the optimum is the same, and where it
    came the start is a feasible point."""
    instance, memory, before = moving(), {}, {}
    primal = []
    for first in range(5):
        steps = np.arange(first, first + 6)
        layout, priced, blocks = program(instance, steps, before)
        scale = ProgramScale(instance, priced)
        start = start_of(memory, layout, scale.lp(priced, layout.upper, blocks), scale.demand)
        primal.append(start.primal)
        warm = solved(instance, steps, before, memory)
        assert value(warm) == pytest.approx(value(solved(instance, steps, before)), rel=1e-9)
        before = {name: level * came for name, level in left(instance, warm).items()}
    assert primal == [False] + [came == 1.0] * 4


def test_another_window_starts_from_nothing_that_does_not_fit() -> None:
    """Hours elsewhere, or several new ones, begin from statuses alone, and end at their optimum."""
    instance, memory = moving(), {}
    solved(instance, np.arange(4), {}, memory)
    for steps in (np.arange(3, 9), np.arange(6, 12), np.arange(2)):
        warm = solved(instance, steps, {}, dict(memory))
        assert value(warm) == pytest.approx(value(solved(instance, steps, {})), rel=1e-9)
