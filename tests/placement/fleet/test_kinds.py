"""Fleets of several kinds of accelerators, against one program by region and kind."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests import oracle
from tests.placement.fleet.kinds_oracle import Kinds, oracle_kinds
from tests.placement.fleet.test_fleet_exact import ON_DEMAND, asked
from tests.placement.worlds import flows_of
from wattlas.errors import InfeasibleError, InputError
from wattlas.model.kinds import by_kind
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.reach import reach
from wattlas.placement.fleet.size import first_guess, sample
from wattlas.placement.fleet.terms import terms_of
from wattlas.placement.problem.baseline_region import baseline_of
from wattlas.placement.problem.feasibility import feasibility, first_region

HARDWARE = (("8 x H100", "2 x B200", "H100"), ("H100", "4 x B200", ""))
"""Of the points `large`, `batched` and `small`; one that names nothing runs on any kind."""
RENTS = {
    "region-0": {"H100": 8000.0, "B200": 15000.0},
    "region-1": {"H100": 9000.0, "B200": 11000.0},
    "region-2": {"H100": 7000.0, "B200": 9000.0},
}
MORE = {
    "plain": {},
    "on demand": {
        "H100": {"on_demand_gpu": 0.8, "on_demand_usd_per_gpu_h": 1.3},
        "B200": {"on_demand_gpu": math.inf, "on_demand_usd_per_gpu_h": 2.9},
    },
    "held": {
        "H100": {"idle_w": 20.0, "utilisation_max": 0.8, "reserved_gpu_min": 0.4},
        "B200": {"idle_w": 12.0, "embodied_kg_per_gpu_year": 200.0, "reserved_gpu_max": 1.5},
    },
}


def mixed(seed: int, more: str = "plain", **site: tuple[float, ...]) -> tuple[Scenario, Kinds]:
    """A world whose points are for two kinds, and what those cost in each region but the last,
    where one kind runs."""
    s = asked(seed, idle_w=(0.0, 0.0, 0.0, 20.0 if more == "held" else 0.0), **site)
    points = zip(s.points, HARDWARE[seed % 2], strict=True)
    s = replace(s, points=tuple(replace(point, hardware=kind) for point, kind in points))
    # Which of `large` and `batched` costs less depends on the region.
    s = replace(s, classes=(s.classes[0], replace(s.classes[1], accuracy_min=0.75), s.classes[2]))
    if seed % 2 and more == "held":  # `small` runs on any kind: all draw the same.
        same = {kind: {**MORE[more][kind], "idle_w": 20.0} for kind in ("H100", "B200")}
    else:
        same = MORE[more]
    kinds = {
        region: {
            kind: {"reserved_usd_per_gpu_year": usd, **same.get(kind, {})}
            for kind, usd in rents.items()
        }
        for region, rents in RENTS.items()
    }
    return s, kinds


SITES = {
    "no bound": {},
    "capacity": {"capacity_max": (3.0, 1.5, 2.5, math.inf)},
    "power": {"power_max_kw": (4.0, 2.4, 4.0, math.inf)},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("more", MORE)
def test_a_fleet_of_kinds_is_the_optimum_of_one_program(more: str, seed: int) -> None:
    """Cost, bound and certificate are those of one program with a row by region and kind."""
    s, kinds = mixed(seed, more)
    expected = oracle_kinds(s, kinds)
    found = fleet(by_kind(s, kinds))
    assert expected.status == "optimal"
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=1e-6)
    assert found.bound_usd <= expected.cost_usd * (1 + 1e-9)
    proof = certify_fleet(found)
    assert proof.gap < 2e-6
    assert proof.worst < 1e-6


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("site", ["capacity", "power"])
def test_a_site_takes_its_kinds_together(site: str, seed: int) -> None:
    """Likewise where a site takes so many accelerators, or so much power, of all kinds together;
    and that bound costs something."""
    s, kinds = mixed(seed, "plain", **SITES[site])
    expected = oracle_kinds(s, kinds)
    found = fleet(by_kind(s, kinds))
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=1e-6)
    assert found.optimal.cost_usd > fleet(by_kind(*mixed(seed))).optimal.cost_usd * (1 + 1e-6)
    proof = certify_fleet(found)
    assert proof.gap < 2e-6
    assert proof.worst < 1e-6
    assert max(found.prices.sites) > 0


@pytest.mark.parametrize("seed", range(2))
def test_an_outage_loses_all_kinds_of_a_site(seed: int) -> None:
    """With any one site lost, the fleet is that of one program with an hour more for each."""
    s, kinds = mixed(seed, "on demand")
    expected = oracle_kinds(s, kinds, ((0,), (1,), (2,)))
    split = by_kind(s, kinds)
    lost = [[site] for site in kinds]
    found = fleet(split, survive=lost)
    assert found.optimal.cost_usd == pytest.approx(expected.cost_usd, rel=1e-6)
    by_id = fleet(split, survive=[list(ids) for ids in split.sites[:3]])
    assert found.optimal.cost_usd == pytest.approx(by_id.optimal.cost_usd, rel=1e-6)


def test_the_plan_at_a_fleet_of_kinds_keeps_every_kind() -> None:
    """The fleet as capacity: a plan of it costs the same, and no kind runs more than it has."""
    found = fleet(by_kind(*mixed(0, "on demand")))
    placed = wattlas.plan(found.scenario)
    assert placed.totals.cost_usd == pytest.approx(found.optimal.cost_usd, rel=1e-6)
    s, used = found.scenario, np.zeros((7, 6))
    for _, k, r, o, t, rate in flows_of(placed):
        if r >= 0:
            used[r, t] += s.gpu_h[k, o] * rate
            assert not s.regions[r].site or s.points[o].kind == s.regions[r].hardware
    assert (used <= s.most_gpu * (1 + 1e-9) + 1e-12).all()
    by_hardware = {r.hardware: used[n].max() for n, r in enumerate(s.regions) if used[n].any()}
    assert {"H100", "B200"} <= set(by_hardware)


def test_one_kind_by_name_is_the_fleet_of_one_kind() -> None:
    """Regions that name their only kind have the figures of regions that name none; a second kind
    as dear as the first shares no peak with it, and costs at least as much."""
    s, _ = mixed(0)
    one = replace(s, points=tuple(replace(point, hardware="H100") for point in s.points))
    rents = {r.id: {"reserved_usd_per_gpu_year": r.reserved_usd_per_gpu_year} for r in s.regions}
    named = fleet(by_kind(one, {region: {"H100": rent} for region, rent in rents.items()}))
    plain = fleet(one)
    assert named.optimal.cost_usd == plain.optimal.cost_usd
    assert (named.optimal.gpu == plain.optimal.gpu).all()
    both = {region: {"H100": rent, "B200": rent} for region, rent in rents.items()}
    assert fleet(by_kind(s, both)).optimal.cost_usd >= plain.optimal.cost_usd * (1 - 1e-6)


def test_points_of_several_kinds_need_kinds_of_the_region() -> None:
    """A region that does not say what each kind costs is refused, and only such a one."""
    s, kinds = mixed(0)
    with pytest.raises(InputError, match="several kinds of accelerators: B200, H100"):
        fleet(s)
    with pytest.raises(InputError, match=r"regions.region-1: has operating points"):
        fleet(by_kind(s, {name: of for name, of in kinds.items() if name != "region-1"}))


def test_a_kind_that_no_point_names_is_refused() -> None:
    """So is a field that is none, and a region that there is not; all are told at once."""
    s, _ = mixed(0)
    wrong = {"region-0": {"H10": {"reserved_usd": 1.0}}, "region-9": {"H100": {}}}
    with pytest.raises(InputError) as told:
        by_kind(s, wrong)
    text = str(told.value)
    assert all(word in text for word in ("region-9", "accelerators.H10", "reserved_usd"))


@pytest.mark.parametrize("more", ["plain", "on demand"])
def test_a_site_too_small_is_infeasible(more: str) -> None:
    """Each kind alone would fit, and both together do not, by the hour neither."""
    s, kinds = mixed(0, more, capacity_max=(0.5, 0.5, 0.5, 0.5))
    s = replace(s, classes=tuple(replace(k, unserved_usd_per_request=None) for k in s.classes))
    with pytest.raises(InfeasibleError, match="capacity_max"):
        fleet(by_kind(s, kinds))


def test_kinds_of_a_site_share_its_state_and_its_baseline() -> None:
    """Pinned state is at all kinds of its site, a baseline region is not tied among them, and a
    stated one may be the site's."""
    s, kinds = mixed(0)
    code = replace(s.classes[1], state=State.PINNED)
    s = replace(s, classes=(s.classes[0], code, s.classes[2]))
    before, after = feasibility(s), feasibility(by_kind(s, kinds))
    split = by_kind(s, kinds)
    for r, region in enumerate(split.regions):
        whole = [w.id for w in s.regions].index(region.site or region.id)
        runs = [o for o, p in enumerate(s.points) if p.kind in ("", region.hardware or p.kind)]
        closed = (after.closed[:, 1, r][:, runs] == 0) == (before.closed[:, 1, whole][:, runs] == 0)
        assert closed.all()
    assert (baseline_of(split, after).tied == baseline_of(s, before).tied).all()
    stated = replace(split, baseline=replace(split.baseline, metros={"metro-0": "region-1"}))
    at = baseline_of(stated, feasibility(stated))
    assert split.regions[at.region[0, 0]].site == "region-1"
    assert at.stated[0, 0]
    names, ids = first_region(split), [r.site for r in split.regions]
    assert names == {
        **{site: ids.index(site) for site in ids if site},
        **{region.id: r for r, region in enumerate(split.regions)},
    }
    # Of the kinds of a site the one that is stated is it, where it is open.
    several = [r for r in split.regions if r.site == "region-1"]
    assert len(several) > 1
    for region in several:
        r = split.regions.index(region)
        said = replace(split, baseline=replace(split.baseline, metros={"metro-0": region.id}))
        own = after.allowed[0, :, r].any(axis=1)
        at = baseline_of(said, feasibility(said))
        assert own.any()
        assert (at.region[0, own] == r).all()


