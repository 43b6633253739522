"""One schema and one reader: every door reads the same dialect, and tells the same mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.data.entities import Entities, Entity, unknown_ids
from wattlas.data.importers import Layout, read_files
from wattlas.data.json_schema import scenario_schema
from wattlas.data.pack_checks import check_path, check_references
from wattlas.data.reader.cells import doubled, typed
from wattlas.data.reader.dialect import ROW, dialect_of
from wattlas.data.reader.source import read_table, source_of
from wattlas.data.reader.stretch import Stretch
from wattlas.data.schema import TABLES
from wattlas.data.schema.columns import ColumnSchema
from wattlas.data.schema.places import METROS, REGIONS, RTT_METRO_NODE
from wattlas.data.schema.workload import CLASSES, TOKEN_PROFILES
from wattlas.data.yaml_lines import FileLine
from wattlas.model.workload import State


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "tiny")


def as_others_write_it(text: str) -> str:
    """The same rows: a byte order mark, comments, empty lines, spaces, stamps in other forms."""
    header, *rows = [line for line in text.splitlines() if not line.startswith("#")]
    forms = ("{d}T{h}:00:00Z", "{d} {h}:00:00+00:00", "{d}T{h}:00Z", "{d} {h}:00:00.000 UTC")
    lines = ["# made up", "", header.replace(",", " , ")]
    for n, row in enumerate(rows):
        stamp, *cells = row.split(",")
        form = forms[n % len(forms)].format(d=stamp[:10], h=stamp[11:13])
        lines += [" , ".join([form, *cells]), *(["", "# half way"] if n == 30 else [])]
    return "\ufeff" + "\n".join(lines) + "\n"


def test_scenarios_checks_and_imports_read_one_dialect(tiny: Folder) -> None:
    """A table in another hand is loaded, judged and imported as the plain one is."""
    before = tiny.load().price_usd_per_mwh
    file = tiny.path / "price.csv"
    layout = Layout("price", zone_column="zone", value_column="price_usd_per_mwh")
    plain = read_files([file], layout).frame
    tiny.write("price.csv", as_others_write_it(file.read_text("utf-8")))
    assert np.array_equal(tiny.load().price_usd_per_mwh, before)
    assert check_path(str(file)).problems == ()
    assert read_files([file], layout).frame.equals(plain)


def test_a_separator_cuts_several_rows_alike(tmp_path: Path) -> None:
    """A comma in the header and in the first row may be of a text and of a number."""
    file = tmp_path / "t.csv"
    file.write_text("time;price, EUR\n0;1,5\n1;2\n2;3,5\n", encoding="utf-8")
    assert dialect_of(file).separator == ";"
    file.write_text("a,b;c\n0,1;5\n1,2\n2,3;5\n", encoding="utf-8")
    assert dialect_of(file).separator == ","


def test_every_column_of_ids_is_held_against_the_table_of_them() -> None:
    """A metro, node or region that is none is found wherever a table names one."""
    owners = {"metro": "metros", "node": "nodes", "region": "regions"}
    named = [
        (name, column.name)
        for name, schema in TABLES.items()
        for column in schema.columns
        if column.name in owners and name != owners[column.name]
    ]
    assert {("metros", "node"), ("nodes", "region"), ("demand", "metro")} <= set(named)
    for name, column in named:
        owner = owners[column]
        frames = {
            name: pl.DataFrame({key: ["known", "stray"] for key in {*TABLES[name].key, column}}),
            owner: pl.DataFrame({column: ["known", "other"]}),
        }
        tables = {each: source_of(frame, TABLES[each], each) for each, frame in frames.items()}
        said = [problem.what for problem in check_references(tables)]
        assert f"`stray` is not in the table {owner}" in said, (name, column)


def test_a_bound_is_told_in_the_unit_of_the_table() -> None:
    """That which the value breaks, in what the column is written in; within bounds none."""
    column = ColumnSchema("x", "number", lower=2.0, upper=30.0)
    assert column.expected(1.0, 1e3) == "a number of at least 0.002"
    assert column.expected(31.0, 1e3) == "a number of at most 0.03"
    assert column.expected(31.0) == "a number of at most 30"
    assert column.expected(30.0) == column.expected(2.0) == column.expected() == "a number"
    above = replace(column, kind="whole", above=5.0)
    assert above.expected(5.0, 0.5) == "a whole number of more than 10"
    assert above.expected(5.1) == "a whole number"
    assert ColumnSchema("x", options=("a", "b", "c")).expected() == "a, b or c"


def test_loading_and_checking_tell_the_same(tiny: Folder) -> None:
    """A doubled pair, a cell out of bounds and text are told at the same lines by both."""
    tiny.edit("egress.csv", "frankfurt,austin,0.05", "frankfurt,oslo,0.05")
    tiny.edit("egress.csv", "virginia,oslo,0.05", "virginia,oslo,-1")
    tiny.edit("egress.csv", "singapore,oslo,0.09", "singapore,oslo,much")
    file = str(tiny.path / "egress.csv")
    loaded = {(p.line, p.what) for p in tiny.problems() if p.file == file}
    assert loaded == {(p.line, p.what) for p in check_path(file).problems}
    assert {line for line, _ in loaded} == {4, 6, 9}


def test_a_negative_marginal_intensity_is_told_by_both(tiny: Folder) -> None:
    """What a check refuses is not loaded either."""
    tiny.edit("carbon.csv", "2023-06-01T03:00:00Z,NO,26,118", "2023-06-01T03:00:00Z,NO,26,-118")
    assert [p.where for p in tiny.problems()] == ["marginal_g_per_kwh"]
    (problem,) = check_path(str(tiny.path / "carbon.csv")).problems
    assert "marginal_g_per_kwh is negative in 1 hour" in problem.what


def test_classes_from_a_table(tmp_path: Path) -> None:
    """Flags, lists and words come typed; a wrong word is told with the one that was meant."""
    file = tmp_path / "classes.csv"
    file.write_text(
        "class,latency_budget_ms,state,relaxable,points\n"
        "A,100,sticky,no,small; large ;\nB,0,stiky,false,\nC,50,,1,small\n",
        encoding="utf-8",
    )
    cells = typed(read_table(file, CLASSES, "classes.csv"))
    told = {(p.where, p.line): (p.what, p.fix) for p in cells.problems}
    assert told == {
        ("classes.B.latency_budget_ms", 3): (
            "is `0`, wanted a number of more than 0",
            "Give a number of more than 0.",
        ),
        ("classes.B.state", 3): (
            "is `stiky`, wanted stateless, sticky or pinned",
            "Did you mean `sticky`?",
        ),
        ("classes.A.relaxable", 2): ("is `no`, wanted 0 or 1", "Fill it in."),
    }
    assert cells.frame["points"].to_list() == [["small", "large"], None, ["small"]]
    assert cells.frame["relaxable"].to_list() == [None, False, True]
    assert cells.bad["state"] == {1}


def test_a_table_of_classes_is_a_scenarios_classes(tiny: Folder) -> None:
    """Its columns are the fields of an entry, and reach the model as those do."""
    tiny.write(
        "classes.csv",
        "class,latency_budget_ms,state,tokens_in,tokens_out,points\nE,8e4,sticky,1,2,small\n",
    )
    scenario = tiny.load("classes.table=classes.csv")
    made = {k.id: k for k in scenario.classes}
    assert set(made) == {"A", "D", "E"}
    assert (made["E"].state, made["E"].points) == (State.STICKY, ("small",))
    assert (made["E"].latency_budget_ms, made["E"].tokens_out) == (8e4, 2.0)


def test_places_in_parquet_and_free_capacity(tmp_path: Path) -> None:
    """Numbers, text and lists of their own type say what a CSV says; `free` is no limit."""
    file = tmp_path / "r.parquet"
    pl.DataFrame(
        {"region": [7, 8], "pue": [1, 2], "variants": [["a"], None], "lat_deg": [95.0, 0.5]}
    ).write_parquet(file)
    cells = typed(read_table(file, REGIONS, "r"), need=("region",))
    assert cells.frame["region"].to_list() == ["7", "8"]
    assert cells.frame["variants"].to_list() == [["a"], None]
    assert [(p.where, p.what) for p in cells.problems] == [
        ("regions.7.lat_deg", "is `95.0`, wanted a number of at most 90")
    ]
    free = pl.DataFrame({"region": ["a", "b", "c"], "reserved_gpu": ["free", "3", "much"]})
    made = typed(source_of(free, REGIONS, "r"), need=("region",))
    assert made.frame["reserved_gpu"].to_list() == [float("inf"), 3.0, None]
    assert [p.where for p in made.problems] == ["regions.c.reserved_gpu"]


LIMITS = [
    ("metros", "lat_deg", (-90, 90), (-90.1, 90.1)),
    ("metros", "lon_deg", (-180, 180), (-180.1, 180.1)),
    ("metros", "population", (0, 3e9), (-1,)),
    ("regions", "pue", (1, 5), (0.99,)),
    ("regions", "reserved_gpu", (0, float("inf")), (-1, float("-inf"), float("nan"))),
    ("regions", "queue_ms", (0, 1e9), (-0.1, float("inf"), float("-inf"), float("nan"))),
    ("points", "accuracy", (0, 1), (-0.01, 1.01)),
    ("points", "decode_j_per_token", (0, 7), (-1e-9,)),
    ("classes", "latency_budget_ms", (1e-9,), (0, -1)),
    ("classes", "mean_accuracy_min", (0, 1), (-0.1, 1.1)),
    ("price", "price_usd_per_mwh", (-500, 9e9), (float("inf"), float("-inf"), float("nan"))),
    ("carbon", "average_g_per_kwh", (0, 9999), (-1,)),
    ("carbon", "marginal_g_per_kwh", (0, 9999), (-1,)),
    ("capacity", "reserved_gpu", (0, 5), (-1,)),
    ("demand", "requests_per_h", (0, 5), (-1,)),
    ("rtt_metro_node", "rtt_ms", (0, 5000), (-1,)),
    ("rtt_node_region", "rtt_ms", (0, 5000), (-1,)),
    ("egress", "egress_usd_per_gb", (0, 99), (-1,)),
    ("point_accuracy", "accuracy", (0, 1), (-0.01, 1.01)),
]


@pytest.mark.parametrize(("table", "column", "good", "bad"), LIMITS)
def test_bounds_of_columns(
    table: str, column: str, good: tuple[float, ...], bad: tuple[float, ...]
) -> None:
    """What lies on a bound is accepted, what lies beyond is told, each cell by itself."""
    frame = pl.DataFrame({column: [float(value) for value in (*good, *bad)]})
    cells = typed(source_of(frame, TABLES[table], "t"), only=[column])
    assert cells.bad.get(column, frozenset()) == set(range(len(good), len(good) + len(bad)))
    assert len(cells.problems) == len(bad)


@pytest.mark.parametrize(
    ("table", "row", "where"),
    [
        ("metros", "m,M,DE,EU,1,1,UTC,2e9", "metros.m.population"),
        ("regions", "r,R,Z,DE,EU,1,1,UTC,3.5", "regions.r.pue"),
        ("rtt_metro_node", "m,n,2500", "rtt_metro_node.m.n.rtt_ms"),
        ("egress", "n,r,11", "egress.n.r.egress_usd_per_gb"),
    ],
)
def test_what_is_unusual_is_told_by_a_check(
    tmp_path: Path, table: str, row: str, where: str
) -> None:
    """A value that no bound forbids, and that is hardly meant, is told by its line."""
    file = tmp_path / f"{table}.csv"
    names = [name for name in TABLES[table].by_name if name in TABLES[table].in_packs]
    file.write_text(",".join(names) + "\n" + row + "\n", encoding="utf-8")
    (problem,) = check_path(str(file)).problems
    assert (problem.where, problem.line) == (where, 2)
    assert "unusual" in problem.what


def test_a_stretch_ends_before_its_end(tmp_path: Path) -> None:
    """The last time is not read, an hour before the first is: a row may reach into the stretch."""
    times = [f"2023-01-01T{hour:02d}:00:00Z" for hour in range(5)]
    frame = pl.DataFrame({"time_utc": times, "zone": ["A"] * 5, "price_usd_per_mwh": range(5)})
    frame.write_csv(tmp_path / "t.csv")
    frame.with_columns(pl.col("time_utc").str.to_datetime(time_zone="UTC")).write_parquet(
        tmp_path / "t.parquet"
    )
    stretch = Stretch(np.datetime64("2023-01-01T01", "s"), np.datetime64("2023-01-01T03", "s"))
    for name in ("t.csv", "t.parquet"):
        table = read_table(tmp_path / name, TABLES["price"], "t", stretch=stretch)
        assert typed(table).frame["price_usd_per_mwh"].to_list() == [0.0, 1.0, 2.0]
        assert table.frame[ROW].to_list() == [0, 1, 2]


def test_a_pack_may_hold_more_than_is_asked_for() -> None:
    """An id that nothing has is a mistake in a table of one's own, and none in a pack's."""
    frame = pl.DataFrame({"metro": ["a", "b"], "node": ["n", "n"], "rtt_ms": [1.0, 2.0]})
    own = source_of(frame, RTT_METRO_NODE, "t")
    metros = Entities("metros", (), (Entity("a", {}, "metros.a", FileLine("t")),))
    (problem,) = unknown_ids(own, own.frame, metros)
    assert problem.what == "`b` is not one of the metros"
    assert list(unknown_ids(replace(own, shared=True), own.frame, metros)) == []


def test_a_list_where_a_number_belongs() -> None:
    """A column of lists is told cell by cell, as text would be."""
    frame = pl.DataFrame({"metro": ["a"], "node": [["x"]], "population": [[1, 2]]})
    cells = typed(source_of(frame, METROS, "m"), need=("metro",))
    assert {(p.where, p.what) for p in cells.problems} == {
        ("metros.a.population", "is `[1, 2]`, wanted a number"),
        ("metros.a.node", "is `['x']`, wanted a name"),
    }


def test_other_names_of_a_column() -> None:
    """A trace's columns are read under ours, and named in messages as the table names them."""
    frame = pl.DataFrame({"trace": ["x"], "tokens_in_mean": ["-1"], "tokens_out_mean": ["2"]})
    cells = typed(source_of(frame, TOKEN_PROFILES, "t"))
    assert cells.frame["tokens_out"].to_list() == [2.0]
    assert [p.where for p in cells.problems] == ["token_profiles.x.tokens_in_mean"]


