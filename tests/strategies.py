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
    regions = draw(_regions(max_regions))
    nodes = draw(_nodes([r.id for r in regions]))
    metros = draw(_metros([s.id for s in nodes], max_metros))
    points = draw(_points(max_points))
    classes = tuple(
        draw(_klass(f"class-{k}", points, accuracy_minima, unserved, when_none))
        for k in range(draw(st.integers(1, max_classes)))
    )
    hours = draw(_hours(max_hours, gaps))
    demand = draw(_demand(len(metros), len(classes), hours.count, spread))
    drawn = Scenario(
        name="random",
        metros=metros,
        nodes=nodes,
        regions=regions,
        classes=classes,
        points=points,
        hours=hours,
        signals=draw(signals(sorted({r.zone for r in regions}), hours.count)),
        network=draw(_network(len(metros), len(nodes), len(regions))),
        demand_per_h=demand,
        reserved_gpu=draw(_capacity(len(regions), classes, points, demand, free_capacity)),
        residency=(_residency(draw),),
        frictions=draw(some_frictions([r.id for r in regions])) if frictions else Frictions(),
        objective=draw(st.just(Objective()) if objectives is None else objectives),
    )
    return draw(billed(drawn))


@st.composite
def billed(draw: st.DrawFn, s: Scenario) -> Scenario:
    """The accelerators of each region held all year, by the hour, or both: never fewer of them."""
    held, regions = s.reserved_gpu.copy(), list(s.regions)
    for r, region in enumerate(regions):
        most, kind = float(held[r].max()), draw(one_of("reserved", "on demand", "both"))
        if kind == "on demand" or (kind == "both" and np.isinf(held[r]).any()):
            regions[r] = replace(region, reserved_gpu=0.0, on_demand_gpu=most)
            held[r] = 0.0
        elif kind == "both":
            held[r] *= draw(one_of(0.5, 0.0, 1.0))
            regions[r] = replace(region, on_demand_gpu=draw(one_of(most, np.inf)))
    return replace(s, regions=tuple(regions), reserved_gpu=held)


