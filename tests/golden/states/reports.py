"""What replays say in rare states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wattlas
from tests.golden.printed import (
    fault_lines,
    listing_lines,
    table_lines,
    tried,
)
from wattlas.model.objective import Minimise, Objective
from wattlas.model.plan import Totals
from wattlas.model.scenario import Scenario
from wattlas.replays.outcome import Metered, Outcome
from wattlas.studies import forecast_skill as skills
from wattlas.studies.forecast_skill import forecast_skill
from wattlas.studies.foresight import Foresight, came, first_step, regret_listing, skill_listing
from wattlas.studies.regret import best_by, least_regret, policies_table
from wattlas.studies.replay_runs import Traffic, Trial
from wattlas.studies.replay_tables import listings, meta_of, sentence, totals_listing
from wattlas.studies.replays import Replayed

NAN = float("nan")


def _outcome(name: str, usd: float, kg: float, **more: Any) -> Outcome:
    """An outcome of 100 requests."""
    s = wattlas.example("tiny").at_hours(range(2))
    time = np.array(["2026-01-01T00", "2026-01-01T01"], "datetime64[h]")
    latency = {
        "class": ["A"],
        "service": ["full"],
        "moment": ["first"],
        "requests": [90],
        "p50_ms": [usd],
        "p95_ms": [2 * usd],
        "p99_ms": [3 * usd],
        "late_share": [0.1],
    }
    caps = {
        "time_utc": time,
        "cap": ["A"] * 2,
        "window_utc": time[:1].repeat(2),
        "delivered": [5.0, 9.0],
        "granted": [2.0, 3.0],
        "degraded": [1.0, 2.0],
        "share": [0.2, 0.22],
        "share_max": [0.3, 0.3],
    }
    none: dict[str, Any] = {"time_utc": time[:0]}
    totals = Totals(energy_usd=usd, carbon_kg=kg, carbon_marginal_kg=more.pop("marginal", None))
    stated = {"metered": None, "unserved": 0, "refused": 0, "late": 3, "over_cap": 0, "caps": caps}
    stated |= {"served": 97, "moved": 0.25, "started": 2, "distribution": none, "places": none}
    return Outcome(s, name, 2, 100, totals=totals, latency=latency, **{**stated, **more})


def _replayed(looked_at: str, *seeds: Any, **more: Any) -> Replayed:
    outcomes = {name: runs if isinstance(runs, tuple) else (runs,) for name, runs in seeds}
    s = next(iter(outcomes.values()))[0].scenario
    return Replayed(s, Traffic(), outcomes, looked_at, **more)


def _asked(now: Scenario, forecast: str, **more: Any) -> None:
    """What is asked of forecasts, instead of an answer."""
    past = more["past"]
    told = [len(now.hours.utc), past and past.hours.count, more["look_ahead_h"], more["signals"]]
    raise ValueError(f"{forecast} {told}")


def _replays(_folder: Path) -> Iterator[str]:
    """Outcomes made by hand: alone, of seeds, of several policies, with unserved and refused."""
    meter = Metered(5.0, 2.0, 9.0, 4.0, 7.0, 3.0)
    base, plan = _outcome("nearest", 9.0, 5.0), _outcome("plan", 7.0, 6.0, late=0, metered=meter)
    short = _outcome("short", 1.0, 0.5, unserved=2, refused=1, served=0, over_cap=1200)
    again = _outcome("plan", 8.0, 5.5, marginal=4.0)
    least = replace(base.scenario, objective=Objective(minimise=Minimise.CARBON))
    three = {"nearest": (base, base), "plan": (plan, again), "short": (short, plan)}
    cases = {
        "alone": _replayed("nearest", ("nearest", base)),
        "plan": _replayed("plan", ("nearest", base), ("plan", plan), notes=("one", "two")),
        "seeds": _replayed("plan", ("nearest", (base, base)), ("plan", (plan, again))),
        "without caps": _replayed(
            "plan",
            ("nearest", replace(base, caps={"cap": []})),
            ("plan", replace(plan, caps={"cap": []})),
        ),
        "several": _replayed("plan", *three.items(), against="nearest", refused={"odd": "why"}),
        "against": _replayed("plan", ("nearest", base), ("plan", plan), against="nearest"),
        "refused": _replayed("plan", ("nearest", base), ("plan", plan), refused={"odd": "why"}),
    }
    for name, made in cases.items():
        yield f"== {name} {made.several}: {sentence(made)}"
        for listing in listings(made):
            yield from listing_lines(listing)
        told = meta_of(made)
        yield str([told[n] for n in ("status", "policies", "refused", "limits", "seeds")])
        yield from table_lines("policies", made.named_tables()["replay_policies"])
        yield str(sorted(made.named_tables()))
    yield from listing_lines(totals_listing(cases["seeds"]))
    for runs in (
        three,
        {"a": (base,), "b": (base,)},
        {"a": (short,), "b": (plan,)},
        {"a": (plan,), "b": (replace(plan, totals=Totals(carbon_kg=NAN)),)},
    ):
        yield f"{[best_by(runs, q) for q in ('cost_usd', 'carbon_kg', 'movable_usd')]}"
        yield f"{least_regret(base.scenario, runs)} {least_regret(least, runs)}"
    free = replace(base, totals=Totals())
    yield from table_lines("free", policies_table({"a": (free,)}, "a", {}))
    for stated in ({}, {"even": True}, {"scale": 0.5, "world": 0.1, "klass": "A"}):
        yield f"{Traffic(**stated).words} {Traffic(**stated).identity}"
    for trial in (
        {},
        {"seeds": 0},
        {"seeds": 1, "first_seed": 4},
        {"utilisation": 0.0},
        {"utilisation": 1.0},
        {"utilisation": 1.0001},
        {"utilisation": 0.5, "seeds": 3},
    ):
        yield from tried(lambda t=trial: str(Trial(**t).draws))
    halved = Trial(utilisation=0.5).planned_with(base.scenario)
    yield str(float(halved.reserved_gpu.sum() / base.scenario.reserved_gpu.sum()))
    for begin in (None, "2023-06-01T01:00", "2023-06-01T01:00Z", "2023-06-02", "x", "2022-01-01"):
        yield from tried(lambda b=begin: str(first_step(base.scenario, b)))
    past = Foresight().with_past(base.scenario, 1, 1.0)
    yield str(Foresight().with_past(base.scenario, 0, 1.0).past)
    yield str(past.past and past.past.hours.count)
    other = Foresight(past=least).with_past(base.scenario, 1, 0.5)
    yield str(float(other.past.demand_per_h.sum() / least.demand_per_h.sum()) if other.past else 0)
    yield from fault_lines(lambda: forecast_skill(base.scenario, "perfect"))
    with pytest.MonkeyPatch.context() as asked:
        asked.setattr(skills, "forecast_outlook", _asked)
        whole = wattlas.example("tiny")
        earlier = whole.at_hours(range(5))
        for begin, past in (
            (None, None),
            (None, earlier),
            ("2023-06-01T20:00", None),
            ("2023-06-01T20:00", earlier),
            ("2023-06-01T00:00", None),
        ):
            yield from fault_lines(
                lambda b=begin, p=past: forecast_skill(whole, "x", begin=b, past=p, ahead_h=(2, 7))
            )
    two = base.scenario
    arrivals = [
        SimpleNamespace(at_s=np.array([0.0, 3599.9, 3600.0, 7199.0, 7200.0, 9e3]), source=n)
        for n in (np.array([0, 1, 1, 2, 3, 0]), np.array([1, 1, 1, 0, 0, 2]))
    ]
    came_of = came(two, SimpleNamespace(batches=lambda: arrivals))  # type: ignore[arg-type]
    yield str(came_of.demand_per_h.tolist())
    skill = {
        "signal": ["price", "price", "carbon", "price"],
        "ahead_h": [1, 1, 1, 24],
        "skill": [0.5, 0.1, NAN, 0.3],
        "hours": [3, 4, 5, 6],
    }
    yield from listing_lines(skill_listing(skill))
    yield from listing_lines(
        regret_listing({"against": ["oracle"], "measure": ["carbon_kg"], "value": [0.5]})
    )


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "replayed": _replays,
}
