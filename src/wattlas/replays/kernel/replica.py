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
    state = fleet.replica[replica]
    if state.running > 0 or state.on == 1:
        power_w = pools.power_w[state.pool, unsigned(state.running)]
        fleet.energy_j[state.pool] += power_w * (now - state.mark)
    state.mark = now


@inlined
def give(pools: Pools, fleet: FleetState, replica: int, slot: int, now: float) -> bool:
    """Hand a request to a replica that has caught up with now; whether a run begins with it now.

    A replica with room ends its run of steps at the first boundary from now on, to admit it there.
    One that starts admits it when it has started.
    """
    state = fleet.replica[replica]
    alone = state.head < 0
    append(fleet, replica, slot)
    fleet.load[replica] += 1
    if state.running == 0:
        if fleet.load[replica] < S.STARTING:
            # As at the end of a run without steps.
            state.steps, state.chunk, state.end = 0, 0, now
            return True
    elif alone and state.running < pools.size[state.pool, S.BATCH]:
        first, growth = state.first, state.growth
        steps = steps_until(first, growth, now - state.begin, state.steps)
        if steps < state.steps:
            state.steps = steps
            state.end = state.begin + span(first, growth, steps)
    return False


@inlined
def _preempt(pools: Pools, fleet: FleetState, replica: int) -> bool:
    """While the next step's tokens do not fit, the youngest goes back to wait; it is read anew."""
    state = fleet.replica[replica]
    kv = pools.size[state.pool, S.KV]
    full = False
    while state.running > 1 and state.held + state.decoding > kv:
        _send_back(pools, fleet, replica, _take_youngest(fleet, replica))
        full = True
    return full


@inlined
def _take_youngest(fleet: FleetState, replica: int) -> int:
    """Take the slot that was admitted last out of the prompts, or out of those that decode."""
    state, due = fleet.replica[replica], fleet.due[replica]
    if state.prompts > 0:  # prompts are read in the order of admission: the last is youngest
        state.prompts -= 1
        at = ring_place(fleet, replica, state.prompts)
        return unsigned(fleet.prompt[replica, at])
    mask = S.MOST_SLOTS - 1
    youngest = 0
    for at in range(1, state.decoding):
        if fleet.slot[due[at] & mask].order > fleet.slot[due[youngest] & mask].order:
            youngest = at
    key = due[youngest]
    slot = unsigned(key & mask)
    fleet.slot[slot].done = fleet.slot[slot].tokens_out - ((key >> S.SLOT_BITS) - state.step)
    for later in range(youngest + 1, state.decoding):
        due[later - 1] = due[later]
    state.decoding -= 1
    state.context -= fleet.slot[slot].tokens_in + fleet.slot[slot].done
    return slot


@inlined
def _send_back(pools: Pools, fleet: FleetState, replica: int, slot: int) -> None:
    job, state = fleet.slot[slot], fleet.replica[replica]
    reserve = pools.speed[state.pool, S.RESERVE] * job.tokens_out
    state.running -= 1
    state.held -= job.tokens_in + job.done
    state.committed -= job.tokens_in + reserve
    fleet.told[slot, S.PREEMPTED] += 1
    prepend(fleet, replica, slot)


@inlined
def _admit(pools: Pools, fleet: FleetState, replica: int) -> None:
    """First come, first served, while the batch and the KV memory have room.

    After a preemption nobody enters until the next boundary, as in vLLM.
    """
    state = fleet.replica[replica]
    pool = state.pool
    while state.running < pools.size[pool, S.BATCH]:
        queue = replica
        pooled = pools.size[pool, S.POOLED] == 1 and state.on == 1
        if fleet.replica[queue].head < 0 and pooled:
            queue = unsigned(len(pools.pool) + pool)
        if fleet.replica[queue].head < 0:
            return
        slot = unsigned(fleet.replica[queue].head)
        if not fits(pools, fleet, replica, slot):
            return
        shift(fleet, queue)
        _enter(pools, fleet, replica, slot)
        if queue != replica:
            fleet.load[replica] += 1


@inlined
def ring_place(fleet: FleetState, replica: int, after: int) -> int:
    """Place in `prompt` so many after the first; without a division, which takes long."""
    at, room = fleet.replica[replica].ring + after, fleet.prompt.shape[1]
    return int(at - room if at >= room else at)


@inlined
def fits(pools: Pools, fleet: FleetState, replica: int, slot: int) -> bool:
    """Whether the KV memory has room: max(Σ held, Σ in + reserve·out) with this request's."""
    state, job = fleet.replica[replica], fleet.slot[slot]
    if state.running == 0:
        return True
    pool = state.pool
    kv = pools.size[pool, S.KV]
    now = state.held + state.decoding + job.tokens_in + job.done
    later = state.committed + job.tokens_in + pools.speed[pool, S.RESERVE] * job.tokens_out
    return bool(now <= kv and later <= kv)


