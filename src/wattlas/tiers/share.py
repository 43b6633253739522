"""The share of requests to degrade so that carbon stays under a cap.

In step t a window asks for d[t] requests; one served in full emits full[t] grams, a degraded one
green[t]. Two rules say which requests to degrade, and a third is what a rule that does not look at
carbon needs. Model: section 8 of Siris et al. 2026 in our reading.

    percentile   degrade the dirtiest steps until the mean of full[t] over what is still served in
                 full is within the cap; what the degraded ones emit is not looked at
    budget       the least degraded volume with Σ d·[full − φ·(full − green)] ≤ cap · Σ d: a
                 fractional knapsack, a threshold on full − green with one split step
    blind        the same share in every step
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem

RULES = ("percentile", "budget", "blind")
FLAT = 0.02
"""A rule that needs within this of the blind share earns nothing by looking at carbon."""


@dataclass(frozen=True)
class Share:
    """What a rule asks for.

    `degraded` (T,) is the share of each step's requests, 0..1; `share` that of the window.
    `threshold_g` is what a step must emit (percentile) or save (budget), g per request, from which
    it is degraded; nan where that is every step or none. `mean_g` is what a request emits in the
    mean of the window, `full_g` in the mean if all were served in full.
    """

    rule: str
    share: float
    degraded: np.ndarray
    threshold_g: float
    cap_g: float
    mean_g: float
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
    Raises InputError with all that is wrong with the arrays, InfeasibleError with the least
    attainable cap where degrading everything does not do.
    """
    full, green = np.asarray(full_g, dtype=float), np.asarray(green_g, dtype=float)
    asked = np.ones(len(full)) if requests is None else np.asarray(requests, dtype=float)
    problems = list(_problems(full, green, asked, cap_g, rule))
    if problems:
        raise InputError(problems)
    chosen = {"percentile": _percentile, "budget": _budget, "blind": _blind}[rule]
    degraded, threshold = chosen(full, green, asked, cap_g)
    total = float(asked.sum())
    mean = float((asked * (full - degraded * (full - green))).sum()) / total
    return Share(
        rule=rule,
        share=float((asked * degraded).sum()) / total,
        degraded=degraded,
        threshold_g=threshold,
        cap_g=cap_g,
        mean_g=mean,
        full_g=float((asked * full).sum()) / total,
    )


def least_g(
    energy_kwh: float,
    pue: np.ndarray,
    g_per_kwh: np.ndarray,
    network_kwh: np.ndarray | None = None,
) -> np.ndarray:
    """Least grams per request among the places of each step, network energy included, (T,).

        min_r  (energy · PUE_r + network_r) · κ[r,t]

    `pue` (R,), `g_per_kwh` (R, T), `network_kwh` (R,) kWh per request on the way there and back.
    """
    moved = np.zeros(len(pue)) if network_kwh is None else network_kwh
    grams: np.ndarray = ((energy_kwh * pue + moved)[:, None] * g_per_kwh).min(axis=0)
    return grams


def verdict(aware: Share, blind: Share) -> str:
    """In words, whether looking at carbon earns its keep against degrading evenly."""
    if aware.share >= blind.share - FLAT:
        return (
            f"not worth it: the intensity varies too little, {aware.share:.1%} of requests would "
            f"be degraded where an even share needs {blind.share:.1%}"
        )
    return f"degrades {1 - aware.share / blind.share:.0%} fewer requests than an even share"


def _percentile(
    full: np.ndarray, green: np.ndarray, asked: np.ndarray, cap: float
) -> tuple[np.ndarray, float]:
    order = np.argsort(full, kind="stable")
    emitted, volume = np.cumsum((asked * full)[order]), np.cumsum(asked[order])
    # The mean over the cleanest steps rises with each further one.
    kept = int(np.searchsorted(emitted - cap * volume > 1e-12 * cap * volume[-1], True))
    degraded = np.zeros(len(full))
    if kept == len(full):
        return degraded, float("nan")
    degraded[order[kept:]] = 1.0
    split = order[kept]
    room = cap * volume[kept - 1] - emitted[kept - 1] if kept else 0.0
    if asked[split] > 0 and full[split] > cap:
        degraded[split] = 1.0 - min(room / (full[split] - cap) / asked[split], 1.0)
    return degraded, float(full[split])


def _budget(
    full: np.ndarray, green: np.ndarray, asked: np.ndarray, cap: float
) -> tuple[np.ndarray, float]:
    saving = full - green
    over = float((asked * full).sum()) - cap * float(asked.sum())
    degraded = np.zeros(len(full))
    if over <= 0:
        return degraded, float("nan")
    gains = np.flatnonzero((saving > 0) & (asked > 0))
    order = gains[np.argsort(-saving[gains], kind="stable")]
    saved = np.cumsum((asked * saving)[order])
    if not len(order) or saved[-1] < over * (1 - 1e-12):
        raise InfeasibleError(_least_words(full, green, asked, cap))
    whole = min(int(np.searchsorted(saved, over)), len(order) - 1)
    degraded[order[:whole]] = 1.0
    split = order[whole]
    before = saved[whole - 1] if whole else 0.0
    degraded[split] = min((over - before) / (asked[split] * saving[split]), 1.0)
    return degraded, float(saving[split])


def _blind(
    full: np.ndarray, green: np.ndarray, asked: np.ndarray, cap: float
) -> tuple[np.ndarray, float]:
    over = float((asked * full).sum()) - cap * float(asked.sum())
    could = float((asked * (full - green)).sum())
    if over > could * (1 + 1e-12):
        raise InfeasibleError(_least_words(full, green, asked, cap))
    share = max(over, 0.0) / could if could > 0 else 0.0
    return np.full(len(full), min(share, 1.0)), float("nan")


def _least_words(full: np.ndarray, green: np.ndarray, asked: np.ndarray, cap: float) -> str:
    total = float(asked.sum())
    least = float((asked * np.minimum(full, green)).sum()) / total
    mean = float((asked * full).sum()) / total
    return (
        f"a cap of {cap:,.4g} g per request cannot be met: with every request degraded it is "
        f"{least:,.4g} g, {least / mean:.1%} of full service. Raise the cap, or degrade further."
    )


def _problems(
    full: np.ndarray, green: np.ndarray, asked: np.ndarray, cap: float, rule: str
) -> Iterator[Problem]:
    if rule not in RULES:
        yield Problem("rule", f"is `{rule}`", f"Choose {', '.join(RULES)}.")
    if not len(full):
        yield Problem("full_g", "is empty", "Give the grams of at least one step.")
    for name, values in (("green_g", green), ("requests", asked)):
        if values.shape != full.shape:
            what = f"has {values.size} steps where full_g has {full.size}"
            yield Problem(name, what, "Give one value per step.")
    for name, values in (("full_g", full), ("green_g", green), ("requests", asked)):
        if not np.isfinite(values).all() or (values < 0).any():
            yield Problem(name, "has values that are negative or no numbers", "Mend the series.")
    if green.shape == full.shape and (green > full * (1 + 1e-12)).any():
        worst = int(np.argmax(green - full))
        what = f"is above full_g in step {worst}: a degraded request emits more than a full one"
        yield Problem("green_g", what, "Exchange the two, or choose a greener point.")
    if asked.shape == full.shape and len(asked) and asked.sum() <= 0:
        yield Problem("requests", "add up to nothing", "Give requests in at least one step.")
    if not cap >= 0 or not np.isfinite(cap):
        yield Problem("cap_g", f"is {cap:g}, wanted a number of at least 0", "Give g per request.")
