"""Conversions between the units that names carry as suffixes.

Suffix            Meaning
`_ms`             milliseconds
`_kwh`, `_mwh`    energy; IT energy unless the name says facility
`_usd_per_mwh`    electricity price
`_g_per_kwh`      carbon intensity, gCO2e per kWh
`_gpu_h`          accelerator time
`_per_h`          a rate
`_t`, `_kg`       tonnes and kilograms of CO2e
"""

from __future__ import annotations

J_PER_KWH = 3.6e6
KWH_PER_MWH = 1e3
G_PER_KG = 1e3
G_PER_T = 1e6
KG_PER_T = 1e3
BYTES_PER_GB = 1e9
S_PER_H = 3600.0
MS_PER_S = 1e3
EARTH_RADIUS_KM = 6371.0088


def kwh_from_j(energy_j: float) -> float:
    """Joules to kilowatt-hours."""
    return energy_j / J_PER_KWH


def usd_per_kwh(price_usd_per_mwh: float) -> float:
    """USD/MWh to USD/kWh."""
    return price_usd_per_mwh / KWH_PER_MWH


def t_per_kwh(intensity_g_per_kwh: float) -> float:
    """gCO2e/kWh to tCO2e/kWh."""
    return intensity_g_per_kwh / G_PER_T
