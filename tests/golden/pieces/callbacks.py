"""LiteLLM's callback: what it asks, chooses and tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.serve.toys import run_apart
from wattlas.serve import litellm
from wattlas.serve.litellm import DecisionClient, Hooks, place_of


class Service:
    """What the callback writes to a decision service, which answers what it is told to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.answers: list[bytes] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until there is nothing more to read."""
        self.lines.append("-- a connection")
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                body = await reader.readexactly(size)
                self.lines += [head.decode().rstrip().replace("\r\n", " | "), body.decode()]
                answer = self.answers.pop(0) if self.answers else ok({"settled": 1})
                if not answer:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def ok(said: Any, status: int = 200, *lines: str) -> bytes:
    """An answer of the service."""
    body = json.dumps(said).encode()
    more = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status} W\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def decision(id: str, degraded: bool = False, region: str = "oslo", point: str = "large") -> bytes:
    """A decision of the service."""
    return ok(
        {"id": id, "degraded": degraded, "region": region, "point": "small" if degraded else point}
    )


def place(region: str, point: str, **more: Any) -> dict[str, Any]:
    """A deployment."""
    return {"model_info": {"region": region, "point": point, "fallback": point == "small", **more}}


OURS = [
    place("oslo", "large"),
    place("austin", "large"),
    place("oslo", "small"),
    place("pune", "small"),
]
OTHERS: list[dict[str, Any]] = [
    {"model_info": {"id": "x"}},
    {},
    {"model_info": None},
    {"model_info": {"region": 7, "point": "p"}},
]


class Logging:
    """LiteLLM's object of a request."""

    def __init__(self, trace: str) -> None:
        self.litellm_trace_id = trace


def callback(folder: Path) -> Iterator[str]:
    """What the callback asks, chooses and tells, call by call."""
    yield from run_apart(called(folder))


async def called(folder: Path) -> list[str]:
    """The lines of it."""
    service = Service()
    where = folder / "s.sock"
    server = await asyncio.start_unix_server(service.connected, where)
    hooks = Hooks(DecisionClient(f"unix:{where}", "tok"), "usual", "team")
    lines = service.lines

    async def ask(
        trace: str, answer: bytes | None = None, deployments: Any = None, **request: Any
    ) -> None:
        if answer is not None:
            service.answers.append(answer)
        given = {"litellm_trace_id": trace, **request}
        chosen = await hooks.async_filter_deployments(
            "llama", OURS if deployments is None else deployments, [], given
        )
        lines.append(
            f"{trace} may go to {[d.get('model_info') for d in chosen]} undecided {hooks.undecided}"
        )
        state()

    def state() -> None:
        open_now = {
            t: [
                (e.running, e.attempts, e.untold, e.at, sorted(e.failed), e.timer is not None)
                for e in es
            ]
            for t, es in hooks._open.items()
        }
        lines.append(f"   open {open_now} waiting {list(hooks._waiting)}")

    async def told(name: str, trace: str, at: dict[str, Any] | None = None, **more: Any) -> None:
        answer = more.pop("answer", None)
        kwargs = {"litellm_trace_id": trace, "litellm_params": {"metadata": at or {}}, **more}
        await getattr(hooks, f"async_log_{name}_event")(kwargs, answer, None, None)
        lines.append(f"{name} of {trace}")
        state()
        if hooks._sender is not None:
            await hooks._sender

    usage = {"usage": {"prompt_tokens": 7, "completion_tokens": 9}}
    await ask("a", decision("1"))
    await told("success", "a", OURS[0], answer=usage)
    await ask("b", decision("2", True), service_tier="flex", metadata={"team": "mine"})
    await told("failure", "b", OURS[2])
    await ask("b")
    await told("success", "b", OURS[1], answer={"usage": {"input_tokens": 4}})
    await ask(
        "c",
        decision("3", region="austin"),
        litellm_metadata={"team": "theirs"},
        metadata={"team": "x"},
    )
    await told("failure", "c", OURS[1], stream=True, completion_start_time=1)
    shared = Logging("d")
    await ask("", decision("4"), litellm_logging_obj=shared)
    await ask("", litellm_logging_obj=shared)
    await ask("", litellm_logging_obj=shared)
    await told("failure", "d", OURS[1])
    await told("failure", "d")
    await told("success", "d", None, answer=None)
    await ask("e", decision("5"), deployments=OURS[2:])
    await ask("f", ok({"error": "no"}, 503))
    await ask("f", ok([]))
    await ask("f", ok({"x": 1}))
    await ask("f", b"nonsense\r\n\r\n")
    await ask("f", b"")
    await ask("", None)
    await ask("g", None, deployments=OTHERS)
    await ask("g", decision("6", region="pune"), deployments=[*OTHERS, *OURS[:2]])
    await ask("g", decision("7"))
    await told(
        "success", "g", OURS[0], answer={"usage": {"prompt_tokens": True, "completion_tokens": 5}}
    )
    service.answers.append(ok({"settled": 1}, 200, "connection: close"))
    await told("success", "g", OURS[1])
    await told("success", "nobody", OURS[0])
    for kwargs in (
        OURS[0] | {"service_tier": "flex"},
        {"metadata": OURS[0], "service_tier": "x"},
        {"service_tier": "y"},
    ):
        lines.append(f"{await hooks.async_pre_call_deployment_hook(kwargs, None)}")
    for info in (OURS[2], OURS[0], None, {}):
        lines.append(
            f"{await hooks.async_post_call_response_headers_hook({}, None, None, None, info)}"
        )
    await told("success", "e", OURS[2])
    await ask("e")
    await told("success", "e", OURS[2])
    litellm.AGAIN_S = 0.01  # as it was again once the test ends
    await ask("h", decision("8", True))
    await told("failure", "h", OURS[2])
    while hooks._open:
        await asyncio.sleep(0.005)
    await hooks.drain()
    state()
    server.close()
    return lines + await addressed(Service())


