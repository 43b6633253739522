"""The best table of shares that holds in many hours: a small program whose rows are found.

    min  Σ_g Σ_c A[g,c]·y[g,c]      Σ_c y[g,c] = 1 per group of hours g and source,  y ≥ 0

where y[g,c] is the share of a source's demand that a column c (a place, or going unserved) takes in
every hour of the group, and A[g,c] = Σ_t∈g hours[t]·d[s,t]·unit[c,t]. A row of the registry reads
Σ_c value[c]·d[s,t]·y[g(t),c] ≤ upper[t] in every hour: a year has a hundred thousand of them, and
few matter. They are added where the table found so far breaks them, the worst first, until none is
broken by more than `ROOM`; a limit over a window is one more row, added in the same way.

What is bought beyond a row's bound, Σ_t w·hours[t]·max(0, Σ_c value[c]·d[s,t]·y − upper[t]), is
convex and piecewise linear in y: a column θ for each row and part of the hours stands for it, held
from below by the slopes at the tables found so far. The program is a lower bound, the table with
what it does buy an upper one; they meet, because there are but finitely many slopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from wattlas.model.plan import Status
from wattlas.placement.compare.share_cuts import Cut, block, grid
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
class ShareTable:
    """Shares of each group of hours and column, (G, C), and how the search for them ended.

    `reason` says in words which row no table keeps; empty where all are kept.
    """

    share: np.ndarray
    objective: float
    bound: float = float("-inf")
    """No table that keeps every row has less."""
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
    cuts: dict[tuple[str, int, int, int, bytes], Cut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.groups = int(self.group.max(initial=-1)) + 1
        self.columns = self.instance.columns
        self.rows = list(hourly_rows(self.instance).values())
        self.steps = [np.flatnonzero(self.group == g) for g in range(self.groups)]
        self.bought = [
            (g, rows, int(j), low, high)
            for rows in self.rows
            for j in rows.elastic
            if self.measure.per_on_demand[j] > 0
            for g in range(self.groups)
            for low, high in pairwise(_edges(len(self.steps[g])))
        ]
        self.demand = [self.instance.demand[:, steps] for steps in self.steps]

    def solve(self) -> ShareTable:
        """The best table; where none keeps every row, the one that breaks them least."""
        costs = self._added_up(self.measure, np.arange(len(self.group)))
        scale = 100.0 / (float(np.abs(costs).max(initial=0.0)) or 1.0)
        solver = highs.new_solver(tolerance=TOLERANCE)
        weights = np.append(costs.ravel(), np.ones(len(self.bought))) * scale
        highs.load(solver, self._program(weights, list(self.cuts.values())))
        rounds = 0
        while True:
            rounds += 1
            answer = highs.run_safely(solver)
            if answer.status is Status.INFEASIBLE:
                return self._least_broken(costs, rounds)
            share = self._shares(answer.x)
            paid, slopes = self._purchases(share, answer.x[costs.size :])
            broken = [*self._broken(share), *slopes]
            new = [cut for cut in broken if cut.key not in self.cuts]
            if not new:
                value, least = float((costs * share).sum()) + paid, answer.objective / scale
                return ShareTable(share, value, least, rows=len(self.cuts), rounds=rounds)
            self.cuts |= {cut.key: cut for cut in new}
            added = block(new)
            count = len(added.lower)
            solver.addRows(
                count, added.lower, added.upper, len(added.index),
                added.start[:-1].astype(np.int32), added.index.astype(np.int32), added.value,
            )  # fmt: skip

    def _program(self, costs: np.ndarray, cuts: Sequence[Cut]) -> highs.Lp:
        """The convexity rows and the cuts that are known."""
        blocks = [self._whole()] + ([block(cuts)] if cuts else [])
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
            cut = self._limit(n, limit, share)
            used = cut.value * share.ravel()[cut.index]
            size = max(float(np.abs(used).sum()), abs(limit.bound))
            if float(used.sum()) - cut.bound > ROOM * size:
                yield cut

    def _excess(
        self, rows: HourlyRows, g: int, share: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray]]:
        """(side, what a row is beyond its bound as a share of its size), (J, steps of g)."""
        net, gross = (self._activity(rows, g, share, size) for size in (False, True))
        for side, bounds in ((1, rows.most), (-1, -rows.lower)):
            bound = bounds[:, self.steps[g]]
            finite = np.isfinite(bound)
            if finite.any():
                bound = np.where(finite, bound, 0.0)
                size = np.maximum(np.maximum(gross, np.abs(bound)), 1e-300)
                yield side, np.where(finite, (side * net - bound) / size, -np.inf)

    def _worst(self, rows: HourlyRows, g: int, side: int, over: np.ndarray) -> Iterator[Cut]:
        """The cut of the worst broken hour of each part of the hours, for each row."""
        count = over.shape[1]
        for low, high in pairwise(_edges(count)):
            worst = over[:, low:high].argmax(axis=1)
            value = over[np.arange(rows.count), low + worst]
            for j in np.flatnonzero(value > ROOM):
                yield self._hourly(rows, int(j), g, int(self.steps[g][low + worst[j]]), side)

    def _hourly(self, rows: HourlyRows, j: int, g: int, step: int, side: int) -> Cut:
        """Row j of an hour: side·Σ value·d·y ≤ side·bound."""
        on = rows.row == j
        column = rows.column[on]
        value = side * rows.value[on] * self.instance.demand[self.columns.source[column], step]
        bound = (rows.most if side > 0 else -rows.lower)[j, step]
        index = g * len(self.columns) + column
        return Cut(rows.name, j, step, side, index, value, float(bound))

    def _activity(
        self, rows: HourlyRows, g: int, share: np.ndarray, size: bool = False
    ) -> np.ndarray:
        """Σ_c value·d·y of each row in the hours of a group; of |value| for `size`; (J, steps)."""
        sources = self.instance.sources
        cell = rows.row * sources + self.columns.source[rows.column]
        part = (np.abs(rows.value) if size else rows.value) * share[rows.column]
        # Loops of numpy's own: a threaded product of such small matrices waits for its threads.
        matrix = grid(cell, part, rows.count, sources)
        return np.asarray(np.einsum("js,st->jt", matrix, self.demand[g]))

    def _over(self, rows: HourlyRows, g: int, share: np.ndarray) -> np.ndarray:
        """What each row buys beyond its bound in the hours of a group, ≥ 0, (J, steps of g)."""
        steps = self.steps[g]
        over = np.zeros((rows.count, len(steps)))
        if rows.surplus is not None:
            upper = np.where(rows.surplus > 0, rows.upper, np.inf)[:, steps]
            over = np.maximum(self._activity(rows, g, share[g]) - upper, 0.0)
        return over

    def _slope(self, rows: HourlyRows, g: int, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(index, value) of Σ weight[j,t] · Σ value·d·y, for weights (J, steps of g)."""
        by_source = np.einsum("jt,st->js", weight, self.demand[g])
        each = rows.value * by_source[rows.row, self.columns.source[rows.column]]
        value = np.bincount(rows.column, each, len(self.columns))
        index = np.flatnonzero(value)
        return g * len(self.columns) + index, value[index]

    def _purchases(self, share: np.ndarray, theta: np.ndarray) -> tuple[float, list[Cut]]:
        """(What a table pays for what it buys; the slopes that its columns do not hold yet)."""
        paid, slopes = 0.0, []
        over = {
            (g, rows.name): self._over(rows, g, share)
            for rows in self.rows if len(rows.elastic) for g in range(self.groups)
        }  # fmt: skip
        for n, (g, rows, j, low, high) in enumerate(self.bought):
            own, steps = over[g, rows.name][j, low:high], self.steps[g][low:high]
            price = self.measure.per_on_demand[j] * self.instance.hours[steps]
            usd = float(price @ own)
            paid += usd
            if usd - theta[n] > ROOM * usd:
                weight = np.zeros((rows.count, len(self.steps[g])))
                weight[j, low:high] = np.where(own > 0, price, 0.0)
                index, value = self._slope(rows, g, weight)
                bound = float(weight[j, low:high] @ np.where(own > 0, rows.upper[j, steps], 0.0))
                at = share.size + n
                index, value = np.append(index, at), np.append(value, -1.0)
                over_at = (own > 0).tobytes()
                slopes.append(Cut(rows.name, n, -2, 1, index, value, bound, over_at))
        return paid, slopes

    def _limit(self, n: int, limit: Limit, share: np.ndarray) -> Cut:
        """A limit over a window, with the slope of what is bought at a table."""
        total = self._added_up(limit.measure, limit.steps).ravel()
        bound, mark = limit.bound, b""
        for rows in self.rows if limit.measure.per_on_demand.any() else ():
            for g in range(self.groups):
                inside = np.isin(self.steps[g], limit.steps)
                over = (self._over(rows, g, share) > 0) & inside
                price = limit.measure.per_on_demand[: rows.count]
                if rows.surplus is None or not over.any():
                    continue
                weight = np.where(over, price[:, None] * self.instance.hours[self.steps[g]], 0.0)
                index, value = self._slope(rows, g, weight)
                total[index] += value
                bound += float((weight * np.where(over, rows.upper[:, self.steps[g]], 0.0)).sum())
                mark += over.tobytes()
        index = np.flatnonzero(total)
        return Cut(limit.constraint, n, -1, 1, index, total[index], bound, mark)

    def _least_broken(self, costs: np.ndarray, rounds: int) -> ShareTable:
        """The table whose greatest relative excess over the known rows is least, and that row."""
        cuts = [cut for cut in self.cuts.values() if cut.step > -2]
        count = costs.size + len(self.bought)
        program = self._program(np.append(np.zeros(count), 1.0), [])
        program.rows.append(block(cuts, slack=count))
        answer = highs.checked(highs.solve(program))
        share = self._shares(answer.x)
        worst = cuts[int(np.abs(answer.dual[-len(cuts) :]).argmax())]
        value = float((costs * share).sum())
        words = self._words(worst, share)
        return ShareTable(share, value, reason=words, rows=len(cuts), rounds=rounds)

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


def _edges(count: int) -> np.ndarray:
    """Where the parts of so many hours begin and end."""
    edges: np.ndarray = np.unique(np.arange(PARTS + 1) * count // PARTS)
    return edges
