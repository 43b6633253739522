"""The embedded gateway with a client that we did not write, and servers that behave."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.serve.live import KEYS, Live
from wattlas.replays.arrivals.trace import open_trace
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.ledger.journal import head_after

MESSAGES: Any = [{"role": "user", "content": "ping ✓"}]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with two regions."""
    made = Live(tmp_path_factory.mktemp("live"))
    made.start()
    yield made
    made.stop()
    made.end()


def client(live: Live, tenant: str = "acme", **options: Any) -> openai.OpenAI:
    """OpenAI's own client."""
    return openai.OpenAI(
        base_url=f"{live.url}/v1", api_key=KEYS[tenant], max_retries=0, timeout=10, **options
    )


def warm(live: Live, whole: int = 6) -> None:
    """Enough answers in full that permits are in hand."""
    with client(live) as openai_client:
        for _ in range(whole):
            openai_client.chat.completions.create(
                model="llama", messages=MESSAGES, service_tier="default"
            )
        live.settled()
        openai_client.chat.completions.create(model="llama", messages=MESSAGES)
    live.settled()
    until = time.monotonic() + 5
    while not live.held() and time.monotonic() < until:
        time.sleep(0.01)
    assert live.held()


def test_an_answer_says_how_it_was_served(live: Live) -> None:
    """Body, headers and row agree on model, tier and region, in full service and degraded."""
    warm(live)
    before = len(live.settled())
    with client(live) as openai_client:
        for tier, model, served in (
            ("default", "llama-70b", "full"), ("flex", "llama-8b", "degraded"),
        ):  # fmt: skip
            raw = openai_client.chat.completions.with_raw_response.create(
                model="llama",
                messages=MESSAGES,
                service_tier=tier,  # type: ignore[arg-type]
            )
            answer = raw.parse()
            assert answer.choices[0].message.content == "pong ✓"
            assert (answer.model, answer.service_tier) == (model, tier)
            assert raw.headers["x-wattlas-tier"] == served
            assert raw.headers["x-wattlas-model"] == model
            row = live.settled()[-1]
            assert (row.model_asked, row.model_served) == ("llama", model)
            assert row.region == raw.headers["x-wattlas-region"]
            assert (row.degraded, row.end) == (served == "degraded", "whole")
            assert (row.tokens_in, row.tokens_out, row.method) == (100, 50, "usage")
            assert row.id == raw.headers["x-request-id"]
    assert len(live.rows()) == before + 2


def test_the_region_that_is_told_is_the_one_that_was_asked(live: Live) -> None:
    """Also over connections that are kept, to servers of which only the port differs."""
    while not all(stub.connections for stub in live.stubs.values()):
        assert post(live, GOOD, KEYS["plain"]).status == 200
    counts = {region: len(stub.asked) for region, stub in live.stubs.items()}
    opened = [stub.connections for stub in live.stubs.values()]
    for _ in range(8):
        answer = post(live, GOOD, KEYS["plain"])
        assert answer.status == 200
        region = answer.getheader("x-wattlas-region")
        counts[region] += 1
        assert {name: len(stub.asked) for name, stub in live.stubs.items()} == counts
    assert min(counts.values()) > 0
    assert [stub.connections for stub in live.stubs.values()] == opened


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_says_how_many_more_may_be_open(live: Live, stream: bool) -> None:
    """In the words that OpenAI's clients read, and in those of the draft."""
    for tenant, most in (("acme", 1000), ("tiny", 1)):
        live.settled()
        with client(live, tenant) as openai_client:
            raw = openai_client.chat.completions.with_raw_response.create(
                model="llama", messages=MESSAGES, stream=stream
            )
            told = raw.headers
            assert told["x-ratelimit-limit-requests"] == str(most)
            assert told["x-ratelimit-remaining-requests"] == str(most - 1)
            assert told["x-ratelimit-reset-requests"] == ("0s" if most > 1 else "1s")
            unit = 'qu="concurrent-requests"'
            assert told["ratelimit-policy"] == f'"in-flight";q={most};{unit}'
            assert told["ratelimit"].startswith(f'"in-flight";r={most - 1};t=')
            if stream:
                assert list(raw.parse())


