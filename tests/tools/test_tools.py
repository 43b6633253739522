"""The tools: deriving twice gives the same bytes, and built packs are sound and complete."""

from __future__ import annotations

import importlib
import sys
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


def test_city_round_trips_are_whole(packs: Path) -> None:
    """Every city reaches every region, its own node in no time."""
    pack = open_pack("core-2023", relative_to=packs)
    own = pack.frame("rtt_metro_node")
    assert (own["rtt_ms"] == 0).all()
    assert (own["metro"] == own["node"]).all()
    rtt = pack.frame("rtt_node_region")
    assert rtt.select("node", "region").n_unique() == 241 * 18 == rtt.height
    assert rtt.filter(pl.col("rtt_ms") <= 0).is_empty()
    assert pack.frame("egress").height == 241 * 18


def test_a_pack_is_written_whole(packs: Path) -> None:
    """No temporary file is left, and the manifest names every table."""
    for folder in packs.iterdir():
        pack = open_pack(str(folder))
        files = {f.name for f in folder.iterdir()} - {MANIFEST}
        assert files == {entry.file for entry in pack.manifest.tables.values()}
