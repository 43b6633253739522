"""Places, round trips, egress, operating points and token profiles of the embedded world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from wattlas.model.geography import great_circle_km
from wattlas.model.network import RttModel, rtt_from_distance_ms

METROS = 72
LEAST_PER_CONTINENT = {"AF": 8, "AS": 10, "EU": 10, "NA": 10, "OC": 5, "SA": 8}
APART_KM = 130.0
"""Populations are counted within 65 km: circles this far apart share no person."""

SUBURBS = ("Koto", "Manhattan", "Secaucus", "Stamford", "Piscataway", "Alblasserdam", "Tempe")
"""Passed over for the city of the same circle that gives the metro its name."""

AWS_REGION = {
    "us-virginia": "us-east-1",
    "us-newyork": "us-east-2",
    "us-texas": "us-east-2",
    "us-california": "us-west-1",
    "ca-toronto": "ca-central-1",
    "br-saopaulo": "sa-east-1",
    "cl-santiago": "sa-east-1",
    "gb-london": "eu-west-2",
    "de-frankfurt": "eu-central-1",
    "fr-paris": "eu-west-3",
    "es-madrid": "eu-south-2",
    "za-johannesburg": "af-south-1",
    "jp-tokyo": "ap-northeast-1",
    "kr-seoul": "ap-northeast-2",
    "sg-singapore": "ap-southeast-1",
    "in-mumbai": "ap-south-1",
    "au-sydney": "ap-southeast-2",
    "au-melbourne": "ap-southeast-2",
}
"""The region whose list price stands for the site: its own, or the nearest one in the list."""

CONTINENT = {
    "AF": "DZ EG GH KE LY MA MU NG SC SN TN TZ UG ZA",
    "EU": "AL AT BA BE BG BY CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IM IS IT LT LU LV MD ME MK"
    " MT NL NO PL PT RO RS RU SE SI SK UA",
    "NA": "CA CR CU DO GT HN JM MX NI PA PR SV US VI",
    "OC": "AU FJ GU NC NZ PG",
    "SA": "AR BO BR CL CO EC PE PY SR UY VE",
}
_CONTINENT_OF = {country: k for k, countries in CONTINENT.items() for country in countries.split()}


def jurisdictions(data: Path) -> dict[str, str]:
    """Country to legal area: `EU` for the EU and the EEA, else the country itself."""
    regimes = pl.read_csv(data / "country_data_regimes.csv").select("country", "regime").iter_rows()
    return {country: "EU" if regime == "EU-GDPR" else country for country, regime in regimes}


def core_sites(data: Path) -> pl.DataFrame:
    """The sites of the 18 core zones, in the order of the source."""
    return pl.read_csv(data / "sites.csv").filter(pl.col("core") == 1)


def regions_table(sites: pl.DataFrame, areas: dict[str, str]) -> pl.DataFrame:
    """One region per site, on its grid zone."""
    return sites.select(
        region="site",
        name="metro",
        zone="zone",
        country="country",
        jurisdiction=pl.col("country").replace_strict(areas, default=pl.col("country")),
        lat_deg="lat",
        lon_deg="lon",
        timezone="tz",
        pue="pue",
    )


def nodes_table(regions: pl.DataFrame) -> pl.DataFrame:
    """One service node at each site."""
    return regions.select(
        "name", "jurisdiction", "lat_deg", "lon_deg", "region", node="region"
    ).select("node", "name", "jurisdiction", "lat_deg", "lon_deg", "region")


def city_id(city: str) -> str:
    """`Sao Paulo` to `sao-paulo`."""
    letters = "".join(c if c.isalnum() else " " for c in city.lower())
    return "-".join(letters.split())


def cities_table(data: Path, areas: dict[str, str]) -> pl.DataFrame:
    """All client cities as metros, most populous first, with their continent."""
    cities = pl.read_csv(data / "client_cities.csv").sort(
        ["population_within_65km", "city"], descending=[True, False]
    )
    return cities.select(
        metro=pl.col("city").map_elements(city_id, return_dtype=pl.String),
        name="city",
        country="country",
        jurisdiction=pl.col("country").replace_strict(areas, default=pl.col("country")),
        lat_deg=pl.col("lat").round(4),
        lon_deg=pl.col("lon").round(4),
        timezone="tz",
        population=pl.col("population_within_65km"),
        continent=pl.col("country").replace_strict(_CONTINENT_OF, default="AS"),
        city="city",
    )


def _distance(a: pl.DataFrame, b: pl.DataFrame) -> np.ndarray:
    return great_circle_km(
        a["lat_deg"].to_numpy(),
        a["lon_deg"].to_numpy(),
        b["lat_deg"].to_numpy(),
        b["lon_deg"].to_numpy(),
    )


def apart(cities: pl.DataFrame) -> list[int]:
    """Rows down the list whose 65 km circles do not overlap: nobody lives in two of them."""
    is_apart = _distance(cities, cities) >= APART_KM
    separate: list[int] = []
    for row, name in enumerate(cities["name"]):
        if name not in SUBURBS and all(is_apart[row, other_row] for other_row in separate):
            separate.append(row)
    return separate


def choose_metros(cities: pl.DataFrame) -> pl.DataFrame:
    """The most populous cities whose 65 km circles do not overlap, some on each continent.

    Down the list by population, without suburbs and without cities nearer than 130 km to one above.
    A continent first gets its least number; then the most populous of the others fill the rest.
    """
    separate = apart(cities)
    continents = cities["continent"].to_list()
    chosen: set[int] = set()
    for continent, least in LEAST_PER_CONTINENT.items():
        chosen.update([row for row in separate if continents[row] == continent][:least])
    for row in separate:
        if len(chosen) >= METROS:
            break
        chosen.add(row)
    return cities[sorted(chosen)]


def fitted_ms(a: pl.DataFrame, b: pl.DataFrame) -> np.ndarray:
    """Fitted round trip between each place of a and of b, ms, rounded to 0.01."""
    return np.round(rtt_from_distance_ms(_distance(a, b), RttModel.FITTED), 2)


def with_nearest_node(metros: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Each metro with the node of the least fitted round trip."""
    nearest = fitted_ms(metros, nodes).argmin(axis=1)
    names = nodes["node"].to_list()
    return metros.with_columns(pl.Series("node", [names[i] for i in nearest]))


