"""What a tool does not tell and its user does: options of `VALUE` for all, or `NAME=VALUE`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from wattlas.errors import Problem
from wattlas.model.suggest import did_you_mean


@dataclass(frozen=True)
class Fact:
    """A fact of a measurement that an option may give; `gives` is the quantity that it is."""

    id: str
    words: str
    gives: str
    metavar: str
    text: bool = False
    most: float = float("inf")
    zero: bool = False
    """Whether 0 is a value."""

    @property
    def option(self) -> str:
        """As the command line writes it."""
        return f"--{self.id.replace('_', '-')}"


FACTS = {
    fact.id: fact
    for fact in (
        Fact("model", "What was served", "model", "NAME", text=True),
        Fact("hardware", "What it ran on", "hardware", "NAME", text=True),
        Fact("accuracy", "Score of the model, 0..1", "accuracy", "SCORE", most=1.0, zero=True),
        Fact("accelerators", "Accelerators that served it", "accelerators", "N"),
        Fact("energy_j", "Energy of the whole measurement, J", "energy_j", "J", zero=True),
        Fact("power_w", "Mean power of all accelerators together, W", "power_w", "W", zero=True),
        Fact("requests", "Requests that the measurement answered", "requests", "N"),
        Fact("tokens_in", "Mean prompt tokens of a request", "tokens_in", "N", zero=True),
        Fact("tokens_out", "Mean answer tokens of a request", "tokens_out", "N"),
        Fact(
            "ttft_ms",
            "Mean time to the first token; without tokens the time of a request",
            "ttft_ms",
            "MS",
            zero=True,
        ),
        Fact("itl_ms", "Mean time between answer tokens", "itl_ms", "MS", zero=True),
    )
}
"""By the names that Python and JSON use."""

GIVEN_BY = {
    "model": ("model",),
    "accuracy": ("accuracy",),
    "accelerators": ("accelerators",),
    "energy": ("energy_j", "power_w"),
    "ttft": ("ttft_ms",),
    "itl": ("itl_ms",),
    "requests": ("requests",),
    "tokens": ("tokens_in", "tokens_out"),
    "tokens_in": ("tokens_in",),
    "duration": (),
}
"""A fact that is lacking → the options that give it; any of them will do."""


@dataclass
class Given:
    """The facts that were given, and which of them were used."""

    values: Mapping[str, Mapping[str, str | float]]
    """Fact → name of a model or point, or "" for all → value."""
    used: set[tuple[str, str]] = field(default_factory=set)
    log_s: float = 0.0
    """How long the log of energy is, s; 0 where there is none."""

    def of(self, fact: str, names: Sequence[str]) -> str | float | None:
        """The value for the first of some names that has one, else that for all."""
        values = self.values.get(fact, {})
        for name in (*names, ""):
            if name in values:
                self.used.add((fact, name))
                return values[name]
        return None

    def unused(self, known: Sequence[str], *, strangers: bool = False) -> Iterator[Problem]:
        """What was given and nothing took, or `strangers` alone: names that are not `known`.

        Where measurements lack something, what they would take is not sure.
        """
        for fact, values in self.values.items():
            for name in values:
                if (fact, name) in self.used:
                    continue
                if strangers and (not name or name in known):
                    continue
                if name and name not in known:
                    what, fix = f"names `{name}`, which is not there", did_you_mean(name, known)
                else:
                    what = "is not taken by what these files hold"
                    what = f"of `{name}` {what}" if name else what
                    fix = "Leave it out."
                yield Problem(FACTS[fact].option, what, fix)


def given(texts: Mapping[str, Sequence[str]]) -> tuple[Given, list[Problem]]:
    """Facts from what the options say, and what is wrong with them."""
    values: dict[str, dict[str, str | float]] = {}
    problems: list[Problem] = []
    for fact, entries in texts.items():
        for entry in entries:
            name, _, text = entry.rpartition("=")
            value = _value(FACTS[fact], text.strip())
            if value is None:
                what = f"is `{entry}`, wanted {_wanted(FACTS[fact])}"
                problems.append(
                    Problem(FACTS[fact].option, what, "Give VALUE for all, or NAME=VALUE.")
                )
            elif name.strip() in values.setdefault(fact, {}):
                what = f"is given twice for `{name.strip()}`" if name else "is given twice for all"
                problems.append(Problem(FACTS[fact].option, what, "Give it once."))
            else:
                values[fact][name.strip()] = value
    return Given(values), problems


def _value(fact: Fact, text: str) -> str | float | None:
    if fact.text:
        return text or None
    try:
        number = float(text)
    except ValueError:
        return None
    sound = isfinite(number) and 0 <= number <= fact.most and (fact.zero or number > 0)
    return number if sound else None


def _wanted(fact: Fact) -> str:
    if fact.text:
        return "a name"
    if isfinite(fact.most):
        return f"a number from 0 to {fact.most:g}"
    return "a number of at least 0" if fact.zero else "a number above 0"
