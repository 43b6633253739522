"""What the kernels of the service model read and write: a few packed arrays in groups.

A *pool* p is the replicas of one region and operating point. A *replica* r is one copy of a model
with its own batch. A *slot* holds a request that is waiting or running; slots are used again. A
*queue* is of a replica (0..R−1) or of a pool (R..R+P−1), a list of slots linked by `link`.

Between two events a replica takes `steps` equal steps: the first lasts `first`, each further one
`growth` more, so that v of them end v·first + ½·growth·v·(v − 1) after `begin`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
U4 = NDArray[np.uint32]
I8 = NDArray[np.int64]

unsigned = cast("Callable[[Any], int]", np.uint32)
"""A number that is no less than 0, and so needs no look from the end of an array when it is an
index; `signed` is any other."""
signed = cast("Callable[[Any], int]", np.int64)
BIG = 1e300
"The end of a replica that has nothing to do; finite, because kernels may not meet infinities."
SLOT_BITS = 24
"An entry of `due` is the step of the last token, shifted by so many bits, and the slot."
MOST_SLOTS = 1 << SLOT_BITS
MOST_STEPS = 1 << 38
LINE_BYTES = 64
"Bytes in a line of the processor's cache."

A, B, C, RESERVE = range(4)
"Columns of `speed`."
BATCH, STEP_TOKENS, KV, POOLED = range(4)
"Columns of `size`."
REPLICA = np.dtype([
    ("begin", "f8"), ("first", "f8"), ("growth", "f8"),
    ("end", "f8"),  # when the run of steps ends, BIG where there is none
    ("mark", "f8"),  # until when energy is counted
    ("committed", "f8"),  # Σ in + reserve·out of what runs
    ("context", "i8"),  # tokens that decoding requests hold
    ("held", "i8"),  # tokens that all hold that run
    ("step", "i8"),  # steps taken ever
    ("steps", "i8"),  # of the run
    ("chunk", "i8"),  # tokens of prompts in each step
    ("running", "i4"), ("decoding", "i4"),
    ("prompts", "i4"), ("ring", "u4"),  # how many slots are in `prompt`, where the first lies
    ("admitted", "i4"),  # how often a request was
    ("on", "i4"),  # whether it takes requests; off and empty it draws nothing
    ("pool", "u4"),
    ("head", "i4"), ("tail", "i4"),  # of its queue, -1 where nobody waits
    ("spare", "i4"),
])  # fmt: skip
"""A replica: two lines of the processor's cache. Every visit reads most of it."""
SLOT = np.dtype([
    ("arrived", "f8"),
    ("first_token", "f8"),  # negative until there is one
    ("network_s", "f8"), ("longest_s", "f8"),
    ("tokens_in", "i4"), ("tokens_out", "i4"),
    ("left", "i4"),  # tokens of the prompt not read yet
    ("done", "i4"),  # tokens generated before the prompt is read (anew)
    ("order", "i4"),  # of admission
    ("kind", "i4"),  # 2·class + 1 if degraded
    ("ledger", "i4"),  # row of `counts`, -1 for none
    ("link", "i4"),  # the slot that waits behind this one
])  # fmt: skip
"""A request: one line of the cache."""
ROW, SOURCE, PREEMPTED = range(3)
"Columns of `told`, which only records need."
FREE, ORDERS, WRITTEN, TAKEN, STATUS = range(5)
"""Places of `tellers`: free slots, admissions ever, records in `out`, arrivals taken, STATUS."""
GOING, FULL, NO_SLOT = range(3)
"Why a call came back: everything is done, `out` is full, there is no free slot."
DELIVERED, GRANTED, LOW, OVER = range(4)
"""Columns of `counts`: answers delivered whole, permits granted, degraded answers delivered, and
how many settled prefixes were over the cap."""
BINS_PER_E, BINS, SHORTEST_S = 100, 2300, 1e-3
"Bins of latencies: 1 % wide from a millisecond up; the first holds what is shorter."
SERVED, LATE = range(2)
"Columns of `served`."
STARTING = 1 << 20
"""Is added to the load of a replica that starts: all that are on go before it, and it serves
nothing until its start ends, as a run of no steps would."""


class Pools(NamedTuple):
    """What is fixed. speed[P, 4], size[P, 4], power_w[P, N + 1] at 0..N running requests,
    first[P + 1] replica of each pool, pool[R] of each replica."""

    speed: F8
    size: I8
    power_w: F8
    first: I8
    pool: U4


class FleetState(NamedTuple):
    """What runs and waits. replica[R + P] of `REPLICA`, of the last P only the queue of a pool is
    used; due[R, N] (falling: the next to end is last), prompt[R, N] (rings), load[R] requests at
    each replica, soon[R, 2] the slots that a visit will need first: whose answer ends next, and who
    waits first. A tree (see `lists.set_end`) of the next answers: ends[2^n] when, earliest[2^n] at
    which replica. energy_j[P], and of the slots: free, slot[slots] of `SLOT`, told[slots, 3];
    tellers[8]."""

    replica: Any
    due: I8
    prompt: I4
    load: I4
    soon: I4
    ends: F8
    earliest: I4
    energy_j: F8
    free: I4
    slot: Any
    told: I8
    tellers: I8


