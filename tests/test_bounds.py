"""The least and the most of every figure that is given, from both sides.

Each interval is stated here once more, in the notation of intervals: a bound that moves in the
code, or that becomes an open one, contradicts it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

import wattlas
from tests.cli.test_every_option import COMMANDS
from tests.model.test_checks import GOOD
from wattlas.data import pack
from wattlas.errors import InputError
from wattlas.serve import config
from wattlas.serve import schedule_parts as schedule

NOT_NEGATIVE, POSITIVE, SHARE = "[0, inf)", "(0, inf)", "[0, 1]"

VALUES = {
    "Metro": {"population": NOT_NEGATIVE, "lat_deg": "[-90, 90]", "lon_deg": "[-180, 180]"},
    "ServiceNode": {"lat_deg": "[-90, 90]", "lon_deg": "[-180, 180]"},
    "Region": {
        "lat_deg": "[-90, 90]", "lon_deg": "[-180, 180]", "pue": "[1, inf)",
        "reserved_gpu": "[0, inf]", "on_demand_gpu": "[0, inf]", "queue_ms": NOT_NEGATIVE,
        "reserved_usd_per_gpu_year": NOT_NEGATIVE, "on_demand_usd_per_gpu_h": NOT_NEGATIVE,
        "utilisation_max": "[0.001, 1]",
    },
    "OperatingPoint": {
        "accuracy": SHARE, "prefill_j_per_token": NOT_NEGATIVE, "decode_j_per_token": NOT_NEGATIVE,
        "prefill_gpu_s_per_token": NOT_NEGATIVE, "decode_gpu_s_per_token": NOT_NEGATIVE,
        "ttft_ms": NOT_NEGATIVE, "prefill_ms_per_token": NOT_NEGATIVE, "itl_ms": NOT_NEGATIVE,
        "request_j": NOT_NEGATIVE, "request_gpu_s": NOT_NEGATIVE, "weights_bytes": NOT_NEGATIVE,
    },
    "WorkloadClass": {
        "latency_budget_ms": "(0, inf]", "tokens_in": NOT_NEGATIVE, "tokens_out": NOT_NEGATIVE,
        "round_trips": NOT_NEGATIVE, "bytes_per_request": NOT_NEGATIVE,
        "session_state_bytes": NOT_NEGATIVE, "requests_per_session_h": POSITIVE,
        "accuracy_min": SHARE, "mean_accuracy_min": SHARE,
        "unserved_usd_per_request": NOT_NEGATIVE, "price_usd_per_request": NOT_NEGATIVE,
    },
    "Frictions": {"start_usd_per_gpu_h": NOT_NEGATIVE, "start_kwh_per_gpu_h": NOT_NEGATIVE},
    "Objective": {"carbon_price_usd_per_t": NOT_NEGATIVE, "carbon_cap_t": NOT_NEGATIVE,
                  "carbon_cap_share": NOT_NEGATIVE, "cost_cap_usd": "(-inf, inf)"},
    "ShareCap": {"share_max": SHARE},
    "Tier": {"share_max": SHARE, "adoption": SHARE, "accuracy_min": SHARE, "discount": SHARE,
             "latency_factor": "[1, inf)"},
    "Segment": {"share": NOT_NEGATIVE, "consciousness": SHARE, "weight_accuracy": SHARE,
                "weight_latency": SHARE, "value": NOT_NEGATIVE},
    "Prior": {"consciousness_mean": "(0, 1)", "weight_accuracy_mean": "(0, 1)",
              "weight_latency_mean": "(0, 1)", "consciousness_concentration": POSITIVE,
              "weight_concentration": POSITIVE, "value_median": POSITIVE,
              "value_sigma": NOT_NEGATIVE},
    "Users": {"count": "[1, 10000000] whole", "seed": "[0, inf) whole", "scale": NOT_NEGATIVE,
              "usd_per_mtok_in": NOT_NEGATIVE, "usd_per_mtok_out": NOT_NEGATIVE},
    "Terms": {"cap_share": SHARE, "most": "[1, inf) whole"},
    "Hours": {"step_h": POSITIVE},
    "Scale": {"reference_g": POSITIVE},
}  # fmt: skip
"""Class of the library → field → which numbers it takes."""

SECONDS, BYTES, LARGE = "(0, inf)", "[1024, inf) whole", "[0, 1000000]"
FILES: dict[type[BaseModel], dict[str, str]] = {
    config.TenantSection: {"most_in_flight": "[1, inf) whole"},
    config.TelemetrySection: {"every_s": "[0.05, inf)"},
    config.PublishSection: {"least_tenants": "[1, inf) whole"},
    config.LimitsSection: {
        "header_bytes": BYTES, "body_bytes": BYTES, "answer_bytes": BYTES, "event_bytes": BYTES,
        "header_s": SECONDS, "body_s": SECONDS, "connect_s": SECONDS, "first_byte_s": SECONDS,
        "idle_s": SECONDS, "answer_s": SECONDS, "drain_s": SECONDS, "follow_s": NOT_NEGATIVE,
        "attempts": "[1, 10] whole",
    },
    schedule.PointPart: {"prefill_j_per_token": LARGE, "decode_j_per_token": LARGE,
                         "request_j": LARGE},
    schedule.RegionPart: {"pue": "[1, 100]"},
    schedule.PlacePart: {"share": SHARE},
    schedule.SetPart: {"saving_usd": "[-1000000, 1000000]"},
    schedule.SignalPart: {"price_usd_per_mwh": "[-1000000, 1000000]", "average_g_per_kwh": LARGE,
                          "marginal_g_per_kwh": "[-1000000, 1000000]"},
    schedule.HourPart: {"hold_s": SECONDS},
    schedule.SchedulePart: {"epoch": "[0, inf) whole"},
    pack.ManifestEntry: {"rows": "[0, inf) whole"},
    pack.PackTime: {"hours": "[1, inf) whole", "step_h": SECONDS},
    pack.Generator: {"seed": "[0, inf) whole"},
}  # fmt: skip
"""Part of a file → field → which numbers it takes."""

OPTIONS = {
    "breakeven --stay-h": NOT_NEGATIVE,
    "export routing --hours": "[1, 8760] whole",
    "fleet --outage-on-demand": NOT_NEGATIVE,
    "fleet --most": NOT_NEGATIVE,
    "fleet --exact": "[1e-9, 0.1]",
    "replay run --every": "[1, inf) whole",
    "frontier --carbon-price": NOT_NEGATIVE,
    "frontier --samples": "[3, inf) whole",
    "data import --fill-most": "[1, inf) whole",
    "plan --chunk": "[1, inf) whole",
    "plan --time-limit-s": NOT_NEGATIVE,
    "points --prompt-share": SHARE,
    "replay calibrate --batch": "[1, inf) whole",
    "replay calibrate --step-tokens": "[2, inf) whole",
    "replay calibrate --kv-tokens": "[1, inf) whole",
    "replay calibrate --replicas": "[1, inf) whole",
    "replay run --world": "[1e-9, inf)",
    "replay run --seeds": "[1, inf) whole",
    "study --samples": "[3, inf) whole",
    "sweep run --samples": "[0, inf) whole",
    "sweep run --jobs": "[1, inf) whole",
    "tiers menu --intensity": NOT_NEGATIVE,
    "tiers share --days": "[0, inf) whole",
    "view --port": "[0, 65535] whole",
}
"""Verb and option → which numbers it takes."""
NEEDED = {"data import": [__file__, "--into", "x"], "points": ["x"], "replay calibrate": ["x"],
          "view": ["x"]}  # fmt: skip
"""What a verb cannot be called without."""


def probes(interval: str) -> Iterator[tuple[float, bool]]:
    """Numbers at both ends of an interval and just beyond, each with whether it is within."""
    kind, whole = interval.removesuffix(" whole"), interval.endswith(" whole")
    low, high = (float(text) for text in kind[1:-1].split(","))

    def beyond(end: float, to: float) -> float:
        return end + math.copysign(1, to) if whole else math.nextafter(end, to)

    for end, closed, to in ((low, kind[0] == "[", -math.inf), (high, kind[-1] == "]", math.inf)):
        yield from _end(end, closed, beyond, to)


def _end(end: float, closed: bool, beyond: Any, to: float) -> Iterator[tuple[float, bool]]:
    if math.isinf(end):
        yield end, closed
        return
    yield end, closed
    yield (beyond(end, to), False) if closed else (beyond(end, -to), True)


def given(value: float, interval: str) -> Any:
    """A number as it is given: whole ones without a point."""
    return int(value) if interval.endswith(" whole") and math.isfinite(value) else value


CASES = [(name, field, kind) for name, fields in VALUES.items() for field, kind in fields.items()]


@pytest.mark.parametrize(("name", "field", "interval"), CASES)
def test_a_value_object_takes_its_interval_and_no_more(
    name: str, field: str, interval: str
) -> None:
    """Both ends from both sides; what is refused is refused by the name of the field."""
    made = getattr(wattlas, name)
    for value, within in probes(interval):
        fields = {**GOOD[name], field: given(value, interval)}
        if within:
            made(**fields)
        else:
            with pytest.raises(InputError, match=field):
                made(**fields)


PARTS = [(part, field, kind) for part, fields in FILES.items() for field, kind in fields.items()]


@pytest.mark.parametrize(
    ("part", "field", "interval"), PARTS, ids=[f"{p.__name__} {field}" for p, field, _ in PARTS]
)
def test_a_field_of_a_file_takes_its_interval_and_no_more(
    part: type[BaseModel], field: str, interval: str
) -> None:
    """Both ends from both sides, as the model of the file judges the field."""
    told = part.model_fields[field]
    wanted: Any = told.annotation
    if told.metadata:
        wanted = Annotated[(told.annotation, *told.metadata)]
    judge = TypeAdapter(wanted)
    for value, within in probes(interval):
        number = given(value, interval)
        if within:
            assert judge.validate_python(number) == number
        elif math.isfinite(value):
            with pytest.raises(ValidationError):
                judge.validate_python(number)


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_takes_its_interval_and_no_more(option: str) -> None:
    """Both ends from both sides, without the verb being called."""
    verb, _, name = option.rpartition(" ")
    for value, within in probes(OPTIONS[option]):
        words = [*NEEDED.get(verb, []), f"{name}={given(value, OPTIONS[option])}"]
        if within:
            COMMANDS[verb].make_context(verb, words)
        elif math.isfinite(value):
            with pytest.raises(Exception, match=r"Input should be (greater|less)"):
                COMMANDS[verb].make_context(verb, words)


def test_no_bound_goes_unstated() -> None:
    """Every field and every option that has a bound is in a table above."""
    for module in (config, schedule, pack):
        for part in vars(module).values():
            if (
                isinstance(part, type)
                and issubclass(part, BaseModel)
                and part.__module__ == module.__name__
            ):
                bounded = {
                    name
                    for name, told in part.model_fields.items()
                    if re.search(r"\b[GL][et]\(", repr(told.annotation) + repr(told.metadata))
                }
                assert bounded - {"threshold_usd"} == FILES.get(part, {}).keys(), part
