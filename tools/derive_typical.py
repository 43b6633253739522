"""Derive the embedded world `typical-2023` from the real data set.

    python tools/derive_typical.py ../shared/data

Running it twice writes the same bytes. What may not be redistributed never leaves here as it is:
prices go out as month-and-hour figures, client round trips as the fitted distance model.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl

import typical_points
import typical_profiles
import typical_signals
import typical_world as world
from wattlas.data.pack import EMBEDDED, Generator, PackTime
from wattlas.data.pack_writer import NewTable, PackHead, write_pack
from wattlas.data.typical import SeriesFigures, TypicalFigures
from wattlas.data.whole_file import write_bytes

NAME, YEAR = "typical-2023", 2023
PERIOD = ("2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z")
ODBL = "ODbL-1.0, https://opendatacommons.org/licenses/odbl/1-0/"
ELECTRICITY_MAPS = "Electricity Maps, hourly life-cycle carbon intensity of 2023"
NOTICE = (
    "A typical year generated from month-and-hour figures of 2023, not history; prices are "
    "wholesale energy only (no grid fees, taxes or retail margin; South Africa is a tariff). "
    "Carbon: Source: Electricity Maps, ODbL."
)
MISSING = (
    "Prices are wholesale energy only: grid fees, taxes and the retail margin are missing. "
    "South Africa (ZA) is a regulated time-of-use tariff with VAT, not a market.",
    "Prices mix day-ahead and real-time markets; Chile was converted at the mean rate of the year.",
    "Carbon intensity is the life-cycle average; there is no marginal intensity.",
    "India West and Tokyo carbon are entirely estimated by a model of their publisher.",
    "What accelerators cost, and how many there are, are not facts of this pack: the scenario "
    "gives them.",
    "Weekends and holidays are not told apart from working days.",
    "Round trips from clients are modelled from distance, and so are 42 of the 306 between sites.",
)
ODBL_NOTICE = f"""# Licence of the files in this folder

