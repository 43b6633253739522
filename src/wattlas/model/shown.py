"""Results that show themselves in a notebook, and that are polars and pandas frames when asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from wattlas.model.cells import cell
from wattlas.model.frames import frame, pandas_of, with_texts
from wattlas.model.suggest import did_you_mean
from wattlas.model.table import Column, Kind, Listing, Table

if TYPE_CHECKING:
    import pandas
    import polars

ROWS_SHOWN = 24
"""Rows of a table in a notebook; the frames have all."""
STYLE = "text-align:left"


class Tabular:
    """A result that is one table."""

    def table(self) -> Table:
        """Its columns by name, units in the names."""
        raise NotImplementedError

    def heading(self) -> str:
        """What stands above it in a notebook."""
        return ""

    def listing(self) -> Listing:
        """The table as a person reads it."""
        return listing_of(self.heading(), self.to_polars())

    def to_polars(self) -> polars.DataFrame:
        """The table as a polars frame; times are in UTC."""
        return frame(self.table())

    def to_pandas(self) -> pandas.DataFrame:
        """The table as a pandas frame (extra `notebook`); times are in UTC."""
        return pandas_of(self.to_polars())

    def _repr_html_(self) -> str:
        return listing_html(self.listing())


class FrameColumns(dict[str, Any], Tabular):
    """Columns by name that are frames when asked."""

    def table(self) -> Table:
        """Itself."""
        return self


class Tables:
    """A result that holds several tables."""

    def named_tables(self) -> Mapping[str, Any]:
        """Its tables by name."""
        raise NotImplementedError

    def to_polars(self, name: str) -> polars.DataFrame:
        """One table as a polars frame. KeyError names those that are there."""
        tables = self.named_tables()
        if name not in tables:
            raise KeyError(f"no table {name!r}. {did_you_mean(name, tables)}")
        table = tables[name]
        return frame(table) if isinstance(table, Mapping) else table

    def to_pandas(self, name: str) -> pandas.DataFrame:
        """One table as a pandas frame (extra `notebook`)."""
        return pandas_of(self.to_polars(name))


def listing_of(title: str, rows: polars.DataFrame) -> Listing:
    """A frame as a listing, its columns by their types."""
    texts = with_texts(rows.head(ROWS_SHOWN))
    more = rows.height - texts.height
    kinds = {"String": Kind.TEXT, "Boolean": Kind.FLAG}
    columns = tuple(
        Column(name, kinds.get(str(kind), Kind.NUMBER), digits=6)
        for name, kind in texts.schema.items()
    )
    notes = (f"{more:,} more rows",) if more else ()
    return Listing(title, columns, texts.to_dict(as_series=False), notes)


def listing_html(listing: Listing) -> str:
    """A listing as HTML: what the terminal shows, every text escaped."""
    heads = "".join(f"<th>{escape(column.heading)}</th>" for column in listing.columns)
    rows = zip(*(listing.table[column.name] for column in listing.columns), strict=True)
    body = "".join(f"<tr>{''.join(_cells(row, listing.columns))}</tr>" for row in rows)
    title = f'<caption style="{STYLE}"><b>{escape(listing.title)}</b></caption>'
    drawn = f"<table>{title}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return (drawn if len(listing) else "") + sentences_html(listing.notes)


def _cells(row: Iterable[Any], columns: Iterable[Column]) -> Iterator[str]:
    for value, column in zip(row, columns, strict=True):
        style = "" if column.kind.is_numeric else f' style="{STYLE}"'
        yield f"<td{style}>{escape(cell(value, column))}</td>"


def sentences_html(sentences: Iterable[str]) -> str:
    """Sentences as paragraphs, escaped."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences if sentence)
