"""From the flows of an hour's sources to a routing: each member of a source has its shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from wattlas.model.plan import UNSERVED
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.feasibility import degraded_points
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.policy.routing import UNSERVED_REGION, Routing
from wattlas.policy.rules.fallback import Nearest

LEAST_SHARE = 1e-9
"""A share below this is rounding of a solver, and would send no request."""

Entries = tuple[np.ndarray, ...]
"""(metro, class, degraded, region, point, share), parallel."""


@dataclass
class Shares:
    """Makes routings of a scenario from flows of the sources of `instance`.

    What is degraded is so wherever the counts allow it: a rule that degrades looks at no saving.
    """

    scenario: Scenario
    instance: Instance = field(repr=False)

    def routing(self, flows: SourceFlows, issued: np.datetime64) -> Routing:
        """The routing of an hour for one step from `issued` on, `flows` being of that hour alone.

        A demand without a place in full service has the nearest one that is open to it and has
        accelerators, or goes unserved.
        """
        s = self.scenario
        hour = min(int(np.searchsorted(s.hours.utc, issued)), s.hours.count - 1)
        metro, klass, low, region, point, share = self._entries(flows, hour)
        saving = np.full(s.shape[:2], np.nan)
        saving[metro[low], klass[low]] = 0.0
        threshold = np.where(np.isnan(saving).all(axis=0), np.inf, 0.0)
        return Routing(
            metros=self._ids[0], classes=self._ids[1],
            regions=(*self._ids[2], UNSERVED_REGION), points=self._ids[3],
            metro=metro, klass=klass, degraded=low,
            region=np.where(region == UNSERVED, len(s.regions), region), point=point, share=share,
            saving_usd=saving, threshold_usd=threshold, issued_utc=issued,
            hold_s=s.hours.step_h * 3600.0,
        )  # fmt: skip

    def _entries(self, flows: SourceFlows, hour: int) -> Entries:
        """Places of every metro and class: those of its source, repeated for each member."""
        flows = flows.where(flows.value > 0)
        source = flows.source
        low = self._low[source, flows.point] & flows.served
        group = 2 * source + low
        share = flows.value / np.bincount(group, flows.value)[group]
        kept = share > LEAST_SHARE
        order = np.flatnonzero(kept)[np.argsort(group[kept], kind="stable")]
        share = share[order] / np.bincount(group[order], share[order])[group[order]]
        start = np.searchsorted(source[order], np.arange(self.instance.sources + 1))
        pair_source = self._pair_source
        count = np.diff(start)[pair_source]
        row = np.repeat(start[pair_source] - np.cumsum(count) + count, count)
        row += np.arange(len(row))
        pair = np.repeat(self._pair, count)
        at = order[row]
        k = len(self.scenario.classes)
        entries: Entries = (
            pair // k, pair % k, low[at], flows.region[at], flows.point[at], share[row]
        )  # fmt: skip
        has = np.zeros(self.instance.source_of.size, dtype=bool)
        has[pair[~entries[2]]] = True
        return self._with_nearest(entries, np.flatnonzero(~has), hour)

    def _with_nearest(self, entries: Entries, pairs: np.ndarray, hour: int) -> Entries:
        if not len(pairs):
            return entries
        k = len(self.scenario.classes)
        region, point = self._nearest.places(hour)[pairs].T
        more = (
            pairs // k, pairs % k, np.zeros(len(pairs), bool), region, point, np.ones(len(pairs))
        )  # fmt: skip
        return tuple(np.concatenate(both) for both in zip(entries, more, strict=True))

    @cached_property
    def _ids(self) -> tuple[tuple[str, ...], ...]:
        s = self.scenario
        return tuple(
            tuple(each.id for each in named) for named in (s.metros, s.classes, s.regions, s.points)
        )

    @cached_property
    def _nearest(self) -> Nearest:
        return Nearest(self.scenario, self.instance.judged)

    @cached_property
    def _low(self) -> np.ndarray:
        """Whether a source's point counts as degraded under the scenario's contracts, (S, O)."""
        return np.asarray(degraded_points(self.scenario)[self.instance.klass])

    @cached_property
    def _pair(self) -> np.ndarray:
        """Metro · classes + class of every demand that has a source."""
        return np.flatnonzero(self.instance.source_of.ravel() >= 0)

    @cached_property
    def _pair_source(self) -> np.ndarray:
        return np.asarray(self.instance.source_of.ravel()[self._pair])
