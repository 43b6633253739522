"""Which moves a plan makes: the class, the region that demand leaves, the one that it goes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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


def largest_moves(scenario: Scenario) -> list[tuple[str, str, str]]:
    """(class, from, to) of the moves that carry the most energy in the plan of a scenario."""
    best = plan(scenario)
    if not best.ok:
        raise InfeasibleError(best.conflict)
    return moves_of(build_instance(scenario), best)


def moves_of(instance: Instance, best: Plan) -> list[tuple[str, str, str]]:
    """(class, from, to) of the moves that carry the most energy away from the nearest region."""
    scenario, regions = instance.scenario, len(instance.scenario.regions)
    home_of = home_region(scenario, instance.judged)
    totals = np.zeros((len(scenario.classes), regions * regions))
    for flows, energy in metrics.with_energy(best):
        home = home_of[flows.metro, flows.klass]
        on = flows.served & (home >= 0) & (flows.region != home)
        pair = (flows.klass[on].astype(np.int64) * regions + home[on]) * regions + flows.region[on]
        totals += np.bincount(pair, energy[on], totals.size).reshape(totals.shape)
    moves: list[tuple[str, str, str]] = []
    for klass, total in zip(scenario.classes, totals, strict=True):
        for pair in np.argsort(-total, kind="stable")[:MOVES_PER_CLASS]:
            if total[pair] > 0:
                origin, target = scenario.regions[pair // regions], scenario.regions[pair % regions]
                moves.append((klass.id, origin.id, target.id))
    return moves


@dataclass(frozen=True)
class Moves:
    """Break-evens of moves: (class, from, to) → one root per quantity."""

    roots: dict[tuple[str, str, str], list[BreakEven]]

    def as_rows(self) -> list[dict[str, Any]]:
        """One row per move and quantity, for JSON."""
        return [
            {"class": klass, "from": origin, "to": target, "breakeven": root}
            for (klass, origin, target), roots in self.roots.items()
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
        for (klass, origin, target), roots in self.roots.items():
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
            title = f"class {klass}: {origin} → {target}"
            yield Listing(title, columns, table_of(rows, (c.name for c in columns)))


def breakevens(
    scenario: Scenario,
    moves: Sequence[tuple[str, str, str]],
    point: str | None = None,
    metro: str | None = None,
    *,
    returns: bool = False,
    stay_h: float | None = None,
) -> Moves:
    """The break-evens of each move: `point`, `metro`, `returns` and `stay_h` as in `breakeven`."""
    return Moves(
        {
            move: list(
                breakeven_between(scenario, *move, point, metro, returns=returns, stay_h=stay_h)
            )
            for move in moves
        }
    )
