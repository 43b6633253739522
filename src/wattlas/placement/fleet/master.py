"""The master program over linking variables: what has been learnt of a convex function of them.

    min  c·y + Σ_g θ_g      lower ≤ y ≤ upper,   θ_g ≥ v + m·(y − y₀)  for every cut of group g,
                            s + σ·(y − y₀) ≤ 0  for every cut of what is not possible

It knows nothing of hours. A function that is the sum of many is learnt faster the more of them have
cuts of their own, and the program grows with them: the caller chooses the groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, SolverError
from wattlas.model.plan import Status
from wattlas.placement.hour import highs

LARGEST = 1000.0
"""The largest variable and the largest cost are of this order: HiGHS's tolerances are absolute."""


@dataclass(frozen=True)
class Lowest:
    """The master's optimum: `y`, and `bound`, below which the function nowhere lies.

    `bound` is computed from the duals alone, so that no tolerance of the solver makes it too high.
    `reduced` (Y,) is what it proves of one more of each variable: below 0 it saves. `weight` (n,)
    are the weights of the cuts so far, in their order, that prove it.
    """

    y: np.ndarray
    bound: float
    reduced: np.ndarray
    weight: np.ndarray


class CutMaster:
    """The cuts so far, hot from one to the next.

    `cost` (Y,) per unit of each variable; `lower` and `upper` (Y,) are finite; `floor` (G,) is
    below each group's function everywhere.
    """

    def __init__(
        self, cost: np.ndarray, lower: np.ndarray, upper: np.ndarray, floor: np.ndarray
    ) -> None:
        self.cost, self.lower, self.upper, self.floor = cost, lower, upper, floor
        count, groups = len(cost), len(floor)
        self.unit = max(float(np.abs(upper).max(initial=0.0)), 1e-9) / LARGEST
        money = float(np.abs(cost) @ np.maximum(np.abs(upper), np.abs(lower)))
        self.scale = LARGEST / max(money, float(np.abs(floor).sum()), 1e-300)
        self.cuts: list[Cuts] = []
        self.weight = np.zeros(0)
        self.solver: Any = highs.new_solver()
        self.solver.addVars(count, lower / self.unit, upper / self.unit)
        self.solver.addVars(groups, floor * self.scale, np.full(groups, np.inf))
        every = np.arange(count + groups, dtype=np.int32)
        prices = np.concatenate([cost * self.unit * self.scale, np.ones(groups)])
        self.solver.changeColsCost(len(every), every, prices)

    def learn(self, group: np.ndarray, value: np.ndarray, slope: np.ndarray, y: np.ndarray) -> None:
        """Cuts at `y`: groups (n,), their values (n,) and slopes (n, Y) there."""
        size, point = np.full(len(group), self.scale), np.tile(y, (len(group), 1))
        reason = np.full(len(group), None)
        self._add(Cuts(group, value - slope @ y, slope, size, point, reason))

    def forbid(
        self, excess: np.ndarray, slope: np.ndarray, y: np.ndarray, why: Sequence[Any] = ()
    ) -> None:
        """Where excess + slope·(y' − y) > 0 nothing is possible: excess (n,), slope (n, Y); `why`
        is kept with each.
        """
        steepest = np.abs(slope).max(axis=1, initial=0.0)
        # What no fleet changes is a row without entries: nothing is possible.
        steepest = np.where(steepest > 0, steepest, np.maximum(np.abs(excess), 1e-300) / self.unit)
        none = np.full(len(excess), -1)
        size, point = 1.0 / (self.unit * steepest), np.tile(y, (len(excess), 1))
        reason = np.full(len(excess), None)
        reason[:] = [*why] or None
        self._add(Cuts(none, excess - slope @ y, slope, size, point, reason))

    def weighed(self, weight: np.ndarray) -> tuple[Cuts, np.ndarray]:
        """The cuts that a bound rests on, and their weights."""
        on = np.flatnonzero(weight > 0)
        return Cuts.together(self.cuts).where(on), weight[on]

    def binding(self, point: np.ndarray | None = None) -> Cuts:
        """The cuts that the last bound rests on, and those that were learnt at a point."""
        cuts = Cuts.together(self.cuts)
        needed = np.pad(self.weight > 0, (0, len(cuts.group) - len(self.weight)))
        if point is not None:
            needed |= (cuts.point == point).all(axis=1)
        return cuts.where(np.flatnonzero(needed))

    def take(self, cuts: Cuts) -> None:
        """Cuts of another master over the same variables and groups."""
        size = np.where(cuts.group >= 0, self.scale, cuts.size)
        self._add(replace(cuts, size=size))

    def _add(self, cuts: Cuts) -> None:
        """Rows  θ_g − slope·y ≥ constant, each times its size; without θ where the group is −1."""
        # A cut at minus infinity says nothing, and HiGHS would refuse all that come with it.
        said = np.isfinite(cuts.constant) & np.isfinite(cuts.slope).all(axis=1)
        cuts = cuts.where(np.flatnonzero(said))
        rows, count = len(cuts.group), len(self.cost)
        if not rows:
            return
        dense = np.zeros((rows, count + len(self.floor)))
        dense[:, :count] = -cuts.slope * (cuts.size * self.unit)[:, None]
        own = np.flatnonzero(cuts.group >= 0)
        dense[own, count + cuts.group[own]] = 1.0
        at, column = np.nonzero(dense)
        start = np.searchsorted(at, np.arange(rows)).astype(np.int32)
        added = self.solver.addRows(
            rows, cuts.constant * cuts.size, np.full(rows, np.inf), len(at), start,
            column.astype(np.int32), dense[at, column],
        )  # fmt: skip
        if not highs.accepted(added):
            raise SolverError("what an hour costs changes too steeply with the fleet for HiGHS")
        self.cuts.append(cuts)

    def lowest(self) -> Lowest:
        """Where the function is least by what is known, and the bound that this proves.

        Raises InfeasibleError where the cuts leave nothing possible, SolverError where HiGHS finds
        no answer.
        """
        answer = highs.run_safely(self.solver)
        if answer.status is Status.INFEASIBLE:
            raise InfeasibleError(
                "No fleet within the bounds serves the demand with every set of regions lost that "
                "it should survive. Raise reserved_gpu_max, capacity_max or power_max_kw, or lose "
                "fewer regions."
            )
        count = len(self.cost)
        y = np.clip(answer.x[:count] * self.unit, self.lower, self.upper)
        return Lowest(y, *self._bound(answer.dual), self.weight)

    def _bound(self, dual: np.ndarray) -> tuple[float, np.ndarray]:
        """min over lower ≤ y ≤ upper of c·y + Σ_g (the weighted cuts of g): weak duality."""
        price, constant = self.cost.copy(), 0.0
        spare = np.ones(len(self.floor))
        if self.cuts:
            cuts = Cuts.together(self.cuts)
            weight = np.maximum(dual, 0.0) * cuts.size / self.scale
            own = cuts.group >= 0
            total = np.bincount(cuts.group[own], weight[own], len(spare))
            weight = np.where(own, weight / np.maximum(total, 1.0)[cuts.group], weight)
            self.weight = weight
            spare = np.maximum(1.0 - total, 0.0)
            price, constant = price + weight @ cuts.slope, float(weight @ cuts.constant)
        least = np.where(price > 0, self.lower, self.upper)
        return float(price @ least + constant + spare @ self.floor), price


@dataclass(frozen=True)
class Cuts:
    """Cuts as `group` (n,), −1 where they forbid, `constant` (n,), `slope` (n, Y), the size of
    their rows (n,), the `point` (n, Y) that they were learnt at, and the reason why (n,)."""

    group: np.ndarray
    constant: np.ndarray
    slope: np.ndarray
    size: np.ndarray
    point: np.ndarray
    why: np.ndarray

    def where(self, rows: np.ndarray) -> Cuts:
        """Some of the cuts."""
        parts = (self.group, self.constant, self.slope, self.size, self.point, self.why)
        return Cuts(*(part[rows] for part in parts))

    @staticmethod
    def together(parts: Sequence[Cuts]) -> Cuts:
        names = ("group", "constant", "slope", "size", "point", "why")
        return Cuts(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
