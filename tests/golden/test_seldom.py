"""Inputs that are seldom met, and branches that only they reach, value by value and word by word.

A change is made on purpose: run with WATTLAS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest

from tests.golden.solve_worlds import minimal, uneven, with_class
from tests.golden.test_fleets import _patient, _plain
from tests.golden.values import compare, number, shown
from tests.placement.engine.generate import make
from tests.toys import TwoRegions
from wattlas.errors import WattlasError
from wattlas.model.contract import ShareCap, Tier
from wattlas.model.frictions import Frictions
from wattlas.model.kinds import by_kind
from wattlas.model.objective import Minimise, Solver, Window
from wattlas.model.offer import offer
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.api import plan
from wattlas.placement.compare.attribution import split
from wattlas.placement.compare.baselines import baseline_and_tables
from wattlas.placement.constraints.base import Constraint
from wattlas.placement.constraints.registry import obeyed
from wattlas.placement.engine import solve_program, verify, warm
from wattlas.placement.fleet import size as sizes
from wattlas.placement.fleet import tied_question, tiered
from wattlas.placement.fleet.fleet import fleet
from wattlas.placement.fleet.reach import reach
from wattlas.placement.fleet.served import ServedHours, Sounding
from wattlas.placement.fleet.size import Sizing, groups_of
from wattlas.placement.fleet.terms import terms_of
from wattlas.placement.fleet.tiered import tiered_fleet
from wattlas.placement.frontier import frontier as curves
from wattlas.placement.frontier.abatement import abatement
from wattlas.placement.frontier.frontier import feasible_axis, frontier
from wattlas.placement.frontier.patience import over_patience
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.words import listed


def told(title: str, ask: Callable[[], object]) -> Iterator[str]:
    """What is said where there is no answer."""
    with pytest.raises(WattlasError) as error:
        ask()
    yield f"== {title}: {type(error.value).__name__} {error.value}"


def _split() -> Iterator[str]:
    """What geography and tiers save, where one of them has no answer."""
    tier = Tier("green", 0.4, 0.6, latency_factor=2.0, classes=("code", "chat"), window=Window.DAY)
    plain = uneven(51, 4, tight=1.4)
    s = offer(plain, [tier])
    yield from shown("known", split(s, plan(plain)))
    kg = plan(s).totals.carbon_kg
    for part in (0.98, 0.9):
        capped = minimal(s, carbon_cap_t=part * kg / 1e3, window=Window.ALL)
        yield from shown(f"capped {part}", split(capped))
    yield from told("capped far below", lambda: split(minimal(s, carbon_cap_t=kg / 4e3)))
    short = with_class(s, 2, unserved_usd_per_request=None)
    short = replace(short, reserved_gpu=short.reserved_gpu * 0.2)
    yield from told("short", lambda: split(short))
    waits = with_class(s, 2, may_wait_h=2.0)
    for title, world in {"no tiers": uneven(51), "waits": waits,
                         "starts": replace(s, frictions=Frictions(0.2))}.items():  # fmt: skip
        yield from told(title, lambda world=world: split(world))


class _NoWords(TwoRegions):
    """A constraint that says nothing of its own."""

    name = "two_regions"
    clash_words = Constraint.clash_words
    broken_words = Constraint.broken_words


def _words() -> Iterator[str]:
    """What is said of a constraint that has no words of its own, and lists that are long."""
    s = with_class(uneven(52, tight=1.2), 2, unserved_usd_per_request=None)
    with obeyed(_NoWords(0.1)):
        yield str(plan(s).conflict)
    for count in (1, 8, 9):
        yield listed([f"n{n}" for n in range(count)])


def _verified() -> Iterator[str]:
    """What a check of the engine's answers says of wrong ones."""
    for kind in ("shedding", "binding_rows", "free_capacity", "negative_prices", "zero_demand"):
        program = make(kind, 4, 3)
        _, regions, points, _, hours = program.sizes
        draw = np.random.default_rng(4)
        dear = replace(program, per_gpu_h=draw.uniform(0.0, 1.0, (regions, points, hours)))
        answer = solve_program(dear)
        assert verify(dear, answer).worst <= 1e-9
        yield f"{kind}, priced elsewhere: {_residuals(verify(program, answer))}"
        for name in ("capacity_dual", "demand_dual", "row_dual", "value"):
            values = getattr(answer, name)
            size = np.abs(values[np.isfinite(values)]).max(initial=0.0)
            for noise in (-0.3, 0.3):
                wrong = values + noise * draw.uniform(0, 1, values.shape) * size
                found = verify(dear, replace(answer, **{name: wrong}))
                yield f"{kind}, {name} {noise}: {_residuals(found)}"
        spent = np.full(hours, 1e9)
        yield f"spent {_residuals(verify(program, answer, spent))}"
        with pytest.raises(ValueError, match="no duals"):
            verify(program, solve_program(program, want_demand_duals=False))


def _residuals(found: Any) -> str:
    return " ".join(number(value) for value in astuple(found))


