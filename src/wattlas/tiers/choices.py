"""The tasks of a choice experiment as rectangles, and what each alternative is worth in terms.

    V = b_a·u_a + b_l·u_l + b_al·u_a·u_l + b_c·(1 − c/c_ref) − b_p·price + b_0·[none of these]

Section 7 of the model over μ: b_a = W(1 − θ)k_a/μ, b_l and b_al likewise, b_c = Wθ/μ, b_p = 1/μ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.model.choices import ATTRIBUTES, Choices
from wattlas.model.users import Scale
from wattlas.tiers.utility import PerceivedPoints, accuracy_score, curved, latency_score

ACCURACY, LATENCY, BOTH, CARBON, PRICE, OUTSIDE = (
    "accuracy",
    "latency",
    "accuracy × latency",
    "carbon",
    "price",
    "none of these",
)
"""Names of the terms of V."""
SAME = 1e-6
"""A term is told by others where less than this of its spread within tasks is its own."""


@dataclass(frozen=True)
class Tasks:
    """N tasks of up to J alternatives each, the chosen one first; arrays (N, J).

    Where `there` is False a task has fewer alternatives, and holds the chosen one again.
    `respondent` (N,) numbers who answered. Attributes of "none of these" are nan.
    """

    accuracy: np.ndarray
    latency_ms: np.ndarray
    carbon_g: np.ndarray
    price_usd: np.ndarray
    there: np.ndarray
    respondent: np.ndarray

    @property
    def outside(self) -> np.ndarray:
        """Which alternatives are "none of these", (N, J)."""
        none: np.ndarray = np.isnan(self.price_usd)
        return none

    @property
    def offered(self) -> np.ndarray:
        """Which alternatives are there and are not "none of these", (N, J)."""
        offered: np.ndarray = self.there & ~self.outside
        return offered

    @property
    def clusters(self) -> int:
        """Number of respondents."""
        return len(np.unique(self.respondent))


def tasks_of(choices: Choices, rows: np.ndarray, requests: float = 1.0) -> Tasks:
    """The tasks that some rows (R,) of a sound table make up; price and carbon over `requests`."""
    number = np.unique(choices.task_number[rows], return_inverse=True)[1]
    order = rows[np.lexsort((~choices.chosen[rows], number))]
    size = np.bincount(number)
    slot = np.arange(size.max())[None]
    there = slot < size[:, None]
    start = np.cumsum(size) - size
    index = order[start[:, None] + np.where(there, slot, 0)]
    over = {"carbon_g": requests, "price_usd": requests}
    columns = {a: getattr(choices, a)[index] / over.get(a, 1.0) for a in ATTRIBUTES}
    respondent = np.unique(choices.respondent[index[:, 0]], return_inverse=True)[1]
    return Tasks(**columns, there=there, respondent=respondent)


def scale_of(choices: Choices, requests: float = 1.0) -> Scale:
    """The ranges of a table: accuracy, latency, and the largest emission as reference.

    A range without a width is widened, so that there is a scale on which to say so.
    """
    accuracy_min, accuracy_max = _range(choices.accuracy, 0.5)
    latency_min, latency_max = _range(choices.latency_ms, 500.0)
    most = float(np.nanmax(choices.carbon_g, initial=0.0)) / requests
    return Scale(accuracy_min, accuracy_max, latency_min, latency_max, most if most > 0 else 1.0)


def _range(values: np.ndarray, half: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 2.0 * half
    low, high = float(known.min()), float(known.max())
    return (low, high) if low < high else (low - half, high + half)


@dataclass(frozen=True)
class TermValues:
    """What multiplies each coefficient: `values` (N, J, K) and the names of the K terms."""

    values: np.ndarray
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> np.ndarray:
        """One term, (N, J)."""
        column: np.ndarray = self.values[:, :, self.names.index(name)]
        return column


def scores(tasks: Tasks, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """q_a and q_l of every alternative, (N, J) each; 0 for "none of these"."""
    points = PerceivedPoints(
        np.nan_to_num(tasks.accuracy, nan=scale.accuracy_min),
        np.nan_to_num(tasks.latency_ms, nan=scale.latency_max_ms),
        tasks.carbon_g,
    )
    return accuracy_score(points, scale), latency_score(points, scale)


def term_values(
    tasks: Tasks, scale: Scale, curvature: float, *, additive: bool = False
) -> TermValues:
    """The terms of V at a curvature ρ; without accuracy × latency where `additive`.

    "None of these" has a constant and nothing else. V has its origin where a request is free, and
    as bad and as dirty as the scale knows.
    """
    u_a, u_l = (_bent(score, curvature) for score in scores(tasks, scale))
    green = np.nan_to_num(1.0 - tasks.carbon_g / scale.reference_g)
    columns = {ACCURACY: u_a, LATENCY: u_l, BOTH: u_a * u_l, CARBON: green}
    columns[PRICE] = -np.nan_to_num(tasks.price_usd)
    if additive:
        del columns[BOTH]
    if (tasks.outside & tasks.there).any():
        columns[OUTSIDE] = tasks.outside.astype(float)
    return TermValues(np.stack(list(columns.values()), axis=2), tuple(columns))


def _bent(score: np.ndarray, curvature: float) -> np.ndarray:
    felt: np.ndarray = curved(score.ravel(), np.array([curvature]))[0].reshape(score.shape)
    return felt


def centred(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Values (N, J, …) less their mean over the task; 0 where there is no alternative."""
    mask = there.reshape(there.shape + (1,) * (values.ndim - 2))
    mean = np.where(mask, values, 0.0).sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
    less: np.ndarray = np.where(mask, values - mean, 0.0)
    return less


@dataclass(frozen=True)
class Spread:
    """Terms less their mean over the task, over their size `norm` (K,).

    `values` (K, K) are their triangular factor: the columns have the lengths and the angles of the
    terms over all alternatives. `norm` is 0 for a term that is alike for all alternatives of each
    task.
    """

    values: np.ndarray
    norm: np.ndarray
    names: tuple[str, ...]

    def told(self, name: str, by: Sequence[str]) -> tuple[float, dict[str, float]]:
        """Which part 0..1 of a term others cannot tell, and how much of each goes into the rest."""
        wanted, known = self._columns([name])[:, 0], self._columns(by)
        if not by or not self.norm[self.names.index(name)]:
            return float(np.linalg.norm(wanted)), {}
        weights = np.linalg.lstsq(known, wanted, rcond=None)[0]
        residual = float(np.linalg.norm(wanted - known @ weights))
        return residual, dict(zip(by, weights.tolist(), strict=True))

    def _columns(self, names: Sequence[str]) -> np.ndarray:
        columns: np.ndarray = self.values[:, [self.names.index(n) for n in names]]
        return columns


def spread_of(design: TermValues, there: np.ndarray) -> Spread:
    """How terms vary within tasks."""
    values = centred(design.values, there)[there]
    norm = np.linalg.norm(values, axis=0)
    norm = np.where(norm > SAME * np.linalg.norm(design.values[there], axis=0), norm, 0.0)
    factor = np.linalg.qr(values / np.where(norm > 0, norm, np.inf)).R
    return Spread(factor, norm, design.names)
