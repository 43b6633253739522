"""The callback for LiteLLM against a real decision service, with the calls in every order that a
router may make them: no answer is degraded under a permit that was returned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import combinations
from typing import Any

import pytest

from tests.serve.live import TOKEN, Live
from tests.serve.toys import run_apart
from wattlas.serve import litellm
from wattlas.serve.ledger.journal import Row
from wattlas.serve.litellm import DecisionClient, Hooks, Open

DEPLOYMENTS: list[dict[str, Any]] = [
    {"model_info": {"region": region, "point": point, "fallback": point == "small"}}
    for region, point in (("oslo", "large"), ("austin", "large"), ("oslo", "small"))
]
FOREIGN: dict[str, Any] = {"model_info": {"id": "another"}}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that decides for others."""
    made = Live(tmp_path_factory.mktemp("hooks"))
    made.start(gateway=None)
    yield made
    made.stop()
    made.end()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another try is waited for a tenth of a second, the service longer than on a busy machine."""
    monkeypatch.setattr(litellm, "AGAIN_S", 0.1)
    monkeypatch.setattr(litellm, "PAUSE_S", 0.02)
    monkeypatch.setattr(litellm, "DECIDED_IN_S", 5.0)


def run(live: Live, work: Callable[[Hooks], Coroutine[Any, Any, None]]) -> list[Row]:
    """Do something with the hooks until all is told; the rows that it made."""
    before = {row.id for row in live.settled()}

    async def main() -> None:
        hooks = Hooks(DecisionClient(live.service.addresses["decisions"], TOKEN), "acme")
        await work(hooks)
        await hooks.drain()
        assert hooks._open == {}

    run_apart(main())
    return [row for row in live.settled() if row.id not in before]


async def ask(hooks: Hooks, trace: str, tier: str = "default") -> list[dict[str, Any]]:
    """What an attempt may take."""
    request = {"litellm_trace_id": trace, "service_tier": tier}
    return await hooks.async_filter_deployments("llama", DEPLOYMENTS, [], request)


def told(trace: str, deployment: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What LiteLLM tells of an attempt."""
    return {"litellm_trace_id": trace, "litellm_params": {"metadata": deployment}, **more}


async def succeed(hooks: Hooks, trace: str, deployment: dict[str, Any]) -> None:
    """An attempt ends well."""
    usage = {"usage": {"prompt_tokens": 7, "completion_tokens": 9}}
    await hooks.async_log_success_event(told(trace, deployment), usage, None, None)


async def fail(hooks: Hooks, trace: str, deployment: dict[str, Any], **more: Any) -> None:
    """An attempt ends badly."""
    await hooks.async_log_failure_event(told(trace, deployment, **more), None, None, None)


def stocked(live: Live) -> None:
    """Permits in hand."""

    async def work(hooks: Hooks) -> None:
        for n in range(8):
            (chosen, *_) = await ask(hooks, f"stock-{n}")
            await succeed(hooks, f"stock-{n}", chosen)

    until = time.monotonic() + 20
    while live.held() < 2:
        assert time.monotonic() < until
        run(live, work)


def account(live: Live) -> int:
    """Permits that are granted, and neither in hand nor used by a row."""
    rows = [row for row in live.settled() if row.tenant == "acme"]
    delivered, granted = live.counts()
    assert delivered == sum(row.end == "whole" for row in rows)
    return granted - live.held() - sum(row.degraded and row.end != "failed" for row in rows)


