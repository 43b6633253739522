"""What a scenario can be without, by its fields alone."""

from __future__ import annotations

import math

from hypothesis import given, note
from hypothesis import strategies as st

from tests import oracle
from tests.examples import examples
from tests.strategies import objectives, scenarios, tiered
from wattlas.model.scenario import Scenario
from wattlas.placement.compare.counterfactual import limits, present, without


def had(s: Scenario) -> dict[str, bool]:
    """Whether a scenario has each of the limits that a result may be told without."""
    f, regions, hours = s.frictions, range(len(s.regions)), range(s.hours.count)
    states = {k.state.value for k in s.classes}
    stated = [f.start_usd_per_gpu_h, f.start_kwh_per_gpu_h, *f.start_usd_by_region.values()]
    moves = any(k.bytes_per_request > 0 for k in s.classes)
    return {
        "egress": moves and bool(s.network.egress_usd_per_gb.max() > 0),
        "residency": any(k.residency != "" for k in s.classes),
        "state": "pinned" in states,
        "latency": any(k.relaxable and k.latency_budget_ms < math.inf for k in s.classes),
        "variants": any(r.variants is not None for r in s.regions),
        "capacity": any(oracle.most_gpu(s, r, t) < math.inf for r in regions for t in hours),
        "start_up": f.carry_weights or max(stated) > 0,
        "state_move": f.move_state and "sticky" in states,
    }


@given(
    st.one_of(
        scenarios(frictions=True, objectives=objectives(caps=True)),
        tiered(scenarios(frictions=True)),
    )
)
@examples(60)
def test_what_is_there_and_what_is_left(s: Scenario) -> None:
    """Each limit is there where its fields say so, and without it the others are as they were."""
    mine = had(s)
    assert set(limits()) == set(mine)
    assert set(present(s)) == {name for name, there in mine.items() if there}
    for name in mine:
        note(name)
        assert had(without(s, name)) == {**mine, name: False}
    assert not any(had(without(s, "all")).values())
