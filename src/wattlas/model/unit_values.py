"""What a place charges per kWh, and the tonnes that a kWh emits there: one formula each.

    energy   PUE · p / 1000          USD per IT kWh,  p in USD/MWh
    carbon   PUE · κ / 10⁶           tCO2e per IT kWh, κ in g/kWh

Everything that a request costs or emits is one of these times its IT energy, the price of an
accelerator hour times its accelerator time, or the egress price times the gigabytes that it moves
(Luo & Yang 2026). All arguments are numbers or arrays that broadcast.
"""

from __future__ import annotations

import numpy as np

from wattlas.units import G_PER_T, KWH_PER_MWH


def energy_usd_per_kwh(pue: float | np.ndarray, price_usd_per_mwh: np.ndarray) -> np.ndarray:
    """USD of electricity per kWh of IT energy: PUE · p / 1000."""
    usd: np.ndarray = pue * (price_usd_per_mwh / KWH_PER_MWH)
    return usd


def carbon_t_per_kwh(pue: float | np.ndarray, carbon_g_per_kwh: np.ndarray) -> np.ndarray:
    """tCO2e per kWh of IT energy: PUE · κ / 10⁶."""
    tonnes: np.ndarray = pue * carbon_g_per_kwh / G_PER_T
    return tonnes
