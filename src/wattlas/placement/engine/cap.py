"""A limit over all hours at once, by its multiplier.

    min Σ_t cost_t   s.t.  Σ_t metered_t ≤ cap

The hours touch each other only in the cap. With a multiplier λ ≥ 0 on it they fall apart:
L(λ) = Σ_t min (cost_t + λ·metered_t) − λ·cap is concave, and its slope is what the hours meter
less the cap. Each step takes the λ where the lines of the two nearest answers on either side
cross (the least that L can be bounded by); when no better answer lies there, that is the maximum,
and a convex combination of the two answers meets the cap exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wattlas.placement.engine.program import Basis, HourlyProgram, HourlySolution
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
    cost: float
    metered: float
    answer: HourlySolution


def solve_capped(
    program: HourlyProgram,
    meter: Meter,
    cap: float,
    threads: int = 1,
    tolerance: float = 1e-9,
    most_rounds: int = 60,
) -> CappedSolution:
    """Solve all hours under Σ metered ≤ cap; `meter.per_request` must be None or [S, O]."""
    search = _Search(program, meter, threads)
    free = search.at(0.0)
    if free.metered <= cap:
        return search.result(free, free, 0.0, free.cost, cap)
    low, weight = None, abs(free.cost) / max(abs(free.metered), 1e-300)
    high, bound = free, free.cost
    multiplier = weight
    for _ in range(12):
        side = search.at(multiplier)
        bound = max(bound, side.cost + multiplier * (side.metered - cap))
        if side.metered <= cap:
            low = side
            break
        high, multiplier = side, multiplier * 8.0
    if low is None:
        return search.result(high, high, multiplier, bound, cap, feasible=False)
    while search.rounds < most_rounds:
        multiplier = (low.cost - high.cost) / (high.metered - low.metered)
        crossing = high.cost + multiplier * (high.metered - cap)
        side = search.at(multiplier)
        value = side.cost + multiplier * (side.metered - cap)
        bound = max(bound, value)
        if crossing - bound <= tolerance * abs(crossing):
            break
        if side.metered <= cap:
            low = side
        else:
            high = side
    return search.result(low, high, multiplier, bound, cap)


class _Search:
    """Answers at multipliers, each hour from its basis at the multiplier before."""

    def __init__(self, program: HourlyProgram, meter: Meter, threads: int) -> None:
        self.program, self.meter, self.threads = program, meter, threads
        self.account = Meter(program.per_kwh)
        self.basis: Basis | None = None
        self.rounds, self.cpu_s = 0, 0.0

    def at(self, multiplier: float) -> _Side:
        per_request = self.program.per_request
        if self.meter.per_request is not None:
            per_request = per_request + multiplier * self.meter.per_request[:, None, :]
        weighted = replace(
            self.program,
            per_kwh=self.program.per_kwh + multiplier * self.meter.per_kwh,
            per_request=per_request,
        )
        answer = solve_hours(
            weighted, start=self.basis, threads=self.threads, want_duals=False,
            keep_bases=True, meters=(self.meter,),
        )  # fmt: skip
        if (answer.status != 0).any():
            raise ValueError("hours without an optimum: solve them apart, then leave them out")
        self.basis = answer.basis
        self.rounds += 1
        self.cpu_s += answer.cpu_s
        metered = float(answer.meters[:, 0].sum())
        return _Side(float(answer.objective.sum()) - multiplier * metered, metered, answer)

    def result(
        self,
        low: _Side,
        high: _Side,
        multiplier: float,
        bound: float,
        cap: float,
        feasible: bool = True,
    ) -> CappedSolution:
        width = high.metered - low.metered
        share = 1.0 if width <= 0 else min(1.0, (high.metered - cap) / width)
        cost = share * low.cost + (1 - share) * high.cost
        return CappedSolution(
            objective=cost if feasible else float("nan"),
            bound=bound,
            gap=(cost - bound) / max(abs(cost), 1e-300) if feasible else float("nan"),
            multiplier=multiplier,
            metered=share * low.metered + (1 - share) * high.metered,
            share=share,
            low=low.answer,
            high=high.answer,
            rounds=self.rounds,
            cpu_s=self.cpu_s,
            feasible=feasible,
        )
