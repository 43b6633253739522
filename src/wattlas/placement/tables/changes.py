"""What a plan changes against a baseline: which requests run elsewhere, and what that saves.

Both serve the same requests of a metro and class in an hour: b_a of them in region a under the
baseline, p_a under the plan. What both serve in a region stays there; the rest is shared out in
proportion (`unserved` counts as a region):

    x_ab = min(b_a, p_a) for a = b, plus s_a · d_b / Σ s,   s = (b − p)⁺,   d = (p − b)⁺

A request of x_ab saves u_a − v_b: the mean cost of a request that the baseline serves in a, less
that of one that the plan serves in b. So the savings of all pairs add up to the difference of what
the two cost by the request (what a region buys beyond the reserved shared out by accelerator time);
what ties hours together belongs to no pair.

Most demands are served in one or two regions, so only regions that serve any of a demand are looked
at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.plan import Flows
from wattlas.model.scenario import Scenario
from wattlas.model.table import Table
from wattlas.model.waiting import Waited
from wattlas.placement.solution.expanded import PerFlow, slices
from wattlas.units import KG_PER_T

FLOWS = 100_000
"""Flows of both policies that are looked at in one go, so that memory does not grow with the hours.
"""
NOISE = 1e-9
"""Part of a demand below which what differs is the solver's tolerance, and no move."""

PAID = ("energy_usd", "on_demand_usd", "egress_usd")
"""What a request that is served costs, by the components of the account."""
SUMS = ("requests", "hours", "usd", "kg", "mwh")


@dataclass(frozen=True)
class Matched:
    """What changes between two policies, by class, region before and region after: (K, R + 1,
    R + 1), the last region being none.

    `requests`, the `hours` in which there are any, `usd` and `kg` that they save, `mwh` of the
    plan; on the diagonal what stays. `served` (K, R + 1) are the requests of the first policy.
    `movers` are the (class, region before, region after, metro) that move, as sorted numbers.
    """

    scenario: Scenario
    served: np.ndarray
    requests: np.ndarray
    hours: np.ndarray
    usd: np.ndarray
    kg: np.ndarray
    mwh: np.ndarray
    movers: np.ndarray

    def metros(self, klass: int, before: int, after: int) -> np.ndarray:
        """Indices of the metros whose requests of a class move from one region to another."""
        count, size = self.scenario.shape[0], self.mwh.shape
        first = int(np.ravel_multi_index((klass, before, after), size)) * count
        low, high = np.searchsorted(self.movers, [first, first + count])
        return np.asarray(self.movers[low:high] - first)

    @property
    def moved_mwh(self) -> np.ndarray:
        """IT energy that the plan runs in another region than the first policy, MWh, (K, R, R)."""
        moved = self.mwh[:, :-1, :-1].copy()
        every = np.arange(moved.shape[1])
        moved[:, every, every] = 0.0
        return moved


@dataclass(frozen=True)
class _Cells:
    """Sums over the (hour, class, metro, region) in which either policy serves any, sorted.

    `demand` numbers the (hour, class, metro) of each; `hour`, `klass`, `metro`, `region` are its
    parts.
    """

    demand: np.ndarray
    hour: np.ndarray
    klass: np.ndarray
    metro: np.ndarray
    region: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]


def matched(
    scenario: Scenario, before: Flows, after: Flows, waited: Waited | None = None
) -> Matched:
    """What changes from one policy to another, in all hours.

    Where requests of the other wait, each is matched in the step of its arrival, at what it comes
    to when it runs.
    """
    i, k, r = scenario.shape[:3]
    sums = {name: np.zeros((k, r + 1, r + 1)) for name in SUMS}
    served, movers = np.zeros((k, r + 1)), np.zeros(0, dtype=np.int64)
    for cells, spans in _stretches(scenario, before, after, waited):
        at = cells.klass * (r + 1) + cells.region
        served += np.bincount(at, cells.before["requests"], served.size).reshape(served.shape)
        parts, moving = _pairs(cells, spans, (i, *served.shape))
        for name, part in parts.items():
            sums[name] += part
        movers = np.union1d(movers, moving)
    return Matched(scenario, served, **sums, movers=movers)


