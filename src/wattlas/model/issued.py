"""Forecasts as somebody issued them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Issued:
    """Forecasts of one signal, parallel arrays (n,): `issued_s` and `time_s` since 1970, `zone` a
    place in `zones`, `value` in the signal's unit.
    """

    zones: tuple[str, ...]
    issued_s: np.ndarray
    time_s: np.ndarray
    zone: np.ndarray
    value: np.ndarray
