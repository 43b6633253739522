"""Forecasts that somebody issued at the time, and that were kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.issued import Issued
from wattlas.policy.forecasts.features import Prepared
from wattlas.policy.forecasts.models import Persistence

_HOUR_S = 3600
_LONG_S = 1 << 34
"""Longer than any time since 1970."""


@dataclass(frozen=True)
class Archived:
    """Of every hour ahead the last forecast that was issued by then; where the archive has none,
    the same hour of the last day that is known.
    """

    issued: Issued
    name: str = "archived"

    def quantiles(self, prepared: Prepared, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """One value, without a spread."""
        found = self.found(prepared, issued, ahead_h)
        plain = Persistence().quantiles(prepared, issued, ahead_h)
        return np.where(np.isfinite(found)[..., None], found[..., None], plain)

    def found(self, prepared: Prepared, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """What the archive says, (series, n), nan where it says nothing.

        A forecast of this program is issued as its hour of issue ends: what was published in that
        hour is known.
        """
        history = prepared.history
        start_s = int(history.start_utc.astype("datetime64[s]").astype(np.int64))
        now_s = start_s + (issued + 1) * _HOUR_S
        target_s = start_s + (issued + ahead_h) * _HOUR_S
        out = np.full((len(history.ids), len(issued)), np.nan)
        for n, zone in enumerate(history.ids):
            if zone in self.issued.zones:
                out[n] = self._latest(self.issued.zones.index(zone), target_s, now_s)
        return out

    def _latest(self, zone: int, target_s: np.ndarray, now_s: np.ndarray) -> np.ndarray:
        """The last value for each hour (n,) that was issued by a moment (n,)."""
        mine = self.issued.zone == zone
        time_s, issued_s, value = (
            column[mine] for column in (self.issued.time_s, self.issued.issued_s, self.issued.value)
        )
        if not len(time_s):
            return np.full(len(now_s), np.nan)
        hours, which = np.unique(time_s, return_inverse=True)
        order = np.lexsort((issued_s, which))
        # Hours in order, and in each the moments of issue: one search finds both.
        key = which[order] * _LONG_S + issued_s[order]
        hour = np.minimum(np.searchsorted(hours, target_s), len(hours) - 1)
        place = np.searchsorted(key, hour * _LONG_S + now_s, side="right") - 1
        hit = (place >= 0) & (time_s[order][place] == target_s)
        return np.where(hit, value[order][place], np.nan)
