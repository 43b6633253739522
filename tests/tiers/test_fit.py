"""Fitting taste: known taste is found again, by scipy's maximum, by closed forms, by symmetry."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from tests.tiers.likelihood import ORDER, maximised
from tests.tiers.simulate import SCALE, Truth, kept, replaced, simulate
from wattlas.model.choices import Choices
from wattlas.model.users import Scale
from wattlas.tiers.fit import fit
from wattlas.tiers.fitted import Fit
from wattlas.tiers.population import population

TASTE = ("consciousness", "weight_accuracy", "weight_latency", "usd_per_utility", "scale_usd")


def errors(truth: Truth, seeds: int, curvature: float | None = 0.0) -> dict[str, np.ndarray]:
    """By how many standard errors each parameter misses the truth, in each seed; (seeds,)."""
    missed: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        choices = simulate(1000, 2, 3, truth, seed)
        for one in fit(choices, scale=SCALE, curvature=curvature).estimates:
            far = one.value - getattr(truth, one.parameter)
            missed[one.parameter].append(far / one.standard_error)
    return {name: np.array(far) for name, far in missed.items()}


def looks_normal(missed: dict[str, np.ndarray]) -> None:
    """The errors are those of a standard normal: no parameter is off, and all are as wide as said.

    In 99.9 % of samples a mean of n is within 3.3/√n, and the mean square of so many (they hang
    together) within a quarter or so of 1; a standard error that is off by a third is seen.
    """
    count = len(next(iter(missed.values())))
    for name, far in missed.items():
        assert abs(far.mean()) <= 3.3 / sqrt(count), name
    spread = np.sqrt(np.mean([np.square(far).mean() for far in missed.values()]))
    assert 0.75 <= spread <= 1.25


def test_known_taste_is_found_again() -> None:
    """θ, k_a, k_l, W and μ are missed by as much as their standard errors say, and either way."""
    missed = errors(Truth(), seeds=16)
    assert set(missed) == set(TASTE)
    looks_normal(missed)


def test_known_curvature_is_found_again() -> None:
    """So with ρ and the worth of leaving among them."""
    missed = errors(Truth(curvature=2.0, outside_usd=0.001), seeds=10, curvature=None)
    assert set(missed) == {*TASTE, "curvature", "outside_usd"}
    looks_normal(missed)


def ragged(choices: Choices, seed: int) -> Choices:
    """The choices, with some of the alternatives that nobody chose left out."""
    last = choices.alternative == choices.alternative.max() - 1
    lost = last & ~choices.chosen & (np.random.default_rng(seed).random(len(last)) < 0.5)
    return kept(choices, ~lost)


CASES = [
    pytest.param(Truth(), {}, id="linear"),
    pytest.param(Truth(weight_latency=0.5), {"additive": True}, id="additive"),
    pytest.param(Truth(curvature=1.5), {"curvature": 1.5}, id="curved"),
    pytest.param(Truth(outside_usd=0.002), {}, id="outside"),
    pytest.param(Truth(curvature=2.0, outside_usd=0.001), {"curvature": None}, id="curvature"),
]


@pytest.mark.parametrize(("truth", "options"), CASES)
def test_the_maximum_is_scipys(truth: Truth, options: dict[str, float | bool | None]) -> None:
    """The likelihood in θ, k, W and μ themselves has its maximum there, and these covariances.

    Tasks have two to four alternatives. Standard errors are of the observed information there and
    of the expected one here, which are the same but where the curvature is estimated.
    """
    choices = ragged(simulate(120, 4, 3, truth, 1), 1)
    found = fit(choices, scale=SCALE, **options).segments[0]  # type: ignore[arg-type]
    start = {n: 1.1 * getattr(truth, n) for n in ORDER if getattr(truth, n)}
    fixed = options.get("curvature", 0.0)
    if fixed is not None:
        start.pop("curvature", None)
    other = maximised(
        choices, SCALE, start, additive=bool(options.get("additive")), curvature=fixed or 0.0
    )
    assert found.loglik == pytest.approx(other.loglik, abs=1e-6)
    assert found.clustered
    close = 1e-3 if fixed is not None else 0.1
    plain = np.sqrt(np.diag(other.plain))
    sandwich = np.sqrt(np.diag(other.clustered))
    for n, name in enumerate(other.names):
        assert abs(found[name].value - other.values[n]) < 1e-3 * plain[n], name
        assert found[name].standard_error == pytest.approx(sandwich[n], rel=close), name


def test_plain_errors_are_of_the_information() -> None:
    """Where each respondent answers one task, standard errors are those of the information."""
    choices = simulate(480, 1, 3, Truth(), 2)
    found = fit(choices, scale=SCALE).segments[0]
    other = maximised(choices, SCALE, {n: getattr(Truth(), n) for n in TASTE})
    assert not found.clustered
    assert any("plain" in note for note in found.notes)
    for name, error in zip(other.names, np.sqrt(np.diag(other.plain)), strict=True):
        assert found[name].standard_error == pytest.approx(error, rel=1e-3), name


def exact(wins: dict[str, int], tasks: int) -> Choices:
    """Pairs that differ in one attribute each, of which the better wins so many times.

    Accuracy 0.9 against 0.6, 200 against 2,000 ms, 0 against 0.3 g, 0.002 against 0.004 USD.
    """
    worse = {"accuracy": 0.6, "latency_ms": 2000.0, "carbon_g": 0.3, "price_usd": 0.004}
    better = {"accuracy": 0.9, "latency_ms": 200.0, "carbon_g": 0.0, "price_usd": 0.002}
    rows: list[dict[str, float]] = []
    for name in better:
        for n in range(tasks):
            won = n < wins[name]
            rows.append({**worse, name: better[name], "chosen": won, "task": len(rows) // 2})
            rows.append({**worse, "chosen": not won, "task": len(rows) // 2})
    columns = {key: np.array([row[key] for row in rows]) for key in (*worse, "chosen", "task")}
    columns["chosen"] = columns["chosen"].astype(bool)
    count = np.arange(len(rows))
    return Choices(respondent=count // 2, alternative=count % 2, **columns)


def test_willingness_to_pay_in_closed_form() -> None:
    """Where pairs differ in one attribute each, b is the log odds, its variance 1/(n·f·(1 − f))."""
    wins, n = {"accuracy": 80, "latency_ms": 70, "carbon_g": 60, "price_usd": 75}, 100
    found = fit(exact(wins, n), additive=True).segments[0]
    b = {name: log(won / (n - won)) for name, won in wins.items()}
    var = {name: 1 / (n * (won / n) * (1 - won / n)) for name, won in wins.items()}
    money = b["price_usd"] / 0.002
    parts = {name: sqrt(var[name] / b[name] ** 2 + var["price_usd"] / b["price_usd"] ** 2)
             for name in b}  # fmt: skip
    for label, name, steps in (
        ("0.01 more accuracy", "accuracy", 30),
        ("100 ms less latency", "latency_ms", 18),
        ("1 g less carbon", "carbon_g", 0.3),
    ):
        want = b[name] / money / steps
        assert found[label].value == pytest.approx(want, rel=1e-5)
        assert found[label].standard_error == pytest.approx(want * parts[name], rel=1e-4)
    quality = b["accuracy"] + b["latency_ms"]
    assert found["weight_accuracy"].value == pytest.approx(b["accuracy"] / quality, rel=1e-5)
    theta = b["carbon_g"] / (quality + b["carbon_g"])
    assert found["consciousness"].value == pytest.approx(theta, rel=1e-5)
    assert found["scale_usd"].value == pytest.approx(1 / money, rel=1e-5)
    assert found["scale_usd"].standard_error == pytest.approx(
        sqrt(var["price_usd"]) / b["price_usd"] / money, rel=1e-4
    )
    assert found["usd_per_utility"].value == pytest.approx((quality + b["carbon_g"]) / money)
    assert found.loglik == pytest.approx(
        sum(w * log(w / n) + (n - w) * log(1 - w / n) for w in wins.values())
    )
    assert found.null_loglik == pytest.approx(4 * n * log(0.5))
    assert found.rho2 == pytest.approx(1 - found.loglik / found.null_loglik)


def test_willingness_to_pay_is_a_slope_of_worth() -> None:
    """With curves and an interaction it is what a small step at the mean is worth, by `utility`."""
    choices = simulate(300, 4, 3, Truth(curvature=2.0), 3)
    found = fit(choices, scale=SCALE, curvature=None)
    told = {n: found.segments[0][n].value for n in (*TASTE, "curvature")}
    mean = [float(getattr(choices, a).mean()) for a in ("accuracy", "latency_ms", "carbon_g")]

    def worth(*step: float) -> float:
        at = [np.array([m + s]) for m, s in zip(mean, step, strict=True)]
        one = replaced(choices, accuracy=at[0], latency_ms=at[1], carbon_g=at[2],
                       price_usd=np.array([0.0]))  # fmt: skip
        return float(Truth(**told).worth_usd(one)[0])

    for label, step, times in (
        ("0.01 more accuracy", (1e-6, 0, 0), 1e4),
        ("100 ms less latency", (0, -1e-3, 0), 1e5),
        ("1 g less carbon", (0, 0, -1e-6), 1e6),
    ):
        want = (worth(*step) - worth(0, 0, 0)) * times
        assert found.segments[0][label].value == pytest.approx(want, rel=1e-4)


def test_clustered_errors_are_the_spread_of_estimates() -> None:
    """Where a respondent's answers are alike, clustered standard errors are what estimates vary by.

    Plain ones are too small by a third. 120 experiments of 150 respondents with 10 tasks each.
    """
    found = [
        fit(simulate(150, 10, 2, Truth(), seed, shock_usd=0.008), scale=SCALE).segments[0]
        for seed in range(120)
    ]
    name = "price", "accuracy"
    values, sandwich, plain = [], [], []
    for one in found:
        at = one.coefficients.names.index(name[1])
        assert one.coefficients.clustered is not None
        values.append(one.coefficients.values[at])
        sandwich.append(sqrt(one.coefficients.clustered[at, at]))
        plain.append(sqrt(one.coefficients.plain[at, at]))
    spread = float(np.std(values))
    assert np.mean(sandwich) == pytest.approx(spread, rel=0.15)
    assert np.mean(plain) < 0.75 * spread


def same(one: Fit, other: Fit, factors: dict[str, float] | None = None) -> None:
    """Both say the same, but for factors by name."""
    assert one.loglik == pytest.approx(other.loglik, abs=1e-6)
    for a, b in zip((*one.estimates, *one.worth), (*other.estimates, *other.worth), strict=True):
        assert a.parameter == b.parameter
        factor = (factors or {}).get(a.parameter, 1.0)
        assert b.value == pytest.approx(factor * a.value, rel=1e-4, abs=1e-12), a.parameter
        assert b.standard_error == pytest.approx(factor * a.standard_error, rel=1e-4), a.parameter


def test_requests_bring_a_bill_to_a_request() -> None:
    """Price and carbon of 1,000 requests, fitted as such, say the same as those of one."""
    choices = simulate(200, 4, 3, Truth(outside_usd=0.001), 4)
    bill = replaced(choices, price_usd=1000 * choices.price_usd, carbon_g=1000 * choices.carbon_g)
    same(fit(choices), fit(bill, requests=1000))
    assert any("1000 requests" in note for note in fit(bill, requests=1000).notes)


def test_money_has_no_unit_of_its_own() -> None:
    """Prices in another currency change W, μ and willingness to pay by its rate, taste not."""
    choices = simulate(200, 4, 3, Truth(), 5)
    money = dict.fromkeys(("usd_per_utility", "scale_usd"), 2.0)
    worth = {e.parameter: 2.0 for e in fit(choices).worth}
    expensive = replaced(choices, price_usd=2 * choices.price_usd)
    same(fit(choices), fit(expensive), {**money, **worth})


def test_the_scale_changes_weights_and_not_the_worth() -> None:
    """On a wider linear scale users choose alike and pay the same for a step."""
    choices = simulate(200, 4, 3, Truth(weight_latency=0.5), 6)
    near = fit(choices, scale=SCALE, additive=True)
    far = fit(choices, scale=Scale(0.0, 1.0, 0.0, 4000.0, 1.0), additive=True)
    assert near.loglik == pytest.approx(far.loglik, abs=1e-6)
    for a, b in zip(near.worth, far.worth, strict=True):
        assert a.value == pytest.approx(b.value, rel=1e-5)
        assert a.standard_error == pytest.approx(b.standard_error, rel=1e-4)
    assert far.segments[0]["consciousness"].value != near.segments[0]["consciousness"].value


def test_who_values_more_pays_more() -> None:
    """Willingness to pay for accuracy rises with k_a and W, that for carbon with θ."""

    def worth(truth: Truth, name: str) -> float:
        return fit(simulate(1000, 4, 3, truth, 7), scale=SCALE).segments[0][name].value

    base, accuracy, carbon = Truth(), "0.01 more accuracy", "1 g less carbon"
    assert worth(replace(base, weight_accuracy=0.8), accuracy) > worth(base, accuracy)
    assert worth(replace(base, usd_per_utility=0.015), accuracy) > worth(base, accuracy)
    assert worth(replace(base, consciousness=0.4), carbon) > worth(base, carbon)


def test_the_default_scale_is_the_ranges() -> None:
    """Without a scale it is the table's ranges, and says so; with one, what is beyond is told."""
    choices = simulate(200, 4, 3, Truth(), 8)
    assert fit(choices).scale == SCALE
    assert any("the ranges of the table" in note for note in fit(choices).notes)
    narrow = fit(choices, scale=replace(SCALE, accuracy_max=0.85, latency_min_ms=300.0))
    beyond = int(((choices.accuracy > 0.85) | (choices.latency_ms < 300)).sum())
    assert any(f"{beyond} alternatives lie beyond" in note for note in narrow.notes)


