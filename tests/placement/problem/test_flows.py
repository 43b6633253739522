"""Flows that are joined keep what they say, in the order of their hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shipped import shipped
from wattlas.model.plan import UNSERVED
from wattlas.placement.problem.flows import KeptFlows, SourceFlows, by_whole_hours, join
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import cost

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


def test_kept_flows_are_the_flows_again() -> None:
    """Narrow numbers hold unserved flows, and numbers that 16 and 32 bits do not."""
    hour = np.array([0, 1, 40_000])
    region = np.array([-1, 0, 5])
    source = np.array([0, 3, 1 << 40])
    flows = SourceFlows(hour, source, region, np.array([0, 2, 0]), np.array([1.5, 0.25, 1e-9]))
    kept = KeptFlows.of(flows)
    assert [column.dtype for column in kept[:4]] == [np.int32, np.int64, np.int16, np.int16]
    for again, column in zip(kept.all(), flows, strict=True):
        assert again.dtype == column.dtype
        assert again.tolist() == column.tolist()
    other = flows.where(np.array([1, 1])).with_value(np.array([7.0, 8.0]))
    put = kept.with_steps(np.array([1]), other).all()
    assert put.hour.tolist() == [0, 1, 1, 40_000]
    assert put.region.tolist() == [-1, 0, 0, 5]
    assert put.value.tolist() == [1.5, 7.0, 8.0, 1e-9]


def test_whole_hours_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces hold every flow once, in order, and no hour is in two of them; what is not in the
    order of its hours stays together."""
    monkeypatch.setattr("wattlas.placement.problem.flows.PIECE", 4)
    hour = np.repeat(np.arange(6), [1, 9, 2, 0, 3, 1])
    flows = SourceFlows(hour, hour, hour, hour, np.arange(16.0))
    pieces = list(by_whole_hours(flows))
    assert len(pieces) > 2
    assert np.concatenate([piece.value for piece in pieces]).tolist() == flows.value.tolist()
    seen = [set(piece.hour.tolist()) for piece in pieces]
    assert sum(map(len, seen)) == len(set(hour.tolist()))
    mixed = flows.where(np.arange(16)[::-1])
    assert [piece.value.tolist() for piece in by_whole_hours(mixed)] == [mixed.value.tolist()]


def test_units_are_those_of_the_indices_that_a_plan_keeps() -> None:
    """Regions of a plan have 16 bits, and 20,000 hours of a third region need more."""
    instance = build_instance(shipped("tiny"))
    draw = np.random.default_rng(0)
    sources, regions, points = instance.allowed.shape
    measure = replace(cost(instance), per_kwh=draw.uniform(size=(regions, 20_000)))
    s, r, o, t = (draw.integers(0, most, 500) for most in (sources, regions, points, 20_000))
    r[::7] = UNSERVED
    wanted = measure.per_request[s, r, o] + instance.energy_kwh[s, o] * measure.per_kwh[r, t]
    wanted[::7] = np.nan_to_num(measure.per_unserved[s[::7]])
    for kind in (np.int16, np.int32, np.int64):
        units = measure.units(instance, t.astype(np.int32), s, r.astype(kind), o.astype(np.int16))
        np.testing.assert_allclose(units, wanted, rtol=1e-14)
