"""Tables inside a page: small, exact to six digits, and unable to end the script they stand in."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.studied import Studied
from wattlas.report.embed import columns_of, page_tables, script_json
from wattlas.studies.thinning import MAX_SURFACE, best_points, every_second, mean_days

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
@settings(max_examples=40)
def test_script_json_reads_back(value: Any) -> None:
    """Escaped for HTML it is still the same JSON."""
    assert json.loads(script_json(value)) == value


@given(st.text())
def test_script_json_cannot_leave_its_element(text: str) -> None:
    """No character that HTML acts upon survives."""
    assert not set("<>&\u2028\u2029") & set(script_json(["</script><!--", text]))


def test_no_number_is_not_a_number() -> None:
    """NaN and infinities become null; JSON has no word for them."""
    assert script_json({"a": math.nan, "b": [math.inf, -math.inf, 1.5]}) == (
        '{"a":null,"b":[null,null,1.5]}'
    )


def _decode(column: Any) -> list[Any]:
    return column if isinstance(column, list) else [column["d"][at] for at in column["i"]]


def test_columns_read_back(made: Studied) -> None:
    """Each value of each table is there, numbers to six digits."""
    for frame in made.frames.values():
        packed = json.loads(script_json(columns_of(frame)))
        assert packed["n"] == frame.height
        for name in frame.columns:
            for got, want in zip(_decode(packed["c"][name]), frame[name].to_list(), strict=True):
                if isinstance(want, float):
                    assert got == pytest.approx(want, rel=5e-6)
                elif isinstance(want, datetime):
                    assert datetime.fromisoformat(got) == want
                else:
                    assert got == want


@pytest.mark.parametrize("dtype", [pl.String, pl.Float64, pl.Boolean, pl.Null])
def test_columns_of_nothing(dtype: type[pl.DataType]) -> None:
    """An empty column and one of nulls are columns like any other."""
    assert _decode(columns_of(pl.DataFrame({"a": pl.Series([], dtype=dtype)}))["c"]["a"]) == []
    nulls = pl.DataFrame({"a": pl.Series([None, None], dtype=dtype)})
    assert _decode(columns_of(nulls)["c"]["a"]) == [None, None]


def _year(made: Studied) -> pl.DataFrame:
    start, end = datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 12, 31, 23, tzinfo=UTC)
    time = pl.datetime_range(start, end, "1h", time_unit="ms", eager=True)
    hour = time.dt.hour().cast(pl.Float64)
    one = made.frames["hourly"].head(1).drop("time_utc", "it_mw", "hours_represented")
    return one.join(pl.DataFrame({"time_utc": time, "it_mw": hour}), how="cross").with_columns(
        hours_represented=pl.lit(1.0)
    )


def test_a_year_is_shown_as_mean_days(made: Studied) -> None:
    """12 × 24 steps stand for a year: hours and energy are kept, and the page says so."""
    year = _year(made)
    days = mean_days(year)
    assert days.height == 288
    assert days["hours_represented"].sum() == 8760
    energy = (days["it_mw"] * days["hours_represented"]).sum()
    assert energy == pytest.approx((year["it_mw"] * year["hours_represented"]).sum())
    assert days["it_mw"].to_list() == [float(h) for h in range(24)] * 12
    tables, thinned = page_tables(made.results({"hourly": year}))
    assert tables["hourly"]["n"] == 288
    assert "mean day of each month" in thinned["hourly"]


def test_the_best_point_of_each_region_stays() -> None:
    """Chosen before open, open before closed, cheap before expensive."""
    rows = {
        "metro": "m", "class": "A", "region": ["r", "r", "r", "s", "s", "t", "t"],
        "point": ["expensive", "chosen", "closed", "expensive", "cheap", "closed", "open"],
        "cost_usd_per_million": [1.0, 9.0, 0.1, 2.0, 1.0, 1.0, 2.0],
        "reason": ["", "", "late", "", "", "late", ""],
        "chosen_share": [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    }  # fmt: skip
    kept = best_points(pl.DataFrame(rows))
    assert dict(zip(kept["region"], kept["point"], strict=True)) == {
        "r": "chosen", "s": "cheap", "t": "open",
    }  # fmt: skip


@given(st.lists(st.sampled_from([None, 0.0, 1 / 3, 0.0125, 1e9, -2.5]), max_size=60))
def test_numbers_take_the_shorter_form(values: list[float | None]) -> None:
    """As they are or as a dictionary: either reads back, and is no longer than the plain one."""
    column = columns_of(pl.DataFrame({"a": pl.Series(values, dtype=pl.Float64)}))["c"]["a"]
    plain = [None if v is None else float(f"{v:.6g}") for v in values]
    assert _decode(column) == pytest.approx(plain)
    assert len(script_json(column)) <= len(
        script_json([v if v is None or v % 1 else int(v) for v in plain])
    )


def test_grids_are_small(made: Studied) -> None:
    """Each coordinate of a surface is written once, and the table in half of its plain size."""
    surface = made.frames["tier_utility"]
    packed = columns_of(surface)["c"]
    assert len(packed["accuracy"]["d"]) == 25
    assert len(script_json(packed)) < 0.5 * len(script_json(surface.to_dict(as_series=False)))


def test_large_surfaces_are_thinned(made: Studied) -> None:
    """Every second line along both axes, corners kept; the page says so; small ones stay whole."""
    one = made.frames["tier_utility"]
    many = pl.concat([one.with_columns(segment=pl.col("segment") + str(n)) for n in range(4)])
    assert many.height > MAX_SURFACE > one.height
    tables, thinned = page_tables(made.results({"tier_utility": many}))
    assert tables["tier_utility"]["n"] == many.height // 625 * 13 * 13
    assert thinned["tier_utility"].startswith("Shown is every second accuracy and latency")
    small, said = page_tables(made.results({"tier_utility": one}))
    assert (small["tier_utility"]["n"], said) == (one.height, {})


def test_every_second_line_keeps_the_edges() -> None:
    """Of five lines the first, third and fifth stay; of four the first, third and fourth."""
    axes = {"discount": [0.0, 0.1, 0.2, 0.3], "share": [0.0, 0.25, 0.5, 0.75, 1.0]}
    grid = pl.DataFrame({"class": ["A"]})
    for name, values in axes.items():
        grid = grid.join(pl.DataFrame({name: values}), how="cross")
    kept = every_second(grid, ("class",), ("discount", "share"))
    assert kept["discount"].unique().sort().to_list() == [0.0, 0.2, 0.3]
    assert kept["share"].unique().sort().to_list() == [0.0, 0.5, 1.0]
    assert kept.height == 9
    # Each surface has its own last line: of the four discounts of B the last is 0.3, not 0.4.
    longer = grid.with_columns(pl.lit("A").alias("class")).vstack(
        grid.filter(pl.col("share") == 0).with_columns(discount=pl.lit(0.4))
    )
    both = pl.concat([longer, grid.with_columns(pl.lit("B").alias("class"))])
    own = every_second(both, ("class",), ("discount", "share")).filter(pl.col("class") == "B")
    assert own["discount"].unique().sort().to_list() == [0.0, 0.2, 0.3]


def test_a_mean_day_weighs_each_day_by_the_hours_it_stands_for() -> None:
    """Two days of a month that stand for 1 and 3 days: sums add up, the rest is weighted."""
    weight, power, capacity = (1.0, 3.0), (10.0, 20.0), (None, 7.0)
    rows = [
        {
            "time_utc": datetime(2023, 5, 4 + 9 * day, hour, tzinfo=UTC),
            "region": region,
            "hours_represented": weight[day],
            "requests": 100.0 * (day + 1),
            "it_mw": power[day] + hour + shift,
            "capacity_gpu": capacity[day],
        }
        for day in range(2)
        for hour in range(24)
        for shift, region in enumerate(("a", "b"))
    ]
    days = mean_days(pl.DataFrame(rows))
    assert days.height == 48
    for row in days.iter_rows(named=True):
        hour, shift = row["time_utc"].hour, "ab".index(row["region"])
        assert row["time_utc"] == datetime(2023, 5, 1, hour, tzinfo=UTC)
        assert row["hours_represented"] == 4.0
        assert row["requests"] == 300.0
        assert row["it_mw"] == pytest.approx((1 * 10.0 + 3 * 20.0) / 4 + hour + shift)
        assert row["capacity_gpu"] == pytest.approx(7.0)