def test_offers_that_are_taken_or_refused() -> None:
    """One offer a task against none of these: all of taste and the worth of leaving are found."""
    truth = Truth(outside_usd=0.002)
    found = fit(simulate(2000, 6, 1, truth, 9), scale=SCALE)
    for one in found.estimates:
        assert abs(one.value - getattr(truth, one.parameter)) < 3 * one.standard_error
    users = found.users()
    assert users.may_leave
    assert users.leaving_usd(0.5) == found.segments[0]["outside_usd"].value


def test_segments_are_fitted_apart() -> None:
    """Each segment says what it says alone; shares are of respondents; μ is their mean."""
    green = simulate(300, 4, 3, Truth(consciousness=0.5), 10)
    grey = simulate(100, 8, 3, Truth(consciousness=0.05, scale_usd=0.003), 11)
    both = joined(green, grey, ("green", "grey"))
    found = fit(both, scale=SCALE)
    for one, alone in zip(found.segments, (green, grey), strict=True):
        other = fit(alone, scale=SCALE).segments[0]
        assert one.loglik == pytest.approx(other.loglik, abs=1e-9)
        assert one["consciousness"].value == pytest.approx(other["consciousness"].value)
    users = found.users()
    assert [(s.id, s.share) for s in users.segments] == [("green", 0.75), ("grey", 0.25)]
    mean = sum(one.share * one["scale_usd"].value for one in found.segments)
    assert users.scale_usd == pytest.approx(mean)
    assert any("a population has one scale_usd" in note for note in found.notes)
    assert (found.tasks, found.respondents) == (2000, 400)
    assert 0 < found.rho2 < 1


