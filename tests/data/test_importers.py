"""Importers: downloads and plain tables become packs that are sound, or an error says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC as PY_UTC
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wattlas.cli.data import app
from wattlas.data.importers import PlainLayout, joined, read_electricity_maps, read_plain
from wattlas.data.pack import EMBEDDED, MANIFEST, open_pack
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_import import import_hours
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, UsageError

START = datetime(2023, 1, 1, tzinfo=PY_UTC)
HOUR = timedelta(hours=1)
NEWER = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method"
)
OLDER = (
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO₂eq/kWh (direct),"
    "Carbon Intensity gCO₂eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,"
    "Data Source,Data Estimated,Data Estimation Method"
)
Download = Callable[..., Path]


@pytest.fixture
def download(tmp_path: Path) -> Download:
    """Writes a file as Electricity Maps lets people download it."""

    def write(
        zone: str = "NO", hours: int = 48, header: str = NEWER, skip: tuple[int, ...] = ()
    ) -> Path:
        lines = [header]
        for i in range(hours):
            at = (START + i * HOUR).strftime("%Y-%m-%d %H:%M:%S")
            flag = "true,TIME_SLICER_AVERAGE" if i == 3 else "false,"
            if i not in skip:
                lines.append(f"{at},Norway,Norway,{zone},{2.5 + i},{30.25 + i},99.1,98.2,x,{flag}")
        file = tmp_path / f"{zone}.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    return write


def wall_table(zone: str, begin: datetime, hours: int, file: Path) -> pl.DataFrame:
    """Writes local stamps without offset, counting hours as values; returns the truth."""
    utc = [begin + i * HOUR for i in range(hours)]
    lines = [f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M},{i % 99}" for i, at in enumerate(utc)]
    file.write_text("when,mine\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return pl.DataFrame({TIME: utc, "value": [float(i % 99) for i in range(hours)]})


@pytest.mark.parametrize("header", [NEWER, OLDER, NEWER.replace("₂", "2").upper()])
def test_headers_old_and_new_are_read(download: Download, header: str) -> None:
    """The columns are found by their words, whatever their capitals."""
    new = read_electricity_maps([download(header=header)])
    assert new.frame["average_g_per_kwh"].to_list()[:2] == [30.25, 31.25]
    assert new.frame["zone"].unique().to_list() == ["NO"]
    assert new.frame[TIME][0] == START
    assert "1 of 48 hours are estimates" in new.note
    assert new.licence.startswith("ODbL")


def test_the_direct_intensity_can_be_taken(download: Download) -> None:
    """Direct emissions stand in their own column, and the manifest says which was taken."""
    new = read_electricity_maps([download()], "direct")
    assert new.frame["average_g_per_kwh"][0] == 2.5
    assert new.intensity_kind == "direct"


def test_a_download_becomes_a_pack(download: Download, tmp_path: Path) -> None:
    """Two zones in two files make one sound pack with its provenance."""
    folder = tmp_path / "pack"
    result = import_hours(read_electricity_maps([download("NO"), download("SE")]), folder)
    assert result.zones == ("NO", "SE")
    pack = open_pack(str(folder))
    assert pack.manifest.time.hours == 48
    assert pack.frame("carbon").height == 96
    assert pack.provenance()[0].source == "Electricity Maps"
    assert check_path(str(folder)).problems == ()
    assert {f.name for f in folder.iterdir()} == {MANIFEST, "carbon.parquet"}


def test_a_gap_is_refused_and_nothing_is_written(download: Download, tmp_path: Path) -> None:
    """A missing hour stops the import unless it is allowed; then the manifest names it."""
    new = read_electricity_maps([download(skip=(7, 8))])
    with pytest.raises(InputError, match="2 hours are missing: 2023-01-01T07:00Z"):
        import_hours(new, tmp_path / "pack")
    assert not (tmp_path / "pack").exists()
    result = import_hours(new, tmp_path / "pack", allow_gaps=True)
    assert len(result.gaps) == 1
    assert "2 hours are missing" in result.manifest.missing[0]


def test_every_wrong_file_is_told(download: Download, tmp_path: Path) -> None:
    """Two files with other columns are named at once, with what they lack."""
    files = []
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("Datetime (UTC),x\n2023-01-01 00:00:00,1\n", encoding="utf-8")
        files.append(tmp_path / name)
    with pytest.raises(InputError) as caught:
        read_electricity_maps([*files, download()])
    assert {Path(p.file or "").name for p in caught.value.problems} == {"a.csv", "b.csv"}
    assert {p.where for p in caught.value.problems} == {
        "Zone id",
        "Carbon intensity … (Life cycle)",
    }


def test_a_table_is_added_to_a_pack(download: Download, tmp_path: Path) -> None:
    """Prices join the carbon of a pack; the pack's time is what both have."""
    folder = tmp_path / "pack"
    import_hours(read_electricity_maps([download(hours=72)]), folder, name="mine")
    wall_table("UTC", START + 24 * HOUR, 72, tmp_path / "p.csv")
    layout = PlainLayout("price", time_column="when", value_column="mine", zone="NO")
    import_hours(read_plain(tmp_path / "p.csv", layout, "me"), folder)
    manifest = open_pack(str(folder)).manifest
    assert set(manifest.tables) == {"price", "carbon"}
    assert manifest.name == "mine"
    assert (manifest.time.start_utc, manifest.time.hours) == ("2023-01-02T00:00:00Z", 48)