@inlined
def _enter(pools: Pools, fleet: FleetState, replica: int, slot: int) -> None:
    state, job, prompt = fleet.replica[replica], fleet.slot[slot], fleet.prompt[replica]
    reserve = pools.speed[state.pool, S.RESERVE] * job.tokens_out
    job.left = job.tokens_in + job.done
    job.order = state.admitted
    state.admitted += 1
    prompt[ring_place(fleet, replica, state.prompts)] = slot
    state.prompts += 1
    state.running += 1
    state.held += job.left
    state.committed += job.tokens_in + reserve


@inlined
def _plan(pools: Pools, fleet: FleetState, replica: int, now: float) -> None:
    """The next run of equal steps: until a prompt or an answer ends, or the KV memory is full."""
    state = fleet.replica[replica]
    if state.running == 0:
        state.end = S.BIG
        return
    pool = state.pool
    decoding = state.decoding
    steps = S.MOST_STEPS
    if decoding > 0:
        steps = (fleet.due[replica, decoding - 1] >> S.SLOT_BITS) - state.step
        if state.running > 1:
            room = pools.size[pool, S.KV] - state.held
            if steps * decoding > room:
                steps = max(room // decoding, 1)
    chunk = 0
    if state.prompts > 0:
        chunk = pools.size[pool, S.STEP_TOKENS] - decoding
        slot = unsigned(fleet.prompt[replica, state.ring])
        left = fleet.slot[slot].left - 1
        if left >= chunk:
            steps = min(steps, left // chunk)
        else:
            steps = 1
            chunk = _fill(fleet, replica, chunk)
    state.steps, state.chunk = steps, chunk
    speed = pools.speed[pool]
    first = speed[S.A] + speed[S.B] * (decoding + chunk) + speed[S.C] * state.context
    growth = speed[S.C] * decoding
    state.begin, state.first, state.growth = now, first, growth
    state.end = now + span(first, growth, steps)


@inlined
def _fill(fleet: FleetState, replica: int, chunk: int) -> int:
    """Tokens of prompts in a step that has room for `chunk`: several prompts may share it."""
    state, prompt = fleet.replica[replica], fleet.prompt[replica]
    total = 0
    for n in range(state.prompts):
        total += fleet.slot[unsigned(prompt[ring_place(fleet, replica, n)])].left
        if total >= chunk:
            return chunk
    return total


@inlined
def boundary(pools: Pools, fleet: FleetState, sums: Sums, out: Records, replica: int) -> None:
    """At the end of a run of steps: tokens are given, prompts and answers end; then room is made in
    the KV memory, who fits is admitted, and the next steps are planned.

    The end of a start is the end of a run without steps.
    """
    state, due = fleet.replica[replica], fleet.due[replica]
    now = state.end
    charge(pools, fleet, replica, now)
    if fleet.load[replica] >= S.STARTING:
        fleet.load[replica] -= S.STARTING
        state.steps, state.chunk = 0, 0
    steps, before = state.steps, state.decoding
    state.step += steps
    state.held += steps * before
    state.context += steps * before
    if state.prompts > 0:
        _read(pools, fleet, sums, out, replica, now)
    mask = S.MOST_SLOTS - 1
    last = state.decoding - 1
    while last >= 0 and (due[last] >> S.SLOT_BITS) <= state.step:
        slot = unsigned(due[last] & mask)
        state.decoding = last
        state.context -= fleet.slot[slot].tokens_in + fleet.slot[slot].tokens_out
        end_answer(pools, fleet, sums, out, replica, slot, now)
        last -= 1
    if not _preempt(pools, fleet, replica):
        _admit(pools, fleet, replica)
    _plan(pools, fleet, replica, now)


@inlined
def _read(
    pools: Pools, fleet: FleetState, sums: Sums, out: Records, replica: int, now: float
) -> None:
    """The prompts' share of the steps that were taken; who has read all has its first token."""
    state, prompt = fleet.replica[replica], fleet.prompt[replica]
    tokens = state.steps * state.chunk
    while state.prompts > 0:
        slot = unsigned(prompt[state.ring])
        job = fleet.slot[slot]
        part = min(tokens, job.left)
        tokens -= part
        job.left -= part
        if job.left > 0:
            return
        after = state.ring + 1
        state.ring = 0 if after == prompt.shape[0] else after
        state.prompts -= 1
        job.done += 1
        state.held += 1
        if fleet.slot[slot].first_token < 0.0:
            fleet.slot[slot].first_token = now
        if job.done >= job.tokens_out:
            end_answer(pools, fleet, sums, out, replica, slot, now)
        else:
            last = state.step + job.tokens_out - job.done
            insert(fleet.due[replica], state.decoding, (last << S.SLOT_BITS) | slot)
            state.decoding += 1
            state.context += job.tokens_in + job.done
