"""Wattlas: the energy atlas for AI inference.

    import wattlas

    scenario = wattlas.load("scenario.yaml")     # or wattlas.example()
    print(wattlas.plan(scenario).totals)

Every name in `__all__` is imported when it is first used, so that `import wattlas` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from wattlas import errors
    from wattlas.data.scenario_file import example, load
    from wattlas.model.plan import Plan
    from wattlas.model.scenario import Scenario
    from wattlas.placement.api import plan
    from wattlas.placement.breakeven.breakeven import breakeven_between as breakeven
    from wattlas.placement.frontier.frontier import frontier
    from wattlas.report.folder import save
    from wattlas.report.results import open_results
    from wattlas.studies.fit import fit_users
    from wattlas.studies.offers import design_tiers
    from wattlas.studies.shares import shares as tier_shares
    from wattlas.studies.study import study

__all__ = [
    "Plan",
    "Scenario",
    "breakeven",
    "design_tiers",
    "errors",
    "example",
    "fit_users",
    "frontier",
    "load",
    "open_results",
    "plan",
    "save",
    "study",
    "tier_shares",
]

_HOMES = {
    "Plan": "wattlas.model.plan:Plan",
    "Scenario": "wattlas.model.scenario:Scenario",
    "breakeven": "wattlas.placement.breakeven.breakeven:breakeven_between",
    "design_tiers": "wattlas.studies.offers:design_tiers",
    "example": "wattlas.data.scenario_file:example",
    "fit_users": "wattlas.studies.fit:fit_users",
    "frontier": "wattlas.placement.frontier.frontier:frontier",
    "load": "wattlas.data.scenario_file:load",
    "open_results": "wattlas.report.results:open_results",
    "plan": "wattlas.placement.api:plan",
    "save": "wattlas.report.folder:save",
    "study": "wattlas.studies.study:study",
    "tier_shares": "wattlas.studies.shares:shares",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("wattlas.errors")
    if name in _HOMES:
        module, _, attribute = _HOMES[name].partition(":")
        value = getattr(import_module(module), attribute)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'wattlas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
