"""An answer has ended, compiled: its place is free, and counts, sums and records hold it."""

from __future__ import annotations

import math

from wattlas.placement.engine.jit import inlined
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import FleetState, Pools, Records, Sums


@inlined
def end_answer(
    pools: Pools, fleet: FleetState, sums: Sums, out: Records, replica: int, slot: int, now: float
) -> None:
    """An answer is delivered whole: its place is free, its contract's counts and sums hold it."""
    job, state = fleet.slot[slot], fleet.replica[replica]
    reserve = pools.speed[state.pool, S.RESERVE] * job.tokens_out
    state.running -= 1
    state.held -= job.tokens_in + job.tokens_out
    state.committed -= job.tokens_in + reserve
    fleet.load[replica] -= 1
    _settle(fleet, sums, slot, now)
    _record(pools, fleet, out, replica, slot, now)
    fleet.free[fleet.tellers[S.FREE]] = slot
    fleet.tellers[S.FREE] += 1


@inlined
def _settle(fleet: FleetState, sums: Sums, slot: int, now: float) -> None:
    job = fleet.slot[slot]
    klass, low = job.kind >> 1, job.kind & 1
    until_first = job.first_token - job.arrived + job.network_s
    until_last = now - job.arrived + job.network_s
    sums.bins[klass, low, 0, _bin(until_first)] += 1
    sums.bins[klass, low, 1, _bin(until_last)] += 1
    sums.served[klass, low, S.SERVED] += 1
    judged = until_first if sums.to_first[klass] == 1 else until_last
    if judged > job.longest_s:
        sums.served[klass, low, S.LATE] += 1
    ledger = job.ledger
    if ledger >= 0:
        counts = sums.counts[ledger]
        counts[S.DELIVERED] += 1
        counts[S.LOW] += low
        if counts[S.LOW] * sums.share[ledger, 1] > sums.share[ledger, 0] * counts[S.DELIVERED]:
            counts[S.OVER] += 1


@inlined
def _bin(seconds: float) -> int:
    if seconds <= S.SHORTEST_S:
        return 0
    return min(1 + int(S.BINS_PER_E * math.log(seconds / S.SHORTEST_S)), S.BINS - 1)


@inlined
def _record(
    pools: Pools, fleet: FleetState, out: Records, replica: int, slot: int, now: float
) -> None:
    if len(out.what) == 0:
        return
    at = fleet.tellers[S.WRITTEN]
    fleet.tellers[S.WRITTEN] += 1
    job, when, what = fleet.slot[slot], out.when[at], out.what[at]
    when[0] = fleet.slot[slot].arrived
    when[1] = fleet.slot[slot].first_token
    when[2] = now
    when[3] = fleet.slot[slot].network_s
    told = fleet.told[slot]
    what[0], what[1], what[2] = told[S.ROW], told[S.SOURCE], pools.pool[replica]
    what[3] = replica
    what[4], what[5], what[6] = job.kind & 1, job.tokens_in, job.tokens_out
    what[7] = told[S.PREEMPTED]