def test_a_zone_is_not_overwritten_unasked(download: Download, tmp_path: Path) -> None:
    """A zone that is there needs `overwrite`; others are kept beside it."""
    folder = tmp_path / "pack"
    import_hours(read_electricity_maps([download("NO"), download("SE")]), folder)
    again = read_electricity_maps([download("NO")])
    with pytest.raises(InputError, match="already"):
        import_hours(again, folder)
    result = import_hours(again, folder, overwrite=True)
    assert result.zones == ("NO", "SE")
    assert result.rows == 96


def test_kinds_of_intensity_are_not_mixed(download: Download, tmp_path: Path) -> None:
    """Direct intensities do not go beside life-cycle ones."""
    import_hours(read_electricity_maps([download("NO")]), tmp_path / "pack")
    with pytest.raises(InputError, match="life-cycle intensities, the files direct"):
        import_hours(read_electricity_maps([download("SE")], "direct"), tmp_path / "pack")


def test_a_typical_pack_takes_no_hours(download: Download) -> None:
    """The embedded world makes its hours itself."""
    with pytest.raises(InputError, match="typical year"):
        import_hours(read_electricity_maps([download()]), EMBEDDED / "typical-2023")


@given(
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
    ),
    day=st.integers(0, 360),
    hours=st.integers(1, 120),
)
def test_local_time_is_resolved(
    tmp_path_factory: pytest.TempPathFactory, zone: str, day: int, hours: int
) -> None:
    """Local stamps give back the hours they were made from, clock changes included."""
    if zone == "Australia/Lord_Howe":
        zone = "Australia/Adelaide"  # Lord Howe moves by half an hour: not hourly
    file = tmp_path_factory.mktemp("local") / "t.csv"
    truth = wall_table(zone, START + timedelta(days=day), hours, file)
    layout = PlainLayout("price", time_column="when", value_column="mine", time_zone=zone)
    found = read_plain(file, layout, "test").frame
    assert found[TIME].to_list() == truth[TIME].to_list()
    assert found["price_usd_per_mwh"].to_list() == truth["value"].to_list()


def test_the_doubled_and_the_skipped_hour_are_resolved(tmp_path: Path) -> None:
    """A whole year of Berlin wall time imports without a gap, in UTC."""
    wall_table("Europe/Berlin", START, 8760, tmp_path / "t.csv")
    layout = PlainLayout(
        "price", time_column="when", value_column="mine", zone="DE", time_zone="Europe/Berlin"
    )
    result = import_hours(read_plain(tmp_path / "t.csv", layout, "me"), tmp_path / "pack")
    assert result.manifest.time.hours == 8760
    assert check_path(str(tmp_path / "pack")).problems == ()


def test_a_stamp_that_no_clock_shows_is_told(tmp_path: Path) -> None:
    """The hour that is skipped in spring is no time of the zone."""
    (tmp_path / "t.csv").write_text("when,DE\n2023-03-26 02:00,1\nsoon,2\n", encoding="utf-8")
    layout = PlainLayout("price", time_column="when", time_zone="Europe/Berlin")
    with pytest.raises(InputError, match="2 stamps are no time of the zone Europe/Berlin"):
        read_plain(tmp_path / "t.csv", layout, "me")


