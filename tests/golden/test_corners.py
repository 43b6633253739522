"""What is seldom asked of placements, policies and replays, value by value and word by word.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.solve_worlds import minimal, uneven, with_class
from tests.golden.values import compare, number, shown
from tests.policy.asked import driven, forecast, observed
from wattlas.errors import WattlasError
from wattlas.model.baseline import BaselineRegions
from wattlas.model.contract import ShareCap
from wattlas.model.frictions import Frictions, Initial
from wattlas.model.geography import ServiceNode
from wattlas.model.kinds import by_kind
from wattlas.model.objective import Minimise, Objective, Solver, Window
from wattlas.model.signals import Hours
from wattlas.model.workload import State
from wattlas.placement.api import plan
from wattlas.placement.breakeven.breakeven import breakeven, breakeven_between
from wattlas.placement.breakeven.moves import Move, PlaceCharges, move_between, saving
from wattlas.placement.constraints.registry import constraints, rows_by_constraint
from wattlas.placement.engine.program import HourlyProgram
from wattlas.placement.fleet.fleet import fleet, fleet_and_learnt
from wattlas.placement.fleet.levelled import Levelled, stretch
from wattlas.placement.fleet.margin import takes_margin, with_margin
from wattlas.placement.fleet.needs import Needs
from wattlas.placement.fleet.reach import reach
from wattlas.placement.fleet.size import (
    first_guess,
    free_optimum,
    groups_of,
    least_by_hour,
    least_units,
    sample,
)
from wattlas.placement.fleet.terms import peak_of_sum, peak_rent, terms_of
from wattlas.placement.hour.dispatch import feasible, solve_hours
from wattlas.placement.problem.baseline_region import baseline_of, refuse_unlawful, tie_words
from wattlas.placement.problem.feasibility import feasibility
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.unit_values import carbon, cost
from wattlas.placement.solution.concat import solver_words
from wattlas.placement.solution.expanded import PerFlow, slices
from wattlas.placement.streaming.fingerprint import fingerprint
from wattlas.placement.streaming.stream import Summary, coupling_words, plan_stream
from wattlas.placement.window.blocks import blocks, blocks_up_to, hours_up_to
from wattlas.placement.window.queue_search import search
from wattlas.placement.window.startup_bound import Coupled, held_before
from wattlas.policy.cap import Counts, share_of
from wattlas.policy.loop import Loop
from wattlas.policy.registry import policy_of, split
from wattlas.policy.rolling import rolling
from wattlas.replays.arrivals.stream import AtRates, FromTrace
from wattlas.replays.arrivals.trace import open_trace
from wattlas.replays.calibrate import calibrate
from wattlas.replays.service.file import read_services, services_text
from wattlas.replays.service.model import PowerCurve, ServiceModel
from wattlas.replays.service.pool import serve
from wattlas.replays.service.serving import Serving


def _told(title: str, ask: Callable[[], object]) -> Iterator[str]:
    """What is said where there is no answer."""
    with pytest.raises(WattlasError) as error:
        ask()
    yield f"== {title}: {type(error.value).__name__} {error.value}"


def _streamed() -> Iterator[str]:
    """Plans in chunks, what they add up to, and stretches of the calendar."""
    hours = Hours.range("2023-02-24T00:00:00", 24 * 15)
    s = uneven(31, hours=hours)
    daily = minimal(s, carbon_cap_share=0.97, window=Window.DAY)
    for title, world in {"plain": s, "daily": daily.at_hours(range(48))}.items():
        whole, parts = Summary(), []
        for made in plan_stream(world, chunk_steps=24 if title == "daily" else 200):
            part = Summary.of(made)
            parts.append(part.steps)
            whole = whole.plus(part)
        again = Summary.from_dict(json.loads(json.dumps(whole.as_dict())))
        assert again == whole
        yield f"== {title}: {parts} {coupling_words(world)}"
        yield from shown("summary", replace(whole, programs=0, gap=round(whole.gap, 6)))
    changed = next(plan_stream(s.at_hours(range(5)), objective=Objective(minimise=Minimise.CARBON)))
    yield from shown("carbon", changed.objective)
    for title, world in {
        "all": minimal(s, carbon_cap_t=1.0), "starts": replace(s, frictions=Frictions(0.1)),
        "waits": with_class(s, 2, may_wait_h=2.0), "day": daily, "none": s,
    }.items():  # fmt: skip
        yield f"== {title}: {coupling_words(world)}"
        yield f"{[len(steps) for steps in blocks(world)]}"
        yield f"{[len(steps) for steps in blocks_up_to(world, 60)]}"
    for window in (None, Window.DAY, Window.MONTH):
        yield f"{window}: {[part.count for part in hours_up_to(hours, window, 60)]}"
    yield from _told("no chunk", lambda: list(plan_stream(s, chunk_steps=0)))
    halves = [daily.at_hours(range(12)), daily.at_hours(range(12, 24))]
    yield from _told("inside a day", lambda: list(plan_stream(iter(halves))))
    every = [minimal(half, carbon_cap_t=9.0) for half in halves]
    yield from _told("all as one", lambda: list(plan_stream(iter(every))))
    days = [daily.at_hours(range(24)), daily.at_hours(range(24, 48))]
    yield from shown("days", [made.objective for made in plan_stream(iter(days))])
    assert fingerprint(s) != fingerprint(daily)


def _baselines() -> Iterator[str]:
    """Where demand runs today, as stated and as found, and what is refused."""
    s = uneven(32)
    stated = BaselineRegions({"oslo-m": "coaly", "rome-m": "solar"}, {"code": {"oslo-m": "hydro"}})
    wrong = BaselineRegions({"oslo-m": "solar"}, {"batch": {"kiel-m": "solar"}})
    nodes = (ServiceNode("nordic", 58.0, 11.0), ServiceNode("latin", np.nan, np.nan, "north"))
    near = replace(s.network, rtt_node_region_ms=np.full((2, 3), 20.0))
    worlds = {
        "found": s, "stated": replace(s, baseline=stated), "wrong": replace(s, baseline=wrong),
        "tied": replace(s, network=near), "tied, no node": replace(s, network=near, nodes=nodes),
        "pinned": with_class(s, 1, state=State.PINNED, latency_budget_ms=2000.0),
    }  # fmt: skip
    for title, world in worlds.items():
        judged = feasibility(world)
        yield f"== {title}: {tie_words(world, judged)}"
        yield from shown("baseline", baseline_of(world, judged))
        yield from shown("closed", judged.closed.reshape(9, -1))
        try:
            refuse_unlawful(world, judged)
        except WattlasError as error:
            yield str(error)
    kinds: dict[str, Any] = {"hydro": {"H100": {}, "B200": {}}, "coaly": {"H100": {}}}
    hardware = zip(s.points, ("8 x H100", "B200", "H100"), strict=True)
    mixed = replace(s, points=tuple(replace(p, hardware=kind) for p, kind in hardware))
    for title, baseline in {"found": BaselineRegions(), "stated": stated}.items():
        world = replace(by_kind(mixed, kinds), baseline=baseline)
        yield from shown(f"kinds, {title}", baseline_of(world, feasibility(world)))
    free = Frictions(start_usd_per_gpu_h=0.3, move_state=True)
    yield from shown("moved", plan(replace(s, baseline=stated, frictions=free)).totals)


def _flows() -> Iterator[str]:
    """What each flow of a plan comes to."""
    s = uneven(33, tight=0.6)
    made = plan(s)
    flows = made.flows
    assert flows is not None
    per_flow = PerFlow(s)
    parts = list(slices(flows, 17))
    yield f"{[len(part.hour) for part in parts]} {solver_words(replace(made.info, solver='x'))}"
    for name, values in per_flow(flows).items():
        yield from shown(name, np.bincount(flows.hour, np.nan_to_num(values)))
        if name in ("on_demand_usd", "rtt_ms", "requests"):
            yield from shown(f"{name} of flows", values[:24])
    few = PerFlow(s, ["on_demand_usd", "carbon_kg"])(parts[1])
    yield from shown("few", {name: values.sum() for name, values in few.items()})
    yield from shown("it", PerFlow(s, ["it_mwh"]).it_mwh(flows)[:20])


def _rolled() -> Iterator[str]:
    """Windows that follow each other under switching costs, each from the basis of the last."""
    s = uneven(34, hours=Hours.range("2023-03-01T05:00:00", 7))
    starts = Frictions(start_usd_per_gpu_h=0.4, start_kwh_per_gpu_h=0.2)
    for title, frictions in {"starts": starts, "both": replace(starts, move_state=True)}.items():
        tied = replace(s, frictions=frictions)
        for every in (1, 2):
            policy = rolling(tied, 4, every)
            for hour, routing in enumerate(driven(tied, policy)):
                yield f"== {title} {every}, hour {hour}"
                where = zip(routing.metro, routing.klass, routing.region, routing.point,
                            routing.share, strict=True)  # fmt: skip
                yield " ".join(f"{i}{k}{r}{o}={x:.4f}" for i, k, r, o, x in where if x > 1e-6)
    policy = rolling(replace(s, frictions=starts), 3)
    loop, rng = Loop.of(replace(s, frictions=starts), policy), np.random.default_rng(1)
    came = np.zeros(s.shape[:2])
    for hour in range(5):
        loop.tick(observed(s, hour, came), forecast(s, hour))
        came = s.demand_per_h[:, :, hour] * rng.uniform(0.7, 1.3, s.shape[:2])
        yield from shown("ran", np.array(loop.state["ran"]["requests_per_h"]))
    late = replace(observed(s, 0), utc=s.hours.utc[0] + np.timedelta64(7, "m"))
    yield from _told("no step", lambda: policy.route(late, forecast(s, 0), {}))
    yield from _told("elsewhere", lambda: policy.route(observed(s, 0), forecast(s, 1), {}))


def _moves() -> Iterator[str]:
    """When a move pays, by what is stated and between regions."""
    wave = 1.0 + 0.5 * np.sin(np.arange(12.0))
    origin = PlaceCharges(90.0 * wave, 310.0, 1.3, 2.1, 0.01)
    away = PlaceCharges(41.0, 57.0 * wave, 1.1, 2.3, 0.04)
    base = Move(origin, away, 800.0 * wave, 0.0021, 0.0004, 4e4, one_off_usd=0.2, one_off_t=1e-4,
                sessions=9.0, state_bytes=2e7, state_usd_per_gb=0.05, carbon_price_usd_per_t=60.0,
                step_hours=0.5)  # fmt: skip
    flat = replace(base, origin=PlaceCharges(90.0, 310.0, 1.3), away=PlaceCharges(41.0, 57.0, 1.1),
                   volume_per_h=800.0)  # fmt: skip
    moves = {
        "series": base, "stays": replace(base, stay_h=3.0), "flat": flat,
        "flat stays": replace(flat, stay_h=40.0), "dear": replace(base, one_off_usd=9e3),
        "heavy": replace(base, payload_bytes=9e6), "alike": replace(flat, away=flat.origin),
        "never": replace(flat, origin=flat.away, away=flat.origin),
        "accelerators": replace(flat, away=replace(flat.away, usd_per_gpu_h=9.0), gpu_h=0.01),
        "nobody": replace(base, volume_per_h=0.0), "no energy": replace(flat, it_kwh=0.0,
                                                                        payload_bytes=1e6),
        "free": replace(flat, one_off_usd=0.0, one_off_t=0.0, sessions=0.0),
        "late": replace(base, volume_per_h=800.0 * np.arange(12.0), one_off_usd=0.5),
    }  # fmt: skip
    for title, move in moves.items():
        yield from shown(title, breakeven(move))
        yield from shown(f"saving, {title}", saving(move))
    s = replace(uneven(35), frictions=Frictions(0.3, start_kwh_per_gpu_h=0.2, carry_weights=True,
                                                move_state=True))  # fmt: skip
    for klass, point, metro in (("code", None, None), ("chat", "large", "kiel-m"),
                                ("batch", None, ["oslo-m", "kiel-m"])):  # fmt: skip
        for returns in (False, True):
            of = partial(move_between, s, klass, "hydro", "coaly", point, metro, returns=returns)
            yield from shown(f"{klass} {returns}", of(stay_h=2.0))
    yield from shown("between", breakeven_between(s, "code", "coaly", "solar"))
    wrong: dict[str, tuple[Any, ...]] = {
        "class": ("x", "hydro", "coaly"), "region": ("code", "hydro", "coal"),
        "point": ("code", "hydro", "coaly", "smal"),
        "metro": ("code", "hydro", "coaly", None, "oslo"),
    }  # fmt: skip
    for title, names in wrong.items():
        yield from _told(title, partial(move_between, s, *names))


def _solved() -> Iterator[str]:
    """Hours by each solver, with memory, ties and parts of the steps."""
    for tight in (1.0, 0.5):
        instance = build_instance(uneven(36, 8, tight))
        for solver in Solver:
            memory: dict[str, Any] = {}
            for measure, tie in ((cost(instance), None), (carbon(instance), cost(instance))):
                for steps in (None, np.array([1, 4, 6])):
                    made = solve_hours(instance, measure, tie, steps, solver, memory)
                    yield f"== {tight} {solver} {measure.unit} {steps}"
                    yield from shown("flows", made.flows)
                    yield from shown("duals", made.duals)
                    yield from shown("value", made.value)
                    yield from shown("left", (made.left, made.infeasible))
        yield f"feasible {feasible(instance, np.arange(8))}"
    must = build_instance(with_class(uneven(36, 8, 0.4), 2, unserved_usd_per_request=None))
    for solver in Solver:
        yield from shown("infeasible", solve_hours(must, cost(must), solver=solver).infeasible)
    yield f"feasible {[feasible(must, np.array([t])) for t in range(8)]}"


def _words() -> Iterator[str]:
    """What constraints say where they are broken, and other words."""
    s = with_class(uneven(37), 1, mean_accuracy_min=0.6)
    cap = ShareCap("low", ("code",), ("small",), 0.3, Window.HOUR)
    instance = build_instance(replace(s, share_caps=(cap,), frictions=Frictions(0.2)))
    for constraint, rows in rows_by_constraint(instance):
        if rows is not None:
            excess = np.arange(rows.count) + 0.5
            yield f"{constraint.name}: {constraint.broken_words(instance, excess)}"
    for constraint in constraints():
        relaxed = constraint.relaxed(instance.scenario)
        kept = [relaxed.frictions == instance.scenario.frictions, len(relaxed.share_caps),
                bool((relaxed.reserved_gpu == s.reserved_gpu).all()),
                [k.mean_accuracy_min for k in relaxed.classes]]  # fmt: skip
        present = constraint.present(instance.scenario)
        yield f"{constraint.name} {constraint.without} {present} {kept}"
    counts = Counts(20, 3)
    rooms = [counts.room(share_of(x), 40) for x in (0.0, 0.15, "3/10", 1, Fraction(1, 3))]
    yield f"{rooms} {counts.grant(2)} {counts.deliver(4)} {counts.give_back()}"
    yield f"{[Counts(20, 3).allow(Fraction(3, 20)), Counts(20, 2).allow(Fraction(3, 20), 2)]}"
    yield str(split(["plan,weighted:cost=1,carbon=2", "greedy, plan", "all"]))
    for title, ask in {
        "share": lambda: share_of("2/1"), "no share": lambda: share_of("x"),
        "counts": lambda: Counts(-1, 2), "none": lambda: split(" , "),
        "budget": lambda: policy_of(s, "gar:budget_kg=0.001"),
    }.items():  # fmt: skip
        yield from _told(title, ask)


def _learnt() -> Iterator[str]:
    """A reach from what is known of the fleet."""
    s = uneven(11, 4)
    regions = tuple(replace(r, idle_w=0.0, on_demand_gpu=0.0) for r in s.regions)
    regions = tuple(replace(r, reserved_usd_per_gpu_year=15e3 + 900 * n)
                    for n, r in enumerate(regions))  # fmt: skip
    s = with_class(replace(s, regions=regions), 2, unserved_usd_per_request=None)
    sized, known = fleet_and_learnt(s, exact=1e-9)
    assert known is not None
    yield from shown("learnt", {"usable": known.usable, "cost": known.cost})
    for exact in (1e-7, 1e-12):
        yield from shown("reach", reach(s, samples=3, exact=exact, known=known).fleets)
    told: list[float] = []
    again = fleet(s, exact=1e-9, progress=lambda best: told.append(best.value))
    assert again.optimal.cost_usd == pytest.approx(sized.optimal.cost_usd, rel=1e-9)
    assert told
    assert min(told) == pytest.approx(told[-1])


def _pieces() -> Iterator[str]:
    """Parts of the searches, each asked by itself after few rounds."""
    hours = Hours.range("2023-06-01T03:00:00", 6)
    s = replace(uneven(39, hours=hours), frictions=Frictions(0.31, start_kwh_per_gpu_h=0.2))
    instance, every = build_instance(s), np.arange(6)
    rho_share = np.random.default_rng(3).uniform(0.0, 1.0, (3, 2, 6))
    for initial in Initial:
        begun = replace(s, frictions=replace(s.frictions, initial=initial))
        own = replace(instance, scenario=begun)
        for measure in (cost(own), carbon(own)):
            coupled = Coupled(own, measure, every, held_before(own, every))
            bound, rise = coupled.bound(rho_share * coupled.most)
            yield f"== multipliers, {initial}, {measure.unit}: {number(bound.value)}"
            yield from shown("rise", rise)
            yield from shown("most", coupled.most)
    waits = with_class(replace(s, frictions=Frictions()), 2, may_wait_h=3.0)
    waits = with_class(waits, 1, may_wait_h=1.0, state=State.STATELESS)
    patient = build_instance(waits)
    queue = Queue.of(patient)
    for rounds in (1, 2, 3):
        best = search(patient, queue, cost(patient), rounds=rounds)
        yield f"== search, {rounds}: {best.value:.4g} {best.bound:.4g} {best.gap:.2g} {best.shed}"
        yield from shown("duals", best.duals["capacity"])
        yield from shown("ran", best.ran)
    price = np.random.default_rng(4).uniform(1.0, 2.0, queue.arrived.shape)
    for name in ("high", "low", "most_waiting", "due"):
        yield from shown(name, getattr(queue, name))
    yield from shown("cheapest", queue.cheapest(price, 0.01))
    yield from shown("least", queue.least(price))
    late = np.roll(queue.arrived, 2, axis=1)
    yield f"excess {queue.excess(queue.arrived):.4g} {queue.excess(late):.4g}"
    yield from shown("within", queue.within(late))
    level = Levelled.of(patient)
    yield from shown("levelled", {"dense": level.dense, "done": level.done})
    yield from shown("ran in level", level.ran(patient))
    yield from shown("stretch", stretch(patient, queue, patient.leanest_gpu_h * 2.0))


def _sizes() -> Iterator[str]:
    """Parts of the search for a fleet, each asked by itself."""
    s = uneven(40, hours=Hours.range("2023-06-01T03:00:00", 30))
    by_hour = (0.0, 0.5, 0.9)
    regions = tuple(
        replace(r, idle_w=71.0, on_demand_gpu=by_hour[n], on_demand_usd_per_gpu_h=2.5,
                reserved_usd_per_gpu_year=15e3 + 900 * n, reserved_gpu_max=4.0 - n)
        for n, r in enumerate(s.regions)
    )  # fmt: skip
    s = replace(s, regions=regions)
    terms = terms_of(s)
    for column in ("rent_usd", "lower", "upper", "site", "held", "held_t", "own_peaks"):
        yield from shown(column, getattr(terms, column))
    group = groups_of(terms)
    yield from shown("group", group)
    for each, apart in ((2, 1), (1, 4), (3, 2)):
        yield from shown(f"sample {each} {apart}", sample(group, each, apart))
    yield from shown("guess", first_guess(terms))
    yield from shown("least", least_units(terms)[:, :6])
    yield from shown("by hour", least_by_hour(terms))
    yield from shown("free", free_optimum(terms))
    yield f"peaks {number(peak_of_sum(terms))} {number(peak_rent(terms))}"
    must = with_class(s, 2, unserved_usd_per_request=None)
    for title, world in {"served": must, "accurate": with_class(must, 1, mean_accuracy_min=0.6),
                         "given up": s}.items():  # fmt: skip
        own = terms_of(world)
        needs = Needs(own.instance, own.site, np.array([0]))
        held = np.array([0.0, 1.1, 0.7])
        lacking = needs.shortage(np.arange(30), held)
        yield f"== {title} {needs.apart}"
        yield from shown("short", lacking.short)
        yield from shown("price", lacking.price)
        for gpu in (np.array([9.0, 1.1, 0.7]), np.array([9.0, 8.0, 9.0])):
            broken = needs.broken(gpu)
            yield from shown("room", needs.stock.room(gpu))
            yield f"holds {needs.holds(gpu)} {len(broken)}"
            for need in broken[:3]:
                yield from shown("need", need)
                yield from shown("counts", needs.stock.counts(need.price, gpu))
        yield from shown("hours", [hours.tolist() for hours in needs.alike][:5])
    plain = replace(s, regions=tuple(replace(r, reserved_gpu_max=np.inf, utilisation_max=1.0)
                                     for r in s.regions))  # fmt: skip
    yield f"margin {takes_margin(s)} {takes_margin(plain)}"
    base = fleet(plain, exact=1e-8).optimal
    yield from shown("margin", with_margin(plain, base, 0.8))


def _shapes() -> Iterator[str]:
    """Programs of another shape, which the engine refuses."""
    good: dict[str, Any] = {
        "demand": np.ones((2, 4)), "energy_kwh": np.ones((2, 3)), "gpu_h": np.ones((2, 3)),
        "per_kwh": np.ones((5, 4)), "per_request": np.ones((2, 5, 3)),
        "allowed": np.ones((2, 5, 3), bool), "capacity": np.ones((5, 4)), "unserved": np.ones(2),
        "row_coef": np.ones((1, 2, 3)), "row_lower": np.ones((1, 4)),
        "per_gpu_h": np.ones((5, 3, 4)),
    }  # fmt: skip
    yield f"{HourlyProgram(**good).sizes} {HourlyProgram(**{**good, 'row_lower': None}).lower()}"
    wrong: list[tuple[str, np.ndarray]] = [(name, value[:1]) for name, value in good.items()]
    wrong += [("demand", -good["demand"]), ("demand", good["demand"] * np.inf),
              ("gpu_h", -good["gpu_h"]), ("gpu_h", good["gpu_h"] * np.nan),
              ("capacity", -good["capacity"]), ("capacity", good["capacity"] * np.nan)]  # fmt: skip
    for name, value in wrong:
        try:
            HourlyProgram(**{**good, name: value})
            yield f"{name}: taken"
        except ValueError as error:
            yield f"{name}: {error}"


def _services(folder: Path) -> Iterator[str]:
    """Files of service models, and what is wrong in others."""
    power = PowerCurve(np.array([0.0, 4.0]), np.array([80.0, 400.0]), "measured")
    models = {
        "large": ServiceModel(0.02, 1e-5, 1e-7, 64, 2048, 90_000, 0.5, power, "log"),
        "small": ServiceModel(0.01),
    }
    file = folder / "service.json"
    file.write_text(services_text(models))
    yield file.read_text()
    assert services_text(read_services(file)) == file.read_text()
    texts = {
        "no json": "{", "a list": "[]", "entries": '{"a": 3, "b": {"step": 1}, "c": {"step_s": 0}}',
        "power": '{"a": {"step_s": 1, "power": 3}, "b": {"step_s": 1, "power": {"running": [0],'
                 ' "power_w": ["x"]}}, "c": {"step_s": 1, "batch": 4096, "reserve": 2}}',
    }  # fmt: skip
    for title, text in texts.items():
        file.write_text(text)
        with pytest.raises(WattlasError) as error:
            read_services(file)
        yield f"== {title}: {error.value}".replace(str(folder), "FOLDER")
    with pytest.raises(WattlasError) as error:
        read_services(folder / "none.json")
    yield str(error.value).replace(str(folder), "FOLDER")
    ones = np.ones(2, np.int64)
    yield from _told("order", lambda: serve(models["small"], np.array([1.0, 0.5]), ones, ones))
    yield from _told("tokens", lambda: serve(models["small"], np.array([0.0, 1.0]), ones * 0, ones))
    yield from _told("serving", lambda: Serving(start_s=-1.0, rtt_p95=0.5))
    unknown = Serving({"none": models["small"]})
    yield from _told("unknown", lambda: unknown.check(uneven()))
    yield f"{list(Serving().words)} {list(Serving(models, start_s=3.0, rtt_p95=1.5).words)}"
    for running, watts in (([1.0, 2.0], [1.0, 2.0]), ([0.0, 2.0], [3.0, -1.0]), ([0.0], [1.0, 2])):
        yield from _told("curve", partial(PowerCurve, np.array(running), np.array(watts)))


def _sessions(folder: Path) -> Iterator[str]:
    """Sessions of agents, chats, contracts, and rates, as requests."""
    hours = Hours.range("2023-03-01T05:00:00", 2)
    s = replace(uneven(38, hours=hours), demand_per_h=uneven(38, hours=hours).demand_per_h * 0.01)
    second = 1_000_000_000
    lines: list[dict[str, Any]] = [
        {"arrival_time_ns": 0, "session_id": "a", "sub_requests": [
            {"input_toks": 10, "output_toks": 5, "tool_duration_ns": 3.5 * second},
            {"input_toks": 40, "output_toks": 6, "tool_duration_ns": 900.0 * second},
            {"input_toks": 90, "output_toks": 7, "tool_duration_ns": None}]},
        {"arrival_time_ns": 2 * second, "session_id": "b", "input_toks": 33, "output_toks": 4},
        {"arrival_time_ns": 4 * second, "session_id": "c", "sub_requests": [
            {"input_toks": 11, "output_toks": 2, "tool_duration_ns": 1.0 * second}]},
        {"arrival_time_ns": 950 * second, "session_id": "b", "input_toks": 60, "output_toks": 9},
    ]  # fmt: skip
    file = folder / "sessions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    trace = open_trace(file)
    for scale, klass in ((1.0, None), (2.5, "chat")):
        stream = FromTrace(s, trace, 3, scale, klass)
        yield f"== sessions {scale} {klass}"
        for came in stream.batches():
            yield from shown("came", came)
        yield from shown("notes", tuple(stream.notes()))
    wrong = [lines[1], {**lines[0], "arrival_time_ns": second}]
    back = [{**lines[0], "sub_requests": [
        {"input_toks": 1, "output_toks": 1, "tool_duration_ns": -5.0}]}]  # fmt: skip
    for title, rows in {"order": wrong, "tools": back}.items():
        file.write_text("".join(json.dumps(line) + "\n" for line in rows))
        with pytest.raises(WattlasError) as error:
            list(FromTrace(s, open_trace(file)).batches())
        yield f"== {title}: {error.value}".replace(str(folder), "FOLDER")
    named = folder / "named.csv"
    named.write_text(
        "arrived_at,num_prefill_tokens,num_decode_tokens,metro,klass\n0,5,6,oslo-m,code\n7,8,9,rome-m,chat\n"
        "3700,8,9,kiel-m,batch\n"
    )
    columns = {"metro": "metro", "klass": "klass"}
    for came in FromTrace(s, open_trace(named, layout="vidur", changed=columns)).batches():
        yield from shown("named", came)
    named.write_text(
        "arrived_at,num_prefill_tokens,num_decode_tokens,metro,klass\n0,5,6,oslo,code\n"
    )
    with pytest.raises(WattlasError) as error:
        list(FromTrace(s, open_trace(named, layout="vidur", changed=columns)).batches())
    yield str(error.value).replace(str(folder), "FOLDER")
    for even in (False, True):
        for came in AtRates(s, 2, 1.5, even).batches():
            yield from shown(f"even {even}", came)
    yield from _told("scale", lambda: AtRates(s, scale=0.0))
    yield from _told("class", lambda: FromTrace(s, trace, klass="chta"))
    short = folder / "short.csv"
    short.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0,5,6\n")
    with pytest.raises(WattlasError) as error:
        calibrate(open_trace(short))
    yield str(error.value).replace(str(folder), "FOLDER")


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "streamed": _streamed, "baselines": _baselines, "flows": _flows, "rolled": _rolled,
    "moves": _moves, "solved": _solved, "words": _words, "learnt": _learnt,
    "pieces": _pieces, "sizes": _sizes, "shapes": _shapes,
}  # fmt: skip
IN_A_FOLDER: dict[str, Callable[[Path], Iterator[str]]] = {
    "services": _services, "sessions": _sessions,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_corners_are_those_of_the_golden_file(name: str) -> None:
    """Every value is that which was read and found right."""
    compare(f"corner_{name}", CASES[name]())


@pytest.mark.parametrize("name", IN_A_FOLDER)
def test_files_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every value is that which was read and found right."""
    compare(f"corner_{name}", IN_A_FOLDER[name](tmp_path))