def joined(one: Choices, other: Choices, names: tuple[str, str]) -> Choices:
    """Two experiments with different respondents as one, with their names as segments."""
    columns = {
        n: np.concatenate([getattr(one, n), getattr(other, n)])
        for n in (
            "task",
            "alternative",
            "accuracy",
            "latency_ms",
            "carbon_g",
            "price_usd",
            "chosen",
        )
    }
    first, more = len(one.task), len(other.task)
    return Choices(
        respondent=np.concatenate([one.respondent, other.respondent + 10**6]),
        segment=np.array([names[0]] * first + [names[1]] * more),
        **columns,
    )


def test_fitted_users_choose_as_they_did() -> None:
    """The population carries W and μ in USD whatever a class costs, and θ, k, ρ as fitted."""
    found = fit(simulate(500, 4, 3, Truth(curvature=1.0), 12), scale=SCALE, curvature=1.0)
    one = found.segments[0]
    for price in (0.001, 1.0):
        people = population(found.users(), price)
        assert people.names == ("all",)
        assert people.scale_usd == one["scale_usd"].value
        assert people.taste.usd_per_utility.tolist() == [one["usd_per_utility"].value]
        assert people.taste.consciousness.tolist() == [one["consciousness"].value]
        assert people.taste.curvature.tolist() == [1.0]


