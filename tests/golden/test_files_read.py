"""Logs of requests, demand, small files of surveys and profiles, files of measuring tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.data.test_measured import BENCH, ZEUS
from tests.golden.inputs.packs import GONE, LOGS, MEASURED, TABLES, WHOLE
from tests.golden.inputs.scenarios import world
from tests.golden.telling import Lines, kept, outcome, plain, put, tell
from wattlas.data.choices_file import read_choices
from wattlas.data.demand import local_clock, local_shape, population_demand, step_share
from wattlas.data.endpoints_file import read_endpoints
from wattlas.data.forecast_file import read_forecasts, read_vintages, read_weather
from wattlas.data.intensity_file import read_intensities
from wattlas.data.measured import derive
from wattlas.data.measured.facts import given
from wattlas.data.measured.layouts import LAYOUTS
from wattlas.data.measured.names import hardware_of, names_of, point_id, slug
from wattlas.data.profiles_file import read_profiles
from wattlas.data.request_log import LogColumns, read_log
from wattlas.data.request_log_text import scenario_lines, timezones_of
from wattlas.data.scenario_file import load
from wattlas.data.schema_models import LocalProfile, PopulationDemand
from wattlas.model.signals import Hours
from wattlas.studies.points import measured_points, points_frame, points_listing

HERE = Path(__file__).parent / "reading"


def _typed_logs(folder: Path) -> Iterator[str]:
    """Logs in Parquet, whose times are of every type."""
    day = pl.datetime_range(datetime(2024, 5, 1), datetime(2024, 5, 1, 23), "1h", eager=True)
    times = {
        "naive": day,
        "zoned": day.dt.replace_time_zone("Asia/Tokyo"),
        "seconds": day.dt.epoch("s"),
        "milliseconds": day.dt.epoch("ms").cast(pl.Float64),
        "microseconds": day.dt.epoch("us"),
        "nanoseconds": day.dt.epoch("ns"),
        "lists": day.dt.epoch("s").to_frame("t").select(pl.concat_list("t"))["t"],
    }
    for name, column in times.items():
        frame = pl.DataFrame({"t": column, "m": "oslo", "k": "a"})
        frame.write_parquet(file := folder / f"{name}.parquet")
        for zone in ("", "Europe/Oslo"):
            columns = LogColumns("t", "m", "k", time_zone=zone)
            yield f"== {name} {zone}"
            yield from outcome(lambda f=file, c=columns: read_log([f], c, {"oslo": "Asia/Tokyo"}))
    broken = put(folder, "b.parquet", b"PAR1")
    yield from outcome(lambda: read_log([broken], LogColumns("t", "m", "k"), {}))


def _logs(folder: Path) -> Iterator[str]:
    zones = {"oslo": "Europe/Oslo", "delhi": "Asia/Kolkata"}
    for name, (text, more) in LOGS.items():
        file = put(folder, f"log.{'jsonl' if name == 'jsonl' else 'csv'}", text)
        tokens = {"tokens_in": "i", "tokens_out": "o"} if name == "jsonl" else {}
        columns = LogColumns("t", "m", "k", **tokens, **more)
        for options in ({}, {"each_day": True, "unplaced": "spread"}):
            yield f"== {name} {options}"
            for known in (zones, {"oslo": zones["oslo"]}) if not options else ({},):

                def read(
                    file: Path = file,
                    known: Mapping[str, str] = known,
                    options: Any = options,
                    columns: LogColumns = columns,
                ) -> Lines:
                    made = read_log([file], columns, known, **options)
                    return Lines([*tell(made), *scenario_lines(made, "totals.csv").split("\n")])

                yield from outcome(read)
    yield from _typed_logs(folder)
    yield from outcome(lambda: read_log([folder / "none.csv"], LogColumns("t", "m", "k"), {}))
    yield from tell(dict(sorted(timezones_of(None, "country").items())[:6]), "clouds")
    table = put(
        folder,
        "m.csv",
        "metro,timezone,population,country\na,Europe/Oslo,3,NO\nb,Asia/Tokyo,9,NO\n"
        "c,Mars/Base,99,NO\n",
    )
    yield (
        f"{timezones_of(str(table), 'metro')} {timezones_of(str(table), 'country')} "
        f"{timezones_of(str(table), 'city')}"
    )
    yield from outcome(
        lambda: timezones_of(str(put(folder, "n.csv", "metro,population\na,x\n")), "metro")
    )


def _demand(_folder: Path) -> Iterator[str]:
    """Clocks, shapes and people's demand."""
    utc = np.arange(
        np.datetime64("2024-10-26T20:00", "s"),
        np.datetime64("2024-10-27T05:00", "s"),
        np.timedelta64(30, "m"),
    )
    for zone in (
        "Europe/Berlin",
        "Asia/Kathmandu",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "UTC",
    ):
        clock = local_clock(utc, zone)
        yield from tell(clock[0], f"{zone} hour")
        yield from tell(clock[1], f"{zone} weekday")
        profile = LocalProfile(hour_weights="office", weekend_factor=0.25)
        yield from tell(local_shape(clock, 0.5, profile, {}) * 1000, f"{zone} share")
    yield from tell(
        step_share(np.array([0.0, 0.5, 23.5, 22.75]), np.arange(24) / 276, 1.5) * 1000,
        "over midnight",
    )
    document = PopulationDemand.model_validate(
        {
            "requests_per_person_day": 1.0,
            "classes": {
                "a": {"share": 0.25, "hour_weights": "waking"},
                "b": {"share": 0.75, "weekend_factor": 0.5},
            },
        }
    )
    made = population_demand(
        utc,
        0.5,
        document,
        [1e6, 2e6],
        [0.1, 0.02],
        ["Europe/Berlin", "Asia/Tokyo"],
        ["b", "x", "a"],
    )
    yield from tell(made, "people")
    yield from (
        f"  {' '.join(plain(float(v)) for v in row)}" for row in made.reshape(-1, len(utc))[:, :8]
    )


