"""Hours of some zones laid over a pack: those come first, every other zone keeps the pack's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.data.digest import sha256_of
from wattlas.data.scenario_file import load
from wattlas.errors import InputError
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


def test_packs_of_other_hours_name_those_that_all_share(folder: Folder) -> None:
    """A year of local time laid over one of UTC is one mistake, whose fix names whole days."""
    text = (folder.path / "all" / "price.csv").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if not row.startswith("#")]
    hour = "2023-05-31T23:00:00Z"
    shifted = [f"{hour},NO,5", *(row for row in rows[1:] if ",NO," in row and "T23" not in row)]
    pack_of(folder.path / "mine", "price", "\n".join([rows[0], *shifted]) + "\n")
    folder.edit("scenario.yaml", "{table: own.csv, source: invented, note: energy only}", "{}")
    given = "time:\n  start: 2023-06-01T00:00:00Z     # UTC\n  hours: 24\n"
    folder.edit("scenario.yaml", given, "time: {}\n")
    (problem,) = folder.problems("pack=[./all, ./mine]")
    assert (problem.where, problem.fix) == (
        "time",
        "Say `time: {start: 2023-06-01T00:00:00Z, hours: 23}`, which all of them have.",
    )
    shared = "time={start: 2023-06-01T00:00:00Z, hours: 23}"
    assert not folder.problems("pack=[./all, ./mine]", shared)


def test_a_pack_of_hours_alone_is_laid_over_a_world(tmp_path: Path) -> None:
    """Hours in the place of a world are one mistake, not one for each thing that they lack."""
    pack_of(tmp_path / "mine", "price", hours_of("NO", OWN, "price_usd_per_mwh"))
    assert run(["init", str(tmp_path / "own")]) == 0
    file = tmp_path / "own" / "scenario.yaml"
    text = file.read_text(encoding="utf-8").replace("pack: typical-2023", "pack: ../mine")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert "`pack: [typical-2023, ../mine]`" in problem.fix
