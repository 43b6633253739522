"""A policy replayed beside the baseline on the same requests: tables, listings, a results folder.

Both policies get the same requests, seed by seed; what is told of a policy is the mean over seeds,
with its confidence interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tables
from wattlas.model.table import Table
from wattlas.policy.protocol import Policy
from wattlas.policy.registry import policy_of
from wattlas.replays.arrivals.stream import AtRates, FromTrace, Stream
from wattlas.replays.arrivals.trace import Trace, open_trace
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import Sink, replay, shrunk
from wattlas.replays.service.model import ServiceModel
from wattlas.studies.replay_tables import BASELINE, meta_of, tables_of

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
) -> Replayed:
    """Replay a policy request by request, beside the baseline on the same requests.

    `trace` is a file of requests (`wattlas.replays.arrivals.layouts` are known); without one they
    come at the scenario's rates, Poisson, or `even`. `scale` multiplies the requests, `world`
    shrinks demand and accelerators alike. `hours` are those from the scenario's first that are
    replayed: those of the trace unless given. `utilisation` is the share of the accelerators that
    the policies plan with: at 1 a plan may fill a region, and requests then wait without end.
    `policy` is `plan`, `nearest` or an object with
    `route`. `services` are calibrated service models by operating point. `sink` takes the records
    of the policy's first seed. Raises InputError, UsageError, InfeasibleError.
    """
    if seeds < 1:
        raise UsageError(f"--seeds: {seeds}, wanted at least 1.")
    opened = open_trace(trace) if isinstance(trace, str | Path) else trace
    arrivals = Arrivals(opened, scale, world, klass, even)
    part = _hours(scenario, opened, hours)
    part = part if world == 1.0 else shrunk(part, world)
    tell = progress or (lambda _what, _share: None)
    roomy = _planned_with(part, utilisation)
    policies = [_made(roomy, BASELINE)]
    if policy != BASELINE:
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
    return Replayed(part, arrivals, outcomes, _notes(part, outcomes, services))


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
