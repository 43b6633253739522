"""A user's own policy: a class by file or module, or by what a distribution registers.

The class is called with the scenario and the options that were stated, and gives an object with
`name` and `route(observed, forecast, state)` (`wattlas.policy.protocol.Policy`). Whatever goes
wrong in it is told as one problem that names the policy; what it answers is checked at every step
(`wattlas.policy.loop`).
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib import import_module, metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from wattlas.errors import InputError, Problem, WattlasError
from wattlas.model.checks import refuse
from wattlas.model.scenario import Scenario
from wattlas.policy.protocol import Policy

GROUP = "wattlas.policies"
"""Entry points under which a distribution registers its policies."""
_SHAPE = "Give a class whose objects have `name` and `route(observed, forecast, state)`."


def is_class(text: str) -> bool:
    """Whether a text is the place of a class, and no name."""
    return ":" in text or "/" in text or "\\" in text or text.endswith(".py")


def entry_points() -> Mapping[str, metadata.EntryPoint]:
    """What the distributions that are installed register, by name."""
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def own_policy(scenario: Scenario, place: str, options: Mapping[str, str]) -> Policy:
    """The policy of a class. Raises InputError where it cannot be loaded, made or asked."""
    made_by = _class(place)
    stated = {name: _value(text) for name, text in options.items()}
    try:
        made = made_by(scenario, **stated)
    except WattlasError:
        raise
    except Exception as error:
        fix = "It is called with the scenario, and with the stated options by name."
        raise _problem(place, f"cannot be made: {raised(error)}", fix) from error
    return checked(made, place)


def checked(made: object, place: str) -> Policy:
    """An object that is a policy. Raises InputError with what it lacks; `place` names it."""
    refuse(_unlike(made, place))
    return cast(Policy, made)


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _class(place: str) -> Any:
    """The class, or whatever makes a policy, at a place."""
    if not is_class(place):
        point = entry_points()[place]
        try:
            return point.load()
        except Exception as error:
            what = f"({point.value}) cannot be loaded: {raised(error)}"
            raise _problem(
                place, what, "Install its distribution again, or ask who made it."
            ) from error
    module_at, _, name = place.rpartition(":")
    if not module_at or not name.isidentifier():
        raise _problem(place, "names no class", "Give ./file.py:Class or package.module:Class.")
    module = _module(module_at, place)
    member = getattr(module, name, None)
    if member is None:
        names = [n for n, v in vars(module).items() if isinstance(v, type) and hasattr(v, "route")]
        known = f"It has {', '.join(names)}." if names else _SHAPE
        raise _problem(place, f"names `{name}`, which {module_at} does not have", known)
    if not callable(member):
        raise _problem(place, f"names `{name}`, which is no class", _SHAPE)
    return member


def _module(at: str, place: str) -> ModuleType:
    path = Path(at)
    try:
        if path.suffix != ".py":
            return import_module(at)
        if not path.is_file():
            raise _problem(place, f"names {at}, and there is no such file", "Check the path.")
        # A name of its own, so that two files of one name do not replace each other.
        name = f"wattlas_policy_{sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
        spec = util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    except WattlasError:
        raise
    except Exception as error:
        fix = "See to that first; a file is named with its path: ./file.py:Class."
        raise _problem(place, f"cannot be imported: {raised(error)}", fix) from error


def _unlike(made: object, place: str) -> Iterator[Problem]:
    """What an object lacks to be a policy."""
    at = f"policy.{place}"
    name = getattr(made, "name", None)
    if not (isinstance(name, str) and name.strip()):
        yield Problem(at, "has no `name`, which results call it by", _SHAPE)
    route = getattr(made, "route", None)
    if not callable(route):
        yield Problem(at, "has no method `route`", _SHAPE)
        return
    try:
        inspect.signature(route).bind(None, None, None)
    except TypeError as error:
        yield Problem(at, f"has a `route` that takes other arguments: {error}", _SHAPE)


def raised(error: BaseException) -> str:
    """An error of somebody else's code in words: what it is, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" (line {frames[-1].lineno} of {frames[-1].filename})" if frames else ""
    return f"{type(error).__name__}: {str(error).strip() or 'no words'}{at}"


def _problem(place: str, what: str, fix: str) -> InputError:
    return InputError([Problem(f"policy.{place}", what, fix)])
