"""Targets under a cap against trying every intensity: breakpoints, crossings, and what holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.errors import InfeasibleError, InputError
from wattlas.model.users import Scale, Users
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.tiers.menu import Menu, menu
from wattlas.tiers.population import Population, population
from wattlas.tiers.targets import Targets, targets
from wattlas.tiers.utility import PerceivedPoints, Taste, default_scale, utility

SCALE = Scale(0.0, 1.0, 0.0, 1000.0, 0.5)
SEE = WorkloadClass("see", 1000.0)
SHARE = st.floats(0, 1)


def taste(theta: float = 0.0, k_a: float = 0.5, k_l: float = 0.5, rho: float = 0.0) -> Taste:
    return Taste(*(np.array([v]) for v in (theta, k_a, k_l, rho, 0.01)))


def served(rows: list[tuple[float, float, float]]) -> Menu:
    """PerceivedPoints of (accuracy, ms, Wh)."""
    points = [
        OperatingPoint(f"p{n}", "v", a, request_j=wh * 3600.0, ttft_ms=ms)
        for n, (a, ms, wh) in enumerate(rows)
    ]
    return menu(SEE, points)


def felt(one: Menu, people: Population | Taste, scale: Scale, g_per_kwh: float) -> np.ndarray:
    """Mean utility of each point at an intensity, from the definition; PUE is in the grams."""
    kinds, weight = (people.taste, people.share) if isinstance(people, Population) else (people, 1)
    points = PerceivedPoints(one.accuracy, one.service_ms, one.energy_kwh * g_per_kwh)
    each = utility(points, kinds, scale)
    return (each * np.reshape(weight, (-1, 1))).sum(axis=0)


MENUS = st.lists(
    st.tuples(SHARE, st.floats(0, 1200), st.floats(0.01, 2.0)), min_size=1, max_size=9
).map(served)
COARSE = st.lists(
    st.tuples(
        st.sampled_from([0.25, 0.5, 0.75]),
        st.sampled_from([100.0, 400.0, 900.0]),
        st.sampled_from([0.25, 0.5, 1.0]),
    ),
    min_size=1,
    max_size=9,
).map(served)
TASTES = st.tuples(SHARE, SHARE, SHARE, st.floats(0, 3)).map(
    lambda t: taste(t[0], t[1] / max(t[1] + t[2], 1.0), t[2] / max(t[1] + t[2], 1.0), t[3])
)


def check_on_a_grid(
    found: Targets, one: Menu, people: Population | Taste, scale: Scale, pue: float
) -> None:
    """At every intensity of a fine grid the target fits and nothing that fits is better."""
    last = float(found.to_g_per_kwh[-1])
    for kappa in np.linspace(0.0, last * 1.05, 400):
        grams = one.energy_kwh * pue * kappa
        fits = grams <= found.cap_g * (1 - 1e-9)
        if not fits.any():
            assert kappa > last * (1 - 1e-8)
        if kappa > last:
            with pytest.raises(InfeasibleError):
                found.at(kappa)
            continue
        n = found.at(kappa)
        assert grams[n] <= found.cap_g * (1 + 1e-9)
        value = felt(one, people, scale, pue * kappa)
        assert value[n] >= value[fits].max(initial=-np.inf) - 1e-9


@given(st.one_of(MENUS, COARSE), TASTES, st.floats(0.01, 1.0), st.floats(1.0, 1.6))
@examples(40)
def test_the_target_is_the_best_that_fits(
    one: Menu, people: Taste, cap_g: float, pue: float
) -> None:
    """Every step, with its crossings, against the definition on a grid of 400 intensities."""
    found = targets(one, cap_g, people, SCALE, pue)
    check_on_a_grid(found, one, people, SCALE, pue)


@given(MENUS, st.floats(0.05, 1.0), st.integers(0, 5))
@examples(20)
def test_a_population_counts_by_its_requests(one: Menu, cap_g: float, seed: int) -> None:
    """Of many kinds of users the mean by requests decides."""
    drawn = population(Users(count=30, seed=seed), 0.01)
    requests = np.random.default_rng(seed).random(30) + 0.1
    people = Population(drawn.taste, requests, drawn.scale_usd)
    scale = default_scale(1000.0, cap_g)
    check_on_a_grid(targets(one, cap_g, people, scale), one, people, scale, 1.0)


@given(st.one_of(MENUS, COARSE), TASTES, st.floats(0.01, 1.0), st.floats(1.0, 1.6))
@examples(40)
def test_what_holds_along_the_steps(one: Menu, people: Taste, cap_g: float, pue: float) -> None:
    """Steps join without a gap from 0 on; energy and utility fall; targets are on the front."""
    found = targets(one, cap_g, people, SCALE, pue)
    assert found.from_g_per_kwh[0] == 0.0
    assert np.array_equal(found.from_g_per_kwh[1:], found.to_g_per_kwh[:-1])
    assert (found.to_g_per_kwh > found.from_g_per_kwh).all()
    assert (np.diff(one.energy_kwh[found.point]) < 0).all()
    assert one.pareto[found.point].all()
    assert found.to_g_per_kwh[-1] == cap_g / (one.energy_kwh * pue).min()
    ends = np.ravel(np.column_stack([found.from_utility, found.to_utility]))
    assert (np.diff(ends) <= 1e-9).all()
    for n, at in enumerate(found.point):
        begin = felt(one, people, SCALE, pue * float(found.from_g_per_kwh[n]))
        assert found.from_utility[n] == pytest.approx(begin[at])


@given(st.one_of(MENUS, COARSE), TASTES, st.floats(0.01, 1.0))
@examples(50)
def test_each_breakpoint_is_a_limit_or_a_crossing(one: Menu, people: Taste, cap_g: float) -> None:
    """A step ends where its point no longer fits, exactly, or where the next is as good."""
    found = targets(one, cap_g, people, SCALE)
    for n, end in enumerate(found.to_g_per_kwh):
        if end == cap_g / one.energy_kwh[found.point[n]]:
            continue
        value = felt(one, people, SCALE, float(end))
        now, then = found.point[n], found.point[n + 1]
        assert value[now] == pytest.approx(value[then], abs=1e-9)


@given(st.one_of(MENUS, COARSE), st.floats(0.01, 1.0), st.floats(0, 3))
@examples(40)
def test_users_of_accuracy_alone_never_gain_any(one: Menu, cap_g: float, rho: float) -> None:
    """θ = 0 and no weight on latency: accuracy never rises with the intensity."""
    found = targets(one, cap_g, taste(0.0, 1.0, 0.0, rho), SCALE)
    assert (np.diff(one.accuracy[found.point]) <= 0).all()


def test_accuracy_may_rise_where_speed_is_given_up() -> None:
    """With latency in the utility a slow large model can follow a fast small one, even at θ = 0."""
    one = served([(0.6, 100.0, 1.0), (0.8, 800.0, 0.5)])
    found = targets(one, 0.1, taste(0.0, 0.2, 0.8), SCALE)
    assert one.accuracy[found.point].tolist() == [0.6, 0.8]


def test_breakpoints_by_hand() -> None:
    """1 Wh, ½ Wh and ¼ Wh under 0.1 g at PUE 1.25: 80, 160 and 320 g/kWh."""
    one = served([(0.9, 100.0, 1.0), (0.7, 100.0, 0.5), (0.5, 100.0, 0.25)])
    found = targets(one, 0.1, taste(0.0, 1.0, 0.0), SCALE, 1.25)
    assert found.point.tolist() == [0, 1, 2]
    assert found.to_g_per_kwh == pytest.approx([80.0, 160.0, 320.0])
    assert found.from_utility == pytest.approx([0.9, 0.7, 0.5])
    assert [found.at(k) for k in (-5.0, 0.0, 80.0, 80.0001, 320.0)] == [0, 0, 0, 1, 2]
    with pytest.raises(InfeasibleError) as none:
        found.at(400.0)
    assert none.value.conflict == (
        "class see: at 400 g/kWh no point keeps within 0.1 g per request; "
        "the least attainable is 0.125 g, by p2"
    )


def test_a_crossing_by_hand() -> None:
    """θ = ½: 0.45 − κ/2000·½ meets 0.25 at half the slope where κ = 800; limits lie beyond."""
    one = served([(0.9, 0.0, 1.0), (0.5, 0.0, 0.5)])
    scale = Scale(0.0, 1.0, 0.0, 1000.0, 1.0)
    found = targets(one, 10.0, taste(0.5, 1.0, 0.0), scale)
    assert found.point.tolist() == [0, 1]
    assert found.to_g_per_kwh == pytest.approx([800.0, 20_000.0])
    assert found.to_utility[0] == pytest.approx(0.45 + 0.5 - 0.5 * 0.8)


def test_of_equals_the_thriftiest() -> None:
    """Who feels latency alone, and none that late, gets the point of least energy at once."""
    one = served([(0.9, 1200.0, 1.0), (0.5, 1200.0, 0.5), (0.7, 1200.0, 0.75)])
    for theta in (0.0, 0.3):
        found = targets(one, 0.1, taste(theta, 0.0, 1.0), SCALE)
        assert found.point.tolist() == [1]


def test_a_point_without_energy_fits_for_ever() -> None:
    """Its step has no end, and no intensity is too dirty."""
    one = served([(0.9, 100.0, 1.0), (0.1, 100.0, 0.0)])
    found = targets(one, 0.1, taste(0.3, 1.0, 0.0), SCALE)
    assert np.isinf(found.to_g_per_kwh[-1])
    assert found.at(1e9) == 1
    assert found.to_utility[-1] == found.from_utility[-1] == pytest.approx(0.7 * 0.1 + 0.3)


def test_without_a_cap_only_taste_decides() -> None:
    """An infinite cap leaves the crossings."""
    one = served([(0.9, 0.0, 1.0), (0.5, 0.0, 0.5)])
    scale = Scale(0.0, 1.0, 0.0, 1000.0, 1.0)
    found = targets(one, np.inf, taste(0.5, 1.0, 0.0), scale)
    assert found.to_g_per_kwh.tolist() == pytest.approx([800.0, np.inf])
    careless = targets(one, np.inf, taste(0.0, 1.0, 0.0), scale)
    assert careless.point.tolist() == [0]


@given(MENUS, TASTES, st.floats(0.01, 1.0), st.floats(0.1, 1.0))
@examples(40)
def test_a_tighter_cap_is_never_better(one: Menu, people: Taste, cap_g: float, part: float) -> None:
    """Less is allowed at every intensity, so the best utility is at most the same."""
    loose, tight = (targets(one, cap, people, SCALE) for cap in (cap_g, cap_g * part))
    for kappa in np.linspace(0.0, float(tight.to_g_per_kwh[-1]) * (1 - 1e-9), 25):
        value = felt(one, people, SCALE, float(kappa))
        assert value[tight.at(kappa)] <= value[loose.at(kappa)] + 1e-9


def test_a_bad_cap_and_a_bad_pue_are_told_together() -> None:
    """Zero grams can only be kept by standing still."""
    one = served([(0.9, 100.0, 1.0)])
    with pytest.raises(InputError) as caught:
        targets(one, 0.0, taste(), SCALE, 0.9)
    assert [p.where for p in caught.value.problems] == ["cap_g", "pue"]
    with pytest.raises(InputError, match="cap_g: is nan"):
        targets(one, float("nan"), taste(), SCALE)


@given(MENUS, st.tuples(SHARE, st.floats(0, 1200), st.floats(0.01, 2.0)), st.floats(0.01, 1.0))
@examples(40)
def test_a_beaten_point_changes_no_target(
    one: Menu, more: tuple[float, float, float], cap_g: float
) -> None:
    """On a scale that does not depend on the menu, another point only matters on the front."""
    rows = list(zip(one.accuracy, one.service_ms, one.energy_kwh * 1e3, strict=True))
    larger = served([*rows, more])
    assume(not larger.pareto[-1])
    scale, people = default_scale(1000.0, cap_g), taste(0.2, 0.5, 0.3)
    before, after = (targets(m, cap_g, people, scale) for m in (served(rows), larger))
    assert before.point.tolist() == after.point.tolist()
