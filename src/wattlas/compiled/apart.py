"""Compiling in a process of its own, so that every process runs the same code.

A process that compiles has each inner function twice: by itself, and inlined into what calls it,
rounded otherwise. The loader takes the first of a name, so such a process may break exact ties
otherwise than all later ones, which load the kept code alone. So a child compiles, and its parent
loads what it left.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HAS_LOCKS = os.name == "posix"
if HAS_LOCKS:
    import fcntl

log = logging.getLogger("wattlas")

CHILD = """
import pickle, sys
path, module, name, signature = pickle.load(sys.stdin.buffer)
sys.path[:] = path
from importlib import import_module
function = getattr(import_module(module), name)
function.compile(pickle.loads(signature)) if signature else function()
"""
MARK = "WATTLAS_COMPILES"
"""Set in a child, which compiles by itself."""
LOOKS_S = 0.05
"""Between two looks whether what is wanted lies there by now."""


@contextmanager
def alone(folder: Path, done: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Wait until nobody else, in this process or another, compiles for a folder, or until what is
    wanted of them is `done`: what they keep need not be made twice.

    Where nothing can be locked nobody waits.
    """
    try:
        handle = os.open(folder / "compiling.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield
        return
    try:
        while HAS_LOCKS and not _locked(handle) and not done():
            time.sleep(LOOKS_S)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def compile_apart(dispatcher: Any, signature: Any, environment: dict[str, str]) -> bool:
    """Have a child compile a function for a signature and keep it; False where that failed."""
    return _asked(dispatcher.py_func, pickle.dumps(signature), environment)


def call_apart(function: Any, environment: dict[str, str]) -> bool:
    """Have a child call a function, and so compile what it calls; False where that failed."""
    return _asked(function, b"", environment)


def _asked(function: Any, signature: bytes, environment: dict[str, str]) -> bool:
    question = (sys.path, function.__module__, function.__name__, signature)
    if not Path(sys.executable or "").stem.startswith("python"):
        return False  # an application that embeds Python is not to be started again
    try:
        subprocess.run(
            [sys.executable, "-c", CHILD],
            input=pickle.dumps(question),
            env={**environment, MARK: "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or b""
        log.debug("compiled here, since a process of its own failed: %r %s", error, said[-500:])
        return False
    return True
