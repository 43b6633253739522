"""A block of demand that leaves origin: what it saves per request, and what moving it costs.

c[r,t] = PUE_r · e · (p/1000 + γ·κ/10⁶) + w_r · g + η[s,r] · b/10⁹          USD/request
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.unit_values import carbon_t_per_kwh, energy_usd_per_kwh
from wattlas.model.workload import OperatingPoint, State, WorkloadClass
from wattlas.placement.constraints.start_up import starts_of
from wattlas.placement.problem.feasibility import Closed, feasibility
from wattlas.units import BYTES_PER_GB


@dataclass(frozen=True)
class PlaceCharges:
    """What one place charges for what it runs; every field is a number or a series, shape (T,)."""

    price_usd_per_mwh: np.ndarray | float
    carbon_g_per_kwh: np.ndarray | float = 0.0
    """At the intensity that decisions use."""
    pue: float = 1.0
    usd_per_gpu_h: float = 0.0
    """What an accelerator hour that is used here costs, or is worth to others."""
    egress_usd_per_gb: np.ndarray | float = 0.0
    """Between the service node and this place."""


@dataclass(frozen=True)
class Move:
    """One block of demand that leaves `origin` for `away` and pays `one_off_usd` to get there.

    The one-off cost is M without the state: capacity started, weights carried, accelerators warmed
    up, and all of the way back where it returns; `one_off_t` is what warm-up emits. State is
    `sessions` · `state_bytes` at `state_usd_per_gb`, the egress price of each crossing added up
    (two where it returns).
    """

    origin: PlaceCharges
    away: PlaceCharges
    volume_per_h: np.ndarray | float
    """Requests/h that move, a number or shape (T,)."""
    it_kwh: float
    """IT energy per request."""
    gpu_h: float = 0.0
    """Accelerator time per request."""
    payload_bytes: float = 0.0
    """Bytes per request between service node and region, both directions."""
    one_off_usd: float = 0.0
    one_off_t: float = 0.0
    """tCO2e of warm-up, which the carbon price makes money of."""
    sessions: float = 0.0
    state_bytes: float = 0.0
    """State of one session."""
    state_usd_per_gb: float = 0.0
    carbon_price_usd_per_t: float = 0.0
    step_hours: np.ndarray | float = 1.0
    """Hours that each step stands for, a number or shape (T,)."""
    stay_h: float | None = None
    """How long it stays, for every break-even but the stay itself; None: the whole series."""

    @property
    def steps(self) -> int:
        """T: the longest of the series given, 1 where all are numbers."""
        return int(np.broadcast(*(np.atleast_1d(a) for a in self._series())).shape[0])

    def series(self, value: np.ndarray | float) -> np.ndarray:
        """A number or series as a series, shape (T,)."""
        full: np.ndarray = np.broadcast_to(np.asarray(value, dtype=float), (self.steps,))
        return full

    def _series(self) -> tuple[np.ndarray | float, ...]:
        sides = [
            value
            for side in (self.origin, self.away)
            for value in (side.price_usd_per_mwh, side.carbon_g_per_kwh, side.egress_usd_per_gb)
        ]
        return (*sides, self.volume_per_h, self.step_hours)

    @property
    def constant(self) -> bool:
        """Whether one hour of the series is like any other; steps may differ in length."""
        return all(np.ptp(np.atleast_1d(part)) == 0 for part in self._series()[:-1])

    @property
    def hours(self) -> np.ndarray:
        """Hours that each step stands for, shape (T,)."""
        return self.series(self.step_hours)

    @property
    def horizon_h(self) -> float:
        """Length of the series."""
        return float(self.hours.sum())

    @property
    def state_usd(self) -> float:
        """What carrying the state of every session costs."""
        return self.sessions * self.state_bytes / BYTES_PER_GB * self.state_usd_per_gb

    @property
    def moving_usd(self) -> float:
        """M: everything that is paid once, warm-up's carbon at its price included."""
        return self.one_off_usd + self.state_usd + self.one_off_t * self.carbon_price_usd_per_t


@dataclass(frozen=True)
class Saving:
    """What one request saves by running away from origin, part by part; each USD, shape (T,).

    `carbon_t` is the tonnes it saves, which the carbon price makes money of.
    """

    energy_usd: np.ndarray
    accelerator_usd: np.ndarray
    egress_usd: np.ndarray
    carbon_t: np.ndarray
    carbon_price_usd_per_t: float

    @property
    def carbon_usd(self) -> np.ndarray:
        """At the internal carbon price."""
        usd: np.ndarray = self.carbon_t * self.carbon_price_usd_per_t
        return usd

    @property
    def total_usd(self) -> np.ndarray:
        """c_h − c_r, all parts together."""
        usd: np.ndarray = self.energy_usd + self.accelerator_usd + self.egress_usd + self.carbon_usd
        return usd


