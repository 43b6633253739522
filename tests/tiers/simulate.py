"""Choice experiments whose taste is known: a drawn design, and choices by Gumbel noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.choices import ATTRIBUTES, Choices
from wattlas.model.users import Scale
from wattlas.tiers.utility import PerceivedPoints, Taste, utility

SCALE = Scale(0.6, 0.9, 200.0, 2000.0, 0.3)
ACCURACY = np.array([0.6, 0.7, 0.8, 0.9])
LATENCY_MS = np.array([200.0, 600.0, 1200.0, 2000.0])
CARBON_G = np.array([0.03, 0.1, 0.2, 0.3])
PRICE_USD = np.array([0.002, 0.004, 0.006, 0.008])


@dataclass(frozen=True)
class Truth:
    """Taste that is to be found again; `outside_usd` None where nobody may choose none."""

    consciousness: float = 0.2
    weight_accuracy: float = 0.5
    weight_latency: float = 0.3
    curvature: float = 0.0
    usd_per_utility: float = 0.01
    scale_usd: float = 0.002
    outside_usd: float | None = None

    def worth_usd(self, choices: Choices, scale: Scale = SCALE) -> np.ndarray:
        """v of every row, USD per request, by `tiers.utility`; (R,)."""
        points = PerceivedPoints(choices.accuracy, choices.latency_ms, choices.carbon_g)
        names = ("consciousness", "weight_accuracy", "weight_latency", "curvature")
        taste = Taste(*(np.array([getattr(self, n)]) for n in (*names, "usd_per_utility")))
        v = self.usd_per_utility * utility(points, taste, scale)[0] - choices.price_usd
        return np.where(choices.outside, self.outside_usd or 0.0, v)


def simulate(
    respondents: int,
    tasks: int,
    alternatives: int,
    truth: Truth,
    seed: int,
    *,
    shock_usd: float = 0.0,
    levels: dict[str, np.ndarray] | None = None,
) -> Choices:
    """Levels drawn at random for each alternative, and what Gumbel noise of scale μ makes of them.

    With an outside option it is one more alternative. `shock_usd` is the standard deviation of
    what each respondent pays more or less for accuracy than others, by which answers are alike.
    """
    draw = np.random.default_rng(seed)
    width = alternatives + (truth.outside_usd is not None)
    number = np.arange(respondents * tasks * width)
    choices = drawn(draw, number, width, tasks, alternatives, levels or {})
    worth = truth.worth_usd(choices)
    taste = np.repeat(draw.normal(0.0, shock_usd, respondents), tasks * width) if shock_usd else 0.0
    worth = worth + np.where(choices.outside, 0.0, taste * (choices.accuracy - 0.75) / 0.3)
    felt = (worth + truth.scale_usd * draw.gumbel(size=len(number))).reshape(-1, width)
    chosen = np.zeros(felt.shape, dtype=bool)
    chosen[np.arange(len(felt)), felt.argmax(axis=1)] = True
    return replaced(choices, chosen=chosen.ravel())


def drawn(
    draw: np.random.Generator,
    number: np.ndarray,
    width: int,
    tasks: int,
    alternatives: int,
    levels: dict[str, np.ndarray],
) -> Choices:
    """A design in which nothing is chosen yet; the last alternative of a task may be none."""
    of = {
        "accuracy": ACCURACY,
        "latency_ms": LATENCY_MS,
        "carbon_g": CARBON_G,
        "price_usd": PRICE_USD,
    }
    none = number % width >= alternatives
    columns = {
        name: np.where(none, np.nan, draw.choice(levels.get(name, values), len(number)))
        for name, values in of.items()
    }
    return Choices(
        respondent=number // (width * tasks),
        task=number // width % tasks,
        alternative=number % width,
        chosen=np.zeros(len(number), dtype=bool),
        **columns,
    )


def replaced(choices: Choices, **columns: object) -> Choices:
    """The choices with other columns."""
    names = [n for n in Choices.__dataclass_fields__ if n not in columns]
    return Choices(**{n: getattr(choices, n) for n in names}, **columns)  # type: ignore[arg-type]


def kept(choices: Choices, rows: np.ndarray) -> Choices:
    """Some rows of the choices, by number or by a mask."""
    columns = ["respondent", "task", "alternative", *ATTRIBUTES, "chosen"]
    return replaced(choices, **{n: getattr(choices, n)[rows] for n in columns})
