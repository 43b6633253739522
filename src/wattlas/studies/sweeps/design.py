"""What a sweep varies: axes, and the points that a grid or a Sobol sample of them has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any

import numpy as np

from wattlas.data.compose import given_value
from wattlas.errors import UsageError
from wattlas.model.suggest import did_you_mean
from wattlas.studies.sweeps.verbs import VERBS, Verb

Values = tuple[Any, ...]
"""One value for each axis, in their order."""
MOST_RUNS = 1_000_000


class DesignKind(StrEnum):
    """How points are chosen."""

    GRID = "grid"
    """Every value of an axis with every value of the others."""
    SOBOL = "sobol"
    """A scrambled Sobol sequence over ranges, laid out for sensitivity indices."""


@dataclass(frozen=True)
class Axis:
    """One field that is varied: a field of the scenario as `--set` takes it, or a setting of the
    verb that is run. `values` in a grid, `low` and `high` in a Sobol sample.
    """

    field: str
    values: Values = ()
    low: float = float("nan")
    high: float = float("nan")

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers, so that its column is one of numbers."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)

    def json(self) -> dict[str, Any]:
        """As a sweep's folder states it."""
        if self.values:
            return {"field": self.field, "values": list(self.values)}
        return {"field": self.field, "low": self.low, "high": self.high}

    @staticmethod
    def from_json(stated: Mapping[str, Any]) -> Axis:
        """The axis that a folder states."""
        if "values" in stated:
            return Axis(str(stated["field"]), tuple(stated["values"]))
        return Axis(str(stated["field"]), low=float(stated["low"]), high=float(stated["high"]))


@dataclass(frozen=True)
class Point:
    """One run: the values of the axes, and the seed; None where the verb draws nothing."""

    values: Values
    seed: int | None = None


@dataclass(frozen=True)
class SweepDesign:
    """Which runs a sweep has. `verb` is what is run at every point (`plan`, `replay`, `fleet`),
    with `settings` of it that stay the same. A Sobol sample of `samples` = N points, a power of
    two, has N·(axes + 2) runs; with `seeds` each point is run so often, with other draws.

    Raises UsageError with everything that is wrong.
    """

    axes: tuple[Axis, ...]
    verb: str = "plan"
    kind: DesignKind = DesignKind.GRID
    samples: int = 0
    seeds: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise UsageError("\n".join(problems))

    @staticmethod
    def of(
        vary: Mapping[str, Sequence[Any] | tuple[float, float]],
        run: str = "plan",
        *,
        samples: int = 0,
        seeds: int = 1,
        **settings: Any,
    ) -> SweepDesign:
        """A grid over the values of each field; with `samples` a Sobol sample over (low, high).

        `settings` are those of the verb that stay: `policy="plan"`.
        """
        if samples:
            try:
                axes = tuple(
                    Axis(n, low=float(low), high=float(high)) for n, (low, high) in vary.items()
                )
            except (TypeError, ValueError):
                raise UsageError("A Sobol sample wants (low, high) for each field.") from None
            return SweepDesign(axes, run, DesignKind.SOBOL, samples, seeds, settings)
        axes = tuple(Axis(name, tuple(values)) for name, values in vary.items())
        return SweepDesign(axes, run, DesignKind.GRID, samples, seeds, settings)

    @property
    def of_verb(self) -> Verb:
        """The verb that is run."""
        return VERBS[self.verb]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.field for axis in self.axes)

    @property
    def size(self) -> int:
        """How many runs there are."""
        if self.kind is DesignKind.SOBOL:
            return self.samples * (len(self.axes) + 2) * self.seeds
        return int(np.prod([len(axis.values) for axis in self.axes], dtype=float)) * self.seeds

    def points(self) -> Iterator[Point]:
        """Every run in its order: the last axis changes fastest, then the seed."""
        seeds = range(self.seeds) if self.of_verb.draws else (None,)
        each = self._sampled() if self.kind is DesignKind.SOBOL else self._grid()
        return (Point(values, seed) for values in each for seed in seeds)

    def _grid(self) -> Iterator[Values]:
        return product(*(axis.values for axis in self.axes))

    def _sampled(self) -> Iterator[Values]:
        low, high = np.array([(axis.low, axis.high) for axis in self.axes]).T
        for unit in sobol_points(len(self.axes), self.samples):
            yield tuple(float(v) for v in low + unit * (high - low))

    def _problems(self) -> Iterator[str]:
        if self.verb not in VERBS:
            yield f"--run: there is no `{self.verb}`. {did_you_mean(self.verb, VERBS)}"
            return
        if not self.axes:
            yield "A sweep needs a field to vary: --vary regions.*.pue=1.1,1.3"
            return
        names = self.columns
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"--vary {name}: it is varied twice. Give all its values at once."
        for name in sorted(set(names) & set(self.settings)):
            yield f"--vary {name}: it is set, too. Leave out one of the two."
        yield from self._unknown()
        yield from self._of_kind()
        if self.seeds < 1:
            yield f"--seeds: {self.seeds}, wanted at least 1."
        if self.seeds > 1 and not self.of_verb.draws:
            yield f"--seeds: nothing is drawn in a {self.verb}; leave it out."

    def _unknown(self) -> Iterator[str]:
        """Settings that the verb has not, and values that they may not have."""
        known = self.of_verb.settings
        given = [(f"--with {name}", name, (value,)) for name, value in self.settings.items()]
        for axis in self.axes:
            if "." not in axis.field:
                shown = axis.values or (axis.low, axis.high)
                given.append((f"--vary {axis.field}", axis.field, shown))
        for where, name, values in given:
            if name not in known:
                fix = did_you_mean(name, known) if known else f"A {self.verb} has no settings."
                yield f"{where}: a {self.verb} has no setting `{name}`. {fix}"
                continue
            for value in values:
                if not known[name].takes(value):
                    yield f"{where}: {value!r} is no {known[name].words}."

    def _of_kind(self) -> Iterator[str]:
        if self.kind is DesignKind.GRID:
            for axis in self.axes:
                if not axis.values:
                    yield f"--vary {axis.field}: a grid wants values with commas: 1.1,1.3"
                elif len(set(map(repr, axis.values))) < len(axis.values):
                    yield f"--vary {axis.field}: a value stands there twice."
            if self.samples:
                yield "--samples: a grid has the values that it is given; leave it out."
        else:
            for axis in self.axes:
                if not axis.low < axis.high or not np.isfinite(axis.high - axis.low):
                    yield f"--vary {axis.field}: a Sobol sample wants a range, low:high: 1.1:1.4"
            if len(self.axes) < 2:
                yield "A Sobol sample ranks fields against each other: vary at least two."
            if self.samples < 2 or self.samples & (self.samples - 1):
                yield f"--samples: {self.samples}, wanted a power of two, such as 64."
        if self.size > MOST_RUNS:
            yield f"The sweep has {self.size:,} runs, and at most {MOST_RUNS:,} are taken."


