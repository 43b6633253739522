"""Taste beyond 0..1: refused where choices say it, held and fitted anew where chance may have."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize

from tests.tiers.simulate import SCALE, Truth, simulate
from wattlas.data.choices_file import choices_of
from wattlas.errors import InputError, Problem
from wattlas.model.choices import Choices
from wattlas.tiers.fit import fit
from wattlas.tiers.fitted import SegmentFit

COLUMNS = ("price", "time", "change", "comfort")
EUR_PER_GUILDER = 2.20371
"""As the published analysis converts the prices."""
NEAR = simulate(60, 4, 3, Truth(consciousness=-0.02), 14)


def refused(choices: Choices, **options: bool) -> list[Problem]:
    """What is wrong with the taste of some choices."""
    with pytest.raises(InputError) as caught:
        fit(choices, scale=SCALE, **options)
    return list(caught.value.problems)


def terms(choices: Choices) -> dict[str, np.ndarray]:
    """Scores of every row and what else V is made of, written down again; (R,) each."""
    q_a = (choices.accuracy - 0.6) / 0.3
    q_l = (2000.0 - choices.latency_ms) / 1800.0
    green = 1.0 - choices.carbon_g / 0.3
    return {"a": q_a, "l": q_l, "al": q_a * q_l, "c": green, "p": -1e3 * choices.price_usd}


def maximum(
    columns: list[np.ndarray], choices: Choices, width: int = 3
) -> tuple[float, list[float]]:
    """ln L and coefficients by scipy's BFGS over tasks of `width` rows each, without slopes."""
    x = np.stack(columns, axis=1).reshape(-1, width, len(columns))
    won = choices.chosen.reshape(-1, width)

    def loss(b: np.ndarray) -> float:
        v = x @ b
        return float((np.log(np.exp(v).sum(axis=1)) - v[won]).sum())

    best = minimize(loss, np.zeros(len(columns)), method="BFGS", options={"gtol": 1e-5})
    return -float(best.fun), best.x.tolist()


def test_dirtier_preferred_is_refused() -> None:
    """A θ below 0 by many standard errors is an error that gives it, and no population."""
    (problem,) = refused(simulate(300, 4, 3, Truth(consciousness=-0.3), 13))
    assert problem.where == "carbon_g"
    assert problem.what.startswith("consciousness (θ) comes out at -0.")
    assert problem.what.endswith("below 0: dirtier alternatives are preferred")


@pytest.mark.parametrize(
    ("weights", "column", "words"),
    [
        ((-0.8, 0.7), "accuracy", "where latency is worst, less accuracy is preferred"),
        ((0.7, -0.8), "latency_ms", "where accuracy is worst, more latency is preferred"),
        ((1.9, 0.5), "latency_ms", "where accuracy is best, more latency is preferred"),
        ((0.5, 1.9), "accuracy", "where latency is best, less accuracy is preferred"),
    ],
)
def test_worse_quality_preferred_is_refused(
    weights: tuple[float, float], column: str, words: str
) -> None:
    """Each wrong sign of k_a and k_l names what is preferred where; both ends of 0..1 are one."""
    truth = Truth(weight_accuracy=weights[0], weight_latency=weights[1], usd_per_utility=0.02)
    problems = refused(simulate(300, 4, 3, truth, 3))
    assert [(p.where, p.what.split(": ")[-1]) for p in problems] == [(column, words)]


def test_additive_is_named_where_it_answers_and_only_there() -> None:
    """The fix gives the figure that `--additive` comes to; that figure is what it comes to."""
    truth = Truth(weight_accuracy=-0.6, weight_latency=0.8, usd_per_utility=0.02)
    choices = simulate(300, 4, 3, truth, 4)
    (problem,) = refused(choices)
    weight = fit(choices, scale=SCALE, additive=True).segments[0]["weight_accuracy"]
    assert 0 < weight.value < 1
    assert f"answers: k_a {weight.value:.3g} ± {weight.standard_error:.2g}." in problem.fix
    assert "`--additive`" in problem.fix
    dirty = simulate(300, 4, 3, Truth(consciousness=-0.3), 5)
    assert all("--additive" not in p.fix for p in (*refused(dirty), *refused(dirty, additive=True)))


def test_additive_that_hardly_answers_is_not_named() -> None:
    """Where k_a with k_a + k_l = 1 may be anything, the option would help nobody."""
    truth = Truth(weight_accuracy=8.0, weight_latency=8.0, usd_per_utility=0.002)
    choices = simulate(40, 4, 3, truth, 8)
    assert fit(choices, scale=SCALE, additive=True).segments[0]["weight_accuracy"].value < -5
    assert all("answers" not in p.fix for p in refused(choices))


def test_additive_weights_are_told_once() -> None:
    """With k_a + k_l = 1 a k_a below 0 and a k_l above 1 are one thing."""
    truth = Truth(weight_accuracy=-0.6, weight_latency=1.6, usd_per_utility=0.02)
    (problem,) = refused(simulate(300, 4, 3, truth, 6), additive=True)
    assert problem.where == "accuracy"
    assert problem.what.endswith("below 0: less accuracy is preferred")


