"""The loop over arrivals and ends of runs, compiled: who comes is decided on, and then served.

A request of a source (metro, class) goes, in full or degraded, to a place (a pool with a network
time) of the routing's set: to the one that is furthest behind its share. Within the pool it goes to
the replica with the fewest requests, or into one queue for all.
"""

from __future__ import annotations

import numpy as np

from wattlas.placement.engine.jit import entry, inlined, prefetch
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.ahead import catch_up, look, note
from wattlas.replays.kernel.lists import append, next_replica, runner_up
from wattlas.replays.kernel.replica import charge, fits, give
from wattlas.replays.kernel.state import I8, Arrivals, Desk, Fleet, Pools, Records, Sums


@inlined
def allowed(counts: I8, share: I8) -> bool:
    """m + 1 ≤ φ·(n + 1) with φ = p/q, in whole numbers: `wattlas.policy.cap.Counts.allow`."""
    if share[0] == share[1]:
        return True
    return bool(share[1] * (counts[S.GRANTED] + 1) <= share[0] * (counts[S.DELIVERED] + 1))


@inlined
def _place(desk: Desk, choice: int) -> int:
    """The place of a set that is furthest behind its share: argmax share·(n + 1) − count."""
    best = desk.start[choice]
    for place in range(desk.start[choice], desk.start[choice + 1]):
        desk.behind[place] += desk.share[place]
        if desk.behind[place] > desk.behind[best]:
            best = place
    desk.behind[best] -= 1.0
    return int(best)


@inlined
def _least_loaded(pools: Pools, fleet: Fleet, desk: Desk, pool: int) -> np.uint32:
    """The replica with the fewest requests, the lowest of several: the least (load, number)."""
    best = np.int64(S.MOST_STEPS << 20)
    for replica in range(pools.first[pool], pools.first[pool] + desk.active[pool]):
        best = min(best, np.int64(fleet.load[replica]) << 20 | replica)
    return np.uint32(best & ((1 << 20) - 1))


@inlined
def _arrive(
    pools: Pools, fleet: Fleet, sums: Sums, desk: Desk, came: Arrivals, out: Records, n: int
) -> None:
    """Decide on a request and hand it over; it waits nowhere if its place has no room for it."""
    source, now = np.uint32(came.source[n]), came.at_s[n]
    ledger, low = desk.ledger[source], 0
    tokens_in, tokens_out = came.tokens[n, 0], came.tokens[n, 1]
    if ledger >= 0 and desk.wants[source] == 1 and allowed(sums.counts[ledger], sums.share[ledger]):
        low = 1
    place = np.uint32(_place(desk, 2 * source + low))
    desk.sums[place, 0] += 1.0
    pool = desk.pool[place]
    if pool < 0:
        return
    if tokens_in + tokens_out > pools.size[pool, S.KV]:
        desk.refused[source] += 1
        desk.sums[place, 0] -= 1.0
        return
    desk.sums[place, 1] += tokens_in
    desk.sums[place, 2] += tokens_out
    if low == 1:
        sums.counts[ledger, S.GRANTED] += 1
    fleet.tellers[S.FREE] -= 1
    slot = np.uint32(fleet.free[fleet.tellers[S.FREE]])
    job, time = fleet.job[slot], fleet.time[slot]
    time[S.ARRIVED], time[S.FIRST_TOKEN] = now, -1.0
    time[S.NETWORK_S], time[S.LONGEST_S] = desk.network_s[place], desk.longest_s[place]
    if len(came.longer) > 0:
        time[S.NETWORK_S] *= came.longer[n]
    job[S.IN], job[S.OUT], job[S.DONE] = tokens_in, tokens_out, 0
    job[S.KIND], job[S.LEDGER] = 2 * desk.klass[source] + low, ledger
    if len(out.what) > 0:
        told = fleet.told[slot]
        told[S.ROW], told[S.SOURCE], told[S.PREEMPTED] = came.row[n], source, 0
    _hand_over(pools, fleet, sums, desk, out, np.uint32(pool), slot, now)


@inlined
def _hand_over(
    pools: Pools, fleet: Fleet, sums: Sums, desk: Desk, out: Records, pool: int, slot: int,
    now: float,
) -> None:  # fmt: skip
    replica = _least_loaded(pools, fleet, desk, pool)
    catch_up(pools, fleet, sums, out, replica, now)
    if pools.size[pool, S.POOLED] == 1:
        queue = len(pools.pool) + pool
        full = fleet.load[replica] >= pools.size[pool, S.BATCH]
        others = fleet.head[queue] >= 0 or fleet.head[replica] >= 0
        # A replica that somebody waits at ends its run at the next boundary, and looks here.
        if others or full or not fits(pools, fleet, replica, slot):
            append(fleet, queue, slot)
            return
    give(pools, fleet, replica, slot, now)
    note(pools, fleet, replica)


@entry
def advance(
    pools: Pools, fleet: Fleet, sums: Sums, desk: Desk, came: Arrivals, out: Records, until_s: float
) -> None:
    """Take arrivals and ends of answers in order of time, up to a moment.

    Writes why it came back to `fleet.tellers[STATUS]`. Of an arrival and an end at one instant the
    arrival comes first: it is at the boundary, and what ends there is not settled yet.
    """
    tellers, tree = fleet.tellers, fleet.tree
    count, room = len(came.at_s), len(out.what)
    widest = fleet.due.shape[1]
    while True:
        end = tree[0]
        n = tellers[S.TAKEN]
        if room > 0 and tellers[S.WRITTEN] + widest > room:
            tellers[S.STATUS] = S.FULL
            return
        if n < count and came.at_s[n] <= end:
            if came.at_s[n] >= until_s:
                break
            if tellers[S.FREE] == 0:
                tellers[S.STATUS] = S.NO_SLOT
                return
            _arrive(pools, fleet, sums, desk, came, out, n)
            tellers[S.TAKEN] = n + 1
            continue
        if end >= until_s:
            break
        soon = runner_up(tree)
        prefetch(fleet.clock, soon)
        prefetch(fleet.time, fleet.ending[soon])
        look(pools, fleet, sums, out, next_replica(tree), end)
    for replica in range(len(pools.pool)):
        catch_up(pools, fleet, sums, out, np.uint32(replica), until_s)
    tellers[S.STATUS] = S.GOING


@entry
def charge_all(pools: Pools, fleet: Fleet, now: float) -> None:
    """Count every replica's energy until now."""
    for replica in range(len(pools.pool)):
        charge(pools, fleet, np.uint32(replica), now)
