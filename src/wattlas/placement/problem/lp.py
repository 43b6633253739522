"""The linear program of a placement, one function per equation.

Columns, in blocks, over the chosen hours h:

    x[h, s, r, o]   requests/h of source s in region r at point o        open places only
    n[h, s]         requests/h not served                                priced sources only
    u[h, r, m]      GPU-h/h of model m held in region r                  start-up friction only
    v[h, r, m]      GPU-h/h started                                      start-up friction only
    y[h, s, r]      requests/h whose state moves to r                    sticky sources only

Every equation is a function in `EQUATIONS` that returns its rows, or None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.model.frictions import Initial
from wattlas.placement.constraints.frictions import (
    home_requests,
    start_usd_per_gpu_h,
    state_usd,
    sticky,
)
from wattlas.placement.constraints.shares import promises
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure


@dataclass(frozen=True)
class Rows:
    """Rows lower ≤ A·columns ≤ upper in compressed rows: `start` (rows+1), `index`, `value`."""

    name: str
    lower: np.ndarray
    upper: np.ndarray
    start: np.ndarray
    index: np.ndarray
    value: np.ndarray

    def largest(self, size: np.ndarray | None = None) -> np.ndarray:
        """The largest |entry| of each row, times the `size` of its column; 0 without entries."""
        entries = np.abs(self.value) if size is None else np.abs(self.value) * size[self.index]
        count = len(self.lower)
        found = np.zeros(count)
        np.maximum.at(found, np.repeat(np.arange(count), np.diff(self.start)), entries)
        return found

    def times(self, factor: np.ndarray, size: np.ndarray | None = None) -> Rows:
        """Each row times its factor > 0, each entry times the `size` of its column."""
        value = self.value if size is None else self.value * size[self.index]
        return Rows(
            self.name,
            self.lower * factor,
            self.upper * factor,
            self.start,
            self.index,
            value * np.repeat(factor, np.diff(self.start)),
        )


@dataclass(frozen=True)
class Cap:
    """Σ over the window's steps of hours · measure ≤ limit; `steps` are indices into the hours."""

    name: str
    measure: Measure
    limit: float
    steps: np.ndarray


@dataclass(frozen=True)
class Layout:
    """Which column stands where. `hours` are indices into the scenario's steps, increasing."""

    instance: Instance
    hours: np.ndarray
    coupled: bool = False
    """Whether the frictions' columns and rows are in."""
    caps: tuple[Cap, ...] = ()
    held_before: np.ndarray | None = None
    """GPU-h/h of each (region, variant) before the first of hours that follow each other, (R·M,);
    what the scenario says of its start by default.
    """
    requests_before: np.ndarray | None = None
    """Requests/h of each (sticky source, region) before the first hour, (S'·R,); likewise."""

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(source, region, point) of the x columns of one hour, by source."""
        s, r, o = np.nonzero(self.instance.allowed)
        return s, r, o

    @cached_property
    def priced(self) -> np.ndarray:
        """Sources that may go unserved."""
        return np.flatnonzero(~np.isnan(self.instance.unserved_usd))

    @cached_property
    def sticky(self) -> np.ndarray:
        """Sources whose state is charged when it moves."""
        return np.flatnonzero(sticky(self.instance)) if self.coupled else np.zeros(0, np.int64)

    @property
    def held(self) -> int:
        """Number of u (and of v) columns in an hour: R · M where starting costs."""
        if not (self.coupled and self.instance.scenario.frictions.starts):
            return 0
        return len(self.instance.capacity) * len(self.instance.variants[0])

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Columns per hour of each block x, n, u, v, y."""
        moved = len(self.sticky) * len(self.instance.capacity)
        return len(self.places[0]), len(self.priced), self.held, self.held, moved

    @cached_property
    def offsets(self) -> np.ndarray:
        """First column of each block, and the number of columns at the end; shape (6,)."""
        counts = [size * len(self.hours) for size in self.sizes]
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def column(self, block: str) -> np.ndarray:
        """Columns of a block, shape (hours, columns per hour)."""
        at = "xnuvy".index(block)
        count = self.sizes[at]
        grid: np.ndarray = self.offsets[at] + np.arange(len(self.hours) * count).reshape(
            len(self.hours), count
        )
        return grid

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.offsets[-1])


