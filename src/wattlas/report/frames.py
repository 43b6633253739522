"""From the typed that the core returns to the tables that files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl

FORMULA = r"^[=+\-@\t\r]"
"""What a spreadsheet takes for the beginning of a formula."""


def frame(table: Mapping[str, Sequence[Any] | np.ndarray]) -> pl.DataFrame:
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
