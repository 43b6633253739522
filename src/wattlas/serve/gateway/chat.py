"""One request for an answer of a model: decided, sent, passed on, and settled once.

Until the first byte has gone to the client another place may be tried; from then on what breaks is
told in the stream itself. Bytes pass through: of a request only `model`, `service_tier` and
`stream_options` are edited, of an answer only `service_tier`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from wattlas.serve.accounts import UG_PER_G, figures
from wattlas.serve.decision import Decision, End, Settlement, failovers
from wattlas.serve.gateway.api import AnswerContext, Chat, EventPart, Events, Lacks
from wattlas.serve.gateway.client import Client
from wattlas.serve.gateway.errors import Refusal
from wattlas.serve.gateway.events import Splitter
from wattlas.serve.gateway.health import Health
from wattlas.serve.gateway.passing import passed_on, taker
from wattlas.serve.gateway.request import for_server
from wattlas.serve.gateway.tell import Headers, grams_comment, headers_of
from wattlas.serve.gateway.trail import Ended, Trail
from wattlas.serve.gateway.upstream import Failure, Upstream, UpstreamAnswer, whole
from wattlas.serve.gateway.usage import TokenMeter
from wattlas.serve.plane import Plane

PASSED_ON = frozenset((400, 413, 415, 422))
"""What a server says of the request itself goes to the client as it is."""
LACKING = frozenset((404, 405, 501))
"""Statuses of a server that has not this endpoint, or not this model."""
BUSY = frozenset((503, 529))
SLACK = 0.05
"""Of the longest pause: so much later may it be noticed."""
GONE = 499
"""Status in the account of a request whose client left."""


class Gone(Exception):
    """The client left, or takes nothing."""


class Exchange:
    """One request between a client and the servers that are tried for it."""

    def __init__(
        self, plane: Plane, upstream: Upstream, health: Health, client: Client, chat: Chat,
        trail: Trail,
    ) -> None:  # fmt: skip
        self._plane, self._upstream, self._health = plane, upstream, health
        self._client, self._chat, self._api = client, chat, chat.endpoint
        self._limits = plane.config.document.limits
        self._meter, self._trail = TokenMeter(len(chat.text)), trail
        self._attempts = 0
        self._current: Decision | None = None
        self._settled = False
        self._reading: Events | None = None
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
        meter, metered_j = self._meter.energy(end)
        outcome = Settlement(
            end, decision.place, decision.degraded, self._plane.clock(), status, self._chat.model,
            self._plane.model_of(decision.place.point), tokens_in, tokens_out, method,
            self._attempts, decision.reason, self._trail.first_s, meter, metered_j,
        )  # fmt: skip
        self._plane.settle(decision.facts.id, outcome)
        self._trail.answered("" if end is End.WHOLE else end._value_)
        self._plane.on_end(Ended(self._api.operation, self._trail, decision, outcome))

    def _tries(self, decision: Decision) -> Iterator[Decision]:
        """The decision and its failovers, without servers that rest, within the budgets."""
        hour = self._plane.hour(decision.facts.utc_s)
        yield decision
        yield from failovers(decision, hour.table, self._plane.book)

    async def _serve(self, decision: Decision) -> None:
        failure: Failure | None = None
        self._health.request()
        for candidate in self._tries(decision):
            url = self._plane.url_of(*candidate.place)
            if not self._plane.config.serves(candidate.place.region, self._api.name):
                failure = failure or Lacks("no place has this endpoint", 404)
                continue
            if self._health.rests(url) or self._health.rests(self._own(url)):
                failure = failure or Failure("resting", 503)
                continue
            if self._attempts and not (
                self._attempts < self._limits.attempts and self._health.may_retry()
            ):
                break
            self._current = candidate
            self._trail.asks(candidate)
            try:
                await self._timed(candidate, url)
                return
            except Failure as fault:
                failure = fault
                self._trail.answered(fault.kind)
                self._plane.events[f"upstream {fault.kind}"] += 1
                if fault.status != 429:
                    self._health.failed(self._own(url) if isinstance(fault, Lacks) else url)
        assert failure is not None
        raise Refusal(
            failure.status,
            f"No server could answer ({failure.kind}).",
            "upstream_unavailable",
            retry=False if self._attempts > 1 else None,
        )

    def _own(self, url: str) -> str:
        """What a server's failures are counted by where only this endpoint is missing."""
        return f"{url}{self._api.path}"

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
        headers |= self._chat.headers
        key = self._plane.config.upstream_keys.get(decision.place.region)
        if key:
            headers |= self._api.key(key)
        for last in (False, True):
            self._attempts += 1
            self._meter.restart(self._plane.config.meters.get(decision.place.region))
            try:
                answer = await self._upstream.post(self._own(url), body, headers)
            except Failure as fault:
                if fault.fresh and not last:
                    continue
                raise
            break
        self._meter.answered(answer.headers)
        try:
            await self._pass_on(decision, answer, model)
        finally:
            answer.close()

    async def _pass_on(self, decision: Decision, answer: UpstreamAnswer, model: str) -> None:
        if answer.status in PASSED_ON:
            await self._refused(decision, answer)
        elif answer.status in LACKING:
            raise Lacks(f"status {answer.status}")
        elif answer.status != 200:
            status = 429 if answer.status == 429 else 503 if answer.status in BUSY else 502
            raise Failure(f"status {answer.status}", status)
        elif self._chat.stream:
            if not answer.content_type.startswith("text/event-stream"):
                raise Failure("no event stream")
            await self._stream(decision, answer, model)
        else:
            await self._whole(decision, answer, model)

    async def _refused(self, decision: Decision, answer: UpstreamAnswer) -> None:
        """What a server says against the request itself."""
        body = await whole(answer, self._limits.event_bytes)
        if not answer.content_type.startswith("application/json"):
            raise Failure(f"status {answer.status} without JSON")
        self._answered(End.FAILED, decision, answer.status)
        await self._client.send(answer.status, self._headers(decision, ""), body)

    async def _whole(self, decision: Decision, answer: UpstreamAnswer, model: str) -> None:
        body = await whole(answer, self._limits.answer_bytes)
        body = self._api.answer(body, self._seen(decision, model))
        self._meter.content(len(body))
        headers = self._headers(decision, model, self._grams(decision))
        await self._client.send(200, headers, body)
        self._answered(End.WHOLE if not self._client.left else End.BROKEN, decision, 200)

    def _seen(self, decision: Decision, model: str) -> AnswerContext:
        return AnswerContext(self._chat, model, decision.degraded, self._meter)

    def _headers(
        self, decision: Decision, model: str, grams: float | None = None, stream: bool = False
    ) -> Headers:
        told = self._api.told(decision.facts.id)
        return [*headers_of(decision, model, grams, stream), *told]

    def _answered(self, end: End, decision: Decision, status: int) -> None:
        """Settle what a server has answered as it should, whether or not the client took it."""
        url = self._plane.url_of(*decision.place)
        self._health.answered(url)
        self._health.answered(self._own(url))
        self._end(end, status)

    def _grams(self, decision: Decision) -> float | None:
        tokens_in, tokens_out, _ = self._meter.tokens(End.WHOLE)
        metered_j = self._meter.energy(End.WHOLE)[1]
        hour, place = self._plane.hour(decision.facts.utc_s), decision.place
        sums = figures(self._plane.schedule, hour, place, (tokens_in, tokens_out), metered_j)
        return None if sums.average_ug is None else sums.average_ug / UG_PER_G

    async def _stream(self, decision: Decision, answer: UpstreamAnswer, model: str) -> None:
        splitter = Splitter(self._limits.event_bytes)
        reading = self._reading = self._api.events(self._seen(decision, model))
        held: list[bytes] = []
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limits.answer_s

        def took() -> None:
            self._extend(loop.time(), until)

        def last() -> bytes:
            return grams_comment(self._grams(decision))

        take = taker(splitter, reading, self._client, held, took)
        try:
            async for piece in answer.pieces(take):
                text, part, fault = passed_on(
                    splitter.feed(piece), reading, self._client.began, last
                )
                if fault is None and splitter.too_long and part is not EventPart.LAST:
                    fault = Failure("event too long")
                held.append(text)
                if self._client.began or (fault is None and part is not EventPart.HELD):
                    await self._send_some(decision, model, b"".join(held))
                    held.clear()
                elif sum(map(len, held)) > self._limits.event_bytes:
                    fault = fault or Failure("no content")
                if fault is not None:
                    raise fault
                if part is EventPart.LAST:
                    await self._client.finish()
                    end = End.WHOLE if not self._client.left else End.BROKEN
                    self._answered(end, decision, 200)
                    return
                if self._client.began:
                    self._extend(loop.time(), until)
            raise Failure("ended too early")
        except Failure as failure:
            await self._break(decision, failure)

    async def _send_some(self, decision: Decision, model: str, text: bytes) -> None:
        if not text:
            return
        if not self._client.began:
            self._trail.first()
            await self._client.start_stream(self._headers(decision, model, stream=True))
        await self._client.part(text)

    async def _break(self, decision: Decision, failure: Failure) -> None:
        """Before the first byte another place may do better; later the client is told in band."""
        if not self._client.began or self._reading is None:
            raise failure
        self._plane.events[f"upstream {failure.kind}"] += 1
        self._health.failed(self._plane.url_of(*decision.place))
        self._end(End.BROKEN, failure.status)
        message = f"The stream broke off ({failure.kind})."
        try:
            async with asyncio.timeout(self._limits.idle_s):
                await self._client.part(self._reading.broke(failure.status, message))
                await self._client.finish()
        except TimeoutError:
            self._client.abort()
