"""`resize`: what the contracts of a design save a fleet that may be resized.

A reserved accelerator is paid for whether it is used or not, so that degrading frees nothing that
costs money, until the lease ends. Then as many are held as the peak needs, and what is degraded at
the peak takes accelerators off it. Each class's contract is looked for on an estimate of that
(`tiers.peak`); what is stated are the costs of fleets, each of least cost for its own question.
Section 14 of the model; docs/offers.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.contract import Tier
from wattlas.model.fleet import Fleet, FleetCost
from wattlas.model.offer import offer as offered
from wattlas.model.scenario import Scenario
from wattlas.model.service import Service
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.terms import terms_of
from wattlas.placement.fleet.tiered import tiered_fleet
from wattlas.placement.problem.feasibility import feasibility
from wattlas.studies.offers import GREEN, WINDOW, Design, TierDesign
from wattlas.tiers.goal import no_loss_usd
from wattlas.tiers.market import Contract
from wattlas.tiers.offer import Offer
from wattlas.tiers.peak import Peaks
from wattlas.tiers.resized import Delivered, best_resized, judged
from wattlas.tiers.savings import degraded_between
from wattlas.tiers.verdict import brings_enough

EXACT = 3e-5
"""Relative gap of the fleets: what a contract saves is some per cent of a fleet's cost, and is
stated with the interval that the gaps leave. At 1e-6 a year takes twice as long."""
SAME = 5e-3
"""An adoption that the saving is stated at and that it brings differ by less, relative."""
ROUNDS = 3
"""Fleets that are found for a contract until the two adoptions agree."""
PEAK, CARBON = "at the peak", "when carbon is high"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Allocation:
    """When the permitted requests of a contract are degraded, and the fleet that is then needed.

    Money against the fleet without the contract, over the scenario's hours.
    """

    when: str
    offer: Offer
    """The contract with what it brings, judged with what is stated here."""
    adopted: float
    """Share of the class's requests that the fleet was found for."""
    fleet: FleetCost
    bound_usd: float
    """No fleet for the same question costs less."""
    degraded: float
    """Requests that are degraded."""
    saved_usd: float
    """Rent, energy and egress that the fleet with the contract costs less."""
    saved_low_usd: float
    """The two fleets of least cost differ by this at least,"""
    saved_high_usd: float
    """and by this at most."""
    worth: bool
    """Whether the contract is worth offering with this allocation."""
    fewer_gpu: float
    usd_per_point: float
    """What one more percent of permitted degradation would save at most; nan where unknown."""

    @property
    def usd_per_million(self) -> float:
        """What a million degraded requests save in the mean, USD."""
        return 1e6 * self.saved_usd / self.degraded if self.degraded else 0.0


@dataclass(frozen=True)
class ResizedDesign:
    """A class: the contract of most value where the fleet may be resized, under both allocations.

    `allocations`, at the peak and when carbon is high, is empty where no contract brings anything.
    `busy_h` is how many of the scenario's hours the accelerators that the first saves would have
    been busy.
    """

    design: Design
    allocations: tuple[Allocation, ...] = ()
    busy_h: float = float("nan")


@dataclass(frozen=True)
class Resized:
    """What the contracts of a design save a fleet that may be resized."""

    design: TierDesign
    base: Fleet
    """The fleet without any contract."""
    designs: tuple[ResizedDesign, ...]


def resize(
    design: TierDesign,
    *,
    fair: bool = True,
    exact: float = EXACT,
    base: Fleet | None = None,
    progress: Progress | None = None,
) -> Resized:
    """Value the contracts of a design by the fleet that is needed with each.

    One class at a time; the others are served in full. Raises InputError where no accelerator is
    reserved at a price, and for a sample of the hours, which misses the peak.
    """
    tell = progress or (lambda _what, _share: None)
    scenario = design.plan.scenario
    tell("the fleet without tiers", 0.0)
    base = fleet_without(scenario, exact) if base is None else base
    designs = []
    for n, each in enumerate(design.designs):
        tell(f"fleets of class {each.service.klass}", (n + 0.5) / len(design.designs))
        question = _ResizeQuestion(design, each, base, fair, exact)
        designs.append(question.answer())
    return Resized(design, base, tuple(designs))


