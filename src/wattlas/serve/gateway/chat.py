"""One request for an answer of a model: decided, sent, passed on, and settled once.

Until the first byte has gone to the client another place may be tried; from then on what breaks is
told in the stream itself. Bytes pass through: of a request only `model`, `service_tier` and
`stream_options` are edited, of an answer only `service_tier`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from wattlas.serve.accounts import UG_PER_G, figures
from wattlas.serve.decision import Asked, Decision, End, Outcome, failovers
from wattlas.serve.gateway.client import Client
from wattlas.serve.gateway.errors import Refusal, error_body
from wattlas.serve.gateway.events import Splitter, data_of
from wattlas.serve.gateway.health import Health
from wattlas.serve.gateway.json_text import Twice, changed, check_once
from wattlas.serve.gateway.tell import grams_comment, headers_of, tier_of
from wattlas.serve.gateway.upstream import Answer, Failure, Upstream, whole
from wattlas.serve.gateway.usage import Meter
from wattlas.serve.plane import Plane


class Endpoint(NamedTuple):
    """A path of OpenAI's API: the key that a request must have, and the list that an answer is."""

    path: str
    asks: str
    answers: str
    streams: bool


ENDPOINTS = {
    endpoint.path.encode(): endpoint
    for endpoint in (
        Endpoint("/v1/chat/completions", "messages", "choices", True),
        Endpoint("/v1/completions", "prompt", "choices", True),
        Endpoint("/v1/embeddings", "input", "data", False),
    )
}
CHAT = ENDPOINTS[b"/v1/chat/completions"]
PASSED_ON = frozenset((400, 413, 415, 422))
"""What a server says of the request itself goes to the client as it is."""
DONE = b"[DONE]"
SLACK = 0.05
"""Of the longest pause: so much later may it be noticed."""
GONE = 499
"""Status in the account of a request whose client left."""
_NO_USAGE = re.compile(rb'"usage"\s*:\s*null')


class Gone(Exception):
    """The client left, or takes nothing."""


EDITED = ("model", "service_tier", "stream_options")
"""Keys of a request that servers may get otherwise than clients write them."""


class Chat(NamedTuple):
    """A request that was read: its text, what it says of the keys that are edited, and what that
    means."""

    endpoint: Endpoint
    text: bytes
    named: dict[str, Any]
    model: str
    asked: Asked
    stream: bool
    wants_usage: bool


