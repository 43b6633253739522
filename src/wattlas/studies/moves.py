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
from wattlas.placement.compare.baselines import baseline_policy
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.tables import metrics
from wattlas.placement.tables.changes import Matched
from wattlas.studies.labels import class_label, class_names
from wattlas.units import some

MOVES_PER_CLASS = 3
NAMED = 3
"""So many metros are named in a heading."""
DUST = 1e-9
"""Share of all energy below which a move is rounding."""


class PlannedMove(NamedTuple):
    """A move that a plan makes, by ids: the class, from where to where, and at which point."""

    klass: str
    origin: str
    target: str
    point: str | None = None
    """The operating point that most of its energy runs at; None: the cheapest that may run."""
    metros: tuple[str, ...] = ()
    """Those whose demand moves; none: all of the class."""

    def whose(self, named: int = NAMED) -> str:
        """Whose demand it is, in words."""
        if not self.metros:
            return "every metro"
        return some(self.metros, named)


def largest_moves(scenario: Scenario) -> list[PlannedMove]:
    """The moves that carry the most energy in the plan of a scenario."""
    best = plan(scenario)
    if not best.ok:
        raise InfeasibleError(best.conflict)
    base = baseline_policy(build_instance(scenario))
    return moves_of(best, metrics.changed(best, base))


def moves_of(best: Plan, changes: Matched) -> list[PlannedMove]:
    """The moves that carry the most energy from where the baseline policy runs it, by class.

    The point is the one that most of the class's energy runs at in the region that it goes to, and
    the demand that of the metros of which any moves so.
    `changes` are those from the baseline policy to the plan.
    """
    scenario, regions = best.scenario, len(best.scenario.regions)
    totals = changes.moved_mwh
    by_point = np.zeros((len(scenario.classes), regions, len(scenario.points)))
    for flows, energy in metrics.with_energy(best):
        on = flows.served
        place = flows.klass[on], flows.region[on], flows.point[on]
        np.add.at(by_point, place, energy[on])
    least = DUST * best.totals.it_mwh
    moves: list[PlannedMove] = []
    for k, klass in enumerate(scenario.classes):
        total = totals[k].ravel()
        for pair in np.argsort(-total, kind="stable")[:MOVES_PER_CLASS]:
            if total[pair] > least:
                h, r = divmod(int(pair), regions)
                origin, target = scenario.regions[h].id, scenario.regions[r].id
                point = scenario.points[int(by_point[k, r].argmax())].id
                metros = tuple(scenario.metros[i].id for i in changes.metros(k, h, r))
                moves.append(PlannedMove(klass.id, origin, target, point, metros))
    return moves


@dataclass(frozen=True)
class Moves:
    """Break-evens of moves: one root per quantity."""

    roots: dict[PlannedMove, list[BreakEven]]
    names: dict[str, str]
    """Id of each class → its name."""

    def as_rows(self) -> list[dict[str, Any]]:
        """One row per move and quantity, for JSON."""
        return [
            {
                "class": move.klass,
                "from": move.origin,
                "to": move.target,
                "point": move.point,
                "metros": list(move.metros) or None,
                "breakeven": root,
            }
            for move, roots in self.roots.items()
            for root in roots
        ]

    def listings(self) -> Iterator[Listing]:
        """One listing per move."""
        columns = (
            Column("quantity", Kind.TEXT),
            Column("verdict", Kind.TEXT),
            Column("value", head="break-even", digits=4),
            Column("unit", Kind.TEXT, wide=True),
            Column("reason", Kind.TEXT, head="why"),
        )
        for move, roots in self.roots.items():
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
            at_point = f" at {move.point}" if move.point else ""
            title = (
                f"{class_label(self.names, move.klass)}: {move.origin} → {move.target}{at_point}, "
                f"demand of {move.whose()}"
            )
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
    """The break-evens of each move, at `point` and for `metro` where given instead of its own.

    `returns` and `stay_h` are as in `breakeven`.
    """
    roots: dict[PlannedMove, list[BreakEven]] = {}
    for move in moves:
        stated = move if point is None else move._replace(point=point)
        stated = stated if metro is None else stated._replace(metros=(metro,))
        place = (stated.klass, stated.origin, stated.target, stated.point, stated.metros or None)
        roots[stated] = list(breakeven_between(scenario, *place, returns=returns, stay_h=stay_h))
    return Moves(roots, class_names(scenario))
