"""What must hold of any fleet: order, bounds, prices of accelerators, and bad questions."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests import fleets
from tests.placement.fleet.test_fleet_exact import ON_DEMAND, asked
from tests.shipped import shipped
from wattlas.errors import InfeasibleError, InputError, UsageError
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.fleet.fleet import fleet, fleet_and_learnt
from wattlas.placement.fleet.master import CutMaster
from wattlas.placement.fleet.reach import reach
from wattlas.placement.fleet.search import Footing, least
from wattlas.placement.fleet.size import SAMPLED
from wattlas.placement.problem.feasibility import feasibility


def cost(s: Scenario, **more: object) -> float:
    return fleet(s, **more).optimal.cost_usd  # type: ignore[arg-type]


def with_gpu(s: Scenario, gpu: np.ndarray) -> Scenario:
    return replace(s, reserved_gpu=np.repeat(gpu[:, None], s.hours.count, axis=1))


@pytest.mark.parametrize("seed", range(3))
def test_more_freedom_never_costs_more(seed: int) -> None:
    """A lower rent, a looser bound and a region more: never a costlier fleet."""
    s = asked(seed, reserved_gpu_max=(2.0, 2.0, 3.0, 3.0))
    base = cost(s)
    cheaper = tuple(
        replace(region, reserved_usd_per_gpu_year=0.9 * region.reserved_usd_per_gpu_year)
        for region in s.regions
    )
    looser = tuple(replace(region, reserved_gpu_max=math.inf) for region in s.regions)
    closed = tuple(
        replace(region, reserved_gpu_max=0.0 if r == 1 else region.reserved_gpu_max)
        for r, region in enumerate(s.regions)
    )
    assert cost(replace(s, regions=cheaper)) < base
    assert cost(replace(s, regions=looser)) <= base * (1 + 1e-6)
    try:
        without = cost(replace(s, regions=closed))
    except InfeasibleError:
        without = math.inf
    assert without >= base * (1 - 1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_a_fleet_is_tight(seed: int) -> None:
    """Every hour has its placement at the fleet; with less of any region there is none, or one that
    costs about what the accelerator is said to save."""
    found = fleet(asked(seed))
    gpu = found.optimal.gpu
    assert wattlas.plan(found.scenario).ok
    for r in np.flatnonzero(gpu > 0.05):
        less = gpu.copy()
        less[r] -= 0.02
        plan = wattlas.plan(with_gpu(found.scenario, less))
        if plan.status is Status.INFEASIBLE:
            continue
        saved = plan.totals.cost_usd - found.optimal.cost_usd
        assert saved >= -1e-6 * found.optimal.cost_usd


def test_what_one_more_saves_is_its_rent() -> None:
    """Where a region has accelerators and no bound holds, one more is worth what it costs; where a
    bound holds it is worth more, where it has none it is worth less."""
    s = asked(0, reserved_gpu_max=(math.inf, 1.0, math.inf, math.inf))
    found = fleet(s, exact=1e-9)
    rent = np.array([r.reserved_usd_per_gpu_year for r in s.regions]) * s.hours.hours.sum() / 8760
    gpu, saved = found.optimal.gpu, found.saved_by_one_usd
    inside = (gpu > 0.01) & (gpu < 0.99 * np.array([r.reserved_gpu_max for r in s.regions]))
    assert inside.any()
    np.testing.assert_allclose(saved[inside], rent[inside], rtol=1e-3)
    assert (saved[gpu < 1e-6] <= rent[gpu < 1e-6] * (1 + 1e-6)).all()
    assert saved[1] >= rent[1] * (1 - 1e-6)


def test_bounds_of_a_sceptic() -> None:
    """The peak of the sum is never above the count, own peaks never cheaper, whole ones neither."""
    s = asked(2)
    classes = tuple(replace(k, unserved_usd_per_request=None) for k in s.classes)
    found = fleet(replace(s, classes=classes))
    assert found.least_count <= found.optimal.count * (1 + 1e-7)
    assert found.own_peaks.cost_usd >= found.optimal.cost_usd * (1 - 1e-6)
    assert found.whole.cost_usd >= found.optimal.cost_usd * (1 - 1e-6)
    assert (found.whole.gpu >= found.optimal.gpu - 1e-5).all()
    assert found.bound_usd <= found.optimal.cost_usd
    assert 0 < found.least_rent_usd <= found.optimal.rent_usd * (1 + 1e-7)
    bought = fleet(asked(2, **ON_DEMAND))
    assert math.isnan(bought.least_count)
    assert math.isnan(bought.least_rent_usd)
    assert math.isnan(fleet(s).least_rent_usd)


def test_the_given_fleet_is_told_where_it_is_one_number() -> None:
    """As given: what it costs, nan where it cannot serve; None where it changes by the hour."""
    s = asked(1)
    much = fleet(with_gpu(s, np.full(4, 9.0))).given
    little = fleet(with_gpu(s, np.full(4, 0.01))).given
    assert much is not None
    assert little is not None
    plan = wattlas.plan(with_gpu(s, np.full(4, 9.0)))
    assert much.cost_usd == pytest.approx(plan.totals.cost_usd, rel=1e-9)
    assert much.carbon_kg == pytest.approx(plan.totals.carbon_kg, rel=1e-9)
    assert much.it_mwh == pytest.approx(plan.totals.it_mwh, rel=1e-9)
    assert math.isnan(little.cost_usd)
    assert fleet(s).given is None


def test_no_accelerator_costs_nothing_where_all_are_on_demand() -> None:
    """On demand cheaper than reserved in every hour: nothing is reserved, at the closed form."""
    s = asked(0, on_demand_gpu=(math.inf,) * 4, on_demand_usd_per_gpu_h=(0.2,) * 4)
    found = fleet(s)
    assert found.optimal.count == pytest.approx(0.0, abs=1e-6)
    free = wattlas.plan(
        replace(
            s,
            regions=tuple(replace(r, reserved_gpu=0.0) for r in s.regions),
            reserved_gpu=np.zeros(s.reserved_gpu.shape),
        )
    )
    assert found.optimal.cost_usd == pytest.approx(free.totals.cost_usd, rel=1e-6)


def test_losing_nothing_is_no_outage_and_law_is_told() -> None:
    """What may run nowhere else is told as uncoverable, and is no reason for accelerators."""
    s = asked(0)
    ids = [region.id for region in s.regions]
    alone = fleet(s, survive=[ids])
    assert alone.survives[0].uncoverable_share > 0.5
    assert alone.optimal.cost_usd == pytest.approx(cost(s), rel=2e-6)
    assert alone.nominal is not None


def test_reach_never_costs_more() -> None:
    """The cost falls with reach, the widest is the fleet without a limit, the narrowest the own
    peaks of operating points that are chosen at the baseline region."""
    s = asked(1)
    s = replace(s, classes=tuple(replace(k, unserved_usd_per_request=None) for k in s.classes))
    found = reach(s, samples=None, exact=1e-6)
    told = found.table()
    assert told["reach"] == [fleet.x for fleet in found.fleets]
    assert told["fleet_gpu"] == pytest.approx([fleet.cost.gpu.sum() for fleet in found.fleets])
    for name in ("cost_usd", "rent_usd", "carbon_kg", "it_mwh"):
        assert told[name] == [getattr(fleet.cost, name) for fleet in found.fleets]
    assert told["rent_usd"] != told["cost_usd"]
    costs = [fleet.cost.cost_usd for fleet in found.fleets]
    assert len(costs) > 2
    assert all(b <= a * (1 + 4e-6) for a, b in itertools.pairwise(costs))
    assert costs[-1] == pytest.approx(cost(s), rel=4e-6)
    for jump in found.jumps:
        assert jump.pairs
        assert jump.before.cost_usd > jump.after.cost_usd
    total = sum(jump.before.cost_usd - jump.after.cost_usd for jump in found.jumps)
    assert total == pytest.approx(costs[0] - costs[-1], rel=1e-3)
    for (_, _, _, usd), (_, _, _, later) in itertools.pairwise(found.slopes()):
        assert usd >= later * (1 - 1e-9)
    for fleet_at in reach(s, samples=3).fleets:
        usd = fleet_at.cost.cost_usd
        assert 0 <= usd - fleet_at.bound_usd <= 1.01e-4 * usd


def test_reach_begins_at_nothing_where_a_region_is_nearer_than_the_baseline() -> None:
    """What is nearer is open from the start, as if it were as far."""
    s = shipped("tiny", set=["baseline={classes: {D: {berlin: austin}}}"])
    assert [fleet.x for fleet in reach(s, samples=2).fleets] == [0.0, 159.0]


@pytest.mark.parametrize("variant", ["added_ms", "scale"])
def test_what_is_known_of_the_fleet_changes_no_reach(variant: str) -> None:
    """Reaches that begin with the scenario's own fleet cost what they cost by themselves, also
    those that are wider than it."""
    s = asked(1)
    _, learnt = fleet_and_learnt(s, survive=[[s.regions[0].id]], exact=1e-6)
    assert learnt is not None
    known = reach(s, variant=variant, exact=1e-6, known=learnt)
    alone = reach(s, variant=variant, exact=1e-6)
    for begun, found in zip(known.fleets, alone.fleets, strict=True):
        assert begun.x == found.x
        assert begun.cost.cost_usd == pytest.approx(found.cost.cost_usd, rel=2e-6)
        assert begun.bound_usd <= found.cost.cost_usd * (1 + 1e-9)


def test_a_narrow_reach_by_way_of_a_wide_one() -> None:
    """Of many hours a narrower reach begins with a sample and with what wider ones taught of it: it
    costs what it costs as the widest of its own search, and both bounds hold for both."""
    s = asked(1, Hours.range("2023-06-01T00:00:00", SAMPLED), **ON_DEMAND)
    gap = 1e-4
    along = reach(s, samples=3, exact=gap).fleets
    assert len(along) > 2
    middle = reach(s, most=along[1].x, samples=2, exact=gap).fleets
    for known, alone in zip(along[:2], middle, strict=True):
        assert known.x == alone.x
        costs = known.cost.cost_usd, alone.cost.cost_usd
        for fleet_ in (known, alone):
            assert fleet_.cost.cost_usd - fleet_.bound_usd <= gap * fleet_.cost.cost_usd
            assert fleet_.bound_usd <= min(costs) * (1 + 1e-9)


def test_questions_that_no_fleet_answers() -> None:
    """Every reason at once, each with what to do instead."""
    s = asked(0, reserved_usd_per_gpu_year=(0.0,) * 4)
    capped = Objective(Minimise.CARBON, cost_cap_share=0.9)
    with pytest.raises(InputError) as refused:
        fleet(replace(s, objective=capped))
    places = [problem.where for problem in refused.value.problems]
    assert places == [
        "objective.cost_cap_share", "objective.minimise", "regions.*.reserved_usd_per_gpu_year",
    ]  # fmt: skip
    with pytest.raises(InputError, match="frictions"):
        fleet(replace(asked(0), frictions=Frictions(move_state=True)))
    with pytest.raises(InputError, match="atlantis"):
        fleet(asked(0), survive=[["atlantis"]])
    with pytest.raises(InputError, match="more than an operating point draws"):
        fleet(asked(0, idle_w=(1e6,) * 4))
    with pytest.raises(InputError, match="differs between regions"):
        fleet(asked(0, idle_w=(1.0, 2.0, 1.0, 1.0)))
    with pytest.raises(UsageError, match="added_ms"):
        reach(asked(0), variant="miles")


def test_demand_without_an_open_place_is_no_rounding() -> None:
    """It is told as by a plan, and never left out of what a fleet serves."""
    s = asked(0)
    classes = tuple(replace(k, latency_budget_ms=1.0, when_none="error",
                            unserved_usd_per_request=None) for k in s.classes)  # fmt: skip
    with pytest.raises(InfeasibleError, match="metro-"):
        fleet(replace(s, classes=classes))


def test_bounds_that_cannot_serve_name_the_hour() -> None:
    """Least shortage first: the worst hour, how much it is short of, and what to raise."""
    with pytest.raises(InfeasibleError, match=r"GPU-h/h are short.*reserved_gpu_max"):
        fleet(asked(0, reserved_gpu_max=(0.1,) * 4))
    with pytest.raises(InputError, match="below reserved_gpu_min"):
        asked(0, reserved_gpu_min=(3.0, 0, 0, 0), reserved_gpu_max=(2.0, 9, 9, 9))


class Bowl:
    """Σ w·|y − c| over groups, with y₀ + y₁ ≥ 1 as all that is possible."""

    def __init__(self) -> None:
        self.centre = np.array([[0.2, 0.3], [0.9, 0.1]])

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """Value and cuts at y."""
        value = self.value(y, master)
        short = np.array([1.0 - y.sum()])
        if short[0] > 1e-12:
            master.forbid(short, -np.ones((1, 2)), y)
            return math.inf
        return value

    def value(self, y: np.ndarray, master: CutMaster) -> float:
        """The same whether it is possible or not."""
        value = np.abs(y - self.centre).sum(axis=1)
        master.learn(np.arange(2), value, np.sign(y - self.centre), y)
        return float(value.sum())


def test_the_master_knows_nothing_of_hours() -> None:
    """A function that has no hours: its least and the bound meet, by hand 0.1 + 0.9 + 0.2 + 0.3."""
    master = CutMaster(np.array([0.1, 0.3]), np.zeros(2), np.ones(2) * 2.0, np.zeros(2))
    found = least(Bowl(), master, [np.ones(2) * 2.0], exact=1e-9)
    grid = np.linspace(0, 2, 201)
    values = [
        0.1 * a + 0.3 * b + np.abs(np.array([a, b]) - Bowl().centre).sum()
        for a in grid for b in grid if a + b >= 1 - 1e-9
    ]  # fmt: skip
    assert found.value == pytest.approx(min(values), abs=1e-8)
    assert found.bound == pytest.approx(min(values), abs=1e-8)


class Unsure(Bowl):
    """A bowl that lets two points through before it knows what is not possible."""

    let = 2

    def ask(self, y: np.ndarray, master: CutMaster) -> float:
        """Value and cuts at y, also where nothing is possible at first."""
        self.let -= 1
        return super().ask(y, master) if self.let < 0 else self.value(y, master)


def test_a_best_point_that_proves_impossible_is_dropped() -> None:
    """A start that is let through costs least of all and is not possible: the search ends at the
    least of what is, as it does without."""
    cost, ends = np.array([0.1, 0.3]), (np.zeros(2), np.ones(2) * 2.0)
    known = least(Bowl(), CutMaster(cost, *ends, np.zeros(2)), [ends[1]], exact=1e-9)
    master = CutMaster(cost, *ends, np.zeros(2))
    footing = Footing(ends[1], lambda y: float(y.sum()) >= 1.0 - 1e-12)
    found = least(Unsure(), master, [np.array([0.2, 0.1])], exact=1e-9, footing=footing)
    assert found.y.sum() >= 1.0 - 1e-12
    assert found.value == pytest.approx(known.value, abs=1e-8)
    assert found.bound == pytest.approx(known.value, abs=1e-8)


def test_alike_demands_keep_their_own_regions() -> None:
    """Demands that may be served alike are one source, and yet each has a baseline region."""
    s = fleets.scenario("one-cloud")
    found = fleet(s, exact=1e-4)
    region = {r.id: n for n, r in enumerate(s.regions)}
    near = {"new-york": "virginia", "seattle": "oregon", "berlin": "frankfurt",
            "paris": "frankfurt", "jakarta": "singapore"}  # fmt: skip
    judged = feasibility(s)
    peaks = np.zeros((len(s.regions), s.hours.count))
    for i, metro in enumerate(s.metros):
        for k in range(len(s.classes)):
            r = region[near[metro.id]]
            least = s.gpu_h[k][judged.allowed[i, k, r]].min()
            peaks[r] += least * s.demand_per_h[i, k]
    assert found.own_peaks.gpu == pytest.approx(peaks.max(axis=1))


def test_a_loss_that_bounds_forbid_is_infeasible() -> None:
    """The bounds serve the demand, and not with a region lost: an error that says so."""
    limits = ["regions.all.reserved_gpu_max=4.4", "regions.oslo.reserved_gpu_max=3"]
    s = shipped("tiny", set=limits)
    assert fleet(s).status is Status.OPTIMAL
    with pytest.raises(InfeasibleError, match="every set of regions lost"):
        fleet(s, survive=[[r.id] for r in s.regions])


def test_accelerators_are_of_one_kind() -> None:
    """Open points that name two kinds are refused with both; so many of one kind, and a point that
    no class may use, are not."""
    s = shipped("tiny")
    kinds = ("8 x H100", "1 x H100", "2 x B200")
    points = tuple(replace(p, hardware=kind) for p, kind in zip(s.points, kinds, strict=True))
    mixed = replace(s, points=points)
    with pytest.raises(InputError, match="several kinds of accelerators: B200, H100"):
        fleet(mixed)
    own = tuple(point.id for point in points[:2])
    alike = replace(mixed, classes=tuple(replace(k, points=own) for k in s.classes))
    assert fleet(alike).status is Status.OPTIMAL
