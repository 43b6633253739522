"""Packs: the embedded world is whole and licensed, and a broken pack says all that is wrong."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from wattlas.cli import run
from wattlas.data.digest import sha256_of
from wattlas.data.importers import Layout, Rules, read_files
from wattlas.data.inputs import Inputs
from wattlas.data.pack import EMBEDDED, MANIFEST, Pack, embedded_packs, open_pack
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_import import import_hours
from wattlas.data.reader.stamps import INSTANT
from wattlas.data.schema import TABLES
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError

WORLD = "typical-2023"


@pytest.fixture(scope="module")
def world() -> Pack:
    """The embedded world."""
    return open_pack(WORLD)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the embedded world that a test may break."""
    return Path(shutil.copytree(EMBEDDED / WORLD, tmp_path / "copy"))


def change_manifest(folder: Path, **changes: object) -> None:
    """Set keys of a manifest."""
    file = folder / MANIFEST
    document = json.loads(file.read_text(encoding="utf-8")) | changes
    file.write_text(json.dumps(document), encoding="utf-8")


def test_the_world_is_as_large_as_documented(world: Pack) -> None:
    """18 zones, a region and a node on each, at least 60 metros on six continents."""
    regions, metros = world.frame("regions"), world.frame("metros")
    assert regions.height == regions["zone"].n_unique() == world.frame("nodes").height == 18
    assert metros.height >= 60
    assert {"lagos", "johannesburg", "sao-paulo", "sydney", "tokyo", "london"} <= set(
        metros["metro"]
    )
    assert metros["country"].n_unique() >= 35
    assert (metros["population"] > 1e6).all()
    for zone in metros["timezone"].unique():
        assert ZoneInfo(zone)


def test_the_law_of_the_union_is_one(world: Pack) -> None:
    """Members of the EU and the EEA share a jurisdiction; others have their own."""
    of = dict(world.frame("metros").select("country", "jurisdiction").iter_rows())
    assert of["DE"] == of["FR"] == of["ES"] == "EU"
    assert of["GB"] == "GB"
    assert of["NG"] == "NG"
    assert set(world.frame("regions")["jurisdiction"]) >= {"EU", "US", "GB", "IN"}


def test_metros_do_not_share_people(world: Pack) -> None:
    """No two metros are nearer than 130 km, for their populations are counted within 65 km."""
    from wattlas.model.geography import great_circle_km

    metros = world.frame("metros")
    lat, lon = metros["lat_deg"].to_numpy(), metros["lon_deg"].to_numpy()
    apart = great_circle_km(lat, lon, lat, lon)
    apart[range(len(lat)), range(len(lat))] = 1e9
    assert apart.min() >= 130.0 - 0.1


def test_round_trips_say_how_they_were_found(world: Pack) -> None:
    """Between sites mostly measured; from clients fitted; nothing from a source held back."""
    sites, clients = world.frame("rtt_node_region"), world.frame("rtt_metro_node")
    counts = dict(sites["method"].value_counts().iter_rows())
    assert counts == {"measured": 264, "fitted": 42, "intra_site": 18}
    assert set(clients["method"]) == {"fitted"}
    assert clients.height == world.frame("metros").height * 18
    assert sites["rtt_ms"].min() == 1.0
    text = (EMBEDDED / WORLD / MANIFEST).read_text(encoding="utf-8").lower()
    assert "wondernetwork" not in text


def test_egress_is_free_within_a_region_and_priced_elsewhere(world: Pack) -> None:
    """Nothing within a site; between sites a list price of some cents."""
    egress = world.frame("egress")
    within = egress.filter(pl.col("node") == pl.col("region"))
    away = egress.filter(pl.col("node") != pl.col("region"))
    assert (within["egress_usd_per_gb"] == 0).all()
    assert away["egress_usd_per_gb"].is_between(0.005, 0.2).all()


def test_operating_points_trade_energy_for_time(world: Pack) -> None:
    """The batch setting of a model on the same hardware is greener and slower."""
    points = {row["point"]: row for row in world.frame("points").iter_rows(named=True)}
    for size in ("large", "medium", "small"):
        fast, batch = points[f"{size}-h100-fast"], points[f"{size}-h100-batch"]
        assert batch["decode_j_per_token"] < fast["decode_j_per_token"]
        assert batch["itl_ms"] > fast["itl_ms"]
        assert batch["accuracy"] == fast["accuracy"]
    assert all("modelled" in row["source"] for row in points.values())


