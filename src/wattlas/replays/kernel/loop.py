"""The loop over arrivals and ends of runs, compiled: who comes is decided on, and then served.

A request of a source (metro, class) goes, in full or degraded, to a place (a pool with a network
time) of the routing's set: to the one that is furthest behind its share. Within the pool it goes to
the replica with the fewest requests, or into one queue for all.
"""

from __future__ import annotations

import numpy as np

from wattlas.placement.engine.jit import entry, inlined
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.ahead import bring_near, note
from wattlas.replays.kernel.lists import append
from wattlas.replays.kernel.replica import boundary, charge, fits, give
from wattlas.replays.kernel.state import (
    I8,
    ArrivalArrays,
    Desk,
    FleetState,
    Pools,
    Records,
    Sums,
    signed,
    unsigned,
)


@inlined
def allowed(counts: I8, share: I8) -> bool:
    """m + 1 ≤ φ·(n + 1) with φ = p/q, in whole numbers: `wattlas.policy.cap.Counts.allow`."""
    if share[0] == share[1]:
        return True
    return bool(share[1] * (counts[S.GRANTED] + 1) <= share[0] * (counts[S.DELIVERED] + 1))


@inlined
def _place(desk: Desk, choice: int) -> int:
    """The place of a set that is furthest behind its share: argmax share·(n + 1) − count."""
    best, most = desk.start[choice], -S.BIG
    for place in range(desk.start[choice], desk.start[choice + 1]):
        behind = desk.behind[place] + desk.share[place]
        desk.behind[place] = behind
        best = place if behind > most else best
        most = max(most, behind)
    desk.behind[best] -= 1.0
    return int(best)


@inlined
def _least_loaded(pools: Pools, fleet: FleetState, desk: Desk, pool: int) -> int:
    """The replica with the fewest requests, the lowest of several: the least (load, number)."""
    best = np.int64(S.MOST_STEPS << 20)
    for replica in range(pools.first[pool], pools.first[pool] + desk.active[pool]):
        best = min(best, np.int64(fleet.load[replica]) << 20 | replica)
    return unsigned(best & ((1 << 20) - 1))


@inlined
def _accept(
    pools: Pools, fleet: FleetState, sums: Sums, desk: Desk, came: ArrivalArrays, n: int
) -> tuple[int, int]:
    """Decide on a request: the place where it goes, -1 for none, and whether it is degraded."""
    source = unsigned(came.source[n])
    ledger, low = desk.ledger[source], 0
    if ledger >= 0 and desk.wants[source] == 1 and allowed(sums.counts[ledger], sums.share[ledger]):
        low = 1
    place = unsigned(_place(desk, 2 * source + low))
    pool = desk.pool[place]
    if pool < 0:
        desk.sums[place, 0] += 1.0
        return -1, low
    tokens_in, tokens_out = came.tokens[n, 0], came.tokens[n, 1]
    if tokens_in + tokens_out > pools.size[pool, S.KV]:
        desk.refused[source] += 1
        return -1, low
    desk.sums[place, 0] += 1.0
    desk.sums[place, 1] += tokens_in
    desk.sums[place, 2] += tokens_out
    if low == 1:
        sums.counts[ledger, S.GRANTED] += 1
    return int(place), low


@inlined
def _take_slot(
    fleet: FleetState, desk: Desk, came: ArrivalArrays, out: Records, n: int, place: int, low: int
) -> int:
    """Write a request down in a free slot."""
    source = unsigned(came.source[n])
    fleet.tellers[S.FREE] -= 1
    slot = unsigned(fleet.free[fleet.tellers[S.FREE]])
    job = fleet.slot[slot]
    job.arrived, job.first_token = came.at_s[n], -1.0
    job.network_s, job.longest_s = desk.network_s[place], desk.longest_s[place]
    if len(came.longer) > 0:
        job.network_s *= came.longer[n]
    job.tokens_in, job.tokens_out, job.done = came.tokens[n, 0], came.tokens[n, 1], 0
    job.kind, job.ledger = 2 * desk.klass[source] + low, desk.ledger[source]
    if len(out.what) > 0:
        told = fleet.told[slot]
        told[S.ROW], told[S.SOURCE], told[S.PREEMPTED] = came.row[n], source, 0
    return slot


@inlined
def _hand_over(pools: Pools, fleet: FleetState, replica: int, slot: int, now: float) -> bool:
    """Give a request to a replica, or to its pool's queue; whether a run begins with it now."""
    pool = pools.pool[replica]
    if pools.size[pool, S.POOLED] == 1:
        queue = unsigned(len(pools.pool) + pool)
        full = fleet.load[replica] >= pools.size[pool, S.BATCH]
        others = fleet.replica[queue].head >= 0 or fleet.replica[replica].head >= 0
        # A replica that somebody waits at ends its run at the next boundary, and looks here.
        if others or full or not fits(pools, fleet, replica, slot):
            append(fleet, queue, slot)
            return False
    return give(pools, fleet, replica, slot, now)


@inlined
def _visit(
    pools: Pools, fleet: FleetState, sums: Sums, out: Records, replica: int, now: float, slot: int,
    due: bool,
) -> None:  # fmt: skip
    """Catch up with a replica's boundaries before now, those at now as well where they are due.

    Then the request in a slot comes; -1 for none. All visits share one copy of the boundary's code,
    which the processor keeps near.
    """
    state = fleet.replica[replica]
    waits = slot >= 0
    while True:
        if state.end < now or (due and state.end == now):
            boundary(pools, fleet, sums, out, replica)
        elif waits:
            due, waits = _hand_over(pools, fleet, replica, unsigned(slot), now), False
        else:
            break
    note(pools, fleet, replica)


@entry
def advance(
    pools: Pools,
    fleet: FleetState,
    sums: Sums,
    desk: Desk,
    came: ArrivalArrays,
    out: Records,
    until_s: float,
) -> None:
    """Take arrivals and ends of answers in order of time, up to a moment.

    Writes why it came back to `fleet.tellers[STATUS]`. Of an arrival and an end at one instant the
    arrival comes first: it is at the boundary, and what ends there is not settled yet.
    """
    tellers, ends = fleet.tellers, fleet.ends
    count, room = len(came.at_s), len(out.what)
    widest, swept = fleet.due.shape[1], 0
    while True:
        end, n = ends[1], tellers[S.TAKEN]
        slot, due, now = -1, False, until_s
        if room > 0 and tellers[S.WRITTEN] + widest > room:
            tellers[S.STATUS] = S.FULL
            return
        if n < count and came.at_s[n] <= end and came.at_s[n] < until_s:
            if tellers[S.FREE] == 0:
                tellers[S.STATUS] = S.NO_SLOT
                return
            tellers[S.TAKEN] = n + 1
            place, low = _accept(pools, fleet, sums, desk, came, n)
            if place < 0:
                continue
            replica = _least_loaded(pools, fleet, desk, desk.pool[place])
            slot, now = signed(_take_slot(fleet, desk, came, out, n, place, low)), came.at_s[n]
        elif end < until_s:
            bring_near(fleet)
            replica, now, due = unsigned(fleet.earliest[1]), end, True
        elif swept < len(pools.pool):  # Nothing is left before `until_s` but boundaries.
            replica = unsigned(swept)
            swept += 1
        else:
            break
        _visit(pools, fleet, sums, out, replica, now, slot, due)
    tellers[S.STATUS] = S.GOING


@entry
def charge_all(pools: Pools, fleet: FleetState, now: float) -> None:
    """Count every replica's energy until now."""
    for replica in range(len(pools.pool)):
        charge(pools, fleet, unsigned(replica), now)
