"""How requests are served in a replay: service models, queues, starting replicas, jitter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import NOT_NEGATIVE, flags, numbers, refuse
from wattlas.model.scenario import Scenario
from wattlas.replays.arrivals.draws import uniform
from wattlas.replays.service.model import ServiceModel

P95 = 1.6448536269514722
"""The standard normal's 95th percentile."""
JITTER = 1 << 40
"""Keeps these draws apart from those of metros, which are hashed from seed and row, too."""
MOST_RTT_P95 = 20.0


@dataclass(frozen=True)
class Serving:
    """How requests are served; the defaults are what flatters a policy most, and results say so.

    `models` are calibrated service models by operating point; others follow from the points'
    figures. `pooled`: one queue for all replicas of a pool. A replica that is switched on serves
    nothing for `start_s`; requests go to one that starts only where no other one is on. `rtt_p95`
    is the 95th percentile of a round trip over its median, which the scenario states: round trips
    are lognormal, each request drawing its own from `seed`. At 1 they have no jitter.
    """

    models: Mapping[str, ServiceModel] = field(default_factory=dict)
    pooled: bool = False
    start_s: float = 0.0
    rtt_p95: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        yield from numbers(self, "serving.", NOT_NEGATIVE, "start_s")
        yield from flags(self, "serving.", "pooled")
        ratio = self.rtt_p95
        if not isinstance(ratio, int | float) or not 1.0 <= ratio <= MOST_RTT_P95:
            what = f"is {ratio!r}, wanted 1..{MOST_RTT_P95:g}: the 95th percentile over the median"
            yield Problem("serving.rtt_p95", what, "Give 1 for round trips without jitter.")

    def check(self, scenario: Scenario) -> None:
        """Raise InputError for models of points that the scenario has not."""
        ids = [point.id for point in scenario.points]
        refuse(
            Problem(f"services.{name}", "is no operating point of the scenario", "Check the id.")
            for name in self.models
            if name not in ids
        )

    def longer(self, row: np.ndarray) -> np.ndarray:
        """What each request's round trip is over its median, (n,); empty where there is no jitter.

        exp(σ·z), z standard normal, σ = ln(p95 / median) / 1.645.
        """
        if self.rtt_p95 == 1.0:
            return np.zeros(0)
        from scipy.special import ndtri

        draw = np.maximum(uniform(self.seed, row, JITTER), 2.0**-54)
        return np.asarray(np.exp(math.log(self.rtt_p95) / P95 * ndtri(draw)))

    @property
    def words(self) -> Iterator[str]:
        """What a reader of results should know, in sentences."""
        if not self.models:
            yield (
                "Service times follow from the operating points' figures; calibrate them on a log "
                "of the server with `wattlas replay calibrate`"
            )
        if self.start_s > 0:
            yield f"Replicas that are switched on serve nothing for {self.start_s:g} s"
        if self.rtt_p95 > 1:
            yield f"The 95th percentile of a round trip is {self.rtt_p95:g} times its median"
