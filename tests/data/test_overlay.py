"""Hours of some zones laid over a pack: those come first, every other zone keeps the pack's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.data.digest import sha256_of
from wattlas.model.scenario import Scenario

OWN = 77.0


def pack_of(folder: Path, table: str, text: str, kind: str = "life-cycle") -> None:
    """A pack of hours with one table."""
    folder.mkdir()
    file = folder / f"{table}.csv"
    file.write_text(text, encoding="utf-8")
    entry = {
        "file": file.name,
        "source": f"meter of {folder.name}",
        "sha256": sha256_of(file),
        "rows": 24,
    }
    time = {"start_utc": "2023-06-01T00:00:00Z", "hours": 24}
    manifest = {"name": folder.name, "title": folder.name, "kind": "hours", "time": time}
    manifest |= {"intensity_kind": kind, "tables": {table: entry}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def hours_of(zone: str, value: float, column: str, day: str = "2023-06-01") -> str:
    """A day of hours of one zone, as CSV."""
    rows = [f"{day}T{h:02}:00:00Z,{zone},{value}\n" for h in range(24)]
    return f"time_utc,zone,{column}\n{''.join(rows)}"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """The tiny example, with a pack beside it that holds the prices of all of its zones."""
    made = tiny_folder(tmp_path / "tiny")
    price = (made.path / "price.csv").read_text(encoding="utf-8")
    pack_of(made.path / "all", "price", price)
    made.write("own.csv", hours_of("NO", OWN, "price_usd_per_mwh"))
    return made.edit("scenario.yaml", "table: price.csv", "table: own.csv").add("pack: ./all\n")


def price(scenario: Scenario) -> dict[str, np.ndarray]:
    """Zone → price."""
    return dict(zip(scenario.signals.zones, scenario.signals.price_usd_per_mwh, strict=True))


def test_other_zones_keep_the_pack(folder: Folder) -> None:
    """`missing: pack` takes zones from the table, and the others as the pack has them."""
    whole = price(folder.load("signals.price.table=price.csv"))
    laid = price(folder.load("signals.price.missing=pack"))
    assert (laid["NO"] == OWN).all()
    assert all(np.array_equal(laid[zone], whole[zone]) for zone in whole if zone != "NO")


def test_without_a_word_it_is_one_mistake(folder: Folder) -> None:
    """Zones that the table lacks are one problem, which names the key that keeps the pack's."""
    (problem,) = folder.problems()
    assert "which the pack has" in problem.what
    assert "`signals.price.missing: pack`" in problem.fix


def test_packs_are_laid_over_each_other(folder: Folder) -> None:
    """In a list the last pack wins zone by zone, and each says where its hours come from."""
    pack_of(folder.path / "mine", "price", hours_of("NO", OWN, "price_usd_per_mwh"))
    settings = ("signals.price={}", "pack=[./all, ./mine]")
    folder.edit("scenario.yaml", "{table: own.csv, source: invented, note: energy only}", "{}")
    scenario = folder.load(*settings)
    assert (price(scenario)["NO"] == OWN).all()
    assert sum(p.what == "price" for p in scenario.provenance) == 2


def test_hours_of_another_year_do_not_slip_in(folder: Folder) -> None:
    """A zone that is given for other hours than those studied is an error, never the pack's."""
    folder.write("own.csv", hours_of("NO", OWN, "price_usd_per_mwh", "2022-06-01"))
    (problem,) = folder.problems("signals.price.missing=pack")
    assert "a zone without price in own.csv or pack all: price in the hours studied" in str(
        problem
    ).replace(f"{folder.path}/", "")


def test_two_kinds_of_intensity_are_not_mixed(folder: Folder) -> None:
    """Packs whose averages cover different things are refused, until the scenario says which."""
    carbon = (folder.path / "carbon.csv").read_text(encoding="utf-8")
    pack_of(folder.path / "whole", "carbon", carbon)
    pack_of(folder.path / "mine", "carbon", hours_of("NO", 9, "average_g_per_kwh"), "direct")
    folder.edit("scenario.yaml", "{table: carbon.csv, source: invented}", "{}")
    folder.edit("scenario.yaml", "intensity_kind: life-cycle", "decide_by: average")
    settings = ("signals.price.missing=pack", "pack=[./all, ./whole, ./mine]")
    (problem,) = folder.problems(*settings)
    assert "carbon intensity of two kinds" in problem.what
    assert not folder.problems(*settings, "signals.intensity_kind=direct")
