"""Compiled small structures: the tree of ends, a replica's heap of last tokens, lists of slots."""

from __future__ import annotations

from wattlas.placement.engine.jit import inlined
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import F8, I8, Fleet


@inlined
def set_end(tree: F8, replica: int, end: float) -> None:
    """Note when a replica's run ends; every inner node holds the least of its four children.

    Levels follow each other from the root, node 0: the children of n are 4·n + 1 to 4·n + 4.
    """
    at = (len(tree) - 1) // 4 + replica
    tree[at] = end
    while at > 0:
        at = (at - 1) >> 2
        first = 4 * at + 1
        least = min(min(tree[first], tree[first + 1]), min(tree[first + 2], tree[first + 3]))
        if tree[at] == least:
            break
        tree[at] = least


@inlined
def next_replica(tree: F8) -> int:
    """The replica whose run ends first; one of several. No branch goes down: each would be a coin
    toss.
    """
    at, inner, least = 0, (len(tree) - 1) // 4, tree[0]
    while at < inner:
        first = 4 * at + 1
        second = int(tree[first] != least)
        third = second * int(tree[first + 1] != least)
        at = first + second + third + third * int(tree[first + 2] != least)
    return at - inner


@inlined
def push(due: I8, size: int, key: int) -> None:
    """Add a key to a heap of `size` keys."""
    _rise(due, size, key)


@inlined
def _rise(due: I8, at: int, key: int) -> None:
    while at > 0:
        above = (at - 1) >> 1
        if due[above] <= key:
            break
        due[at] = due[above]
        at = above
    due[at] = key


@inlined
def remove(due: I8, size: int, at: int) -> None:
    """Take the key at a place out of a heap of `size` keys."""
    last = size - 1
    key = due[last]
    if at == last:
        return
    below = 2 * at + 1
    while below < last:
        if below + 1 < last and due[below + 1] < due[below]:
            below += 1
        if due[below] >= key:
            break
        due[at] = due[below]
        at = below
        below = 2 * at + 1
    _rise(due, at, key)


@inlined
def append(fleet: Fleet, queue: int, slot: int) -> None:
    """Put a slot at the end of a queue."""
    fleet.link[slot] = -1
    if fleet.head[queue] < 0:
        fleet.head[queue] = slot
    else:
        fleet.link[fleet.tail[queue]] = slot
    fleet.tail[queue] = slot


@inlined
def prepend(fleet: Fleet, queue: int, slot: int) -> None:
    """Put a slot at the front of a queue."""
    fleet.link[slot] = fleet.head[queue]
    if fleet.head[queue] < 0:
        fleet.tail[queue] = slot
    fleet.head[queue] = slot


@inlined
def shift(fleet: Fleet, queue: int) -> None:
    """Take the first slot off a queue."""
    fleet.head[queue] = fleet.link[fleet.head[queue]]


@inlined
def release(fleet: Fleet, slot: int) -> None:
    """A slot whose request has ended is free."""
    fleet.free[fleet.tellers[S.FREE]] = slot
    fleet.tellers[S.FREE] += 1
