"""A study in which demand goes unserved, written and opened again."""

from __future__ import annotations

from pathlib import Path

import wattlas
from tests import fleets


def test_unserved_flows_have_no_round_trip(run_folder: Path, tmp_path: Path) -> None:
    """What goes unserved has no round trip: the folder is written and opened all the same."""
    made = fleets.studied("unserved", run_folder)
    wattlas.save(made.study, tmp_path / "results")
    flows = wattlas.open_results(tmp_path / "results").tables["flows"]
    assert flows["rtt_ms"].null_count() > 0
