"""Forecasts see measured signals as they were known: late, and as they stood before a revision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wattlas
from tests.policy.forecasts.test_outlook import kinds, long_world, parts
from wattlas.data.forecast_file import read_vintages
from wattlas.errors import InputError, UsageError
from wattlas.model.issued import Issued
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Signals
from wattlas.policy.forecasts.features import PreparedHistory
from wattlas.policy.forecasts.judged import judged
from wattlas.policy.forecasts.outlook import SIGNALS, Files, FromPast, forecast_outlook
from wattlas.studies.foresight import Foresight

HOUR_S = 3600
LATE_H = (2, 30)
"""Hours after its beginning that an hour is first known, and revised; the third time is never."""


def seconds(utc: np.ndarray) -> np.ndarray:
    """Since 1970."""
    return np.asarray(utc.astype("datetime64[s]").astype(np.int64))


def drawn(world: Scenario, zone: str, seed: int = 1) -> Issued:
    """Two vintages of every hour of a zone's carbon but each seventh, as no one else says it."""
    draw, begin = np.random.default_rng(seed), seconds(world.hours.utc)
    begin = begin[np.arange(len(begin)) % 7 > 0]
    time_s = np.tile(begin, len(LATE_H))
    issued_s = time_s + HOUR_S * np.repeat(LATE_H, len(begin))
    value = draw.uniform(100, 900, len(time_s))
    return Issued((zone,), issued_s, time_s, np.zeros(len(time_s), dtype=np.int64), value)


def outlook_of(
    name: str,
    vintages: Issued | None = None,
    world: Scenario | None = None,
    signals: tuple[str, ...] = SIGNALS,
) -> FromPast:
    """Forecasts of four hours over the world of the other tests, or another."""
    past, now = parts(long_world() if world is None else world)
    files = Files() if vintages is None else Files(vintages={"carbon": vintages})
    outlook = forecast_outlook(
        now, name, past=past, look_ahead_h=4, published=kinds(now), files=files, signals=signals
    )
    assert isinstance(outlook, FromPast)
    return outlook


def carbon(outlook: FromPast, *steps: int) -> np.ndarray:
    """What is told of the fourth hour as steps begin, of carbon alone."""
    prepared = PreparedHistory.of(outlook.pasts.carbon)
    issued = outlook.pasts.span.first - 1 + np.array(steps)
    return outlook.models["carbon"].quantiles(prepared, issued, 4)


def known(world: Scenario, row: int, vintages: Issued, hour: int, now_s: int) -> float:
    """What was known of an hour at a moment, in plain words; nan for nothing."""
    begin = int(seconds(world.hours.utc[hour : hour + 1])[0])
    rows = np.flatnonzero(vintages.time_s == begin)
    if not len(rows):
        return float(world.signals.average_g_per_kwh[row, hour])
    there = [n for n in rows if vintages.issued_s[n] <= now_s]
    return vintages.value[max(there, key=lambda n: vintages.issued_s[n])] if there else np.nan


def known_or_last(world: Scenario, row: int, vintages: Issued, hour: int, issue: int) -> float:
    """What was known of an hour as the hour of issue ended, else the last one known by then."""
    now_s = int(seconds(world.hours.utc[issue : issue + 1])[0]) + HOUR_S
    value, last = known(world, row, vintages, hour, now_s), issue
    while not np.isfinite(value):
        value = known(world, row, vintages, last, now_s)
        last -= 1
    return value


def test_persistence_of_what_was_known() -> None:
    """The same hour of the last day as it was known by then, else the last hour of which anything
    was; a zone without vintages as ever."""
    world = long_world()
    past, now = parts(world)
    zone = now.regions[0].zone
    vintages = drawn(world, zone)
    plain, outlook = outlook_of("persistence"), outlook_of("persistence", vintages)
    row, first = world.signals.zone_index(zone), past.hours.count
    came = now.demand_per_h
    for step in (0, 5, 30):
        made = outlook.at(step, came[:, :, :step])
        others = plain.at(step, came[:, :, :step])
        for r, region in enumerate(now.regions):
            if region.zone != zone:
                assert (made.carbon_g_per_kwh[r] == others.carbon_g_per_kwh[r]).all()
                continue
            for ahead in range(4):
                at = first + step + ahead - 24
                value = known_or_last(world, row, vintages, at, first + step - 1)
                assert made.carbon_g_per_kwh[r, ahead] == value
        assert (made.price_usd_per_mwh == others.price_usd_per_mwh).all()


@pytest.mark.parametrize("name", ["persistence", "climatology", "boosted"])
def test_vintages_of_the_truth_at_once_change_nothing(name: str) -> None:
    """Each hour known as it ended, and never revised."""
    world = long_world()
    zones = tuple(world.signals.zones)
    time_s = np.tile(seconds(world.hours.utc), len(zones))
    zone = np.repeat(np.arange(len(zones)), world.hours.count)
    value = world.signals.average_g_per_kwh.ravel()
    vintages = Issued(zones, time_s + HOUR_S, time_s, zone, value)
    plain, outlook = (outlook_of(name, each, signals=("carbon",)) for each in (None, vintages))
    made = [carbon(each, 0, 7, 90) for each in (plain, outlook)]
    np.testing.assert_allclose(made[0], made[1], rtol=1e-12)
    if name == "boosted":
        return  # as climatology is, and for longer
    tables = [judged(each, (1, 4), signals=("carbon",)) for each in (outlook, plain)]
    for column in ("hours", "mean_absolute_error", "persistence_error"):
        np.testing.assert_allclose(tables[0][column], tables[1][column], rtol=1e-12)


