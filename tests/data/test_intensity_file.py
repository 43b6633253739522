"""Hourly intensities from a table of one's own: every zone and hour once, or a named mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattlas.data.intensity_file import read_intensities
from wattlas.errors import InputError
from wattlas.model.signals import Hours

HEAD = "time_utc,zone,average_g_per_kwh\n"


def rows(zone: str, values: list[float], day: str = "2023-03-01") -> str:
    return "".join(f"{day}T{t:02}:00:00Z,{zone},{x}\n" for t, x in enumerate(values))


def test_zones_by_hours(tmp_path: Path) -> None:
    """In the order of the table, whatever the order of its rows; other columns are left alone."""
    file = tmp_path / "hours.csv"
    file.write_text(HEAD + rows("B", [1, 2, 3]) + rows("A", [4, 5, 6]))
    found = read_intensities(file)
    assert found.zones == ("B", "A")
    np.testing.assert_array_equal(found.g_per_kwh, [[1, 2, 3], [4, 5, 6]])
    assert found.hours.utc[0] == np.datetime64("2023-03-01T00", "s")
    assert found.hours.step_h == 1.0


def test_the_span_may_be_given(tmp_path: Path) -> None:
    """Hours beyond it are not read; those within it must be there."""
    file = tmp_path / "hours.csv"
    file.write_text(HEAD + rows("A", [4, 5, 6]))
    within = read_intensities(file, Hours.range("2023-03-01T01:00:00", 2))
    np.testing.assert_array_equal(within.g_per_kwh, [[5, 6]])
    with pytest.raises(InputError, match="lacks 1 of 4 hours"):
        read_intensities(file, Hours.range("2023-03-01T00:00:00", 4))
    with pytest.raises(InputError, match="`A` has none of the hours from 2024"):
        read_intensities(file, Hours.range("2024-03-01T00:00:00", 4))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time_utc,zone\n", "this column is missing"),
        (HEAD, "there are none"),
        (HEAD + rows("A", [1, -2]), "wanted a number of at least 0"),
        (HEAD + rows("A", [1, 2]) + rows("A", [1]), "is given 2 times"),
        (HEAD + rows("A", [1, 2, 3]) + rows("B", [1, 2]), "lacks 1 of 3 hours"),
        (HEAD + "2023-03-01 00:00,A,3\n", "wanted a time with its zone"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    """Missing columns, no rows, cells out of range, hours doubled or missing, local times."""
    file = tmp_path / "hours.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        read_intensities(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is an input that is wrong, not a bug."""
    with pytest.raises(InputError, match="there is no such file"):
        read_intensities(tmp_path / "none.csv")


def test_a_column_of_lists_is_wrong_by_row(tmp_path: Path) -> None:
    """Parquet can hold lists where figures are wanted; each row is an error, none a crash."""
    file = tmp_path / "hours.csv"
    file.write_text(HEAD + rows("A", [1, 2]))
    lists = pl.read_csv(file, try_parse_dates=True).with_columns(
        pl.concat_list("average_g_per_kwh").alias("average_g_per_kwh")
    )
    lists.write_parquet(tmp_path / "hours.parquet")
    with pytest.raises(InputError, match="wanted a number") as caught:
        read_intensities(tmp_path / "hours.parquet")
    assert len(caught.value.problems) == 2
