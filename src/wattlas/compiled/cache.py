"""numba's cache of a function's code, in the folder of this revision.

What is taken from numba is not public: the classes that its own caches are made of. A test shows
that they still work; `pyproject.toml` bounds numba's version.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numba
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    NullCache,
    _CacheLocator,
)

from wattlas.compiled.apart import MARK, alone, call_apart, compile_apart
from wattlas.compiled.folder import folder_for, is_private
from wattlas.compiled.revision import AT_IMPORT, is_bytecode_current, is_unchanged

log = logging.getLogger("wattlas")

F = TypeVar("F", bound=Callable[..., Any])

_lock = Lock()
_folders: dict[str, Path | None] = {}
"""The folder of each key that this process has looked for, so that it looks and warns once."""


def kept(dispatcher: F, *, apart: bool = False) -> F:
    """Keep on disk what numba compiles of a function; for a function that Python calls.

    With `apart` a process of its own compiles it, so that this one, too, runs what is kept. Where
    numba is set to interpret, the function is no dispatcher and stays as it is.
    """
    if hasattr(dispatcher, "py_func"):
        dispatcher._cache = KeptCode(dispatcher, apart=apart)  # type: ignore[attr-defined]
    return dispatcher


def has_code(dispatcher: Any) -> bool:
    """Whether code of a kept function is loaded or lies on disk, so that it runs at once."""
    if not hasattr(dispatcher, "py_func") or dispatcher.signatures:
        return True
    return bool(dispatcher._cache.has_code())


def compile_together(dispatcher: Any, caller: Callable[[], None]) -> bool:
    """Have one process call `caller`, which calls several kept functions; what they share is then
    compiled once. `dispatcher` is one of them. False where that failed or nothing can be kept.
    """
    path = dispatcher._cache.cache_path if hasattr(dispatcher, "py_func") else None
    if path is None or MARK in os.environ:
        return False
    with alone(Path(path)):
        return call_apart(caller, dict(os.environ))


class KeptCode:
    """The cache of one function, as numba's dispatcher asks for it. The folder is looked for at the
    first call, not at import."""

    def __init__(self, dispatcher: Any, *, apart: bool) -> None:
        self._dispatcher = dispatcher
        self._apart = apart
        self._found: Any = None

    @property
    def _numba(self) -> Any:
        if self._found is None:
            context = self._dispatcher.targetctx
            folder = _folder(key(context.codegen().magic_tuple())) if is_unchanged() else None
            function = self._dispatcher.py_func
            self._found = NullCache() if folder is None else _InFolder(function, folder)
        return self._found

    @property
    def cache_path(self) -> str | None:
        """The folder, None where nothing is kept."""
        path: str | None = self._numba.cache_path
        return path

    def has_code(self) -> bool:
        """Whether code for some arguments lies on disk."""
        is_in_folder = isinstance(self._numba, _InFolder)
        return is_in_folder and any(Path(self._numba.cache_path).glob(f"{self._numba.base}.*.nbc"))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Code for these arguments, None where there is none that can be read."""
        code, path = self._read(sig, target_context), self.cache_path
        if code is not None or not self._apart or path is None or MARK in os.environ:
            return code
        loaded: list[Any] = []

        def is_there() -> bool:
            """What several functions share is compiled in one go, and each is kept once it is."""
            code = self._read(sig, target_context)
            loaded.extend([] if code is None else [code])
            return bool(loaded)

        with alone(Path(path), is_there):
            missing = not loaded and not is_there()
            if missing and compile_apart(self._dispatcher, sig, dict(os.environ)):
                is_there()
        return loaded[0] if loaded else None

    def _read(self, sig: Any, target_context: Any) -> Any:
        try:
            return self._numba.load_overload(sig, target_context)
        except Exception as error:  # whatever unpickling a damaged file may raise
            log.debug("compiled code cannot be read, so it is compiled anew: %r", error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep code for these arguments where it can be kept."""
        if is_unchanged() and is_bytecode_current():
            with suppress(OSError):
                self._numba.save_overload(sig, data)

    def flush(self) -> None:
        """Forget what is kept of this function."""
        self._numba.flush()


def key(processor: Any) -> str:
    """Name of the folder: sources, version of numba, processor (triple, name, features)."""
    parts = (AT_IMPORT, numba.__version__, *processor)
    return sha256(repr(parts).encode()).hexdigest()[:24]


def _folder(name: str) -> Path | None:
    with _lock:
        if name not in _folders:
            _folders[name] = folder_for(name)
        return _folders[name]


class _InFolder(FunctionCache):
    """numba's cache of a function, with its index and its code in a given folder."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._impl_class: Any = partial(_Files, folder=folder)
        super().__init__(function)  # type: ignore[no-untyped-call]

    @property
    def base(self) -> str:
        """What the names of its files begin with."""
        return str(self._impl.filename_base)


class _Files(CompileResultCacheImpl):
    """How a function's code is written: as numba does, but for the place."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Place(function, folder)
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._filename_base = self.get_filename_base(name, "")  # type: ignore[no-untyped-call]


class _Place(_CacheLocator):
    """The folder, whatever numba's settings say."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._py_file = function.__code__.co_filename
        self._function, self._folder = function, folder

    def ensure_cache_path(self) -> None:
        """Another process may have removed the folder; it comes back closed to others."""
        if not is_private(self._folder):
            raise PermissionError(f"{self._folder} is not a folder of this user's own")

    def get_cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """The revision, again: an index of another one is not read."""
        return AT_IMPORT

    def get_disambiguator(self) -> str:
        """The line of the function."""
        return str(self._function.__code__.co_firstlineno)
