"""The endpoints with events of their own, `/v1/responses` and `/v1/messages`: by the rules of chat,
in each API's own words."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseErrorEvent

from tests.serve import shapes
from tests.serve.live import KEYS, Asking, Behaviour, Live, Stub, answer, chunk, configuration, head

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
RESPONSES, MESSAGES = shapes.RESPONSES, shapes.MESSAGES
ASKED: dict[str, dict[str, Any]] = {
    RESPONSES: {"model": "llama", "input": "ping ✓"},
    MESSAGES: {
        "model": "llama",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "ping"}],
    },
}
BOTH = pytest.mark.parametrize("path", [RESPONSES, MESSAGES])


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with two regions."""
    made = Live(tmp_path_factory.mktemp("apis"))
    made.start()
    yield made
    made.stop()
    made.end()


@pytest.fixture
def live(started: Live) -> Iterator[Live]:
    """The same with servers that behave and that nobody mistrusts, and permits in hand."""
    started.behave(answer)
    stock(started)
    yield started
    assert not started.service.plane.book.in_flight


def stock(live: Live, permits: int = 2) -> None:
    """So many permits in hand."""
    until = time.monotonic() + 20
    while live.held() < permits:
        assert time.monotonic() < until
        assert post(live, MESSAGES, service_tier="default").status == 200
        live.settled()


class Answer:
    """An answer that was read to its end."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers = answer.status, answer.headers
        self.text = answer.read()

    @property
    def said(self) -> dict[str, Any]:
        """Its JSON."""
        return dict(json.loads(self.text))

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Its events: their names and what they say."""
        found = []
        for event in self.text.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in event.split("\n") if line[:1] not in ":")
            if lines:
                found.append((lines["event"], json.loads(lines["data"])))
        return found


def post(
    live: Live, path: str, told: dict[str, str] | None = None, text: bytes = b"", **more: Any
) -> Answer:
    """The answer to a plain request."""
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=10)
    headers = {"x-api-key": KEYS["acme"]} if told is None else told
    body = text or json.dumps({**ASKED[path], **more}).encode()
    try:
        connection.request("POST", path, body, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def tier_in(path: str, said: dict[str, Any]) -> str:
    """The tier that a whole answer tells in its body."""
    return str(said["service_tier"] if path == RESPONSES else said["usage"]["service_tier"])


FULL = {RESPONSES: "default", MESSAGES: "standard"}


@BOTH
@pytest.mark.parametrize("tier", ["default", "flex"])
def test_a_whole_answer_says_how_it_was_served(live: Live, path: str, tier: str) -> None:
    """Body, headers and row agree on model, tier, tokens and reason."""
    made = post(live, path, service_tier=tier)
    low = tier == "flex"
    model = "llama-8b" if low else "llama-70b"
    assert (made.status, made.said["model"]) == (200, model)
    assert tier_in(path, made.said) == ("flex" if low else FULL[path])
    row = live.settled()[-1]
    assert (made.headers["x-wattlas-model"], row.model_served) == (model, model)
    assert (row.degraded, row.end, row.reason) == (low, "whole", "saving" if low else "asked")
    assert made.headers["x-wattlas-reason"] == row.reason
    assert (row.tokens_in, row.tokens_out, row.method) == (100, 50, "usage")
    named = made.headers["request-id"] if path == MESSAGES else made.headers["x-request-id"]
    assert named == row.id


@BOTH
@pytest.mark.parametrize("tier", ["default", "flex"])
def test_a_stream_is_passed_on_event_by_event(live: Live, path: str, tier: str) -> None:
    """All events in their order, the tier where the API has its place, and grams at the end."""
    made = post(live, path, service_tier=tier, stream=True)
    model, word = (("llama-70b", FULL[path]), ("llama-8b", "flex"))[tier == "flex"]
    sent = [text.split(b"\n")[0][7:].decode() for text in shapes.streamed(path, model) or []]
    assert [name for name, _ in made.events] == sent
    first, last = made.events[0][1], made.events[-1][1]
    began = first["response"] if path == RESPONSES else first["message"]
    assert began["model"] == model
    assert tier_in(path, began) == word
    if path == RESPONSES:
        assert tier_in(path, last["response"]) == word
    assert b": x-wattlas-co2e-grams " in made.text
    row = live.settled()[-1]
    assert (row.degraded, row.end, row.model_served) == (tier == "flex", "whole", model)
    assert (row.tokens_in, row.tokens_out, row.method) == (100, 50, "usage")


def test_the_library_reads_responses(live: Live) -> None:
    """OpenAI's own, whole and as a stream with its events typed."""
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=KEYS["acme"], max_retries=0) as client:
        whole = client.responses.create(model="llama", input="ping", service_tier="default")
        assert (whole.output_text, whole.service_tier) == ("pong ✓", "default")
        assert whole.usage is not None
        assert whole.usage.total_tokens == 150
        with client.responses.stream(model="llama", input="ping", service_tier="flex") as stream:
            deltas = [e.delta for e in stream if e.type == "response.output_text.delta"]
            final = stream.get_final_response()
        assert ("".join(deltas), final.output_text) == ("".join(shapes.WORDS),) * 2
        assert (final.model, final.service_tier) == ("llama-8b", "flex")


