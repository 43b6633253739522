"""When the price of a grid zone becomes known: by its market, unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wattlas.errors import Problem
from wattlas.model.checks import refuse
from wattlas.model.suggest import did_you_mean
from wattlas.policy.forecasts.history import Known

_DAY_AHEAD = (
    "AT", "BE", "BR-CS", "CH", "DE", "ES", "FR", "GB", "IN-WE", "JP-TK", "KR", "NL", "PT",
    "US-CAL-CISO", "US-NY-NYIS", "US-TEX-ERCO",
)  # fmt: skip
MARKETS: Mapping[str, Known] = {**dict.fromkeys(_DAY_AHEAD, Known.DAY_AHEAD), "ZA": Known.TARIFF}
"""Zones whose prices in the embedded world are those of a day-ahead auction, or a tariff. What is
not named is known once its hour is over: real-time prices, and zones that nobody spoke of."""


def known_of(zones: Sequence[str], published: Mapping[str, str] | None = None) -> tuple[Known, ...]:
    """When the price of each zone is known; `published` says it for some: zone → a word of `Known`.

    Raises InputError for zones that there are not, and for other words.
    """
    given = dict(published or {})
    refuse(
        Problem(f"published.{zone}", "is no grid zone of the scenario", did_you_mean(zone, zones))
        for zone in given
        if zone not in zones
    )
    words = [str(kind) for kind in Known]
    refuse(
        Problem(f"published.{zone}", f"is {word}", f"Give one of {', '.join(words)}.")
        for zone, word in given.items()
        if word not in words
    )
    return tuple(
        Known(given[zone]) if zone in given else MARKETS.get(zone, Known.MEASURED) for zone in zones
    )
