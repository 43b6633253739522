"""What is asked for, and the operating points that can answer it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from wattlas.errors import Problem
from wattlas.model.checks import (
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    flags,
    known_words,
    numbers,
    rates,
    refuse,
    series,
    texts,
)
from wattlas.units import BYTES_PER_GB, J_PER_KWH, S_PER_H

BUDGET = replace(POSITIVE, free=True)
ALLOWANCE = replace(NOT_NEGATIVE, free=True)

ANYWHERE = "*"
_COUNTED = re.compile(r"^\s*\d+\s*[x×]\s*")


class State(StrEnum):
    """Where a request may run, given where its session's state lives."""

    STATELESS = "stateless"
    """Anywhere."""
    STICKY = "sticky"
    """Anywhere, but a session that moves carries its state and pays for it."""
    PINNED = "pinned"
    """Only in the region of its service node."""


class LatencyTo(StrEnum):
    """The moment that a latency budget ends at."""

    FIRST_TOKEN = "first_token"
    FULL_ANSWER = "full_answer"


class WhenNone(StrEnum):
    """What to do with demand that no place can serve within its budget."""

    ERROR = "error"
    """Refuse the scenario and name the demand."""
    NEAREST = "nearest"
    """Serve it at the lawful place of least latency, and report it as late."""


@dataclass(frozen=True)
class Residency:
    """A rule of law or contract: requests of a jurisdiction may run only in these.

    `allowed` maps a metro's jurisdiction to the region jurisdictions that may serve it;
    the key `*` is for all jurisdictions without a line of their own, and the value `*` means any.
    Without a matching line everything is allowed.
    """

    id: str
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse(self._problems())
        allowed = {metro: frozenset(regions) for metro, regions in self.allowed.items()}
        object.__setattr__(self, "allowed", allowed)

    def _problems(self) -> Iterator[Problem]:
        at = f"residency.{self.id}"
        yield from texts(self, f"{at}.", "id")
        fix = 'Give it as {"EU": {"EU"}}: jurisdiction of the metro, jurisdictions that may serve.'
        allowed: object = self.allowed
        if not isinstance(allowed, Mapping):
            yield Problem(at, "is no mapping of jurisdictions", fix)
            return
        for metro, regions in allowed.items():
            listed = isinstance(regions, Iterable) and not isinstance(regions, str)
            if not listed or not all(isinstance(name, str) for name in regions):
                yield Problem(f"{at}.{metro}", "is no set of jurisdictions", fix)

    def permits(self, metro_jurisdiction: str, region_jurisdiction: str) -> bool:
        """Whether a request from the one may run in the other."""
        rule = self.allowed.get(metro_jurisdiction, self.allowed.get(ANYWHERE))
        return rule is None or ANYWHERE in rule or region_jurisdiction in rule


