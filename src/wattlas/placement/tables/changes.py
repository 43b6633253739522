"""What a plan changes against a baseline: which requests run elsewhere, and what that saves.

Both serve the same requests of a metro and class in an hour: b_a of them in region a under the
baseline, p_a under the plan. What both serve in a region stays there; the rest is shared out in
proportion (`unserved` counts as a region):

    x_ab = min(b_a, p_a) for a = b, plus s_a · d_b / Σ s,   s = (b − p)⁺,   d = (p − b)⁺

A request of x_ab saves u_a − v_b: the mean cost of a request that the baseline serves in a, less
that of one that the plan serves in b. So the savings of all pairs add up to the difference of what
the two cost by the request (what a region buys beyond the reserved shared out by accelerator time);
what ties hours together belongs to no pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.model.plan import Flows
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.placement.solution.expanded import PerFlow
from wattlas.units import KG_PER_T

CELLS = 100_000
"""(hour, class, metro, region) in one go: what a cache holds. Larger pieces take more memory and
more time, smaller ones pay more for each call."""
NOISE = 1e-9
"""Part of a demand below which what differs is the solver's tolerance, and no move."""

PAID = ("energy_usd", "on_demand_usd", "egress_usd")
"""What a request that is served costs, by the components of the account."""


@dataclass(frozen=True)
class _Served:
    """Sums by (hour, class, metro, region), the last region being none."""

    requests: np.ndarray
    usd: np.ndarray
    kg: np.ndarray
    mwh: np.ndarray


