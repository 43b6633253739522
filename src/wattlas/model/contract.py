"""What a contract allows: tiers, and the share of requests that one may degrade.

A request is *degraded* where it runs at an operating point, or as late, as full service would not
allow. A tier says how far that may go and how often. Siris et al. 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wattlas.errors import Problem
from wattlas.model.checks import (
    NOT_NEGATIVE,
    SHARE,
    Bounds,
    known_words,
    numbers,
    rates,
    refuse,
    series,
    texts,
)
from wattlas.model.objective import Window

FACTOR = Bounds(
    low=1.0, fix="The fallback of a tier may be slower than full service, never faster."
)


@dataclass(frozen=True)
class ShareCap:
    """At most `share_max` of the requests of some classes run at some points, over each window.

        Σ_{t in window} Σ_{k in classes, o in points} x  ≤  share_max · Σ_{t in window} Σ_k d

    `classes` and `points` are ids; the points are those that count as degraded.
    """

    id: str
    classes: tuple[str, ...]
    points: tuple[str, ...]
    share_max: float
    window: Window = Window.MONTH
    contract: str = ""
    """Id of the tier that it belongs to; empty where the cap stands by itself."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = f"share_caps.{self.id}."
        yield from texts(self, at, "id")
        yield from texts(self, at, "contract", empty=True)
        yield from series(self, at, "classes", str)
        yield from series(self, at, "points", str)
        yield from numbers(self, at, SHARE, "share_max")
        yield from known_words(self, at, window=Window)


@dataclass(frozen=True)
class CarbonCap:
    """At most so much carbon from all requests together, window by window.

        Σ_{t in window} Σ c·x  ≤  tonnes of the window

    What a design of tiers says that they save is delivered by the placement that offers them: it
    emits at most what full service does, less that. `t_by_window` holds the tonnes of each window
    by its first month or day in UTC, as `2023-07` or `2023-07-14`; one not named has no cap.
    """

    id: str
    t_by_window: Mapping[str, float]
    window: Window = Window.MONTH
    contract: str = ""
    """The tiers that it belongs to; empty where the cap stands by itself."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = f"carbon_caps.{self.id}."
        yield from texts(self, at, "id")
        yield from texts(self, at, "contract", empty=True)
        yield from rates(self, at, "t_by_window", NOT_NEGATIVE)
        yield from known_words(self, at, window=Window)
        if self.window is Window.HOUR:
            yield Problem(f"{at}window", "is an hour", "Choose day, month or all.")


@dataclass(frozen=True)
class Tier:
    """A contract beside full service, for a share of the demand of some classes.

    At most `share_max` of the tier's requests in a window are degraded: at any operating point of
    at least `accuracy_min`, within `latency_factor` times the class's budget. The rest get what
    the class gets. The discount is part of the subscription, never of a single request.
    """

    id: str
    share_max: float
    """φ, 0..1."""
    adoption: float
    """Share of each class's demand that is under this contract, 0..1."""
    accuracy_min: float = 0.0
    """Fallback: least accuracy of a degraded request, 0..1."""
    latency_factor: float = 1.0
    """Fallback: longest latency of a degraded request, times the class's budget; ≥ 1."""
    discount: float = 0.0
    """δ, share of the price, 0..1."""
    classes: tuple[str, ...] | None = None
    """Ids of the classes that it is offered to; None means all."""
    points: tuple[str, ...] | None = None
    """Operating points that a degraded request may use; None means all of that accuracy."""
    window: Window = Window.MONTH
    """The billing window that the share holds over."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = f"tiers.{self.id}."
        yield from texts(self, at, "id")
        yield from numbers(self, at, SHARE, "share_max", "adoption", "accuracy_min", "discount")
        yield from numbers(self, at, FACTOR, "latency_factor")
        yield from series(self, at, "classes", str, optional=True)
        yield from series(self, at, "points", str, optional=True)
        yield from known_words(self, at, window=Window)
        if self.classes is not None and not len(self.classes):
            yield Problem(f"{at}classes", "is empty", "Name a class, or leave it out for all.")