async def addressed(service: Service) -> list[str]:
    """A service on a port, without a token, that closes connections and is away; what nobody tells
    of is forgotten in the end."""
    server = await asyncio.start_server(service.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hooks = Hooks(DecisionClient(f"http://127.0.0.1:{port}"))
    for name in ("a", "b"):
        service.answers.append(
            ok(
                {"id": name, "degraded": False, "region": "x", "point": "y"},
                200,
                "connection: close",
            )
        )
        chosen = await hooks.async_filter_deployments("m", OURS, [], {"litellm_trace_id": name})
        service.lines.append(f"{name} {[place_of(d) for d in chosen]}")
    for entry in hooks._open["a"]:
        entry.since_s -= litellm.FORGOTTEN_S + 1
    service.answers.append(decision("c"))
    await hooks.async_filter_deployments("m", OURS, [], {"litellm_trace_id": "c"})
    service.lines.append(f"open {list(hooks._open)}")
    for answer in (
        Answer(Usage(3, 4)),
        Answer(None),
        {"usage": {"input_tokens": 1, "output_tokens": 2}},
        {},
        Answer(Usage(None, 7)),
    ):
        service.lines.append(f"{litellm._tokens(answer)}")
    for kwargs in (
        {"litellm_params": {"litellm_trace_id": "p"}},
        {"litellm_trace_id": "q", "litellm_params": None},
        {},
    ):
        service.lines.append(f"{litellm._trace(kwargs)!r} {litellm._called(kwargs)}")
    server.close()
    for pipe in hooks._service._idle:
        pipe[1].close()
    hooks._service._idle.clear()
    service.answers.clear()
    chosen = await hooks.async_filter_deployments("m", OURS, [], {"litellm_trace_id": "d"})
    service.lines.append(f"away: {len(chosen)} {hooks.undecided}")
    return [line.replace(str(port), "PORT") for line in service.lines]


class Usage:
    """Usage as an object."""

    def __init__(self, tokens_in: Any, tokens_out: Any) -> None:
        self.prompt_tokens, self.completion_tokens = tokens_in, tokens_out


class Answer:
    """An answer as an object."""

    def __init__(self, usage: Any) -> None:
        self.usage = usage


CASES = {"callback": callback}
