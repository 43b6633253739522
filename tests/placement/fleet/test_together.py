"""What may be asked of a fleet side by side, against one program of all of it in GLPK and HiGHS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import wattlas
from tests.placement.fleet.kinds_oracle import Kinds
from tests.placement.fleet.test_fleet_exact import ALIKE, HELD, ON_DEMAND
from tests.placement.fleet.test_fleet_exact import asked_alike as asked
from tests.placement.fleet.test_kinds import mixed
from tests.placement.fleet.whole_oracle import Whole, whole_fleet
from tests.placement.waiting.test_fleet_under_caps import under_caps
from tests.placement.waiting.test_waiting_fleet import LOST, patient
from wattlas.errors import InfeasibleError
from wattlas.model.fleet import Fleet
from wattlas.model.kinds import by_kind
from wattlas.model.objective import Objective, Solver, Window
from wattlas.model.plan import Status
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet import tied_question, waiting
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet

OUTAGE_GPU = 0.3
SITES = [[0], [1], [2]]
LEAST_CARBON = Objective("carbon")  # type: ignore[arg-type]


def served(s: Scenario) -> Scenario:
    """The scenario in which nothing may go unserved."""
    classes = tuple(replace(k, unserved_usd_per_request=None) for k in s.classes)
    return replace(s, classes=classes)


def survivor(s: Scenario, lost: Sequence[Sequence[int]], kinds: Kinds | None = None) -> Fleet:
    names = [[s.regions[r].id for r in regions] for regions in lost]
    return fleet(by_kind(s, kinds or {}), survive=names, outage_on_demand_gpu=OUTAGE_GPU)


def only_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where one program would be too large, to a narrow gap."""
    for module in (tied_question, waiting):
        monkeypatch.setattr(module, "joint", lambda *_: None)
        monkeypatch.setattr(module, "EXACT", 1e-7)


def of_kinds(
    seed: int, lost: Sequence[Sequence[int]], steps: int = 0, window: Window | None = None,
    *, power: bool = False, must: bool = True,
) -> tuple[Scenario, Kinds]:  # fmt: skip
    """A world of two kinds, some on demand, whose sites take as many of them together, or as much
    power, as fleets of other prices have there."""
    s, kinds = mixed(seed, "on demand")
    kinds = {site: {kind: dict(said) for kind, said in own.items()} for site, own in kinds.items()}
    kinds["region-0"]["H100"] |= {"utilisation_max": 0.8, "embodied_kg_per_gpu_year": 300.0}
    kinds["region-1"]["B200"] |= {"reserved_gpu_max": 0.6, "embodied_kg_per_gpu_year": 300.0}
    s = patient(replace(served(s) if must else s, hours=ALIKE), steps)
    s = s if window is None else under_caps(s, window)
    other = {}
    for n, (site, own) in enumerate(kinds.items()):
        times = (0.3, 1.5, 3.0)[(n + seed) % 3]
        other[site] = {
            kind: {name: times * usd if "usd" in name else usd for name, usd in said.items()}
            for kind, said in own.items()
        }
    taken = whole_fleet(s, other, lost, OUTAGE_GPU).taken(s, other, power=power)
    name = "power_max_kw" if power else "capacity_max"
    *regions, last = [
        replace(region, **{name: 1.01 * most if region.id in kinds else math.inf})  # type: ignore[arg-type]
        for region, most in zip(s.regions, taken, strict=True)
    ]
    # Where one kind runs, some can be bought, too.
    last = replace(last, on_demand_gpu=0.4, on_demand_usd_per_gpu_h=1.0)
    return replace(s, regions=(*regions, last)), kinds


def proven(found: Fleet, expected: Whole) -> None:
    """The fleet costs what one program does, its bound is below it, and its prices prove it."""
    assert found.status is Status.OPTIMAL
    assert expected.highs == pytest.approx(expected.usd, rel=1e-8)
    assert found.optimal.cost_usd == pytest.approx(expected.usd, rel=1e-6)
    assert found.bound_usd <= expected.usd * (1 + 1e-8)
    proof = certify_fleet(found)
    assert abs(proof.gap) <= 1e-6
    assert proof.bound <= expected.usd * (1 + 1e-8)
    assert proof.worst <= 1e-7


def between(s: Scenario, lost: Sequence[Sequence[int]], part: float = 0.6) -> float:
    """A cap on carbon, t, between what the cheapest fleet emits and the least that any does."""
    cheap = whole_fleet(s, {}, lost, OUTAGE_GPU)
    clean = whole_fleet(replace(s, objective=LEAST_CARBON), {}, lost, OUTAGE_GPU)
    assert clean.tonnes < 0.97 * cheap.tonnes
    return part * clean.tonnes + (1 - part) * cheap.tonnes


