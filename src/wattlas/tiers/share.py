"""The share of requests to degrade so that carbon stays under a cap.

In step t a window asks for d[t] requests; one served in full emits full[t] grams, a degraded one
green[t]. Two rules say which requests to degrade, and a third is what a rule that does not look at
carbon needs. Model: section 8 of Siris et al. 2026 in our reading.

    percentile   degrade the dirtiest steps until the mean of full[t] over what is still served in
                 full is within the cap; what the degraded ones emit is not looked at
    budget       the least degraded volume with Σ d·[full − φ·(full − green)] ≤ cap · Σ d: a
                 fractional knapsack, a threshold on full − green
    blind        the same share in every step

Steps at the threshold are degraded in part, all of the same value alike, so that the order of the
steps decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem

RULES = ("percentile", "budget", "blind")
WORTH = 0.05
"""A rule that degrades less than this part fewer than the blind share earns nothing."""
NEAR = 1e-12


@dataclass(frozen=True)
class Share:
    """What a rule asks for.

    `degraded` (T,) is the share of each step's requests, 0..1; `share` that of the window.
    `threshold_g` is what a step must emit (percentile) or save (budget), g per request, from which
    it is degraded; nan where none is, and for the blind rule. In the mean of the window, g per
    request: `mean_g` is what a request emits, `served_g` one that is served in full (nan where
    none is), `full_g` what it would be if all were.
    """

    rule: str
    share: float
    degraded: np.ndarray
    threshold_g: float
    cap_g: float
    mean_g: float
    served_g: float
    full_g: float

    @property
    def saved(self) -> float:
        """Share of the window's carbon that is saved."""
        return 1.0 - self.mean_g / self.full_g if self.full_g else 0.0


def green_share(
    full_g: np.ndarray,
    green_g: np.ndarray,
    cap_g: float,
    requests: np.ndarray | None = None,
    rule: str = "budget",
) -> Share:
    """The least share of requests to degrade so that a cap on grams per request holds.

    `full_g` and `green_g` (T,) are g per request; `requests` (T,), alike in all steps by default.
    A step in which degrading saves nothing may be there; the budget rule leaves it alone. Raises
    InputError with all that is wrong with the arrays, InfeasibleError with the least attainable
    cap where degrading everything does not do. The percentile rule then degrades everything.
    """
    full, green, demand = _arrays(full_g, green_g, requests)
    _check(full, green, demand, [cap_g], rule)
    degraded, threshold = decide(full, green, demand, cap_g, rule)
    return Share(
        rule=rule,
        share=mean_of(degraded, demand),
        degraded=degraded,
        threshold_g=threshold,
        cap_g=cap_g,
        mean_g=mean_of(full - degraded * (full - green), demand),
        served_g=mean_of(full, demand * (1.0 - degraded)),
        full_g=mean_of(full, demand),
    )


def shares_at(
    full_g: np.ndarray,
    green_g: np.ndarray,
    caps_g: Sequence[float] | np.ndarray,
    requests: np.ndarray | None = None,
    rule: str = "budget",
) -> np.ndarray:
    """The share at each of some caps, (C,), as `green_share` has it; nan where none would do.

    The steps are put in order once for all caps. Raises InputError.
    """
    full, green, demand = _arrays(full_g, green_g, requests)
    caps = np.asarray(caps_g, dtype=float)
    _check(full, green, demand, caps, rule)
    shares: np.ndarray = _VOLUMES[rule](full, green, demand, caps, 0.0) / demand.sum()
    return shares


def least_mean_g(
    full_g: np.ndarray, green_g: np.ndarray, requests: np.ndarray | None = None
) -> float:
    """The least attainable cap: g per request with every request degraded where that saves."""
    full, green, demand = _arrays(full_g, green_g, requests)
    return mean_of(np.minimum(full, green), demand)


