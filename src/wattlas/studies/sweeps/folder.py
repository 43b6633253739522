"""A sweep's folder: what it asks in `sweep.json`, and a file for each run that is finished.

    sweep.json               the design, the scenario's hash, the hash of every run
    runs/HASH.parquet        one run, one row; written whole, by whoever ran it
    sweep.parquet            all runs, in their order, once they are collected

A run's hash is that of everything that decides its result, so a file is the result of its run
or it is not there. `runs/*.parquet` can be read as one table at any moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattlas.data.frame_file import write_frame
from wattlas.data.whole_file import is_temporary, write_text
from wattlas.errors import InputError, Problem, UsageError
from wattlas.studies.sweeps.change import Written
from wattlas.studies.sweeps.design import Axis, DesignKind, Point, SweepDesign
from wattlas.studies.sweeps.statement import differences, inputs_of, statement
from wattlas.units import some

if TYPE_CHECKING:
    import polars as pl

STATED = "sweep.json"
RUNS = "runs"
TABLE = "sweep.parquet"
REPORT = "report.html"
UNDER_WAY = ".under-way"
SHOWN = 3


@dataclass(frozen=True)
class RunRow:
    """How one run ended. `error` says why there are no metrics; `exit_code` is the one with which
    the verb alone would have ended.
    """

    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    exit_code: int = 0


@dataclass(frozen=True)
class SweepFolder:
    """A design on a scenario, in a folder. `stated` is what `sweep.json` holds."""

    folder: Path
    base: Written
    design: SweepDesign
    stated: Mapping[str, Any]

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Every run in its order, as the file states it."""
        return tuple(Point(tuple(run["values"]), run["seed"]) for run in self.stated["runs"])

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """The hash of every run, in their order."""
        return tuple(run["hash"] for run in self.stated["runs"])

    def file(self, index: int) -> Path:
        """Where a run's row lies."""
        return self.folder / RUNS / f"{self.hashes[index]}.parquet"

    def missing(self) -> list[int]:
        """Runs without a file, in their order."""
        there = set()
        with suppress(FileNotFoundError):
            there = {path.name for path in (self.folder / RUNS).iterdir()}
        return [n for n, name in enumerate(self.hashes) if f"{name}.parquet" not in there]

    def index_of(self, which: str) -> int:
        """The run of a number (0, 1, …) or of a hash. Raises UsageError."""
        if which in self.hashes:
            return self.hashes.index(which)
        last = len(self.hashes) - 1
        if not which.isdecimal() or int(which) > last:
            raise UsageError(f"{self.folder} has no run `{which}`. Give its hash, or 0..{last}.")
        return int(which)

    def write(self, index: int, row: RunRow) -> None:
        """Write the row of a run, whole."""
        write_frame(self.file(index), self.frame([(index, row)]))

    def frame(self, rows: Sequence[tuple[int, RunRow]]) -> pl.DataFrame:
        """Rows of runs as a table; its columns and types depend on the design alone."""
        import polars as pl

        design = self.design
        names = design.of_verb.metrics
        records = []
        for index, row in rows:
            point = self.points[index]
            values = [_cell(v, a) for v, a in zip(point.values, design.axes, strict=True)]
            ended = (row.status, row.error, row.exit_code)
            seed = () if point.seed is None else (point.seed,)
            metrics = [row.metrics.get(name) for name in names]
            records.append((index, self.hashes[index], *values, *seed, *ended, *metrics))
        schema: dict[str, Any] = {"run": pl.Int64, "hash": pl.String}
        schema |= {a.field: pl.Float64 if a.is_numeric else pl.String for a in design.axes}
        schema |= {"seed": pl.Int64} if design.of_verb.draws else {}
        schema |= {"status": pl.String, "error": pl.String, "exit_code": pl.Int64}
        schema |= dict.fromkeys(names, pl.Float64)
        made = pl.DataFrame(records, schema=schema, orient="row")
        return made.with_columns(pl.selectors.float().fill_nan(None))

    def table(self) -> pl.DataFrame:
        """All runs that are finished, in their order."""
        import polars as pl

        missing = set(self.missing())
        files = [self.file(n) for n in range(len(self.hashes)) if n not in missing]
        return pl.concat([self.frame([]), *map(_read, files)])

    def ended(self, index: int) -> tuple[str, str | None, int]:
        """How a finished run ended: status, error, exit code."""
        row = _read(self.file(index)).row(0, named=True)
        return row["status"], row["error"], row["exit_code"]

    # -- which run a worker has in hand -----------------------------------------------------------

    def under_way(self, index: int) -> Path:
        """The file that says who has begun a run: a line for each try, host and process."""
        return self.folder / RUNS / f"{self.hashes[index]}{UNDER_WAY}"

    def tries(self, index: int) -> int:
        """How often a run was begun and not finished."""
        with suppress(FileNotFoundError):
            return len(self.under_way(index).read_text(encoding="utf-8").splitlines())
        return 0

    def forget_tries(self) -> None:
        """Nothing is under way: what an earlier process had begun is begun anew."""
        for path in (self.folder / RUNS).glob(f"*{UNDER_WAY}"):
            path.unlink(missing_ok=True)

    def forget_failed(self) -> None:
        """Remove the runs that failed, so that they are run again."""
        import polars as pl

        failed = self.table().filter(pl.col("exit_code") != 0)["hash"]
        for name in failed:
            (self.folder / RUNS / f"{name}.parquet").unlink(missing_ok=True)


