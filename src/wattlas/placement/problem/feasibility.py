"""Which places may serve which demand, and which masks close the others.

Axes: metro i, class k, region r, operating point o. The latency of serving (i, k) from its
service node s at r with o is

    ℓ = rtt(i, s) + n_k · rtt(s, r) + τ_o + queue_r        [ms]

and the place is feasible iff no mask closes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from wattlas.model.scenario import Scenario
from wattlas.model.workload import ANYWHERE, State, WhenNone


class Closed(IntFlag):
    """Why a place is closed; 0 is open."""

    POINT = 1
    """The class does not use this operating point."""
    VARIANT = 2
    """The region does not run the model."""
    RESIDENCY = 4
    STATE = 8
    """The state is pinned elsewhere."""
    ACCURACY = 16
    LATENCY = 32
    HARDWARE = 64
    """The region has accelerators of another kind."""


LAWFUL = ~int(Closed.LATENCY) & 0xFF

WORDS = {
    Closed.POINT: "the class does not use this operating point",
    Closed.VARIANT: "the region does not run the model",
    Closed.RESIDENCY: "residency",
    Closed.STATE: "state is pinned elsewhere",
    Closed.ACCURACY: "accuracy below the class's minimum",
    Closed.LATENCY: "latency above the budget",
    Closed.HARDWARE: "the region has accelerators of another kind",
}


def words(closed: int) -> str:
    """The reasons in words, comma-separated; empty where the place is open."""
    return ", ".join(text for flag, text in WORDS.items() if closed & flag)


@dataclass(frozen=True)
class Feasibility:
    """What is open to whom.

    Shapes: `latency_ms`, `closed` (I, K, R, O); `budget_ms`, `late` (I, K).
    `allowed` includes the one fallback place of demand that is served late.
    """

    latency_ms: np.ndarray
    closed: np.ndarray
    allowed: np.ndarray
    budget_ms: np.ndarray
    late: np.ndarray
    """True where no place meets the budget and the class is served at the nearest instead."""

    @property
    def lawful(self) -> np.ndarray:
        """Open but for latency; bool (I, K, R, O)."""
        mask: np.ndarray = (self.closed & LAWFUL) == 0
        return mask


def feasibility(scenario: Scenario, budget_ms: np.ndarray | None = None) -> Feasibility:
    """Judge every (metro, class, region, point); `budget_ms` (I, K) replaces the classes' own."""
    latency = latency_ms(scenario)
    if budget_ms is None:
        per_class = np.array([k.latency_budget_ms for k in scenario.classes])
        budget_ms = np.broadcast_to(per_class, latency.shape[:2])
    closed = np.zeros(latency.shape, dtype=np.uint8)
    for flag, mask in _masks(scenario):
        closed |= np.where(mask, np.uint8(flag), np.uint8(0))
    closed |= np.where(
        latency > longest_ms(scenario, budget_ms) * (1 + 1e-12),
        np.uint8(Closed.LATENCY),
        np.uint8(0),
    )
    allowed, late = _with_fallback(scenario, latency, closed)
    return Feasibility(latency, closed, allowed, np.asarray(budget_ms), late)


def longest_ms(scenario: Scenario, budget_ms: np.ndarray) -> np.ndarray:
    """Budget and allowance of each demand at each point, ms, shape (I, K, 1, O)."""
    longest: np.ndarray = budget_ms[:, :, None, None] + allowance_ms(scenario)[None, :, None, :]
    return longest


def allowance_ms(scenario: Scenario) -> np.ndarray:
    """What a request may take beyond its budget at a point, ms, shape (K, O)."""
    ids = [o.id for o in scenario.points]
    rows = [[k.latency_allowance_ms.get(o, 0.0) for o in ids] for k in scenario.classes]
    return np.array(rows, dtype=float).reshape(len(rows), len(ids))


def degraded_points(scenario: Scenario) -> np.ndarray:
    """Whether a request of a class counts as degraded at a point; bool, shape (K, O)."""
    classes = [k.id for k in scenario.classes]
    points = [o.id for o in scenario.points]
    grid = np.zeros((len(classes), len(points)), dtype=bool)
    for cap in scenario.share_caps:
        grid |= np.isin(classes, cap.classes)[:, None] & np.isin(points, cap.points)[None, :]
    return grid


def latency_ms(scenario: Scenario) -> np.ndarray:
    """Latency of every place for every demand, ms, shape (I, K, R, O)."""
    net, node = scenario.network, scenario.metro_node
    reach = net.rtt_metro_node_ms[np.arange(len(node)), node]
    onward = net.rtt_node_region_ms[node]
    trips = np.array([k.round_trips for k in scenario.classes])
    queue = np.array([r.queue_ms for r in scenario.regions])
    total: np.ndarray = (
        reach[:, None, None, None]
        + trips[None, :, None, None] * onward[:, None, :, None]
        + service_ms(scenario)[None, :, None, :]
        + queue[None, None, :, None]
    )
    return total


def service_ms(scenario: Scenario) -> np.ndarray:
    """Service time of each point for each class, ms, shape (K, O)."""
    return np.array([[k.service_ms(o) for o in scenario.points] for k in scenario.classes])


