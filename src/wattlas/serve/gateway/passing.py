"""What is passed on of a stream: its events, looked at no more than is needed."""

from __future__ import annotations

from collections.abc import Callable

from wattlas.serve.gateway.api import EventPart, Events
from wattlas.serve.gateway.client import Client
from wattlas.serve.gateway.events import Splitter, data_of
from wattlas.serve.gateway.upstream import Failure, Take


def passed_on(
    events: list[bytes], reading: Events, began: bool, last: Callable[[], bytes]
) -> tuple[bytes, EventPart, Failure | None]:
    """What is passed on of some events, the most that is among them, and what is wrong with the one
    that ends it. `last` gives what is said before the end of a stream."""
    out: list[bytes] = []
    most, meter = EventPart.HELD, reading.seen.meter
    try:
        for event in events:
            meter.commented(event)
            data = data_of(event)
            if not data:
                if began:
                    out.append(event)
                continue
            passed, part = reading.event(event, data)
            most = max(most, part)
            if part is EventPart.LAST:
                out.append(last())
            out.append(passed)
            if part is EventPart.LAST:
                break
    except Failure as failure:
        return b"".join(out), most, failure
    return b"".join(out), most, None


def taker(
    splitter: Splitter, reading: Events, client: Client, held: list[bytes], took: Callable[[], None]
) -> Take:
    """What passes on a token in the midst of a stream as it arrives: no task has to wake up."""
    meter = reading.seen.meter

    def take(piece: bytes) -> bool:
        data = splitter.alone(piece)
        if not data or held or not reading.plain(data) or not client.push(piece):
            return False
        meter.event(len(data))
        took()
        return True

    return take
