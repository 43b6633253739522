"""Where each fact comes from: a table that the document names, or else the pack."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wattlas.data.pack import Pack, label_of, open_pack
from wattlas.data.reader.source import SourceTable, read_table
from wattlas.data.reader.stretch import Stretch
from wattlas.data.schema.columns import TableSchema
from wattlas.data.schema_models import ScenarioDocument
from wattlas.data.series import parse_utc
from wattlas.data.yaml_lines import Document, Path_, dotted
from wattlas.errors import InputError, Problem
from wattlas.model.signals import Provenance
from wattlas.units import S_PER_H

HOURS = ("price", "carbon")


@dataclass
class Inputs:
    """The document, its typed form, its packs, and every problem and warning so far."""

    document: Document
    typed: ScenarioDocument
    base: Path
    packs: list[Pack] = field(default_factory=list)
    """Those that the document names, in its order: a later one comes before an earlier one."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    used: list[Provenance] = field(default_factory=list)
    taken: list[tuple[Pack, str]] = field(default_factory=list)
    """Tables that were taken from packs."""
    stretch: Stretch | None = None
    """Rows of tables over time that lie outside are not read."""

    def report(self, path: Path_, what: str, fix: str) -> None:
        """Note a problem with the value at a path of the document."""
        self.problems.append(self.document.problem(path, what, fix))

    def table(self, path: Path_, schema: TableSchema, named: str | None) -> SourceTable | None:
        """The table named at `path`, or else that of the last pack that has it, or None."""
        return next(iter(self.tables(path, schema, named, 1)), None)

    def tables(
        self, path: Path_, schema: TableSchema, named: str | None, most: int | None = None
    ) -> list[SourceTable]:
        """The table named at `path` and those of the packs, the last of them first.

        At most so many, where `most` is given: the others are not read.
        """
        packs = [pack for pack in reversed(self.packs) if pack.has(schema.name)]
        tables = [] if named is None else [self._file(path, schema, named)]
        rest = packs if most is None else packs[: most - len(tables)]
        tables += [self._of_pack(pack, schema) for pack in rest]
        return [table for table in tables if table is not None]

    def _of_pack(self, pack: Pack, schema: TableSchema) -> SourceTable | None:
        if (pack, schema.name) not in self.taken:
            self.taken.append((pack, schema.name))
        try:
            return pack.table(schema.name, self.stretch, self._until())
        except InputError as fault:
            self.problems += fault.problems
            return None

    def not_used(self, table: SourceTable) -> None:
        """Forget a table of a pack that gave nothing: it is no source of the results."""
        self.taken = [
            (pack, name) for pack, name in self.taken if table.label != label_of(pack.name, name)
        ]

    def notices(self) -> list[str]:
        """What packs that were used say of their data; of a typical year where its hours were."""
        hours = {pack.name for pack, name in self.taken if name in HOURS}
        taken = {pack.name for pack, _ in self.taken}
        return [
            pack.notice
            for pack in self.packs
            if pack.name in (hours if pack.manifest.kind == "typical" else taken)
        ]

    def _until(self) -> np.datetime64 | None:
        """The end of the hours that are studied, UTC; None where only tables say how long."""
        time, signals = self.typed.time, self.typed.signals
        spans = (pack.manifest.time for pack in self.packs)
        abouts = [about for about in spans if about is not None]
        if signals.price.table or signals.carbon.table:
            abouts = []
        starts = [parse_utc(time.start)] if time.start else [parse_utc(a.start_utc) for a in abouts]
        known = [start for start in starts if start is not None]
        if time.hours is None or not known:
            return None
        return max(known) + np.timedelta64(round(time.hours * S_PER_H), "s")

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
        packed = [p for pack, name in self.taken for p in pack.provenance() if p.what == name]
        return tuple(dict.fromkeys([*packed, *self.used]))


def open_inputs(document: Document, typed: ScenarioDocument, base: Path) -> Inputs:
    """The inputs with the packs opened; a pack that cannot be is a problem."""
    inputs = Inputs(document, typed, base)
    for name in typed.pack or ():
        try:
            inputs.packs.append(open_pack(name, base))
        except InputError as fault:
            place = document.place(("pack",))
            inputs.problems += [
                Problem(f"{dotted(('pack',))}: {p.where}", p.what, p.fix, place.file, place.line)
                if p.file is None
                else p
                for p in fault.problems
            ]
    return inputs
