"""A company to start from: the files of a scenario for given cloud regions, to be filled in.

What the pack `clouds` knows of the regions is left to it. What nobody can know of a company
(demand, accelerators, what they cost) is invented, marked as such, and stands in small tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl

from wattlas.data.clouds import cloud_regions, measured_ms
from wattlas.data.pack import open_pack, shipped
from wattlas.data.yaml_lines import written
from wattlas.errors import InputError, Problem
from wattlas.model.suggest import did_you_mean

WORLD = "typical-2023"
TEMPLATE = Path(__file__).parent / "templates" / "company.yaml"
ASSUMED_PUE = 1.15
"""AWS's mean over its fleet in 2024; where a provider publishes none for a region."""
DEMAND_PER_DAY = {
    "US": (1_800_000, 500_000, 300_000),
    "IN": (700_000, 150_000, 0),
    "GB": (350_000, 90_000, 0),
    "DE": (350_000, 90_000, 150_000),
    "FR": (250_000, 60_000, 0),
    "JP": (300_000, 60_000, 100_000),
    "BR": (250_000, 30_000, 0),
}
"""Invented requests per day of each class."""
CLASSES = ("chat", "code", "batch")
METROS_PER_COUNTRY = 3
ACCELERATORS = 300
"""In all regions together: about twice what the invented demand needs at its peak."""
MODELS = {"large": "large-h100-fast", "medium": "medium-h100-fast", "small": "small-h100-batch"}


def company(folder: str, regions: Sequence[str]) -> dict[str, str]:
    """File name → text. Raises InputError for an id that is no public region, or given twice."""
    known = cloud_regions()
    problems = [
        Problem("--regions", f"`{region}` is no public region", did_you_mean(region, known))
        for region in regions
        if region not in known
    ]
    problems += [
        Problem("--regions", f"`{region}` is given twice", "Name it once.")
        for n, region in enumerate(regions)
        if region in regions[:n]
    ]
    if problems:
        raise InputError(problems)
    name = folder.rstrip("/").rpartition("/")[2]
    name = name if any(map(str.isalnum, name)) else "company"
    scenario = TEMPLATE.read_text(encoding="utf-8")
    words = {"NAME": name, "WRITTEN": written(name), "COUNT": str(len(regions))}
    words |= {"FOLDER": folder, "WORLD": WORLD}
    for key, word in words.items():
        scenario = scenario.replace(f"@{key}@", word)
    return {
        "scenario.yaml": scenario,
        "regions.csv": _regions(regions),
        "metros.csv": _metros(),
        "models.csv": _models(),
        "rtt.csv": _matrix(regions),
        "demand.csv": _demand(),
    }


def without_hours(regions: Sequence[str]) -> list[str]:
    """Sentences on what the regions still need: a grid zone, or hours that the world lacks."""
    have = set(open_pack(WORLD).frame("price_series")["zone"])
    lacking: dict[str, list[str]] = {}
    for region in regions:
        zone = cloud_regions()[region]["zone"]
        if zone not in have:
            lacking.setdefault(zone or "", []).append(region)
    return [
        f"{', '.join(named)}: no hours of grid zone {zone} in {WORLD}. Bring them: "
        f"wattlas data import FILE --from electricity-maps --into hours{_carbon_alone(zone)}"
        if zone
        else f"{', '.join(named)}: no grid zone is known. Add a column `zone` to regions.csv"
        for zone, named in lacking.items()
    ]


def _carbon_alone(zone: str) -> str:
    """How a study of carbon gets the hours that ship."""
    packs = shipped("carbon", zone)
    return f"; or study carbon alone with `pack: [{WORLD}, {packs[0]}]`" if packs else ""


def _regions(regions: Sequence[str]) -> str:
    each = ceil(ACCELERATORS / len(regions))
    lines = [
        "# INVENTED: accelerators, and what each costs a year.",
        f"# PUE stands where the provider publishes none for the region; {ASSUMED_PUE} is assumed.",
        "region,pue,reserved_gpu,reserved_usd_per_gpu_year",
    ]
    for region in regions:
        pue = "" if cloud_regions()[region]["pue"] is not None else ASSUMED_PUE
        lines.append(f"{region},{pue},{each},17520")
    return "\n".join(lines) + "\n"


def _metros() -> str:
    """The largest cities of each country of the demand."""
    rows = open_pack("clouds").frame("metros")
    rows = rows.filter(pl.col("country").is_in(list(DEMAND_PER_DAY)))
    largest = rows.sort("population", descending=True).group_by("country", maintain_order=True)
    head = largest.head(METROS_PER_COUNTRY).sort("country", "population", descending=[False, True])
    source = (
        "# Cities and the persons within 65 km of each (GeoNames, CC BY 4.0). Demand of a country\n"
    )
    columns = "metro name country jurisdiction lat_deg lon_deg timezone population".split()
    return f"{source}# is shared by population.\n{head.select(columns).write_csv()}"


def _models() -> str:
    """Three measured models of the embedded world, under names of their own."""
    rows = open_pack(WORLD).frame("points")
    names = {point: name for name, point in MODELS.items()}
    kept = rows.filter(pl.col("point").is_in(list(names)))
    kept = kept.with_columns(pl.col("point").replace_strict(names))
    head = "# Measured by others, as `source` says; replace them by what yours take.\n"
    return head + kept.write_csv()


def _matrix(regions: Sequence[str]) -> str:
    """Measured round trips between the regions; empty where none is known."""
    lines = ["# ms. Measured within one provider (cloudping.co, Google, Microsoft); empty: fitted."]
    lines.append(",".join(["node", *regions]))
    for a in regions:
        cells = [measured_ms(a, b) for b in regions]
        lines.append(",".join([a, *("" if np.isnan(ms) else f"{ms:g}" for ms in cells)]))
    return "\n".join(lines) + "\n"


def _demand() -> str:
    lines = ["# INVENTED. Columns: metro or country; class; requests or tokens per day or month."]
    lines.append("country,class,requests_per_day")
    for country, numbers in DEMAND_PER_DAY.items():
        lines += [f"{country},{k},{n}" for k, n in zip(CLASSES, numbers, strict=True) if n]
    return "\n".join(lines) + "\n"
