"""Sheets of spreadsheets are read by the one reader: dates as dates, formulas as their values."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import UTC as PY_UTC
from datetime import datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from wattlas.data.importers import Layout, Rules, prepare, read_files
from wattlas.data.importers.recipes import layout_of
from wattlas.data.reader.dialect import read_frame
from wattlas.data.schema.hours import TIME
from wattlas.errors import InputError

pytest.importorskip("fastexcel")
HOUR = timedelta(hours=1)
BEGIN = datetime(2024, 3, 30, tzinfo=PY_UTC)
SERIAL = 45381
"""The day number of `BEGIN`."""
Cell = str | float | tuple[float] | None
"""Text, a number, a number that is shown as a date, nothing."""
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
PLAIN = {"time_column": "time", "value_column": "price", "zone": "QQ", "unit": "usd/mwh"}


def cell(at: str, value: Cell) -> str:
    """A cell as a spreadsheet stores it."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return f'<c r="{at}" s="1"><v>{value[0]!r}</v></c>'
    if isinstance(value, str):
        return f'<c r="{at}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{at}"><v>{value!r}</v></c>'


def book(file: Path, **sheets: Sequence[Sequence[Cell]]) -> Path:
    """A spreadsheet with these sheets."""
    kinds = f'<Types xmlns="{PACKAGE}/content-types">'
    for ending, kind in (("rels", "relationships+xml"), ("xml", "main+xml")):
        part = "package" if ending == "rels" else "officedocument.spreadsheetml.sheet"
        content = f"application/vnd.openxmlformats-{part}.{kind}"
        kinds += f'<Default Extension="{ending}" ContentType="{content}"/>'
    links = [f'<Relationship Id="st" Type="{OFFICE}/styles" Target="styles.xml"/>']
    names, parts = "", {}
    for n, (name, rows) in enumerate(sheets.items()):
        target = f"worksheets/sheet{n}.xml"
        names += f'<sheet name="{name}" sheetId="{n + 1}" r:id="s{n}"/>'
        links.append(f'<Relationship Id="s{n}" Type="{OFFICE}/worksheet" Target="{target}"/>')
        lines = [
            f'<row r="{y}">{"".join(cell(f"{chr(65 + x)}{y}", v) for x, v in enumerate(row))}</row>'
            for y, row in enumerate(rows, 1)
        ]
        data = f"<sheetData>{''.join(lines)}</sheetData>"
        parts[f"xl/{target}"] = f'<worksheet xmlns="{MAIN}">{data}</worksheet>'
    formats = '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs>'
    root = f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    parts |= {
        "[Content_Types].xml": kinds + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{root}</Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f"{''.join(links)}</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets>'
        "</workbook>",
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{formats}</styleSheet>',
    }
    with zipfile.ZipFile(file, "w") as packed:
        for name, text in parts.items():
            packed.writestr(name, f'<?xml version="1.0"?>{text}')
    return file


def hours(count: int = 48, drift: float = 0.0) -> list[list[Cell]]:
    """A title, an empty row, a header, and hours by day number."""
    rows: list[list[Cell]] = [["Prices of a market"], [], ["time", "price", "remark"]]
    return rows + [[(SERIAL + n / 24 + drift,), 10 + n / 4, "a, b"] for n in range(count)]


def values(file: Path, **fields: object) -> dict[datetime, float]:
    """Time → value, as they would be written."""
    read = read_files([file], Layout("price", **{**PLAIN, **fields}))  # type: ignore[arg-type]
    frame = prepare(read, Rules(keep_steps=True)).rows.frame
    return dict(frame.select(TIME, "price_usd_per_mwh").iter_rows())


WANTED = {BEGIN + n * HOUR: 10 + n / 4 for n in range(48)}


@pytest.mark.parametrize("drift", [0.0, 3e-6, -3e-6])
def test_dates_are_dates(drift: float, tmp_path: Path) -> None:
    """Day numbers are read as their dates, also where they miss an hour by part of a second."""
    assert values(book(tmp_path / "t.xlsx", Data=hours(drift=drift))) == WANTED


def test_text_in_cells_is_read_as_in_csv(tmp_path: Path) -> None:
    """Stamps and decimal commas that are text in a sheet are asked about or read alike."""
    rows: list[list[Cell]] = [["time", "price"]]
    rows += [[f"{t:%d.%m.%Y %H:%M}", f"{v:.2f}".replace(".", ",")] for t, v in WANTED.items()]
    assert values(book(tmp_path / "t.xlsx", Data=rows)) == WANTED


def test_the_sheet_with_the_header_is_found_or_asked_for(tmp_path: Path) -> None:
    """A sheet of remarks is passed over; of two that may be it one is named."""
    notes: list[list[Cell]] = [["Notes"], ["These are prices."]]
    assert values(book(tmp_path / "a.xlsx", Notes=notes, Data=hours())) == WANTED
    two = book(tmp_path / "b.xlsx", New=hours(), Old=hours(24))
    with pytest.raises(InputError, match=r"`New`, `Old`.*--sheet"):
        values(two)
    assert values(two, sheet="New") == WANTED
    with pytest.raises(InputError, match="there are: New, Old"):
        values(two, sheet="Newer")


def test_a_recipe_reads_its_workbook(tmp_path: Path) -> None:
    """What a source offers as a workbook needs no saving as CSV."""
    head: list[Cell] = ["Country", "ISO3 Code", "Datetime (UTC)", "Datetime (Local)"]
    rows: list[list[Cell]] = [[*head, "Price (EUR/MWhe)"]]
    rows += [
        ["Germany", "DEU", (SERIAL + n / 24,), (SERIAL + (n + 1) / 24,), 50.5] for n in range(24)
    ]
    file = book(tmp_path / "t.xlsx", prices=rows)
    frame = read_files([file], layout_of("ember", factor=1.1)).frame
    assert frame[TIME].to_list() == [BEGIN + n * HOUR for n in range(24)]
    assert frame["price_usd_per_mwh"].to_list() == pytest.approx([55.55] * 24)


def test_what_is_no_workbook_is_told(tmp_path: Path) -> None:
    """Text under another ending, an empty sheet, and tables that scenarios read."""
    file = tmp_path / "t.xlsx"
    file.write_text("time,price\n", encoding="utf-8")
    with pytest.raises(InputError, match="no spreadsheet"):
        values(file)
    with pytest.raises(InputError, match="there are none"):
        values(book(file, Data=[]))
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("a.txt", "no sheet")
    with pytest.raises(InputError, match="no spreadsheet"):
        values(file)
    with pytest.raises(InputError, match="as CSV"):
        read_frame(file, "t.xlsx")
