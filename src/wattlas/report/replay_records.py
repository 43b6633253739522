"""Requests of a replay in Parquet files, written as they end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wattlas.data.frame_file import write_frame
from wattlas.data.target import try_folder
from wattlas.errors import UsageError
from wattlas.model.frames import frame

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.replays.kernel.state import Records

PART = "requests-{:06d}.parquet"


def records_to(folder: Path, scenario: Scenario) -> Callable[[Records, int], None]:
    """Takes records of requests as they end and writes them, some to each file of a folder.

    Columns: row, metro, class, region, point, degraded, tokens_in, tokens_out, preemptions,
    arrived_s, first_token_s, last_token_s since the start, and network_s, which latencies add.
    Raises UsageError for a folder that holds such files already.
    """
    if any(folder.glob(PART.replace("{:06d}", "*"))):
        raise UsageError(f"--requests: {folder} holds requests already. Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    try_folder(folder)
    written = 0

    def take(records: Records, count: int) -> None:
        nonlocal written
        if count:
            path = folder / PART.format(written)
            write_frame(path, frame(_columns(records, count, scenario)))
            written += 1

    return take


def _columns(records: Records, count: int, scenario: Scenario) -> dict[str, np.ndarray]:
    when, what = records.when[:count], records.what[:count]
    k, o = len(scenario.classes), len(scenario.points)

    def named(ids: list[str], index: np.ndarray) -> np.ndarray:
        return np.asarray(np.array(ids)[index])

    return {
        "row": what[:, 0].copy(),
        "metro": named([m.id for m in scenario.metros], what[:, 1] // k),
        "class": named([c.id for c in scenario.classes], what[:, 1] % k),
        "region": named([r.id for r in scenario.regions], what[:, 2] // o),
        "point": named([p.id for p in scenario.points], what[:, 2] % o),
        "degraded": what[:, 4] == 1,
        "tokens_in": what[:, 5].copy(),
        "tokens_out": what[:, 6].copy(),
        "preemptions": what[:, 7].copy(),
        "arrived_s": when[:, 0].copy(),
        "first_token_s": when[:, 1].copy(),
        "last_token_s": when[:, 2].copy(),
        "network_s": when[:, 3].copy(),
    }
