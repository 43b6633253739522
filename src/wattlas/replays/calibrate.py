"""Calibration: the service model of a server from a log of its requests.

a, b and c make least

    mean |Δ full answer| / mean full answer + TTFT_WEIGHT · mean |Δ first token| / mean first token

over the requests of even number, where Δ is the model's time less the log's and every request of
the log is served by the model. The requests of odd number judge it, and so does a second log.
Absolute deviations, so that a few requests that met a stall of the server do not bend the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.shown import Tabular
from wattlas.model.table import Listing, Table, columns
from wattlas.replays.arrivals.checked import Requests
from wattlas.replays.arrivals.trace import Trace
from wattlas.replays.service.model import ENDLESS, STEP_TOKENS, ServiceModel
from wattlas.replays.service.pool import Served, serve

TTFT_WEIGHT = 0.3
"""Full answers hold far more steps than first tokens, and say more of b and c."""
BATCH = 256
"""N where nobody states it and the log shows none: vLLM's default."""
STEPS_TRIED = (512, 1024, 2048, 4096, 8192)
FEWEST = 20
"""Requests below which nothing is fitted."""
START_S = (0.015, 5e-5, 1e-7)
EVALUATIONS = 400
ROUNDS = 3
"""A simplex that has become small begins anew: it may have stopped on a step."""
MEASURES = ("full answer", "first token", "time per token")


@dataclass(frozen=True)
class Errors:
    """How far the model is off on some requests: (3,) of `MEASURES`, relative, model/log − 1."""

    requests: int
    mean: np.ndarray
    p90: np.ndarray


@dataclass(frozen=True)
class Calibration(Tabular):
    """A service model fitted to a log, and its errors: on the requests that it was fitted on, on
    those held out, and on a second log (None where there is none).
    """

    model: ServiceModel
    replicas: int
    fitted: Errors
    held_out: Errors
    second: Errors | None = None
    notes: tuple[str, ...] = ()

    def table(self) -> Table:
        """One row per set of requests and measure: `mean_error` and `p90_error`, relative."""
        rows: dict[str, list[object]] = {n: [] for n in _COLUMNS}
        sets = {"fitted": self.fitted, "held out": self.held_out, "second log": self.second}
        for name, errors in sets.items():
            if errors is not None:
                for at, measure in enumerate(MEASURES):
                    values = (name, errors.requests, measure, errors.mean[at], errors.p90[at])
                    for column, value in zip(rows, values, strict=True):
                        rows[column].append(value)
        return rows

    def listing(self) -> Listing:
        """The errors, and the model in a sentence."""
        m = self.model
        memory = "without end" if m.kv_tokens >= ENDLESS else f"{m.kv_tokens:,} tokens"
        sentence = (
            f"A step lasts {m.step_s * 1e3:.3f} ms + {m.token_s * 1e6:.3f} µs per token + "
            f"{m.context_s * 1e6:.5f} µs per token of context; at most {m.batch} requests run, "
            f"{m.step_tokens} tokens to a step, KV memory {memory}"
        )
        return Listing("Errors of the service model, model/log − 1", columns(_SPEC), self.table(),
                       (sentence, *self.notes))  # fmt: skip


_SPEC = "requests_are:text requests:count measure:text mean_error:share p90_error:share"
_COLUMNS = [word.partition(":")[0] for word in _SPEC.split()]


def calibrate(
    log: Trace,
    *,
    batch: int | None = None,
    step_tokens: int | None = None,
    kv_tokens: int | None = None,
    reserve: float = 0.0,
    replicas: int = 1,
    second: Trace | None = None,
) -> Calibration:
    """Fit a service model to a server's log; what is given is kept.

    `replicas` engines share the requests of the log by the shortest queue. A request without times
    of its tokens is served like the others, and neither fitted nor judged. Raises InputError for a
    log without times of tokens, or with fewer than FEWEST requests.
    """
    requests = _checked(log)
    timed = _timed(requests)
    even = np.arange(len(requests)) % 2 == 0
    notes = list(log.notes)
    if not timed.all():
        notes.append(f"Requests without times of their tokens are served, and judge nothing: "
                     f"{int((~timed).sum()):,}")  # fmt: skip
    model = _sized(requests, even & timed, batch, kv_tokens, reserve, replicas)
    if step_tokens is not None:
        model = _fitted(replace(model, step_tokens=step_tokens), requests, even & timed, replicas)
    else:
        model = _with_steps(model, requests, even & timed, replicas)
        notes.append("Tokens of a step were not given, and are fitted: the log says little of them")
    if batch is None and kv_tokens is None:
        notes.append("Batch and KV memory were not given, and are the most that the log shows")
    model = replace(model, source=f"calibrated on {log.path.name}")
    served = _served(model, requests, replicas)
    return Calibration(
        model=model,
        replicas=replicas,
        fitted=errors(requests, served, even & timed),
        held_out=errors(requests, served, ~even & timed),
        second=None if second is None else _on(second, model, replicas),
        notes=tuple(notes),
    )


def _on(log: Trace, model: ServiceModel, replicas: int) -> Errors:
    requests = _checked(log)
    return errors(requests, _served(model, requests, replicas), _timed(requests))


def _timed(requests: Requests) -> np.ndarray:
    """Which requests have the times of their tokens, (n,)."""
    assert requests.first_s is not None
    assert requests.last_s is not None
    return np.asarray(np.isfinite(requests.first_s) & np.isfinite(requests.last_s))


