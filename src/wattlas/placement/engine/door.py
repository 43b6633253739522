"""A way into compiled code that needs no interpreter: text in LLVM's language.

numba compiles an entry twice: as a function of plain numbers, and with a wrapper that takes Python
objects apart. Here the wrapper is taken off, and a door put in its place: a function of one table
of integers, which holds of each array the address and the lengths, and of each integer itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

DOOR = "wattlas_door"
"""Name of the function that takes the table."""

Kind = tuple[str, int]
"""Type and number of axes of an argument; −1 axes: an integer."""


def alone(text: str) -> tuple[str, list[str]]:
    """Compiled code without its wrapper, and the names of the entries that are left in it.

    Arrays that nobody counts are never freed, so what would free them does nothing.
    """
    text = re.sub(r"^define [^\n]*@_ZN7cpython.*?^}\n", "", text, flags=re.M | re.S)
    nothing = r"define internal void @\1(ptr %0) { ret void }"
    text = re.sub(r"^declare void @(NRT_\w+)\(ptr[^\n]*$", nothing, text, flags=re.M)
    entries = re.findall(r"^define (?!linkonce_odr |internal )[^\n]*?@(\w+)\(", text, flags=re.M)
    return text, entries


def door(entry: str, kinds: Sequence[Kind]) -> str:
    """The function that calls an entry as numba calls it, with what stands in a table.

    numba wants a place for the result and one for an error, then the arguments.
    """
    lines = ["%result = alloca ptr", "%error = alloca ptr"]
    given, place = ["ptr %result", "ptr %error"], 0
    for kind, axes in kinds:
        if axes < 0:
            lines += _read("i64", place)
            given.append(f"i64 %in{place}")
        else:
            lines += _read("ptr", place)
            for n in range(axes):
                lines += _read("i64", place + 1 + n)
            made, passed = _array(np.dtype(kind).itemsize, axes, place)
            lines += made
            given += passed
        place += 1 + max(axes, 0)
    call = f"%status = call i32 @{entry}({', '.join(given)})"
    body = [*lines, call, "ret i32 %status"]
    return "\n".join(["", f"define i32 @{DOOR}(ptr %table) {{", *body, "}", ""])


def _read(kind: str, place: int) -> list[str]:
    """`%in<place>`: what stands at a place of the table."""
    return [
        f"%at{place} = getelementptr i64, ptr %table, i64 {place}",
        f"%in{place} = load {kind}, ptr %at{place}",
    ]


def _array(item: int, axes: int, place: int) -> tuple[list[str], list[str]]:
    """What is computed for an array whose items lie side by side, and what is passed of it.

    numba takes of an array its counter and its owner (there is neither), the number of items, the
    bytes of one, the address, lengths and strides.
    """
    lengths = [f"%in{place + 1 + n}" for n in range(axes)]
    lines, strides = [], [str(item)]
    for n in reversed(range(axes)):
        lines.append(f"%step{place}_{n} = mul i64 {strides[0]}, {lengths[n]}")
        strides.insert(0, f"%step{place}_{n}")
    lines.append(f"%size{place} = udiv i64 {strides.pop(0)}, {item}")
    head = ["ptr null", "ptr null", f"i64 %size{place}", f"i64 {item}", f"ptr %in{place}"]
    return lines, [*head, *(f"i64 {one}" for one in (*lengths, *strides))]
