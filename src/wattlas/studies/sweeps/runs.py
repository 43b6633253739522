"""One run of a sweep: the same function in this process, in a worker and on a cluster."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path

from wattlas.errors import Exit, InfeasibleError, MachineError, UsageError, WattlasError
from wattlas.studies.sweeps.folder import STATED, RunRow, SweepFolder, check_inputs, open_sweep

INFEASIBLE = "infeasible"
FAILED = "failed"


def run_of(sweep: SweepFolder, index: int) -> RunRow:
    """Carry out a run. An error is how it ended; only what the machine refuses is raised."""
    point, design = sweep.points[index], sweep.design
    values = dict(zip(design.columns, point.values, strict=True))
    known = design.of_verb.settings
    settings = {**design.settings, **{n: v for n, v in values.items() if n in known}}
    fields = {name: value for name, value in values.items() if name not in known}
    try:
        scenario = sweep.base.changed(fields) if fields else sweep.base.loaded.scenario
        status, metrics = design.of_verb.measure(scenario, settings, point.seed)
    except InfeasibleError as error:
        return RunRow(INFEASIBLE, error=error.conflict, exit_code=error.exit_code)
    except MachineError:
        raise
    except WattlasError as error:
        return RunRow(FAILED, error=str(error), exit_code=error.exit_code)
    except Exception as error:
        return RunRow(FAILED, error=f"{type(error).__name__}: {error}", exit_code=Exit.BUG)
    return RunRow(status, metrics)


def work(folder: str, index: int) -> str | None:
    """Carry out a run in a worker and write its file. Returns what the machine refuses, in words.

    The folder must be the one that the sweep's process sees: on a cluster, on a file system that
    all its machines share.
    """
    try:
        sweep = _seen(Path(folder))
        if sweep.file(index).exists():
            return None
        begun = sweep.under_way(index)
        with begun.open("a", encoding="utf-8") as file:
            file.write(f"{platform.node()} {os.getpid()}\n")
        sweep.write(index, run_of(sweep, index))
        begun.unlink(missing_ok=True)
    except (MachineError, UsageError) as error:
        return str(error)
    except OSError as error:
        return str(MachineError.of(error, folder))
    return None


def _seen(path: Path) -> SweepFolder:
    if not (path / STATED).is_file():
        raise UsageError(
            f"{platform.node()} does not see {path}: on a cluster the folder of a sweep must "
            "be on a file system that all machines share."
        )
    return _opened(path, (path / STATED).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _opened(path: Path, _written_ns: int) -> SweepFolder:
    """The sweep of a folder, read and checked once in a process."""
    sweep = open_sweep(path)
    check_inputs(sweep)
    return sweep
