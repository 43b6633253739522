"""Tables as values: what a column's name and spelling say of it."""

from __future__ import annotations

import pytest

from wattlas.model.table import Column, Kind, Listing, columns, rows_of, table_of


def test_columns_are_read_from_words() -> None:
    """A bare name is a number, a kind stands after a colon, nulls are allowed by a mark."""
    assert columns("region:text it_mwh share:share? late:flag") == (
        Column("region", Kind.TEXT),
        Column("it_mwh", Kind.NUMBER),
        Column("share", Kind.SHARE, optional=True),
        Column("late", Kind.FLAG),
    )
    with pytest.raises(ValueError, match="colour"):
        columns("region:colour")


@pytest.mark.parametrize(
    ("name", "unit", "heading"),
    [
        ("price_usd_per_mwh", "USD/MWh", "price, USD/MWh"), ("it_mwh", "MWh", "it, MWh"),
        ("on_demand_usd_per_gpu_h", "USD/GPU-h", "on demand, USD/GPU-h"), ("region", "", "region"),
        ("mean_g_per_kwh", "g/kWh", "mean, g/kWh"), ("late_share", "", "late share"),
    ],
)  # fmt: skip
def test_units_are_in_the_names(name: str, unit: str, heading: str) -> None:
    """The longest suffix that is a unit is the unit, and the rest the words of the heading."""
    assert (Column(name).unit, Column(name).heading) == (unit, heading)
    assert Column(name, head="other").heading == "other"


def test_rows_and_columns_are_each_other() -> None:
    """A table read as rows and put together again is the same; no rows keep their columns."""
    table = {"a": [1, 2], "b": ["x", "y"]}
    assert rows_of(table) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert table_of(rows_of(table)) == table
    assert table_of([], ("a", "b")) == {"a": [], "b": []}
    assert len(Listing("t", columns("a"), table)) == 2
    assert len(Listing("t", columns("a"), {})) == 0
