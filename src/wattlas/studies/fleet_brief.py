"""The fleet in brief: what it saves like for like, and what that counts on.

The fleet of least cost is compared with each region sized for its own peak: both know every hour in
advance, and both are routed at least cost. The fleet as given may hold a margin of its own; it is
named beside, with the answer that holds a margin back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wattlas.studies import words

NOTHING = 1e-6
"""Part of a fleet's cost, or of its accelerators, that is told as nothing."""

Cost = Mapping[str, float]


@dataclass(frozen=True)
class FleetBrief:
    """A sentence with the saving, sentences with what it counts on, and the saving (USD)."""

    sentence: str = ""
    assumes: str = ""
    saving_usd: float = 0.0


def fleet_brief(meta: Mapping[str, Any], period: str) -> FleetBrief:
    """The answer of `meta["fleet"]`; empty where there is no fleet."""
    told = meta.get("fleet") or {}
    fleets: Mapping[str, Cost] = told.get("fleets") or {}
    if "optimal" not in fleets:
        return FleetBrief()
    best, peaks = fleets["optimal"], fleets["own_peaks"]
    saved = peaks["cost_usd"] - best["cost_usd"]
    return FleetBrief(
        _sentence(best, peaks, told, period),
        " ".join(_assumes(told, fleets)),
        saved if saved == saved else 0.0,
    )


def _sentence(best: Cost, peaks: Cost, told: Mapping[str, Any], period: str) -> str:
    count, own = best["gpu"], peaks["gpu"]
    saved = peaks["cost_usd"] - best["cost_usd"]
    cost = f"{words.money(best['cost_usd'])} {period}"
    bought = ", and rent peaks by the hour," if told.get("buys_by_the_hour") else ""
    if count <= NOTHING * max(own, 1.0):
        return f"Hold no accelerators: renting all by the hour costs least, {cost}."
    if saved != saved:
        # The fleet of own peaks leaves demand out that has no region of its own.
        return f"Hold {words.number(count)} accelerators{bought.rstrip(',')}: {cost}."
    if saved <= NOTHING * abs(peaks["cost_usd"]):
        return (
            f"Size each region for its own peak, {words.number(count)} accelerators in all: sharing "
            "them between regions saves nothing."
        )
    part = saved / peaks["cost_usd"] if peaks["cost_usd"] > 0 else float("nan")
    share = f" ({words.share(part)} of all cost)" if part <= 1 else ""
    return (
        f"Hold {words.number(count)} accelerators{bought} that regions share instead of "
        f"{words.number(own)}, each region sized for its own peak: −{words.money(saved)}{share} "
        f"{period}."
    )


def _assumes(told: Mapping[str, Any], fleets: Mapping[str, Cost]) -> Iterator[str]:
    """What the saving counts on, the answer without it, as given, and with a region lost."""
    counts_on = "Counts on perfect foresight, whole-time reservations and rents as stated"
    held: Mapping[str, Cost] = told.get("held_back") or {}
    if held:
        counts_on += (
            f"; with {words.share(told['held_back_share'])} of the time held back, "
            f"{words.number(held['optimal']['gpu'])} instead of "
            f"{words.number(held['own_peaks']['gpu'])}"
        )
    yield f"{counts_on}."
    if "given" in fleets:
        yield _given(fleets["given"], fleets["optimal"])
    if "outage" in fleets:
        yield _outage(told, fleets)


def _given(given: Cost, best: Cost) -> str:
    count, more = words.number(given["gpu"]), given["cost_usd"] - best["cost_usd"]
    if more != more:
        return f"As given: {count}, which cannot serve every hour."
    return f"As given: {count}, {words.money(abs(more))} {'more' if more >= 0 else 'less'}."


def _outage(told: Mapping[str, Any], fleets: Mapping[str, Cost]) -> str:
    rest = told.get("uncoverable_share") or 0.0
    but = f" (up to {words.share(rest)} may run nowhere else)" if rest > 0 else ""
    return f"To lose any one region: {words.number(fleets['outage']['gpu'])}{but}."