def last_asked(live: Live) -> Asking:
    """What the servers were asked last: by the row that has just been made."""
    row = live.settled()[-1]
    return next(
        a for s in live.stubs.values() for a in s.asked if a.headers["x-request-id"] == row.id
    )


def test_only_what_must_be_is_edited(live: Live) -> None:
    """Everything else reaches the server byte by byte; of responses nothing is to be kept."""
    text = (
        b'{ "max_tokens":64, "service_tier" : "standard_only", "model": "llama",\n'
        b' "messages":[{"role":"user","content":"\\u00e9 \\"model\\": {"}], "x":[1.50,{"model":7}]}'
    )
    told = {"x-api-key": KEYS["acme"], "anthropic-version": "2099-01-01", "anthropic-beta": "a,b"}
    assert post(live, MESSAGES, told, text).status == 200
    asked = last_asked(live)
    wanted = text.replace(b' "service_tier" : "standard_only",', b"")
    assert asked.body.split() == wanted.replace(b'"llama"', b'"llama-70b"').split()
    assert asked.headers["anthropic-version"] == "2099-01-01"
    assert asked.headers["anthropic-beta"] == "a,b"
    assert "x-api-key" not in asked.headers
    assert post(live, MESSAGES).status == 200
    assert last_asked(live).headers["anthropic-version"] == "2023-06-01"
    assert post(live, RESPONSES, store=False, service_tier="default").status == 200
    kept = {**ASKED[RESPONSES], "model": "llama-70b", "store": False}
    assert last_asked(live).said == kept
    assert post(live, RESPONSES, service_tier="default").status == 200
    assert last_asked(live).said == kept


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (RESPONSES, {"previous_response_id": "resp_1"}),
        (RESPONSES, {"conversation": "conv_1"}),
        (RESPONSES, {"store": True}),
        (RESPONSES, {"background": True}),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        (MESSAGES, {"container": "container_1"}),
    ],
)
def test_what_a_server_would_have_to_remember_is_refused(
    live: Live, path: str, said: dict[str, Any]
) -> None:
    """With a word for it, and without a decision."""
    before = len(live.settled())
    made = post(live, path, **said)
    assert (made.status, made.said["error"]["code"]) == (400, "stateful_not_served")
    assert next(iter(said)) in made.said["error"]["message"] or path == RESPONSES
    assert len(live.settled()) == before


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        ({"model": "gpt-9"}, 404, "not_found_error"),
        ({"messages": "ping"}, 400, "invalid_request_error"),
        ({"service_tier": "gold"}, 400, "invalid_request_error"),
        ({"user": "x" * 100_000}, 413, "request_too_large"),
    ],
)
def test_errors_have_the_form_of_the_api(
    live: Live, said: dict[str, Any], status: int, kind: str
) -> None:
    """Anthropic's where its endpoint is asked."""
    made = post(live, MESSAGES, **said)
    assert (made.status, made.said["type"]) == (status, "error")
    assert made.said["error"]["type"] == kind


def test_a_key_is_shown_in_either_header(live: Live) -> None:
    """On every endpoint; two that are not of one tenant are none."""
    bearer = {"authorization": f"Bearer {KEYS['acme']}"}
    for told in ({"x-api-key": KEYS["acme"]}, bearer, {**bearer, "x-api-key": KEYS["acme"]}):
        for path in (RESPONSES, MESSAGES):
            assert post(live, path, told).status == 200
    for told in (
        {}, {"x-api-key": "sk-no"}, {**bearer, "x-api-key": "sk-no"},
        {**bearer, "x-api-key": KEYS["plain"]}, {"authorization": KEYS["acme"]},
    ):  # fmt: skip
        made = post(live, MESSAGES, told)
        assert (made.status, made.said["error"]["type"]) == (401, "authentication_error")


@BOTH
def test_what_servers_cannot_do_is_not_made_ours(live: Live, path: str) -> None:
    """Other paths of the API are not served, in its form."""
    connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=10)
    connection.request("POST", f"{path}/count_tokens", b"{}", {"x-api-key": KEYS["acme"]})
    made = Answer(connection.getresponse())
    connection.close()
    assert made.status == 404
    assert ("type" in made.said) is (path == MESSAGES)