def test_figures_are_those_of_the_profile(live: Live) -> None:
    """Oslo's small model: 100 × 0.1 J + 50 × 0.5 J = 35 J, at a PUE of 1.1 and 30 g/kWh."""
    warm(live)
    with client(live) as openai_client:
        raw = openai_client.chat.completions.with_raw_response.create(
            model="llama", messages=MESSAGES, service_tier="flex"
        )
    row = live.settled()[-1]
    assert (row.it_mj, row.facility_mj) == (35_000, 38_500)
    kwh = 38.5 / 3.6e6
    assert row.average_ug == round(kwh * 30 * 1e6)
    assert row.marginal_ug == round(kwh * 100 * 1e6)
    assert row.nano_usd == round(kwh * 50 / 1000 * 1e9)
    assert float(raw.headers["x-wattlas-co2e-grams"]) == pytest.approx(kwh * 30, rel=1e-2)
    usual_j = (100 * 0.5 + 50 * 4.0 + 1.0) * 1.3
    assert row.usual_mj == round(usual_j * 1000)
    assert row.usual_average_ug == round(usual_j / 3.6e6 * 400 * 1e6)
    assert row.usual_marginal_ug is None
    assert row.usual_nano_usd == round(usual_j / 3.6e6 * -5 / 1000 * 1e9)


@pytest.mark.parametrize("usage", [False, True])
def test_a_stream_is_passed_on(live: Live, usage: bool) -> None:
    """With usage where the client asked for it, and without its chunk where it did not."""
    options: Any = {"stream_options": {"include_usage": True}} if usage else {}
    with client(live) as openai_client:
        stream = openai_client.chat.completions.create(
            model="llama", messages=MESSAGES, stream=True, **options
        )
        chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "wörd0 wörd1 wörd2 wörd3 wörd4 "
    assert chunks[0].service_tier in ("default", "flex")
    assert [c.usage.total_tokens for c in chunks if c.usage] == ([150] if usage else [])
    row = live.settled()[-1]
    assert (row.end, row.tokens_out, row.method) == ("whole", 50, "usage")
    assert row.first_us is not None
    assert row.admitted_us < row.first_us <= row.ended_us
    ledger, place = live.folder / "ledger.sqlite", f"{row.region}/{row.point}"
    log = open_trace(ledger, place=place).log()  # while the service has it open
    assert (log.tokens_in[-1], log.tokens_out[-1]) == (row.tokens_in, 50)
    assert log.first_s is not None
    assert log.first_s[-1] - log.t_s[-1] == pytest.approx(
        (row.first_us - row.admitted_us) / 1e6, abs=1e-3
    )
    assert row.model_served == chunks[0].model


def test_completions_and_embeddings_are_served_too(live: Live) -> None:
    """By the same rules: told, accounted, and counted in the same window."""
    warm(live)
    with client(live) as openai_client:
        made = openai_client.completions.create(model="llama", prompt="ping")
        assert made.choices[0].text == "pong ✓"
        stream = openai_client.completions.create(model="llama", prompt="ping", stream=True)
        assert "".join(c.choices[0].text for c in stream if c.choices).startswith("wörd0 wörd1")
        raw = openai_client.embeddings.with_raw_response.create(model="llama", input="ping")
        assert raw.parse().data[0].embedding == [0.5, -0.25]
    rows = live.settled()[-3:]
    assert [row.tokens_out for row in rows] == [50, 50, 0]
    assert (rows[-1].tokens_in, rows[-1].end) == (8, "whole")
    assert rows[-1].model_served == raw.parse().model == raw.headers["x-wattlas-model"]
    assert post(live, b'{"model":"llama","prompt":7}', path="/v1/completions").status == 400
    assert post(live, b'{"model":"llama","input":"x","stream":true}',
                path="/v1/embeddings").status == 400  # fmt: skip


