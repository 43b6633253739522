"""What a sweep states of itself: its design, what it reads, a hash of each run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wattlas.data.digest import sha256_of
from wattlas.data.scenario_file import examples
from wattlas.errors import UsageError
from wattlas.placement.streaming.fingerprint import fingerprint
from wattlas.studies.sweeps.change import Written
from wattlas.studies.sweeps.design import SweepDesign

HASH_LENGTH = 16


def inputs_of(base: Written, design: SweepDesign) -> dict[str, str]:
    """What the runs read, each with its hash."""
    from wattlas import __version__

    given = {name: (value,) for name, value in design.settings.items()}
    given |= {axis.field: axis.values for axis in design.axes}
    names = [name for name, each in design.of_verb.settings.items() if each.is_file]
    files = [file for name in names for file in given.get(name, ())]
    policies = map(str, given.get("policy", ()))  # `./mine.py:MyPolicy` is a file, too
    files += [f"{text.partition('.py:')[0]}.py" for text in policies if ".py:" in text]
    for file in files:
        if not Path(file).is_file():
            raise UsageError(f"{file}: there is no such file.")
    return {
        "wattlas": __version__,
        "scenario": fingerprint(base.loaded.scenario),
        **{str(file): sha256_of(Path(file)) for file in files},
    }


def statement(base: Written, design: SweepDesign) -> dict[str, Any]:
    """What `sweep.json` holds. Raises InputError, UsageError."""
    inputs = inputs_of(base, design)
    is_example = str(base.path) in examples() and not base.path.exists()
    path = base.path if is_example else base.path.resolve()
    question = {
        "run": design.verb,
        "settings": dict(design.settings),
        "design": str(design.kind),
        "samples": design.samples,
        "seeds": design.seeds,
        "axes": [axis.json() for axis in design.axes],
    }
    named = {
        "run": design.verb,
        "settings": dict(design.settings),
        "inputs": sorted(inputs.values()),
    }
    return {
        "scenario": {"path": str(path), "name": base.name, "set": list(base.settings)},
        "inputs": inputs,
        **question,
        "runs": [
            {
                "hash": _hash({**named, "values": dict(zip(design.columns, p.values, strict=True)),
                               "seed": p.seed}),
                "values": list(p.values),
                "seed": p.seed,
            }
            for p in design.points()
        ],
    }  # fmt: skip


def _hash(decides: Mapping[str, Any]) -> str:
    text = json.dumps(_alike(decides), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _alike(value: Any) -> Any:
    """Whole numbers as 0 and 0.0 alike, which are the same value of a field."""
    if isinstance(value, Mapping):
        return {key: _alike(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_alike(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """In sentences, what of a statement is not as another says."""
    names = ("run", "settings", "design", "samples", "seeds", "axes")
    for name in names:
        if there[name] != wanted[name]:
            yield f"{name}: {json.dumps(there[name])} there, {json.dumps(wanted[name])} now."
    if there["inputs"].get("scenario") != wanted["inputs"]["scenario"]:
        yield "The scenario differs."
    for name, text in wanted["inputs"].items():
        if name != "scenario" and there["inputs"].get(name) != text:
            yield (
                f"{name} differs."
                if name != "wattlas"
                else f"It was made by Wattlas {there['inputs'].get(name)}."
            )
