"""A long plan, chunk by chunk: memory is bounded by a chunk, not by the years.

A chunk is a number of whole blocks (`blocks`): weeks of the calendar where nothing couples the
hours, months or days where a cap holds over each of them, everything where frictions or a cap over
all time couple it. A plan in one piece is made of the same blocks, so that neither the length of
the chunks nor how often the work was interrupted changes a single flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.objective import Objective, Window
from wattlas.model.plan import Plan, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.problem.blocks import blocks_up_to, coupling, window_of
from wattlas.placement.solution.totals import add_totals, slices
from wattlas.units import KWH_PER_MWH

CHUNK_STEPS = 192
"""Steps that a chunk has room for unless something else is asked for: one block of hours."""


def coupling_words(scenario: Scenario) -> str:
    """What the coupling means for streaming, in a sentence; empty where it means nothing."""
    window = coupling(scenario)
    if window is Window.ALL:
        why = "frictions couple" if scenario.frictions.couples else "a limit over all time couples"
        return f"{why} all hours: they are solved as one and written at the end"
    return (
        "" if window is None else f"a limit holds over each {window}: no chunk ends inside of one"
    )


def chunks(scenario: Scenario, steps: int = CHUNK_STEPS) -> list[np.ndarray]:
    """Indices of the steps of each chunk, in order: whole blocks, as many as `steps` have room for.

    Raises UsageError for less than one step.
    """
    if steps < 1:
        raise UsageError(f"a chunk holds at least one step, got {steps}")
    return list(blocks_up_to(scenario, steps))


def chunk_scenarios(
    scenario: Scenario | Iterable[Scenario],
    *,
    objective: Objective | None = None,
    steps: int = CHUNK_STEPS,
) -> Iterator[Scenario]:
    """The scenario of each chunk, in order, made when it is asked for.

    `scenario` is one, or its stretches of time one after the other (each is cut on its own).
    Raises UsageError where a stretch ends inside of what must be solved as one.
    """
    whole = isinstance(scenario, Scenario)
    before: Scenario | None = None
    for one in (scenario,) if isinstance(scenario, Scenario) else scenario:
        own = one if objective is None else replace(one, objective=objective)
        if not whole:
            _check_apart(before, own)
        for index in chunks(own, steps):
            yield own if len(index) == own.hours.count else own.at_hours(index)
        before = own


def plan_stream(
    scenario: Scenario | Iterable[Scenario],
    *,
    objective: Objective | None = None,
    chunk_steps: int = CHUNK_STEPS,
    time_limit_s: float | None = None,
) -> Iterator[Plan]:
    """The plan of each chunk of hours, in order, as soon as it is solved.

    `scenario` is one scenario, or its stretches of time one after the other, made lazily: then
    memory is bounded by a stretch. `objective` replaces the scenario's own. The chunks together
    are the plan: `Summary` adds their totals up. An infeasible chunk is a plan that says why.
    """
    for one in chunk_scenarios(scenario, objective=objective, steps=chunk_steps):
        yield plan(one, time_limit_s=time_limit_s)


def _check_apart(before: Scenario | None, after: Scenario) -> None:
    """Whether two stretches that follow each other may be solved one after the other."""
    window = coupling(after)
    if window is Window.ALL:
        raise UsageError(f"{coupling_words(after)}. Give the scenario as one, not in stretches.")
    if before is None or window is None:
        return
    edge = np.array([before.hours.utc[-1], after.hours.utc[0]])
    if len(np.unique(window_of(edge, window))) == 1:
        raise UsageError(
            f"a limit holds over each {window}, and a stretch ends inside of one, "
            f"at {after.hours.utc[0]}Z. Cut between them."
        )


@dataclass(frozen=True)
class Summary:
    """What a plan comes to without its flows; summaries of chunks add up to that of the whole."""

    status: Status = Status.OPTIMAL
    steps: int = 0
    hours: float = 0.0
    """Hours that the steps stand for."""
    totals: Totals = field(default_factory=Totals)
    objective: float = 0.0
    it_mwh_by_region: tuple[float, ...] = ()
    abatement_usd_per_t: tuple[float, ...] = ()
    """One for each window of a cap, in order."""
    seconds: float = 0.0
    engine_hours: int = 0
    highs_hours: int = 0
    programs: int = 0
    gap: float = 0.0
    """The worst of the chunks'."""

    @staticmethod
    def of(found: Plan) -> Summary:
        """The summary of one plan."""
        dual, info = found.abatement_usd_per_t, found.info
        return Summary(
            status=found.status,
            steps=found.scenario.hours.count,
            hours=float(found.scenario.hours.hours.sum()),
            totals=found.totals,
            objective=found.objective,
            it_mwh_by_region=tuple(it_mwh_by_region(found).tolist()),
            abatement_usd_per_t=() if dual is None else tuple(dual.tolist()),
            seconds=info.seconds,
            engine_hours=info.engine_hours,
            highs_hours=info.highs_hours,
            programs=info.programs,
            gap=info.gap,
        )

    def plus(self, other: Summary) -> Summary:
        """Both, one after the other. Sums are taken in that order, so that they are repeatable."""
        if not self.steps:
            return other
        mine, theirs = self.it_mwh_by_region, other.it_mwh_by_region
        return Summary(
            status=max(self.status, other.status, key=list(Status).index),
            steps=self.steps + other.steps,
            hours=self.hours + other.hours,
            totals=add_totals(self.totals, other.totals),
            objective=self.objective + other.objective,
            it_mwh_by_region=tuple(a + b for a, b in zip(mine, theirs, strict=True)),
            abatement_usd_per_t=self.abatement_usd_per_t + other.abatement_usd_per_t,
            seconds=self.seconds + other.seconds,
            engine_hours=self.engine_hours + other.engine_hours,
            highs_hours=self.highs_hours + other.highs_hours,
            programs=self.programs + other.programs,
            gap=max(self.gap, other.gap),
        )

    def as_dict(self) -> dict[str, Any]:
        """The summary for JSON; `from_dict` reads it back to the last bit."""
        return {**asdict(self), "status": str(self.status)}

    @staticmethod
    def from_dict(given: dict[str, Any]) -> Summary:
        """What `as_dict` wrote."""
        known = {one.name: given[one.name] for one in fields(Summary)}
        lists = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        made = {"status": Status(known["status"]), "totals": Totals(**known["totals"])}
        return Summary(**{**known, **lists, **made})


def it_mwh_by_region(found: Plan) -> np.ndarray:
    """IT energy of each region over the window, MWh, shape (R,)."""
    scenario = found.scenario
    total = np.zeros(len(scenario.regions))
    for flows in () if found.flows is None else slices(found.flows):
        on = flows.served
        hour, klass, point = flows.hour[on], flows.klass[on], flows.point[on]
        energy = flows.requests_per_h[on] * scenario.hours.hours[hour]
        energy *= scenario.it_kwh[klass, point] / KWH_PER_MWH
        total += np.bincount(flows.region[on], energy, len(total))
    return total
