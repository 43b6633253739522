"""Switching costs: starting capacity, moving state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wattlas.errors import Problem
from wattlas.model.checks import NOT_NEGATIVE, flags, known_words, numbers, rates, refuse


class Initial(StrEnum):
    """What is running in the step before the first (and before each gap of a sample)."""

    BASELINE = "baseline"
    """Each demand in its baseline region, as in the first step: the first move is paid for."""
    COLD = "cold"
    """Nothing: the first step pays for everything it starts."""
    FREE = "free"
    """Whatever the first step chooses."""


@dataclass(frozen=True)
class Frictions:
    """Costs that couple neighbouring hours. Without them the hours are solved apart.

    Starting capacity for model m in region r costs
    F[m,r] = `start_usd_per_gpu_h` + `start_kwh_per_gpu_h` · PUE · (price + carbon at its price),
    per GPU-h/h started; the weights carried over the egress price come on top where `carry_weights`
    is set, once for each copy of the model.
    """

    start_usd_per_gpu_h: float = 0.0
    start_usd_by_region: Mapping[str, float] = field(default_factory=dict)
    """Overrides `start_usd_per_gpu_h` for a region."""
    start_kwh_per_gpu_h: float = 0.0
    """Warm-up energy per GPU-h/h started, IT kWh."""
    carry_weights: bool = False
    """Charge the model's bytes over the egress price for each copy started."""
    move_state: bool = False
    """Charge sticky classes for the session state that moves."""
    initial: Initial = Initial.BASELINE

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "frictions."
        yield from numbers(self, at, NOT_NEGATIVE, "start_usd_per_gpu_h", "start_kwh_per_gpu_h")
        yield from rates(self, at, "start_usd_by_region", NOT_NEGATIVE)
        yield from flags(self, at, "carry_weights", "move_state")
        yield from known_words(self, at, initial=Initial)

    @property
    def starts(self) -> bool:
        """Whether starting capacity costs anything."""
        return bool(
            self.start_usd_per_gpu_h
            or self.start_kwh_per_gpu_h
            or self.carry_weights
            or any(self.start_usd_by_region.values())
        )

    @property
    def couples(self) -> bool:
        """Whether any switching cost links one hour to the next."""
        return self.starts or self.move_state
