"""A plan in chunks is the plan in one piece, flow by flow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.long import long_tiny
from wattlas.errors import UsageError
from wattlas.model.checks import part_of
from wattlas.model.frictions import Frictions
from wattlas.model.objective import Minimise, Objective, Window
from wattlas.model.plan import Plan, Status, Totals
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours
from wattlas.placement.api import plan, solve_instance
from wattlas.placement.constraints.registry import coupling
from wattlas.placement.problem.instance import build_instance
from wattlas.placement.problem.unit_values import cost
from wattlas.placement.solution.account import add_totals
from wattlas.placement.streaming.fingerprint import _parts, fingerprint
from wattlas.placement.streaming.stream import (
    Summary,
    chunk_scenarios,
    chunks,
    coupling_words,
    plan_stream,
)
from wattlas.placement.window.blocks import BLOCK_STEPS, blocks, hours_up_to

COLUMNS = ("metro", "klass", "region", "point", "requests_per_h")
OBJECTIVES = {
    "cost": Objective(),
    "carbon": Objective(minimise=Minimise.CARBON),
    "months": Objective(carbon_cap_share=0.97, window=Window.MONTH),
    "days": Objective(carbon_cap_share=0.97, window=Window.DAY),
}


@pytest.fixture(scope="module")
def world() -> Scenario:
    """Forty days from the end of January: three months, seven blocks."""
    return long_tiny(40, "2023-01-29")


def utc_flows(found: list[Plan]) -> list[np.ndarray]:
    """Flows with times instead of indices, of neighbouring plans one after the other."""
    parts = [(one.scenario.hours.utc[one.flows.hour], one.flows) for one in found if one.flows]
    columns = [[getattr(flows, name) for _, flows in parts] for name in COLUMNS]
    return [np.concatenate(column) for column in ([utc for utc, _ in parts], *columns)]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("steps", [1, 300, 10_000])
def test_chunks_are_the_plan(world: Scenario, name: str, steps: int) -> None:
    """Chunks of any length hold the very flows of the plan in one piece, ties and all."""
    every = np.arange(24 * 20)
    scenario = replace(world.at_hours(every, 1.0 + every % 3), objective=OBJECTIVES[name])
    one = plan(scenario)
    found = list(plan_stream(scenario, chunk_steps=steps))
    assert one.status is Status.OPTIMAL
    for mine, whole in zip(utc_flows(found), utc_flows([one]), strict=True):
        np.testing.assert_array_equal(mine, whole)
    summed = Summary()
    for each in found:
        summed = summed.plus(Summary.of(each))
    assert summed.objective == pytest.approx(one.objective, rel=1e-12)
    mine, known = vars(summed.totals), {n: v for n, v in vars(one.totals).items() if v is not None}
    assert {n: v for n, v in mine.items() if v is not None} == pytest.approx(known, rel=1e-12)
    assert (summed.steps, summed.hours) == (len(every), 2.0 * len(every))
    assert one.flows is not None
    kwh = scenario.it_kwh[one.flows.klass, one.flows.point] * one.flows.requests_per_h
    mwh = np.bincount(one.flows.region, kwh * scenario.hours.weight[one.flows.hour]) / 1e3
    np.testing.assert_allclose(summed.it_mwh_by_region, mwh, rtol=1e-12)
    assert (summed.engine_hours, summed.highs_hours) == (
        one.info.engine_hours,
        one.info.highs_hours,
    )
    prices = [p for x in found if (p := x.capacity_price) is not None]
    assert one.capacity_price is not None
    np.testing.assert_array_equal(np.hstack(prices), one.capacity_price)
    if one.abatement_usd_per_t is not None:
        np.testing.assert_array_equal(summed.abatement_usd_per_t, one.abatement_usd_per_t)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("steps", [1, 300, 10_000])
def test_hours_are_cut_where_the_scenario_is(world: Scenario, name: str, steps: int) -> None:
    """Known by their hours and window alone, the chunks are those of the scenario, and a chunk that
    is read by itself is cut no further.
    """
    scenario = replace(world, objective=OBJECTIVES[name])
    cut = list(hours_up_to(scenario.hours, coupling(scenario), steps))
    whole = chunks(scenario, steps)
    assert [one.utc.tolist() for one in cut] == [scenario.hours.utc[c].tolist() for c in whole]
    assert [len(chunks(scenario.at_hours(c), steps)) for c in whole] == [1] * len(whole)


def test_blocks_reach_the_same_optimum(world: Scenario) -> None:
    """Block by block costs what all hours in one solve cost."""
    instance = build_instance(world)
    whole, _ = solve_instance(instance)
    usd = float(cost(instance).by_hour(instance, whole.flows).sum())
    assert plan(world).totals.variable_usd == pytest.approx(usd, rel=1e-9)


def test_stretches_made_lazily(world: Scenario) -> None:
    """Months that are made one by one, and only when they are asked for, give the same plan."""
    month = world.hours.utc.astype("datetime64[M]")
    made: list[str] = []

    def months() -> list[Scenario]:
        for one in np.unique(month):
            made.append(str(one))
            yield world.at_hours(np.flatnonzero(month == one))

    stream = plan_stream(months())
    next(stream)
    assert made == ["2023-01"]
    total = sum(one.objective for one in stream)
    assert len(made) == 3
    assert total < plan(world).objective


@given(st.integers(1, 900), st.integers(0, 60), st.sampled_from([0.5, 1.0, 6.0]))
@examples(100)
def test_blocks_cut_by_the_calendar(count: int, day: int, step_h: float) -> None:
    """Every step is in one block; only the last is short; a later start has the later cuts."""
    world = long_tiny(1)
    start = str(np.datetime64("2023-01-01") + np.timedelta64(day, "D"))
    hours = Hours.range(start, count, step_h)
    found = blocks(part_of(world, hours=hours))
    np.testing.assert_array_equal(np.concatenate(found), np.arange(count))
    assert all(len(one) >= BLOCK_STEPS for one in found[:-1])
    for n in range(1, len(found)):
        rest = Hours(hours.start, hours.offset[found[n][0] :], hours.weight[found[n][0] :], step_h)
        again = blocks(part_of(world, hours=rest))
        assert [len(one) for one in again] == [len(one) for one in found[n:]]


def test_what_couples(world: Scenario) -> None:
    """Frictions and a cap over all time leave one chunk; caps by month are cut between months."""
    assert coupling(world) is None
    assert len(chunks(world, 168)) == len(blocks(world)) > 4
    capped = replace(world, objective=Objective(carbon_cap_t=1.0))
    frictional = replace(world, frictions=Frictions(move_state=True))
    for one in (capped, frictional):
        assert coupling(one) is Window.ALL
        assert len(chunks(one, 1)) == 1
    monthly = replace(world, objective=OBJECTIVES["months"])
    ends = [world.hours.utc[one[-1]].astype("datetime64[M]") for one in chunks(monthly, 1)]
    assert [str(end) for end in ends] == ["2023-01", "2023-02", "2023-03"]
    with pytest.raises(UsageError, match="at least one step"):
        chunks(world, 0)


def test_what_couples_is_told(world: Scenario) -> None:
    """In one clause each; what waits comes before the limits that it is under."""
    patient = replace(world, classes=tuple(replace(k, may_wait_h=2.0) for k in world.classes))
    over_all = Objective(carbon_cap_t=1.0)
    whole = "all hours: they are solved as one and written at the end"
    apart = "no chunk ends inside of one"
    for words, scenario in (
        ("", world),
        (f"switching costs couple {whole}", replace(world, frictions=Frictions(move_state=True))),
        (f"a limit over all time couples {whole}", replace(world, objective=over_all)),
        (f"requests that may wait couple {whole}", replace(patient, objective=over_all)),
        (f"a limit holds over each month: {apart}", replace(world, objective=OBJECTIVES["months"])),
        (f"a limit holds over each day: {apart}", replace(world, objective=OBJECTIVES["days"])),
    ):
        assert coupling_words(scenario) == words


def test_stretches_that_cut_a_window(world: Scenario) -> None:
    """A cap over a month cannot be met by halves of the month, and one over all time by none."""
    halves = [world.at_hours(np.arange(24 * 10)), world.at_hours(np.arange(24 * 10, 24 * 20))]
    with pytest.raises(UsageError, match="ends inside of one"):
        list(chunk_scenarios(halves, objective=OBJECTIVES["months"]))
    with pytest.raises(UsageError, match="as one, not in stretches"):
        list(chunk_scenarios(halves, objective=Objective(carbon_cap_t=1.0)))


def test_infeasible_hours_are_all_counted(world: Scenario) -> None:
    """Hours that clash in several blocks make one conflict that says how many they are."""
    capacity = world.reserved_gpu.copy()
    capacity[:, [10, 400, 401]] = 0.0
    found = plan(replace(world, reserved_gpu=capacity))
    assert found.status is Status.INFEASIBLE
    assert "2 more hours clash" in found.conflict
    streamed = [one.status for one in plan_stream(replace(world, reserved_gpu=capacity))]
    assert streamed.count(Status.INFEASIBLE) == 2


def test_summary_survives_json(world: Scenario) -> None:
    """What a part says of itself comes back to the last bit."""
    import json

    summary = Summary.of(plan(replace(world.at_hours(range(48)), objective=OBJECTIVES["days"])))
    assert Summary.from_dict(json.loads(json.dumps(summary.as_dict()))) == summary
    assert Summary().plus(summary) == summary


def test_totals_add_up() -> None:
    """Sums add, the mean round trip is weighted, and what one side does not know stays unknown."""
    a = Totals(requests=1.0, rtt_mean_ms=10.0, energy_usd=2.0, carbon_marginal_kg=1.0)
    b = Totals(requests=3.0, rtt_mean_ms=50.0, energy_usd=5.0)
    both = add_totals(a, b)
    assert (both.requests, both.rtt_mean_ms, both.energy_usd) == (4.0, 40.0, 7.0)
    assert both.carbon_marginal_kg is None


def test_values_that_differ_have_other_bytes() -> None:
    """In type, shape, length, keys or nesting; nothing but equal values share a fingerprint."""
    four = np.zeros(4)
    values = [
        four, four.reshape(2, 2), four.reshape(4, 1), four.astype(np.float32), np.zeros(5),
        np.zeros(4, int), (), ("a",), ("a", "b"), ("ab",), (("a",), "b"), ("a", ("b",)), "a", 1,
        1.0, True, None, {"a": 1}, {"a": 2}, {"b": 1}, frozenset("bc"), Objective(),
        Objective(carbon_price_usd_per_t=1.0), Frictions(),
    ]  # fmt: skip
    told = [b"".join(bytes(part) for part in _parts(value)) for value in values]
    assert len(set(told)) == len(values)
    assert list(_parts(frozenset("abc"))) == list(_parts({"c", "a", "b"}))
    assert list(_parts({"a": 1, "b": 2})) == list(_parts({"b": 2, "a": 1}))


def test_a_fingerprint_is_the_same_in_every_version() -> None:
    """Written by hand: results that were made before are recognised."""

    @dataclass(frozen=True)
    class Figures:
        title: str
        gpu: np.ndarray
        rules: dict[str, tuple[object, ...]]
        objective: Objective

    made = Figures("not told", np.array([1.0, 2.0]), {"b": (1,), "a": (0.5, "x")}, Objective())
    said = "".join(f"{f.name}={getattr(Objective(), f.name)!r};" for f in fields(Objective))
    wanted = (
        b"\ngpu:array <f8 (2,) " + np.array([1.0, 2.0]).tobytes()
        + b"\nrules:2[2['a';2[0.5;'x';]]2['b';1[1;]]]\nobjective:Objective(" + said.encode() + b")"
    )  # fmt: skip
    assert fingerprint(made) == hashlib.sha256(wanted).hexdigest()  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["demand_per_h", "reserved_gpu", "price"])
def test_a_fingerprint_tells_figures_apart(world: Scenario, field: str) -> None:
    """One figure changed in one hour is another fingerprint; another title is not."""
    assert fingerprint(replace(world, title="x", notice="y", name="z")) == fingerprint(world)
    if field == "price":
        price = world.signals.price_usd_per_mwh.copy()
        price[0, 5] += 1e-9
        other = replace(world, signals=replace(world.signals, price_usd_per_mwh=price))
    else:
        values = getattr(world, field).copy()
        values[..., 7] *= 1 + 1e-12
        other = replace(world, **{field: values})
    assert fingerprint(other) != fingerprint(world)
    assert fingerprint(replace(world, objective=Objective(carbon_price_usd_per_t=1.0))) != (
        fingerprint(world)
    )