def demand(layout: Layout) -> Rows:
    """Σ_{r,o} x[h,s,r,o] + n[h,s] = d[s,h]: all demand is served, or unserved at its price."""
    instance = layout.instance
    source, priced = layout.places[0], layout.priced
    row = np.concatenate([source, priced])
    column = np.concatenate([layout.column("x"), layout.column("n")], axis=1)
    right = instance.demand[:, layout.hours].T
    return _hourly("demand", row, np.ones(len(row)), column, right, right)


def capacity(layout: Layout) -> Rows | None:
    """Σ_{s,o} g[s,o]·x[h,s,r,o] ≤ K[r,h] GPU-h/h, for regions that have a limit."""
    instance = layout.instance
    upper = instance.capacity[:, layout.hours].T
    limited = np.flatnonzero(np.isfinite(upper).any(axis=0))
    if not len(limited):
        return None
    rank = np.full(upper.shape[1], -1)
    rank[limited] = np.arange(len(limited))
    source, region, point = layout.places
    keep = rank[region] >= 0
    used = instance.gpu_h[source, point][keep]
    right = upper[:, limited]
    return _hourly(
        "capacity",
        rank[region[keep]],
        used,
        layout.column("x")[:, keep],
        np.full_like(right, -np.inf),
        right,
    )


def mean_accuracy(layout: Layout) -> Rows | None:
    """Σ (a[s,o] − A_k)·x[h,s,r,o] ≥ 0 over the sources of each class k with a floor A_k.

    Degraded requests do not count: the floor is of full service.
    """
    instance = layout.instance
    floor = instance.mean_accuracy_min
    floored = np.flatnonzero(~np.isnan(floor))
    if not len(floored):
        return None
    rank = np.full(len(floor), -1)
    rank[floored] = np.arange(len(floored))
    source, _, point = layout.places
    klass = instance.klass[source]
    keep = rank[klass] >= 0
    excess = instance.excess[source, point][keep]
    zero = np.zeros((len(layout.hours), len(floored)))
    return _hourly(
        "mean_accuracy",
        rank[klass[keep]],
        excess,
        layout.column("x")[:, keep],
        zero,
        np.full_like(zero, np.inf),
    )


def share(layout: Layout) -> Rows | None:
    """Σ (φ − [o degraded])·x[h,s,r,o] + Σ φ·n[h,s] ≥ 0 for each promise over single steps."""
    kept = promises(layout.instance, hourly=True)
    if not kept:
        return None
    source, _, point = layout.places
    row, value, column = [], [], []
    for j, one in enumerate(kept):
        counts = one.cap.share_max * one.of
        served = np.flatnonzero(one.of[source])
        unserved = np.flatnonzero(one.of[layout.priced])
        entry = counts[source] - one.degraded[source, point]
        row.append(np.full(len(served) + len(unserved), j))
        value.append(np.concatenate([entry[served], counts[layout.priced][unserved]]))
        column += [layout.column("x")[:, served], layout.column("n")[:, unserved]]
    zero = np.zeros((len(layout.hours), len(kept)))
    return _hourly(
        "share",
        np.concatenate(row),
        np.concatenate(value),
        np.concatenate(column, axis=1),
        zero,
        np.full_like(zero, np.inf),
    )


def holding(layout: Layout) -> Rows | None:
    """u[h,r,m] = Σ_{s, o of m} g[s,o]·x[h,s,r,o]: what is held is what runs."""
    if not layout.held:
        return None
    instance = layout.instance
    names, variant = instance.variants
    source, region, point = layout.places
    row = np.concatenate([region * len(names) + variant[point], np.arange(layout.held)])
    value = np.concatenate([instance.gpu_h[source, point], -np.ones(layout.held)])
    column = np.concatenate([layout.column("x"), layout.column("u")], axis=1)
    zero = np.zeros((len(layout.hours), layout.held))
    return _hourly("holding", row, value, column, zero, zero)


def starting(layout: Layout) -> Rows | None:
    """v[h] ≥ u[h] − u[h−1], v ≥ 0; before the first step u is what the scenario's start says."""
    if not layout.held:
        return None
    held, started = layout.column("u"), layout.column("v")
    before = initial_gpu(layout)
    return _difference("starting", held, started, before, _follows(layout))


