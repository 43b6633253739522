"""Packs made, merged and checked; typical years; files of measuring tools; logs of requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.data.test_measured import AIPERF, BENCH, CARBON, GENAI, IMAGES, LLMPERF, RUNS, TIMM, ZEUS
from tests.golden.telling import Lines, kept, outcome, plain, put, tell
from tests.golden.test_imports import rows_of
from tests.golden.test_scenarios_read import FILES, world
from tests.golden.test_tables_read import hourly, without
from wattlas.data import typical
from wattlas.data.choices_file import read_choices
from wattlas.data.demand import local_clock, local_shape, population_demand, step_share
from wattlas.data.endpoints_file import read_endpoints
from wattlas.data.forecast_file import read_forecasts, read_weather
from wattlas.data.importers import Imported, Rules
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


def _new(
    frame: pl.DataFrame, table: str = "price", value: str = "price_usd_per_mwh", **fields: Any
) -> Imported:
    frame = frame.rename({"price_usd_per_mwh": value}) if value not in frame.columns else frame
    return Imported(
        **{"table": table, "frame": frame, "values": (value,), "source": "us", **fields}
    )


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
    first, later = hourly("2023-06-01", 6, A=40, B=50), hourly("2023-06-01T06:00", 3, A=7, B=8)
    changed = first.with_columns(pl.col("price_usd_per_mwh") + (pl.col("zone") == "A").cast(int))
    half = hourly("2023-06-01T02:00", 4, 30, A=90)
    rtt = pl.DataFrame(
        {"node": ["n", "n", "m"], "region": ["r", "s", "r"], "rtt_ms": [1.0, 2.5, None]}
    )
    again = rtt.with_columns(pl.col("rtt_ms") * 2)
    carbon = {"table": "carbon", "value": "average_g_per_kwh"}
    beside = {"table": "carbon", "value": "marginal_g_per_kwh"}
    steps: dict[str, tuple[Imported, Rules, Mapping[str, Any]]] = {
        "new": (
            _new(first, notes=("as read", "x; y")),
            Rules(),
            {"name": "mine", "title": "My hours"},
        ),
        "more": (_new(later, source="them", licence="CC"), Rules(), {}),
        "the same": (_new(first), Rules(), {}),
        "changed": (_new(changed), Rules(), {}),
        "changed, replaced": (_new(changed, unit_from="--unit"), Rules(), {"overwrite": True}),
        "after a hole": (_new(hourly("2023-06-01T12:00", 2, A=1)), Rules(), {}),
        "before": (_new(hourly("2023-05-31T18:00", 2, B=1)), Rules(), {}),
        "after a hole, allowed": (
            _new(hourly("2023-06-01T12:00", 2, A=1)),
            Rules(allow_gaps=True),
            {},
        ),
        "filled": (
            _new(without(hourly("2023-06-01T09:00", 4, B=60), "B", 1)),
            Rules(fill="linear"),
            {},
        ),
        "half hours": (_new(half), Rules(keep_steps=True), {}),
        "half hours, replaced": (_new(half), Rules(keep_steps=True), {"overwrite": True}),
        "carbon": (_new(hourly("2023-06-01", 4, A=300, B=30), **carbon), Rules(), {}),
        "carbon of another kind": (
            _new(hourly("2023-06-01", 4, A=300), **carbon, intensity="direct"),
            Rules(),
            {},
        ),
        "marginal beside": (_new(hourly("2023-06-01", 4, A=900), **beside), Rules(), {}),
        "marginal in halves": (
            _new(hourly("2023-06-01", 8, 30, A=900), **beside),
            Rules(keep_steps=True),
            {"overwrite": True},
        ),
        "carbon of other hours": (_new(hourly("2023-08-01", 4, C=300), **carbon), Rules(), {}),
        "demand": (
            _new(
                hourly("2023-06-01", 2, m=5)
                .with_columns(pl.lit("k").alias("class"))
                .rename({"zone": "metro"}),
                "demand",
                "requests_per_h",
            ),
            Rules(),
            {},
        ),
        "pairs": (_new(rtt, "rtt_node_region", "rtt_ms"), Rules(), {}),
        "pairs again": (_new(again, "rtt_node_region", "rtt_ms"), Rules(), {}),
        "pairs replaced": (_new(again, "rtt_node_region", "rtt_ms"), Rules(), {"overwrite": True}),
        "pairs wrong": (
            _new(
                rtt.with_columns(pl.lit("n").alias("node"), pl.lit(-1.0).alias("rtt_ms")),
                "rtt_node_region",
                "rtt_ms",
            ),
            Rules(),
            {},
        ),
        "pairs of nothing": (
            _new(
                rtt.with_columns(pl.lit(None, pl.Float64).alias("rtt_ms")),
                "rtt_node_region",
                "rtt_ms",
            ),
            Rules(),
            {},
        ),
    }
    for name, (new, rules, options) in steps.items():
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
    write_pack(folder / "f", facts, {"rtt_node_region": NewTable(rtt, "us")})
    yield from outcome(lambda: _written(import_hours(_new(first), folder / "f")))
    egress = _new(rtt.rename({"rtt_ms": "egress_usd_per_gb"}), "egress", "egress_usd_per_gb")
    yield from outcome(lambda: _written(import_hours(egress, folder / "g")))
    pack = Pack(folder / "f", open_pack(str(folder / "f")).manifest)
    yield from outcome(lambda: pack.frame("egress"))
    yield f"{shipped('carbon', 'FR')} {shipped('price', 'FR')} {open_pack('typical-2023').tables}"
    typed = json.loads((folder / "pack" / MANIFEST).read_text()) | {"kind": "typical"}
    put(folder / "typical", MANIFEST, typed)
    yield from outcome(lambda: _written(import_hours(_new(first), folder / "typical")))


def _spoilt(folder: Path) -> Iterator[str]:
    """Packs in which something is wrong, and writers that were killed."""
    tables = {
        "price": NewTable(hourly("2023-06-01", 30, A=40, B=50), "us"),
        "carbon": NewTable(
            hourly("2023-06-01", 30, A=300, C=0.3).rename(
                {"price_usd_per_mwh": "average_g_per_kwh"}
            ),
            "us",
            unit_from="us",
        ),
        "regions": NewTable(
            pl.DataFrame(
                {
                    "region": ["r", "s", "s"],
                    "name": ["R", "S", None],
                    "zone": ["A", "D", "A"],
                    "country": ["NO", "IN", "IN"],
                    "jurisdiction": ["EU", "IN", "IN"],
                    "lat_deg": [60.0, 10.0, None],
                    "lon_deg": [-10.7, 60.0, 5.0],
                    "timezone": ["Europe/Oslo", "Mars/Base", "Europe/Oslo"],
                    "pue": [1.1, 4.0, 0.5],
                }
            ),
            "us",
        ),
        "rtt_node_region": NewTable(
            pl.DataFrame({"node": ["n", "n"], "region": ["r", "x"], "rtt_ms": [5000.0, 1.0]}), "us"
        ),
        "nodes": NewTable(
            pl.DataFrame({"node": ["n"], "lat_deg": [10.0], "lon_deg": [60.0], "region": ["q"]}),
            "us",
        ),
    }
    head = PackHead("p", "P", missing=("price.A: nothing.", "and more"), generator=None)
    manifest = write_pack(folder / "p", head, tables)
    yield from tell(manifest.told_gaps("price"), "told")
    yield from outcome(lambda: check_path(str(folder / "p")), derived=True)
    document = json.loads((folder / "p" / MANIFEST).read_text())
    changes: dict[str, Any] = {
        "time": {"time": {"start_utc": "2023-06-01T02:00:00Z", "hours": 40, "step_h": 1.0}},
        "unknown": {
            "kind": "other",
            "tables": {"x": {"file": "a", "sha256": "0", "rows": -1, "more": 1}},
            "odd": 2,
        },
        "files": {
            "tables": {
                "price": {**document["tables"]["price"], "file": "../x.csv"},
                "carbon": {**document["tables"]["carbon"], "file": "no.parquet"},
                "prices": document["tables"]["regions"],
                "nodes": {**document["tables"]["nodes"], "sha256": "0" * 64},
            }
        },
        "typical": {"kind": "typical"},
    }
    for name, change in changes.items():
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


LOGS: dict[str, tuple[str, dict[str, Any]]] = {
    "jsonl": (
        "".join(
            json.dumps(
                {"t": f"2024-05-{d:02}T{h:02}:10:00Z", "m": m, "k": k, "i": 100 + h, "o": 5 * d}
            )
            + "\n"
            for d in range(1, 9)
            for h in range(0, 24, 1 + d % 3)
            for m, k in (("oslo", "a"), ("delhi", "b"))
        ),
        {},
    ),
    "csv": (
        "t,m,k\n"
        + "".join(f"2024-05-{d:02} {h:02}:10:00,oslo,a\n" for d in (1, 2) for h in range(24))
        + "2024-05-03 01:00:00,,a\n2024-05-02 05:00:00,,a\n",
        {"time_zone": "Europe/Oslo"},
    ),
    "epochs": (
        "t,m,k\n"
        + "".join(
            f"{1714521600 + 3600 * h},oslo,a\n{(1714521600 + 3600 * h) * 1000},oslo,b\n"
            for h in range(24)
        ),
        {},
    ),
    "no zone": ("t,m,k\n2024-05-01 00:00:00,oslo,a\n", {}),
    "no day": ("t,m,k\n2024-05-01T05:00:00Z,oslo,a\n", {}),
    "no class": ("t,m,k\n" + "".join(f"2024-05-01T{h:02}:00:00Z,oslo,\n" for h in range(24)), {}),
    "no place": ("t,m,k\n" + "".join(f"2024-05-01T{h:02}:00:00Z,,a\n" for h in range(24)), {}),
    "no column": ("time,m,k\n2024-05-01T05:00:00Z,oslo,a\n", {}),
    "no rows": ("t,m,k\n", {}),
}


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


ISSUED = "issued_utc,time_utc,zone,price_usd_per_mwh,carbon_g_per_kwh\n"
CHOICES = "respondent,task,alternative,accuracy,latency_ms,carbon_g,price_usd,chosen,segment,more\n"
PROFILES = (
    "point,variant,accuracy,prefill_j_per_token,decode_j_per_token,"
    "prefill_gpu_s_per_token,decode_gpu_s_per_token,ttft_ms,itl_ms,level\n"
)
TABLES: dict[str, str] = {
    "forecasts.sound": ISSUED + "2024-05-01T00:00Z,2024-05-01T05:00Z,NO,3,\n"
    "2024-05-01T01:00Z,2024-05-01T05:00Z,NO,4,30\n"
    "2024-05-01T00:00Z,2024-05-01T05:00Z,DE,-5,9\n",
    "forecasts.late": ISSUED
    + "2024-05-01T06:00Z,2024-05-01T05:00Z,NO,3,-1\n2024-05-01T06:00Z,2024-05-01T05:00Z,NO,3,1\n",
    "forecasts.nothing": "issued_utc,time_utc,zone\n2024-05-01T00:00Z,2024-05-01T05:00Z,NO\n",
    "forecasts.empty": ISSUED,
    "forecasts.columns": "time_utc,price\n1,2\n",
    "weather.sound": "time_utc,zone,temperature_c,humidity_pct\n2024-05-01T00:00Z,NO,3,\n"
    "2024-05-01T01:00Z,DE,4,90\n",
    "weather.issued": "issued_utc,time_utc,zone,wind_speed_m_per_s\n"
    "2024-05-01T00:00Z,2024-05-01T03:00Z,NO,3\n",
    "weather.wrong": "time_utc,zone,humidity_pct\n2024-05-01T00:00Z,NO,130\n",
    "intensity.sound": FILES["carbon.csv"],
    "intensity.gap": "time_utc,zone,average_g_per_kwh\n"
    "2024-05-01T00:00Z,A,3\n2024-05-01T02:00Z,A,4\n"
    "2024-05-01T01:00Z,B,4\n",
    "intensity.empty": "time_utc,zone,average_g_per_kwh\n",
    "intensity.wrong": "time_utc,zone,average_g_per_kwh\n2024-05-01T00:00Z,A,-3\n",
    "endpoints.sound": "region,point,url,service,model\nnorth,big,http://10.0.0.1:8000,svc,m1\n"
    "north,,https://[2001:db8::1]:8443,,\nsouth,tiny,http://x.example,,\n",
    "endpoints.wrong": "region,point,url\nnort,bigg,ftp://x\nnorth,,\n"
    "south,,http://a\nsouth,,http://b/v1/\n"
    "south,big,http://a:99999\n",
    "choices.sound": CHOICES + "r,1,a,0.8,200,0.3,0.01,1,s,x\nr,1,b,0.7,300,0.1,0.005,0,s,x\n"
    "q,1,a,0.8,200,0.3,0.01,0,t,x\nq,1,none,,,,,1,t,x\n",
    "choices.wrong": CHOICES + "r,1,a,80,200,0.3,0.01,1,s,x\nr,1,a,0.7,-3,0.1,-0.005,1,t,x\n"
    "q,1,a,0.8,fast,0.3,0.01,0,t,x\np,1,a,0.8,3,0.3,0.01,1,t,x\n",
    "choices.wide": "respondent,price_1,price_2,time_1,time_2,choice\nr,1,2,3,4,1\n",
    "choices.turned": "x,a,b\nrespondent,1,2\ntask,1,1\naccuracy,1,1\nchosen,1,0\n",
    "choices.empty": CHOICES,
    "profiles.sound": PROFILES
    + "a,v,0.8,0.1,0.2,0.01,0.02,9,3,1\nb,w,0.9,0.1,0.2,0.01,0.02,9,3,2\n",
    "profiles.falling": PROFILES
    + "a,v,0.8,0.1,0.2,0.01,0.02,9,3,1\nb,w,0.7,0.1,0.2,0.01,0.02,9,3,2\n"
    "b,w,7,0.1,,0.01,0.02,9,3,2\n",
    "profiles.requests": "point,variant,accuracy,request_j,request_gpu_s,"
    "ttft_ms\na,v,0.8,3,0.5,20\n"
    "b,v,0.8,,0.5,\n",
    "profiles.empty": PROFILES,
    "profiles.of a tool": RUNS,
    "profiles.vision": "model,accuracy,images_per_s,device,batch,pixels\na,0.8,500,H100,64,224\n"
    "b,0.7,100,H10,,\na,0.8,500,H100,64,224\n",
    "profiles.percent": "model,top1,images_per_s,power_w,energy_j\na,0.8,500,300,\nb,0.7,100,,2\n",
    "profiles.energy": "model,top1,images_per_s,power_w,energy_j\na,80,500,300,\nb,70,100,,2\n",
}


def _small(folder: Path) -> Iterator[str]:
    """Forecasts, weather, intensities, endpoints, choices and profiles."""
    scenario = load(world(folder / "w"))
    readers: dict[str, Callable[[Path], Any]] = {
        "forecasts": read_forecasts,
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


MEASURED: dict[str, tuple[Any, dict[str, list[str]], dict[str, Any]]] = {
    "vllm": (
        BENCH,
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"], "hardware": ["L40S"]},
        {},
    ),
    "vllm by power": (
        BENCH,
        {"accuracy": ["0.6"], "accelerators": ["2"], "power_w": ["900"], "ttft_ms": ["99"]},
        {"prompt_share": 0.25},
    ),
    "vllm without": (BENCH, {"accuracy": ["1.5", "x"], "energy_j": ["-1"], "hardware": [""]}, {}),
    "vllm lacking": (BENCH, {}, {}),
    "vllm and strangers": (
        BENCH,
        {
            "accuracy": ["0.6", "hero=0.7"],
            "accelerators": ["2"],
            "energy_j": ["1", "2"],
            "tokens_in": ["9"],
        },
        {},
    ),
    "vllm not wanted": (
        BENCH,
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"]},
        {"only": "plover"},
    ),
    "vllm of another": (BENCH, {}, {"layout": "aiperf"}),
    "vllm of a table": (RUNS, {}, {"layout": "vllm-bench"}),
    "aiperf": (AIPERF, {"accuracy": ["0.6"], "accelerators": ["2"]}, {"prompt_share": 0.5}),
    "aiperf in other units": (
        {
            **AIPERF,
            "benchmark_duration": {"unit": "ms", "avg": 20000},
            "time_to_first_token": {"unit": "us", "avg": 150000},
            "nvidia_total_gpu_energy": {"unit": "kJ", "avg": 12},
        },
        {"accuracy": ["0.6"], "accelerators": ["2"]},
        {},
    ),
    "aiperf in odd units": (
        {
            **AIPERF,
            "benchmark_duration": {"unit": "weeks", "avg": 1},
            "request_latency": {"unit": "ms", "avg": "slow"},
            "nvidia_total_gpu_energy": {"unit": "J", "avg": -5},
        },
        {},
        {},
    ),
    "genai": (GENAI, {"accuracy": ["heron=0.6"], "accelerators": ["2"], "requests": ["40"]}, {}),
    "llmperf": (
        LLMPERF,
        {"accuracy": ["0.6"], "accelerators": ["4"], "power_w": ["1000"]},
        {"prompt_share": 0.1},
    ),
    "mlenergy": (RUNS, {"accuracy": ["0.6"], "ttft_ms": ["50"]}, {}),
    "images": (IMAGES, {"accuracy": ["0.5"]}, {}),
    "timm": (TIMM, {"accuracy": ["0.8"], "hardware": ["H100"]}, {}),
    "timm by power": (TIMM, {"accuracy": ["0.8"], "power_w": ["250"]}, {}),
    "timm lacking": (TIMM, {"hardware": ["H10"]}, {}),
    "timm of nothing": (TIMM, {"accuracy": ["0.8"], "power_w": ["9"]}, {"only": "x"}),
    "zeus": (
        ZEUS,
        {"model": ["answer=m"], "accuracy": ["0.5"], "requests": ["10"], "ttft_ms": ["30"]},
        {"only": "answer"},
    ),
    "zeus with tokens": (
        ZEUS,
        {
            "model": ["m"],
            "accuracy": ["0.5"],
            "requests": ["10"],
            "ttft_ms": ["30"],
            "tokens_out": ["20"],
            "itl_ms": ["4"],
        },
        {},
    ),
    "zeus lacking": (ZEUS, {"model": ["m"]}, {}),
    "carbon": (
        CARBON,
        {"model": ["m"], "accuracy": ["0.5"], "requests": ["100"], "ttft_ms": ["30"]},
        {},
    ),
    "points already": ("point,variant\na,b\n", {}, {}),
    "unknown": ({"a": 1}, {}, {}),
    "no objects": ([1], {}, {}),
    "no json": ("{", {}, {}),
    "nothing": ("model_id,energy_per_token_joules,output_throughput_tokens_per_sec\n", {}, {}),
    "failed": (
        {**BENCH, "failed": 7, "duration": 0},
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"]},
        {},
    ),
    "failed some": (
        {**BENCH, "failed": 7},
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"]},
        {},
    ),
    "several": (
        [BENCH, {**BENCH, "max_concurrency": 8}, BENCH, {**BENCH, "model_id": "other"}],
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000", "other-b16=5"]},
        {},
    ),
}


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
    whole = {
        "total_tokens_in": 6000.0,
        "total_tokens_out": 2400.0,
        "tokens_in": 55.0,
        "tokens_out": 22.0,
        "duration_s": 40.0,
        "requests": 110.0,
        "requests_per_s": 3.0,
        "tokens_out_per_s": 61.0,
        "energy_j": 3600.0,
        "pue": 1.2,
        "power_w": 90.0,
        "j_per_token": 1.7,
        "request_j": 33.0,
        "accelerators": 2.0,
        "itl_ms": 11.0,
        "e2e_ms": 500.0,
        "ttft_ms": 60.0,
        "in_flight": 5.0,
    }
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
    gone = [
        (),
        ("total_tokens_out",),
        ("total_tokens_in",),
        ("total_tokens_out", "duration_s"),
        ("total_tokens_out", "tokens_out_per_s"),
        ("total_tokens_out", "tokens_out_per_s", "requests"),
        ("total_tokens_out", "tokens_out_per_s", "requests", "requests_per_s"),
        ("j_per_token", "request_j"),
        ("j_per_token", "request_j", "energy_j"),
        ("j_per_token", "request_j", "energy_j", "power_w"),
        ("j_per_token", "total_tokens_out"),
        ("j_per_token", "total_tokens_out", "tokens_out"),
        ("j_per_token", "total_tokens_out", "tokens_out", "duration_s"),
        ("pue", "j_per_token"),
        ("accelerators",),
        ("itl_ms",),
        ("itl_ms", "e2e_ms"),
        ("itl_ms", "e2e_ms", "in_flight"),
        ("itl_ms", "tokens_out"),
        ("itl_ms", "tokens_out", "requests"),
        ("total_tokens_in", "tokens_in"),
        ("total_tokens_in", "tokens_out"),
        ("total_tokens_in", "tokens_out", "total_tokens_out"),
        ("total_tokens_out", "tokens_out", "tokens_out_per_s"),
        ("request_j", "requests"),
        ("request_j", "energy_j", "requests"),
        ("request_j", "energy_j", "requests", "requests_per_s"),
        ("duration_s", "requests_per_s"),
        ("requests", "requests_per_s"),
        tuple(whole),
    ]
    for names in gone:
        values = {k: v for k, v in whole.items() if k not in names}
        told = []
        for name, way in ways.items():
            try:
                told.append(f"{name} {plain(way(values))}")
            except derive.Lacking as lack:
                told.append(f"{name} lacks {lack.fact}")
        yield f"without {', '.join(names) or 'nothing'}: {'; '.join(told)}"
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
