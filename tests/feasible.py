"""Scenarios that have a placement by construction: every limit leaves room for one drawn first.

The witness sends each demand of each hour to one of its open places. Capacities, mean accuracies
and caps are then set to what the witness uses, or a little more, so that they bind and yet hold.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests import oracle
from tests.examples import examples
from tests.strategies import Pick, billed, scenarios
from wattlas.errors import InputError
from wattlas.model.contract import Tier
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.offer import offer
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State

Witness = dict[tuple[int, int, int], tuple[int, int]]
"""(metro, class, step) → (region, point)."""


PLAIN = {
    frictions: scenarios(
        unserved=False,
        accuracy_minima=False,
        free_capacity=True,
        when_none=False,
        frictions=frictions,
        max_hours=2 if frictions else 3,
        max_metros=2 if frictions else 3,
    )
    for frictions in (False, True)
}


@st.composite
def feasible(
    draw: st.DrawFn,
    *,
    frictions: bool = False,
    caps: bool = True,
    tiers: bool = True,
    minima: bool = True,
    solver: bool = True,
) -> Scenario:
    """A scenario with a placement; what is False is left out, the rest is drawn."""
    s, pick = opened(draw(PLAIN[frictions])), Pick(draw)
    witness = draw_witness(s, draw(st.integers(0, 2**16)))
    regions = tuple(replace(r, reserved_gpu=np.inf, on_demand_gpu=0.0) for r in s.regions)
    s = billed(pick, replace(s, regions=regions, reserved_gpu=_capacity(pick, s, witness)))
    if minima and pick(False, True):
        s = _with_minima(s, witness)
    s = replace(s, objective=_objective(pick, s, witness, caps and pick(False, True)))
    if tiers and pick(False, True):
        s = _offered(pick, s)
    chosen = tuple(Solver) if not s.frictions.couples else (Solver.AUTO, Solver.HIGHS)
    return replace(s, solver=pick(*chosen)) if solver else s


def opened(s: Scenario) -> Scenario:
    """Classes that some metro has no place for lose what closes the places."""
    places, _ = oracle.open_places(s)
    stranded = {k for (_, k), open_to in places.items() if not open_to}
    if not stranded:
        return s
    free = {
        "latency_budget_ms": float("inf"), "residency": "", "state": State.STATELESS,
        "points": None, "accuracy_min": 0.0,
    }  # fmt: skip
    classes = tuple(
        replace(c, **free) if k in stranded else c  # type: ignore[arg-type]
        for k, c in enumerate(s.classes)
    )
    regions = tuple(replace(r, variants=None) for r in s.regions)
    return replace(s, classes=classes, regions=regions)


def draw_witness(s: Scenario, seed: int) -> Witness:
    """An open place for each demand of each hour."""
    places, _ = oracle.open_places(s)
    pick = np.random.default_rng(seed)
    return {
        (i, k, t): places[i, k][int(pick.integers(len(places[i, k])))]
        for i, k in places
        for t in range(s.hours.count)
        if s.demand_per_h[i, k, t] > 0
    }


def _capacity(pick: Pick, s: Scenario, witness: Witness) -> np.ndarray:
    """What the witness needs, or a tenth more, or no limit, region by region."""
    load = np.zeros((len(s.regions), s.hours.count))
    for (i, k, t), (r, o) in witness.items():
        load[r, t] += s.demand_per_h[i, k, t] * oracle.gpu_h(s, k, o)
    slack = [pick(1.0, 1.1, np.inf) for _ in s.regions]
    factor = np.array(slack)[:, None]
    limit: np.ndarray = np.where(np.isinf(factor), np.inf, load * (1 + 1e-9)) * np.where(
        np.isinf(factor), 1.0, factor
    )
    return limit


def _with_minima(s: Scenario, witness: Witness) -> Scenario:
    """Mean accuracies that the witness just has in its worst hour."""
    classes = []
    for k, klass in enumerate(s.classes):
        means = []
        for t in range(s.hours.count):
            own = {i: place for (i, c, step), place in witness.items() if (c, step) == (k, t)}
            rate = np.array([s.demand_per_h[i, k, t] for i in own])
            score = np.array([oracle.accuracy(s, k, o) for _, o in own.values()])
            means += [float(rate @ score / rate.sum())] if len(own) else []
        classes.append(replace(klass, mean_accuracy_min=min(means) - 1e-9) if means else klass)
    return replace(s, classes=tuple(classes))


def _objective(pick: Pick, s: Scenario, witness: Witness, capped: bool) -> Objective:
    """Least cost or carbon, or one under what the witness uses of the other."""
    if not capped:
        return Objective(minimise=pick(*Minimise), carbon_price_usd_per_t=pick(0.0, 80.0))
    window = pick(*Window)
    by_carbon = s.frictions.couples or pick(False, True)
    unit = oracle.unit_t if by_carbon else oracle.unit_usd
    used = [
        sum(
            float(s.hours.hours[t] * s.demand_per_h[i, k, t]) * unit(s, i, k, r, o, t)
            for (i, k, t), (r, o) in witness.items()
            if t in steps
        )
        for steps in oracle.windows(s, window)
    ]
    limit = max(used) + 1e-9 * max(map(abs, used)) + (warm_up_t(s) if by_carbon else 0.0)
    if by_carbon:
        return Objective(carbon_cap_t=max(limit, 0.0), window=window)
    return Objective(minimise=Minimise.CARBON, cost_cap_usd=limit, window=window)


def warm_up_t(s: Scenario) -> float:
    """More than any placement can emit by starting: all demand on its largest point, each hour."""
    hours = range(s.hours.count)
    points = range(len(s.points))
    total = 0.0
    for k, t in itertools.product(range(len(s.classes)), hours):
        gpu = max(oracle.gpu_h(s, k, o) for o in points) * float(s.demand_per_h[:, k, t].sum())
        worst = max(oracle.start_t(s, r, t) for r in range(len(s.regions)))
        total += float(s.hours.weight[t]) * gpu * worst
    return total


def _offered(pick: Pick, s: Scenario) -> Scenario:
    """A tier beside full service; the scenario itself where the tier makes no sense."""
    tier = Tier(
        id="green",
        share_max=pick(0.25, 0.5, 0.0),
        adoption=pick(0.5, 0.25),
        accuracy_min=0.0,
        latency_factor=pick(1.0, 4.0),
        window=pick(*Window),
    )
    try:
        return offer(s, [tier])
    except InputError:
        return s


Check = Callable[..., Plan]
"""A property of drawn values; returns the plan that says whether the draw needed a program."""


def needs_programs(
    least: float, count: int, *strategies: st.SearchStrategy[Any]
) -> Callable[[Check], Callable[[], None]]:
    """A test of a property that also asks that so large a share of its draws needed a program."""

    def decorate(check: Check) -> Callable[[], None]:
        def test() -> None:
            seen: Counter[str] = Counter()

            @given(st.tuples(*strategies))
            @examples(count)
            def each(drawn: tuple[Any, ...]) -> None:
                found = check(*drawn)
                assert found.ok, found.conflict
                seen["draws"] += 1
                seen["programs"] += found.info.programs > 0
                seen[str(found.scenario.solver)] += 1

            each()
            assert seen["programs"] >= least * seen["draws"], dict(seen)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        test.__module__ = check.__module__
        return test

    return decorate
