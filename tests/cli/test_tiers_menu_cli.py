"""`wattlas tiers menu`: the menu of a class, its targets, and what it says of wrong calls."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.cli import run
from wattlas.data.profiles_file import read_profiles
from wattlas.model.users import Users
from wattlas.studies.baseline_means import at_baseline
from wattlas.tiers.menu import menu
from wattlas.tiers.population import population
from wattlas.tiers.targets import targets
from wattlas.tiers.utility import default_scale

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """A copy of the tiny example."""
    return tiny_folder(tmp_path / "t")


def told(capsys: Captured, *arguments: str) -> dict[str, object]:
    assert run(["tiers", "menu", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_menu_of_a_class(tiny: Folder, capsys: Captured) -> None:
    """Each figure is the library's, at the mean of the class's baseline regions."""
    s = tiny.load()
    klass, at = s.classes[0], at_baseline(s, s.classes[0].id)
    own = menu(klass, s.points)
    found = told(capsys, str(tiny.path), "--class", klass.id)
    assert found["g_per_kwh"] == pytest.approx(at.g_per_kwh)
    assert found["intensity"] == at.intensity
    rows = found["menu"]
    assert isinstance(rows, list)
    assert [row["point"] for row in rows] == list(own.ids)
    for n, row in enumerate(rows):
        assert row["pareto"] == own.pareto[n]
        assert row["energy_wh"] == pytest.approx(own.energy_kwh[n] * 1e3)
        assert row["carbon_g"] == pytest.approx(own.energy_kwh[n] * at.pue * at.g_per_kwh)
        usd = own.energy_kwh[n] * at.pue * at.usd_per_mwh / 1e3
        usd += own.gpu_h[n] * at.usd_per_gpu_h
        assert row["cost_usd_per_million"] == pytest.approx(usd * 1e6)
        p95 = float(own.service_p95_ms[n])
        assert row["service_p95_ms"] == (None if math.isnan(p95) else pytest.approx(p95))


def test_targets_under_a_cap(tiny: Folder, capsys: Captured) -> None:
    """The steps are the library's, for users as the default prior has them."""
    s = tiny.load()
    klass, at = s.classes[0], at_baseline(s, s.classes[0].id)
    cap_g = 0.05
    scale = default_scale(klass.latency_budget_ms, cap_g)
    own = targets(menu(klass, s.points), cap_g, population(Users(), 1.0), scale, at.pue)
    found = told(capsys, str(tiny.path), "--class", klass.id, "--cap-g", str(cap_g))
    rows = found["targets"]
    assert isinstance(rows, list)
    assert [r["point"] for r in rows] == [own.menu.ids[n] for n in own.point]
    assert [r["to_g_per_kwh"] for r in rows] == pytest.approx(own.to_g_per_kwh.tolist())
    assert [r["to_utility"] for r in rows] == pytest.approx(own.to_utility.tolist())


def test_the_profiles_of_the_embedded_pack(tiny: Folder, capsys: Captured) -> None:
    """`pack` names them; `--hardware` narrows them down; the class's own list does not count."""
    points = read_profiles("typical-2023")
    call = [str(tiny.path), "--class", "A", "--profiles", "pack"]
    found = told(capsys, *call, "--intensity", "300")
    assert found["intensity"] == "stated"
    assert found["g_per_kwh"] == 300.0
    assert isinstance(found["menu"], list)
    assert len(found["menu"]) == len(points)
    some = told(capsys, *call, "--hardware", "b200")["menu"]
    assert isinstance(some, list)
    assert {row["hardware"] for row in some} == {o.hardware for o in points if "B200" in o.hardware}


def test_the_table_has_the_front_first(tiny: Folder, capsys: Captured) -> None:
    """The front alone unless all are asked for; then the front comes first."""
    call = ["tiers", "menu", str(tiny.path), "--class", "A", "--profiles", "typical-2023"]
    front = [row["point"] for row in _rows(told(capsys, *call[2:])) if row["pareto"]]
    assert run(call) == 0
    text = capsys.readouterr().out
    shown = [line.split()[0] for line in text.splitlines() if "-b" in line]
    assert sorted(shown) == sorted(front)
    assert f"{len(front)} of the 187 profiles" in text
    assert run([*call, "--all"]) == 0
    every = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "-b" in line]
    assert len(every) == 187
    assert every[: len(front)] == shown


def _rows(found: dict[str, object]) -> list[dict[str, object]]:
    rows = found["menu"]
    assert isinstance(rows, list)
    return rows


def test_where_the_cap_cannot_be_kept(tiny: Folder, capsys: Captured) -> None:
    """The steps are shown all the same, and the least attainable grams are named."""
    call = ["tiers", "menu", str(tiny.path), "--class", "A", "--cap-g", "1e-6"]
    assert run(call) == 0
    assert "no point keeps within 1e-06 g per request; the least attainable" in (
        " ".join(capsys.readouterr().out.split())
    )


def test_full_service_and_what_only_a_degraded_request_gets(tiny: Folder, capsys: Captured) -> None:
    """By the class's least accuracy and its budget."""
    settings = ["--set", "classes.A.accuracy_min=0.7", "--set", "classes.A.latency_budget_ms=80"]
    found = told(capsys, *settings, "--class", "A", "--profiles", "pack")
    for row in _rows(found):
        late, good = float(str(row["service_ms"])) > 80, float(str(row["accuracy"])) >= 0.7
        assert row["use"] == ("too slow" if late else "full" if good else "degraded")
    assert {row["use"] for row in _rows(found)} == {"too slow", "full", "degraded"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--class names the workload class: A"),
        (["--class", "Z"], "there is no class `Z`"),
        (["--class", "A", "--hardware", "abacus"], "no point is on hardware with `abacus`"),
        (["--class", "A", "--cap-g", "0"], "give grams per request above 0"),
    ],
)
def test_wrong_usage_exits_2(
    arguments: list[str], words: str, tiny: Folder, capsys: Captured
) -> None:
    """A class that is not there, hardware that nobody has, a cap of nothing."""
    assert run(["tiers", "menu", str(tiny.path), *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_wrong_table_exits_3(tiny: Folder, capsys: Captured) -> None:
    """With file and line, and as JSON."""
    tiny.write("mine.csv", "point,variant,accuracy,request_j,request_gpu_s,ttft_ms\na,v,80,1,1,9\n")
    call = ["tiers", "menu", str(tiny.path), "--class", "A"]
    assert run([*call, "--profiles", str(tiny.path / "mine.csv"), "--json"]) == 3
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["line"] == 2
    assert problem["where"] == "profiles.a.accuracy"
