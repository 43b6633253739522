"""Heads that were read before: the answer is the same as if they were read anew."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.serve.toys import run_apart
from wattlas.serve.config import LimitsSection
from wattlas.serve.direct import Answered, DirectServer
from wattlas.serve.heads import MOST_KNOWN, Head, Heads, cut

LINES = (
    b"host: x", b"host: y", b"Host: x", b"authorization: Bearer a", b"x-model: llama",
    b"content-length: %d", b"Content-Length: %d", b"CONTENT-LENGTH: %d", b"content-length: 00%d",
    b"content-length : %d", b"content-length: +%d", b"content-length: 7", b"expect: 100-continue",
    b"connection: close", b"connection: keep-alive", b"upgrade: h2c", b"connection: upgrade",
    b"transfer-encoding: chunked", b"x: content-length: 3",
)  # fmt: skip
FIRST = (b"POST /a HTTP/1.1", b"POST /b?q HTTP/1.1", b"GET / HTTP/1.1", b"HEAD / HTTP/1.1",
         b"POST /a HTTP/1.0", b"POST /a", b"\r\nPOST /a HTTP/1.1")  # fmt: skip


class Wire:
    """What a connection writes to."""

    def __init__(self) -> None:
        self.said = b""
        self.closed = False

    def write(self, text: bytes) -> None:
        self.said += text

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return False


def echo(head: Head, body: bytes) -> Answered:
    """All that a handler sees, but for the length."""
    told = [each for each in head.headers if each[0] != b"content-length"]
    return 200, [], repr((head.method, head.path, told, body, head.keeps, head.old)).encode()


def sent(server: DirectServer, pieces: list[bytes]) -> tuple[bytes, bool]:
    """What a server answers on one connection, and whether it closes it."""

    async def talk() -> tuple[bytes, bool]:
        made, wire = server.made(server), Wire()
        made.connection_made(wire)
        for piece in pieces:
            if not wire.closed:
                made.data_received(piece)
        return wire.said, wire.closed or made.deaf

    return run_apart(talk())


@st.composite
def messages(draw: Any) -> bytes:
    """A message, sound or not."""
    body = b"x" * draw(st.sampled_from((0, 1, 7, 12, 2000)))
    lines = draw(st.lists(st.sampled_from(LINES), max_size=3))
    usual = [b"host: x", b"content-length: %d"] if draw(st.booleans()) else []
    text = b"\r\n".join([draw(st.sampled_from(FIRST)), *usual, *lines])
    return text.replace(b"%d", b"%d" % len(body)) + b"\r\n\r\n" + body


@examples(100)
@given(st.lists(messages(), min_size=1, max_size=4), st.lists(messages(), max_size=3))
def test_a_known_head_changes_no_answer(before: list[bytes], then: list[bytes]) -> None:
    """Whatever was read before, the same bytes get the same answer."""

    async def made() -> DirectServer:
        return DirectServer(echo, LimitsSection(body_bytes=1024))

    fresh, used = run_apart(made()), run_apart(made())
    for each in before:
        sent(used, [each])
    pieces = [*then, *before]
    wanted = sent(fresh, [b"".join(pieces)])  # in one piece no head is looked up
    assert sent(used, pieces) == wanted
    assert sent(used, pieces) == wanted
    again = [each for each in pieces for _ in range(3)]  # the same head, one after the other
    assert sent(used, again) == sent(run_apart(made()), [b"".join(again)])


def test_the_usual_head_is_known() -> None:
    """Heads that differ in the length alone are one, which names none."""

    async def made() -> DirectServer:
        return DirectServer(echo, LimitsSection())

    server = run_apart(made())
    texts = [b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (n, b"x" * n)
             for n in (3, 12)]  # fmt: skip
    for text in texts:
        sent(server, [text])
    found = [server.heads.find(*pieces[:2]) for text in texts if (pieces := cut(text))]
    assert found[0] is found[1]
    assert found[0] is not None
    assert found[0].headers == [(b"host", b"x")]


def test_only_so_many_heads_are_known() -> None:
    """Clients that send others each time fill no memory, and long heads are not kept."""
    heads = Heads()
    head = Head(b"POST", b"/", [(b"content-length", b"1")], True, False)
    for n in range(3 * MOST_KNOWN):
        heads.keep(b"%d" % n, b"", head)
    known = sum(heads.find(b"%d" % n, b"") is not None for n in range(3 * MOST_KNOWN))
    assert 0 < known <= MOST_KNOWN
    heads.keep(b"x" * 10_000, b"", head)
    assert heads.find(b"x" * 10_000, b"") is None


def test_a_short_cut_is_for_one_whole_request() -> None:
    """Not for one that lacks a byte of its body, and not for one that another follows."""
    head = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n"
    assert cut(head + b"abc") is not None
    for data in (head + b"ab", head + b"abcd", head + b"abc" + head + b"abc", head, head[:-2]):
        assert cut(data) is None
