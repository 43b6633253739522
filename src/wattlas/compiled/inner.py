"""Functions that only compiled code calls: no machine code of their own.

numba optimises each function together with all that it calls and makes machine code of it, and
then again as a part of each of its callers. What only compiled code calls needs none of that: its
code is taken over as it is, and optimised once, as a part of the entry.

The library's class is not public in numba: `pyproject.toml` bounds its version, tests with the
real one hold it.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

_number = count()


class _WithoutPlace:
    """numba's code generator, for code that has no place in memory."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, env: Any) -> None:
        """Nothing can be written there."""


class InnerLibrary(JITCodeLibrary):
    """The code of a function for its callers."""

    @property
    def codegen(self) -> Any:
        """As numba's, but that no environment of the function is set."""
        return _WithoutPlace(self._codegen)

    def _optimize_final_module(self) -> None:
        """Left to the entry."""

    def _finalize_final_module(self) -> None:
        """Without machine code."""
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._verify_declare_only_symbols()  # type: ignore[no-untyped-call]
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is none."""
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0


class InnerCompiler(Compiler):
    """numba's own, with an `InnerLibrary` for what it makes."""

    def __init__(
        self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any,
        flags: Any, locals: Any,
    ) -> None:  # fmt: skip
        make: Any = InnerLibrary
        own = make(targetctx.codegen(), f"wattlas.inner.{next(_number)}")
        own.enable_object_caching()
        begin: Any = super().__init__
        begin(typingctx, targetctx, own, args, return_type, flags, locals)
