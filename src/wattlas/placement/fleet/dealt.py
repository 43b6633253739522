"""Caps of tiers over windows, dealt out to the hours: in t, b_jt requests/h may be degraded.

    Σ over the hours t and groups j of a window w of h_t·b_jt ≤ cap_w        0 ≤ b

With b the hours fall apart. A group are the sources of a cap whose requests, in every hour, are of
one window. What a price β ≤ 0 of b is worth at least is a sum over windows: all of a cap goes where
it saves most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.placement.fleet.statement import FleetStatement
from wattlas.placement.problem.allowance import Allowance
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import Limit


@dataclass(frozen=True)
class Dealt:
    """`rows` are those of the hours, `window` (J, T) the limit that each is of in each hour, `cap`
    (W,) how many may be degraded in each window, and `share` (J,) of those that ask."""

    rows: Allowance
    window: np.ndarray
    cap: np.ndarray
    share: np.ndarray
    hours: np.ndarray

    @staticmethod
    def of(statement: FleetStatement) -> Dealt:
        """Those of a question; none where no cap is over a window."""
        instance, limits = statement.instance, statement.limits()
        came = np.broadcast_to(statement.arrivals.came, instance.demand.shape)
        group = np.unique(came, axis=0, return_inverse=True)[1].ravel()
        ids = [cap.id for cap in statement.scenario.share_caps]
        classes = [klass.id for klass in statement.scenario.classes]
        pairs, window = [], []
        for number in sorted({ids.index(limit.id) for limit in limits}):
            share_cap = statement.scenario.share_caps[number]
            counted = np.isin(classes, share_cap.classes)[instance.klass]
            own = [(n, limit) for n, limit in enumerate(limits) if limit.id == share_cap.id]
            for each in np.unique(group[counted]).tolist():
                source = int(np.flatnonzero(counted & (group == each))[0])
                pairs.append((number, each, share_cap.share_max))
                window.append(_window(own, source, instance.demand.shape[1]))
        if not pairs:
            return Dealt.none(instance)
        cap, of_group, share = (np.array(column) for column in zip(*pairs, strict=True))
        most = np.zeros((len(pairs), instance.demand.shape[1]))
        return Dealt(
            Allowance(cap.astype(int), of_group.astype(int), group, most),
            np.array(window),
            np.array([limit.share_max * limit.total for limit in limits]),
            share,
            instance.hours,
        )

    @staticmethod
    def none(instance: Instance) -> Dealt:
        """Of a question without such caps."""
        empty, steps = np.zeros(0, dtype=np.int64), instance.demand.shape[1]
        group = np.zeros(instance.sources, dtype=np.int64)
        rows = Allowance(empty, empty, group, np.zeros((0, steps)))
        window = np.zeros((0, steps), dtype=np.int64)
        return Dealt(rows, window, np.zeros(0), np.zeros(0), instance.hours)

    @property
    def shape(self) -> tuple[int, int]:
        """(J, T)."""
        return self.window.shape[0], self.window.shape[1]

    def within(self, instance: Instance, most: np.ndarray) -> Instance:
        """An instance in which so many (J, T) may be degraded in each hour."""
        return replace(instance, allowance=replace(self.rows, most=most)) if len(most) else instance

    def evenly(self, instance: Instance) -> np.ndarray:
        """The share of the cap of what asks in each hour, (J, T)."""
        out = np.zeros(self.shape)
        classes = [klass.id for klass in instance.scenario.classes]
        for j, (number, group) in enumerate(zip(self.rows.cap, self.rows.group, strict=True)):
            share_cap = instance.scenario.share_caps[number]
            counted = np.isin(classes, share_cap.classes)[instance.klass]
            own = counted & (self.rows.of_source == group)
            out[j] = share_cap.share_max * instance.demand[own].sum(axis=0)
        return self.fit(out)

    def fit(self, most: np.ndarray) -> np.ndarray:
        """So many (J, T), fewer where a window has too many."""
        most = np.maximum(most, 0.0)
        total = np.bincount(self.window.ravel(), (most * self.hours).ravel(), len(self.cap))
        part = np.minimum(self.cap / np.maximum(total, 1e-300), 1.0)
        return np.asarray(most * part[self.window])

    def prices(self, worth: np.ndarray) -> np.ndarray:
        """What a degraded request of each window is worth at most, (W,), where one of a row in an
        hour is worth (J, T) ≥ 0 a rate, hours counted."""
        out = np.zeros(len(self.cap))
        np.maximum.at(out, self.window, worth / self.hours)
        return out


def _window(limits: Sequence[tuple[int, Limit]], source: int, steps: int) -> np.ndarray:
    """The limit that a source's requests are of in each step, (T,)."""
    window = np.zeros(steps, dtype=np.int64)
    for n, limit in limits:
        on = limit.steps if limit.counts is None else limit.counts[source]
        window[on] = n
    return window
