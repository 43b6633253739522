"""Overrides, scenarios and `--set`: how one document becomes another.

Precedence: the file, then the overrides of the chosen scenario in their order, then each `--set`
in its order. Mappings are merged key by key; anything else replaces what was there. Every value
keeps the place where it was written, so that a mistake in an override is reported there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from wattlas.data.schema_facts import DistanceModel
from wattlas.data.schema_models import ScenarioDocument
from wattlas.data.schema_types import SHORTHAND, Section
from wattlas.data.yaml_lines import Document, FileLine, Path_, copied, kind_of, parse_value
from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.suggest import did_you_mean


def _shorthands(model: type[BaseModel], path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """The sections below a model that a bare text may stand for, and the key that it gives."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        section = next((k for k in kinds if isinstance(k, type) and issubclass(k, Section)), None)
        if section is not None:
            extra = section.model_config.get("json_schema_extra")
            if isinstance(extra, dict) and SHORTHAND in extra:
                yield (*path, name), str(extra[SHORTHAND])
            yield from _shorthands(section, (*path, name))


SHORTHANDS = dict(_shorthands(ScenarioDocument))
"""Where a bare text stands for a mapping with this one key: `regions: regions.csv`."""
DISTANCE_MODELS = get_args(DistanceModel)


def compose(document: Document, scenario: str | None, settings: Sequence[str]) -> Document:
    """The document with a named scenario and `--set` texts applied; the original is untouched.

    Raises InputError for a scenario or override that does not exist, UsageError for a `--set`
    that cannot be read.
    """
    composed = normal(Document(copied(document.data), dict(document.places), document.file))
    names = override_names(composed, scenario)
    patches = composed.data.get("overrides") or {}
    for name in names:
        apply_override(composed, name, patches[name])
    for text in settings:
        apply_setting(composed, text)
    return normal(composed)


def override_names(document: Document, scenario: str | None) -> list[str]:
    """The overrides of a scenario in their order; none for no scenario."""
    if scenario is None:
        return []
    scenarios = document.data.get("scenarios") or {}
    overrides = document.data.get("overrides") or {}
    if not isinstance(scenarios, dict) or not isinstance(overrides, dict):
        raise InputError(
            [
                document.problem(
                    (section,),
                    f"is {kind_of(document.data[section])}, wanted a mapping",
                    "Name each entry.",
                )
                for section in ("scenarios", "overrides")
                if not isinstance(document.data.get(section) or {}, dict)
            ]
        )
    if scenario not in scenarios:
        what = f"no scenario is called `{scenario}`"
        fix = did_you_mean(scenario, scenarios) or "This file names no scenarios."
        if scenario in overrides:
            fix = f"`{scenario}` is an override: list it in a scenario to use it."
        raise InputError([document.problem(("scenarios",), what, fix)])
    names = scenarios[scenario]
    names = [names] if isinstance(names, str) else names
    problems = list(_unknown_overrides(document, scenario, names, overrides))
    if problems:
        raise InputError(problems)
    return list(names)


def _unknown_overrides(
    document: Document, scenario: str, names: Any, overrides: dict[str, Any]
) -> Iterator[Problem]:
    if not isinstance(names, list):
        what = f"is {kind_of(names)}, wanted a list of override names"
        yield document.problem(("scenarios", scenario), what, "Write [first, second].")
        return
    for n, name in enumerate(names):
        if not isinstance(name, str) or name not in overrides:
            what = f"names the override `{name}`, which does not exist"
            fix = did_you_mean(str(name), overrides) or "Add it under `overrides:`."
            yield document.problem(("scenarios", scenario, n), what, fix)


def check_compositions(document: Document) -> Iterator[Problem]:
    """Problems in the lists under `scenarios:`, whether chosen or not."""
    scenarios, overrides = document.data.get("scenarios"), document.data.get("overrides") or {}
    if isinstance(scenarios, dict) and isinstance(overrides, dict):
        for name, names in scenarios.items():
            listed = [names] if isinstance(names, str) else names
            yield from _unknown_overrides(document, name, listed, overrides)


