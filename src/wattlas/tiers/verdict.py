"""Whether a tier is worth offering, and why, in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.tiers.goal import PROFIT
from wattlas.tiers.market import Market
from wattlas.tiers.offer import Offer
from wattlas.units import G_PER_KG

LEAST = 1e-3
"""A tier that brings less than this, relative to full service, is not worth its trouble."""
ALL = 0.999
"""A degradation cap above this is another model under another name."""
NO_DISCOUNT = 5e-4
"""A discount below this is none."""
EASIEST = 10.0
"""Per cent of users who ask least for a degraded request."""

NO_CANDIDATE = (
    "no other operating point costs or emits less: full service is the cheapest point, so that "
    "there is no tier, by construction"
)


@dataclass(frozen=True)
class OfferVerdict:
    """`worth` offering or not; `reason` is a clause that can follow "because"."""

    worth: bool
    reason: str


def offer_verdict(
    market: Market, most: Offer | None, cleanest: Offer | None, objective: str
) -> OfferVerdict:
    """Judge the offer that was asked for against no tier at all."""
    chosen = most if objective == PROFIT else cleanest
    if chosen is not None and brings_enough(market, chosen, objective):
        return OfferVerdict(True, _gain_words(market, chosen))
    return OfferVerdict(False, _refusal(market, chosen))


def brings_enough(market: Market, offer: Offer, objective: str) -> bool:
    """Whether an offer brings `LEAST` of profit, or of carbon where that is what it is for."""
    profit, carbon = relative(market, offer)
    return (profit if objective == PROFIT else carbon) >= LEAST


def relative(market: Market, offer: Offer) -> tuple[float, float]:
    """(profit gained over |profit|, carbon saved over carbon) of full service without a tier.

    Where full service loses money the first is of its loss, and is not told as a profit.
    """
    profit = max(abs(market.margin_usd) * market.volume, 1e-300)
    carbon = max(market.full_carbon_g * market.volume / G_PER_KG, 1e-300)
    return offer.profit_gain_usd / profit, offer.carbon_saved_kg / carbon


def revenue_share(market: Market, offer: Offer) -> float:
    """Profit gained over the revenue of full service, n·P, without a tier."""
    return offer.profit_gain_usd / (market.price_usd * market.volume)


def _profit_words(market: Market, profit: float) -> str:
    """The gain beside the profit of full service, or beside what full service loses."""
    if market.margin_usd > 0:
        return f"{profit:z.1%} more profit"
    return f"full service loses money, and this is {profit:.1%} of the loss"


def profit_share(market: Market, offer: Offer) -> float:
    """Profit gained over the profit of full service without a tier; nan where that is a loss."""
    return relative(market, offer)[0] if market.margin_usd > 0 else float("nan")


def _gain_words(market: Market, offer: Offer) -> str:
    profit, carbon = relative(market, offer)
    terms = (
        f"a discount of {offer.discount:.1%}"
        if offer.discount >= NO_DISCOUNT
        else "no discount (a change of default service, not an offer)"
    )
    return (
        f"adoption is {offer.adoption:.0%} of the requests at {terms}, which brings "
        f"{offer.profit_gain_usd:z,.0f} USD ({revenue_share(market, offer):z.1%} of revenue, "
        f"{_profit_words(market, profit)}) and {carbon:z.1%} less carbon"
        + (
            "; it degrades every request: a cap on carbon would limit that"
            if offer.degraded > ALL
            else ""
        )
    )


def _refusal(market: Market, chosen: Offer | None) -> str:
    usd, grams = market.savings.most_usd(), market.savings.at(np.ones(1))[0][:, 0]
    if not (market.savings.usable > 0).any() or not (grams > 0).any():
        return "no candidate emits less than full service in any hour"
    if not (usd > 0).any():
        return (
            "no candidate costs less than full service in the hours in which it emits less: full "
            "service is the cheapest point, so that there is no tier, by construction"
        )
    most_saved_usd = market.savings.most_usd_per_degraded()
    f = int(np.argmax(most_saved_usd))
    saved_usd = float(most_saved_usd[f])
    wanted_usd = float(np.percentile(np.maximum(market.felt_usd[:, f], 0.0), EASIEST))
    wanted_usd += market.people.status_quo_usd
    if chosen is None or wanted_usd > saved_usd:
        return (
            f"a degraded request saves {1e6 * saved_usd:,.0f} USD per million at most "
            f"({market.service.points[f]}), while the tenth of the users who ask least want "
            f"{1e6 * wanted_usd:,.0f} for it"
        )
    profit, carbon = relative(market, chosen)
    return (
        f"the best that can be offered brings {profit:.2%} more profit and {carbon:.2%} less "
        "carbon, which is not worth the trouble"
    )
