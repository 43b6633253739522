"""A long plan, chunk by chunk: memory is bounded by a chunk, not by the years.

A chunk is a number of whole blocks (`blocks`): weeks of the calendar where nothing couples the
hours, months or days where a cap holds over each of them, everything where switching costs or a
cap over all time couple it. A plan in one piece is made of the same blocks. So neither the length
of the chunks nor an interrupt changes a single flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.objective import Objective, Window
from wattlas.model.plan import Plan, SolveInfo, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.constraints.registry import coupling, links
from wattlas.placement.problem.limit import window_of
from wattlas.placement.solution.account import add_totals
from wattlas.placement.solution.expanded import PerFlow, slices
from wattlas.placement.window.blocks import blocks_up_to

CHUNK_STEPS = 192
"""Steps that a chunk holds by default: one block of hours."""


def coupling_words(scenario: Scenario) -> str:
    """What the coupling means for streaming, in a sentence; empty where it means nothing."""
    window = coupling(scenario)
    if window is Window.ALL:
        why = "switching costs couple" if links(scenario) else "a limit over all time couples"
        why = "requests that may wait couple" if scenario.waits else why
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
    """The scenario of each chunk, in order, made when it is needed.

    `scenario` is one, or its stretches of time one after the other (each is cut on its own).
    Raises UsageError where a stretch ends inside of what must be solved as one.
    """
    is_single = isinstance(scenario, Scenario)
    before: Scenario | None = None
    for stretch in (scenario,) if isinstance(scenario, Scenario) else scenario:
        stretch_scenario = stretch if objective is None else replace(stretch, objective=objective)
        if not is_single:
            _check_apart(before, stretch_scenario)
        for index in chunks(stretch_scenario, steps):
            yield (
                stretch_scenario
                if len(index) == stretch_scenario.hours.count
                else stretch_scenario.at_hours(index)
            )
        before = stretch_scenario


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
    for chunk in chunk_scenarios(scenario, objective=objective, steps=chunk_steps):
        yield plan(chunk, time_limit_s=time_limit_s)


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
    def of(plan: Plan) -> Summary:
        """The summary of one plan."""
        dual, info = plan.abatement_usd_per_t, plan.info
        return Summary(
            status=plan.status,
            steps=plan.scenario.hours.count,
            hours=float(plan.scenario.hours.hours.sum()),
            totals=plan.totals,
            objective=plan.objective,
            it_mwh_by_region=tuple(it_mwh_by_region(plan).tolist()),
            abatement_usd_per_t=() if dual is None else tuple(dual.tolist()),
            seconds=info.seconds,
            engine_hours=info.engine_hours,
            highs_hours=info.highs_hours,
            programs=info.programs,
            gap=info.gap,
        )

    @property
    def info(self) -> SolveInfo:
        """Who solved it, as of a plan."""
        return SolveInfo(
            solver="",
            seconds=self.seconds,
            engine_hours=self.engine_hours,
            highs_hours=self.highs_hours,
            programs=self.programs,
            gap=self.gap,
        )

    def plus(self, later: Summary) -> Summary:
        """Both, one after the other. Sums are taken in that order, so that they are repeatable."""
        if not self.steps:
            return later
        mine, theirs = self.it_mwh_by_region, later.it_mwh_by_region
        return Summary(
            status=max(self.status, later.status, key=list(Status).index),
            steps=self.steps + later.steps,
            hours=self.hours + later.hours,
            totals=add_totals(self.totals, later.totals),
            objective=self.objective + later.objective,
            it_mwh_by_region=tuple(a + b for a, b in zip(mine, theirs, strict=True)),
            abatement_usd_per_t=self.abatement_usd_per_t + later.abatement_usd_per_t,
            seconds=self.seconds + later.seconds,
            engine_hours=self.engine_hours + later.engine_hours,
            highs_hours=self.highs_hours + later.highs_hours,
            programs=self.programs + later.programs,
            gap=max(self.gap, later.gap),
        )

    def as_dict(self) -> dict[str, Any]:
        """The summary for JSON; `from_dict` reads it back to the last bit."""
        return {**asdict(self), "status": str(self.status)}

    @staticmethod
    def from_dict(document: dict[str, Any]) -> Summary:
        """What `as_dict` wrote."""
        values = {field_.name: document[field_.name] for field_ in fields(Summary)}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        objects = {"status": Status(values["status"]), "totals": Totals(**values["totals"])}
        return Summary(**{**values, **lists, **objects})


def it_mwh_by_region(plan: Plan) -> np.ndarray:
    """IT energy of each region over the window, MWh, shape (R,)."""
    scenario = plan.scenario
    total = np.zeros(len(scenario.regions))
    per_flow = PerFlow(scenario, ("it_mwh",))
    for flows in () if plan.flows is None else slices(plan.flows):
        on = flows.served
        total += np.bincount(flows.region[on], per_flow.it_mwh(flows)[on], len(total))
    return total
