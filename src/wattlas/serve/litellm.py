"""The live plane inside LiteLLM: one file, which needs the standard library alone.

`wattlas export litellm` writes it beside a configuration that names it. It asks `/decide` once per
request, lets the router see the deployments of the decision alone, and tells `/settle` what became
of it. A deployment says in `model_info` where it is: `region`, `point`, and `fallback: true` where
it is none of full service. Where nobody decides, requests are served in full.

The router asks once per attempt and tells failures per attempt. A request is known by its trace
id, which others may share: an attempt that comes while one of that id has failed is its next try,
any other is a request of its own. So no answer is ever settled under a permit that was returned.
The proxy has an object per request, by which it is known, too: it tells the first failure alone, so
an attempt of the same object is the next try whatever was told.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger("wattlas.litellm")
DECIDED_IN_S = 0.5
"""How long a request waits for its decision; then it is served in full."""
AGAIN_S = 10.0
"""How long a request that failed may take to its next try; then it is settled as failed."""
FORGOTTEN_S = 6 * 3600.0
"""So long the service remembers what nobody settles."""
MOST_WAITING = 100_000
"""Settlements that wait for the service; older ones are lost, which costs savings."""
BATCH = 1000
PAUSE_S = 1.0
AWAY = (OSError, TimeoutError, EOFError, ValueError, KeyError, asyncio.LimitOverrunError)
"""What goes wrong where the service does not answer as it should."""
Deployment = dict[str, Any]
Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Open:
    """A request that was decided and is not settled."""

    def __init__(self, decision: Mapping[str, Any], asker: Any = None) -> None:
        self.decision, self.since_s = decision, time.monotonic()
        self.asker = asker
        """The proxy's object of the request, if there is one."""
        self.running = False
        self.attempts = self.untold = 0
        """Attempts, and those of which nothing was told when the next one began."""
        self.at: tuple[str, str] | None = None
        """Where the attempt is that runs, if there is one place alone."""
        self.failed: set[tuple[str, str]] = set()
        """Places that failed."""
        self.timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin an attempt. One that still runs has failed without a word."""
        if self.running:
            self.untold += 1
            if self.at is not None:
                self.failed.add(self.at)
        self.running = True
        self.attempts += 1
        if self.timer is not None:
            self.timer.cancel()

    def choose(self, ours: list[Deployment]) -> list[Deployment]:
        """Where it may be served now: first where it was decided, then elsewhere in its tier, and
        from the fallback in full service. Never from full service in the fallback."""
        decided = self.decision["region"], self.decision["point"]
        low = bool(self.decision["degraded"])
        fresh = [d for d in ours if place_of(d) not in self.failed]
        for wanted in (
            [d for d in fresh if place_of(d) == decided],
            [d for d in fresh if is_fallback(d) is low],
            [d for d in fresh if not is_fallback(d)],
            [d for d in ours if is_fallback(d) is low],
        ):
            if wanted:
                return wanted
        return []


def place_of(deployment: Mapping[str, Any]) -> tuple[str, str] | None:
    """Region and point of a deployment; None for one that is not ours."""
    info = deployment.get("model_info") or {}
    region, point = info.get("region"), info.get("point")
    return (region, point) if isinstance(region, str) and isinstance(point, str) else None


def is_fallback(deployment: Mapping[str, Any]) -> bool:
    """Whether a deployment is none of full service."""
    return bool((deployment.get("model_info") or {}).get("fallback"))


class DecisionClient:
    """The decision service at http://HOST:PORT, https://HOST:PORT or unix:PATH, asked over
    connections that are kept."""

    def __init__(self, url: str, token: str = "") -> None:
        self._path = url.removeprefix("unix:") if url.startswith("unix:") else ""
        self._to = urlsplit(url)
        self._token = f"x-wattlas-token: {token}\r\n" if token else ""
        self._idle: list[Pipe] = []

    async def post(self, path: str, said: Any) -> Any:
        """What it answers. Raises one of `AWAY`."""
        body = json.dumps(said).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: {self._to.netloc or 'wattlas'}\r\n{self._token}"
        text = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        async with asyncio.timeout(DECIDED_IN_S):
            while self._idle:
                try:
                    return await self._exchange(self._idle.pop(), text)
                except (OSError, EOFError):
                    continue  # it was closed in the meantime
            return await self._exchange(await self._open(), text)

    async def _open(self) -> Pipe:
        if self._path:
            return await asyncio.open_unix_connection(self._path)
        tls = self._to.scheme == "https"
        port = self._to.port or (443 if tls else 80)
        return await asyncio.open_connection(self._to.hostname, port, ssl=tls or None)

    async def _exchange(self, pipe: Pipe, text: bytes) -> Any:
        reader, writer = pipe
        kept = False
        try:
            writer.write(text)
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
            body = await reader.readexactly(int(headers["content-length"]))
            kept = headers.get("connection") != "close"
        finally:
            if kept:
                self._idle.append(pipe)
            else:
                writer.close()
        if first.split(" ")[1:2] != ["200"]:
            raise ValueError(f"{first}: {body[:200].decode(errors='replace')}")
        return json.loads(body)

    async def close(self) -> None:
        """Close its connections."""
        while self._idle:
            _, writer = self._idle.pop()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class Hooks:
    """What LiteLLM calls. `tenant` is that of requests whose metadata has no `tenant_key`, which
    only the proxy may set: clients set others."""

    def __init__(
        self, service: DecisionClient, tenant: str = "", tenant_key: str = "user_api_key_alias"
    ) -> None:
        super().__init__()
        self._service, self._tenant, self._tenant_key = service, tenant, tenant_key
        self._open: dict[str, list[Open]] = {}
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MOST_WAITING)
        self._sender: asyncio.Task[None] | None = None
        self.undecided = 0
        """Attempts that went to full service because nobody decided."""

    async def async_filter_deployments(
        self,
        model: str,
        healthy_deployments: list[Deployment],
        messages: Any,
        request_kwargs: dict[str, Any] | None = None,
        parent_otel_span: Any = None,
    ) -> list[Deployment]:
        """The deployments that an attempt may take."""
        ours = [d for d in healthy_deployments if place_of(d) is not None]
        if not ours:
            return healthy_deployments
        request = request_kwargs or {}
        trace, asker = _trace_of(request), request.get("litellm_logging_obj")
        entry = self._again(trace, asker)
        if entry is None:
            decision = await self._decide(model, request) if trace else None
            if decision is None:
                self.undecided += 1
                return [d for d in ours if not is_fallback(d)]
            entry = Open(decision, asker)
            self._forget_old()
            self._open.setdefault(trace, []).append(entry)
        entry.start()
        chosen = entry.choose(ours)
        places = {place_of(d) for d in chosen}
        entry.at = places.pop() if len(places) == 1 else None
        if not chosen:
            self._fail(trace, entry)
        return chosen

    async def async_pre_call_deployment_hook(
        self, kwargs: dict[str, Any], call_type: Any
    ) -> dict[str, Any] | None:
        """The tier is between us and the client: no server is told."""
        if place_of(kwargs) is None and place_of(_metadata(kwargs)) is None:
            return None
        kwargs.pop("service_tier", None)
        return kwargs

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """An answer was delivered whole."""
        trace, place = _trace(kwargs), place_of(_called(kwargs))
        entry = self._running(trace, place)
        if entry is not None:
            self._settle(trace, entry, "whole", place, 200, _tokens(response_obj))

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """An attempt failed: before its first content the router may try another place."""
        trace, place = _trace(kwargs), place_of(_called(kwargs))
        entry = self._running(trace, place)
        if entry is None:
            return
        if kwargs.get("stream") and kwargs.get("completion_start_time"):
            self._settle(trace, entry, "broken", place, 502)
            return
        if place is not None:
            entry.failed.add(place)
        if entry.untold:  # of an attempt before the one that runs, for all that is known
            entry.untold -= 1
            return
        self._fail(trace, entry)

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str] | None:
        """Headers of the proxy's answer: where it was served, and in which tier."""
        place = place_of(litellm_call_info or {})
        if place is None:
            return None
        low = is_fallback(litellm_call_info or {})
        tier = "degraded" if low else "full"
        region, point = (name.encode("ascii", "backslashreplace").decode() for name in place)
        return {"x-wattlas-tier": tier, "x-wattlas-region": region, "x-wattlas-point": point}

    async def _decide(self, model: str, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        tenant = _metadata(request).get(self._tenant_key) or self._tenant
        said = {"tenant": tenant, "model": model}
        if request.get("service_tier") is not None:
            said["service_tier"] = request["service_tier"]
        try:
            made = await self._service.post("/decide", said)
        except AWAY as error:
            log.warning("no decision for %s (%s): full service", model, error or type(error))
            return None
        return made if isinstance(made, dict) and "id" in made else None

    def _again(self, trace: str, asker: Any) -> Open | None:
        """The request that an attempt is the next try of; None where it is the first."""
        entries = self._of(trace)
        own = (each for each in entries if asker is not None and each.asker is asker)
        return next(own, None) or next((each for each in entries if not each.running), None)

    def _of(self, trace: str) -> list[Open]:
        return self._open.get(trace, [])

    def _running(self, trace: str, place: tuple[str, str] | None) -> Open | None:
        """The request of a trace that an attempt at a place is of; of several one decided there."""
        running = [each for each in self._of(trace) if each.running]
        decided = [e for e in running if (e.decision["region"], e.decision["point"]) == place]
        return next(iter(decided or running), None)

    def _fail(self, trace: str, entry: Open) -> None:
        """Wait for another try, and settle as failed where none comes."""
        entry.running = False
        loop = asyncio.get_running_loop()
        entry.timer = loop.call_later(AGAIN_S, self._settle, trace, entry, "failed", None, 502)

    def _settle(
        self, trace: str, entry: Open, end: str, place: tuple[str, str] | None, status: int,
        tokens: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Tell what became of a request, and forget it."""
        self._of(trace).remove(entry)
        if not self._of(trace):
            del self._open[trace]
        region, point = place or (entry.decision["region"], entry.decision["point"])
        said = {"id": entry.decision["id"], "end": end, "region": region, "point": point}
        self._waiting.append({**said, "status": status, "attempts": entry.attempts,
                              **(tokens or {})})  # fmt: skip
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        """Tell the service what waits; it takes each once, so that nothing is lost or doubled."""
        while self._waiting:
            batch = list(self._waiting)[:BATCH]
            try:
                await self._service.post("/settle", batch)
            except AWAY as error:
                log.warning("%d settlements wait (%s)", len(self._waiting), error or type(error))
                await asyncio.sleep(PAUSE_S)
                continue
            sent = {said["id"] for said in batch}
            while self._waiting and self._waiting[0]["id"] in sent:
                self._waiting.popleft()

    async def drain(self) -> None:
        """Until everything that ended is told; then close."""
        if self._sender is not None:
            await self._sender
        await self._service.close()

    def _forget_old(self) -> None:
        """Drop what nobody tells of, the oldest first; its permit stays used."""
        before = time.monotonic() - FORGOTTEN_S
        for trace in list(self._old(before)):
            del self._open[trace]

    def _old(self, before: float) -> Iterator[str]:
        for trace, entries in self._open.items():
            if max(entry.since_s for entry in entries) > before:
                return
            yield trace


def _metadata(request: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("litellm_metadata", "metadata"):
        if isinstance(request.get(name), dict) and request[name]:
            return dict(request[name])
    return {}


def _trace_of(request: Mapping[str, Any]) -> str:
    """The trace id that callbacks will be told. The proxy makes the object that tells them before
    the router gives a request an id, and then they differ."""
    told = getattr(request.get("litellm_logging_obj"), "litellm_trace_id", None)
    return str(told or request.get("litellm_trace_id") or "")


def _trace(kwargs: Mapping[str, Any]) -> str:
    own = kwargs.get("litellm_trace_id") or (kwargs.get("litellm_params") or {}).get(
        "litellm_trace_id"
    )
    return str(own or "")


def _called(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The deployment that an attempt took, as far as it is told."""
    return _metadata(kwargs.get("litellm_params") or {})


def _tokens(answer: Any) -> dict[str, int]:
    usage = answer.get("usage") if isinstance(answer, dict) else getattr(answer, "usage", None)
    tokens = {}
    for name, keys in (("tokens_in", ("prompt_tokens", "input_tokens")),
                       ("tokens_out", ("completion_tokens", "output_tokens"))):  # fmt: skip
        for key in keys:
            count = usage.get(key) if isinstance(usage, dict) else getattr(usage, key, None)
            if type(count) is int:
                tokens[name] = count
    if "tokens_in" in tokens:
        tokens.setdefault("tokens_out", 0)
    return tokens


def callback_of(
    service: DecisionClient, tenant: str = "", tenant_key: str = "user_api_key_alias"
) -> Any:
    """A callback for `litellm.callbacks`. Its class has the hooks itself: the proxy looks for some
    of them there, and not in what it is derived from."""
    from litellm.integrations.custom_logger import CustomLogger

    hooks = {name: each for name, each in vars(Hooks).items() if name.startswith("async_")}
    made = type("WattlasCallback", (Hooks, CustomLogger), hooks)
    return made(service, tenant, tenant_key)


def from_environment() -> Any:
    """The callback that WATTLAS_URL, WATTLAS_TOKEN, WATTLAS_TENANT and WATTLAS_TENANT_KEY say."""
    told = os.environ
    service = DecisionClient(told["WATTLAS_URL"], told.get("WATTLAS_TOKEN", ""))
    key = told.get("WATTLAS_TENANT_KEY", "user_api_key_alias")
    return callback_of(service, told.get("WATTLAS_TENANT", ""), key)