def _small(folder: Path) -> Iterator[str]:
    """Forecasts, weather, intensities, endpoints, choices and profiles."""
    scenario = load(world(folder / "w"))
    readers: dict[str, Callable[[Path], Any]] = {
        "forecasts": read_forecasts,
        "vintages": read_vintages,
        "weather": read_weather,
        "intensity": read_intensities,
        "choices": read_choices,
        "profiles": read_profiles,
        "endpoints": lambda f: read_endpoints(str(f), scenario),
    }
    for name, text in TABLES.items():
        yield f"== {name}"
        file = put(folder, f"{name}.csv", text)
        reader = readers[name.split(".")[0]]
        yield from outcome(lambda file=file, reader=reader: reader(file), derived=True)
    hours = Hours.range("2023-06-04T00:00", 2)
    yield from outcome(lambda: read_intensities(folder / "intensity.sound.csv", hours))
    yield from outcome(
        lambda: read_intensities(folder / "intensity.sound.csv", Hours.range("2024-06-04T00:00", 2))
    )
    for text in ("http://{region}.x:8000/{point}", "http://x", "{region}://", "none.csv"):

        def answered(text: str = text) -> Lines:
            ends = read_endpoints(text, scenario)
            return Lines(
                [
                    f"{r}/{o}: {plain(tuple(tell(ends.of(r, o, 'V 1'))))}"
                    for r in ("north", "south")
                    for o in ("big", "tiny")
                ]
            )

        yield f"== {text}"
        yield from outcome(answered)
    ends = read_endpoints(str(folder / "endpoints.sound.csv"), scenario)
    for region, point in (("north", "big"), ("north", "tiny"), ("south", "tiny"), ("south", "big")):
        yield from outcome(lambda r=region, p=point: ends.of(r, p, "v"), derived=True)
    for name in ("x.json", "none.csv", "no-pack"):
        yield from outcome(
            lambda name=name: read_profiles(
                put(folder, name, "{}") if name == "x.json" else name, folder
            )
        )


