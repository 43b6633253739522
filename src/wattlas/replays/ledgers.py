"""The degradation caps of a scenario as rows of counts: one for each cap and billing window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import refuse
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.limit import windows
from wattlas.policy.cap import share_of


@dataclass(frozen=True)
class Ledgers:
    """The caps of a scenario by window: `at` (K, T) is the row of a class in a step, −1 for none;
    `share` (L, 2) the cap as p/q; `cap` (L,) which cap, `begin` (L,) when its window begins, UTC.
    """

    at: np.ndarray
    share: np.ndarray
    cap: np.ndarray
    begin: np.ndarray

    @staticmethod
    def of(scenario: Scenario) -> Ledgers:
        """Raises InputError for a class under two caps: which would a request count in?"""
        _, k, _, _, t = scenario.shape
        at = np.full((k, t), -1, dtype=np.int64)
        rows: list[tuple[int, int, int, int]] = []
        problems = []
        for c, cap in enumerate(scenario.share_caps):
            classes = [n for n, klass in enumerate(scenario.classes) if klass.id in cap.classes]
            taken = [scenario.classes[n].id for n in classes if (at[n] >= 0).any()]
            for name in taken:
                what = f"bounds class {name}, which another cap bounds, too"
                fix = "Give a class one degradation cap to replay it."
                problems.append(Problem(f"share_caps.{cap.id}", what, fix))
            share = share_of(cap.share_max)
            for steps in windows(scenario.hours, cap.window):
                at[np.ix_(np.array(classes, dtype=np.int64), steps)] = len(rows)
                rows.append((share.numerator, share.denominator, c, int(steps[0])))
        refuse(problems)
        columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
        return Ledgers(at, columns[:, :2].copy(), columns[:, 2], scenario.hours.utc[columns[:, 3]])
