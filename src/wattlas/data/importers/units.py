"""The unit that a header, or a column beside the values, states; what one of it is in ours.

A unit that is stated and not known is never read as ours: it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from wattlas.data.importers.layout import PER_STEP, POUND_G, Layout

_PER_MWH = {
    "wh": 1e6, "kwh": 1e3, "mwh": 1.0, "gwh": 1e-3, "twh": 1e-6,
    "kj": 3.6e6, "mj": 3.6e3, "gj": 3.6,
}  # fmt: skip
"""Energy → how many of it a MWh is."""
_POWER = ("w", "kw", "mw", "gw")
"""Where an energy is meant: asked about."""
_DATA = {"gb": 1.0, "tb": 1e-3, "mb": 1e3, "gib": 1 / 1.073741824, "tib": 1e-3 / 1.099511627776}
"""Amounts of data → what a price for one of it is per GB."""
_MASS_G = {
    "mg": 1e-3, "g": 1.0, "gram": 1.0, "grams": 1.0, "kg": 1e3, "t": 1e6, "ton": 1e6, "tons": 1e6,
    "tonne": 1e6, "tonnes": 1e6, "lb": POUND_G, "lbs": POUND_G, "pounds": POUND_G,
}  # fmt: skip
_GAS = r"co2(e|eq|equ|equivalent)?"
_DOLLARS = {"usd": 1.0, "$": 1.0, "us$": 1.0, "usct": 0.01, "usc": 0.01}
_CURRENCIES = {
    "eur": "EUR", "euro": "EUR", "euros": "EUR", "€": "EUR", "gbp": "GBP", "£": "GBP",
    "¥": "yen or yuan", "yen": "JPY", "yuan": "CNY", "rmb": "CNY", "₹": "INR", "rs": "INR",
    "₩": "KRW", "a$": "AUD", "au$": "AUD", "c$": "CAD", "ca$": "CAD", "nz$": "NZD", "s$": "SGD",
    "hk$": "HKD", "nt$": "TWD", "r$": "BRL", "zł": "PLN", "kč": "CZK", "kr": "kroner",
}  # fmt: skip
_CURRENCIES |= {
    code.lower(): code
    for code in (
        "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK HKD HUF IDR ILS INR ISK JPY KRW MXN MYR "
        "NOK NZD PEN PHP PLN QAR RON RUB SAR SEK SGD THB TRY TWD UAH VND ZAR"
    ).split()
}
_CENTS = ("ct", "cts", "c", "¢", "cent", "cents", "p", "penny", "pence", "öre", "ore", "øre",
          "rappen", "rp", "centimes", "grosz", "groszy", "paise", "fen", "sen")  # fmt: skip
_RATES = {
    "rps": 3600.0, "qps": 3600.0, "rpm": 60.0, "qpm": 60.0, "rph": 1.0, "qph": 1.0,
}  # fmt: skip
_EACH_H = {
    "s": 3600.0, "sec": 3600.0, "second": 3600.0, "min": 60.0, "minute": 60.0, "h": 1.0, "hr": 1.0,
    "hour": 1.0, "d": 1 / 24, "day": 1 / 24, "week": 1 / 168,
}  # fmt: skip
_TIMES_MS = {
    "ms": 1.0, "msec": 1.0, "msecs": 1.0, "millisecond": 1.0, "milliseconds": 1.0,
    "s": 1e3, "sec": 1e3, "secs": 1e3, "second": 1e3, "seconds": 1e3,
    "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "usec": 1e-3, "microsecond": 1e-3, "microseconds": 1e-3,
}  # fmt: skip
_THOUSANDS = ("thousand", "thousands", "million", "millions", "tsd", "mio", "k", "mn")
_TOKEN = re.compile(r"[^\W\d_]*\$|[€£¥₹₩¢]|[^\W_]+|/")
_UNIT_COLUMNS = (
    "unit", "units", "uom", "einheit", "unidad", "currency", "ccy", "währung", "waehrung", "moneda",
)  # fmt: skip


@dataclass(frozen=True)
class StatedUnit:
    """A unit that a header names."""

    header: str
    scale: float = 1.0
    """What one of it is in ours; of a foreign currency, in that currency."""
    currency: str = ""
    """A currency that is not ours, with what it is for."""
    unknown: str = ""
    """A unit of which nobody here knows what one of it is."""


def unit_column(columns: Iterable[str]) -> str | None:
    """The column, beside those that are used, that says the unit of each row."""
    return next((c for c in columns if c.strip().lower() in _UNIT_COLUMNS), None)


def stated(header: str, layout: Layout) -> StatedUnit | None:
    """The unit that a header, or a cell beside a value, names."""
    text = header.lower().replace("₂", "2").replace("�", "2").replace("[", " ").replace("]", " ")
    words = _TOKEN.findall(text)
    if layout.value == "rtt_ms":
        return _of_times(header, words)
    if layout.value == "requests_per_h":
        return _of_rates(header, words)
    if layout.value == "reserved_gpu":
        odd = next((w for w in words if w in _POWER or w.startswith(("node", "server"))), "")
        return StatedUnit(header, unknown=odd) if odd else None
    return _of_ratios(header, words, layout)


_LINKS = ("/", "per", "in", "of")


def _of_ratios(header: str, words: list[str], layout: Layout) -> StatedUnit | None:
    """A price or a mass for an amount: the amount is looked for, then what stands before it."""
    data = layout.value == "egress_usd_per_gb"
    amounts = _DATA if data else _PER_MWH
    for n, word in enumerate(words):
        per = n > 0 and words[n - 1] in ("/", "per")
        joined, under = _amount(word, amounts)
        if not under and per and word in (*_POWER, "mmbtu", "therm", "kva"):
            return StatedUnit(header, unknown=" ".join(words[max(0, n - 2) : n + 1]))
        if under:
            before = [w for w in words[:n] if w not in _LINKS]
            if not joined and not (before and _is_top(before[-1])):
                before += _named_after([w for w in words[n + 1 :] if w not in _LINKS])
            return _ratio(header, joined, before, per, under, layout)
    # Two letters, as `rs` or `kr`, may be anything; signs and longer words are money.
    named = (w for w in words if len(w) > 2 or not (w.isalpha() and w.isascii()))
    currency = next((_CURRENCIES[w] for w in named if w in _CURRENCIES), "")
    if "carbon" not in layout.table and "marginal" not in layout.table and currency:
        return StatedUnit(header, currency=currency)
    return None


def _named_after(words: list[str]) -> list[str]:
    """What the amount is of, where it is named last: `price per MWh in EUR`, `(short tons)`."""
    last = next((k for k, word in enumerate(words[:2]) if _is_top(word)), -1)
    return words[: last + 1]


def _amount(word: str, amounts: dict[str, float]) -> tuple[str, str]:
    """What stands before the amount in a unit that is written as one word, and the amount."""
    bare = re.sub(r"(?<=wh)(r|rs|e|el|th)$", "", word)
    if bare in amounts:
        return "", bare
    for amount in amounts:
        joined = bare.removesuffix(amount)
        if len(amount) > len("mj") and joined != bare and _is_top(joined):
            return joined, amount
    return "", ""


def _is_top(word: str) -> bool:
    bare = re.sub(rf"{_GAS}$", "", word)
    return bare in _MASS_G or bare in _DOLLARS or bare in _CURRENCIES or bare in _CENTS


def _ratio(
    header: str, joined: str, before: list[str], per: bool, under: str, layout: Layout
) -> StatedUnit | None:
    data = layout.value == "egress_usd_per_gb"
    each = (_DATA if data else _PER_MWH)[under]
    joined = re.sub(rf"{_GAS}$", "", joined)
    rest = [w for w in before if not re.fullmatch(rf"{_GAS}|eq|equivalent|emissions?", w)]
    bare = re.sub(rf"{_GAS}$", "", rest[-1]) if rest else ""
    top = joined or bare
    if "usd_per" in layout.value:
        cents = top in _CENTS
        dollars = ("us", "usd", "$") if cents else ()
        if top in _DOLLARS or (cents and len(rest) > 1 and rest[-2] in dollars):
            return StatedUnit(header, _DOLLARS.get(top, 0.01) * each)
        if cents:
            return StatedUnit(header, 0.01 * each, f"cents/{_shown(under)}")
        if top in _CURRENCIES:
            return StatedUnit(header, each, f"{_CURRENCIES[top]}/{_shown(under)}")
    elif top in _MASS_G and not (top.startswith("ton") and rest[-2:-1] in (["short"], ["long"])):
        return StatedUnit(header, _MASS_G[top] * each / 1e3)
    usual = "gb" if data else "mwh" if "usd_per" in layout.value else "kwh"
    if not per or (under == usual and top in _WORDS):
        # Nothing is stated of money or mass: ours, if the amount is the usual one.
        return (
            None if under == usual else StatedUnit(header, unknown=f"an amount per {_shown(under)}")
        )
    return StatedUnit(header, unknown=f"{top}/{_shown(under)}" if top else f"per {_shown(under)}")


_WORDS = (
    "", "price", "prices", "preis", "prix", "precio", "cost", "value", "lmp", "lbmp", "rrp", "rate",
    "intensity", "carbon", "emission", "average", "marginal", "moer", "egress",
)  # fmt: skip
"""What a header speaks of, where it names no currency and no mass."""
_SHOWN = {"kwh": "kWh", "mwh": "MWh", "gwh": "GWh", "twh": "TWh", "wh": "Wh"}


def _shown(amount: str) -> str:
    return _SHOWN.get(amount, amount.upper())


def _of_rates(header: str, words: list[str]) -> StatedUnit | None:
    """Requests of a time; tokens, bytes and thousands are something else."""
    odd = next((w for w in words if w.startswith(("token", "byte")) or w in _THOUSANDS), "")
    if odd:
        return StatedUnit(header, unknown=odd)
    rate = next((_RATES[w] for w in words if w in _RATES), None)
    for a, b in pairwise(words):
        if a in ("/", "per") and b in _EACH_H:
            rate = _EACH_H[b]
        elif a in ("/", "per"):
            return StatedUnit(header, unknown=f"{a} {b}")
    daily = {"hourly": 1.0, "daily": 1 / 24, "weekly": 1 / 168}
    rate = next((daily[w] for w in words if w in daily), rate)
    return None if rate is None else StatedUnit(header, rate)


def _of_times(header: str, words: list[str]) -> StatedUnit | None:
    """Times of a way there and back."""
    if "oneway" in words or ("one" in words and "way" in words):
        return StatedUnit(header, unknown="one way")
    # `s` and `us` may be something else, unless they end the header.
    ends = [w for w in words[:-1] if w in _TIMES_MS and w not in ("s", "us")] + words[-1:]
    unit = ends[-1] if ends and ends[-1] in _TIMES_MS else ends[0] if ends else ""
    return StatedUnit(header, _TIMES_MS[unit]) if unit in _TIMES_MS else None


def scale_of(layout: Layout, header: StatedUnit | None) -> float | None:
    """What a value of the file is in ours; None where what is stated asks for an option."""
    factor = 1.0 if layout.factor is None else layout.factor
    if layout.currency and layout.factor is None:
        return None
    if layout.unit:
        return (layout.units[layout.unit.lower()] or 1.0) * factor
    if header is None:
        return factor
    if header.unknown or (header.currency and layout.factor is None):
        return None
    return header.scale * factor


def per_step(layout: Layout) -> bool:
    """Whether values are counts of a step, whatever its length."""
    return layout.unit.lower() == PER_STEP
