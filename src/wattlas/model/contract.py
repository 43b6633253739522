"""What is promised to a tenant: tiers, and the share of requests that one may degrade.

A request is *degraded* where it runs at an operating point, or as late, as full service would not
allow. A tier says how far that may go and how often. Siris et al. 2026.
"""

from __future__ import annotations

from dataclasses import dataclass

from wattlas.model.objective import Window


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
    """Floor point: least accuracy of a degraded request, 0..1."""
    latency_factor: float = 1.0
    """Floor point: longest latency of a degraded request, times the class's budget; ≥ 1."""
    discount: float = 0.0
    """δ, share of the price, 0..1."""
    classes: tuple[str, ...] | None = None
    """Ids of the classes that it is offered to; None means all."""
    points: tuple[str, ...] | None = None
    """Operating points that a degraded request may use; None means all above the floor."""
    window: Window = Window.MONTH
    """The billing window that the share holds over."""