def then(count: int, end: bytes | None = None) -> Behaviour:
    """A server that streams so many events and breaks off, or sends something else."""

    async def behave(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        writer.write(head(kind="text/event-stream"))
        for event in (shapes.streamed(asking.path, asking.said["model"]) or [])[:count]:
            writer.write(chunk(event))
        await writer.drain()
        await asyncio.sleep(0.05)  # what was sent is passed on before the rest comes
        if end is None:
            writer.close()  # a reset might overtake what was sent
        else:
            writer.write(chunk(end) + chunk(b""))

    return behave


FAULTS = {
    RESPONSES: [
        None, b"data: [DONE]\n\n", b"data: {}\n\n", b'data: {"error": {"message": "no"}}\n\n',
        shapes.named("error", code="x", message="no", param=None, sequence_number=9),
        shapes.named("response.failed", response=shapes.response("llama-70b", status="failed")),
        shapes.named("response.created", response=shapes.response("llama-1b")),
    ],
    MESSAGES: [
        None, b"data: {\n\n", shapes.named("error", error={"type": "overloaded_error"}),
        shapes.named("message_start", message=shapes.message("llama-1b")),
        shapes.named("message_start", message=7),
    ],
}  # fmt: skip
CASES = [(path, n) for path, faults in FAULTS.items() for n in range(len(faults))]


@pytest.mark.parametrize(("path", "n"), CASES)
def test_another_region_takes_over_before_the_first_content(live: Live, path: str, n: int) -> None:
    """What came before the content is not with the client yet: it sees one beginning only."""
    for region, good in (("oslo", "austin"), ("austin", "oslo")):
        live.stubs[region].behaviour = then(2, FAULTS[path][n])
        live.stubs[good].behaviour = answer
        made = post(live, path, service_tier="default", stream=True)
        assert len(made.events) == len(shapes.streamed(path, "llama-70b") or [])
        row = live.settled()[-1]
        assert (row.region, row.end, row.tokens_out) == (good, "whole", 50)


@pytest.mark.parametrize(("path", "n"), CASES)
def test_a_stream_that_breaks_says_so_in_band(live: Live, path: str, n: int) -> None:
    """By the API's own event, which is the last; what was delivered is metered."""
    words = 3
    before = {RESPONSES: 4, MESSAGES: 3}[path] + words
    for stub in live.stubs.values():
        stub.behaviour = then(before, FAULTS[path][n])
    made = post(live, path, service_tier="flex", stream=True)
    name, said = made.events[-1]
    assert (name, said["type"], len(made.events)) == ("error", "error", before + 1)
    assert "broke off" in (said["message"] if path == RESPONSES else said["error"]["message"])
    row = live.settled()[-1]
    assert (row.end, row.degraded, row.tokens_out, row.method) == ("broken", True, words, "events")
    if path == MESSAGES:
        assert row.tokens_in == 100  # as its beginning said
    else:
        assert said["sequence_number"] == before


def test_the_library_sees_a_broken_response(live: Live) -> None:
    """As an error, or as the event that the API describes."""
    for stub in live.stubs.values():
        stub.behaviour = then(7)
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key=KEYS["acme"], max_retries=0) as client:
        seen = []
        with pytest.raises(openai.APIError, match="broke off"):
            seen.extend(client.responses.create(model="llama", input="ping", stream=True))
    assert len(seen) == 7
    made = post(live, RESPONSES, stream=True)
    assert ResponseErrorEvent.model_validate(made.events[-1][1]).code == "upstream_broke"


