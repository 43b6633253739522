"""Moving the state of sticky sessions costs its bytes over the egress price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.scenario import Scenario
from wattlas.model.workload import State
from wattlas.placement.constraints.base import Constraint, Link
from wattlas.placement.constraints.linked import (
    at_first,
    home_flows,
    is_free,
    rise,
    starts_at_home,
    summed_rows,
)
from wattlas.placement.constraints.registry import register
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.lp import Layout
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


class StateMoveLink(Link):
    """y[h,s,r] ≥ Σ_o x[h,s,r,o] − Σ_o x[h−1,s,r,o]: requests/h whose state moves to r."""

    name = "state_move"

    def blocks(self, instance: Instance) -> dict[str, int]:
        """R columns for each sticky source."""
        count = int(sticky(instance).sum()) * len(instance.capacity)
        return {"y": count} if count else {}

    def rows(self, layout: Layout) -> list[Rows]:
        """None without sticky sources."""
        return [moving(layout)] if layout.has("y") else []

    def costs(self, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
        """η · S_k for each unit of y."""
        if not layout.has("y"):
            return np.zeros(0, np.int64), np.zeros(0)
        instance = layout.instance
        weight = instance.scenario.hours.weight[layout.hours]
        price = state_usd(instance)[sticky(instance)].reshape(1, -1)
        return layout.column("y").ravel(), (weight[:, None] * price).ravel()

    def usd(self, instance: Instance, flows: SourceFlows) -> np.ndarray:
        """η · S_k times the positive part of each rise."""
        moved = sticky(instance)
        if not moved.any():
            return np.zeros(instance.demand.shape[1])
        before = None if is_free(instance) else self._before(instance)
        up = rise(instance, requests(instance, flows), before)
        total: np.ndarray = (state_usd(instance)[moved][:, :, None] * up[moved]).sum(axis=(0, 1))
        return total

    def left_behind(self, instance: Instance, last: SourceFlows) -> np.ndarray:
        """Where sticky sources run in the last hour, (S'·R,)."""
        where: np.ndarray = requests(instance, last).sum(axis=2)[sticky(instance)].ravel()
        return where

    def before_first(self, instance: Instance, steps: np.ndarray) -> np.ndarray | None:
        """As before any step that follows none."""
        before = self.before(Layout(instance, steps[:1]))
        return None if before is None else before[0]

    def before(self, layout: Layout) -> np.ndarray | None:
        """Requests/h of sticky sources before each step that follows none, (hours, S'·R)."""
        instance = layout.instance
        if self.name in layout.before:
            return at_first(layout.before[self.name], len(layout.hours))
        if is_free(instance):
            return None
        level = self._before(instance, layout.hours)[sticky(instance)][:, :, layout.hours]
        by_hour: np.ndarray = level.reshape(-1, len(layout.hours)).T
        return by_hour

    def _before(self, instance: Instance, steps: np.ndarray | None = None) -> np.ndarray:
        """Where sources are at home in each step, or nowhere; (S, R, T)."""
        count = instance.demand.shape[1]
        if not starts_at_home(instance):
            return np.zeros((instance.sources, len(instance.capacity), count))
        return requests(
            instance, home_flows(instance, np.arange(count) if steps is None else steps)
        )


def requests(instance: Instance, flows: SourceFlows) -> np.ndarray:
    """Requests/h of each source in each region, (S, R, T)."""
    shape = (instance.sources, len(instance.capacity), instance.demand.shape[1])
    on = flows.where(flows.served)
    cell = (on.source * shape[1] + on.region) * shape[2] + on.hour
    level: np.ndarray = np.bincount(cell, on.value, int(np.prod(shape))).reshape(shape)
    return level


def moving(layout: Layout) -> Rows:
    """y[h,s,r] ≥ Σ_o x[h,s,r,o] − Σ_o x[h−1,s,r,o], y ≥ 0, for sticky sources."""
    instance, columns = layout.instance, layout.instance.columns
    moved = sticky(instance)
    rank = np.full(instance.sources, -1)
    rank[moved] = np.arange(int(moved.sum()))
    keep = np.flatnonzero(columns.served & moved[columns.source])
    row = rank[columns.source[keep]] * len(instance.capacity) + columns.region[keep]
    before = StateMoveLink().before(layout)
    now = layout.column("x")[:, keep]
    return summed_rows("moving", row, now, layout.column("y"), before, layout.follows)


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
