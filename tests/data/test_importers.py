"""Importing hours: tables of others become packs that are sound, or an error says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC as PY_UTC
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from typer.testing import CliRunner

from wattlas.cli.data import app
from wattlas.data.importers import Layout, Rules, read_files
from wattlas.data.importers.recipes import layout_of
from wattlas.data.pack import EMBEDDED, MANIFEST, open_pack
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_import import ImportResult, import_hours
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError, UsageError

START = datetime(2023, 1, 1, tzinfo=PY_UTC)
HOUR = timedelta(hours=1)
EMAPS = layout_of("electricity-maps")
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
Write = Callable[..., Path]


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


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines to a file."""

    def made(*lines: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
        file = tmp_path / name
        file.write_bytes(("\n".join(lines) + "\n").encode(encoding))
        return file

    return made


def wall_table(zone: str, begin: datetime, hours: int, file: Path) -> pl.DataFrame:
    """Writes local stamps without offset, counting hours as values; returns the truth."""
    utc = [begin + i * HOUR for i in range(hours)]
    lines = [f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M},{i % 99}" for i, at in enumerate(utc)]
    file.write_text("when,mine\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return pl.DataFrame({TIME: utc, "value": [float(i % 99) for i in range(hours)]})


def price(**fields: Any) -> Layout:
    """A layout of prices of one zone."""
    plain = {"time_column": "t", "value_column": "p", "zone": "QQ", "stamps": "begin"}
    return Layout("price", **{**plain, **fields})


def values(file: Path, layout: Layout) -> dict[str, float | None]:
    """Hour in UTC → value, of one series."""
    frame = read_files([file], layout).frame
    times = frame[TIME].dt.strftime("%dT%H:%M")
    return dict(zip(times, frame[frame.columns[-1]], strict=True))


def told(files: list[Path], layout: Layout, rules: Rules | None = None) -> str:
    """What is said of files that are refused."""
    with pytest.raises(InputError) as caught:
        import_hours(read_files(files, layout), files[0].parent / "no", rules)
    assert not (files[0].parent / "no").exists()
    return "\n".join(map(str, caught.value.problems))


@pytest.mark.parametrize("header", [NEWER, OLDER, NEWER.replace("₂", "2").upper()])
def test_headers_old_and_new_are_read(download: Download, header: str) -> None:
    """The columns are found by their words, whatever their capitals."""
    new = read_files([download(header=header)], EMAPS)
    assert new.frame["average_g_per_kwh"].to_list()[:2] == [30.25, 31.25]
    assert new.frame["zone"].unique().to_list() == ["NO"]
    assert new.frame[TIME][0] == START
    assert "1 of 48 hours are estimates of the publisher" in new.notes
    assert new.licence.startswith("ODbL")


def test_a_download_becomes_a_pack(download: Download, tmp_path: Path) -> None:
    """Two zones in two files make one sound pack with its provenance."""
    folder = tmp_path / "pack"
    result = import_hours(read_files([download("NO"), download("SE")], EMAPS), folder)
    assert result.zones == ("NO", "SE")
    pack = open_pack(str(folder))
    assert pack.manifest.time is not None
    assert (pack.manifest.time.hours, pack.frame("carbon").height) == (48, 96)
    assert pack.provenance()[0].source == "Electricity Maps"
    assert check_path(str(folder)).problems == ()
    assert {f.name for f in folder.iterdir()} == {MANIFEST, "carbon.parquet"}


def test_kinds_of_intensity_are_not_mixed(download: Download, tmp_path: Path) -> None:
    """Direct intensities have a column of their own, and do not go beside life-cycle ones."""
    direct = read_files([download("SE")], layout_of("electricity-maps", intensity="direct"))
    assert direct.frame["average_g_per_kwh"][0] == 2.5
    import_hours(read_files([download("NO")], EMAPS), tmp_path / "pack")
    with pytest.raises(InputError, match="life-cycle intensities, the files direct"):
        import_hours(direct, tmp_path / "pack")
    with pytest.raises(InputError, match="typical year"):
        import_hours(direct, EMBEDDED / "typical-2023")


def test_a_gap_is_refused_filled_or_named(download: Download, tmp_path: Path) -> None:
    """A missing hour stops an import, is filled on request, or is named in the manifest."""
    file = download(skip=(7, 8, 20))
    assert "3 hours are missing: 2023-01-01T07:00Z" in told([file], EMAPS)
    new = read_files([file], EMAPS)
    assert "1 hour" not in told([file], EMAPS, Rules(fill="linear", fill_most=1))
    made = import_hours(new, tmp_path / "a", Rules(fill="linear", fill_most=2))
    frame = pl.read_parquet(tmp_path / "a" / "carbon.parquet")
    assert frame["average_g_per_kwh"][6:9].to_list() == [36.25, 37.25, 38.25]
    entry = made.manifest.tables["carbon"]
    assert entry.filled == {"NO": 3}
    assert "3 steps of NO filled in (linear)" in entry.note
    before = import_hours(new, tmp_path / "b", Rules(fill="previous"))
    assert before.rows == 48
    assert pl.read_parquet(tmp_path / "b" / "carbon.parquet")["average_g_per_kwh"][8] == 36.25
    gaps = import_hours(new, tmp_path / "c", Rules(allow_gaps=True))
    assert (len(gaps.gaps), gaps.rows) == (1, 45)
    assert "3 hours are missing" in gaps.manifest.missing[0]


def test_every_wrong_file_is_told(write: Write, download: Download) -> None:
    """Two files with other columns are named at once, with what they lack."""
    files = [write("Datetime (UTC),x", "2023-01-01 00:00:00,1", name=n) for n in ("a.csv", "b.csv")]
    with pytest.raises(InputError) as caught:
        read_files([*files, download()], EMAPS)
    assert {Path(p.file or "").name for p in caught.value.problems} == {"a.csv", "b.csv"}


def test_a_table_is_added_to_a_pack(download: Download, tmp_path: Path) -> None:
    """Prices join the carbon of a pack; the pack's time is what both have."""
    folder = tmp_path / "pack"
    import_hours(read_files([download(hours=72)], EMAPS), folder, name="mine")
    wall_table("UTC", START + 24 * HOUR, 72, tmp_path / "p.csv")
    layout = price(time_column="when", value_column="mine", zone="NO")
    manifest = import_hours(read_files([tmp_path / "p.csv"], layout), folder).manifest
    assert set(manifest.tables) == {"price", "carbon"}
    assert (manifest.name, manifest.time and manifest.time.hours) == ("mine", 48)
    wall_table("UTC", START + 240 * HOUR, 4, tmp_path / "p.csv")
    layout = price(time_column="when", value_column="mine", zone="SE")
    with pytest.raises(InputError, match="share none"):
        import_hours(read_files([tmp_path / "p.csv"], layout), folder)


def merge(folder: Path, file: Path, overwrite: bool = False) -> ImportResult:
    """Import prices of QQ."""
    return import_hours(read_files([file], price()), folder, overwrite=overwrite)


def test_hours_are_added_and_replaced_one_by_one(write: Write, tmp_path: Path) -> None:
    """The next hours of a zone are added; other values replace on request, hour by hour."""
    folder = tmp_path / "pack"
    merge(folder, write("t,p", "2023-12-31T22:00Z,1", "2023-12-31T23:00Z,2"))
    later = write("t,p", "2023-12-31T23:00Z,2", "2024-01-01T00:00Z,3")
    counts = merge(folder, later).counts
    assert (counts.added, counts.same, counts.words) == (1, 1, "1 added, 1 there already")
    other = write("t,p", "2023-12-31T23:00Z,7")
    with pytest.raises(InputError, match="1 of its hours with other values already: 2023-12-31T23"):
        merge(folder, other)
    result = merge(folder, other, overwrite=True)
    assert (result.counts.replaced, result.counts.added) == (1, 0)
    frame = pl.read_parquet(folder / "price.parquet")
    assert frame["price_usd_per_mwh"].to_list() == [1.0, 7.0, 3.0]
    with pytest.raises(InputError, match="in neither the pack nor the files"):
        merge(folder, write("t,p", "2024-01-03T00:00Z,3"))


def test_other_steps_are_not_mixed_in(write: Write, tmp_path: Path) -> None:
    """Quarter hours do not go between the hours of the pack; --replace takes their place."""
    folder, day = tmp_path / "pack", [f"2024-05-01T{h:02d}:00Z,{h}" for h in range(4)]
    merge(folder, write("t,p", *day))
    quarters = write("t,p", *[f"2024-05-01T01:{m:02d}Z,9" for m in (0, 15, 30, 45)],
                     *[f"2024-05-01T02:{m:02d}Z,9" for m in (0, 15, 30, 45)])  # fmt: skip
    new = read_files([quarters], price())
    with pytest.raises(InputError, match="steps of 60 min in these hours, the files 15 min"):
        import_hours(new, folder, Rules(keep_steps=True))
    result = import_hours(new, folder, Rules(keep_steps=True), overwrite=True)
    assert (result.counts.dropped, result.rows) == (2, 10)
    assert merge(folder, write("t,p", *day[:1])).counts.same == 1


def test_series_that_are_refused_are_named_in_order(write: Write, tmp_path: Path) -> None:
    """By their names, wherever they stand in the files: other values, and other steps."""
    folder, names, layout = tmp_path / "pack", "FDBACE", Layout("price", stamps="begin")
    head, row = f"time_utc,{','.join(names)}", ",1" * len(names)
    hours = [f"2024-05-01T{h:02d}:00Z" for h in range(4)]
    quarters = [f"2024-05-01T{h:02d}:{m:02d}Z" for h in (1, 2) for m in (0, 15, 30, 45)]
    import_hours(read_files([write(head, *[f"{at}{row}" for at in hours])], layout), folder)
    for lines, words in ((hours[1:2], "other values"), (quarters, "has steps of 60 min")):
        new = read_files([write(head, *[f"{at}{row.replace('1', '9')}" for at in lines])], layout)
        with pytest.raises(InputError, match=words) as caught:
            import_hours(new, folder, Rules(keep_steps=True))
        where = [problem.where for problem in caught.value.problems if words in problem.what]
        assert where == [f"price.{name}" for name in sorted(names)]


def test_the_doubled_and_the_skipped_hour_are_resolved(tmp_path: Path) -> None:
    """A whole year of Berlin wall time imports without a gap, in UTC."""
    wall_table("Europe/Berlin", START, 8760, tmp_path / "t.csv")
    layout = price(time_column="when", value_column="mine", time_zone="Europe/Berlin")
    result = import_hours(read_files([tmp_path / "t.csv"], layout), tmp_path / "pack")
    assert result.manifest.time is not None
    assert result.manifest.time.hours == 8760
    assert check_path(str(tmp_path / "pack")).problems == ()


def test_a_stamp_that_no_clock_shows_is_told(write: Write) -> None:
    """The hour that is skipped in spring is no time of the zone; text is no time at all."""
    file = write("t,DE", "2023-03-26 02:00,1", "soon,2")
    text = told([file], Layout("price", time_column="t", time_zone="Europe/Berlin"))
    assert "1 stamp is no time of the zone Europe/Berlin, the first: 2023-03-26 02:00" in text
    assert "1 stamp is no time that is known, the first: soon" in text


def test_a_known_header_is_recognised(write: Write, tmp_path: Path) -> None:
    """A file of a known source that is read as a plain table is told with its recipe."""
    file = str(write("point_time,value", "2024-06-01T00:00:00+00:00,880"))
    args = ["import", file, "--as", "carbon", "--time-column", "point_time", "--zone", "QQ"]
    made = CliRunner().invoke(app, [*args, "--unit", "lb/mwh", "--into", str(tmp_path / "p")])
    assert made.exit_code == 0, made.output
    assert "`--from watttime`, whose figures are marginal" in made.stdout


def test_wide_and_long_tables_are_the_same(write: Write) -> None:
    """A column per zone, and a column of zones, give the same rows; NO stays Norway."""
    wide = write("time_utc,NO,SE", "2023-01-01T00:00:00Z,1,3", "2023-01-01T01:00:00Z,2,4")
    long = write(
        "time_utc,area,p",
        "2023-01-01T00:00:00Z,NO,1",
        "2023-01-01T00:00:00Z,SE,3",
        "2023-01-01T01:00:00Z,NO,2",
        "2023-01-01T02:00:00+01:00,SE,4",
        name="l.csv",
    )
    a = read_files([wide], Layout("price")).frame
    b = read_files([long], Layout("price", zone_column="area", value_column="p")).frame
    assert a.sort("zone", TIME).rows() == b.sort("zone", TIME).rows()


def test_each_zone_turns_its_own_clock(write: Write) -> None:
    """Two zones hour by hour over the autumn change: the doubled hour of each comes in order."""
    begin = datetime(2023, 10, 28, 22, tzinfo=PY_UTC)
    hours = [begin + i * HOUR for i in range(8)]
    local = [f"{at.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M}" for at in hours]
    rows = [f"{at},{z},{n}" for n, at in enumerate(local) for z in ("DE", "FR")]
    layout = price(zone=None, zone_column="area", time_zone="Europe/Berlin")
    for lines in (rows, rows[::-1]):
        frame = read_files([write("t,area,p", *lines)], layout).frame.sort("zone", TIME)
        assert frame[TIME].to_list() == hours * 2
        assert frame["price_usd_per_mwh"].to_list() == [float(n) for n in range(8)] * 2


def test_parquet_with_a_time_zone_is_read(tmp_path: Path) -> None:
    """Times that know their zone are converted, whatever --time-zone says."""
    times = pl.Series("t", [START, START + HOUR]).dt.convert_time_zone("Asia/Tokyo")
    pl.DataFrame({"t": times, "JP": [1.0, 2.0]}).write_parquet(tmp_path / "t.parquet")
    layout = Layout("carbon", time_column="t", time_zone="Europe/Berlin")
    found = read_files([tmp_path / "t.parquet"], layout).frame
    assert found[TIME].to_list() == [START, START + HOUR]


@pytest.mark.parametrize(
    ("table", "unit", "factor", "wanted"),
    [
        ("price", "USD/kWh", None, 100.0),
        ("price", "usct/kWh", None, 1.0),
        ("price", "usd/mwh", 1.1, 0.11),
        ("carbon", "t/MWh", None, 100.0),
        ("marginal", "lb/MWh", None, 0.045359),
        ("capacity", "gpu", None, 0.1),
    ],
)
def test_units_are_converted(
    write: Write, table: str, unit: str, factor: float | None, wanted: float
) -> None:
    """Each unit becomes that of the table; a factor is a rate of exchange."""
    file = write("time_utc,X", "2023-01-01T00:00:00Z,0.1")
    frame = read_files([file], Layout(table, unit=unit, factor=factor)).frame
    assert frame[frame.columns[-1]][0] == pytest.approx(wanted, rel=1e-4)


def test_a_unit_in_the_header_is_believed(write: Write) -> None:
    """A header's unit converts, its currency asks for a factor; what is stated is not suspected."""
    rows = [f"2023-01-01T{h:02d}:00Z,0.{h + 10}" for h in range(24)]
    file = write("t,price [EUR/MWh]", *rows)
    layout = price(value_column="price [EUR/MWh]")
    assert "is in EUR/MWh, wanted USD" in told([file], layout)
    made = read_files([file], price(value_column="price [EUR/MWh]", factor=2.0))
    assert made.frame["price_usd_per_mwh"][0] == 0.2
    assert import_hours(made, file.parent / "a").rows == 24
    kilo = read_files([write("t,g (kgCO2/kWh)", *rows)], Layout(
        "carbon", time_column="t", value_column="g (kgCO2/kWh)", zone="QQ"))  # fmt: skip
    assert kilo.frame["average_g_per_kwh"][0] == pytest.approx(100.0)
    file = write("t,p", *rows, name="u.csv")
    doubted = import_hours(read_files([file], price()), file.parent / "c")
    assert "the median of price_usd_per_mwh is 0.215" in " ".join(doubted.notes)
    assert "USD/kWh" in check_path(str(file.parent / "c")).warnings[0].what
    stated = import_hours(read_files([file], price(unit="usd/mwh")), file.parent / "b")
    assert not [note for note in stated.notes if "median" in note]
    judged = check_path(str(file.parent / "b"))
    assert (judged.problems, judged.warnings) == ((), ())


def test_wrong_options_are_wrong_usage(write: Write, tmp_path: Path) -> None:
    """Unknown units, zones and recipes, and options without effect, are exit 2."""
    for fields in ({"unit": "g/kwh"}, {"time_zone": "Europe/Bonn"}, {"klass": "A"}):
        with pytest.raises(UsageError):
            price(**fields)
    with pytest.raises(UsageError, match="electricity-maps"):
        layout_of("electricity-map")
    file = str(write("t,p,q", "2023-01-01T00:00Z,1,2"))
    base = ["import", file, "--as", "price", "--time-column", "t", "--into", str(tmp_path / "p")]
    for more, words in (
        (["--zone", "QQ"], "several columns that may be it: `p`, `q`"),
        (["--fill-most", "3"], "--fill-most needs --fill"),
        (["--intensity", "direct"], "--intensity says nothing of price"),
        (["--hour-numbers", "clock"], "--hour-numbers needs --hour-column"),
        (["--average", "--keep-steps"], "give one of the two"),
        (["--rename", "p"], "form A=B"),
    ):
        result = CliRunner().invoke(app, [*base, *more])
        assert isinstance(result.exception, UsageError)
        assert words in str(result.exception)


def test_the_one_column_that_is_left_is_told(write: Write) -> None:
    """With one candidate for the values it is taken, and said; columns not used are named."""
    made = read_files([write("t,a", "2023-01-01T00:00Z,5")], price(value_column=None))
    assert "`a` was taken as the price" in made.notes
    both = write("time_utc,zone,average_g_per_kwh,marginal_g_per_kwh", "2023-01-01T00:00Z,QQ,1,4")
    assert read_files([both], Layout("carbon")).values == ("average_g_per_kwh",
                                                          "marginal_g_per_kwh")  # fmt: skip


def test_quarter_hours_are_asked_about(write: Write, tmp_path: Path) -> None:
    """Steps of less than an hour are averaged or kept, as is said; each series apart."""
    rows = [f"2023-01-01T{i // 4:02d}:{i % 4 * 15:02d}Z,{i},{10 * i}" for i in range(8)]
    file = write("t,X,Y", *rows)
    new = read_files([file], Layout("price", time_column="t", unit="usd/mwh"))
    with pytest.raises(InputError, match="in steps of 15 min") as caught:
        import_hours(new, tmp_path / "no")
    assert "--average" in caught.value.problems[0].fix
    import_hours(new, tmp_path / "a", Rules(average=True))
    mean = pl.read_parquet(tmp_path / "a" / "price.parquet")
    assert mean["price_usd_per_mwh"].to_list() == [1.5, 5.5, 15.0, 55.0]
    kept = import_hours(new, tmp_path / "b", Rules(keep_steps=True))
    assert kept.rows == 16
    assert check_path(str(tmp_path / "b")).problems == ()
    assert kept.manifest.time is not None
    assert (kept.manifest.time.hours, kept.manifest.time.step_h) == (2, 0.25)


def test_checks_come_before_averages(write: Write, tmp_path: Path) -> None:
    """Doubled, empty and missing part hours are named; with gaps allowed, whole hours are left."""
    file = write(
        "t,p",
        *("2024-06-01T00:00Z,10", "2024-06-01T00:30Z,12", "2024-06-01T01:00Z,1"),
        *("2024-06-01T01:00Z,4", "2024-06-01T01:30Z,2", "2024-06-01T02:00Z,n/a"),
        *("2024-06-01T02:30Z,2", "2024-06-01T03:30Z,3", "2024-06-01T04:00Z,3"),
        "2024-06-01T04:30Z,3",
    )
    text = told([file], price(), Rules(average=True))
    assert "1 step of 30 min is there more than once: 2024-06-01T01:00Z" in text
    assert "1 step of 30 min is missing: 2024-06-01T03:00Z" in text
    assert "no number in price_usd_per_mwh: 2024-06-01T02:00Z" in text
    new = read_files([file], price())
    import_hours(new, tmp_path / "a", Rules(average=True, allow_gaps=True))
    made = pl.read_parquet(tmp_path / "a" / "price.parquet")
    assert made["price_usd_per_mwh"].to_list() == [11.0, 3.0]


def test_files_are_joined_before_they_are_averaged(write: Write, tmp_path: Path) -> None:
    """Months that stamp the ends of their periods meet within an hour: it has one value."""
    ends = [datetime(2024, 4, 30, 23) + timedelta(minutes=30 * i) for i in range(1, 7)]
    rows = [f"{at:%Y/%m/%d %H:%M:%S},{n}" for n, at in enumerate(ends)]
    files = [write("t,p", *rows[:3], name="a.csv"), write("t,p", *rows[2:], name="b.csv")]
    layout = price(time_zone="Etc/GMT-10", stamps="end")
    new = read_files(files, layout)
    assert "1 row is in two files alike, and counts once" in new.notes
    import_hours(new, tmp_path / "a", Rules(average=True))
    made = pl.read_parquet(tmp_path / "a" / "price.parquet")
    assert made["price_usd_per_mwh"].to_list() == [0.5, 2.5, 4.5]
    assert made[TIME][0] == datetime(2024, 4, 30, 13, tzinfo=PY_UTC)


def test_hours_at_half_past_are_split(write: Write, tmp_path: Path) -> None:
    """Hours of Kolkata reach into two of UTC: halves of both, the ends left out and told."""
    file = write("t,p", *[f"2024-06-01 0{h}:00,{h}0" for h in range(4)])
    new = read_files([file], price(time_zone="Asia/Kolkata"))
    with pytest.raises(InputError, match="begin 30 min past the hour"):
        import_hours(new, tmp_path / "no")
    result = import_hours(new, tmp_path / "a", Rules(average=True))
    made = pl.read_parquet(tmp_path / "a" / "price.parquet")
    assert dict(zip(made[TIME].dt.hour(), made["price_usd_per_mwh"], strict=True)) == {
        19: 5.0,
        20: 15.0,
        21: 25.0,
    }
    assert any("2 hours that rows cover only in part" in note for note in result.notes)
    assert import_hours(new, tmp_path / "b", Rules(keep_steps=True)).rows == 8


def test_import_and_check_on_the_command_line(download: Download, tmp_path: Path) -> None:
    """The verbs do the same, print JSON on request, and a zone without a price is exit 3."""
    run = CliRunner().invoke
    folder = tmp_path / "pack"
    args = ["import", str(download()), "--from", "electricity-maps", "--into", str(folder)]
    made = run(app, [*args, "--json"])
    assert made.exit_code == 0, made.output
    body = json.loads(made.stdout)
    assert (body["zones"], body["added"], body["replaced"]) == (["NO"], 48, 0)
    sound = run(app, ["check", str(folder)])
    assert sound.exit_code == 0
    assert sound.stdout.endswith("sound\n")
    wall_table("UTC", START, 48, tmp_path / "p.csv")
    args = ["import", str(tmp_path / "p.csv"), "--as", "price", "--time-column", "when"]
    added = run(app, [*args, "--value-column", "mine", "--zone", "DE", "--into", str(folder)])
    assert added.exit_code == 0, added.output
    assert "taken as the beginning of each step" in added.stdout
    judged = run(app, ["check", str(folder), "--json"])
    assert judged.exit_code == 3
    found = {p["where"]: p["what"] for p in json.loads(judged.stdout)["problems"]}
    assert found["price.NO"] == "the zone NO has no price"
    assert found["carbon.DE"] == "the zone DE has no carbon intensity"


def test_the_embedded_world_on_the_command_line() -> None:
    """`list` names it with its notice, `show` gives source and licence of each table."""
    run = CliRunner().invoke
    listed = run(app, ["list", "--json"])
    assert "typical-2023" in {pack["name"] for pack in json.loads(listed.stdout)}
    assert "not history" in run(app, ["list"]).stdout
    shown = run(app, ["show", "typical-2023"]).stdout
    assert "Source: Electricity Maps" in shown
    assert "licence: ODbL-1.0" in shown
