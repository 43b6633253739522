"""Text of a table → numbers: decimal points and commas, marks of thousands, words for nothing."""

from __future__ import annotations

import polars as pl

NOTHING = frozenset(
    {"", "-", "--", ".", "n/a", "n/e", "na", "n.a.", "nan", "null", "none", "missing", "x", "—"}
    | {"–", "#n/a", "#n/v", "#nv", "#na", "<na>", "(null)", "\\n", "nil", "n.v.", "n.d.", "k.a."}
)
"""Words for a figure that there is not, in small letters."""


def decimal_mark(text: pl.Series, separator: str = ",") -> str | None:
    """`.` or `,`: the decimal mark of a column; None where its cells leave it open.

    A mark before one, two or more than three digits is decimal, and so is the last of two kinds;
    one that comes twice marks thousands. `1,234` alone may be either, and so may `1.234` in a file
    whose cells end with `;`.
    """
    if separator != ";" and not text.str.contains(",", literal=True).any():
        plain = text.str.strip_chars().cast(pl.Float64, strict=False)
        if plain.null_count() == text.null_count():
            return "."
    cells = _tidy(text.drop_nulls().unique())
    has_comma = cells.str.contains(",", literal=True)
    if not has_comma.any():
        dotted = cells.filter(cells.str.contains(".", literal=True))
        doubtful = dotted.str.contains(r"^[+-]?[1-9]\d{0,2}\.\d{3}$")
        twice = dotted.str.contains(r"^[+-]?\d{1,3}(\.\d{3}){2,}$")
        if twice.any() and (twice | doubtful).all():
            return ","
        return None if separator == ";" and dotted.len() and doubtful.all() else "."
    comma, point = _says(cells, ","), _says(cells, ".")
    if comma == point:
        return None
    return "," if comma else "."


def _says(cells: pl.Series, mark: str) -> bool:
    """Whether some cell can only be read with this decimal mark."""
    own, other = (r"\.", ",") if mark == "." else (",", r"\.")
    forms = (
        rf"{other}.*{own}",
        rf"^[+-]?\d*{own}(\d{{1,2}}|\d{{4,}})(e[+-]?\d+)?$",
        rf"^[+-]?0*{own}\d+$",
        rf"^[+-]?\d{{1,3}}({other}\d{{3}}){{2,}}$",
    )
    return bool(cells.str.contains("|".join(forms)).any())


def numbers(text: pl.Series, mark: str = ".") -> pl.Series:
    """Text as Float64 under a decimal mark; what is no number becomes null."""
    plain = text.str.strip_chars().cast(pl.Float64, strict=False) if mark == "." else None
    if plain is not None and plain.null_count() == text.null_count():
        return plain
    cells = _tidy(text)
    point = r"\." if mark == "." else ","
    thousands = "," if mark == "." else r"\."
    grouped = cells.str.contains(rf"^[+-]?\d{{1,3}}(?:{thousands}\d{{3}})+(?:{point}\d+)?$")
    bare = cells.str.replace_all("," if mark == "." else ".", "", literal=True)
    cells = bare.zip_with(grouped.fill_null(False), cells)
    if mark == ",":
        # A point that is not between thousands is no number here: 1.5 beside 1,5.
        pointed = cells.str.contains(".", literal=True).fill_null(False)
        cells = pl.Series(cells.name, [None], dtype=pl.String).zip_with(pointed, cells)
        cells = cells.str.replace(",", ".", literal=True)
    parsed = cells.cast(pl.Float64, strict=False)
    return parsed if plain is None else plain.fill_null(parsed)


_SPACE = "[\\s\u00a0\u202f\u2009']"
_APART = rf"\d{_SPACE}+\d"
_GROUPED = rf"^\s*[+\-\u2212]?\s*\d{{1,3}}(?:{_SPACE}\d{{3}})+(?:[.,]\d+)?\s*$"


def _tidy(text: pl.Series) -> pl.Series:
    """Without spaces, also those between thousands, and with a plain minus.

    Digits that spaces part otherwise are two numbers, or none: such a cell stays as it is.
    """
    bare = text.str.replace_all(_SPACE, "")
    two = text.str.contains(_APART) & ~text.str.contains(_GROUPED)
    if two.any():
        bare = text.zip_with(two.fill_null(False), bare)
    return bare.str.replace_all("\u2212", "-", literal=True)


def is_nothing(text: pl.Series) -> pl.Series:
    """Whether each cell is empty or a word for nothing."""
    return text.is_null() | text.str.strip_chars().str.to_lowercase().is_in(list(NOTHING))
