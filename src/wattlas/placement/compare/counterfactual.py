"""The same scenario without one of its limits: what each of them costs.

Accuracy floors are not among them: without one, users get another product, not another place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.constraints.registry import constraints


@dataclass(frozen=True)
class Lifted:
    """Something that a scenario can be without: a mask, a price, or a constraint."""

    label: str
    present: Callable[[Scenario], bool]
    lift: Callable[[Scenario], Scenario]
    only_paid: bool = False
    """Whether it is a price: the least carbon is the same without it."""


def limits() -> dict[str, Lifted]:
    """All of them by name: masks and prices, then every constraint that says how it is relaxed."""
    own = {
        constraint.name: Lifted(constraint.without, constraint.present, constraint.relaxed)
        for constraint in constraints()
        if constraint.without
    }
    return {**MASKS, **own}


def without(scenario: Scenario, limit: str) -> Scenario:
    """The scenario with `limit` gone; one of `limits()`, or `all` of them. KeyError otherwise."""
    if limit != "all":
        return limits()[limit].lift(scenario)
    for lifted in limits().values():
        scenario = lifted.lift(scenario)
    return scenario


def present(scenario: Scenario) -> tuple[str, ...]:
    """The limits that this scenario has at all, in their order."""
    return tuple(name for name, lifted in limits().items() if lifted.present(scenario))


def label(limit: str) -> str:
    """What a scenario without a limit is called; `none` is the scenario as it is."""
    fixed = {"none": "as it is", "all": "without any of them"}
    return fixed.get(limit) or limits()[limit].label


def _egress(scenario: Scenario) -> Scenario:
    network = replace(
        scenario.network, egress_usd_per_gb=np.zeros_like(scenario.network.egress_usd_per_gb)
    )
    return replace(scenario, network=network)


def _residency(scenario: Scenario) -> Scenario:
    return _classes(scenario, residency="")


def _state(scenario: Scenario) -> Scenario:
    freed = tuple(
        replace(k, state=State.STATELESS) if k.state is State.PINNED else k
        for k in scenario.classes
    )
    return replace(scenario, classes=freed)


def _latency(scenario: Scenario) -> Scenario:
    freed = tuple(
        replace(k, latency_budget_ms=float("inf")) if k.relaxable else k for k in scenario.classes
    )
    return replace(scenario, classes=freed)


def _variants(scenario: Scenario) -> Scenario:
    regions = tuple(replace(r, variants=None) for r in scenario.regions)
    return replace(scenario, regions=regions)


def _classes(scenario: Scenario, **changes: object) -> Scenario:
    changed = tuple(replace(k, **changes) for k in scenario.classes)  # type: ignore[arg-type]
    return replace(scenario, classes=changed)


def _has_egress(scenario: Scenario) -> bool:
    priced = bool((scenario.network.egress_usd_per_gb > 0).any())
    return priced and any(k.transfer_gb for k in scenario.classes)


MASKS = {
    "egress": Lifted("without egress prices", _has_egress, _egress, only_paid=True),
    "residency": Lifted(
        "without residency rules", lambda s: any(k.residency for k in s.classes), _residency
    ),
    "state": Lifted(
        "without pinned state", lambda s: any(k.state is State.PINNED for k in s.classes), _state
    ),
    "latency": Lifted(
        "without latency budgets",
        lambda s: any(k.relaxable and np.isfinite(k.latency_budget_ms) for k in s.classes),
        _latency,
    ),
    "variants": Lifted(
        "with every model in every region",
        lambda s: any(r.variants is not None for r in s.regions),
        _variants,
    ),
}