@dataclass(frozen=True)
class OperatingPoint:
    """A model variant on some hardware at some batch or power setting.

    Energies are IT energy per token. `ttft_ms` is the time to the first token at a prompt of no
    length; the prompt adds `prefill_ms_per_token`, each further token of the answer `itl_ms`.
    A model without tokens (images, scores) has figures per request, and `ttft_ms` is its whole
    service time.
    """

    id: str
    variant: str
    accuracy: float
    """A benchmark score normalised to 0..1; `accuracy_by_class` overrides it for a class."""
    prefill_j_per_token: float = 0.0
    decode_j_per_token: float = 0.0
    prefill_gpu_s_per_token: float = 0.0
    decode_gpu_s_per_token: float = 0.0
    ttft_ms: float = 0.0
    prefill_ms_per_token: float = 0.0
    itl_ms: float = 0.0
    itl_p95_ms: float = 0.0
    """95th percentile of the time between tokens; 0 where nobody measured it."""
    request_j: float = 0.0
    """IT energy per request that no token explains, J."""
    request_gpu_s: float = 0.0
    """Accelerator time per request that no token explains, s."""
    hardware: str = ""
    """The accelerators that it is for, `8 x H100`: how many, and their `kind`."""
    accuracy_by_class: Mapping[str, float] = field(default_factory=dict)
    weights_bytes: float = 0.0
    """Size of the model: what a cold start carries over the network, once for each copy."""
    accelerators: float = 1.0
    """Accelerators that one copy of the model spans: each carries its part of the weights."""
    source: str = ""
    contract: str = ""
    """Id of the tier whose degraded requests run here; empty: a point of its own. See `offer`."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    @property
    def kind(self) -> str:
        """The kind of accelerators that it is for; empty where it does not say."""
        return kind_of(self.hardware)

    def _problems(self) -> Iterator[Problem]:
        at = f"points.{self.id}."
        yield from texts(self, at, "id", "variant")
        yield from texts(self, at, "hardware", "source", "contract", empty=True)
        yield from numbers(self, at, SHARE, "accuracy")
        yield from rates(self, at, "accuracy_by_class", SHARE)
        yield from numbers(self, at, NOT_NEGATIVE, *_PER_POINT)
        yield from numbers(self, at, POSITIVE, "accelerators")


_PER_POINT = (
    "prefill_j_per_token",
    "decode_j_per_token",
    "prefill_gpu_s_per_token",
    "decode_gpu_s_per_token",
    "ttft_ms",
    "prefill_ms_per_token",
    "itl_ms",
    "itl_p95_ms",
    "request_j",
    "request_gpu_s",
    "weights_bytes",
)


def kind_of(hardware: str) -> str:
    """The kind of accelerators without how many they are: `H100` of `8 x H100`."""
    return _COUNTED.sub("", hardware).strip()


class TokenEnergy(Protocol):
    """Energy per token and per request, J: of an operating point, or of what is told of one."""

    @property
    def prefill_j_per_token(self) -> float: ...
    @property
    def decode_j_per_token(self) -> float: ...
    @property
    def request_j(self) -> float: ...


def it_j(point: TokenEnergy, tokens_in: float, tokens_out: float) -> float:
    """IT energy of a request, J.

    prefill J/token · tokens in + decode J/token · tokens out + J/request
    """
    return (
        point.prefill_j_per_token * tokens_in
        + point.decode_j_per_token * tokens_out
        + point.request_j
    )


@dataclass(frozen=True)
class WorkloadClass:
    """Requests that share a latency budget, a token profile, state and residency rules."""

    id: str
    latency_budget_ms: float
    tokens_in: float = 0.0
    tokens_out: float = 0.0
    round_trips: float = 1.0
    """Network round trips between service node and region before the measured moment."""
    latency_to: LatencyTo = LatencyTo.FIRST_TOKEN
    bytes_per_request: float = 0.0
    """Bytes moved per request between service node and region, both directions."""
    state: State = State.STATELESS
    session_state_bytes: float = 0.0
    requests_per_session_h: float = 1.0
    """Requests per hour of one session: state per unit of demand is bytes / this."""
    residency: str = ""
    """Id of the residency rule; empty: none."""
    accuracy_min: float = 0.0
    """Least accuracy of the operating point of any request."""
    mean_accuracy_min: float | None = None
    """Least mean accuracy over the class's requests in each hour."""
    points: tuple[str, ...] | None = None
    """Operating points it may use; None means all."""
    latency_allowance_ms: Mapping[str, float] = field(default_factory=dict)
    """Operating point → ms that a request may take there beyond the budget."""
    unserved_usd_per_request: float | None = None
    """Price of a request that is not served; None: all demand must be served."""
    price_usd_per_request: float | None = None
    """What full service sells for; None: by its tokens at the prices of the scenario's users."""
    when_none: WhenNone = WhenNone.ERROR
    relaxable: bool = True
    """Whether a frontier may vary its budget."""
    may_wait_h: float = 0.0
    """How many hours after its own a request may run; a multiple of the step."""
    state_copies: tuple[str, ...] = ()
    """Regions with a copy of pinned state, `*` for all: where its own region is lost, they serve.
    Without a copy the state is lost with the region, and nothing serves what needs it.
    """
    name: str = ""
    contract: str = ""
    """Id of the tier that its demand is under; empty: full service. See `offer`."""
    base: str = ""
    """Id of the class whose demand it takes a share of, where it is under a contract."""

    def __post_init__(self) -> None:
        refuse(self._problems())

    def _problems(self) -> Iterator[Problem]:
        at = f"classes.{self.id}."
        yield from texts(self, at, "id")
        yield from texts(self, at, "residency", "name", "contract", "base", empty=True)
        yield from numbers(self, at, BUDGET, "latency_budget_ms")
        yield from numbers(self, at, POSITIVE, "requests_per_session_h")
        yield from numbers(self, at, NOT_NEGATIVE, *_PER_CLASS)
        yield from numbers(self, at, replace(NOT_NEGATIVE, optional=True), *_PRICES)
        yield from numbers(self, at, SHARE, "accuracy_min")
        yield from numbers(self, at, replace(SHARE, optional=True), "mean_accuracy_min")
        yield from known_words(self, at, latency_to=LatencyTo, state=State, when_none=WhenNone)
        yield from series(self, at, "points", str, optional=True)
        yield from rates(self, at, "latency_allowance_ms", ALLOWANCE)
        yield from series(self, at, "state_copies", str)
        if self.state_copies and self.state != State.PINNED:
            what = f"names regions, and the class's state is {self.state}, which runs anywhere"
            yield Problem(f"{at}state_copies", what, "Leave it out, or give `state: pinned`.")
        yield from flags(self, at, "relaxable")
        if bool(self.contract) != bool(self.base):
            what = f"is {self.base or 'empty'} where contract is {self.contract or 'empty'}"
            yield Problem(f"{at}base", what, "A class under a contract has both, others neither.")

    @property
    def transfer_gb(self) -> float:
        """GB moved between service node and region per request."""
        return self.bytes_per_request / BYTES_PER_GB

    @property
    def state_gb_per_request(self) -> float:
        """GB of state that moves with one request/h of sticky demand."""
        return self.session_state_bytes / BYTES_PER_GB / self.requests_per_session_h

    def it_kwh(self, point: OperatingPoint) -> float:
        """IT energy per request, kWh."""
        return it_j(point, self.tokens_in, self.tokens_out) / J_PER_KWH

    def gpu_h(self, point: OperatingPoint) -> float:
        """Accelerator time per request, GPU-h: the same sum over seconds."""
        seconds = (
            point.prefill_gpu_s_per_token * self.tokens_in
            + point.decode_gpu_s_per_token * self.tokens_out
            + point.request_gpu_s
        )
        return seconds / S_PER_H

    def service_ms(self, point: OperatingPoint) -> float:
        """Service time to the moment that the budget speaks of, ms."""
        return self._service_ms(point, point.itl_ms)

    def service_p95_ms(self, point: OperatingPoint) -> float:
        """Service time with every token after the first at the 95th percentile, ms.

        From above, as far as tokens go: over an answer slow ones and fast ones even out. Never
        below `service_ms`. How the first token spreads is not known: nan where the budget ends
        there, and where the point has no percentile.
        """
        if self.latency_to is LatencyTo.FIRST_TOKEN or point.itl_p95_ms == 0.0:
            return float("nan")
        return self._service_ms(point, max(point.itl_p95_ms, point.itl_ms))

    def _service_ms(self, point: OperatingPoint, itl_ms: float) -> float:
        first = point.ttft_ms + point.prefill_ms_per_token * self.tokens_in
        if self.latency_to is LatencyTo.FULL_ANSWER:
            return first + itl_ms * max(self.tokens_out - 1.0, 0.0)
        return first

    def accuracy(self, point: OperatingPoint) -> float:
        """Accuracy of the point on this class's requests, 0..1."""
        return point.accuracy_by_class.get(self.id, point.accuracy)


_PER_CLASS = (
    "tokens_in",
    "tokens_out",
    "round_trips",
    "bytes_per_request",
    "session_state_bytes",
    "may_wait_h",
)
_PRICES = ("unserved_usd_per_request", "price_usd_per_request")


def accuracy_falls(level: Sequence[float], accuracy: Sequence[float]) -> Iterator[tuple[int, int]]:
    """(lower, higher) for each point that scores below one of a lower level, by position."""
    for high, above in enumerate(level):
        better = [
            low
            for low, below in enumerate(level)
            if below < above and accuracy[low] > accuracy[high]
        ]
        if better:
            yield max(better, key=lambda low: accuracy[low]), high
