"""The service model of an operating point: how long a step lasts, what fits, what it draws.

    T = a + b·(tokens in the step) + c·(context of the decoding requests)             s

a is what a step takes whatever is in it (weights are read, kernels are launched), b what a token
adds, c what reading a token of the KV memory adds. Limited processor sharing: at most `batch`
requests run, first come, first served. docs/replay.md derives it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import Problem
from wattlas.model.checks import NOT_NEGATIVE, POSITIVE, SHARE, array, numbers, refuse, texts
from wattlas.model.workload import OperatingPoint

COUNT = replace(POSITIVE, whole=True)
ENDLESS = 1 << 40
"""Tokens of a KV memory that is never full."""
STEP_TOKENS = 2048
"""Tokens of a step where nobody states them: vLLM's `max_num_batched_tokens` for a server."""
LEAST_STEP_S = 1e-6
ANY_TOKENS = 1 << 30
"""A step without a bound on its tokens. A point's accelerator time per request counts the tokens of
a prompt by their own time alone; a server whose steps are bounded takes more of them for long
prompts, and would serve less than the plan believes. Calibration knows the bound."""


@dataclass(frozen=True)
class PowerCurve:
    """IT power of a replica by the number of its running requests, W.

    Linear between the given ones, level beyond them: `running` increases from 0, `power_w` is what
    was measured there. Benchmarks give it (ML.ENERGY states W by batch size), and a telemetry of
    one's own does. The first is the idle power.
    """

    running: np.ndarray
    power_w: np.ndarray
    source: str = ""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        yield from array(self, "power.", "running", (None,), NOT_NEGATIVE)
        yield from array(self, "power.", "power_w", (len(self.running),), NOT_NEGATIVE)
        yield from texts(self, "power.", "source", empty=True)
        running = np.asarray(self.running)
        if not len(running) or running[0] != 0 or (np.diff(running) <= 0).any():
            what = "does not rise from 0"
            yield Problem("power.running", what, "Give the idle power at 0, then larger batches.")

    def at(self, most: int) -> np.ndarray:
        """Power at 0, 1, …, most running requests, W, shape (most + 1,)."""
        return np.asarray(np.interp(np.arange(most + 1), self.running, self.power_w))


NO_POWER = PowerCurve(np.array([0.0]), np.array([0.0]))


@dataclass(frozen=True)
class ServiceModel:
    """How one replica serves. See the module for the equation; times in seconds.

    A request enters while fewer than `batch` run and max(Σ held, Σ in + reserve·out) ≤ `kv_tokens`
    with it. At reserve 0 the memory may fill, and the youngest is recomputed, as vLLM does; at ½ it
    hardly ever does.
    """

    step_s: float
    """a."""
    token_s: float = 0.0
    """b."""
    context_s: float = 0.0
    """c."""
    batch: int = 256
    """N."""
    step_tokens: int = STEP_TOKENS
    """B; more than `batch`, so that prompts are always read."""
    kv_tokens: int = ENDLESS
    """K."""
    reserve: float = 0.0
    power: PowerCurve = NO_POWER
    source: str = ""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = "service."
        yield from numbers(self, at, POSITIVE, "step_s")
        yield from numbers(self, at, NOT_NEGATIVE, "token_s", "context_s")
        counts = list(numbers(self, at, COUNT, "batch", "step_tokens", "kv_tokens"))
        yield from counts
        yield from numbers(self, at, SHARE, "reserve")
        yield from texts(self, at, "source", empty=True)
        if not counts and self.step_tokens <= self.batch:
            what = f"is {self.step_tokens}, and the batch of {self.batch} fills it"
            yield Problem(f"{at}step_tokens", what, "Give more tokens than requests of a batch.")

    def with_times(self, times: Sequence[float]) -> ServiceModel:
        """The same with other a, b, c."""
        step_s, token_s, context_s = map(float, times)
        return replace(self, step_s=step_s, token_s=token_s, context_s=context_s)


def of_point(point: OperatingPoint, power: PowerCurve | None = None) -> ServiceModel:
    """The service model of an operating point as far as its figures say it; c = 0.

    A decoding step of a full batch lasts `itl_ms`, and a token of a prompt adds
    `prefill_ms_per_token`. The batch is how many tokens one such step gives:

        N = itl · accelerators / decode_gpu_s_per_token        a = max(itl − b·N, LEAST_STEP_S)

    A point without tokens serves one request at a time, in `ttft_ms`.
    """
    itl_s, prefill_s = point.itl_ms / 1e3, point.prefill_ms_per_token / 1e3
    if itl_s <= 0 or point.decode_gpu_s_per_token <= 0:
        alone = max(point.ttft_ms / 1e3, point.request_gpu_s / point.accelerators, LEAST_STEP_S)
        return ServiceModel(alone, batch=1, source=point.source, power=power or NO_POWER)
    batch = max(round(itl_s * point.accelerators / point.decode_gpu_s_per_token), 1)
    token_s = min(prefill_s, itl_s / batch)
    return ServiceModel(
        step_s=max(itl_s - token_s * batch, LEAST_STEP_S),
        token_s=token_s,
        batch=batch,
        step_tokens=ANY_TOKENS,
        power=power or NO_POWER,
        source=point.source,
    )
