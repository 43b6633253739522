"""Carry out what is missing of a sweep, whoever works; what is finished stays.

Workers write the file of each run, and the folder says what is finished, so that nothing is lost
with a worker, with this process or with a cluster. Where a worker dies, what is missing is handed
out again. A run that was in hand twice when a worker died is then run by itself, so that it takes
no other down with it; after `MOST_TRIES` it is a failed row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from wattlas.data.whole_file import locked
from wattlas.errors import MachineError, UsageError
from wattlas.studies.sweeps.folder import RunRow, SweepFolder
from wattlas.studies.sweeps.runs import FAILED, work

TOGETHER_TRIES = 2
"""From so many tries on a run is run by itself."""
MOST_TRIES = 3
IDLE_ROUNDS = 3
"""Rounds in a row that end with a dead worker and neither a finished nor a begun run."""
LOST = MachineError.exit_code
Finished = Callable[[], None]


class WorkerDied(Exception):
    """A worker ended before its run did: killed, out of memory, or its machine is gone."""


class Workers(Protocol):
    """Who carries out runs."""

    def run(self, folder: Path, indices: Sequence[int], finished: Finished) -> None:
        """Carry out runs of a sweep's folder, calling `finished` now and then.

        Raises WorkerDied, MachineError.
        """
        ...


class Here:
    """This process, one run after the other."""

    def run(self, folder: Path, indices: Sequence[int], finished: Finished) -> None:
        """See `Workers.run`."""
        for index in indices:
            refuse(work(str(folder), index))
            finished()


def refuse(refused: str | None) -> None:
    """Raise what the machine refused, if it did."""
    if refused is not None:
        raise MachineError(refused)


def carry_out(
    sweep: SweepFolder, workers: Workers, progress: Callable[[str, float], None] | None = None
) -> int:
    """Carry out the runs that are missing; returns how many of them there were.

    Raises UsageError where another process does so, MachineError where the machine refuses.
    """
    try:
        with locked(sweep.folder, wait=False):
            sweep.forget_tries()
            missing = sweep.missing()
            tell = progress or (lambda _what, _share: None)
            _rounds(sweep, workers, lambda: tell("runs", _share_done(sweep)))
            return len(missing)
    except BlockingIOError:
        raise UsageError(
            f"{sweep.folder}: another process carries out this sweep. Wait for it, or end it."
        ) from None


def _share_done(sweep: SweepFolder) -> float:
    return 1.0 - len(sweep.missing()) / len(sweep.hashes)


def _rounds(sweep: SweepFolder, workers: Workers, finished: Finished) -> None:
    idle = 0
    finished()
    while missing := sweep.missing():
        tried = {index: sweep.tries(index) for index in missing}
        together = [index for index in missing if tried[index] < TOGETHER_TRIES]
        batch = together or missing[:1]
        try:
            workers.run(sweep.folder, batch, finished)
            died = False
        except WorkerDied as error:
            died, why = True, str(error)
        still = [index for index in sweep.missing() if index in set(batch)]
        if died:
            for index in still:
                if sweep.tries(index) >= MOST_TRIES:
                    words = f"its worker died {sweep.tries(index)} times: {why}"
                    sweep.write(index, RunRow(FAILED, error=words, exit_code=LOST))
                    sweep.under_way(index).unlink(missing_ok=True)
        begun = any(sweep.tries(index) > tried[index] for index in still)
        idle = 0 if begun or len(still) < len(batch) else idle + 1
        if idle == IDLE_ROUNDS:
            reason = why if died else "they end, and no file is in the folder"
            raise MachineError(f"{sweep.folder}: workers begin no run. {reason}.")
        finished()
