"""Flows of merged sources: what runs where, one entry per flow, in parallel arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wattlas.model.plan import UNSERVED


class SourceFlows(NamedTuple):
    """`value` requests/h of a source in an hour at a region and point, each of shape (F,).

    `hour`, `source`, `region` (`UNSERVED` where not served) and `point` are indices.
    """

    hour: np.ndarray
    source: np.ndarray
    region: np.ndarray
    point: np.ndarray
    value: np.ndarray

    @property
    def served(self) -> np.ndarray:
        """Mask of the flows that run somewhere."""
        mask: np.ndarray = self.region != UNSERVED
        return mask

    def where(self, mask: np.ndarray | slice) -> SourceFlows:
        """Some of the flows: a mask, indices or a slice."""
        return SourceFlows(*(column[mask] for column in self))

    def with_value(self, value: np.ndarray) -> SourceFlows:
        """The same places with other rates."""
        return self._replace(value=value)


class KeptFlows(NamedTuple):
    """Flows as they are kept: numbers as narrow as their indices allow, two fifths of the room.

    Sums of indices do not fit in them: whoever computes takes `all()`.
    """

    hour: np.ndarray
    source: np.ndarray
    region: np.ndarray
    point: np.ndarray
    value: np.ndarray

    @staticmethod
    def of(flows: SourceFlows) -> KeptFlows:
        """The same flows, narrow."""
        hour, source, region, point = (_narrow(index) for index in flows[:4])
        return KeptFlows(hour, source, region, point, flows.value)

    def with_steps(self, steps: np.ndarray, others: SourceFlows) -> KeptFlows:
        """The flows of some steps, which others are, in place of its own."""
        mine = SourceFlows._make(self).where(~np.isin(self.hour, steps))
        return KeptFlows.of(join([mine, SourceFlows._make(KeptFlows.of(others))]))

    def all(self) -> SourceFlows:
        """The flows again."""
        hour, source, region, point = (index.astype(np.int64) for index in self[:4])
        return SourceFlows(hour, source, region, point, self.value)


def _narrow(index: np.ndarray) -> np.ndarray:
    """Indices, −1 for none, in the first of 16, 32 and 64 bits that hold them all."""
    most = int(index.max(initial=0))
    kinds = (kind for kind in (np.int16, np.int32) if np.iinfo(kind).max >= most)
    return index.astype(next(kinds, np.int64), copy=False)


PIECE = 100_000
"""Flows that are added up in one go where there are many, so that what that takes does not grow."""


def by_whole_hours(flows: SourceFlows) -> Iterator[SourceFlows]:
    """The flows in pieces of about `PIECE` that cut no hour in two; all at once where they are few
    or not in the order of their hours."""
    count = len(flows.hour)
    if count <= PIECE or (flows.hour[1:] < flows.hour[:-1]).any():
        yield flows
        return
    cuts = np.unique(np.searchsorted(flows.hour, flows.hour[PIECE::PIECE]))
    for low, high in pairwise([0, *(int(cut) for cut in cuts if cut), count]):
        yield flows.where(slice(low, high))


def no_flows() -> SourceFlows:
    """No flows at all."""
    none = np.zeros(0, dtype=np.int64)
    return SourceFlows(none, none, none, none, np.zeros(0))


def join(parts: Sequence[SourceFlows]) -> SourceFlows:
    """All parts in the order of their hours; one that is alone and in order as it is."""
    parts = [part for part in parts if len(part.hour)]
    if not parts:
        return no_flows()
    whole = parts[0]
    if len(parts) > 1:
        whole = SourceFlows(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    hour = whole.hour
    if (hour[1:] >= hour[:-1]).all():
        return whole
    # numpy sorts integers of 16 bits by their digits, several times as fast as others.
    few = bool(hour.min() >= 0 and hour.max() < 1 << 16)
    return whole.where(np.argsort(hour.astype(np.uint16) if few else hour, kind="stable"))


def merge_equal(flows: SourceFlows) -> SourceFlows:
    """Flows that share hour, source, region and point, added up; those of nothing dropped."""
    spans = [int(part.max(initial=0)) + 2 for part in flows[:4]]
    key = np.zeros(len(flows.hour), dtype=np.int64)
    for part, span in zip(flows[:4], spans, strict=True):
        key = key * span + part + 1  # a region may be −1
    unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    total = np.bincount(inverse, weights=flows.value, minlength=len(unique))
    positive = total > 0
    return flows.where(first[positive]).with_value(total[positive])
