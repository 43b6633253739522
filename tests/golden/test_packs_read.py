"""Packs made, merged and checked; typical years; files of measuring tools; logs of requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.data.test_measured import BENCH, ZEUS
from tests.golden.inputs.pack_imports import (
    FIRST,
    IMPORTS,
    RTT,
    SPOILT,
    changed_manifests,
    new_rows,
)
from tests.golden.inputs.packs import GONE, LOGS, MEASURED, TABLES, WHOLE
from tests.golden.inputs.scenarios import world
from tests.golden.telling import Lines, kept, outcome, plain, put, tell
from tests.golden.test_imports import rows_of
from wattlas.data import typical
from wattlas.data.choices_file import read_choices
from wattlas.data.demand import local_clock, local_shape, population_demand, step_share
from wattlas.data.endpoints_file import read_endpoints
from wattlas.data.forecast_file import read_forecasts, read_vintages, read_weather
from wattlas.data.intensity_file import read_intensities
from wattlas.data.measured import derive
from wattlas.data.measured.facts import given
from wattlas.data.measured.names import hardware_of, names_of, point_id, slug
from wattlas.data.pack import MANIFEST, Pack, open_pack, shipped
from wattlas.data.pack_checks import check_path
from wattlas.data.pack_import import ImportResult, import_hours
from wattlas.data.pack_lock import NEXT, pack_to_change
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.profiles_file import read_profiles
from wattlas.data.request_log import LogColumns, read_log
from wattlas.data.request_log_text import scenario_lines, timezones_of
from wattlas.data.scenario_file import load
from wattlas.data.schema.hours import TIME
from wattlas.data.schema_models import LocalProfile, PopulationDemand
from wattlas.model.signals import Hours
from wattlas.studies.points import measured_points, points_frame, points_listing

HERE = Path(__file__).parent / "reading"


def _written(made: ImportResult) -> Lines:
    """What an import wrote, and the whole manifest."""
    lines = [f"{made.table}: {made.rows} rows of {', '.join(made.zones)}; {made.counts.words}"]
    lines += [*(f"note: {n}" for n in made.notes), *(f"gap: {g}" for g in made.gaps)]
    for name, entry in made.manifest.tables.items():
        facts = {k: v for k, v in entry.model_dump().items() if k != "sha256" and v}
        lines.append(f"{name}: {plain(facts)}")
        pack = Pack(made.folder, made.manifest)
        lines += rows_of(pack.frame(name))
    about = made.manifest
    lines.append(
        f"{about.name}, {about.title}, {about.kind}, {about.time}, "
        f"{about.intensity_kind}, {about.missing}"
    )
    return Lines(lines)


def _packs(folder: Path) -> Iterator[str]:
    """Hours that go into a pack, one after the other."""
    for name, (new, rules, options) in IMPORTS.items():
        yield f"== {name}"
        yield from outcome(
            lambda new=new, rules=rules, options=options: _written(
                import_hours(new, folder / "pack", rules, **options)
            )
        )
    yield "== checked"
    yield from outcome(lambda: check_path(str(folder / "pack")), derived=True)
    yield from tell(open_pack(str(folder / "pack")).provenance(), "from")
    yield "== into a typical pack, into one of facts"
    facts = PackHead(name="f", title="Facts", kind="facts", notice="Mind it")
    write_pack(folder / "f", facts, {"rtt_node_region": NewTable(RTT, "us")})
    yield from outcome(lambda: _written(import_hours(new_rows(FIRST), folder / "f")))
    egress = new_rows(RTT.rename({"rtt_ms": "egress_usd_per_gb"}), "egress", "egress_usd_per_gb")
    yield from outcome(lambda: _written(import_hours(egress, folder / "g")))
    pack = Pack(folder / "f", open_pack(str(folder / "f")).manifest)
    yield from outcome(lambda: pack.frame("egress"))
    yield f"{shipped('carbon', 'FR')} {shipped('price', 'FR')} {open_pack('typical-2023').tables}"
    typed = json.loads((folder / "pack" / MANIFEST).read_text()) | {"kind": "typical"}
    put(folder / "typical", MANIFEST, typed)
    yield from outcome(lambda: _written(import_hours(new_rows(FIRST), folder / "typical")))


def _spoilt(folder: Path) -> Iterator[str]:
    """Packs in which something is wrong, and writers that were killed."""
    head = PackHead("p", "P", missing=("price.A: nothing.", "and more"), generator=None)
    manifest = write_pack(folder / "p", head, SPOILT)
    yield from tell(manifest.told_gaps("price"), "told")
    yield from outcome(lambda: check_path(str(folder / "p")), derived=True)
    document = json.loads((folder / "p" / MANIFEST).read_text())
    for name, change in changed_manifests(document).items():
        yield f"== {name}"
        put(folder / "p", MANIFEST, {**document, **change})
        # A digest of Parquet is one of its writer's version.
        lines = outcome(lambda: check_path(str(folder / "p" / MANIFEST)), derived=True)
        yield from (
            line.replace(document["tables"]["nodes"]["sha256"][:12], "DIGEST") for line in lines
        )
        yield from (
            line.replace(document["tables"]["nodes"]["sha256"][:12], "DIGEST")
            for line in outcome(lambda: open_pack(str(folder / "p")).name)
        )
    put(folder / "p", MANIFEST, "{")
    yield from outcome(lambda: check_path(str(folder / "p")))
    yield from outcome(lambda: open_pack("nowhere", folder))
    yield from outcome(lambda: check_path(str(folder / "none")))
    for name, following in (
        ("whole", document),
        ("torn", {**document, "tables": {"price": {**document["tables"]["price"], "sha256": "1"}}}),
        ("odd", {}),
    ):
        put(folder / "p", NEXT, following)
        put(folder / "p", MANIFEST, {"old": 1})
        with pack_to_change(folder / "p"):
            now = json.loads((folder / "p" / MANIFEST).read_text())
        yield (
            f"{name}: {'taken' if now == document else 'forgotten'}, left "
            f"{(folder / 'p' / NEXT).exists()}"
        )


def _figures(rng: np.random.Generator, zones: int) -> typical.SeriesFigures:
    mean = rng.uniform(20, 60, (zones, 12, 24))
    std = rng.uniform(0, 30, (zones, 12, 24))
    std[:, 2] = 0.0
    tail = np.where(rng.random((zones, 12, 24)) < 0.5, 1.0, -1.0)
    low, high = (
        mean.min(axis=2) - rng.uniform(0, 20, (zones, 12)),
        mean.max(axis=2) + rng.uniform(0, 90, (zones, 12)),
    )
    return typical.SeriesFigures(mean, std, tail, low, high, rng.uniform(0, 1, zones))


def _typical(_folder: Path) -> Iterator[str]:
    """A typical year of figures of ours, its first hours and parts by which it is made."""
    rng = np.random.default_rng(5)
    correlation = np.array(
        [[1, 0.5, 0.2, 0], [0.5, 1, 0.1, 0.3], [0.2, 0.1, 1, 0.4], [0, 0.3, 0.4, 1]]
    )
    figures = typical.TypicalFigures(
        ("A", "B"), _figures(rng, 2), _figures(rng, 2), correlation, 2023, 7
    )
    made = typical.generate(figures, 4)
    yield f"{made.zones} {made.start} {made.price_usd_per_mwh.shape}"
    for name in ("price_usd_per_mwh", "average_g_per_kwh"):
        values = getattr(made, name)
        yield from tell(values[:, :48], name)
        yield from tell(values, f"all {name}")
        yield from tell(values[:, 59 * 24 :][:, :40].ravel()[:60], f"{name} without spread")
    yield from tell(typical.standard_normal(3, 9), "normal")
    yield from tell(typical.normal_pairs(3, 6, 2), "pairs")
    yield from tell(
        typical.latent_series(correlation, np.array([0.0, 0.3, 0.9, 1.0]), 12, 5), "latent"
    )
    yield from tell(
        typical.latent_series(correlation, np.array([0.0, 0.3, 0.9, 1.0]), 12, 5, 3),
        "latent, first",
    )
    yield from tell(typical.days_in_months(2024), "days")
    hours = np.random.default_rng(1).normal(40, 9, (2, 8760)).round(3)
    hours[1, :744] = 5.0
    left = typical.residuals(hours, 2023)
    yield from tell(left, "residuals")
    yield from tell(left[:, :30], "first residuals")
    yield from tell(typical.lag_one(np.vstack([hours.cumsum(axis=1), np.ones((1, 8760))])), "lag")
    cells = np.random.default_rng(2).normal(size=(6, 30))
    bounds = [
        np.array(v, dtype=float)
        for v in (
            [10, 10, 10, 10, 10, 10],
            [3, 30, 3, 0, 5, 5],
            [1, 1, -1, 1, -1, 1],
            [0, 9, 0, 0, 0, 10],
            [50, 12, 11, 20, 10, 30],
        )
    ]
    shaped = typical.shape_cells(cells, *bounds)
    yield from tell(
        np.stack([shaped.mean(axis=1), shaped.std(axis=1), shaped.min(axis=1), shaped.max(axis=1)]),
        "cells",
    )
    yield from (f"  {' '.join(plain(float(v)) for v in row[:10])}" for row in shaped)
    yield from _embedded()


def _embedded() -> Iterator[str]:
    """The embedded year up to March, as far as it is made for a study of hours."""
    pack = open_pack("typical-2023")
    until = np.datetime64("2023-02-03T00:00:00")
    frame = pack.frame("price", until)
    yield (
        f"{frame.height} {frame.columns} {frame['zone'].n_unique()} {frame[TIME].min()} "
        f"{frame[TIME].max()}"
    )
    yield from tell(frame["price_usd_per_mwh"].to_numpy(), "embedded")
    for text in (
        "2023-01-01T00:00:00",
        "2023-01-01T00:00:01",
        "2023-02-01T00:00:00",
        "2023-02-01T01:00:00",
        "2024-05-01T00:00:00",
        "2020-01-01T00:00:00",
    ):
        yield f"{text}: {pack._months(np.datetime64(text))} months"


def _typed_logs(folder: Path) -> Iterator[str]:
    """Logs in Parquet, whose times are of every type."""
    day = pl.datetime_range(datetime(2024, 5, 1), datetime(2024, 5, 1, 23), "1h", eager=True)
    times = {
        "naive": day,
        "zoned": day.dt.replace_time_zone("Asia/Tokyo"),
        "seconds": day.dt.epoch("s"),
        "milliseconds": day.dt.epoch("ms").cast(pl.Float64),
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
    "packs": _packs,
    "spoilt": _spoilt,
    "typical": _typical,
    "logs": _logs,
    "demand": _demand,
    "small": _small,
    "measured": _measured,
}


@pytest.mark.parametrize("name", CASES)
def test_packs_and_files_are_those_of_the_golden_file(name: str, tmp_path: Path) -> None:
    """Every row, sentence and figure is that which was read and found right."""
    kept(HERE / f"pack-{name}.txt", CASES[name](tmp_path), tmp_path)
