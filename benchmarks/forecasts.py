"""Skill of forecasts out of sample, on real hours of carbon and prices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from benchmarks.registry import Benchmark, Figure, RunOptions
from wattlas.policy.forecasts.history import History, Known
from wattlas.policy.forecasts.models import Climatology, boosted
from wattlas.policy.forecasts.renewals import renewed
from wattlas.policy.forecasts.skill import Skill, skill

START, END = np.datetime64("2021-01-01T00"), np.datetime64("2025-01-01T00")
SIZES = {"small": (2023,), "usual": (2023, 2024)}
"""Years that are judged; all years before each are learnt from."""
AHEAD_H = (1, 6, 24, 48)
TARGET_AHEAD_H, TARGET = 24, 0.15


def run(options: RunOptions) -> Sequence[Figure]:
    """Mean absolute error over that of persistence, for the median zone."""
    if options.shared is None:
        raise SystemExit("this benchmark needs --shared FOLDER with data of prices and carbon")
    price, kinds = _prices(options.shared / "data")
    carbon = _carbons(options.shared / "data", price, kinds)
    figures = []
    for name, history in (("carbon", carbon), ("price", price)):
        for year in SIZES[options.size]:
            figures += _judged(name, history, year)
    return figures


def _judged(name: str, history: History, year: int) -> list[Figure]:
    first, last = (history.index(np.datetime64(f"{y}-01-01T00", "h")) for y in (year, year + 1))
    began = time.process_time()
    model = renewed(boosted(history, 0, first), lambda _hour: history, 0, first, last)
    learnt_s = time.process_time() - began
    judged = skill(model, history, first, last, AHEAD_H)
    usual = skill(Climatology(), history, first, last, (TARGET_AHEAD_H,))[0]
    figures = []
    for each in judged:
        note = f"covered {np.nanmedian(each.covered):.0%} of 80 %; learnt in {learnt_s:.0f} CPU s"
        if each.ahead_h == TARGET_AHEAD_H:
            note += f"; climatology {usual.median:.1%}; {_by_zone(history, each)}"
        phase = f"{name} {year}, {each.ahead_h} h ahead"
        target = 1.0 - TARGET if each.ahead_h == TARGET_AHEAD_H else None
        figures.append(Figure(phase, 1.0 - each.median, "×", target=target, note=note))
    return figures


def _by_zone(history: History, each: Skill) -> str:
    known = [pair for pair in zip(each.skill, history.ids, strict=True) if np.isfinite(pair[0])]
    return ", ".join(f"{zone} {share:.0%}" for share, zone in sorted(known, reverse=True))


def _hours(frame: pl.DataFrame, zones: Sequence[str], column: str) -> np.ndarray:
    """(zones, hours) from a table with a row per zone and hour, nan where there is none."""
    hours = int((END - START).astype(int))
    value = np.full((len(zones), hours), np.nan)
    for (zone,), rows in frame.group_by("zone"):
        utc = rows["ts_utc"].dt.replace_time_zone(None).to_numpy().astype("datetime64[h]")
        at = (utc - START).astype(int)
        inside = (at >= 0) & (at < hours)
        if zone in zones:
            value[zones.index(str(zone)), at[inside]] = rows[column].to_numpy()[inside]
    return value


def _offsets(folder: Path, zones: Sequence[str]) -> np.ndarray:
    """Local time less UTC, h, (zones, hours)."""
    sites = pl.read_csv(folder / "sites.csv")
    clock = dict(zip(sites["zone"], sites["tz"], strict=True))
    utc = pl.Series(np.arange(START, END).astype("datetime64[us]")).dt.replace_time_zone("UTC")
    rows = []
    for zone in zones:
        local = utc.dt.convert_time_zone(ZoneInfo(clock.get(zone, "UTC")).key)
        gap = local.dt.replace_time_zone(None) - utc.dt.replace_time_zone(None)
        rows.append(gap.dt.total_minutes().to_numpy() / 60.0)
    return np.array(rows)


def _prices(folder: Path) -> tuple[History, dict[str, Known]]:
    frame = pl.read_parquet(folder / "electricity_price_hourly.parquet")
    frame = frame.with_columns(pl.col("zone").cast(pl.String))
    markets = pl.read_csv(folder / "price_markets.csv")
    words = {str(kind): kind for kind in Known}
    kinds = {
        zone: words.get(kind, Known.MEASURED)
        for zone, kind in zip(markets["zone"], markets["kind"], strict=True)
    }
    zones = tuple(sorted(frame["zone"].unique()))
    value = _hours(frame, zones, "price_usd_per_mwh")
    known = tuple(kinds[zone] for zone in zones)
    return History(zones, START, value, _offsets(folder, zones), known), kinds


def _carbons(folder: Path, price: History, kinds: dict[str, Known]) -> History:
    frame = pl.read_parquet(folder / "carbon_intensity_hourly_em.parquet")
    frame = frame.with_columns(pl.col("zone").cast(pl.String))
    zones = tuple(sorted(frame["zone"].unique()))
    value = _hours(frame, zones, "ci_lca_g_per_kwh")
    clue = np.full_like(value, np.nan)
    for n, zone in enumerate(zones):
        if zone in price.ids:
            clue[n] = price.value[price.ids.index(zone)]
    return History(
        zones, START, value, _offsets(folder, zones), (Known.MEASURED,) * len(zones),
        clue, tuple(kinds.get(zone, Known.MEASURED) for zone in zones),
    )  # fmt: skip


BENCHMARK = Benchmark(
    name="forecasts",
    tells="forecasts of carbon and prices out of sample: error over that of persistence",
    sizes=tuple(SIZES),
    run=run,
)