Source: Electricity Maps (https://www.electricitymaps.com), hourly life-cycle carbon intensity
of 2023.

The tables in this folder are a database derived from it: figures per month and hour of the day.
They are available under the Open Database License 1.0 (ODbL): {ODBL.split(", ")[1]}.
You may share, adapt and use them, also commercially, if you keep this notice and offer an adapted
database under the same licence. The licence of the rest of Wattlas is not affected.
"""
PRICE_SOURCE = (
    "derived month-and-hour figures of wholesale prices of 2023 (OMIE, EPEX, GB, AEMO, CCEE, IESO, "
    "CEN, IEX, JEPX, KPX, EMC, Eskom, CAISO, PJM, NYISO, ERCOT) in USD at daily ECB rates"
)
GEONAMES = "GeoNames (CC BY 4.0)"
SITES = "curated; PUE from Green Software Foundation Real Time Cloud and published values"
FACTS = "Apache-2.0 (facts, curated here)"


def signal_tables(
    figures: TypicalFigures, persistence: np.ndarray, correlation: np.ndarray
) -> dict[str, pl.DataFrame]:
    """The figures of both signals, and the latent correlation, as tables."""
    zones, count = list(figures.zones), len(figures.zones)
    tables: dict[str, pl.DataFrame] = {}
    for signal, unit, part, measured in (
        ("price", "usd_per_mwh", figures.price, persistence[:count]),
        ("carbon", "g_per_kwh", figures.carbon, persistence[count:]),
    ):
        tables[f"{signal}_figures"] = _hour_rows(zones, unit, part)
        tables[f"{signal}_months"] = _month_rows(zones, unit, part)
        tables[f"{signal}_series"] = pl.DataFrame(
            {"zone": zones, "slow_share": part.slow_share, "persistence": np.round(measured, 3)}
        )
    of_price = np.round(correlation[np.arange(count), np.arange(count) + count], 3)
    tables["carbon_series"] = tables["carbon_series"].with_columns(
        pl.Series("price_correlation", of_price)
    )
    names = [("price", z) for z in zones] + [("carbon", z) for z in zones]
    pairs = [
        (*names[i], *names[j], round(float(figures.correlation[i, j]), 4))
        for i in range(2 * count)
        for j in range(i)
    ]
    columns = ["signal", "zone", "with_signal", "with_zone", "correlation"]
    tables["correlation"] = pl.DataFrame(pairs, schema=columns, orient="row")
    return tables


def _hour_rows(zones: list[str], unit: str, part: SeriesFigures) -> pl.DataFrame:
    count = len(zones)
    return pl.DataFrame(
        {
            "zone": np.repeat(zones, 288),
            "month": np.tile(np.repeat(np.arange(1, 13), 24), count),
            "hour_utc": np.tile(np.arange(24), 12 * count),
            f"mean_{unit}": part.mean.ravel(),
            f"std_{unit}": part.std.ravel(),
            "tail": part.tail.ravel().astype(int),
        }
    )


def _month_rows(zones: list[str], unit: str, part: SeriesFigures) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "zone": np.repeat(zones, 12),
            "month": np.tile(np.arange(1, 13), len(zones)),
            f"low_{unit}": part.low.ravel(),
            f"high_{unit}": part.high.ravel(),
        }
    )


def world_tables(data: Path) -> dict[str, pl.DataFrame]:
    """Places, network, operating points and token lengths."""
    areas = world.jurisdictions(data)
    regions = world.regions_table(world.core_sites(data), areas)
    nodes = world.nodes_table(regions)
    metros = world.choose_metros(world.cities_table(data, areas))
    metros = world.with_nearest_node(metros, nodes).drop("continent", "city")
    return {
        "metros": metros,
        "nodes": nodes,
        "regions": regions,
        "rtt_metro_node": world.rtt_metro_node(metros, nodes),
        "rtt_node_region": world.rtt_node_region(data, regions),
        "egress": world.egress_table(data, regions["region"].to_list(), world.AWS_REGION),
        "points": typical_points.points_table(data),
        "profiles": typical_profiles.profiles_table(data),
        "token_profiles": world.token_profiles(data),
    }


FITTED = "16.6 ms + 1.515 ms per 100 km, least squares over 1,122 measured pairs of one cloud"
DERIVED = "derived figures; the hourly series are not redistributed"
ABOUT: dict[str, tuple[str, str, str, str]] = {
    "metros": (
        GEONAMES,
        "CC BY 4.0",
        "persons within 65 km",
        f"the {world.METROS} most populous cities of a list of 241 whose 65 km circles do not "
        "overlap, some on every continent; `node` is the nearest",
    ),
    "nodes": (SITES, FACTS, "degrees", "one at each site"),
    "regions": (SITES, FACTS, "PUE: facility / IT energy", "PUE of 2022 to 2024, or stated proxy"),
    "rtt_metro_node": ("fitted distance model", FACTS, "ms", FITTED),
    "rtt_node_region": (
        "median of measured clouds: AWS (cloudping.co), Google Cloud, Azure (Microsoft); "
        "fitted distance model elsewhere",
        "facts, with attribution",
        "ms",
        f"`method` tells them apart; 1 ms is assumed within a site; fitted: {FITTED}",
    ),
    "egress": (
        "AWS list prices of 2023 as collected by skyplane (Apache-2.0)",
        "Apache-2.0",
        "USD/GB",
        "mean of both directions between the AWS regions of, or nearest to, the two sites; "
        "`method` marks the exceptions",
    ),
    "points": (
        "ML.ENERGY leaderboard v3 (Apache-2.0); MMLU-Pro from llm-stats (CC BY 4.0)",
        "Apache-2.0 and CC BY 4.0",
        "J, s and ms per token",
        "prefill and time to first token are modelled, see `source` of each row",
    ),
    "profiles": (
        "ML.ENERGY leaderboard v3 (Apache-2.0); MMLU-Pro, GPQA and list prices from llm-stats "
        "(CC BY 4.0)",
        "Apache-2.0 and CC BY 4.0",
        "J, s and ms per token; USD per million tokens",
        "under chat load; decode measured, prefill and time to first token modelled, see `source` "
        "of each row; `itl_ms` is the mean, sequences in flight / throughput; scores are those "
        "that the makers of the models report; list prices of July to September 2025",
    ),
    "token_profiles": (
        "Azure LLM inference trace 2023 (CC BY 4.0), Mooncake (Apache-2.0)",
        "CC BY 4.0 and Apache-2.0",
        "tokens per request",
        "`class` is a suggestion",
    ),
    "price_figures": (PRICE_SOURCE, "derived figures", "USD/MWh", DERIVED),
    "price_months": (PRICE_SOURCE, "derived figures", "USD/MWh", DERIVED),
    "price_series": (PRICE_SOURCE, "derived figures", "1", DERIVED),
    "carbon_figures": (ELECTRICITY_MAPS, ODBL, "gCO2e/kWh", "derived figures"),
    "carbon_months": (ELECTRICITY_MAPS, ODBL, "gCO2e/kWh", "derived figures"),
    "carbon_series": (ELECTRICITY_MAPS, ODBL, "1", "derived figures"),
    "correlation": (f"{ELECTRICITY_MAPS}; {PRICE_SOURCE}", ODBL, "1", "of the latent series"),
}
UNDER_ODBL = ("carbon_figures", "carbon_months", "carbon_series", "correlation")
TIMED = ("price_figures", "price_months", "price_series", *UNDER_ODBL)


def write(tables: dict[str, pl.DataFrame], seed: int, folder: Path) -> None:
    """All tables as CSV, the licence notice, and the manifest."""
    write_bytes(folder / "odbl" / "NOTICE.md", ODBL_NOTICE.encode())
    new = {}
    for name, frame in tables.items():
        source, licence, unit, note = ABOUT[name]
        new[name] = NewTable(
            frame,
            source,
            licence,
            unit,
            note,
            file=f"odbl/{name}.csv" if name in UNDER_ODBL else f"{name}.csv",
            time_range=PERIOD if name in TIMED else None,
        )
    head = PackHead(
        name=NAME,
        title="A typical year of 18 grid zones on six continents",
        time=PackTime(start_utc=PERIOD[0], hours=8760),
        notice=NOTICE,
        kind="typical",
        generator=Generator(method="month-hour-1", seed=seed),
        missing=MISSING,
    )
    write_pack(folder, head, new)


def main(arguments: list[str] | None = None) -> None:
    """Read the data set, derive, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the real data set")
    parser.add_argument("--out", type=Path, default=EMBEDDED / NAME, help="folder to write")
    options = parser.parse_args(arguments)
    zones = sorted(world.core_sites(options.data)["zone"])
    prices = options.data / "electricity_price_hourly.parquet"
    carbons = options.data / "carbon_intensity_hourly_em.parquet"
    price = typical_signals.read_series(prices, "price_usd_per_mwh", zones, YEAR)
    carbon = typical_signals.read_series(carbons, "ci_lca_g_per_kwh", zones, YEAR)
    figures, persistence, correlation = typical_signals.calibrate(zones, price, carbon, YEAR)
    tables = signal_tables(figures, persistence, correlation) | world_tables(options.data)
    write(tables, figures.seed, options.out)
    size = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    print(f"{options.out}: {len(tables)} tables, {size / 1024:.0f} KiB", file=sys.stderr)


if __name__ == "__main__":
    main()
