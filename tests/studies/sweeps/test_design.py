"""What a sweep varies: axes from texts, points of a grid and of a Sobol sample."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattlas.errors import UsageError
from wattlas.studies.sweeps.design import (
    Axis,
    DesignKind,
    Point,
    SweepDesign,
    axis_of,
    sobol_points,
)

A, B = Axis("regions.*.pue", (1.1, 1.3)), Axis("policy", ("nearest", "plan"))
SOBOL = DesignKind.SOBOL
RANGES = (Axis("regions.*.pue", low=1.0, high=1.5), Axis("utilisation", low=0.5, high=1.0))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(1, 3))
def test_a_grid_has_every_combination_once(sizes: list[int], seeds: int) -> None:
    """All combinations with all seeds, none twice, as many as `size` says."""
    axes = tuple(Axis(f"regions.r{n}.pue", tuple(range(size))) for n, size in enumerate(sizes))
    design = SweepDesign(axes, "replay", seeds=seeds)
    points = list(design.points())
    wanted = product(product(*(range(size) for size in sizes)), range(seeds))
    assert points == [Point(values, seed) for values, seed in wanted]
    assert len(points) == design.size


@given(st.integers(2, 4), st.integers(1, 5))
def test_a_sobol_sample_is_laid_out_for_the_estimators(dimensions: int, power: int) -> None:
    """Part i is A with column i from B; A and B are balanced in every column."""
    n = 2**power
    parts = sobol_points(dimensions, n).reshape(dimensions + 2, n, dimensions)
    a, b = parts[:2]
    for i, mixed in enumerate(parts[2:]):
        assert np.array_equal(mixed[:, i], b[:, i])
        others = np.arange(dimensions) != i
        assert np.array_equal(mixed[:, others], a[:, others])
    for half in (a, b):  # one point in each of n equal parts of every axis
        assert np.array_equal(np.sort(np.floor(half * n), axis=0)[:, 0], np.arange(n))


def test_a_sobol_sample_keeps_to_its_ranges_and_is_always_the_same() -> None:
    """Values lie within low and high; the same design has the same points."""
    design = SweepDesign(RANGES, "replay", SOBOL, samples=8)
    points = list(design.points())
    assert len(points) == design.size == 8 * 4
    values = np.array([point.values for point in points])
    assert ((values >= (1.0, 0.5)) & (values <= (1.5, 1.0))).all()
    assert points == list(SweepDesign(RANGES, "replay", SOBOL, samples=8).points())


def test_axes_from_texts() -> None:
    """Values are YAML between commas; those in brackets stay together; ranges have a colon."""
    assert axis_of("regions.*.pue=1.1,1.3", DesignKind.GRID) == A
    assert axis_of("policy = nearest, plan", DesignKind.GRID) == B
    assert axis_of('a.b=[1,2],"x,y",true', DesignKind.GRID).values == ([1, 2], "x,y", True)
    assert axis_of("a.b=0.5:2e0", SOBOL) == Axis("a.b", low=0.5, high=2.0)
    for text in ("a.b", "=1", "a.b=", "a.b=1,,2", "a.b=[1"):
        with pytest.raises(UsageError, match="--vary"):
            axis_of(text, DesignKind.GRID)
    with pytest.raises(UsageError, match="low:high"):
        axis_of("a.b=1,2", SOBOL)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    """An unknown setting with the nearest, a value of another kind, a field varied twice."""
    axes = (Axis("polcy", ("plan",)), Axis("scale", (1.0, "much")), A, A)
    with pytest.raises(UsageError) as error:
        SweepDesign(axes, "replay", settings={"scale": 2.0}, seeds=0)
    told = str(error.value)
    for words in ("Did you mean `policy`", "'much' is no number", "varied twice", "is set, too",
                  "--seeds: 0"):  # fmt: skip
        assert words in told


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ({"axes": ()}, "needs a field"),
        ({"axes": (A,), "verb": "plna"}, "Did you mean `plan`"),
        ({"axes": (B,)}, "a plan has no setting `policy`"),
        ({"axes": (A,), "seeds": 2}, "nothing is drawn"),
        ({"axes": (A,), "samples": 4}, "leave it out"),
        ({"axes": (Axis("a.b", (1, 1)),)}, "twice"),
        ({"axes": RANGES[:1], "kind": SOBOL, "samples": 8}, "at least two"),
        (
            {"axes": RANGES, "verb": "replay", "kind": SOBOL, "samples": 12},
            "power of two",
        ),
        (
            {"axes": (A, B), "verb": "replay", "kind": SOBOL, "samples": 8},
            "wants a range",
        ),
        ({"axes": (Axis("a.b", tuple(range(2000))), Axis("a.c", tuple(range(2000))))}, "4,000,000"),
    ],
)
def test_a_design_that_may_not_be(design: dict[str, object], words: str) -> None:
    """Each mistake is named with its option."""
    with pytest.raises(UsageError, match=words):
        SweepDesign(**design)  # type: ignore[arg-type]
