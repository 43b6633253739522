"""Rows of linear programs: of one hour, the same in every hour, and of many hours at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Columns


@dataclass(frozen=True)
class HourlyRows:
    """lower[j,t] ≤ Σ value · column ≤ upper[j,t]: J rows whose entries are the same in all hours.

    `row`, `column`, `value` (E,) are the entries, columns as in `columns`, those of the instance;
    `lower` and `upper` (J, T) may be infinite: a row that is free in an hour is none there.
    `surplus` (J, T) is how far the activity may exceed `upper` at the price that a measure has for
    it, `Measure.per_on_demand`: row j is that of region j then, and its entries are accelerator
    time, from which the account derives what is bought. Without it nothing may. `bought` (J, R) is
    what so much that each region buys adds to the activity.
    """

    name: str
    columns: Columns
    row: np.ndarray
    column: np.ndarray
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    surplus: np.ndarray | None = None
    bought: np.ndarray | None = None

    @cached_property
    def most(self) -> np.ndarray:
        """How far the activity may go, surplus and all, (J, T)."""
        return self.upper if self.surplus is None else self.upper + self.surplus

    @cached_property
    def elastic(self) -> np.ndarray:
        """Rows whose upper bound may be exceeded in some hour, increasing."""
        if self.surplus is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero((self.surplus > 0).any(axis=1))

    @property
    def count(self) -> int:
        """J."""
        return len(self.lower)

    def bound(self, steps: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Rows that are not free in all of these steps; bool, (J,)."""
        finite = np.isfinite(self.lower[:, steps]) | np.isfinite(self.upper[:, steps])
        mask: np.ndarray = finite.any(axis=1)
        return mask

    @cached_property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Entries by column: (row, value) of the first, second, … entry of each, both (C + 1,).

        Row J, of value 0, where a column has no more; the last one stands for a closed place, −1.
        """
        order = np.argsort(self.column, kind="stable")
        column, row, value = self.column[order], self.row[order], self.value[order]
        first = np.searchsorted(column, column, side="left")
        nth = np.arange(len(column)) - first
        size = len(self.columns) + 1
        layers = []
        for n in range(int(nth.max(initial=-1)) + 1):
            on = nth == n
            of_row, of_value = np.full(size, self.count), np.zeros(size)
            of_row[column[on]], of_value[column[on]] = row[on], value[on]
            layers.append((of_row, of_value))
        return layers

    def activity(
        self, hour: np.ndarray, column: np.ndarray, value: np.ndarray, hours: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(Σ value · column, the most that its columns could make of it) of rates, each (J, hours).

        A column of −1, a closed place, counts in no row.
        """
        net, gross = np.zeros((2, (self.count + 1) * hours))
        most = np.zeros(self.count + 1)
        np.maximum.at(most, self.row, np.abs(self.value))
        for of_row, of_value in self.layers:
            part = of_value[column] * value
            cell = of_row[column] * hours + hour
            net += np.bincount(cell, part, len(net))
            gross += np.bincount(cell, most[of_row[column]] * np.abs(value), len(gross))
        shape = (self.count + 1, hours)
        return net.reshape(shape)[:-1], gross.reshape(shape)[:-1]

    def weighed(self, dual: np.ndarray) -> np.ndarray:
        """Σ_j value[j] · dual[j] of every column, (C, hours), for duals (J, hours)."""
        total = np.zeros((len(self.columns), dual.shape[1]))
        extended = _with_none(dual)
        for of_row, of_value in self.layers:
            total += of_value[:-1, None] * extended[of_row[:-1]]
        return total

    def weighed_at(self, dual: np.ndarray, column: np.ndarray, hour: np.ndarray) -> np.ndarray:
        """The same of some columns, each in its own hour; shape of `column`."""
        total, extended = np.zeros(len(column)), _with_none(dual)
        for of_row, of_value in self.layers:
            total += of_value[column] * extended[of_row[column], hour]
        return total

    def excess(self, flows: SourceFlows) -> tuple[np.ndarray, np.ndarray]:
        """How far flows are beyond each row's bounds, ≥ 0, and the size of the row; (J, T).

        The surplus is within the bounds.
        """
        column = self.columns.find(flows.source, flows.region, flows.point)
        net, gross = self.activity(flows.hour, column, flows.value, self.lower.shape[1])
        return beyond(net, gross, self.lower, self.most)

    @cached_property
    def dense(self) -> list[np.ndarray]:
        """Entries by place, (S, R, O), what is better for a row smaller; as few arrays as exact.

        One array serves all rows where no place has two entries and a row's points share it.
        """
        columns, bound = self.columns, self.bound()
        sign = np.where(np.isfinite(self.upper).any(axis=1), 1.0, -1.0)
        two_sided = np.isfinite(self.upper).any(axis=1) & np.isfinite(self.lower).any(axis=1)
        keep = bound[self.row] & columns.served[self.column]
        row, column, value = self.row[keep], self.column[keep], self.value[keep]
        place = columns.source[column], columns.region[column], columns.point[column]
        groups = [row == j for j in np.flatnonzero(bound)]
        once = (np.bincount(self.column) <= 1).all()
        if once and self._shared(row, place[0], place[1]):
            groups = [np.ones(len(row), dtype=bool)]
        out = []
        for group in groups:
            array = np.zeros(columns.shape)
            array[tuple(index[group] for index in place)] = (sign[row] * value)[group]
            out.append(array)
            if two_sided[row[group]].any():
                out.append(-array)
        return out

    def _shared(self, row: np.ndarray, source: np.ndarray, region: np.ndarray) -> bool:
        """Whether all points of a source in a region are in the same row."""
        pair = source * (int(region.max(initial=0)) + 1) + region
        order = np.argsort(pair, kind="stable")
        pair, row = pair[order], row[order]
        return not ((pair[1:] == pair[:-1]) & (row[1:] != row[:-1])).any()


def _with_none(dual: np.ndarray) -> np.ndarray:
    """Duals and a row of zeros for columns that have no entry."""
    return np.concatenate([dual, np.zeros((1, dual.shape[1]))])


def beyond(
    net: np.ndarray, gross: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(How far `net` lies outside of its bounds, ≥ 0; the largest figure it is made of)."""
    low, high = np.isfinite(lower), np.isfinite(upper)
    over = np.where(high, net - np.where(high, upper, 0.0), 0.0)
    under = np.where(low, np.where(low, lower, 0.0) - net, 0.0)
    size = np.maximum(gross, np.maximum(np.where(high, np.abs(upper), 0.0),
                                        np.where(low, np.abs(lower), 0.0)))  # fmt: skip
    return np.maximum(np.maximum(over, under), 0.0), size


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
        most = np.zeros(count)
        np.maximum.at(most, np.repeat(np.arange(count), np.diff(self.start)), entries)
        return most

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


def stacked(blocks: list[Rows]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All blocks as one matrix in compressed rows: (start, index, value)."""
    sizes = np.concatenate([np.diff(block.start) for block in blocks])
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    index = np.concatenate([block.index for block in blocks]).astype(np.int32)
    return start, index, np.concatenate([block.value for block in blocks])


def repeated(
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
