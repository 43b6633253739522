"""Policies replayed beside the baseline on the same requests: tables, listings, a results folder.

All policies get the same requests, seed by seed; what is told of a policy is the mean over seeds,
with its confidence interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.data.digest import sha256_of
from wattlas.errors import InfeasibleError, InputError, LimitError, Problem, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tables
from wattlas.model.table import Table
from wattlas.policy.protocol import Policy
from wattlas.policy.registry import check, is_own, policy_of, split
from wattlas.replays.arrivals.stream import AtRates, FromTrace, Stream
from wattlas.replays.arrivals.trace import Trace, open_trace
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import Sink, replay, shrunk
from wattlas.replays.service.model import ServiceModel
from wattlas.studies.regret import least_regret
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
    def identity(self) -> dict[str, Any]:
        """What decides which requests come, beside the scenario and the number of seeds."""
        trace: dict[str, Any] = {"trace": None, "layout": None}
        if self.trace is not None:
            layout = self.trace.layout.name
            trace = {"trace": sha256_of(self.trace.path), "layout": layout, "only": self.trace.only}
        return {
            **trace, "scale": self.scale, "world": self.world, "class": self.klass,
            "even": self.even,
        }  # fmt: skip

    @property
    def words(self) -> str:
        """Where the requests come from, as part of a sentence."""
        if self.trace is None:
            return "evenly at the scenario's rates" if self.even else "at the scenario's rates"
        return f"of {self.trace.path.name} ({self.trace.layout.name})"


@dataclass(frozen=True)
class Replayed(Tables):
    """Outcomes of policies and of the baseline, one per seed, on the same requests.

    `looked_at` is the policy that was asked for; with several, the one of least regret in what the
    scenario makes least. `against` is a policy that the others are compared with besides the best.
    `refused` says of policies that cannot be followed here why.
    """

    scenario: Scenario
    arrivals: Arrivals
    outcomes: Mapping[str, tuple[Outcome, ...]]
    looked_at: str
    against: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    derived: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def policy(self) -> str:
        """The policy that is looked at."""
        return self.looked_at

    @property
    def several(self) -> bool:
        """Whether policies were compared, beyond one and the baseline."""
        return len(self.outcomes) + len(self.refused) > 2 or self.against is not None

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


@dataclass(frozen=True)
class _Runs:
    """How every policy of one study is replayed: the same requests, seed by seed."""

    scenario: Scenario
    planned_with: Scenario
    arrivals: Arrivals
    seeds: int
    services: Mapping[str, ServiceModel] | None
    pooled: bool
    tell: Progress

    def of(self, policy: Policy, sink: Sink | None) -> tuple[Outcome, ...]:
        """A policy's outcomes; records of the first seed go to the sink."""
        expected = self.arrivals.trace is None and self.arrivals.scale <= 1.0
        return tuple(
            replay(
                self.scenario, policy, self.arrivals.stream(self.scenario, seed),
                services=self.services, pooled=self.pooled, expected=expected,
                sink=sink if seed == 0 else None,
                progress=partial(self.tell, f"{policy.name}, seed {seed}"),
            )
            for seed in range(self.seeds)
        )  # fmt: skip

    def every(
        self, asked: Sequence[str | Policy], recorded: str | Policy, sink: Sink | None
    ) -> _Found:
        """What came of each; records of the one that is `recorded` go to the sink. Raises where a
        policy of a user, or the only one beside the baseline, fails.
        """
        found = _Found()
        for policy in asked:
            self.tell("policy", 0.0)
            try:
                made = policy_of(self.planned_with, policy) if isinstance(policy, str) else policy
                if made.name in found.outcomes:
                    fix = "Give each a `name` of its own."
                    raise UsageError(f"--policy: two policies are called `{made.name}`. {fix}")
                kept = sink if _same(policy, recorded) else None
                found.outcomes[made.name] = self.of(made, kept)
                found.names[str(policy)] = made.name
            except (InputError, InfeasibleError, LimitError) as error:
                if policy == BASELINE or is_own(policy) or len(asked) <= 2:
                    raise
                found.refused[str(policy)] = _first_reason(error)
        return found


@dataclass
class _Found:
    """Outcomes, the reasons of those that cannot be followed, and names by what was asked."""

    outcomes: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def _same(one: str | Policy, other: str | Policy) -> bool:
    return one == other if isinstance(one, str) else one is other


def _first_reason(error: InputError | InfeasibleError | LimitError) -> str:
    return error.problems[0].what if isinstance(error, InputError) else str(error)


def replayed(
    scenario: Scenario,
    policy: str | Policy | Sequence[str | Policy] = "plan",
    *,
    against: str | None = None,
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
    """Replay policies request by request, beside the baseline on the same requests.

    `trace` is a file of requests (`wattlas.replays.arrivals.layouts` are known); without one they
    come at the scenario's rates, Poisson, or `even`. `scale` multiplies the requests, `world`
    shrinks demand and accelerators alike. `hours` are those from the scenario's first that are
    replayed: those of the trace unless given. `utilisation` is the share of the accelerators that
    the policies plan with: at 1 a plan may fill a region, and requests then wait without end.
    `policy` is a name (`wattlas.policy.registry`), an object with `route`, or several of them;
    `against` names one that all are compared with. `services` are calibrated service models by
    operating point. `sink` takes the records of the first seed of the last
    `policy`. Raises InputError,
    UsageError, InfeasibleError.
    """
    if seeds < 1:
        raise UsageError(f"--seeds: {seeds}, wanted at least 1.")
    asked = _asked(policy, against)
    opened = open_trace(trace) if isinstance(trace, str | Path) else trace
    arrivals = Arrivals(opened, scale, world, klass, even)
    part = _hours(scenario, opened, hours)
    part = part if world == 1.0 else shrunk(part, world)
    tell = progress or (lambda _what, _share: None)
    runs = _Runs(part, _planned_with(part, utilisation), arrivals, seeds, services, pooled, tell)
    found = runs.every(asked, _asked(policy, None)[-1], sink)
    if against is not None:
        (against,) = split(against)
        if against in found.refused:
            raise InfeasibleError(f"--against {against}: {found.refused[against]}")
        against = found.names[against]
    outcomes = found.outcomes
    looked_at = list(outcomes)[-1] if len(asked) <= 2 else least_regret(part, outcomes)
    notes = _notes(part, outcomes, services)
    return Replayed(part, arrivals, outcomes, looked_at, against, found.refused, notes)


def _asked(
    policy: str | Policy | Sequence[str | Policy], against: str | None
) -> list[str | Policy]:
    """The policies to replay: the baseline first, each once. Raises UsageError for a wrong name."""
    several: Any = policy if isinstance(policy, list | tuple) else [policy]
    asked: list[str | Policy] = [BASELINE]
    for each in several:
        asked += split(each) if isinstance(each, str) else [each]
    named = [] if against is None else split(against)
    if len(named) > 1:
        raise UsageError(f"--against {against}: name one policy.")
    asked += named
    for text in asked:
        if isinstance(text, str):
            check(text)
    kept: list[str | Policy] = []
    for one in asked:
        kept += [] if any(_same(one, other) for other in kept) else [one]
    return kept


def _planned_with(scenario: Scenario, utilisation: float) -> Scenario:
    """The scenario as a policy sees it: so much of the accelerators."""
    if not 0 < utilisation <= 1:
        raise UsageError(f"--utilisation: {utilisation}, wanted above 0 and at most 1.")
    return replace(scenario, reserved_gpu=scenario.reserved_gpu * utilisation)


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
