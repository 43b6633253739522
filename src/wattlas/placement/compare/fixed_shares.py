"""Fixed tables of shares: the best that a router can do which never looks at the clock, or only
at the hour of the day.

A table gives each source (the demands of a class at a service node that the same places are open
to) its shares of places, the same in every hour, or in every hour that begins at the same UTC hour
of the day. It obeys every row of the registry in every hour, and every limit over a window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wattlas.model.plan import UNSERVED, SolveInfo
from wattlas.placement.compare.rules import by_rule
from wattlas.placement.compare.share_program import ShareProgram, ShareTable
from wattlas.placement.hour import highs
from wattlas.placement.hour.protocol import Solution
from wattlas.placement.hour.prune import pruned
from wattlas.placement.problem.flows import SourceFlows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.limits import limits_of

HOURS_PER_DAY = 24
SHARE = 1e-12
"""A share below this is rounding."""
GroupOf = Callable[[Instance], np.ndarray]
"""Which table an hour uses: a number for each step, (T,)."""


def always(instance: Instance) -> np.ndarray:
    """One table for all hours."""
    return np.zeros(instance.demand.shape[1], dtype=np.int64)


def by_utc_hour(instance: Instance) -> np.ndarray:
    """One table per UTC hour of the day, 0..23, in which a step begins."""
    utc = instance.scenario.hours.utc
    hour = (utc - utc.astype("datetime64[D]")).astype("timedelta64[h]").astype(np.int64)
    return np.asarray(hour % HOURS_PER_DAY)


@dataclass(frozen=True)
class FixedShares:
    """Tables of shares: `share` (24 or 1, C) of the columns of `instance`; `reason` in words where
    no table keeps every row.
    """

    instance: Instance
    share: np.ndarray
    group_of: GroupOf
    info: SolveInfo
    reason: str = ""

    def place(self, part: Instance) -> Solution:
        """The demand of a stretch of hours by the tables; what has no column goes unserved."""
        columns, table = self.instance.columns, self.share[self.group_of(part)]
        used = np.flatnonzero((table > SHARE).any(axis=0))
        at = part.source_in(self.instance)
        source, n = np.nonzero(at[:, None] == columns.source[used])
        nowhere = np.flatnonzero(~np.isin(at, columns.source))
        source = np.append(source, nowhere)
        region = np.append(columns.region[used[n]], np.full(len(nowhere), UNSERVED))
        point = np.append(columns.point[used[n]], np.zeros_like(nowhere))
        share = np.append(table[:, used[n]], np.ones((len(table), len(nowhere))), axis=1)
        rate = np.where(share > SHARE, share * part.demand[source].T, 0.0)
        hour, pair = np.nonzero(rate)
        flows = SourceFlows(hour, source[pair], region[pair], point[pair], rate[hour, pair])
        return by_rule(part, flows)


def fixed_shares(
    instance: Instance, measure_of: Callable[[Instance], Measure], group_of: GroupOf
) -> FixedShares:
    """The tables that make a measure least over all hours.

    Hours with different tables fall apart unless a limit over a window ties them.
    """
    limits = limits_of(instance)
    measures = (measure_of(instance), *(limit.measure for limit in limits))
    instance = pruned(instance, measures, np.arange(instance.demand.shape[1]))
    group = group_of(instance)
    share = np.zeros((int(group.max(initial=0)) + 1, len(instance.columns)))
    used = np.unique(group)
    together = [used] if limits else [used[n : n + 1] for n in range(len(used))]
    tables: list[ShareTable] = []
    for groups in together:
        at = np.searchsorted(groups, group)
        own = np.isin(group, groups)
        program = ShareProgram(instance, measures[0], limits, np.where(own, at, -1))
        tables.append(program.solve())
        share[groups] = tables[-1].share
    objective, bound = (sum(getattr(table, n) for table in tables) for n in ("objective", "bound"))
    info = SolveInfo(
        solver=highs.version(),
        programs=sum(table.rounds for table in tables),
        rows=sum(table.rows for table in tables),
        columns=len(instance.columns) * len(used),
        gap=max(objective - bound, 0.0) / abs(objective) if 0 < abs(bound) < np.inf else 0.0,
    )
    reason = next((table.reason for table in tables if table.reason), "")
    return FixedShares(instance, share, group_of, info, reason)
