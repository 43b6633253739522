"""The fleet in brief: what it saves like for like, and what that counts on.

The fleet of least cost is compared with regions that share nothing: sized each for its own peak and
then routed at least cost, or each serving its own demand alone, which may rent and leave unserved
as the shared fleet does; the cheaper of the two. All know every hour in advance. The fleet as given
may hold a margin of its own; it is named beside, with the answer that holds a margin back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wattlas.studies import words

NOTHING = 2e-4
"""Part of a fleet's cost that is told as nothing: two fleets are each known to 1e-4 of theirs."""
NONE = 1e-3
"""Part of the largest fleet that is told as none, and of an accelerator where fleets are larger."""
UNSERVED = 1e-6
"""Part of the requests below which those that go unserved are not told."""
APART = {
    "own_peaks": "each region sized for its own peak",
    "alone": "each region serving its own demand alone",
}
"""Fleets that regions do not share, in words."""

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
    # Under a cap, or where carbon is made least, what a fleet costs does not say which is better.
    best, apart = fleets["optimal"], unshared(fleets) if told.get("by_money", True) else ""
    saved = fleets[apart]["cost_usd"] - best["cost_usd"] if apart else 0.0
    sampled = bool((meta.get("window") or {}).get("sample"))
    return FleetBrief(
        _sentence(fleets, apart, told, period),
        " ".join(_assumes(told, fleets, apart, sampled)),
        saved,
    )


def unshared(fleets: Mapping[str, Cost]) -> str:
    """The cheapest fleet that regions do not share; empty where each leaves an hour short."""
    cost = {name: fleets[name]["cost_usd"] for name in APART if name in fleets}
    known = {name: usd for name, usd in cost.items() if usd is not None and usd == usd}
    return min(known, key=lambda name: known[name], default="")


def _sentence(fleets: Mapping[str, Cost], apart: str, told: Mapping[str, Any], period: str) -> str:
    best = fleets["optimal"]
    count = words.number(best["gpu"])
    by_hour = bool(told.get("buys_by_the_hour"))
    cost = f"{words.money(best['cost_usd'])} {period}"
    lost = best.get("unserved_share") or 0.0
    if best["gpu"] <= NONE * min(1.0, max(fleet["gpu"] for fleet in fleets.values())):
        return f"Hold no accelerators: {_without_any(lost)} costs least, {cost}."
    left = f"; {words.share(lost)} of the requests go unserved, at their price" * (lost > UNSERVED)
    if not apart:
        return f"Hold {count} accelerators{' and rent peaks by the hour' * by_hour}: {cost}{left}."
    before = fleets[apart]["cost_usd"]
    saved = before - best["cost_usd"]
    if saved <= NOTHING * abs(before):
        return f"Hold {count} accelerators, {APART[apart]}: sharing them saves nothing{left}."
    part = saved / before if before > 0 else float("nan")
    share = f" ({words.share(part)} of all cost)" if part <= 1 else ""
    hold = f"Hold {count} accelerators that regions share{', renting peaks by the hour,' * by_hour}"
    against = _against(count, best["gpu"], fleets[apart]["gpu"], APART[apart])
    return f"{hold}{against}: −{words.money(saved)}{share} {period}{left}."


def _without_any(lost: float) -> str:
    """What is done where nothing is held."""
    if lost <= UNSERVED:
        return "renting all by the hour"
    if lost >= 1 - UNSERVED:
        return "leaving every request unserved, at its price,"
    rest = f"leaving {words.share(lost)} of the requests unserved, at their price,"
    return f"renting by the hour and {rest}"


def _against(count: str, shared: float, apart: float, label: str) -> str:
    """What the shared fleet is held instead of; it may be as large, or larger and cheaper."""
    other = words.number(apart)
    if count == other:
        return f", as many as {label}, but not in the same places"
    if shared > apart:
        return f", more than {other}, {label}, but at less cost"
    return f" instead of {other}, {label}"


def _assumes(
    told: Mapping[str, Any], fleets: Mapping[str, Cost], apart: str, sampled: bool
) -> Iterator[str]:
    """What the saving counts on, the answer without it, as given, and with a region lost."""
    counts_on = "Counts on perfect foresight, whole-time reservations and rents as stated"
    held: Mapping[str, Cost] = told.get("held_back") or {}
    if apart in held:
        most, least = (words.number(held[name]["gpu"]) for name in (apart, "optimal"))
        counts = least if least == most else f"{least} instead of {most}"
        share = words.share(told["held_back_share"])
        counts_on += f"; with {share} of the time held back, {counts}"
    yield f"{counts_on}."
    if sampled:
        yield "The hours are a sample, which misses the fullest ones."
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
    but = (
        f", but for up to {words.share(rest)} of the demand, which law or state ties to the lost"
        if rest > 0
        else ""
    )
    return (
        f"To go on while {told.get('lost')} is lost: {words.number(fleets['outage']['gpu'])}{but}."
    )