@pytest.mark.parametrize(
    ("window", "steps", "lost", "cuts"),
    [
        (Window.DAY, 2, [], False),
        (Window.ALL, 0, [], True),
        (None, 2, LOST, False),
        (Window.DAY, 0, LOST, True),
    ],
)
def test_a_cap_of_the_objective_beside_contracts_and_waiting(
    window: Window | None,
    steps: int,
    lost: list[list[int]],
    cuts: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Least cost under a cap on carbon, with caps of tiers, waiting and outages: cost and bound are
    those of one program, the cap is met and has a price; a plan at the fleet keeps all of it."""
    if cuts:
        only_cuts(monkeypatch)
    s = served(patient(asked(1, **HELD), steps))
    s = s if window is None else under_caps(s, window)
    cap = between(s, lost)
    s = replace(s, objective=Objective(carbon_cap_t=cap, carbon_price_usd_per_t=20.0))
    found = survivor(s, lost)
    proven(found, whole_fleet(s, {}, lost, OUTAGE_GPU))
    assert found.optimal.carbon_kg / 1000 == pytest.approx(cap, rel=1e-9)
    assert found.limit is not None
    assert found.limit.price > 0
    assert (len(found.prices.caps) > 0) == (window is not None)
    placed = wattlas.plan(found.scenario)
    assert placed.ok
    assert placed.totals.cost_usd <= found.optimal.cost_usd * (1 + 2e-6)
    if steps:
        unwaited = fleet(replace(s, classes=patient(s, 0).classes)).optimal.cost_usd
        assert found.unwaited is not None
        assert lost or found.unwaited.cost_usd == pytest.approx(unwaited, rel=2e-6)


def test_least_carbon_within_a_cost_beside_contracts() -> None:
    """Within what the cheapest fleet under that carbon costs: as little carbon; within any cost the
    least that there is; and on demand the carbon of what is bought counts."""
    s = under_caps(served(asked(0, **HELD, **ON_DEMAND)), Window.DAY)
    cap = between(s, [])
    usd = whole_fleet(replace(s, objective=Objective(carbon_cap_t=cap)), {}).usd
    least = fleet(replace(s, objective=Objective("carbon", cost_cap_usd=usd)))  # type: ignore[arg-type]
    assert least.optimal.carbon_kg / 1000 == pytest.approx(cap, rel=1e-6)
    assert least.optimal.cost_usd <= usd * (1 + 1e-9)
    assert certify_fleet(least).worst <= 1e-7
    free = fleet(replace(s, objective=LEAST_CARBON))
    clean = whole_fleet(replace(s, objective=LEAST_CARBON), {}).tonnes
    assert free.optimal.carbon_kg / 1000 == pytest.approx(clean, rel=1e-6)
    assert free.status is Status.OPTIMAL
    assert free.limit is None


def test_a_cap_beside_contracts_that_cannot_be_met() -> None:
    """Names the least attainable; one that does not bind has no price, and the fleet is the
    cheapest; carbon that is not what flows emit, or beyond a cap, does not pass."""
    s = replace(under_caps(served(asked(1, **HELD)), Window.DAY), objective=Objective())
    clean = whole_fleet(replace(s, objective=LEAST_CARBON), {}).tonnes
    with pytest.raises(InfeasibleError, match=f"least attainable is {clean:.3g}"):
        fleet(replace(s, objective=Objective(carbon_cap_t=0.9 * clean)))
    loose = fleet(replace(s, objective=Objective(carbon_cap_t=1e3)))
    assert loose.limit is not None
    assert loose.limit.price == 0.0
    assert loose.optimal.cost_usd == pytest.approx(whole_fleet(s, {}).usd, rel=1e-6)
    tight = replace(loose, asked=replace(s, objective=Objective(carbon_cap_t=clean)))
    assert certify_fleet(tight).residuals["carbon"] > 0.01
    said = replace(loose.optimal, carbon_kg=0.9 * loose.optimal.carbon_kg)
    assert certify_fleet(replace(loose, optimal=said)).residuals["carbon"] > 0.05
    poor = Objective("carbon", cost_cap_usd=0.9 * loose.optimal.cost_usd)  # type: ignore[arg-type]
    with pytest.raises(InfeasibleError, match="cost of the fleet is capped"):
        fleet(replace(s, objective=poor))


def test_more_may_run_in_an_hour_than_arrives_in_it() -> None:
    """Where waiting work gathers in few hours, a region holds more accelerators than any hour's
    arrivals could use there."""
    s = served(patient(asked(0, embodied_kg_per_gpu_year=HELD["embodied_kg_per_gpu_year"]), 2))
    s = replace(s, objective=Objective(carbon_price_usd_per_t=1e5))
    proven(fleet(s), whole_fleet(s, {}))


@pytest.mark.parametrize(
    ("seed", "lost", "power", "solver"),
    [
        (0, SITES, False, Solver.ENGINE),
        (1, SITES, True, Solver.HIGHS),
        (2, [], True, Solver.ENGINE),
        (0, [], False, Solver.HIGHS),
    ],
)
def test_a_site_takes_what_is_reserved_and_bought_together(
    seed: int, lost: list[list[int]], power: bool, solver: Solver
) -> None:
    """Accelerators, or power, of all kinds of a site, those by the hour among them, in every hour
    and outage: cost and bound are those of one program, and the bound of the site costs."""
    s, kinds = of_kinds(seed, lost, power=power, must=seed != 2)
    found = survivor(replace(s, solver=solver), lost, kinds)
    proven(found, whole_fleet(s, kinds, lost, OUTAGE_GPU))
    free = replace(s, regions=tuple(replace(r, capacity_max=math.inf, power_max_kw=math.inf)
                                    for r in s.regions))  # fmt: skip
    assert whole_fleet(free, kinds, lost, OUTAGE_GPU).usd < found.optimal.cost_usd * (1 - 1e-3)
    paid = [*found.prices.sites, *(need.usd * need.sites.max() for need in found.prices.needs)]
    assert (found.prices.duals["shared_site"] < 0).any() or max(paid) > 0


@pytest.mark.parametrize(
    ("seed", "lost", "steps", "window", "cuts"),
    [
        (1, [], 0, Window.ALL, False),
        (1, SITES, 2, None, False),
        (0, SITES, 0, Window.DAY, True),
        (2, [], 2, None, True),
    ],
)
def test_sites_of_kinds_beside_contracts_and_waiting(
    seed: int,
    lost: list[list[int]],
    steps: int,
    window: Window | None,
    cuts: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Likewise under caps of tiers and where requests wait; a plan at the fleet is feasible."""
    if cuts:
        only_cuts(monkeypatch)
    s, kinds = of_kinds(seed, lost, steps, window)
    found = survivor(s, lost, kinds)
    proven(found, whole_fleet(s, kinds, lost, OUTAGE_GPU))
    assert (len(found.prices.caps) > 0) == (window is not None)
    placed = wattlas.plan(found.scenario)
    assert placed.ok
    assert placed.totals.cost_usd <= found.optimal.cost_usd * (1 + 2e-6)


def test_kinds_contracts_waiting_and_a_cap_at_once() -> None:
    """All of it in one question; the certificate notices more at a site than it takes, and prices
    of places that are not those of the fleet prove less."""
    s, kinds = of_kinds(0, [], 2, Window.DAY)
    cheap = whole_fleet(s, kinds).tonnes
    clean = whole_fleet(replace(s, objective=LEAST_CARBON), kinds).tonnes
    s = replace(s, objective=Objective(carbon_cap_t=0.5 * (cheap + clean)))
    found = fleet(by_kind(s, kinds))
    proven(found, whole_fleet(s, kinds))
    assert found.optimal.carbon_kg / 1000 <= 0.5 * (cheap + clean) * (1 + 1e-9)
    tight = tuple(replace(r, capacity_max=0.9 * r.capacity_max) for r in s.regions)
    less = replace(found, asked=by_kind(replace(s, regions=tight), kinds))
    assert certify_fleet(less).residuals["sites"] > 0.05
    # Of a site that takes none, dust is dust, and what stands there is told by the largest.
    none = tuple(replace(r, capacity_max=0.0) for r in s.regions)
    nothing = replace(found, asked=by_kind(replace(s, regions=none), kinds))
    assert 0.5 <= certify_fleet(nothing).residuals["sites"] <= len(kinds)
    for part in (0.0, 3.0):
        duals = {name: dual.copy() for name, dual in found.prices.duals.items()}
        duals["shared_site"] *= part
        sites = tuple(part * np.array(found.prices.sites))
        prices = replace(found.prices, duals=duals, sites=sites)
        assert certify_fleet(replace(found, prices=prices)).gap > 1e-5
