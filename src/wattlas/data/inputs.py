"""Where each fact comes from: a table that the document names, or else the pack."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.data.reader.source import SourceTable, read_table
from wattlas.data.reader.stretch import Stretch
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema_models import ScenarioDocument
from wattlas.data.series import parse_utc
from wattlas.data.yaml_lines import Document, Path_, dotted
from wattlas.errors import InputError, Problem
from wattlas.model.signals import Provenance
from wattlas.units import S_PER_H


@dataclass
class Inputs:
    """The document, its typed form, its pack, and every problem and warning so far."""

    document: Document
    typed: ScenarioDocument
    base: Path
    pack: Any = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    used: list[Provenance] = field(default_factory=list)
    from_pack: set[str] = field(default_factory=set)
    stretch: Stretch | None = None
    """Rows of tables over time that lie outside are not read."""

    def report(self, path: Path_, what: str, fix: str) -> None:
        """Note a problem with the value at a path of the document."""
        self.problems.append(self.document.problem(path, what, fix))

    def table(self, path: Path_, schema: TableSchema, named: str | None) -> SourceTable | None:
        """The table named at `path`, or the pack's table, or None where neither is."""
        if named is not None:
            return self._file(path, schema, named)
        return self.packed(schema)

    def packed(self, schema: TableSchema) -> SourceTable | None:
        """The pack's table, or None where it has none."""
        if self.pack is None or not self.pack.has(schema.name):
            return None
        self.from_pack.add(schema.name)
        try:
            table: SourceTable = self.pack.table(schema.name, self.stretch, self._until())
        except InputError as fault:
            self.problems += fault.problems
            return None
        return table

    def _until(self) -> np.datetime64 | None:
        """The end of the hours studied, UTC; None where only tables say how long they are."""
        time, signals, about = self.typed.time, self.typed.signals, self.pack.manifest.time
        if about is None or signals.price.table or signals.carbon.table:
            about = None
        start = parse_utc(time.start or (about.start_utc if about else ""))
        if time.hours is None or start is None:
            return None
        return start + np.timedelta64(round(time.hours * S_PER_H), "s")

    def _file(self, path: Path_, schema: TableSchema, named: str) -> SourceTable | None:
        file = Path(named).expanduser()
        full = file if file.is_absolute() else self.base / file
        missing = self.document.problem(
            path, f"names the table `{named}`, which is not there", f"Looked at {full}."
        )
        stretch = self.stretch if schema.series else None
        try:
            table = read_table(full, schema, str(full), missing, stretch)
        except InputError as fault:
            self.problems += fault.problems
            return None
        self.used.append(Provenance(what=schema.name, source=f"table {named} of the scenario"))
        return table

    def provenance(self) -> tuple[Provenance, ...]:
        """Where everything that was used comes from, without repeats."""
        packed = () if self.pack is None else self.pack.provenance()
        from_pack = [p for p in packed if p.what in self.from_pack]
        return tuple(dict.fromkeys([*from_pack, *self.used]))


def open_inputs(document: Document, typed: ScenarioDocument, base: Path) -> Inputs:
    """The inputs with the pack opened; a pack that cannot be is a problem."""
    inputs = Inputs(document, typed, base)
    if typed.pack is not None:
        from wattlas.data.pack import open_pack

        try:
            inputs.pack = open_pack(typed.pack, base)
        except InputError as fault:
            place = document.place(("pack",))
            inputs.problems += [
                Problem(f"{dotted(('pack',))}: {p.where}", p.what, p.fix, place.file, place.line)
                if p.file is None
                else p
                for p in fault.problems
            ]
    return inputs