def test_only_three_keys_are_edited(live: Live) -> None:
    """Everything else reaches the server byte by byte."""
    before = {region: len(stub.asked) for region, stub in live.stubs.items()}
    body = (
        b'{ "temperature":1e0, "service_tier" : "default",\n "messages":[{"role":"user",'
        b'"content":"\\u00e9 \\"model\\": {"}],"model": "llama" , "x":[1.50,{"model":"y"}]}'
    )
    answer = post(live, body)
    assert answer.status == 200
    got = [a for r, stub in live.stubs.items() for a in stub.asked[before[r] :]]
    expected = body.replace(b' "service_tier" : "default",\n', b"").replace(
        b'"model": "llama"', b'"model": "llama-70b"'
    )
    assert got[0].body.split() == expected.split()
    assert "authorization" not in got[0].headers


def post(live: Live, body: bytes, key: str = KEYS["acme"], path: str = "/v1/chat/completions",
         **headers: str) -> Any:  # fmt: skip
    """The answer to a plain request; its text is in `text`."""
    import http.client

    host = live.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        told = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
        connection.request("POST", path, body, told)
        answer = connection.getresponse()
        answer.text = answer.read()  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


GOOD = json.dumps({"model": "llama", "messages": MESSAGES}).encode()


TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
    404: "not_found_error", 405: "invalid_request_error", 408: "timeout_error",
    413: "invalid_request_error", 415: "invalid_request_error", 429: "rate_limit_error",
    500: "server_error", 503: "server_error",
}  # fmt: skip
"""What OpenAI's clients call an error of each status."""


