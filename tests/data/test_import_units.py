"""Units as headers, cells and columns beside the values state them: converted, or asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wattlas.data.importers import Layout, read_files
from wattlas.data.importers.units import stated
from wattlas.data.reader.numbers import numbers
from wattlas.errors import InputError

LB_G = 453.59237
VALUE = 40.0


def table_of(folder: Path, header: str, *rows: str) -> Path:
    """Writes a table of one series, or of pairs."""
    file = folder / "t.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def first(folder: Path, table: str, header: str, **fields: object) -> float:
    """What the value of a row comes to under a header."""
    timed = Layout(table).timed
    key = "t" if timed else "a,b"
    cells = ["2024-05-01T00:00Z", "2024-05-01T01:00Z"] if timed else ["x,y", "x,z"]
    file = table_of(folder, f'{key},"{header}"', *(f"{cell},{VALUE}" for cell in cells))
    places: dict[str, object] = {"time_column": "t", "zone": "QQ"}
    if table == "demand":
        places["klass"] = "A"
    if not timed:
        places = {"zone_column": "a", "class_column": "b"}
    layout = Layout(table, **{**places, "value_column": header, **fields})  # type: ignore[arg-type]
    return float(read_files([file], layout).frame[layout.value][0])


@pytest.mark.parametrize(
    ("table", "header", "each"),
    [
        ("price", "price ($/kWh)", 1e3),
        ("price", "p_usd_kwh", 1e3),
        ("price", "US cents/kWh", 10.0),
        ("price", "LBMP ($/MWHr)", 1.0),
        ("price", "USD/GWh", 1e-3),
        ("price", "price per MWh", 1.0),
        ("carbon", "carbon_kg_kwh", 1e3),
        ("carbon", "g CO2e / MJ", 3.6),
        ("carbon", "mg/kWh", 1e-3),
        ("carbon", "tonnes CO₂ per MWh", 1e3),
        ("carbon", "emissions lb/MWh rate", LB_G / 1e3),
        ("carbon", "co2_intensity_gkwh", 1.0),
        ("demand", "req/min", 60.0),
        ("demand", "rps", 3600.0),
        ("demand", "requests per day", 1 / 24),
        ("demand", "weekly requests", 1 / 168),
        ("demand", "daily requests", 1 / 24),
        ("demand", "hourly requests", 1.0),
        ("egress", "$/GiB", 1 / 1.073741824),
        ("egress", "usd_per_tb", 1e-3),
        ("rtt", "latency (s)", 1e3),
        ("rtt", "rtt_us", 1e-3),
        ("rtt", "p50 ms", 1.0),
    ],
)
def test_a_unit_that_a_header_states_converts(
    tmp_path: Path, table: str, header: str, each: float
) -> None:
    """What one of a header's unit is in ours comes from its words, wherever they stand in it."""
    assert first(tmp_path, table, header) == pytest.approx(VALUE * each, abs=1e-6)


@pytest.mark.parametrize(
    ("header", "each"),
    [
        ("price EUR MWh", 1.0),
        ("EUR/MWh day-ahead", 1.0),
        ("pence/kWh", 10.0),
        ("öre/kWh", 10.0),
        ("INR/kWh", 1e3),
        ("CHF/MWh", 1.0),
        ("A$/MWh", 1.0),
        ("price (yen/kWh)", 1e3),
        ("EUR/GWh", 1e-3),
        ("price_eur", 1.0),
    ],
)
def test_another_currency_asks_for_its_worth(tmp_path: Path, header: str, each: float) -> None:
    """A currency is never read as dollars; with its worth, its energy still converts."""
    with pytest.raises(InputError, match="--factor"):
        first(tmp_path, "price", header)
    assert first(tmp_path, "price", header, factor=1.1) == pytest.approx(VALUE * each * 1.1)


@pytest.mark.parametrize(
    ("table", "header", "unit"),
    [
        ("price", "mills/kWh", "usd/mwh"),
        ("price", "EUR/MW", "usd/mwh"),
        ("carbon", "short tons/MWh", "t/mwh"),
        ("demand", "tokens/h", "requests/h"),
        ("demand", "thousand requests", "requests/h"),
        ("capacity", "MW", "gpu"),
        ("rtt", "one-way ms", "ms"),
    ],
)
def test_a_unit_that_is_not_known_is_asked_for(
    tmp_path: Path, table: str, header: str, unit: str
) -> None:
    """A stated unit of which we do not know the size is no unit of ours until `--unit` says so."""
    with pytest.raises(InputError, match="--unit"):
        first(tmp_path, table, header)
    assert first(tmp_path, table, header, unit=unit) > 0


