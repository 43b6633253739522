"""Sheets of spreadsheets as CSV text, so that the one reader reads them.

The library fastexcel (extra `xlsx`) takes the cells out: dates come as dates, whatever they look
like on the screen, and formulas as the values that were saved.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

from wattlas.data.importers.layout import Layout
from wattlas.data.reader.dialect import HEAD_LINES, SPREADSHEETS, IsHeader
from wattlas.errors import InputError, Problem, UsageError

MOST_BYTES = 1 << 30
"""A spreadsheet that unpacks to more is not opened."""
_SECOND = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+$"
"""A time that a spreadsheet's day number misses by less than a second."""


def is_spreadsheet(file: Path) -> bool:
    """Whether a file is of a spreadsheet that can be read."""
    return file.suffix.lower() in SPREADSHEETS


def csv_of(file: Path, label: str, layout: Layout, wanted: IsHeader, folder: Path) -> Path:
    """The sheet that a layout means, as a CSV file in `folder`.

    Of several sheets it is the only one with the header that is wanted, or the one named.

    Raises InputError for what is no spreadsheet or leaves the sheet open; UsageError without the
    library.
    """
    sheets = {n: f for n, f in _sheets(file, label, layout.sheet).items() if not f.is_empty()}
    if not sheets:
        raise InputError([Problem("(rows)", "there are none", "Give an hour.", label)])
    if len(sheets) > 1:
        headed = {name: frame for name, frame in sheets.items() if _has(frame, wanted)}
        sheets = headed or sheets
    if len(sheets) > 1:
        names = ", ".join(f"`{name}`" for name in sheets)
        fix = "Say which with `--sheet`."
        raise InputError([Problem("(file)", f"several sheets may be it: {names}", fix, label)])
    made = folder / "sheet.csv"
    next(iter(sheets.values())).write_csv(made, include_header=False)
    return made


def _has(frame: pl.DataFrame, wanted: IsHeader) -> bool:
    """Whether one of the first rows is the header that is wanted."""
    return any(wanted([c or "" for c in row]) for row in frame.head(HEAD_LINES).iter_rows())


def _sheets(file: Path, label: str, named: str | None) -> dict[str, pl.DataFrame]:
    """Each sheet, or the one named, as text without its empty rows."""
    try:
        import fastexcel
    except ImportError:
        raise UsageError(
            f"{label}: spreadsheets need the extra: pip install 'wattlas[xlsx]'. Or save the sheet "
            "as CSV."
        ) from None
    no_book = Problem("(file)", "is no spreadsheet, or not a whole one", "Save it as CSV.", label)
    if not zipfile.is_zipfile(file):
        raise InputError([no_book])
    with zipfile.ZipFile(file) as packed:
        size = sum(part.file_size for part in packed.infolist())
    if size > MOST_BYTES:
        what = f"unpacks to {size / 1e9:.1f} GB"
        raise InputError([Problem("(file)", what, "Save the sheet as CSV.", label)])
    try:
        book = fastexcel.read_excel(file)
        names = book.sheet_names
        if named is not None and named not in names:
            what = f"there is no sheet `{named}`; there are: {', '.join(names)}"
            raise InputError([Problem("--sheet", what, "Correct the name.", label)])
        chosen = names if named is None else [named]
        return {name: _cells(book, name) for name in chosen}
    except fastexcel.FastExcelError:
        raise InputError([no_book]) from None


def _cells(book: object, name: str) -> pl.DataFrame:
    sheet = book.load_sheet(name, header_row=None, dtypes="string")  # type: ignore[attr-defined]
    frame = pl.DataFrame(sheet)
    if not frame.width:
        return frame
    text = pl.all().cast(pl.String)
    exact = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    rounded = exact.dt.round("1s").dt.strftime("%Y-%m-%d %H:%M:%S")
    frame = frame.with_columns(pl.when(text.str.contains(_SECOND)).then(rounded).otherwise(text))
    return frame.filter(~pl.all_horizontal(pl.all().is_null()))
