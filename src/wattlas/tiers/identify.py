"""What a table of choices cannot tell, and how to fix it: before the search, and after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from wattlas.errors import Problem
from wattlas.model.users import Scale
from wattlas.tiers.choices import (
    ACCURACY,
    BOTH,
    CARBON,
    LATENCY,
    OUTSIDE,
    PRICE,
    SAME,
    Spread,
    Tasks,
    TermValues,
    scores,
)
from wattlas.tiers.worth import QUALITY, WHOLE, Estimate

TASKS_PER_TERM = 10
"""Fewer tasks than this for each coefficient are refused: Peduzzi et al. 1996, J Clin Epidemiol
49(12), find logits of fewer events biased."""
ATTRIBUTES = (ACCURACY, LATENCY, CARBON, PRICE)
COLUMN = {
    ACCURACY: "accuracy",
    LATENCY: "latency_ms",
    BOTH: "accuracy × latency_ms",
    CARBON: "carbon_g",
    PRICE: "price_usd",
    OUTSIDE: "none of these",
}
"""Where in the table a term comes from."""
PARAMETER = {
    ACCURACY: "weight_accuracy (k_a)",
    LATENCY: "weight_latency (k_l)",
    BOTH: "the interaction 1 − k_a − k_l",
    CARBON: "consciousness (θ)",
    PRICE: "usd_per_utility (W), scale_usd (μ) and every willingness to pay",
    OUTSIDE: "outside_usd",
}
"""What depends on a term."""
SUM_COLUMNS = {PRICE: "price_usd", QUALITY: "accuracy and latency_ms", WHOLE: "carbon_g"}
SUM_PARAMETERS = {
    PRICE: "W, μ and willingness to pay have no meaning",
    QUALITY: "k_a and k_l are undefined",
    WHOLE: "W is not above 0 and θ is undefined",
}
NOT_ABOVE_0 = {
    PRICE: (
        "what buyers give for a lower price",
        "Look for a wrong sign or unit, or for prices that stand for a quality not shown; else ask "
        "more respondents.",
    ),
    QUALITY: (
        "what the best is worth over the worst",
        "Look for exchanged columns (accuracy is better higher, latency_ms lower); else ask more "
        "respondents.",
    ),
    WHOLE: (
        "what the best and greenest is worth over the worst and dirtiest",
        "Look for a wrong sign of carbon_g; else ask more respondents.",
    ),
}
BEST = {
    ACCURACY: ("most accurate", "least accurate"),
    LATENCY: ("fastest", "slowest"),
    CARBON: ("greenest", "dirtiest"),
    PRICE: ("cheapest", "most expensive"),
}


def too_few(design: TermValues, estimated: int) -> Iterator[Problem]:
    """Fewer tasks than so many coefficients need."""
    tasks, least = len(design.values), TASKS_PER_TERM * estimated
    if tasks < least:
        what = f"there are {tasks} tasks for {estimated} coefficients, wanted at least {least}"
        yield Problem("task", what, "Ask more, or estimate less: additive, a given curvature.")


def unidentified(spread: Spread) -> list[Problem]:
    """Attributes that never vary, move together, or are not crossed."""
    outside = [OUTSIDE] if OUTSIDE in spread.names else []
    alone = {name: spread.told(name, outside)[0] >= SAME for name in ATTRIBUTES}
    problems = [_constant(name) for name in ATTRIBUTES if not alone[name]]
    for name in (name for name in ATTRIBUTES if alone[name]):
        part, weights = spread.told(name, outside)
        if part < SAME:
            problems.append(_together(name, [k for k, w in weights.items() if abs(w) > SAME]))
        else:
            outside.append(name)
    crossed = BOTH in spread.names and alone[ACCURACY] and alone[LATENCY]
    if crossed and spread.told(BOTH, outside)[0] < SAME:
        what = "the table does not cross the two, so their interaction 1 − k_a − k_l is not told"
        fix = (
            "Show fast and slow at high and at low accuracy, or fit with additive (k_a + k_l = 1)."
        )
        problems.append(Problem(COLUMN[BOTH], what, fix))
    return problems


def weakly_told(spread: Spread, below: float = 0.1) -> Iterator[str]:
    """Notes on terms of which the others leave less than a part to tell apart."""
    for name in spread.names:
        part = spread.told(name, [n for n in spread.names if n != name])[0]
        if part < below:
            yield (
                f"{COLUMN[name]} nearly moves together with the other attributes: {part:.1%} of "
                f"its spread is its own, and the standard error of {PARAMETER[name]} is wide for it"
            )


def unbent(tasks: Tasks, scale: Scale) -> Iterator[Problem]:
    """A curvature to be found from attributes of two levels each."""
    levels = [len(np.unique(score[tasks.offered])) for score in scores(tasks, scale)]
    if max(levels) < 3:
        what = "is not told by two levels of accuracy and two of latency: a line fits as well"
        yield Problem("curvature", what, "Give a number (0 is linear), or show three levels.")


def decided(design: TermValues, there: np.ndarray) -> Iterator[Problem]:
    """Single terms by which the chosen alternative is always best, or always worst, of its task."""
    for name in design.names:
        if name == BOTH:
            continue
        ahead = np.where(there, design[name][:, :1] - design[name], 0.0)
        if not ahead.any():
            continue
        if (ahead >= 0).all():
            yield _decides(name, 0)
        elif (ahead <= 0).all():
            yield _decides(name, 1)


def diverging(spread: Spread, direction: np.ndarray) -> Problem:
    """The terms along a direction (K,), each over its spread, in which ln L rises for ever."""
    size = np.abs(direction[: len(spread.names)])
    names = [n for n, s in zip(spread.names, size, strict=True) if s > 0.01 * size.max()]
    what = (
        "decides every choice that it bears on (perfect separation), so no finite coefficients "
        "are best"
    )
    fix = "Show closer alternatives, or ask more respondents."
    return Problem(" with ".join(COLUMN[n] for n in names), what, fix)


def meaningless(divisors: Sequence[Estimate]) -> Iterator[Problem]:
    """Sums of coefficients that must be above 0 for worth, weights and consciousness to be defined.

    `divisors` are those of `worth.divisors`.
    """
    by_name = {divisor.parameter: divisor for divisor in divisors}
    for name, divisor in by_name.items():
        if divisor.value > 0 or (name == WHOLE and by_name[QUALITY].value <= 0):
            continue
        what, fix = NOT_ABOVE_0[name]
        estimated = f"comes out at {divisor.value:.3g} ± {divisor.standard_error:.2g}, not above 0"
        yield Problem(SUM_COLUMNS[name], f"{what} {estimated}, so {SUM_PARAMETERS[name]}", fix)


def _constant(name: str) -> Problem:
    what = f"is alike for all alternatives of a task, so {PARAMETER[name]} is not told"
    return Problem(COLUMN[name], what, "Show alternatives that differ in it.")


def _together(name: str, terms: list[str]) -> Problem:
    others = " and ".join(COLUMN[k] for k in terms)
    what = f"moves together with {others}, so {PARAMETER[name]} is not told from them"
    return Problem(COLUMN[name], what, "Draw the levels of each attribute apart from the others.")


def _decides(name: str, worst: int) -> Problem:
    if name == OUTSIDE:
        what = "is always chosen where it may be" if worst == 0 else "is never chosen"
        fix = "Leave its rows out, or show offers that are refused and others that are not."
        return Problem(COLUMN[name], f"{what}, so {PARAMETER[name]} is not told", fix)
    what = (
        f"the {BEST[name][worst]} alternative is chosen in every task (perfect separation), so "
        f"no finite coefficient is best and {PARAMETER[name]} is not told"
    )
    return Problem(COLUMN[name], what, "Show closer alternatives, or ask more respondents.")
