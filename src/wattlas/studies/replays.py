"""A policy replayed beside the baseline on the same requests: tables, listings, a results folder.

Both policies get the same requests, seed by seed; what is told of a policy is the mean over seeds,
with its confidence interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.plan import Totals
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tables
from wattlas.model.table import Column, Kind, Listing, Table, columns, rows_of
from wattlas.policy.planned import policy_of
from wattlas.policy.protocol import Policy
from wattlas.replays.arrivals.stream import AtRates, FromTrace, Stream
from wattlas.replays.arrivals.trace import Trace, open_trace
from wattlas.replays.intervals import mean_and_half
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import Sink, replay, shrunk
from wattlas.replays.service.model import ServiceModel
from wattlas.studies import words
from wattlas.studies.foresight import (
    AHEAD,
    ROLLING,
    Foresight,
    came,
    first_step,
    forecast_regret,
    regret_listing,
    skill_listing,
    skill_of,
)
from wattlas.studies.meta import described, totals_dict

BASELINE = "nearest"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Arrivals:
    """Which requests come: those of a trace (`FromTrace`), or at the scenario's rates (`AtRates`).

    `world` replays a share of the demand on the same share of the accelerators.
    """

    trace: Trace | None = None
    scale: float = 1.0
    world: float = 1.0
    klass: str | None = None
    even: bool = False

    def stream(self, scenario: Scenario, seed: int) -> Stream:
        """The requests of one seed."""
        if self.trace is None:
            return AtRates(scenario, seed, self.scale, self.even)
        return FromTrace(scenario, self.trace, seed, self.scale, self.klass)

    @property
    def words(self) -> str:
        """Where the requests come from, as part of a sentence."""
        if self.trace is None:
            return "evenly at the scenario's rates" if self.even else "at the scenario's rates"
        return f"of {self.trace.path.name} ({self.trace.layout.name})"


@dataclass(frozen=True)
class Replayed(Tables):
    """Outcomes of a policy and of the baseline, one per seed, on the same requests."""

    scenario: Scenario
    arrivals: Arrivals
    outcomes: Mapping[str, tuple[Outcome, ...]]
    notes: tuple[str, ...] = ()
    skill: Table | None = None
    """How good the forecasts were that a policy was told."""
    derived: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def policy(self) -> str:
        """The policy that is looked at, the last of the outcomes."""
        return list(self.outcomes)[-1]

    @property
    def meta(self) -> dict[str, Any]:
        """What the results folder says of itself."""
        return meta_of(self)

    def __getitem__(self, policy: str) -> Outcome:
        return self.outcomes[policy][0]

    def named_tables(self) -> Mapping[str, Table]:
        """The tables of the results folder, by name."""
        if not self.derived:
            self.derived.update(tables_of(self))
        return self.derived


def replayed(
    scenario: Scenario,
    policy: str | Policy = "plan",
    *,
    trace: str | Path | Trace | None = None,
    scale: float = 1.0,
    world: float = 1.0,
    klass: str | None = None,
    even: bool = False,
    hours: int | None = None,
    utilisation: float = 1.0,
    seeds: int = 1,
    services: Mapping[str, ServiceModel] | None = None,
    pooled: bool = False,
    sink: Sink | None = None,
    progress: Progress | None = None,
    begin: str | np.datetime64 | None = None,
    foresight: Foresight | None = None,
) -> Replayed:
    """Replay a policy request by request, beside the baseline on the same requests.

    `trace` is a file of requests (`wattlas.replays.arrivals.layouts` are known); without one they
    come at the scenario's rates, Poisson, or `even`. `scale` multiplies the requests, `world`
    shrinks demand and accelerators alike. `hours` are those from the scenario's first that are
    replayed: those of the trace unless given. `utilisation` is the share of the accelerators that
    the policies plan with: at 1 a plan may fill a region, and requests then wait without end.
    `policy` is `plan`, `nearest`, `rolling`, `oracle` or an object with `route`. `begin` is the
    first step that is replayed, UTC; `foresight` says what `rolling` is told, and the steps before
    `begin` are its past unless it has another. `services` are calibrated service models by
    operating point. `sink` takes the records of the policy's first seed. Raises InputError,
    UsageError, InfeasibleError.
    """
    if seeds < 1:
        raise UsageError(f"--seeds: {seeds}, wanted at least 1.")
    opened = open_trace(trace) if isinstance(trace, str | Path) else trace
    arrivals = Arrivals(opened, scale, world, klass, even)
    first = first_step(scenario, begin)
    part = _hours(scenario.at_hours(range(first, scenario.hours.count)) if first else scenario,
                  opened, hours)  # fmt: skip
    part = part if world == 1.0 else shrunk(part, world)
    tell = progress or (lambda _what, _share: None)
    roomy = _planned_with(part, utilisation)
    policies = [_made(roomy, BASELINE)]
    if policy in AHEAD:
        tell("policy", 0.0)
        told = _with_past(foresight or Foresight(), scenario, first, world)
        known = opened is None and scale == 1.0
        truth = part if known else came(part, arrivals.stream(part, 0))
        policies += told.policies(str(policy), roomy, truth)
    elif policy != BASELINE:
        tell("policy", 0.0)
        policies.append(_made(roomy, policy))
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    for each in policies:
        runs = []
        for seed in range(seeds):
            first = each is policies[-1] and seed == 0
            stage = f"{each.name}, seed {seed}"
            runs.append(replay(
                part, each, arrivals.stream(part, seed), services=services, pooled=pooled,
                expected=opened is None and scale <= 1.0, sink=sink if first else None,
                progress=partial(tell, stage),
            ))  # fmt: skip
        outcomes[each.name] = tuple(runs)
    notes = _notes(part, outcomes, services)
    return Replayed(part, arrivals, outcomes, notes, skill=skill_of(policies))


def _with_past(foresight: Foresight, scenario: Scenario, first: int, world: float) -> Foresight:
    """With the steps before the first as its past, where it has no other."""
    past = foresight.past
    if past is None and first:
        past = scenario.at_hours(range(first))
    return foresight if past is None else replace(foresight, past=shrunk(past, world))


def _planned_with(scenario: Scenario, utilisation: float) -> Scenario:
    """The scenario as a policy sees it: so much of the accelerators."""
    if not 0 < utilisation <= 1:
        raise UsageError(f"--utilisation: {utilisation}, wanted above 0 and at most 1.")
    return replace(scenario, reserved_gpu=scenario.reserved_gpu * utilisation)


def _made(scenario: Scenario, policy: str | Policy) -> Policy:
    return policy_of(scenario, policy) if isinstance(policy, str) else policy


def _hours(scenario: Scenario, trace: Trace | None, hours: int | None) -> Scenario:
    """The hours that are replayed, from the scenario's first."""
    count = scenario.hours.count
    if hours is not None and not 1 <= hours <= count:
        raise UsageError(f"--hours: {hours}, wanted 1..{count}, those of the scenario.")
    if hours is None and trace is not None:
        step_s = scenario.hours.step_h * 3600.0
        span = max(float(batch.t_s[-1]) for batch in trace.batches())
        hours = int(span // step_s) + 1
        if hours > count:
            what = f"spans {hours} steps, and the scenario holds {count}"
            fix = "Replay a longer scenario, or the first steps with --hours."
            raise InputError([Problem("(file)", what, fix, str(trace.path))])
    return scenario if hours in (None, count) else scenario.at_hours(range(hours or count))


def _notes(
    scenario: Scenario,
    outcomes: Mapping[str, tuple[Outcome, ...]],
    services: Mapping[str, ServiceModel] | None,
) -> tuple[str, ...]:
    runs = [run for each in outcomes.values() for run in each]
    notes = list(dict.fromkeys(note for run in runs for note in run.notes))
    if not services:
        notes.append(
            "Service times follow from the operating points' figures; calibrate them on a log of "
            "the server with `wattlas replay calibrate`"
        )
    if runs[0].metered is None:
        notes.append("No power curve was given: energy is joules per token times tokens")
    if not np.isfinite(scenario.most_gpu).all():
        notes.append(
            "Where accelerators have no end, there are as many replicas as keep them 70 % busy"
        )
    return tuple(notes)


# -- tables -----------------------------------------------------------------------------------


_NAN = float("nan")


def _nan_if_none(value: float | None) -> float:
    return _NAN if value is None else value


MEASURES: Mapping[str, tuple[str, Callable[[Outcome], float]]] = {
    "variable_usd": ("Cost that decisions change, USD", lambda o: o.totals.variable_usd),
    "energy_usd": ("Energy, USD", lambda o: o.totals.energy_usd),
    "egress_usd": ("Egress, USD", lambda o: o.totals.egress_usd),
    "on_demand_usd": ("Accelerators on demand, USD", lambda o: o.totals.on_demand_usd),
    "reserved_usd": ("Reserved accelerators, USD", lambda o: o.totals.reserved_usd),
    "carbon_kg": ("Carbon, deciding intensity, kg", lambda o: o.totals.carbon_kg),
    "carbon_average_kg": ("Carbon, average intensity, kg", lambda o: o.totals.carbon_average_kg),
    "carbon_marginal_kg": (
        "Carbon, marginal intensity, kg",
        lambda o: _nan_if_none(o.totals.carbon_marginal_kg),
    ),
    "metered_usd": ("Metered energy, USD", lambda o: o.metered.energy_usd if o.metered else _NAN),
    "movable_usd": ("of it movable, USD", lambda o: o.metered.movable_usd if o.metered else _NAN),
    "metered_kg": ("Metered carbon, kg", lambda o: o.metered.carbon_kg if o.metered else _NAN),
    "movable_kg": ("of it movable, kg", lambda o: o.metered.movable_kg if o.metered else _NAN),
    "requests": ("Requests", lambda o: o.requests),
    "served": ("Served", lambda o: o.served),
    "unserved": ("Not served", lambda o: o.unserved),
    "refused": ("Refused: larger than the KV memory", lambda o: o.refused),
    "late": ("Over budget", lambda o: o.late),
    "moved": ("Share away from the baseline region", lambda o: o.moved),
    "started": ("Replicas switched on", lambda o: o.started),
    "over_cap": ("Settled prefixes over a degradation cap", lambda o: o.over_cap),
}


def tables_of(made: Replayed) -> dict[str, Table]:
    """What the results folder holds; without a contract there is no table of caps."""
    every = {
        "replay_totals": _totals(made),
        "replay_latency": _stacked(made, "latency"),
        "replay_distribution": _stacked(made, "distribution"),
        "replay_caps": _stacked(made, "caps"),
        "replay_places": _stacked(made, "places"),
        "replay_forecasts": made.skill or {"signal": ()},
        "replay_forecast_regret": forecast_regret(made.outcomes) or {"policy": ()},
    }
    return {name: table for name, table in every.items() if _rows(table)}


def _totals(made: Replayed) -> Table:
    """Every measure of every policy: mean over seeds, and half the width of its interval."""
    rows: dict[str, list[Any]] = {n: [] for n in ("policy", "measure", "value", "half_width")}
    for policy, runs in made.outcomes.items():
        for name, (_, measure) in MEASURES.items():
            mean, half = mean_and_half([measure(run) for run in runs])
            for column, value in zip(rows.values(), (policy, name, mean, half), strict=True):
                column.append(value)
    return rows


def _stacked(made: Replayed, name: str) -> Table:
    """A table of the first seed of every policy, one below the other."""
    parts = [(policy, getattr(runs[0], name)) for policy, runs in made.outcomes.items()]
    names = parts[0][1].keys()
    stacked: dict[str, Any] = {
        "policy": np.concatenate([np.full(_rows(table), policy) for policy, table in parts])
    }
    for column in names:
        values = np.concatenate([np.asarray(table[column]) for _, table in parts])
        if values.dtype.kind == "M":
            values = values.astype("datetime64[ms]")
        stacked[column] = values
    return stacked


def _rows(table: Table) -> int:
    return len(next(iter(table.values())))


# -- listings ---------------------------------------------------------------------------------


def totals_listing(made: Replayed) -> Listing:
    """Every measure, policies side by side, with ± where there are several seeds."""
    table: dict[str, list[Any]] = {"measure": []}
    table |= {policy: [] for policy in made.outcomes}
    values: dict[str, dict[str, Any]] = {}
    for row in rows_of(made.named_tables()["replay_totals"]):
        values.setdefault(row["measure"], {})[row["policy"]] = row
    for name, (label, _) in MEASURES.items():
        if all(np.isnan(row["value"]) for row in values[name].values()):
            continue
        table["measure"].append(label)
        for policy, row in values[name].items():
            table[policy].append(_shown(row["value"], row["half_width"]))
    heads = (Column("measure", Kind.TEXT), *(Column(p, Kind.TEXT, head=p) for p in made.outcomes))
    return Listing("What came out", heads, table, made.notes)


def _shown(value: float, half: float) -> str:
    text = words.number(value)
    return text if np.isnan(half) else f"{text} ± {words.number(half)}"


def latency_listing(made: Replayed) -> Listing:
    """Percentiles of each class."""
    spec = (
        "policy:text class:text service:text moment:text requests:count p50_ms p95_ms p99_ms "
        "late_share:share"
    )
    table = made.named_tables()["replay_latency"]
    return Listing("How long it took", columns(spec), table)


def caps_listing(made: Replayed) -> Listing | None:
    """The degraded share of each contract's windows at the end; None without contracts."""
    table = made.named_tables().get("replay_caps")
    if table is None:
        return None
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows_of(table):
        last[row["policy"], row["cap"], row["window_utc"]] = dict(row)
    kept = list(last.values())
    spec = (
        "policy:text cap:text delivered:count granted:count degraded:count share:share "
        "share_max:share"
    )
    names = [column.name for column in columns(spec)]
    columns_ = {name: [row[name] for row in kept] for name in names}
    over = sum(run.over_cap for runs in made.outcomes.values() for run in runs)
    note = f"{over:,} settled prefixes were over their cap"
    return Listing("Degraded, against the cap", columns(spec), columns_, (note,))


def listings(made: Replayed) -> list[Listing]:
    """What the terminal shows."""
    tables = made.named_tables()
    regret, skill = tables.get("replay_forecast_regret"), tables.get("replay_forecasts")
    shown = [
        totals_listing(made), latency_listing(made), caps_listing(made),
        None if regret is None else regret_listing(regret),
        None if skill is None else skill_listing(skill),
    ]  # fmt: skip
    return [listing for listing in shown if listing is not None]


def sentence(made: Replayed) -> str:
    """The answer in one sentence."""
    policy, base = made[made.policy], made[BASELINE]
    came = f"{policy.requests:,} requests {made.arrivals.words}"
    late = f"{policy.late / max(policy.served, 1):.2%} over budget"
    if made.policy == BASELINE:
        return f"{came} under the policy {BASELINE}: {late}."
    usd = base.totals.variable_usd - policy.totals.variable_usd
    kg = base.totals.carbon_kg - policy.totals.carbon_kg
    was_late = f"{base.late / max(base.served, 1):.2%}"
    return (
        f"Over {came}, {made.policy} saves {words.money(usd)} and {words.mass(kg)} of CO₂e against "
        f"{BASELINE}, with {late} ({BASELINE}: {was_late})."
    )


def meta_of(made: Replayed) -> dict[str, Any]:
    """What the results folder says of itself."""
    from wattlas import __version__

    totals: dict[str, Totals] = {
        "plan": made[made.policy].totals,
        "baseline": made[BASELINE].totals,
    }
    return {
        "wattlas": __version__,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "page": "replay",
        **described(made.scenario),
        "status": "heuristic" if made.policy in (BASELINE, ROLLING) else "optimal",
        "policy": made.policy,
        "requests": made.arrivals.words,
        "seeds": len(made.outcomes[made.policy]),
        "totals": {name: totals_dict(each) for name, each in totals.items()},
        "baseline": {"policy": BASELINE, "label": "nearest"},
        "brief": {"sentence": sentence(made), "actions": [], "moves": []},
        "limits": [f"{note}." for note in made.notes],
    }