def against_blind(aware: Share, blind: Share) -> str:
    """In words, whether looking at carbon earns its keep against degrading evenly."""
    if blind.share <= NEAR:
        return "nothing to degrade: full service keeps the cap"
    if aware.rule == "percentile" and aware.share >= 1.0 - NEAR:
        return "not worth it: no step is as clean as the cap, and every request would be degraded"
    if aware.share > (1.0 - WORTH) * blind.share:
        return (
            f"not worth it: the intensity varies too little, {aware.share:.1%} of requests would "
            f"be degraded where an even share needs {blind.share:.1%}"
        )
    return f"degrades {1 - aware.share / blind.share:.0%} fewer requests than an even share"


def decide(
    full: np.ndarray,
    green: np.ndarray,
    demand: np.ndarray,
    cap_g: float,
    rule: str,
    carried_g: float = 0.0,
) -> tuple[np.ndarray, float]:
    """(share degraded in each step, threshold) by a rule.

    `carried_g` are grams beyond the cap from before the window, to be made good within it; below
    0 what is left over. Raises InfeasibleError where that cannot be.
    """
    volume = float(_VOLUMES[rule](full, green, demand, np.array([cap_g]), carried_g)[0])
    if np.isnan(volume):
        least = green if rule == "blind" else np.minimum(full, green)
        raise InfeasibleError(_least_words(mean_of(least, demand), mean_of(full, demand), cap_g))
    if rule == "blind":
        return np.full(len(full), min(volume / float(demand.sum()), 1.0)), float("nan")
    return _fill(full if rule == "percentile" else full - green, demand, volume)


def mean_of(values: np.ndarray, demand: np.ndarray) -> float:
    """Mean over requests; nan where there are none."""
    total = float(demand.sum())
    return float((demand * values).sum()) / total if total > 0 else float("nan")


def _fill(value: np.ndarray, demand: np.ndarray, volume: float) -> tuple[np.ndarray, float]:
    """So many requests, from the steps of the largest value on, those of equal value alike."""
    degraded = np.zeros(len(value))
    if volume <= 0:
        return degraded, float("nan")
    order = np.argsort(-value, kind="stable")
    reach = np.cumsum(demand[order])
    last = min(int(np.searchsorted(reach, volume * (1 - NEAR))), len(order) - 1)
    threshold = float(value[order[last]])
    above = value > threshold + NEAR * abs(threshold)
    alike = ~above & (value >= threshold - NEAR * abs(threshold))
    part = (volume - float(demand[above].sum())) / float(demand[alike].sum())
    degraded[above] = 1.0
    degraded[alike] = 1.0 if part > 1 - 1e-9 else max(part, 0.0)
    return degraded, threshold


def _percentile(
    full: np.ndarray, green: np.ndarray, demand: np.ndarray, caps: np.ndarray, carried: float
) -> np.ndarray:
    order = np.argsort(full, kind="stable")
    full, demand = full[order], demand[order]
    emitted, volume = np.cumsum(demand * full), np.cumsum(demand)
    # Over the cap, of the cleanest steps: falls while they are cleaner than it, then rises.
    over = emitted[:, None] - caps * volume[:, None] + carried
    within_cap = over <= NEAR * (emitted[-1] + caps * volume[-1])
    full_hours = np.where(within_cap.any(axis=0), len(full) - within_cap[::-1].argmax(axis=0), 0)
    split, at = np.minimum(full_hours, len(full) - 1), np.arange(len(caps))
    room = np.where(full_hours > 0, -over[full_hours - 1, at], -carried)
    beyond = full[split] - caps
    part = np.divide(np.maximum(room, 0.0), beyond, out=np.zeros(len(caps)), where=beyond > 0)
    whole = np.where(full_hours > 0, volume[full_hours - 1], 0.0)
    served = np.where(full_hours < len(full), whole + np.minimum(part, demand[split]), whole)
    degraded: np.ndarray = np.where((full_hours == 0) & (carried > 0), np.nan, volume[-1] - served)
    return degraded


