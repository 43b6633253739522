"""A routing: where the requests of each metro and class go until the next one is issued.

Requests of a metro and class are split over places (region, operating point) by shares: one set of
shares in full service, and one for requests that are degraded, where the class's contract has a
fallback. Whether a request is degraded is not the routing's to say: the cap's counts allow it or
not (`wattlas.policy.cap`), and where they do, it is degraded iff that saves at least the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import NOT_NEGATIVE, POSITIVE, numbers, refuse, series

SUMS_TO_ONE = 1e-6
"""What a set of shares may miss 1 by: shares are written with seven digits."""


UNSERVED_REGION = "unserved"
"""A region of a routing that is none: requests that go there are not served."""


@dataclass(frozen=True)
class Places:
    """One set of shares: `region`, `point` (indices) and `share`, (n,), adding up to 1."""

    region: np.ndarray
    point: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class Routing:
    """Shares of places for each metro and class, in full service and degraded.

    `metro`, `klass`, `degraded`, `region`, `point`, `share` are parallel, one entry per place of a
    set, indices into the ids; a set is what has the same metro, class and `degraded`. `saving_usd`
    (metros, classes) is what degrading one request saves, nan where it has no fallback;
    `threshold_usd` (classes,) is the least saving for which it is degraded, inf for never.

    `epoch` counts the routings of one author: a later one replaces an earlier one. It holds from
    `issued_utc` for `hold_s` seconds; what is older serves in full.
    """

    metros: tuple[str, ...]
    classes: tuple[str, ...]
    regions: tuple[str, ...]
    points: tuple[str, ...]
    metro: np.ndarray
    klass: np.ndarray
    degraded: np.ndarray
    region: np.ndarray
    point: np.ndarray
    share: np.ndarray
    saving_usd: np.ndarray
    threshold_usd: np.ndarray
    issued_utc: np.datetime64
    hold_s: float
    epoch: int = 0

    def __post_init__(self) -> None:
        refuse(self._made_arrays())
        refuse(self._problems())

    def _made_arrays(self) -> Iterator[Problem]:
        """Lists become arrays; what cannot be one is a problem."""
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            try:
                made = np.asarray(value)
                if kind is not int:  # an index that is no whole number is told as such
                    made = made.astype(kind, casting="safe", copy=False)
            except (TypeError, ValueError):
                yield Problem(f"routing.{name}", "is no array of " + _WORDS[kind],
                              "Give a numpy array of them.")  # fmt: skip
            else:
                object.__setattr__(self, name, made)
        issued: object = self.issued_utc
        if not isinstance(issued, np.datetime64):
            what = f"is {issued!r}, no numpy.datetime64"
            yield Problem("routing.issued_utc", what, "Give the UTC time of issue.")

    def _problems(self) -> Iterator[Problem]:
        for name in ("metros", "classes", "regions", "points"):
            yield from series(self, "routing.", name, str)
        yield from numbers(self, "routing.", POSITIVE, "hold_s")
        yield from numbers(self, "routing.", NOT_NEGATIVE, "epoch")
        if np.isnat(self.issued_utc):
            yield Problem("routing.issued_utc", "is no time", "Give the UTC time of issue.")
        entries = {n: getattr(self, n) for n in (*_INDICES, "degraded", "share")}
        if len({each.shape for each in entries.values()}) > 1 or entries["share"].ndim != 1:
            yield Problem("routing", "has columns of unequal length", "Give one entry per place.")
            return
        strange = [
            problem
            for name, ids in _INDICES.items()
            for problem in _indices(f"routing.{name}", entries[name], getattr(self, ids))
        ]
        yield from strange
        share = entries["share"]
        if not (np.isfinite(share) & (share >= 0)).all():
            yield Problem("routing.share", "is negative or no number", "Give shares of 0..1.")
            return
        yield from self._shapes()
        if not strange:
            yield from self._sums()

    def _shapes(self) -> Iterator[Problem]:
        wanted = (len(self.metros), len(self.classes))
        if self.saving_usd.shape != wanted:
            what = f"has the shape {self.saving_usd.shape}, wanted {wanted}"
            yield Problem("routing.saving_usd", what, "Give one value per metro and class.")
        if self.threshold_usd.shape != wanted[1:]:
            what = f"has the shape {self.threshold_usd.shape}, wanted {wanted[1:]}"
            yield Problem("routing.threshold_usd", what, "Give one value per class.")
        elif np.isnan(self.threshold_usd).any():
            yield Problem("routing.threshold_usd", "is no number", "Give USD, or inf for never.")

    def _sums(self) -> Iterator[Problem]:
        """Sets whose shares do not add up to 1, and fallbacks without full service."""
        where, count = self._set, 2 * len(self.metros) * len(self.classes)
        sums = np.bincount(where, self.share, count)
        present = np.bincount(where, minlength=count) > 0
        for at in np.flatnonzero(present & (np.abs(sums - 1.0) > SUMS_TO_ONE)):
            what = f"has shares that add up to {sums[at]:.7g}"
            yield Problem(self._named(int(at)), what, "Make them 1.")
        full, low = present.reshape(-1, 2).T
        for at in np.flatnonzero(low & ~full):
            what = "has a fallback, and no place in full service"
            yield Problem(self._named(2 * int(at)), what, "Give its places in full service.")

    @cached_property
    def _set(self) -> np.ndarray:
        """Number of the set of each entry: metro, class, degraded."""
        pair = np.asarray(self.metro) * len(self.classes) + np.asarray(self.klass)
        return np.asarray(2 * pair + np.asarray(self.degraded, dtype=np.int64))

    def _named(self, at: int) -> str:
        metro, klass = divmod(at // 2, len(self.classes))
        how = "degraded" if at % 2 else "full"
        return f"routing.{self.metros[metro]}.{self.classes[klass]}.{how}"

    @cached_property
    def _order(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self._set, kind="stable")
        count = 2 * len(self.metros) * len(self.classes)
        return order, np.searchsorted(self._set[order], np.arange(count + 1))

    def places(self, metro: int, klass: int, *, degraded: bool = False) -> Places | None:
        """The shares of a metro and class; None where it has no such set."""
        order, start = self._order
        at = 2 * (metro * len(self.classes) + klass) + int(degraded)
        rows = order[start[at] : start[at + 1]]
        if not len(rows):
            return None
        return Places(self.region[rows], self.point[rows], self.share[rows])

    @cached_property
    def degrades(self) -> np.ndarray:
        """Whether a request is degraded where its contract's counts allow it: it has a fallback,
        and saves at least the threshold; (metros, classes)."""
        fallback = np.zeros(self.saving_usd.size, dtype=bool)
        fallback[self._set[self._set % 2 == 1] // 2] = True
        with np.errstate(invalid="ignore"):
            pays = self.saving_usd >= self.threshold_usd
        return np.asarray(pays & fallback.reshape(pays.shape))


_KINDS: dict[str, type] = {
    **dict.fromkeys(("metro", "klass", "region", "point"), int), "degraded": bool,
    **dict.fromkeys(("share", "saving_usd", "threshold_usd"), float),
}  # fmt: skip
_WORDS = {int: "whole numbers", bool: "True and False", float: "numbers"}
_INDICES = {"metro": "metros", "klass": "classes", "region": "regions", "point": "points"}


def _indices(at: str, values: np.ndarray, ids: tuple[str, ...]) -> Iterator[Problem]:
    whole = np.issubdtype(values.dtype, np.integer)
    if len(values) and (not whole or values.min() < 0 or values.max() >= len(ids)):
        yield Problem(at, f"names none of the {len(ids)} ids", "Give indices into the ids.")
