"""What each policy of a run costs and emits more than the best one, like for like.

All policies of a run saw the same requests, seed by seed. The difference of two is therefore taken
seed by seed, d = policy − other, and told as the mean of d with its own confidence interval: what
the seeds share falls out of it, as it does not out of the difference of two means.

A policy that serves fewer requests saves what they would have cost. Only those that leave the
fewest unserved are candidates for the best, and what a policy serves less stands beside its regret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wattlas.model.objective import Minimise
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.replays.intervals import mean_and_half
from wattlas.replays.outcome import Outcome

Runs = Mapping[str, tuple[Outcome, ...]]
NAN = float("nan")


def unserved(outcome: Outcome) -> float:
    """Requests that got no answer: routed nowhere, or larger than every memory."""
    return float(outcome.unserved + outcome.refused)


QUANTITIES: Mapping[str, Callable[[Outcome], float]] = {
    "cost_usd": lambda o: o.totals.variable_usd,
    "carbon_kg": lambda o: o.totals.carbon_kg,
    "movable_usd": lambda o: o.metered.movable_usd if o.metered else NAN,
    "movable_kg": lambda o: o.metered.movable_kg if o.metered else NAN,
}
"""What regret is told of: what decisions change, and of the metered energy what can move."""
BESIDE: Mapping[str, Callable[[Outcome], float]] = {
    "requests": lambda o: float(o.requests),
    "unserved": unserved,
    "late": lambda o: float(o.late),
}


def best_by(runs: Runs, quantity: str) -> str:
    """The policy with the least of a quantity on average, of those that leave fewest unserved."""
    left = {name: np.mean([unserved(o) for o in each]) for name, each in runs.items()}
    able = [name for name, count in left.items() if count <= min(left.values())]
    means = {name: np.mean([QUANTITIES[quantity](o) for o in runs[name]]) for name in able}
    return min(able, key=lambda name: (float(np.nan_to_num(means[name])), able.index(name)))


def least_regret(scenario: Scenario, runs: Runs) -> str:
    """The best policy in what the scenario makes least."""
    carbon = scenario.objective.minimise is Minimise.CARBON
    return best_by(runs, "carbon_kg" if carbon else "cost_usd")


def paired(
    own: Sequence[Outcome], other: Sequence[Outcome], quantity: Callable[[Outcome], float]
) -> tuple[float, float]:
    """(mean of own − other seed by seed, half the width of its interval; nan of one seed)."""
    return mean_and_half([quantity(a) - quantity(b) for a, b in zip(own, other, strict=True)])


def policies_table(runs: Runs, against: str | None, refused: Mapping[str, str]) -> Table:
    """One row per policy: what it comes to, and its regret to the best and to `against`.

    `regret_*` are to the best policy of each quantity, `best_*`; movable energy is compared with
    the policy that is best by all of it. Shares are of what the best comes to, null where that is
    not above 0.
    """
    rows = [_row(name, runs, against) for name in runs]
    names = list(rows[0])
    rows += [{**dict.fromkeys(names), "policy": n, "reason": why} for n, why in refused.items()]
    return {name: [row[name] for row in rows] for name in names}


def _row(name: str, runs: Runs, against: str | None) -> dict[str, Any]:
    own = runs[name]
    row: dict[str, Any] = {"policy": name, "seeds": float(len(own))}
    for quantity, quantity_of in {**QUANTITIES, **BESIDE}.items():
        row[quantity] = mean_and_half([quantity_of(o) for o in own])[0]
    row["late_share"] = row["late"] / max(row["requests"] - row["unserved"], 1.0)
    for quantity, quantity_of in QUANTITIES.items():
        unit = quantity.rpartition("_")[2]
        best = best_by(runs, f"{'cost' if unit == 'usd' else 'carbon'}_{unit}")
        mean, half = paired(own, runs[best], quantity_of)
        base = float(np.mean([quantity_of(o) for o in runs[best]]))
        stem = quantity.rpartition("_")[0]
        if stem != "movable":
            row[f"best_{stem}"] = best
            row[f"regret_{stem}_share"] = mean / base if base > 0 else None
        row[f"regret_{quantity}"], row[f"regret_{stem}_half_{unit}"] = mean, half
        compared = (NAN, NAN) if against is None else paired(own, runs[against], quantity_of)
        row[f"against_{quantity}"], row[f"against_{stem}_half_{unit}"] = compared
    row["against"], row["reason"] = against, None
    return row