def test_wide_and_long_tables_are_the_same(tmp_path: Path) -> None:
    """A column per zone, and a column of zones, give the same rows; NO stays Norway."""
    (tmp_path / "w.csv").write_text(
        "time_utc,NO,SE\n2023-01-01T00:00:00Z,1,3\n2023-01-01T01:00:00Z,2,4\n", encoding="utf-8"
    )
    (tmp_path / "l.csv").write_text(
        "time_utc,area,p\n2023-01-01T00:00:00Z,NO,1\n2023-01-01T00:00:00Z,SE,3\n"
        "2023-01-01T01:00:00Z,NO,2\n2023-01-01T02:00:00+01:00,SE,4\n",
        encoding="utf-8",
    )
    wide = read_plain(tmp_path / "w.csv", PlainLayout("price"), "me").frame
    layout = PlainLayout("price", zone_column="area", value_column="p")
    tall = read_plain(tmp_path / "l.csv", layout, "me").frame
    assert wide.sort("zone", TIME).rows() == tall.sort("zone", TIME).rows()


def test_parquet_with_a_time_zone_is_read(tmp_path: Path) -> None:
    """Times that know their zone are converted, whatever --time-zone says."""
    times = pl.Series("t", [START, START + HOUR]).dt.convert_time_zone("Asia/Tokyo")
    pl.DataFrame({"t": times, "JP": [1.0, 2.0]}).write_parquet(tmp_path / "t.parquet")
    layout = PlainLayout("carbon", time_column="t", time_zone="Europe/Berlin")
    found = read_plain(tmp_path / "t.parquet", layout, "me").frame
    assert found[TIME].to_list() == [START, START + HOUR]


@pytest.mark.parametrize(
    ("table", "unit", "factor", "wanted"),
    [
        ("price", "USD/kWh", 1.0, 100.0),
        ("price", "usct/kWh", 1.0, 1.0),
        ("price", "usd/mwh", 1.1, 0.11),
        ("carbon", "kg/kWh", 1.0, 100.0),
        ("carbon", "t/MWh", 1.0, 100.0),
        ("carbon", "lb/MWh", 1.0, 0.045359),
    ],
)
def test_units_are_converted(
    tmp_path: Path, table: str, unit: str, factor: float, wanted: float
) -> None:
    """Each unit becomes USD/MWh or g/kWh; a factor is a rate of exchange."""
    (tmp_path / "t.csv").write_text("time_utc,X\n2023-01-01T00:00:00Z,0.1\n", encoding="utf-8")
    layout = PlainLayout("price" if table == "price" else "carbon", unit=unit, factor=factor)
    frame = read_plain(tmp_path / "t.csv", layout, "me").frame
    assert frame[frame.columns[-1]][0] == pytest.approx(wanted, rel=1e-4)


def test_a_unit_of_the_other_table_is_refused(tmp_path: Path) -> None:
    """Grams are no price, and the units that fit are named."""
    with pytest.raises(UsageError, match="usd/kwh"):
        read_plain(tmp_path / "t.csv", PlainLayout("price", unit="g/kwh"), "me")


def test_an_unknown_zone_is_refused(tmp_path: Path) -> None:
    """A time zone that does not exist is a wrong call."""
    with pytest.raises(UsageError, match="Europe/Bonn"):
        read_plain(tmp_path / "t.csv", PlainLayout("price", time_zone="Europe/Bonn"), "me")


def test_quarter_hours_are_averaged_on_request(tmp_path: Path) -> None:
    """Quarter hours are a problem that names the way out, and that way works."""
    stamps = [START + timedelta(minutes=15 * i) for i in range(8)]
    lines = [f"{at:%Y-%m-%dT%H:%M:%SZ},{i}" for i, at in enumerate(stamps)]
    (tmp_path / "q.csv").write_text("time_utc,X\n" + "\n".join(lines) + "\n", encoding="utf-8")
    raw = read_plain(tmp_path / "q.csv", PlainLayout("price"), "me")
    with pytest.raises(InputError, match="--average"):
        import_hours(raw, tmp_path / "pack")
    mean = read_plain(tmp_path / "q.csv", PlainLayout("price", average=True), "me")
    assert mean.frame["price_usd_per_mwh"].to_list() == [1.5, 5.5]


