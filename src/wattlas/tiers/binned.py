"""Sums over users for many offers at once.

A user u adopts a contract with probability Pr = σ((d − x)/μ), where d is the discount in USD and
x = L + b depends on the user, the fallback and the degradation cap, not on the discount: L is what
the contract costs the user, b what the alternatives are worth. So users are put into bins of x once
per (fallback, share), and one product with a matrix of σ gives the sums for every discount.

Each user is shared between the two bins beside x, so that the error is of second order in the
width of a bin over μ.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numba
import numpy as np

from wattlas.compiled import kept

BINS_PER_SCALE = 2.0
"""Bins within μ on the grid."""
MOST_BINS = 6000
FEWEST_BINS = 200
REACH = 36.0
"""σ(±36) is 0 or 1 in double precision."""
THREADS = 2
FEW = 32
"""Users who need no bins."""
BLOCK = 2048
"""Users whose columns stay in the processor's cache while all shares are gone through."""


@dataclass(frozen=True)
class UserSums:
    """Sums over users of Pr times something, each (F, I, J): fallbacks, shares, discounts.

    `adopted` Σ n·Pr, `lost` Σ n·L·Pr in USD, `weighed` (K, F, I, J) Σ n·w·Pr for each weight w.
    """

    adopted: np.ndarray
    lost: np.ndarray
    weighed: np.ndarray


@dataclass(frozen=True)
class Choosers:
    """Users as bins take them, and their spread μ in USD.

    `felt` (U, F) USD lost per degraded request; `concern` (U,) USD per gram saved; `beyond` (U,) b;
    `requests` (U,); `weights` (K, U).
    """

    felt: np.ndarray
    concern: np.ndarray
    beyond: np.ndarray
    requests: np.ndarray
    weights: np.ndarray
    scale_usd: float


@dataclass(frozen=True)
class OfferAxes:
    """Offers to judge: `share` (F, I) that is degraded in truth, `grams` (F, I) saved per request
    of the tier, `discount_usd` (J,).
    """

    share: np.ndarray
    grams: np.ndarray
    discount_usd: np.ndarray


def user_sums(users: Choosers, offers: OfferAxes, finer: float = 1.0) -> UserSums:
    """Sums over users for every fallback, share and discount; `finer` divides the bins' width.

    L = share·felt − grams·concern. A few users are summed as they are: that is exact, and quicker.
    """
    if len(users.requests) <= FEW:
        return _exact_sums(users, offers)
    edges = _edges(offers.discount_usd, users.scale_usd, finer)
    fallbacks, shares, bins = *offers.share.shape, len(edges)
    felt = np.asfortranarray(users.felt)
    share, grams, weights = (
        np.ascontiguousarray(a) for a in (offers.share, offers.grams, users.weights)
    )
    binned = np.zeros((fallbacks, shares, bins, 2, 2 + len(weights)))
    per = 1.0 / (edges[1] - edges[0])

    def fill(part: np.ndarray) -> None:
        if len(part):
            _fill(
                felt, share, users.concern, grams, users.beyond, users.requests, weights,
                edges[0], per, binned, part[0], part[-1] + 1,
            )  # fmt: skip

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, np.array_split(np.arange(fallbacks), THREADS)))
    chosen = _chosen(offers.discount_usd, edges, users.scale_usd)
    rows = (binned[..., 0, w].reshape(-1, bins) for w in range(binned.shape[4]))
    upper = (binned[..., 1, w].reshape(-1, bins) for w in range(binned.shape[4]))
    by_weight = np.stack(
        [
            (low @ chosen + high[:, :-1] @ chosen[1:]).reshape(fallbacks, shares, -1)
            for low, high in zip(rows, upper, strict=True)
        ]
    )
    return UserSums(by_weight[0], by_weight[1], by_weight[2:])


