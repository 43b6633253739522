"""What is asked of a fleet whose requests may wait or are under caps of tiers, in arrays.

The sources are apart by window of arrival where a cap counts them so; the limits are those over
windows. It is the model alone: how the fleet is found is elsewhere, and its check asks this, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.placement.constraints.registry import coupling
from wattlas.placement.constraints.waiting import without_waiting
from wattlas.placement.fleet.terms import FleetTerms, terms_of
from wattlas.placement.problem.arrivals import Arrivals, left_by_waiting
from wattlas.placement.problem.instance import Instance, with_state_copies
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.queue import Queue
from wattlas.placement.problem.unit_values import Measure
from wattlas.placement.window.limits import limits_of


def caps_couple(scenario: Scenario) -> bool:
    """Whether share caps of tiers tie the hours of a scenario, and nothing else does but waiting:
    caps over more than an hour, or over one that their requests may leave."""
    plain = replace(without_waiting(scenario), objective=Objective())
    left = any(left_by_waiting(scenario, cap) for cap in scenario.share_caps)
    tied = left or coupling(plain) is not None
    return tied and coupling(replace(plain, share_caps=())) is None


@dataclass(frozen=True)
class FleetStatement:
    """The question of a scenario: `terms` if nothing waited; `whole`, its instance with the classes
    that may; and its sources apart by window of arrival."""

    scenario: Scenario
    terms: FleetTerms
    whole: Instance
    arrivals: Arrivals

    @staticmethod
    def of(scenario: Scenario) -> FleetStatement:
        """That of a scenario. Raises what `terms_of` raises."""
        still, capped = without_waiting(scenario), caps_couple(scenario)

        def build(stated: Scenario) -> Instance:
            return with_state_copies(replace(stated, share_caps=scenario.share_caps))

        def most_asked(instance: Instance) -> np.ndarray:
            patient = replace(instance.scenario, classes=scenario.classes)
            return Queue.of(replace(instance, scenario=patient)).most_asked(instance)

        plain = replace(still, share_caps=()) if capped else still
        terms = terms_of(plain, build if capped else with_state_copies, most_asked)
        patient = replace(terms.instance.scenario, classes=scenario.classes)
        whole = replace(terms.instance, scenario=patient, by_arrival=capped and scenario.waits)
        return FleetStatement(scenario, terms, whole, Arrivals.of(whole))

    @property
    def instance(self) -> Instance:
        """The sources apart."""
        return self.arrivals.instance

    @property
    def measure(self) -> Measure:
        """What its hours cost, of the sources apart."""
        return self.terms.measure.of_sources(self.arrivals.origin)

    def limits(self) -> list[Limit]:
        """The caps over windows, of the sources apart."""
        return self.arrivals.limits(limits_of(self.whole))
