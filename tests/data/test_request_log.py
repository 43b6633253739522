"""From the log of a gateway to demand: what is counted, where and when, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import tiny_folder
from wattlas.cli import run
from wattlas.data.request_log import LogColumns, LoggedDemand, read_log
from wattlas.data.request_log_text import scenario_lines
from wattlas.data.yaml_lines import read_yaml
from wattlas.errors import InputError

ZONES = {"DE": "Europe/Berlin", "US": "America/Chicago"}
COLUMNS = LogColumns("at", "cc", "model", "prompt", "answer")
START = datetime(2024, 3, 8, 22, tzinfo=UTC)
"""A Friday evening; the clocks of Chicago change on the Sunday."""


def requests(hours: int = 54, each: int = 3) -> pl.DataFrame:
    """So many requests in every hour, two thirds of them from Germany, a sixth of each unknown."""
    count = hours * each * 2
    times = [START + timedelta(minutes=30 * n / each) for n in range(count)]
    return pl.DataFrame(
        {
            "at": [time.isoformat() for time in times],
            "cc": [("DE", "US", "DE")[n % 3] for n in range(count)],
            "model": [("big", "small")[n % 2] for n in range(count)],
            "prompt": [100 + n % 2 for n in range(count)],
            "answer": [20] * count,
        }
    )


def found(rows: pl.DataFrame, folder: Path, **more: object) -> LoggedDemand:
    """What is read of a log with these rows."""
    rows.write_csv(folder / "log.csv")
    return read_log([folder / "log.csv"], COLUMNS, ZONES, **more)  # type: ignore[arg-type]


def test_whole_days_are_counted_exactly(tmp_path: Path) -> None:
    """Totals per day times days are the requests of whole days; what lies outside is told."""
    logged = found(requests(), tmp_path)
    assert logged.days == ["2024-03-09", "2024-03-10"]
    per_day = logged.totals
    assert per_day["requests_per_day"].sum() * 2 == pytest.approx(2 * 24 * 6)
    german = per_day.filter(pl.col("place") == "DE")["requests_per_day"].sum()
    assert german * 2 == pytest.approx(2 * 24 * 6 * 2 / 3)
    assert "36 requests of days that the log covers in part" in logged.notes[0]
    assert logged.tokens["small"] == {"tokens_in": 101.0, "tokens_out": 20.0}


def test_each_day_keeps_its_own_total(tmp_path: Path) -> None:
    """Days told apart hold what came on them, and 0 where nothing did."""
    quiet = pl.col("at").str.starts_with("2024-03-10") & (pl.col("cc") == "US")
    logged = found(requests().filter(~quiet), tmp_path, each_day=True)
    sums = logged.totals.group_by("place", "period").agg(pl.col("requests_per_day").sum())
    by_day = {(place, day): requests for place, day, requests in sums.iter_rows()}
    assert by_day["US", "2024-03-09"] == 48
    assert by_day["US", "2024-03-10"] == 0
    assert by_day["DE", "2024-03-10"] == 96


def test_hours_are_those_of_the_clients(tmp_path: Path) -> None:
    """Requests at nine in the morning of each place give weight to nine alone; weekends show."""
    rows = []
    for day in range(1, 15):
        for place, zone in ZONES.items():
            time = datetime(2024, 3, day, 9, 30, tzinfo=ZoneInfo(zone))
            many = 4 if time.weekday() < 5 else 1
            rows += [{"at": time.isoformat(), "cc": place, "model": "big"}] * many
    edges = ["2024-02-29T23:00:00Z", "2024-03-15T00:00:00Z"]
    rows += [{"at": at, "cc": "DE", "model": "big"} for at in edges]
    frame = pl.DataFrame(rows).with_columns(prompt=1, answer=1)
    logged = found(frame, tmp_path)
    weights = logged.hour_weights["big"]
    assert weights[9] == 10
    assert sum(weights) == 10
    assert logged.weekend_factor["big"] == pytest.approx(0.25, abs=0.01)


def test_weights_are_those_of_plain_loops(tmp_path: Path) -> None:
    """Hours by the local clock of each place and class, however many requests a row stands for."""
    draw = np.random.default_rng(4)
    start = datetime(2024, 3, 4, tzinfo=UTC)
    counts: dict[tuple[str, int], int] = {}
    sums: dict[tuple[str, bool], int] = {}
    spans: dict[tuple[str, bool], int] = {}
    rows = []
    for n in range(10 * 24):
        time = start + timedelta(hours=n)
        for place, zone in ZONES.items():
            local = time.astimezone(ZoneInfo(zone))
            weekend = local.weekday() >= 5
            spans[place, weekend] = spans.get((place, weekend), 0) + 1
            for model in ("big", "small"):
                many = int(draw.integers(0, 5 if model == "big" else 3))
                many = many if n not in (0, 10 * 24 - 1) else 1
                key = model, local.hour
                counts[key] = counts.get(key, 0) + many
                row = {"at": time.isoformat(), "cc": place, "model": model}
                rows += [row] * many
                sums[f"{model} {place}", weekend] = (
                    sums.get((f"{model} {place}", weekend), 0) + many
                )
    edges = [start - timedelta(hours=1), start + timedelta(hours=10 * 24)]
    rows += [{"at": at.isoformat(), "cc": "DE", "model": "big"} for at in edges]
    logged = found(pl.DataFrame(rows).with_columns(prompt=1, answer=1), tmp_path)
    assert len(logged.days) == 10
    for model in ("big", "small"):
        most = max(counts[model, hour] for hour in range(24))
        expected = [10 * counts[model, hour] / most for hour in range(24)]
        assert logged.hour_weights[model] == pytest.approx(expected, abs=1e-4)
        weekend = sum(sums[f"{model} {place}", True] for place in ZONES)
        usual = sum(
            sums[f"{model} {place}", False] * spans[place, True] / spans[place, False]
            for place in ZONES
        )
        assert logged.weekend_factor[model] == pytest.approx(weekend / usual, abs=1e-4)


@pytest.mark.parametrize("form", ["seconds", "milliseconds", "jsonl", "local"])
def test_every_kind_of_time_is_the_same_hour(form: str, tmp_path: Path) -> None:
    """Counts since 1970, JSON lines and a local clock give what stamps with a zone give."""
    rows, columns, file = requests(), COLUMNS, tmp_path / "log.csv"
    wanted = found(rows, tmp_path).totals
    stamp = pl.col("at").str.to_datetime(time_zone="UTC")
    if form in ("seconds", "milliseconds"):
        per_s = 1 if form == "seconds" else 1000
        rows = rows.with_columns((stamp.dt.epoch("s") * per_s).alias("at"))
    if form == "local":
        clock = stamp.dt.convert_time_zone("Asia/Tokyo").dt.strftime("%Y-%m-%d %H:%M:%S")
        rows = rows.with_columns(clock.alias("at"))
        columns = LogColumns("at", "cc", "model", time_zone="Asia/Tokyo")
    if form == "jsonl":
        file = tmp_path / "log.jsonl"
        rows.write_ndjson(file)
    else:
        rows.write_csv(file)
    assert read_log([file], columns, ZONES).totals.equals(wanted)


def test_what_cannot_be_placed_is_refused_or_spread(tmp_path: Path) -> None:
    """Requests without country or with a time that says no zone are told; spreading keeps all."""
    rows = requests().with_columns(
        cc=pl.when(pl.int_range(pl.len()) % 5 > 0).then("cc"),
    )
    with pytest.raises(InputError, match="requests have no place") as caught:
        found(rows, tmp_path)
    assert "--unplaced spread" in str(caught.value)
    spread = found(rows, tmp_path, unplaced="spread")
    assert spread.totals["requests_per_day"].sum() == pytest.approx(24 * 6)
    assert spread.tokens["big"]["tokens_in"] == pytest.approx(100)
    bare = rows.with_columns(pl.col("at").str.slice(0, 19))
    with pytest.raises(InputError, match="does not say its zone"):
        found(bare, tmp_path)
    with pytest.raises(InputError, match="which is no whole day"):
        found(requests(20), tmp_path)


def test_the_lines_that_it_prints_are_a_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verb writes the table and prints sections that a scenario reads as they are."""
    requests().write_csv(tmp_path / "log.csv")
    folder = tiny_folder(tmp_path / "tiny")
    words = ["--time", "at", "--class", "model", "--country", "cc", "--tokens-in", "prompt"]
    assert run(["demand", str(tmp_path / "log.csv"), *words, "--into", str(folder.path)]) == 0
    lines = capsys.readouterr().out
    assert "2024-03-09 to 2024-03-10" in lines
    assert "weekend_factor" not in lines  # a weekend alone says nothing of working days
    renamed = lines.replace("big", "A").replace("small", "D")
    text = folder.document.read_text(encoding="utf-8")
    start, end = text.index("demand:"), text.index("overrides:")
    section = renamed.split("classes:\n  A:")[0]
    folder.document.write_text(text[:start] + section + text[end:], encoding="utf-8")
    table = (folder.path / "totals.csv").read_text(encoding="utf-8")
    folder.write("totals.csv", table.replace("big", "A").replace("small", "D"))
    assert folder.load().demand_per_h.sum() > 0
    assert (
        run(["demand", str(tmp_path / "log.csv"), *words, "--into", str(tmp_path), "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["days"] == ["2024-03-09", "2024-03-10"]


def test_a_class_has_its_name_in_the_scenario_whatever_yaml_takes_it_for(tmp_path: Path) -> None:
    """Names that YAML would read as numbers, truths, nothing or syntax come back as they were."""
    names = ["a", "A-9_b", "9", "-5", "0x1F", "1e5", "9x", "-", "_5", "true", "Null", "FALSE"]
    names += ["a b", "a:", "#", "é", 'a"b', "~", "[x]"]
    weights = {name: [10.0] for name in names}
    tokens = {name: {"tokens_in": 3.0} for name in names}
    logged = LoggedDemand(1.0, ["2024-03-09"], pl.DataFrame(), weights, {}, tokens)
    (file := tmp_path / "scenario.yaml").write_text(
        lines := scenario_lines(logged, "totals.csv"), encoding="utf-8"
    )
    read = read_yaml(file).data
    assert read["demand"]["totals"]["classes"] == {n: {"hour_weights": n} for n in names}
    assert list(read["demand"]["totals"]["hour_profiles"]) == list(read["classes"]) == names
    assert "      A-9_b: {hour_weights: A-9_b}\n" in lines


def test_every_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """In one error, beside the one that is not there."""
    paths = [tmp_path / f"{n}.parquet" for n in range(3)]
    for path in paths[:2]:
        path.write_bytes(b"no table")
    with pytest.raises(InputError) as refused:
        read_log([paths[2], *paths[:2]], COLUMNS, ZONES)
    assert [problem.file for problem in refused.value.problems] == [
        str(path) for path in (paths[2], *paths[:2])
    ]
