"""What a plan's contracts can really degrade: permits come as answers do, m ≤ φ·n at every moment.

A plan keeps a cap over its window and may degrade most in early hours, when few permits are there.
So each hour of a window in which the plan degrades has a fallback, and one threshold λ per contract
and window says from which saving on it is taken: the one that saves most under the rule,

    x_t = min(d_t(λ), φ·N_t − M_{t−1})        saved = Σ_t x_t · mean saving of what is wanted in t

with d_t(λ) the demand whose saving is at least λ, N_t all demand up to t, and M_t = M_{t−1} + x_t.
"""

from __future__ import annotations

import numpy as np

from wattlas.model.contract import ShareCap
from wattlas.model.plan import Flows
from wattlas.model.scenario import Scenario
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.limit import windows
from wattlas.placement.problem.unit_values import Measure

LEVELS = 64
"""Thresholds that are tried of a contract and window: quantiles of its savings."""
_ROUNDING = 1e-9


def window_of(scenario: Scenario) -> np.ndarray:
    """Number of the billing window of each class and hour, by the first cap that holds the class,
    -1 without one, (K, T).
    """
    number = np.full((len(scenario.classes), scenario.hours.count), -1)
    for cap, rows in _caps(scenario):
        for n, steps in enumerate(windows(scenario.hours, cap.window)):
            number[np.ix_(np.array(rows), np.asarray(steps))] = n
    return number


def _caps(scenario: Scenario) -> list[tuple[ShareCap, list[int]]]:
    """Each cap with the classes whose first one it is."""
    ids, taken = [k.id for k in scenario.classes], set[str]()
    out = []
    for cap in scenario.share_caps:
        rows = [k for k, id in enumerate(ids) if id in cap.classes and id not in taken]
        taken |= set(cap.classes)
        if rows:
            out.append((cap, rows))
    return out


def fallbacks(instance: Instance, measure: Measure, flows: Flows, low: np.ndarray) -> Flows:
    """Degraded flows for the hours of a window in which a plan degrades in others.

    Each flow in full service gets the best degraded point of its own region that takes no more
    accelerator time and saves something, with its rate: no region needs more than in the plan. Of
    a metro, class and hour all flows have one, or none has. `low` (K, O) are degraded points.
    """
    s = instance.scenario
    i, k, _, _, t = s.shape
    window = window_of(s)
    served = flows.where(flows.served)
    is_low = low[served.klass, served.point]
    at = (served.metro * k + served.klass) * t + served.hour
    planned = np.bincount(at[is_low], minlength=i * k * t) > 0
    degrades = np.zeros((k, int(window.max(initial=0)) + 2), dtype=bool)
    degrades[served.klass[is_low], window[served.klass[is_low], served.hour[is_low]]] = True
    degrades[:, -1] = False  # window -1 is that of no contract
    wanted = ~is_low & ~planned[at] & degrades[served.klass, window[served.klass, served.hour]]
    full, at = served.where(wanted), at[wanted]
    point, saving = _best(instance, measure, full, low)
    pays = saving > 0
    whole = np.bincount(at, ~pays, i * k * t)[at] == 0
    part = full.where(whole)
    return Flows(part.hour, part.metro, part.klass, part.region, point[whole], part.requests_per_h)


def _best(
    instance: Instance, measure: Measure, full: Flows, low: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(point, saving) of the degraded point that saves most of each flow; -inf without one."""
    s = instance.scenario
    source = instance.source_of[full.metro, full.klass]

    def unit(point: np.ndarray) -> np.ndarray:
        return measure.units(instance, full.hour, source, full.region, point)

    usual, best = unit(full.point), full.point.copy()
    saving = np.full(len(best), -np.inf)
    for o in np.flatnonzero(low.any(axis=0)):
        point = np.full(len(best), o)
        able = low[full.klass, o] & (source >= 0)
        able &= instance.judged.allowed[full.metro, full.klass, full.region, o]
        able &= s.gpu_h[full.klass, o] <= s.gpu_h[full.klass, full.point] * (1 + _ROUNDING)
        gain = np.where(able, usual - unit(point), -np.inf)
        better = gain > saving
        best[better], saving[better] = o, gain[better]
    return best, saving


def thresholds(scenario: Scenario, saving: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """The threshold of each class and hour that saves most, USD or what is made least, (K, T); inf
    where nothing is degraded. `saving` and `demand` (requests) are (I, K, T); nan: no fallback.
    """
    out = np.full(saving.shape[1:], np.inf)
    for cap, rows in _caps(scenario):
        for steps in windows(scenario.hours, cap.window):
            own, hours = np.array(rows), np.asarray(steps)
            part = np.ix_(np.arange(saving.shape[0]), own, hours)
            out[np.ix_(own, hours)] = _threshold(cap.share_max, saving[part], demand[part])
    return out


def _threshold(share_max: float, saving: np.ndarray, demand: np.ndarray) -> float:
    """The threshold of one window; `saving` and `demand` (I, K', T')."""
    count = saving.shape[2]
    hour = np.broadcast_to(np.arange(count), saving.shape).ravel()
    gain, volume = saving.ravel(), demand.ravel()
    on = np.isfinite(gain) & (gain > 0) & (volume > 0)
    if not on.any():
        return float("inf")
    levels = np.unique(np.quantile(gain[on], np.linspace(0, 1, LEVELS), method="lower"))
    level = np.searchsorted(levels, gain[on], side="right") - 1
    at = hour[on] * len(levels) + level

    def at_least(weight: np.ndarray) -> np.ndarray:
        """Sums per hour over all that saves at least each level, (T', levels)."""
        sums = np.bincount(at, weight, count * len(levels)).reshape(count, len(levels))
        return np.asarray(sums[:, ::-1].cumsum(axis=1)[:, ::-1])

    wanted, saved = at_least(volume[on]), at_least(volume[on] * gain[on])
    mean = np.divide(saved, wanted, out=np.zeros_like(saved), where=wanted > 0)
    came = np.cumsum(np.bincount(hour, volume, count))
    granted, total = np.zeros(len(levels)), np.zeros(len(levels))
    for t in range(count):
        taken = np.minimum(wanted[t], np.maximum(share_max * came[t] - granted, 0.0))
        granted += taken
        total += taken * mean[t]
    return float(levels[total.argmax()])
