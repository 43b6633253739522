"""What each key of a scenario does to the model, and what is said where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.scenario_files import tiny_folder
from tests.golden.inputs.scenarios import FILES, GOOD, WORLD, world
from tests.golden.inputs.wrong_scenarios import TEXTS, WRONG
from tests.golden.telling import Lines, differences, kept, outcome, put, tell
from wattlas.data import scenario_file
from wattlas.data.company import company, without_hours
from wattlas.data.json_schema import scenario_schema
from wattlas.data.months import Months, is_long, load_months
from wattlas.data.sampling import representative_days
from wattlas.data.scenario_file import Loaded, examples, load, read
from wattlas.data.summary import facts_text, scenario_facts
from wattlas.data.yaml_lines import Document, dotted, read_yaml

HERE = Path(__file__).parent / "reading"


def heard(loaded: Loaded) -> Lines:
    """Everything that is known of a scenario."""
    return Lines(
        [*tell(loaded.scenario), *tell(loaded.warnings, "warnings"), f"names {loaded.scenarios}"]
    )


@cache
def _before(folder: Path) -> Lines:
    return heard(read(folder))


def changes(folder: Path, *sets: str, scenario: str | None = None) -> Iterator[str]:
    """What settings change of the world, or all that is wrong with them."""

    def made() -> Lines:
        after = heard(read(folder, set=sets, scenario=scenario))
        return Lines(list(differences(_before(folder), after)))

    yield from outcome(made)


def _good(folder: Path) -> Iterator[str]:
    world(folder)
    yield from _before(folder)
    for name, sets in GOOD.items():
        yield f"== {name}"
        yield from changes(folder, *sets)
    for scenario in ("both", "dear"):
        yield f"== the scenario {scenario}"
        yield from changes(folder, scenario=scenario)


def _bad(folder: Path) -> Iterator[str]:
    world(folder)
    for name, sets in WRONG.items():
        yield f"== {name}"
        yield from changes(folder, *sets)
    for scenario in ("bot", "little"):
        yield from outcome(lambda scenario=scenario: heard(read(folder, scenario=scenario)))
    for name, text in TEXTS.items():
        yield f"== the document: {name}"
        file = put(folder, "other.yaml", text)
        for chosen in (
            (None, "s", "t", "u")
            if name.startswith("overrides")
            else (None, "x")
            if name == "scenarios"
            else (None,)
        ):
            yield from outcome(lambda file=file, chosen=chosen: heard(read(file, scenario=chosen)))
    yield from outcome(lambda: read(folder / "none.yaml"))
    yield from outcome(lambda: read(put(folder, "l.yaml", "name: Zürich".encode("latin-1"))))
    name = sorted(examples())[0]
    put(folder, f"{name}/scenario.yaml", "nam: of my own\n")
    with chdir(folder):  # a file of one's own goes before the example that ships
        yield from outcome(lambda: read(name))
    for path in (("a", "b.c", "", 3, "d e"), ()):
        yield dotted(path)


def leaves(
    node: Any, defs: Mapping[str, Any], path: str, depth: int = 0
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every key that a document may have, a thing with an id as `ID`."""
    while "$ref" in node:
        node = {
            **defs[node["$ref"].split("/")[-1]],
            **{k: v for k, v in node.items() if k != "$ref"},
        }
    if "anyOf" in node:
        deep = [
            n
            for n in node["anyOf"]
            if "$ref" in n or n.get("properties") or n.get("additionalProperties")
        ]
        if deep:
            yield from leaves(deep[0], defs, path, depth)
            return
    inner = dict(node.get("properties", {}))
    more = node.get("additionalProperties")
    if isinstance(more, dict) and more:
        inner["ID"] = more
    if not inner or depth > 5:
        yield path, node
        return
    for name, part in inner.items():
        yield from leaves(part, defs, f"{path}.{name}".lstrip("."), depth + 1)


