"""Numbers as a reader would say them: three significant digits and a unit of fitting size."""

from __future__ import annotations

import re

_THOUSANDS = ((1e12, "T"), (1e9, "bn"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_MASS = ((1e9, "Mt"), (1e6, "kt"), (1e3, "t"), (1.0, "kg"), (1e-3, "g"))
_ENERGY = ((1e6, "TWh"), (1e3, "GWh"), (1.0, "MWh"), (1e-3, "kWh"), (1e-6, "Wh"))
NONE = "–"
SMALL = 1e-6
"""Below this a number is written with its power of ten, as a row of zeros is misread."""


def number(value: float | None, digits: int = 3) -> str:
    """`1234.6` as `1,235`, `0.012345` as `0.0123`, `1.2e-10` as `1.20e−10`."""
    if value is None or value - value != 0:
        return NONE
    value = value or 0.0  # nothing is not less than nothing
    if 0 < abs(value) < SMALL:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    text = f"{float(f'{value:.{max(digits, whole)}g}'):,.10f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")


def _ladder(value: float | None, steps: tuple[tuple[float, str], ...]) -> tuple[str, str]:
    if value is None or value - value != 0:
        return NONE, ""
    size = abs(float(f"{value:.3g}"))
    plain = next(step for step in steps if step[0] == 1.0)
    small = steps[-1] if size else plain
    div, symbol = next((step for step in steps if size >= step[0]), small)
    return number(value / div), symbol


def money(value: float | None) -> str:
    """US dollars: `USD 1.23 M`."""
    figure, symbol = _ladder(value, _THOUSANDS)
    return figure if figure == NONE else f"USD {figure} {symbol}".rstrip()


def mass(value_kg: float | None) -> str:
    """Kilograms of CO2e: `4.56 kt`."""
    return " ".join(_ladder(value_kg, _MASS)).strip()


def energy(value_mwh: float | None) -> str:
    """Megawatt-hours: `7.89 TWh`."""
    return " ".join(_ladder(value_mwh, _ENERGY)).strip()


def count(value: float | None) -> str:
    """A plain number: `26.3 T`."""
    return " ".join(_ladder(value, _THOUSANDS)).strip()


def share(value: float | None) -> str:
    """`0.1234` as `12.3 %`."""
    return NONE if value is None else f"{number(value * 100, 3 if abs(value) >= 0.0995 else 2)} %"


_UNITS = ("kg", "t", "kt", "Mt", "g", "h", "k", "M", "bn", "T")


def unbroken(text: str) -> str:
    """The same text with spaces that no line is broken at between numbers and their units."""
    units = "|".join(re.escape(unit) for unit in _UNITS)
    text = re.sub(rf"(?<=\d) (?=(?:{units})\b|%)", "\u00a0", text)
    return text.replace("USD ", "USD\u00a0").replace(" of CO₂e", "\u00a0of\u00a0CO₂e")
