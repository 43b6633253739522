"""A bound on hours that starting capacity couples, by the multipliers of its rows.

Hours are linked by u[r,m,t] alone, the accelerator time of a model in a region. With a multiplier
ρ[r,m,t] between 0 and what a start costs there on each row v[t] ≥ u[t] − u[t−1] they fall apart:

    D(ρ) = Σ_t min over hour t of { c·x + Σ (ρ[t] − ρ[t+1])·u[t] } − Σ ρ[first]·u[before]

Every such ρ gives a bound that no placement can beat, at the price of one pass of the fast engine
over the hours. D is concave, and u[t] − u[t−1] is a direction in which it rises. What moving state
costs is left out, which only lowers the bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.placement.constraints.start_up import StartUpLink, start_per_gpu_h
from wattlas.placement.engine import OPTIMAL, Basis, HourlyProgram, HourlySolution
from wattlas.placement.hour.dispatch import ENGINE
from wattlas.placement.hour.engine_hour import THREADED, program
from wattlas.placement.hour.protocol import HourProblem
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

HOUR_SOLVES = 100_000
"""Hours times rounds that the ascent may take, within its least and most rounds: time against the
gap. A week of M, whose gap is 0.023 %: 0.043 % with half, the same with twice (then `MOST_ROUNDS`
ends it)."""
LEAST_ROUNDS, MOST_ROUNDS = 60, 400
PATIENCE = 10
"""Rounds without a better bound after which the step is halved: few halve it too early. The same
week: 0.059 % with 5, 0.033 % with 20."""
MOMENTUM, STEP = 0.7, 0.09
"""Share of the last direction that stays, and the step in mean start costs over mean slope. Large
values overshoot, small ones stall. The same week: 0.09 % with a momentum of 0.35 and 0.012 % with
0.85; 0.028 % with half the step and 0.021 % with twice."""
SMALL = 1e-6
"""The ascent ends where `PATIENCE` · 6 rounds raised the bound by less than this, relative. Half
and twice change nothing in that week."""


@dataclass(frozen=True)
class Bound:
    """A bound in the objective's unit, its multipliers (R, M, T'), and the hours at them."""

    value: float
    rho: np.ndarray
    hours: HourlySolution


class Coupled:
    """An unbroken run of hours with the prices of starting capacity; T' steps."""

    def __init__(
        self,
        instance: Instance,
        measure: Measure,
        steps: np.ndarray,
        before: np.ndarray | None,
    ) -> None:
        """`before` (R, M) is what runs before the first step, GPU-h/h; None where it is free."""
        self.instance, self.steps, self.before = instance, steps, before
        problem = HourProblem(instance, measure)
        self.keeps_every_row = ENGINE.takes(problem, steps)
        """Whether the engine keeps every constraint: else the bound holds, but its hours do not."""
        lp, places = program(problem)
        self.program, self.surplus = _of_steps(lp, steps), places.surplus
        self.hours = instance.hours[steps]
        weight = instance.scenario.hours.weight[steps]
        self.most = start_per_gpu_h(instance, measure.unit)[:, :, steps] * weight
        """What a start costs per GPU-h/h, in the unit of the measure, (R, M, T')."""
        if before is None:
            self.most[:, :, 0] = 0.0
        self.variant = instance.copies[1]
        self.basis: Basis | None = None

    def bound(self, rho: np.ndarray) -> tuple[Bound, np.ndarray]:
        """D(ρ), and the direction in which it rises, (R, M, T')."""
        after = np.concatenate([rho[:, :, 1:], np.zeros_like(rho[:, :, :1])], axis=2)
        price = ((rho - after) / self.hours)[:, self.variant]
        if len(self.surplus):  # What is bought, or not, runs no model.
            price = np.concatenate([price, np.zeros_like(price[:, :1])], axis=1)
        solution = self._solve(np.ascontiguousarray(price))
        running = self._held(solution)
        value = float(_safe(self.program, solution) @ self.hours)
        start = np.zeros_like(running[:, :, :1]) if self.before is None else self.before[..., None]
        value -= float((rho[:, :, :1] * start).sum())
        rise = np.diff(running, axis=2, prepend=start)
        return Bound(value, rho, self.surplus.without(solution)), rise

    def _solve(self, per_gpu_h: np.ndarray) -> HourlySolution:
        from wattlas.placement.engine import solve_program

        solution = solve_program(
            replace(self.program, per_gpu_h=per_gpu_h),
            start=self.basis,
            threads=2 if len(self.steps) >= THREADED else 1,
            keep_bases=True,
        )
        self.basis = solution.basis
        return solution

    def _held(self, solution: HourlySolution) -> np.ndarray:
        """u of a solution, GPU-h/h, (R, M, T')."""
        solution = self.surplus.without(solution)
        hour = np.repeat(np.arange(len(solution.hours)), np.diff(solution.indptr))
        on = solution.region >= 0
        used_by_hour = np.zeros(self.most.shape)
        busy = self.program.gpu_h[solution.source[on], solution.point[on]] * solution.value[on]
        place = (solution.region[on].astype(np.int64), self.variant[solution.point[on]], hour[on])
        np.add.at(used_by_hour, place, busy)
        return used_by_hour