class Records(NamedTuple):
    """Requests that ended, in the order in which they did: when[n, 4] arrival, first token, last
    token, network; what[n, 8] row, source, pool, replica, degraded, tokens in, out, preemptions.
    """

    when: F8
    what: I8


class Sums(NamedTuple):
    """What is added up as requests end: bins[K, 2, 2, BINS] by class, degraded, time to the first
    token or of the full answer; served[K, 2, 2] by class, degraded: how many, how many late;
    counts[ledger, 4]; share[ledger, 2] the cap as p/q; to_first[K] whether a budget ends at the
    first token."""

    bins: I8
    served: I8
    counts: I8
    share: I8
    to_first: I8


class Desk(NamedTuple):
    """The routing in force, for U sources, E places in sets of each source, full and degraded.

    start[2U + 1] of each set; pool[E], -1 where requests go unserved; share[E], behind[E] (how far
    each is behind its share), network_s[E], longest_s[E]; wants[U] whether degrading pays;
    ledger[U], -1 for none; klass[U]; sums[E, 3] requests, tokens in, tokens out; refused[U]
    requests that no KV memory of their place holds; active[P] replicas of each pool that take
    requests, the first ones.
    """

    start: I8
    pool: I8
    share: F8
    behind: F8
    network_s: F8
    longest_s: F8
    wants: I8
    ledger: I8
    klass: I8
    sums: F8
    refused: I8
    active: I8


class ArrivalArrays(NamedTuple):
    """Requests in order of time: at_s[n], source[n], tokens[n, 2] in and out, row[n], longer[n]:
    the round trip over its median, or empty where all are alike."""

    at_s: F8
    source: I8
    tokens: I8
    row: I8
    longer: F8


def new_fleet(pools: Pools, slots: int) -> FleetState:
    """An idle fleet with room for so many requests."""
    replicas, widest = len(pools.pool), int(pools.size[:, BATCH].max())
    tellers = np.zeros(8, np.int64)
    tellers[FREE] = slots
    replica = _lines(replicas + len(pools.speed), REPLICA)
    replica.end, replica.on, replica.head, replica.tail = BIG, 1, -1, -1
    replica.pool[:replicas] = pools.pool
    leaves = 1 << (replicas - 1).bit_length()
    fleet = FleetState(
        replica=replica,
        due=np.zeros((replicas, widest), np.int64),
        prompt=np.zeros((replicas, widest), np.int32),
        load=np.zeros(replicas, np.int32),
        soon=np.zeros((replicas, 2), np.int32),
        ends=np.full(2 * leaves, BIG),
        # Leaves without a replica, to the right, never come first; what is read there is harmless.
        earliest=np.clip(np.arange(-leaves, leaves), 0, replicas - 1).astype(np.int32),
        energy_j=np.zeros(len(pools.speed)),
        free=np.arange(slots - 1, -1, -1, dtype=np.int32),
        slot=_lines(slots, SLOT),
        told=np.zeros((slots, 3), np.int64),
        tellers=tellers,
    )
    make_tree(fleet, np.full(replicas, BIG))
    return fleet


def make_tree(fleet: FleetState, ends: F8) -> None:
    """Note the next answers of all replicas (R,): `lists.set_end` for each of them."""
    node = len(fleet.ends) // 2
    fleet.ends[node : node + len(ends)] = ends
    while node > 1:
        left, right = slice(node, 2 * node, 2), slice(node + 1, 2 * node, 2)
        is_left = fleet.ends[left] <= fleet.ends[right]
        node //= 2
        for column in (fleet.ends, fleet.earliest):
            column[node : 2 * node] = np.where(is_left, column[left], column[right])


def _lines(rows: int, kind: np.dtype[Any]) -> Any:
    """Zeroed records that begin with a line of the cache and are some of them long, so that no two
    share one.
    """
    block = np.zeros(rows * kind.itemsize + LINE_BYTES, np.uint8)
    begin = -block.ctypes.data % LINE_BYTES
    return block[begin : begin + rows * kind.itemsize].view(kind).view(np.recarray)


def with_more_slots(fleet: FleetState) -> FleetState:
    """The same fleet with twice the slots; called where every slot is taken."""
    slots = len(fleet.free)
    fresh = np.arange(2 * slots - 1, slots - 1, -1, dtype=np.int32)
    fleet.tellers[FREE] += slots
    slot = _lines(2 * slots, SLOT)
    slot[:slots] = fleet.slot
    return fleet._replace(
        # Free slots lie at the front of the stack, the rest of it is room.
        free=np.concatenate([fresh, np.zeros(slots, np.int32)]),
        slot=slot,
        told=np.concatenate([fleet.told, np.zeros((slots, 3), np.int64)]),
    )


def new_records(room: int) -> Records:
    """Room for so many ended requests."""
    return Records(np.zeros((room, 4)), np.zeros((room, 8), np.int64))


def new_sums(classes: int, share: I8, to_first: I8) -> Sums:
    """Nothing added up yet; `share` (ledgers, 2) and `to_first` (classes,) as in `Sums`."""
    return Sums(
        bins=np.zeros((classes, 2, 2, BINS), np.int64),
        served=np.zeros((classes, 2, 2), np.int64),
        counts=np.zeros((max(len(share), 1), 4), np.int64),
        share=share if len(share) else np.ones((1, 2), np.int64),
        to_first=to_first,
    )
