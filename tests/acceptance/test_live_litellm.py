"""LiteLLM: its router with the live plane inside, an exact cap in the order of completion, one row
per request whatever the attempts, and full service where nobody decides; its router with exported
weights; its library as a client of the gateway.

One process imports what is installed, and every test has a copy of it.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_clients import WORDS, check
from tests.acceptance.test_clients import live as asked_by_clients
from tests.acceptance.test_gateways import (
    CLASS,
    METRO,
    expected,
    fleet,
    hourly,
    program,
    within,
)
from tests.serve.live import KEYS, TOKEN, Asking, Live, Stub, answer, chunk, events, head
from tests.serve.test_apis import stock
from wattlas.cli import run
from wattlas.studies.export.weights import Weights

__all__ = ["asked_by_clients", "fleet", "hourly"]
PHI = Fraction(3, 20)
HERE = Path(__file__).parent
ALONE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""Its table of prices is looked for on the network unless it is told to take its own."""


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
        **os.environ, **ALONE, "WATTLAS_TOKEN": TOKEN,
        "WATTLAS_URL": live.service.addresses["decisions"], "WATTLAS_TENANT": "acme",
    }  # fmt: skip


Forks = Callable[..., str]


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Runs a script of this folder in a copy of a process that has imported LiteLLM; its output."""
    own, numbers = tmp_path_factory.mktemp("forks"), count()
    with subprocess.Popen(
        [program("litellm").parent / "python", HERE / "litellm_forks.py"],
        env={**os.environ, **ALONE}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as forks:  # fmt: skip
        assert forks.stdin is not None
        assert forks.stdout is not None
        asked, ended = forks.stdin, forks.stdout

        def ran(script: str, arguments: list[str], folder: Path, **environment: str) -> str:
            said = own / str(next(numbers))
            job = {"script": str(HERE / script), "arguments": arguments, "folder": str(folder),
                   "environment": environment, "said": str(said)}  # fmt: skip
            asked.write(json.dumps(job) + "\n")
            asked.flush()
            assert ended.readline() == "ended 0\n", Path(f"{said}.err").read_text()[-3000:]
            return Path(f"{said}.out").read_text()

        yield ran


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


def routed_before(folder: Path, arguments: list[str], environment: dict[str, str]) -> str:
    """What the router of that environment says."""
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
    done = subprocess.run(
        [python, HERE / "litellm_router.py", *arguments], cwd=folder, env=environment,
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.gateways
def test_its_library_is_a_client(litellm: Forks, asked_by_clients: Live, tmp_path: Path) -> None:
    """It asks every endpoint that it has; each answer is the row's."""
    live = asked_by_clients
    stock(live, 4)
    before = len(live.settled())
    told = litellm("litellm_client.py", [live.url, KEYS["acme"]], tmp_path)
    said: list[Any] = [json.loads(x) for x in told.splitlines() if x.startswith("[")]
    rows = live.settled()[before:]
    assert len(said) == len(rows) == 11
    for (name, stream, tier, text, model), row in zip(said, rows, strict=True):
        if name == "embeddings":
            assert (text, model) == ([0.5, -0.25], row.model_served)
            continue
        # Of a response that it streams it may ask for the whole, and make a stream of it.
        assert (
            text in ((WORDS, "pong ✓") if name == "responses" else (WORDS,))
            if stream
            else (text == "pong ✓")
        )
        check(row, tier, row.model_served)
        assert model in (row.model_served, "llama")  # of some answers it shows what was asked for


@pytest.mark.gateways
def test_it_draws_by_the_weights(
    litellm: Forks, fleet: Path, hourly: Weights, tmp_path: Path
) -> None:
    """Its router loads the file of an hour, and draws each place by its share."""
    told = ["--to", "litellm", "--by-hour", "--out", str(tmp_path / "litellm")]
    assert run(["export", "weights", str(fleet), *told]) == 0
    config = tmp_path / "litellm" / "hours" / "config-03.yaml"
    said = litellm("litellm_draw.py", [str(config), f"{CLASS}@{METRO}", "3000"], tmp_path)
    result = json.loads(said.splitlines()[-1])
    assert result["answer"] == "served"
    assert sum(result["drawn"].values()) == 3000
    assert within(result["drawn"], expected(hourly, 3)), result["drawn"]


@pytest.mark.parametrize(
    "which",
    [
        pytest.param("present", marks=pytest.mark.gateways),
        pytest.param("before", marks=pytest.mark.litellm_before),
    ],
)
def test_the_cap_is_exact_inside_litellm(
    live: Live, which: str, request: pytest.FixtureRequest
) -> None:
    """No prefix of what clients got is over; rows, clients and servers agree on every request."""
    for stub in live.stubs.values():
        stub.behaviour = now_and_then()
    requests = 240 if which == "present" else 120
    arguments, folder, own = [str(requests), "8"], live.folder / "litellm", environment(live)
    if which == "present":
        litellm: Forks = request.getfixturevalue("litellm")
        output = litellm("litellm_router.py", arguments, folder, **own)
    else:
        output = routed_before(folder, arguments, own)
    said = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
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
    assert len(models) == requests
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
    missing = requests + 2 - ends["whole"]  # an attempt may be undecided, and the next one decided
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
    assert Counter(row.tokens_out for row in rows)[50] >= requests * 5 / 8
    asked = [a for stub in live.stubs.values() for a in stub.asked]
    assert not any("service_tier" in a.said for a in asked)
    kept = sum(row.degraded for row in rows)
    assert live.counts() == (requests + 2 - missing, kept + lost + live.held())


def test_the_callback_needs_litellm_alone(live: Live) -> None:
    """Nothing of ours, and only the standard library beside LiteLLM."""
    text = (live.folder / "litellm" / "wattlas_litellm.py").read_text()
    imported = set()
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        imported |= {name.split(".")[0] for name in names}
    assert imported - set(sys.stdlib_module_names) == {"litellm"}
