"""Forecasts from a file: what was issued by the moment, and what is said where nothing was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import wattlas
from tests.policy.forecasts.test_outlook import long_world, parts
from wattlas.data.forecast_file import read_forecasts
from wattlas.errors import InputError
from wattlas.policy.forecasts.archived import Archived
from wattlas.policy.forecasts.history import History, Known
from wattlas.policy.forecasts.models import prepared_for
from wattlas.policy.forecasts.outlook import Files, FromPast, forecast_outlook
from wattlas.policy.forecasts.skill import skill
from wattlas.studies.foresight import ON_TRUTH, Foresight

HOUR = np.timedelta64(1, "h")


def _table(path: Path, rows: list[tuple[str, str, str, float]]) -> Path:
    columns = ["issued_utc", "time_utc", "zone", "carbon_g_per_kwh"]
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _utc(moments: np.ndarray) -> pl.Series:
    return pl.Series(moments.astype("datetime64[us]")).dt.replace_time_zone("UTC")


def test_the_last_that_was_issued_by_then_counts(tmp_path: Path) -> None:
    """Of each hour ahead the last forecast, none from the future; else the day before."""
    day = "2023-06-02T"
    file = _table(
        tmp_path / "f.csv",
        [
            (f"{day}06:30:00Z", f"{day}12:00:00Z", "DE", 410.0),
            (f"{day}00:00:00Z", f"{day}12:00:00Z", "DE", 400.0),
            (f"{day}11:00:00Z", f"{day}12:00:00Z", "DE", 440.0),
            (f"{day}05:00:00Z", f"{day}13:00:00Z", "DE", 500.0),
        ],
    )
    value = np.arange(72.0)[None, :].repeat(2, axis=0)
    history = History(
        ("FR", "DE"), np.datetime64("2023-06-01"), value, np.zeros_like(value),
        (Known.MEASURED,) * 2,
    )  # fmt: skip
    model = Archived(read_forecasts(file)["carbon"])
    prepared = prepared_for(model, history)
    noon = 36  # 12:00 of the second day; an hour of issue is known when it ends

    def told(issued: int, target: int = noon) -> list[float]:
        made = model.quantiles(prepared, np.array([issued]), target - issued)
        assert (made == made[..., :1]).all()
        return list(made[:, 0, 0])

    assert told(23) == [12.0, 400.0]  # ends at 00:00, when the first was issued
    assert told(28) == [12.0, 400.0]
    assert told(29) == [12.0, 400.0]  # ends at 06:00
    assert told(30) == [12.0, 410.0]
    assert told(33) == [12.0, 410.0]
    assert told(34) == [12.0, 440.0]
    assert told(22) == [12.0, 12.0]
    assert told(29, noon + 1) == [13.0, 500.0]
    assert told(30, noon + 2) == [14.0, 14.0]
    assert told(60, 62) == [38.0, 38.0]


def test_an_archive_of_the_truth_is_the_truth(tmp_path: Path) -> None:
    """Where the file says what came, rolling costs what it does told the truth; demand that comes
    at the scenario's rates as it was the day before is all that it misses.
    """
    scenario = long_world()
    day = scenario.demand_per_h[:, :, :24]
    scenario = replace(
        scenario, demand_per_h=np.tile(day, (1, 1, scenario.hours.count // 24)) * 0.01
    )
    past, now = parts(scenario)
    zones = list(dict.fromkeys(region.zone for region in now.regions))
    count = now.hours.count
    at = [now.signals.zone_index(zone) for zone in zones]
    file = tmp_path / "truth.parquet"
    pl.DataFrame(
        {
            "issued_utc": _utc(np.full(count * len(zones), now.hours.utc[0])),
            "time_utc": _utc(np.tile(now.hours.utc, len(zones))),
            "zone": np.repeat(zones, count),
            "carbon_g_per_kwh": now.signals.deciding_g_per_kwh[at].ravel(),
            "price_usd_per_mwh": now.signals.price_usd_per_mwh[at].ravel(),
        }
    ).write_parquet(file)
    told = Foresight(str(file), look_ahead_h=4, past=past)
    made = wattlas.replay(
        now, "rolling", wattlas.Traffic(even=True), trial=wattlas.Trial(hours=3), foresight=told
    )
    for name in ("variable_usd", "carbon_kg"):
        assert getattr(made["rolling"].totals, name) == pytest.approx(
            getattr(made[ON_TRUTH].totals, name), rel=1e-9
        )
    notes = [note for note in made.notes if "forecasts' file" in note]
    assert notes == ["The forecasts' file has none of demand: persistence stands for them"]


def test_holes_in_a_file_are_told(tmp_path: Path) -> None:
    """The share of forecasts that it holds, and a signal that it lacks."""
    past, now = parts(long_world())
    zone = now.regions[0].zone
    first = now.hours.utc[0]
    rows = [(f"{first}Z", f"{first + n * HOUR}Z", zone, 100.0) for n in range(24)]
    file = _table(tmp_path / "some.csv", rows)
    signals, archive = ("price", "carbon"), read_forecasts(file)
    outlook = forecast_outlook(
        now, "file", past=past, look_ahead_h=2, signals=signals, files=Files(archive)
    )
    assert isinstance(outlook, FromPast)
    assert len(outlook.notes) == 2
    assert "none of price" in outlook.notes[0]
    steps, zones = now.hours.count, len({region.zone for region in now.regions})
    share = (24 / (steps - 1) + 23 / (steps - 2)) / 2 / zones
    assert f"{share:.1%}" in outlook.notes[1]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([("2023-06-02T06:00:00Z", "2023-06-02T05:00:00Z", "DE", 1.0)], "after their hour"),
        ([("2023-06-02T00:00:00Z", "2023-06-02T05:00:00Z", "DE", 1.0)] * 2, "given twice"),
        ([("2023-06-02T00:00:00Z", "2023-06-02T05:00:00Z", "DE", -4.0)], "-4"),
        ([], "there are none"),
    ],
)
def test_files_that_are_wrong(
    tmp_path: Path, rows: list[tuple[str, str, str, float]], wanted: str
) -> None:
    """From the future, twice, negative, empty: each is refused by name."""
    with pytest.raises(InputError, match=wanted):
        read_forecasts(_table(tmp_path / "f.csv", rows))


def test_a_file_without_values_or_that_is_not_there(tmp_path: Path) -> None:
    """One clear error each."""
    file = tmp_path / "f.csv"
    file.write_text("issued_utc,time_utc,zone\n2023-06-02T00:00:00Z,2023-06-02T05:00:00Z,DE\n")
    with pytest.raises(InputError, match="no column of values"):
        read_forecasts(file)
    with pytest.raises(InputError, match="no such file"):
        read_forecasts(tmp_path / "none.csv")


@pytest.mark.shared
def test_marginal_forecasts_of_california(shared: Path, tmp_path: Path) -> None:
    """Forecasts that were issued every five minutes, averaged to hours: 16 % better than the better
    of yesterday and now three hours ahead, and no better than now for the next hour.
    """
    frame = pl.read_parquet(shared / "data" / "marginal_moer_5min_sgip_caiso_2019_2021.parquet")
    start = np.datetime64("2019-05-01T00")
    count = 24 * 850
    utc = frame["ts_utc"].dt.replace_time_zone(None).to_numpy().astype("datetime64[m]")
    place = ((utc - start) // np.timedelta64(5, "m")).astype(np.int64)
    inside = (place >= 0) & (place < 12 * count)

    def hourly(column: str, later: int) -> np.ndarray:
        """Mean of each hour of what was told for its five minutes, `later` hours before."""
        fine = np.full(12 * count, np.nan)
        at = place + 12 * later
        keep = inside & (at >= 0) & (at < 12 * count)
        fine[at[keep]] = frame[column].to_numpy()[keep] * 1e3
        return fine.reshape(count, 12).mean(axis=1)

    truth = hourly("moer_kg_co2_per_kwh", 0)
    hours = start + np.arange(count) * HOUR
    made = []
    for later, column in ((1, "forecast_60min_ahead"), (3, "forecast_180min_ahead")):
        value = hourly(column, later)
        known = np.isfinite(value)
        made.append(
            pl.DataFrame(
                {
                    "issued_utc": _utc((hours - (later - 1) * HOUR)[known]),
                    "time_utc": _utc(hours[known]),
                    "zone": ["US-CAL"] * int(known.sum()),
                    "carbon_g_per_kwh": value[known],
                }
            )
        )
    file = tmp_path / "moer.parquet"
    pl.concat(made).write_parquet(file)
    history = History(
        ("US-CAL",), start, truth[None], np.full((1, count), -8.0), (Known.MEASURED,)
    )  # fmt: skip
    judged = skill(Archived(read_forecasts(file)["carbon"]), history, 48, count, (1, 3))
    assert judged[0].median == pytest.approx(-0.01, abs=0.02)
    assert judged[1].median == pytest.approx(0.16, abs=0.02)