@st.composite
def tiered(draw: st.DrawFn, base: st.SearchStrategy[Scenario]) -> Scenario:
    """A scenario with one or two tiers; those whose tiers make no sense are passed over."""
    s = draw(base)
    tiers = [
        Tier(
            id=f"tier-{n}",
            share_max=draw(one_of(0.25, 0.5, 0.0, 1.0)),
            adoption=draw(one_of(0.5, 0.25)),
            accuracy_min=draw(one_of(0.0, 0.5)),
            latency_factor=draw(one_of(1.0, 4.0)),
            classes=draw(one_of(None, None, (s.classes[0].id,))),
            window=draw(one_of(*Window)),
        )
        for n in range(draw(one_of(1, 2)))
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


def grid(draw: st.DrawFn, shape: tuple[int, ...], values: st.SearchStrategy[float]) -> np.ndarray:
    """An array of a shape, each entry drawn."""
    count = int(np.prod(shape))
    flat = draw(st.lists(values, min_size=count, max_size=count))
    return np.array(flat, dtype=float).reshape(shape)


@st.composite
def signals(draw: st.DrawFn, zones: list[str], count: int) -> Signals:
    """Prices that may be negative, averages, and marginal figures or none; ties are common."""
    shape = (len(zones), count)
    return Signals(
        zones=tuple(zones),
        price_usd_per_mwh=grid(draw, shape, one_of(50.0, 20.0, 100.0, 0.0, -30.0, 61.25)),
        average_g_per_kwh=grid(draw, shape, one_of(400.0, 50.0, 0.0, 733.0)),
        marginal_g_per_kwh=draw(
            st.none() | st.builds(lambda: grid(draw, shape, one_of(600.0, 25.0, 900.0)))
        ),
    )


@st.composite
def some_frictions(draw: st.DrawFn, regions: list[str]) -> Frictions:
    """Starts, weights, state, each on or off, from any initial state."""
    own_price = [r for r in regions if draw(one_of(False, False, True))]
    return Frictions(
        start_usd_per_gpu_h=draw(one_of(0.0, 0.5, 4.0)),
        start_usd_by_region={r: draw(one_of(1.0, 0.0)) for r in own_price},
        start_kwh_per_gpu_h=draw(one_of(0.0, 0.25)),
        carry_weights=draw(st.booleans()),
        move_state=draw(st.booleans()),
        initial=draw(one_of(*Initial)),
    )


def _residency(draw: st.DrawFn) -> Residency:
    allowed = draw(
        one_of(
            {"north": frozenset({"north"})},
            {"north": frozenset({"*"}), "*": frozenset({"south"})},
            {"south": frozenset({"south", "north"}), "*": frozenset({"north"})},
        )
    )
    return Residency(id="rule", allowed=allowed)


@st.composite
def _regions(draw: st.DrawFn, most: int) -> tuple[Region, ...]:
    return tuple(
        Region(
            id=f"region-{r}",
            lat_deg=10.0 * r,
            lon_deg=-20.0 * r,
            zone=draw(one_of("zone-0", "zone-1", "zone-2")),
            country="XX",
            jurisdiction=draw(one_of(*JURISDICTIONS)),
            pue=draw(one_of(1.0, 1.125, 1.5)),
            reserved_usd_per_gpu_year=draw(one_of(0.0, 17520.0)),
            on_demand_usd_per_gpu_h=draw(one_of(0.0, 2.0, 2.5)),
            queue_ms=draw(one_of(0.0, 8.0)),
            variants=draw(one_of(None, None, None, frozenset({"model-0"}))),
        )
        for r in range(draw(st.integers(1, most)))
    )


@st.composite
def _nodes(draw: st.DrawFn, regions: list[str]) -> tuple[ServiceNode, ...]:
    return tuple(
        ServiceNode(id=f"node-{s}", lat_deg=1.0, lon_deg=2.0, region=draw(one_of("", *regions)))
        for s in range(draw(st.integers(1, 3)))
    )


@st.composite
def _metros(draw: st.DrawFn, nodes: list[str], most: int) -> tuple[Metro, ...]:
    return tuple(
        Metro(
            id=f"metro-{i}",
            lat_deg=3.0,
            lon_deg=4.0,
            timezone="UTC",
            country="XX",
            jurisdiction=draw(one_of(*JURISDICTIONS)),
            node=draw(one_of(*nodes)),
        )
        for i in range(draw(st.integers(1, most)))
    )


@st.composite
def _points(draw: st.DrawFn, most: int) -> tuple[OperatingPoint, ...]:
    variant = [draw(one_of("model-0", "model-1")) for _ in range(draw(st.integers(1, most)))]
    return tuple(
        OperatingPoint(
            id=f"point-{o}",
            variant=name,
            accuracy=draw(one_of(0.75, 0.5, 0.875)),
            prefill_j_per_token=draw(one_of(0.25, 0.5)),
            decode_j_per_token=draw(one_of(2.0, 4.0, 16.0)),
            prefill_gpu_s_per_token=draw(one_of(0.0, 2.0**-12)),
            decode_gpu_s_per_token=draw(one_of(2.0**-8, 2.0**-6)),
            ttft_ms=draw(one_of(10.0, 40.0)),
            prefill_ms_per_token=draw(one_of(0.0, 0.125)),
            itl_ms=draw(one_of(0.0, 0.5)),
            accuracy_by_class=draw(one_of({}, {"class-1": 0.625})),
            weights_bytes={"model-0": 16e9, "model-1": 140e9}[name],
            accelerators=draw(one_of(1.0, 8.0)),
        )
        for o, name in enumerate(variant)
    )


@st.composite
def _klass(
    draw: st.DrawFn,
    name: str,
    points: tuple[OperatingPoint, ...],
    accuracy_minima: bool,
    unserved: bool,
    when_none: bool,
) -> WorkloadClass:
    minimum = one_of(None, None, 0.625, 0.75) if accuracy_minima else st.none()
    return WorkloadClass(
        id=name,
        latency_budget_ms=draw(one_of(200.0, 1500.0, 100.0, 60.0)),
        tokens_in=draw(one_of(512.0, 64.0)),
        tokens_out=draw(one_of(256.0, 33.0)),
        round_trips=draw(one_of(1.0, 2.0)),
        latency_to=draw(one_of(*LatencyTo)),
        bytes_per_request=draw(one_of(4096.0, 0.0, 1e6)),
        state=draw(one_of(*State)),
        session_state_bytes=draw(one_of(1e8, 0.0)),
        requests_per_session_h=draw(one_of(10.0, 1.0)),
        residency=draw(one_of("", "", "rule")),
        accuracy_min=draw(one_of(0.0, 0.0, 0.625)),
        mean_accuracy_min=draw(minimum),
        points=draw(one_of(None, None, tuple(p.id for p in points[:1]))),
        unserved_usd_per_request=draw(one_of(None, 0.01, 1e-4)) if unserved else None,
        when_none=draw(one_of(*WhenNone)) if when_none else WhenNone.ERROR,
        relaxable=draw(one_of(True, True, False)),
    )


@st.composite
def _hours(draw: st.DrawFn, most: int, gaps: bool) -> Hours:
    count = draw(st.integers(1, most))
    jumps = [draw(one_of(1, 1, 2, 30)) if gaps else 1 for _ in range(count - 1)]
    weights = [draw(one_of(1.0, 3.0, 30.5)) if gaps else 1.0 for _ in range(count)]
    return Hours(
        start=np.datetime64("2023-01-31T22:00:00", "s"),
        offset=np.cumsum([0, *jumps]).astype(np.int64),
        weight=np.array(weights),
        step_h=draw(one_of(1.0, 0.5)) if gaps else 1.0,
    )


@st.composite
def _demand(draw: st.DrawFn, i: int, k: int, t: int, spread: bool) -> np.ndarray:
    scale = one_of(1e3, 1.0, 1e6) if spread else st.just(1e3)
    per_class = grid(draw, (1, k, 1), scale)
    demand: np.ndarray = per_class * grid(draw, (i, k, t), one_of(1.0, 0.0, 2.0, 7.5))
    return demand


@st.composite
def _network(draw: st.DrawFn, i: int, s: int, r: int) -> Network:
    return Network(
        rtt_metro_node_ms=grid(draw, (i, s), one_of(5.0, 30.0)),
        rtt_node_region_ms=grid(draw, (s, r), one_of(10.0, 20.0, 60.0, 150.0)),
        egress_usd_per_gb=grid(draw, (s, r), one_of(0.02, 0.0, 0.09)),
        modelled_metro_node=np.zeros((i, s), dtype=bool),
        modelled_node_region=np.zeros((s, r), dtype=bool),
    )


@st.composite
def _capacity(
    draw: st.DrawFn,
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
    share = one_of(np.inf, 1.0, 0.5, 0.25, 0.0) if free is None else one_of(1.0, 0.5, 0.25, 0.0)
    shape = (r, 1) if draw(st.booleans()) else (r, hours)
    limit: np.ndarray = np.where(need > 0, need, 1.0)[None, :] * grid(draw, shape, share)
    return limit
