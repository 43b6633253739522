"""A folder of results that is old or new, never a mixture: made inside, then moved up.

The new files are written to a folder of their own inside the target. When all are there, the files
that seal the old results are removed, the new ones are moved up, and those that seal them come
last. One writer at a time holds the target; what a killed one left is removed by the next.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wattlas.data.whole_file import in_words, is_temporary, locked
from wattlas.errors import UsageError
from wattlas.units import some

STAGING = ".wattlas-"
DROPPINGS = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What file managers leave in any folder."""
SHOWN = 3


def refuse_others(folder: Path, ours: Collection[str]) -> None:
    """Raise UsageError where a folder holds anything but files of these names."""
    if not folder.is_dir():
        return
    known = {*ours, *DROPPINGS}
    others = sorted(
        path.name
        for path in folder.iterdir()
        if not (path.name in known or path.name.startswith(STAGING) or is_temporary(path.name))
    )
    if others:
        named = some(others, SHOWN)
        raise UsageError(
            f"{folder} holds other things ({named}). Name a new folder, or one of earlier results."
        )


@contextmanager
def whole_folder(folder: Path, ours: Collection[str], seals: Sequence[str] = ()) -> Iterator[Path]:
    """A folder to write to, whose files become those of `folder` when the block ends well.

    `ours` are the names that may be in `folder`; those that are not written again are removed.
    `seals` are the names that come last, in their order. Raises UsageError for a folder that holds
    other things, MachineError where the system refuses.
    """
    with in_words(folder), locked(folder):
        refuse_others(folder, ours)
        for leftover in folder.glob(f"{STAGING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
        try:
            yield staging
            _move_up(staging, folder, ours, seals)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _move_up(staging: Path, folder: Path, ours: Collection[str], seals: Sequence[str]) -> None:
    for name in reversed(seals):
        (folder / name).unlink(missing_ok=True)
    written = {path.name for path in staging.iterdir()}
    for name in set(ours) - written:
        (folder / name).unlink(missing_ok=True)
    for name in [*sorted(written - set(seals)), *(s for s in seals if s in written)]:
        (staging / name).replace(folder / name)
