"""What policies and classes are called where a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.model.table import Listing
    from wattlas.model.workload import WorkloadClass

POLICY_LABELS = {
    "optimum": "optimum",
    "carbon_optimum": "least carbon",
    "nearest": "nearest region",
    "nearest_available": "nearest region with capacity",
    "uniform": "equal shares",
    "best_region_cost": "one region, cheapest",
    "best_region_carbon": "one region, cleanest",
    "greedy_cost": "greedy by cost",
    "greedy_carbon": "greedy by carbon",
    "static_cost": "one fixed table of shares, by cost",
    "static_carbon": "one fixed table of shares, by carbon",
    "hourly_table_cost": "a table per hour of the day, by cost",
    "hourly_table_carbon": "a table per hour of the day, by carbon",
}


def class_label(names: Mapping[str, str], klass: str) -> str:
    """A class by its name with its id: `interactive (A)`; by its id where it has no other name."""
    name = names.get(klass, "")
    return f"{name} ({klass})" if name and name != klass else klass


def label_of(klass: WorkloadClass) -> str:
    """A class by its name with its id, as `class_label`."""
    return class_label({klass.id: klass.name}, klass.id)


def class_names(scenario: Scenario) -> dict[str, str]:
    """Id of each class of a scenario → its name."""
    return {klass.id: klass.name for klass in scenario.classes}


def named(listing: Listing, names: Mapping[str, str]) -> Listing:
    """The listing with the classes of its column `class` by their names."""
    classes = listing.table.get("class")
    if classes is None:
        return listing
    labels = [class_label(names, str(klass)) for klass in classes]
    return replace(listing, table={**listing.table, "class": labels})