def test_columns_that_are_not_there_are_told(tmp_path: Path) -> None:
    """Each wrong name is a problem, with the names that there are."""
    (tmp_path / "t.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    layout = PlainLayout("price", time_column="when", zone_column="zone")
    with pytest.raises(InputError) as caught:
        read_plain(tmp_path / "t.csv", layout, "me")
    assert [p.where for p in caught.value.problems] == ["when", "zone"]
    assert "a, b" in caught.value.problems[0].what


def test_files_are_joined(download: Download) -> None:
    """Several files of a table are one import, their sources told once."""
    part = read_electricity_maps([download()])
    assert joined([part, part]).frame.height == 2 * part.frame.height
    assert joined([part, part]).source == part.source


def test_import_and_check_on_the_command_line(download: Download, tmp_path: Path) -> None:
    """The verbs do the same, print JSON on request, and a zone without a price is exit 3."""
    run = CliRunner().invoke
    folder = tmp_path / "pack"
    args = ["import", str(download()), "--from", "electricity-maps", "--into", str(folder)]
    made = run(app, [*args, "--json"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["zones"] == ["NO"]
    sound = run(app, ["check", str(folder)])
    assert sound.exit_code == 0
    assert sound.stdout.endswith("sound\n")
    wall_table("UTC", START, 48, tmp_path / "p.csv")
    args = ["import", str(tmp_path / "p.csv"), "--as", "price", "--time-column", "when"]
    added = run(app, [*args, "--value-column", "mine", "--zone", "DE", "--into", str(folder)])
    assert added.exit_code == 0, added.output
    judged = run(app, ["check", str(folder), "--json"])
    assert judged.exit_code == 3
    told = {p["where"]: p["what"] for p in json.loads(judged.stdout)["problems"]}
    assert told["price.NO"] == "the zone NO has no price"
    assert told["carbon.DE"] == "the zone DE has no carbon intensity"


def test_the_embedded_world_on_the_command_line() -> None:
    """`list` names it with its notice, `show` gives source and licence of each table."""
    run = CliRunner().invoke
    listed = run(app, ["list", "--json"])
    assert "typical-2023" in {pack["name"] for pack in json.loads(listed.stdout)}
    assert "not history" in run(app, ["list"]).stdout
    shown = run(app, ["show", "typical-2023"]).stdout
    assert "Source: Electricity Maps" in shown
    assert "licence: ODbL-1.0" in shown


def test_each_zone_turns_its_own_clock(tmp_path: Path) -> None:
    """Two zones hour by hour over the autumn change: the doubled hour of each comes in order."""
    begin = datetime(2023, 10, 28, 22, tzinfo=PY_UTC)
    hours = [begin + i * HOUR for i in range(8)]
    local = [f"{at.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M}" for at in hours]
    assert local.count("2023-10-29 02:00") == 2
    lines = [f"{at},{z},{n}" for n, at in enumerate(local) for z in ("DE", "FR")]
    (tmp_path / "t.csv").write_text("when,area,p\n" + "\n".join(lines) + "\n", encoding="utf-8")
    layout = PlainLayout(
        "price", time_column="when", zone_column="area", value_column="p",
        time_zone="Europe/Berlin",
    )  # fmt: skip
    frame = read_plain(tmp_path / "t.csv", layout, "me").frame
    for zone in ("DE", "FR"):
        own = frame.filter(pl.col("zone") == zone)
        assert own[TIME].to_list() == hours
        assert own["price_usd_per_mwh"].to_list() == [float(n) for n in range(8)]


def test_estimates_of_the_publisher_are_counted(download: Download) -> None:
    """The note says how many hours of all files are estimates; here one in each."""
    found = read_electricity_maps([download("NO"), download("SE")])
    assert found.note == "life-cycle average; 2 of 96 hours are estimates of the publisher"
    direct = read_electricity_maps([download("NO")], "direct")
    assert direct.frame["average_g_per_kwh"].to_list()[:2] == [2.5, 3.5]
    assert direct.intensity_kind == "direct"


def test_the_mean_of_an_hour_is_that_of_each_zone(tmp_path: Path) -> None:
    """Quarter hours of two zones are averaged apart."""
    stamps = [START + timedelta(minutes=15 * i) for i in range(8)]
    lines = [f"{at:%Y-%m-%dT%H:%M:%SZ},{i},{10 * i}" for i, at in enumerate(stamps)]
    (tmp_path / "q.csv").write_text("time_utc,X,Y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    frame = read_plain(tmp_path / "q.csv", PlainLayout("price", average=True), "me").frame
    mean = {z: v["price_usd_per_mwh"].to_list() for (z,), v in frame.group_by("zone")}
    assert mean == {"X": [1.5, 5.5], "Y": [15.0, 55.0]}


def test_a_single_column_takes_the_zone_it_is_told(tmp_path: Path) -> None:
    """`zone` names the series of a value column; without it the column's own name does."""
    (tmp_path / "t.csv").write_text("time_utc,p\n2023-01-01T00:00:00Z,1\n", encoding="utf-8")
    for zone, wanted in (("DE", "DE"), (None, "p")):
        layout = PlainLayout("price", value_column="p", zone=zone)
        assert read_plain(tmp_path / "t.csv", layout, "me").frame["zone"].to_list() == [wanted]
