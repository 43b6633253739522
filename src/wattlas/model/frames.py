"""From tables as values to the data frames of polars and pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wattlas.errors import UsageError
from wattlas.model.table import Table

if TYPE_CHECKING:
    import pandas
    import polars as pl

FORMULA = r"^[=+\-@\t\r]"
"""What a spreadsheet takes for the beginning of a formula."""


def frame(table: Table) -> pl.DataFrame:
    """Columns as a table: times get the UTC zone, nan becomes null."""
    import polars as pl

    typed = pl.DataFrame({name: _column(values) for name, values in table.items()}, strict=False)
    zoned = [
        pl.col(n).dt.replace_time_zone("UTC") for n, d in typed.schema.items() if d == pl.Datetime
    ]
    floats = [pl.col(n).fill_nan(None) for n, d in typed.schema.items() if d.is_float()]
    return typed.with_columns(*zoned, *floats)


def _column(values: Sequence[Any] | np.ndarray) -> Any:
    array = values if isinstance(values, np.ndarray) else None
    if array is not None and array.dtype.kind == "M":
        return array.astype("datetime64[ms]")
    return values


def with_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """Times as `2023-01-01T00:00:00Z`, as they stand in every file of Wattlas."""
    import polars as pl

    return rows.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


def csv_text(table: pl.DataFrame) -> str:
    """A table as CSV that no spreadsheet takes for a formula: such texts begin with `'`.

    Names come from files that others wrote; `=HYPERLINK(…)` would run where the table is opened.
    """
    import polars as pl

    texts = pl.selectors.string() | pl.selectors.categorical()
    guarded = table.with_columns(texts.cast(pl.String))
    return guarded.with_columns(
        pl.when(pl.col(name).str.contains(FORMULA))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name, kind in guarded.schema.items()
        if kind == pl.String
    ).write_csv()


def pandas_of(rows: pl.DataFrame) -> pandas.DataFrame:
    """The same for pandas: times keep their zone. Raises UsageError where pandas is missing.

    Column by column, because polars' own way needs pyarrow.
    """
    try:
        import pandas as pd
    except ImportError:
        raise UsageError("pandas is not installed: pip install 'wattlas[notebook]'") from None
    import polars as pl

    columns = {}
    for name, kind in rows.schema.items():
        values = rows[name].to_numpy() if kind.is_numeric() else rows[name].to_list()
        zone = kind.time_zone if isinstance(kind, pl.Datetime) else None
        series = pd.Series(rows[name].to_numpy() if zone else values, name=name)
        columns[name] = series.dt.tz_localize(zone) if zone else series
    return pd.DataFrame(columns)
