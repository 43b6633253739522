"""Clients that others wrote: each gets its answer, and the row agrees with what it was told."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve import shapes
from tests.serve.live import KEYS, Live
from tests.serve.test_apis import stock
from wattlas.serve.ledger.journal import Row

WORDS = "".join(shapes.WORDS)
SERVED = {"default": "llama-70b", "flex": "llama-8b"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with two regions, and permits in hand."""
    made = Live(tmp_path_factory.mktemp("clients"))
    made.start()
    stock(made, 4)
    yield made
    made.stop()
    made.end()


def check(row: Row, tier: str, model: str) -> None:
    """The row is whole, of the model that the client saw, and a downgrade has its reason."""
    assert (row.end, row.model_served, model) == ("whole", SERVED[tier], SERVED[tier])
    assert (row.degraded, row.reason) == ((True, "saving") if tier == "flex" else (False, "asked"))
    assert (row.tokens_in, row.tokens_out) == (100, 50)


@pytest.mark.acceptance
@pytest.mark.parametrize("tier", ["default", "flex"])
@pytest.mark.parametrize("responses", [False, True])
def test_langchain(live: Live, responses: bool, tier: str) -> None:
    """Its chat model, whole and streamed, over either of OpenAI's endpoints."""
    library = pytest.importorskip("langchain_openai")
    stock(live)
    model = library.ChatOpenAI(
        model="llama", base_url=f"{live.url}/v1", api_key=KEYS["acme"], max_retries=0,
        service_tier=tier, use_responses_api=responses, stream_usage=True,
    )  # fmt: skip
    made = model.invoke("ping")
    assert made.text == "pong ✓"
    assert made.usage_metadata["total_tokens"] == 150
    check(live.settled()[-1], tier, made.response_metadata["model_name"])
    stock(live)
    chunks = list(model.stream("ping"))
    assert "".join(c.text for c in chunks) == WORDS
    check(live.settled()[-1], tier, SERVED[tier])


@pytest.mark.acceptance
def test_langchain_embeds(live: Live) -> None:
    """Texts, not tokens that only one vocabulary knows."""
    library = pytest.importorskip("langchain_openai")
    model = library.OpenAIEmbeddings(
        model="llama", base_url=f"{live.url}/v1", api_key=KEYS["acme"],
        check_embedding_ctx_length=False,
    )  # fmt: skip
    assert model.embed_query("ping") == [0.5, -0.25]
    assert live.settled()[-1].tokens_in == 8


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [shapes.RESPONSES, shapes.MESSAGES, "/v1/chat/completions"])
def test_curl(live: Live, path: str, stream: bool, tmp_path: Path) -> None:
    """As the first try of everybody."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl")
    stock(live)
    said: dict[str, Any] = {"model": "llama", "stream": stream, "service_tier": "flex"}
    said |= {"input": "ping"} if path == shapes.RESPONSES else {"messages": [], "max_tokens": 9}
    headers = tmp_path / "headers"
    made = subprocess.run(
        [curl, "-sSN", "--max-time", "10", "-D", headers, f"{live.url}{path}", "-d",
         json.dumps(said), "-H", f"Authorization: Bearer {KEYS['acme']}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ("wörd4" if stream else "pong") in made.stdout
    told = dict(x.split(": ", 1) for x in headers.read_text().lower().splitlines() if ": " in x)
    check(live.settled()[-1], "flex", told["x-wattlas-model"])
    assert told["x-wattlas-reason"] == "saving"
