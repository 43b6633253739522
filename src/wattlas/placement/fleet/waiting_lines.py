"""What the master of fleets whose requests may wait is told: rows, and prices of needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.placement.fleet.needs import Needs


@dataclass(frozen=True)
class Lines:
    """Rows  own·θ_t − λ·z_t − μ·K − ν·b_t ≥ constant: `hour` (n,), −1 for those of no hour, whether
    they are of what an hour costs, `own` (n,), `why` (n,), the number of the question or of the
    prices that they come from, `wait` (n, N) is λ, `gpu` (n, R) is μ, `cap` (n, J) is ν."""

    hour: np.ndarray
    own: np.ndarray
    why: np.ndarray
    constant: np.ndarray
    wait: np.ndarray
    gpu: np.ndarray
    cap: np.ndarray

    @staticmethod
    def together(parts: list[Lines]) -> Lines:
        names = ("hour", "own", "why", "constant", "wait", "gpu", "cap")
        return Lines(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Priced:
    """Prices (R + J',) of accelerators, and of what sites take of several kinds, and `degraded`
    (J,) of requests that may be, what a request of each source needs at them, (S,), and the hours
    of the stretch that needs most, [`first`, `after`)."""

    needs: Needs
    price: np.ndarray
    degraded: np.ndarray
    use: np.ndarray
    first: int
    after: int

    def room(self, gpu: np.ndarray) -> float:
        """What a fleet (R,) has at the prices."""
        return self.needs.stock.value(self.price, gpu)
