"""Baseline regions that a user states: where each metro's demand runs today."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from wattlas.errors import Problem
from wattlas.model.checks import refuse


@dataclass(frozen=True)
class BaselineRegions:
    """Where demand runs today: what is not stated runs at the nearest feasible region.

    `metros` maps a metro to a region, for every class; `classes` maps a class to the same for it
    alone, and goes before `metros`.
    """

    metros: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse(self._problems())

    def __bool__(self) -> bool:
        return bool(self.metros) or any(self.classes.values())

    def _problems(self) -> Iterator[Problem]:
        yield from _names("baseline.metros", self.metros)
        classes: object = self.classes
        if not isinstance(classes, Mapping):
            yield Problem("baseline.classes", "is not a mapping", "Give `class: {metro: region}`.")
            return
        for klass, stated in classes.items():
            yield from _names(f"baseline.classes.{klass}", stated)

    def stated(self, metro: str, klass: str) -> tuple[str, str]:
        """(The region stated for a metro's demand of a class, where it says so); empty if none."""
        of_class = self.classes.get(klass, {})
        if metro in of_class:
            return of_class[metro], f"baseline.classes.{klass}.{metro}"
        return self.metros.get(metro, ""), f"baseline.metros.{metro}"


def _names(where: str, stated: object) -> Iterator[Problem]:
    """What is no mapping of words to words."""
    if not isinstance(stated, Mapping):
        yield Problem(where, "is not a mapping", "Give `metro: region`.")
        return
    for metro, region in stated.items():
        if not (isinstance(metro, str) and isinstance(region, str) and region):
            yield Problem(f"{where}.{metro}", f"is {region!r}", "Give the id of a region.")
