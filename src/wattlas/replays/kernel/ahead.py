"""When to visit a replica, compiled.

Others see of a replica only how many requests it has and which answers it has delivered. Both
change when a request comes and when an answer ends; that a request is admitted or has its first
token is the replica's own affair. So a replica is visited only when the next of its answers ends
or somebody comes, and then first catches up with its boundaries until there.
"""

from __future__ import annotations

from wattlas.placement.engine.jit import inlined, prefetch
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.lists import set_end
from wattlas.replays.kernel.replica import ring_place, span
from wattlas.replays.kernel.state import FleetState, Pools, unsigned

AHEAD = 4
"""Replicas whose memory is asked for whenever an answer ends: the first of the other half of the
tree, then of the other quarter, and so on. Each costs some 15 instructions. At 960 replicas nine of
ten requests that end were asked for within the twenty visits before; with 2, seven of ten."""


@inlined
def note(pools: Pools, fleet: FleetState, replica: int) -> None:
    """Note when to visit a replica next, and which slots that will need."""
    set_end(fleet, replica, _next_answer(pools, fleet, replica))
    state = fleet.replica[replica]
    if state.decoding > 0:
        fleet.soon[replica, 0] = fleet.due[replica, state.decoding - 1] & (S.MOST_SLOTS - 1)
    fleet.soon[replica, 1] = max(state.head, 0)


@inlined
def bring_near(fleet: FleetState) -> None:
    """Ask for the memory of replicas that will soon be visited, and of who ends and waits there.

    At 960 replicas the kernel spent a fifth of its time waiting for requests that end or wait.
    """
    earliest, nodes, node = fleet.earliest, len(fleet.ends), unsigned(1)
    first = earliest[1]
    for _ in range(AHEAD):
        if 2 * node >= nodes:
            return
        is_left = int(earliest[2 * node] == first)
        replica = unsigned(earliest[unsigned(2 * node + is_left)])
        prefetch(fleet.replica, replica)
        prefetch(fleet.slot, fleet.soon[replica, 0])
        prefetch(fleet.slot, fleet.soon[replica, 1])
        node = unsigned(2 * node + 1 - is_left)


@inlined
def _next_answer(pools: Pools, fleet: FleetState, replica: int) -> float:
    """When a replica's next answer ends if nobody comes before, to the last digit.

    Two boundaries may come before it: at the first all prompts end and all who wait are admitted,
    at the second their prompts end. Where it may be otherwise (one queue for a pool, no room for
    all, a full KV memory, a long prompt), the end of the run: a visit there asks again.
    """
    state = fleet.replica[replica]
    end, decoding = state.end, state.decoding
    waiting = fleet.load[replica] - state.running
    if waiting + state.prompts == 0:
        return float(end)
    pool = state.pool
    size, speed = pools.size[pool], pools.speed[pool]
    step = state.step + state.steps
    first = S.MOST_STEPS
    if decoding > 0:
        first = fleet.due[replica, decoding - 1] >> S.SLOT_BITS
    if first <= step or state.running + waiting > size[S.BATCH] or size[S.POOLED] == 1:
        return float(end)

    # The first boundary: those whose prompts end go on decoding.
    context = state.context + state.steps * decoding
    left = 0
    for n in range(state.prompts):
        job = fleet.slot[unsigned(fleet.prompt[replica, ring_place(fleet, replica, n)])]
        left += job.left
        context += job.tokens_in + job.done + 1
        first = min(first, step + job.tokens_out - job.done - 1)
    if left > state.steps * state.chunk or first <= step:
        return float(end)
    decoding += state.prompts

    # The second: all who waited have read their prompts in a single step.
    tokens, needed = 0, 0.0
    slot = fleet.replica[replica].head
    for _ in range(waiting):
        job = fleet.slot[unsigned(slot)]
        tokens += job.tokens_in + job.done
        needed += job.tokens_in + speed[S.RESERVE] * job.tokens_out
        first = min(first, step + job.tokens_out - job.done)
        slot = job.link
    steps = first - state.step
    most = state.held + tokens + steps * (state.running + waiting)
    kv = size[S.KV]
    if most > kv or state.committed + needed > kv or tokens > size[S.STEP_TOKENS] - decoding:
        return float(end)
    if waiting > 0:
        end += speed[S.A] + speed[S.B] * (decoding + tokens) + speed[S.C] * context
        context += decoding + tokens + waiting
        decoding += waiting
        step += 1
    growth = speed[S.C] * decoding
    start = speed[S.A] + speed[S.B] * decoding + speed[S.C] * context
    return float(end + span(start, growth, first - step))
