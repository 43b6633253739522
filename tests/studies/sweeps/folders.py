"""Sweeps of the tiny example, small enough to be run in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wattlas.studies.sweeps.change import Written
from wattlas.studies.sweeps.design import Axis, SweepDesign
from wattlas.studies.sweeps.folder import SweepFolder, sweep_in

PUE = Axis("regions.*.pue", (1.1, 1.2, 1.3))
PRICE = Axis("objective.carbon_price_usd_per_t", (0.0, 100.0))


def tiny(folder: Path, *axes: Axis, **more: Any) -> SweepFolder:
    """A sweep of the tiny example's plan over PUE and the price of carbon, or other axes."""
    return sweep_in(folder, Written(Path("tiny")), SweepDesign(axes or (PUE, PRICE), **more))
