"""The unit that a header states, and what one of it is in ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from wattlas.data.importers.layout import PER_STEP, Layout

_UNIT = re.compile(
    r"(?P<top>[a-z€$£]*?)(?:_?co2(?:e|eq)?)?(?:/|per)(?P<under>mwh|kwh|gb)(?:r|e|el)?(?![a-z])"
)
_TOPS = {
    "usd": "usd",
    "$": "usd",
    "us$": "usd",
    "usct": "usct",
    "g": "g",
    "kg": "kg",
    "t": "t",
    "ton": "t",
    "lb": "lb",
    "lbs": "lb",
}
CURRENCIES = {"eur": "EUR", "€": "EUR", "gbp": "GBP", "£": "GBP", "ct": "cents", "cent": "cents"}
CURRENCIES |= {c.lower(): c for c in ("AUD", "CAD", "DKK", "NOK", "SEK", "PLN", "CZK", "JPY")}


_SHOWN = {"mwh": "MWh", "kwh": "kWh", "gb": "GB"}


@dataclass(frozen=True)
class Stated:
    """A unit that a header names."""

    header: str
    unit: str = ""
    """One of ours, or empty for one that is not."""
    currency: str = ""
    """A currency that is not ours."""


def stated(headers: Iterable[str], layout: Layout) -> Stated | None:
    """The unit in the first header that names one."""
    for header in headers:
        text = header.lower().replace("₂", "2").replace("�", "2")
        found = _UNIT.search(re.sub(r"[\s_]", "", text))
        if found is None:
            continue
        top, under = found["top"], found["under"]
        currency = next((c for word, c in CURRENCIES.items() if top.endswith(word)), "")
        ending = next((t for t in sorted(_TOPS, key=len, reverse=True) if _ends(top, t)), "")
        unit = f"{_TOPS.get(ending, '')}/{under}"
        if currency and _TOPS.get(ending) not in ("usd", "usct"):
            return Stated(header, currency=f"{currency}/{_SHOWN[under]}")
        return Stated(header, unit if unit in layout.units else "")
    return None


def _ends(top: str, word: str) -> bool:
    """Whether a unit is the last word before the stroke: `intensitygco2` ends in g."""
    return top == word or (len(word) > 1 and top.endswith(word)) or top.endswith("intensity" + word)


def scale_of(layout: Layout, header: Stated | None) -> float | None:
    """What a value of the file is in ours; None where its currency asks for a factor."""
    factor = 1.0 if layout.factor is None else layout.factor
    if layout.currency and layout.factor is None:
        return None
    if layout.unit:
        return (layout.units[layout.unit.lower()] or 1.0) * factor
    if header is None:
        return factor
    if header.currency:
        return None if layout.factor is None else factor * _per(header.currency, layout)
    return (layout.units[header.unit] if header.unit else 1.0) * factor


def _per(currency: str, layout: Layout) -> float:
    """What one of a foreign price is, but for the rate of exchange."""
    per_mwh = 1e3 if currency.endswith("/kWh") else 1.0
    return per_mwh * (0.01 if currency.startswith("cents") else 1.0)


def per_step(layout: Layout) -> bool:
    """Whether values are counts of a step, whatever its length."""
    return layout.unit.lower() == PER_STEP
