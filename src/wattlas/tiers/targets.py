"""Performance targets tied to carbon: which accuracy and latency a carbon intensity leaves.

Section 7 of the model. A request may emit at most `cap` grams. At intensity κ the target is the
menu's point of the highest utility among those with e · PUE · κ ≤ cap. Utility falls in a straight
line with κ, steeper for thirstier points, and each point leaves at κ = cap / (e · PUE): the steps
over κ are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InfeasibleError, InputError, Problem
from wattlas.model.users import Scale
from wattlas.tiers.menu import Menu
from wattlas.tiers.population import Population
from wattlas.tiers.utility import PerceivedPoints, Taste, quality


@dataclass(frozen=True)
class Targets:
    """Steps over intensity, arrays (S,): point[n] of `menu` holds from κ above `from` up to `to`.

    The first step holds at 0, too; beyond the last nothing keeps the cap. Along the steps energy
    falls. `from_utility` and `to_utility` are the mean utility of a request at the ends of a step.
    """

    menu: Menu
    cap_g: float
    pue: float
    from_g_per_kwh: np.ndarray
    to_g_per_kwh: np.ndarray
    point: np.ndarray
    from_utility: np.ndarray
    to_utility: np.ndarray

    def at(self, g_per_kwh: float) -> int:
        """The target at an intensity, as a position on the menu; below 0 counts as 0.

        Raises InfeasibleError, naming the least attainable grams, where nothing keeps the cap.
        """
        step = int(np.searchsorted(self.to_g_per_kwh, g_per_kwh, side="left"))
        if step < len(self.point):
            return int(self.point[step])
        least = int(self.menu.energy_kwh.argmin())
        grams = self.menu.carbon_g(g_per_kwh, self.pue)[least]
        raise InfeasibleError(
            f"class {self.menu.klass}: at {g_per_kwh:.4g} g/kWh no point keeps within "
            f"{self.cap_g:g} g per request; the least attainable is {grams:.4g} g, "
            f"by {self.menu.ids[least]}"
        )


def targets(
    menu: Menu, cap_g: float, people: Population | Taste, scale: Scale, pue: float = 1.0
) -> Targets:
    """The targets of a menu under a cap of grams per request.

    `people` is a population, weighted by its requests, or tastes, weighted alike. Of points of
    equal utility the one of least energy is taken; the target is always on the front. Raises
    InputError for a cap that is not above 0 and a PUE below 1.
    """
    problems = list(_problems(cap_g, pue))
    if problems:
        raise InputError(problems)
    level, slope = _lines(menu, people, scale)
    steps = list(_steps(np.flatnonzero(menu.pareto), level, slope, menu.energy_kwh * pue, cap_g))
    point = np.array([n for n, _, _ in steps], dtype=np.int64)
    begin, end = (np.array([s[side] for s in steps]) for side in (1, 2))
    steep = slope * menu.energy_kwh[point] * pue
    return Targets(
        menu=menu,
        cap_g=cap_g,
        pue=pue,
        from_g_per_kwh=begin,
        to_g_per_kwh=end,
        point=point,
        from_utility=level[point] - steep * begin,
        to_utility=level[point] - np.multiply(steep, end, out=0.0 * steep, where=steep > 0),
    )


def _lines(menu: Menu, people: Population | Taste, scale: Scale) -> tuple[np.ndarray, float]:
    """Mean utility at κ = 0, (O,), and what a gram takes of it: U = level − slope · c."""
    if isinstance(people, Population):
        taste, weight = people.taste, people.share
    else:
        taste, weight = people, np.full(len(people.consciousness), 1 / len(people.consciousness))
    met = PerceivedPoints(menu.accuracy, menu.service_ms, np.zeros(len(menu.ids)))
    theta = taste.consciousness
    felt = (1.0 - theta)[:, None] * quality(met, taste, scale) + theta[:, None]
    return weight @ felt, float(weight @ theta) / scale.reference_g


def _steps(
    front: np.ndarray, level: np.ndarray, slope: float, kwh: np.ndarray, cap_g: float
) -> Iterator[tuple[int, float, float]]:
    """(point, from, to) in order of κ, `kwh` being facility energy per request.

    What overtakes a point, or follows when it no longer fits, always takes less energy.
    """
    limit = _ratio(np.full(len(kwh), cap_g), kwh)
    from_g, remaining = 0.0, front
    while len(remaining) and from_g < np.inf:
        felt = level[remaining] - slope * kwh[remaining] * from_g
        current = _best(remaining, felt, kwh)
        remaining = remaining[kwh[remaining] < kwh[current]]
        while True:
            crossing = _crossings(level, slope, kwh, current, remaining)
            end = max(float(crossing.min(initial=np.inf)), from_g)
            if end >= limit[current]:
                break
            if end > from_g:
                yield current, from_g, end
            tied = remaining[crossing <= end * (1 + 1e-12)]
            from_g, current = end, int(tied[kwh[tied].argmin()])
            remaining = remaining[kwh[remaining] < kwh[current]]
        if limit[current] > from_g:
            yield current, from_g, float(limit[current])
        from_g = float(limit[current])


def _crossings(
    level: np.ndarray, slope: float, kwh: np.ndarray, current: int, remaining: np.ndarray
) -> np.ndarray:
    """κ at which each thriftier point is as good as the present one; inf where it never is."""
    return _ratio(level[current] - level[remaining], slope * (kwh[current] - kwh[remaining]))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below; inf where that is more than any number, and where nothing is below."""
    ratio = np.full(len(above), np.inf)
    with np.errstate(over="ignore"):
        np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _best(among: np.ndarray, felt: np.ndarray, kwh: np.ndarray) -> int:
    """The point of the highest utility; of equals the one of least energy."""
    equal = among[felt >= felt.max() - 1e-12 * max(abs(float(felt.max())), 1.0)]
    return int(equal[kwh[equal].argmin()])


def _problems(cap_g: float, pue: float) -> Iterator[Problem]:
    if not cap_g > 0:
        yield Problem("cap_g", f"is {cap_g:g}", "Give grams per request above 0.")
    if not 1.0 <= pue < np.inf:
        yield Problem("pue", f"is {pue:g}", "PUE is facility energy / IT energy, at least 1.")
