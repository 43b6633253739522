"""Tables as compact JSON that can stand inside an HTML page.

A column of texts or times is a dictionary and indices into it, and so is one of numbers where that
is shorter; numbers keep six significant digits, and a table that would make the page heavy is
thinned by a rule that the page states.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wattlas.studies import registry

if TYPE_CHECKING:
    import polars as pl

    from wattlas.report.results import Results

DIGITS = 6

_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def script_json(value: Any) -> str:
    """JSON that no browser can take for the end of the script element it stands in.

    NaN and infinities become null: JSON has no word for them.
    """
    text = json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for raw, escaped in _ESCAPES.items():
        text = text.replace(raw, escaped)
    return text


def columns_of(frame: pl.DataFrame) -> dict[str, Any]:
    """`{"n": rows, "c": {column: values, or {"d": dictionary, "i": indices}}}`; nulls stay null."""
    return {"n": frame.height, "c": {name: _column(frame[name]) for name in frame.columns}}


def page_tables(results: Results) -> tuple[dict[str, Any], dict[str, str]]:
    """Every table of the results as `columns_of`, and what was thinned: table -> one sentence."""
    out: dict[str, Any] = {}
    thinned: dict[str, str] = {}
    for name, frame in results.tables.items():
        entry = registry.tables(None).get(name)
        small, rule = entry.thin(frame) if entry and entry.thin else (frame, "")
        out[name] = columns_of(small)
        if rule:
            thinned[name] = rule
    return out, thinned


def _column(series: pl.Series) -> Any:
    import polars as pl

    dtype = series.dtype
    if isinstance(dtype, pl.Datetime):
        series = series.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    elif dtype == pl.Boolean:
        return series.to_list()
    elif dtype.is_numeric():
        rounded = series.cast(pl.Float64).fill_nan(None).round_sig_figs(DIGITS)
        return _packed([_short(value) for value in rounded.to_list()])
    elif dtype == pl.Null:
        return [None] * series.len()
    return _indexed(series.cast(pl.String).to_list())


def _indexed(values: list[Any]) -> dict[str, list[Any]]:
    words = list(dict.fromkeys(values))
    at = {word: index for index, word in enumerate(words)}
    return {"d": words, "i": [at[value] for value in values]}


def _packed(values: list[float | int | None]) -> Any:
    """Numbers as they are, or as a dictionary where they repeat enough to make that shorter."""
    indexed = _indexed(values)
    short = sum(len(str(value)) + 1 for part in indexed.values() for value in part)
    frame = len('{"d":[],"i":[]}')
    return indexed if short + frame < sum(len(str(value)) + 1 for value in values) else values


def _short(value: float | None) -> float | int | None:
    """A whole number without its `.0`: a tenth of the page."""
    if value is None or value in (float("inf"), float("-inf")):
        return None
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def finite(value: Any) -> Any:
    """The same value with null for NaN and infinity, for which JSON has no word."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
