"""Policies replayed beside the baseline on the same requests: tables, listings, a results folder.

All policies get the same requests, seed by seed; what is told of a policy is the mean over seeds,
with its confidence interval.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.shown import Tables
from wattlas.model.table import Table
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.policy.forecasts.judged import judged
from wattlas.policy.forecasts.outlook import FromPast
from wattlas.policy.own import checked
from wattlas.policy.protocol import Policy
from wattlas.policy.registry import check, split
from wattlas.replays.arrivals.trace import Trace
from wattlas.replays.outcome import Outcome
from wattlas.replays.run import shrunk
from wattlas.replays.service.serving import Serving
from wattlas.studies.foresight import (
    ORACLE,
    ROLLING,
    Foresight,
    came,
    first_step,
    from_step,
    outlook_of,
)
from wattlas.studies.regret import least_regret
from wattlas.studies.replay_runs import Finished, ReplayRuns, Traffic, Trial, same
from wattlas.studies.replay_tables import BASELINE, meta_of, tables_of
from wattlas.studies.together import Progress


@dataclass(frozen=True)
class Replayed(Tables):
    """Outcomes of policies and of the baseline, one per seed, on the same requests.

    `looked_at` is the policy that was asked for; with several, the one of least regret in what the
    scenario makes least. `against` is a policy that the others are compared with besides the best.
    `refused` says of policies that cannot be followed here why.
    """

    scenario: Scenario
    traffic: Traffic
    outcomes: Mapping[str, tuple[Outcome, ...]]
    looked_at: str
    against: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    skill: Table | None = None
    """How good the forecasts were that a policy was told."""
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


def replayed(
    scenario: Scenario,
    policy: str | Policy | Sequence[str | Policy] = "plan",
    traffic: Traffic | Trace | str | Path | None = None,
    *,
    against: str | None = None,
    trial: Trial | None = None,
    serving: Serving | None = None,
    foresight: Foresight | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Replay policies request by request, beside the baseline on the same requests.

    `policy` is a name (`wattlas.policy.registry`, `rolling`, `oracle`), an object with `route`, or
    several of them; `against` names one that all are compared with. `traffic` says which requests
    come, a file of them or more; Poisson at the scenario's rates without. `trial` says which hours,
    how often, and how much of the accelerators policies plan with; `serving` how requests are
    served: service models, queues, starts, jitter; `foresight` what `rolling` is told, and the
    steps before the first are its past unless it has another. Raises InputError, UsageError,
    InfeasibleError.
    """
    traffic, trial = Traffic.of(traffic), trial or Trial()
    first, world = first_step(scenario, trial.begin), traffic.world
    patient = [klass.id for klass in scenario.classes if klass.may_wait_h > 0]
    scenario = without_waiting(scenario)
    part = shrunk(_hours(from_step(scenario, first), traffic.trace, trial.hours), world)
    roomy, serving = trial.planned_with(part), serving or Serving()
    if foresight is not None and ROLLING not in _texts(policy):
        raise UsageError(UNTOLD)
    told = (foresight or Foresight()).with_past(scenario, first, world)
    several = told.made(_texts(policy), roomy, lambda: _truth(part, traffic))
    outlook = outlook_of(several)
    made_here = [each.name for each in several if not isinstance(each, str)]
    policies = _asked(several, None if against in made_here else against)
    tell = progress or (lambda _what, _share: None)
    runs = ReplayRuns(part, roomy, traffic, trial.draws, serving, tell, outlook)
    finished = runs.every(policies, _asked(several, None)[-1], trial.sink)
    if against not in made_here:
        against = _name_of(against, finished)
    outcomes, skill = finished.outcomes, None if outlook is None else judged(outlook)
    alone = len(policies) <= 2 or _texts(policy) in ([ROLLING], [ORACLE])
    looked_at = list(outcomes)[-1] if alone else least_regret(part, outcomes)
    notes = (*_notes(part, outcomes, serving, finished.told), *_known(outlook))
    if patient:
        notes += (f"Requests of {', '.join(patient)} may wait; a replay serves them as they come",)
    return Replayed(part, traffic, outcomes, looked_at, against, finished.refused, notes, skill)


def _name_of(against: str | None, finished: Finished) -> str | None:
    """What results call the policy that others are compared with."""
    if against is None:
        return None
    (against,) = split(against)
    if against in finished.refused:
        raise InfeasibleError(f"--against {against}: {finished.refused[against]}")
    return finished.names[against]


def _texts(policy: str | Policy | Sequence[str | Policy]) -> list[str | Policy]:
    """The policies one by one."""
    several: Any = policy if isinstance(policy, list | tuple) else [policy]
    out: list[str | Policy] = []
    for each in several:
        out += split(each) if isinstance(each, str) else [each]
    return out


def _truth(part: Scenario, traffic: Traffic) -> Scenario:
    """The scenario with the demand that comes: its rates, scaled, or what a trace holds."""
    if traffic.trace is None:
        return replace(part, demand_per_h=part.demand_per_h * traffic.scale)
    return came(part, traffic.stream(part, 0))


def _asked(several: Sequence[str | Policy], against: str | None) -> list[str | Policy]:
    """The policies to replay: the baseline first, each once. Raises UsageError for a wrong name."""
    policies: list[str | Policy] = [BASELINE]
    for each in several:
        policies += split(each) if isinstance(each, str) else [checked(each, type(each).__name__)]
    named = [] if against is None else split(against)
    if len(named) > 1:
        raise UsageError(f"--against {against}: name one policy.")
    policies += named
    for text in policies:
        if isinstance(text, str):
            check(text)
    kept: list[str | Policy] = []
    for policy in policies:
        kept += [] if any(same(policy, other) for other in kept) else [policy]
    return kept


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


REVISED = (
    "Forecasts know measured prices, intensities and demand as the scenario holds them: what was "
    "revised after the fact was not known so when it was measured"
)
VINTAGES = (
    "Forecasts know measured prices and intensities as their vintages say; demand, and hours that "
    "have none, as the scenario holds them"
)
UNTOLD = (
    "--forecast, --look-ahead, --every, --past, --published, --weather and --vintages are for "
    "`rolling`, which is not among the policies. Add it (--policy rolling), or leave them out."
)
BLIND = ("nearest", "uniform", ROLLING)
"""Policies that need no signals, or are told no more of them than was known."""


def _known(outlook: FromPast | None) -> tuple[str, ...]:
    """What a reader should know of what the forecasts knew."""
    if outlook is None:
        return ()
    return (*outlook.notes, VINTAGES if outlook.has_vintages else REVISED)


def _notes(
    scenario: Scenario,
    outcomes: Mapping[str, tuple[Outcome, ...]],
    serving: Serving,
    told: Collection[str] = (),
) -> tuple[str, ...]:
    runs = [run for each in outcomes.values() for run in each]
    notes = list(dict.fromkeys(note for run in runs for note in run.notes))
    notes += serving.words
    if runs[0].metered is None:
        notes.append("No power curve was given: energy is joules per token times tokens")
    knowing = [n for n in outcomes if n not in told and n.partition(":")[0] not in BLIND]
    if len(told) > 1:
        notes.append(f"{', '.join(sorted(told))} decide on the same forecasts")
    if knowing:
        notes.append(
            f"{', '.join(knowing)} decide on the true price, intensity and demand of each hour as "
            "it begins; `--policy rolling` says what forecasts cost"
        )
    if not np.isfinite(scenario.most_gpu).all():
        notes.append(
            "Where accelerators have no end, there are as many replicas as keep them 70 % busy"
        )
    return tuple(notes)
