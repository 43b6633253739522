"""Energy that servers meter: read where they say it, else by the profile, and named in the row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve import shapes
from tests.serve.live import (
    KEYS,
    Asking,
    Live,
    Stub,
    chunk,
    completion,
    configuration,
    events,
    head,
    schedule,
)
from tests.serve.test_service import call, decide, settle
from wattlas.errors import InputError
from wattlas.serve.config import read_config
from wattlas.serve.ledger.journal import Row
from wattlas.serve.meters import (
    KNOWN,
    ODD,
    MeterSection,
    as_section,
    is_odd,
    meter_of,
    section_problems,
)

MESSAGES: Any = [{"role": "user", "content": "ping"}]
LARGE_J = 251.0
"""By the profile: 100 tokens in, 50 out."""
NAMED = {"field": "usage.energy_mj", "unit": "mJ", "covers": "server"}
METERS: dict[str, Any] = {"oslo": "neuralwatt", "austin": {"header": "X-Energy", "unit": "Wh"}}


def config(live: Live, meters: dict[str, Any]) -> dict[str, Any]:
    """Servers with meters."""
    return {
        "upstreams": {
            region: {"url": stub.url, **({"meter": meters[region]} if region in meters else {})}
            for region, stub in live.stubs.items()
        }
    }


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Oslo says its energy as Neuralwatt does, Austin in a header."""
    made = Live(tmp_path_factory.mktemp("metered"))
    made.start(**config(made, METERS))
    yield made
    made.stop()
    made.end()


def metering(reading: Any) -> Any:
    """A server that says so much: in a header, a field of the body and a comment of streams."""

    async def answer(stub: Stub, asking: Asking, reader: Any, writer: asyncio.StreamWriter) -> None:
        told = {"energy_joules": reading, "attribution_method": "prorated"}
        line = f"\r\nx-energy: {reading}\r\n\r\n".encode()
        if asking.said.get("stream"):
            writer.write(head(kind="text/event-stream").replace(b"\r\n\r\n", line))
            *before, done = events(asking)
            comment = b": energy " + json.dumps(told).encode() + b"\n"
            for event in (*before, comment + done):
                writer.write(chunk(event))
            writer.write(chunk(b""))
            return
        said = shapes.whole(asking.path, asking.said["model"]) or completion(asking)
        said = {**said, "energy": told, "usage": {**said["usage"], "energy_mj": reading}}
        body = json.dumps(said).encode()
        writer.write(head(length=len(body)).replace(b"\r\n\r\n", line) + body)

    return answer


def asked(live: Live, region: str, *, stream: bool = False) -> tuple[Row, dict[str, str]]:
    """The row of an answer in full service from a region, and its headers."""
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=KEYS["plain"], max_retries=0) as client:
        for _ in range(4):
            raw = client.chat.completions.with_raw_response.create(
                model="llama", messages=MESSAGES, stream=stream
            )
            if stream:
                assert list(raw.parse())
            row = live.settled()[-1]
            if row.region == region:
                return row, dict(raw.headers)
    raise AssertionError(f"nothing was served from {region}")


@pytest.mark.parametrize("stream", [False, True])
def test_a_known_meter_is_read(live: Live, stream: bool) -> None:
    """200 J of accelerators are 320 J of IT energy: in the field of an answer, in the comment of a
    stream; facility energy, grams, money and what the client is told follow from it."""
    live.behave(metering(200.0))
    row, headers = asked(live, "oslo", stream=stream)
    assert row.energy == "neuralwatt"
    assert row.it_mj == 320_000
    assert row.facility_mj == 352_000
    kwh = 352 / 3.6e6
    assert row.average_ug == round(kwh * 30 * 1e6)
    assert row.nano_usd == round(kwh * 50 / 1000 * 1e9)
    assert (row.usual_mj, row.usual_region) == (round(LARGE_J * 1.3 * 1000), "austin")
    if not stream:
        assert float(headers["x-wattlas-co2e-grams"]) == pytest.approx(kwh * 30, abs=1e-6)


@pytest.mark.parametrize("stream", [False, True])
def test_a_header_is_read(live: Live, stream: bool) -> None:
    """0.05 Wh of accelerators are 180 J, 288 J of IT energy. Austin is the baseline region: what is
    served there has no other account of the usual."""
    live.behave(metering(0.05))
    row, _ = asked(live, "austin", stream=stream)
    assert (row.energy, row.it_mj) == ("X-Energy", 288_000)
    assert row.usual_mj == row.facility_mj == round(288_000 * 1.3)
    assert row.usual_average_ug == row.average_ug


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reading", "method"),
    [(None, "no-reading"), (-5.0, "odd-reading"), (0, "odd-reading"), ("much", "odd-reading"),
     (True, "odd-reading"), (2e6, "odd-reading"), (1e-3, "odd-reading")],
)  # fmt: skip
def test_what_cannot_be_leaves_the_profile(
    live: Live, reading: Any, method: str, stream: bool
) -> None:
    """Nothing, less than nothing, no number, a hundred times too much or too little: the row says
    why its energy is by tokens, and it is counted."""
    live.behave(metering(reading))
    row, _ = asked(live, "oslo", stream=stream)
    assert (row.energy, row.it_mj) == (method, round(LARGE_J * 1000))
    _, text = call(live, "admin", "GET", "/metrics")
    line = f'wattlas_energy_readings_total{{method="{method}",region="oslo"}}'
    assert line in text


