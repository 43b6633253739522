"""Functions without machine code of their own serve their callers as numba's own do."""

from __future__ import annotations

import math

import numba

from wattlas.compiled.inner import InnerCompiler


@numba.njit(pipeline_class=InnerCompiler, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def half(x: float) -> float:
    """Half of x."""
    return 0.5 * x


@numba.njit(pipeline_class=InnerCompiler, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def root_of_half(x: float) -> float:
    """√(x / 2)."""
    return math.sqrt(half(x))


@numba.njit
def twice(x: float) -> float:
    """Both, by two ways to the same function."""
    return half(x) + root_of_half(x)


def test_what_calls_them_computes_the_same() -> None:
    """Two levels deep, and one function in two callers."""
    assert twice(8.0) == 4.0 + 2.0


def test_they_have_no_machine_code_of_their_own() -> None:
    """Only what calls them has."""
    twice(8.0)
    (inner,) = root_of_half.overloads.values()
    (outer,) = twice.overloads.values()
    assert inner.library.get_pointer_to_function(inner.fndesc.llvm_func_name) == 0
    assert outer.library.get_pointer_to_function(outer.fndesc.llvm_func_name) != 0