@pytest.mark.parametrize("name", ["climatology", "boosted"])
def test_nothing_of_later_is_seen(name: str) -> None:
    """What is published after a step begins, and the final values of hours that have vintages,
    change none of its forecasts, nor what a model learnt."""
    world, step = long_world(), 0
    now = parts(world)[1]
    vintages = drawn(world, now.regions[0].zone)
    later = vintages.issued_s > int(seconds(now.hours.utc[step : step + 1])[0])
    assert 0 < later.sum() < len(later)
    others = replace(vintages, value=np.where(later, vintages.value * 3.0 + 50.0, vintages.value))
    final = world.signals.average_g_per_kwh.copy()
    covered = np.isin(seconds(world.hours.utc), vintages.time_s)
    final[world.signals.zone_index(now.regions[0].zone), covered] *= 2.0
    changed = replace(
        world, signals=Signals(world.signals.zones, world.signals.price_usd_per_mwh, final)
    )
    made = [
        carbon(outlook_of(name, *each, ("carbon",)), step)
        for each in ((vintages, world), (others, changed), (None, world))
    ]
    assert (made[0] == made[1]).all()
    assert (made[0] != made[2]).any()


def test_a_reference_knows_no_more_either() -> None:
    """Persistence, judged, is as good as itself; its error is that of what was known of the day
    before against what came."""
    world, ahead = long_world(), 4
    past, now = parts(world)
    zone = now.regions[0].zone
    vintages = drawn(world, zone)
    table = judged(outlook_of("persistence", vintages), (ahead,), signals=("carbon",))
    row = table["series"].index(zone)
    z, first = world.signals.zone_index(zone), past.hours.count
    hours = range(first, world.hours.count)
    errors = [
        [
            abs(known_or_last(world, z, vintages, at, hour - ahead) - truth)
            for at in (hour - 24, hour - ahead)
        ]
        for hour in hours
        for truth in world.signals.average_g_per_kwh[z, hour : hour + 1]
    ]
    assert table["hours"][row] == len(hours)
    day_ago, latest = np.mean(errors, axis=0)
    assert table["mean_absolute_error"][row] == pytest.approx(day_ago)
    assert table["persistence_error"][row] == pytest.approx(min(day_ago, latest))


def written(path: Path, world: Scenario, zone: str) -> Path:
    """A file of drawn vintages."""
    vintages = drawn(world, zone)
    at = [np.datetime64(0, "s") + column for column in (vintages.issued_s, vintages.time_s)]
    rows = [f"{a}Z,{b}Z,{zone},{v:.3f}" for a, b, v in zip(*at, vintages.value, strict=True)]
    path.write_text("\n".join(["issued_utc,time_utc,zone,carbon_g_per_kwh", *rows]) + "\n")
    return path


def test_a_replay_says_what_its_forecasts_knew(tmp_path: Path) -> None:
    """And is dearer or cheaper for it; zones that the file lacks are told."""
    tiny = long_world()
    tiny = replace(tiny, demand_per_h=tiny.demand_per_h * 0.01)
    past, now = parts(tiny)
    zone, *others = dict.fromkeys(region.zone for region in now.regions)
    file = written(tmp_path / "v.csv", tiny, zone)
    objective = replace(now.objective, carbon_price_usd_per_t=500.0)
    made = [
        wattlas.replay(
            replace(now, objective=objective), "rolling", wattlas.Traffic(even=True),
            trial=wattlas.Trial(hours=6), foresight=Foresight(look_ahead_h=4, past=past, **told),
        )
        for told in ({}, {"vintages": file})
    ]  # fmt: skip
    kg = [each["rolling"].totals.carbon_kg for each in made]
    assert kg[0] != pytest.approx(kg[1], rel=1e-6)
    assert f"no carbon of {', '.join(others)}" in " ".join(made[1].notes)
    assert "as their vintages say" in made[1].notes[-1]
    assert "as their vintages say" not in " ".join(made[0].notes)
    table = wattlas.forecast_skill(now, "persistence", past=past, vintages=file)
    assert any("as the scenario holds it" in note for note in table.notes)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (["2023-06-02T05:59Z,2023-06-02T05:00Z,DE,1"], "before their hour was over"),
        (["2023-06-02T06:00Z,2023-06-02T05:00Z,DE,1"] * 2, "given twice"),
        (["2023-06-02T06:00Z,2023-06-02T05:00Z,DE,-1"], "-1"),
        ([], "there are none"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, rows: list[str], wanted: str) -> None:
    """One error, with the file."""
    file = tmp_path / "v.csv"
    file.write_text("\n".join(["issued_utc,time_utc,zone,carbon_g_per_kwh", *rows]) + "\n")
    with pytest.raises(InputError, match=wanted) as caught:
        read_vintages(file)
    assert str(file) in str(caught.value)


def test_the_truth_has_no_vintages() -> None:
    """What knows all that comes cannot be told less."""
    past, now = parts(long_world())
    make: Callable[[], object] = lambda: forecast_outlook(  # noqa: E731
        now, "perfect", past=past, files=Files(vintages={"carbon": drawn(now, "x")})
    )
    with pytest.raises(UsageError, match="knows the truth"):
        make()
