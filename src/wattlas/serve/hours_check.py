"""Hours of a schedule whose signals cannot be: there twice, or of another unit.

What can be, however odd, is taken: a negative price, one that is a hundred times the one before, an
hour that is missing (its requests get full service), hours in another order (they are sorted).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattlas.errors import Problem
from wattlas.serve.schedule_parts import HourPart, issued_s

MOST_G = 1500.0
"""No fuel emits more per kWh over its life cycle."""
LEAST_G = 2.0
"""Where no hour of any region emits as much, and some emits at all, it is kg instead of g."""
MOST_USD_PER_MWH = 20_000.0
"""Above the caps of markets: such a price is per GWh, or in cents per kWh and once more wrong."""


def hours_problems(hours: Sequence[HourPart]) -> Iterator[Problem]:
    """What is wrong with hours and their signals."""
    seen: dict[float, int] = {}
    for n, hour in enumerate(hours):
        first = seen.setdefault(issued_s(hour), n)
        if first != n:
            what = f"begins when hours.{first} does"
            yield Problem(f"hours.{n}.issued_utc", what, "Give each hour once.")
        yield from _signals(n, hour)
    told = [
        signal.average_g_per_kwh
        for hour in hours
        for signal in hour.signals.values()
        if signal.average_g_per_kwh
    ]
    if told and max(told) < LEAST_G:
        what = f"no average intensity is above {max(told):g} g/kWh: that looks like kg"
        yield Problem("hours.signals", what, "Give gCO2e per kWh.")


def _signals(n: int, hour: HourPart) -> Iterator[Problem]:
    for region, signal in hour.signals.items():
        at, average = f"hours.{n}.signals.{region}", signal.average_g_per_kwh
        if average is not None and average > MOST_G:
            what = f"is {average:g} g/kWh, more than any fuel emits"
            yield Problem(f"{at}.average_g_per_kwh", what, "Give gCO2e per kWh, not per MWh.")
        price = signal.price_usd_per_mwh
        if price is not None and abs(price) > MOST_USD_PER_MWH:
            what = f"is {price:g} USD/MWh, beyond the caps of markets"
            yield Problem(f"{at}.price_usd_per_mwh", what, "Give USD per MWh.")
