"""Forecasts that somebody issued at the time, and that were kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wattlas.model.issued import Issued
from wattlas.policy.forecasts.features import PreparedHistory
from wattlas.policy.forecasts.lookup import Lookup
from wattlas.policy.forecasts.models import Persistence


@dataclass(frozen=True)
class Archived:
    """Of every hour ahead the last forecast that was issued by then; where the archive has none,
    the same hour of the last day that is known.
    """

    issued: Issued
    name: str = "archived"

    def quantiles(self, prepared: PreparedHistory, issued: np.ndarray, ahead_h: int) -> np.ndarray:
        """One value, without a spread."""
        forecast = self.lookup.at(prepared.history, issued, ahead_h)
        plain = Persistence().quantiles(prepared, issued, ahead_h)
        return np.where(np.isfinite(forecast)[..., None], forecast[..., None], plain)

    @cached_property
    def lookup(self) -> Lookup:
        """The archive by zone and hour."""
        return Lookup(self.issued)
