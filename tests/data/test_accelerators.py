"""Accelerators of several kinds in a scenario's file."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.model.kinds import BY_KIND, by_kind

MORE = """
capacity: {scale: 2}
"""


def folder(target: Path, kinds: str = "") -> Folder:
    """The tiny example with two kinds of accelerators in Oslo."""
    made = tiny_folder(target)
    made.edit("points.csv", "small,small,invented", "small,small,4 x L40S")
    for point in ("large-fast", "large-batched"):
        made.edit("points.csv", f"{point},large,invented", f"{point},large,8 x H100")
    said = kinds or (
        "{H100: {reserved_gpu: 5, reserved_usd_per_gpu_year: 17520}, "
        "L40S: {reserved_usd_per_gpu_year: 6000, on_demand_gpu: 2, on_demand_usd_per_gpu_h: 1}}"
    )
    regions = f"regions:\n  table: regions.csv\n  oslo:\n    accelerators: {said}\n"
    return made.edit("scenario.yaml", "regions: regions.csv\n", regions)


def test_a_region_is_split_by_kind(tmp_path: Path) -> None:
    """Each kind has its own numbers and prices, in place of those of the region's row, and shares
    the region's network, grid and PUE."""
    s = folder(tmp_path / "world").add(MORE).load()
    assert [r.id for r in s.regions] == ["oslo/H100", "oslo/L40S", "austin", "mumbai"]
    h100, l40s = s.regions[:2]
    assert (h100.site, h100.hardware, h100.pue, h100.zone) == ("oslo", "H100", 1.1, "NO")
    assert (h100.reserved_gpu, h100.reserved_usd_per_gpu_year) == (10, 17520)
    assert (l40s.reserved_gpu, l40s.on_demand_gpu) == (np.inf, 4)
    assert (s.reserved_gpu[:3, 0] == [10, np.inf, 24]).all()
    rtt = s.network.rtt_node_region_ms
    assert (rtt[:, 0] == rtt[:, 1]).all()
    assert (rtt[:, 0] != rtt[:, 2]).any()
    assert s.sites == (("oslo/H100", "oslo/L40S"), ("austin",), ("mumbai",))
    assert s.site_words(("oslo/H100", "oslo/L40S", "austin")) == "oslo and austin"
    assert s.site_words(("oslo/L40S",)) == "oslo/L40S"


def test_what_is_no_kinds_own_is_that_of_the_site(tmp_path: Path) -> None:
    """Arrays and fields of a region that is not the first, each different from its neighbours'."""
    plain = tiny_folder(tmp_path / "world").edit("points.csv", "small,small,invented", "s,small,T4")
    s = plain.load("regions.austin.idle_w=4")
    shape = s.network.rtt_node_region_ms.shape
    odd = np.arange(shape[0] * shape[1]).reshape(shape) % 2 == 1
    capacity = np.arange(s.reserved_gpu.size, dtype=float).reshape(s.reserved_gpu.shape)
    s = replace(s, network=replace(s.network, modelled_node_region=odd), reserved_gpu=capacity)
    split = by_kind(s, {"austin": {"invented": {"reserved_gpu": 5.0}, "T4": {"idle_w": 9.0}}})
    site = [0, 1, 1, 2]
    for name in ("rtt_node_region_ms", "egress_usd_per_gb", "modelled_node_region"):
        values = getattr(split.network, name)
        assert (values == getattr(s.network, name)[:, site]).all(), name
    assert (split.network.rtt_metro_node_ms == s.network.rtt_metro_node_ms).all()
    assert (split.reserved_gpu[[0, 3]] == capacity[[0, 2]]).all()
    assert (split.reserved_gpu[1] == 5.0).all()
    assert np.isinf(split.reserved_gpu[2]).all()
    for own, at in zip(split.regions, site, strict=True):
        for field in fields(own):
            if field.name in ("id", "site", "hardware") or (at == 1 and field.name in BY_KIND):
                continue
            assert getattr(own, field.name) == getattr(s.regions[at], field.name), field.name
    assert [(own.idle_w, own.reserved_gpu) for own in split.regions[1:3]] == [(4, 5), (9, np.inf)]


def test_a_kind_may_be_set_from_outside(tmp_path: Path) -> None:
    """`--set` reaches a kind's number, and ids of a site stand wherever regions are named."""
    made = folder(tmp_path / "world").add("\nbaseline: {metros: {berlin: oslo}}\n")
    ids = [line.split(",")[0] for line in (made.path / "metros.csv").read_text().splitlines()[2:]]
    made.edit("scenario.yaml", "{berlin: oslo}", f"{{{ids[0]}: oslo}}")
    s = made.load("regions.oslo.accelerators.H100.reserved_gpu=7")
    assert s.reserved_gpu[0, 0] == 7
    assert s.baseline.metros == {ids[0]: "oslo"}


def test_what_is_wrong_with_a_kind_is_told_with_its_line(tmp_path: Path) -> None:
    """A kind that no point names, a field that is none, and a table by hour that knows no kinds."""
    unknown = folder(tmp_path / "unknown", "{H10: {reserved_gpu: 5}}").problems()
    assert [p.what for p in unknown] == [
        "names the kind `H10`, which no operating point names in `hardware`"
    ]
    assert "H100" in unknown[0].fix
    assert unknown[0].line is not None
    field = folder(tmp_path / "field", "{H100: {pue: 1.1}}").problems()
    assert any("pue" in p.where for p in field)
    hourly = folder(tmp_path / "hourly").add("\ncapacity: capacity.csv\n")
    rows = [f"2023-06-01T{hour:02}:00:00Z,oslo,5" for hour in range(24)]
    hourly.write("capacity.csv", "time_utc,region,reserved_gpu\n" + "\n".join(rows) + "\n")
    assert "does not say of which kind" in " ".join(p.what for p in hourly.problems())