def moving(layout: Layout) -> Rows | None:
    """y[h,s,r] ≥ Σ_o x[h,s,r,o] − Σ_o x[h−1,s,r,o], y ≥ 0, for sticky sources."""
    if not len(layout.sticky):
        return None
    regions = len(layout.instance.capacity)
    rank = np.full(layout.instance.sources, -1)
    rank[layout.sticky] = np.arange(len(layout.sticky))
    source, region, _ = layout.places
    keep = rank[source] >= 0
    row = rank[source[keep]] * regions + region[keep]
    now, moved = layout.column("x")[:, keep], layout.column("y")
    before = initial_requests(layout)
    return _moves("moving", row, now, moved, before, _follows(layout))


def cap(layout: Layout) -> Rows | None:
    """Σ_h hours[h] · Σ measure·x ≤ limit, one row per cap."""
    if not layout.caps:
        return None
    parts = [_cap_row(layout, one) for one in layout.caps]
    return Rows(
        "cap",
        np.full(len(parts), -np.inf),
        np.array([one.limit for one in layout.caps]),
        np.concatenate([[0], np.cumsum([len(index) for index, _ in parts])]),
        np.concatenate([index for index, _ in parts]),
        np.concatenate([value for _, value in parts]),
    )


EQUATIONS: tuple[Callable[[Layout], Rows | None], ...] = (
    demand,
    capacity,
    mean_accuracy,
    share,
    holding,
    starting,
    moving,
    cap,
)


def objective(layout: Layout, measure: Measure) -> np.ndarray:
    """Value of every column, hours weighted; frictions enter where the measure is money."""
    weight = layout.instance.hours[layout.hours]
    out = np.zeros(layout.columns)
    out[layout.column("x")] = weight[:, None] * _place_units(layout, measure)
    out[layout.column("n")] = weight[:, None] * measure.per_unserved[layout.priced][None, :]
    if measure.unit == "USD":
        columns, values = friction_units(layout)
        out[columns] = values
    return out