def sobol_points(dimensions: int, samples: int) -> np.ndarray:
    """Points in the unit cube for Saltelli's estimators, (N·(d + 2), d): first the N points of A,
    then those of B, then for each dimension i those of A with column i from B.

    A and B are the two halves of the columns of one scrambled Sobol sequence in 2·d dimensions
    (Saltelli et al. 2010, Computer Physics Communications 181, section 5), always the same one.
    """
    from scipy.stats import qmc

    rng = np.random.default_rng(0)
    both = qmc.Sobol(d=2 * dimensions, scramble=True, bits=64, seed=rng).random(samples)
    a, b = both[:, :dimensions], both[:, dimensions:]
    parts = [a, b]
    for i in range(dimensions):
        mixed = a.copy()
        mixed[:, i] = b[:, i]
        parts.append(mixed)
    return np.concatenate(parts)


def axis_of(text: str, kind: DesignKind) -> Axis:
    """The axis that `FIELD=1.1,1.3` says, or in a Sobol sample `FIELD=1.1:1.4`.

    Each value is YAML, as on the right of `--set`. Raises UsageError.
    """
    name, equals, said = (part.strip() for part in text.partition("="))
    if not equals or not name or not said:
        raise UsageError(f"--vary wants a field and values: regions.*.pue=1.1,1.3; got `{text}`")
    if kind is DesignKind.SOBOL:
        low, _, high = said.partition(":")
        try:
            return Axis(name, low=float(low), high=float(high))
        except ValueError:
            raise UsageError(
                f"--vary {text}: a Sobol sample wants a range, low:high: {name}=1.1:1.4"
            ) from None
    return Axis(name, tuple(_values(text, said)))


def _values(whole: str, said: str) -> Sequence[Any]:
    """The values between commas; those in brackets and quotes do not count."""
    listed = given_value(f"[{said}]", f"--vary {whole}")
    if not isinstance(listed, list) or not listed or any(v is None for v in listed):
        raise UsageError(f"--vary {whole}: a value is empty. Give values with commas: 1.1,1.3")
    return listed
