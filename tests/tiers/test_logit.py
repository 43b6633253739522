"""The logit as such: separation against a linear program, padding, and information."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from wattlas.errors import SolverError
from wattlas.tiers.choices import TermValues, centred, spread_of
from wattlas.tiers.estimate import clustered
from wattlas.tiers.logit import Diverges, logit, null_loglik

NAMES = ("x", "y", "z")


def separated(values: np.ndarray, there: np.ndarray) -> bool:
    """Whether some direction puts every chosen alternative first, by a linear program."""
    ahead = (values[:, :1] - values)[there]
    found = linprog(
        -ahead.sum(axis=0), A_ub=-ahead, b_ub=np.zeros(len(ahead)),
        bounds=[(-1, 1)] * values.shape[2], method="highs",
    )  # fmt: skip
    assert found.status == 0
    return bool(-found.fun > 1e-7)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A small experiment of three terms with few levels, in which the first is always chosen."""
    draw = np.random.default_rng(seed)
    tasks, width = int(draw.integers(6, 40)), int(draw.integers(2, 5))
    values = draw.integers(0, int(draw.integers(2, 5)), size=(tasks, width, 3)).astype(float)
    worth = values @ draw.normal(0, 2, 3) + draw.gumbel(size=(tasks, width))
    order = np.argsort(-worth, axis=1)
    values = np.take_along_axis(values, order[:, :, None], axis=1)
    there = np.arange(width)[None] < draw.integers(2, width + 1, size=tasks)[:, None]
    return np.where(there[:, :, None], values, values[:, :1]), there


def test_separation_is_what_a_linear_program_says() -> None:
    """Of 200 small experiments those diverge that are separated, and no others."""
    seen = {True: 0, False: 0}
    for seed in range(200):
        values, there = drawn(seed)
        spread = spread_of(TermValues(values, NAMES), there)
        if min(spread.told(n, [m for m in NAMES if m != n])[0] for n in NAMES) < 1e-6:
            continue
        want = separated(values, there)
        try:
            logit(values, there)
            assert not want, seed
        except Diverges as fault:
            assert want, seed
            scale = np.sqrt((centred(values, there) ** 2).sum(axis=(0, 1)) / there.sum())
            ahead = ((values[:, :1] - values) @ (fault.direction / scale))[there]
            assert ahead.min() > -0.05 * ahead.max(), seed
        seen[want] += 1
    assert min(seen.values()) > 25, seen


def test_one_choice_against_many_is_no_separation() -> None:
    """A term that all but one in 20,000 choose has its maximum, ln(19,999), and its variance."""
    values = np.zeros((20_000, 2, 1))
    values[1:, 0] = 1.0
    values[0, 1] = 1.0
    found = logit(values, np.ones((20_000, 2), dtype=bool))
    assert found.coefficients == pytest.approx([np.log(19_999)], rel=1e-5)
    assert found.covariance.item() == pytest.approx(1 + 1 / 19_999, rel=1e-3)
    with pytest.raises(Diverges):
        logit(values[1:], np.ones((19_999, 2), dtype=bool))


def test_alternatives_that_are_not_there_do_not_count() -> None:
    """Padding with anything that is marked as absent leaves the maximum where it was."""
    draw = np.random.default_rng(1)
    values = draw.normal(size=(200, 2, 3))
    felt = values @ [1.0, -1.0, 0.5] + draw.gumbel(size=(200, 2))
    values = np.take_along_axis(values, np.argsort(-felt, axis=1)[:, :, None], axis=1)
    there = np.ones((200, 2), dtype=bool)
    padded = np.concatenate([values, values[:, :1]], axis=1)
    mask = np.concatenate([there, ~there[:, :1]], axis=1)
    one, other = logit(values, there), logit(padded, mask)
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-5)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-4)
    assert one.loglik == pytest.approx(other.loglik)
    assert null_loglik(mask) == pytest.approx(200 * np.log(0.5))


def loglik(values: np.ndarray, there: np.ndarray, b: np.ndarray) -> float:
    """ln L written down again, by a loop over the tasks."""
    worth = values @ b
    return sum(v[0] - np.log(np.exp(v[own]).sum()) for v, own in zip(worth, there, strict=True))


def test_the_covariance_is_the_inverse_of_the_curvature_of_the_likelihood() -> None:
    """Second differences of ln L say what the closed form says, and first ones are nothing."""
    values, there = drawn(3)
    assert not separated(values, there)
    found = logit(values, there)
    assert found.loglik == pytest.approx(loglik(values, there, found.coefficients), abs=1e-9)
    step = 1e-3 * np.eye(3)
    second = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            corners = [
                sign * loglik(values, there, found.coefficients + a * step[i] + b * step[j])
                for a, b, sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
            ]
            second[i, j] = sum(corners) / 4e-6
    np.testing.assert_allclose(found.covariance, np.linalg.inv(-second), rtol=1e-5)
    np.testing.assert_allclose(found.scores.sum(axis=0), 0, atol=1e-4)


def test_a_search_that_fails_says_so() -> None:
    """Where the search may not take enough steps to the maximum, that is a SolverError."""
    values, there = drawn(3)
    with pytest.raises(SolverError, match="took over 2 steps"):
        logit(values, there, steps=2)


def test_the_sandwich_by_hand() -> None:
    """Two respondents with scores 1 + 1 and −2: meat 8, times G/(G − 1) = 2, bread ½."""
    scores = np.array([[1.0], [1.0], [-2.0]])
    found = clustered(np.array([[0.5]]), scores, np.array([0, 0, 1]))
    assert found.item() == pytest.approx(0.5 * 8 * 0.5 * 2)
