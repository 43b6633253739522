"""Tokens that pass without a task: none is lost, doubled or out of order."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.toys import run_apart
from wattlas.serve.gateway.events import Splitter, data_of
from wattlas.serve.gateway.wire import WireAnswer

PARTS = st.lists(
    st.sampled_from((b"data: ", b"data:", b"x", b"\n", b"\n\n", b"\r", b": c", b"event: e\n")),
    max_size=8,
).map(b"".join)


@examples(100)
@given(st.lists(PARTS, max_size=5))
def test_what_is_alone_is_one_event(pieces: list[bytes]) -> None:
    """A piece that needs no splitter is what the splitter would give, with the same data."""
    splitter = Splitter(50)
    for piece in pieces:
        data = splitter.alone(piece)
        events = splitter.feed(piece)
        assert not data or (events == [piece] and data_of(piece) == data)


@examples(100)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_pieces_come_in_order(steps: list[tuple[bool, bool]]) -> None:
    """Whether a piece is taken at once or given out, and whenever its reader wakes up."""
    seen: list[int] = []

    async def run() -> int:
        answer = WireAnswer(None)  # type: ignore[arg-type]
        takes = False
        taken = 0

        def take(piece: bytes) -> bool:
            nonlocal taken
            if takes:
                taken += 1
                seen.extend(piece)
            return takes

        async def read() -> None:
            async for piece in answer.pieces(take):
                await asyncio.sleep(0)
                seen.extend(piece)

        reader = asyncio.create_task(read())
        for n, (takes, wakes) in enumerate(steps):  # noqa: B007  what `take` looks at
            if wakes:
                for _ in range(5):
                    await asyncio.sleep(0)
            answer.feed(bytes([n]))
        answer.finish(None)
        await reader
        return taken

    taken = run_apart(run())
    assert seen == list(range(len(steps)))
    if steps and steps[0] == (True, True):
        assert taken