def _checked(log: Trace) -> Requests:
    requests = log.log()
    where = str(log.path)
    if requests.first_s is None or requests.last_s is None:
        what = f"has no times of the first and the last token in the layout {log.layout.name}"
        fix = "Give the log of a server: vllm bench serve --save-result --save-detailed writes one."
        raise InputError([Problem("(file)", what, fix, where)])
    timed = _timed(requests)
    late = (requests.first_s > requests.t_s) & (requests.last_s >= requests.first_s) | ~timed
    if not late.all():
        row = int(requests.row[np.argmin(late)])
        what = "has a token before it came, or its last before its first"
        raise InputError([Problem(f"request {row + 1:,}", what, "Look for mixed units.", where)])
    if timed.sum() < FEWEST:
        told = "" if timed.all() else " with times of their tokens"
        what = f"holds {timed.sum()} requests{told}, too few to fit and to judge"
        raise InputError([Problem("(file)", what, f"Give {FEWEST} or more.", where)])
    return requests


def _served(model: ServiceModel, requests: Requests, replicas: int) -> Served:
    return serve(model, requests.t_s, requests.tokens_in, requests.tokens_out, replicas=replicas)


def errors(requests: Requests, served: Served, where: np.ndarray) -> Errors:
    """Errors on some requests, by their mean and their 90th percentile."""
    assert requests.first_s is not None
    assert requests.last_s is not None
    model = _measures(requests, served.first_s, served.last_s)[:, where]
    log = _measures(requests, requests.first_s, requests.last_s)[:, where]
    return Errors(
        int(where.sum()),
        model.mean(axis=1) / log.mean(axis=1) - 1.0,
        np.quantile(model, 0.9, axis=1) / np.quantile(log, 0.9, axis=1) - 1.0,
    )


def _measures(requests: Requests, first_s: np.ndarray, last_s: np.ndarray) -> np.ndarray:
    """Full answer, first token, time per further token, s, shape (3, n)."""
    further = np.maximum(requests.tokens_out - 1, 1)
    return np.array([last_s - requests.t_s, first_s - requests.t_s, (last_s - first_s) / further])


def deviation(model: ServiceModel, requests: Requests, where: np.ndarray, replicas: int) -> float:
    """What a fit makes least; see the module. Infinite where a request is never served."""
    assert requests.first_s is not None
    assert requests.last_s is not None
    served = _served(model, requests, replicas)
    full = np.abs(served.last_s - requests.last_s)[where].mean()
    first = np.abs(served.first_s - requests.first_s)[where].mean()
    whole = (requests.last_s - requests.t_s)[where].mean()
    begun = (requests.first_s - requests.t_s)[where].mean()
    total = float(full / whole + TTFT_WEIGHT * first / begun)
    return total if np.isfinite(total) else 1e9


def _fitted(
    model: ServiceModel, requests: Requests, where: np.ndarray, replicas: int
) -> ServiceModel:
    """The model with the best a, b, c, from those that it has; all stay above zero."""

    def of(logs: np.ndarray) -> float:
        return deviation(model.with_times(np.exp(logs).tolist()), requests, where, replicas)

    best = np.log(_times(model))
    for _ in range(ROUNDS):
        best = _least(of, best)
    return model.with_times(np.exp(best).tolist())


def _times(model: ServiceModel) -> Sequence[float]:
    return model.step_s, max(model.token_s, 1e-12), max(model.context_s, 1e-15)


def _least(function: Callable[[np.ndarray], float], start: np.ndarray) -> np.ndarray:
    """Nelder and Mead's method: the deviation has steps, where one request enters a batch or not,
    and no slope that says anything.
    """
    from scipy.optimize import minimize

    corners = start + np.vstack([np.zeros(3), np.diag([0.3, 0.5, 0.7])])
    options = {"maxfev": EVALUATIONS, "xatol": 1e-3, "fatol": 1e-5, "initial_simplex": corners}
    minimum = minimize(function, start, method="Nelder-Mead", options=options)
    return np.asarray(minimum.x)


def _sized(
    requests: Requests,
    where: np.ndarray,
    batch: int | None,
    kv_tokens: int | None,
    reserve: float,
    replicas: int,
) -> ServiceModel:
    """The best of the sizes that may be: what is given, or the most that the log shows, or more."""
    running, held = _most(requests, replicas)
    batches = [batch] if batch is not None else sorted({running, BATCH})
    memories = [kv_tokens] if kv_tokens is not None else [held, ENDLESS]
    models = [
        ServiceModel(*START_S, batch=n, step_tokens=max(STEP_TOKENS, 2 * n), kv_tokens=k,
                     reserve=reserve)
        for n in batches for k in memories
    ]  # fmt: skip
    fitted = [_fitted(model, requests, where, replicas) for model in models]
    return min(fitted, key=lambda model: deviation(model, requests, where, replicas))


def _with_steps(
    model: ServiceModel, requests: Requests, where: np.ndarray, replicas: int
) -> ServiceModel:
    tried = [
        _fitted(replace(model, step_tokens=tokens), requests, where, replicas)
        for tokens in STEPS_TRIED
        if tokens > model.batch
    ]
    return min([model, *tried], key=lambda m: deviation(m, requests, where, replicas))


def _most(requests: Requests, replicas: int) -> tuple[int, int]:
    """Most requests that decode at once, and most tokens that they hold, per replica."""
    requests = requests.taken(np.flatnonzero(_timed(requests)))
    first, last = requests.first_s, requests.last_s
    assert first is not None
    assert last is not None
    moments = np.sort(first)
    begun = first[None, :] <= moments[:, None]
    decoding = begun & (last[None, :] > moments[:, None])
    spans = np.maximum(last - first, 1e-9)
    given = np.clip((moments[:, None] - first) / spans, 0, 1) * requests.tokens_out
    held = (decoding * (requests.tokens_in + given)).sum(axis=1).max()
    largest = int((requests.tokens_in + requests.tokens_out).max())
    running = int(np.ceil(decoding.sum(axis=1).max() / replicas))
    return running, max(int(held / replicas), largest)
