"""One value of a scenario varied, everything else as it is: a plan for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tabular
from wattlas.model.suggest import did_you_mean
from wattlas.model.table import Table, table_of
from wattlas.placement.api import plan

COLLECTIONS = ("metros", "nodes", "regions", "classes", "points", "tiers")
ALL = "*"
RESERVED = "reserved_gpu"


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
                "status": str(placed.status),
                "cost_usd": placed.totals.cost_usd,
                "variable_usd": placed.totals.variable_usd,
                "carbon_kg": placed.totals.carbon_kg,
                "it_mwh": placed.totals.it_mwh,
                "rtt_mean_ms": placed.totals.rtt_mean_ms,
                "unserved_requests": placed.totals.unserved_requests,
            }
            for value, placed in zip(self.values, self.plans, strict=True)
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
    changed = [with_value(scenario, path, value, times) for value in values]
    plans = []
    for n, each in enumerate(changed):
        if progress:
            progress(path, n / len(changed))
        plans.append(plan(each, keep_flows=False))
    return Sweep(path, tuple(values), tuple(plans))


def with_value(scenario: Scenario, path: str, value: Any, times: bool = False) -> Scenario:
    """The scenario with the value at a path replaced, or multiplied."""
    head, _, rest = path.partition(".")
    _known(scenario, head, head)
    if head not in COLLECTIONS:
        return replace(scenario, **{head: _deep(getattr(scenario, head), rest, value, times, path)})
    entries = getattr(scenario, head)
    ids = [entry.id for entry in entries]
    who, _, name = rest.partition(".")
    if who not in (ALL, *ids):  # an id may hold a point
        who, _, name = rest.rpartition(".")
    if not who or (who != ALL and who not in ids):
        raise UsageError(f"`{path}`: no {head} `{who}`. {did_you_mean(who, [*ids, ALL])}")
    chosen = [who in (ALL, each) for each in ids]
    changed = tuple(
        _deep(entry, name, value, times, path) if on else entry
        for entry, on in zip(entries, chosen, strict=True)
    )
    more: dict[str, Any] = {head: changed}
    if (head, name) == ("regions", RESERVED):
        more[RESERVED] = _reserved(scenario, np.array(chosen), value, times)
    return replace(scenario, **more)


def _deep(value_of: Any, path: str, value: Any, times: bool, whole: str) -> Any:
    """An object with the value at a path below it changed; itself for an empty path."""
    if not path:
        return _new(value_of, value, times, whole)
    head, _, rest = path.partition(".")
    if not is_dataclass(value_of):
        raise UsageError(f"`{whole}`: there is nothing below `{whole.removesuffix(f'.{path}')}`")
    _known(value_of, head, whole)
    below = _deep(getattr(value_of, head), rest, value, times, whole)
    return replace(value_of, **{head: below})  # type: ignore[type-var]


def _new(old: Any, value: Any, times: bool, whole: str) -> Any:
    if is_dataclass(old) or (isinstance(old, tuple) and not times):
        raise UsageError(f"`{whole}` holds several values; name one of them")
    array = isinstance(old, np.ndarray)
    if times:
        if not array and (isinstance(old, bool) or not isinstance(old, int | float)):
            raise UsageError(f"`{whole}` is {old!r}, which cannot be multiplied; leave out `times`")
        return old * value
    return np.broadcast_to(np.asarray(value, dtype=float), old.shape).copy() if array else value


def _known(holder: Any, name: str, whole: str) -> None:
    names = [field.name for field in fields(holder)]
    if name not in names:
        raise UsageError(f"`{whole}`: there is no `{name}`. {did_you_mean(name, names)}")


def _reserved(scenario: Scenario, chosen: np.ndarray, value: Any, times: bool) -> np.ndarray:
    """Accelerators by hour (R, T), those of some regions changed as the regions' own number is."""
    hourly = np.array(scenario.reserved_gpu, dtype=float)
    for n in np.flatnonzero(chosen):
        stated = scenario.regions[n].reserved_gpu
        varies = not times and 0 < stated < np.inf
        hourly[n] = hourly[n] * (value if times else value / stated) if times or varies else value
    return hourly
