"""A linear program over chosen hours: which column stands where, and its rows.

Columns, in blocks, over the hours h:

    x[h, c]   requests/h of a source at a place, or unserved      as in `Instance.columns`
    o[h, r]   GPU-h/h bought beyond the reserved, in units of the largest entry of its row, so that
              it counts like requests; of regions that can buy any
    z[h, n]   requests/h of a source that may wait that run in the hour, where it is asked when
    q[h, n]   those that are left at its end
    …         further blocks of the constraints that tie an hour to the one before

The rows are those of the demand and of every constraint that the program is asked to keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.rows import HourlyRows, Rows, repeated
from wattlas.placement.problem.unit_values import Measure

RUN, QUEUED = "z", "q"
"""Blocks of what may wait."""
AT_ONCE_H = 24
"""Hours whose columns are priced in one go: a day, so that memory does not grow with the hours."""

Costs = Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]]
"""What further columns cost: by unit, (column, so much of it)."""


@dataclass(frozen=True)
class ColumnLayout:
    """Which column stands where. `hours` are indices into the scenario's steps, increasing.

    `blocks` are the columns per hour of each further block; `before` what ran before the first
    hour, by the name of the constraint that it is of: what the scenario says by default.
    """

    instance: Instance
    hours: np.ndarray
    blocks: Mapping[str, int] = field(default_factory=dict)
    before: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {"x": len(self.instance.columns), "o": len(self.buyers), **self.blocks}

    @cached_property
    def buyers(self) -> np.ndarray:
        """Regions that can buy accelerators in some of the hours, increasing."""
        return np.flatnonzero((self.instance.surplus[:, self.hours] > 0).any(axis=1))

    @cached_property
    def unit_gpu(self) -> np.ndarray:
        """GPU-h that one of a column of `o` is, (buyers,): the most that a request takes there."""
        if not len(self.buyers):
            return np.zeros(0)
        most = self.instance.most_gpu_h[:, self.buyers].max(axis=0, initial=0.0)
        return np.where(most > 0, most, 1.0)

    @cached_property
    def upper(self) -> np.ndarray:
        """Upper bound of every column: what can be bought; inf elsewhere."""
        top = np.full(self.columns, np.inf)
        most = self.instance.surplus[np.ix_(self.buyers, self.hours)] / self.unit_gpu[:, None]
        top[self.column("o")] = most.T
        if self.has(QUEUED):
            top[self.column(QUEUED)] = self.queue.most_waiting[:, self.hours].T
        return top

    @cached_property
    def queue(self) -> Queue:
        """What may wait."""
        return Queue.of(self.instance)

    @cached_property
    def _offsets(self) -> dict[str, int]:
        """First column of each block, and the number of columns as that of the block ``""``."""
        ends = np.cumsum([0, *(size * len(self.hours) for size in self._sizes.values())])
        return dict(zip([*self._sizes, ""], ends.tolist(), strict=True))

    def column(self, block: str) -> np.ndarray:
        """Columns of a block, shape (hours, columns per hour); KeyError where there is none."""
        shape = (len(self.hours), self._sizes[block])
        return self._offsets[block] + np.arange(shape[0] * shape[1]).reshape(shape)

    def has(self, block: str) -> bool:
        """Whether the program has columns of this block."""
        return bool(self._sizes.get(block, 0))

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self._offsets[""]

    @cached_property
    def follows(self) -> np.ndarray:
        """Whether the step before is the one before in time, within the hours; bool, (hours,)."""
        offset = self.instance.scenario.hours.offset[self.hours]
        linked = np.zeros(len(offset), dtype=bool)
        linked[1:] = np.diff(offset) == 1
        return linked


def demand(layout: ColumnLayout) -> Rows:
    """Σ_{r,o} x[h,s,r,o] + x[h,s,unserved] = d[s,h]: all is served, or unserved at its price.

    z[h,s] in place of d[s,h] where the layout has what runs of a source that may wait.
    """
    instance = layout.instance
    row, column = instance.columns.source, layout.column("x")
    value, right = np.ones(len(row)), instance.demand[:, layout.hours].T
    if layout.has(RUN):
        waiting = layout.queue.source
        row, value = np.concatenate([row, waiting]), np.append(value, np.full(len(waiting), -1.0))
        column = np.concatenate([column, layout.column(RUN)], axis=1)
        right = right.copy()
        right[:, waiting] = 0.0
    return repeated("demand", row, value, column, right, right)


def hourly_block(layout: ColumnLayout, rows: HourlyRows) -> Rows | None:
    """The rows of a constraint that is one of each hour; None where all are free."""
    bound = np.flatnonzero(rows.bound(layout.hours))
    if not len(bound):
        return None
    rank = np.full(rows.count, -1)
    rank[bound] = np.arange(len(bound))
    on = rank[rows.row] >= 0
    lower, upper = (side[np.ix_(bound, layout.hours)].T for side in (rows.lower, rows.upper))
    row, value = rank[rows.row[on]], rows.value[on]
    column = layout.column("x")[:, rows.column[on]]
    elastic = np.flatnonzero(np.isin(layout.buyers, rows.elastic))
    if len(elastic):
        row = np.concatenate([row, rank[layout.buyers[elastic]]])
        value = np.concatenate([value, -layout.unit_gpu[elastic]])
        column = np.concatenate([column, layout.column("o")[:, elastic]], axis=1)
    if rows.bought is not None:
        j, b = np.nonzero(rows.bought[np.ix_(bound, layout.buyers)])
        of_row = rows.bought[bound[j], layout.buyers[b]]
        row, value = np.concatenate([row, j]), np.append(value, of_row * layout.unit_gpu[b])
        column = np.concatenate([column, layout.column("o")[:, b]], axis=1)
    return repeated(rows.name, row, value, column, lower, upper)


def limit_rows(
    layout: ColumnLayout, limits: Sequence[Limit], costs: Costs | None = None
) -> Rows | None:
    """Σ_h hours[h] · Σ measure·x ≤ bound, one row per limit.

    `costs` are what further columns cost, by unit: part of every limit in it.
    """
    if not limits:
        return None
    parts = []
    values: dict[int, np.ndarray] = {}
    for limit in limits:
        if id(limit.measure) not in values:
            values[id(limit.measure)] = objective(layout, limit.measure, costs)
        index = _counted(layout, limit)
        parts.append((index, values[id(limit.measure)][index]))
    return Rows(
        "limits",
        np.full(len(parts), -np.inf),
        np.array([limit.bound for limit in limits]),
        np.concatenate([[0], np.cumsum([len(index) for index, _ in parts])]),
        np.concatenate([index for index, _ in parts]),
        np.concatenate([value for _, value in parts]),
    )


def _counted(layout: ColumnLayout, limit: Limit) -> np.ndarray:
    """The columns that a limit counts."""
    if limit.counts is not None:
        own = limit.counts[np.ix_(layout.instance.columns.source, layout.hours)].T
        return np.asarray(layout.column("x")[own])
    inside = np.isin(layout.hours, limit.steps)
    blocks = ["x", "o", *layout.blocks]
    return np.concatenate([layout.column(block)[inside].ravel() for block in blocks])


def objective(layout: ColumnLayout, measure: Measure, costs: Costs | None = None) -> np.ndarray:
    """Value of every column, hours weighted, with what links cost in the unit of the measure."""
    instance, columns = layout.instance, layout.instance.columns
    out = np.zeros(layout.columns)
    x = layout.column("x")
    for low in range(0, len(layout.hours), AT_ONCE_H):
        steps = layout.hours[low : low + AT_ONCE_H, None]
        units = measure.units(instance, steps, columns.source, columns.region, columns.point)
        out[x[low : low + AT_ONCE_H]] = instance.hours[steps] * units
    price = measure.per_on_demand[layout.buyers] * layout.unit_gpu
    out[layout.column("o")] = instance.hours[layout.hours][:, None] * price
    for index, value in (costs or {}).get(measure.unit, ()):
        out[index] += value
    return out
