"""A limit over all hours at once, by its multiplier.

    min Σ_t cost_t   s.t.  Σ_t metered_t ≤ cap

The hours touch each other only in the cap. With a multiplier λ ≥ 0 on it they fall apart:
L(λ) = Σ_t min (cost_t + λ·metered_t) − λ·cap is concave, and its slope is what the hours meter
less the cap. Two answers on either side of the cap have a convex combination that meets it; its
cost is an upper bound, every L(λ) a lower one. The next λ is, in turn, where the slope's secant
crosses zero and where the lines of the two answers cross. A sample of the hours says where to
begin, so that few rounds go over all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wattlas.placement.engine.program import OPTIMAL, Basis, HourlyProgram, HourlySolution
from wattlas.placement.engine.solve import Meter, solve_hours


@dataclass(frozen=True)
class CappedSolution:
    """The optimum under a cap: share·low + (1 − share)·high, both optimal at the multiplier.

    objective      cost of the combination;  bound  what no plan can beat;  gap their relative
                   distance (NaN objective where the cap cannot be met)
    multiplier     change of the objective per unit of the cap, ≥ 0
    metered        of the combination;  least  the least that any plan meters, if the cap is below
    low, high      answers that meter at most and at least the cap
    """

    objective: float
    bound: float
    gap: float
    multiplier: float
    metered: float
    share: float
    low: HourlySolution
    high: HourlySolution
    rounds: int
    cpu_s: float
    feasible: bool


@dataclass
class _Side:
    multiplier: float
    cost: float
    metered: float
    answer: HourlySolution


_SAMPLE = 300
_STEP = 1.1


def solve_capped(
    program: HourlyProgram,
    meter: Meter,
    cap: float,
    threads: int = 1,
    tolerance: float = 1e-9,
    most_rounds: int = 60,
) -> CappedSolution:
    """Solve all hours under Σ metered ≤ cap; `meter.per_request` must be None or [S, O].

    Raises ValueError where an hour has no optimum of its own.
    """
    count = program.demand.shape[1]
    guess = 0.0
    if count >= 4 * _SAMPLE:
        some = np.arange(0, count, count // _SAMPLE)
        sample = _Search(program, meter, cap * len(some) / count, threads, some)
        guess = sample.run(0.0, 1e-5, most_rounds).multiplier
    search = _Search(program, meter, cap, threads, np.arange(count))
    found = search.run(guess, tolerance, most_rounds)
    spent = search.cpu_s + (sample.cpu_s if guess > 0.0 else 0.0)
    return replace(found, cpu_s=spent)


class _Search:
    """The search over some hours, each from its own basis at the multiplier before."""

    def __init__(
        self,
        program: HourlyProgram,
        meter: Meter,
        cap: float,
        threads: int,
        hours: NDArray[np.int64],
    ) -> None:
        self.program, self.meter, self.cap = program, meter, cap
        self.threads, self.hours = threads, hours
        self.basis: Basis | None = None
        self.bound = -np.inf
        self.rounds, self.cpu_s = 0, 0.0

    def at(self, multiplier: float) -> _Side:
        """The hours at one multiplier."""
        per_request = self.program.per_request
        if self.meter.per_request is not None:
            per_request = per_request + multiplier * self.meter.per_request[:, None, :]
        weighted = replace(
            self.program,
            per_kwh=self.program.per_kwh + multiplier * self.meter.per_kwh,
            per_request=per_request,
        )
        answer = solve_hours(
            weighted,
            self.hours,
            start=self.basis,
            threads=self.threads,
            want_duals=False,
            keep_bases=True,
            meters=(self.meter,),
        )
        if (answer.status != OPTIMAL).any():
            raise ValueError("some hours have no optimum: solve them apart and leave them out")
        self.basis = answer.basis
        self.rounds += 1
        self.cpu_s += answer.cpu_s
        metered, total = float(answer.meters[:, 0].sum()), float(answer.objective.sum())
        self.bound = max(self.bound, total - multiplier * self.cap)
        return _Side(multiplier, total - multiplier * metered, metered, answer)

    def run(self, guess: float, tolerance: float, most_rounds: int) -> CappedSolution:
        """Bracket the multiplier, then close the bracket until the gap is certified."""
        low, high = self._bracket(guess)
        if low is None or high is None:
            side = low or high
            assert side is not None
            return self._result(side, side, feasible=high is None)
        while self.rounds < most_rounds:
            found = self._result(low, high)
            if found.gap <= tolerance:
                break
            side = self.at(self._next(low, high))
            if side.multiplier in (low.multiplier, high.multiplier):
                break
            if side.metered <= self.cap:
                low = side
            else:
                high = side
        return self._result(low, high)

    def _next(self, low: _Side, high: _Side) -> float:
        """By turns the crossing of the two lines, and the secant of the slope."""
        width = high.metered - low.metered
        if self.rounds % 2:
            return (low.cost - high.cost) / width
        share = (high.metered - self.cap) / width
        return high.multiplier + share * (low.multiplier - high.multiplier)

    def _bracket(self, guess: float) -> tuple[_Side | None, _Side | None]:
        """(an answer within the cap, one above it); None where there is none."""
        side = self.at(guess)
        step, multiplier = _STEP, guess
        if guess == 0.0:
            if side.metered <= self.cap:
                return side, None
            multiplier = 0.1 * abs(side.cost) / max(abs(side.metered), 1e-300)
            step = 3.0
        other = side
        for _ in range(9):
            if (side.metered <= self.cap) != (other.metered <= self.cap):
                return (side, other) if side.metered <= self.cap else (other, side)
            other = side
            if side.metered > self.cap:
                multiplier = max(multiplier, side.multiplier * step)
            elif side.multiplier == 0.0:
                return side, None
            else:
                multiplier = side.multiplier / step if step < 10.0 else 0.0
            side = self.at(multiplier)
            step = step * step if step < 50.0 else step
        return None, side

    def _result(self, low: _Side, high: _Side, feasible: bool = True) -> CappedSolution:
        """The combination that meets the cap, and what is certified of it."""
        width = high.metered - low.metered
        share = 1.0 if width <= 0 else min(1.0, (high.metered - self.cap) / width)
        cost = share * low.cost + (1 - share) * high.cost
        multiplier = low.multiplier
        if width > 0:
            multiplier = (low.cost - high.cost) / width
        return CappedSolution(
            objective=cost if feasible else float("nan"),
            bound=self.bound,
            gap=(cost - self.bound) / max(abs(cost), 1e-300) if feasible else float("nan"),
            multiplier=multiplier,
            metered=share * low.metered + (1 - share) * high.metered,
            share=share,
            low=low.answer,
            high=high.answer,
            rounds=self.rounds,
            cpu_s=self.cpu_s,
            feasible=feasible,
        )
