"""How values are written for people, in the terminal and in a notebook alike."""

from __future__ import annotations

from typing import Any

from wattlas.model.table import Column, Kind

NONE = "–"
HALF = 0.5


def cell(value: Any, column: Column) -> str:
    """A value as its column's kind is written; a text as it is, a dash for what is unknown."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if column.kind is Kind.FLAG:
        return "yes" if value else "no"
    if value != value:
        return NONE
    if column.kind is Kind.SHARE:
        return percent(value)
    if column.kind is Kind.COUNT:
        return count_text(value)
    return number_text(value, column.digits) if column.kind is Kind.NUMBER else str(value)


def count_text(value: float) -> str:
    """A whole number, thousands apart; less than half of one to three digits, never `-0`."""
    return number_text(value) if 0 < abs(value) < HALF else f"{value:z,.0f}"


def number_text(value: float | None, digits: int = 3) -> str:
    """A number to so many digits, thousands apart; whole digits are never cut off."""
    if value is None or value != value:
        return NONE
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def percent(share: float) -> str:
    """A share as a percentage with one figure after the point; nothing lost is not −0.0%."""
    return f"{share:z.1%}"