def rtt_metro_node(metros: pl.DataFrame, nodes: pl.DataFrame) -> pl.DataFrame:
    """Round trips of all metros and nodes by the fitted distance model."""
    return pl.DataFrame(
        {
            "metro": np.repeat(metros["metro"].to_numpy(), nodes.height),
            "node": np.tile(nodes["node"].to_numpy(), metros.height),
            "rtt_ms": fitted_ms(metros, nodes).ravel(),
            "method": "fitted",
        }
    )


def rtt_node_region(data: Path, regions: pl.DataFrame) -> pl.DataFrame:
    """Measured round trips between sites; the fitted distance model where none may be shipped."""
    ids = regions["region"].to_list()
    rows = pl.read_csv(data / "rtt_site_to_site.csv").filter(
        pl.col("src_site").is_in(ids), pl.col("dst_site").is_in(ids)
    )
    by_pair = {(r["src_site"], r["dst_site"]): r for r in rows.iter_rows(named=True)}
    fitted = fitted_ms(regions, regions)
    out = []
    for i, node in enumerate(ids):
        for j, region in enumerate(ids):
            row = by_pair[node, region]
            keep = row["method"] in ("measured", "intra_site")
            rtt_ms = round(row["rtt_ms"], 2) if keep else float(fitted[i, j])
            out.append((node, region, rtt_ms, row["method"] if keep else "fitted"))
    return pl.DataFrame(out, schema=["node", "region", "rtt_ms", "method"], orient="row")


def egress_table(data: Path, sites: list[str], aws: dict[str, str]) -> pl.DataFrame:
    """Mean of the list prices of both directions of one provider, USD/GB; 0 within a site.

    Requests and answers cross the pair in opposite directions and each is billed where it leaves.
    Two sites that one region stands for get the least price that leaves this region.
    """
    listed = pl.read_csv(data / "egress_prices.csv").filter(
        pl.col("provider") == "aws", pl.col("source").str.contains("skyplane")
    )
    price = {(a, b): usd for a, b, usd in listed.select("src", "dst", "usd_per_gb").iter_rows()}
    least = dict(
        listed.filter(pl.col("dst") != "internet").group_by("src").agg(pl.min("usd_per_gb")).rows()
    )
    out = []
    for node in sites:
        for region in sites:
            a, b = aws[node], aws[region]
            if node == region:
                usd, method = 0.0, "same site"
            elif a == b:
                usd, method = least[a], "least price out of the shared region"
            else:
                usd, method = (price[a, b] + price[b, a]) / 2, "list price"
            out.append((node, region, round(usd, 4), method))
    columns = ["node", "region", "egress_usd_per_gb", "method"]
    return pl.DataFrame(out, schema=columns, orient="row")


TRACES = {
    "azure2023_conv": ("A", "Azure LLM inference trace 2023, conversation (CC BY 4.0)"),
    "azure2023_code": ("B", "Azure LLM inference trace 2023, code (CC BY 4.0)"),
    "mooncake_conversation": ("C", "Mooncake trace, conversation (Apache-2.0)"),
    "mooncake_synthetic": ("D", "Mooncake trace, synthetic (Apache-2.0)"),
}
"""Which class a trace suggests the token lengths of, and where it comes from."""


def token_profiles(data: Path) -> pl.DataFrame:
    """Lengths of prompts and answers in the traces, tokens."""
    sides = []
    for side in ("in", "out"):
        column = pl.col(f"{side}put_tokens")
        sides += [
            column.mean().round(1).alias(f"tokens_{side}_mean"),
            column.quantile(0.5).alias(f"tokens_{side}_p50"),
            column.quantile(0.95).alias(f"tokens_{side}_p95"),
        ]
    frame = pl.read_parquet(data / "llm_requests.parquet").with_columns(
        pl.col("trace").cast(pl.String)
    )
    counted = frame.group_by("trace").agg(pl.len().cast(pl.Int64).alias("requests"), *sides)
    by_pair = pl.DataFrame(
        [(trace, *facts) for trace, facts in TRACES.items()],
        schema=["trace", "class", "source"],
        orient="row",
    )
    return by_pair.join(counted, on="trace", maintain_order="left").select(
        "trace", "class", "requests", pl.col("^tokens_.*$"), "source"
    )