def read_chat(text: bytes, endpoint: Endpoint = CHAT) -> Chat:
    """A request's body. Raises Refusal for what is no request."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body is not JSON: {error}", "invalid_json") from None
    if not isinstance(said, dict):
        raise Refusal(400, "The body must be a JSON object.", "invalid_json")
    try:
        check_once(text, said)
    except Twice as error:
        key = str(error)
        raise Refusal(400, f"`{key}` is there twice.", "duplicate_key", key) from None
    model = said.get("model")
    if not isinstance(model, str) or not model:
        raise Refusal(400, "`model` must name a model.", "missing_model", "model")
    stream = said.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise Refusal(400, "`stream` must be true or false.", "invalid_type", "stream")
    if stream and not endpoint.streams:
        raise Refusal(400, "This endpoint does not stream.", "invalid_value", "stream")
    _check_asked(said, endpoint)
    options = said.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise Refusal(400, "`stream_options` must be an object.", "invalid_type", "stream_options")
    wants = bool(options and options.get("include_usage"))
    named = {key: said[key] for key in EDITED if key in said}
    return Chat(
        endpoint, text, named, model, asked_of(said.get("service_tier")), bool(stream), wants
    )


def _check_asked(said: dict[str, Any], endpoint: Endpoint) -> None:
    key = endpoint.asks
    kinds = (list,) if key == "messages" else (str, list)
    if not isinstance(said.get(key), kinds):
        words = " or ".join("text" if kind is str else "a list" for kind in kinds)
        raise Refusal(400, f"`{key}` must be {words}.", "invalid_type", key)


def asked_of(tier: Any) -> Asked:
    """The tier that is asked for; `scale` and `fast` are full service as well."""
    if tier in (None, "auto"):
        return Asked.AUTO
    if tier == "flex":
        return Asked.FLEX
    if tier in ("default", "scale"):
        return Asked.DEFAULT
    if tier in ("priority", "fast"):
        return Asked.PRIORITY
    message = "`service_tier` must be auto, default, flex, scale, priority or fast."
    raise Refusal(400, message, "invalid_value", "service_tier")


def for_server(chat: Chat, model: str) -> bytes:
    """The request as a server gets it: its name of the model, no tier, and usage in streams."""
    values: dict[str, Any] = {} if chat.model == model else {"model": model}
    if chat.stream and not chat.wants_usage:
        given = chat.named.get("stream_options")
        values["stream_options"] = {**(given or {}), "include_usage": True}
    if not values and "service_tier" not in chat.named:
        return chat.text
    return changed(chat.text, chat.named, values, drop=("service_tier",))


class Exchange:
    """One request between a client and the servers that are tried for it."""

    def __init__(
        self, plane: Plane, upstream: Upstream, health: Health, client: Client, chat: Chat
    ) -> None:
        self._plane, self._upstream, self._health = plane, upstream, health
        self._client, self._chat = client, chat
        self._limits = plane.config.document.limits
        self._meter = Meter(len(chat.text))
        self._attempts = 0
        self._current: Decision | None = None
        self._settled = False
        self._deadline: asyncio.Timeout | None = None

    async def run(self, decision: Decision) -> None:
        """Serve the request and settle it, whatever happens. Raises Refusal before the first byte
        where no server answered."""
        self._current = decision
        self._client.watch(self._left)
        try:
            await self._serve(decision)
        except Gone:
            self._end(self._cut_off, GONE)
        except Refusal as refusal:
            self._end(End.FAILED, refusal.status)
            raise
        finally:
            self._end(self._cut_off, GONE)
            self._client.unwatch()

    @property
    def _cut_off(self) -> End:
        return End.BROKEN if self._client.began else End.FAILED

    def _left(self) -> None:
        """The client is gone: whatever is being waited for ends now."""
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(0.0)

    def _extend(self, now: float, until: float) -> None:
        """Allow another pause of a stream. A deadline that is far enough stays: to move it costs as
        much as to pass on a token."""
        deadline = self._deadline
        if deadline is None or deadline.expired() or self._client.left:
            return
        present = deadline.when()
        pause_s = self._limits.idle_s
        wanted = min(now + pause_s, until)
        if present is None or not wanted <= present <= wanted + SLACK * pause_s:
            deadline.reschedule(min(now + (1 + SLACK) * pause_s, until))

    def _end(self, end: End, status: int) -> None:
        """Settle the request, the first time that it is called."""
        decision = self._current
        if self._settled or decision is None:
            return
        self._settled = True
        tokens_in, tokens_out, method = self._meter.tokens(end)
        outcome = Outcome(
            end, decision.place, decision.degraded, self._plane.clock(), status, self._chat.model,
            self._plane.model_of(decision.place.point), tokens_in, tokens_out, method,
            self._attempts, decision.reason,
        )  # fmt: skip
        self._plane.settle(decision.facts.id, outcome)

    def _tries(self, decision: Decision) -> Iterator[Decision]:
        """The decision and its failovers, without servers that rest, within the budgets."""
        hour = self._plane.hour(decision.facts.utc_s)
        yield decision
        yield from failovers(decision, hour.table, self._plane.book)

    async def _serve(self, decision: Decision) -> None:
        failure = Failure("resting", 503)
        self._health.request()
        for candidate in self._tries(decision):
            url = self._plane.url_of(*candidate.place)
            if self._health.rests(url):
                continue
            if self._attempts and not (
                self._attempts < self._limits.attempts and self._health.may_retry()
            ):
                break
            self._current = candidate
            try:
                await self._timed(candidate, url)
                return
            except Failure as fault:
                failure = fault
                self._plane.events[f"upstream {fault.kind}"] += 1
                if fault.status != 429:
                    self._health.failed(url)
        raise Refusal(
            failure.status,
            f"No server could answer ({failure.kind}).",
            "upstream_unavailable",
            retry=False if self._attempts > 1 else None,
        )

    async def _timed(self, decision: Decision, url: str) -> None:
        """One place, within the times that are allowed. Raises Failure before the first byte, Gone
        where the client left or takes nothing."""
        if self._client.left:
            raise Gone
        try:
            async with asyncio.timeout(self._limits.first_byte_s) as self._deadline:
                await self._try(decision, url)
        except TimeoutError:
            if self._client.left or self._client.sending:
                self._client.abort()
                raise Gone from None
            await self._break(decision, Failure("timed out", 504))
        finally:
            self._deadline = None

    async def _try(self, decision: Decision, url: str) -> None:
        """One place; on a connection that had died in the meantime, once more."""
        model = self._plane.model_of(decision.place.point)
        body = for_server(self._chat, model)
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        headers["x-request-id"] = decision.facts.id
        key = self._plane.config.upstream_keys.get(decision.place.region)
        if key:
            headers["authorization"] = f"Bearer {key}"
        for last in (False, True):
            self._attempts += 1
            self._meter.restart()
            try:
                answer = await self._upstream.post(
                    f"{url}{self._chat.endpoint.path}", body, headers
                )
            except Failure as fault:
                if fault.fresh and not last:
                    continue
                raise
            break
        try:
            await self._pass_on(decision, answer, model)
        finally:
            answer.close()

    async def _pass_on(self, decision: Decision, answer: Answer, model: str) -> None:
        if answer.status in PASSED_ON:
            await self._refused(decision, answer)
        elif answer.status != 200:
            status = 429 if answer.status == 429 else 503 if answer.status == 503 else 502
            raise Failure(f"status {answer.status}", status)
        elif self._chat.stream:
            if not answer.content_type.startswith("text/event-stream"):
                raise Failure("no event stream")
            await self._stream(decision, answer, model)
        else:
            await self._whole(decision, answer, model)

    async def _refused(self, decision: Decision, answer: Answer) -> None:
        """What a server says against the request itself."""
        body = await whole(answer, self._limits.event_bytes)
        if not answer.content_type.startswith("application/json"):
            raise Failure(f"status {answer.status} without JSON")
        self._answered(End.FAILED, decision, answer.status)
        await self._client.send(answer.status, headers_of(decision, model="", grams=None), body)

    async def _whole(self, decision: Decision, answer: Answer, model: str) -> None:
        body = await whole(answer, self._limits.answer_bytes)
        said = _answer(body)
        if said.get("model", model) != model:
            raise Failure("another model")
        if not isinstance(said.get(self._chat.endpoint.answers), list):
            raise Failure(f"no {self._chat.endpoint.answers}")
        self._meter.usage(said.get("usage"))
        self._meter.content(len(body))
        try:
            check_once(body, said)
        except Twice:
            raise Failure("a key twice") from None
        body = changed(body, said, {"service_tier": tier_of(decision)})
        grams = self._grams(decision)
        await self._client.send(200, headers_of(decision, model, grams), body)
        self._answered(End.WHOLE if not self._client.left else End.BROKEN, decision, 200)

    def _answered(self, end: End, decision: Decision, status: int) -> None:
        """Settle what a server has answered as it should, whether or not the client took it."""
        self._health.answered(self._plane.url_of(*decision.place))
        self._end(end, status)

    def _grams(self, decision: Decision) -> float | None:
        tokens_in, tokens_out, _ = self._meter.tokens(End.WHOLE)
        hour = self._plane.hour(decision.facts.utc_s)
        found = figures(self._plane.schedule, hour, decision.place, (tokens_in, tokens_out))
        return None if found.average_ug is None else found.average_ug / UG_PER_G

    async def _stream(self, decision: Decision, answer: Answer, model: str) -> None:
        splitter = Splitter(self._limits.event_bytes)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limits.answer_s
        try:
            async for piece in answer.pieces():
                if await self._piece(splitter, piece, decision, model):
                    await self._client.finish()
                    end = End.WHOLE if not self._client.left else End.BROKEN
                    self._answered(end, decision, 200)
                    return
                if self._client.began:
                    self._extend(loop.time(), until)
            raise Failure("ended without [DONE]")
        except Failure as failure:
            await self._break(decision, failure)

    async def _piece(
        self, splitter: Splitter, piece: bytes, decision: Decision, model: str
    ) -> bool:
        """Pass on the events that a piece completes; whether the last is among them. Raises
        Failure, once what came before it is with the client."""
        out: list[bytes] = []
        fault, done = None, False
        try:
            for event in splitter.feed(piece):
                passed, done = self._event(event, decision, model)
                out.append(passed)
                if done:
                    break
            if splitter.too_long and not done:
                raise Failure("event too long")
        except Failure as failure:
            fault = failure
        if fault is None or self._client.began:
            await self._send_some(decision, model, b"".join(out))
        if fault is not None:
            raise fault
        return done

    async def _send_some(self, decision: Decision, model: str, text: bytes) -> None:
        if not text:
            return
        if not self._client.began:
            await self._client.start_stream(headers_of(decision, model, None, stream=True))
        await self._client.part(text)

    async def _break(self, decision: Decision, failure: Failure) -> None:
        """Before the first byte another place may do better; later the client is told in band."""
        if not self._client.began:
            raise failure
        self._plane.events[f"upstream {failure.kind}"] += 1
        self._health.failed(self._plane.url_of(*decision.place))
        self._end(End.BROKEN, failure.status)
        message = f"The stream broke off ({failure.kind})."
        body = error_body(failure.status, message, "upstream_broke")
        try:
            async with asyncio.timeout(self._limits.idle_s):
                await self._client.part(b"data: " + body + b"\n\n")
                await self._client.finish()
        except TimeoutError:
            self._client.abort()

    def _event(self, event: bytes, decision: Decision, model: str) -> tuple[bytes, bool]:
        """An event as it is passed on, and whether it is the last. Raises Failure."""
        data = data_of(event)
        if not data:
            return (event if self._client.began else b""), False
        if data == DONE:
            if not self._client.began and not self._meter.events:
                raise Failure("empty stream")
            return grams_comment(self._grams(decision)) + event, True
        first = not self._meter.events
        if first or b'"error"' in data or (b'"usage"' in data and not _NO_USAGE.search(data)):
            said = _answer(data)
            if said.get("model", model) != model:
                raise Failure("another model")
            self._meter.usage(said.get("usage"))
            only_usage = not said.get("choices") and isinstance(said.get("usage"), dict)
            if only_usage:
                return (event if self._chat.wants_usage else b""), False
            if first and b"\n" not in data:
                event = _with_tier(data, said, tier_of(decision))
        self._meter.event(len(data))
        return event, False


def _with_tier(data: bytes, said: dict[str, Any], tier: str) -> bytes:
    try:
        check_once(data, said)
    except Twice:
        raise Failure("a key twice") from None
    return b"data: " + changed(data, said, {"service_tier": tier}) + b"\n\n"


def _answer(text: bytes) -> dict[str, Any]:
    """What a server says, as an object. Raises Failure for an error and for what is no object."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Failure("not JSON") from None
    if not isinstance(said, dict):
        raise Failure("not an object")
    if said.get("error"):
        raise Failure("error in band")
    return said
