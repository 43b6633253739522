"""When to visit a replica, compiled.

Others see of a replica only how many requests it has and which answers it has delivered. Both
change when a request comes and when an answer ends; that a request is admitted or has its first
token is the replica's own affair. So a replica is visited only when the next of its answers ends
or somebody comes, and then first catches up with its boundaries until there.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import inlined, prefetch
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.lists import next_replica, set_end
from wattlas.replays.kernel.replica import ring_place, span
from wattlas.replays.kernel.state import FleetState, Pools, signed


@inlined
def note(pools: Pools, fleet: FleetState, replica: int) -> None:
    """Note when to visit a replica next."""
    set_end(fleet.tree, replica, _next_answer(pools, fleet, replica))
    decoding = fleet.state[replica, S.DECODING]
    if decoding > 0:
        fleet.ending[replica] = fleet.due[replica, decoding - 1] & (S.MOST_SLOTS - 1)


@inlined
def bring_near(fleet: FleetState) -> None:
    """Ask for the memory of a replica that will soon be visited, and of who ends there first.

    It is the first of another quarter of the tree than the very first's. At 960 replicas a seventh
    of the kernel's time was spent waiting for the request that ends.
    """
    tree, least, at, second = fleet.tree, fleet.tree[0], signed(0), S.BIG
    if len(tree) > 1:
        for child in range(1, 5):
            if tree[child] != least and tree[child] < second:
                at, second = child, tree[child]
    soon = next_replica(tree, at)
    prefetch(fleet.clock, soon)
    prefetch(fleet.time, fleet.ending[soon])


@inlined
def _next_answer(pools: Pools, fleet: FleetState, replica: int) -> float:
    """When a replica's next answer ends if nobody comes before, to the last digit.

    Two boundaries may come before it: at the first all prompts end and all who wait are admitted,
    at the second their prompts end. Where it may be otherwise (one queue for a pool, no room for
    all, a full KV memory, a long prompt), the end of the run: a visit there asks again.
    """
    state, clock = fleet.state[replica], fleet.clock[replica]
    end, decoding = clock[S.END], state[S.DECODING]
    waiting = fleet.load[replica] - state[S.RUNNING]
    if waiting + state[S.PROMPTS] == 0:
        return float(end)
    pool = pools.pool[replica]
    size, speed = pools.size[pool], pools.speed[pool]
    step = state[S.STEP] + state[S.STEPS]
    first = S.MOST_STEPS
    if decoding > 0:
        first = fleet.due[replica, decoding - 1] >> S.SLOT_BITS
    if first <= step or state[S.RUNNING] + waiting > size[S.BATCH] or size[S.POOLED] == 1:
        return float(end)

    # The first boundary: those whose prompts end go on decoding.
    context = state[S.CONTEXT] + state[S.STEPS] * decoding
    left = 0
    for n in range(state[S.PROMPTS]):
        job = fleet.job[fleet.prompt[replica, ring_place(fleet, replica, n)]]
        left += job[S.LEFT]
        context += job[S.IN] + job[S.DONE] + 1
        first = min(first, step + job[S.OUT] - job[S.DONE] - 1)
    if left > state[S.STEPS] * state[S.CHUNK] or first <= step:
        return float(end)
    decoding += state[S.PROMPTS]

    # The second: all who waited have read their prompts in a single step.
    tokens, needed = 0, 0.0
    slot = fleet.head[replica]
    for _ in range(waiting):
        job = fleet.job[slot]
        tokens += job[S.IN] + job[S.DONE]
        needed += job[S.IN] + speed[S.RESERVE] * job[S.OUT]
        first = min(first, step + job[S.OUT] - job[S.DONE])
        slot = job[S.LINK]
    steps = first - state[S.STEP]
    most = state[S.HELD] + tokens + steps * (state[S.RUNNING] + waiting)
    kv = size[S.KV]
    if most > kv or clock[S.COMMITTED] + needed > kv or tokens > size[S.STEP_TOKENS] - decoding:
        return float(end)
    if waiting > 0:
        end += speed[S.A] + speed[S.B] * (decoding + tokens) + speed[S.C] * context
        context += decoding + tokens + waiting
        decoding += waiting
        step += 1
    growth = speed[S.C] * decoding
    start = speed[S.A] + speed[S.B] * decoding + speed[S.C] * context
    return float(end + span(start, growth, first - step))