def test_what_makes_errors_wide_is_told() -> None:
    """Few respondents, a price that hardly matters, attributes that nearly move together."""
    few = fit(simulate(20, 12, 3, Truth(), 15), scale=SCALE).segments[0]
    assert any("20 respondents are few" in note for note in few.notes)
    vague = fit(simulate(40, 4, 3, Truth(scale_usd=0.03), 37), scale=SCALE).segments[0]
    assert 0 < vague["scale_usd"].z < 1.96
    assert any("price hardly moves" in note for note in vague.notes)
    base = simulate(300, 4, 3, Truth(), 17)
    noise = np.random.default_rng(0).normal(0, 0.003, len(base.task))
    close = replaced(base, carbon_g=0.1 + 0.2 * (base.accuracy - 0.6) / 0.3 + noise)
    told = fit(close, scale=SCALE).segments[0].notes
    assert any("carbon_g nearly moves together" in note for note in told)


def test_one_respondent_has_no_clusters() -> None:
    """All tasks by one respondent: plain standard errors, and a note that says so."""
    alone = replaced(simulate(300, 1, 3, Truth(), 18), respondent=np.zeros(900, dtype=int),
                     task=np.arange(900) // 3)  # fmt: skip
    one = fit(alone, scale=SCALE).segments[0]
    assert not one.clustered
    assert any("one respondent answered" in note for note in one.notes)


def test_figures_by_name_and_their_intervals() -> None:
    """An estimate has z and an interval of ±1.96 standard errors; a name that is none is told."""
    one = fit(simulate(100, 4, 3, Truth(), 20), scale=SCALE).segments[0]
    theta = one["consciousness"]
    assert theta.z == theta.value / theta.standard_error
    assert theta.high - theta.value == pytest.approx(1.959964 * theta.standard_error, rel=1e-6)
    assert theta.value - theta.low == pytest.approx(1.959964 * theta.standard_error, rel=1e-6)
    with pytest.raises(KeyError, match="theta"):
        one["theta"]


def test_the_curvature_is_not_a_line_only_because_a_line_is_even() -> None:
    """Where bending a line either way fits equally better, the search does not stay at the line.

    Both ends of the scale of accuracy show alike and strongly, the long middle hardly: the
    likelihood is even at ρ = 0, which is its least nearby.
    """
    base = {"accuracy": 0.6, "latency_ms": 2000.0, "carbon_g": 0.3, "price_usd": 0.004}
    shown = [
        ("accuracy", 0.6, 0.63, 70), ("accuracy", 0.87, 0.9, 70), ("accuracy", 0.63, 0.87, 55),
        ("latency_ms", 2000.0, 200.0, 70), ("carbon_g", 0.3, 0.0, 60),
        ("price_usd", 0.004, 0.002, 75),
    ]  # fmt: skip
    rows: list[dict[str, float]] = []
    for name, worse, better, won in shown:
        for n in range(100):
            rows += [{**base, name: better, "chosen": n < won},
                     {**base, name: worse, "chosen": n >= won}]  # fmt: skip
    columns = {key: np.array([row[key] for row in rows]) for key in (*base, "chosen")}
    columns["chosen"] = columns["chosen"].astype(bool)
    pair = np.arange(len(rows)) // 2
    choices = Choices(
        respondent=pair, task=0 * pair, alternative=np.arange(len(rows)) % 2, **columns
    )
    found = fit(choices, scale=SCALE, curvature=None, additive=True).segments[0]
    at = {
        rho: fit(choices, scale=SCALE, curvature=rho, additive=True).segments[0].loglik
        for rho in (-20.0, -16.0, -12.0, -3.0, 0.0, 3.0, 12.0, 20.0)
    }
    assert at[-3.0] == pytest.approx(at[3.0])
    assert at[0.0] < at[3.0] - 1.0
    assert found.loglik >= max(at.values())
    assert abs(found["curvature"].value) > 12.0
