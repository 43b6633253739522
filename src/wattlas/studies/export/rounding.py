"""Shares as whole weights that add up to the same total, and which requests share them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.export.weights import Rule

TOTAL = 1_000_000
"""Weights of a route add up to this: the most that one weight of an HTTPRoute may be."""

Split = tuple[tuple[tuple[str, str], ...], tuple[int, ...]]
"""Places and their weights."""


@dataclass(frozen=True)
class Route:
    """Requests that match a class, and one of some metros, and where which part of them goes.

    `metros` is empty where all of the scenario's (or of the node's) go the same way. `weights` are
    whole, above 0, and add up to `TOTAL`; `places` (region, point) are as many.
    """

    klass: str
    metros: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    weights: tuple[int, ...]


def whole_weights(share: np.ndarray, total: int = TOTAL) -> np.ndarray:
    """Shares (D,) that add up to 1 as whole numbers that add up to the total.

    Each is its share rounded down; what is left over goes to those that lost most by it.
    """
    exact = np.asarray(share, dtype=float) * total
    whole: np.ndarray = np.floor(exact).astype(np.int64)
    most_lost = np.argsort(whole - exact, kind="stable")
    whole[most_lost[: total - int(whole.sum())]] += 1
    return whole


def routes(scenario: Scenario, rules: Iterable[Rule], node: str | None = None) -> list[list[Route]]:
    """The routes of each table: metros of a class that go the same way in all of them are one.

    So every hour has the same routes, and what a request has to say of itself never changes.
    """
    together: dict[tuple[str, tuple[Split, ...]], list[str]] = {}
    for rule in rules:
        key = rule.klass, tuple(_split(rule, share) for share in rule.share)
        together.setdefault(key, []).extend(rule.metros)
    everywhere = set(_metros(scenario, node))
    hours = max((len(splits) for _, splits in together), default=0)
    return [
        [
            Route(klass, () if set(metros) >= everywhere else tuple(sorted(metros)), *splits[hour])
            for (klass, splits), metros in together.items()
        ]
        for hour in range(hours)
    ]


def _split(rule: Rule, share: np.ndarray) -> Split:
    """The places of one table with a weight above 0, and the weights."""
    weight = whole_weights(share)
    on = np.flatnonzero(weight)
    return tuple(rule.places[d] for d in on), tuple(int(weight[d]) for d in on)


def _metros(scenario: Scenario, node: str | None) -> list[str]:
    at = [scenario.nodes[n].id for n in scenario.metro_node]
    return [m.id for m, own in zip(scenario.metros, at, strict=True) if node in (None, own)]


def worst_rounding(rules: Sequence[Rule]) -> float:
    """The greatest difference between a share and its weight, as a part of one."""
    worst = 0.0
    for rule in rules:
        for share in rule.share:
            worst = max(worst, float(np.abs(whole_weights(share) / TOTAL - share).max()))
    return worst
