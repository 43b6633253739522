"""The menu against enumeration: who is on the front, what costs, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.errors import InputError
from wattlas.model.workload import LatencyTo, OperatingPoint, WorkloadClass, accuracy_falls
from wattlas.tiers.menu import front_mask, menu
from wattlas.units import J_PER_KWH

CHAT = WorkloadClass(
    "chat", 5000.0, tokens_in=1000.0, tokens_out=201.0, latency_to=LatencyTo.FULL_ANSWER
)
FEW = st.integers(0, 4).map(float)
TRIPLES = st.lists(st.tuples(FEW, FEW, FEW), min_size=1, max_size=25)
FINE = st.floats(0, 1, allow_nan=False)


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """At least as accurate, quick and thrifty, and not the same."""
    return one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2] and one != other


def by_enumeration(points: list[tuple[float, float, float]]) -> list[bool]:
    """Every point against every other; of exact duplicates the first stays."""
    return [
        not any(beats(other, one) for other in points) and points.index(one) == n
        for n, one in enumerate(points)
    ]


def mask(points: list[tuple[float, float, float]]) -> list[bool]:
    columns = np.array(points, dtype=float).T
    return [bool(on) for on in front_mask(*columns)]


def point(name: str, accuracy: float, energy_j: float, ms: float = 100.0) -> OperatingPoint:
    return OperatingPoint(name, name, accuracy, request_j=energy_j, ttft_ms=ms)


def of(points: list[tuple[float, float, float]]) -> list[OperatingPoint]:
    return [point(f"p{n}", a / 4, j, ms) for n, (a, ms, j) in enumerate(points)]


@given(TRIPLES)
@examples(500)
def test_the_front_is_what_enumeration_finds(points: list[tuple[float, float, float]]) -> None:
    """On a coarse grid, where ties and duplicates are common."""
    assert mask(points) == by_enumeration(points)


@given(st.lists(st.tuples(FINE, FINE, FINE), min_size=1, max_size=60))
@examples(200)
def test_the_front_of_scattered_points(points: list[tuple[float, float, float]]) -> None:
    """The same where hardly two figures agree."""
    assert mask(points) == by_enumeration(points)


def test_the_front_of_many_points() -> None:
    """Two thousand points on a surface and above it, against comparisons of all pairs."""
    draw = np.random.default_rng(7)
    accuracy, ms = draw.random(2000), draw.random(2000)
    energy = accuracy - ms + 1.0 + np.where(draw.random(2000) < 0.7, draw.random(2000), 0.0)
    no_worse = (accuracy[:, None] >= accuracy) & (ms[:, None] <= ms) & (energy[:, None] <= energy)
    np.fill_diagonal(no_worse, False)
    want = ~no_worse.any(axis=0)
    assert 100 < want.sum() < 1900
    assert np.array_equal(front_mask(accuracy, ms, energy), want)


@given(TRIPLES, st.tuples(FEW, FEW, FEW))
@examples(200)
def test_another_point_can_only_push_others_off(
    points: list[tuple[float, float, float]], more: tuple[float, float, float]
) -> None:
    """Nobody comes onto the front because a point is added; and every point stays covered."""
    before, after = mask(points), mask([*points, more])
    assert all(on or not then for on, then in zip(before, after, strict=False))
    front = [p for p, on in zip([*points, more], after, strict=True) if on]
    for one in [*points, more]:
        assert any(kept == one or beats(kept, one) for kept in front)
    for one in front:
        assert not any(beats(other, one) for other in front)


def test_a_menu_holds_what_the_class_says_of_its_points() -> None:
    """Accuracy, service time with its percentile, energy, accelerator time, per request."""
    large = OperatingPoint(
        "large", "big", 0.9, 0.5, 2.0, 0.001, 0.01, 50.0, 0.1, 20.0, itl_p95_ms=30.0,
        hardware="8 x H100", accuracy_by_class={"chat": 0.8},
    )  # fmt: skip
    one = menu(CHAT, [large])
    assert (one.klass, one.ids, one.variants) == ("chat", ("large",), ("big",))
    assert one.hardware == ("8 x H100",)
    assert one.accuracy.tolist() == [0.8]
    assert one.service_ms.tolist() == [50 + 100 + 200 * 20]
    assert one.service_p95_ms.tolist() == [50 + 100 + 200 * 30]
    assert one.energy_kwh == pytest.approx([(500 + 402) / J_PER_KWH])
    assert one.gpu_h == pytest.approx([(1 + 2.01) / 3600])
    assert one.carbon_g(400.0, 1.25) == pytest.approx(902 / J_PER_KWH * 1.25 * 400)
    assert np.isnan(one.cost_usd).all()
    kwh = 902 / J_PER_KWH
    priced = one.priced(80.0, 2.0, 1.25)
    assert priced.cost_usd == pytest.approx([kwh * 1.25 * 0.08 + 3.01 / 3600 * 2.0])


def test_only_points_that_the_class_may_use() -> None:
    """The class's list decides; costs go with their points."""
    points = [point("a", 0.9, 9.0), point("b", 0.5, 5.0), point("c", 0.7, 1.0)]
    own = replace(CHAT, points=("a", "c"))
    one = menu(own, points)
    assert one.ids == ("a", "c")
    assert one.priced(3.6e9, 0.0).cost_usd == pytest.approx([9.0, 1.0])


def test_the_front_is_told_from_most_energy_down() -> None:
    """`front` leaves out what is beaten; `take` keeps the whole menu's judgement."""
    points = [point("green", 0.5, 1.0), point("beaten", 0.5, 4.0), point("good", 0.9, 3.0)]
    one = menu(CHAT, points)
    assert one.front().ids == ("good", "green")
    assert one.front().pareto.all()
    assert one.take([1]).ids == ("beaten",)
    assert not one.take(np.array([False, True, False])).pareto.any()
    assert one.take([1]).klass == "chat"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """A doubled id."""
    points = [point("slow", 0.8, 2.0), point("late", 0.5, 1.0), point("late", 0.6, 1.0)]
    with pytest.raises(InputError) as caught:
        menu(CHAT, points)
    told = {(p.where, p.what) for p in caught.value.problems}
    assert told == {
        ("points.late", "is there twice"),
    }


@pytest.mark.parametrize(
    ("klass", "points"),
    [(CHAT, []), (replace(CHAT, points=()), [point("a", 0.5, 1.0)]),
     (replace(CHAT, points=("b",)), [point("a", 0.5, 1.0)])],
)  # fmt: skip
def test_an_empty_menu_is_refused(klass: WorkloadClass, points: list[OperatingPoint]) -> None:
    """No points at all, or none that the class may use."""
    with pytest.raises(InputError, match=r"classes\.chat\.points: leave nothing on the menu"):
        menu(klass, points)


@given(st.lists(st.tuples(FEW, FEW), max_size=8))
@examples(100)
def test_falls_are_what_all_pairs_say(rows: list[tuple[float, float]]) -> None:
    """A point is named iff some lower level scores more, and with the best of those."""
    level, score = [r[0] for r in rows], [r[1] for r in rows]
    found = {high: low for low, high in accuracy_falls(level, score)}
    for high in range(len(rows)):
        better = [
            score[n] for n in range(len(rows)) if level[n] < level[high] and score[n] > score[high]
        ]
        assert (high in found) == bool(better)
        if better:
            assert score[found[high]] == max(better)
            assert level[found[high]] < level[high]
