"""Policies replayed on the same requests, seed by seed: one after the other, but a few at a time
where they plan anew in every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.data.digest import sha256_of
from wattlas.errors import InfeasibleError, InputError, LimitError, UsageError
from wattlas.model.scenario import Scenario
from wattlas.policy.forecasts.outlook import Outlook
from wattlas.policy.forecasts.told import Told
from wattlas.policy.planned import Planned
from wattlas.policy.protocol import Policy
from wattlas.policy.registry import is_own, policy_of
from wattlas.replays.arrivals.stream import AtRates, FromTrace, Stream
from wattlas.replays.arrivals.trace import Trace, open_trace
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import Sink, replay
from wattlas.replays.service.serving import Serving
from wattlas.studies.replay_tables import BASELINE
from wattlas.studies.together import Progress, together

Refusal = InputError | InfeasibleError | LimitError


@dataclass(frozen=True)
class Traffic:
    """Which requests come: those of a trace, or Poisson at the scenario's rates, or `even`.

    `trace` is a file of requests (`wattlas.replays.arrivals.layouts` are known). `scale` multiplies
    the requests; `klass` is the class of every request of the trace. `world` replays a share of the
    demand on the same share of the accelerators.
    """

    trace: Trace | None = None
    scale: float = 1.0
    world: float = 1.0
    klass: str | None = None
    even: bool = False

    @staticmethod
    def of(traffic: Traffic | Trace | str | Path | None) -> Traffic:
        """The traffic of a trace or of its file. Raises InputError and UsageError."""
        if isinstance(traffic, Traffic):
            return traffic
        return Traffic(open_trace(traffic) if isinstance(traffic, str | Path) else traffic)

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
class Trial:
    """What of a scenario is replayed, and how often.

    `hours` are the steps from `begin` (UTC; the scenario's first) on: those of the trace unless
    given. The draws are those of `first_seed` and of the seeds after it. `utilisation` is the share
    of the accelerators that the policies plan with: at 1 a plan may fill a region, and requests
    then wait without end. `sink` takes the records of the first seed of the last policy. Raises
    UsageError for values out of their bounds.
    """

    begin: str | np.datetime64 | None = None
    hours: int | None = None
    seeds: int = 1
    first_seed: int = 0
    utilisation: float = 1.0
    sink: Sink | None = None

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise UsageError(f"--seeds: {self.seeds}, wanted at least 1.")
        if not 0 < self.utilisation <= 1:
            raise UsageError(f"--utilisation: {self.utilisation}, wanted above 0 and at most 1.")

    @property
    def draws(self) -> range:
        """The seeds of its replays."""
        return range(self.first_seed, self.first_seed + self.seeds)

    def planned_with(self, scenario: Scenario) -> Scenario:
        """The scenario as a policy sees it: so much of the accelerators."""
        return replace(scenario, reserved_gpu=scenario.reserved_gpu * self.utilisation)


@dataclass(frozen=True)
class ReplayRuns:
    """How every policy of one study is replayed: the same requests, seed by seed."""

    scenario: Scenario
    planned_with: Scenario
    traffic: Traffic
    seeds: range
    serving: Serving
    tell: Progress
    outlook: Outlook | None = None
    """What policies are told where one of them is told forecasts: like is compared with like."""

    def of(self, policy: Policy, sink: Sink | None, tell: Progress) -> tuple[Outcome, ...]:
        """A policy's outcomes; records of the first seed go to the sink."""
        expected = self.traffic.trace is None and self.traffic.scale <= 1.0
        return tuple(
            replay(
                self.scenario, policy, self.traffic.stream(self.scenario, seed),
                serving=replace(self.serving, seed=seed), expected=expected,
                scale=self.traffic.scale,
                sink=sink if seed == self.seeds.start else None,
                progress=partial(tell, f"{policy.name}, seed {seed}"),
            )
            for seed in self.seeds
        )  # fmt: skip

    def every(
        self, policies: Sequence[str | Policy], recorded: str | Policy, sink: Sink | None
    ) -> Finished:
        """What came of each; records of the one that is `recorded` go to the sink. Raises where a
        policy of a user, or the only one beside the baseline, fails.
        """
        finished = Finished()
        for group in _groups(policies):
            self.tell("policy", 0.0)
            works = []
            for policy in group:
                kept = sink if same(policy, recorded) else None
                must = policy == BASELINE or is_own(policy) or len(policies) <= 2
                works.append(partial(self._tried, policy, kept, finished, must))
            for policy, tried in zip(group, together(works, self.tell), strict=True):
                if isinstance(tried, Exception):
                    finished.refused[str(policy)] = _first_reason(tried)
                    continue
                made, finished.outcomes[tried[0].name] = tried
                finished.names[str(policy)] = made.name
                if isinstance(made, Told) and made.outlook is self.outlook:
                    finished.told.add(made.name)
        return finished

    def _tried(
        self, policy: str | Policy, sink: Sink | None, finished: Finished, must: bool,
        tell: Progress,
    ) -> tuple[Policy, tuple[Outcome, ...]] | Refusal:  # fmt: skip
        """A policy and its outcomes, or why it cannot be followed; raised where it must be."""
        try:
            made = self._made(policy)
            if made.name in finished.outcomes:
                fix = "Give each a `name` of its own."
                raise UsageError(f"--policy: two policies are called `{made.name}`. {fix}")
            return made, self.of(made, sink, tell)
        except (InputError, InfeasibleError, LimitError) as error:
            if must:
                raise
            return error

    def _made(self, policy: str | Policy) -> Policy:
        """The policy, told the forecasts unless it follows a placement that was made before."""
        made = policy_of(self.planned_with, policy) if isinstance(policy, str) else policy
        if self.outlook is None or isinstance(made, Told | Planned):
            return made
        return Told(made, self.outlook, made.name)


@dataclass
class Finished:
    """Outcomes, the reasons of those that cannot be followed, and names by what was asked."""

    outcomes: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    """Names of those that decided on the forecasts."""


def _groups(policies: Sequence[str | Policy]) -> Iterator[list[str | Policy]]:
    """Policies that may run at the same time: neighbours that are told forecasts and plan anew in
    every step, each with all that it remembers to itself. Elsewhere the requests take the time, and
    each runs alone.
    """
    for _, neighbours in groupby(policies, lambda policy: isinstance(policy, Told)):
        group = list(neighbours)
        yield from [group] if _apart(group) else ([each] for each in group)


def _apart(group: Sequence[str | Policy]) -> bool:
    """Whether all are told forecasts, and no two share a policy, which keeps its last basis, an
    outlook or a name.
    """
    told = [each for each in group if isinstance(each, Told)]
    policies = {id(each.policy) for each in told}
    outlooks = {id(each.outlook) for each in told}
    return len(policies) == len(outlooks) == len({each.name for each in told}) == len(group)


def same(policy: str | Policy, other: str | Policy) -> bool:
    """Whether two are one policy: texts by what they say, objects by which they are."""
    return policy == other if isinstance(policy, str) else policy is other


def _first_reason(error: Refusal) -> str:
    return error.problems[0].what if isinstance(error, InputError) else str(error)
