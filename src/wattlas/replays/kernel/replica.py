"""One replica, compiled: equal steps until something changes, then the next run of steps.

    T = a + b·(tokens in the step) + c·(context of the decoding requests)

A step serves every decoding request one token; what is left of the step's tokens goes to prompts
in the order of admission. The step that ends a prompt gives its first token. docs/replay.md derives
it; the tests hold it against a simulation step by step.
"""

from __future__ import annotations

import math

from wattlas.placement.engine.jit import inlined
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.lists import append, insert, prepend, shift
from wattlas.replays.kernel.settle import end_answer
from wattlas.replays.kernel.state import FleetState, Pools, Records, Sums, unsigned


@inlined
def span(first: float, growth: float, steps: int) -> float:
    """How long so many steps last, s."""
    return first * steps + 0.5 * growth * steps * (steps - 1)


@inlined
def steps_until(first: float, growth: float, seconds: float, most: int) -> int:
    """The least number of whole steps that last `seconds` or longer, 1..most."""
    if most == 1 or seconds <= first:
        return 1
    half = first - 0.5 * growth
    # The root of ½·g·v² + (T₀ − ½·g)·v = seconds, in the form that also holds at g = 0.
    root = 2.0 * seconds / (half + math.sqrt(half * half + 2.0 * growth * seconds))
    steps = min(max(math.ceil(min(root, 1e15)), 1), most)
    while steps > 1 and span(first, growth, steps - 1) >= seconds:
        steps -= 1
    while steps < most and span(first, growth, steps) < seconds:
        steps += 1
    return steps


@inlined
def charge(pools: Pools, fleet: FleetState, replica: int, now: float) -> None:
    """Count energy until now: ∫P(n) dt, the number of running requests being constant since."""
    pool = pools.pool[replica]
    running = fleet.state[replica, S.RUNNING]
    if running > 0 or fleet.state[replica, S.ON] == 1:
        power_w = pools.power_w[pool, running]
        fleet.energy_j[pool] += power_w * (now - fleet.clock[replica, S.MARK])
    fleet.clock[replica, S.MARK] = now


@inlined
def give(pools: Pools, fleet: FleetState, replica: int, slot: int, now: float) -> bool:
    """Hand a request to a replica that has caught up with now; whether a run begins with it now.

    A replica with room ends its run of steps at the first boundary from now on, to admit it there.
    One that starts admits it when it has started.
    """
    state, clock = fleet.state[replica], fleet.clock[replica]
    alone = fleet.head[replica] < 0
    append(fleet, replica, slot)
    fleet.load[replica] += 1
    if state[S.RUNNING] == 0:
        if fleet.load[replica] < S.STARTING:
            # As at the end of a run without steps.
            state[S.STEPS], state[S.CHUNK], clock[S.END] = 0, 0, now
            return True
    elif alone and state[S.RUNNING] < pools.size[pools.pool[replica], S.BATCH]:
        first, growth = clock[S.FIRST], clock[S.GROWTH]
        steps = steps_until(first, growth, now - clock[S.BEGIN], state[S.STEPS])
        if steps < state[S.STEPS]:
            state[S.STEPS] = steps
            clock[S.END] = clock[S.BEGIN] + span(first, growth, steps)
    return False


@inlined
def _preempt(pools: Pools, fleet: FleetState, replica: int) -> None:
    """While the next step's tokens do not fit, the youngest goes back to wait; it is read anew."""
    state = fleet.state[replica]
    kv = pools.size[pools.pool[replica], S.KV]
    state[S.FULL_KV] = 0
    while state[S.RUNNING] > 1 and state[S.HELD] + state[S.DECODING] > kv:
        _send_back(pools, fleet, replica, _take_youngest(fleet, replica))
        state[S.FULL_KV] = 1


@inlined
def _take_youngest(fleet: FleetState, replica: int) -> int:
    """Take the slot that was admitted last out of the prompts, or out of those that decode."""
    state, due, job = fleet.state[replica], fleet.due[replica], fleet.job
    if state[S.PROMPTS] > 0:  # prompts are read in the order of admission: the last is youngest
        state[S.PROMPTS] -= 1
        at = ring_place(fleet, replica, state[S.PROMPTS])
        return unsigned(fleet.prompt[replica, at])
    mask = S.MOST_SLOTS - 1
    youngest = 0
    for at in range(1, state[S.DECODING]):
        if job[due[at] & mask, S.ORDER] > job[due[youngest] & mask, S.ORDER]:
            youngest = at
    key = due[youngest]
    slot = unsigned(key & mask)
    job[slot, S.DONE] = job[slot, S.OUT] - ((key >> S.SLOT_BITS) - state[S.STEP])
    for later in range(youngest + 1, state[S.DECODING]):
        due[later - 1] = due[later]
    state[S.DECODING] -= 1
    state[S.CONTEXT] -= job[slot, S.IN] + job[slot, S.DONE]
    return slot