def _measured(folder: Path) -> Iterator[str]:
    for name, (content, facts, terms) in MEASURED.items():
        yield f"== {name}"
        file = put(
            folder,
            f"run.{'csv' if isinstance(content, str) and content != '{' else 'json'}",
            content,
        )
        yield from outcome(lambda file=file, facts=facts, terms=terms: _told(file, facts, **terms))
    bench = put(folder, "bench.json", BENCH)
    log = put(folder, "log.csv", ZEUS)
    counts = {"accuracy": ["0.6"], "accelerators": ["2"]}
    for window in ("answer", "", "none"):
        yield from outcome(
            lambda window=window: _told(bench, counts, energy_log=log, window=window)
        )
    yield from outcome(lambda: _told(bench, counts, energy_log=bench))
    yield from outcome(lambda: _told(bench, counts, window="x"))
    yield from outcome(lambda: _told(bench, {**counts, "power_w": ["1"]}, energy_log=log))
    yield from outcome(lambda: _told(folder / "none.json", counts))
    yield from outcome(lambda: _told(put(folder, "x.txt", "a"), counts))
    yield from _derived()


def _told(file: Path, facts: Any, **terms: Any) -> Lines:
    made = measured_points([file], facts, **terms)
    listing = points_listing(made)
    frame = points_frame(made)
    columns = {name: frame[name].to_list() for name in frame.columns}
    shown = [f"{name}: {plain(values)}" for name, values in columns.items()]
    return Lines(
        [
            *shown,
            f"{listing.title}: {' | '.join(c.heading for c in listing.columns)}",
            *(f"note: {n}" for n in made.notes),
        ]
    )


def _derived() -> Iterator[str]:
    """Each quantity of a measurement by every way there is, and what each lacks."""
    ways = {
        "energy": lambda v: derive.token_energy(v, 0.3),
        "no prompts": lambda v: derive.token_energy(v, 0.0),
        "time": lambda v: derive.token_gpu_s(v, 0.3),
        "of a request": derive.request_energy,
        "time of a request": derive.request_gpu_s,
        "between": derive.token_time,
        "rate": derive.tokens_out_per_s,
        "it": derive.it_energy_j,
        "tokens": derive.has_tokens,
    }
    for names in GONE:
        values = {k: v for k, v in WHOLE.items() if k not in names}
        told = []
        for name, way in ways.items():
            try:
                told.append(f"{name} {plain(way(values))}")
            except derive.Lacking as lack:
                told.append(f"{name} lacks {lack.fact}")
        yield f"without {', '.join(names) or 'nothing'}: {'; '.join(told)}"
    yield from _called()


def _called() -> Iterator[str]:
    """What measurements are called, and the facts that options give of them."""
    for values in (
        {"model": "Lab/Heron 7B/", "hardware": "H100", "accelerators": 2.0, "setting": 16.0},
        {"run": "my run"},
        {"hardware": "8x H100", "accelerators": 8.0},
        {"hardware": "4 x L4"},
        {},
    ):
        yield (
            f"{values}: {point_id(values, 'a/b.json')} {names_of(values, 'a/b.json')} "
            f"{hardware_of(values)!r}"
        )
    yield slug("Qwen/Qwen3 14B")
    for layout in LAYOUTS.values():
        yield f"{layout.id}: {layout.title}, {layout.kind}, {layout.rows} by {layout.key}"
        yield f"   known by {layout.signs}"
        for each in layout.fields:
            yield f"   {each.quantity} {each.path} {each.unit!r} {each.how} {each.factor:g}"
    facts, problems = given(
        {
            "accuracy": ["0", "m=1", "m=0.5", "=2"],
            "accelerators": ["0"],
            "tokens_in": ["0"],
            "model": ["a=b=c"],
            "ttft_ms": ["nan", "inf", "1e3"],
        }
    )
    yield from (*tell(facts.values, "given"), *map(str, problems))
    yield (
        f"{facts.of('accuracy', ['x', 'm'])} {facts.of('accuracy', ['x'])} "
        f"{facts.of('power_w', [])} {sorted(facts.used)}"
    )
    yield from (f"unused {p}" for p in facts.unused(["m"]))
    yield from (f"strangers {p}" for p in facts.unused(["m"], strangers=True))


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "logs": _logs,
    "demand": _demand,
    "small": _small,
    "measured": _measured,
}


@pytest.mark.parametrize("name", CASES)
def test_files_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every row, sentence and figure is that which was read and found right."""
    kept(HERE / f"pack-{name}.txt", CASES[name](tmp_path), tmp_path)
