"""What serving a class costs and emits where a plan serves it, in full and at each lower point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wattlas.errors import InputError, Problem


@dataclass(frozen=True)
class Service:
    """A class in full service, and the points that a degraded request might get instead.

    `requests` (T,) per step, hours counted. Full service is what the plan makes of it: `full_*`
    are means over its flows, (T,) for money and carbon. `points` (F,) are ids of candidates with
    `accuracy`, mean `latency_ms` and `latest_ms` of any client (F,), and `cost_usd`, `carbon_g`
    (F, T) per request at the places where the plan serves the class. Money includes energy, egress,
    carbon at its price, and accelerators as `accelerators` says.
    """

    klass: str
    latency_budget_ms: float
    requests: np.ndarray
    full_accuracy: float
    full_latency_ms: float
    full_cost_usd: np.ndarray
    full_carbon_g: np.ndarray
    points: tuple[str, ...]
    accuracy: np.ndarray
    latency_ms: np.ndarray
    latest_ms: np.ndarray
    cost_usd: np.ndarray
    carbon_g: np.ndarray
    full_points: tuple[str, ...] = ()
    """Ids of the points that full service uses in the plan."""
    full_kwh: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """Facility energy of a request in full service, kWh in each step, (T,); empty: unknown."""
    gpu_usd_per_h: float = float("nan")
    """What a freed accelerator hour is worth in the mean over those that full service uses."""
    accelerators: str = "as stated"
    """What an accelerator hour is valued at."""
    window: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Number of the billing window of each step, (T,): a degradation cap holds in each. One window
    unless given."""

    def __post_init__(self) -> None:
        steps, count = len(self.requests), len(self.points)
        if not len(self.window):
            object.__setattr__(self, "window", np.zeros(steps, dtype=np.int64))
        shapes = {
            "window": (steps,),
            "full_cost_usd": (steps,),
            "full_carbon_g": (steps,),
            "accuracy": (count,),
            "latency_ms": (count,),
            "latest_ms": (count,),
            "cost_usd": (count, steps),
            "carbon_g": (count, steps),
        }
        problems = []
        for name, shape in shapes.items():
            values = np.asarray(getattr(self, name))
            if values.shape != shape:
                what = f"has the shape {values.shape}, wanted {shape}"
                problems.append(Problem(name, what, "Give one value per point and step."))
            elif not np.isfinite(values).all():
                problems.append(Problem(name, "has values that are no numbers", "Fix them."))
        if not (np.asarray(self.requests) >= 0).all() or not np.sum(self.requests) > 0:
            what = "holds no requests" if steps else "is empty"
            problems.append(Problem("requests", what, "Give requests in at least one step."))
        if problems:
            raise InputError(problems)

    def mean(self, series: np.ndarray) -> np.ndarray:
        """Mean over the requests of a series (…, T)."""
        weighed: np.ndarray = (series * self.requests).sum(axis=-1) / self.requests.sum()
        return weighed

    def latency_factor(self, point: int) -> float:
        """Multiple of the latency budget, >= 1, within which every client of a candidate point is
        served; a little more, so that rounding leaves no one out.
        """
        return max(float(self.latest_ms[point]) / self.latency_budget_ms * (1 + 1e-9), 1.0)
