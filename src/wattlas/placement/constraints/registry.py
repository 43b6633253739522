"""All constraints, in the order in which they are told. Nothing else knows which there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.base import Constraint, Link, Linking
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.rows import HourlyRows

_ALL: list[Constraint] = []


def register(constraint: type[Constraint]) -> type[Constraint]:
    """Obey a constraint from now on: the decorator of its class."""
    if any(known.name == constraint.name for known in _ALL):
        raise ValueError(f"there is a constraint {constraint.name!r} already")
    _ALL.append(constraint())
    return constraint


@contextmanager
def obeyed(constraint: Constraint) -> Iterator[None]:
    """Obey one more constraint for a while."""
    _ALL.append(constraint)
    try:
        yield
    finally:
        _ALL.remove(constraint)


def constraints() -> tuple[Constraint, ...]:
    """Every constraint."""
    return tuple(_ALL)


def by_name(name: str) -> Constraint:
    """The constraint of a name; KeyError where there is none."""
    return {constraint.name: constraint for constraint in _ALL}[name]


def hourly_rows(instance: Instance) -> dict[str, HourlyRows]:
    """The rows of every hour that bind at all, by the name of their constraint."""
    return {name: rows for name, rows in _built(instance).items() if rows.bound().any()}


def row_counts(instance: Instance) -> dict[str, int]:
    """Rows of each constraint of an hour, free ones counted: the shape of its prices."""
    return {name: rows.count for name, rows in _built(instance).items()}


def _built(instance: Instance) -> dict[str, HourlyRows]:
    """The rows of every constraint that has any, made once for an instance and what is obeyed."""
    obeyed_now = tuple(_ALL)
    if obeyed_now not in instance.derived:
        stated = {constraint.name: constraint.rows(instance) for constraint in obeyed_now}
        instance.derived[obeyed_now] = {name: r for name, r in stated.items() if r is not None}
    rows: dict[str, HourlyRows] = instance.derived[obeyed_now]
    return rows


def rows_by_constraint(instance: Instance) -> list[tuple[Constraint, HourlyRows | None]]:
    """Every constraint with its rows of every hour, free ones too; None where it has none."""
    rows = _built(instance)
    return [(constraint, rows.get(constraint.name)) for constraint in _ALL]


def window_limits(instance: Instance) -> list[Limit]:
    """Every limit over a window, by constraint and in the order of the windows."""
    return [limit for constraint in _ALL for limit in constraint.limits(instance)]


def links(scenario: Scenario) -> list[Link]:
    """Everything that ties an hour to the one before."""
    by_constraint = (constraint.link(scenario) for constraint in _ALL)
    return [link for link in by_constraint if link is not None]


def linkings(scenario: Scenario) -> list[Linking]:
    """All variables that couple steps over time, given which the hours fall apart."""
    by_constraint = (constraint.linking(scenario) for constraint in _ALL)
    return [linking for linking in by_constraint if linking is not None]


def linked(instance: Instance, flows: SourceFlows, unit: str) -> np.ndarray:
    """What ties hours together adds to a measure in a unit, per step as it is weighted; (T,).

    Nothing where no link charges in the unit.
    """
    total = np.zeros(instance.demand.shape[1])
    for link in links(instance.scenario):
        if link.charges(instance.scenario, unit):
            total += link.amount(instance, flows, unit)
    weighted: np.ndarray = total * instance.scenario.hours.weight
    return weighted


def linked_usd(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """What flows pay for what ties hours together, USD per step as it is weighted; (T,)."""
    return linked(instance, flows, "USD")


def linked_components(instance: Instance, flows: SourceFlows) -> dict[str, float]:
    """Energy and carbon of what ties hours together, weighted, by the name of its total."""
    sums: dict[str, float] = {}
    for link in links(instance.scenario):
        for name, per_step in link.components(instance, flows).items():
            weighted = float(per_step @ instance.scenario.hours.weight)
            sums[name] = sums.get(name, 0.0) + weighted
    return sums


def links_charge(scenario: Scenario, unit: str) -> bool:
    """Whether anything that ties hours together adds to a measure in this unit."""
    return any(link.charges(scenario, unit) for link in links(scenario))


def coupling(scenario: Scenario) -> Window | None:
    """The stretch of time that is one program: None where every hour is its own.

    Limits over different windows are together where the longest of them is; months hold days.
    """
    windows = {constraint.window(scenario) for constraint in _ALL}
    return next(
        (window for window in (Window.ALL, Window.MONTH, Window.DAY) if window in windows), None
    )


def ties_demands(instance: Instance) -> bool:
    """Whether any constraint ties the demands of an hour to each other."""
    return bool(hourly_rows(instance))