def ascend(coupled: Coupled) -> Bound:
    """The best bound that some rounds of projected ascent with momentum find."""
    rounds = int(np.clip(HOUR_SOLVES / len(coupled.steps), LEAST_ROUNDS, MOST_ROUNDS))
    best, rise = coupled.bound(np.zeros_like(coupled.most))
    if not coupled.most.any():
        return best
    rho, drift, scale = best.rho, np.zeros_like(best.rho), 1.0
    stalled, checked = 0, best.value
    for n in range(rounds):
        blocked = ((rho <= 0) & (rise < 0)) | ((rho >= coupled.most) & (rise > 0))
        pull = np.where(blocked, 0.0, rise)
        moved = np.abs(pull[pull != 0])
        if not len(moved):
            break
        drift = MOMENTUM * drift + pull
        step = scale * STEP * float(coupled.most.mean()) / float(moved.mean())
        rho = np.clip(rho + step * drift, 0.0, coupled.most)
        candidate, rise = coupled.bound(rho)
        if candidate.value > best.value + 1e-9 * abs(best.value):
            best, stalled = candidate, 0
        else:
            stalled += 1
        if stalled > PATIENCE:
            scale, stalled, rho = scale / 2, 0, best.rho
        if n % (6 * PATIENCE) == 6 * PATIENCE - 1:
            if best.value - checked <= SMALL * abs(best.value):
                break
            checked = best.value
    return best


def _of_steps(program: HourlyProgram, steps: np.ndarray) -> HourlyProgram:
    return replace(
        program,
        demand=np.ascontiguousarray(program.demand[:, steps]),
        per_kwh=np.ascontiguousarray(program.per_kwh[:, steps]),
        capacity=np.ascontiguousarray(program.capacity[:, steps]),
        row_lower=np.ascontiguousarray(program.lower()[:, steps]),
    )


def held_before(instance: Instance, steps: np.ndarray) -> np.ndarray | None:
    """GPU-h/h held before the run, (R, M); None where the start is free."""
    first = StartUpLink().before_first(instance, steps)
    return None if first is None else first.reshape(len(instance.capacity), -1)


def _safe(program: HourlyProgram, solution: HourlySolution) -> np.ndarray:
    """What each hour costs at least; where the engine gave up, each source at its cheapest."""
    least = solution.objective - np.maximum(solution.gap, 0.0)
    for h in np.flatnonzero(solution.status != OPTIMAL):
        units = program.energy_kwh[:, None, :] * program.per_kwh[None, :, None, h]
        units = np.where(program.allowed, units + program.per_request, np.inf).min(axis=(1, 2))
        units = np.minimum(units, program.unserved)
        has_demand = program.demand[:, h] > 0
        least[h] = float(program.demand[has_demand, h] @ units[has_demand])
    return least
