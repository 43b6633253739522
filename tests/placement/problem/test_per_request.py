"""Figures per request count wherever figures per token do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given

from tests import oracle
from tests.examples import examples
from tests.shipped import shipped
from tests.strategies import objectives, scenarios
from wattlas.errors import UsageError
from wattlas.model.scenario import Scenario
from wattlas.placement.api import plan
from wattlas.placement.breakeven.breakeven import breakeven_between
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import cost

TOKENS_IN, TOKENS_OUT = 512.0, 256.0


def alike(s: Scenario) -> Scenario:
    """The scenario with requests of one length in all classes."""
    classes = (replace(k, tokens_in=TOKENS_IN, tokens_out=TOKENS_OUT) for k in s.classes)
    return replace(s, classes=tuple(classes))


def per_request(s: Scenario) -> Scenario:
    """What the tokens of a request take at each point, as figures per request."""
    points = tuple(
        replace(
            o,
            request_j=o.prefill_j_per_token * TOKENS_IN + o.decode_j_per_token * TOKENS_OUT,
            request_gpu_s=o.prefill_gpu_s_per_token * TOKENS_IN
            + o.decode_gpu_s_per_token * TOKENS_OUT,
            prefill_j_per_token=0.0,
            decode_j_per_token=0.0,
            prefill_gpu_s_per_token=0.0,
            decode_gpu_s_per_token=0.0,
        )
        for o in s.points
    )
    return replace(s, points=points)


@given(scenarios(frictions=True, max_hours=3, objectives=objectives()))
@examples(40)
def test_the_same_request_is_placed_alike(drawn: Scenario) -> None:
    """Energy and accelerator time per request instead of per token: the same plan to the bit."""
    tokens = alike(drawn)
    requests = per_request(tokens)
    assert np.array_equal(tokens.it_kwh, requests.it_kwh)
    assert np.array_equal(tokens.gpu_h, requests.gpu_h)
    ours, theirs = build_instance(requests), build_instance(tokens)
    assert np.array_equal(ours.energy_kwh, theirs.energy_kwh)
    assert np.array_equal(ours.gpu_h, theirs.gpu_h)
    one, other = plan(requests), plan(tokens)
    assert one.status == other.status
    assert one.objective == other.objective or (np.isnan(one.objective) and not other.ok)
    if one.ok:  # without a plan every total is nan
        assert one.totals == other.totals


@given(scenarios(frictions=True, max_hours=2, max_metros=2))
@examples(30)
def test_the_independent_program_counts_them(drawn: Scenario) -> None:
    """Capacity, rent, energy and frictions of figures per request as the reference has them."""
    s = per_request(alike(drawn))
    found, want = plan(s), oracle.oracle_plan(s)
    assume(found.ok and want.status == "optimal")
    assert found.objective == pytest.approx(want.objective, rel=1e-7, abs=1e-9)


def test_a_break_even_counts_them() -> None:
    """What a move saves and costs is the same either way."""

    tokens = alike(shipped("tiny"))
    klass = tokens.classes[0].id
    pairs = [(a.id, b.id) for a in tokens.regions for b in tokens.regions if a is not b]
    compared = 0
    for pair in pairs:
        try:
            want = breakeven_between(tokens, klass, *pair)
        except UsageError:
            continue
        assert breakeven_between(per_request(tokens), klass, *pair) == want
        compared += 1
    assert compared


@given(scenarios(max_hours=3))
@examples(20)
def test_a_carbon_price_of_nothing_is_a_price(drawn: Scenario) -> None:
    """Given instead of the stated one it counts as any other: nothing is not `as stated`."""
    stated = replace(drawn, objective=replace(drawn.objective, carbon_price_usd_per_t=80.0))
    free = replace(drawn, objective=replace(drawn.objective, carbon_price_usd_per_t=0.0))
    priced, plain = build_instance(stated), build_instance(free)
    for asked, wanted in ((0.0, cost(plain)), (None, cost(priced)), (80.0, cost(priced))):
        found = cost(priced, asked)
        np.testing.assert_array_equal(found.per_kwh, wanted.per_kwh)
        np.testing.assert_array_equal(found.per_request, wanted.per_request)
