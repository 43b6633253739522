"""`scenario.yaml` and its tables → `model.Scenario`, or every mistake in them at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wattlas.data.assemble import Arrays, assemble
from wattlas.data.checks import unique
from wattlas.data.compose import check_compositions, compose
from wattlas.data.inputs import Inputs, open_inputs
from wattlas.data.validation import validate
from wattlas.data.yaml_lines import Document, read_yaml
from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.scenario import Scenario
from wattlas.model.suggest import did_you_mean

EXAMPLES = Path(__file__).parent / "examples"
DOCUMENT = "scenario.yaml"
log = logging.getLogger("wattlas")


@dataclass(frozen=True)
class Loaded:
    """A scenario, and what its reader should know of it."""

    scenario: Scenario
    warnings: tuple[Problem, ...]
    arrays: Arrays
    scenarios: tuple[str, ...]
    """Names that `--scenario` accepts."""


def load(
    path: str | Path,
    *,
    scenario: str | None = None,
    set: Sequence[str] = (),
    base: str | Path | None = None,
) -> Scenario:
    """The scenario in a YAML file, or in a folder that holds a `scenario.yaml`.

    The name of an example stands for it where no such file is. `scenario` applies the overrides
    listed under that name; `set` holds texts such as `regions.oslo.pue=1.1`, applied last. Tables
    and packs are looked for in `base`, the folder of the file unless given. Warnings go to the
    logger `wattlas`.

    Raises InputError with every problem that was found, each with file, line, path and fix;
    UsageError for a `set` text that cannot be read.
    """
    loaded = read(path, scenario=scenario, set=set, base=base)
    for warning in loaded.warnings:
        log.warning("%s", warning)
    return loaded.scenario


def read(
    path: str | Path,
    *,
    scenario: str | None = None,
    set: Sequence[str] = (),
    base: str | Path | None = None,
) -> Loaded:
    """As `load`, with the warnings and the hours behind a sample."""
    inputs = inputs_of(path, scenario=scenario, set=set, base=base)
    scenario_, arrays = assemble(inputs)
    return Loaded(scenario_, tuple(inputs.warnings), arrays, tuple(inputs.typed.scenarios))


def inputs_of(
    path: str | Path,
    *,
    scenario: str | None = None,
    set: Sequence[str] = (),
    base: str | Path | None = None,
) -> Inputs:
    """The document of a scenario, composed and typed, with its problems; no table is read yet."""
    file = Path(path)
    if str(path) in examples() and not file.exists():
        file = EXAMPLES / file
    file = file / DOCUMENT if file.is_dir() else file
    document = read_yaml(file)
    composed = compose(document, scenario, set)
    typed, problems = validate(composed)
    problems += _idle_overrides(document)
    problems += check_compositions(composed)
    if typed is None:
        raise InputError(unique(problems))
    inputs = open_inputs(composed, typed, Path(base) if base is not None else file.parent)
    inputs.problems += problems
    return inputs


def _idle_overrides(document: Document) -> list[Problem]:
    """Problems of form that an override would bring in if it were applied alone."""
    overrides = document.data.get("overrides")
    if not isinstance(overrides, dict):
        return []
    idle = []
    for name in overrides:
        trial = Document(
            {**document.data, "scenarios": {"_": [name]}}, dict(document.places), document.file
        )
        try:
            _, problems = validate(compose(trial, "_", ()))
        except InputError as fault:
            problems = list(fault.problems)
        except UsageError as fault:
            fix = "Write keys with dots between, regions.oslo.pue."
            problems = [document.problem(("overrides", name), str(fault), fix)]
        lines = {
            place.line for path, place in document.places.items() if path[:2] == ("overrides", name)
        }
        idle += [p for p in problems if p.line in lines]
    return idle


def example(
    name: str = "typical-2023", *, scenario: str | None = None, set: Sequence[str] = ()
) -> Scenario:
    """An example that ships with Wattlas. Raises UsageError for a name that is not one."""
    return load(example_path(name) / DOCUMENT, scenario=scenario, set=set)


def example_path(name: str) -> Path:
    """The folder of an example. Raises UsageError for a name that is not one."""
    folder = EXAMPLES / name
    if name not in examples():
        raise UsageError(f"no example is called `{name}`. {did_you_mean(name, examples())}")
    return folder


def examples() -> tuple[str, ...]:
    """Names of the examples that ship with Wattlas."""
    return tuple(sorted(p.parent.name for p in EXAMPLES.glob(f"*/{DOCUMENT}")))