def _read(file: Path) -> pl.DataFrame:
    """One file; polars itself finds none whose name is not UTF-8."""
    import polars as pl

    with file.open("rb") as stream:
        return pl.read_parquet(stream)


def _cell(value: Any, axis: Axis) -> Any:
    """The value of an axis as its column holds it."""
    if axis.is_numeric:
        return float(value)
    return value if isinstance(value, str) else json.dumps(value)


# -- making and opening -----------------------------------------------------------------------


def sweep_in(folder: Path, base: Written, design: SweepDesign) -> SweepFolder:
    """The sweep of a design in a folder, made there unless it is there.

    Raises UsageError where the folder holds another design, with what differs, or other things.
    """
    stated = statement(base, design)
    if (folder / STATED).exists():
        there = open_sweep(folder)
        _refuse_another(folder, there.stated, stated)
        return SweepFolder(folder, base, design, there.stated)
    _refuse_others(folder)
    write_text(folder / STATED, json.dumps(stated, indent=1, ensure_ascii=False) + "\n")
    (folder / RUNS).mkdir(exist_ok=True)
    return SweepFolder(folder, base, design, stated)


def open_sweep(folder: Path) -> SweepFolder:
    """The sweep in a folder. UsageError where none is, InputError where it cannot be read."""
    path = folder / STATED
    if not path.is_file():
        raise UsageError(f"{folder} holds no {STATED}: `wattlas sweep SCENARIO … --out` makes it.")
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        scenario = stated["scenario"]
        base = Written(Path(scenario["path"]), scenario["name"], tuple(scenario["set"]))
        axes = tuple(map(Axis.from_json, stated["axes"]))
        design = SweepDesign(
            axes, stated["run"], DesignKind(stated["design"]), stated["samples"], stated["seeds"],
            stated["settings"],
        )  # fmt: skip
        sweep = SweepFolder(folder, base, design, stated)
        if any(len(point.values) != len(axes) for point in sweep.points) or not sweep.hashes:
            raise ValueError("runs without a value for every axis")
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        what = f"is not what a sweep is stated by ({type(error).__name__}: {error})"
        raise InputError([Problem(STATED, what, "Make the sweep anew.", str(path))]) from None
    return sweep


def check_inputs(sweep: SweepFolder) -> None:
    """Raise UsageError where the scenario or a file is no longer what the sweep was made with."""
    now = inputs_of(sweep.base, sweep.design)
    problems = [
        f"{sweep.folder}: {name} is not what the sweep was made with. Make a new folder."
        for name, text in now.items()
        if sweep.stated["inputs"].get(name) != text
    ]
    if problems:
        raise UsageError("\n".join(problems))


def _refuse_another(folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    differ = list(differences(there, wanted))
    if differ:
        raise UsageError(
            f"{folder} holds another sweep. "
            + " ".join(differ)
            + " Name a new folder, or repeat the command that made this one."
        )


def _refuse_others(folder: Path) -> None:
    """Raise UsageError where a new sweep would be made among other things."""
    if folder.is_file():
        raise UsageError(f"--out {folder} is a file; name a folder.")
    if folder.is_dir():
        names = sorted(p.name for p in folder.iterdir())
        others = [name for name in names if not is_temporary(name) and name != RUNS]
        if others:
            named = some(others, SHOWN)
            raise UsageError(f"{folder} holds other things ({named}). Name a new folder.")
