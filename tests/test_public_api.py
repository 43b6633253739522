"""What `import wattlas` gives, and that it gives it quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wattlas

PUBLIC = [
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


def test_all_is_what_is_documented() -> None:
    """`__all__` is the public API, neither more nor less."""
    assert wattlas.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(wattlas))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    """Each name of the API imports and has a docstring."""
    value = getattr(wattlas, name)
    assert value.__doc__


def test_a_name_that_is_none() -> None:
    """A name that is not public is an AttributeError, as anywhere."""
    with pytest.raises(AttributeError, match="plans"):
        wattlas.plans  # noqa: B018


def test_importing_is_light() -> None:
    """`import wattlas` loads no library but the standard one."""
    code = (
        "import sys, wattlas;"
        "heavy = {'numpy', 'polars', 'pydantic', 'highspy', 'typer'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_load_and_plan() -> None:
    """The first lines of the documentation work."""
    made = wattlas.plan(wattlas.example("tiny"))
    assert made.status == "optimal"
