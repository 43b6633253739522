"""The best table of shares that holds in many hours: a small program whose rows are found.

    min  Σ_g Σ_c A[g,c]·y[g,c]      Σ_c y[g,c] = 1 per group of hours g and source,  y ≥ 0

where y[g,c] is the share of a source's demand that a column c (a place, or going unserved) takes in
every hour of the group, and A[g,c] = Σ_t∈g hours[t]·d[s,t]·unit[c,t]. A row of the registry reads
Σ_c value[c]·d[s,t]·y[g(t),c] ≤ upper[t] in every hour: a year has a hundred thousand of them, and
few matter. They are added where the table found so far breaks them, the worst first, until none is
broken by more than `ROOM`; a limit over a window is one more row, added in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.constraints.registry import by_name, hourly_rows
from wattlas.placement.hour import highs
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.rows import HourlyRows, Rows
from wattlas.placement.problem.unit_values import Measure

ROOM = 1e-9
"""Relative excess over a row that still counts as keeping it."""
TOLERANCE = 1e-10
"""HiGHS's own, on rows whose largest entry or bound is 1: tighter than `ROOM`."""
PARTS = 12
"""Parts of the hours that each give their worst broken hour of a row in a round.

Fewer take more rounds, more take larger programs: on the embedded year 12 takes 3 to 6 rounds.
"""


