"""The service model of a replay in simpy: the same routing, queues, batching and tier decision.

Written as somebody would who knows both: a replica schedules the end of its run of equal steps, and
an arrival that finds room shortens it. Times, places and degraded requests are those of the kernel,
which the benchmark checks.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wattlas.replays.service.model import ServiceModel


@dataclass
class Request:
    """One request on its way."""

    arrived: float
    tokens_in: int
    tokens_out: int
    low: bool
    ledger: int
    left: int = 0
    first: float = -1.0


@dataclass
class Replica:
    """One copy of a model. A run of steps that was shortened leaves its old end behind: `number`
    tells which end is the present one."""

    model: ServiceModel
    waiting: deque[Request] = field(default_factory=deque)
    prompts: deque[Request] = field(default_factory=deque)
    decoding: list[tuple[int, int, Request]] = field(default_factory=list)
    step: int = 0
    context: int = 0
    held: int = 0
    load: int = 0
    begun: float = 0.0
    steps: int = 0
    chunk: int = 0
    first_s: float = 0.0
    growth_s: float = 0.0
    number: int = 0

    def span(self, steps: int) -> float:
        """How long so many steps of the run last."""
        return self.first_s * steps + 0.5 * self.growth_s * steps * (steps - 1)


class World:
    """All replicas under one simpy clock."""

    def __init__(self, env: Any, replicas: list[list[Replica]], share: tuple[int, int]) -> None:
        self.env, self.pools, self.share = env, replicas, share
        self.counts: dict[int, list[int]] = {}
        self.done: list[tuple[float, float, float, bool]] = []
        self.pushed = 0

    def arrive(self, tokens: tuple[int, int], ledger: int, sets: list[Any]) -> None:
        """Decide on a request that comes now, and hand it over."""
        counts = self.counts.setdefault(ledger, [0, 0])
        low = self.share[1] * (counts[1] + 1) <= self.share[0] * (counts[0] + 1)
        behind, shares, pools = sets[low]
        best = 0
        for n, share in enumerate(shares):
            behind[n] += share
            if behind[n] > behind[best]:
                best = n
        behind[best] -= 1.0
        counts[1] += low
        replica = min(self.pools[pools[best]], key=lambda each: each.load)
        self._give(replica, Request(self.env.now, *tokens, low, ledger))

    def _give(self, replica: Replica, request: Request) -> None:
        alone = not replica.waiting
        replica.waiting.append(request)
        replica.load += 1
        running = len(replica.prompts) + len(replica.decoding)
        if running == 0:
            self._begin(replica)
        elif alone and running < replica.model.batch:
            passed = self.env.now - replica.begun
            half = replica.first_s - 0.5 * replica.growth_s
            root = 2 * passed / (half + math.sqrt(half**2 + 2 * replica.growth_s * passed))
            steps = min(max(math.ceil(root), 1), replica.steps)
            while steps > 1 and replica.span(steps - 1) >= passed:
                steps -= 1
            while steps < replica.steps and replica.span(steps) < passed:
                steps += 1
            if steps < replica.steps:
                replica.steps = steps
                self._schedule(replica, replica.begun + replica.span(steps))

    def _schedule(self, replica: Replica, end: float) -> None:
        replica.number += 1
        event = self.env.timeout(max(end - self.env.now, 0.0), (replica, replica.number))
        event.callbacks.append(self._end)

    def _end(self, event: Any) -> None:
        replica, number = event.value
        if number != replica.number:
            return
        before = len(replica.decoding)
        replica.step += replica.steps
        replica.context += replica.steps * before
        replica.held += replica.steps * before
        tokens = replica.steps * replica.chunk
        while replica.prompts and tokens >= 0:
            request = replica.prompts[0]
            part = min(tokens, request.left)
            tokens -= part
            request.left -= part
            if request.left:
                break
            replica.prompts.popleft()
            request.first = self.env.now
            replica.held += 1
            if request.tokens_out == 1:
                self._settle(replica, request)
                continue
            self.pushed += 1
            last = replica.step + request.tokens_out - 1
            heapq.heappush(replica.decoding, (last, self.pushed, request))
            replica.context += request.tokens_in + 1
        while replica.decoding and replica.decoding[0][0] <= replica.step:
            request = heapq.heappop(replica.decoding)[2]
            replica.context -= request.tokens_in + request.tokens_out
            self._settle(replica, request)
        self._begin(replica)

    def _settle(self, replica: Replica, request: Request) -> None:
        replica.load -= 1
        replica.held -= request.tokens_in + request.tokens_out
        self.counts[request.ledger][0] += 1
        self.done.append((request.arrived, request.first, self.env.now, request.low))

    def _begin(self, replica: Replica) -> None:
        model = replica.model
        while replica.waiting and len(replica.prompts) + len(replica.decoding) < model.batch:
            need = replica.waiting[0].tokens_in
            running = replica.prompts or replica.decoding
            if running and replica.held + len(replica.decoding) + need > model.kv_tokens:
                break
            request = replica.waiting.popleft()
            request.left = need
            replica.held += need
            replica.prompts.append(request)
        decoding = len(replica.decoding)
        if not decoding and not replica.prompts:
            return
        steps = replica.decoding[0][0] - replica.step if decoding else 1 << 38
        replica.chunk = 0
        if replica.prompts:
            room = model.step_tokens - decoding
            left = replica.prompts[0].left - 1
            replica.chunk = room
            if left >= room:
                steps = min(steps, left // room)
            else:
                steps = 1
                replica.chunk = min(sum(each.left for each in replica.prompts), room)
        replica.steps, replica.begun = steps, self.env.now
        tokens = decoding + replica.chunk
        replica.first_s = model.step_s + model.token_s * tokens + model.context_s * replica.context
        replica.growth_s = model.context_s * decoding
        self._schedule(replica, replica.begun + replica.span(steps))


def simulate(
    models: list[ServiceModel],
    replicas: list[int],
    requests: tuple[np.ndarray, np.ndarray, np.ndarray],
    sets: list[list[Any]],
    ledgers: list[int],
    share: tuple[int, int],
) -> list[tuple[float, float, float, bool]]:
    """(arrival, first token, last token, degraded) of each request in the order of completion.

    `requests` are times, sources and tokens; `sets` of each source the places in full and degraded:
    how far behind, shares, pools.
    """
    import simpy

    env = simpy.Environment()
    pools = [[Replica(model) for _ in range(n)] for model, n in zip(models, replicas, strict=True)]
    world = World(env, pools, share)

    def come() -> Any:
        for at, source, tokens in zip(*(column.tolist() for column in requests), strict=True):
            yield env.timeout(at - env.now)
            world.arrive(tuple(tokens), ledgers[source], sets[source])

    env.process(come())
    env.run()
    return world.done
