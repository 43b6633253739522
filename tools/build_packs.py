"""Build packs of real hours from the real data set, for tests and benchmarks.

    python tools/build_packs.py ../shared/data [--out packs] [--only core-2023 …]

Some of the sources may not be passed on: these packs are for the machine they were built on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl

import typical_points
import typical_world as world
from wattlas.data.pack import PackTime
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.schema.hours import TIME
from wattlas.data.typical import days_in_months

HOURS_PER_DAY = 24
AWS_WIDE = world.AWS_REGION | {
    "nl-eemshaven": "eu-central-1",
    "be-stghislain": "eu-west-3",
    "ch-zurich": "eu-central-2",
    "at-vienna": "eu-central-1",
    "pt-lisbon": "eu-south-2",
}
NOTICE = "Built from sources whose terms are unclear in part: do not pass this pack on."
EM = "Electricity Maps, hourly life-cycle carbon intensity (ODbL-1.0)"
MARKETS = "wholesale market operators, collected by sustain-cluster; USD at daily ECB rates"
WONDER = "WonderNetwork, November 2018, city to city; terms unclear"


@dataclass(frozen=True)
class Recipe:
    """Which sites and which year a pack is made of."""

    name: str
    title: str
    year: int
    core: bool
    days: int = 0
    """Days from 1 January; 0 for the whole year."""
    recovered_carbon: bool = False
    """Also take the 123 zones whose 2022 intensity was recovered from a published study."""


RECIPES = (
    Recipe("core-2023", "18 grid zones on six continents, 2023, real hours", 2023, core=True),
    Recipe(
        "wide-2022",
        "23 sites and 100 more carbon zones, 2022, real hours",
        2022,
        False,
        recovered_carbon=True,
    ),
    Recipe("hours-2021", "Zones with complete price and carbon in 2021, real hours", 2021, False),
    Recipe(
        "hours-2024", "Zones complete in the first 365 days of 2024, real hours", 2024, False, 365
    ),
)


def hours_of(recipe: Recipe) -> int:
    """Hours that the pack covers."""
    return (recipe.days or int(days_in_months(recipe.year).sum())) * HOURS_PER_DAY


def hourly(file: Path, recipe: Recipe, column: str, name: str) -> pl.DataFrame:
    """Rows of the recipe's hours as time, zone, value; a null counts as missing."""
    return (
        pl.read_parquet(file)
        .filter(
            pl.col("ts_utc").dt.year() == recipe.year,
            pl.col("ts_utc")
            < pl.datetime(recipe.year, 1, 1, time_zone="UTC") + pl.duration(hours=hours_of(recipe)),
        )
        .select(
            pl.col("ts_utc").alias(TIME),
            pl.col("zone").cast(pl.String),
            pl.col(column).cast(pl.Float64).round(4).alias(name),
        )
        .filter(pl.col(name).is_not_null() & pl.col(name).is_not_nan())
        .unique([TIME, "zone"], keep="first", maintain_order=True)
    )


def carbon_of(data: Path, recipe: Recipe) -> pl.DataFrame:
    """Average intensity: the publisher's own files first, then the recovered zones."""
    value = "average_g_per_kwh"
    published = hourly(
        data / "carbon_intensity_hourly_em.parquet", recipe, "ci_lca_g_per_kwh", value
    )
    if not recipe.recovered_carbon:
        return published
    more = hourly(
        data / "carbon_intensity_hourly_2022_123zones.parquet", recipe, "ci_lca_g_per_kwh", value
    )
    complete = published.group_by("zone").len().filter(pl.col("len") == hours_of(recipe))["zone"]
    published = published.filter(pl.col("zone").is_in(complete.to_list()))
    return pl.concat([published, more.filter(~pl.col("zone").is_in(complete.to_list()))])


def split_complete(
    frame: pl.DataFrame, signal: str, expected: int, keep: bool
) -> tuple[pl.DataFrame, list[str]]:
    """Series that have every hour, and a sentence on each that has not."""
    counts = dict(frame.group_by("zone").len().sort("zone").iter_rows())
    lacking = {zone: expected - have for zone, have in counts.items() if have < expected}
    consequence = "" if keep else "; it is left out"
    missing = [
        f"{zone}: {signal} lacks {n} of {expected:,} hours{consequence}."
        for zone, n in lacking.items()
    ]
    if keep:
        return frame, missing
    return frame.filter(~pl.col("zone").is_in(list(lacking))), missing


