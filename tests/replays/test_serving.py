"""Replicas that need time to start, and round trips that jitter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from tests.replays.worlds import Fixed, Kept, thin
from tests.shipped import shipped
from wattlas.errors import InputError
from wattlas.model.scenario import Scenario
from wattlas.policy.protocol import Observed
from wattlas.replays.arrivals.stream import AtRates
from wattlas.replays.fleet import Replicas
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import ArrivalArrays, Desk
from wattlas.replays.run import replay
from wattlas.replays.service.model import ServiceModel
from wattlas.replays.service.pool import run_to
from wattlas.replays.service.serving import Serving

STEP_S = 0.02


@pytest.fixture(scope="module")
def tiny() -> Scenario:
    """The tiny example, a little of its demand, five hours."""
    return thin(shipped("tiny"), 0.01, 5)


class Moving(Fixed):
    """The nearest open place of each class in even hours, the farthest in odd ones."""

    def place(self, open_: np.ndarray, latency_ms: np.ndarray, observed: Observed) -> int:
        """As `Fixed`, or the other end."""
        hour = int((observed.utc - self.scenario.hours.utc[0]) / np.timedelta64(1, "h"))
        if hour % 2:
            return int(np.where(open_, latency_ms, -1.0).argmax())
        return super().place(open_, latency_ms, observed)


def _one_at_a_time(scenario: Scenario) -> dict[str, ServiceModel]:
    """Service models with one request at a time: `tokens_out` steps of the same length."""
    return {point.id: ServiceModel(STEP_S, batch=1) for point in scenario.points}


@pytest.mark.parametrize("start_s", [0.0, 300.0, 5000.0])
@pytest.mark.parametrize("pooled", [False, True])
def test_what_starts_serves_nothing_before(tiny: Scenario, start_s: float, pooled: bool) -> None:
    """Each request once; at every replica first come, first served, from the later of the request,
    the answer before it and the end of the replica's start: Lindley's recursion, by hand.
    """
    kept = Kept()
    stream = AtRates(tiny, seed=5)
    serving = Serving(_one_at_a_time(tiny), pooled, start_s)
    outcome = replay(tiny, Moving(tiny), stream, serving=serving, sink=kept)
    rows = np.hstack(kept.all())
    came = sum(len(batch.at_s) for batch in stream.batches())
    np.testing.assert_array_equal(np.sort(rows[:, 4]), np.arange(came))
    assert outcome.served == came > 500
    if pooled:
        return
    arrived, first, last = rows[:, 0], rows[:, 1], rows[:, 2]
    tokens, replica, pool = rows[:, 10], rows[:, 7], rows[:, 6]
    hour_of = (arrived // 3600).astype(int)
    used = {(p, r, h) for p, r, h in zip(pool, replica, hour_of, strict=True)}
    on = {(p, h) for p, h in zip(pool, hour_of, strict=True)}
    held = 0
    for here in {(p, r) for p, r in zip(pool, replica, strict=True)}:
        mine = np.flatnonzero((pool == here[0]) & (replica == here[1]))
        mine = mine[np.argsort(arrived[mine], kind="stable")]
        free = 0.0
        for n in mine:
            hour = hour_of[n]
            began = first[n] - STEP_S
            ready = hour * 3600.0 + start_s
            # In the first hour all is warm; later, a pool that nobody used in the hour before is
            # cold where it has nothing left to do.
            cold = hour > 0 and (here[0], hour - 1) not in on and free <= hour * 3600.0
            warm = hour == 0 or (*here, hour - 1) in used or free > hour * 3600.0
            begin = max(arrived[n], free)
            late = max(begin, ready)
            assert cold or warm or began == pytest.approx(begin) or began == pytest.approx(late)
            begin = late if cold else begin if warm else began
            assert began == pytest.approx(begin, abs=1e-6)
            free = begin + tokens[n] * STEP_S
            assert last[n] == pytest.approx(free, abs=1e-6)
            held += cold and arrived[n] < ready
    assert (held > 20) == (start_s > 0)


def test_what_waits_for_any_replica_is_served_when_all_are_switched_off(tiny: Scenario) -> None:
    """One queue for a pool, far too few replicas, and the last hour ends: each request once."""
    slow = {point.id: ServiceModel(20.0, batch=1) for point in tiny.points}
    kept, stream = Kept(), AtRates(tiny.at_hours([0]), seed=1)
    outcome = replay(
        tiny.at_hours([0]), Fixed(tiny.at_hours([0])), stream, serving=Serving(slow, pooled=True),
        sink=kept,
    )  # fmt: skip
    came = sum(len(batch.at_s) for batch in stream.batches())
    assert outcome.served == came
    rows = np.hstack(kept.all())
    assert (rows[:, 2] > 3600.0).sum() > came / 2
    # Shared out evenly among the replicas of their pool, which all were busy until then.
    begun_later = rows[:, 1] - 20.0 > 3600.0
    several = 0
    for pool in np.unique(rows[begun_later, 6]):
        mine = rows[rows[:, 6] == pool]
        served = [np.count_nonzero(begun_later & (rows[:, 6] == pool) & (rows[:, 7] == replica))
                  for replica in np.unique(mine[:, 7])]  # fmt: skip
        assert max(served) - min(served) <= 1
        several += len(served) > 1
    assert several


def test_requests_go_to_what_is_on_before_what_starts(tiny: Scenario) -> None:
    """While one of two replicas starts, all requests queue at the other; then the emptier one."""
    serving = Serving(_one_at_a_time(tiny), start_s=10.0)
    replicas = Replicas.of(tiny, serving)
    on = np.zeros(len(replicas.models), np.int64)
    on[2] = 1
    replicas.switch(on, 0.0)
    on = on.copy()
    on[2] = 2
    replicas.switch(on, 0.0)
    at_s = np.concatenate([np.arange(5) * 0.5, [10.5, 10.6, 10.7]])
    count = len(at_s)
    tokens = np.column_stack([np.ones(count), np.full(count, 500)]).astype(np.int64)  # 10 s each
    zeros, one = np.zeros(1), np.zeros(1, np.int64)
    desk = Desk(
        np.array([0, 1, 1]), np.array([2]), np.ones(1), zeros.copy(), zeros, np.full(1, S.BIG),
        one, np.full(1, -1), one, np.zeros((1, 3)), one.copy(), on,
    )  # fmt: skip
    came = ArrivalArrays(at_s, np.zeros(count, np.int64), tokens, np.arange(count), np.zeros(0))
    out = S.new_records(count + 1)
    sums = S.new_sums(len(tiny.classes), np.zeros((0, 2), np.int64), np.ones(1, np.int64))
    fleet = run_to(replicas.pools, replicas.fleet, sums, desk, came, out, S.BIG)
    number = np.zeros(count, np.int64)
    number[out.what[:count, 0]] = out.what[:count, 3] - replicas.pools.first[2]
    np.testing.assert_array_equal(number, [0, 0, 0, 0, 0, 1, 1, 1])
    assert (fleet.load == 0).all()


def test_round_trips_jitter_as_stated(tiny: Scenario) -> None:
    """Over its median a request's round trip is lognormal with the 95th percentile that was stated;
    it is the request's own, whatever the policy, and answers come later by it alone.
    """
    kept = {}
    for name, policy in (("fixed", Fixed(tiny)), ("moving", Moving(tiny))):
        for ratio in (1.0, 1.5):
            sink = Kept()
            replay(
                tiny, policy, AtRates(tiny, seed=2), sink=sink,
                serving=Serving(_one_at_a_time(tiny), rtt_p95=ratio, seed=2),
            )  # fmt: skip
            rows = np.hstack(sink.all())
            kept[name, ratio] = rows[np.argsort(rows[:, 4])]
    longer = kept["fixed", 1.5][:, 3] / kept["fixed", 1.0][:, 3]
    sigma = np.log(1.5) / 1.6448536269514722
    assert kstest(np.log(longer) / sigma, "norm").pvalue > 1e-3
    np.testing.assert_array_equal(kept["fixed", 1.5][:, :3], kept["fixed", 1.0][:, :3])
    other = kept["moving", 1.5][:, 3] / kept["moving", 1.0][:, 3]
    np.testing.assert_allclose(other, longer, rtol=1e-12)


def test_bad_servings_are_refused_with_everything_that_is_wrong(tiny: Scenario) -> None:
    """A negative start, a percentile below the median, a point that is not there."""
    with pytest.raises(InputError) as error:
        Serving(start_s=-1.0, rtt_p95=0.9)
    assert {problem.where for problem in error.value.problems} == {
        "serving.start_s", "serving.rtt_p95"
    }  # fmt: skip
    with pytest.raises(InputError, match=r"services.none: is no operating point"):
        Serving({"none": ServiceModel(0.1)}).check(tiny)
    assert replace(Serving(), rtt_p95=2.0).rtt_p95 == 2.0
