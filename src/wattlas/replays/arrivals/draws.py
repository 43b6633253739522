"""Random numbers that belong to a request, not to a thread: a hash of seed, row and copy.

The same seed gives the same requests however a trace is cut into batches and whoever draws. The
mixing is SplitMix64 (Steele, Lea & Flood 2014).
"""

from __future__ import annotations

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def uniform(seed: int, row: np.ndarray, copy: np.ndarray | int = 0) -> np.ndarray:
    """A number in [0, 1) for each row and copy, shape of `row`."""
    with np.errstate(over="ignore"):
        start = _mixed(np.uint64(seed % 2**64) + _STEP)
        state = _mixed(start + row.astype(np.uint64) * _STEP)
        state = _mixed(state + (np.asarray(copy).astype(np.uint64) + np.uint64(1)) * _STEP)
    return np.asarray((state >> np.uint64(11)) * 2.0**-53)


def _mixed(state: np.ndarray | np.uint64) -> np.ndarray:
    state = np.asarray(state, dtype=np.uint64)
    state = (state ^ (state >> np.uint64(30))) * _MIX[0]
    state = (state ^ (state >> np.uint64(27))) * _MIX[1]
    return np.asarray(state ^ (state >> np.uint64(31)))
