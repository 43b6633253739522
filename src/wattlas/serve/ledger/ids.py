"""Which ids are recorded already, as bits: an id is a series and a number in it.

A process numbers its requests, so that one bit per request is enough. An id of another form is a
series of its own.
"""

from __future__ import annotations

from collections.abc import Callable

PER_BLOCK = 4096
"""Bits that are read and written together: half a kilobyte."""
LONGEST_NUMBER = 12
"""Digits."""

Block = tuple[str, int]
"""A series, and which of its blocks."""


def place_of(id: str) -> tuple[str, int]:
    """Series and number of an id; no two ids have the same. The number is 0 where it has none."""
    series, _, number = id.rpartition("-")
    plain = series and len(number) <= LONGEST_NUMBER and number.isascii() and number.isdigit()
    return (series, int(number)) if plain and number[0] != "0" else (id, 0)


class Taken:
    """The ids of one recording. `read` gives the bits of a block as they are kept."""

    def __init__(self, read: Callable[[Block], bytes | None]) -> None:
        self._read = read
        self._blocks: dict[Block, bytearray] = {}
        self._changed: dict[Block, bytearray] = {}
        self._series, self._block = "", -1
        self._bits, self._changes = bytearray(), False

    def take(self, id: str) -> bool:
        """Take an id; False where it was taken before."""
        series, number = place_of(id)
        block, number = number // PER_BLOCK, number % PER_BLOCK
        if series != self._series or block != self._block:
            self._turn(series, block)
        bits, byte, bit = self._bits, number >> 3, 1 << (number & 7)
        if bits[byte] & bit:
            return False
        bits[byte] |= bit
        self._changes = True
        return True

    def _turn(self, series: str, block: int) -> None:
        """Take up another block; nearly always the next id is of the same."""
        self._keep()
        key = self._series, self._block = series, block
        bits = self._blocks.get(key)
        if bits is None:
            bits = self._blocks[key] = bytearray(self._read(key) or bytes(PER_BLOCK // 8))
        self._bits, self._changes = bits, False

    def _keep(self) -> None:
        if self._changes:
            self._changed[self._series, self._block] = self._bits

    @property
    def changed(self) -> dict[Block, bytearray]:
        """The blocks that have to be written."""
        self._keep()
        return self._changed
