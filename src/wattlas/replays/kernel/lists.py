"""Compiled small structures: a tree of times, a replica's last tokens in order, lists of slots."""

from __future__ import annotations

import numpy as np

from wattlas.placement.engine.jit import inlined
from wattlas.replays.kernel.state import I8, FleetState, unsigned


@inlined
def set_end(fleet: FleetState, replica: int, end: float) -> None:
    """Note when to visit a replica, and above it in the tree who is first.

    The children of node n are 2·n and 2·n + 1; the root is node 1, the leaves are the replicas. Of
    several at one instant the lowest goes first. What goes up lies in registers, and no branch
    looks at a time: each would be a coin toss. To stop where nothing changes wins nothing.
    """
    ends, earliest = fleet.ends, fleet.earliest
    node = unsigned(len(ends) // 2 + replica)
    ends[node] = end
    least, who = end, np.int32(replica)
    while node > 1:
        other = unsigned(node ^ 1)
        theirs, them = ends[other], earliest[other]
        before = (theirs < least) | ((theirs == least) & (other < node))
        who = them if before else who
        least = min(least, theirs)
        node = unsigned(node >> 1)
        ends[node] = least
        earliest[node] = who


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
    fleet.slot[slot].link = -1
    if fleet.replica[queue].head < 0:
        fleet.replica[queue].head = slot
    else:
        fleet.slot[fleet.replica[queue].tail].link = slot
    fleet.replica[queue].tail = slot


@inlined
def prepend(fleet: FleetState, queue: int, slot: int) -> None:
    """Put a slot at the front of a queue."""
    fleet.slot[slot].link = fleet.replica[queue].head
    if fleet.replica[queue].head < 0:
        fleet.replica[queue].tail = slot
    fleet.replica[queue].head = slot


@inlined
def shift(fleet: FleetState, queue: int) -> None:
    """Take the first slot off a queue."""
    fleet.replica[queue].head = fleet.slot[fleet.replica[queue].head].link