def apply_override(document: Document, name: str, patch: Any) -> None:
    """Merge one named patch into the document, in place. Its keys may be dotted paths."""
    origin: Path_ = ("overrides", name)
    if not isinstance(patch, dict):
        what = f"is {kind_of(patch)}, wanted a mapping of what to change"
        raise InputError([document.problem(origin, what, "Write path: value.")])
    for key, value in patch.items():
        target = split_path(key)
        source = _moved(document, (*origin, key), target)
        put(document, target, copied(value), source)


def _moved(document: Document, origin: Path_, target: Path_) -> dict[Path_, FileLine]:
    """The places below `origin`, as places below `target`."""
    depth = len(origin)
    moved = {
        (*target, *path[depth:]): place
        for path, place in document.places.items()
        if path[:depth] == origin
    }
    moved.setdefault(target, document.place(origin))
    return moved


def apply_setting(document: Document, text: str) -> None:
    """Apply one `path=value` in place; the value is YAML. UsageError if it is no such text."""
    path_text, equals, value_text = text.partition("=")
    if not equals or not path_text.strip():
        raise UsageError(f"--set wants path=value, as in --set regions.oslo.pue=1.1; got `{text}`")
    value = given_value(value_text, f"--set {text}")
    target = split_path(path_text.strip())
    put(document, target, value, {target: FileLine(f"--set {text}")})


def given_value(text: str, where: str) -> Any:
    """The YAML value of an option. UsageError, beginning with `where`, if it is none."""
    from ruamel.yaml.error import YAMLError

    try:
        return parse_value(text, where)
    except InputError as fault:
        first = fault.problems[0]
        raise UsageError(f"{where}: {first.where} {first.what}. {first.fix}") from None
    except YAMLError as fault:
        what = str(fault).splitlines()[0]
        raise UsageError(f"{where}: the value is not YAML ({what})") from None


def split_path(text: str) -> Path_:
    """`regions."us.east".pue` → ("regions", "us.east", "pue"). UsageError if it is no path."""
    keys: list[str] = [""]
    quote = ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
            keys[-1] += "" if not quote else char
        elif char in "\"'":
            quote = char
        elif char == ".":
            keys.append("")
        else:
            keys[-1] += char
    if quote or not all(keys):
        raise UsageError(f"`{text}` is not a path: write keys with dots between, regions.oslo.pue")
    return tuple(keys)


def put(document: Document, path: Path_, value: Any, places: dict[Path_, FileLine]) -> None:
    """Merge `value` in at `path`, in place. `places` are those of the value, by full path."""
    holder: Any = document.data
    for depth, key in enumerate(path[:-1]):
        prefix = path[: depth + 1]
        if not isinstance(holder.get(key), dict):
            holder[key] = normal_value(prefix, holder[key]) if key in holder else {}
            if not isinstance(holder[key], dict):
                holder[key] = {}
            document.places.setdefault(prefix, places[path])
        holder = holder[key]
    _merge_at(document, holder, path, value, places)


def _merge_at(
    document: Document,
    holder: dict[Any, Any],
    path: Path_,
    value: Any,
    places: dict[Path_, FileLine],
) -> None:
    key = path[-1]
    current = normal_value(path, holder.get(key))
    if isinstance(value, dict) and isinstance(current, dict):
        holder[key] = current
        for name, item in value.items():
            _merge_at(document, current, (*path, name), item, places)
        return
    for old in [p for p in document.places if p[: len(path)] == path]:
        del document.places[old]
    holder[key] = normal_value(path, value)
    inside = {p: place for p, place in places.items() if p[: len(path)] == path}
    nearest = next(places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in places)
    document.places.update({path: nearest, **inside})


def normal(document: Document) -> Document:
    """The document with every shorthand written out, in place."""
    for path in SHORTHANDS:
        holder: Any = document.data
        for key in path[:-1]:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and path[-1] in holder:
            holder[path[-1]] = normal_value(path, holder[path[-1]])
    return document


def normal_value(path: Path_, value: Any) -> Any:
    """A bare text at a shorthand's path as the mapping that it stands for."""
    key = SHORTHANDS.get(path)
    if key is None or not isinstance(value, str):
        return value
    if key == "model" and value not in DISTANCE_MODELS:
        key = "table"
    return {key: value}
