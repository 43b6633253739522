"""A frame as a Parquet file that is written whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattlas.data.whole_file import whole_file

if TYPE_CHECKING:
    import polars as pl


def write_frame(path: Path, frame: pl.DataFrame, metadata: Mapping[str, str] | None = None) -> Path:
    """Write a Parquet file whole. `metadata` are texts by name that the file carries along."""
    more: dict[str, Any] = {"metadata": dict(metadata)} if metadata else {}
    # polars finds no file whose name is not UTF-8, that of a folder above included.
    with whole_file(path) as temporary, temporary.open("wb") as file:
        frame.write_parquet(file, compression="zstd", **more)
    return path