def _warmed() -> Iterator[str]:
    """What is compiled, and what is said of it."""
    yield from shown("smallest", warm._smallest().demand)
    asked: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm, "solve_program", lambda program: asked.append(program.sizes))
        patch.setattr(warm, "compile_together", lambda *what: asked.append(what))
        for known in ((), (warm.walk,), (warm.walk, warm.walk_open)):
            patch.setattr(warm, "has_code", lambda entry, known=known: entry in known)
            for budgets in (False, True):
                said: list[str] = []
                cold = warm.warm_up(said.append, budgets=budgets)
                assert warm.warm_up(budgets=budgets) is cold
                together = (warm.walk_open, warm.solve_smallest) in asked
                yield f"{len(known)} {budgets}: {cold} {said} {together} {len(asked)}"
                asked.clear()


def _fleets() -> Iterator[str]:
    """Fleets in what is seldom asked of them."""
    s = _plain()
    cap = ShareCap("low", ("code",), ("small",), 0.3, Window.DAY)
    nothing = np.full_like(s.signals.price_usd_per_mwh, np.nan)
    carbon = minimal(s, minimise=Minimise.CARBON)
    unpriced = replace(carbon, signals=replace(s.signals, price_usd_per_mwh=nothing))
    yield from told("no prices", lambda: fleet(unpriced))
    yield from told("no prices, reach", lambda: reach(unpriced))
    waits = minimal(_patient(), carbon_cap_t=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tied_question, "joint", lambda *_: None)
        patch.setattr(tied_question, "too_large", lambda *_: True)
        yield from told("too long", lambda: fleet(replace(_patient(), share_caps=(cap,))))
        yield from told("too long, capped", lambda: fleet(waits))
    yield from told("outage", lambda: fleet(s, survive=[["coaly"]], outage_on_demand_gpu=-1.0))
    yield from told("outage, none", lambda: fleet(s, survive=[["coaly"]],
                                                  outage_on_demand_gpu=np.nan))  # fmt: skip
    terms = terms_of(s)
    sizing = Sizing.of(terms, groups_of(terms))
    for part in (0.04, 0.11, 1.0, 0.08):
        gpu = terms.lower + part * (terms.upper - terms.lower)
        for asked in (Sounding(sizing.needs), ServedHours(sizing.hours, sizing.needs)):
            yield f"{part}: {number(asked.ask(gpu, sizing.master))} {len(sizing.needs.known)}"
    nowhere = with_class(with_class(s, 0, unserved_usd_per_request=0.1), 1,
                         unserved_usd_per_request=0.2)  # fmt: skip
    nowhere = with_class(nowhere, 2, unserved_usd_per_request=0.3)
    closed = tuple(replace(k, accuracy_min=0.99) for k in nowhere.classes)
    yield from shown("nowhere", reach(replace(nowhere, classes=closed)))
    far = with_class(s, 0, latency_budget_ms=400.0)
    yield from shown("least reach", reach(far, most=1e-3))


def _tables() -> Iterator[str]:
    """Tables of shares: how they were found, beside where they send demand."""
    s = uneven(58, 5, tight=1.3)
    cap = ShareCap("low", ("code",), ("small",), 0.3, Window.DAY)
    for title, world in {"plain": s, "capped": replace(s, share_caps=(cap,))}.items():
        for name in ("static_cost", "hourly_table_carbon"):
            placed, tables = baseline_and_tables(build_instance(world), name)
            assert tables is not None
            yield f"== {title}, {name}: {placed.status} {placed.conflict}"
            yield from shown("info", tables.info)
            yield from shown("share", tables.share.round(6))
            yield from shown("totals", placed.totals)


def _contract() -> Iterator[str]:
    """A fleet under a contract, from a sample of its hours first."""
    hours = Hours.range("2023-03-31T20:00:00", 8)
    tier = Tier("green", 0.25, 0.6, classes=("code",), window=Window.MONTH, points=("small",),
                accuracy_min=0.5)  # fmt: skip
    s = offer(with_class(_plain(seed=14, hours=hours), 1, accuracy_min=0.7), [tier])
    whole = tiered_fleet(s, exact=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiered, "SAMPLED", 2)
        patch.setattr(sizes, "SAMPLED", 2)
        sampled = tiered_fleet(s, exact=1e-6)
    for title, made in {"whole": whole, "sampled": sampled}.items():
        yield f"== {title}: {made.optimal.cost_usd:.4g}"
    assert sampled.optimal.cost_usd == pytest.approx(whole.optimal.cost_usd, rel=2e-6)
    kinds: dict[str, Any] = {
        r.id: {"H100": {"reserved_usd_per_gpu_year": 16e3},
               "B200": {"reserved_usd_per_gpu_year": 24e3}}
        for r in s.regions
    }  # fmt: skip
    hardware = zip(s.points, ("H100", "B200", "H100"), strict=False)
    points = tuple(replace(point, hardware=kind) for point, kind in hardware)
    rest = tuple(replace(p, hardware="H100") for p in s.points[len(points) :])
    bounded = tuple(replace(r, capacity_max=9.0) for r in s.regions)
    mixed = by_kind(replace(s, points=points + rest, regions=bounded), kinds)
    yield from told("kinds", lambda: tiered_fleet(mixed))


