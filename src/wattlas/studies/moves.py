"""Which moves a plan makes: the class, the region that demand leaves, the one that it goes to."""

from __future__ import annotations

import numpy as np

from wattlas.errors import InfeasibleError
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
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