def test_a_header_that_is_not_there_is_no_reading(live: Live) -> None:
    """And neither is one of a request that failed before its first byte: it took nothing."""
    live.behave(Stub("any").behaviour)
    row, _ = asked(live, "austin")
    assert (row.energy, row.it_mj) == ("no-reading", round(LARGE_J * 1000))

    async def fails(stub: Stub, asking: Asking, reader: Any, writer: Any) -> None:
        writer.write(head(500, length=0))

    live.behave(fails)
    said = {"model": "llama", "messages": MESSAGES}
    key = f"Bearer {KEYS['plain']}"
    assert call(live, "gateway", "POST", "/v1/chat/completions", said, authorization=key)[0] == 502
    assert live.settled()[-1].energy == "profile"


def test_a_field_of_usage_is_read_on_every_endpoint(tmp_path: Path) -> None:
    """Also of responses and messages, whose usage has other words."""
    live = Live(tmp_path)
    live.start(**config(live, dict.fromkeys(("oslo", "austin"), NAMED)))
    try:
        live.behave(metering(111_000))
        for path, body in (
            ("/v1/chat/completions", {"messages": MESSAGES}),
            ("/v1/completions", {"prompt": "ping"}),
            ("/v1/responses", {"input": "ping"}),
            ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
        ):
            said = {"model": "llama", **body}
            status, _ = call(
                live, "gateway", "POST", path, said, authorization=f"Bearer {KEYS['plain']}"
            )
            assert status == 200
            row = live.settled()[-1]
            assert (row.energy, row.it_mj) == ("usage.energy_mj", 111_000), path
    finally:
        live.stop()
        live.end()


def test_another_gateway_reports_energy(live: Live) -> None:
    """As IT energy; what cannot be is named."""
    for told, energy, it_mj in (
        (300.5, "reported", 300_500), (-1, "odd-reading", 251_000), (None, "profile", 251_000),
    ):  # fmt: skip
        question = {"tenant": "plain", "model": "llama"}
        _, decided = call(live, "decisions", "POST", "/decide", question)
        settlement = {"id": decided["id"], "tokens_in": 100, "tokens_out": 50, "energy_j": told}
        _, answer = call(live, "decisions", "POST", "/settle", [settlement])
        assert answer == {"settled": 1, "refused": 0}
        row = live.settled()[-1]
        assert (row.energy, row.it_mj) == (energy, it_mj)


def test_a_reading_without_measure_is_none_and_stops_no_ledger(tmp_path: Path) -> None:
    """Also where the profile says nothing, so that no reading is odd: what no answer takes is none,
    and all that ended is recorded."""
    live = Live(tmp_path)
    points = {name: {"variant": name} for name in ("large", "small")}
    live.start(plan=schedule(points=points))
    try:
        for joules in (10**30, 1e300, 1e9, 1.000001e9, 5.0):
            said = {"id": decide(live)["id"], "energy_j": joules, "tokens_in": 1, "tokens_out": 1}
            settle(live, said)
        rows = live.settled()
        assert live.service.plane.keeper.failures == 0
        assert [row.energy for row in rows] == [ODD, ODD, "reported", ODD, "reported"]
        assert [row.it_mj for row in rows] == [0, 0, 10**12, 0, 5000]
    finally:
        live.stop()
        live.end()


@pytest.mark.parametrize(
    ("stated", "words"),
    [({}, "needs one of"), ({"kind": "neuralwat"}, "no meter that is known"),
     ({"header": "x-energy"}, "unit: is missing"),
     ({"kind": "neuralwatt", "unit": "J"}, "by its kind"),
     ({"header": "x", "field": "y", "unit": "J"}, "needs one of"),
     ({"field": "usage..j", "unit": "J"}, "is no name"),
     ({"field": "usage.j", "unit": "cal"}, "unit"), ("watts", "no meter that is known"),
     ({"field": "usage.j", "unit": "J", "it_per_metered": 0.5}, "it_per_metered")],
)  # fmt: skip
def test_a_meter_that_says_nothing_is_refused(tmp_path: Path, stated: Any, words: str) -> None:
    """With its place in the file."""
    made = configuration({"oslo": "http://127.0.0.1:1"})
    made["upstreams"]["oslo"]["meter"] = stated
    path = tmp_path / "serve.yaml"
    path.write_text(json.dumps(made))
    with pytest.raises(InputError) as caught:
        read_config(path)
    text = "\n".join(map(str, caught.value.problems))
    assert "upstreams.oslo.meter" in text
    assert words in text


def test_known_meters_are_stated_whole() -> None:
    """Each is a section without problems, and reads a field and a comment."""
    for kind in KNOWN:
        section = MeterSection.model_validate(as_section(kind))
        assert not list(section_problems(section))
        meter = meter_of(section)
        assert meter.path
        assert meter.of_comments(meter.comment + b'{"x": 1}\n\n') is None
        assert meter.of_comments(meter.comment + b"{half\n\n") is not None


@examples(200)
@given(st.floats(1e-3, 1e6), st.floats(1e-6, 1e9))
def test_a_hundredfold_is_odd(profile_j: float, metered_j: float) -> None:
    """And nothing is where the profile is not known."""
    ratio = metered_j / profile_j
    assert is_odd(metered_j, profile_j) == (not 0.01 <= ratio <= 100) or ratio in (0.01, 100)
    assert not is_odd(metered_j, float("nan"))
    assert not is_odd(metered_j, 0.0)
