"""Every policy under requests: masks, budgets and caps are kept, answer by answer."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.replays.worlds import Kept, green, thin
from wattlas.model.objective import Window
from wattlas.placement.problem.feasibility import feasibility
from wattlas.policy.cap import share_of
from wattlas.policy.registry import entries, policy_of
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.run import replay

SHARES = (0.0, 0.05, 0.15, 0.5, 1.0)


@settings(max_examples=24)
@given(
    st.sampled_from(sorted(entries())),
    st.sampled_from(SHARES),
    st.sampled_from([Window.HOUR, Window.DAY]),
    st.integers(0, 99),
)
def test_every_policy_keeps_what_was_promised(
    name: str, share: float, window: Window, seed: int
) -> None:
    """Of what a contract was answered so far at most its share is degraded, after every answer and
    in each window; and no request ran where it may not, law and budget together.
    """
    world = thin(green(share, window), 0.01)
    kept = Kept()
    outcome = replay(world, policy_of(world, name), AtRates(world, seed=seed), sink=kept)
    when, what = kept.all()
    metro, klass = np.divmod(what[:, 1], len(world.classes))
    judged = feasibility(world)
    region, point = np.divmod(what[:, 2], len(world.points))
    assert judged.allowed[metro, klass, region, point].all()
    contract = next(k for k, one in enumerate(world.classes) if one.contract)
    hour = (when[:, 0] // 3600).astype(int) * (window is Window.HOUR)
    for t in range(hour.max() + 1):
        low = np.cumsum(what[(klass == contract) & (hour == t), 4] == 1)
        for n in np.flatnonzero(np.diff(low, prepend=0)):
            assert Fraction(int(low[n]), int(n) + 1) <= share_of(share)
    assert outcome.over_cap == 0
    assert outcome.requests == outcome.served
