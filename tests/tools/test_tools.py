"""The tools: deriving twice gives the same bytes, and built packs are sound and complete."""

from __future__ import annotations

import importlib
import re
import statistics
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from wattlas.data.pack import EMBEDDED, MANIFEST, Pack, open_pack
from wattlas.data.pack_checks import check_path

WORLD = "typical-2023"
LIMITS_MS = (0.0, 50.0, 100.0, 150.0, 200.0)


@pytest.fixture(scope="module")
def tool(root: Path) -> object:
    """Imports a script of tools/ by name."""
    sys.path.insert(0, str(root / "tools"))
    yield importlib.import_module
    sys.path.remove(str(root / "tools"))


@pytest.fixture(scope="module")
def packs(tool: object, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All packs of real hours, built once."""
    assert callable(tool)
    out = tmp_path_factory.mktemp("packs")
    build: ModuleType = tool("build_packs")
    build.main([str(shared / "data"), "--out", str(out)])
    return out


CALIBRATED = ("price_series.csv", "odbl/carbon_series.csv", "odbl/correlation.csv")
"""Files whose last digit may differ from one linear algebra library to another."""


def test_deriving_again_gives_what_ships(tool: object, shared: Path, tmp_path: Path) -> None:
    """Every file comes out of the script as it ships; calibrated figures to 0.002."""
    assert callable(tool)
    derive: ModuleType = tool("derive_typical")
    derive.main([str(shared / "data"), "--out", str(tmp_path)])
    world = EMBEDDED / WORLD
    shipped = {str(f.relative_to(world)) for f in world.rglob("*.*")}
    assert shipped == {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*.*")}
    for file in shipped - {*CALIBRATED, MANIFEST}:
        assert (world / file).read_bytes() == (tmp_path / file).read_bytes(), file
    for file in CALIBRATED:
        ours, theirs = pl.read_csv(world / file), pl.read_csv(tmp_path / file)
        for column in ours.columns:
            if ours.schema[column].is_numeric():
                assert (ours[column] - theirs[column]).abs().max() <= 0.002, (file, column)
            else:
                assert ours[column].equals(theirs[column])


def test_the_clouds_come_out_as_they_ship(tool: object, shared: Path, tmp_path: Path) -> None:
    """Every file of the pack `clouds` is what the script makes of the data set."""
    assert callable(tool)
    tool("derive_clouds").main([str(shared / "data"), "--out", str(tmp_path)])
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {file.name for file in (EMBEDDED / "clouds").iterdir()}
    for name in names:
        assert (EMBEDDED / "clouds" / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_hours_of_carbon_come_out_as_they_ship(
    tool: object, shared: Path, tmp_path: Path
) -> None:
    """The table and the notice of `carbon-2022` are what the script makes of the data set."""
    assert callable(tool)
    tool("derive_carbon").main([str(shared / "data"), "--out", str(tmp_path)])
    made, ships = tmp_path / "odbl", EMBEDDED / "carbon-2022" / "odbl"
    tables = [pl.read_parquet(folder / "carbon.parquet") for folder in (made, ships)]
    assert tables[0].equals(tables[1])
    assert (made / "NOTICE.md").read_bytes() == (ships / "NOTICE.md").read_bytes()


def test_deriving_twice_gives_the_same_bytes(
    tool: object, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing depends on the clock, the order of a set or the run; two steps are enough to see."""
    assert callable(tool)
    monkeypatch.setattr(tool("typical_signals"), "CALIBRATION_STEPS", 2)
    derive: ModuleType = tool("derive_typical")
    for run in ("one", "two"):
        derive.main([str(shared / "data"), "--out", str(tmp_path / run)])
    for file in (tmp_path / "one").rglob("*.*"):
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes(), file.name


@pytest.mark.parametrize(
    ("name", "regions", "hours"),
    [
        ("core-2023", 18, 8760),
        ("wide-2022", 21, 8760),
        ("hours-2021", 16, 8760),
        ("hours-2024", 15, 8760),
    ],
)
def test_built_packs_are_sound(packs: Path, name: str, regions: int, hours: int) -> None:
    """Each has its regions, every hour of price and carbon, and no problem."""
    pack = open_pack(name, relative_to=packs)
    assert check_path(str(packs / name)).problems == ()
    assert pack.frame("regions").height == regions
    assert pack.manifest.time.hours == hours
    assert pack.frame("metros").height == 241
    assert "do not pass" in pack.notice


def test_missing_data_is_stated(packs: Path) -> None:
    """What a year lacks stands in the manifest, with its number of hours."""
    told = " ".join(open_pack("wide-2022", relative_to=packs).manifest.missing)
    assert "GB: price lacks 479 of 8,760 hours" in told
    assert "PT: price lacks 72 of 8,760 hours" in told
    told = " ".join(open_pack("hours-2021", relative_to=packs).manifest.missing)
    assert "gb-london: no region, for its zone GB has no complete price" in told
    told = " ".join(open_pack("hours-2024", relative_to=packs).manifest.missing)
    assert "cl-santiago: no region" in told
    assert "fr-paris: no region, for its zone FR has no complete carbon" in told


def test_incomplete_series_are_kept_on_request_and_found(
    tool: object, shared: Path, tmp_path: Path
) -> None:
    """The real gaps of 2022 are named by the check, hour by hour."""
    assert callable(tool)
    build: ModuleType = tool("build_packs")
    build.main(
        [str(shared / "data"), "--out", str(tmp_path), "--only", "wide-2022", "--keep-incomplete"]
    )
    found = {p.where: p.what for p in check_path(str(tmp_path / "wide-2022")).problems}
    assert set(found) == {"price.GB", "price.PT"}
    assert found["price.GB"].startswith("479 hours are missing: 2022-")
    assert found["price.PT"].startswith("72 hours are missing: 2022-")


def test_the_wide_pack_has_the_carbon_of_a_hundred_more_zones(packs: Path) -> None:
    """Zones without a price are facts too, and no problem while no region stands on them."""
    carbon = open_pack("wide-2022", relative_to=packs).frame("carbon")
    assert carbon["zone"].n_unique() >= 123


def reference(pack: Pack, table: str, column: str) -> list[float]:
    """Population-weighted mean over cities of the hourly least PUE · signal within each limit."""
    regions = pack.frame("regions")
    rtt = pack.frame("rtt_node_region").pivot("region", index="node", values="rtt_ms")
    cities = pack.frame("metros").select("node", "population").join(rtt, on="node")
    ms = cities.select(regions["region"].to_list()).to_numpy()
    weight = cities["population"].to_numpy() / cities["population"].sum()
    hours = pack.frame(table).pivot("zone", index="time_utc", values=column).sort("time_utc")
    signal = hours.select(regions["zone"].to_list()).to_numpy() * regions["pue"].to_numpy()
    nearest = np.arange(ms.shape[1]) == ms.argmin(axis=1)[:, None]
    means = []
    for limit in LIMITS_MS:
        within = (ms <= limit) & (limit > 0)
        open_to = np.where(within.any(axis=1, keepdims=True), within, nearest)
        masks, of = np.unique(open_to, axis=0, return_inverse=True)
        least = np.array([signal[:, mask].min(axis=1).mean() for mask in masks])
        means.append(float(weight @ least[of.ravel()]))
    return means


def test_core_2023_gives_the_known_frontier(packs: Path) -> None:
    """Nearest 460 g/kWh, then 369, 284, 209, 107 at 50 to 200 ms; by price 106, 72, 36, 17."""
    pack = open_pack("core-2023", relative_to=packs)
    carbon = reference(pack, "carbon", "average_g_per_kwh")
    price = reference(pack, "price", "price_usd_per_mwh")
    assert carbon == pytest.approx([460, 369, 284, 209, 107], rel=0.01)
    assert price[1:] == pytest.approx([106, 72, 36, 17], rel=0.03)


def test_prices_of_a_pack_are_those_of_the_source(packs: Path, shared: Path) -> None:
    """To four digits after the point, zone by zone and hour by hour."""
    price = open_pack("core-2023", relative_to=packs).frame("price").with_columns(
        pl.col("zone").cast(pl.String), at=pl.col("time_utc").cast(pl.Datetime("us", "UTC"))
    )  # fmt: skip
    source = pl.read_parquet(shared / "data" / "electricity_price_hourly.parquet").select(
        pl.col("zone").cast(pl.String),
        at=pl.col("ts_utc").cast(pl.Datetime("us", "UTC")),
        told=pl.col("price_usd_per_mwh").cast(pl.Float64),
    )
    both = price.join(source.unique(["zone", "at"], keep="first"), on=["zone", "at"])
    assert both.height > 0.9 * price.height
    apart = (both["price_usd_per_mwh"] - both["told"]).abs()
    assert (apart <= 5.1e-5).mean() > 0.99
    assert (both["price_usd_per_mwh"] * 100 % 1 != 0).any()


def test_city_round_trips_are_whole(packs: Path, shared: Path) -> None:
    """Every city reaches every region, its own node in no time, and each says how it was found;
    to each region it pays what the region pays that is nearest to it."""
    pack = open_pack("core-2023", relative_to=packs)
    own = pack.frame("rtt_metro_node")
    assert (own["rtt_ms"] == 0).all()
    assert (own["metro"] == own["node"]).all()
    rtt = pack.frame("rtt_node_region")
    assert rtt.select("node", "region").n_unique() == 241 * 18 == rtt.height
    assert rtt.filter(pl.col("rtt_ms") <= 0).is_empty()
    assert set(own["method"]) == {"measured"}
    source = pl.read_csv(shared / "data" / "rtt_client_to_site.csv.gz")
    stated = source.filter(pl.col("site").is_in(rtt["region"].unique().to_list()))
    says = {"wondernetwork_2018": "measured", "distance_fit": "fitted", "same_metro": "same_metro"}
    columns = ("region", "rtt_ms", "method")
    wanted = Counter((site, ms, says[how])
                     for site, ms, how in stated.select("site", *columns[1:]).rows())  # fmt: skip
    assert Counter(rtt.select(columns).rows()) == wanted
    assert len({how for *_, how in wanted}) == 3
    egress = pack.frame("egress")
    assert egress.height == 241 * 18
    regions, nodes = pack.frame("regions"), pack.frame("nodes")
    lat, lon, to_lat, to_lon = (
        np.radians(frame[name].to_numpy())
        for frame in (nodes, regions) for name in ("lat_deg", "lon_deg")
    )  # fmt: skip
    cosine = np.sin(lat)[:, None] * np.sin(to_lat) + np.cos(lat)[:, None] * np.cos(to_lat) * np.cos(
        lon[:, None] - to_lon
    )
    nearest = dict(zip(nodes["node"], cosine.argmax(axis=1), strict=True))
    paid: dict[int, set[tuple[float, ...]]] = {}
    order = regions["region"].to_list()
    wide = egress.pivot("region", index="node", values="egress_usd_per_gb")
    for row in wide.iter_rows(named=True):
        paid.setdefault(nearest[row["node"]], set()).add(tuple(row[r] for r in order))
    assert all(len(each) == 1 for each in paid.values())
    assert len({next(iter(each)) for each in paid.values()}) > 2
    assert all(next(iter(each))[at] == min(next(iter(each))) for at, each in paid.items())


def test_a_pack_is_written_whole(packs: Path) -> None:
    """No temporary file is left, and the manifest names every table."""
    for folder in packs.iterdir():
        pack = open_pack(str(folder))
        files = {f.name for f in folder.iterdir()} - {MANIFEST}
        assert files == {entry.file for entry in pack.manifest.tables.values()}


def measured(shared: Path) -> dict[tuple[str, str, int, int], dict[str, object]]:
    """Chat runs by model, accelerator, their number and batch."""
    runs = pl.read_parquet(shared / "data" / "llm_profiles_mlenergy_v3.parquet").filter(
        pl.col("task") == "lm-arena-chat"
    )
    keys = ("model_id", "gpu_model", "num_gpus", "max_num_seqs")
    return {tuple(run[k] for k in keys): run for run in runs.iter_rows(named=True)}


def of_source(row: dict[str, object]) -> tuple[str, str, int, int]:
    """The run that a profile says it is of."""
    found = re.search(r"v3, (\S+) on (\d) x (\w+), up to (\d+) seq", str(row["source"]))
    assert found
    model, count, gpu, batch = found.groups()
    return model, gpu, int(count), int(batch)


def test_profiles_are_measured_runs(shared: Path) -> None:
    """Energy per token is power / rate, time per token the batch's over its rate, to 4 figures."""
    runs, seen = measured(shared), set()
    for row in open_pack(WORLD).frame("profiles").iter_rows(named=True):
        key = of_source(row)
        run, seen = runs[key], seen | {key}
        rate = run["output_throughput_tokens_per_sec"]
        assert row["decode_j_per_token"] == pytest.approx(run["avg_power_watts"] / rate, rel=1e-3)
        assert row["decode_gpu_s_per_token"] == pytest.approx(run["num_gpus"] / rate, rel=1e-3)
        assert row["itl_ms"] == pytest.approx(1e3 * run["avg_batch_size"] / rate, rel=1e-3)
        assert row["itl_p95_ms"] == pytest.approx(run["p95_itl_ms"], rel=1e-3)
        assert row["itl_p99_ms"] == pytest.approx(run["p99_itl_ms"], rel=1e-3)
        assert row["itl_ms"] >= run["median_itl_ms"]
        assert row["hardware"] == f"{run['num_gpus']} x {run['gpu_model']}"
        assert row["point"].endswith(f"b{run['max_num_seqs']}")
    assert len(seen) == 187


def test_prompts_are_modelled_as_said(shared: Path) -> None:
    """2 FLOP per active parameter at a share of the peak and board power; ttft 1.5 steps."""
    peak = {"H100": (989e12, 1979e12, 700), "B200": (2250e12, 4500e12, 1000)}
    runs = measured(shared)
    for row in open_pack(WORLD).frame("profiles").iter_rows(named=True):
        run = runs[of_source(row)]
        bf16, fp8, watt = peak[run["gpu_model"]]
        rate = fp8 if run["weight_precision"] == "fp8" else bf16
        dense = run["activated_params_billions"] == run["total_params_billions"]
        seconds = 2e9 * run["activated_params_billions"] / (rate * (0.4 if dense else 0.2))
        assert row["prefill_gpu_s_per_token"] == pytest.approx(seconds, rel=1e-3)
        assert row["prefill_j_per_token"] == pytest.approx(seconds * watt, rel=1e-3)
        assert row["prefill_ms_per_token"] == pytest.approx(
            seconds / run["num_gpus"] * 1e3, rel=1e-3
        )
        assert row["ttft_ms"] == pytest.approx(1.5 * row["itl_ms"], rel=1e-3)


def test_profiles_leave_out_what_others_beat(shared: Path) -> None:
    """Of all scored chat runs those that no batch of the same model on the same kind beats."""
    frame = open_pack(WORLD).frame("profiles")
    kept = {of_source(row) for row in frame.iter_rows(named=True)}
    models = {key[0] for key in kept}
    runs = {key: run for key, run in measured(shared).items() if key[0] in models}
    figures = {
        key: (
            run["avg_power_watts"] / run["output_throughput_tokens_per_sec"],
            run["avg_batch_size"] / run["output_throughput_tokens_per_sec"],
            run["num_gpus"] / run["output_throughput_tokens_per_sec"],
        )
        for key, run in runs.items()
    }
    beaten = {
        key
        for key, own in figures.items()
        for other, theirs in figures.items()
        if key[:2] == other[:2]
        and theirs != own
        and all(b <= a * (1 + 1e-12) for a, b in zip(own, theirs, strict=True))
    }
    assert kept == set(runs) - beaten
    assert len(beaten) == 24


def test_scores_and_prices_are_the_published_ones(shared: Path) -> None:
    """MMLU-Pro and GPQA by model, the median of the providers' prices, and no arena score."""
    data = shared / "data"
    ids = dict(
        pl.read_csv(data / "llm_model_quality.csv").select("model_id", "llmstats_id").iter_rows()
    )
    scores = {
        (model, benchmark): score
        for model, benchmark, score in pl.read_csv(data / "llm_benchmark_scores_llmstats.csv")
        .select("llmstats_model", "benchmark", "score")
        .iter_rows()
    }
    prices = pl.read_csv(data / "llm_api_prices_llmstats.csv")
    frame = open_pack(WORLD).frame("profiles")
    for row in frame.iter_rows(named=True):
        model = ids[of_source(row)[0]]
        assert row["accuracy"] == scores[model, "mmlu-pro"]
        assert row["gpqa"] == scores[model, "gpqa"]
        own = prices.filter(pl.col("model_id") == model)
        for side in ("in", "out"):
            cents = own[f"{side}put_cents_per_million_tokens"].to_list()
            assert row[f"usd_per_mtok_{side}"] == pytest.approx(statistics.median(cents) / 100)
    scored = {m for m, llm in ids.items() if (llm, "mmlu-pro") in scores}
    assert {of_source(row)[0] for row in frame.iter_rows(named=True)} == scored & {
        key[0] for key in measured(shared)
    }
    assert "arena" not in " ".join(frame["source"]).lower().replace("lm-arena-chat", "")
