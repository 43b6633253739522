"""Tables of plans, break-evens and certificates in rare states, and of plans that are damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.printed import fault_lines, number, outline, table_lines, tried
from tests.golden.solve_worlds import POINTS, minimal, uneven, with_class
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.plan import Flows, Plan, SolveInfo, Status
from wattlas.model.scenario import Scenario
from wattlas.model.users import Accelerators
from wattlas.model.workload import State
from wattlas.placement.api import plan
from wattlas.placement.breakeven.breakeven import breakeven, breakeven_between
from wattlas.placement.breakeven.moves import Move, PlaceCharges, move_between, requests
from wattlas.placement.compare.baselines import baseline_policy
from wattlas.placement.explain import conflict
from wattlas.placement.explain.certificate import certify
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.tables import metrics, views
from wattlas.placement.tables.changes import changes, matched
from wattlas.placement.tables.negative_prices import negative_price_words, wasted_mwh
from wattlas.placement.tables.service_costs import (
    _below,
    _Candidate,
    accelerator_usd_per_gpu_h,
    carbon_t,
    serving,
)

NAN = float("nan")


def _breakevens(_folder: Path) -> Iterator[str]:
    """Every break-even of moves made by hand: at a tie, where nothing varies, that never pay."""
    series = np.array([90.0, 20.0, 110.0, 30.0])
    base = Move(
        PlaceCharges(series, 400.0, 1.2, 2.0, 0.09),
        PlaceCharges(40.0, 60.0, 1.1, 2.1, 0.02),
        np.array([10.0, 20.0, 5.0, 8.0]),
        2e-3,
        1e-3,
        3e6,
        0.02,
        1e-5,
        7.0,
        4e8,
        0.05,
        50.0,
        2.0,
    )
    flat = replace(base, origin=replace(base.origin, price_usd_per_mwh=90.0), volume_per_h=10.0)
    alike = replace(flat, away=flat.origin)
    for name, move in (
        ("varies", base),
        ("flat", flat),
        ("alike", alike),
        ("alike and free", replace(alike, one_off_usd=0.0, one_off_t=0.0, sessions=0.0)),
        ("dearer", replace(base, away=replace(base.away, price_usd_per_mwh=200.0))),
        ("dear accelerators", replace(flat, away=replace(flat.away, usd_per_gpu_h=900.0))),
        ("dear and dirty", replace(flat, away=PlaceCharges(300.0, 900.0, 1.3, 2.5, 0.1))),
        ("dear egress", replace(base, away=replace(base.away, egress_usd_per_gb=9.0))),
        ("dear to move", replace(base, one_off_usd=90.0)),
        ("free", replace(base, one_off_usd=0.0, one_off_t=0.0, sessions=0.0)),
        ("short stay", replace(base, stay_h=1.5)),
        ("long stay", replace(flat, stay_h=40.0)),
        ("long stay of a series", replace(base, stay_h=40.0)),
        ("no stay", replace(base, stay_h=0.0)),
        ("nobody", replace(flat, volume_per_h=0.0)),
        ("no energy", replace(flat, it_kwh=0.0)),
        (
            "nothing at all",
            replace(
                flat,
                it_kwh=0.0,
                gpu_h=0.0,
                payload_bytes=0.0,
                one_off_t=0.0,
                carbon_price_usd_per_t=0.0,
            ),
        ),
        ("paid at once", replace(base, one_off_usd=-1.0)),
        ("volume varies", replace(flat, volume_per_h=base.volume_per_h)),
        ("carbon varies", replace(flat, away=replace(flat.away, carbon_g_per_kwh=series))),
        ("egress varies", replace(flat, away=replace(flat.away, egress_usd_per_gb=series / 900))),
        ("steps vary", replace(flat, step_hours=np.array([1.0, 2.0, 1.0, 3.0]))),
        ("huge", replace(flat, volume_per_h=1e15)),
        ("cleaner alone", replace(flat, away=replace(flat.origin, carbon_g_per_kwh=10.0, pue=1.2))),
        ("first hours only", replace(base, volume_per_h=np.array([900.0, 900.0, 0.0, 900.0]))),
    ):
        told = f"{number(move.horizon_h)} {number(move.moving_usd)}"
        yield f"== {name}: {move.constant} {move.steps} {told}"
        yield " ".join(map(number, requests(move)))
        for root in breakeven(move):
            side = getattr(root, "side", "")
            told = f"{number(root.value)} {root.verdict} {side} {number(root.now)}"
            yield f"{root.quantity}: {told} {root.reason}"
    s = uneven(steps=4)
    frictions = replace(
        s.frictions, start_usd_per_gpu_h=0.4, start_kwh_per_gpu_h=0.2, move_state=True
    )
    dear = replace(s, frictions=frictions)
    pinned = with_class(s, 1, state=State.PINNED)
    for world, klass, pair, point, metro, more in (
        (dear, "code", ("coaly", "hydro"), None, None, {}),
        (
            dear,
            "code",
            ("coaly", "hydro"),
            None,
            ["oslo-m", "rome-m"],
            {"returns": True, "stay_h": 2.0},
        ),
        (pinned, "code", ("hydro", "solar"), None, "rome-m", {}),
        (s, "code", ("hydro", "solar"), "small", None, {}),
        (s, "batch", ("coaly", "hydro"), None, "rome-m", {}),
        (s, "chat", ("hydro", "coaly"), None, None, {}),
        (s, "chat", ("solar", "coaly"), None, None, {}),
    ):
        yield from tried(
            lambda w=world, k=klass, p=pair, o=point, m=metro, x=more: str(
                [
                    number(v)
                    for v in asdict(
                        replace(
                            move_between(w, k, *p, o, m, **x),
                            volume_per_h=0.0,
                            origin=PlaceCharges(0.0),
                            away=PlaceCharges(0.0),
                            step_hours=1.0,
                        )
                    ).values()
                    if not isinstance(v, dict)
                ]
            )
        )
        roots = breakeven_between(world, klass, *pair, point, metro, **more)
        yield " ".join(f"{number(root.value)} {root.verdict}" for root in roots)
    for wrong in (
        ("x", "hydro", "coaly"),
        ("chat", "x", "coaly"),
        ("chat", "hydro", "coaly", "x"),
        ("chat", "hydro", "coaly", None, "x"),
    ):
        yield from fault_lines(lambda w=wrong: move_between(s, *w))
    apart = replace(
        s, regions=(replace(s.regions[0], variants=frozenset({"tiny"})), *s.regions[1:])
    )
    yield from fault_lines(lambda: move_between(apart, "batch", "hydro", "solar"))


def _plan_of(scenario: Scenario, flows: Flows, **more: Any) -> Plan:
    return Plan(Status.OPTIMAL, scenario, SolveInfo("x"), flows, objective=1.0, **more)


def _flows(*rows: tuple[int, int, int, int, int, float]) -> Flows:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Flows(*columns[:5], columns[5].astype(float))


def _tables(_folder: Path) -> Iterator[str]:
    """Tables of an uneven plan, by cost and by carbon, and of flows made by hand."""
    s = uneven(steps=5)
    odd = replace(s, metros=(replace(s.metros[0], lat_deg=NAN, name="Oslo"), *s.metros[1:]))
    yield from table_lines("places", views.places(odd))
    carbon = minimal(s, minimise=Minimise.CARBON)
    for name, world in (("cost", s), ("carbon", carbon), ("scarce", uneven(3, 4, tight=0.45))):
        best, instance = plan(world), build_instance(world)
        base = baseline_policy(instance)
        if not best.ok:
            yield f"{name}: {best.status} {best.conflict[:200]}"
            continue
        yield f"== {name}"
        tables = {
            "flow_sums": views.flow_sums(world, metrics.flows_of(best)),
            "hourly": views.hourly(best, base),
            "bare": views.hourly(replace(best, duals={}), base),
            "candidates": views.candidates(instance, best),
            "merit": views.merit(best),
            "duration": {k: v[::40] for k, v in views.duration(best, base).items()},
            "layers": metrics.layers(instance, best, base),
            "relocation": metrics.relocation(instance, best, base),
            "relocatable": metrics.relocatable(instance, best, base, metrics.changed(best, base)),
            "changes": changes(metrics.changed(best, base)),
        }
        for table, columns in tables.items():
            yield from table_lines(table, columns, 12)
        yield f"{set(views.candidates(instance, replace(best, duals={}))['binding'])}"
        yield f"{number(wasted_mwh(best))} {negative_price_words(best)}"
        yield " ".join(map(number, carbon_t(best)))
        for value in Accelerators:
            yield " ".join(map(number, accelerator_usd_per_gpu_h(best, value).ravel()))
        for klass in ("chat", "code", "batch"):
            for more in (
                {},
                {"every": True, "window": Window.DAY},
                {"latest": 0.3},
                {"points": POINTS[1:], "accelerators": Accelerators.RESERVED},
            ):
                lines = list(fault_lines(lambda k=klass, b=best, m=more: serving(b, k, **m)))
                yield from outline(
                    klass, asdict(serving(best, klass, **more)) if lines == ["! nothing"] else lines
                )
    none = replace(best, flows=None, conflict="none")
    late = tuple(replace(k, latency_budget_ms=1.0) for k in s.classes)
    stranded = build_instance(replace(s, classes=late))
    for count in (8, 9, 10):
        pairs = (stranded.stranded * 4)[:count]
        some = replace(stranded, stranded=pairs)
        yield str(conflict.stranded_words(some).count("\n")) + conflict.stranded_words(some)[-40:]
    full = serving(best, "chat")
    usd, kg = full.full_cost_usd, full.full_carbon_g
    for score, ms, cost, grams, latest in (
        (0.1, 9e3, 0.9, 1.1, 1.0), (0.1, 9e3, 1.1, 0.9, 1.0), (0.1, 9e3, 1.0, 1.0, 1.0),
        (0.99, 1.0, 0.5, 0.5, 1.0), (0.99, 9e3, 0.5, 0.5, 1.0), (0.1, 1.0, 0.5, 0.5, 1.0),
        (0.1, 9e3, 0.5, 0.5, 2.0), (0.1, 9e3, 0.5, 0.5, 2.001), (0.1, 9e3, 1 - 9e-7, 1.0, 1.0),
        (0.1, 9e3, 1 - 1.1e-6, 1.0, 1.0),
    ):  # fmt: skip
        ends = latest * full.latency_budget_ms
        candidate = _Candidate("x", score, ms, ends, cost * usd, grams * kg)
        yield str([_below(full, candidate, 2.0), _below(replace(full, full_cost_usd=-usd),
                   replace(candidate, cost_usd=-cost * usd), 2.0)])  # fmt: skip
    for call in (
        lambda: serving(best, "x"),
        lambda: serving(none, "chat"),
        lambda: carbon_t(none),
        lambda: metrics.flows_of(none),
    ):
        yield from fault_lines(call)
    yield f"{wasted_mwh(none)}"


def _by_hand(_folder: Path) -> Iterator[str]:
    """Which requests run elsewhere, of flows with ties, noise and demand that goes unserved."""
    s = uneven(steps=4)
    before = _flows(
        (0, 0, 0, 0, 0, 100.0),
        (0, 0, 0, 1, 1, 50.0),
        (0, 1, 2, -1, 0, 30.0),
        (1, 0, 0, 0, 0, 100.0),
        (2, 2, 2, 2, 2, 40.0),
        (2, 2, 2, 0, 2, 40.0),
    )
    after = _flows(
        (2, 2, 2, 1, 0, 60.0),
        (2, 2, 2, -1, 0, 20.0),
        (0, 0, 0, 2, 2, 100.0),
        (0, 0, 0, 1, 1, 50 + 1e-8),
        (0, 1, 2, 0, 2, 30.0),
        (1, 0, 0, 0, 1, 100.0),
    )
    found = matched(s, before, after)
    yield from table_lines("changes", changes(found))
    for name in ("served", "requests", "hours", "usd", "kg", "mwh", "moved_mwh", "movers"):
        yield f"{name}: {' '.join(map(number, np.ravel(getattr(found, name))))}"
    yield str(
        [found.metros(k, a, b).tolist() for k in (0, 2) for a in (0, 2, 3) for b in (0, 1, 2)]
    )
    same = matched(s, before, before)
    yield from table_lines("the same", changes(same))
    nothing = _flows((0, 0, 0, 0, 0, 0.0))
    yield from table_lines("nothing", changes(matched(s, nothing, nothing)))
    mine, base = _plan_of(s, after), _plan_of(s, before)
    instance = build_instance(s)
    yield from table_lines("flow_sums", views.flow_sums(s, after))
    yield from table_lines("layers", metrics.layers(instance, mine, base))
    yield from table_lines("relocation", metrics.relocation(instance, mine, base))
    unserved = _plan_of(s, _flows((0, 0, 0, -1, 0, 5.0)))
    yield from table_lines(
        "duration", {k: v[::67] for k, v in views.duration(mine, unserved).items()}
    )
    yield from table_lines("merit", views.merit(mine), 30)
    price = np.where(np.arange(12).reshape(3, 4) % 2, 30.0, -40.0)
    signals = replace(s.signals, price_usd_per_mwh=price)
    paid = replace(s, signals=signals)
    for flows in (after, before):
        waste = _plan_of(paid, flows)
        yield f"{number(wasted_mwh(waste))} {negative_price_words(replace(waste, totals=_known()))}"
    tiny = replace(_known(), it_mwh=wasted_mwh(_plan_of(paid, after)) * 0.999e9)
    for it_mwh in (tiny.it_mwh, tiny.it_mwh * 1.01):
        totals = replace(tiny, it_mwh=it_mwh)
        yield repr(negative_price_words(replace(_plan_of(paid, after), totals=totals)))[:60]
    for klass in ("chat", "batch", "code"):
        yield from fault_lines(lambda k=klass: serving(unserved, k))
    for savings in ([3.0, 6.0, 0.0, 3e-9, 2.9e-9, -1.0], [0.0, 1e-22, 1.0], [NAN, 1.0]):
        yield " ".join(map(number, metrics._ratio(np.array(savings))))


def _known() -> Any:
    from wattlas.model.plan import Totals

    return Totals(it_mwh=1.0)


def _benefits(_folder: Path) -> Iterator[str]:
    """What each limit costs: with prices and without, with unserved demand, frictions and caps."""
    s = uneven(steps=3)
    told: list[float] = []
    yield from table_lines("plain", metrics.benefit(s, told.append))
    yield str(list(map(number, told)))
    unpriced = replace(s.signals, price_usd_per_mwh=np.full((3, 3), NAN))
    bare = replace(s, signals=unpriced, objective=Objective(minimise=Minimise.CARBON))
    yield from table_lines("unpriced", metrics.benefit(bare))
    scarce = with_class(uneven(3, 3, tight=0.7), 0, unserved_usd_per_request=0.002)
    yield from table_lines("scarce", metrics.benefit(scarce))
    frictions = replace(s.frictions, start_usd_per_gpu_h=0.4)
    moved = replace(s, frictions=frictions, objective=Objective(carbon_cap_share=0.95))
    yield from table_lines("frictions", metrics.benefit(moved))
    yield from fault_lines(
        lambda: metrics.benefit(
            replace(
                s,
                reserved_gpu=s.reserved_gpu * 1e-6,
                regions=tuple(replace(r, on_demand_gpu=0.0) for r in s.regions),
            )
        )
    )


def _proofs(_folder: Path) -> Iterator[str]:
    """What a certificate says of plans whose flows, duals and prices were damaged."""
    short = with_class(uneven(3, 3, tight=0.7), 0, unserved_usd_per_request=0.002)
    for name, world in (
        ("plain", uneven(steps=3)),
        ("short", short),
        ("capped", minimal(uneven(steps=3), carbon_cap_share=0.93)),
        ("waits", with_class(with_class(uneven(steps=4), 2, may_wait_h=1.0), 1, may_wait_h=0.5)),
    ):
        best = plan(world)
        flows = metrics.flows_of(best)
        duals = {n: np.array(d) for n, d in best.duals.items()}
        first = duals.get("capacity", np.zeros((3, 3)))
        wrong = {**duals, "capacity": -first + 0.01}
        lower = Flows(*(getattr(flows, c)[1:] for c in asdict(flows)))
        elsewhere = replace(
            flows, region=np.where(np.arange(len(flows.hour)) == 0, 2, flows.region)
        )
        negative = replace(
            flows,
            requests_per_h=flows.requests_per_h
            * np.where(np.arange(len(flows.hour)) == 1, -0.1, 1.0),
        )
        for what, damaged in (
            ("sound", best),
            ("no duals", replace(best, duals={})),
            ("half duals", replace(best, duals={n: d / 2 for n, d in duals.items()})),
            ("double duals", replace(best, duals={n: 2 * d for n, d in duals.items()})),
            ("wrong duals", replace(best, duals=wrong)),
            ("a flow less", replace(best, flows=lower)),
            ("elsewhere", replace(best, flows=elsewhere)),
            ("negative", replace(best, flows=negative)),
            (
                "more",
                replace(best, flows=replace(flows, requests_per_h=flows.requests_per_h * 1.2)),
            ),
            ("dearer", replace(best, objective=best.objective * 1.01)),
            ("no limits", replace(best, limits=())),
            (
                "wrong prices",
                replace(best, limits=tuple(replace(x, price=-1.0) for x in best.limits)),
            ),
            (
                "high prices",
                replace(best, limits=tuple(replace(x, price=9.0) for x in best.limits)),
            ),
        ):
            yield from tried(lambda d=damaged: _proof_line(d))
            yield f"  {name} {what}"
    for odd in (replace(best, policy="greedy"), replace(best, flows=None)):
        yield from fault_lines(lambda o=odd: certify(o))


def _proof_line(damaged: Plan) -> str:
    proof = certify(damaged)
    small = {n: 0.0 if abs(v) < 1e-6 else v for n, v in proof.residuals.items()}
    gap = 0.0 if abs(proof.gap) < 1e-6 else proof.gap
    price = np.nan_to_num(proof.demand_price, posinf=-1.0)
    worst = max(small.values())
    return (
        f"{number(proof.objective)} {number(proof.bound)} {number(gap)} {number(worst)} "
        + " ".join(f"{n} {number(v)}" for n, v in small.items())
        + f" | {number(float(price.sum()))}"
    )


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "breakevens": _breakevens,
    "plan_tables": _tables,
    "matched": _by_hand,
    "benefits": _benefits,
    "proofs": _proofs,
}
