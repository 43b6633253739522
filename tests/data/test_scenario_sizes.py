"""Figures of a size that another unit gives are told by `check`, as `data check` tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.scenario_files import Folder, tiny_folder


def scaled(folder: Folder, name: str, column: str, by: float) -> None:
    """Multiply a column of a table."""
    lines = (folder.path / name).read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    at = rows[0].index(column)
    made = [[*row[:at], f"{float(row[at]) * by:g}", *row[at + 1 :]] for row in rows[1:]]
    folder.write(name, "\n".join(",".join(row) for row in (rows[0], *made)) + "\n")


@pytest.mark.parametrize(
    ("name", "column", "by", "told"),
    [
        ("price.csv", "price_usd_per_mwh", 1e-3, "looks like USD/kWh"),
        ("carbon.csv", "average_g_per_kwh", 1e-3, "looks like kg/kWh"),
        ("regions.csv", "pue", 100, "which is unusual: wanted 1 to 3"),
        ("rtt_node_region.csv", "rtt_ms", 1e3, "slower than any network"),
        ("rtt_node_region.csv", "rtt_ms", 1e-3, "where light takes"),
    ],
)
def test_sizes_of_another_unit_are_warned_of(
    tmp_path: Path, name: str, column: str, by: float, told: str
) -> None:
    """A table in another unit loads with a warning that names the figure; the right one without."""
    folder = tiny_folder(tmp_path / "tiny")
    assert not folder.read().warnings
    scaled(folder, name, column, by)
    assert told in " ".join(map(str, folder.read().warnings))


def test_a_wide_table_of_hours_is_recognised(tmp_path: Path) -> None:
    """A column for each zone is one problem, whose fix brings the table in."""
    folder = tiny_folder(tmp_path / "tiny")
    rows = [f"2023-06-01T{hour:02}:00:00Z,1,2,3" for hour in range(24)]
    folder.write("price.csv", "\n".join(["time_utc,NO,IN,US-TX", *rows]) + "\n")
    told = [p for p in folder.problems() if p.file and p.file.endswith("price.csv")]
    assert [p.fix for p in told] == [
        "Import it: `wattlas data import FILE --as price --into hours`."
    ]