def test_an_error_says_of_what_kind_it_is() -> None:
    """Its type follows from the status; headers say when to try again, with what, and how."""
    for status, kind in TYPES.items():
        refusal = Refusal(status, "words", "code", "param")
        error = {"message": "words", "type": kind, "param": "param", "code": "code"}
        assert json.loads(refusal.body) == {"error": error}
        signs = [(b"www-authenticate", b"Bearer")] if status == 401 else []
        assert refusal.headers == [(b"content-type", b"application/json"), *signs]
    told = Refusal(405, "", "", retry=True, retry_after_s=7, allow="GET").headers[1:]
    assert told == [(b"x-should-retry", b"true"), (b"retry-after", b"7"), (b"allow", b"GET")]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "invalid_json", None),
        (b"[]", 400, "invalid_json", None),
        (b"[" * 50_000, 400, "invalid_json", None),
        (GOOD.replace(b"ping", b"\xff"), 400, "invalid_json", None),
        (b'{"model":"llama","messages":[],"top_p":NaN}', 400, "invalid_json", None),
        (b'{"model":"llama","messages":[],"user":"\\ud800"}', 400, "invalid_json", None),
        (b'{"model":"llama","messages":[],"model":"other"}', 400, "duplicate_key", "model"),
        (b'{"model":"llama","messages":[],"mod\\u0065l":"other"}', 400, "duplicate_key", "model"),
        (b'{"messages":[]}', 400, "missing_model", "model"),
        (b'{"model":7,"messages":[]}', 400, "missing_model", "model"),
        (b'{"model":"llama"}', 400, "invalid_type", "messages"),
        (b'{"model":"llama","messages":[],"stream":"true"}', 400, "invalid_type", "stream"),
        (b'{"model":"llama","messages":[],"stream":1}', 400, "invalid_type", "stream"),
        (
            b'{"model":"llama","messages":[],"stream_options":[]}',
            400,
            "invalid_type",
            "stream_options",
        ),
        (
            b'{"model":"llama","messages":[],"service_tier":"gold"}',
            400,
            "invalid_value",
            "service_tier",
        ),
        (b'{"model":"gpt-9","messages":[]}', 404, "model_not_found", "model"),
        (b"x" * 100_001, 413, "body_too_long", None),
    ],
)
def test_what_is_no_request_is_refused(
    live: Live, body: bytes, status: int, code: str, param: str | None
) -> None:
    """With an error that OpenAI's clients read; nothing is decided or accounted."""
    before = len(live.settled())
    answer = post(live, body)
    error = json.loads(answer.text)["error"]
    assert (answer.status, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == TYPES[status]
    assert answer.getheader("x-should-retry") == ("false" if status == 413 else None)
    assert len(live.settled()) == before


def test_huge_integers_pass(live: Live) -> None:
    """They are the server's business, as long as they are no larger than any float."""
    assert post(live, GOOD[:-1] + b',"seed":' + b"9" * 40 + b"}").status == 200
    assert post(live, GOOD[:-1] + b',"seed":' + b"9" * 400 + b"}").status == 400


@pytest.mark.parametrize("key", ["", "sk-wrong", "sk-acm", "sk-acme sk-plain", "SK-ACME"])
def test_keys_that_are_unknown_are_refused(live: Live, key: str) -> None:
    """Whatever they begin with."""
    answer = post(live, GOOD, key)
    assert answer.status == 401
    assert answer.getheader("www-authenticate") == "Bearer"


def test_the_library_sees_its_own_errors(live: Live) -> None:
    """Each status as the exception that it stands for."""
    with client(live) as openai_client, pytest.raises(openai.NotFoundError):
        openai_client.chat.completions.create(model="gpt-9", messages=MESSAGES)
    with (
        client(live).with_options(api_key="sk-wrong") as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()
    with client(live) as openai_client:
        assert [model.id for model in openai_client.models.list()] == ["llama"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/chat/completions/", 404), ("/v1/chat/../chat/completions", 404),
     ("/v1/chat%2Fcompletions", 404), ("/metrics", 404), ("/settle", 404), ("/admin", 404)],
)  # fmt: skip
def test_paths_are_taken_as_they_are_sent(live: Live, path: str, status: int) -> None:
    """No other spelling, and nothing of the other ports."""
    assert post(live, GOOD, path=path).status == status


def test_the_header_asks_where_the_body_does_not(live: Live) -> None:
    """And one of a tenant's spoofed headers changes nothing else."""
    warm(live)
    spoofed = {
        "x-wattlas-tier": "flex",
        "x-wattlas-region": "mars",
        "x-forwarded-for": "::1",
        "x-wattlas-tenant": "plain",
    }
    answer = post(live, GOOD, **{"x-service-tier": "default"}, **spoofed)
    assert answer.headers["x-wattlas-reason"] == "asked"
    assert live.settled()[-1].tenant == "acme"
    assert post(live, GOOD, **{"x-service-tier": "gold"}).status == 400
    assert post(live, GOOD, **{"content-encoding": "gzip"}).status == 415
    assert post(live, GOOD, **{"content-encoding": "Identity"}).status == 200


def test_without_contract_everything_is_full(live: Live) -> None:
    """Also where the client asks for flex."""
    answer = post(live, GOOD[:-1] + b',"service_tier":"flex"}', KEYS["plain"])
    assert answer.headers["x-wattlas-reason"] == "no-contract"
    assert json.loads(answer.text)["service_tier"] == "default"


def test_accounts_agree_at_last(live: Live) -> None:
    """Counter = sum of rows, permits in flight none, chain unbroken."""
    rows = [row for row in live.settled() if row.tenant == "acme"]
    delivered, granted = live.counts()
    assert delivered == sum(row.end == "whole" for row in rows)
    kept = sum(row.degraded and row.end != "failed" for row in rows)
    assert granted == kept + live.held()
    assert 2 * kept <= delivered
    assert len({row.id for row in rows}) == len(rows)
    assert head_after(rows)