def _exact_sums(users: Choosers, offers: OfferAxes) -> UserSums:
    """As `user_sums`, without bins."""
    weighed = np.concatenate([np.ones((1, len(users.requests))), users.weights]) * users.requests
    shape = (*offers.share.shape, len(offers.discount_usd))
    sums, lost_sum = np.zeros((len(weighed), *shape)), np.zeros(shape)
    for f, (share, grams) in enumerate(zip(offers.share, offers.grams, strict=True)):
        lost = share[:, None] * users.felt[:, f] - grams[:, None] * users.concern
        over = offers.discount_usd[None, :, None] - (lost + users.beyond)[:, None, :]
        chance = logistic(over / users.scale_usd) if users.scale_usd else (over >= 0).astype(float)
        sums[:, f] = np.moveaxis(chance @ weighed.T, -1, 0)
        lost_sum[f] = np.einsum("iju,iu->ij", chance, lost * users.requests)
    return UserSums(sums[0], lost_sum, sums[1:])


def logistic(z: np.ndarray) -> np.ndarray:
    """σ(z) = 1/(1 + e^{−z}), without overflow."""
    far: np.ndarray = np.exp(-np.abs(z))
    value: np.ndarray = np.where(z >= 0, 1.0, far) / (1.0 + far)
    return value


def _edges(discount_usd: np.ndarray, scale_usd: float, finer: float) -> np.ndarray:
    low, high = float(discount_usd.min()), float(discount_usd.max())
    width = scale_usd / BINS_PER_SCALE
    span = high - low + 2 * REACH * scale_usd
    wanted = span / width if width > 0 else MOST_BINS
    count = int(np.clip(wanted, FEWEST_BINS, MOST_BINS) * finer) + 2
    air = max(REACH * scale_usd, 1e-9 * max(high, 1e-300))
    return np.linspace(low - air, high + air, count)


def _chosen(discount_usd: np.ndarray, edges: np.ndarray, scale_usd: float) -> np.ndarray:
    """Pr at each bin and discount, (B, J); the hard rule where the scale is 0."""
    over = discount_usd[None, :] - edges[:, None]
    if scale_usd == 0:
        hard: np.ndarray = (over >= 0).astype(float)
        return hard
    return logistic(over / scale_usd)


F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F) -> F:
    """Compile a function, without the interpreter lock, and keep the code on disk."""
    jit: Any = numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})
    compiled: F = jit(function)
    return kept(compiled)


@_compiled
def _fill(
    felt: np.ndarray,
    share: np.ndarray,
    concern: np.ndarray,
    grams: np.ndarray,
    beyond: np.ndarray,
    requests: np.ndarray,
    weights: np.ndarray,
    low: float,
    per: float,
    binned: np.ndarray,
    first: int,
    last: int,
) -> None:  # pragma: no cover
    """Put the users into bins for fallbacks `first` to `last`; `binned` (F, I, B, 2, 2 + K)."""
    users, extra, top = felt.shape[0], weights.shape[0], binned.shape[2] - 1.000001
    at, lost = np.empty(BLOCK), np.empty(BLOCK)
    for f in range(first, last):
        for begin in range(0, users, BLOCK):
            count = min(BLOCK, users - begin)
            costs, cares = felt[begin : begin + count, f], concern[begin : begin + count]
            bar, asks = beyond[begin : begin + count], requests[begin : begin + count]
            for i in range(share.shape[1]):
                part, saved = share[f, i], grams[f, i]
                for u in range(count):
                    lost[u] = part * costs[u] - saved * cares[u]
                    at[u] = min(max((lost[u] + bar[u] - low) * per, 0.0), top)
                bins = binned[f, i]
                for u in range(count):
                    k = int(at[u])
                    upper = asks[u] * (at[u] - k)
                    lower = asks[u] - upper
                    bins[k, 0, 0] += lower
                    bins[k, 0, 1] += lower * lost[u]
                    bins[k, 1, 0] += upper
                    bins[k, 1, 1] += upper * lost[u]
                for w in range(extra):
                    for u in range(count):
                        k = int(at[u])
                        upper = asks[u] * (at[u] - k) * weights[w, begin + u]
                        bins[k, 0, 2 + w] += asks[u] * weights[w, begin + u] - upper
                        bins[k, 1, 2 + w] += upper