def bounds(node: Mapping[str, Any]) -> str:
    """What a leaf takes, short."""
    if "anyOf" in node:
        return " or ".join(bounds(n) for n in node["anyOf"] if n.get("type") != "null")
    if "items" in node:
        return f"list of {bounds(node['items'])}"
    parts = {k: v for k, v in node.items() if k not in ("description", "type")}
    return " ".join(
        [str(node.get("type", "")), *(f"{k}={json.dumps(v)}" for k, v in parts.items())]
    )


def _wrong_of(node: Mapping[str, Any], kind: int) -> Any:
    """A value of another type, or beyond the bounds; None where there is none."""
    options = [n for n in node.get("anyOf", [node]) if n.get("type") != "null"]
    first = options[0]
    if kind == 0:
        return {"string": 7, "number": "x", "integer": 1.5, "boolean": "yes", "array": "one"}.get(
            first.get("type"), [3]
        )
    if "enum" in first or "const" in first:
        return "nearst"
    if kind == 1 and "minimum" in first:
        return first["minimum"] - 1
    if kind == 1 and "exclusiveMinimum" in first:
        return first["exclusiveMinimum"]
    if kind == 2 and "maximum" in first:
        return first["maximum"] + 1
    if kind == 2 and "exclusiveMaximum" in first:
        return first["exclusiveMaximum"]
    if kind == 1 and first.get("minLength"):
        return ""
    return None


def _keys(folder: Path) -> Iterator[str]:
    """Every key: what it takes, and what is said of another type, below and above."""
    schema = scenario_schema()
    found = [(p, n) for p, n in leaves(schema, schema["$defs"], "") if p and ".all." not in p]
    yield from (f"{path}: {bounds(node)}" for path, node in found)
    for kind, name in enumerate(("of another type", "below", "above")):
        yield f"== {name}"
        document: dict[str, Any] = {"name": "n"}
        for path, node in found:
            value = _wrong_of(node, kind)
            if value is None or path.startswith(("overrides", "scenarios")):
                continue
            *above, last = path.split(".")
            holder = document
            for key in above:
                holder = holder.setdefault(key, {})
                if not isinstance(holder, dict):
                    break
            if isinstance(holder, dict):
                holder[last] = value
        yield from outcome(lambda document=document: read(put(folder, "k.yaml", document)))
    unknown = json.loads(
        json.dumps(
            {
                "nme": 1,
                "time": {"strt": 1},
                "regions": {"a": {"pu": 1}},
                "users": {"prior": {"x": 1}},
                "signals": {"price": {"tabel": 1}},
                "tiers": {"g": {"share": 1}},
            }
        )
    )
    yield "== unknown"
    yield from outcome(lambda: read(put(folder, "k.yaml", unknown)))


