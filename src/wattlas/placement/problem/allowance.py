"""How many requests may be degraded in each step, where caps over windows are dealt out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Allowance:
    """J rows: `cap` (J,) which of the scenario's caps each is of, `group` (J,) whose requests it
    counts, by the group `of_source` (S,), and `most` (J, T), requests/h."""

    cap: np.ndarray
    group: np.ndarray
    of_source: np.ndarray
    most: np.ndarray

    def rows_of(self, rows: np.ndarray) -> Allowance:
        """The same for some sources."""
        return replace(self, of_source=self.of_source[rows])

    def at(self, steps: np.ndarray) -> Allowance:
        """The same for some steps."""
        return replace(self, most=self.most[:, steps])
