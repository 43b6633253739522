"""The same scenario without one of its limits: what each of them costs.

Accuracy floors are not among them: without one, users get another product, not another place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wattlas.model.frictions import Frictions
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State


def without(scenario: Scenario, limit: str) -> Scenario:
    """The scenario with `limit` gone; one of `LIMITS`, or `all` of them. KeyError otherwise."""
    if limit != "all":
        return LIMITS[limit](scenario)
    for relax in LIMITS.values():
        scenario = relax(scenario)
    return scenario


def present(scenario: Scenario) -> tuple[str, ...]:
    """The limits that this scenario has at all, in the order of `LIMITS`."""
    net, classes = scenario.network, scenario.classes
    has = {
        "egress": bool((net.egress_usd_per_gb > 0).any() and any(k.transfer_gb for k in classes)),
        "residency": any(k.residency for k in classes),
        "state": any(k.state is State.PINNED for k in classes),
        "capacity": bool(np.isfinite(scenario.capacity_gpu).any()),
        "latency": any(k.relaxable and np.isfinite(k.latency_budget_ms) for k in classes),
        "variants": any(r.variants is not None for r in scenario.regions),
        "starts": scenario.frictions.starts,
        "moves": scenario.frictions.move_state and any(k.state is State.STICKY for k in classes),
    }
    return tuple(name for name in LIMITS if has[name])


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


def _capacity(scenario: Scenario) -> Scenario:
    return replace(scenario, capacity_gpu=np.full_like(scenario.capacity_gpu, np.inf))


def _latency(scenario: Scenario) -> Scenario:
    freed = tuple(
        replace(k, latency_budget_ms=float("inf")) if k.relaxable else k for k in scenario.classes
    )
    return replace(scenario, classes=freed)


def _variants(scenario: Scenario) -> Scenario:
    regions = tuple(replace(r, variants=None) for r in scenario.regions)
    return replace(scenario, regions=regions)


def _starts(scenario: Scenario) -> Scenario:
    kept = scenario.frictions
    free = Frictions(move_state=kept.move_state, initial=kept.initial)
    return replace(scenario, frictions=free)


def _moves(scenario: Scenario) -> Scenario:
    return replace(scenario, frictions=replace(scenario.frictions, move_state=False))


def _classes(scenario: Scenario, **changes: object) -> Scenario:
    changed = tuple(replace(k, **changes) for k in scenario.classes)  # type: ignore[arg-type]
    return replace(scenario, classes=changed)


LIMITS: dict[str, Callable[[Scenario], Scenario]] = {
    "egress": _egress,
    "residency": _residency,
    "state": _state,
    "capacity": _capacity,
    "latency": _latency,
    "variants": _variants,
    "starts": _starts,
    "moves": _moves,
}

LABELS = {
    "none": "as it is",
    "egress": "without egress prices",
    "residency": "without residency rules",
    "state": "without pinned state",
    "capacity": "with free capacity everywhere",
    "latency": "without latency budgets",
    "variants": "with every model in every region",
    "starts": "without the cost of starting capacity",
    "moves": "without the cost of moving state",
    "all": "without any of them",
}
