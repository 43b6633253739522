"""The judge is judged: each residual sees its own fault, and the gap is that of the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generate import make

from tests.interpreted import interpreted
from wattlas.placement.engine import HourlyProgram, HourlySolution, solve_program, verify
from wattlas.placement.engine.basis import set_costs, set_duals, set_values
from wattlas.placement.engine.hours import load_basis, record
from wattlas.placement.engine.scaled import scale
from wattlas.placement.engine.solve import Bench
from wattlas.placement.engine.state import Hour, HourlyOutput

SMALL = 1e-9


@pytest.fixture(scope="module")
def program() -> HourlyProgram:
    """A program in which capacities and coupling rows bind and some demand is unserved."""
    return make("binding_rows", 4)


@pytest.fixture(scope="module")
def solution(program: HourlyProgram) -> HourlySolution:
    """Its optimum, which every residual passes."""
    found = solve_program(program)
    assert (found.status == 0).all()
    assert verify(program, found).worst <= SMALL
    return found


def _largest(values: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """A copy, and the place of its largest entry, which is not zero."""
    place = np.unravel_index(np.abs(values).argmax(), values.shape)
    assert values[place] != 0
    return values.copy(), tuple(int(n) for n in place)


def _mean_cost(program: HourlyProgram, solution: HourlySolution, hour: int) -> float:
    """What a request of the hour costs, all parts without their sign."""
    source, region, point, value = solution.flows(hour)
    served = region >= 0
    s, r, o = source[served], region[served], point[served]
    each = program.per_request[s, r, o] + program.energy_kwh[s, o] * program.per_kwh[r, hour]
    spent = (np.abs(each) * value[served]).sum()
    spent += (program.unserved[source[~served]] * value[~served]).sum()
    return float(spent / program.demand[:, hour].sum())


@pytest.mark.parametrize("name", ["capacity_dual", "row_dual"])
def test_a_dual_of_the_wrong_sign_is_seen(
    name: str, program: HourlyProgram, solution: HourlySolution
) -> None:
    """One dual is flipped: `signs` is its size over the mean cost of a request of that hour."""
    duals, place = _largest(getattr(solution, name))
    duals[place] *= -1
    found = verify(program, replace(solution, **{name: duals}))
    wanted = abs(duals[place]) / _mean_cost(program, solution, place[1])
    assert found.signs == pytest.approx(wanted, rel=1e-9)
    assert found.signs > 1e-6


@pytest.mark.parametrize("factor", [1.01, 0.99])
def test_a_wrong_value_of_demand_is_seen(
    factor: float, program: HourlyProgram, solution: HourlySolution
) -> None:
    """Too high, some column seems to gain; too low, what is served costs more than it is worth."""
    duals, place = _largest(solution.demand_dual)
    duals[place] += (factor - 1) * abs(duals[place])
    found = verify(program, replace(solution, demand_dual=duals))
    assert (found.reduced if factor > 1 else found.slackness) > 1e-6
    assert max(found.signs, found.demand, found.capacity, found.columns) <= SMALL


@pytest.mark.parametrize("factor", [1.01, 0.99, -1.0])
def test_a_wrong_flow_is_seen(
    factor: float, program: HourlyProgram, solution: HourlySolution
) -> None:
    """More or less than was asked for misses the demand; less than nothing is no flow."""
    value, (at,) = _largest(solution.value)
    value[at] *= factor
    found = verify(program, replace(solution, value=value))
    assert found.demand > 1e-6
    assert (found.columns > 1e-6) == (factor < 0)


def test_a_flow_beyond_capacity_or_on_a_closed_column_is_seen(
    program: HourlyProgram, solution: HourlySolution
) -> None:
    """Half of the capacity, or no open column, and the same flows are not allowed any more."""
    halved = verify(replace(program, capacity=program.capacity / 2), solution)
    closed = verify(replace(program, allowed=np.zeros_like(program.allowed)), solution)
    higher = replace(program, row_lower=program.lower() + program.demand.sum())
    assert halved.capacity > 1e-6
    assert closed.columns > 1e-6
    assert verify(higher, solution).rows > 1e-6


def _written(p: Any, h: Hour, b: Any, w: Any, keys: Any, basics: Any, answer: HourlyOutput) -> None:
    interpreted(load_basis)(p, h.tariff.shape[1], b, w, keys, basics)
    interpreted(set_costs)(p, h.tariff, b)
    interpreted(set_values)(p.unit, h, b)
    interpreted(set_duals)(b, 0.0)
    interpreted(record)(p, h, b, w, answer, 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_gap_is_that_of_what_is_written(seed: int) -> None:
    """At a basis of keys drawn at random the gap is what they cost above the cheapest columns."""
    program = make("plain", seed, 1)
    program = replace(program, capacity=np.full_like(program.capacity, np.inf))
    draw = np.random.default_rng(seed)
    sources, _, _, _, _ = program.sizes
    keys = np.array([draw.permutation(np.argwhere(program.allowed[s]))[0] for s in range(sources)])
    r, o = keys[:, 0], keys[:, 1]
    cost = program.energy_kwh[:, None, :] * program.per_kwh[None, :, 0, None] + program.per_request
    least = np.where(program.allowed, cost, np.inf).min(axis=(1, 2))
    demand = program.demand[:, 0]
    scaled = scale(program)
    bench, answer = Bench(scaled), HourlyOutput.room(1, sources, scaled.rows)
    hours = np.array([0])
    volume = scaled.demand(hours)
    hour = Hour(scaled.price(hours)[0], volume[0], scaled.limits(hours, volume)[0])
    slacks = np.full((scaled.rows, 3), -1, np.int32)
    slacks[:, 2] = np.arange(scaled.rows)
    start = np.stack([o, r], axis=1).astype(np.int32)
    _written(
        scaled.kernel_program(), hour, bench.working, bench.scratch, start, slacks, answer
    )  # fmt: skip
    objective = float((cost[np.arange(sources), r, o] * demand).sum())
    bound = float((np.minimum(least, program.unserved) * demand).sum())
    assert answer.total[0, 0] == pytest.approx(objective, rel=1e-12)
    assert answer.total[0, 1] == pytest.approx(objective - bound, rel=1e-9)
    assert answer.total[0, 1] > 1e-6 * objective