def changes(matches: Matched) -> Table:
    """One row per class and pair of regions between which requests move, or that saves something.

    `from_region` is where the baseline serves them, `to_region` where the plan does; equal where
    only the operating point changes. Sums over the window: `requests`, `it_mwh` of the plan,
    `saving_usd` by the cost of a request (energy, accelerators, egress, carbon at its price,
    unserved demand) and `saving_kg`. `requests_share` is of the class's requests that the baseline
    serves in `from_region`, `hours_share` of the hours of the window.
    """
    scenario, served = matches.scenario, matches.served
    moved = matches.requests > NOISE * max(float(served.sum()), 1e-300)
    moved &= ~np.eye(served.shape[1], dtype=bool) | (np.abs(matches.usd) > _tiny(matches.usd))
    klass, origin, target = at = np.nonzero(moved)
    names = np.array([*(region.id for region in scenario.regions), "unserved"])
    return {
        "class": np.array([c.id for c in scenario.classes])[klass],
        "from_region": names[origin],
        "to_region": names[target],
        "requests": matches.requests[at],
        "requests_share": matches.requests[at] / served[klass, origin],
        "hours_share": matches.hours[at] / scenario.hours.hours.sum(),
        "it_mwh": matches.mwh[at],
        "saving_usd": matches.usd[at],
        "saving_kg": matches.kg[at],
    }


@dataclass(frozen=True)
class _Counted:
    """Flows in the order of the steps in which they are matched, and what each comes to."""

    flows: Flows
    units: dict[str, np.ndarray]

    def between(self, edges: tuple[int, int]) -> _Counted:
        """Those of some steps."""
        part = slice(*np.searchsorted(self.flows.hour, edges))
        return _Counted(self.flows.where(part), {n: each[part] for n, each in self.units.items()})


