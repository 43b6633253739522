"""Compiled small structures: a tree of times, a replica's last tokens in order, lists of slots."""

from __future__ import annotations

from wattlas.placement.engine.jit import inlined
from wattlas.replays.kernel import state as S
from wattlas.replays.kernel.state import F8, I8, FleetState, unsigned


@inlined
def set_end(tree: F8, replica: int, end: float) -> None:
    """Note when to visit a replica; every inner node holds the least of its four children.

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
def next_replica(tree: F8, at: int) -> int:
    """The replica to visit first below a node of the tree; one of several. No branch goes down:
    each would be a coin toss.
    """
    inner, least = (len(tree) - 1) // 4, tree[at]
    while at < inner:
        first = 4 * at + 1
        second = int(tree[first] != least)
        third = second * int(tree[first + 1] != least)
        at = first + second + third + third * int(tree[first + 2] != least)
    return unsigned(at - inner)


@inlined
def insert(due: I8, size: int, key: int) -> None:
    """Add a key to `size` falling keys; a batch is short."""
    at = size
    while at > 0 and due[at - 1] < key:
        due[at] = due[at - 1]
        at -= 1
    due[at] = key


@inlined
def append(fleet: FleetState, queue: int, slot: int) -> None:
    """Put a slot at the end of a queue."""
    fleet.job[slot, S.LINK] = -1
    if fleet.head[queue] < 0:
        fleet.head[queue] = slot
    else:
        fleet.job[fleet.tail[queue], S.LINK] = slot
    fleet.tail[queue] = slot


@inlined
def prepend(fleet: FleetState, queue: int, slot: int) -> None:
    """Put a slot at the front of a queue."""
    fleet.job[slot, S.LINK] = fleet.head[queue]
    if fleet.head[queue] < 0:
        fleet.tail[queue] = slot
    fleet.head[queue] = slot


@inlined
def shift(fleet: FleetState, queue: int) -> None:
    """Take the first slot off a queue."""
    fleet.head[queue] = fleet.job[fleet.head[queue], S.LINK]
