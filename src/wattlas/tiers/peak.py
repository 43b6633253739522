"""What degrading at the peak takes off the largest hour: an estimate of what a fleet then saves.

Where all demand could run anywhere, the fleet is the largest hour's need P = max L_t. A contract
that may degrade lowers it to the least level P for which

    Σ_{t in w} hours_t · max(0, L_t − P)/Δg  ≤  φ·a·Σ_{t in w} n_t      in every billing window w
    hours_t · (L_t − P)/Δg                   ≤  a·n_t                    in every hour

with n_t the requests of the class, a the share of them that is under the contract and Δg the
accelerator time that a degraded request saves. An estimate where regions cannot stand in for each
other: a design looks for its contract with it, and states what the fleets' own programs say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HALVINGS = 40
"""Of the interval in which the level lies: to 1e-12 of it."""


@dataclass(frozen=True)
class Peaks:
    """The load that a fleet serves and the class that may be degraded, (T,) each: `load` GPU-h/h
    of all demand, `requests` of the class over the `hours` of the step, and the number of the
    billing `window` of each step.
    """

    load: np.ndarray
    requests: np.ndarray
    hours: np.ndarray
    window: np.ndarray

    def lowered(self, freed_gpu_h: float, adopted: float, share: float) -> float:
        """How many accelerators fewer the largest hour needs, where a request that is degraded
        frees so many GPU-h, and the contract has a share of the class and a degradation cap.
        """
        top = float(self.load.max(initial=0.0))
        if freed_gpu_h <= 0 or adopted <= 0 or share <= 0:
            return 0.0
        most = adopted * self.requests * freed_gpu_h
        allowed = share * np.bincount(self.window, most)
        # In every hour all requests under the contract may be degraded, and no more.
        low, high = float((self.load - most / self.hours).max()), top
        for _ in range(HALVINGS):
            level = 0.5 * (low + high)
            over = np.maximum(self.load - level, 0.0) * self.hours
            if (np.bincount(self.window, over) <= allowed).all():
                high = level
            else:
                low = level
        return top - high
