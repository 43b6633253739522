"""The rule of the degradation cap."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattlas.errors import InputError
from wattlas.policy.cap import Counts, share_of
from wattlas.replays.kernel.loop import allowed
from wattlas.replays.kernel.state import DELIVERED, GRANTED

SHARES = st.fractions(0, 1, max_denominator=50)


@given(SHARES, st.integers(0, 200), st.integers(0, 200), st.integers(0, 60))
def test_room_is_the_most_that_the_rule_allows(
    share: Fraction, delivered: int, granted: int, most: int
) -> None:
    """Room is found by trying every number of permits against m + k ≤ φ·(n + k)."""
    allowed = [
        k for k in range(most + 1) if k == 0 or granted + k <= share * (delivered + k) or share == 1
    ]
    counts = Counts(delivered, granted)
    assert counts.room(share, most) == max(allowed)
    assert counts.allow(share) == (granted + 1 <= share * (delivered + 1) or share == 1)


def test_the_kernel_of_replays_has_the_same_rule() -> None:
    """For all small counts, a share of nothing and of all among them; as it is written, for what is
    compiled has no way in from here."""
    rule = getattr(allowed, "py_func", allowed)
    for p, q in ((0, 1), (1, 1), (1, 2), (3, 20), (19, 20)):
        share = np.array([p, q], dtype=np.int64)
        for delivered, granted in np.ndindex(45, 25):
            counts = np.zeros(4, dtype=np.int64)
            counts[[DELIVERED, GRANTED]] = delivered, granted
            wanted = Counts(delivered, granted).allow(Fraction(p, q))
            assert bool(rule(counts, share)) is wanted


REQUESTS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.booleans()), max_size=120)


def _finished(share: Fraction, requests: list[tuple[int, int, bool]], settle: bool) -> bool:
    """Whether every prefix of the completed answers keeps the cap; one request a second arrives.

    `settle` counts answers when they are delivered, else already when they are decided.
    """
    counts = Counts()
    running: list[tuple[int, bool, bool]] = []
    done = low = 0
    for now, (full_s, degraded_s, fails) in enumerate([*requests, (99, 99, True)]):
        last = now == len(requests)
        ended = sorted(each for each in running if each[0] <= now or last)
        running = [each for each in running if each not in ended]
        for _, degraded, whole in ended:
            if whole:
                done, low = done + 1, low + degraded
                counts = counts.deliver() if settle else counts
            if low > share * done:
                return False
        if not last:
            degrade = counts.allow(share)
            counts = counts.grant() if degrade else counts
            counts = counts if settle else counts.deliver()
            running.append((now + (degraded_s if degrade else full_s), degrade, not fails))
    return True


@given(SHARES, REQUESTS)
def test_the_cap_holds_in_the_order_of_completion(
    share: Fraction, requests: list[tuple[int, int, bool]]
) -> None:
    """Whatever arrives, however long it takes, whether it ends whole or not."""
    assert _finished(share, requests, settle=True)


def test_a_count_of_decisions_breaks_the_cap() -> None:
    """Fast degraded answers overtake the slow full ones that allowed them."""
    requests = [(30, 1, False)] * 60
    assert _finished(Fraction(3, 20), requests, settle=True)
    assert not _finished(Fraction(3, 20), requests, settle=False)


@pytest.mark.parametrize("value", [-0.1, 1.5, "much", float("nan"), float("inf"), "1/0"])
def test_a_share_is_between_0_and_1(value: float | str) -> None:
    """Anything else is refused with the fix."""
    with pytest.raises(InputError, match="share_max"):
        share_of(value)


def test_a_decimal_share_is_the_fraction_that_it_means() -> None:
    """0.15 is 3/20, not the nearest binary number."""
    assert share_of(0.15) == share_of("0.15") == share_of("3/20") == Fraction(3, 20)


def test_counts_are_whole_and_not_negative() -> None:
    """Both problems are named at once."""
    with pytest.raises(InputError) as caught:
        Counts(-1, 2.5)  # type: ignore[arg-type]
    assert {each.where for each in caught.value.problems} == {"counts.delivered", "counts.granted"}