@BOTH
def test_a_server_that_says_nothing_is_left_before_its_first_content(live: Live, path: str) -> None:
    """Its beginning alone does not hold the client."""

    async def hang(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        writer.write(head(kind="text/event-stream"))
        writer.write(chunk((shapes.streamed(path, "llama-70b") or [])[0]))
        await reader.read()

    live.stubs["oslo"].behaviour = hang
    for _ in range(2):
        made = post(live, path, service_tier="default", stream=True)
        assert len(made.events) == len(shapes.streamed(path, "llama-70b") or [])
        assert live.settled()[-1].region == "austin"


@BOTH
def test_a_beginning_without_end_is_bounded(live: Live, path: str) -> None:
    """What is held back is no more than an event may be."""

    async def flood(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        writer.write(head(kind="text/event-stream"))
        first = (shapes.streamed(path, "llama-70b") or [])[0]
        for _ in range(2000):
            writer.write(chunk(first))
            await writer.drain()

    for stub in live.stubs.values():
        stub.behaviour = flood
    assert post(live, path, service_tier="default", stream=True).status == 502
    assert live.settled()[-1].end == "failed"


def whole_of(path: str, **changes: Any) -> Behaviour:
    """A server that answers with something else in its answer."""

    async def behave(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        said = {**(shapes.whole(path, asking.said["model"]) or {}), **changes}
        body = json.dumps(said).encode()
        writer.write(head(length=len(body)) + body)

    return behave


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (RESPONSES, {"status": "failed", "error": {"code": "server_error"}}),
        (RESPONSES, {"status": "queued"}),
        (RESPONSES, {"output": None}),
        (RESPONSES, {"model": "llama-1b"}),
        (MESSAGES, {"type": "error", "error": {"type": "api_error"}}),
        (MESSAGES, {"content": "pong"}),
        (MESSAGES, {"model": "llama-1b"}),
    ],
)
def test_an_answer_that_is_none_is_a_failure(
    live: Live, path: str, changes: dict[str, Any]
) -> None:
    """Another region is asked; when all answer so, there is one error and one row."""
    live.stubs["oslo"].behaviour = whole_of(path, **changes)
    for _ in range(2):
        assert post(live, path, service_tier="default").status == 200
        assert live.settled()[-1].region == "austin"
    live.stubs["austin"].behaviour = whole_of(path, **changes)
    before = len(live.rows())
    made = post(live, path, service_tier="default")
    assert (made.status, made.said["error"]["code"]) == (502, "upstream_unavailable")
    assert len(live.settled()) == before + 1


@BOTH
@pytest.mark.parametrize("usage", [None, [], {"input_tokens": -1, "output_tokens": 5}, {"x": 1}])
def test_usage_that_makes_no_sense_is_estimated(live: Live, path: str, usage: Any) -> None:
    """And the row says how."""
    for stub in live.stubs.values():
        stub.behaviour = whole_of(path, usage=usage)
    assert post(live, path, service_tier="default").status == 200
    assert live.settled()[-1].method == "bytes"


@BOTH
@pytest.mark.parametrize("status", [404, 405, 501])
def test_servers_without_the_endpoint_are_passed_over(live: Live, path: str, status: int) -> None:
    """Another region serves it, soon without asking them; for the rest they are as good as ever."""

    async def lacks(stub: Stub, asking: Asking, reader: Reader, writer: Writer) -> None:
        if asking.path != path:
            await answer(stub, asking, reader, writer)
            return
        writer.write(head(status, length=2) + b"{}")

    live.stubs["oslo"].behaviour = lacks
    before = len(live.stubs["oslo"].asked)
    for _ in range(14):
        assert post(live, path, service_tier="default").status == 200
        assert live.settled()[-1].region == "austin"
    assert len(live.stubs["oslo"].asked) == before + 5
    assert live.service.gateway.health.resting == [f"{live.stubs['oslo'].url}{path}"]
    other = MESSAGES if path == RESPONSES else RESPONSES
    regions = set()
    for _ in range(2):
        assert post(live, other, service_tier="default").status == 200
        regions.add(live.settled()[-1].region)
    assert regions == {"oslo", "austin"}


def test_the_configuration_says_who_serves_what(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A region without the endpoint is never asked; a fallback that lacks it returns its permit."""
    live = Live(tmp_path_factory.mktemp("capable"))
    urls = {region: stub.url for region, stub in live.stubs.items()}
    chat = ["chat/completions"]
    stated: dict[str, Any] = {
        "oslo": {"url": urls["oslo"], "endpoints": chat},
        "austin": {"url": urls["austin"], "endpoints": [*chat, "messages"]},
    }
    live.start(upstreams=stated)
    try:
        stock(live)
        for _ in range(4):
            made = post(live, MESSAGES, service_tier="flex")
            assert (made.status, made.headers["x-wattlas-tier"]) == (200, "full")
            row = live.settled()[-1]
            assert (row.region, row.reason in ("recovered", "cap")) == ("austin", True)
        made = post(live, RESPONSES)
        assert (made.status, made.said["error"]["code"]) == (404, "upstream_unavailable")
        assert live.settled()[-1].end == "failed"
        assert live.stubs["oslo"].asked == []
        rows = live.settled()
        assert live.counts() == (sum(r.end == "whole" for r in rows), live.held())
    finally:
        live.stop()
        live.end()


def test_an_unknown_endpoint_in_the_configuration_is_told(tmp_path_factory: Any) -> None:
    """With what there is."""
    from wattlas.errors import InputError
    from wattlas.serve.run import check_files

    live = Live(tmp_path_factory.mktemp("odd"))
    stated = configuration({"oslo": "http://x:1", "austin": "http://x:1"})
    stated["upstreams"]["oslo"]["endpoints"] = ["chat"]
    with pytest.raises(InputError) as caught:
        check_files(live.write(stated))
    assert [p.where for p in caught.value.problems] == ["upstreams.oslo.endpoints[0]"]
    live.end()
