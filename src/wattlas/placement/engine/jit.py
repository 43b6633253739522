"""Compiling: one decorator for kernels and one for entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from wattlas.compiled import kept
from wattlas.compiled.inner import InnerCompiler

F = TypeVar("F", bound=Callable[..., Any])

LINE_BYTES = 64
"Bytes in a line of the processor's cache."
_llvm: Any = cgutils
_FAST = {"nnan", "nsz", "reassoc", "contract", "arcp"}


def kernel(function: F) -> F:
    """Compile a function that only compiled code calls.

    Infinities and NaN must not enter a kernel: closed columns cost `BIG` instead.
    """
    return _jit(function, no_cpython_wrapper=True, pipeline_class=InnerCompiler)


def inlined(function: F) -> F:
    """As `kernel`, and copied into whatever calls it.

    A call passes every array of every group, some hundred words; where events take a tenth of a
    microsecond, that is most of it.
    """
    return _jit(function, no_cpython_wrapper=True, forceinline=True)


def entry(function: F) -> F:
    """Compile a function that Python calls, without the interpreter lock, and keep it on disk.

    Apart, because where placements tie the last digit decides.
    """
    return kept(_jit(function), apart=True)


def _jit(function: F, **options: Any) -> F:
    njit: Any = numba.njit
    jitted: F = njit(
        nogil=True,
        fastmath=_FAST,
        error_model="numpy",
        boundscheck=False,
        no_cfunc_wrapper=True,
        _nrt=False,  # kernels allocate nothing; counting who holds an array took 12 to 30 %
        **options,
    )(function)
    return jitted


def _smaller(_context: Any, _a: Any, _b: Any) -> Any:
    """min(a, b) in the one form that the compiler turns into a vector reduction."""

    def emit(_ctx: Any, builder: Any, _signature: Any, args: Any) -> Any:
        less = builder.fcmp_ordered("<", args[0], args[1], flags=("nnan", "nsz"))
        return builder.select(less, args[0], args[1], flags=("nnan", "nsz"))

    return types.float64(types.float64, types.float64), emit


def _prefetch(_context: Any, rows: Any, _row: Any) -> Any:
    """Ask for the memory of a row, which will be read soon; nothing else happens."""
    lines = max(getattr(rows.dtype, "size", 0) // LINE_BYTES, 1)

    def emit(ctx: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = ctx.make_array(signature.args[0])(ctx, builder, value=args[0])
        stride = builder.extract_value(array.strides, 0)
        row = ctx.cast(builder, args[1], signature.args[1], types.intp)
        at = _llvm.pointer_add(builder, array.data, builder.mul(row, stride), _llvm.voidptr_t)
        word = _llvm.ir.IntType(32)
        kind = _llvm.ir.FunctionType(_llvm.ir.VoidType(), (_llvm.voidptr_t, word, word, word))
        hint = _llvm.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        for line in range(lines):
            here = builder.gep(at, [word(LINE_BYTES * line)])
            builder.call(hint, (here, word(0), word(3), word(1)))
        return ctx.get_dummy_value()

    return types.void(rows, _row), emit


_intrinsic: Any = intrinsic
smaller: Any = _intrinsic(_smaller)
prefetch: Any = _intrinsic(_prefetch)
"""prefetch(rows, row): have a row brought into the cache, all of a record, else its first line."""
