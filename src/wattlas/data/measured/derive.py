"""A measurement as an operating point: figures per token, or per request, from totals and rates.

With tokens, where R is answer tokens per second, E energy, D duration, A accelerators, N requests,
i and o the mean tokens of prompt and answer, and s the part of prompts in energy and time:

    R                 given, or all answer tokens / D, or N·o / D                     1/s
    energy x          J over answer tokens as given, or E / all answer tokens, or W / R   J
    accelerator time  x = A / R                                                       GPU-s
    per answer token  (1 − s)·x        per prompt token  s·x·o / i
    between tokens    given, or (whole request − first token) / (o − 1), or in flight / R  ms

Without tokens, of a request: E / N, or W over requests per second, and A·D / N, or A over requests
per second. `ttft_ms` is the mean of the measurement, prompts and its queue in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MS_PER_S = 1e3


class Lacking(Exception):
    """A figure that needs what is not there; `fact` is a key of `facts.GIVEN_BY`."""

    def __init__(self, fact: str) -> None:
        self.fact = fact
        super().__init__(fact)


Values = Mapping[str, Any]


def has_tokens(v: Values) -> bool:
    """Whether a measurement speaks of tokens."""
    return any(name in v for name in ("tokens_out", "total_tokens_out", "tokens_out_per_s"))


def token_energy(v: Values, prompts: float) -> dict[str, float]:
    """J per prompt and answer token; `prompts` is s. Raises Lacking."""
    prompt, answer = _split(v, _energy_per_token(v), prompts)
    return {"prefill_j_per_token": prompt, "decode_j_per_token": answer}


def token_gpu_s(v: Values, prompts: float) -> dict[str, float]:
    """Accelerator time per prompt and answer token, s; `prompts` is s. Raises Lacking."""
    rate = tokens_out_per_s(v)
    if not v.get("accelerators"):
        raise Lacking("accelerators")
    if rate is None:
        raise _no_rate(v)
    prompt, answer = _split(v, float(v["accelerators"]) / rate, prompts)
    return {"prefill_gpu_s_per_token": prompt, "decode_gpu_s_per_token": answer}


def request_energy(v: Values) -> dict[str, float]:
    """J of a request without tokens. Raises Lacking."""
    if "request_j" in v:
        return {"request_j": float(v["request_j"])}
    energy, rate = it_energy_j(v), _requests_per_s(v)
    if energy is not None and "requests" in v:
        return {"request_j": energy / float(v["requests"])}
    if "power_w" in v and rate is not None:
        return {"request_j": float(v["power_w"]) / rate}
    raise Lacking("energy") if energy is None and "power_w" not in v else _no_rate(v)


def request_gpu_s(v: Values) -> dict[str, float]:
    """Accelerator time of a request without tokens, s. Raises Lacking."""
    rate = _requests_per_s(v)
    if not v.get("accelerators"):
        raise Lacking("accelerators")
    if rate is None:
        raise _no_rate(v)
    return {"request_gpu_s": float(v["accelerators"]) / rate}


def token_time(v: Values) -> dict[str, float]:
    """Mean time between answer tokens, ms. Raises Lacking."""
    return {"itl_ms": _token_time_ms(v)}


def _token_time_ms(v: Values) -> float:
    if "itl_ms" in v:
        return float(v["itl_ms"])
    tokens = _mean_tokens_out(v)
    if "e2e_ms" in v and "ttft_ms" in v and tokens is not None and tokens > 1:
        return max(float(v["e2e_ms"] - v["ttft_ms"]), 0.0) / (tokens - 1.0)
    rate = tokens_out_per_s(v)
    if "in_flight" in v and rate is not None:
        return float(v["in_flight"]) / rate * MS_PER_S
    raise Lacking("itl")


def tokens_out_per_s(v: Values) -> float | None:
    """Answer tokens per second of all requests together; None where nothing tells."""
    if "total_tokens_out" in v and "duration_s" in v:
        return float(v["total_tokens_out"] / v["duration_s"])
    if "tokens_out_per_s" in v:
        return float(v["tokens_out_per_s"])
    if "tokens_out" not in v:
        return None
    rate = _requests_per_s(v)
    return None if rate is None else rate * float(v["tokens_out"])


def it_energy_j(v: Values) -> float | None:
    """Energy of the measurement without what cooling took, J; None where nothing tells."""
    return float(v["energy_j"]) / float(v.get("pue", 1.0)) if "energy_j" in v else None


def _energy_per_token(v: Values) -> float:
    """All energy over answer tokens, J."""
    rate, total, energy = tokens_out_per_s(v), _total_tokens_out(v), it_energy_j(v)
    if "j_per_token" in v:
        return float(v["j_per_token"])
    if energy is not None and total is not None:
        return energy / total
    if "power_w" in v and rate is not None:
        return float(v["power_w"]) / rate
    raise Lacking("energy") if energy is None and "power_w" not in v else _no_rate(v)


def _split(v: Values, whole: float, prompts: float) -> tuple[float, float]:
    """Parts of a prompt token and of an answer token, of what all took over answer tokens."""
    prompt = prompts * whole * _answer_over_prompt(v) if prompts else 0.0
    return prompt, (1.0 - prompts) * whole


def _no_rate(v: Values) -> Lacking:
    return Lacking("requests" if "requests" not in v else "duration")


def _requests_per_s(v: Values) -> float | None:
    if "requests" in v and "duration_s" in v:
        return float(v["requests"] / v["duration_s"])
    return float(v["requests_per_s"]) if "requests_per_s" in v else None


def _total_tokens_out(v: Values) -> float | None:
    if "total_tokens_out" in v:
        return float(v["total_tokens_out"])
    if "requests" in v and "tokens_out" in v:
        return float(v["requests"] * v["tokens_out"])
    if "tokens_out_per_s" in v and "duration_s" in v:
        return float(v["tokens_out_per_s"] * v["duration_s"])
    return None


def _mean_tokens_out(v: Values) -> float | None:
    if "tokens_out" in v:
        return float(v["tokens_out"])
    if "total_tokens_out" in v and "requests" in v:
        return float(v["total_tokens_out"] / v["requests"])
    return None


def _answer_over_prompt(v: Values) -> float:
    """Answer tokens per prompt token, o / i."""
    if v.get("total_tokens_in") and "total_tokens_out" in v:
        return float(v["total_tokens_out"] / v["total_tokens_in"])
    tokens = _mean_tokens_out(v)
    if not v.get("tokens_in"):
        raise Lacking("tokens_in")
    if tokens is None:
        raise Lacking("tokens")
    return tokens / float(v["tokens_in"])
