"""Which moves a plan makes: the class, the region that demand leaves, the one that it goes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.breakeven import BreakEven
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.table import Column, Kind, Listing, table_of
from wattlas.placement.api import plan
from wattlas.placement.breakeven.breakeven import breakeven_between
from wattlas.placement.problem.feasibility import home_region
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.tables import metrics

MOVES_PER_CLASS = 3


class PlannedMove(NamedTuple):
    """A move that a plan makes, by ids: the class, from where to where, and at which point."""

    klass: str
    origin: str
    target: str
    point: str | None = None
    """The operating point that most of its energy runs at; None: the cheapest that may run."""


def largest_moves(scenario: Scenario) -> list[PlannedMove]:
    """The moves that carry the most energy in the plan of a scenario."""
    best = plan(scenario)
    if not best.ok:
        raise InfeasibleError(best.conflict)
    return moves_of(build_instance(scenario), best)


def moves_of(instance: Instance, best: Plan) -> list[PlannedMove]:
    """The moves that carry the most energy away from the nearest region, by class."""
    scenario = instance.scenario
    regions, points = len(scenario.regions), len(scenario.points)
    home_of = home_region(scenario, instance.judged)
    shape = (len(scenario.classes), regions * regions, points)
    grid = np.zeros(int(np.prod(shape)))
    for flows, energy in metrics.with_energy(best):
        home = home_of[flows.metro, flows.klass]
        on = flows.served & (home >= 0) & (flows.region != home)
        pair = (flows.klass[on].astype(np.int64) * regions + home[on]) * regions + flows.region[on]
        grid += np.bincount(pair * points + flows.point[on], energy[on], len(grid))
    by_point = grid.reshape(shape)
    moves: list[PlannedMove] = []
    for klass, energy_of in zip(scenario.classes, by_point, strict=True):
        total = energy_of.sum(axis=1)
        for pair in np.argsort(-total, kind="stable")[:MOVES_PER_CLASS]:
            if total[pair] > 0:
                origin, target = scenario.regions[pair // regions], scenario.regions[pair % regions]
                point = scenario.points[int(energy_of[pair].argmax())]
                moves.append(PlannedMove(klass.id, origin.id, target.id, point.id))
    return moves


@dataclass(frozen=True)
class Moves:
    """Break-evens of moves: one root per quantity."""

    roots: dict[PlannedMove, list[BreakEven]]

    def as_rows(self) -> list[dict[str, Any]]:
        """One row per move and quantity, for JSON."""
        return [
            {"class": klass, "from": origin, "to": target, "point": point, "breakeven": root}
            for (klass, origin, target, point), roots in self.roots.items()
            for root in roots
        ]

    def listings(self) -> Iterator[Listing]:
        """One listing per move."""
        columns = (
            Column("quantity", Kind.TEXT),
            Column("verdict", Kind.TEXT),
            Column("value", head="break-even", digits=4),
            Column("unit", Kind.TEXT),
            Column("reason", Kind.TEXT, head="why"),
        )
        for (klass, origin, target, point), roots in self.roots.items():
            rows = (
                {
                    "quantity": str(root.quantity),
                    "verdict": str(root.verdict),
                    "value": root.value,
                    "unit": root.unit,
                    "reason": root.reason,
                }
                for root in roots
            )
            title = f"class {klass}: {origin} → {target}{f' at {point}' if point else ''}"
            yield Listing(title, columns, table_of(rows, (c.name for c in columns)))


def breakevens(
    scenario: Scenario,
    moves: Sequence[PlannedMove],
    point: str | None = None,
    metro: str | None = None,
    *,
    returns: bool = False,
    stay_h: float | None = None,
) -> Moves:
    """The break-evens of each move, at `point` where given instead of its own.

    `metro`, `returns` and `stay_h` are as in `breakeven`.
    """
    roots: dict[PlannedMove, list[BreakEven]] = {}
    for move in moves:
        taken = move if point is None else move._replace(point=point)
        roots[taken] = list(
            breakeven_between(scenario, *taken, metro, returns=returns, stay_h=stay_h)
        )
    return Moves(roots)