def saving(move: Move) -> Saving:
    """c_h − c_r per request, c = PUE·e·(p/1000 + γ·κ/10⁶) + w·g + η·b/10⁹."""
    origin, away = move.origin, move.away
    energy = [energy_usd_per_kwh(p.pue, move.series(p.price_usd_per_mwh)) for p in (origin, away)]
    carbon = [carbon_t_per_kwh(p.pue, move.series(p.carbon_g_per_kwh)) for p in (origin, away)]
    egress = move.series(origin.egress_usd_per_gb) - move.series(away.egress_usd_per_gb)
    accelerators = (origin.usd_per_gpu_h - away.usd_per_gpu_h) * move.gpu_h
    return Saving(
        energy_usd=move.it_kwh * (energy[0] - energy[1]),
        accelerator_usd=move.series(accelerators),
        egress_usd=egress * move.payload_bytes / BYTES_PER_GB,
        carbon_t=move.it_kwh * (carbon[0] - carbon[1]),
        carbon_price_usd_per_t=move.carbon_price_usd_per_t,
    )


def requests(move: Move) -> np.ndarray:
    """Requests of each step that fall into the stay, shape (T,); its last step counts in part.

    A stay longer than the series is as long as the series, unless nothing varies: then each
    step stands for more hours.
    """
    hours = move.hours
    stay = move.horizon_h if move.stay_h is None else move.stay_h
    if stay > move.horizon_h and move.constant:
        inside = hours * (stay / move.horizon_h)
    else:
        inside = np.clip(stay - (np.cumsum(hours) - hours), 0.0, hours)
    served: np.ndarray = inside * move.series(move.volume_per_h)
    return served


def gain_usd(move: Move) -> float:
    """What the move gains over the stay: Σ volume·(c_h − c_r) − M. It pays iff this is > 0."""
    return float(requests(move) @ saving(move).total_usd) - move.moving_usd


def move_between(
    scenario: Scenario,
    class_id: str,
    from_region: str,
    to_region: str,
    point_id: str | None = None,
    metro_id: str | Sequence[str] | None = None,
    *,
    returns: bool = False,
    stay_h: float | None = None,
) -> Move:
    """The demand of a class (of a metro, of several, or of all) that leaves one region for another.

    Capacity is started, and state carried, for the busiest step; starting is paid at the price
    of the first step, the way back at the mean price of origin. Without `point_id` it is the
    cheapest operating point at origin that both regions run, in time where one is. Sampled steps
    count as the hours they stand for, in means, too. UsageError names an id that the scenario does
    not have; InputError says that nothing has a price.
    """
    if not scenario.signals.priced:
        what = "is not stated, and whether a move pays is a question of money"
        raise InputError([Problem("signals.price", what, "Give prices.")])
    k = _index("class", class_id, [c.id for c in scenario.classes])
    h, r = (_index("region", x, [y.id for y in scenario.regions]) for x in (from_region, to_region))
    metros = np.arange(len(scenario.metros))
    if metro_id is not None:
        named = [metro_id] if isinstance(metro_id, str) else metro_id
        ids = [metro.id for metro in scenario.metros]
        metros = np.array([_index("metro", name, ids) for name in named])
    klass = scenario.classes[k]
    demand = scenario.demand_per_h[metros, k]
    egress = [_egress(scenario, metros, demand, at) for at in (h, r)]
    volume, busiest = demand.sum(axis=0), float(demand.sum(axis=0).max())
    move = Move(
        origin=_place(scenario, h, egress[0]),
        away=_place(scenario, r, egress[1]),
        volume_per_h=volume,
        it_kwh=0.0,
        payload_bytes=klass.bytes_per_request,
        sessions=busiest / klass.requests_per_session_h if _carries_state(scenario, klass) else 0.0,
        state_bytes=klass.session_state_bytes,
        state_usd_per_gb=_mean(scenario, egress[1]) + returns * _mean(scenario, egress[0]),
        carbon_price_usd_per_t=scenario.objective.carbon_price_usd_per_t,
        step_hours=scenario.hours.hours,
        stay_h=stay_h,
    )
    point = _point(scenario, klass, move, (h, r), metros, point_id)
    gpu_h = klass.gpu_h(point)
    starts = [_start(scenario, point, r, first=True)]
    starts += [_start(scenario, point, h, first=False)] if returns else []
    return replace(
        move,
        it_kwh=klass.it_kwh(point),
        gpu_h=gpu_h,
        one_off_usd=busiest * gpu_h * sum(usd for usd, _ in starts),
        one_off_t=busiest * gpu_h * sum(tonnes for _, tonnes in starts),
    )


