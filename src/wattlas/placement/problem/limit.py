"""A limit over a window of hours on what is added up over a placement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.objective import Window
from wattlas.model.signals import Hours
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure

EXACT = 1e-12
"""Relative excess over a limit that is rounding."""
_UNIT = {Window.DAY: "datetime64[D]", Window.MONTH: "datetime64[M]"}


@dataclass(frozen=True)
class Limit:
    """Σ over the window's steps of hours · measure ≤ bound; `steps` are indices into the hours.

    `constraint` is the name of the constraint in the registry that it is of, `id` its own. Where
    it is on a share of requests, `share_max` is that share and `counted` what counts, (T,), hours
    included: the measure is then the excess over the share, and the bound 0.

    A request counts in the step in which it runs or, with `by_arrival`, in that of its arrival.
    `counts` (S, T) says which count by where they are and when they run, in place of `steps`: those
    of sources that are apart by window of arrival (`problem.arrivals`).
    """

    constraint: str
    id: str
    measure: Measure
    bound: float
    steps: np.ndarray
    share_max: float = float("nan")
    counted: np.ndarray | None = None
    by_arrival: bool = False
    counts: np.ndarray | None = None

    @property
    def on_share(self) -> bool:
        """Whether it is on a share of requests."""
        return self.counted is not None

    @property
    def total(self) -> float:
        """Requests that count in the window; nan where the limit is on no share."""
        return float("nan") if self.counted is None else float(self.counted[self.steps].sum())

    def of_sources(self, rows: np.ndarray) -> Limit:
        """The same for some sources of the instance."""
        return replace(self, measure=self.measure.of_sources(rows))

    def used(self, instance: Instance, flows: SourceFlows, came: np.ndarray | None = None) -> float:
        """What flows come to, hours counted. `came` (F,) are the steps in whose window the requests
        of each flow arrived, where that is another than the one in which they run."""
        if self.counts is not None:
            own = self.counts[flows.source, flows.hour]
        elif self.by_arrival and came is not None:
            own = np.isin(came, self.steps)
        else:
            return float(self.measure.by_hour(instance, flows)[self.steps].sum())
        part = flows.where(own)
        unit = self.measure.units(instance, *part[:4])
        return float((unit * part.value) @ instance.hours[part.hour])


def at_every_step(limits: Sequence[Limit]) -> list[Limit]:
    """The limits, each on a share of requests kept from the beginning of its window to the end of
    every step in it, so that nothing is degraded in advance.

        Σ_{h ≤ t} hours · ([degraded] − φ)·x ≤ 0    for every step t of the window
    """
    return [
        replace(limit, steps=limit.steps[: n + 1])
        for limit in limits
        for n in range(0 if limit.on_share else len(limit.steps) - 1, len(limit.steps))
    ]


def within(used: float, limit: float) -> bool:
    """Whether a limit is kept, rounding aside."""
    return used <= limit + EXACT * max(abs(limit), abs(used))


def window_of(utc: np.ndarray, window: Window) -> np.ndarray:
    """The month or day that each time lies in, shape of `utc`; 0 for all of them."""
    if window is Window.ALL:
        return np.zeros(len(utc), dtype="datetime64[M]")
    return utc.astype(_UNIT[window])


def windows(hours: Hours, window: Window) -> list[np.ndarray]:
    """Steps of each window, in order."""
    if window is Window.HOUR:
        return list(np.arange(hours.count)[:, None])
    label = window_of(hours.utc, window)
    return [np.flatnonzero(label == stamp) for stamp in np.unique(label)]


def together(limits: Sequence[Limit]) -> list[list[int]]:
    """Indices of limits that share steps, directly or through others, in groups."""
    groups: list[tuple[set[int], list[int]]] = []
    for n, limit in enumerate(limits):
        steps, members = set(limit.steps.tolist()), [n]
        apart = []
        for group in groups:
            if steps.isdisjoint(group[0]):
                apart.append(group)
            else:
                steps |= group[0]
                members = group[1] + members
        groups = [*apart, (steps, members)]
    return [sorted(members) for _, members in sorted(groups, key=lambda g: min(g[0], default=0))]
