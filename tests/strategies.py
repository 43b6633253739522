"""Shared Hypothesis strategies: small random scenarios with everything that bites.

Every scenario can be constructed; whether it has a placement is another question. Latencies are
whole milliseconds and energies dyadic, so that a place is never within rounding of its budget.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from wattlas.errors import InputError
from wattlas.model.contract import Tier
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import (
    LatencyTo,
    OperatingPoint,
    Residency,
    State,
    WhenNone,
    WorkloadClass,
)

T = TypeVar("T")
JURISDICTIONS = ("north", "south")


def one_of(*values: T) -> st.SearchStrategy[T]:
    """One of the values; shrinks to the first."""
    return st.sampled_from(values)


class Pick:
    """Choices, a drawn byte each: zero is the first value, so that a failure shrinks to that.

    A strategy per choice would take ten times as long to draw a scenario as to place it.
    """

    chunk = st.binary(min_size=32, max_size=32)

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw, self._left = draw, b""

    def __call__(self, *values: T) -> T:
        """One of the values."""
        return values[self._take(1)[0] % len(values)]

    def grid(self, shape: tuple[int, ...], *values: float) -> np.ndarray:
        """An array of a shape, each entry one of the values."""
        drawn = np.frombuffer(self._take(int(np.prod(shape))), np.uint8)
        return np.array(values, dtype=float)[drawn % len(values)].reshape(shape)

    def whole(self, count: int, low: int, high: int) -> np.ndarray:
        """So many whole numbers within bounds, as floats, two bytes each; zero is the lower one."""
        drawn = np.frombuffer(self._take(2 * count), ">u2").astype(float)
        return low + drawn % (high - low + 1)

    def _take(self, count: int) -> bytes:
        while len(self._left) < count:
            self._left += self._draw(self.chunk)
        taken, self._left = self._left[:count], self._left[count:]
        return taken


@st.composite
def scenarios(
    draw: st.DrawFn,
    *,
    max_hours: int = 4,
    max_metros: int = 4,
    max_regions: int = 4,
    max_classes: int = 3,
    max_points: int = 3,
    frictions: bool = False,
    accuracy_minima: bool = True,
    unserved: bool = True,
    spread: bool = True,
    free_capacity: bool | None = None,
    gaps: bool = True,
    when_none: bool = True,
    objectives: st.SearchStrategy[Objective] | None = None,
) -> Scenario:
    """A small scenario. What is False is left out; `free_capacity` None draws it per region."""
    regions = _regions(Pick(draw), draw(st.integers(1, max_regions)))
    nodes = _nodes(Pick(draw), draw(st.integers(1, 3)), [r.id for r in regions])
    metros = _metros(Pick(draw), draw(st.integers(1, max_metros)), [s.id for s in nodes])
    points = _points(Pick(draw), draw(st.integers(1, max_points)))
    pick = Pick(draw)
    classes = tuple(
        _klass(pick, f"class-{k}", points, accuracy_minima, unserved, when_none)
        for k in range(draw(st.integers(1, max_classes)))
    )
    hours = _hours(Pick(draw), draw(st.integers(1, max_hours)), gaps)
    pick = Pick(draw)
    demand = _demand(pick, len(metros), len(classes), hours.count, spread)
    drawn = Scenario(
        name="random",
        metros=metros,
        nodes=nodes,
        regions=regions,
        classes=classes,
        points=points,
        hours=hours,
        signals=_signals(pick, sorted({r.zone for r in regions}), hours.count),
        network=_network(pick, len(metros), len(nodes), len(regions)),
        demand_per_h=demand,
        reserved_gpu=_capacity(pick, len(regions), classes, points, demand, free_capacity),
        residency=(_residency(pick),),
        frictions=_frictions(pick, [r.id for r in regions]) if frictions else Frictions(),
        objective=Objective() if objectives is None else draw(objectives),
    )
    return billed(pick, drawn)


def billed(pick: Pick, s: Scenario) -> Scenario:
    """The accelerators of each region held all year, by the hour, or both: never fewer of them."""
    held, regions = s.reserved_gpu.copy(), list(s.regions)
    for r, region in enumerate(regions):
        most, kind = float(held[r].max()), pick("reserved", "on demand", "both")
        if kind == "on demand" or (kind == "both" and np.isinf(held[r]).any()):
            regions[r] = replace(region, reserved_gpu=0.0, on_demand_gpu=most)
            held[r] = 0.0
        elif kind == "both":
            held[r] *= pick(0.5, 0.0, 1.0)
            regions[r] = replace(region, on_demand_gpu=pick(most, np.inf))
    return replace(s, regions=tuple(regions), reserved_gpu=held)


@st.composite
def tiered(draw: st.DrawFn, base: st.SearchStrategy[Scenario]) -> Scenario:
    """A scenario with one or two tiers; those whose tiers make no sense are passed over."""
    s, pick = draw(base), Pick(draw)
    tiers = [
        Tier(
            id=f"tier-{n}",
            share_max=pick(0.25, 0.5, 0.0, 1.0),
            adoption=pick(0.5, 0.25),
            accuracy_min=pick(0.0, 0.5),
            latency_factor=pick(1.0, 4.0),
            classes=pick(None, None, (s.classes[0].id,)),
            window=pick(*Window),
        )
        for n in range(pick(1, 2))
    ]
    try:
        return offer(s, tiers)
    except InputError:
        return reject()


def objectives(*, caps: bool = False) -> st.SearchStrategy[Objective]:
    """Least cost, least carbon, or a carbon price; a generous to harsh relative cap on request."""
    plain = st.builds(
        Objective,
        minimise=one_of(*Minimise),
        carbon_price_usd_per_t=one_of(0.0, 80.0, 1000.0),
    )
    if not caps:
        return plain
    share = one_of(1.0, 0.9, 0.75, 0.5)
    window = one_of(*Window)
    by_carbon = st.builds(Objective, carbon_cap_share=share, window=window)
    by_cost = st.builds(
        Objective, minimise=st.just(Minimise.CARBON), cost_cap_share=share, window=window
    )
    return st.one_of(by_carbon, by_cost)


def _signals(pick: Pick, zones: list[str], count: int) -> Signals:
    """Prices that may be negative, averages, and marginal figures or none; ties are common."""
    shape = (len(zones), count)
    return Signals(
        zones=tuple(zones),
        price_usd_per_mwh=pick.grid(shape, 50.0, 20.0, 100.0, 0.0, -30.0, 61.25),
        average_g_per_kwh=pick.grid(shape, 400.0, 50.0, 0.0, 733.0),
        marginal_g_per_kwh=pick.grid(shape, 600.0, 25.0, 900.0) if pick(False, True) else None,
    )


def _frictions(pick: Pick, regions: list[str]) -> Frictions:
    """Starts, weights, state, each on or off, from any initial state."""
    own_price = [r for r in regions if pick(False, False, True)]
    return Frictions(
        start_usd_per_gpu_h=pick(0.0, 0.5, 4.0),
        start_usd_by_region={r: pick(1.0, 0.0) for r in own_price},
        start_kwh_per_gpu_h=pick(0.0, 0.25),
        carry_weights=pick(False, True),
        move_state=pick(False, True),
        initial=pick(*Initial),
    )


def _residency(pick: Pick) -> Residency:
    allowed = pick(
        {"north": frozenset({"north"})},
        {"north": frozenset({"*"}), "*": frozenset({"south"})},
        {"south": frozenset({"south", "north"}), "*": frozenset({"north"})},
    )
    return Residency(id="rule", allowed=allowed)


def _regions(pick: Pick, count: int) -> tuple[Region, ...]:
    return tuple(
        Region(
            id=f"region-{r}",
            lat_deg=10.0 * r,
            lon_deg=-20.0 * r,
            zone=pick("zone-0", "zone-1", "zone-2"),
            country="XX",
            jurisdiction=pick(*JURISDICTIONS),
            pue=pick(1.0, 1.125, 1.5),
            reserved_usd_per_gpu_year=pick(0.0, 17520.0),
            on_demand_usd_per_gpu_h=pick(0.0, 2.0, 2.5),
            queue_ms=pick(0.0, 8.0),
            variants=pick(None, None, None, frozenset({"model-0"})),
        )
        for r in range(count)
    )


def _nodes(pick: Pick, count: int, regions: list[str]) -> tuple[ServiceNode, ...]:
    return tuple(
        ServiceNode(id=f"node-{s}", lat_deg=1.0, lon_deg=2.0, region=pick("", *regions))
        for s in range(count)
    )


def _metros(pick: Pick, count: int, nodes: list[str]) -> tuple[Metro, ...]:
    return tuple(
        Metro(
            id=f"metro-{i}",
            lat_deg=3.0,
            lon_deg=4.0,
            timezone="UTC",
            country="XX",
            jurisdiction=pick(*JURISDICTIONS),
            node=pick(*nodes),
        )
        for i in range(count)
    )


def _points(pick: Pick, count: int) -> tuple[OperatingPoint, ...]:
    variant = [pick("model-0", "model-1") for _ in range(count)]
    return tuple(
        OperatingPoint(
            id=f"point-{o}",
            variant=name,
            accuracy=pick(0.75, 0.5, 0.875),
            prefill_j_per_token=pick(0.25, 0.5),
            decode_j_per_token=pick(2.0, 4.0, 16.0),
            prefill_gpu_s_per_token=pick(0.0, 2.0**-12),
            decode_gpu_s_per_token=pick(2.0**-8, 2.0**-6),
            ttft_ms=pick(10.0, 40.0),
            prefill_ms_per_token=pick(0.0, 0.125),
            itl_ms=pick(0.0, 0.5),
            accuracy_by_class=pick({}, {"class-1": 0.625}),
            weights_bytes={"model-0": 16e9, "model-1": 140e9}[name],
            accelerators=pick(1.0, 8.0),
        )
        for o, name in enumerate(variant)
    )


def _klass(
    pick: Pick,
    name: str,
    points: tuple[OperatingPoint, ...],
    accuracy_minima: bool,
    unserved: bool,
    when_none: bool,
) -> WorkloadClass:
    return WorkloadClass(
        id=name,
        latency_budget_ms=pick(200.0, 1500.0, 100.0, 60.0),
        tokens_in=pick(512.0, 64.0),
        tokens_out=pick(256.0, 33.0),
        round_trips=pick(1.0, 2.0),
        latency_to=pick(*LatencyTo),
        bytes_per_request=pick(4096.0, 0.0, 1e6),
        state=pick(*State),
        session_state_bytes=pick(1e8, 0.0),
        requests_per_session_h=pick(10.0, 1.0),
        residency=pick("", "", "rule"),
        accuracy_min=pick(0.0, 0.0, 0.625),
        mean_accuracy_min=pick(None, None, 0.625, 0.75) if accuracy_minima else None,
        points=pick(None, None, tuple(p.id for p in points[:1])),
        unserved_usd_per_request=pick(None, 0.01, 1e-4) if unserved else None,
        when_none=pick(*WhenNone) if when_none else WhenNone.ERROR,
        relaxable=pick(True, True, False),
    )


def _hours(pick: Pick, count: int, gaps: bool) -> Hours:
    jumps = [pick(1, 1, 2, 30) if gaps else 1 for _ in range(count - 1)]
    weights = [pick(1.0, 3.0, 30.5) if gaps else 1.0 for _ in range(count)]
    return Hours(
        start=np.datetime64("2023-01-31T22:00:00", "s"),
        offset=np.cumsum([0, *jumps]).astype(np.int64),
        weight=np.array(weights),
        step_h=pick(1.0, 0.5) if gaps else 1.0,
    )


def _demand(pick: Pick, i: int, k: int, t: int, spread: bool) -> np.ndarray:
    per_class = pick.grid((1, k, 1), 1e3, *((1.0, 1e6) if spread else ()))
    demand: np.ndarray = per_class * pick.grid((i, k, t), 1.0, 0.0, 2.0, 7.5)
    return demand


def _network(pick: Pick, i: int, s: int, r: int) -> Network:
    return Network(
        rtt_metro_node_ms=pick.grid((i, s), 5.0, 30.0),
        rtt_node_region_ms=pick.grid((s, r), 10.0, 20.0, 60.0, 150.0),
        egress_usd_per_gb=pick.grid((s, r), 0.02, 0.0, 0.09),
        modelled_metro_node=np.zeros((i, s), dtype=bool),
        modelled_node_region=np.zeros((s, r), dtype=bool),
    )


def _capacity(
    pick: Pick,
    r: int,
    classes: tuple[WorkloadClass, ...],
    points: tuple[OperatingPoint, ...],
    demand: np.ndarray,
    free: bool | None,
) -> np.ndarray:
    """Free, none, or a share of what all demand needs at the slowest point, per region."""
    hours = demand.shape[2]
    if free:
        return np.full((r, hours), np.inf)
    slowest = np.array([max(k.gpu_h(p) for p in points) for k in classes])
    need = np.einsum("ikt,k->t", demand, slowest)
    share = (1.0, 0.5, 0.25, 0.0) if free is False else (np.inf, 1.0, 0.5, 0.25, 0.0)
    shape = (r, 1) if pick(False, True) else (r, hours)
    limit: np.ndarray = np.where(need > 0, need, 1.0)[None, :] * pick.grid(shape, *share)
    return limit
