"""Is a plan optimal? Feasibility, signs of the prices and complementary slackness, from scratch.

A plan carries prices of capacity, of coupling rows and of limits over windows. They make a dual
point: the price of demand is then the least reduced cost of its places, and the dual objective is
a bound that no placement can beat. Nothing of the solver's is taken on trust but the prices.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.objective import Minimise
from wattlas.model.plan import Plan
from wattlas.placement.engine import Basis, HourlyProgram, HourlySolution, Residuals, verify
from wattlas.placement.hour import engine_hour as fast
from wattlas.placement.hour.solver import CHUNK_ELEMENTS, Solution, evaluate
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import Measure, carbon_to_minimise, cost
from wattlas.placement.window.limits import Limit, limits


@dataclass(frozen=True)
class Certificate:
    """What was found. `objective`, `bound` in the objective's unit; `gap` relative.

    `residuals` are the worst violations of each condition, relative: demand, capacity, coupling
    rows, closed columns, signs, reduced costs, slackness, and limits over windows.
    `demand_price` (I, K, T) is what one more request costs, nan where there is none.
    """

    objective: float
    bound: float
    gap: float
    residuals: dict[str, float]
    demand_price: np.ndarray

    @property
    def worst(self) -> float:
        """The largest residual."""
        return max(self.residuals.values())


def certify(plan: Plan, budget_ms: np.ndarray | None = None) -> Certificate:
    """Check a plan whose hours nothing but limits over windows couples.

    Raises UsageError for a plan without flows, of a baseline policy, or under frictions.
    """
    scenario = plan.scenario
    if not plan.ok or plan.policy != "optimum":
        raise UsageError("only a plan that was optimised can be checked for optimality")
    if scenario.frictions.couples:
        raise UsageError("frictions couple the hours of this plan: its gap is in plan.info.gap")
    instance = build_instance(scenario, budget_ms)
    objective = _objective(instance)
    asked = limits(instance)
    duals = np.zeros(instance.demand.shape)
    worst = np.zeros(len(fields(Residuals)))
    bound = -sum(one.price * one.limit for one in plan.limits)
    flat = _flat(instance, plan)
    gross = evaluate(instance, _gross(asked, objective, plan), flat) / instance.hours
    for steps, measure in _weighted(instance, asked, objective, plan):
        program = fast.program(instance, measure)
        duals[:, steps] = _demand_price(program, plan, steps)
        answer = _answer(instance, plan, flat, duals, steps)
        np.maximum(worst, np.array(astuple(verify(program, answer, gross[steps]))), out=worst)
        bound += float(_dual_objective(program, answer, steps) @ instance.hours[steps])
    found = float(evaluate(instance, objective, flat).sum())
    size = max(abs(found), 1e-300)
    residuals = dict(zip((f.name for f in fields(Residuals)), worst.tolist(), strict=True))
    residuals["limits"], slack = _limit_residuals(plan)
    residuals["slackness"] = max(residuals["slackness"], slack / size)
    return Certificate(found, bound, (found - bound) / size, residuals, _expand(instance, duals))


def _objective(instance: Instance) -> Measure:
    by_carbon = instance.scenario.objective.minimise is Minimise.CARBON
    return carbon_to_minimise(instance) if by_carbon else cost(instance)


def _weighted(
    instance: Instance, asked: list[Limit], objective: Measure, plan: Plan
) -> list[tuple[np.ndarray, Measure]]:
    """objective + Σ price · measure of the limits, for the steps that are in the same limits."""
    inside = np.zeros((len(asked), instance.scenario.hours.count), dtype=bool)
    for n, one in enumerate(asked):
        inside[n, one.cap.steps] = True
    patterns, which = np.unique(inside, axis=1, return_inverse=True)
    out = []
    for n, pattern in enumerate(patterns.T):
        measure = objective
        for j in np.flatnonzero(pattern):
            if plan.limits[j].price > 0:
                measure = measure.plus(asked[j].cap.measure, plan.limits[j].price)
        out.append((np.flatnonzero(which.ravel() == n), measure))
    return out


def _gross(asked: list[Limit], objective: Measure, plan: Plan) -> Measure:
    """What the weighted objective's parts come to without their signs."""
    parts = [(1.0, objective)]
    parts += [(r.price, one.cap.measure) for one, r in zip(asked, plan.limits, strict=True)]
    return Measure(
        objective.unit,
        np.sum([w * np.abs(m.per_kwh) for w, m in parts], axis=0),
        np.sum([w * np.abs(m.per_request) for w, m in parts], axis=0),
        np.sum([w * np.abs(m.per_unserved) for w, m in parts], axis=0),
    )