@pytest.mark.parametrize("expensive", ["H100", "B200"])
def test_own_peaks_are_of_the_kind_of_least_rent(expensive: str) -> None:
    """Every demand at its baseline region's site, on the kind whose time for it costs least."""
    s, kinds = mixed(0)
    for own in kinds.values():
        if expensive in own:
            own[expensive]["reserved_usd_per_gpu_year"] *= 20.0
    split = by_kind(s, kinds)
    terms, judged = terms_of(split), feasibility(split)
    at, load = baseline_of(split, judged).region, np.zeros((len(split.regions), 6))
    heavier = False  # Does one take more accelerator time where that costs less?
    for i, k in np.argwhere(split.demand_per_h.any(axis=2)):
        site = [r for r in range(len(split.regions)) if split.site[r] == split.site[at[i, k]]]
        need = {
            r: min(oracle.gpu_h(split, k, o) for o in np.flatnonzero(judged.allowed[i, k, r]))
            for r in site
            if judged.allowed[i, k, r].any()
        }
        best = min(need, key=lambda r: need[r] * terms.rent_usd[r])
        heavier |= need[best] > 1.01 * min(need.values())
        load[best] += need[best] * split.demand_per_h[i, k]
    assert heavier
    np.testing.assert_allclose(terms.own_peaks, load.max(axis=1), rtol=1e-12)


