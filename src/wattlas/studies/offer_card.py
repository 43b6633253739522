"""What stands on the card of an offer: money three ways, quality, who loses, when, and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wattlas.model.service import Service
from wattlas.studies.tier_tables import CARD
from wattlas.tiers.offer import Offer
from wattlas.tiers.savings import degraded_between
from wattlas.tiers.verdict import NO_DISCOUNT, profit_share, relative, revenue_share

if TYPE_CHECKING:
    from wattlas.studies.offers import Design

TESTS = {"billing": "billing", "usd_per_t": "willingness", "scale": "no noise"}
"""Assumption that is a test → what the test is called."""


def card(design: Design) -> dict[str, Any]:
    """The columns of `CARD` for the chosen offer; each None where there is none."""
    names = [part.partition(":")[0].rstrip("?") for part in CARD.split()]
    offer, market = design.chosen, design.market
    if offer is None or market is None:
        return dict.fromkeys(names)
    served = design.service
    carbon, profit = relative(market, offer)[1], profit_share(market, offer)
    tested = [varied for varied in design.sensitivities if varied.passed is not None]
    row = {
        "fallback": offer.fallback,
        "discount": offer.discount,
        "share": offer.share,
        "adoption": offer.adoption,
        "profit_gain_usd": offer.profit_gain_usd,
        "revenue_gain_share": revenue_share(market, offer),
        "profit_gain_share": None if profit != profit else profit,
        "carbon_saved_kg": offer.carbon_saved_kg,
        "carbon_saved_share": carbon,
        **_quality(served, offer),
        **_losers(design),
        "trigger": trigger_words(served, offer),
        "kind": "change of default service" if offer.discount < NO_DISCOUNT else "discount",
        "tests_passed": sum(bool(varied.passed) for varied in tested) if tested else None,
        "tests": tests_words(design) or None,
    }
    return {name: row[name] for name in names}


def tests_words(design: Design) -> str:
    """Which of the tests the offer passes and fails: `fails billing, passes willingness`."""
    return ", ".join(
        f"{'passes' if varied.passed else 'fails'} {TESTS[varied.assumption.parameter]}"
        for varied in design.sensitivities
        if varied.passed is not None
    )


def _quality(served: Service, offer: Offer) -> dict[str, float]:
    """Of a degraded request, and of the mean request under the contract."""
    at, part = offer.contract.point, offer.degraded
    accuracy, late = float(served.accuracy[at]), float(served.latency_ms[at])
    return {
        "fallback_accuracy": accuracy,
        "fallback_latency_ms": late,
        "mean_accuracy": served.full_accuracy + part * (accuracy - served.full_accuracy),
        "mean_latency_ms": served.full_latency_ms + part * (late - served.full_latency_ms),
    }


def _losers(design: Design) -> dict[str, Any]:
    """The share of the requests under contract whose users lose, and the group that loses most."""
    weight = [row.requests_share * row.adoption for row in design.segments]
    losing = [part * row.losing_share for part, row in zip(weight, design.segments, strict=True)]
    total = sum(weight)
    if not total or not sum(losing):
        return {"losing_share": 0.0, "losing_most": None}
    most = design.segments[int(np.argmax(losing))]
    return {"losing_share": sum(losing) / total, "losing_most": most.name}


def trigger_words(served: Service, offer: Offer) -> str:
    """When a request is degraded: above which carbon intensity at its regions, by month.

    Requests are degraded in the steps that save most carbon; what is said is the least intensity of
    full service in a step that is degraded, of the lowest and the highest month.
    """
    gain = served.full_carbon_g - served.carbon_g[offer.contract.point]
    begin, _ = degraded_between(served, gain)
    degraded = (begin < offer.share) & (gain > 0) & (served.requests > 0)
    if not degraded.any():
        return "never"
    if offer.degraded > 1 - 1e-9:
        return "always"
    known = len(served.full_kwh) > 0
    value = served.full_carbon_g / (served.full_kwh if known else 1.0)
    least = [
        float(value[degraded & (served.window == number)].min())
        for number in np.unique(served.window[degraded])
    ]
    low, high = min(least), max(least)
    unit = "g/kWh at its regions" if known else "g a request in full service"
    span = f"{low:.3g}" if high <= low * 1.01 else f"{low:.3g} to {high:.3g}, by month,"
    return f"above {span} {unit}"
