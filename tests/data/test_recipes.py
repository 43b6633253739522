"""Recipes: a made-up file in the layout of each source becomes the right hours by one command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from wattlas.cli.data import app
from wattlas.data.importers import read_files
from wattlas.data.importers.json_rows import json_rows
from wattlas.data.importers.recipes import PLAIN, RECIPES, layout_of
from wattlas.data.pack_checks import check_path
from wattlas.data.reader.dialect import ROW
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError

HOUR = timedelta(hours=1)
EM = "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (Life cycle)"
OMIE = "\n".join(f"2024;06;01;{h};{h}.5;{h}.25;" for h in range(1, 25))
EMBER = "Country,ISO3 Code,Datetime (UTC),Datetime (Local),Price (EUR/MWhe)"
NYISO = '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)"'
SMARD = "Datum von;Datum bis;Frankreich [€/MWh] Originalauflösungen;Polen [€/MWh] Stunden"
AEMO = "REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE"
MOER = [
    {"point_time": f"2024-06-01T00:{m:02d}:00+00:00", "value": 900 + m} for m in range(0, 60, 5)
]
ERCOT = "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag"
ERCOT_15 = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,"
    "SettlementPointPrice,DSTFlag"
)
CAISO = "INTERVALSTARTTIME_GMT,INTERVALENDTIME_GMT,OPR_DT,OPR_HR,NODE,LMP_TYPE,XML_DATA_ITEM,MW"

# Recipe, options, the file, series, the first hours of June 2024 in UTC and their values.
CASES = [
    ("electricity-maps", "", f"{EM}\n2024-06-01 00:00:00,N,N,NO,30\n2024-06-01 01:00:00,N,N,NO,31",
     "NO", {"01T00:00": 30, "01T01:00": 31}),
    ("entso-e", "--factor 2",
     '"MTU (CET/CEST)","Area","Sequence","Day-ahead Price (EUR/MWh)"\n'
     '"01/06/2024 00:00:00 - 01/06/2024 01:00:00","BZN|FR","Sequence 1","10.5"\n'
     '"01/06/2024 00:00:00 - 01/06/2024 01:00:00","BZN|FR","Sequence 2","99"\n'
     '"01/06/2024 01:00:00 - 01/06/2024 02:00:00","BZN|FR","Sequence 1","11"',
     "FR", {"31T22:00": 21, "31T23:00": 22}),
    ("energy-charts", "--zone FR --factor 1", json.dumps(
        {"license_info": "x", "unix_seconds": [1717200000, 1717203600], "price": [7.5, -1],
         "unit": "EUR / MWh"}), "FR", {"01T00:00": 7.5, "01T01:00": -1}),
    ("smard", "--factor 1 --only Frankreich",
     f"{SMARD}\n"
     "01.06.2024 00:00;01.06.2024 01:00;1.061,25;-\n01.06.2024 01:00;01.06.2024 02:00;-3,10;5,00",
     "Frankreich", {"31T22:00": 1061.25, "31T23:00": -3.1}),
    ("eia-930", "", "BA,UTC time,Local date,Hour,CO2 Emissions Intensity for Consumed Electricity\n"
     "PJM,6/1/2024 1:00,5/31/2024,21,1\nPJM,6/1/2024 2:00,5/31/2024,22,0.5",
     "PJM", {"01T00:00": 453.59237, "01T01:00": 226.796185}),
    ("caiso", "", f"{CAISO}\n"
     "2024-06-01T08:00:00-00:00,2024-06-01T09:00:00-00:00,2024-06-01,2,N1,LMP,LMP_PRC,30\n"
     "2024-06-01T07:00:00-00:00,2024-06-01T08:00:00-00:00,2024-06-01,1,N1,LMP,LMP_PRC,20\n"
     "2024-06-01T07:00:00-00:00,2024-06-01T08:00:00-00:00,2024-06-01,1,N1,MCC,LMP_CONG_PRC,1",
     "N1", {"01T07:00": 20, "01T08:00": 30}),
    ("ercot", "", f"{ERCOT}\n06/01/2024,01:00,HB_NORTH,20,N\n06/01/2024,02:00,HB_NORTH,21,N\n"
     + "\n".join(f"06/01/2024,{h:02d}:00,HB_NORTH,9,N" for h in range(3, 25)),
     "HB_NORTH", {"01T05:00": 20, "01T06:00": 21}),
    ("ercot", "--average", f"{ERCOT_15}\n" + "\n".join(
        f"06/01/2024,{h},{q},LZ_WEST,LZ,{10 * h + q},N" for h in (1, 2) for q in (1, 2, 3, 4)),
     "LZ_WEST", {"01T05:00": 12.5, "01T06:00": 22.5}),
    ("nyiso", "", f'{NYISO}\n"06/01/2024 00:00","WEST",61752,20.5,1\n'
     '"06/01/2024 01:00","WEST",61752,21.5,1', "WEST", {"01T04:00": 20.5, "01T05:00": 21.5}),
    ("aemo", "--factor 1 --average", f"{AEMO}\n" + "\n".join(
        f"VIC1,2024/06/01 {m // 60:02d}:{m % 60:02d}:00,5000,{m},TRADE" for m in range(5, 125, 5)),
     "VIC1", {"31T14:00": 32.5, "31T15:00": 92.5}),
    ("omie", "--factor 2 --only ES", f"MARGINALPDBC;\n{OMIE}\n*",
     "ES", {"31T22:00": 2.5, "31T23:00": 4.5}),
    ("neso", "--average", "DATETIME,GAS,CARBON_INTENSITY,LOW_CARBON\n"
     "2024-06-01T00:00:00,1,100,2\n2024-06-01T00:30:00,1,110,2", "GB", {"01T00:00": 105}),
    ("ember", "--factor 1", f"{EMBER}\nFrance,FRA,2024-06-01 00:00:00,2024-06-01 02:00:00,40\n"
     "France,FRA,2024-06-01 01:00:00,2024-06-01 03:00:00,41", "FRA",
     {"01T00:00": 40, "01T01:00": 41}),
    ("gridstatus", "", "Interval Start,Interval End,Market,Location,LMP\n"
     "2024-06-01 00:00:00-05:00,2024-06-01 01:00:00-05:00,DAM,H1,33\n"
     "2024-06-01 01:00:00-05:00,2024-06-01 02:00:00-05:00,DAM,H1,34",
     "H1", {"01T05:00": 33, "01T06:00": 34}),
    ("watttime", "--zone NORTH --average", json.dumps(
        {"data": MOER, "meta": {"region": "NORTH"}}), "NORTH", {"01T00:00": 420.707}),
]  # fmt: skip
PAIRS = [
    ("cloudping", json.dumps([
        {"region": "us-east-1", "averages": [
            {"regionTo": "us-east-1", "average": 2.5}, {"regionTo": "eu-west-1", "average": 67.5}]},
        {"region": "eu-west-1", "averages": [{"regionTo": "us-east-1", "average": 68}]}]),
     {("us-east-1", "eu-west-1"): 67.5, ("eu-west-1", "us-east-1"): 68}),
    ("azure", "|Source|East US|West Europe|\n|---|---:|---:|\n|East US||83|\n|West Europe|84 ms||",
     {("East US", "West Europe"): 83, ("West Europe", "East US"): 84}),
    ("azure", "Source\tEast US\tWest Europe\nEast US\t\t83\nWest Europe\t84\t",
     {("East US", "West Europe"): 83, ("West Europe", "East US"): 84}),
]  # fmt: skip


def run(folder: Path, name: str, options: str, text: str) -> Path:
    """Import a file by a recipe; returns the folder of the pack."""
    ending = ".json" if text[0] in "[{" else ".md" if text[0] == "|" else ".csv"
    file = folder / f"download{ending}"
    file.write_text(text, encoding="utf-8")
    pack = folder / "pack"
    args = ["import", str(file), "--from", name, *options.split(), "--into", str(pack)]
    made = CliRunner().invoke(app, args)
    assert made.exit_code == 0, f"{made.output}\n{made.exception}"
    return pack


@pytest.mark.parametrize(("name", "options", "text", "series", "wanted"), CASES)
def test_hours_of_a_source(
    tmp_path: Path, name: str, options: str, text: str, series: str, wanted: dict[str, float]
) -> None:
    """The series, its first hours in UTC, and their values in our units; the pack is sound."""
    pack = run(tmp_path, name, options, text)
    (file,) = pack.glob("*.parquet")
    frame = pl.read_parquet(file).filter(pl.col("zone") == series)
    found = dict(zip(frame[TIME].dt.strftime("%dT%H:%M"), frame[frame.columns[-1]], strict=True))
    assert {hour: found[hour] for hour in wanted} == pytest.approx(wanted, abs=1e-3)
    assert next(iter(found)) == next(iter(wanted))
    told = [p for p in check_path(str(pack)).problems if "average_g_per_kwh" not in p.where]
    assert told == []


@pytest.mark.parametrize(("name", "text", "wanted"), PAIRS)
def test_pairs_of_a_source(
    tmp_path: Path, name: str, text: str, wanted: dict[tuple[str, str], float]
) -> None:
    """Round trips as JSON, as a table of Markdown and as cells with tabs; empty cells are none."""
    pack = run(tmp_path, name, "", text)
    frame = pl.read_csv(pack / "rtt_node_region.csv")
    found = {(a, b): ms for a, b, ms in frame.select("node", "region", "rtt_ms").iter_rows()}
    assert {pair: found[pair] for pair in wanted} == wanted
    assert check_path(str(pack)).problems == ()


ENTSO = '"MTU ({})","Area","Sequence","Day-ahead Price (EUR/MWh)"'


@pytest.mark.parametrize(
    ("clock", "first"), [("UTC", 0), ("CET/CEST", -2), ("CEST", -2), ("CET", -2)]
)
def test_a_header_goes_before_the_zone_of_a_recipe(clock: str, first: int, tmp_path: Path) -> None:
    """The export of a source comes in several clocks; one that its zone never shows is asked."""
    rows = [
        f'"01/05/2024 {n:02d}:00:00 - 01/05/2024 {n + 1:02d}:00:00","BZN|FI","1","{n}"'
        for n in range(23)
    ]
    file = tmp_path / "t.csv"
    file.write_text("\n".join([ENTSO.format(clock), *rows]), encoding="utf-8")
    read = read_files([file], layout_of("entso-e", factor=1.1))
    assert read.frame[TIME].to_list()[0] == datetime(2024, 5, 1, tzinfo=UTC) + first * HOUR
    file.write_text("\n".join([ENTSO.format("EET/EEST"), *rows]), encoding="utf-8")
    with pytest.raises(InputError, match="--time-zone"):
        read_files([file], layout_of("entso-e", factor=1.1))
    finnish = layout_of("entso-e", factor=1.1, time_zone="Europe/Helsinki")
    assert read_files([file], finnish).frame.height == 23


def test_a_date_without_its_hour_names_the_column(tmp_path: Path) -> None:
    """Older files of a source have the date and the beginning in two columns."""
    file = tmp_path / "t.csv"
    rows = [f"01.05.2024;{n:02d}:00;{n + 1:02d}:00;{n},5" for n in range(23)]
    head = "Datum;Anfang;Ende;Deutschland/Luxemburg [€/MWh] Originalauflösungen"
    file.write_text("\n".join([head, *rows]), encoding="utf-8")
    with pytest.raises(InputError, match="--hour-column Anfang"):
        read_files([file], layout_of("smard", factor=1.1))
    read = read_files([file], layout_of("smard", factor=1.0, hour_column="Anfang"))
    assert read.frame["price_usd_per_mwh"].to_list() == [n + 0.5 for n in range(23)]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ([{"t": "a", "p": 1}, "no row", {"t": "b", "q": None}],
         [{"t": "a", "p": "1", "q": None}, {"t": "b", "p": None, "q": None}]),
        ({"meta": {"count": 2}, "data": {"rows": [{"t": "a"}, {"t": "b"}]}},
         [{"t": "a"}, {"t": "b"}]),
        ({"unit": "EUR", "t": ["a", "b"], "p": [1.5, None], "zone": ["X"]},
         [{"t": "a", "p": "1.5"}, {"t": "b", "p": None}]),
        ({"fra": {"oslo": 20, "austin": None}, "vir": {"oslo": 90.5}},
         [{"from": "fra", "oslo": "20", "austin": None},
          {"from": "vir", "oslo": "90.5", "austin": None}]),
        ([{"t": "a", "carbon": {"actual": 3, "index": "low"}}],
         [{"t": "a", "carbon.actual": "3", "carbon.index": "low"}]),
    ],
)  # fmt: skip
def test_rows_of_json_in_every_form(body: Any, rows: list[Any], tmp_path: Path) -> None:
    """Records, records within an answer, lists beside each other, a matrix, objects in a record."""
    file = tmp_path / "t.json"
    file.write_text(json.dumps(body), encoding="utf-8")
    assert json_rows(file, "t.json").drop(ROW).to_dicts() == rows


def test_what_is_given_replaces_a_field_of_a_recipe() -> None:
    """Also a cell that rows must have; what is not given stays as the recipe has it."""
    usual = layout_of("entso-e")
    (column,) = usual.where
    given = layout_of("entso-e", where={column: "2", "area": "FI"}, zone="", factor=1.1)
    assert given.where == {column: "2", "area": "FI"}
    assert (given.zone_column, given.value_column) == (usual.zone_column, usual.value_column)
    assert given.factor == 1.1
    assert given.given == {"where", "factor"}
    assert usual.where != given.where


def test_every_recipe_has_a_case() -> None:
    """A recipe without a file in its layout is not proven."""
    assert {case[0] for case in (*CASES, *PAIRS)} == set(RECIPES) - {PLAIN}


def test_a_year_of_new_steps_is_read(tmp_path: Path) -> None:
    """A market that goes from hours to quarter hours is read on both sides, and averaged."""
    hours = [f"2025;09;30;{h};{h};{h};" for h in range(1, 25)]
    days = [f"2025;10;{d:02d};{q};{q};{q};" for d in (1, 2) for q in range(1, 97)]
    for name, lines in (("a", hours), ("b", days)):
        text = "\n".join(["MARGINALPDBC;", *lines, "*"])
        (tmp_path / f"marginalpdbc_{name}.1").write_text(text, encoding="utf-8")
    pack = tmp_path / "pack"
    for name in "ab":
        file = str(tmp_path / f"marginalpdbc_{name}.1")
        args = ["import", file, "--from", "omie", "--factor", "1", "--only", "PT", "--average"]
        made = CliRunner().invoke(app, [*args, "--into", str(pack)])
        assert made.exit_code == 0, f"{made.output}\n{made.exception}"
    frame = pl.read_parquet(pack / "price.parquet")
    assert frame.height == 72
    assert frame["price_usd_per_mwh"][22:26].to_list() == [23.0, 24.0, 2.5, 6.5]


def test_pairs_of_a_source_may_come_as_a_matrix(tmp_path: Path) -> None:
    """Averages between regions are read from objects in a matrix as from a list."""
    listed = [
        {"region": a, "averages": [{"regionTo": b, "average": ms} for b, ms in row.items()]}
        for a, row in MATRIX.items()
    ]
    frames = []
    for n, body in enumerate((listed, {"data": MATRIX})):
        file = tmp_path / f"{n}.json"
        file.write_text(json.dumps(body), encoding="utf-8")
        frames.append(read_files([file], layout_of("cloudping")).frame.sort("node", "region"))
    assert frames[0].equals(frames[1])
    assert frames[0]["rtt_ms"].to_list() == [3.0, 71.0, 70.5, 5.0]


MATRIX = {"west": {"west": 5.0, "east": 70.5}, "east": {"west": 71.0, "east": 3.0}}
