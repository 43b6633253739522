"""Whatever is set, a scenario loads or says why not."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.data.json_schema import scenario_schema
from wattlas.data.scenario_file import EXAMPLES, read
from wattlas.errors import InputError, UsageError

IDS = {"regions": "oslo", "metros": "lagos", "nodes": "virginia", "points": "small", "classes": "A"}


def paths() -> list[str]:
    """Every path of the document two or three keys deep, with an id where one belongs."""
    schema = scenario_schema()
    found = []
    for section, value in schema["properties"].items():
        found.append(section)
        name = value.get("$ref", "").rsplit("/")[-1]
        shape = schema["$defs"].get(name, {})
        shape = shape.get("anyOf", [shape])[0]
        for key, inner in shape.get("properties", {}).items():
            found.append(f"{section}.{key}")
            deeper = schema["$defs"].get(inner.get("$ref", "").rsplit("/")[-1], {})
            deeper = deeper.get("anyOf", [deeper])[0]
            found += [f"{section}.{key}.{k}" for k in deeper.get("properties", {})]
        if section in IDS:
            entry = shape["additionalProperties"]["$ref"].rsplit("/")[-1]
            fields = schema["$defs"][entry]["properties"]
            found += [f"{section}.{IDS[section]}.{field}" for field in fields]
    return found


NUMBERS = st.one_of(st.integers(-3, 400), st.floats(allow_nan=False), st.sampled_from([1e300]))
WORDS = st.sampled_from(["oslo", "A", "fitted", "free", "price.csv", "average", "nothing", "", "1"])
SIMPLE = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
VALUES = st.one_of(SIMPLE, st.lists(SIMPLE, max_size=3), st.dictionaries(WORDS, SIMPLE, max_size=2))


@examples(40)
@given(st.lists(st.tuples(st.sampled_from(paths()), VALUES), min_size=1, max_size=3))
def test_nothing_that_is_set_crashes(changes: list[tuple[str, Any]]) -> None:
    """Any value at any path gives a scenario or a list of problems that each say what and where."""
    settings_ = [f"{path}={json.dumps(value)}" for path, value in changes]
    try:
        made = read(EXAMPLES / "tiny", set=settings_).scenario
    except (InputError, UsageError) as error:
        problems = getattr(error, "problems", None)
    else:
        problems = None
        assert made.demand_per_h.shape[2] == made.hours.count
    assert problems is None or (problems and all(p.where and p.what for p in problems))
