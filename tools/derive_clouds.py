"""Derive the pack `clouds` from the real data set and the curated list beside this file.

    python tools/derive_clouds.py ../shared/data

`cloud_regions.csv` names each public region with the city that its provider names, the city's
coordinates (GeoNames) and its grid zone; `=` takes the zone from the curated sites of the data set.
What nobody publishes stays empty. Running it twice writes the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

import typical_world as world
from wattlas.data.pack import EMBEDDED
from wattlas.data.pack_writer import NewTable, PackHead, write_pack

NAME = "clouds"
CURATED = Path(__file__).parent / "cloud_regions.csv"
PROVIDERS = ("aws", "gcp", "azure")
SITES = "curated sites"
PUBLISHED = "published by the provider"
ELSEWHERE = {"aws:us-east-2": 1.13, "aws:ca-central-1": 1.19, "aws:af-south-1": 1.24}
"""Published for 2024, and noted among the sites as the nearest to one without its own figure."""
INTERNET = "internet"
RTT_SOURCE = {"aws": "cloudping", "gcp": "google", "azure": "microsoft"}
EGRESS_SOURCE = {"skyplane": "skyplane 2023", "sustain-cluster": "sustain-cluster 2025"}
GEONAMES = ("GeoNames", "CC BY 4.0")
FACTS = "facts, with attribution"


def cloud_regions(data: Path) -> pl.DataFrame:
    """Every public region: where it stands, and what is published of it."""
    areas = world.jurisdictions(data)
    sites = _site_of_region(data)
    rows = []
    for row in pl.read_csv(CURATED, infer_schema=False).iter_rows(named=True):
        site = sites.get(row["cloud"], {})
        zone, zone_source = row["zone"], row["zone_source"]
        if zone == "=":
            zone, zone_source = str(site["zone"]), SITES
        pue = ELSEWHERE.get(row["cloud"], site.get("pue"))
        rows.append(
            {
                "cloud": row["cloud"],
                "name": row["name"],
                "country": row["country"],
                "jurisdiction": areas.get(row["country"], row["country"]),
                "lat_deg": float(row["lat_deg"]),
                "lon_deg": float(row["lon_deg"]),
                "timezone": row["timezone"],
                "zone": zone or None,
                "pue": pue,
                "place_source": f"GeoNames {row['geonameid']}",
                "zone_source": zone_source or None,
                "pue_source": None if pue is None else _published(row["cloud"], site),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _site_of_region(data: Path) -> dict[str, dict[str, object]]:
    """Cloud id → zone, and the PUE that its provider publishes, of the site that names it."""
    found: dict[str, dict[str, object]] = {}
    for site in pl.read_csv(data / "sites.csv").iter_rows(named=True):
        for provider in PROVIDERS:
            if site[f"{provider}_region"]:
                found[f"{provider}:{site[f'{provider}_region']}"] = {
                    "zone": site["zone"],
                    "pue": site[f"pue_{provider}"],
                    "year": site[f"pue_{provider}_year"],
                }
    return found


def _published(cloud: str, site: dict[str, object]) -> str:
    year = "2024" if cloud in ELSEWHERE else f"{float(str(site['year'])):.0f}"
    return f"{PUBLISHED}, {year}"


def cloud_rtt(data: Path, known: set[str]) -> pl.DataFrame:
    """Measured round trips between regions of one provider."""
    rows = pl.read_csv(data / "rtt_inter_region.csv").filter(pl.col("provider").is_in(PROVIDERS))
    ids = [pl.format("{}:{}", "provider", end).alias(end) for end in ("src", "dst")]
    table = rows.with_columns(*ids, pl.col("provider").replace_strict(RTT_SOURCE).alias("source"))
    table = table.filter(pl.col("src").is_in(known) & pl.col("dst").is_in(known))
    table = table.select("src", "dst", pl.col("rtt_ms").round(1), "source").sort("src", "dst")
    return table.rename({"src": "cloud", "dst": "to"})


def cloud_egress(data: Path, known: set[str]) -> pl.DataFrame:
    """List prices of traffic between regions of one provider, and to the internet."""
    rows = pl.read_csv(data / "egress_prices.csv", infer_schema_length=None)
    ends = [
        pl.when(pl.col(end) == INTERNET)
        .then(pl.lit(INTERNET))
        .otherwise(
            pl.format("{}:{}", "provider", pl.col(end).str.to_lowercase().str.replace_all(" ", ""))
        )
        .alias(end)
        for end in ("src", "dst")
    ]
    source = pl.col("source").str.split(" ").list.first().replace_strict(EGRESS_SOURCE)
    table = rows.with_columns(*ends, source.alias("source"))
    table = table.filter(pl.col("src").is_in(known), pl.col("dst").is_in({*known, INTERNET}))
    table = table.unique(["src", "dst"], keep="first", maintain_order=True).sort("src", "dst")
    return table.select(cloud="src", to="dst", egress_usd_per_gb="usd_per_gb", source="source")


def write(data: Path, folder: Path) -> None:
    """All tables and the manifest."""
    regions = cloud_regions(data)
    known = set(regions["cloud"])
    cities = world.cities_table(data, world.jurisdictions(data))
    metros = cities[world.apart(cities)].drop("continent", "city")
    rtt, egress = cloud_rtt(data, known), cloud_egress(data, known)
    tables = {
        "metros": NewTable(
            metros,
            *GEONAMES,
            "persons within 65 km",
            "those of a list of 241 cities whose 65 km circles do not overlap",
        ),
        "cloud_regions": NewTable(
            regions,
            "regions and their cities: the lists of AWS (docs.aws.amazon.com), Google Cloud "
            "(cloud.google.com) and Azure (learn.microsoft.com); coordinates: GeoNames; zones and "
            "PUE: curated, each with its source",
            f"{FACTS}; GeoNames: CC BY 4.0",
            "degrees; facility / IT energy",
            "a region stands at the city that its provider names; where it names a state or a "
            "country, at a city known to hold it, or its largest; zone names are those of "
            "Electricity Maps",
        ),
        "cloud_rtt": NewTable(
            rtt,
            "AWS: cloudping.co, p50 over 2024-10 to 2025-10; Google Cloud: published means; "
            "Azure: Microsoft's published p50",
            FACTS,
            "ms",
        ),
        "cloud_egress": NewTable(
            egress,
            "AWS: list prices of 2023 as collected by skyplane (Apache-2.0); Google Cloud and "
            "Azure: list prices of 2025 as collected by sustain-cluster",
            f"Apache-2.0; {FACTS}",
            "USD/GB",
        ),
    }
    lacks = regions.filter(pl.col("pue").is_null()).height
    head = PackHead(
        name=NAME,
        title="Public regions of AWS, Google Cloud and Azure, and cities to ask from",
        kind="facts",
        missing=(
            f"{lacks} of {regions.height} regions have no published PUE: the scenario gives it.",
            "azure:westus3 has no grid zone: two utilities share its city.",
            "Round trips and prices between providers, and those of new regions, are not there.",
            "Hours of price and carbon are those of another pack, or of your own.",
        ),
    )
    write_pack(folder, head, tables)


def main(arguments: list[str] | None = None) -> None:
    """Read the data set, derive, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the real data set")
    parser.add_argument("--out", type=Path, default=EMBEDDED / NAME, help="folder to write")
    options = parser.parse_args(arguments)
    write(options.data, options.out)
    size = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    print(f"{options.out}: {size / 1024:.0f} KiB", file=sys.stderr)


if __name__ == "__main__":
    main()
