"""When moving a block of demand pays.

Moving from origin h to region r for a stay of T hours pays iff

    Σ_{t<T} volume_t · (c_h,t − c_r,t)  >  M        M = starting + weights + state (+ the way back)

Everything but the stay enters this gain linearly, so that each break-even value is the root of
gain = α + β·quantity; α and β are sums over the series, and closed forms where it is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wattlas.model.breakeven import BreakEven, BreakEvens, Quantity, Side, Verdict
from wattlas.model.scenario import Scenario
from wattlas.placement.breakeven.moves import Move, gain_usd, move_between, requests, saving
from wattlas.units import BYTES_PER_GB, KWH_PER_MWH

ALMOST = 1e-12
"""Relative to what is added up: a difference below this is rounding."""


def breakeven_between(
    scenario: Scenario,
    class_id: str,
    from_region: str,
    to_region: str,
    point_id: str | None = None,
    metro_id: str | Sequence[str] | None = None,
    *,
    returns: bool = False,
    stay_h: float | None = None,
) -> BreakEvens:
    """All six break-even values of moving a class between two regions; see `move_between`."""
    return breakeven(
        move_between(
            scenario,
            class_id,
            from_region,
            to_region,
            point_id,
            metro_id,
            returns=returns,
            stay_h=stay_h,
        )
    )


def breakeven(move: Move) -> BreakEvens:
    """All six break-even values of a move, in the order of `Quantity`."""
    return BreakEvens(
        (
            stay(move),
            volume(move),
            price_gap(move),
            carbon_price(move),
            payload(move),
            state(move),
        )
    )


def stay(move: Move) -> BreakEven:
    """T*: the first stay whose accumulated saving exceeds M, in hours.

    Closed form T* = M / (saving per hour) where nothing varies, else by accumulation, linear
    within a step. Over a real series the sum may fall below M again: the reason then says when,
    and which stay is best.
    """
    per_hour = saving(move).total_usd * move.series(move.volume_per_h)
    once = move.moving_usd
    if move.constant:
        return _constant_stay(move, float(per_hour[0]), once)
    return _accumulated_stay(move, per_hour, once)


def volume(move: Move) -> BreakEven:
    """N*: requests to be served away until M is paid back, M held as it is.

    N* = M / mean saving per request, the mean weighted as the volume is over the stay.
    """
    served = requests(move)
    count = float(served.sum())
    total = float(served @ saving(move).total_usd)
    slope = total / count if count else float(saving(move).total_usd.mean())
    return _root(move, Quantity.VOLUME, -move.moving_usd, slope, count, least=0.0)


def price_gap(move: Move) -> BreakEven:
    """Δp*: mean price of origin above the price away at which the move just pays, USD/MWh.

    The price at origin is shifted by the same amount in every hour; the mean is over the requests
    of the stay.
    """
    served = requests(move)
    count = float(served.sum())
    gap = move.series(move.origin.price_usd_per_mwh) - move.series(move.away.price_usd_per_mwh)
    stated = float(served @ gap) / count if count else float(gap.mean())
    slope = move.origin.pue * move.it_kwh * count / KWH_PER_MWH
    return _root(
        move, Quantity.PRICE_GAP, gain_usd(move) - slope * stated, slope, stated, least=None
    )


def carbon_price(move: Move) -> BreakEven:
    """γ*: internal carbon price at which the move just pays, USD/t."""
    slope = float(requests(move) @ saving(move).carbon_t) - move.one_off_t
    alpha = gain_usd(replace(move, carbon_price_usd_per_t=0.0))
    stated = move.carbon_price_usd_per_t
    return _root(move, Quantity.CARBON_PRICE, alpha, slope, stated, least=0.0)


def payload(move: Move) -> BreakEven:
    """b*: bytes per request at which egress eats the gain."""
    egress = move.series(move.origin.egress_usd_per_gb) - move.series(move.away.egress_usd_per_gb)
    slope = float(requests(move) @ egress) / BYTES_PER_GB
    stated = move.payload_bytes
    alpha = gain_usd(replace(move, payload_bytes=0.0))
    return _root(move, Quantity.PAYLOAD, alpha, slope, stated, least=0.0)


def state(move: Move) -> BreakEven:
    """S*: bytes of state per session at which carrying it eats the gain."""
    slope = -move.sessions / BYTES_PER_GB * move.state_usd_per_gb
    alpha = gain_usd(replace(move, state_bytes=0.0))
    return _root(move, Quantity.STATE, alpha, slope, move.state_bytes, least=0.0)


def _constant_stay(move: Move, per_hour: float, once: float) -> BreakEven:
    stay = move.horizon_h if move.stay_h is None else move.stay_h
    if per_hour <= 0.0:
        served = move.series(move.volume_per_h).any()
        reason = _why_never(move) if served else f"never: {_IDLE[Quantity.STAY]}"
        return BreakEven(Quantity.STAY, None, Quantity.STAY.unit, Verdict.NEVER, reason, now=stay)
    return _root(move, Quantity.STAY, -once, per_hour, stay, least=0.0)


def _accumulated_stay(move: Move, per_hour: np.ndarray, once: float) -> BreakEven:
    quantity = Quantity.STAY
    hours = move.hours
    end = np.cumsum(hours)
    balance = np.cumsum(per_hour * hours) - once
    paid = np.flatnonzero(balance > 0.0)
    stay = move.horizon_h if move.stay_h is None else move.stay_h
    best = int(balance.argmax())
    if not len(paid):
        return BreakEven(
            quantity, None, quantity.unit, Verdict.NEVER, _short(move, balance), now=stay
        )
    first = int(paid[0])
    owed = once if first == 0 else -float(balance[first - 1])
    before = float(end[first] - hours[first])
    value = before + owed / float(per_hour[first]) if owed > 0.0 else before
    reason = f"pays from a stay of {_figure(value)} h"
    lost = first + np.flatnonzero(balance[first:] <= 0.0)
    if len(lost):
        reason += f"; loses again at {_figure(float(end[lost[0]]))} h"
    if best < len(balance) - 1:
        reason += f"; the best stay is {_figure(float(end[best]))} h, {_figure(balance[best])} USD"
    pays = gain_usd(replace(move, stay_h=stay)) > 0.0
    verdict = Verdict.PAYS if pays else Verdict.LOSES
    return BreakEven(quantity, value, quantity.unit, verdict, reason, Side.ABOVE, stay)


def _root(
    move: Move, quantity: Quantity, alpha: float, beta: float, stated: float, least: float | None
) -> BreakEven:
    """Where alpha + beta·q changes its sign, for q ≥ least (None: for any q)."""
    unit = quantity.unit
    if beta == 0.0:
        return _flat(move, quantity, alpha, stated)
    value = -alpha / beta + 0.0
    side = Side.ABOVE if beta > 0.0 else Side.BELOW
    below = least is not None and (value < least or (value == least and side is Side.BELOW))
    if below:
        verdict = Verdict.ALWAYS if side is Side.ABOVE else Verdict.NEVER
        return BreakEven(quantity, None, unit, verdict, _why(move, quantity, verdict), now=stated)
    root = BreakEven(quantity, value, unit, Verdict.PAYS, "", side, stated)
    verdict = Verdict.PAYS if root.pays_at(stated) else Verdict.LOSES
    reason = f"pays {side} {_figure(value)} {unit}; it is {_figure(stated)} {unit}"
    return replace(root, verdict=verdict, reason=reason)


def _flat(move: Move, quantity: Quantity, alpha: float, stated: float) -> BreakEven:
    verdict = Verdict.ALWAYS if alpha > 0.0 else Verdict.NEVER
    reason = f"always: {_IDLE[quantity]}, and the move pays"
    if verdict is Verdict.NEVER:
        reason = f"{_why(move, quantity, verdict)}; {_IDLE[quantity]}"
    return BreakEven(quantity, None, quantity.unit, verdict, reason, now=stated)


_IDLE = {
    Quantity.STAY: "nothing is served",
    Quantity.VOLUME: "a request costs the same at both places",
    Quantity.PRICE_GAP: "no energy is used, so that no price counts",
    Quantity.CARBON_PRICE: "both places emit the same, so that no carbon price counts",
    Quantity.PAYLOAD: "both places have the same egress price, so that no payload counts",
    Quantity.STATE: "no state is carried, or it is free to carry",
}

_AT_BEST = {
    Quantity.STAY: "at any stay",
    Quantity.VOLUME: "at any volume",
    Quantity.PRICE_GAP: "at any price",
    Quantity.CARBON_PRICE: "at any carbon price",
    Quantity.PAYLOAD: "even with nothing to carry",
    Quantity.STATE: "even with no state to carry",
}


def _why(move: Move, quantity: Quantity, verdict: Verdict) -> str:
    if verdict is Verdict.ALWAYS:
        return f"always: the move pays {_AT_BEST[quantity].removeprefix('even ')}"
    if quantity in (Quantity.STAY, Quantity.VOLUME):
        return _why_never(move)
    gain = {
        Quantity.PAYLOAD: lambda: gain_usd(replace(move, payload_bytes=0.0)),
        Quantity.STATE: lambda: gain_usd(replace(move, state_bytes=0.0)),
    }.get(quantity, lambda: gain_usd(move))()
    return f"never: {_AT_BEST[quantity]} the move loses {_figure(0.0 - gain)} USD over the stay"


def _why_never(move: Move) -> str:
    """Name what eats the saving, in USD per MWh of IT energy where there is any."""
    part = saving(move)
    served = requests(move)
    weight = served / served.sum() if served.sum() else np.full(move.steps, 1.0 / move.steps)
    parts = {
        "egress": float(weight @ part.egress_usd),
        "accelerators": float(weight @ part.accelerator_usd),
        "energy": float(weight @ part.energy_usd),
        "carbon": float(weight @ part.carbon_usd),
    }
    short = -sum(parts.values())
    if short <= ALMOST * sum(map(abs, parts.values())):
        paid = ", and moving is not free" if move.moving_usd > 0.0 else ""
        return f"never: {_IDLE[Quantity.VOLUME]}{paid}"
    worst = min(parts, key=lambda name: parts[name])
    amount = short * KWH_PER_MWH / move.it_kwh if move.it_kwh else short
    unit = "USD/MWh" if move.it_kwh else "USD/request"
    if sum(value > 0.0 for value in parts.values()):
        verb = "exceed" if worst == "accelerators" else "exceeds"
        return f"never: {worst} {verb} the saving by {_figure(amount)} {unit}"
    verb = "cost" if worst == "accelerators" else "costs"
    return f"never: {worst} {verb} more away, by {_figure(amount)} {unit} in all"


def _short(move: Move, balance: np.ndarray) -> str:
    """The series ends before the sum is reached."""
    best = float(balance.max()) + move.moving_usd
    if best <= 0.0:
        return _why_never(move)
    return (
        f"never within {_figure(move.horizon_h)} h: at best {_figure(best)} USD are saved of the "
        f"{_figure(move.moving_usd)} USD that moving costs"
    )


def _figure(value: float) -> str:
    """Three significant digits, without an exponent where that reads well."""
    if value == 0.0 or 1e-3 <= abs(value) < 1e12:
        return f"{value:.3g}" if abs(value) < 1e3 else f"{value:,.0f}"
    return f"{value:.2e}"