def _stretches(
    scenario: Scenario, before: Flows, after: Flows, waited: Waited | None
) -> Iterator[tuple[_Cells, np.ndarray]]:
    """Both policies' cells over a stretch of hours, and what each hour stands for."""
    per_flow = PerFlow(scenario, (*PAID, "carbon_kg", "it_mwh"))
    before, after = _in_order(before), _in_order(after)
    count, hours = len(before.hour) + len(after.hour), scenario.hours.count
    size = max(hours * FLOWS // max(count, 1), 1)
    at_arrival = None if waited is None else _at_arrival(per_flow, after, waited, scenario)
    for low in range(0, hours, size):
        edges = (low, low + size)
        sides = [_counted(per_flow, before, edges)]
        sides.append(
            _counted(per_flow, after, edges) if at_arrival is None else at_arrival.between(edges)
        )
        yield _cells(per_flow, *sides), scenario.hours.hours


def _counted(per_flow: PerFlow, flows: Flows, edges: tuple[int, int]) -> _Counted:
    part = flows.where(slice(*np.searchsorted(flows.hour, edges)))
    return _Counted(part, _units(per_flow, part))


def _at_arrival(per_flow: PerFlow, flows: Flows, waited: Waited, scenario: Scenario) -> _Counted:
    """The flows by the step in which their requests arrived, each as when it runs."""
    pieces = [_units(per_flow, piece) for piece in slices(flows)]
    units = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    flow, arrived, share = waited.arrivals(scenario, flows)
    order = np.argsort(arrived, kind="stable")
    flow, arrived, share = flow[order], arrived[order], share[order]
    parts = replace(flows.where(flow), hour=arrived)
    return _Counted(parts, {name: each[flow] * share for name, each in units.items()})


def _cells(per_flow: PerFlow, before: _Counted, after: _Counted) -> _Cells:
    """The flows of both policies added up where either serves any."""
    i, k, r = per_flow.instance.scenario.shape[:3]
    sides = (before, after)
    keys, at = np.unique(
        np.concatenate([_cell(side.flows, i, k, r) for side in sides]), return_inverse=True
    )
    number, region = np.divmod(keys, r + 1)
    first = np.append(True, number[1:] != number[:-1])[: len(number)]
    hour, rest = np.divmod(number, k * i)
    own = np.split(at, [len(before.flows.hour)])
    count = len(keys)

    def summed(where: np.ndarray, units: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        # Without flows the sums are integers.
        return {n: np.bincount(where, each, count).astype(float) for n, each in units.items()}

    sums = [summed(n, side.units) for n, side in zip(own, sides, strict=True)]
    return _Cells(np.cumsum(first) - 1, hour, rest // i, rest % i, region, *sums)


def _cell(flows: Flows, i: int, k: int, r: int) -> np.ndarray:
    """A number for the (hour, class, metro, region) of each flow."""
    number = (flows.hour.astype(np.int64) * k + flows.klass) * i + flows.metro
    return np.asarray(number * (r + 1) + np.where(flows.served, flows.region, r))


def _units(per_flow: PerFlow, flows: Flows) -> dict[str, np.ndarray]:
    """What each flow comes to: requests, USD (carbon at its price, and the price of what is not
    served), kg, MWh."""
    unit, scenario = per_flow(flows), per_flow.instance.scenario
    gamma = scenario.objective.carbon_price_usd_per_t
    paid = sum(unit[name] for name in PAID)
    source = flows.metro.astype(np.int64) * len(scenario.classes) + flows.klass
    lost = np.nan_to_num(per_flow.instance.unserved_usd)[source]
    unserved = np.where(flows.served, 0.0, unit["requests"] * lost)
    return {
        "requests": unit["requests"],
        "usd": np.asarray(paid + gamma * unit["carbon_kg"] / KG_PER_T + unserved),
        "kg": unit["carbon_kg"],
        "mwh": unit["it_mwh"],
    }


def _pairs(
    cells: _Cells, spans: np.ndarray, shape: tuple[int, int, int]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Sums of x_ab and of what it saves, (K, R + 1, R + 1), the hours in which there is any, and
    the movers; `shape` is (I, K, R + 1)."""
    b, p = cells.before["requests"], cells.after["requests"]
    count = int(cells.demand[-1]) + 1 if len(b) else 0
    noise = NOISE * np.bincount(cells.demand, b, count)[cells.demand]
    surplus, lack = np.maximum(b - p, 0.0), np.maximum(p - b, 0.0)
    origin, target = np.flatnonzero(surplus > noise), np.flatnonzero(lack > noise)
    total = np.bincount(cells.demand[origin], surplus[origin], count)
    # Every origin of a demand with every target of it.
    targets = np.bincount(cells.demand[target], minlength=count)
    of_origin = targets[cells.demand[origin]]
    left = np.repeat(origin, of_origin)
    nth = np.arange(len(left)) - np.repeat(np.cumsum(of_origin) - of_origin, of_origin)
    right = target[(np.cumsum(targets) - targets)[cells.demand[left]] + nth]
    moved = surplus[left] / total[cells.demand[left]] * lack[right]
    stays = np.arange(len(b))
    left, right = np.append(left, stays), np.append(right, stays)
    moved = np.append(moved, np.minimum(b, p))

    whole = (shape[1], shape[2], shape[2])
    at = np.ravel_multi_index((cells.klass[left], cells.region[left], cells.region[right]), whole)

    def summed(weight: np.ndarray) -> np.ndarray:
        return np.bincount(at, weight, int(np.prod(whole))).reshape(whole).astype(float)

    paid = {name: _mean(cells.before[name], b) for name in ("usd", "kg")}
    pays = {name: _mean(cells.after[name], p) for name in ("usd", "kg", "mwh")}
    saved = {name: summed(moved * (paid[name][left] - pays[name][right])) for name in paid}
    on = (moved > 0) & (left != right)
    some = np.unique(cells.hour[left[on]] * np.prod(whole) + at[on])
    hours = np.bincount(some % np.prod(whole), spans[some // np.prod(whole)], int(np.prod(whole)))
    sums = {
        "requests": summed(moved),
        "hours": hours.reshape(whole).astype(float),
        "mwh": summed(moved * pays["mwh"][right]),
        **saved,
    }
    return sums, np.unique(at[on].astype(np.int64) * shape[0] + cells.metro[left[on]])


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(total, count, out=np.zeros_like(total), where=count > 0))


def _tiny(values: np.ndarray) -> float:
    return NOISE * float(np.abs(values).max(initial=0.0))


def _in_order(flows: Flows) -> Flows:
    """The flows in the order of their hours, as those of a plan are."""
    if (flows.hour[1:] >= flows.hour[:-1]).all():
        return flows
    return flows.where(np.argsort(flows.hour, kind="stable"))