def pinned_region(scenario: Scenario) -> np.ndarray:
    """Region that holds each node's state: as given, else the nearest; the first of its site; int,
    shape (nodes,)."""
    at = first_region(scenario)
    nearest = scenario.network.rtt_node_region_ms.argmin(axis=1)
    return np.array([at.get(n.region, nearest[s]) for s, n in enumerate(scenario.nodes)])


def first_region(scenario: Scenario) -> dict[str, int]:
    """The region of each name: its own id, or that of a site, whose first one it is then."""
    site = [region.site for region in scenario.regions]
    named = {site[r]: r for r in reversed(range(len(site))) if site[r]}
    return named | {region.id: r for r, region in enumerate(scenario.regions)}


def open_after_loss(scenario: Scenario, judged: Feasibility) -> np.ndarray:
    """Places that serve where the region of pinned state is lost: bool (I, K, R, O), the open ones
    and those where a copy of the state stands that nothing else closes.
    """
    names = [{ANYWHERE, region.id, region.site} for region in scenario.regions]
    stands = np.array(
        [[not own.isdisjoint(k.state_copies) for own in names] for k in scenario.classes],
        dtype=bool,
    )
    otherwise = (judged.closed & ~np.uint8(Closed.STATE)) == 0
    mask: np.ndarray = judged.allowed | (otherwise & stands[None, :, :, None])
    return mask


def _masks(scenario: Scenario) -> Iterator[tuple[Closed, np.ndarray]]:
    """Each mask but latency, broadcastable to (I, K, R, O), True where it closes."""
    yield Closed.POINT, _unused_points(scenario)[None, :, None, :]
    yield Closed.VARIANT, _missing_variants(scenario)[None, None, :, :]
    yield Closed.HARDWARE, _other_hardware(scenario)[None, None, :, :]
    yield Closed.RESIDENCY, ~permitted(scenario)[:, :, :, None]
    yield Closed.STATE, _pinned_elsewhere(scenario)[:, :, :, None]
    yield Closed.ACCURACY, _too_inaccurate(scenario)[None, :, None, :]


def _unused_points(scenario: Scenario) -> np.ndarray:
    rows = [
        [k.points is not None and o.id not in k.points for o in scenario.points]
        for k in scenario.classes
    ]
    return np.array(rows, dtype=bool)


def _missing_variants(scenario: Scenario) -> np.ndarray:
    rows = [
        [r.variants is not None and o.variant not in r.variants for o in scenario.points]
        for r in scenario.regions
    ]
    return np.array(rows, dtype=bool)


def _other_hardware(scenario: Scenario) -> np.ndarray:
    kinds = [point.kind for point in scenario.points]
    rows = [
        [bool(r.hardware) and kind not in ("", r.hardware) for kind in kinds]
        for r in scenario.regions
    ]
    return np.array(rows, dtype=bool)


def permitted(scenario: Scenario) -> np.ndarray:
    """Whether residency rules let (metro, class) run in a region; bool, shape (I, K, R)."""
    rules = {rule.id: rule for rule in scenario.residency}
    i, k, r = scenario.shape[:3]
    mask = np.ones((i, k, r), dtype=bool)
    for at, klass in enumerate(scenario.classes):
        if klass.residency:
            rule = rules[klass.residency]
            mask[:, at] = [
                [rule.permits(m.jurisdiction, x.jurisdiction) for x in scenario.regions]
                for m in scenario.metros
            ]
    return mask


def _pinned_elsewhere(scenario: Scenario) -> np.ndarray:
    i, k, r = scenario.shape[:3]
    pinned = np.array([c.state is State.PINNED for c in scenario.classes])
    keeper = scenario.site[pinned_region(scenario)[scenario.metro_node]]
    elsewhere = scenario.site[None, :] != keeper[:, None]
    return np.broadcast_to(pinned[None, :, None] & elsewhere[:, None, :], (i, k, r))


def accuracy(scenario: Scenario) -> np.ndarray:
    """Accuracy of each point on each class, 0..1, shape (K, O)."""
    return np.array([[k.accuracy(o) for o in scenario.points] for k in scenario.classes])


def _too_inaccurate(scenario: Scenario) -> np.ndarray:
    minimum = np.array([k.accuracy_min for k in scenario.classes])
    mask: np.ndarray = accuracy(scenario) < minimum[:, None] - 1e-12
    return mask


def _with_fallback(
    scenario: Scenario, latency: np.ndarray, closed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Open the lawful place of least latency where a `when_none: nearest` class has no other.

    Only places of full service count: a degraded one is no place to serve what must not be.
    """
    allowed = closed == 0
    full = ~degraded_points(scenario)[None, :, None, :]
    lawful = ((closed & LAWFUL) == 0) & full
    willing = np.array([k.when_none is WhenNone.NEAREST for k in scenario.classes])
    late = ~(allowed & full).any(axis=(2, 3)) & lawful.any(axis=(2, 3)) & willing[None, :]
    if late.any():
        i, k, r, o = latency.shape
        flat = np.where(lawful, latency, np.inf).reshape(i, k, r * o).argmin(axis=2)
        at_i, at_k = np.nonzero(late)
        place = flat[at_i, at_k]
        allowed[at_i, at_k, place // o, place % o] = True
    return allowed, late
