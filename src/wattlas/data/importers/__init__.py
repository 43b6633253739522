"""Importing tables of others: one layout, one way from files to rows in our columns.

Text → typed rows (`files`, `rows`) → instants (`times`) → checks over all files, filling, averaging
(`prepare`) → a pack (`pack_import`). `recipes` holds the layouts of known sources.
"""

from __future__ import annotations

from wattlas.data.importers.layout import Layout
from wattlas.data.importers.prepare import FILL_MOST, PreparedRows, Rules, prepare
from wattlas.data.importers.rows import Imported, read_files
from wattlas.data.importers.units import per_step

__all__ = [
    "FILL_MOST",
    "Imported",
    "Layout",
    "PreparedRows",
    "Rules",
    "per_step",
    "prepare",
    "read_files",
]