def test_doubled_keys_are_summed_up() -> None:
    """Five are told with the row that was there first, the others as a number."""
    frame = pl.DataFrame({"metro": ["a"] * 8 + ["b"]})
    problems, rows = doubled(table := source_of(frame, METROS, "m"), table.frame)
    assert rows == [1, 2, 3, 4, 5, 6, 7]
    assert len(problems) == 6
    assert "2 more rows" in problems[-1].what


def bounds(column: ColumnSchema) -> dict[str, float]:
    """The bounds of a column as JSON Schema has them."""
    found = {
        "minimum": column.lower,
        "maximum": column.upper,
        "exclusiveMinimum": column.above,
    }
    return {name: bound for name, bound in found.items() if bound is not None}


@pytest.mark.parametrize("name", ["metros", "nodes", "regions", "points", "classes"])
def test_the_json_schema_takes_columns_and_bounds(name: str) -> None:
    """Every column but the id is a field of the entry, with the bounds and words of the column."""
    table, schema = TABLES[name], scenario_schema()
    section = schema["$defs"][name.capitalize()]["anyOf"][0]
    entry = schema["$defs"][section["additionalProperties"]["$ref"].rsplit("/")[-1]]["properties"]
    for column in table.columns:
        if column.name not in table.key:
            field = entry[column.name]
            assert field["description"] == column.words
            kinds = [kind for kind in field["anyOf"] if kind.get("type") != "null"]
            kinds = kinds[0].get("anyOf", kinds)
            assert bounds(column).items() <= kinds[0].items(), column.name
    assert set(table.by_name) - set(table.key) <= set(entry)


def test_tables_are_stated_soundly() -> None:
    """Keys are columns, references name tables with one key, and names stand once."""
    for table in TABLES.values():
        assert len(table.by_name) == len(table.columns)
        assert set(table.key) <= set(table.by_name)
        for column in table.columns:
            assert not column.refers or len(TABLES[column.refers].key) == 1
            assert not column.unlimited or column.kind == "number"


def test_a_flag_in_every_hand() -> None:
    """0 and 1, as numbers too, and true and false in any case; nothing else, and empty is none."""
    hands = {"1": True, "1.0": True, "true": True, "TRUE": True, " True ": True, "0": False,
             "0.0": False, "false": False, "FALSE": False, "False": False}  # fmt: skip
    text = "\n".join(["class,latency_budget_ms,relaxable", *(f"c{n},9,{h}" for n, h in
                      enumerate(hands))])  # fmt: skip
    frame = pl.read_csv(text.encode(), infer_schema=False)
    cells = typed(source_of(frame, CLASSES, "c"))
    assert cells.problems == []
    assert cells.frame["relaxable"].to_list() == list(hands.values())
    odd = frame.with_columns(relaxable=pl.lit("yes"))
    assert len(typed(source_of(odd, CLASSES, "c")).problems) > 0
