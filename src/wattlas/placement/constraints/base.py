"""What a constraint is: one object that says everything about itself.

Every path (closed form, engine, HiGHS, column generation, rolling horizon, frontier, baselines,
certificate, counterfactuals) asks the registry and knows no constraint by its name or position.
A constraint may tie the demands of one hour (`rows`), the hours of a window (`limits`), an hour
to the one before (`link`), or steps over time by variables that part them (`linking`). What it
leaves out keeps its default: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.lp import ColumnLayout
from wattlas.placement.problem.rows import HourlyRows, Rows


@dataclass(frozen=True)
class EngineRows:
    """A constraint as the engine takes it: Σ coef[j,s,o]·x ≥ lower[j,t], whatever the region.

    `coef` (J, S, O), `lower` (J, T); `sign` is −1 where the rows of `HourlyRows` are the same with
    the other sign. Or, for the one constraint that the engine has rows of its own for, `capacity`
    (R, T) and no others.
    """

    coef: np.ndarray | None = None
    lower: np.ndarray | None = None
    sign: float = 1.0
    capacity: np.ndarray | None = None
    bought: np.ndarray | None = None
    """What each region buys counts so much in a row, (J, R), on the side of `HourlyRows`."""


@dataclass(frozen=True)
class Clash:
    """An irreducible conflict of one step: sources that must be served, and rows that forbid it.

    `rows` maps the names of constraints to their rows; `who` names the demands.
    """

    step: int
    sources: tuple[int, ...]
    rows: dict[str, tuple[int, ...]]
    who: str
    when: str


class Link:
    """What ties an hour to the one before: columns, rows and costs of its own."""

    name: str

    def blocks(self, instance: Instance) -> dict[str, int]:
        """Columns of an hour that it adds, by block; none where it does not apply."""
        raise NotImplementedError

    def rows(self, layout: ColumnLayout) -> list[Rows]:
        """Its rows over the hours of a layout that has its blocks."""
        raise NotImplementedError

    def charges(self, scenario: Scenario, unit: str) -> bool:
        """Whether it adds to a measure in this unit: `USD`, or `t` of carbon that decides."""
        return unit == "USD"

    def costs(self, layout: ColumnLayout, unit: str = "USD") -> tuple[np.ndarray, np.ndarray]:
        """(column, so much of the unit), weighted by the steps that each step stands for."""
        raise NotImplementedError

    def amount(self, instance: Instance, flows: SourceFlows, unit: str = "USD") -> np.ndarray:
        """What a set of flows pays or emits, per step, not weighted, (T,): its closed form."""
        raise NotImplementedError

    def components(self, instance: Instance, flows: SourceFlows) -> dict[str, np.ndarray]:
        """What of it is energy and carbon, by the name of its total; per step, not weighted, (T,).

        `energy_usd` is a part of what is paid, and so is the deciding carbon at its price.
        """
        return {}

    def before_first(self, instance: Instance, steps: np.ndarray) -> np.ndarray | None:
        """What ran before the first of these steps, for `ColumnLayout.before`; None: free."""
        raise NotImplementedError

    def left_behind(self, instance: Instance, last: SourceFlows) -> np.ndarray:
        """What the flows of an hour leave to the next one, as `ColumnLayout.before` takes it."""
        raise NotImplementedError


class Linking:
    """Variables that couple steps over time, and given which the hours fall apart: a separator.

    Unlike a link, it leaves nothing from one hour to the next but through its own columns.
    """

    name: str

    def blocks(self, instance: Instance) -> dict[str, int]:
        """Columns of an hour that it adds, by block."""
        raise NotImplementedError

    def rows(self, layout: ColumnLayout) -> list[Rows]:
        """Its rows over the hours of a layout that has its blocks."""
        raise NotImplementedError


class Constraint:
    """One constraint: what `registry.register` decorates is obeyed everywhere."""

    name: str = ""
    """What its rows, prices and messages are called."""
    without: str = ""
    """What a counterfactual that lacks it is called; empty: it is not one of them."""

    def rows(self, instance: Instance) -> HourlyRows | None:
        """Its rows of every hour; None where it does not apply."""
        return None

    def for_engine(self, instance: Instance, rows: HourlyRows) -> EngineRows | None:
        """The same for the engine; None: not by the engine, another solver takes the hour."""
        return None

    def limits(self, instance: Instance) -> list[Limit]:
        """Its limits over windows of hours."""
        return []

    def link(self, scenario: Scenario) -> Link | None:
        """What ties an hour to the one before; None where nothing does."""
        return None

    def linking(self, scenario: Scenario) -> Linking | None:
        """Variables that couple steps over time, given which the hours fall apart."""
        return None

    def window(self, scenario: Scenario) -> Window | None:
        """The stretch of time that it makes one program: None where every hour is its own."""
        return None

    def present(self, scenario: Scenario) -> bool:
        """Whether the scenario has it at all."""
        return False

    def relaxed(self, scenario: Scenario) -> Scenario:
        """The scenario without it."""
        return scenario

    def no_worse(
        self, instance: Instance, rows: HourlyRows | None, better: int, point: int
    ) -> np.ndarray | bool:
        """Where a request may run at the point `better` for the other's place, broadcast to (S, R).

        The default looks at its rows: what they use there must not be more.
        """
        if rows is None:
            return True
        mask: np.ndarray | bool = True
        for entries in rows.dense:
            mask = mask & (entries[:, :, better] <= entries[:, :, point])
        return mask

    def clash_words(self, instance: Instance, clash: Clash) -> str:
        """Why these demands cannot be served, and what to do, in one sentence or two."""
        return f"At {clash.when} {clash.who} cannot be served within {self.name}. Relax it."

    def broken_words(self, instance: Instance, excess: np.ndarray) -> str:
        """What a policy breaks; `excess` (J,) is the greatest over its rows, some of it > 0."""
        return f"{self.name} broken by up to {float(excess.max()):,.4g}"

    def short_words(self, instance: Instance, limit: Limit, least: float, when: str) -> str:
        """A limit that cannot be met names the least attainable one."""
        return (
            f"{limit.id} over {when} is limited to {limit.bound:,.6g} {limit.measure.unit}, but "
            f"the least attainable is {least:,.6g} {limit.measure.unit}. Raise the limit."
        )
