"""One pool of replicas serving a list of requests: the kernel as a function of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattlas.errors import InputError, LimitError, Problem
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import ArrivalArrays, Desk, FleetState, Pools, Records, Sums
from wattlas.replays.service.model import ServiceModel


@dataclass(frozen=True)
class Served:
    """When each request had its first token and its last, in the order of the requests; s.

    `replica` served it, after `preemptions` times that it was sent back. `energy_j` is ∫P(n) dt
    over all replicas from 0 to `end_s`, the last token of all; `first_s` and `last_s` are nan where
    a request is larger than the KV memory.
    """

    first_s: np.ndarray
    last_s: np.ndarray
    replica: np.ndarray
    preemptions: np.ndarray
    energy_j: float
    end_s: float


def pools_of(models: Sequence[ServiceModel], replicas: Sequence[int], pooled: bool) -> Pools:
    """What the kernel knows of some pools: one model and so many replicas of each."""
    widest = max(model.batch for model in models)
    return Pools(
        speed=np.array([[m.step_s, m.token_s, m.context_s, m.reserve] for m in models]),
        size=np.array([[m.batch, m.step_tokens, m.kv_tokens, pooled] for m in models], np.int64),
        power_w=np.array([m.power.at(widest) for m in models]),
        first=np.concatenate([[0], np.cumsum(replicas)]).astype(np.int64),
        pool=np.repeat(np.arange(len(models)), replicas).astype(np.uint32),
    )


def serve(
    model: ServiceModel,
    arrival_s: np.ndarray,
    tokens_in: np.ndarray,
    tokens_out: np.ndarray,
    *,
    replicas: int = 1,
    pooled: bool = False,
) -> Served:
    """Serve requests (n,), sorted by arrival, at one pool of replicas.

    Each goes to the replica with the fewest requests, or waits in one queue for all (`pooled`).
    Raises InputError for arrivals out of order and for tokens below 1.
    """
    _check(arrival_s, tokens_in, tokens_out)
    from wattlas.replays.kernel.loop import charge_all

    count = len(arrival_s)
    pools = pools_of([model], [replicas], pooled)
    sums = S.new_sums(1, np.zeros((0, 2), np.int64), np.ones(1, np.int64))
    came = ArrivalArrays(
        np.asarray(arrival_s, np.float64),
        np.zeros(count, np.int64),
        np.column_stack([tokens_in, tokens_out]).astype(np.int64),
        np.arange(count),
        np.zeros(0),
    )
    out = S.new_records(count + model.batch)
    fleet = run_to(pools, S.new_fleet(pools, 1024), sums, _desk(replicas), came, out, S.BIG)
    end = float(out.when[: fleet.tellers[S.WRITTEN], 2].max(initial=0.0))
    charge_all(pools, fleet, end)
    return _in_order(out, fleet, count, end)


def run_to(
    pools: Pools,
    fleet: FleetState,
    sums: Sums,
    desk: Desk,
    came: ArrivalArrays,
    out: Records,
    until_s: float,
) -> FleetState:
    """Call the kernel until it is done or `out` is full, with more slots where it asks for them.

    Raises LimitError where more requests wait than a slot has numbers.
    """
    from wattlas.replays.kernel.loop import advance  # importing it loads the compiler

    while True:
        advance(pools, fleet, sums, desk, came, out, until_s)
        if fleet.tellers[S.STATUS] != S.NO_SLOT:
            return fleet
        if len(fleet.free) >= S.MOST_SLOTS:
            raise LimitError(
                f"more than {len(fleet.free):,} requests wait at once: the fleet is far too small "
                "for them. Give it more accelerators, or fewer requests."
            )
        fleet = S.with_more_slots(fleet)


def _desk(replicas: int) -> Desk:
    """A routing that leads everything to the one pool."""
    alone = np.zeros(1, np.int64)
    return Desk(
        np.array([0, 1, 1]), alone, np.ones(1), np.zeros(1), np.zeros(1), np.full(1, S.BIG),
        alone, np.full(1, -1), alone, np.zeros((1, 3)), np.zeros(1, np.int64),
        np.array([replicas]),
    )  # fmt: skip


def _in_order(out: Records, fleet: FleetState, count: int, end: float) -> Served:
    written = int(fleet.tellers[S.WRITTEN])
    row = out.what[:written, 0]
    when = np.full((count, 2), np.nan)
    when[row] = out.when[:written, 1:3]
    what = np.zeros((count, 2), np.int64)
    what[row] = out.what[:written][:, [3, 7]]
    energy_j = float(fleet.energy_j.sum())
    return Served(when[:, 0], when[:, 1], what[:, 0], what[:, 1], energy_j, end)


def _check(arrival_s: np.ndarray, tokens_in: np.ndarray, tokens_out: np.ndarray) -> None:
    problems = []
    back = np.flatnonzero(np.diff(arrival_s) < 0)
    if len(back):
        what = f"is before the one of request {back[0]}"
        problems.append(Problem(f"arrival_s[{back[0] + 1}]", what, "Sort the requests by time."))
    for name, tokens in (("tokens_in", tokens_in), ("tokens_out", tokens_out)):
        few = np.flatnonzero(np.asarray(tokens) < 1)
        if len(few):
            what = f"is {tokens[few[0]]}, wanted at least 1"
            problems.append(Problem(f"{name}[{few[0]}]", what, "Leave out requests without them."))
    if problems:
        raise InputError(problems)