def test_a_try_after_a_failure_is_of_the_same_request(live: Live) -> None:
    """It goes elsewhere in its tier, from the fallback to full service, and there is one row."""
    stocked(live)

    async def full(hooks: Hooks) -> None:
        (first,) = await ask(hooks, "a")
        await fail(hooks, "a", first)
        (second,) = await ask(hooks, "a")
        assert {first["model_info"]["region"], second["model_info"]["region"]} == {"oslo", "austin"}
        await fail(hooks, "a", second)
        assert await ask(hooks, "a") == DEPLOYMENTS[:2]  # all of full service failed: none below
        await succeed(hooks, "a", second)

    (row,) = run(live, full)
    assert (row.end, row.degraded, row.attempts, row.tokens_out) == ("whole", False, 3, 9)

    async def low(hooks: Hooks) -> None:
        (first,) = await ask(hooks, "b", "flex")
        assert first["model_info"]["fallback"]
        await fail(hooks, "b", first)
        risen = await ask(hooks, "b", "flex")
        assert risen == DEPLOYMENTS[:2]
        await succeed(hooks, "b", risen[0])

    (row,) = run(live, low)
    assert (row.end, row.degraded) == ("whole", False)
    assert account(live) == 0


def test_requests_that_share_a_trace_are_decided_each(live: Live) -> None:
    """Also when they run at once, and when a failure is told late."""
    stocked(live)

    async def work(hooks: Hooks) -> None:
        chosen = [(await ask(hooks, "s"))[0] for _ in range(3)]
        for deployment in chosen:
            await succeed(hooks, "s", deployment)

    assert [row.end for row in run(live, work)] == ["whole"] * 3

    async def late(hooks: Hooks) -> None:
        (first,) = await ask(hooks, "l", "flex")
        (second, *_) = await ask(hooks, "l", "flex")  # its next try, before the failure is told
        await fail(hooks, "l", first)
        await asyncio.sleep(0.3)  # longer than another try is waited for: the second still runs
        await succeed(hooks, "l", second)

    rows = run(live, late)
    assert sorted(row.end for row in rows) == ["failed", "whole"]
    assert account(live) == 0


class Proxied:
    """What the proxy keeps of a request; callbacks are told its trace, not that of the router."""

    def __init__(self, trace: str) -> None:
        self.litellm_trace_id = trace


async def proxied(hooks: Hooks, asker: Proxied, tier: str = "default") -> list[dict[str, Any]]:
    """What an attempt may take, that the router knows by an id of its own."""
    request = {"litellm_trace_id": "the router's", "litellm_logging_obj": asker,
               "service_tier": tier}  # fmt: skip
    return await hooks.async_filter_deployments("llama", DEPLOYMENTS, [], request)


def test_in_the_proxy_a_request_is_known_by_its_object(live: Live) -> None:
    """It is settled though the router calls it otherwise, and once though failures are not told."""
    stocked(live)

    async def untold(hooks: Hooks) -> None:
        asker, other = Proxied("p"), Proxied("p")  # a client may give two requests one trace
        (first,) = await proxied(hooks, asker, "flex")
        await proxied(hooks, other)
        assert first["model_info"]["fallback"]
        risen = await proxied(hooks, asker, "flex")  # nobody told that the first failed
        assert risen == DEPLOYMENTS[:2]
        await fail(hooks, "p", first)  # late: the second try still runs
        await succeed(hooks, "p", risen[0])
        await succeed(hooks, "p", risen[1])

    rows = run(live, untold)
    assert [(row.end, row.degraded) for row in rows] == [("whole", False)] * 2
    assert sorted(row.attempts for row in rows) == [1, 2]
    assert account(live) == 0


def test_what_is_not_tried_again_has_failed(live: Live) -> None:
    """And the permit is back; what broke after its first content keeps its own."""
    stocked(live)

    async def work(hooks: Hooks) -> None:
        (chosen,) = await ask(hooks, "f", "flex")
        await fail(hooks, "f", chosen)
        await asyncio.sleep(0.3)

    held = live.held()
    (row,) = run(live, work)
    assert (row.end, live.held() >= held) == ("failed", True)

    async def broken(hooks: Hooks) -> None:
        (chosen,) = await ask(hooks, "k", "flex")
        await fail(hooks, "k", chosen, stream=True, completion_start_time="now")

    (row,) = run(live, broken)
    assert (row.end, row.degraded) == ("broken", True)
    assert account(live) == 0