def test_profiles_are_a_menu_of_models(world: Pack) -> None:
    """187 settings of 12 variants with a score, a second one and a price; each says its source."""
    frame = world.frame("profiles")
    assert frame.height == frame["point"].n_unique() == 187
    assert frame["variant"].n_unique() == 12
    assert frame.null_count().sum_horizontal().item() == 0
    for column in ("accuracy", "gpqa"):
        assert frame[column].is_between(0.3, 0.9).all()
    for what in ("ML.ENERGY", "modelled", "MMLU-Pro", "CC BY 4.0", "Apache-2.0"):
        assert frame["source"].str.contains(what, literal=True).all()
    assert frame["usd_per_mtok_out"].is_between(0.02, 5.0).all()


def test_token_lengths_come_from_traces(world: Pack) -> None:
    """One trace for each class; conversation is longer to answer than code."""
    rows = {row["class"]: row for row in world.frame("token_profiles").iter_rows(named=True)}
    assert sorted(rows) == ["A", "B", "C", "D"]
    assert rows["A"]["tokens_in"] == pytest.approx(1154.7)
    assert rows["A"]["tokens_out"] == pytest.approx(211.1)
    assert rows["B"]["tokens_out"] < rows["A"]["tokens_out"]


@pytest.mark.portable
def test_hours_are_generated(world: Pack) -> None:
    """Price and carbon have 8,760 hours of each zone, in the documented columns."""
    for table, column in (("price", "price_usd_per_mwh"), ("carbon", "average_g_per_kwh")):
        assert world.has(table)
        frame = world.frame(table)
        assert frame.columns == [TIME, "zone", column]
        assert frame.schema[TIME] == INSTANT
        assert frame.height == 18 * 8760
        assert frame.null_count().sum_horizontal().item() == 0
    assert world.frame("price") is world.frame("price")


@pytest.mark.parametrize(
    ("until", "months"),
    [
        ("2022-06-01T00:00:00", 1),
        ("2023-01-02T00:00:00", 1),
        ("2023-02-01T00:00:00", 1),
        ("2023-02-01T00:00:01", 2),
        ("2023-12-31T23:00:00", 12),
        ("2024-05-01T00:00:00", 12),
    ],
)
def test_hours_are_generated_as_far_as_they_are_needed(
    world: Pack, until: str, months: int
) -> None:
    """Up to the end of the month that a time lies in, with the values of the year."""
    end = (np.datetime64("2023-01", "M") + np.timedelta64(months, "M")).astype("datetime64[us]")
    for table in ("price", "carbon"):
        whole = world.frame(table)
        found = world.frame(table, np.datetime64(until, "s"))
        wanted = whole.filter(pl.col(TIME) < pl.lit(end).dt.replace_time_zone("UTC"))
        assert found.equals(wanted)
        assert world.frame(table) is whole
        assert world.frame("regions", np.datetime64(until, "s")) is world.frame("regions")


def test_the_notice_and_the_licences_are_carried(world: Pack) -> None:
    """It says that it is no history; carbon is under ODbL, in a folder of its own."""
    assert "not history" in world.notice
    assert "Source: Electricity Maps" in world.notice
    of = {p.what: p for p in world.provenance()}
    assert of["carbon"].licence.startswith("ODbL-1.0")
    assert of["price"].note == "derived figures; the hourly series are not redistributed"
    for name, entry in world.manifest.tables.items():
        share_alike = "ODbL" in entry.licence
        assert entry.file.startswith("odbl/") == share_alike, name
        assert entry.source
        assert entry.licence
    notice = (EMBEDDED / WORLD / "odbl" / "NOTICE.md").read_text(encoding="utf-8")
    assert "Source: Electricity Maps" in notice
    assert "https://opendatacommons.org/licenses/odbl/1-0/" in notice
    told = " ".join(world.manifest.missing)
    for word in ("grid fees", "retail", "tariff", "marginal", "accelerators"):
        assert word in told


def test_the_world_is_small(world: Pack) -> None:
    """Less than a megabyte ships."""
    assert sum(f.stat().st_size for f in world.folder.rglob("*") if f.is_file()) < 1_000_000


def test_every_table_has_the_columns_of_its_layout(world: Pack) -> None:
    """Files hold what docs say, in the types they say, and nothing else."""
    types = {"number": pl.Float64, "whole": pl.Int64, "time": INSTANT}
    for name in world.manifest.tables:
        frame, schema = world.frame(name), TABLES[name]
        assert set(schema.in_packs) <= set(frame.columns) <= set(schema.by_name), name
        for column, kind in frame.schema.items():
            assert kind == types.get(schema[column].kind, pl.String), (name, column)


@pytest.mark.portable
def test_the_world_is_sound() -> None:
    """`wattlas data check typical-2023` finds nothing."""
    verdict = check_path(WORLD)
    assert verdict.problems == ()
    assert verdict.rows["price"] == 18 * 8760