def _index(what: str, wanted: str, known: list[str]) -> int:
    if wanted not in known:
        raise UsageError(f"there is no {what} `{wanted}`; there are: {', '.join(known)}")
    return known.index(wanted)


def _place(scenario: Scenario, r: int, egress: np.ndarray) -> PlaceCharges:
    region = scenario.regions[r]
    return PlaceCharges(
        price_usd_per_mwh=scenario.price_usd_per_mwh[r],
        carbon_g_per_kwh=scenario.deciding_g_per_kwh[r],
        pue=region.pue,
        usd_per_gpu_h=float(scenario.used_usd_per_gpu_h[r]),
        egress_usd_per_gb=egress,
    )


def _egress(scenario: Scenario, metros: np.ndarray, demand: np.ndarray, r: int) -> np.ndarray:
    """Egress price to a region, averaged over the metros as they ask, USD/GB, shape (T,)."""
    price = scenario.network.egress_usd_per_gb[scenario.metro_node[metros], r]
    total = demand.sum(axis=0)
    share = np.where(total > 0.0, demand / np.where(total > 0.0, total, 1.0), 1.0 / len(metros))
    mean: np.ndarray = price[0] + (price - price[0]) @ share
    return mean


def _carries_state(scenario: Scenario, klass: WorkloadClass) -> bool:
    """Sticky sessions pay where the scenario says so; pinned ones could move in no other way."""
    if klass.state is State.STICKY:
        return scenario.frictions.move_state
    return klass.state is State.PINNED


def _mean(scenario: Scenario, series: np.ndarray) -> float:
    """Mean of a series over time, each step as long as the hours that it stands for."""
    return float(np.average(series, weights=scenario.hours.hours))


def _start(
    scenario: Scenario, point: OperatingPoint, r: int, *, first: bool
) -> tuple[float, float]:
    """(USD, tCO2e) per GPU-h/h started, at the signals of the first step or at their means."""
    starts, pue = starts_of(scenario, (point,)), scenario.regions[r].pue
    signals = (scenario.price_usd_per_mwh[r], scenario.deciding_g_per_kwh[r])
    price, grams = (
        np.asarray(signal[0] if first else _mean(scenario, signal)) for signal in signals
    )
    usd = starts.money(float(starts.usd[r, 0]), pue, price)
    return float(usd), float(starts.carbon_t(pue, grams))


def _point(
    scenario: Scenario,
    klass: WorkloadClass,
    move: Move,
    regions: tuple[int, int],
    metros: np.ndarray,
    wanted: str | None,
) -> OperatingPoint:
    """The point named, or the cheapest at origin that the class may use and both regions run.

    Those that are in time for all of the demand in both regions come first, where there are any:
    a move between regions that are too far is looked at all the same.
    """
    if wanted is not None:
        return scenario.points[_index("operating point", wanted, [p.id for p in scenario.points])]
    places = [scenario.regions[r] for r in regions]
    k = scenario.classes.index(klass)
    closed = feasibility(scenario).closed[metros, k][:, regions]
    asks = (scenario.demand_per_h[metros, k] > 0).any(axis=1)
    counted = asks if asks.any() else np.ones_like(asks)
    unusable = int(Closed.POINT | Closed.ACCURACY | Closed.VARIANT | Closed.HARDWARE)
    may = ~((closed[counted] & unusable) != 0).any(axis=(0, 1))
    in_time = may & ~((closed[counted] & int(Closed.LATENCY)) != 0).any(axis=(0, 1))
    able = [scenario.points[o] for o in np.flatnonzero(in_time if in_time.any() else may)]
    if not able:
        raise UsageError(
            f"no operating point of class `{klass.id}` runs in both `{places[0].id}` and "
            f"`{places[1].id}`; name regions that share a model"
        )
    energy = energy_usd_per_kwh(places[0].pue, move.series(move.origin.price_usd_per_mwh))
    tonnes = carbon_t_per_kwh(places[0].pue, move.series(move.origin.carbon_g_per_kwh))
    per_kwh = _mean(scenario, energy + move.carbon_price_usd_per_t * tonnes)
    per_gpu_h = move.origin.usd_per_gpu_h
    return min(able, key=lambda p: klass.it_kwh(p) * per_kwh + klass.gpu_h(p) * per_gpu_h)
