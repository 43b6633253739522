"""Moving the state of sticky sessions costs its bytes over the egress price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.constraints.base import Constraint, Link
from wattlas.placement.constraints.linked import LevelLink, rise_rows
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import ColumnLayout
from wattlas.placement.problem.rows import Rows


def sticky(instance: Instance) -> np.ndarray:
    """Sources that pay for state when they move; bool, shape (S,)."""
    if not instance.scenario.frictions.move_state:
        return np.zeros(instance.sources, dtype=bool)
    by_class = np.array([k.state is State.STICKY for k in instance.scenario.classes])
    mask: np.ndarray = by_class[instance.klass]
    return mask


def state_usd(instance: Instance) -> np.ndarray:
    """USD per request/h whose state moves to a region: η[s,r] · S_k; shape (S, R)."""
    state_gb = np.array([k.state_gb_per_request for k in instance.scenario.classes])
    egress = instance.scenario.network.egress_usd_per_gb[instance.node]
    moved: np.ndarray = egress * state_gb[instance.klass][:, None]
    return moved


class StateMoveLink(LevelLink):
    """y[h,s,r] ≥ Σ_o x[h,s,r,o] − Σ_o x[h−1,s,r,o]: requests/h whose state moves to r."""

    name = "state_move"
    rise_block = "y"

    def blocks(self, instance: Instance) -> dict[str, int]:
        """R columns for each sticky source."""
        count = int(sticky(instance).sum()) * len(instance.capacity)
        return {"y": count} if count else {}

    def rows(self, layout: ColumnLayout) -> list[Rows]:
        """None without sticky sources."""
        return [moving(layout)] if layout.has("y") else []

    def level(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """Requests/h of sticky sources in each region, (S', R, T)."""
        of_sticky: np.ndarray = requests_by_region(instance, flows)[sticky(instance)]
        return of_sticky

    def per_rise(self, instance: Instance, unit: str) -> np.ndarray:
        """η · S_k, USD, (S', R, 1)."""
        price: np.ndarray = state_usd(instance)[sticky(instance)][:, :, None]
        return price


def requests_by_region(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """Requests/h of each source in each region, (S, R, T)."""
    shape = (instance.sources, len(instance.capacity), instance.demand.shape[1])
    on = flows.where(flows.served)
    cell = (on.source * shape[1] + on.region) * shape[2] + on.hour
    level: np.ndarray = np.bincount(cell, on.value, int(np.prod(shape))).reshape(shape)
    return level


def moving(layout: ColumnLayout) -> Rows:
    """y[h,s,r] ≥ Σ_o x[h,s,r,o] − Σ_o x[h−1,s,r,o], y ≥ 0, for sticky sources."""
    instance, columns = layout.instance, layout.instance.columns
    moved = sticky(instance)
    rank = np.cumsum(moved) - 1
    keep = np.flatnonzero(columns.served & moved[columns.source])
    row = rank[columns.source[keep]] * len(instance.capacity) + columns.region[keep]
    before = StateMoveLink().before(layout)
    share = layout.column("x")[:, keep]
    return rise_rows("moving", row, share, layout.column("y"), before, layout.follows)


@register
class StateMove(Constraint):
    """Σ η·S·y is paid, y ≥ x[h] − x[h−1] by region."""

    name = "state_move"
    without = "without the cost of moving state"

    def link(self, scenario: Scenario) -> Link | None:
        """Where moving state is charged."""
        return StateMoveLink() if scenario.frictions.move_state else None

    def window(self, scenario: Scenario) -> Window | None:
        """All hours."""
        return Window.ALL if scenario.frictions.move_state else None

    def present(self, scenario: Scenario) -> bool:
        """Whether a sticky class pays for it."""
        is_sticky = any(k.state is State.STICKY for k in scenario.classes)
        return scenario.frictions.move_state and is_sticky

    def relaxed(self, scenario: Scenario) -> Scenario:
        """Moving state is free."""
        return replace(scenario, frictions=replace(scenario.frictions, move_state=False))