def test_reach_takes_kinds() -> None:
    """A fleet along the reach of several kinds costs no more the farther demand may go."""
    found = reach(by_kind(*mixed(0, "held")), samples=2)
    costs = [each.cost.cost_usd for each in found.fleets]
    assert costs == sorted(costs, reverse=True)


def test_the_first_guess_is_what_pays() -> None:
    """Of all loads as a number of accelerators, the one of least rent and cost by the hour."""
    terms = terms_of(asked(0, **ON_DEMAND))
    instance, guess = terms.instance, first_guess(terms)
    load, hours = instance.leanest_gpu_h @ instance.demand, instance.hours
    for r, usd in enumerate(terms.measure.per_on_demand):
        cost = [
            terms.rent_usd[r] * held + usd * float(hours @ np.maximum(load - held, 0.0))
            for held in load
        ]
        part = load[int(np.argmin(cost))] / load.max() if usd > 0 else 1.0
        least = terms.own_peaks[r] - instance.surplus[r].min()
        assert guess[r] == pytest.approx(max(part * terms.own_peaks[r], least))


def test_a_sample_stands_for_the_hours_of_its_groups() -> None:
    """As many of every group, in its order; the weights of each are its hours, or, where some
    groups stand for others, all hours together."""
    group = np.random.default_rng(0).permutation(np.repeat(np.arange(5), (40, 3, 1, 11, 25)))
    steps, weight = sample(group, 3)
    assert (group[steps] == np.repeat(np.arange(5), (3, 3, 1, 3, 3))).all()
    assert set(steps) == set(np.flatnonzero(weight))
    np.testing.assert_allclose(np.bincount(group, weight), np.bincount(group))
    few, stands = sample(group, 1, 2)
    assert (group[few] == [0, 2, 4]).all()
    np.testing.assert_allclose(stands[few] / stands.sum(), np.array([40, 1, 25]) / 66)
    assert stands.sum() == pytest.approx(len(group))
