"""Derive the pack `carbon-2022`: hourly carbon of the grid zones that public regions name.

    python tools/derive_carbon.py ../shared/data

One year, one kind of average, and nothing but carbon. The hours are a part of a database under the
Open Database License, so they stand in the folder `odbl/` with its notice. Running it twice writes
the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

from wattlas.data.clouds import cloud_regions
from wattlas.data.pack import EMBEDDED, PackTime
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.whole_file import write_bytes

NAME, YEAR, HOURS = "carbon-2022", 2022, 8760
SOURCE = "Electricity Maps, hourly life-cycle carbon intensity of 2022"
ODBL = "ODbL-1.0, https://opendatacommons.org/licenses/odbl/1-0/"
NOTICE = "Carbon: hours of 2022. Source: Electricity Maps, ODbL."
LICENCE = f"""# Licence of the files in this folder

Source: Electricity Maps (https://www.electricitymaps.com), hourly life-cycle carbon intensity
of 2022, by way of the data of a study of carbon-aware shifting (github.com/umassos,
decarbonization-potential).

The table in this folder is a part of that database, rounded to 1 g/kWh. It is available under the
Open Database License 1.0 (ODbL): {ODBL.split(", ")[1]}.
You may share, adapt and use it, also commercially, if you keep this notice and offer an adapted
database under the same licence. The licence of the rest of Wattlas is not affected.
"""
MISSING = (
    "There are no prices: make carbon least, with `signals.price.unknown: true`.",
    "The average is over the life cycle; there is no marginal intensity.",
    "India West and Tokyo are entirely estimated by a model of their publisher; Britain, Tokyo, "
    "Chile, India West and Korea differ from later editions of the same hours.",
)


def carbon_hours(data: Path) -> pl.DataFrame:
    """The hours of each zone that a public region names and the data set has."""
    zones = {str(region["zone"]) for region in cloud_regions().values() if region["zone"]}
    hours = pl.read_parquet(data / "carbon_intensity_hourly_2022_123zones.parquet")
    table = hours.filter(pl.col("zone").is_in(zones), pl.col("ts_utc").dt.year() == YEAR)
    whole = table.group_by("zone").agg(pl.len(), pl.col("ci_lca_g_per_kwh").null_count())
    complete = whole.filter(pl.col("len") == HOURS, pl.col("ci_lca_g_per_kwh") == 0)["zone"]
    kept = table.filter(pl.col("zone").is_in(complete.implode())).sort("zone", "ts_utc")
    return kept.select(
        time_utc="ts_utc", zone="zone", average_g_per_kwh=pl.col("ci_lca_g_per_kwh").round(0)
    )


def write(data: Path, folder: Path) -> int:
    """The table, its notice and the manifest; the number of zones."""
    frame = carbon_hours(data)
    zones = frame["zone"].n_unique()
    write_bytes(folder / "odbl" / "NOTICE.md", LICENCE.encode())
    head = PackHead(
        name=NAME,
        title=f"Carbon intensity of {zones} grid zones, hours of {YEAR}",
        time=PackTime(start_utc=f"{YEAR}-01-01T00:00:00Z", hours=HOURS),
        notice=NOTICE,
        missing=MISSING,
    )
    table = NewTable(frame, SOURCE, ODBL, "gCO2e/kWh", "rounded", file="odbl/carbon.parquet")
    write_pack(folder, head, {"carbon": table})
    return zones


def main(arguments: list[str] | None = None) -> None:
    """Read the data set, derive, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the real data set")
    parser.add_argument("--out", type=Path, default=EMBEDDED / NAME, help="folder to write")
    options = parser.parse_args(arguments)
    zones = write(options.data, options.out)
    size = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    print(f"{options.out}: {zones} zones, {size / 1024:.0f} KiB", file=sys.stderr)


if __name__ == "__main__":
    main()