def test_without_a_service_all_is_full_and_what_ended_waits(live: Live) -> None:
    """Settlements are told when it is back, once."""
    stocked(live)

    async def work(hooks: Hooks) -> None:
        (chosen,) = await ask(hooks, "w")
        real, away = hooks._service, DecisionClient("http://127.0.0.1:9")
        hooks._service = away
        assert await ask(hooks, "v", "flex") == DEPLOYMENTS[:2]
        await succeed(hooks, "w", chosen)
        await asyncio.sleep(0.1)
        assert len(hooks._waiting) == 1
        hooks._service = real
        await away.close()

    (row,) = run(live, work)
    assert row.end == "whole"


def test_deployments_that_are_not_ours_are_left_alone(live: Live) -> None:
    """A group without places is no business of ours; a request without a trace is undecided."""

    async def work(hooks: Hooks) -> None:
        alone = await hooks.async_filter_deployments("other", [FOREIGN], [], {})
        assert alone == [FOREIGN]
        got = await hooks.async_filter_deployments("llama", DEPLOYMENTS, [], {})
        assert (got, hooks.undecided) == (DEPLOYMENTS[:2], 1)
        got = await hooks.async_filter_deployments("llama", DEPLOYMENTS, [])
        assert (got, hooks.undecided) == (DEPLOYMENTS[:2], 2)
        assert await hooks.async_pre_call_deployment_hook({"model": "x"}, None) is None
        kwargs = {**DEPLOYMENTS[0], "service_tier": "flex"}
        assert await hooks.async_pre_call_deployment_hook(kwargs, None) == DEPLOYMENTS[0]
        told = await hooks.async_post_call_response_headers_hook({}, None, None, None, FOREIGN)
        assert told is None
        odd = {"model_info": {"region": "łódź/1", "point": "größe"}}
        told = await hooks.async_post_call_response_headers_hook({}, None, None, None, odd)
        assert told == {"x-wattlas-tier": "full", "x-wattlas-region": r"\u0142\xf3d\u017a/1",
                        "x-wattlas-point": r"gr\xf6\xdfe"}  # fmt: skip

    assert run(live, work) == []


def test_a_connection_that_was_closed_is_opened_again(live: Live) -> None:
    """Also after a restart of the service; what it refuses is an error, not an answer."""

    async def work(hooks: Hooks) -> None:
        service = hooks._service
        for _ in range(3):
            assert await service.post("/settle", []) == {"settled": 0, "refused": 0}
        assert len(service._idle) == 1
        service._idle[0][1].close()
        assert await service.post("/settle", []) == {"settled": 0, "refused": 0}
        with pytest.raises(ValueError, match="404"):
            await service.post("/nothing", [])

    run(live, work)


PLACES = [("oslo", "large"), ("austin", "large"), ("oslo", "small"), ("austin", "small")]
LISTED = [
    {"model_name": str(n), "model_info": {"region": r, "point": o, "fallback": o == "small"}}
    for n, (r, o) in enumerate([*PLACES, PLACES[0]])  # two deployments at the first place
]


@pytest.mark.parametrize("failed", [set(c) for n in range(5) for c in combinations(PLACES, n)])
@pytest.mark.parametrize("decided", PLACES)
def test_where_a_try_may_go(decided: tuple[str, str], failed: set[tuple[str, str]]) -> None:
    """Where it was decided; else a place of its tier that has not failed; else, from the fallback,
    one of full service; else its tier once more. Never from full service to the fallback."""
    low = decided[1] == "small"
    entry = Open({"region": decided[0], "point": decided[1], "degraded": low})
    entry.failed = set(failed)
    at = [(d["model_info"]["region"], d["model_info"]["point"]) for d in entry.choose(LISTED)]
    own = [place for place in PLACES if (place[1] == "small") is low]
    full = [place for place in PLACES if place[1] == "large"]
    if decided not in failed:
        wanted = {decided}
    elif set(own) - failed:
        wanted = set(own) - failed
    elif low and set(full) - failed:
        wanted = set(full) - failed
    else:
        wanted = set(own)
    assert set(at) == wanted
    assert at.count(PLACES[0]) == (2 if PLACES[0] in wanted else 0)
