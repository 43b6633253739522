"""A demo in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Playing(subprocess.Popen[str]):
    """`wattlas serve --demo`: its page, and the folder that its temporary files are in."""

    url: str
    folder: Path


@contextmanager
def playing(folder: Path) -> Iterator[Playing]:
    """A demo that has said where its page is."""
    with Playing(
        [sys.executable, "-c", "from wattlas.cli import main; main()", "serve", "--demo"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
    ) as demo:  # fmt: skip
        try:
            assert demo.stdout is not None
            demo.url = demo.stdout.readline().strip()
            demo.folder = folder
            yield demo
        finally:
            demo.kill()
