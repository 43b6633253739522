"""From the typed that the core returns to the tables that files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars as pl


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


def with_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """Times as `2023-01-01T00:00:00Z`, as they stand in every file of Wattlas."""
    import polars as pl

    return rows.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