@dataclass(frozen=True)
class Cut:
    """Σ coefficient · y ≤ bound of one row: `index` are positions in y, `name` tells the row."""

    name: str
    row: int
    step: int
    """Step of an hourly row; −1 for a limit over a window."""
    side: int
    """1 for an upper bound, −1 for a lower one."""
    index: np.ndarray
    value: np.ndarray
    bound: float

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What no other cut shares."""
        return self.name, self.row, self.step, self.side

    @property
    def size(self) -> float:
        """The largest figure of the row."""
        return max(float(np.abs(self.value).max(initial=0.0)), abs(self.bound)) or 1.0


@dataclass(frozen=True)
class Table:
    """Shares of each group of hours and column, (G, C), and how the search for them ended.

    `reason` says in words which row no table keeps; empty where all are kept.
    """

    share: np.ndarray
    objective: float
    reason: str = ""
    rows: int = 0
    rounds: int = 0


@dataclass
class ShareProgram:
    """The program of some groups of hours.

    `group` (T,) is the group of each step, −1 where a step is not of this program; the columns are
    those of the instance.
    """

    instance: Instance
    measure: Measure
    limits: Sequence[Limit]
    group: np.ndarray
    cuts: dict[tuple[str, int, int, int], Cut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.groups = int(self.group.max(initial=-1)) + 1
        self.columns = self.instance.columns
        self.rows = list(hourly_rows(self.instance).values())
        self.steps = [np.flatnonzero(self.group == g) for g in range(self.groups)]
        self.demand = [self.instance.demand[:, steps] for steps in self.steps]

    def solve(self) -> Table:
        """The best table; where none keeps every row, the one that breaks them least."""
        costs = self._added_up(self.measure, np.arange(len(self.group)))
        scale = 100.0 / (float(np.abs(costs).max(initial=0.0)) or 1.0)
        solver = highs.new_solver(tolerance=TOLERANCE)
        highs.load(solver, self._program(costs.ravel() * scale, list(self.cuts.values())))
        rounds = 0
        while True:
            rounds += 1
            answer = highs.run_safely(solver)
            if answer.status is Status.INFEASIBLE:
                return self._least_broken(costs, rounds)
            share = self._shares(answer.x)
            new = [cut for cut in self._broken(share) if cut.key not in self.cuts]
            if not new:
                value = float((costs * share).sum())
                return Table(share, value, rows=len(self.cuts), rounds=rounds)
            self.cuts |= {cut.key: cut for cut in new}
            block = _block(new)
            count = len(block.lower)
            solver.addRows(
                count, block.lower, block.upper, len(block.index),
                block.start[:-1].astype(np.int32), block.index.astype(np.int32), block.value,
            )  # fmt: skip

    def _program(self, costs: np.ndarray, cuts: Sequence[Cut]) -> highs.Lp:
        """The convexity rows and the cuts that are known."""
        blocks = [self._whole()] + ([_block(cuts)] if cuts else [])
        return highs.Lp(costs, np.zeros(len(costs)), np.full(len(costs), np.inf), blocks)

    def _whole(self) -> Rows:
        """Σ_c y[g,c] = 1 per group and source; none for a source that has no column."""
        order = np.argsort(self.columns.source, kind="stable")
        length = np.bincount(self.columns.source, minlength=self.instance.sources)
        length = length[length > 0]
        count = self.groups * len(length)
        start = np.concatenate([[0], np.cumsum(np.tile(length, self.groups))])
        offset = np.arange(self.groups)[:, None] * len(self.columns)
        index = (offset + order).ravel()
        return Rows("shares", np.ones(count), np.ones(count), start, index, np.ones(len(index)))

    def _shares(self, x: np.ndarray) -> np.ndarray:
        """The solver's point as shares that add up to 1."""
        share = np.clip(x[: self.groups * len(self.columns)], 0.0, 1.0)
        share = share.reshape(self.groups, len(self.columns))
        total = np.zeros((self.groups, self.instance.sources))
        for g in range(self.groups):
            total[g] = np.bincount(self.columns.source, share[g], self.instance.sources)
        made: np.ndarray = share / total[:, self.columns.source]
        return made

    def _added_up(self, measure: Measure, steps: np.ndarray) -> np.ndarray:
        """Σ_t hours[t]·d[s,t]·unit[c,t] over the steps of each group, (G, C)."""
        source, region, point = self.columns.source, self.columns.region, self.columns.point
        served = self.columns.served
        place = np.maximum(region, 0)
        out = np.zeros((self.groups, len(source)))
        for g in range(self.groups):
            own = steps[self.group[steps] == g]
            weighted = self.instance.demand[:, own] * self.instance.hours[own]
            requests = weighted.sum(axis=1)
            by_region = weighted @ measure.per_kwh[:, own].T
            unit = self.instance.energy_kwh[source, point] * by_region[source, place]
            unit += measure.per_request[source, place, point] * requests[source]
            lost = np.nan_to_num(measure.per_unserved)[source] * requests[source]
            out[g] = np.where(served, unit, lost)
        return out

    def _broken(self, share: np.ndarray) -> Iterator[Cut]:
        """The rows that a table breaks: of each row the worst hour of each part, and the limits."""
        for rows in self.rows:
            for g in range(self.groups):
                for side, over in self._excess(rows, g, share[g]):
                    yield from self._worst(rows, g, side, over)
        for n, limit in enumerate(self.limits):
            cut = self._limit(n, limit)
            used = cut.value * share.ravel()[cut.index]
            size = max(float(np.abs(used).sum()), abs(limit.bound))
            if float(used.sum()) - limit.bound > ROOM * size:
                yield cut

    def _excess(
        self, rows: HourlyRows, g: int, share: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(side, what a row is beyond its bound as a share of its size), (J, steps of g)."""
        sources = self.instance.sources
        cell = rows.row * sources + self.columns.source[rows.column]
        part = rows.value * share[rows.column]
        # Loops of numpy's own: a threaded product of such small matrices waits for its threads.
        net, gross = (
            np.einsum("js,st->jt", _grid(cell, each, rows.count, sources), self.demand[g])
            for each in (part, np.abs(part))
        )
        for side, bounds in ((1, rows.upper), (-1, -rows.lower)):
            bound = bounds[:, self.steps[g]]
            finite = np.isfinite(bound)
            if finite.any():
                bound = np.where(finite, bound, 0.0)
                size = np.maximum(np.maximum(gross, np.abs(bound)), 1e-300)
                yield side, np.where(finite, (side * net - bound) / size, -np.inf)

    def _worst(self, rows: HourlyRows, g: int, side: int, over: np.ndarray) -> Iterator[Cut]:
        """The cut of the worst broken hour of each part of the hours, for each row."""
        count = over.shape[1]
        edges = np.unique(np.arange(PARTS + 1) * count // PARTS)
        for low, high in pairwise(edges):
            worst = over[:, low:high].argmax(axis=1)
            value = over[np.arange(rows.count), low + worst]
            for j in np.flatnonzero(value > ROOM):
                yield self._hourly(rows, int(j), g, int(self.steps[g][low + worst[j]]), side)

    def _hourly(self, rows: HourlyRows, j: int, g: int, step: int, side: int) -> Cut:
        """Row j of an hour: side·Σ value·d·y ≤ side·bound."""
        on = rows.row == j
        column = rows.column[on]
        value = side * rows.value[on] * self.instance.demand[self.columns.source[column], step]
        bound = (rows.upper if side > 0 else -rows.lower)[j, step]
        index = g * len(self.columns) + column
        return Cut(rows.name, j, step, side, index, value, float(bound))

    def _limit(self, n: int, limit: Limit) -> Cut:
        """A limit over a window."""
        value = self._added_up(limit.measure, limit.steps).ravel()
        index = np.flatnonzero(value)
        return Cut(limit.constraint, n, -1, 1, index, value[index], limit.bound)

    def _least_broken(self, costs: np.ndarray, rounds: int) -> Table:
        """The table whose greatest relative excess over the known rows is least, and that row."""
        cuts = list(self.cuts.values())
        program = self._program(np.append(np.zeros(costs.size), 1.0), [])
        block = _block(cuts, slack=costs.size)
        program.rows.append(block)
        answer = highs.checked(highs.solve(program))
        share = self._shares(answer.x)
        worst = cuts[int(np.abs(answer.dual[-len(cuts) :]).argmax())]
        value = float((costs * share).sum())
        return Table(share, value, self._words(worst, share), len(cuts), rounds)

    def _words(self, cut: Cut, share: np.ndarray) -> str:
        """Which row no table keeps."""
        utc = self.instance.scenario.hours.utc
        if cut.step < 0:
            limit = self.limits[cut.row]
            when = f"{utc[limit.steps[0]]}Z to {utc[limit.steps[-1]]}Z"
            return f"no table of shares keeps {limit.id} over {when}"
        rows = next(each for each in self.rows if each.name == cut.name)
        excess = np.zeros(rows.count)
        excess[cut.row] = float(cut.value @ share.ravel()[cut.index]) - cut.bound
        words = by_name(cut.name).broken_words(self.instance, excess)
        return f"no table of shares fits: at {utc[cut.step]}Z {words}"


def _grid(cell: np.ndarray, weight: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Weights added up in the cells of a matrix."""
    return np.bincount(cell, weight, rows * columns).reshape(rows, columns)


def _block(cuts: Sequence[Cut], slack: int | None = None) -> Rows:
    """Cuts as rows whose largest figure is 1; each less the column `slack`, where there is one."""
    scale = np.array([1.0 / cut.size for cut in cuts])
    index = [cut.index if slack is None else np.append(cut.index, slack) for cut in cuts]
    value = [
        cut.value * each if slack is None else np.append(cut.value * each, -1.0)
        for cut, each in zip(cuts, scale, strict=True)
    ]
    return Rows(
        "cuts",
        lower=np.full(len(cuts), -np.inf),
        upper=np.array([cut.bound for cut in cuts]) * scale,
        start=np.concatenate([[0], np.cumsum([len(each) for each in index])]),
        index=np.concatenate(index),
        value=np.concatenate(value),
    )