def _budget(
    full: np.ndarray, green: np.ndarray, demand: np.ndarray, caps: np.ndarray, carried: float
) -> np.ndarray:
    saving = full - green
    over, noise = _over(full, demand, caps, carried)
    gains = np.flatnonzero((saving > 0) & (demand > 0))
    order = gains[np.argsort(-saving[gains], kind="stable")]
    saved = np.append(0.0, np.cumsum((demand * saving)[order]))
    volume = np.append(0.0, np.cumsum(demand[order]))
    needed = np.interp(over, saved, volume)
    return np.where(over <= noise, 0.0, np.where(over > saved[-1] + noise, np.nan, needed))


def _blind(
    full: np.ndarray, green: np.ndarray, demand: np.ndarray, caps: np.ndarray, carried: float
) -> np.ndarray:
    over, noise = _over(full, demand, caps, carried)
    could = float((demand * (full - green)).sum())
    if could <= noise:
        return np.where(over <= noise, 0.0, np.nan)
    share = np.minimum(over / could, 1.0)
    degraded = np.where(over > could + noise, np.nan, share * demand.sum())
    return np.where(over <= noise, 0.0, degraded)


_VOLUMES = {"percentile": _percentile, "budget": _budget, "blind": _blind}
"""Rule → requests to degrade at each of some caps, (C,); nan where none would do."""


def _over(
    full: np.ndarray, demand: np.ndarray, caps: np.ndarray, carried: float
) -> tuple[np.ndarray, float]:
    """Grams to be saved at each cap, and what is no more than rounding."""
    emitted = float((demand * full).sum())
    return emitted - caps * float(demand.sum()) + carried, NEAR * emitted


def _least_words(least: float, mean: float, cap: float) -> str:
    part = f", {least / mean:.1%} of full service" if mean > 0 else ""
    return (
        f"a cap of {cap:,.4g} g per request cannot be met: with every request degraded it is "
        f"{least:,.4g} g{part}. Raise the cap, or degrade further."
    )


def _arrays(
    full_g: np.ndarray, green_g: np.ndarray, requests: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    full, green = np.asarray(full_g, dtype=float), np.asarray(green_g, dtype=float)
    demand = np.ones(len(full)) if requests is None else np.asarray(requests, dtype=float)
    return full, green, demand


def _check(
    full: np.ndarray,
    green: np.ndarray,
    demand: np.ndarray,
    caps: Sequence[float] | np.ndarray,
    rule: str,
) -> None:
    problems = list(series_problems(full, green, demand, caps, rule))
    if problems:
        raise InputError(problems)


def series_problems(
    full: np.ndarray,
    green: np.ndarray,
    demand: np.ndarray,
    caps: Sequence[float] | np.ndarray,
    rule: str,
) -> Iterator[Problem]:
    """Everything that is wrong with a question: grams and requests (T,), caps (C,), the rule."""
    if rule not in RULES:
        yield Problem("rule", f"is `{rule}`", f"Choose {', '.join(RULES)}.")
    if not len(full):
        yield Problem("full_g", "is empty", "Give the grams of at least one step.")
    for name, values in (("green_g", green), ("requests", demand)):
        if values.shape != full.shape:
            what = f"has {values.size} steps where full_g has {full.size}"
            yield Problem(name, what, "Give one value per step.")
    for name, values in (("full_g", full), ("green_g", green), ("requests", demand)):
        if not np.isfinite(values).all() or (values < 0).any():
            yield Problem(name, "has values that are negative or no numbers", "Fix the series.")
    if demand.shape == full.shape and len(demand) and demand.sum() <= 0:
        yield Problem("requests", "add up to nothing", "Give requests in at least one step.")
    elif green.shape == full.shape == demand.shape and (
        mean_of(green, demand) > mean_of(full, demand) * (1 + NEAR)
    ):
        what = "is above full_g in the mean: a degraded request emits more than a full one"
        yield Problem("green_g", what, "Exchange the two, or choose a greener point.")
    for cap in caps:
        if not 0 <= cap < np.inf:
            what = f"is {cap:g}, wanted a number of at least 0"
            yield Problem("cap_g", what, "Give g per request.")