def _curves() -> Iterator[str]:
    """Frontiers of every kind: by each solver, where nothing binds, and where demand is shed."""
    s = uneven(53, 4)
    must = with_class(s, 2, unserved_usd_per_request=None)
    roomy, short = uneven(53, 4, tight=9.0), uneven(53, 4, tight=0.5)
    dry = replace(must, reserved_gpu=must.reserved_gpu * np.array([2.0, 2.0, 0.75, 2.0]))
    asked: list[tuple[str, Scenario, str, dict[str, Any]]] = [
        ("roomy", roomy, "scale", {}),
        ("roomy, carbon", roomy, "added_ms", {"objective": "carbon"}),
        ("short", short, "scale", {}), ("short, carbon", short, "scale", {"objective": "carbon"}),
        ("weighted", s, "added_ms", {"objective": "weighted", "carbon_price_usd_per_t": 90.0}),
        ("class", s, "class:code", {}), ("at budgets", s, "scale", {"x": [1.0, 2.5, 1.0]}),
        ("few", must, "scale", {"samples": 3}), ("dry", dry, "scale", {}),
        ("soft", s, "soft", {}), ("soft, three", must, "soft", {"samples": 3}),
        ("soft, carbon", short, "soft", {"objective": "carbon", "samples": 2}),
    ]  # fmt: skip
    for title, world, variant, more in asked:
        for solver in (Solver.HIGHS, Solver.ENGINE) if title in {"short", "weighted"} else (
                Solver.AUTO,):  # fmt: skip
            done: list[float] = []
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(curves, "FULLEST", 1)
                patch.setattr(curves, "FULLEST_OF_NODE", 1)
                asked_by = replace(world, solver=solver)
                made = frontier(asked_by, variant, progress=done.append, **more)
            yield f"== {title} {solver}: {' '.join(number(part) for part in done)}"
            yield from shown("curve", made)
    axis = feasible_axis(must, "scale")
    yield from shown("axis", (axis.x, axis.least, axis.users))
    yield from told("below", lambda: frontier(must, x=[axis.least / 2]))
    yield from told("none", lambda: frontier(must, x=[]))
    yield from told("soft at", lambda: frontier(must, "soft", x=[1.0]))
    dryer = replace(must, reserved_gpu=must.reserved_gpu * 0.3)
    lawless = with_class(must, 1, accuracy_min=0.99)
    for variant in ("scale", "soft"):
        yield from told(f"dryer {variant}", lambda v=variant: frontier(dryer, v))
        yield from told(f"lawless {variant}", lambda v=variant: frontier(lawless, v))
    yield from told("variant", lambda: frontier(s, "sideways"))
    yield from told("objective", lambda: frontier(s, objective="joy"))
    yield from told("no class", lambda: frontier(s, "class:none"))


def _abated() -> Iterator[str]:
    """The cheapest placements at some prices of carbon."""
    s = uneven(54, 5)
    cap = ShareCap("low", ("code",), ("small",), 0.4, Window.DAY)
    worlds = {
        "plain": with_class(s, 2, unserved_usd_per_request=None), "unserved": s,
        "short": uneven(54, 5, tight=0.6), "starts": replace(s, frictions=Frictions(0.2)),
        "capped": replace(s, share_caps=(cap,)),
    }  # fmt: skip
    for title, world in worlds.items():
        done: list[float] = []
        table = abatement(world, [20.0, 300.0, 20.0, 5e3], done.append)
        yield f"== {title}: {' '.join(number(part) for part in done)}"
        yield from shown("table", table)
    dry = replace(worlds["plain"], reserved_gpu=s.reserved_gpu * 0.2)
    yield from told("dry", lambda: abatement(dry, [1.0]))
    yield from told("lawless", lambda: abatement(with_class(s, 1, accuracy_min=0.99), [1.0]))
    tied = replace(dry, share_caps=(cap,))
    yield from told("dry and capped", lambda: abatement(tied, [1.0]))
    none = replace(worlds["capped"], share_caps=(replace(cap, share_max=0.0, points=(
        "small", "batched")),), reserved_gpu=s.reserved_gpu * 0.8)  # fmt: skip
    yield from shown("capped at none", abatement(none, [1.0]))
    for waits in ([0.0, 2.0], [3.0]):
        every = over_patience(replace(s, hours=s.hours), "batch", waits)
        yield from shown("patience", every[0])
        yield from shown("patient", [made.totals for made in every[1]])


CASES: dict[str, Callable[[], Iterator[str]]] = {
    "split": _split, "words": _words, "verified": _verified, "warmed": _warmed, "fleets": _fleets,
    "contract": _contract, "curves": _curves, "abated": _abated, "tables": _tables,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_seldom_asked_is_as_in_the_golden_file(name: str) -> None:
    """Every value is that which was read and found right."""
    compare(f"seldom_{name}", CASES[name]())
