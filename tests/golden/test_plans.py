"""Plans under each objective, constraint, limit and way to solve them, value by value.

Other tests compare their cost with an independent program; here is seen that nothing else moved.
A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.golden.solve_worlds import minimal, uneven, with_class
from tests.golden.values import compare, shown
from wattlas.errors import InputError
from wattlas.model.contract import CarbonCap, ShareCap, Tier
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.objective import Minimise, Solver, Window
from wattlas.model.offer import offer
from wattlas.model.plan import Plan
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.model.workload import Residency, State
from wattlas.placement.api import plan
from wattlas.placement.constraints.registry import links
from wattlas.placement.explain.certificate import certify
from wattlas.placement.problem.tactics import Tactics
from wattlas.placement.window import startup_bound, waiting
from wattlas.placement.window.column_generation import ColumnGeneration
from wattlas.placement.window.knapsack import Knapsack
from wattlas.placement.window.rolling_horizon import Horizon

CARBON = Minimise.CARBON
SMALL = ("batched", "small")


def _plan(title: str, s: Scenario, **how: Any) -> Iterator[str]:
    """A plan, and its proof where it has one."""
    made = plan(s, **how)
    yield f"== {title}"
    yield from shown("plan", made)
    if made.ok and not links(s) and not {"budget_ms", "every_step"} & how.keys():
        yield from shown("proof", _proof(made))


def _proof(made: Plan) -> dict[str, Any]:
    """The certificate, without what is rounding."""
    proof = certify(made)
    assert proof.gap <= max(1e-6, made.info.gap + 1e-9), proof
    assert proof.worst <= max(1e-6, made.info.gap), proof
    return {"objective": proof.objective, "demand_price": proof.demand_price,
            "residuals": list(proof.residuals)}  # fmt: skip


def _capped(*caps: tuple[Any, ...], seed: int = 1, tight: float = 1.0) -> Scenario:
    """The world with share caps: classes, points, share, window."""
    made = tuple(ShareCap(f"cap-{n}", *cap) for n, cap in enumerate(caps))
    return replace(uneven(seed, tight=tight), share_caps=made)


def _solvers() -> Iterator[str]:
    """Hours apart by each solver, for cost and for carbon."""
    s = uneven()
    for solver in Solver:
        yield from _plan(f"cost by {solver}", replace(s, solver=solver))
    for solver in Solver:
        yield from _plan(f"carbon by {solver}", replace(minimal(s, minimise=CARBON), solver=solver))
    yield from _plan("carbon, ties left", s, objective="carbon", tactics=Tactics(tie=False))
    yield from _plan("roomy", uneven(tight=9.0))
    budgets = np.array([[130.0, 700.0, np.inf], [117.0, 950.0, 5e4], [118.0, 800.0, 6e4]])
    yield from _plan("other budgets", s, budget_ms=budgets)
    short = minimal(uneven(tight=0.45), carbon_price_usd_per_t=20.0)
    for solver in Solver:
        yield from _plan(f"batch unserved by {solver}", replace(short, solver=solver))
    done: list[float] = []
    every = Hours.range("2023-02-22T00:00:00", 24 * 15).take(np.arange(0, 360, 1))
    long = uneven(4, hours=every)
    made = plan(long, keep_flows=False, progress=done.append)
    yield "== sixteen days, flows dropped"
    yield from shown("done", tuple(done))
    yield from shown("totals", made.totals)
    yield from shown("capacity", {n: dual.sum(axis=1) for n, dual in made.duals.items()})
    yield from shown("info", made.info)
    assert made.flows is None


def _constraints() -> Iterator[str]:
    """Mean accuracy and shares of every hour, by each solver."""
    mean = with_class(with_class(uneven(), 1, mean_accuracy_min=0.63), 2, mean_accuracy_min=0.56)
    hourly = _capped((("code", "batch"), ("small",), 0.4, Window.HOUR),
                     (("code",), SMALL, 0.9, Window.HOUR), tight=1.3)  # fmt: skip
    both = replace(mean, share_caps=hourly.share_caps, reserved_gpu=hourly.reserved_gpu)
    for solver in Solver:
        yield from _plan(f"mean accuracy by {solver}", replace(mean, solver=solver))
        yield from _plan(f"hourly shares by {solver}", replace(hourly, solver=solver))
        yield from _plan(f"both by {solver}", replace(both, solver=solver))
    yield from _plan("both, carbon", both, objective="carbon")


def _limits() -> Iterator[str]:
    """Limits over windows."""
    s = uneven()
    for window in Window:
        yield from _plan(f"carbon cap by {window}", minimal(s, carbon_cap_t=_T[window],
                                                            window=window))  # fmt: skip
    yield from _plan("carbon cap of a share by day",
                     minimal(s, carbon_cap_share=0.87, window=Window.DAY))  # fmt: skip
    yield from _plan("cost cap", minimal(s, minimise=CARBON, cost_cap_usd=14.1))
    yield from _plan("cost cap of a share by month",
                     minimal(s, minimise=CARBON, cost_cap_share=0.93, window=Window.MONTH,
                             carbon_price_usd_per_t=9.0))  # fmt: skip
    caps = (CarbonCap("delivered", {"2023-02": 0.009, "2023-03": 0.0105}),)
    yield from _plan("carbon of months", replace(s, carbon_caps=caps))
    yield from _plan("carbon of months and hours", replace(
        minimal(s, carbon_cap_t=0.0046, window=Window.HOUR), carbon_caps=caps))  # fmt: skip


_T = {Window.ALL: 0.0105, Window.MONTH: 0.0085, Window.DAY: 0.0086, Window.HOUR: 0.0046}


def _shares() -> Iterator[str]:
    """Caps on degraded shares over windows, alone and beside others."""
    by_all = ("code", "batch"), ("small",), 0.31, Window.ALL
    by_day = ("code",), SMALL, 0.42, Window.DAY
    several: dict[str, list[tuple[Any, ...]]] = {
        "of all hours": [by_all], "by day": [by_day], "both": [by_all, by_day],
        "by month": [(("batch",), ("small",), 0.2, Window.MONTH)],
        "none": [(("batch",), ("small",), 0.0, Window.MONTH)],
    }  # fmt: skip
    for title, caps in several.items():
        yield from _plan(f"roomy, {title}", _capped(*caps, seed=2, tight=9.0))
        yield from _plan(f"tight, {title}", _capped(*caps, tight=1.5))
    capped = _capped(by_all, by_day, tight=1.5)
    yield from _plan("at every step", capped, every_step=True)
    yield from _plan("carbon", capped, objective="carbon")
    yield from _plan("beside a cap on carbon", minimal(capped, carbon_cap_share=0.9))
    sampled = Tactics(limits=(ColumnGeneration(sampled=1, stride=2),))
    yield from _plan("sampled", capped, tactics=sampled)


def _contracts() -> Iterator[str]:
    """Contracts where accelerators have no end, and tiers."""
    by_all = ("code", "batch"), ("small",), 0.31, Window.ALL
    two = _capped(by_all, (("code",), SMALL, 0.42, Window.DAY)).share_caps
    for title, cap in {"one": by_all, "months": (("code",), SMALL, 0.3, Window.MONTH)}.items():
        endless = _capped(cap)
        endless = replace(endless, reserved_gpu=np.full_like(endless.reserved_gpu, np.inf))
        only = Tactics(limits=(Knapsack(),))
        yield from _plan(f"knapsack, {title}", endless, tactics=only)
        yield from _plan(f"knapsack, {title}, carbon", endless, objective="carbon", tactics=only)
    yield from _plan("endless, two caps", replace(endless, share_caps=two))
    tier = Tier("green", 0.23, 0.6, latency_factor=2.0, classes=("code", "chat"), window=Window.DAY)
    other = Tier("blue", 0.5, 0.3, accuracy_min=0.6, classes=("code",), window=Window.ALL)
    yield from _plan("tiers", offer(uneven(tight=1.4), [tier, other]))
    yield from _plan("tier, roomy", offer(uneven(2, tight=9.0), [tier]))


def _switching() -> Iterator[str]:
    """Starting capacity and moving state, and the hours they tie together."""
    s = uneven(3)
    starts = Frictions(start_usd_per_gpu_h=0.31, start_usd_by_region={"solar": 0.17})
    every = replace(starts, start_kwh_per_gpu_h=0.4, carry_weights=True, move_state=True)
    for title, frictions in {
        "starts": starts, "energy": Frictions(start_kwh_per_gpu_h=2.0),
        "weights": Frictions(carry_weights=True, initial=Initial.COLD),
        "state": Frictions(move_state=True), "every": every,
        "cold": replace(every, initial=Initial.COLD), "free": replace(every, initial=Initial.FREE),
    }.items():  # fmt: skip
        yield from _plan(title, replace(s, frictions=frictions))
    tied = replace(s, frictions=every)
    yield from _plan("carbon", tied, objective="carbon")
    yield from _plan("carbon, no energy", replace(s, frictions=starts), objective="carbon")
    yield from _plan("carbon, ties left", tied, objective="carbon", tactics=Tactics(tie=False))
    yield from _plan("capped", minimal(tied, carbon_cap_t=0.013))
    yield from _plan("capped by month", minimal(tied, carbon_cap_t=0.0105, window=Window.MONTH))
    yield from _plan("cost capped", minimal(tied, minimise=CARBON, cost_cap_usd=17.0))
    capped = _capped((("code", "batch"), ("small",), 0.6, Window.DAY), seed=3, tight=1.4)
    yield from _plan("degrading capped", replace(capped, frictions=every))
    mean = with_class(tied, 1, mean_accuracy_min=0.6)
    yield from _plan("mean accuracy", mean)
    pinned = with_class(uneven(3, tight=1.5), 1, state=State.PINNED, latency_budget_ms=2000.0)
    yield from _plan("pinned", replace(pinned, frictions=every))


def _rolling_horizon() -> Iterator[str]:
    """Windows that roll, and what is left when the time is over."""
    rounds = startup_bound.MOST_ROUNDS
    try:
        startup_bound.MOST_ROUNDS = startup_bound.LEAST_ROUNDS
        yield from _rolled()
    finally:
        startup_bound.MOST_ROUNDS = rounds


def _rolled() -> Iterator[str]:
    hours = Hours.range("2023-06-01T03:00:00", 8)
    starts = Frictions(start_usd_per_gpu_h=0.31, start_kwh_per_gpu_h=0.2)
    s = replace(uneven(5, hours=hours), frictions=starts)
    moving = replace(s, frictions=replace(starts, move_state=True))
    mean = with_class(s, 1, mean_accuracy_min=0.6)
    capped = minimal(s, carbon_cap_t=0.028)
    for title, world in {"starts": s, "moving": moving, "mean": mean}.items():
        whole = plan(world)
        for commit, ahead in ((3, 2), (4, 9)):
            made = plan(world, tactics=Tactics(horizon=Horizon(1, commit, ahead)))
            assert made.objective >= whole.objective * (1 - 1e-9)
            bound = made.objective * (1.0 - made.info.gap)
            assert bound <= whole.objective * (1 + 1e-9)
            if made.info.gap > 1e-9:
                assert made.status == "limit"
            yield f"== {title}, {commit} and {ahead}: {made.objective:.5g} of {whole.objective:.5g}"
            yield from shown("flows", made.flows)
            yield from shown("duals", made.duals)
            yield f"gap {made.info.gap:.2g}"
        late = plan(world, time_limit_s=0.0, tactics=Tactics(horizon=Horizon(1, 3, 2)))
        yield f"== {title}, late: {late.status}"
        yield from shown("totals", late.totals)
        yield from shown("flows", late.flows)
    for title, world in {"starts": s, "capped": capped, "moving": moving}.items():
        yield from _plan(f"{title}, no time", world, time_limit_s=0.0)
    yield from _plan("carbon, no time", s, objective="carbon", time_limit_s=0.0)


def _waits(seed: int = 6, tight: float = 1.0, **changed: Any) -> Scenario:
    hours = Hours(np.datetime64("2023-02-28T18:00:00", "s"), np.arange(9),
                  np.ones(9), step_h=1.0)  # fmt: skip
    s = with_class(uneven(seed, tight=tight, hours=hours), 2, may_wait_h=3.0)
    return with_class(s, 1, may_wait_h=2.0, state=State.STATELESS, **changed)


def _waiting() -> Iterator[str]:
    """Requests that may wait: in closed form, in one program, under limits."""
    s = _waits()
    yield from _plan("roomy", _waits(tight=9.0))
    yield from _plan("tight", s)
    yield from _plan("carbon", s, objective="carbon")
    yield from _plan("carbon, roomy", _waits(tight=9.0), objective="carbon")
    yield from _plan("unserved", _waits(tight=0.4))
    yield from _plan("capped", minimal(s, carbon_cap_t=0.035))
    yield from _plan("capped by day", minimal(s, carbon_cap_share=0.93, window=Window.DAY))
    yield from _plan("capped by hour", minimal(s, carbon_cap_t=0.0075, window=Window.HOUR))
    cap = ShareCap("saver", ("code", "batch"), ("small",), 0.55, Window.DAY)
    other = ShareCap("whole", ("code",), ("small",), 0.5, Window.ALL)
    yield from _plan("shares", replace(_waits(tight=1.4), share_caps=(cap, other)))
    hourly = replace(cap, window=Window.HOUR)
    yield from _plan("hourly shares", replace(_waits(tight=1.4), share_caps=(hourly,)))
    yield from _plan("mean accuracy", _waits(mean_accuracy_min=0.58))


def _searched() -> Iterator[str]:
    """The search for what runs when, whose proof is judged by its gap."""
    for title, s in {
        "tight": _waits(), "shared": replace(_waits(tight=1.4), share_caps=(
            ShareCap("saver", ("code",), ("small",), 0.55, Window.HOUR),)),
        "accurate": _waits(mean_accuracy_min=0.58),
    }.items():  # fmt: skip
        exact, largest = plan(s), waiting.LARGEST
        try:
            waiting.LARGEST = 0
            made = plan(s)
        finally:
            waiting.LARGEST = largest
        proof = certify(made)
        assert 0.0 <= made.info.gap <= 1e-3
        assert proof.gap <= 1e-3
        assert exact.objective <= made.objective * (1 + 1e-9)
        assert proof.bound <= exact.objective * (1 + 1e-9)
        yield f"== {title}: {made.status} {list(made.duals)} {exact.objective:.3g}"
        yield f"gap {made.info.gap:.2g}"


def _short() -> Iterator[str]:
    """Why there is no placement, in words."""
    moon = Residency("none", {"*": frozenset({"moon"})})
    s = uneven()
    s = replace(s, residency=(*s.residency, moon))
    no_batch = with_class(s, 2, unserved_usd_per_request=None)
    cases: dict[str, Scenario] = {
        "capacity": replace(no_batch, reserved_gpu=no_batch.reserved_gpu * 0.6),
        "some hours": replace(no_batch, reserved_gpu=no_batch.reserved_gpu * np.array(
            [1, 1, 0.1, 1, 0.2, 1])),
        "mean accuracy": with_class(s, 1, mean_accuracy_min=0.95),
        "accuracy and capacity": with_class(no_batch, 2, mean_accuracy_min=0.88),
        "hourly shares": replace(no_batch, share_caps=(
            ShareCap("last", ("batch",), SMALL, 0.05, Window.HOUR),
            ShareCap("least", ("code",), ("small",), 0.3, Window.HOUR))),
        "carbon": minimal(s, carbon_cap_t=0.004),
        "carbon by day": minimal(s, carbon_cap_t=0.002, window=Window.DAY),
        "carbon by hour": minimal(s, carbon_cap_t=0.0012, window=Window.HOUR),
        "cost": minimal(s, minimise=CARBON, cost_cap_usd=3.0),
        "cost share": minimal(s, minimise=CARBON, cost_cap_share=0.1, window=Window.DAY),
        "carbon months": replace(s, carbon_caps=(
            CarbonCap("delivered", {"2023-02": 0.001, "2023-03": 0.002}),)),
        "shares": replace(no_batch, share_caps=(
            ShareCap("last", ("batch",), SMALL, 0.05, Window.DAY),)),
        "shares and carbon": minimal(replace(no_batch, share_caps=(
            ShareCap("last", ("batch",), ("small",), 0.9, Window.ALL),)), carbon_cap_t=0.0083),
        "started": minimal(replace(s, frictions=Frictions(start_kwh_per_gpu_h=0.3)),
                           carbon_cap_t=0.004),
        "started by day": minimal(replace(s, frictions=Frictions(start_usd_per_gpu_h=0.3)),
                                  carbon_cap_t=0.0005, window=Window.DAY),
        "started, none": replace(no_batch, reserved_gpu=no_batch.reserved_gpu * 0.6,
                                 frictions=Frictions(start_usd_per_gpu_h=0.3)),
        "waiting": with_class(_waits(tight=0.3), 2, unserved_usd_per_request=None),
        "waiting, carbon": minimal(_waits(), carbon_cap_t=0.004),
        "waiting, shares": replace(
            with_class(_waits(tight=0.6), 2, unserved_usd_per_request=None), share_caps=(
                ShareCap("saver", ("code", "batch"), ("small",), 0.05, Window.DAY),)),
        "stranded": with_class(with_class(s, 0, latency_budget_ms=60.0, when_none="error"), 1,
                               latency_budget_ms=30.0),
        "lawless": with_class(s, 1, residency="none", accuracy_min=0.6),
    }  # fmt: skip
    for title, world in cases.items():
        made = plan(world)
        yield f"== {title}: {made.status}"
        yield made.conflict


def _refused() -> Iterator[str]:
    """What is refused."""
    s = uneven()
    tied = replace(s, frictions=Frictions(start_usd_per_gpu_h=0.3))
    waits = with_class(tied, 2, may_wait_h=2.0)
    rel = minimal(replace(_waits(tight=0.25)), carbon_cap_share=0.9)
    rel = with_class(rel, 2, unserved_usd_per_request=None)
    for title, world in {
        "waits and starts": waits, "baseline": rel, "engine": replace(tied, solver=Solver.ENGINE),
    }.items():  # fmt: skip
        with pytest.raises(Exception) as told:  # noqa: PT011
            plan(world)
        yield f"== {title}: {type(told.value).__name__} {told.value}"
    held = waiting.WITH_LIMITS
    try:
        waiting.WITH_LIMITS = 10
        with pytest.raises(InputError) as error:
            plan(minimal(_waits(), carbon_cap_t=0.035))
        yield f"== too long: {error.value}"
    finally:
        waiting.WITH_LIMITS = held


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "solvers": _solvers, "constraints": _constraints, "limits": _limits, "shares": _shares,
    "contracts": _contracts, "switching": _switching, "rolling_horizon": _rolling_horizon,
    "waits": _waiting, "searched": _searched, "short": _short, "refused": _refused,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_plans_are_those_of_the_golden_file(name: str) -> None:
    """Every value is that which was read and found right."""
    compare(f"plan_{name}", CASES[name]())
