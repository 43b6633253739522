"""What patience is worth to a fleet: the fleet of least cost for each of several waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wattlas.model.fleet import Fleet
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.waiting import by_patience
from wattlas.placement.fleet.fleet import fleet


@dataclass(frozen=True)
class Patience:
    """The fleet where requests of `klass` (empty: of every class that may) wait up to `wait_h`."""

    klass: str
    wait_h: float
    fleet: Fleet


def patience(
    scenario: Scenario,
    klass: str,
    waits_h: Sequence[float],
    *,
    known: Fleet | None = None,
    progress: Callable[[float], None] = lambda _: None,
    **options: Any,
) -> tuple[Patience, ...]:
    """The fleet for each wait, the shortest first; `options` are those of `fleet`, `known` is what
    it says of the scenario as it is.

    Raises UsageError for a class that there is not, InputError for waits that make no sense.
    """
    waits, fleets = sorted(set(waits_h)), []
    for n, (wait_h, patient) in enumerate(by_patience(scenario, klass, waits)):
        progress(n / len(waits))
        as_it_is = known if patient.classes == scenario.classes else None
        sized = fleet(patient, **options) if as_it_is is None else as_it_is
        fleets.append(Patience(klass, wait_h, sized))
    progress(1.0)
    return tuple(fleets)
