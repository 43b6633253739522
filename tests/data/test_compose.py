"""Overrides and `--set`: what wins, what is kept, and what repeating changes."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.scenario_files import tiny_folder
from tests.examples import examples
from wattlas.data.compose import compose, normal, split_path
from wattlas.data.yaml_lines import Document, dotted, parse_yaml
from wattlas.errors import UsageError

KEYS = st.sampled_from(["a", "b", "c", "d e", "f.g"])
LEAVES = st.one_of(st.integers(-9, 9), st.sampled_from(["x", "y"]), st.lists(st.integers(0, 3)))
TREES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(LEAVES, inner), max_size=3),
    max_leaves=8,
)


def document(data: dict[str, Any], **patches: dict[str, Any]) -> Document:
    """A document with overrides, and one scenario that lists them all in order."""
    return Document({**data, "overrides": patches, "scenarios": {"s": list(patches)}}, {}, "f")


def composed(data: dict[str, Any], *patches: dict[str, Any]) -> dict[str, Any]:
    """The data after the patches."""
    quoted = [{dotted((key,)): value for key, value in patch.items()} for patch in patches]
    made = document(data, **{f"p{n}": patch for n, patch in enumerate(quoted)})
    result = compose(made, "s", ()).data
    return {k: v for k, v in result.items() if k not in ("overrides", "scenarios")}


def merged(base: Any, patch: Any) -> Any:
    """The plain definition: mappings key by key, anything else replaces."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return {**base, **{k: merged(base.get(k), v) for k, v in patch.items()}}
    return patch


@given(TREES, TREES)
@examples(100)
def test_a_patch_is_a_deep_merge(base: dict[str, Any], patch: dict[str, Any]) -> None:
    """Composing is merging mappings key by key and replacing the rest."""
    assert composed(base, patch) == merged(base, patch)


@given(TREES, TREES)
@examples(100)
def test_a_patch_twice_is_a_patch_once(base: dict[str, Any], patch: dict[str, Any]) -> None:
    """Repeating an override changes nothing."""
    assert composed(base, patch, patch) == composed(base, patch)


@given(TREES, TREES, TREES)
@examples(100)
def test_the_last_patch_wins(
    base: dict[str, Any], first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Overrides apply in their order: two in a row are one after the other."""
    assert composed(base, first, second) == composed(composed(base, first), second)


@given(TREES, TREES)
@examples(100)
def test_the_original_is_untouched(base: dict[str, Any], patch: dict[str, Any]) -> None:
    """Composing leaves the document that was read as it was."""
    made = document(base, p={dotted((key,)): value for key, value in patch.items()})
    before = deepcopy(made.data)
    compose(made, "s", ("z=1",))
    assert made.data == before


@given(st.lists(st.text("ab .", min_size=1, max_size=4), min_size=1, max_size=4))
@examples(100)
def test_paths_are_read_as_they_are_written(keys: list[str]) -> None:
    """A path in a message can be pasted after `--set`."""
    assert split_path(dotted(tuple(keys))) == tuple(keys)


@given(st.integers(), st.integers())
@examples(100)
def test_set_beats_overrides_and_the_last_set_wins(first: int, last: int) -> None:
    """Precedence: file, then overrides, then each --set in order."""
    made = document({"a": {"b": 0}}, p={"a.b": 1})
    assert compose(made, "s", ()).data["a"]["b"] == 1
    assert compose(made, "s", (f"a.b={first}", f"a.b={last}")).data["a"]["b"] == last
    assert compose(made, None, ()).data["a"]["b"] == 0


def test_dotted_and_nested_patches_are_the_same() -> None:
    """`a.b: 1` and `a: {b: 1}` say the same."""
    assert composed({"a": {"c": 2}}, {"a": {"b": 1}}) == {"a": {"c": 2, "b": 1}}
    made = document({"a": {"c": 2}}, p={"a.b": 1})
    assert compose(made, "s", ()).data["a"] == {"c": 2, "b": 1}


def test_a_text_that_was_read_before_is_read_alike() -> None:
    """Whatever the first reader did to what it was given; the file is that of each."""
    text = "a: {b: [1, {c: 2}]}\n"
    first, second = parse_yaml(text, "f"), parse_yaml(text, "f")
    inner = first.data["a"]["b"]
    inner[1]["c"] = 3
    inner.append(4)
    first.data["d"] = 5
    first.places.clear()
    assert parse_yaml(text, "f") == second
    assert second.data == {"a": {"b": [1, {"c": 2}]}}
    assert ("a", "b") in second.places
    assert {place.file for place in parse_yaml(text, "g").places.values()} == {"g"}


def test_shorthands_are_written_out_and_can_be_patched() -> None:
    """A bare table name stands for a mapping, so that a patch of one entry keeps the table."""
    made = parse_yaml("regions: r.csv\nnetwork: {metro_node: fitted, node_region: m.csv}\n", "f")
    data = compose(made, None, ("regions.oslo.pue=1.1", "signals.price=p.csv")).data
    assert data["regions"] == {"table": "r.csv", "oslo": {"pue": 1.1}}
    assert data["network"] == {"metro_node": {"model": "fitted"}, "node_region": {"table": "m.csv"}}
    assert data["signals"] == {"price": {"table": "p.csv"}}
    assert normal(normal(compose(made, None, ()))).data["regions"] == {"table": "r.csv"}


def test_a_replaced_value_has_its_new_place() -> None:
    """After an override a value belongs to the override's line, and its neighbours to theirs."""
    text = "a: {x: 1, y: 2}\noverrides:\n  p:\n    a.x: 3\nscenarios: {s: [p]}\n"
    made = compose(parse_yaml(text, "f"), "s", ("a.z=4",))
    assert made.place(("a", "x")).line == 4
    assert made.place(("a", "y")).line == 1
    assert made.place(("a", "z")).file == "--set a.z=4"


@pytest.mark.parametrize("text", ["regions.oslo.pue", "=3", "a..b=1", "a.'b=1", "a=[1", "a={b: 1"])
def test_a_setting_that_is_none(text: str) -> None:
    """A --set without a path, an equals sign or a YAML value is a mistake in the call."""
    with pytest.raises(UsageError):
        compose(Document({}, {}, "f"), None, (text,))


def test_a_wrong_override_is_told_once(tmp_path: Path) -> None:
    """Whether a scenario that is read uses it, or none does."""
    folder = tiny_folder(tmp_path / "tiny")
    folder.edit("scenario.yaml", "overrides:", "overrides:\n  bad: {regions.oslo.pue: 0.5}")
    folder.edit("scenario.yaml", "scenarios:", "scenarios:\n  worse: [bad]")
    for scenario in ("worse", None):
        (problem,) = folder.problems(scenario=scenario)
        assert problem.line == folder.line("scenario.yaml", "bad:")


def test_what_a_scenario_corrects_is_right(tmp_path: Path) -> None:
    """A wrong value of the document is no fault of the overrides that leave it as it is."""
    folder = tiny_folder(tmp_path / "tiny")
    folder.edit("scenario.yaml", "hours: 24", "hours: many")
    folder.edit("scenario.yaml", "overrides:", "overrides:\n  day: {time.hours: 24}")
    folder.edit("scenario.yaml", "scenarios:", "scenarios:\n  day: [day]")
    assert folder.problems(scenario="day") == ()
    (problem,) = folder.problems()
    assert problem.line == folder.line("scenario.yaml", "hours: many")