def client_network(
    data: Path, cities: pl.DataFrame, regions: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """A node in every city, measured round trips from there to the sites, egress of the nearest."""
    ids = regions["region"].to_list()
    nodes = cities.select(
        pl.col("metro").alias("node"), "name", "jurisdiction", "lat_deg", "lon_deg"
    )
    names = dict(cities.select("city", "metro").iter_rows())
    rtt = (
        pl.read_csv(data / "rtt_client_to_site.csv.gz")
        .filter(pl.col("site").is_in(ids))
        .select(
            node=pl.col("city").replace_strict(names),
            region="site",
            rtt_ms="rtt_ms",
            method=pl.when(pl.col("method").str.starts_with("wonder"))
            .then(pl.lit("measured"))
            .when(pl.col("method") == "distance_fit")
            .then(pl.lit("fitted"))
            .otherwise(pl.col("method")),
        )
    )
    nearest = world.fitted_ms(cities, regions).argmin(axis=1)
    site = pl.DataFrame({"city_node": cities["metro"], "node": [ids[i] for i in nearest]})
    between = world.egress_table(data, ids, AWS_WIDE)
    egress = site.join(between, on="node").select(
        node="city_node", region="region", egress_usd_per_gb="egress_usd_per_gb", method="method"
    )
    to_own_node = cities.select(
        "metro", node="metro", rtt_ms=pl.lit(0.0), method=pl.lit("measured")
    )
    return {"nodes": nodes, "rtt_metro_node": to_own_node, "rtt_node_region": rtt, "egress": egress}


def build(data: Path, recipe: Recipe, folder: Path, keep_incomplete: bool) -> None:
    """One pack; regions are the sites whose zone has every hour of price and of carbon."""
    areas = world.jurisdictions(data)
    price = hourly(
        data / "electricity_price_hourly.parquet",
        recipe,
        "price_usd_per_mwh",
        "price_usd_per_mwh",
    )
    carbon = carbon_of(data, recipe)
    sites = pl.read_csv(data / "sites.csv")
    if recipe.core:
        sites = sites.filter(pl.col("core") == 1)
        zones = sites["zone"].to_list()
        price = price.filter(pl.col("zone").is_in(zones))
        carbon = carbon.filter(pl.col("zone").is_in(zones))
    price, missing = split_complete(price, "price", hours_of(recipe), keep_incomplete)
    carbon, more = split_complete(carbon, "carbon", hours_of(recipe), keep_incomplete)
    missing += more
    complete = {
        name: set(frame["zone"].unique()) for name, frame in (("price", price), ("carbon", carbon))
    }
    usable = complete["price"] & complete["carbon"]
    for site, zone in sites.select("site", "zone").iter_rows():
        if zone not in usable:
            lacks = " and ".join(name for name, zones in complete.items() if zone not in zones)
            missing.append(f"{site}: no region, for its zone {zone} has no complete {lacks}.")
    regions = world.regions_table(sites.filter(pl.col("zone").is_in(list(usable))), areas)
    cities = world.cities_table(data, areas)
    network = client_network(data, cities, regions)
    metros = cities.with_columns(node="metro").drop("continent", "city")
    tables = {
        "price": NewTable(price, MARKETS, "terms unclear", "USD/MWh", "wholesale energy only"),
        "carbon": NewTable(carbon, EM, "ODbL-1.0", "gCO2e/kWh", "life-cycle average"),
        "regions": NewTable(regions, "curated sites", "Apache-2.0", "PUE: facility / IT energy"),
        "metros": NewTable(metros, "GeoNames", "CC BY 4.0", "persons within 65 km"),
        "nodes": NewTable(network["nodes"], "one in each city", "CC BY 4.0", "degrees"),
        "rtt_metro_node": NewTable(network["rtt_metro_node"], "0 by definition", "", "ms"),
        "rtt_node_region": NewTable(network["rtt_node_region"], WONDER, "terms unclear", "ms"),
        "egress": NewTable(
            network["egress"],
            "AWS list prices of 2023 (skyplane)",
            "Apache-2.0",
            "USD/GB",
            "of the site nearest to the city",
        ),
        "points": NewTable(
            typical_points.points_table(data),
            "ML.ENERGY leaderboard v3, llm-stats",
            "Apache-2.0 and CC BY 4.0",
            "J, s and ms per token",
        ),
        "token_profiles": NewTable(
            world.token_profiles(data),
            "Azure LLM inference trace 2023, Mooncake",
            "CC BY 4.0 and Apache-2.0",
            "tokens per request",
        ),
    }
    missing.append("There is no marginal carbon intensity; prices are wholesale energy only.")
    head = PackHead(
        name=recipe.name,
        title=recipe.title,
        time=PackTime(start_utc=f"{recipe.year}-01-01T00:00:00Z", hours=hours_of(recipe)),
        notice=NOTICE,
        missing=missing,
    )
    write_pack(folder, head, tables)
    print(f"{folder}: {regions.height} regions, {cities.height} metros", file=sys.stderr)
    for sentence in missing:
        print(f"  {sentence}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Build the packs that the arguments name."""
    names = [recipe.name for recipe in RECIPES]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the real data set")
    parser.add_argument("--out", type=Path, default=Path("packs"), help="folder for the packs")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--keep-incomplete", action="store_true", help="keep series that lack hours"
    )
    options = parser.parse_args(arguments)
    for recipe in RECIPES:
        if recipe.name in options.only:
            build(options.data, recipe, options.out / recipe.name, options.keep_incomplete)


if __name__ == "__main__":
    main()