@pytest.mark.parametrize(
    ("cells", "asks"),
    [
        (("EUR/MWh", "EUR/MWh"), "is in EUR/MWh"),
        (("EUR", "EUR"), "is in EUR"),
        (("EUR/MWh", "USD/MWh"), "several units"),
        (("barrels", "barrels"), "barrels"),
    ],
)
def test_a_column_of_units_is_read(tmp_path: Path, cells: tuple[str, str], asks: str) -> None:
    """Units that stand beside the values count as those of a header, and may not be mixed."""
    rows = [f"2024-05-01T0{n}:00Z,40,{cell}" for n, cell in enumerate(cells)]
    file = table_of(tmp_path, "t,p,unit", *rows)
    layout = Layout("price", time_column="t", value_column="p", zone="QQ")
    with pytest.raises(InputError, match=asks):
        read_files([file], layout)
    dollars = file.read_text(encoding="utf-8")
    for cell in cells:
        dollars = dollars.replace(cell, "usd/kwh")
    file.write_text(dollars, encoding="utf-8")
    assert read_files([file], layout).frame["price_usd_per_mwh"][0] == VALUE * 1e3


def test_each_column_has_its_own_unit(tmp_path: Path) -> None:
    """Columns of a wide table may be in different units; a foreign one among them is told."""
    rows = ["2024-05-01T00:00Z,40,0.04", "2024-05-01T01:00Z,50,0.05"]
    file = table_of(tmp_path, "t,A [$/MWh],B [$/kWh]", *rows)
    frame = read_files([file], Layout("price", time_column="t")).frame
    assert frame["price_usd_per_mwh"].to_list() == pytest.approx([40, 50, 40, 50])
    file = table_of(tmp_path, "t,A [$/MWh],B [CHF/kWh]", *rows)
    with pytest.raises(InputError, match="CHF/kWh"):
        read_files([file], Layout("price", time_column="t"))


ENERGY = {"kWh": 1e3, "MWh": 1.0, "GWh": 1e-3, "MWhel": 1.0}


@given(
    energy=st.sampled_from(sorted(ENERGY)),
    join=st.sampled_from(["/", " per ", "_per_", " / "]),
    before=st.sampled_from(["", "price ", "Day-ahead ", "spot ("]),
    after=st.sampled_from(["", " net", " (2024)", ")"]),
    capital=st.booleans(),
)
@examples(100)
def test_headers_of_prices_in_any_words(
    energy: str, join: str, before: str, after: str, capital: bool
) -> None:
    """However a header says dollars per energy, one of them is the same."""
    header = f"{before}USD{join}{energy}{after}"
    found = stated(header.upper() if capital else header, Layout("price"))
    assert found is not None
    assert (found.scale, found.currency, found.unknown) == (ENERGY[energy], "", "")


@pytest.mark.parametrize(("beside", "each"), [("EUR", 1e3), ("EUR/MWh", 1.0)])
def test_a_column_of_currencies_leaves_the_amount_to_the_header(
    tmp_path: Path, beside: str, each: float
) -> None:
    """A unit of each row goes before that of the header; a currency alone says no amount."""
    rows = [f"2024-05-01T0{n}:00Z,{VALUE},{beside}" for n in range(2)]
    file = table_of(tmp_path, "t,price (EUR/kWh),unit", *rows)
    layout = Layout("price", time_column="t", zone="QQ", value_column="price (EUR/kWh)", factor=1.1)
    assert read_files([file], layout).frame[layout.value][0] == pytest.approx(VALUE * each * 1.1)


def test_two_numbers_in_a_cell_are_none() -> None:
    """Spaces part thousands or nothing: 12 34 is not 1234."""
    import polars as pl

    cells = pl.Series(["1 234,5", "12 34", "1 0168,7", "1\u202f234\u202f567", "- 5"])
    assert numbers(cells, ",").to_list() == [1234.5, None, None, 1234567.0, -5.0]


@pytest.mark.parametrize(("mark", "other"), [(",", "."), (".", ",")])
def test_the_other_mark_parts_thousands_or_nothing(mark: str, other: str) -> None:
    """1.234.567,5 is a number beside a decimal comma, and 1.5, 12.34 and 1.2345 are none."""
    import polars as pl

    cells = ["1#234#567,5", "-1#234", "1#5", "12#34", "1#2345", "1234#567", "1#234#5,6", "1,234#5"]
    wanted = [1234567.5, -1234.0, None, None, None, None, None, None]
    text = pl.Series([cell.replace(",", mark).replace("#", other) for cell in cells])
    assert numbers(text, mark).to_list() == wanted
