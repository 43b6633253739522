"""What a table cannot tell is an error that names the parameter and the fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tiers.simulate import SCALE, Truth, kept, replaced, simulate
from wattlas.errors import InputError, Problem
from wattlas.model.choices import Choices
from wattlas.tiers.choices import ACCURACY, LATENCY, Spread
from wattlas.tiers.fit import fit
from wattlas.tiers.identify import weakly_told

BASE = simulate(100, 4, 3, Truth(), 1)


def problems(choices: Choices, **options: Any) -> list[Problem]:
    """What fitting the choices says is wrong."""
    with pytest.raises(InputError) as caught:
        fit(choices, **options)
    return list(caught.value.problems)


def told(choices: Choices, **options: Any) -> dict[str, str]:
    """What is wrong, by its place; each place is told once."""
    found = problems(choices, **options)
    assert len({p.where for p in found}) == len(found), found
    assert all(p.fix.endswith(".") for p in found)
    return {p.where: f"{p.what}. {p.fix}" for p in found}


@pytest.mark.parametrize(
    ("column", "parameter"),
    [
        ("accuracy", "weight_accuracy (k_a)"),
        ("latency_ms", "weight_latency (k_l)"),
        ("carbon_g", "consciousness (θ)"),
        ("price_usd", "usd_per_utility (W), scale_usd (μ) and every willingness to pay"),
    ],
)
@pytest.mark.parametrize("outside", [None, 0.002])
def test_an_attribute_that_never_varies(column: str, parameter: str, outside: float | None) -> None:
    """It is named with what depends on it, whether or not none of these may be chosen."""
    choices = simulate(100, 4, 3, Truth(outside_usd=outside), 2)
    same = np.where(choices.outside, np.nan, 0.5)
    found = told(replaced(choices, **{column: same}))
    assert list(found) == [column]
    assert f"is alike for all alternatives of a task, so {parameter} is not told" in found[column]
    assert "differ in it" in found[column]


def test_an_attribute_that_varies_between_tasks_only() -> None:
    """What all alternatives of a task share tells nothing, however it varies between tasks."""
    by_task = 0.1 + 0.2 * (BASE.task_number % 3) / 3
    assert list(told(replaced(BASE, carbon_g=by_task))) == ["carbon_g"]


def test_all_attributes_that_never_vary_are_told_at_once() -> None:
    """Two constants and a pair that moves together are three problems of one error."""
    flat = np.full(len(BASE.task), 0.2)
    found = told(replaced(BASE, carbon_g=flat, price_usd=flat))
    assert list(found) == ["carbon_g", "price_usd"]
    moved = replaced(BASE, carbon_g=flat, latency_ms=3000 - 2000 * BASE.accuracy)
    found = told(moved, additive=True)
    assert list(found) == ["carbon_g", "latency_ms"]
    assert "moves together with accuracy, so weight_latency" in found["latency_ms"]


def test_attributes_that_move_together_are_named() -> None:
    """One that is a sum of two others is told with both, and no other."""
    sum_of_both = 0.002 + 0.01 * BASE.accuracy + 0.01 * BASE.carbon_g
    found = told(replaced(BASE, price_usd=sum_of_both))
    assert "moves together with accuracy and carbon_g, so" in found["price_usd"]
    assert "apart from the others" in found["price_usd"]


def test_a_design_that_does_not_cross_accuracy_and_latency() -> None:
    """The interaction is not told by it; without the interaction the same table does."""
    draw = np.random.default_rng(3)
    count = len(BASE.task)
    either = draw.integers(3, size=count)
    truth = Truth(weight_latency=0.5)
    shown = replaced(
        BASE,
        accuracy=np.where(either == 0, 0.9, 0.6),
        latency_ms=np.where(either == 1, 200.0, 2000.0),
    )
    felt = (truth.worth_usd(shown) + 0.002 * draw.gumbel(size=count)).reshape(-1, 3)
    chosen = (felt == felt.max(axis=1, keepdims=True)).ravel()
    choices = replaced(shown, chosen=chosen)
    found = told(choices)
    assert list(found) == ["accuracy × latency_ms"]
    assert "additive" in found["accuracy × latency_ms"]
    assert fit(choices, additive=True).segments[0]["weight_accuracy"].value > 0


def test_curvature_of_two_levels_each() -> None:
    """Two levels of accuracy and latency fit a line as well as any curve."""
    levels = {"accuracy": np.array([0.6, 0.9]), "latency_ms": np.array([200.0, 2000.0])}
    two = simulate(200, 4, 3, Truth(), 4, levels=levels)
    found = told(two, curvature=None)
    assert list(found) == ["curvature"]
    assert "two levels" in found["curvature"]
    assert fit(two).segments[0]["consciousness"].value > 0


def test_curvature_that_nothing_shows() -> None:
    """Where accuracy has three levels but counts for nothing, no curvature is best."""
    levels = {"latency_ms": np.array([200.0, 2000.0])}
    truth = Truth(weight_accuracy=0.0, weight_latency=1.0)
    choices = simulate(30, 4, 3, truth, 5, levels=levels)
    same_accuracy = replaced(choices, accuracy=np.where(choices.alternative == 0, 0.6, 0.9))
    found = told(same_accuracy, curvature=None)
    assert list(found) == ["curvature"]


def test_curvature_beyond_all_bounds() -> None:
    """Where only the first step up counts, the best curvature is infinite, and refused."""
    step = replaced(BASE, accuracy=np.where(BASE.accuracy > 0.65, 0.9, 0.6))
    felt = Truth(usd_per_utility=0.02, weight_latency=0.5).worth_usd(step)
    draw = np.random.default_rng(6)
    felt = (felt + 0.002 * draw.gumbel(size=len(felt))).reshape(-1, 3)
    stepped = replaced(
        BASE,
        chosen=(felt == felt.max(axis=1, keepdims=True)).ravel(),
        latency_ms=np.where(BASE.latency_ms > 700, 2000.0, 200.0),
    )
    found = told(stepped, curvature=None, additive=True)
    assert list(found) == ["curvature"]
    assert "beyond ±20" in found["curvature"]


def best_of(choices: Choices, worth: np.ndarray) -> Choices:
    """The choices of those who look at nothing but this worth of each row."""
    felt = worth.reshape(-1, 3)
    return replaced(choices, chosen=(np.arange(3) == felt.argmax(axis=1)[:, None]).ravel())


@pytest.mark.parametrize(
    ("column", "sign", "words"),
    [
        ("price_usd", -1, "the cheapest alternative is chosen in every task"),
        ("price_usd", 1, "the most expensive alternative is chosen in every task"),
        ("accuracy", 1, "the most accurate alternative"),
        ("latency_ms", -1, "the fastest alternative"),
        ("carbon_g", -1, "the greenest alternative"),
    ],
)
def test_an_attribute_that_decides_every_choice(column: str, sign: int, words: str) -> None:
    """Perfect separation by one attribute is named with its parameter."""
    found = told(best_of(BASE, sign * getattr(BASE, column)))
    assert list(found) == [column]
    assert words in found[column]
    assert "perfect separation" in found[column]


def test_attributes_that_together_decide_every_choice() -> None:
    """Choices without any noise have no finite coefficients: those who decide are named."""
    worth = Truth().worth_usd(BASE) + 1e-6 * np.arange(len(BASE.task)) / len(BASE.task)
    found = told(best_of(BASE, worth))
    assert len(found) == 1
    where = next(iter(found))
    assert {"accuracy", "latency_ms", "carbon_g", "price_usd"} <= set(where.split(" with "))
    assert "perfect separation" in found[where]


def test_attributes_that_decide_before_others_are_asked() -> None:
    """Accuracy and latency decide wherever they differ; noise and price only between equals."""
    levels = {"accuracy": np.array([0.6, 0.9]), "latency_ms": np.array([200.0, 2000.0])}
    base = simulate(100, 4, 3, Truth(), 7, levels=levels)
    truth = Truth(weight_accuracy=0.6, weight_latency=0.4, usd_per_utility=5.0)
    draw = np.random.default_rng(8)
    noise = 0.002 * draw.gumbel(size=len(base.task))
    found = told(best_of(base, truth.worth_usd(base) + noise), additive=True)
    assert any("perfect separation" in words for words in found.values())
    assert all("price_usd" not in where.split(" with ") for where in found)


def test_none_of_these_that_is_never_or_always_chosen() -> None:
    """What is refused never, or always, tells nothing of what leaving is worth."""
    choices = simulate(100, 4, 3, Truth(outside_usd=-0.05), 9)
    found = told(choices)
    assert list(found) == ["none of these"]
    assert "is never chosen, so outside_usd is not told" in found["none of these"]
    always = told(replaced(choices, chosen=choices.outside))
    assert "is always chosen where it may be" in always["none of these"]


def test_signs_that_leave_worth_without_meaning() -> None:
    """More expensive preferred, worse preferred, dirtier preferred to quality: each is named."""
    found = told(replaced(BASE, price_usd=0.01 - BASE.price_usd), scale=SCALE)
    assert list(found) == ["price_usd"]
    assert "not above 0, so W, μ and willingness to pay have no meaning" in found["price_usd"]
    swapped = replaced(BASE, accuracy=1.5 - BASE.accuracy, latency_ms=2200 - BASE.latency_ms)
    found = told(swapped, scale=SCALE)
    assert list(found) == ["accuracy and latency_ms"]
    assert "k_a and k_l are undefined" in found["accuracy and latency_ms"]
    green = simulate(200, 4, 3, Truth(consciousness=0.8), 10)
    dirty = replaced(green, carbon_g=0.33 - green.carbon_g)
    found = told(dirty, scale=SCALE)
    assert list(found) == ["carbon_g"]
    assert "θ is undefined" in found["carbon_g"]


def test_too_few_tasks() -> None:
    """Ten tasks for each coefficient are the least; a curvature is one more."""
    few = kept(BASE, BASE.task_number < 49)
    found = told(few)
    assert list(found) == ["task"]
    assert "49 tasks for 5 coefficients, wanted at least 50" in found["task"]
    assert fit(few, additive=True).tasks == 49
    assert "59 tasks for 6" in told(kept(BASE, BASE.task_number < 59), curvature=None)["task"]


def test_each_segment_is_told_by_name() -> None:
    """What one segment cannot tell is told with its name, and all segments at once."""
    segment = np.where(BASE.respondent % 2 == 0, "even", "odd")
    carbon = np.where(segment == "even", 0.2, BASE.carbon_g)
    price = np.where(segment == "odd", 0.005, BASE.price_usd)
    found = told(replaced(BASE, segment=segment, carbon_g=carbon, price_usd=price))
    assert list(found) == ["carbon_g (segment even)", "price_usd (segment odd)"]


def test_the_table_is_named() -> None:
    """Problems carry the label of the table."""
    flat = replaced(BASE, carbon_g=np.full(len(BASE.task), 0.2), label="choices.csv")
    assert [p.file for p in problems(flat)] == ["choices.csv"]


@pytest.mark.parametrize("requests", [0.0, -1.0, float("nan"), float("inf")])
def test_options_that_are_wrong(requests: float) -> None:
    """So many requests, a curvature within bounds; both are told with the table's faults."""
    bad = replaced(BASE, carbon_g=-BASE.carbon_g)
    found = problems(bad, requests=requests, curvature=99.0)
    assert [p.where for p in found[:2]] == ["curvature", "requests"]
    assert found[2].where == "carbon_g, row 1"


@pytest.mark.parametrize(("own", "told"), [(0.099, True), (0.101, False)])
def test_a_term_that_is_hardly_its_own_is_told(own: float, told: bool) -> None:
    """Where less than a tenth of its spread is told by no other term."""
    angle = np.arcsin(own)
    values = np.array([[1.0, np.cos(angle)], [0.0, np.sin(angle)]])
    spread = Spread(values, np.ones(2), (ACCURACY, LATENCY))
    words = list(weakly_told(spread))
    assert len(words) == 2 * told
    assert all(f"{own:.1%} of its spread" in word for word in words)
