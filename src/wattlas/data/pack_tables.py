"""The tables that a pack may hold: their columns, which of them must be there, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

TEXT, NUMBER, WHOLE = pl.String(), pl.Float64(), pl.Int64()
UTC = pl.Datetime("us", "UTC")
TIME = "time_utc"


@dataclass(frozen=True)
class TableLayout:
    """Columns of a table by name; the optional ones may be missing."""

    required: dict[str, pl.DataType]
    optional: dict[str, pl.DataType]

    @property
    def columns(self) -> dict[str, pl.DataType]:
        """All columns that have a meaning."""
        return {**self.required, **self.optional}


def _layout(required: dict[str, pl.DataType], **optional: pl.DataType) -> TableLayout:
    return TableLayout(required, optional)


_PLACE = {"name": TEXT, "jurisdiction": TEXT, "lat_deg": NUMBER, "lon_deg": NUMBER}
_FIGURES = {"zone": TEXT, "month": WHOLE, "hour_utc": WHOLE}
_MONTHS = {"zone": TEXT, "month": WHOLE}
_SERIES = {"zone": TEXT, "slow_share": NUMBER}
_POINT = {
    "point": TEXT,
    "variant": TEXT,
    "accuracy": NUMBER,
    "prefill_j_per_token": NUMBER,
    "decode_j_per_token": NUMBER,
    "prefill_gpu_s_per_token": NUMBER,
    "decode_gpu_s_per_token": NUMBER,
    "ttft_ms": NUMBER,
    "prefill_ms_per_token": NUMBER,
    "itl_ms": NUMBER,
}
_POINT_MORE = {
    "itl_p95_ms": NUMBER,
    "request_j": NUMBER,
    "request_gpu_s": NUMBER,
    "hardware": TEXT,
    "weights_bytes": NUMBER,
    "source": TEXT,
}

LAYOUTS: dict[str, TableLayout] = {
    "metros": _layout(
        {"metro": TEXT, **_PLACE, "country": TEXT, "timezone": TEXT, "population": NUMBER},
        node=TEXT,
    ),
    "nodes": _layout({"node": TEXT, **_PLACE}, region=TEXT),
    "regions": _layout(
        {"region": TEXT, **_PLACE, "zone": TEXT, "country": TEXT, "timezone": TEXT, "pue": NUMBER},
        capacity_gpu=NUMBER,
        rent_usd_per_gpu_h=NUMBER,
        queue_ms=NUMBER,
        variants=TEXT,
    ),
    "price": _layout({TIME: UTC, "zone": TEXT, "price_usd_per_mwh": NUMBER}),
    "carbon": _layout(
        {TIME: UTC, "zone": TEXT, "average_g_per_kwh": NUMBER}, marginal_g_per_kwh=NUMBER
    ),
    "capacity": _layout({TIME: UTC, "region": TEXT, "capacity_gpu": NUMBER}),
    "rtt_metro_node": _layout({"metro": TEXT, "node": TEXT, "rtt_ms": NUMBER}, method=TEXT),
    "rtt_node_region": _layout({"node": TEXT, "region": TEXT, "rtt_ms": NUMBER}, method=TEXT),
    "egress": _layout({"node": TEXT, "region": TEXT, "egress_usd_per_gb": NUMBER}, method=TEXT),
    "points": _layout(_POINT, **_POINT_MORE),
    "profiles": _layout(
        _POINT,
        **_POINT_MORE,
        itl_p99_ms=NUMBER,
        level=NUMBER,
        gpqa=NUMBER,
        usd_per_mtok_in=NUMBER,
        usd_per_mtok_out=NUMBER,
    ),
    "point_accuracy": _layout({"class": TEXT, "point": TEXT, "accuracy": NUMBER}),
    "classes": _layout({"class": TEXT}),
    "demand": _layout({TIME: UTC, "metro": TEXT, "class": TEXT, "requests_per_h": NUMBER}),
    "token_profiles": _layout(
        {
            "trace": TEXT,
            "class": TEXT,
            "requests": WHOLE,
            "tokens_in_mean": NUMBER,
            "tokens_out_mean": NUMBER,
        },
        tokens_in_p50=NUMBER,
        tokens_in_p95=NUMBER,
        tokens_out_p50=NUMBER,
        tokens_out_p95=NUMBER,
        source=TEXT,
    ),
    "price_figures": _layout(
        {**_FIGURES, "mean_usd_per_mwh": NUMBER, "std_usd_per_mwh": NUMBER, "tail": WHOLE}
    ),
    "price_months": _layout({**_MONTHS, "low_usd_per_mwh": NUMBER, "high_usd_per_mwh": NUMBER}),
    "price_series": _layout(_SERIES, persistence=NUMBER),
    "carbon_figures": _layout(
        {**_FIGURES, "mean_g_per_kwh": NUMBER, "std_g_per_kwh": NUMBER, "tail": WHOLE}
    ),
    "carbon_months": _layout({**_MONTHS, "low_g_per_kwh": NUMBER, "high_g_per_kwh": NUMBER}),
    "carbon_series": _layout(_SERIES, persistence=NUMBER, price_correlation=NUMBER),
    "correlation": _layout(
        {
            "signal": TEXT,
            "zone": TEXT,
            "with_signal": TEXT,
            "with_zone": TEXT,
            "correlation": NUMBER,
        }
    ),
}
"""Every table that a pack may hold, by name."""

HOURLY_KEYS = {"price": "zone", "carbon": "zone", "capacity": "region"}
"""Tables of hours, and the column that tells their series apart."""


def read_table(path: Path, table: str | None = None) -> pl.DataFrame:
    """The rows of a CSV or Parquet file, in the types of the layout of `table` where it is given.

    Raises OSError or polars errors where the file cannot be read.
    """
    layout = LAYOUTS.get(table or "")
    frame = read_raw(path, layout)
    return frame if layout is None else conform(frame, layout)


def read_raw(path: Path, layout: TableLayout | None = None) -> pl.DataFrame:
    """The rows as they stand; in a CSV, what the layout calls text stays text, and so do times."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    known = {} if layout is None else layout.columns
    texts = {name for name, kind in known.items() if kind == TEXT} | {TIME}
    header = pl.read_csv(path, n_rows=0).columns
    return pl.read_csv(
        path,
        schema_overrides={name: TEXT for name in header if name in texts},
        infer_schema_length=None,
    )


def conform(frame: pl.DataFrame, layout: TableLayout) -> pl.DataFrame:
    """Known columns in the layout's types; a value that does not fit becomes null, not an error."""
    changes = []
    for name, kind in layout.columns.items():
        if name not in frame.columns:
            continue
        have = frame.schema[name]
        if kind == UTC:
            changes.append(_as_utc(pl.col(name), have))
        elif have != kind:
            changes.append(pl.col(name).cast(kind, strict=False))
    return frame.with_columns(changes) if changes else frame


def _as_utc(column: pl.Expr, have: pl.DataType) -> pl.Expr:
    """Text or times to UTC: text needs its `Z` or offset, a time without zone is taken as UTC."""
    if have == TEXT:
        return column.str.to_datetime(
            time_unit="us", time_zone="UTC", strict=False, format="%Y-%m-%dT%H:%M:%S%#z"
        )
    if isinstance(have, pl.Datetime):
        if have.time_zone is None:
            return column.dt.replace_time_zone("UTC").dt.cast_time_unit("us")
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return column.cast(UTC, strict=False)
