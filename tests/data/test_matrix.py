"""Round trips as a matrix: what each cell says, which are empty, and where one is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data.scenario_files import Folder, tiny_folder
from wattlas.data.reader.dialect import ROW
from wattlas.data.reader.matrix import unpivoted
from wattlas.data.schema.places import RTT_NODE_REGION


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """The tiny example, whose nodes reach its regions by a matrix."""
    made = tiny_folder(tmp_path / "tiny")
    scenario = made.load()
    regions = [region.id for region in scenario.regions]
    rtt = scenario.network.rtt_node_region_ms
    rows = [
        ",".join([node.id, *(f"{v:g}" for v in row)])
        for node, row in zip(scenario.nodes, rtt, strict=True)
    ]
    text = "\n".join(["from \\ to," + ",".join(regions), *rows]) + "\n"
    return made.write("rtt_node_region.csv", f"# in ms\n{text}")


def test_a_matrix_is_its_rows(folder: Folder, tmp_path: Path) -> None:
    """A matrix gives the round trips that a row for each pair gives."""
    rows = tiny_folder(tmp_path / "rows").load().network.rtt_node_region_ms
    assert np.allclose(folder.load().network.rtt_node_region_ms, rows)


def test_an_empty_cell_is_a_missing_pair(folder: Folder) -> None:
    """What a matrix leaves empty is missing, and may be estimated."""
    text = (folder.path / "rtt_node_region.csv").read_text(encoding="utf-8")
    last = text.strip().splitlines()[-1]
    folder.edit("rtt_node_region.csv", last, ",".join([*last.split(",")[:-1], ""]))
    (problem,) = folder.problems()
    assert "has no round trip for" in problem.what
    network = folder.load("network.node_region.missing=fitted").network
    assert network.modelled_node_region.sum() == 1


@pytest.mark.parametrize(("wrong", "read"), [(4, True), (5, False)])
def test_a_table_with_half_its_cells_wrong_is_no_matrix(wrong: int, read: bool) -> None:
    """With fewer wrong cells than right ones it is one, whose wrong cells are told by place."""
    cells = [f"w{n}" if n < wrong else f"{n}" for n in range(10)]
    rows = {ROW: [2, 3], "from": ["a", "b"]}
    frame = pl.DataFrame({**rows, **{f"r{n}": cells[2 * n : 2 * n + 2] for n in range(5)}})
    unpivot, told = unpivoted(frame, RTT_NODE_REGION)
    assert (unpivot.height, len(told)) == ((10 - wrong, wrong) if read else (2, 0))


def test_a_wrong_cell_is_named(folder: Folder) -> None:
    """A cell that is no number, and a region that nobody knows, have file, line and column."""
    first = folder.load().regions[0].id
    folder.edit("rtt_node_region.csv", f"to,{first}", f"to,{first},nowhere")
    text = (folder.path / "rtt_node_region.csv").read_text(encoding="utf-8").splitlines()
    spoilt = [*text[2].split(",")[:1], "fast", "7", *text[2].split(",")[2:]]
    folder.edit("rtt_node_region.csv", text[2], ",".join(spoilt))
    for line in text[3:]:
        cells = line.split(",")
        folder.edit("rtt_node_region.csv", line, ",".join([*cells[:2], "", *cells[2:]]))
    said = "\n".join(map(str, folder.problems()))
    assert f"rtt_node_region.csv:3 {first}: is `fast`" in said
    assert "`nowhere` is not one of the regions" in said
