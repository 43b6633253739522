"""Kernels as they are written: Python runs them, and nothing is compiled.

What they do is then the same to the last digit on every processor, tuning constants can be turned
down, and a test of a few hundred steps takes less than to compile them once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import pytest

from wattlas.placement.engine import hours, opening, patience, solve
from wattlas.placement.engine.jit import prefetch, smaller
from wattlas.replays.kernel import loop

ENTRIES: tuple[tuple[Any, str, Any], ...] = (
    (solve, "walk", hours.walk),
    (opening, "walk_open", opening.walk_open),
    (patience, "descend", patience.descend),
    (loop, "advance", loop.advance),
    (loop, "charge_all", loop.charge_all),
)
"""Where Python calls compiled code."""


def interpreted(kernel: Any, **constants: Any) -> Any:
    """A kernel and all that it calls, with other values of some constants."""
    return _as_written(kernel, constants, {})


def _as_written(kernel: Any, constants: dict[str, Any], known: dict[int, Any]) -> Any:
    if kernel is smaller:
        return min
    if kernel is prefetch:
        return lambda *_: None
    if not hasattr(kernel, "py_func"):
        return kernel
    if id(kernel) not in known:
        own = kernel.py_func
        inside = dict(own.__globals__)
        known[id(kernel)] = FunctionType(own.__code__, inside, own.__name__)
        for name in own.__code__.co_names:
            if name in inside:
                inside[name] = constants.get(name, _as_written(inside[name], constants, known))
    return known[id(kernel)]


@contextmanager
def as_written(**constants: Any) -> Iterator[None]:
    """Have Python run the kernels of placements and replays."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, kernel in ENTRIES:
            patch.setattr(module, name, interpreted(kernel, **constants))
        yield
