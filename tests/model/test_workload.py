"""What a request needs: energy, accelerator time, service time, accuracy, state, law."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from wattlas.errors import InputError
from wattlas.model.workload import LatencyTo, OperatingPoint, Residency, State, WorkloadClass

POINT = OperatingPoint(
    id="point",
    variant="model",
    accuracy=0.5,
    prefill_j_per_token=0.5,
    decode_j_per_token=4.0,
    prefill_gpu_s_per_token=0.001,
    decode_gpu_s_per_token=0.01,
    ttft_ms=20.0,
    prefill_ms_per_token=0.1,
    itl_ms=30.0,
    accuracy_by_class={"code": 0.75},
)


def klass(latency_to: LatencyTo = LatencyTo.FIRST_TOKEN, **more: float) -> WorkloadClass:
    return WorkloadClass(
        "chat", 300.0, tokens_in=1000.0, tokens_out=200.0, latency_to=latency_to, **more
    )


def test_energy_of_a_request() -> None:
    """e = prefill J/token · tokens in + decode J/token · tokens out, in kWh."""
    assert klass().it_kwh(POINT) == pytest.approx((500 + 800) / 3.6e6)


def test_accelerator_time_of_a_request() -> None:
    """g is in GPU-h, from seconds per token."""
    assert klass().gpu_h(POINT) == pytest.approx((1 + 2) / 3600)


def test_time_to_the_first_token() -> None:
    """The first token waits for the prompt, not for the answer."""
    assert klass().service_ms(POINT) == pytest.approx(120.0)


def test_time_to_the_full_answer() -> None:
    """Each token after the first adds its latency."""
    full = klass(LatencyTo.FULL_ANSWER)
    assert full.service_ms(POINT) == pytest.approx(120.0 + 199 * 30.0)


def test_an_answer_of_no_length_takes_no_less_than_its_first_token() -> None:
    """Zero tokens out never subtract a token's time."""
    empty = WorkloadClass("e", 1.0, tokens_in=1000.0, latency_to=LatencyTo.FULL_ANSWER)
    assert empty.service_ms(POINT) == pytest.approx(120.0)


def test_a_request_without_tokens() -> None:
    """An image costs what the point says of a request, and takes its `ttft_ms`."""
    image = OperatingPoint(
        "image", "vision", 0.8, request_j=1.8, request_gpu_s=0.004, ttft_ms=250.0, itl_ms=30.0
    )
    for latency_to in LatencyTo:
        seen = WorkloadClass("see", 300.0, latency_to=latency_to)
        assert seen.it_kwh(image) == pytest.approx(1.8 / 3.6e6)
        assert seen.gpu_h(image) == pytest.approx(0.004 / 3600)
        assert seen.service_ms(image) == 250.0


def test_what_a_request_costs_adds_to_its_tokens() -> None:
    """A point may have both: the figures per request come on top."""
    both = replace(POINT, request_j=100.0, request_gpu_s=0.5)
    assert klass().it_kwh(both) == pytest.approx((500 + 800 + 100) / 3.6e6)
    assert klass().gpu_h(both) == pytest.approx((1 + 2 + 0.5) / 3600)


def test_service_time_at_the_95th_percentile() -> None:
    """Each token after the first at the percentile; never below the mean; unknown is nan."""
    full, first = klass(LatencyTo.FULL_ANSWER), klass()
    assert full.service_p95_ms(replace(POINT, itl_p95_ms=50.0)) == pytest.approx(120 + 199 * 50)
    assert full.service_p95_ms(replace(POINT, itl_p95_ms=29.0)) == full.service_ms(POINT)
    assert math.isnan(full.service_p95_ms(POINT))
    assert math.isnan(first.service_p95_ms(replace(POINT, itl_p95_ms=50.0)))


def test_accuracy_may_differ_by_class() -> None:
    """A class's own score stands before the general one."""
    assert klass().accuracy(POINT) == 0.5
    assert WorkloadClass("code", 1.0).accuracy(POINT) == 0.75


def test_state_per_unit_of_demand() -> None:
    """A session of ten requests an hour spreads its state over ten."""
    shared = klass(session_state_bytes=2e9, requests_per_session_h=10.0)
    assert shared.state_gb_per_request == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("metro", "region", "permitted"),
    [
        ("EU", "EU", True),
        ("EU", "US", False),
        ("IN", "US", True),
        ("BR", "BR", False),
        ("BR", "US", True),
    ],
)
def test_a_residency_rule(metro: str, region: str, permitted: bool) -> None:
    """A jurisdiction's own line decides, else the line of all, and `*` allows any."""
    rule = Residency(
        "rule",
        {"EU": frozenset({"EU"}), "IN": frozenset({"*"}), "*": frozenset({"US"})},
    )
    assert rule.permits(metro, region) is permitted


def test_without_a_matching_line_everything_is_allowed() -> None:
    """A rule says nothing of jurisdictions that it does not name."""
    assert Residency("rule", {"EU": frozenset({"EU"})}).permits("US", "CN")


def test_copies_of_state_are_of_pinned_state() -> None:
    """State that runs anywhere has no copies that could serve in an outage."""
    with pytest.raises(InputError, match="state is sticky, which runs anywhere"):
        WorkloadClass("code", 1.0, state=State.STICKY, state_copies=("oslo",))
    assert WorkloadClass("code", 1.0, state=State.PINNED, state_copies=("*",)).state_copies