def fleet_without(scenario: Scenario, exact: float = EXACT) -> Fleet:
    """The fleet of a scenario without tiers. Raises InputError as `resize`."""
    if len(set(scenario.hours.weight.tolist())) > 1 or scenario.hours.weight[0] != 1.0:
        what = "is a sample of the hours: the largest may be missing, and a fleet is held for it"
        fix = "Leave out time.sample, or ask with --fleet keep."
        raise InputError([Problem("time.sample", what, fix)])
    return fleet(scenario, exact=exact)


@dataclass(frozen=True)
class _ResizeQuestion:
    """A class of a design, and the fleet without its contract."""

    whole: TierDesign
    design: Design
    base: Fleet
    fair: bool
    exact: float

    @property
    def service(self) -> Service:
        return self.design.service

    @property
    def _scenario(self) -> Scenario:
        return self.whole.plan.scenario

    def answer(self) -> ResizedDesign:
        """The contract at the peak, and the same where carbon is high."""
        market = self.design.market
        if market is None:
            return ResizedDesign(self.design)
        peaks = self._peaks()
        gain_g = self.service.full_carbon_g - self.service.carbon_g
        estimate = self._estimate(peaks)
        contract = best_resized(
            market,
            np.asarray(self.service.mean(gain_g)),
            estimate,
            objective=self.whole.terms.objective,
            fair=self.fair,
        )
        if contract is None:
            return ResizedDesign(self.design)
        at_peak = self._settled(contract, self._at_peak)
        dirty = self._settled(contract, self._when_dirty)
        busy = _busy_h(self._load(), self._scenario.hours.hours, at_peak.fewer_gpu)
        return ResizedDesign(self.design, (at_peak, dirty), busy)

    def _load(self) -> np.ndarray:
        instance = terms_of(self._scenario).instance
        return np.asarray(instance.leanest_gpu_h @ instance.demand)

    def _peaks(self) -> Peaks:
        served = self.service
        return Peaks(self._load(), served.requests, self._scenario.hours.hours, served.window)

    def _freed_gpu_h(self) -> list[float]:
        """Accelerator time that a degraded request of each fallback frees, GPU-h, (F,)."""
        workload = next(k for k in self._scenario.classes if k.id == self.service.klass)
        points = {o.id: o for o in (*self._scenario.points, *self.whole.points)}
        full = min(workload.gpu_h(points[name]) for name in self.service.full_points)
        return [full - workload.gpu_h(points[name]) for name in self.service.points]

    def _smaller(self, contract: Contract, adopted: float) -> np.ndarray:
        """The fleet without the contract, all of it smaller by what the estimate has it, (R,)."""
        freed = self._freed_gpu_h()[contract.point]
        fewer = self._peaks().lowered(freed, adopted, contract.share)
        return self.base.optimal.gpu * (1.0 - fewer / max(float(self._load().max()), 1e-300))

    def _estimate(self, peaks: Peaks) -> Callable[[int, float, float], float]:
        """USD saved by the fallback's row, adoption and cap: rent of the peak, and energy."""
        freed = self._freed_gpu_h()
        rent = self.base.optimal.rent_usd / max(self.base.optimal.count, 1e-300)
        gain = self.service.mean(self.service.full_cost_usd - self.service.cost_usd)
        volume = float(self.service.requests.sum())

        def saved(point: int, adopted: float, share: float) -> float:
            energy = max(float(gain[point]), 0.0) * adopted * share * volume
            return rent * peaks.lowered(freed[point], adopted, share) + energy

        return saved

    def _settled(
        self, contract: Contract, allocation_at: Callable[[Contract, float, np.ndarray], Allocation]
    ) -> Allocation:
        """The allocation at the adoption that it brings itself."""
        market = self.design.market
        assert market is not None
        share = contract.share
        gain_g = self.service.mean(self.service.full_carbon_g - self.service.carbon_g)
        flat = Delivered(float(gain_g[contract.point]) * share, 0.0, share)
        adopted = judged(market, contract, flat).adoption
        start = self._smaller(contract, adopted)
        for _ in range(ROUNDS):
            answer = allocation_at(contract, adopted, start)
            brought = answer.offer.adoption
            if abs(brought - adopted) <= SAME * adopted:
                break
            adopted, start = brought, answer.fleet.gpu
        return answer

    def _at_peak(self, contract: Contract, adopted: float, start: np.ndarray) -> Allocation:
        """Degraded where the program of the fleet has it."""
        scenario = offered(self._with_point(contract), [self._tier(contract, adopted)])
        starts = [self.base.optimal.gpu, start]
        answer = tiered_fleet(scenario, starts=starts, exact=self.exact)
        return self._allocation(
            PEAK, contract, adopted, answer.optimal, answer.bound_usd, answer.degraded,
            answer.usd_per_point,
        )  # fmt: skip

    def _when_dirty(self, contract: Contract, adopted: float, _start: np.ndarray) -> Allocation:
        """Degraded in the hours in which that saves most carbon, then the fleet for what is left.

        What is degraded is a demand of its own, that only the fallback serves.
        """
        tier = replace(self._tier(contract, adopted), share_max=1.0)
        scenario = offered(self._with_point(contract), [tier])
        share = adopted * self._dirty_share(contract)
        at = [k.contract for k in scenario.classes].index(GREEN)
        own = [k.id for k in scenario.classes].index(self.service.klass)
        points = tuple(o.id for o in scenario.points if o.contract == GREEN)
        is_low = np.array([o.contract == GREEN for o in scenario.points])
        allowed: np.ndarray = feasibility(scenario).allowed[:, at]
        open_to = np.asarray(allowed[:, :, is_low].any(axis=(1, 2)))
        demand = scenario.demand_per_h.copy()
        under = demand[:, own] + demand[:, at]
        demand[:, at] = np.where(open_to[:, None], under * share, 0.0)
        demand[:, own] = under - demand[:, at]
        classes = list(scenario.classes)
        classes[at] = replace(classes[at], points=points)
        fixed = replace(
            scenario, classes=tuple(classes), demand_per_h=demand, share_caps=(), tiers=()
        )
        answer = fleet(fixed, exact=self.exact)
        degraded = demand[:, at].sum(axis=0) * scenario.hours.hours
        return self._allocation(
            CARBON, contract, adopted, answer.optimal, answer.bound_usd, degraded, float("nan")
        )

    def _dirty_share(self, contract: Contract) -> np.ndarray:
        """Share of the contract's requests that each hour degrades under the carbon rule, (T,)."""
        gain = self.service.full_carbon_g - self.service.carbon_g[contract.point]
        begin, end = degraded_between(self.service, gain)
        width = np.where(end > begin, end - begin, 1.0)
        taken = np.clip((contract.share - begin) / width, 0.0, 1.0)
        return np.asarray(np.where((gain > 0) & (end > begin), taken, 0.0))

    def _with_point(self, contract: Contract) -> Scenario:
        return self.whole.with_points([self.service.points[contract.point]])

    def _tier(self, contract: Contract, adopted: float) -> Tier:
        served, point = self.service, contract.point
        return Tier(
            id=GREEN,
            share_max=contract.share,
            adoption=min(adopted, 1.0),
            accuracy_min=float(served.accuracy[point]),
            latency_factor=served.latency_factor(point),
            discount=contract.discount,
            classes=(served.klass,),
            points=(served.points[point],),
            window=WINDOW,
        )

    def _allocation(
        self, when: str, contract: Contract, adopted: float, resized: FleetCost, bound_usd: float,
        degraded: np.ndarray, usd_per_point: float,
    ) -> Allocation:  # fmt: skip
        """What a fleet saves, and the offer with that."""
        market, served = self.design.market, self.service
        assert market is not None
        saved = self.base.optimal.cost_usd - resized.cost_usd
        volume = max(adopted * float(served.requests.sum()), 1e-300)
        gain_g = served.full_carbon_g - served.carbon_g[contract.point]
        delivered = Delivered(
            float(degraded @ gain_g) / volume, saved / volume, float(degraded.sum()) / volume
        )
        offer = judged(market, contract, delivered)
        no_loss = offer.profit_gain_usd >= -no_loss_usd(market) and offer.carbon_saved_kg > 0
        return Allocation(
            when=when,
            offer=offer,
            worth=no_loss and brings_enough(market, offer, self.whole.terms.objective),
            saved_low_usd=self.base.bound_usd - resized.cost_usd,
            saved_high_usd=self.base.optimal.cost_usd - bound_usd,
            adopted=adopted,
            fleet=resized,
            bound_usd=bound_usd,
            degraded=float(degraded.sum()),
            saved_usd=saved,
            fewer_gpu=self.base.optimal.count - resized.count,
            usd_per_point=usd_per_point,
        )


def _busy_h(load: np.ndarray, hours: np.ndarray, fewer_gpu: float) -> float:
    """Hours over the scenario in which the last so many accelerators of the peak are busy."""
    if fewer_gpu <= 0:
        return 0.0
    over = np.clip(load - (float(load.max()) - fewer_gpu), 0.0, fewer_gpu)
    return float(over @ hours) / fewer_gpu
