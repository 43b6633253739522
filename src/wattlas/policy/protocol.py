"""One policy, two clocks: what a policy sees, and what it answers.

    route(observed, forecast, state) -> (Routing, state)

is pure: the same recorded inputs give the same routing in replay and in operation. `State` is what
a policy remembers (multipliers, what runs where); it is kept with the routing's epoch, and must
survive being written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from wattlas.policy.cap import Counts
from wattlas.policy.routing import Routing

State = Mapping[str, Any]


@dataclass(frozen=True)
class Observed:
    """What is known at a moment, and how old it is.

    `price_usd_per_mwh`, `carbon_g_per_kwh` and their ages `signal_age_s` are (regions,); nan is
    unknown. `demand_per_h` (metros, classes) is the rate since the last routing, `load_gpu`
    (regions,) the accelerators that are busy, `capacity_gpu` (regions,) those that may be used.
    `counts` are those of each contract's running window, by the id of its share cap.
    """

    utc: np.datetime64
    price_usd_per_mwh: np.ndarray
    carbon_g_per_kwh: np.ndarray
    signal_age_s: np.ndarray
    demand_per_h: np.ndarray
    load_gpu: np.ndarray
    capacity_gpu: np.ndarray
    counts: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True)
class Forecast:
    """What was expected at `issued_utc` of the steps that begin at `utc` (H,), each `step_h` long.

    `price_usd_per_mwh` and `carbon_g_per_kwh` are (regions, H), `demand_per_h` (metros, classes,
    H). `published` (regions, H) says where the price was known already, as day-ahead prices
    are from noon on.
    """

    issued_utc: np.datetime64
    utc: np.ndarray
    step_h: float
    price_usd_per_mwh: np.ndarray
    carbon_g_per_kwh: np.ndarray
    demand_per_h: np.ndarray
    published: np.ndarray


class Policy(Protocol):
    """Decides where requests go, from what is known now and expected next."""

    @property
    def name(self) -> str:
        """What results call it."""
        ...

    def route(self, observed: Observed, forecast: Forecast, state: State) -> tuple[Routing, State]:
        """The routing until the next one is asked for, and what to remember until then."""
        ...