def friction_units(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """(column, USD per unit) of everything that is started or moved.

    Weighted by the steps that a step stands for, whatever their length: it is paid once in each.
    """
    instance = layout.instance
    weight = instance.scenario.hours.weight[layout.hours]
    started = start_usd_per_gpu_h(instance)[:, :, layout.hours] if layout.held else np.zeros(0)
    moved = state_usd(instance)[layout.sticky].reshape(1, -1)
    v, y = layout.column("v"), layout.column("y")
    values = [
        (weight[:, None] * started.reshape(layout.held, len(weight)).T).ravel(),
        (weight[:, None] * moved).ravel(),
    ]
    return np.concatenate([v.ravel(), y.ravel()]), np.concatenate(values)


def hour_units(layout: Layout, measure: Measure, t: int) -> np.ndarray:
    """Measure per request of the x and n columns of one hour, shape (places + priced,)."""
    source, region, point = layout.places
    served = (
        layout.instance.energy_kwh[source, point] * measure.per_kwh[region, t]
        + measure.per_request[source, region, point]
    )
    return np.concatenate([served, measure.per_unserved[layout.priced]])


def rows(
    layout: Layout, equations: Iterable[Callable[[Layout], Rows | None]] = EQUATIONS
) -> list[Rows]:
    """The rows of every equation that applies."""
    return [found for equation in equations if (found := equation(layout)) is not None]


def initial_gpu(layout: Layout) -> np.ndarray | None:
    """GPU-h/h held before each step that follows none, (hours, R·M); None: free."""
    instance = layout.instance
    if layout.held_before is not None:
        return _at_first(layout.held_before, len(layout.hours))
    initial = instance.scenario.frictions.initial
    shape = (len(layout.hours), layout.held)
    if initial is Initial.FREE:
        return None
    if initial is Initial.COLD:
        return np.zeros(shape)
    names, variant = instance.variants
    out = np.zeros(shape)
    for h, source, region, point, value in home_requests(instance, layout.hours):
        np.add.at(
            out[h],
            region * len(names) + variant[point],
            instance.gpu_h[source, point] * value,
        )
    return out


def initial_requests(layout: Layout) -> np.ndarray | None:
    """Requests/h of sticky sources before each step that follows none, (hours, S'·R)."""
    instance = layout.instance
    if layout.requests_before is not None:
        return _at_first(layout.requests_before, len(layout.hours))
    initial = instance.scenario.frictions.initial
    regions = len(instance.capacity)
    if initial is Initial.FREE:
        return None
    out = np.zeros((len(layout.hours), instance.sources, regions))
    if initial is Initial.HOME:
        for h, source, region, _, value in home_requests(instance, layout.hours):
            np.add.at(out[h], (source, region), value)
    return out[:, layout.sticky].reshape(len(layout.hours), -1)


def _at_first(before: np.ndarray, hours: int) -> np.ndarray:
    """What was before a window of hours that follow each other, (hours, …): the first counts."""
    out = np.zeros((hours, len(before)))
    out[0] = before
    return out


def _place_units(layout: Layout, measure: Measure) -> np.ndarray:
    """Measure of each x column per request, shape (hours, places)."""
    source, region, point = layout.places
    energy = layout.instance.energy_kwh[source, point]
    units: np.ndarray = (
        measure.per_kwh[region][:, layout.hours].T * energy
        + measure.per_request[source, region, point]
    )
    return units


def _cap_row(layout: Layout, one: Cap) -> tuple[np.ndarray, np.ndarray]:
    inside = np.isin(layout.hours, one.steps)
    index = np.concatenate([layout.column(block)[inside].ravel() for block in "xnvy"])
    return index, objective(layout, one.measure)[index]


def _follows(layout: Layout) -> np.ndarray:
    """Whether the step before is the one before in time, within the chosen hours."""
    offset = layout.instance.scenario.hours.offset[layout.hours]
    linked = np.zeros(len(offset), dtype=bool)
    linked[1:] = np.diff(offset) == 1
    return linked


def _hourly(
    name: str,
    row: np.ndarray,
    value: np.ndarray,
    column: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> Rows:
    """The same pattern of rows in every hour: `row`, `value` (n,), `column` (hours, n)."""
    hours, count = lower.shape
    order = np.argsort(row, kind="stable")
    length = np.bincount(row, minlength=count)
    start = np.concatenate([[0], np.cumsum(np.tile(length, hours))])
    return Rows(
        name,
        lower.ravel(),
        upper.ravel(),
        start,
        column[:, order].ravel(),
        np.tile(value[order], hours),
    )


def _difference(
    name: str,
    level: np.ndarray,
    rise: np.ndarray,
    before: np.ndarray | None,
    follows: np.ndarray,
) -> Rows:
    """rise[h] − level[h] + level[h−1] ≥ 0, with `before` in place of level[h−1] at a start."""
    hours, count = level.shape
    lower = np.zeros((hours, count))
    first = ~follows
    lower[first] = -np.inf if before is None else -before[first]
    index = np.stack([rise, level, np.roll(level, 1, axis=0)], axis=2)
    value = np.broadcast_to(np.array([1.0, -1.0, 1.0]), index.shape)
    keep = np.ones(index.shape, dtype=bool)
    keep[first, :, 2] = False
    start = np.concatenate([[0], np.cumsum(keep.sum(axis=2).ravel())])
    return Rows(name, lower.ravel(), np.full(lower.size, np.inf), start, index[keep], value[keep])


def _moves(
    name: str,
    row: np.ndarray,
    now: np.ndarray,
    moved: np.ndarray,
    before: np.ndarray | None,
    follows: np.ndarray,
) -> Rows:
    """moved[h,q] − Σ now[h, row = q] + Σ now[h−1, row = q] ≥ 0."""
    hours, count = moved.shape
    lower = np.zeros((hours, count))
    first = ~follows
    lower[first] = -np.inf if before is None else -before[first]
    base = np.arange(hours)[:, None] * count
    at = [base + np.arange(count), base + row, (base + row)[follows]]
    column = [moved, now, np.roll(now, 1, axis=0)[follows]]
    value = [np.ones(moved.shape), -np.ones(now.shape), np.ones(column[2].shape)]
    flat = np.concatenate([part.ravel() for part in at])
    order = np.argsort(flat, kind="stable")
    return Rows(
        name,
        lower.ravel(),
        np.full(lower.size, np.inf),
        np.concatenate([[0], np.cumsum(np.bincount(flat, minlength=hours * count))]),
        np.concatenate([part.ravel() for part in column])[order],
        np.concatenate([part.ravel() for part in value])[order],
    )
