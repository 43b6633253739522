"""One writer of a pack at a time, and a pack that is whole whenever a writer was killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from wattlas.data.digest import sha256_of
from wattlas.data.pack import MANIFEST
from wattlas.data.whole_file import in_words, locked

NEXT = ".manifest.next"
"""The manifest of the tables that are about to be renamed."""


@contextmanager
def pack_to_change(folder: Path) -> Iterator[None]:
    """Hold a pack's folder, new or not, from before it is read until it is written.

    Another writer waits. Raises MachineError where the system refuses.
    """
    with in_words(folder), locked(folder):
        _finish(folder)
        yield


F = TypeVar("F", bound=Callable[..., Any])


def holding_pack(work: F) -> F:
    """Let a function whose second argument is a pack's folder run while nobody else changes it."""

    @wraps(work)
    def held(first: Any, folder: Path, *rest: Any, **options: Any) -> Any:
        with pack_to_change(folder):
            return work(first, folder, *rest, **options)

    return cast(F, held)


def _finish(folder: Path) -> None:
    """Take the next manifest where all its tables are in place; forget it where they are not."""
    following = folder / NEXT
    if not following.is_file():
        return
    try:
        entries = json.loads(following.read_text(encoding="utf-8"))["tables"].values()
        in_place = all(sha256_of(folder / e["file"]) == e["sha256"] for e in entries)
    except (OSError, ValueError, KeyError):
        in_place = False
    if in_place:
        following.replace(folder / MANIFEST)
    else:
        following.unlink()
