"""Anthropic's own client against the gateway: answers, streams, errors, a stream that breaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve import shapes
from tests.serve.live import KEYS, Live, answer
from tests.serve.test_apis import stock, then

pytestmark = pytest.mark.acceptance
ASKED: dict[str, Any] = {
    "model": "llama",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "ping"}],
}


@pytest.fixture(scope="module")
def anthropic() -> Any:
    """The library, which takes long to load: not while tests are collected."""
    return pytest.importorskip("anthropic")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with two regions, and permits in hand."""
    made = Live(tmp_path_factory.mktemp("anthropic"))
    made.start()
    stock(made)
    yield made
    made.stop()
    made.end()


@pytest.fixture
def client(live: Live, anthropic: Any) -> Iterator[Any]:
    """The client, without tries of its own."""
    with anthropic.Anthropic(base_url=live.url, api_key=KEYS["acme"], max_retries=0) as made:
        yield made


def test_an_answer_is_read(live: Live, client: Any) -> None:
    """Whole, with usage, the tier, and the id of its row."""
    made = client.messages.create(**ASKED, service_tier="standard_only")
    assert made.content[0].text == "pong ✓"
    assert (made.model, made.usage.service_tier) == ("llama-70b", "standard")
    row = live.settled()[-1]
    assert (row.id, row.tokens_in, row.tokens_out) == (made._request_id, 100, 50)
    stock(live)
    low = client.messages.create(**ASKED, extra_body={"service_tier": "flex"})
    assert (low.model, low.usage.service_tier) == ("llama-8b", "flex")


def test_a_stream_is_read(live: Live, client: Any) -> None:
    """Events one by one, and what they come to."""
    with client.messages.stream(**ASKED) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == "".join(shapes.WORDS)
    assert final.usage.output_tokens == 50
    assert live.settled()[-1].end == "whole"


def test_errors_are_its_own(live: Live, client: Any, anthropic: Any) -> None:
    """Each status as the exception that it stands for; a stream that breaks as one, too."""
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(**{**ASKED, "model": "gpt-9"})
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="sk-no").messages.create(**ASKED)
    with pytest.raises(anthropic.BadRequestError, match="service_tier"):
        client.messages.create(**ASKED, extra_body={"service_tier": "gold"})
    for stub in live.stubs.values():
        stub.behaviour = then(6)
    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        list(client.messages.create(**ASKED, stream=True))
    for stub in live.stubs.values():
        stub.behaviour = answer
    row = live.settled()[-1]
    assert (row.end, row.tokens_in, row.tokens_out) == ("broken", 100, 3)
