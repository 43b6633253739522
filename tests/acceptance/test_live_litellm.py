"""LiteLLM's own router with the live plane inside: an exact cap in the order of completion, one row
per request whatever the attempts, and full service where nobody decides."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_gateways import program
from tests.serve.live import TOKEN, Asking, Live, Stub, answer, chunk, events, head
from wattlas.cli import run

PHI = Fraction(3, 20)
SCRIPT = Path(__file__).with_name("litellm_router.py")


@pytest.fixture
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that decides for others, and what was exported of it."""
    made = Live(tmp_path_factory.mktemp("litellm"))
    contracts = {"green": {"share_max": "3/20", "window": "all"}}
    made.start(contracts=contracts, gateway=None)
    assert run(["export", "litellm", str(made.folder / "serve.yaml"),
                "--out", str(made.folder / "litellm")]) == 0  # fmt: skip
    yield made
    made.stop()
    made.end()


def environment(live: Live) -> dict[str, str]:
    """What the callback is told."""
    return {
        **os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "WATTLAS_TOKEN": TOKEN,
        "WATTLAS_URL": live.service.addresses["decisions"], "WATTLAS_TENANT": "acme",
    }  # fmt: skip


def now_and_then() -> Any:
    """A server that refuses each nineteenth request, and breaks the streams that are asked to. Of
    eight clients none meets two of these in a row, so that each is served in the end."""
    numbers = count(1)

    async def behave(
        stub: Stub, asking: Asking, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if asking.said.get("max_tokens") == 666:
            writer.write(head(kind="text/event-stream"))
            for event in events(asking)[:3]:
                writer.write(chunk(event))
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.transport.abort()
        elif next(numbers) % 19 == 0:
            writer.write(head(500, length=2) + b"{}")
        else:
            await answer(stub, asking, reader, writer)

    return behave


OTHER = "WATTLAS_LITELLM_BEFORE"
"""Names an environment with LiteLLM 1.109.3, the last that routes in Python."""


def interpreter(which: str) -> Path:
    """The Python of an environment with LiteLLM."""
    if which == "present":
        return program("litellm").parent / "python"
    given = os.environ.get(OTHER)
    if not given:
        pytest.skip(f"{OTHER} names no environment with LiteLLM 1.109.3: `pip install` it in one")
    python = Path(given) / "bin" / "python"
    shown = subprocess.run(
        [python, "-c", "from importlib.metadata import version; print(version('litellm'))"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert tuple(map(int, shown.stdout.split(".")[:2])) < (1, 110), shown.stdout
    return python


@pytest.mark.parametrize(
    "which",
    [
        pytest.param("present", marks=pytest.mark.gateways),
        pytest.param("before", marks=pytest.mark.litellm_before),
    ],
)
def test_the_cap_is_exact_inside_litellm(live: Live, which: str) -> None:
    """No prefix of what clients got is over; rows, clients and servers agree on every request."""
    python = interpreter(which)
    for stub in live.stubs.values():
        stub.behaviour = now_and_then()
    done = subprocess.run(
        [python, SCRIPT, "240", "8"], cwd=live.folder / "litellm", env=environment(live),
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    phases: dict[str, list[dict[str, Any]]] = {"load": []}
    for line in said:
        phases.setdefault(line.get("phase") or next(reversed(phases)), []).append(line)
    models = [line.get("model") for line in phases["load"]]
    failed = [line for line in phases["load"] if "error" in line]
    assert set(models) == {"llama-70b", "llama-8b"}, failed
    low = 0
    for n, model in enumerate(models, 1):
        low += model == "llama-8b"
        assert low <= PHI * n
    assert len(models) == 240
    assert low > 0
    assert phases["asked"][1]["model"] == "llama-70b"
    assert "error" in phases["broken"][1]
    away = phases["away"][0]
    late = away["undecided"]  # on a slow machine the first wait for LiteLLM itself, not for us
    assert (away["open"], late <= 16) == (0, True)
    assert {line["model"] for line in phases["away"][1:]} == {"llama-70b"}
    assert phases["end"][0]["undecided"] >= late + 4
    book = live.service.plane.book
    # Decisions that came too late for LiteLLM: nobody settles them, and their permits stay used.
    lost = sum(decision.degraded for decision in book.in_flight.values())
    book.in_flight.clear()
    rows = [row for row in live.settled() if row.tenant == "acme"]
    ends = Counter(row.end for row in rows)
    missing = 242 - ends["whole"]  # an attempt may be undecided, and the next one decided
    assert (ends["broken"], len(rows) - ends["whole"]) == (1, 1)
    assert 0 <= missing <= late
    headers = phases["asked"][1]["headers"]
    assert headers["x-wattlas-tier"] == "full"
    assert headers["x-wattlas-region"] in live.stubs
    served = Counter(row.model_served for row in rows if row.end == "whole")
    told = Counter(models) + Counter(line["model"] for line in phases["asked"][1:])
    assert served == told - Counter({"llama-70b": missing})
    assert all(row.degraded is (row.model_served == "llama-8b") for row in rows)
    assert max(row.attempts for row in rows) >= 2
    # A server tells tokens of whole answers; those of streams LiteLLM counts itself.
    assert all((row.tokens_out or 0) >= 5 for row in rows if row.end == "whole")
    assert Counter(row.tokens_out for row in rows)[50] >= 150
    asked = [a for stub in live.stubs.values() for a in stub.asked]
    assert not any("service_tier" in a.said for a in asked)
    kept = sum(row.degraded for row in rows)
    assert live.counts() == (242 - missing, kept + lost + live.held())


def test_the_callback_needs_litellm_alone(live: Live) -> None:
    """Nothing of ours, and only the standard library beside LiteLLM."""
    text = (live.folder / "litellm" / "wattlas_litellm.py").read_text()
    imported = set()
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        imported |= {name.split(".")[0] for name in names}
    assert imported - set(sys.stdlib_module_names) == {"litellm"}