class _Reader:
    """Adds flows up by stretches of hours."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.per_flow = PerFlow(scenario, (*PAID, "carbon_kg", "it_mwh"))

    def between(self, flows: Flows, low: int, high: int) -> _Served:
        """Hours `low` to `high` of flows that are in the order of their hours."""
        i, k, r = self.scenario.shape[:3]
        first, last = np.searchsorted(flows.hour, (low, high))
        piece = flows.where(slice(int(first), int(last)))
        unit = self.per_flow(piece)
        where = np.where(piece.served, piece.region, r)
        cell = ((piece.hour.astype(np.int64) - low) * k + piece.klass) * i + piece.metro
        cell = cell * (r + 1) + where
        shape = (high - low, k, i, r + 1)

        def grid(weight: np.ndarray) -> np.ndarray:
            sums = np.bincount(cell, weight, int(np.prod(shape))).reshape(shape)
            return sums.astype(float, copy=False)  # where there is no flow they are integers

        return _Served(
            requests=grid(unit["requests"]),
            usd=grid(self._usd(piece, unit)),
            kg=grid(unit["carbon_kg"]),
            mwh=grid(unit["it_mwh"]),
        )

    def _usd(self, flows: Flows, unit: dict[str, np.ndarray]) -> np.ndarray:
        """Every component in USD, carbon at its price, and the price of what is not served."""
        gamma = self.scenario.objective.carbon_price_usd_per_t
        paid = sum(unit[name] for name in PAID)
        source = flows.metro.astype(np.int64) * len(self.scenario.classes) + flows.klass
        lost = np.nan_to_num(self.per_flow.instance.unserved_usd)[source]
        unserved = np.where(flows.served, 0.0, unit["requests"] * lost)
        return np.asarray(paid + gamma * unit["carbon_kg"] / KG_PER_T + unserved)


def changes(scenario: Scenario, before: Flows, after: Flows) -> Table:
    """One row per class and pair of regions between which requests move, or that saves something.

    `from_region` is where the baseline serves them, `to_region` where the plan does; equal where
    only the operating point changes. Sums over the window: `requests`, `it_mwh` of the plan,
    `saving_usd` by the cost of a request (energy, accelerators, egress, carbon at its price,
    unserved demand) and `saving_kg`. `requests_share` is of the class's requests that the baseline
    serves in `from_region`, `hours_share` of the hours of the window.
    """
    k, r = scenario.shape[1:3]
    sums = {name: np.zeros((k, r + 1, r + 1)) for name in ("requests", "hours", "usd", "kg", "mwh")}
    served = np.zeros((k, r + 1))
    for b, p, hours in _stretches(scenario, before, after):
        served += b.requests.sum(axis=(0, 2))
        for name, part in _matched(b, p, hours).items():
            sums[name] += part
    moved = sums["requests"] > NOISE * max(float(served.sum()), 1e-300)
    moved &= ~np.eye(r + 1, dtype=bool) | (np.abs(sums["usd"]) > _tiny(sums["usd"]))
    klass, origin, target = np.nonzero(moved)
    names = np.array([*(region.id for region in scenario.regions), "unserved"])
    at = (klass, origin, target)
    return {
        "class": np.array([c.id for c in scenario.classes])[klass],
        "from_region": names[origin],
        "to_region": names[target],
        "requests": sums["requests"][at],
        "requests_share": sums["requests"][at] / served[klass, origin],
        "hours_share": sums["hours"][at] / scenario.hours.hours.sum(),
        "it_mwh": sums["mwh"][at],
        "saving_usd": sums["usd"][at],
        "saving_kg": sums["kg"][at],
    }


def _stretches(
    scenario: Scenario, before: Flows, after: Flows
) -> Iterator[tuple[_Served, _Served, np.ndarray]]:
    """Both policies' sums over a stretch of hours, and what each hour stands for."""
    i, k, r = scenario.shape[:3]
    read, before, after = _Reader(scenario), _in_order(before), _in_order(after)
    size = max(CELLS // (i * k * (r + 1)), 1)
    for low in range(0, scenario.hours.count, size):
        high = min(low + size, scenario.hours.count)
        spans = scenario.hours.hours[low:high]
        yield read.between(before, low, high), read.between(after, low, high), spans


def _matched(b: _Served, p: _Served, hours: np.ndarray) -> dict[str, np.ndarray]:
    """Sums of x_ab and of what it saves, (K, R + 1, R + 1); `hours` in which there is any."""
    whole = b.requests.sum(axis=3, keepdims=True)
    surplus, lack = (np.maximum(b.requests - p.requests, 0), np.maximum(p.requests - b.requests, 0))
    for side in (surplus, lack):
        side[side <= NOISE * whole] = 0.0
    total = surplus.sum(axis=3, keepdims=True)
    ratio = np.divide(surplus, total, out=np.zeros_like(surplus), where=total > 0)
    # The sum over metros of an outer product is a product of matrices, one for each hour and class.
    by_hour = np.matmul(np.swapaxes(ratio, 2, 3), lack)
    unchanged = np.minimum(b.requests, p.requests)
    out = {
        "requests": by_hour.sum(axis=0),
        "hours": np.einsum("hkab,h->kab", by_hour > 0, hours),
        "mwh": _pairs(ratio, lack * _mean(p.mwh, p.requests)),
    }
    stays = {"requests": unchanged, "mwh": unchanged * _mean(p.mwh, p.requests)}
    for name in ("usd", "kg"):
        paid = _mean(getattr(b, name), b.requests)
        pays = _mean(getattr(p, name), p.requests)
        out[name] = _pairs(ratio * paid, lack) - _pairs(ratio, lack * pays)
        stays[name] = unchanged * (paid - pays)
    for name, values in stays.items():
        diagonal = np.einsum("hkir->kr", values)
        out[name] = out[name] + diagonal[:, :, None] * np.eye(diagonal.shape[1])
    return out


def _pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Σ over hours and metros of a[h, k, i, r] · b[h, k, i, q]; (K, R, Q)."""
    return np.asarray(np.matmul(np.swapaxes(a, 2, 3), b).sum(axis=0))


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(total, count, out=np.zeros_like(total), where=count > 0))


def _tiny(values: np.ndarray) -> float:
    return NOISE * float(np.abs(values).max(initial=0.0))


def _in_order(flows: Flows) -> Flows:
    """The flows in the order of their hours, as those of a plan are."""
    if (flows.hour[1:] >= flows.hour[:-1]).all():
        return flows
    return flows.where(np.argsort(flows.hour, kind="stable"))
