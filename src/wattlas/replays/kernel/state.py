"""What the kernels of the service model read and write: a few packed arrays in groups.

A *pool* p is the replicas of one region and operating point. A *replica* r is one copy of a model
with its own batch. A *slot* holds a request that is waiting or running; slots are used again. A
*queue* is of a replica (0..R−1) or of a pool (R..R+P−1), a list of slots linked by `link`.

Between two events a replica takes `STEPS` equal steps: the first lasts `FIRST`, each further one
`GROWTH` more, so that v of them end v·FIRST + ½·GROWTH·v·(v − 1) after `BEGIN`.
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
LINE_WORDS = 8
"Words of 8 bytes in a line of the processor's cache."

A, B, C, RESERVE = range(4)
"Columns of `speed`."
BATCH, STEP_TOKENS, KV, POOLED = range(4)
"Columns of `size`."
BEGIN, FIRST, GROWTH, END, MARK, COMMITTED = range(6)
"""Columns of `clock`. END: when the run of steps ends, BIG where there is none. MARK: until when
energy is counted. COMMITTED: Σ in + reserve·out of what runs."""
STEPS, CHUNK, RUNNING, DECODING, PROMPTS, RING, CONTEXT, HELD, STEP, FULL_KV, ADMITTED, ON = range(
    6, 18
)
"""Columns of `state`, which lie behind those of `clock` in the same row. CHUNK: tokens of prompts
in each step. PROMPTS, RING: how many slots are in `prompt`, and where the first lies. CONTEXT:
tokens that decoding requests hold, HELD: all that run. STEP: steps taken ever. FULL_KV: whether the
KV memory was full at the last boundary. ADMITTED: how often a request was. ON: whether the replica
takes requests; off and empty it draws nothing."""
REPLICA_WORDS = 24
"Columns of 8 bytes of a replica: three lines of the processor's cache."
ARRIVED, FIRST_TOKEN, NETWORK_S, LONGEST_S = range(4)
"Columns of `time`. FIRST_TOKEN is negative until there is one."
IN, OUT, LEFT, DONE, ORDER, KIND, LEDGER, LINK = range(8, 16)
"""Columns of `job`, 4 bytes each, behind those of `time` in the same row. LEFT: tokens of the
prompt not read yet; DONE: tokens generated before the prompt is read (anew); ORDER: of admission;
KIND: 2·class + 1 if degraded; LEDGER: row of `counts`, -1 for none; LINK: the slot that waits
behind this one."""
SLOT_WORDS = 8
"Columns of 8 bytes of a slot: one line of the processor's cache."
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
    """What runs and waits. clock[R, 24] and state[R, 24] are one block of memory, as times and as
    whole numbers; due[R, N] (falling: the next to end is last), prompt[R, N] (rings), load[R]
    requests at each replica, tree of the next answers (see `lists`), head[R + P], tail[R + P],
    energy_j[P], and of the slots: free, time[slots, 8] and job[slots, 16], again one block,
    told[slots, 3]; tellers[8]."""

    clock: F8
    state: I8
    due: I8
    prompt: I4
    load: I4
    ending: I4
    tree: F8
    head: I4
    tail: I4
    energy_j: F8
    free: I4
    time: F8
    job: I4
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


def tree_size(replicas: int) -> int:
    """Nodes of a tree with four children to each node and a leaf for each replica."""
    leaves, inner = 1, 0
    while leaves < replicas:
        leaves, inner = 4 * leaves, 4 * inner + 1
    return inner + leaves


def new_fleet(pools: Pools, slots: int) -> FleetState:
    """An idle fleet with room for so many requests."""
    replicas, widest = len(pools.pool), int(pools.size[:, BATCH].max())
    queues = replicas + len(pools.speed)
    tellers = np.zeros(8, np.int64)
    tellers[FREE] = slots
    clock, time = _lines(replicas, REPLICA_WORDS), _lines(slots, SLOT_WORDS)
    clock[:, END] = BIG
    state = clock.view(np.int64)
    state[:, ON] = 1
    return FleetState(
        clock=clock,
        state=state,
        due=np.zeros((replicas, widest), np.int64),
        prompt=np.zeros((replicas, widest), np.int32),
        load=np.zeros(replicas, np.int32),
        ending=np.zeros(replicas, np.int32),
        tree=_tree(replicas),
        head=np.full(queues, -1, np.int32),
        tail=np.full(queues, -1, np.int32),
        energy_j=np.zeros(len(pools.speed)),
        free=np.arange(slots - 1, -1, -1, dtype=np.int32),
        time=time,
        job=time.view(np.int32),
        told=np.zeros((slots, 3), np.int64),
        tellers=tellers,
    )


def _lines(rows: int, words: int) -> F8:
    """Zeros (rows, words), a multiple of 8 words, so that no row shares a line of the cache."""
    block = np.zeros(rows * words + LINE_WORDS)
    first = -(block.ctypes.data // 8) % LINE_WORDS
    return block[first : first + rows * words].reshape(rows, words)


def _tree(replicas: int) -> F8:
    """A tree of nothing to come; the four children of a node lie in one line of the cache."""
    size = tree_size(replicas)
    tree = _lines(size // LINE_WORDS + 2, LINE_WORDS).ravel()[3 : 3 + size]
    tree[:] = BIG
    return tree


def with_more_slots(fleet: FleetState) -> FleetState:
    """The same fleet with twice the slots; called where every slot is taken."""
    slots = len(fleet.free)
    fresh = np.arange(2 * slots - 1, slots - 1, -1, dtype=np.int32)
    fleet.tellers[FREE] += slots
    time = _lines(2 * slots, SLOT_WORDS)
    time[:slots] = fleet.time
    return fleet._replace(
        # Free slots lie at the front of the stack, the rest of it is room.
        free=np.concatenate([fresh, np.zeros(slots, np.int32)]),
        time=time,
        job=time.view(np.int32),
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