def test_the_documentation_names_every_table_and_column(root: Path) -> None:
    """docs/data.md has a row for each table, with all its columns, optional ones in brackets."""
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    for name, schema in TABLES.items():
        told = re.findall(r"(\[?)(\w+)[^,]*", rows[name].split("|")[2])
        assert {column: not bracket for bracket, column in told} == {
            column.name: column.name in schema.in_packs for column in schema.columns
        }, name


def test_a_pack_opens_by_name_and_by_path(copied: Path) -> None:
    """A name finds the embedded pack, a path any folder, relative to where it is told."""
    assert embedded_packs() == ("carbon-2022", "clouds", WORLD)
    assert open_pack(str(copied)).name == WORLD
    assert open_pack("copy", relative_to=copied.parent).folder == copied


def test_an_unknown_pack_names_those_there_are() -> None:
    """The error lists the embedded packs."""
    with pytest.raises(InputError, match=WORLD):
        open_pack("typical-1999")


def test_a_folder_without_a_manifest_is_no_pack(tmp_path: Path) -> None:
    """The error says what the folder lacks."""
    with pytest.raises(InputError, match=MANIFEST):
        open_pack(str(tmp_path))


def test_a_missing_table_names_those_there_are(world: Pack) -> None:
    """Asking for a table that the pack has not got is an error in words."""
    assert not world.has("demand")
    with pytest.raises(InputError, match="no table `demand`"):
        world.frame("demand")


@pytest.mark.portable
def test_a_changed_file_is_found_on_opening(copied: Path) -> None:
    """Each file whose bytes are not those that were hashed is named."""
    for name in ("metros.csv", "egress.csv"):
        with (copied / name).open("a", encoding="utf-8") as stream:
            stream.write("\n")
    with pytest.raises(InputError) as caught:
        open_pack(str(copied))
    assert [p.where for p in caught.value.problems] == [
        "tables.egress.sha256",
        "tables.metros.sha256",
    ]


def test_a_missing_file_is_found_on_opening(copied: Path) -> None:
    """A table without its file is named."""
    (copied / "regions.csv").unlink()
    with pytest.raises(InputError, match=r"there is no file `regions.csv`"):
        open_pack(str(copied))


def test_every_mistake_of_a_manifest_is_told_at_once(copied: Path) -> None:
    """Three mistakes give three problems, each with its place."""
    change_manifest(copied, kind="dream", title=3, colour="green")
    with pytest.raises(InputError) as caught:
        open_pack(str(copied))
    assert {p.where for p in caught.value.problems} == {"kind", "title", "colour"}


