"""Promises on how much may be degraded, as measures and as rows.

A promise over a window is a cap on the measure Σ ([degraded] − φ)·x ≤ 0; demand that goes unserved
counts as not degraded. Over single steps it is a row of each hour's program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.contract import ShareCap
from wattlas.model.objective import Window
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure


@dataclass(frozen=True)
class Promise:
    """One share cap on the sources: `of` (S,) whose requests count, `degraded` (S, O)."""

    cap: ShareCap
    of: np.ndarray
    degraded: np.ndarray


def promises(instance: Instance, *, hourly: bool) -> list[Promise]:
    """The caps over single steps (`hourly`), or those over longer windows."""
    classes = [k.id for k in instance.scenario.classes]
    points = [o.id for o in instance.scenario.points]
    found = []
    for cap in instance.scenario.share_caps:
        if (cap.window is Window.HOUR) == hourly:
            of = np.isin(classes, cap.classes)[instance.klass]
            found.append(Promise(cap, of, of[:, None] & np.isin(points, cap.points)[None, :]))
    return found


def excess(instance: Instance, promise: Promise) -> Measure:
    """Requests degraded beyond the promised share: [degraded] − φ for each request that counts."""
    per_point = promise.degraded - promise.cap.share_max * promise.of[:, None]
    per_request = np.broadcast_to(per_point[:, None, :], instance.allowed.shape).copy()
    return Measure(
        "requests",
        np.zeros_like(instance.scenario.price_usd_per_mwh, dtype=float),
        per_request,
        0.0 * instance.unserved_usd - promise.cap.share_max * promise.of,
    )


def demanded(instance: Instance, promise: Promise) -> np.ndarray:
    """Requests that count in each step, hours included, shape (T,)."""
    total: np.ndarray = instance.demand[promise.of].sum(axis=0) * instance.hours
    return total


def couplings(instance: Instance) -> int:
    """Coupling rows of one hour: mean accuracies, then promises over single steps."""
    floors = int((~np.isnan(instance.mean_accuracy_min)).sum())
    return floors + len(promises(instance, hourly=True))
