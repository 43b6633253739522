"""What clients and servers of models receive of the gateway, and what its ledger has of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.exchanges import TABLES
from tests.golden.kept import keep
from tests.golden.talks import Talk, Talks

HERE = Path(__file__).parent / "serve"


def told(talks: Talks, table: tuple[Talk, ...]) -> Iterator[str]:
    """Everything of a table of exchanges."""
    for talk in table:
        yield from talks.told(talk)
    plane = talks.live.service.plane
    yield f"events: {sorted(plane.events.items())}"
    yield f"reasons: {sorted(plane.reasons.items())}"
    delivered, granted = talks.live.counts()
    yield f"delivered {delivered}, permits used {granted - talks.live.held()}"


@pytest.mark.parametrize("name", TABLES)
def test_exchanges_are_those_of_the_golden_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte and each row is that which was read and found right."""
    talks = Talks(tmp_path, monkeypatch)
    try:
        lines = list(told(talks, TABLES[name]))
    finally:
        talks.close()
    keep("\n".join(lines), HERE / f"talks_{name}.txt", exact=True)