def test_a_manifest_that_is_no_json_is_told(copied: Path) -> None:
    """Broken JSON is bad input, not a bug."""
    (copied / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        open_pack(str(copied))


def test_a_file_outside_of_the_pack_is_refused(copied: Path) -> None:
    """A manifest cannot reach out of its folder."""
    outside = copied.parent / "outside.csv"
    shutil.copy(copied / "metros.csv", outside)
    document = json.loads((copied / MANIFEST).read_text(encoding="utf-8"))
    document["tables"]["metros"]["file"] = "../outside.csv"
    change_manifest(copied, tables=document["tables"])
    with pytest.raises(InputError, match="lies outside"):
        open_pack(str(copied))


def test_a_column_that_is_missing_is_told(copied: Path) -> None:
    """A table without a documented column says which, and what it has."""
    file = copied / "metros.csv"
    pl.read_csv(file).drop("population").write_csv(file)
    document = json.loads((copied / MANIFEST).read_text(encoding="utf-8"))
    document["tables"]["metros"]["sha256"] = sha256_of(file)
    change_manifest(copied, tables=document["tables"])
    with pytest.raises(InputError, match=r"metros\.population: this column is missing"):
        open_pack(str(copied)).frame("metros")


def test_figures_with_a_hole_are_told(copied: Path) -> None:
    """A month and hour without a figure cannot be generated, and is not guessed."""
    file = copied / "price_figures.csv"
    pl.read_csv(file)[:-1].write_csv(file)
    document = json.loads((copied / MANIFEST).read_text(encoding="utf-8"))
    document["tables"]["price_figures"]["sha256"] = sha256_of(file)
    change_manifest(copied, tables=document["tables"])
    with pytest.raises(InputError, match="exactly once"):
        open_pack(str(copied)).frame("price")


def test_facts_are_judged_too(copied: Path) -> None:
    """A doubled row, a stray id, a PUE below 1 and a false time zone are four problems."""
    regions = pl.read_csv(copied / "regions.csv")
    regions = regions.with_columns(
        pue=pl.when(pl.col("region") == "jp-tokyo").then(0.9).otherwise("pue"),
        timezone=pl.when(pl.col("region") == "jp-tokyo")
        .then(pl.lit("Asia/Edo"))
        .otherwise("timezone"),
    )
    regions.write_csv(copied / "regions.csv")
    egress = pl.read_csv(copied / "egress.csv")
    stray = egress[:1].with_columns(node=pl.lit("atlantis"))
    pl.concat([egress, egress[:1], stray]).write_csv(copied / "egress.csv")
    for form in ((), ("--json",)):
        assert run(["data", "check", str(copied), *form]) == 3
    found = {p.where: p.what for p in check_path(str(copied)).problems}
    assert "0.9" in found["regions.jp-tokyo.pue"]
    assert "Asia/Edo" in found["regions.timezone"]
    assert "given twice" in found["egress.region"]
    assert "atlantis" in found["egress.node"]
    assert {"tables.regions.sha256", "tables.egress.sha256"} <= set(found)


def _hours(folder: Path, name: str, first: int, count: int, skip: int = -1) -> Path:
    """A table of prices of one zone, without one of its hours."""
    begin = datetime(2024, 3, 1, tzinfo=UTC)
    times = [begin + timedelta(hours=h) for h in range(first, first + count) if h != skip]
    rows = [f"{t:%Y-%m-%dT%H:%MZ},{n}" for n, t in enumerate(times)]
    file = folder / name
    file.write_text("\n".join(["t,p", *rows]) + "\n", encoding="utf-8")
    return file


def test_gaps_that_the_manifest_names_are_warnings(tmp_path: Path) -> None:
    """Hours that were left out knowingly do not make a pack wrong, until they are brought."""
    layout = Layout("price", time_column="t", value_column="p", zone="QQ", unit="usd/mwh")
    pack = tmp_path / "pack"
    gappy = read_files([_hours(tmp_path, "a.csv", 0, 48, skip=20)], layout)
    manifest = import_hours(gappy, pack, Rules(allow_gaps=True)).manifest
    assert list(manifest.told_gaps("price")) == ["QQ"]
    judged = check_path(str(pack))
    assert judged.sound
    assert "1 hour is missing: 2024-03-01T20:00Z, as the manifest says" in judged.warnings[0].what
    later = read_files([_hours(tmp_path, "b.csv", 72, 24)], layout)
    import_hours(later, pack, Rules(allow_gaps=True))
    judged = check_path(str(pack))
    assert judged.sound
    assert "25 hours are missing" in judged.warnings[0].what
    for name, first, count in (("c.csv", 20, 1), ("d.csv", 48, 24)):
        whole = import_hours(read_files([_hours(tmp_path, name, first, count)], layout), pack)
    assert whole.manifest.missing == ()
    assert check_path(str(pack)).warnings == ()


def test_a_gap_that_nobody_named_is_a_problem(tmp_path: Path) -> None:
    """A series without a told gap is judged as ever, beside one with it."""
    layout = Layout("price", time_column="t", value_column="p", zone="QQ", unit="usd/mwh")
    pack = tmp_path / "pack"
    import_hours(
        read_files([_hours(tmp_path, "a.csv", 0, 48, skip=20)], layout),
        pack,
        Rules(allow_gaps=True),
    )
    change_manifest(pack, missing=["carbon.QQ: 1 hour is missing: 2024-03-01T20:00Z."])
    assert "1 hour is missing" in check_path(str(pack)).problems[0].what


def test_only_hours_until_the_end_of_the_study_are_made() -> None:
    """Of packs that begin apart the study begins where all have begun; own tables say otherwise."""

    def until(start: str | None, hours: float | None, table: str | None = None) -> str:
        begins = (datetime(2023, month, 1).isoformat() for month in (1, 6, 3))
        packs = [
            SimpleNamespace(manifest=SimpleNamespace(time=SimpleNamespace(start_utc=f"{begin}Z")))
            for begin in begins
        ]
        packs.append(SimpleNamespace(manifest=SimpleNamespace(time=None)))
        signals = SimpleNamespace(
            price=SimpleNamespace(table=None), carbon=SimpleNamespace(table=table)
        )
        typed = SimpleNamespace(time=SimpleNamespace(start=start, hours=hours), signals=signals)
        stated: Any = SimpleNamespace(typed=typed, packs=packs)
        return str(Inputs._until(stated))

    assert until(None, 48.0) == "2023-06-03T00:00:00"
    assert until("2023-02-01T06:00:00Z", 1.5) == "2023-02-01T07:30:00"
    assert until("2023-02-01T06:00:00Z", 3.0, "own.csv") == "2023-02-01T09:00:00"
    assert until(None, 48.0, "own.csv") == until(None, None) == "None"
