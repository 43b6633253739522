"""Requests of a replay in order of time: from a trace spread over metros, or at a scenario's rates.

A trace says when and how long, seldom who. Where it names no metro or class, each request is drawn
from the scenario's demand of its hour, which is population by local time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.model.checks import POSITIVE, numbers, refuse
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean
from wattlas.replays.arrivals.checked import Requests
from wattlas.replays.arrivals.draws import uniform
from wattlas.replays.arrivals.trace import Trace


class Came(NamedTuple):
    """Some requests in order of time: at_s (n,) since the replay's start, source (n,) = metro ·
    classes + class, tokens (n, 2) in and out, row (n,) counted over the stream."""

    at_s: np.ndarray
    source: np.ndarray
    tokens: np.ndarray
    row: np.ndarray


class Stream(Protocol):
    """What gives the requests of a replay, batch by batch, as often as it is asked."""

    def batches(self) -> Iterator[Came]:
        """The requests in order of time."""
        ...

    def notes(self) -> Sequence[str]:
        """What a reader should know of them, once they were read."""
        ...


@dataclass
class FromTrace:
    """The requests of a trace. `scale` requests come for each of the trace's: at 0.1 every tenth,
    at 2.5 two or three at the same moment, each with a metro of its own.
    """

    scenario: Scenario
    trace: Trace
    seed: int = 0
    scale: float = 1.0
    klass: str | None = None
    """Class of every request; None: by the demand of the hour, or as the trace says."""

    def __post_init__(self) -> None:
        problems = list(numbers(self, "arrivals.", POSITIVE, "scale"))
        ids = [k.id for k in self.scenario.classes]
        if self.klass is not None and self.klass not in ids:
            what = f"there is no class `{self.klass}`"
            problems.append(Problem("arrivals.class", what, did_you_mean(self.klass, ids)))
        refuse(problems)

    def batches(self) -> Iterator[Came]:
        """As `Stream`."""
        count = 0
        spread = _Spread(self.scenario, self.seed, self.klass)
        means = mean_tokens(self.scenario)
        for batch in self.trace.batches(self.seed):
            which, copy = self._copies(batch.row)
            source = spread.sources(batch, which, copy)
            tokens = np.column_stack([batch.tokens_in[which], batch.tokens_out[which]])
            if self.trace.layout.rate:
                tokens = means[source % len(means)]
            row = np.arange(count, count + len(which))
            count += len(which)
            yield Came(batch.t_s[which], source, tokens, row)

    def _copies(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How often each request comes: ⌊(n + 1)·scale⌋ − ⌊n·scale⌋ for row n."""
        if self.scale == 1.0:
            return np.arange(len(row)), np.zeros(len(row), dtype=np.int64)
        times = (np.floor((row + 1) * self.scale) - np.floor(row * self.scale)).astype(np.int64)
        which = np.repeat(np.arange(len(row)), times)
        copy = np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
        return which, copy

    def notes(self) -> Sequence[str]:
        """As `Stream`."""
        return self.trace.notes