@inlined
def _send_back(pools: Pools, fleet: FleetState, replica: int, slot: int) -> None:
    job, clock, state = fleet.job[slot], fleet.clock[replica], fleet.state[replica]
    reserve = pools.speed[pools.pool[replica], S.RESERVE] * job[S.OUT]
    state[S.RUNNING] -= 1
    state[S.HELD] -= job[S.IN] + job[S.DONE]
    clock[S.COMMITTED] -= job[S.IN] + reserve
    fleet.told[slot, S.PREEMPTED] += 1
    prepend(fleet, replica, slot)


@inlined
def _admit(pools: Pools, fleet: FleetState, replica: int) -> None:
    """First come, first served, while the batch and the KV memory have room.

    After a preemption nobody enters until the next boundary, as in vLLM.
    """
    state = fleet.state[replica]
    pool = pools.pool[replica]
    while state[S.RUNNING] < pools.size[pool, S.BATCH] and state[S.FULL_KV] == 0:
        queue = replica
        pooled = pools.size[pool, S.POOLED] == 1 and state[S.ON] == 1
        if fleet.head[queue] < 0 and pooled:
            queue = unsigned(len(pools.pool) + pool)
        if fleet.head[queue] < 0:
            return
        slot = unsigned(fleet.head[queue])
        if not fits(pools, fleet, replica, slot):
            return
        shift(fleet, queue)
        _enter(pools, fleet, replica, slot)
        if queue != replica:
            fleet.load[replica] += 1


@inlined
def ring_place(fleet: FleetState, replica: int, after: int) -> int:
    """Place in `prompt` so many after the first; without a division, which takes long."""
    at, room = fleet.state[replica, S.RING] + after, fleet.prompt.shape[1]
    return int(at - room if at >= room else at)


@inlined
def fits(pools: Pools, fleet: FleetState, replica: int, slot: int) -> bool:
    """Whether the KV memory has room: max(Σ held, Σ in + reserve·out) with this request's."""
    state, job = fleet.state[replica], fleet.job[slot]
    if state[S.RUNNING] == 0:
        return True
    pool = pools.pool[replica]
    kv = pools.size[pool, S.KV]
    now = state[S.HELD] + state[S.DECODING] + job[S.IN] + job[S.DONE]
    later = (
        fleet.clock[replica, S.COMMITTED] + job[S.IN] + pools.speed[pool, S.RESERVE] * job[S.OUT]
    )
    return bool(now <= kv and later <= kv)


@inlined
def _enter(pools: Pools, fleet: FleetState, replica: int, slot: int) -> None:
    state, job, prompt = fleet.state[replica], fleet.job[slot], fleet.prompt[replica]
    reserve = pools.speed[pools.pool[replica], S.RESERVE] * job[S.OUT]
    job[S.LEFT] = job[S.IN] + job[S.DONE]
    job[S.ORDER] = state[S.ADMITTED]
    state[S.ADMITTED] += 1
    prompt[ring_place(fleet, replica, state[S.PROMPTS])] = slot
    state[S.PROMPTS] += 1
    state[S.RUNNING] += 1
    state[S.HELD] += job[S.LEFT]
    fleet.clock[replica, S.COMMITTED] += job[S.IN] + reserve


