"""What `wattlas check` tells of a scenario, computed again in plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from tests.examples import examples
from tests.strategies import scenarios
from wattlas.data.assemble import Arrays
from wattlas.data.scenario_file import EXAMPLES, Loaded, read
from wattlas.data.summary import facts_text, scenario_facts
from wattlas.model.objective import Objective
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Signals


def loaded(s: Scenario, *, sampled: bool) -> Loaded:
    """As the reader hands a scenario over; where it is a sample, of hours of other figures."""
    every = s.signals
    if sampled:
        price = np.hstack([s.signals.price_usd_per_mwh, s.signals.price_usd_per_mwh[:, :1] + 7.0])
        grams = np.hstack([s.signals.average_g_per_kwh, s.signals.average_g_per_kwh[:, -1:] + 90.0])
        every = Signals(s.signals.zones, price, grams)
    arrays = Arrays(every, s.hours, s.signals, s.network, s.demand_per_h, s.reserved_gpu)
    return Loaded(s, (), arrays, ("green", "cheap"))


def mean(values: np.ndarray, weight: np.ndarray) -> float:
    """Over zones alike and over steps by their weight."""
    total = sum(weight[t] * values[z, t] for z, t in np.ndindex(values.shape))
    return float(total / (len(values) * weight.sum()))


def peak_need(s: Scenario) -> float:
    """Accelerators that the fullest hour needs where each class runs at its leanest point."""
    needs = []
    for t in range(s.hours.count):
        need = 0.0
        for k, klass in enumerate(s.classes):
            of_class = [p for p in s.points if klass.points is None or p.id in klass.points]
            able = [p for p in of_class if klass.accuracy(p) >= klass.accuracy_min]
            least = min((klass.gpu_h(p) for p in able), default=0.0)
            need += sum(s.demand_per_h[i, k, t] for i in range(len(s.metros))) * least
        needs.append(need)
    return max(needs)


@given(scenarios())
@examples(40)
def test_every_fact_is_that_of_plain_loops(s: Scenario) -> None:
    """Counts, the window, signals, demand and capacity, of steps that stand for several."""
    s = replace(s, objective=Objective(carbon_price_usd_per_t=57.0), title="A title", notice="Told")
    weight, hours = s.hours.weight, s.hours.weight * s.hours.step_h
    facts = scenario_facts(loaded(s, sampled=True))
    counts = ("metros", "nodes", "regions", "points")
    assert [facts[n] for n in counts] == [len(getattr(s, n)) for n in counts]
    assert facts["zones"] == len(s.signals.zones)
    assert facts["scenarios"] == ["green", "cheap"]
    assert (facts["name"], facts["title"], facts["notice"]) == (s.name, "A title", "Told")
    assert facts["objective"] == {"minimise": "cost", "carbon_price_usd_per_t": 57.0}
    window = facts["window"]
    assert window["start_utc"] == f"{s.hours.utc[0]}Z"
    assert (window["steps"], window["step_h"]) == (len(weight), s.hours.step_h)
    assert window["hours"] == pytest.approx(len(weight) * s.hours.step_h)
    assert window["hours_represented"] == pytest.approx(hours.sum())
    for name in ("price_usd_per_mwh", "average_g_per_kwh"):
        values = getattr(s.signals, name)
        flat = values.ravel().tolist()
        plain = {"min": min(flat), "mean": sum(flat) / len(flat), "max": max(flat)}
        assert facts[name] == pytest.approx(plain)
        every = getattr(loaded(s, sampled=True).arrays.every_hour, name)
        assert window["sample"][name] == pytest.approx(mean(values, weight))
        evenly = mean(every, np.ones(every.shape[1]))
        assert window["sample"][f"every_hour_{name}"] == pytest.approx(evenly)
    requests = [
        sum(s.demand_per_h[i, k, t] * hours[t] for i, t in np.ndindex(len(s.metros), len(hours)))
        for k in range(len(s.classes))
    ]
    assert facts["demand"]["requests"] == pytest.approx(sum(requests))
    for row, klass, count in zip(facts["demand"]["classes"], s.classes, requests, strict=True):
        assert row["requests"] == pytest.approx(count)
        told = (row["class"], row["name"], row["latency_budget_ms"], row["state"])
        assert told == (klass.id, klass.name, klass.latency_budget_ms, str(klass.state))
        assert (row["tokens_in"], row["tokens_out"]) == (klass.tokens_in, klass.tokens_out)


@given(scenarios())
@examples(40)
def test_capacity_is_that_of_plain_loops(s: Scenario) -> None:
    """Reserved and on demand, in the mean of the hours, where every region has a limit."""
    on_demand = [region.on_demand_gpu for region in s.regions]
    most = [[float(k) + on_demand[r] for k in row] for r, row in enumerate(s.reserved_gpu)]
    limited = [all(k < np.inf for k in row) for row in most]
    facts = scenario_facts(loaded(s, sampled=False))
    assert "sample" not in facts["window"]
    told = facts["capacity"]
    assert told["peak_need_gpu"] == pytest.approx(peak_need(s))
    assert told["regions_with_limit"] == sum(limited)
    assert told["free"] == all(k == np.inf for row in most for k in row)
    total = sum(sum(row) for row in most) / s.hours.count
    assert told["gpu"] == (pytest.approx(total) if all(limited) else None)


def test_a_sample_is_told_beside_every_hour() -> None:
    """The text says what the sample's means are and, behind them, those of all hours."""
    facts = scenario_facts(read(EXAMPLES / "tiny"))
    assert "representative" not in facts_text(facts)
    facts["window"] |= {"hours_represented": 8760.0}
    facts["window"]["sample"] = {
        "price_usd_per_mwh": 17.51,
        "every_hour_price_usd_per_mwh": 46.74,
        "average_g_per_kwh": 175.0,
        "every_hour_average_g_per_kwh": 450.0,
    }
    text = facts_text(facts)
    assert "24 from 2023-06-01T00:00:00Z, for 8,760\n" in text
    assert "mean price 17.5 for 46.7 USD/MWh, carbon 175 for 450 g/kWh" in text
