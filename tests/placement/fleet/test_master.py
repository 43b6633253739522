"""The master of cuts against its own program, in GLPK."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests import oracle
from wattlas.placement.fleet.master import CutMaster

LOWER, UPPER = np.array([0.5, 0.0, 1.0]), np.array([4.0, 30.0, 9.0])
Row = tuple[int, float, np.ndarray]
"""Group, −1 where it forbids; what its cut is at nothing of each variable; and its slope."""


def by_hand(cost: np.ndarray, floor: np.ndarray, rows: list[Row]) -> float:
    """The least of c·y + Σ θ under the cuts; θ as two columns, as it may be below 0."""
    lp = oracle.Program()
    for n, usd in enumerate(cost.tolist()):
        lp.cost["y", n] = usd
        lp.row(("box", n), {("y", n): 1.0}, float(LOWER[n]), float(UPPER[n]))
    for g, least in enumerate(floor.tolist()):
        lp.cost["over", g], lp.cost["under", g] = 1.0, -1.0
        lp.row(("floor", g), {("over", g): 1.0, ("under", g): -1.0}, least, math.inf)
    for at, (g, constant, slope) in enumerate(rows):
        terms: dict[Any, float] = {("y", n): -float(slope[n]) for n in range(len(cost))}
        if g >= 0:
            terms.update({("over", g): 1.0, ("under", g): -1.0})
        lp.row(("cut", at), terms, constant, math.inf)
    status, values, _ = lp.solve()
    assert status == "optimal"
    return sum(lp.cost[c] * v for c, v in values.items())


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_the_optimum(seed: int) -> None:
    """After every cut, from none on: floors of both signs, groups without cuts, and what is not
    possible. A master that takes the cuts that a bound rests on has that bound."""
    draw = np.random.default_rng(seed)
    cost, floor = draw.uniform(-0.5, 2.0, 3), draw.uniform(-3.0, 5.0, 4)
    master, rows = CutMaster(cost, LOWER, UPPER, floor), list[Row]()
    bounds = []
    for _ in range(6):
        lowest = master.lowest()
        wanted = by_hand(cost, floor, rows)
        size = abs(wanted) + float(np.abs(floor).sum())
        assert lowest.bound == pytest.approx(wanted, abs=1e-8 * size)
        assert (lowest.y >= LOWER).all()
        assert (lowest.y <= UPPER).all()
        bounds.append(lowest.bound)
        if rows:
            other = CutMaster(cost, LOWER, UPPER, floor)
            other.take(master.binding())
            assert other.lowest().bound == pytest.approx(wanted, abs=1e-8 * size)
            cuts, weight = master.weighed(lowest.weight)
            assert lowest.reduced == pytest.approx(cost + weight @ cuts.slope, abs=1e-9)
        y, group = draw.uniform(LOWER, UPPER), np.array([0, 2, 2])
        value, slope = draw.uniform(0.0, 20.0, 3), draw.uniform(-3.0, 1.0, (3, 3))
        master.learn(group, value, slope, y)
        rows += [
            (g, float(v - m @ y), m) for g, v, m in zip(group.tolist(), value, slope, strict=True)
        ]
        # Less than so much in all is not possible, ever more.
        excess, less = np.array([(len(bounds) + 2.0) - y.sum()]), -np.ones((1, 3))
        master.forbid(excess, less, y)
        rows.append((-1, float(excess[0] + y.sum()), less[0]))
    assert bounds[-1] > bounds[0]