def _prices(plan: Plan, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Prices of capacity (R, T) and of coupling rows (J, T), zero where the plan carries none."""
    count = plan.scenario.hours.count
    capacity, row = plan.capacity_price_usd_per_gpu_h, plan.row_price
    return (
        np.zeros((len(plan.scenario.regions), count)) if capacity is None else capacity,
        np.zeros((rows, count)) if row is None else row,
    )


def _demand_price(program: HourlyProgram, plan: Plan, steps: np.ndarray) -> np.ndarray:
    """The least reduced cost of each source's places, inf where it has none; (S, steps)."""
    capacity, row = _prices(plan, len(program.row_coef))
    out = np.full((len(program.demand), len(steps)), np.inf)
    size = max(1, CHUNK_ELEMENTS // max(1, program.allowed.size))
    for low in range(0, len(steps), size):
        at = steps[low : low + size]
        reduced = program.energy_kwh[:, None, :, None] * program.per_kwh[None, :, None, at]
        reduced = reduced + program.per_request[..., None]
        reduced += program.gpu_h[:, None, :, None] * capacity[None, :, None, at]
        reduced -= np.einsum("jso,jt->sot", program.row_coef, row[:, at])[:, None]
        least = np.where(program.allowed[..., None], reduced, np.inf).min(axis=(1, 2))
        out[:, low : low + size] = np.minimum(least, program.unserved[:, None])
    return out


def _dual_objective(
    program: HourlyProgram, answer: HourlySolution, steps: np.ndarray
) -> np.ndarray:
    """Σ demand · price − Σ capacity · price + Σ lower · price of the rows, per step."""
    demand = program.demand[:, steps]
    worth = np.where(demand > 0, answer.demand_dual, 0.0) * demand
    room = program.capacity[:, steps]
    paid = np.where(np.isfinite(room), room, 0.0) * answer.capacity_dual
    rows = program.lower()[:, steps] * answer.row_dual
    total: np.ndarray = worth.sum(axis=0) + paid.sum(axis=0) + rows.sum(axis=0)
    return total


def _answer(
    instance: Instance, plan: Plan, flows: Solution, demand_dual: np.ndarray, steps: np.ndarray
) -> HourlySolution:
    """The plan's flows of some steps and its prices, as the engine would give them."""
    rank = np.full(instance.scenario.hours.count, -1)
    rank[steps] = np.arange(len(steps))
    on = rank[flows.hour] >= 0
    order = np.argsort(rank[flows.hour[on]], kind="stable")
    count = np.bincount(rank[flows.hour[on]], minlength=len(steps))
    capacity, row = _prices(plan, len(fast.coupling_rows(instance)[0]))
    empty = np.zeros(len(steps))
    return HourlySolution(
        hours=steps.astype(np.int64),
        status=np.zeros(len(steps), np.int8),
        objective=empty,
        gap=empty,
        indptr=np.concatenate([[0], np.cumsum(count)]),
        source=flows.source[on][order].astype(np.int32),
        region=flows.region[on][order].astype(np.int16),
        point=flows.point[on][order].astype(np.int16),
        value=flows.value[on][order],
        capacity_dual=-capacity[:, steps],
        demand_dual=demand_dual[:, steps],
        row_dual=row[:, steps],
        meters=np.zeros((len(steps), 0)),
        basis=Basis.empty(0, 0, 0),
    )


def _flat(instance: Instance, plan: Plan) -> Solution:
    """The plan's flows, back on the merged sources."""
    flows = plan.flows
    assert flows is not None
    return Solution(
        hour=flows.hour.astype(np.int64),
        source=instance.source_of[flows.metro, flows.klass],
        region=flows.region.astype(np.int64),
        point=flows.point.astype(np.int64),
        value=flows.requests_per_h,
        capacity_price=np.zeros_like(instance.capacity),
        infeasible=np.zeros(0, np.int64),
    )


def _limit_residuals(plan: Plan) -> tuple[float, float]:
    """The largest excess over a limit (of a promise, in shares), and Σ price · |slack|."""
    excess = (
        (r.used - r.limit) / max(abs(r.limit), abs(r.used), 1e-300)
        if np.isnan(r.share_max)
        else r.share - r.share_max
        for r in plan.limits
    )
    slack = sum(r.price * abs(r.limit - r.used) for r in plan.limits)
    return max([0.0, *excess]), slack


def _expand(instance: Instance, duals: np.ndarray) -> np.ndarray:
    """From sources to (metro, class); nan where there is no demand."""
    grid = np.full((*instance.source_of.shape, duals.shape[1]), np.nan)
    i, k = np.nonzero(instance.source_of >= 0)
    grid[i, k] = duals[instance.source_of[i, k]]
    return grid
