"""What an hour's problem is, and what a solver of hours declares and returns.

closed form   any constraint that its own test keeps; the rest of the hours it leaves
engine        rows that a constraint has for it
HiGHS         any rows; the last word on whether an hour has a placement
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from wattlas.model.plan import SolveInfo, Status
from wattlas.placement.constraints.registry import hourly_rows, row_counts
from wattlas.placement.problem.arrivals import Arrivals
from wattlas.placement.problem.flows import SourceFlows, join, no_flows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.rows import HourlyRows
from wattlas.placement.problem.unit_values import Measure

SLACK = 1e-12
"""Relative slack when a row is compared with its bound, and when two values count as equal."""


@dataclass(frozen=True)
class HourProblem:
    """Make `measure` least in every step apart; among equals make `tie` least."""

    instance: Instance
    measure: Measure
    tie: Measure | None = None

    @cached_property
    def rows(self) -> dict[str, HourlyRows]:
        """The rows of every constraint that ties the demands of an hour, by its name."""
        return hourly_rows(self.instance)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measure, and the tie-breaker where there is one."""
        return (self.measure,) if self.tie is None else (self.measure, self.tie)

    def binding(self, steps: np.ndarray) -> dict[str, HourlyRows]:
        """The rows that are not free in all of these steps."""
        return {name: rows for name, rows in self.rows.items() if rows.bound(steps).any()}

    def size(self) -> tuple[int, int, int]:
        """Rows, columns and nonzeros of one hour's program, as a general solver takes it."""
        columns = self.instance.columns
        bound = {name: rows.bound() for name, rows in self.rows.items()}
        entries = sum(int(bound[name][rows.row].sum()) for name, rows in self.rows.items())
        count = self.instance.sources + sum(int(on.sum()) for on in bound.values())
        return count, len(columns), len(columns) + entries


@dataclass(frozen=True)
class Solution:
    """Flows of the merged sources, what the rows are worth, and how it ended.

    `duals` holds the change of the objective per unit of each row's bound, by constraint, (J, T):
    ≤ 0 for an upper bound, ≥ 0 for a lower one. `left` are steps that the solver did not judge,
    `infeasible` those that have no placement. `value` (T,) is the measure in each step, hours
    counted, 0 in those without an answer; it may be empty where something couples steps. Of limits
    over windows, in their order: `limit_price` is what one more unit would save, ≥ 0, and
    `limit_least` the least attainable of each that cannot be met. `conflict` says in words why
    there is no placement.
    Where sources may wait, `ran` (N, T) is what of each runs when, and `without` are the flows of
    the best placement in which nothing waits, None where there is none. `arrivals` then says of
    which window of arrival the rows of `ran` are, and `part` (F,) of which part of its source each
    flow is.
    """

    flows: SourceFlows
    duals: dict[str, np.ndarray] = field(default_factory=dict)
    infeasible: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    left: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    status: Status = Status.OPTIMAL
    info: SolveInfo = field(default_factory=lambda: SolveInfo(solver=""))
    limit_price: np.ndarray = field(default_factory=lambda: np.zeros(0))
    limit_least: dict[int, float] = field(default_factory=dict)
    conflict: str = ""
    ran: np.ndarray | None = None
    without: SourceFlows | None = None
    arrivals: Arrivals | None = None
    part: np.ndarray | None = None
    value: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def ok(self) -> bool:
        """Whether every step has its placement."""
        return not (self.conflict or self.limit_least or len(self.infeasible))

    @property
    def came(self) -> np.ndarray | None:
        """A step of the window in which the requests of each flow arrived, (F,); None where each
        runs as it arrives."""
        if self.arrivals is None or self.part is None:
            return None
        source = self.arrivals.source(self.flows.source, self.part)
        return np.asarray(self.arrivals.came[source, self.flows.hour])

    @property
    def capacity_price(self) -> np.ndarray:
        """What one more GPU-h would save, in the objective's unit, ≥ 0, (R, T)."""
        return -self.duals["capacity"]

    def with_flows(self, flows: SourceFlows) -> Solution:
        """The same with other flows."""
        return replace(self, flows=flows)


def no_duals(instance: Instance) -> dict[str, np.ndarray]:
    """Duals of zero for every constraint that the instance has rows of."""
    hours = instance.demand.shape[1]
    return {name: np.zeros((count, hours)) for name, count in row_counts(instance).items()}


def unsolved(instance: Instance, **more: Any) -> Solution:
    """A solution without flows."""
    value = np.zeros(instance.demand.shape[1])
    return Solution(no_flows(), no_duals(instance), value=value, **more)


def join_steps(parts: Sequence[Solution]) -> Solution:
    """Solutions over different steps of one instance as one."""
    first = parts[0]
    alike = len({len(part.value) for part in parts}) == 1
    return replace(
        first,
        flows=join([part.flows for part in parts]),
        duals={name: np.sum([part.duals[name] for part in parts], axis=0) for name in first.duals},
        infeasible=np.concatenate([part.infeasible for part in parts]),
        value=np.sum([part.value for part in parts], axis=0) if alike else np.zeros(0),
        left=np.concatenate([part.left for part in parts]),
        status=max((part.status for part in parts), key=list(Status).index),
        info=SolveInfo.together([part.info for part in parts]),
    )


class HourSolver(Protocol):
    """A solver of hours that nothing couples."""

    name: str

    def takes(self, problem: HourProblem, steps: np.ndarray) -> bool:
        """Whether it has a form for every row that binds in these steps."""
        ...

    def solve(
        self, problem: HourProblem, steps: np.ndarray, memory: dict[str, Any] | None = None
    ) -> Solution:
        """Solve what it can of the steps, exactly; `left` are the others.

        `memory` is its own to keep what makes the next call quicker.
        """
        ...
