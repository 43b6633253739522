"""What was issued of an hour by a moment: forecasts, and measurements as they became known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.model.issued import Issued
from wattlas.policy.forecasts.history import History

_HOUR_S = 3600
_LONG_S = 1 << 34
"""Longer than any time since 1970."""


@dataclass(frozen=True)
class Lookup:
    """Finds, of every hour, what was issued last by a moment."""

    issued: Issued

    def at(self, history: History, issued: np.ndarray, ahead_h: int | np.ndarray) -> np.ndarray:
        """Of the hours `ahead_h` after each hour of issue (n,), (series, n); nan where nothing was
        issued by then.

        A forecast of this program is issued as its hour of issue ends: what was published in that
        hour is known.
        """
        start_s = _start_s(history)
        now_s = start_s + (issued + 1) * _HOUR_S
        target_s = start_s + (issued + ahead_h) * _HOUR_S
        out = np.full((len(history.ids), len(issued)), np.nan)
        for n, zone in enumerate(history.ids):
            if zone in self._by_zone:
                out[n] = self._by_zone[zone].latest(target_s, now_s)
        return out

    def has(self, history: History, hour: np.ndarray) -> np.ndarray:
        """Whether anything was issued of some hours (n,), ever, (series, n)."""
        start_s = _start_s(history)
        out = np.zeros((len(history.ids), len(hour)), dtype=bool)
        for n, zone in enumerate(history.ids):
            if zone in self._by_zone:
                out[n] = np.isin(start_s + hour * _HOUR_S, self._by_zone[zone].hours_s)
        return out

    @cached_property
    def _by_zone(self) -> dict[str, _Zone]:
        """Each zone's values in order, made once: every horizon is looked up in them."""
        issued, by_zone = self.issued, {}
        for n, zone in enumerate(issued.zones):
            mine = issued.zone == n
            if mine.any():
                parts = (issued.time_s[mine], issued.issued_s[mine], issued.value[mine])
                by_zone[zone] = _Zone.of(*parts)
        return by_zone


def _start_s(history: History) -> int:
    """Its first hour, s since 1970."""
    return int(history.start_utc.astype("datetime64[s]").astype(np.int64))


@dataclass(frozen=True)
class _Zone:
    """Forecasts of a zone by hour, and in each hour by moment of issue: one search finds both."""

    hours_s: np.ndarray
    key: np.ndarray
    time_s: np.ndarray
    value: np.ndarray

    @staticmethod
    def of(time_s: np.ndarray, issued_s: np.ndarray, value: np.ndarray) -> _Zone:
        """In order, from any."""
        hours_s, which = np.unique(time_s, return_inverse=True)
        order = np.lexsort((issued_s, which))
        key = which[order] * _LONG_S + issued_s[order]
        return _Zone(hours_s, key, time_s[order], value[order])

    def latest(self, target_s: np.ndarray, now_s: np.ndarray) -> np.ndarray:
        """The last value for each hour (n,) that was issued by a moment (n,), nan without one."""
        hour = np.minimum(np.searchsorted(self.hours_s, target_s), len(self.hours_s) - 1)
        place = np.searchsorted(self.key, hour * _LONG_S + now_s, side="right") - 1
        hit = (place >= 0) & (self.time_s[place] == target_s)
        return np.where(hit, self.value[place], np.nan)
