"""Value objects check themselves: every refusal, all at once, one form of what is right."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import wattlas
from wattlas.errors import InputError

NAN, INF = float("nan"), float("inf")
ZERO = np.zeros((1, 1))

GOOD: dict[str, dict[str, Any]] = {
    "Metro": {"id": "m", "lat_deg": 1, "lon_deg": 2, "timezone": "UTC", "country": "DE",
              "jurisdiction": "EU"},
    "ServiceNode": {"id": "s", "lat_deg": 1, "lon_deg": 2},
    "Region": {"id": "r", "lat_deg": 1, "lon_deg": 2, "zone": "DE", "country": "DE",
               "jurisdiction": "EU"},
    "Network": {"rtt_metro_node_ms": [[1.0]], "rtt_node_region_ms": [[1, 2]],
                "egress_usd_per_gb": [[0, 0]], "modelled_metro_node": [[False]],
                "modelled_node_region": [[0, 1]]},
    "Hours": {"start": "2023-01-01", "offset": [0, 1, 5], "weight": [1, 1, 2]},
    "Signals": {"zones": ["DE"], "price_usd_per_mwh": [[1, -2]], "average_g_per_kwh": [[1, 2]]},
    "OperatingPoint": {"id": "o", "variant": "v", "accuracy": 0.5},
    "WorkloadClass": {"id": "k", "latency_budget_ms": 100},
    "Residency": {"id": "rule", "allowed": {"EU": ["EU"]}},
    "Frictions": {},
    "Objective": {},
    "ShareCap": {"id": "cap", "classes": ["k"], "points": ["o"], "share_max": 0.1},
    "Tier": {"id": "green", "share_max": 0.1, "adoption": 0.5},
    "Segment": {"id": "a", "share": 1, "consciousness": 0, "weight_accuracy": 0.5,
                "weight_latency": 0.5},
    "Prior": {},
    "Scale": {"accuracy_min": 0, "accuracy_max": 1, "latency_min_ms": 0, "latency_max_ms": 10,
              "reference_g": 1},
    "Users": {},
    "Terms": {},
}  # fmt: skip

NOT_NEGATIVE = {
    "Metro": ("population",),
    "Region": (
        "reserved_gpu", "reserved_usd_per_gpu_year", "on_demand_gpu", "on_demand_usd_per_gpu_h",
        "queue_ms",
    ),
    "OperatingPoint": ("prefill_j_per_token", "decode_j_per_token", "prefill_gpu_s_per_token",
                       "decode_gpu_s_per_token", "ttft_ms", "prefill_ms_per_token", "itl_ms",
                       "itl_p95_ms", "request_j", "request_gpu_s", "weights_bytes"),
    "WorkloadClass": ("latency_budget_ms", "tokens_in", "tokens_out", "round_trips",
                      "bytes_per_request", "session_state_bytes", "requests_per_session_h",
                      "unserved_usd_per_request", "price_usd_per_request"),
    "Frictions": ("start_usd_per_gpu_h", "start_kwh_per_gpu_h"),
    "Objective": ("carbon_price_usd_per_t", "carbon_cap_t", "carbon_cap_share"),
    "Segment": ("share", "value", "usd_per_utility"),
    "Prior": ("consciousness_concentration", "weight_concentration", "value_median",
              "value_sigma"),
    "Users": ("seed", "usd_per_mtok_in", "usd_per_mtok_out", "scale", "scale_usd", "status_quo"),
    "Hours": ("step_h",),
    "Scale": ("reference_g",),
}  # fmt: skip
SHARES = {
    "OperatingPoint": ("accuracy",),
    "WorkloadClass": ("accuracy_min", "mean_accuracy_min"),
    "ShareCap": ("share_max",),
    "Tier": ("share_max", "adoption", "accuracy_min", "discount"),
    "Segment": ("consciousness", "weight_accuracy", "weight_latency"),
    "Prior": ("consciousness_mean", "weight_accuracy_mean", "weight_latency_mean"),
    "Terms": ("cap_share",),
}
WORDS = {
    "WorkloadClass": ("latency_to", "state", "when_none"),
    "Frictions": ("initial",),
    "Objective": ("minimise", "window"),
    "ShareCap": ("window",),
    "Tier": ("window",),
    "Terms": ("objective", "accelerators"),
}
ARRAYS = {
    "Network": ("rtt_metro_node_ms", "rtt_node_region_ms", "egress_usd_per_gb",
                "modelled_metro_node", "modelled_node_region"),
    "Hours": ("offset", "weight"),
    "Signals": ("price_usd_per_mwh", "average_g_per_kwh", "marginal_g_per_kwh"),
}  # fmt: skip
OTHERS: tuple[tuple[str, str, Any], ...] = (
    ("Metro", "id", ""),
    ("Metro", "lat_deg", 91),
    ("Metro", "lon_deg", -181),
    ("Metro", "timezone", "Mars/Olympus"),
    ("Metro", "node", None),
    ("ServiceNode", "lat_deg", INF),
    ("ServiceNode", "region", 3),
    ("Region", "pue", 0.83),
    ("Region", "pue", NAN),
    ("Region", "pue", "1.2"),
    ("Region", "variants", "small"),
    ("Region", "zone", ""),
    ("Region", "timezone", None),
    ("Network", "rtt_metro_node_ms", [[-1]]),
    ("Network", "rtt_metro_node_ms", [[NAN]]),
    ("Network", "egress_usd_per_gb", [[0, INF]]),
    ("Network", "modelled_node_region", [[0, 2]]),
    ("Hours", "start", "soon"),
    ("Hours", "start", "NaT"),
    ("Hours", "start", 5),
    ("Hours", "offset", [0, 2, 1]),
    ("Hours", "offset", [0, 1, 1]),
    ("Hours", "offset", [0, 1.5, 3]),
    ("Hours", "offset", [0, NAN, 3]),
    ("Hours", "weight", [1, 0, 1]),
    ("Hours", "weight", [1, NAN, 1]),
    ("Signals", "price_usd_per_mwh", [[1, NAN]]),
    ("Signals", "average_g_per_kwh", [[INF, 1]]),
    ("Signals", "average_g_per_kwh", [[1, 2, 3]]),
    ("Signals", "marginal_g_per_kwh", [[NAN, 1]]),
    ("Signals", "zones", "DE"),
    ("OperatingPoint", "accuracy_by_class", {"k": 1.5}),
    ("OperatingPoint", "accuracy_by_class", [("k", 0.5)]),
    ("OperatingPoint", "variant", ""),
    ("WorkloadClass", "latency_budget_ms", 0),
    ("WorkloadClass", "points", "small"),
    ("WorkloadClass", "latency_allowance_ms", {"o": -1}),
    ("WorkloadClass", "relaxable", "yes"),
    ("WorkloadClass", "base", "chat"),
    ("Frictions", "start_usd_by_region", {"r": NAN}),
    ("Frictions", "carry_weights", 1),
    ("Objective", "cost_cap_usd", 5),
    ("Objective", "cost_cap_share", -1),
    ("ShareCap", "classes", "k"),
    ("Tier", "latency_factor", 0.5),
    ("Tier", "classes", ()),
    ("Tier", "points", [3]),
    ("Prior", "consciousness_mean", 0),
    ("Prior", "curvature_low", 9),
    ("Scale", "accuracy_max", 0),
    ("Scale", "latency_max_ms", NAN),
    ("Users", "count", 0),
    ("Users", "count", 2.5),
    ("Users", "outside", NAN),
    ("Users", "outside_usd", INF),
    ("Users", "may_leave", None),
    ("Users", "prior", "usual"),
    ("Users", "ends", "usual"),
    ("Users", "segments", ["all"]),
    ("Terms", "most", 0),
    ("Terms", "classes", "chat"),
    ("Terms", "menu", ["small"]),
)


def cases() -> list[Any]:
    """(object, field, value) of everything that is refused."""
    made: list[tuple[str, str, Any]] = [*OTHERS]
    for kind, names in NOT_NEGATIVE.items():
        made += [(kind, name, value) for name in names for value in (-1, NAN, "1", True)]
    for kind, names in SHARES.items():
        made += [(kind, name, value) for name in names for value in (-0.1, 1.1, NAN, "all")]
    for kind, names in WORDS.items():
        made += [(kind, name, value) for name in names for value in ("", "quux", 3)]
    broken = ("many", [[[1]]], [[1], [1, 2]])
    for kind, names in ARRAYS.items():
        made += [(kind, name, value) for name in names for value in broken]
    return [pytest.param(*case, id=f"{case[0]}.{case[1]}={case[2]!r}"[:60]) for case in made]


def made(kind: str, **changes: Any) -> Any:
    """An object that is right but for the changes."""
    return getattr(wattlas, kind)(**{**GOOD[kind], **changes})


def told(kind: str, **changes: Any) -> list[str]:
    """Where the problems of an object are."""
    with pytest.raises(InputError) as caught:
        made(kind, **changes)
    assert all(problem.what and problem.fix for problem in caught.value.problems)
    return [problem.where for problem in caught.value.problems]


@pytest.mark.parametrize(("kind", "name", "value"), cases())
def test_what_is_wrong_is_refused(kind: str, name: str, value: Any) -> None:
    """One InputError, whose problem names the field."""
    assert any(
        name in where or where.split(".")[-1] in name for where in told(kind, **{name: value})
    )


ABOVE_0 = {
    ("WorkloadClass", "latency_budget_ms"), ("WorkloadClass", "requests_per_session_h"),
    ("Prior", "consciousness_concentration"), ("Prior", "weight_concentration"),
    ("Prior", "value_median"), ("Hours", "step_h"), ("Scale", "reference_g"),
}  # fmt: skip
"""Fields of `NOT_NEGATIVE` that may not be 0 either."""
INSIDE = {("Prior", name) for name in SHARES["Prior"]}
"""Shares that are neither 0 nor 1."""
AT_BOUNDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Metro", {"lat_deg": 90, "lon_deg": -180}),
    ("Metro", {"lat_deg": -90, "lon_deg": 180}),
    ("Region", {"pue": 1}),
    ("Region", {"utilisation_max": 1}),
    ("Region", {"reserved_gpu_min": 2, "reserved_gpu_max": 2}),
    ("Tier", {"latency_factor": 1}),
    ("Prior", {"curvature_low": 1.5, "curvature_high": 1.5}),
    ("Users", {"count": 1}),
    ("Terms", {"most": 1}),
    ("Objective", {"carbon_cap_t": 0}),
    ("Objective", {"minimise": "carbon", "cost_cap_share": 0}),
)


def test_a_value_at_its_bound_is_right() -> None:
    """0 and 1 where they are allowed, and two bounds that are one."""
    for kind, names in NOT_NEGATIVE.items():
        for name in names:
            if (kind, name) in ABOVE_0:
                assert any(name in where for where in told(kind, **{name: 0})), name
            else:
                made(kind, **{name: 0})
    for kind, names in SHARES.items():
        for name, bound in ((name, bound) for name in names for bound in (0, 1)):
            if (kind, name) in INSIDE:
                assert any(name in where for where in told(kind, **{name: bound})), name
            else:
                made(kind, **{name: bound})
    for kind, fields_at_bounds in AT_BOUNDS:
        made(kind, **fields_at_bounds)


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_right_stays_as_it_is(kind: str) -> None:
    """A copy has the same fields, and its arrays are the very same objects."""
    first = made(kind)
    again = replace(first)
    for field in fields(first):
        assert getattr(again, field.name) is getattr(first, field.name) or (
            not isinstance(getattr(first, field.name), np.ndarray)
            and getattr(again, field.name) == getattr(first, field.name)
        )


def test_all_problems_of_an_object_come_at_once() -> None:
    """Five mistakes of a region are five problems, each with its path."""
    wrong = told("Region", pue=0.8, lat_deg=100, queue_ms=NAN, timezone="x", reserved_gpu=-1)
    names = ("lat_deg", "pue", "reserved_gpu", "queue_ms", "timezone")
    assert wrong == [f"regions.r.{name}" for name in names]
    assert told("Objective", carbon_cap_t=1, cost_cap_usd=1, window="week", minimise="coal") == [
        "objective.minimise",
        "objective.window",
        "objective.cost_cap_usd",
    ]


def test_words_become_members_and_lists_arrays() -> None:
    """What solvers compare by identity is a member of its enum, whatever was given."""
    goal = wattlas.Objective(minimise="carbon", window="month")  # type: ignore[arg-type]
    assert goal.minimise is wattlas.Minimise.CARBON
    assert goal.window is wattlas.Window.MONTH
    assert made("WorkloadClass", state="pinned").state is wattlas.State.PINNED
    hours = made("Hours")
    assert (hours.offset.dtype, hours.weight.dtype) == (np.int64, np.float64)
    assert hours.start == np.datetime64("2023-01-01T00:00:00")
    assert made("Network").modelled_node_region.dtype == bool
    assert made("Region", variants=["a"]).variants == frozenset({"a"})
    assert made("WorkloadClass", points=["a"]).points == ("a",)


def test_an_unknown_word_names_the_near_one() -> None:
    """The known words are listed, and the near one is named."""
    with pytest.raises(InputError, match=r"wanted one of cost, carbon\. Did you mean `carbon`"):
        wattlas.Objective(minimise="carbn")  # type: ignore[arg-type]


def test_a_rule_is_a_mapping_of_sets() -> None:
    """Bare text in the place of a set of jurisdictions is refused; lists become sets."""
    assert told("Residency", allowed={"EU": "EU", "IN": [3]}) == [
        "residency.rule.EU",
        "residency.rule.IN",
    ]
    assert told("Residency", allowed=["EU"]) == ["residency.rule"]
    assert made("Residency").allowed == {"EU": frozenset({"EU"})}


def test_a_population_of_nobody() -> None:
    """Segments without a share, or twice the same, are refused."""
    one = made("Segment", share=0)
    assert told("Users", segments=[one]) == ["users.segments"]
    assert told("Users", segments=[made("Segment"), made("Segment")]) == ["users.segments.a"]
