"""Factors between the units that names carry as suffixes, and how counts and lists are said.

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

from collections.abc import Sequence

J_PER_KWH = 3.6e6
KWH_PER_MWH = 1e3
G_PER_KG = 1e3
G_PER_T = 1e6
KG_PER_T = 1e3
BYTES_PER_GB = 1e9
S_PER_H = 3600.0
HOURS_PER_YEAR = 8760.0
EARTH_RADIUS_KM = 6371.0088


def noun(count: float, thing: str) -> str:
    """What is counted, as it follows its number: `run` after 1, `runs` after any other."""
    return thing if count == 1 else f"{thing}s"


def some(names: Sequence[str], most: int) -> str:
    """The first of several names, and how many more there are: `oslo, austin and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
