"""A statement as a page: one file that opens and prints anywhere, and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wattlas.serve.ledger.journal import Store
from wattlas.serve.statements import MJ_PER_KWH, statement

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = "statement.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
"""The content security policy: nothing is fetched, and nothing runs."""
WIDTH, HEIGHT, FLOOR, LEFT = 720.0, 150.0, 130.0, 52.0
"""Of the picture of days: its size, where bars stand, and where they begin."""


class StatementLine(NamedTuple):
    """A figure of the month: as it was, and in full service at the baseline region."""

    words: str
    name: str
    usual: str
    decimals: int
    """Of its unit, with which its whole amount is exact."""
    unit: str
    found: str
    """The figure whose method tells how it is found."""


LINES = (
    StatementLine("IT energy", "it_mj", "", 6, "kJ", "it_mj"),
    StatementLine("Facility energy", "facility_mj", "usual_mj", 6, "kJ", "facility_mj"),
    StatementLine(
        "Emissions, location-based", "average_ug", "usual_average_ug", 6, "g CO₂e", "average_ug"
    ),
    StatementLine("Energy at its price", "nano_usd", "usual_nano_usd", 9, "USD", "nano_usd"),
)
MARGINAL = StatementLine(
    "Emissions at the marginal intensity", "marginal_ug", "usual_marginal_ug", 6, "g CO₂e",
    "marginal_ug",
)  # fmt: skip


class Day(NamedTuple):
    """A day in the picture: where its bars stand, how high they are, and what they say."""

    x: float
    width: float
    own: float
    usual: float
    words: str
    label: str


def statement_page(store: Store, tenant: str, month: str) -> str:
    """The page of a tenant's month. Raises UsageError for what is no month."""
    return page_of(statement(store, tenant, month))


def page_of(made: Mapping[str, Any]) -> str:
    """The page of a statement."""
    return (
        _templates()
        .get_template(TEMPLATE)
        .render(
            made=made, total=made["total"], lines=LINES, marginal=MARGINAL, policy=POLICY,
            title=datetime.strptime(made["month"], "%Y-%m").strftime("%B %Y"),
            saved=_saved(made), days=_days(made["by_hour"]), scale=_scale(made["by_hour"]),
            shape={"width": WIDTH, "height": HEIGHT, "floor": FLOOR, "left": LEFT},
        )
    )  # fmt: skip


def exact(amount: int, decimals: int) -> str:
    """A whole amount in a unit of so many decimals: nothing is rounded."""
    whole, part = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}.{part:0{decimals}}" if decimals else f"{sign}{whole:,}"


def short(amount: float, digits: int = 4) -> str:
    """A number of so many significant digits, for people."""
    if amount == 0:
        return "0"
    text = f"{amount:,.{digits}g}"
    if "e" not in text:
        return text
    return f"{amount:,.0f}" if abs(amount) >= 1 else f"{amount:.{digits - 1}e}"


def _saved(made: Mapping[str, Any]) -> float | None:
    """Share of the usual emissions that was not emitted; None where nothing is usual, or of some
    request either is unknown."""
    total, unknown = made["total"], {"average_ug", "usual_average_ug"} & {*made["missing"]}
    usual = total["usual_average_ug"]
    if usual <= 0 or (unknown and total["unknown"]):
        return None
    return float(1 - total["average_ug"] / usual)


def _by_day(by_hour: Mapping[str, Mapping[str, int]]) -> dict[str, tuple[int, int]]:
    """Date → µg as it was, and as usual."""
    days: dict[str, tuple[int, int]] = {}
    for hour, sums in by_hour.items():
        own, usual = days.get(hour[:10], (0, 0))
        days[hour[:10]] = own + sums["average_ug"], usual + sums["usual_average_ug"]
    return days


def _scale(by_hour: Mapping[str, Mapping[str, int]]) -> int:
    """The highest bar, µg; 1 at least."""
    return max((n for pair in _by_day(by_hour).values() for n in pair), default=0) or 1


def _days(by_hour: Mapping[str, Mapping[str, int]]) -> list[Day]:
    """Bars of the days that had requests."""
    per_ug, slot = (FLOOR - 12.0) / _scale(by_hour), (WIDTH - LEFT) / 31
    return [
        Day(
            LEFT + (int(date[8:]) - 1) * slot, slot * 0.36, max(own, 0) * per_ug,
            max(usual, 0) * per_ug,
            f"{date}: {exact(own, 6)} g CO₂e; usual {exact(usual, 6)} g", str(int(date[8:])),
        )
        for date, (own, usual) in _by_day(by_hour).items()
    ]  # fmt: skip


@cache
def _templates() -> Environment:
    """The templates, which escape every value."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    made.filters |= {"exact": exact, "short": short, "kwh": lambda mj: mj / MJ_PER_KWH}
    return made
