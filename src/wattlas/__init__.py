"""Wattlas: the energy atlas for AI inference.

    import wattlas

    scenario = wattlas.load("scenario.yaml")     # or wattlas.example()
    print(wattlas.plan(scenario).totals)

A scenario can be built by hand, too, from `Region`, `Metro`, `WorkloadClass` and their like, which
check themselves. Every name in `__all__` is imported when it is first used, so that `import
wattlas` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from wattlas import errors
    from wattlas.data.scenario_file import example, load
    from wattlas.model.contract import ShareCap, Tier
    from wattlas.model.frictions import Frictions, Initial
    from wattlas.model.geography import Metro, Region, ServiceNode
    from wattlas.model.network import Network
    from wattlas.model.objective import Minimise, Objective, Solver, Window
    from wattlas.model.plan import Plan
    from wattlas.model.scenario import Scenario
    from wattlas.model.signals import Hours, Provenance, Signals
    from wattlas.model.users import Accelerators, Goal, Prior, Scale, Segment, Terms, Users
    from wattlas.model.workload import (
        LatencyTo,
        OperatingPoint,
        Residency,
        State,
        WhenNone,
        WorkloadClass,
    )
    from wattlas.placement.api import plan
    from wattlas.placement.breakeven.breakeven import breakeven_between as breakeven
    from wattlas.placement.fleet.fleet import fleet
    from wattlas.placement.fleet.reach import reach
    from wattlas.placement.frontier.frontier import frontier
    from wattlas.replays.service.serving import Serving
    from wattlas.report.comparison import compare
    from wattlas.report.folder import save
    from wattlas.report.results import open_results
    from wattlas.report.sweep_folder import sweep_into
    from wattlas.studies.export.weights import weights
    from wattlas.studies.fit import fit_users
    from wattlas.studies.forecast_skill import forecast_skill
    from wattlas.studies.offers import design_tiers
    from wattlas.studies.replay_runs import Traffic, Trial
    from wattlas.studies.replays import replayed as replay
    from wattlas.studies.shares import shares as tier_shares
    from wattlas.studies.study import study
    from wattlas.studies.sweeps.design import SweepDesign
    from wattlas.studies.sweeps.one_field import sweep

__all__ = [
    "Accelerators",
    "Frictions",
    "Goal",
    "Hours",
    "Initial",
    "LatencyTo",
    "Metro",
    "Minimise",
    "Network",
    "Objective",
    "OperatingPoint",
    "Plan",
    "Prior",
    "Provenance",
    "Region",
    "Residency",
    "Scale",
    "Scenario",
    "Segment",
    "ServiceNode",
    "Serving",
    "ShareCap",
    "Signals",
    "Solver",
    "State",
    "SweepDesign",
    "Terms",
    "Tier",
    "Traffic",
    "Trial",
    "Users",
    "WhenNone",
    "Window",
    "WorkloadClass",
    "breakeven",
    "compare",
    "design_tiers",
    "errors",
    "example",
    "fit_users",
    "fleet",
    "forecast_skill",
    "frontier",
    "load",
    "open_results",
    "plan",
    "reach",
    "replay",
    "save",
    "study",
    "sweep",
    "sweep_into",
    "tier_shares",
    "weights",
]

_MODULES = {
    "Accelerators": "wattlas.model.users:Accelerators",
    "Frictions": "wattlas.model.frictions:Frictions",
    "Goal": "wattlas.model.users:Goal",
    "Hours": "wattlas.model.signals:Hours",
    "Initial": "wattlas.model.frictions:Initial",
    "LatencyTo": "wattlas.model.workload:LatencyTo",
    "Metro": "wattlas.model.geography:Metro",
    "Minimise": "wattlas.model.objective:Minimise",
    "Network": "wattlas.model.network:Network",
    "Objective": "wattlas.model.objective:Objective",
    "OperatingPoint": "wattlas.model.workload:OperatingPoint",
    "Plan": "wattlas.model.plan:Plan",
    "Prior": "wattlas.model.users:Prior",
    "Provenance": "wattlas.model.signals:Provenance",
    "Region": "wattlas.model.geography:Region",
    "Residency": "wattlas.model.workload:Residency",
    "Scale": "wattlas.model.users:Scale",
    "Scenario": "wattlas.model.scenario:Scenario",
    "Segment": "wattlas.model.users:Segment",
    "ServiceNode": "wattlas.model.geography:ServiceNode",
    "Serving": "wattlas.replays.service.serving:Serving",
    "ShareCap": "wattlas.model.contract:ShareCap",
    "Signals": "wattlas.model.signals:Signals",
    "Solver": "wattlas.model.objective:Solver",
    "State": "wattlas.model.workload:State",
    "SweepDesign": "wattlas.studies.sweeps.design:SweepDesign",
    "Terms": "wattlas.model.users:Terms",
    "Tier": "wattlas.model.contract:Tier",
    "Traffic": "wattlas.studies.replay_runs:Traffic",
    "Trial": "wattlas.studies.replay_runs:Trial",
    "Users": "wattlas.model.users:Users",
    "WhenNone": "wattlas.model.workload:WhenNone",
    "Window": "wattlas.model.objective:Window",
    "WorkloadClass": "wattlas.model.workload:WorkloadClass",
    "breakeven": "wattlas.placement.breakeven.breakeven:breakeven_between",
    "compare": "wattlas.report.comparison:compare",
    "design_tiers": "wattlas.studies.offers:design_tiers",
    "example": "wattlas.data.scenario_file:example",
    "fit_users": "wattlas.studies.fit:fit_users",
    "fleet": "wattlas.placement.fleet.fleet:fleet",
    "forecast_skill": "wattlas.studies.forecast_skill:forecast_skill",
    "frontier": "wattlas.placement.frontier.frontier:frontier",
    "load": "wattlas.data.scenario_file:load",
    "open_results": "wattlas.report.results:open_results",
    "plan": "wattlas.placement.api:plan",
    "reach": "wattlas.placement.fleet.reach:reach",
    "replay": "wattlas.studies.replays:replayed",
    "save": "wattlas.report.folder:save",
    "study": "wattlas.studies.study:study",
    "sweep": "wattlas.studies.sweeps.one_field:sweep",
    "sweep_into": "wattlas.report.sweep_folder:sweep_into",
    "tier_shares": "wattlas.studies.shares:shares",
    "weights": "wattlas.studies.export.weights:weights",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("wattlas.errors")
    if name in _MODULES:
        module, _, attribute = _MODULES[name].partition(":")
        value = getattr(import_module(module), attribute)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'wattlas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
