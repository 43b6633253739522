"""What policies there are: by name, by file, or from another distribution.

    nearest                      a policy of Wattlas
    weighted:cost=1,carbon=0.5   with options
    ./mine.py:MyPolicy           a class in a file
    package.module:MyPolicy      a class of an installed package
    their-name                   one that a distribution registers under `wattlas.policies`

A module that holds policies lists them as `ENTRIES`, and is named in `MODULES`. Nothing else is
edited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from wattlas.errors import UsageError
from wattlas.model.scenario import Scenario
from wattlas.policy.protocol import Policy

ALL = "all"
"""Stands for every policy of Wattlas."""
MODULES = (
    "wattlas.policy.planned",
    "wattlas.policy.rules.ruled",
    "wattlas.policy.rules.budget",
)
"""Modules with policies, in the order in which they are listed."""

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One option of a policy: a number of at least 0, or one of `words`; `default` None or empty
    where the policy finds it.
    """

    name: str
    sentence: str
    default: float | str | None
    words: tuple[str, ...] = ()

    @property
    def words_of_default(self) -> str:
        """`share = 0.9`; the name alone where the policy finds the value."""
        stated = self.default not in (None, "")
        return f"{self.name} = {self.default:g}" if stated else self.name

    def read(self, text: str, policy: str) -> float | str:
        """The value that a text states. Raises UsageError for another."""
        if self.words:
            if text in self.words:
                return text
            wanted = f"wanted {' or '.join(self.words)}"
            raise UsageError(f"--policy {policy}: {self.name} is `{text}`, {wanted}.")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            wanted = "wanted a number of at least 0"
            raise UsageError(f"--policy {policy}: {self.name} is `{text}`, {wanted}.")
        return value


@dataclass(frozen=True)
class Entry:
    """A policy by name: what it does in a sentence, how it is made, and its options.

    `make` takes the scenario, what results call the policy, and every option by name.
    """

    name: str
    sentence: str
    make: Callable[[Scenario, str, Options], Policy]
    options: tuple[Option, ...] = ()

    def stated(self, texts: Mapping[str, str]) -> Options:
        """All options, those not stated by their defaults. Raises UsageError."""
        known = {option.name: option for option in self.options}
        for name in texts:
            if name not in known:
                has = ", ".join(known) or "none"
                raise UsageError(f"--policy {self.name}: no option `{name}`. It has {has}.")
        given = {name: known[name].read(text, self.name) for name, text in texts.items()}
        return {name: given.get(name, option.default) for name, option in known.items()}


@cache
def entries() -> Mapping[str, Entry]:
    """Every policy of Wattlas by name."""
    listed = [entry for module in MODULES for entry in import_module(module).ENTRIES]
    return {entry.name: entry for entry in listed}


def split(texts: str | Sequence[str]) -> list[str]:
    """The policies that texts name, each several with commas between; `all` is every one.

    A part such as `carbon=0.5` is an option of the policy before it. Raises UsageError for an empty
    list and for a policy that is named twice.
    """
    names: list[str] = []
    for text in [texts] if isinstance(texts, str) else texts:
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, _ = part.partition("=")
            if equals and ":" not in name and names:
                names[-1] += ("," if "=" in names[-1] else ":") + part
            else:
                names += entries() if part == ALL else [part]
    if not names:
        raise UsageError("--policy names no policy.")
    return list(dict.fromkeys(names))


def parsed(text: str) -> tuple[str, dict[str, str]]:
    """(name or place of a class, options as texts) of one policy."""
    head, colon, tail = text.rpartition(":")
    if not colon or "=" not in tail:
        return text, {}
    pairs = (part.partition("=") for part in tail.split(","))
    return head, {name.strip(): value.strip() for name, _, value in pairs}


def check(text: str) -> tuple[str, dict[str, str]]:
    """As `parsed`. Raises UsageError for a name or an option that is none."""
    name, options = parsed(text)
    entry = entries().get(name)
    if entry is not None:
        entry.stated(options)
        return name, options
    from wattlas.policy.own import entry_points, is_class

    if not is_class(name) and name not in entry_points():
        raise UsageError(f"--policy: there is no `{name}`. {_what_there_is(entry_points())}")
    return name, options


def policy_of(scenario: Scenario, text: str) -> Policy:
    """The policy that a text names, made for a scenario.

    Raises UsageError for a name or an option that is none, InputError for a class that is no
    policy, InfeasibleError where the policy has no placement.
    """
    name, options = check(text)
    entry = entries().get(name)
    if entry is not None:
        return entry.make(scenario, text, entry.stated(options))
    from wattlas.policy.own import own_policy

    return own_policy(scenario, name, options)


def is_own(policy: object) -> bool:
    """Whether a policy is a user's: an object, a class, or one that a distribution registers."""
    return not isinstance(policy, str) or parsed(policy)[0] not in entries()


def _what_there_is(others: Iterable[str]) -> str:
    names = ", ".join([*entries(), *sorted(others), ALL])
    return f"There are {names}; a class of yours is ./file.py:Class or package.module:Class."


def listed() -> list[dict[str, str]]:
    """Every policy: `policy`, what it `does`, and its `options` with their defaults; those of other
    distributions by where they come from.
    """
    from wattlas.policy.own import entry_points

    rows = [
        {
            "policy": entry.name,
            "does": entry.sentence,
            "options": ", ".join(option.words_of_default for option in entry.options),
        }
        for entry in entries().values()
    ]
    others = {name: point for name, point in entry_points().items() if name not in entries()}
    return rows + [
        {"policy": name, "does": f"A policy of {point.value}.", "options": ""}
        for name, point in sorted(others.items())
    ]
