"""Imports beside price and average carbon: marginal hours, demand, capacity, pairs of places."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from wattlas.cli.data_import import _result_mapping
from wattlas.data.importers import Layout, Rules, prepare, read_files
from wattlas.data.importers.recipes import layout_of
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_import import ImportResult, import_hours
from wattlas.errors import InputError, UsageError


def bring(folder: Path, layout: Layout, *lines: str, rules: Rules | None = None) -> ImportResult:
    """Import lines into the pack in a folder."""
    file = folder.parent / "t.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return import_hours(read_files([file], layout), folder, rules)


def test_marginal_hours_go_beside_the_average(tmp_path: Path) -> None:
    """They fill their own column; an average in hours asks for hours of them, finer is cut."""
    pack = tmp_path / "pack"
    average = ["t,QQ", *[f"2024-06-01T0{h}:00Z,{100 + h}" for h in range(3)]]
    bring(pack, Layout("carbon", time_column="t"), *average)
    halves = ["t,QQ", *[f"2024-06-01T0{i // 2}:{i % 2 * 30:02d}Z,{400 + i}" for i in range(6)]]
    marginal = Layout("marginal", time_column="t")
    with pytest.raises(InputError, match="steps of 30 min, average_g_per_kwh beside it in 60"):
        bring(pack, marginal, *halves, rules=Rules(keep_steps=True))
    bring(pack, marginal, *halves, rules=Rules(average=True))
    frame = pl.read_parquet(pack / "carbon.parquet")
    assert frame["average_g_per_kwh"].to_list() == [100, 101, 102]
    assert frame["marginal_g_per_kwh"].to_list() == [400.5, 402.5, 404.5]
    assert check_path(str(pack)).problems == ()
    fine = tmp_path / "fine"
    bring(fine, Layout("carbon", time_column="t"), *halves, rules=Rules(keep_steps=True))
    bring(fine, marginal, *average)
    assert pl.read_parquet(fine / "carbon.parquet")["marginal_g_per_kwh"].to_list() == [
        *(100, 100, 101, 101, 102, 102)
    ]


def test_demand_is_imported(tmp_path: Path) -> None:
    """By metro and class; counts of a step become requests per hour."""
    layout = Layout("demand", time_column="t", zone_column="city", class_column="kind",
                    value_column="n", unit="requests")  # fmt: skip
    rows = [f"2024-06-01T00:{m:02d}Z,{c},A,{n}" for c, n in (("x", 2), ("y", 5)) for m in (0, 30)]
    rules = Rules(average=True, per_step=True)
    bring(tmp_path / "p", layout, "t,city,kind,n", *rows, rules=rules)
    frame = pl.read_parquet(tmp_path / "p" / "demand.parquet")
    assert frame.drop("time_utc").rows() == [("x", "A", 4.0), ("y", "A", 10.0)]
    wide = Layout("demand", time_column="t", klass="A", unit="requests/s")
    bring(tmp_path / "w", wide, "t,x,y", "2024-06-01T00:00Z,1,2")
    assert pl.read_parquet(tmp_path / "w" / "demand.parquet")["requests_per_h"].sum() == 10_800
    with pytest.raises(InputError, match="which metro and which class"):
        bring(tmp_path / "n", Layout("demand", time_column="t"), "t,x,y", "2024-06-01T00:00Z,1,2")


def test_capacity_is_imported(tmp_path: Path) -> None:
    """A column per region; a negative number is refused."""
    layout = Layout("capacity", time_column="t")
    bring(tmp_path / "p", layout, "t,oslo", "2024-06-01T00:00Z,12", "2024-06-01T01:00Z,8")
    assert check_path(str(tmp_path / "p")).problems == ()
    with pytest.raises(InputError, match="reserved_gpu is negative in 1 hour"):
        bring(tmp_path / "n", layout, "t,oslo", "2024-06-01T00:00Z,-1")


@pytest.mark.parametrize(
    "lines",
    [
        ("from,east,west", "east,,70.5", "west,71 ms,-"),
        ("node,region,rtt_ms", "east,west,70.5", "west,east,71"),
        ("region,target,ping", "east,west,70.5", "west,east,71", "west,west,n/a"),
    ],
)
def test_round_trips_as_a_matrix_or_a_list(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """Both forms give the same pairs; cells without a figure are left out and told."""
    layout = Layout("rtt")
    if "ping" in lines[0]:
        layout = Layout("rtt", zone_column="region", class_column="target", value_column="ping")
    result = bring(tmp_path / "p", layout, *lines)
    frame = pl.read_csv(tmp_path / "p" / "rtt_node_region.csv")
    rows = frame.sort("node").rows()
    assert rows == [("east", "west", 70.5, "measured"), ("west", "east", 71.0, "measured")]
    assert result.manifest.time is None
    assert bool(result.notes) is ("node" not in lines[0])


def test_egress_is_imported_and_replaced(tmp_path: Path) -> None:
    """In cents as well; another price of a pair needs `overwrite`."""
    layout = Layout("egress", unit="usct/gb")
    bring(tmp_path / "p", layout, "node,oslo,austin", "fra,2,9")
    frame = pl.read_csv(tmp_path / "p" / "egress.csv")
    assert dict(zip(frame["region"], frame["egress_usd_per_gb"], strict=True)) == {
        "oslo": 0.02,
        "austin": 0.09,
    }
    with pytest.raises(InputError, match="1 of its pairs with other values"):
        bring(tmp_path / "p", layout, "node,oslo", "fra,3")
    with pytest.raises(InputError, match="given twice"):
        bring(tmp_path / "n", layout, "node,oslo", "fra,3", "fra,4")


def test_names_rows_and_zones_are_chosen(tmp_path: Path) -> None:
    """`rename` gives our names, `only` keeps zones, `where` rows; what is not there is told."""
    lines = ("t,area,market,p", "2024-06-01T00:00Z,10Y,DA,1", "2024-06-01T00:00Z,10Y,ID,2",
             "2024-06-01T00:00Z,11Z,DA,3")  # fmt: skip
    base = {"table": "price", "time_column": "t", "zone_column": "area", "value_column": "p"}
    layout = layout_of("plain", **base, rename={"10Y": "FR"}, only=("FR",), where={"market": "DA"})
    bring(tmp_path / "p", layout, *lines)
    frame = pl.read_parquet(tmp_path / "p" / "price.parquet")
    assert frame.drop("time_utc").rows() == [("FR", 1.0)]
    for fields, words in (
        ({"only": ("DE",)}, "no zone `DE`"),
        ({"where": {"market": "X"}}, "no row"),
    ):
        with pytest.raises(InputError, match=words):
            bring(tmp_path / "n", layout_of("plain", **{**base, **fields}), *lines)
    with pytest.raises(InputError, match="no `11Y` is in the files"):
        bring(tmp_path / "n", layout_of("plain", **base, rename={"11Y": "FR"}), *lines)
    needless = layout_of(
        "plain", **base, time_zone="Europe/Paris", dates="day-first", only=("11Z",)
    )
    assert [n for n in bring(tmp_path / "q", needless, *lines).notes if "not needed" in n] == [
        "`--time-zone` was not needed: the stamps say their zone",
        "`--dates` was not needed: no date has the form 1/5/2024",
    ]
    with pytest.raises(UsageError, match="give one of the two"):
        layout_of("plain", **base, zone="FR")


@pytest.mark.parametrize("name", ["hour_column", "interval_column", "repeated_column"])
def test_a_column_that_was_named_must_be_there(name: str, tmp_path: Path) -> None:
    """A recipe's pattern may find none in some of a source's tables; a name must be found."""
    lines = ("t,p,quarter_hour", "2024-06-01T00:00Z,1,1", "2024-06-01T01:00Z,2,1")
    base = {"table": "price", "time_column": "t", "value_column": "p", "zone": "QQ"}
    with pytest.raises(InputError, match="quarter_hou"):
        bring(tmp_path / "n", layout_of("plain", **base, **{name: "quarter_hou"}), *lines)
    if name != "hour_column":
        bring(tmp_path / "p", layout_of("plain", **base, unit="usd/mwh", **{name: "~none"}), *lines)


def test_an_option_that_one_of_the_files_needs_is_needed(tmp_path: Path) -> None:
    """What says nothing of a Parquet file is not told as needless beside a file of text."""
    rows = [(f"2024-06-0{n}T00:00Z", 1.5 * n) for n in (1, 2)]
    (tmp_path / "a.csv").write_text(f"t;p\n{rows[0][0]};1,5\n", encoding="utf-8")
    times = {"t": [rows[1][0]], "p": [rows[1][1]]}
    pl.DataFrame(times).write_parquet(tmp_path / "b.parquet")
    layout = layout_of(
        "plain", table="price", time_column="t", value_column="p", zone="QQ", unit="usd/mwh",
        separator=";", decimal=",", sheet="first",
    )  # fmt: skip

    def told(*names: str) -> list[str]:
        notes = read_files([tmp_path / name for name in names], layout).notes
        return [note.split("`")[1] for note in notes if "was not needed" in note]

    assert told("a.csv", "b.parquet") == ["--sheet"]
    assert told("b.parquet") == ["--decimal", "--sheet", "--separator"]


def test_series_of_two_names_stay_apart(tmp_path: Path) -> None:
    """Demand of `a` for `bc` and of `ab` for `c` are two series, before and after."""
    pairs = [("a", "bc"), ("ab", "c"), ("a", "c")]
    rows = [
        f"2024-05-01T{hour:02d}:00Z,{metro},{klass},{n + hour}"
        for n, (metro, klass) in enumerate(pairs)
        for hour in range(5)
        if (metro, hour) != ("ab", 1)  # that hour of `a` for `bc` does not fill it
    ]
    file = tmp_path / "t.csv"
    file.write_text("\n".join(["t,m,k,v", *rows]) + "\n", encoding="utf-8")
    layout = Layout("demand", time_column="t", zone_column="m", class_column="k", value_column="v")
    made = prepare(read_files([file], layout), Rules(fill="linear")).rows.frame
    found = {
        (metro, klass): values
        for metro, klass, values in made.group_by("metro", "class")
        .agg("requests_per_h")
        .iter_rows()
    }
    assert found == {pair: [n + hour for hour in range(5)] for n, pair in enumerate(pairs)}


def test_what_an_import_did_is_told_by_its_counts(tmp_path: Path) -> None:
    """Added, and the same as before: each under its own name."""
    layout = Layout("price", time_column="t", value_column="p", zone="QQ", unit="usd/mwh")
    rows = [f"2024-05-01T{hour:02d}:00Z,{hour + 1}" for hour in range(6)]
    bring(tmp_path / "pack", layout, "t,p", *rows)
    result = bring(tmp_path / "pack", layout, "t,p", *rows, "2024-05-01T06:00Z,7")
    told = _result_mapping(result)
    counts = {name: told[name] for name in ("added", "replaced", "same", "dropped")}
    assert counts == {"added": 1, "replaced": 0, "same": 6, "dropped": 0}