def test_consciousness_by_chance_below_0_is_held_and_the_rest_fitted_anew() -> None:
    """The population is the maximum without carbon, by a search of its own; estimates stay."""
    one = fit(NEAR, scale=SCALE).segments[0]
    assert one["consciousness"].value < 0
    column = terms(NEAR)
    loglik, (a, lat, al, p) = maximum([column[n] for n in ("a", "l", "al", "p")], NEAR)
    assert one.held is not None
    assert one.held.loglik == pytest.approx(loglik, abs=1e-4)
    users = fit(NEAR, scale=SCALE).users()
    assert users.segments[0].consciousness == 0.0
    whole = a + lat + al
    assert users.segments[0].weight_accuracy == pytest.approx(a / whole, abs=1e-3)
    assert users.segments[0].weight_latency == pytest.approx(lat / whole, abs=1e-3)
    assert users.segments[0].usd_per_utility == pytest.approx(whole / p / 1e3, rel=1e-3)
    assert users.scale_usd == pytest.approx(1 / p / 1e3, rel=1e-3)
    (note,) = [n for n in one.notes if "not told apart from 0" in n]
    assert f"ln L {loglik:,.1f} instead of {one.loglik:,.1f}" in note


Columns = Callable[[dict[str, np.ndarray]], list[np.ndarray]]


@pytest.mark.parametrize(
    ("weights", "seed", "field", "end", "columns"),
    [
        ((-0.1, 0.5), 15, "weight_accuracy", 0.0, lambda t: [t["l"], t["al"]]),
        ((1.08, 0.3), 10, "weight_accuracy", 1.0, lambda t: [t["a"], t["l"] - t["al"]]),
        ((0.3, 1.08), 13, "weight_latency", 1.0, lambda t: [t["l"], t["a"] - t["al"]]),
    ],
)
def test_weights_by_chance_beyond_their_ends_are_held(
    weights: tuple[float, float], seed: int, field: str, end: float, columns: Columns
) -> None:
    """k at 0 or 1 is a restriction on the coefficients; the held maximum is that of its terms."""
    truth = Truth(weight_accuracy=weights[0], weight_latency=weights[1])
    choices = simulate(60, 4, 3, truth, seed)
    found = fit(choices, scale=SCALE)
    one = found.segments[0]
    assert one[field].value < 0 or one[field].value > 1
    assert getattr(found.users().segments[0], field) == pytest.approx(end, abs=1e-9)
    t = terms(choices)
    loglik, _ = maximum([*columns(t), t["c"], t["p"]], choices)
    assert one.held is not None
    assert one.held.loglik == pytest.approx(loglik, abs=1e-4)
    assert one.held.loglik < one.loglik


def test_taste_within_its_range_is_the_population_as_it_is() -> None:
    """Where nothing is beyond an end nothing is fitted again."""
    found = fit(simulate(100, 4, 3, Truth(), 1), scale=SCALE)
    one, segment = found.segments[0], found.users().segments[0]
    assert one.held is None
    assert segment.consciousness == one["consciousness"].value


def coefficients(one: SegmentFit) -> list[float]:
    """Of price, an hour, a change and a class of comfort (accuracy is 1 − comfort/2)."""
    by_price = -1 / one["scale_usd"].value
    return [
        by_price,
        by_price * one["100 ms less latency"].value * 3.6e6 / 100,
        by_price * one["1 g less carbon"].value,
        by_price * one["0.01 more accuracy"].value * 50,
    ]


@pytest.mark.train
def test_published_coefficients_of_train_fares(root: Path) -> None:
    """The stated choices of Dutch train fares give mlogit's vignette's coefficients, to 1e-6.

    Data: `Train` of the R package mlogit (Ben-Akiva, Bolduc and Bradley 1993), not in this
    repository for its licence; coefficients: Croissant 2020, J. Stat. Softw. 95(11).
    """
    folder = Path(os.environ.get("WATTLAS_SHARED", root.parent / "shared"))
    file = next(iter(sorted(folder.rglob("train_data.csv*"))), None)
    if file is None:
        pytest.skip("no train_data.csv (data `Train` of R's mlogit) among the shared files")
    rows = pl.read_csv(file)
    one, two = (
        rows.select(
            "id", "choiceid", "choice", *(pl.col(f"{c}{n}").alias(c) for c in COLUMNS)
        ).with_columns(alternative=pl.lit(n), chosen=pl.col("choice") == f"choice{n}")
        for n in (1, 2)
    )
    frame = pl.concat([one, two]).select(
        "alternative",
        "chosen",
        respondent="id",
        task="choiceid",
        accuracy=1 - pl.col("comfort") / 2,
        latency_ms=pl.col("time") * 60e3,
        carbon_g=pl.col("change").cast(pl.Float64),
        price_usd=pl.col("price") / 100 * EUR_PER_GUILDER,
    )
    found = coefficients(fit(choices_of(frame), additive=True).segments[0])
    assert found == pytest.approx([-0.0673580, -1.7205514, -0.3263409, -0.9457256], abs=1e-6)


def test_published_form_of_a_conditional_logit() -> None:
    """Plain columns of a travel survey, made up here, give back BFGS's coefficients of them."""
    draw = np.random.default_rng(41)
    count = 2 * 600
    change, comfort = draw.integers(0, 3, count), draw.integers(0, 3, count)
    hours, fare = draw.choice([1.0, 1.5, 2.5, 4.0], count), draw.choice([12.0, 20, 31, 45], count)
    v = -0.06 * fare - 1.1 * hours - 0.4 * change - 0.8 * comfort + draw.gumbel(size=count)
    trips = Choices(
        respondent=np.arange(count) // 2,
        task=np.zeros(count),
        alternative=np.arange(count) % 2,
        accuracy=1 - comfort / 2,
        latency_ms=hours * 3.6e6,
        carbon_g=change.astype(float),
        price_usd=fare,
        chosen=(v.reshape(-1, 2).argmax(axis=1)[:, None] == [0, 1]).ravel(),
    )
    loglik, want = maximum([fare, hours, change, comfort], trips, width=2)
    one = fit(trips, additive=True).segments[0]
    found = coefficients(one)
    assert found == pytest.approx(want, rel=1e-3)
    assert one.loglik == pytest.approx(loglik, abs=1e-4)