def _facts(folder: Path) -> Iterator[str]:
    """Summaries; the same hours month by month; samples of days; companies."""
    world(folder)
    for sets in (
        (),
        ("signals.price={constant: null, unknown: true}", "objective.minimise=carbon"),
        ("capacity.free=true", "demand.scale=0"),
        ("time={step_h: 0.5, hours: 2}", "classes.a={points: [big], state: pinned}"),
    ):
        facts = scenario_facts(read(folder, set=sets))
        yield from (*facts_text(facts).split("\n"), *tell(facts, "facts"))
    yield from _months(folder)
    apart = put(folder, "apart/scenario.yaml", WORLD)
    for base in (None, folder):
        for loaded_by in (read, load):
            yield f"apart from its tables, {loaded_by.__name__}, base {base}"
            yield from outcome(
                lambda base=base, loaded_by=loaded_by: repr(loaded_by(apart, base=base))[:40]
            )
        yield from outcome(lambda base=base: len(list(load_months(apart, base=base))))
    series = np.random.default_rng(3).integers(0, 99, (2, 45, 3)).astype(float)
    series[1, :, 1] = 5.0
    for n in (1, 3, 20):
        sample = representative_days(np.datetime64("2023-01-20T00:00:00"), series, n)
        yield from tell(sample, f"sample of {n}")
        yield from tell(sample.mean_days(series.reshape(2, -1)), f"means of {n}")
    tiny = tiny_folder(folder / "tiny").path
    days = "time.hours=null"
    for name in ("price", "carbon"):
        lines = (tiny / f"{name}.csv").read_text().splitlines()
        later = [line.replace("06-01T", "06-02T").replace(",2", ",3") for line in lines[2:]]
        put(tiny, f"{name}.csv", "\n".join([*lines, *later]) + "\n")
    loaded = read(tiny, set=[days, "time.sample={days_per_month: 1}"])
    yield from (
        *facts_text(scenario_facts(loaded)).split("\n"),
        *tell(loaded.scenario.hours, "hours"),
    )
    yield from tell(loaded.scenario.demand_per_h, "demand")
    for regions in (["aws:eu-north-1", "gcp:europe-west9", "azure:westus2"], ["aws:us-east-1"]):
        texts = company("a/mine", regions)
        yield from (
            texts["regions.csv"].split("\n")
            + texts["rtt.csv"].split("\n")
            + texts["demand.csv"].split("\n")
        )
        yield from without_hours(regions)
        yield from texts["metros.csv"].split("\n")[:6] + texts["models.csv"].split("\n")[:3]
    for path in ("a/mine/", "/", "", ".", "my co", "a/2024", "true", "a: b"):
        yield from company(path, ["aws:us-east-1"])["scenario.yaml"].split("\n")[2:10:2]
    yield from outcome(lambda: company("x", ["aws:eu-nort-1", "aws:us-east-1", "aws:us-east-1"]))


def _months(folder: Path) -> Iterator[str]:
    """Hours over the end of a month, and what is long."""
    later = {
        n: t.replace("2023-06-03", "2023-05-31").replace("2023-06-04", "2023-06-01")
        for n, t in {**FILES, "scenario.yaml": WORLD}.items()
    }
    late = world(folder / "late", **later)
    months = load_months(late)
    yield from tell(months.hours, "hours")
    yield f"{months.steps} {months.set} {months.scenario}"
    yield from _stretches(months)
    yield from tell(months.outline(), "outline", derived=False)
    yield from outcome(lambda: load_months(late, set=["time.sample={days_per_month: 1}"]))
    yield from outcome(lambda: load_months(late, set=["time.hours=0"]))
    yield from outcome(lambda: load_months(late, set=["time={start: null, hours: null}"]).hours)
    for sets in (
        [],
        ["time.hours=8784"],
        ["time.hours=8785"],
        ["time.hours=null"],
        ["time.sample={days_per_month: 1}", "time.hours=99999"],
        ["time={hours: 8784, step_h: 0.016666666666666666}"],
    ):
        yield f"long, {sets}: {is_long(late, set=sets)}"


def _stretches(months: Months) -> Iterator[str]:
    parts = list(months)
    for n, part in enumerate(parts):
        told = {
            "hours": part.hours,
            "demand": part.demand_per_h,
            "signals": part.signals,
            "capacity": part.reserved_gpu,
        }
        yield from tell(told, f"part {n}", derived=False)
    whole = read(months.path).scenario
    joined = np.concatenate([part.demand_per_h for part in parts], axis=2)
    yield f"the same demand as a whole: {np.array_equal(joined, whole.demand_per_h)}"


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "good": _good,
    "bad": _bad,
    "keys": _keys,
    "facts": _facts,
}


@pytest.mark.parametrize("name", CASES)
def test_scenarios_are_read_as_the_golden_file_has_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key changes what it changed, and each mistake is told as it was."""
    parsed = cache(read_yaml)  # the world is parsed once: half of what reading it takes

    def from_memory(path: Path) -> Document:
        return parsed(path) if path == tmp_path / "scenario.yaml" else read_yaml(path)

    monkeypatch.setattr(scenario_file, "read_yaml", from_memory)
    kept(HERE / f"scenario-{name}.txt", CASES[name](tmp_path), tmp_path)