@inlined
def _plan(pools: Pools, fleet: FleetState, replica: int, now: float) -> None:
    """The next run of equal steps: until a prompt or an answer ends, or the KV memory is full."""
    state, clock = fleet.state[replica], fleet.clock[replica]
    if state[S.RUNNING] == 0:
        clock[S.END] = S.BIG
        return
    pool = pools.pool[replica]
    decoding = state[S.DECODING]
    steps = S.MOST_STEPS
    if decoding > 0:
        steps = (fleet.due[replica, decoding - 1] >> S.SLOT_BITS) - state[S.STEP]
        if state[S.RUNNING] > 1:
            room = pools.size[pool, S.KV] - state[S.HELD]
            if steps * decoding > room:
                steps = max(room // decoding, 1)
    chunk = 0
    if state[S.PROMPTS] > 0:
        chunk = pools.size[pool, S.STEP_TOKENS] - decoding
        slot = unsigned(fleet.prompt[replica, state[S.RING]])
        left = fleet.job[slot, S.LEFT] - 1
        if left >= chunk:
            steps = min(steps, left // chunk)
        else:
            steps = 1
            chunk = _fill(fleet, replica, chunk)
    state[S.STEPS], state[S.CHUNK] = steps, chunk
    speed = pools.speed[pool]
    first = speed[S.A] + speed[S.B] * (decoding + chunk) + speed[S.C] * state[S.CONTEXT]
    growth = speed[S.C] * decoding
    clock[S.BEGIN], clock[S.FIRST], clock[S.GROWTH] = now, first, growth
    clock[S.END] = now + span(first, growth, steps)


@inlined
def _fill(fleet: FleetState, replica: int, chunk: int) -> int:
    """Tokens of prompts in a step that has room for `chunk`: several prompts may share it."""
    state, prompt = fleet.state[replica], fleet.prompt[replica]
    total = 0
    for n in range(state[S.PROMPTS]):
        total += fleet.job[prompt[ring_place(fleet, replica, n)], S.LEFT]
        if total >= chunk:
            return chunk
    return total


@inlined
def boundary(pools: Pools, fleet: FleetState, sums: Sums, out: Records, replica: int) -> None:
    """At the end of a run of steps: tokens are given, prompts and answers end; then room is made in
    the KV memory, who fits is admitted, and the next steps are planned.

    The end of a start is the end of a run without steps.
    """
    state, due, now = fleet.state[replica], fleet.due[replica], fleet.clock[replica, S.END]
    charge(pools, fleet, replica, now)
    if fleet.load[replica] >= S.STARTING:
        fleet.load[replica] -= S.STARTING
        state[S.STEPS], state[S.CHUNK] = 0, 0
    steps, before = state[S.STEPS], state[S.DECODING]
    state[S.STEP] += steps
    state[S.HELD] += steps * before
    state[S.CONTEXT] += steps * before
    if state[S.PROMPTS] > 0:
        _read(pools, fleet, sums, out, replica, now)
    mask = S.MOST_SLOTS - 1
    last = state[S.DECODING] - 1
    while last >= 0 and (due[last] >> S.SLOT_BITS) <= state[S.STEP]:
        slot = unsigned(due[last] & mask)
        state[S.DECODING] = last
        state[S.CONTEXT] -= fleet.job[slot, S.IN] + fleet.job[slot, S.OUT]
        end_answer(pools, fleet, sums, out, replica, slot, now)
        last -= 1
    _preempt(pools, fleet, replica)
    _admit(pools, fleet, replica)
    _plan(pools, fleet, replica, now)


@inlined
def _read(
    pools: Pools, fleet: FleetState, sums: Sums, out: Records, replica: int, now: float
) -> None:
    """The prompts' share of the steps that were taken; who has read all has its first token."""
    state, prompt = fleet.state[replica], fleet.prompt[replica]
    tokens = state[S.STEPS] * state[S.CHUNK]
    while state[S.PROMPTS] > 0:
        slot = unsigned(prompt[state[S.RING]])
        job = fleet.job[slot]
        part = min(tokens, job[S.LEFT])
        tokens -= part
        job[S.LEFT] -= part
        if job[S.LEFT] > 0:
            return
        after = state[S.RING] + 1
        state[S.RING] = 0 if after == prompt.shape[0] else after
        state[S.PROMPTS] -= 1
        job[S.DONE] += 1
        state[S.HELD] += 1
        if fleet.time[slot, S.FIRST_TOKEN] < 0.0:
            fleet.time[slot, S.FIRST_TOKEN] = now
        if job[S.DONE] >= job[S.OUT]:
            end_answer(pools, fleet, sums, out, replica, slot, now)
        else:
            last = state[S.STEP] + job[S.OUT] - job[S.DONE]
            insert(fleet.due[replica], state[S.DECODING], (last << S.SLOT_BITS) | slot)
            state[S.DECODING] += 1
            state[S.CONTEXT] += job[S.IN] + job[S.DONE]