class _Spread:
    """Sources of requests by the demand of their hour."""

    def __init__(self, scenario: Scenario, seed: int, klass: str | None) -> None:
        self.scenario, self.seed = scenario, seed
        self.metros = {metro.id: i for i, metro in enumerate(scenario.metros)}
        self.classes = {c.id: k for k, c in enumerate(scenario.classes)}
        self.contracts = {
            _key(c.base, c.contract): k for k, c in enumerate(scenario.classes) if c.contract
        }
        self.klass = klass
        self.step_s = scenario.hours.step_h * 3600.0
        self.chats: dict[tuple[int, int], int] = {}
        """First row of a chat, and copy → its source."""

    def sources(self, batch: Requests, which: np.ndarray, copy: np.ndarray) -> np.ndarray:
        """Metro · classes + class of each request, (n,)."""
        hour = (batch.t_s[which] / self.step_s).astype(np.int64)
        hour = np.minimum(hour, self.scenario.hours.count - 1)
        draw = uniform(self.seed, batch.row[which], copy)
        metro = self._known(batch.metro, self.metros, "metro", batch)
        klass = self._known(_under(batch), self._named(), "class", batch)
        if self.klass is not None:
            klass = np.full(len(batch), self.classes[self.klass])
        keys = [hour]
        for given in (metro, klass):
            keys.append(np.full(len(which), -1) if given is None else given[which])
        source = self._by_group(keys, draw)
        return source if batch.chat is None else self._kept(batch.chat[which], copy, source)

    def _named(self) -> dict[str, int]:
        """Number of each class: by its id, and by its base class and contract."""
        return self.classes | self.contracts

    def _kept(self, chat: np.ndarray, copy: np.ndarray, source: np.ndarray) -> np.ndarray:
        """The sources, where a chat stays at the metro and in the class of its first request."""
        pairs = zip(chat.tolist(), copy.tolist(), strict=True)
        keep = [self.chats.setdefault(pair, new) for pair, new in zip(pairs, source, strict=True)]
        return np.array(keep, dtype=np.int64)

    def _by_group(self, keys: list[np.ndarray], draw: np.ndarray) -> np.ndarray:
        """Draws of requests that share hour, metro and class, group by group."""
        hour, metro, klass = keys
        group = (hour * (len(self.metros) + 1) + metro + 1) * (len(self.classes) + 1) + klass + 1
        order = np.argsort(group, kind="stable")  # of a trace in order of time: as it is
        cuts = np.flatnonzero(np.diff(group[order], prepend=-1, append=-2))
        source = np.zeros(len(draw), dtype=np.int64)
        for begin, end in pairwise(cuts):
            at = order[begin:end]
            first = int(at[0])
            same = int(hour[first]), int(metro[first]), int(klass[first])
            source[at] = self._drawn(same, draw[at])
        return source

    def _drawn(self, same: tuple[int, int, int], draw: np.ndarray) -> np.ndarray:
        hour, metro, klass = same
        weight = self.scenario.demand_per_h[:, :, hour].copy()
        for axis, given in ((0, metro), (1, klass)):
            if given >= 0:
                kept = np.zeros(weight.shape[axis], dtype=bool)
                kept[given] = True
                weight = weight * (kept[:, None] if axis == 0 else kept)
        if weight.sum() <= 0:  # nobody asks at this hour: as over all hours, else alike
            weight = _mask(self.scenario.demand_per_h.sum(axis=2), metro, klass)
        if weight.sum() <= 0:
            weight = _mask(np.ones_like(weight), metro, klass)
        cumulative = np.cumsum(weight.ravel())
        return np.asarray(np.searchsorted(cumulative, draw * cumulative[-1], side="right"))

    def _known(
        self, names: np.ndarray | None, ids: dict[str, int], noun: str, batch: Requests
    ) -> np.ndarray | None:
        if names is None:
            return None
        distinct, inverse = np.unique(names.astype(str), return_inverse=True)
        # A contract that the scenario does not have: its requests are those of the class.
        unique = [name if name in ids else name.partition(_UNDER)[0] for name in distinct]
        for n, name in enumerate(unique):
            if name not in ids:
                row = int(batch.row[int(np.argmax(inverse == n))])
                what = f"names the {noun} `{name}`, which is not there"
                raise InputError([Problem(f"request {row + 1:,}", what, did_you_mean(name, ids))])
        return np.array([ids[name] for name in unique])[inverse]


_UNDER = "\x1f"
"""Between a base class and a contract, in no id."""


def _key(base: str, contract: str) -> str:
    return f"{base}{_UNDER}{contract}"


def _under(batch: Requests) -> np.ndarray | None:
    """The class of each request, with its contract where it came under one."""
    if batch.klass is None or batch.contract is None:
        return batch.klass
    pairs = zip(batch.klass, batch.contract, strict=True)
    return np.array([_key(base, under) if under else base for base, under in pairs], dtype=object)


def _mask(weight: np.ndarray, metro: int, klass: int) -> np.ndarray:
    kept = np.zeros_like(weight)
    kept[metro if metro >= 0 else slice(None), klass if klass >= 0 else slice(None)] = 1.0
    return np.asarray(weight * kept)


def mean_tokens(scenario: Scenario) -> np.ndarray:
    """Mean tokens in and out of each class, whole and at least 1, int64 (K, 2)."""
    tokens = np.array([[k.tokens_in, k.tokens_out] for k in scenario.classes])
    return np.asarray(np.maximum(np.rint(tokens), 1), dtype=np.int64)


@dataclass
class AtRates:
    """Requests at the scenario's rates times `scale`, of each class's mean tokens.

    `even`: each metro and class at equal distances, as many as the rates add up to. Else Poisson:
    hours are independent and drawn from (seed, hour).
    """

    scenario: Scenario
    seed: int = 0
    scale: float = 1.0
    even: bool = False
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        refuse(numbers(self, "arrivals.", POSITIVE, "scale"))

    def batches(self) -> Iterator[Came]:
        """As `Stream`: one batch per step of the scenario."""
        s = self.scenario
        rate = s.demand_per_h.reshape(-1, s.hours.count) * self.scale * s.hours.step_h
        step_s, tokens = s.hours.step_h * 3600.0, mean_tokens(s)
        row, owed = 0, np.zeros(len(rate))
        for hour in range(s.hours.count):
            if self.even:
                owed += rate[:, hour]
                count = np.floor(owed + 1e-9).astype(np.int64)
                owed -= count
                source = np.repeat(np.arange(len(rate)), count)
                number = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
                within = (number + 0.5) / count[source]
            else:
                generator = np.random.default_rng([self.seed, hour])
                count = generator.poisson(rate[:, hour])
                source = np.repeat(np.arange(len(rate)), count)
                within = generator.random(len(source))
            order = np.argsort(within, kind="stable")
            at_s = (hour + within[order]) * step_s
            source = source[order]
            rows = np.arange(row, row + len(order))
            row += len(order)
            yield Came(at_s, source, tokens[source % len(s.classes)], rows)

    def notes(self) -> Sequence[str]:
        """As `Stream`."""
        return self.told
