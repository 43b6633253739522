"""Keys that are gone end in one error with the lines to write, and those lines work."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

import wattlas
from tests.data.scenario_files import Folder, tiny_folder
from wattlas.errors import InputError


@pytest.fixture
def tiny(tmp_path: Path) -> Folder:
    """The example in a folder of its own."""
    return tiny_folder(tmp_path / "tiny")


def told(*settings: str) -> InputError:
    """The error of tiny with these settings."""
    with pytest.raises(InputError) as error:
        wattlas.example("tiny", set=list(settings))
    return error.value


def lines(fix: str) -> list[dict[str, dict[str, object]]]:
    """Both ways to write it, as YAML reads them: by the hour, by the year."""
    blocks = re.findall(r"^regions:\n(?:  .*\n?)+", fix, re.M)
    return [YAML(typ="safe", pure=True).load(block)["regions"] for block in blocks]


def test_all_old_keys_are_one_error() -> None:
    """With the user's own values, both ways, at the place of the first."""
    error = told(
        "regions.all.rent_usd_per_gpu_h=2", "regions.oslo.capacity_gpu=12",
        "regions.austin.capacity_gpu=free",
    )  # fmt: skip
    (problem,) = error.problems
    assert problem.where == "regions.all.rent_usd_per_gpu_h"
    hourly, yearly = lines(problem.fix)
    assert hourly == {
        "all": {"reserved_gpu": 0, "on_demand_gpu": "free", "on_demand_usd_per_gpu_h": 2},
        "oslo": {"reserved_gpu": 0, "on_demand_gpu": 12},
        "austin": {"reserved_gpu": 0, "on_demand_gpu": "free"},
    }
    assert yearly == {
        "all": {"reserved_usd_per_gpu_year": 17520},
        "oslo": {"reserved_gpu": 12},
        "austin": {"reserved_gpu": "free"},
    }


def test_the_printed_lines_can_be_written() -> None:
    """Both blocks make the scenario that they say."""
    (problem,) = told("regions.oslo.capacity_gpu=5", "regions.oslo.rent_usd_per_gpu_h=3").problems
    made = [
        wattlas.example(
            "tiny",
            set=[f"regions.{r}.{k}={v}" for r, e in block.items() for k, v in e.items()],
        )
        for block in lines(problem.fix)
    ]
    assert made[0].used_usd_per_gpu_h[0] == 3.0
    assert (made[0].most_gpu[0] == 5.0).all()
    assert made[1].reserved_usd.sum() == pytest.approx((5 * 3.0 + 2 * 12 * 2.0) * 24)
    assert np.array_equal(made[1].most_gpu, np.array([[5.0], [12.0], [12.0]]) * np.ones(24))


def test_a_table_with_the_old_columns(tiny: Folder) -> None:
    """One error at the table's head, with the first row written in both ways."""
    tiny.edit("regions.csv", "reserved_gpu,reserved_usd_per_gpu_year",
              "capacity_gpu,rent_usd_per_gpu_h")  # fmt: skip
    with pytest.raises(InputError) as error:
        tiny.load()
    (problem,) = error.value.problems
    assert problem.where == "capacity_gpu, rent_usd_per_gpu_h"
    assert "reserved_gpu,on_demand_gpu,on_demand_usd_per_gpu_h\n0,12,17520" in problem.fix
    assert "reserved_gpu,reserved_usd_per_gpu_year\n12,153475200" in problem.fix


def test_other_mistakes_are_told_beside_it() -> None:
    """The old keys hide nothing."""
    error = told("regions.oslo.capacity_gpu=12", "regions.oslo.puee=1.1")
    assert [p.where for p in error.problems] == ["regions.oslo.capacity_gpu", "regions.oslo.puee"]


def test_a_scaled_and_an_endless_capacity() -> None:
    """`scale` multiplies both kinds; `free` leaves the limit out, not the price by the hour."""
    sets = ["regions.oslo.on_demand_gpu=4", "regions.oslo.on_demand_usd_per_gpu_h=1",
            "regions.austin.reserved_gpu=0", "regions.austin.on_demand_gpu=6",
            "regions.austin.on_demand_usd_per_gpu_h=2"]  # fmt: skip
    half = wattlas.example("tiny", set=[*sets, "capacity.scale=0.5"])
    assert (half.most_gpu == np.array([[8.0], [3.0], [6.0]])).all()
    free = wattlas.example("tiny", set=[*sets, "capacity.free=true"])
    assert np.isinf(free.most_gpu).all()
    assert free.used_usd_per_gpu_h.tolist() == [0.0, 2.0, 0.0]
