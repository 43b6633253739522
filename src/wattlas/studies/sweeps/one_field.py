"""One value of a scenario varied, everything else as it is: a plan for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wattlas.errors import UsageError
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tabular
from wattlas.model.table import Table, table_of
from wattlas.studies.sweeps.change import Held
from wattlas.studies.sweeps.verbs import placed


@dataclass(frozen=True)
class Sweep(Tabular):
    """Plans of a scenario with the value at `path` changed, one for each of `values`.

    The plans have totals and no flows; one that is infeasible says why, and its totals are nan.
    """

    path: str
    values: tuple[Any, ...]
    plans: tuple[Plan, ...]

    def table(self) -> Table:
        """One row per value: how it ended, money, carbon, energy, round trip."""
        return table_of(
            {
                self.path: value,
                "status": str(made.status),
                "cost_usd": made.totals.cost_usd,
                "variable_usd": made.totals.variable_usd,
                "carbon_kg": made.totals.carbon_kg,
                "it_mwh": made.totals.it_mwh,
                "rtt_mean_ms": made.totals.rtt_mean_ms,
                "unserved_requests": made.totals.unserved_requests,
            }
            for value, made in zip(self.values, self.plans, strict=True)
        )

    def heading(self) -> str:
        """What was varied."""
        return f"{self.path} varied"


def sweep(
    scenario: Scenario,
    path: str,
    values: Sequence[Any],
    *,
    times: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Sweep:
    """Plan a scenario with one value changed, for each of some values; nothing is read again.

    `path` is `regions.oslo.pue`, with `*` for all (`regions.*.pue`), `objective.carbon_cap_share`,
    or an array of the scenario such as `demand_per_h`. With `times` the values multiply what is
    there. Raises UsageError for a path that leads nowhere, InputError for a value that may not be.
    """
    if not len(values):
        raise UsageError("a sweep needs at least one value")
    base = Held(scenario, times)
    changed = [base.changed({path: value}) for value in values]
    plans = []
    for n, each in enumerate(changed):
        if progress:
            progress(path, n / len(changed))
        plans.append(placed(each))
    return Sweep(path, tuple(values), tuple(plans))
