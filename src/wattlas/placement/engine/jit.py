"""Compiling: one decorator for kernels, one for entries, and "is it compiled already?".

numba keeps compiled code beside the source and looks only at the file of the entry itself, not
at the kernels that it calls. A cache older than any source file of this package is dropped here,
so that an edit in one module never runs against stale code of another.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

_FAST = {"nnan", "nsz", "reassoc", "contract", "arcp"}
_CACHES = ("*.nbi", "*.nbc")


def kernel(function: F) -> F:
    """Compile a function that only compiled code calls.

    Infinities and NaN must not enter a kernel: closed columns cost `BIG` instead.
    """
    return _jit(function, no_cpython_wrapper=True)


def entry(function: F) -> F:
    """Compile a function that Python calls, without the interpreter lock, and keep it on disk."""
    return _jit(function, cache=True)


def _jit(function: F, **options: bool) -> F:
    njit: Any = numba.njit
    jitted: F = njit(
        nogil=True,
        fastmath=_FAST,
        error_model="numpy",
        boundscheck=False,
        no_cfunc_wrapper=True,
        **options,
    )(function)
    return jitted


def _smaller(_context: Any, _a: Any, _b: Any) -> Any:
    """min(a, b) in the one form that the compiler turns into a vector reduction."""

    def emit(_ctx: Any, builder: Any, _signature: Any, args: Any) -> Any:
        less = builder.fcmp_ordered("<", args[0], args[1], flags=("nnan", "nsz"))
        return builder.select(less, args[0], args[1], flags=("nnan", "nsz"))

    return types.float64(types.float64, types.float64), emit


_intrinsic: Any = intrinsic
smaller: Any = _intrinsic(_smaller)


def drop_stale_cache(folder: Path = Path(__file__).parent) -> int:
    """Delete compiled code that is older than the newest source; return the number of files."""
    newest = max(path.stat().st_mtime for path in folder.glob("*.py"))
    dropped = 0
    for pattern in _CACHES:
        for path in (folder / "__pycache__").glob(pattern):
            if path.stat().st_mtime < newest:
                path.unlink(missing_ok=True)
                dropped += 1
    return dropped


def has_cache(dispatcher: Any) -> bool:
    """Whether compiled code of this kernel is loaded, or lies on disk."""
    if dispatcher.signatures:
        return True
    name = dispatcher.py_func.__name__
    return any(Path(dispatcher.stats.cache_path).glob(f"*.{name}-*.nbc"))


drop_stale_cache()
