"""Flows that are joined keep what they say, in the order of their hours."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wattlas.placement.problem.flows import SourceFlows, join

HOURS = st.lists(st.sampled_from([0, 1, 7, 65_535, 65_536, 2**40]), max_size=12)


def numbered(hours: list[int], first: int) -> SourceFlows:
    """Flows of these hours, whose values count from `first` on."""
    hour = np.array(hours, dtype=np.int64)
    none = np.zeros(len(hour), dtype=np.int64)
    return SourceFlows(hour, none, none, none, first + np.arange(len(hour), dtype=float))


@given(st.lists(HOURS, max_size=4))
def test_joined_flows_are_those_of_the_parts_by_hour(parts: list[list[int]]) -> None:
    """Flows of one hour stay in the order of the parts, whatever the hours are."""
    starts = np.cumsum([0, *map(len, parts)])
    whole = join([numbered(hours, int(n)) for hours, n in zip(parts, starts, strict=False)])
    told = [(hour, float(n)) for n, hour in enumerate(h for hours in parts for h in hours)]
    assert list(zip(whole.hour, whole.value, strict=True)) == sorted(told)


def test_one_part_in_order_is_not_copied() -> None:
    """Others may have none."""
    only = numbered([1, 1, 2], 0)
    assert join([numbered([], 0), only, numbered([], 0)]) is only
