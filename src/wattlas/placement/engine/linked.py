"""Compiled entries without the compiler: object code that LLVM links in a few milliseconds.

To load what it has compiled, numba sets up its types and registries again: 0.8 s of CPU time and
80 MiB in every process. The code needs none of them. So the object code of an entry is kept by
itself, with a door in front of it (`door`) that needs a table of integers only.

What is kept was linked and run in a process of its own first, and had to find there what numba's
own code finds here. Whatever stands in the way, numba loads or compiles as it always does.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from wattlas.placement.engine import kept
from wattlas.placement.engine.door import DOOR, Kind, alone, door

PROOF_S = 60.0
"""How long the process that tries an object may take."""
_LLVM = (0, 45)
"""From this version on llvmlite sets LLVM up by itself."""


class Entry:
    """A compiled function that Python calls: from its object code, or else by numba."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self._lock = Lock()
        self._looked = False
        self._linked: Linked | None = None
        self._dispatcher: Any = None

    def __call__(self, *arguments: Any) -> None:
        """Run it. Arrays are changed in place."""
        if not self._looked:
            with self._lock:
                if not self._looked:
                    self._linked = self._find()
                    self._looked = True
        if self._linked is not None and self._linked.takes(arguments):
            self._linked(arguments)
        else:
            self._by_numba(arguments)

    @property
    def is_linked(self) -> bool:
        """Whether its object code is loaded."""
        return self._linked is not None

    def link(self, content: bytes | None) -> None:
        """Take this object code and no other; None: leave it to numba."""
        self._linked = None if content is None else linked(content)
        self._looked = True

    def _file(self) -> str:
        return f"{self.module}.{self.name}-{_processor()}.obj"

    def _find(self) -> Linked | None:
        if not kept.fresh(f"{self.module}.{self.name}-*.obj") or not usable():
            return None
        content = kept.read(self._file())
        return None if content is None else linked(content)

    def _by_numba(self, arguments: Sequence[Any]) -> None:
        with self._lock:
            first = self._dispatcher is None
            if first:
                module = import_module(f"wattlas.placement.engine.{self.module}")
                self._dispatcher = getattr(module, self.name)
        self._dispatcher(*arguments)
        if first and usable() and self._dispatcher.stats.cache_misses:
            self._keep(arguments)

    def _keep(self, arguments: Sequence[Any]) -> None:
        """Keep the object code of what numba has just compiled, if another process can use it."""
        content = object_code(self._dispatcher, arguments)
        if content is not None and _proves(content):
            kept.write(self._file(), content)


@dataclass(frozen=True)
class Linked:
    """Object code in memory: its door, and the arguments that it takes."""

    door: Any
    kinds: tuple[Kind, ...]
    held: Any
    """What owns the memory."""

    def takes(self, arguments: Sequence[Any]) -> bool:
        """Whether it was compiled for arguments like these."""
        return tuple(map(_kind, arguments)) == self.kinds

    def __call__(self, arguments: Sequence[Any]) -> None:
        table: list[int] = []
        for value, (_, axes) in zip(arguments, self.kinds, strict=True):
            if axes < 0:
                table.append(value)
            else:
                table.append(value.ctypes.data)
                table += value.shape
        if self.door((ctypes.c_int64 * len(table))(*table)):
            raise RuntimeError("the compiled engine reports an error")


def usable() -> bool:
    """Whether LLVM is new enough, and numba is not told to interpret."""
    import llvmlite

    version = tuple(int(part) for part in re.findall(r"\d+", llvmlite.__version__)[:2])
    return version >= _LLVM and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


def packed(kinds: Sequence[Kind], code: bytes) -> bytes:
    """Object code with a first line that says what it takes, and its own digest.

    LLVM does not survive object code that is damaged; it must not be shown any.
    """
    head = {"kinds": kinds, "sha256": hashlib.sha256(code).hexdigest()}
    return json.dumps(head).encode() + b"\n" + code


def linked(content: bytes) -> Linked | None:
    """Packed object code, ready to be called; None where it is not whole."""
    import llvmlite.binding as llvm

    head, _, code = content.partition(b"\n")
    try:
        about = json.loads(head)
        kinds = tuple((str(kind), int(axes)) for kind, axes in about["kinds"])
        whole = about["sha256"] == hashlib.sha256(code).hexdigest()
    except (ValueError, KeyError, TypeError):
        return None
    if not whole:
        return None
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(DOOR)
    call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)  # without the interpreter's lock
    return Linked(call(address), kinds, engine)


def object_code(dispatcher: Any, arguments: Sequence[Any]) -> bytes | None:
    """The object code of a compiled dispatcher for these arguments; None where there is none."""
    import llvmlite.binding as llvm

    texts = list(dispatcher.inspect_llvm().values())
    kinds = tuple(map(_kind, arguments))
    text, entries = alone(texts[0])
    if len(texts) != 1 or len(entries) != 1 or any(not kind for kind, _ in kinds):
        return None
    try:
        module = llvm.parse_assembly(text + door(entries[0], kinds))
        module.verify()
        code = _machine().emit_object(module)
    except RuntimeError:
        return None
    return packed(kinds, bytes(code))


def _kind(value: Any) -> Kind:
    """Type and axes of an argument; an empty type where a door takes none such."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str if value.flags.c_contiguous else "", value.ndim)
    return ("int" if type(value) is int else "", -1)


def _machine() -> Any:
    """LLVM's description of the processor at hand."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def _processor() -> str:
    """A short name for this processor and this version of LLVM."""
    import llvmlite
    import llvmlite.binding as llvm

    said = (llvmlite.__version__, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _proves(content: bytes) -> bool:
    """Whether a fresh process that links this code finds what numba's code finds here."""
    from wattlas.placement.engine.warm import found_in_trial

    code = "import sys; from wattlas.placement.engine.warm import try_object; try_object()"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", code],
            input=content,
            capture_output=True,
            timeout=PROOF_S,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0 and tried.stdout.decode().strip() == found_in_trial()
