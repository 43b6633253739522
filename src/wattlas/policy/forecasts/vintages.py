"""Measured series as they became known: late, and revised later.

A series that is revised holds today what nobody knew when a forecast was issued. Of each hour that
has vintages a forecaster sees the last one that was published by then, and nothing before the
first; an hour that has none is taken as the history holds it, once it is over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.policy.forecasts.features import PreparedHistory
from wattlas.policy.forecasts.history import HOURS_PER_DAY, History
from wattlas.policy.forecasts.lookup import Lookup
from wattlas.policy.forecasts.models import Forecaster, last_known, prepared_for

REMEMBERED_H = 45 * HOURS_PER_DAY
"""Hours that a forecast looks back at: its longest mean and its usual change."""
PUBLISHED_H = 2 * HOURS_PER_DAY
"""Hours after its target that a forecast looks at, as far as they are published."""


@dataclass(frozen=True)
class AsKnown:
    """Forecasts as `model` does, from what was known when each was issued, by the `vintages` of
    the series. A clue is looked at where it is published ahead, and is not revised then.
    """

    model: Forecaster
    vintages: Lookup

    @property
    def name(self) -> str:
        """That of the model."""
        return self.model.name

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """As of the model; each hour of issue has a history of its own. Where it says nothing, the
        last value that was known, which is what policies are told."""
        made = []
        for hour in issued:
            seen, at = self.seen(prepared.history, int(hour), ahead_h)
            ready = prepared_for(self.model, seen)
            told = self.model.quantiles(ready, np.array([at]), ahead_h)[:, 0]
            last = last_known(seen.value, np.array([at]))
            made.append(np.where(np.isfinite(told), told, last))
        return np.stack(made, axis=1)

    def seen(self, history: History, issued: int, ahead_h: int) -> tuple[History, int]:
        """The hours that a forecast looks at, as they were known at an hour of issue, and which of
        them that is; with what is published of later ones, `ahead_h` and more.
        """
        low = max(issued + 1 - REMEMBERED_H, 0)
        part = history.between(low, issued + 1 + ahead_h + PUBLISHED_H)
        return known_at(self.vintages, part, issued - low), issued - low


def known_at(vintages: Lookup, history: History, issued: int) -> History:
    """A history with what was known of its hours up to one of them, at the end of that."""
    past = np.arange(min(issued + 1, history.hours))
    last = vintages.at(history, np.full(len(past), issued), past - issued)
    value = history.value.copy()
    value[:, past] = np.where(vintages.has(history, past), last, value[:, past])
    return replace(history, value=value)
