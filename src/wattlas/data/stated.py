"""Where a scenario comes from, and what it states itself, for the provenance of results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wattlas.data.draft import Draft
from wattlas.model.signals import Provenance


def where_from(file: str) -> str:
    """The file as results name it: a result can be mailed, so no folder of this machine."""
    path = Path(file)
    if Path(__file__).parent / "examples" in path.parents:
        return f"{path.parent.name}, an example that ships"
    return path.name if path.is_absolute() else file


def stated(draft: Draft) -> Iterator[Provenance]:
    """What the scenario itself states, so that no figure is without a source."""
    if draft.inputs.typed.demand.population is not None:
        yield Provenance("demand", "population × local-time profile, stated in the scenario")
    if draft.inputs.typed.demand.totals is not None:
        yield Provenance("demand", "totals by place × local-time profile, stated in the scenario")
    for name in ("price", "carbon"):
        if getattr(draft.inputs.typed.signals, name).constant:
            yield Provenance(name, "constants stated in the scenario")
    for name in ("metro_node", "node_region"):
        leg = getattr(draft.inputs.typed.network, name)
        if leg.model or leg.missing:
            yield Provenance(f"rtt_{name}", f"distance model `{leg.model or leg.missing}`")
