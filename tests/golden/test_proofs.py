"""What certificates tell, condition by condition, of plans and fleets that are not optimal.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.golden.solve_worlds import minimal, uneven, with_class
from tests.golden.values import compare, number
from wattlas.errors import WattlasError
from wattlas.model.contract import ShareCap
from wattlas.model.fleet import Fleet
from wattlas.model.frictions import Frictions
from wattlas.model.kinds import by_kind
from wattlas.model.objective import Minimise, Window
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.model.workload import State
from wattlas.placement.api import plan
from wattlas.placement.explain.certificate import certify
from wattlas.placement.fleet.certificate import certify_fleet
from wattlas.placement.fleet.fleet import fleet


def _told(title: str, ask: Callable[[], object]) -> Iterator[str]:
    """What is said where there is no answer."""
    with pytest.raises(WattlasError) as error:
        ask()
    yield f"== {title}: {type(error.value).__name__} {error.value}"


def _residuals(title: str, proof: Any) -> Iterator[str]:
    """A line for each condition that something is off; rounding is none."""
    told = {name: value for name, value in proof.residuals.items() if value > 1e-7}
    gap = proof.gap if abs(proof.gap) > 1e-7 else 0.0
    yield f"{title}: bound {number(float(proof.bound))} gap {number(float(gap))} " + " ".join(
        f"{name} {number(float(value))}" for name, value in told.items()
    )


def _tampered(made: Plan) -> Iterator[tuple[str, Plan]]:
    """The plan with one thing changed that makes it no optimum."""
    flows = made.flows
    assert flows is not None
    rate, first = flows.requests_per_h, np.arange(len(flows.hour)) == 3
    yield "as it is", made
    yield "more", replace(made, flows=replace(flows, requests_per_h=rate * 1.07))
    yield "less", replace(made, flows=replace(flows, requests_per_h=np.where(first, 0.4, 1) * rate))
    yield (
        "negative",
        replace(made, flows=replace(flows, requests_per_h=np.where(first, -rate, rate))),
    )
    at = replace(flows, region=np.where(first, 2, flows.region))
    yield "elsewhere", replace(made, flows=at)
    point = np.where(flows.klass == 1, 0, flows.point)
    yield "other points", replace(made, flows=replace(flows, point=point))
    gone = replace(flows, region=np.where(flows.klass == 2, -1, flows.region))
    yield "unserved", replace(made, flows=gone)
    for factor in (0.0, 0.5, -1.0):
        duals = {name: dual * factor for name, dual in made.duals.items()}
        yield f"duals × {factor:g}", replace(made, duals=duals)
    yield "dearer", replace(made, duals={n: dual - 0.2 for n, dual in made.duals.items()})
    yield "none", replace(made, duals={})
    for factor in (2.0, -0.5):
        limits = tuple(replace(limit, price=limit.price * factor) for limit in made.limits)
        if limits:
            yield f"prices × {factor:g}", replace(made, limits=limits)


def _proofs() -> Iterator[str]:
    """What certificates tell of plans that are not optimal, condition by condition."""
    s = uneven(41, 4)
    mean = with_class(s, 1, mean_accuracy_min=0.62)
    hourly = ShareCap("low", ("code", "batch"), ("small",), 0.6, Window.HOUR)
    daily = replace(hourly, window=Window.DAY)
    waits = with_class(uneven(41, hours=Hours.range("2023-02-28T21:00:00", 6)), 2, may_wait_h=2.0)
    worlds = {
        "cost": s, "carbon": minimal(s, minimise=Minimise.CARBON), "accuracy": mean,
        "hourly": replace(mean, share_caps=(hourly,)), "daily": replace(s, share_caps=(daily,)),
        "capped": minimal(s, carbon_cap_share=0.9), "waits": waits,
        "waits, capped": replace(waits, share_caps=(daily,)),
    }  # fmt: skip
    for title, world in worlds.items():
        made = plan(world)
        assert made.ok, title
        yield f"== {title}"
        for what, other in _tampered(made):
            yield from _residuals(what, certify(other))
    made = plan(waits)
    assert made.waited is not None
    ran = made.waited.ran_per_h
    for shift in (1, -1):
        late = replace(made.waited, ran_per_h=np.roll(ran, shift, axis=2))
        yield from _residuals(f"waits {shift}", certify(replace(made, waited=late)))
    budgets = np.full((3, 3), np.inf)
    yield from _residuals("other budgets", certify(plan(s), budgets))
    tied = replace(s, frictions=Frictions(0.2))
    yield from _told("tied", lambda: certify(plan(tied)))
    yield from _told("no flows", lambda: certify(plan(s, keep_flows=False)))


def _fleet_proofs() -> Iterator[str]:
    """What certificates tell of fleets that are not, condition by condition."""
    s = uneven(42, 4)
    regions = tuple(
        replace(r, idle_w=71.0, on_demand_gpu=0.6 * (n == 1), on_demand_usd_per_gpu_h=7.0,
                reserved_usd_per_gpu_year=15e3 - 900 * n, utilisation_max=1.0 - 0.1 * n)
        for n, r in enumerate(s.regions)
    )  # fmt: skip
    s = with_class(replace(s, regions=regions), 2, unserved_usd_per_request=None)
    cap = ShareCap("low", ("code",), ("small",), 0.3, Window.DAY)
    hours = Hours.range("2023-02-28T21:00:00", 5)
    row = with_class(replace(uneven(42, hours=hours), regions=regions), 2, may_wait_h=2.0,
                     unserved_usd_per_request=None)  # fmt: skip
    kinds: dict[str, Any] = {
        region.id: {"H100": {"reserved_usd_per_gpu_year": 15e3 + 999 * n},
                    "B200": {"reserved_usd_per_gpu_year": 19e3 - 999 * n}}
        for n, region in enumerate(regions)
    }  # fmt: skip
    hardware = zip(s.points, ("8 x H100", "B200", "H100"), strict=True)
    bounded = tuple(replace(r, idle_w=0.0, on_demand_gpu=0.0, capacity_max=3.1) for r in regions)
    points = tuple(replace(point, hardware=kind) for point, kind in hardware)
    mixed = replace(s, points=points, regions=bounded)
    patient = _of(row, mixed)
    hourly = replace(cap, window=Window.HOUR)
    bought = {name: {kind: dict(terms) for kind, terms in each.items()}
              for name, each in kinds.items()}  # fmt: skip
    bought["coaly"]["H100"] |= {"on_demand_gpu": 0.9, "on_demand_usd_per_gpu_h": 5.0}
    fleets: dict[str, Callable[[], Fleet]] = {
        "plain": lambda: fleet(s, exact=1e-8),
        "lost": lambda: fleet(s, survive=[["coaly"]], exact=1e-8),
        "carbon": lambda: fleet(minimal(s, minimise=Minimise.CARBON), exact=1e-7),
        "capped": lambda: fleet(replace(s, share_caps=(cap,))),
        "waits, lost": lambda: fleet(row, survive=[["hydro"]]),
        "waits, capped": lambda: fleet(replace(row, share_caps=(cap,))),
        "kinds": lambda: fleet(by_kind(mixed, kinds), exact=1e-8),
        "waits, accurate": lambda: fleet(with_class(row, 1, mean_accuracy_min=0.62)),
        "waits, hourly": lambda: fleet(replace(row, share_caps=(hourly,))),
        "waits, copies": lambda: fleet(_with_copies(row), survive=[["hydro"]]),
        "waits, kinds": lambda: fleet(by_kind(patient, kinds)),
        "waits, kinds, bought": lambda: fleet(by_kind(patient, bought), survive=[["coaly"]]),
    }  # fmt: skip
    for title, ask in fleets.items():
        yield f"== {title}"
        made = ask()
        for what, other in _other_fleets(made):
            yield from _residuals(what, certify_fleet(other))


def _with_copies(s: Scenario) -> Scenario:
    """A class whose state stays, with copies of it in another region."""
    pinned = replace(s.classes[1], state=State.PINNED, latency_budget_ms=2000.0,
                     state_copies=("coaly",))  # fmt: skip
    return replace(s, classes=(s.classes[0], pinned, s.classes[2]))


def _of(s: Scenario, other: Scenario) -> Scenario:
    """A scenario with the points and regions of another."""
    return replace(s, points=other.points, regions=other.regions)


def _other_fleets(made: Fleet) -> Iterator[tuple[str, Fleet]]:
    """The fleet with one thing changed that makes it none of least cost."""
    best, prices = made.optimal, made.prices
    yield "as it is", made
    for factor in (0.8, 1.3):
        yield f"gpu × {factor}", replace(made, optimal=replace(best, gpu=best.gpu * factor))
    first = np.arange(len(best.gpu)) == 0
    yield "one more", replace(made, optimal=replace(best, gpu=best.gpu + first))
    for name in ("rent_usd", "variable_usd", "carbon_kg"):
        other = replace(best, **{name: getattr(best, name) * 1.1})
        yield f"{name} × 1.1", replace(made, optimal=other)
    for factor in (0.0, 0.5, 1.5, -1.0):
        duals = {name: dual * factor for name, dual in prices.duals.items()}
        yield f"duals × {factor}", replace(made, prices=replace(prices, duals=duals))
    for factor in (0.5, 3.0, -1.0):
        needs = tuple(
            replace(n, usd=n.usd * factor,
                    by_hour=None if n.by_hour is None else n.by_hour * factor)
            for n in prices.needs
        )  # fmt: skip
        sites = tuple(usd * factor for usd in prices.sites)
        other_prices = replace(prices, needs=needs, caps=prices.caps * factor, sites=sites)
        yield f"needs × {factor}", replace(made, prices=other_prices)
    if made.placed is not None:
        placed = made.placed
        one = np.arange(len(placed.value)) == 2
        yield "placed more", replace(made, placed=placed._replace(value=placed.value * 1.06))
        yield (
            "placed less",
            replace(made, placed=placed._replace(value=np.where(one, 0.3, 1.0) * placed.value)),
        )
        yield (
            "placed late",
            replace(
                made,
                placed=placed._replace(hour=np.where(one, 4 % made.asked.hours.count, placed.hour)),
            ),
        )
        yield "placed away", replace(made, placed=placed._replace(region=placed.region * 0 + 2))
        yield "placed lean", replace(made, placed=placed._replace(point=placed.point * 0 + 2))
        gone = np.where(one, -1, placed.region)
        yield "placed nowhere", replace(made, placed=placed._replace(region=gone))


CASES: dict[str, Callable[[], Iterator[str]]] = {"plans": _proofs, "fleets": _fleet_proofs}


@pytest.mark.parametrize("name", CASES)
def test_proofs_are_those_of_the_golden_file(name: str) -> None:
    """Every figure is that which was read and found right."""
    compare(f"proof_{name}", CASES[name]())
