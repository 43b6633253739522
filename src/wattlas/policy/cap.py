"""The degradation cap as a rule on two counts, kept at every moment.

    m + k ≤ φ·(n + k)        n answers delivered whole, m permits granted, k permits asked for

Then at most the share φ of the delivered answers is degraded, in the order in which they complete:
the last to be granted of those delivered degraded saw m ≤ φ·(n + 1) − 1 with its own permit in m,
and is itself delivered. Counting a request in n when it is decided breaks this as soon as degraded
answers are faster than full ones. φ is a fraction and is compared in whole numbers, so that no
rounding decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from wattlas.errors import Problem
from wattlas.model.checks import NOT_NEGATIVE, numbers, refuse

MOST_DENOMINATOR = 1_000_000
"""A share that is given as a decimal number is read to a millionth."""
WHOLE = replace(NOT_NEGATIVE, whole=True)


def share_of(value: float | str | Fraction) -> Fraction:
    """φ as a fraction in 0..1: `0.15`, `"3/20"`. Raises InputError for anything else."""
    share: Fraction | None
    try:
        share = Fraction(value).limit_denominator(MOST_DENOMINATOR)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        share = None
    if share is None or not 0 <= share <= 1:
        refuse([Problem("share_max", f"is {value}, wanted 0..1", "Give 0.15 or 3/20 for 15 %.")])
    assert share is not None
    return share


@dataclass(frozen=True)
class Counts:
    """What a contract's window holds: answers `delivered` whole, permits `granted`.

    Granted are those in flight, delivered degraded, or lost; only requests of this contract count.
    """

    delivered: int = 0
    granted: int = 0

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        yield from numbers(self, "counts.", WHOLE, "delivered", "granted")

    def allow(self, share_max: Fraction, permits: int = 1) -> bool:
        """Whether so many further permits may be granted now."""
        return self.room(share_max, permits) == permits

    def grant(self, permits: int = 1) -> Counts:
        """With further permits granted."""
        return Counts(self.delivered, self.granted + permits)

    def deliver(self, answers: int = 1) -> Counts:
        """With further answers delivered whole, degraded or not."""
        return Counts(self.delivered + answers, self.granted)

    def give_back(self, permits: int = 1) -> Counts:
        """With permits returned of requests that failed before the first byte of their answer."""
        return Counts(self.delivered, self.granted - permits)

    def room(self, share_max: Fraction, most: int) -> int:
        """How many of `most` permits may be granted before another answer is delivered.

        m + k ≤ φ·(n + k)  ⇔  k ≤ (p·n − q·m)/(q − p) at φ = p/q < 1; at φ = 1 any number.
        """
        p, q = share_max.numerator, share_max.denominator
        if p == q:
            return most
        return max(min((p * self.delivered - q * self.granted) // (q - p), most), 0)
