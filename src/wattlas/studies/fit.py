"""Taste from a table of choices, wherever the table is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattlas.data.choices_file import choices_of, read_choices
from wattlas.model.choices import Choices
from wattlas.model.users import Scale
from wattlas.tiers.fit import Fit, fit

if TYPE_CHECKING:
    import polars as pl


def fit_users(
    choices: str | Path | pl.DataFrame | Choices,
    *,
    scale: Scale | None = None,
    curvature: float | None = 0.0,
    additive: bool = False,
    requests: float = 1.0,
) -> Fit:
    """Fit users' taste to a choice experiment: a CSV or Parquet file, a polars frame, or `Choices`.

    `scale` says what counts as worst and best, the ranges of the table unless given. `curvature` ρ
    is 0 (linear) unless another is given; None estimates it. `additive` fixes k_a + k_l = 1. Price
    and carbon in the table are for so many `requests`.

    Raises InputError with everything that is wrong with the table, or with every parameter that it
    cannot tell.
    """
    made = as_choices(choices)
    return fit(made, scale=scale, curvature=curvature, additive=additive, requests=requests)


def as_choices(source: str | Path | pl.DataFrame | Choices) -> Choices:
    """The choices of a file, a polars frame, or as they are."""
    if isinstance(source, Choices):
        return source
    return read_choices(source) if isinstance(source, str | Path) else choices_of(source)
