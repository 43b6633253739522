"""Lists of names in sentences."""

from __future__ import annotations

import numpy as np

from wattlas.placement.problem.instance import Instance

NAMED = 8
"""How many members of a list are written out."""


def listed(names: list[str]) -> str:
    """`oslo, pune`, and how many more where there are many."""
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def who(instance: Instance, sources: tuple[int, ...]) -> str:
    """Demands by class: `class A of lagos, accra and class D of 31 metros (lagos, …)`."""
    scenario, (pointer, metro, _) = instance.scenario, instance.members
    parts = []
    for k in np.unique(instance.klass[list(sources)]):
        members = [s for s in sources if instance.klass[s] == k]
        at = np.unique(np.concatenate([metro[pointer[s] : pointer[s + 1]] for s in members]))
        names = [scenario.metros[i].id for i in at]
        first = ", ".join(names[:NAMED])
        text = first if len(names) <= NAMED else f"{len(names)} metros ({first}, …)"
        parts.append(f"class {scenario.classes[k].id} of {text}")
    return " and ".join(parts)
