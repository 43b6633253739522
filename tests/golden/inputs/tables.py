"""Tables that are odd or broken, texts of numbers and times, and hours with gaps."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from wattlas.data.reader import stamps
from wattlas.data.schema.hours import TIME

HEAD = "time_utc,zone,price_usd_per_mwh\n"


PRICES = HEAD + "".join(f"2023-06-01T0{h}:00:00Z,NO,{40.4 - 1.3 * h:.1f}\n" for h in range(3))


REGIONS = "region,zone,pue,reserved_gpu,variants,lat_deg\n"


METROS = "metro,lat_deg,lon_deg,population,timezone\n"


def _packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


FILES: dict[str, str | bytes] = {
    # how a file is written
    "price.plain": PRICES,
    "price.comments": f"# one\n\n#two\n{PRICES}# last\n\n",
    "price.quoted": PRICES.replace("NO", '"N,O"').replace("zone", '"zone"'),
    "price.semicolons": PRICES.replace(",", ";").replace(".", ","),
    "price.tabs": PRICES.replace(",", "\t"),
    "price.pipes": PRICES.replace(",", " | "),
    "price.preamble": f"Made by us;2023\nno header, yet\n{PRICES}",
    "price.sep": "sep=;\n" + PRICES.replace(",", ";"),
    "price.bom": "\ufeff" + PRICES,
    "price.utf16": PRICES.replace("NO", "Ø").encode("utf-16"),
    "price.utf16be": PRICES.encode("utf-16-be"),
    "price.cp1252": PRICES.replace("NO", "Zürich").encode("cp1252"),
    "price.no letter": PRICES.replace("NO", "Zx").encode().replace(b"x", b"\x81\xfc"),
    "price.utf16 cut off": PRICES.encode("utf-16")[:-1],
    "price.returns": PRICES.replace("\n", "\r"),
    "price.windows": PRICES.replace("\n", "\r\n"),
    "price.gzip": _packed(PRICES),
    "price.spaces": PRICES.replace(",", " , ").replace("NO", "  NO  "),
    "price.empty lines": PRICES.replace("\n", "\n\n,,\n"),
    "price.nameless": PRICES.replace("\n", ",\n"),
    "price.nameless filled": PRICES.replace("mwh\n", "mwh,\n").replace("Z,NO", "Z,NO,7"),
    "price.nameless filled once": PRICES.replace("\n", ",\n").replace("0.4,", "0.4,7"),
    "price.commas of some": PRICES.replace(",", ";").replace(".", ",").replace("39,1", "39"),
    "price.twice": PRICES.replace("zone,", "zone,zone,"),
    "price.ragged": PRICES + "2023-06-01T04:00:00Z,NO,1,2,3\n",
    "price.short": PRICES + "2023-06-01T04:00:00Z,NO\n",
    "price.unclosed": PRICES + '2023-06-01T04:00:00Z,"NO,1\n',
    "price.empty": "",
    "price.blank": "\n \n\n",
    "price.header": HEAD,
    "price.on its side": "time_utc" + ",x" * 6000 + "\n",
    "price.late header": "a\n" * 70 + PRICES,
    # columns
    "price.misspelt": PRICES.replace("zone", "zonne"),
    "price.other case": PRICES.replace("zone", "Zone"),
    "price.missing below comments": "# c\n# d\n" + PRICES.replace("price_usd_per_mwh", "price"),
    "price.wide": "time_utc,DE,FR\n2023-06-01T00:00:00Z,1,2\n",
    "price.wide of many": "time_utc,"
    + ",".join(f"{z}{n}" for n in "10" for z in "EDCBA")
    + f"\n2023-06-01T00:00:00Z{',1' * 10}\n",
    "price.others of many": "time_utc,zone,"
    + ",".join(f"{z}{n}" for n in "10" for z in "EDCBA")
    + f"\n2023-06-01T00:00:00Z,NO{',1' * 10}\n",
    "price.both missing": "a,b\n1,2\n",
    # cells
    "price.cells": HEAD + "2023-06-01T00:00:00Z,NO,\n2023-06-01T01:00:00Z,NO,NaN\n"
    "2023-06-01T02:00:00Z,NO,inf\n2023-06-01T03:00:00Z,NO,-inf\n2023-06-01T04:00:00Z,NO,-7\n"
    "2023-06-01T05:00:00Z,,5\n,NO,5\n2023-06-01 07:00,NO,5\n2023-06-01T08:00:00+02:00,NO,5\n"
    'yesterday,NO,5\n2023-06-01T10:00:00Z,NO,4 USD\n2023-06-01T11:00:00Z,NO,"1,234.5"\n',
    "rtt_node_region.limits": "node,region,rtt_ms\n"
    + "".join(f"n,r{n},{v}\n" for n, v in enumerate((-1, 0, 2000, 2000.5))),
    "egress.limits": "node,region,egress_usd_per_gb\n"
    + "".join(f"n,r{n},{v}\n" for n, v in enumerate((-1, 0, 10, 10.5))),
    "metros.limits": METROS
    + "".join(
        f"m{n},{lat},{lon},{p},UTC\n"
        for n, (lat, lon, p) in enumerate(
            ((90, 180, 0), (-90, -180, 1e9), (90.5, 0, -1), (0, 180.5, 1.5e9), (-91, -181, 1))
        )
    ),
    "price.many wrong": HEAD + "".join(f"2023-06-01T0{h}:00:00Z,NO,x{h}\n" for h in range(9)),
    "price.doubled": PRICES + PRICES[len(HEAD) :] * 3,
    "price.comma decimals": PRICES.replace(",", ";")
    .replace("40.4", "1.040,4")
    .replace("39.1", "39,1"),
    "price.decimal commas": PRICES.replace(",", ";").replace(".", ",").replace("40,4", "1.040,4"),
    "price.decimal commas quoted": PRICES.replace("40.4", '"40,4"')
    .replace("39.1", '"39,1"')
    .replace("37.8", '"37,8"'),
    "vision.empty": "model,accuracy,images_per_s\n",
    "price.both decimals": PRICES.replace(",", ";").replace("40.4", "40,4"),
    "carbon.cells": "time_utc,zone,average_g_per_kwh,marginal_g_per_kwh\n"
    "2023-06-01T00:00:00Z,NO,-1,2\n2023-06-01T01:00:00Z,NO,3,\n2023-06-01T02:00:00Z,NO,,x\n",
    "regions.cells": REGIONS + "a,NO,1.1,free,big; small ;,10\nb,NO,0.9,-1,,91\nc,,x,inf,a;b,-90\n"
    ",NO,1.2,3,a,0\na,NO,1.2,,a,0\n d ,NO,nan,1e3,;;,90\n",
    "regions.lacks": "region,pue\na,1.1\n",
    "regions.almost": "region,zones,PUE\na,NO,1.1\n",
    "metros.cells": METROS + "a,1,2,3,Africa/Lagos\na,1,2,3,Mars/Base\nb,-91,181,-1,\nc,,,x,UTC\n"
    "d,1,2,2000000000,UTC\n",
    "metros.thousands": METROS
    + 'a,"1.5",2,"1,234,567",UTC\nb,2,3,1 234 567,UTC\nc,2,3,12\'000,UTC\n',
    "rtt_node_region.pairs": "node,region,rtt_ms,method\na,x,1,m\na,y,-2,m\n"
    "a,x,3,\nb,z,4000,\n,x,1,\n",
    "rtt_node_region.matrix": "from,x,y,z\na,1 ms,2,-\nb,3,4.5MS,n/a\nc,,5,6\n",
    "rtt_node_region.matrix wrong": "from,x,y,z\na,1,2,3\nb,3,far,5\nc,,5,6\n",
    "rtt_node_region.matrix commas": 'from;x;y\na;1,5;2\nb;3;"4,25"\n',
    "rtt_node_region.turned matrix": "region,m,n\nx,1,2\ny,3,4\n",
    "rtt_node_region.no matrix": "from,x,y\na,b,c\nb,3,d\n",
    "rtt_node_region.one column": "from\na\n",
    "classes.cells": "class,latency_budget_ms,latency_to,relaxable,points,"
    "state\nA,300,first_token,1,"
    "a;b,sticky\nB,0,full_anser,maybe,,stiky\nC,1e3,,TRUE,;,\nD,x,full_answer,0.0,b,pinned\n",
    "token_profiles.names": "trace,class,requests,tokens_in_mean,tokens_out_mean\na,A,3,10,20.5\n"
    "b,B,3.5,-1,x\n",
    "token_profiles.both names": "trace,token_profile,tokens_in,tokens_in_mean,"
    "tokens_out\na,b,1,2,3\n",
    "points.cells": "point,variant,accuracy,ttft_ms,accelerators\np,v,0.87,10,1\nq,v,87,10,0\n"
    "r,,1.01,-1,2\n",
    "choices.cells": "respondent,task,alt,choice,accuracy,latency_ms,carbon_g,price_usd\n"
    "r,1,a,1,0.8,200,0.3,0.01\nr,1,b,yes,0.8,200,,0.01\n",
    "totals.cells": "metro,country,class,period,requests_per_day\na,,A,2023-05,5\n,DE,A,,-5\n",
    "vision.cells": "arch,top1,throughput,infer_batch_size\nm,81.5,500,64\nn,150,0,-1\no,,x,1\n",
    "weather.cells": "time_utc,zone,temperature_c,wind_speed_m_per_s,humidity_pct\n"
    "2023-06-01T00:00:00Z,NO,-70,-1,101\n2023-06-01T01:00:00Z,NO,12,3,\n",
    "metered.cells": "time_utc,region,it_kwh\n2023-06-01T00:00:00Z,a,0\n"
    "2023-06-01T01:00:00Z,a,2.5\n",
}


NUMBERS = {
    "points": ["1.5", "2", "-3.25", None],
    "commas": ["1,5", "2", "-3,25"],
    "thousands": ["1,234.5", "12,345,678", "7"],
    "their thousands": ["1.234,5", "12.345.678", "7"],
    "open": ["1,234", "5,678"],
    "open points": ["1.234", "5.678"],
    "spaces": ["1 234,5", "12 345"],
    "apostrophes": ["1'234.5", "9"],
    "two numbers": ["1 2", "3 45"],
    "minus": ["\u22121,5", "- 2"],
    "exponents": ["1e3", "2,5e-3"],
    "zeros": ["0,123", "0,5"],
    "bare": [",5", "1"],
    "points bare": [".5", "1.25"],
    "mixed": ["1.5", "1,5"],
    "words": ["n/a", "x", "-", "3"],
    "twice": ["1.234.567", "1.234"],
    "twice and plain": ["1.234.567", "1.25"],
    "twice alone": ["1.234.567", "12.345.678"],
    "doubtful and plain": ["1.234", "1.25", "7"],
    "doubtful, of four": ["1234.567", "1.234"],
    "doubtful of nothing": ["0.123", "1.234"],
    "both doubtful": ["1.234", "1,234"],
    "of three and more": ["1.234", "12.345", "123.456", "1234"],
    "commas twice": ["1,234,567", "1.5"],
    "comma at first": [",123", "1.234"],
    "exponent of a comma": ["1,5e3", "2"],
    "signs": ["+1,5", "+2"],
    "none": [None, None],
    "four": ["1,2345", "2"],
    "long": ["1.2345", "2"],
    "infinite": ["inf", "NaN", "1"],
}


STAMPS = (
    "2023-06-01T07:30:15Z",
    "2023-06-01T07:30+02:00",
    "2023-06-01 07:30:15.25 -0330",
    "2023-06-01",
    "2023/6/1 7:05",
    "01.06.2023 07:30",
    "1/6/2023 07:30",
    "13/6/2023 1 pm",
    "6/13/2023 12:15 am",
    "20230601 0730",
    "20230601T073015Z",
    "Jun 1, 2023 7:30 AM",
    "1-Jun-2023 07:30",
    "June 1 2023",
    "Thu, 1 Jun 2023 07:30",
    "2023-06-01 24:00",
    "2023-06-01 24:01",
    "2023-06-01 07:30 CEST",
    "2023-06-01 07:30 (CET)",
    "2023-06-01 07:30 IST",
    "2023-06-01 07:30 UTC+5",
    "2023-06-01 7 GMT-03:30",
    "2023-06-01 07:00 - 2023-06-01 08:00",
    "2023-06-01T07:00Z/2023-06-01T08:00Z",
    "2023-06-01T07:00+02:00[Europe/Oslo]",
    "2023-13-01 07:00",
    "2023-02-30 07:00",
    "2023-06-31",
    "2023-06-01 25:00",
    "2023-06-01 07:60",
    "2023-06-01 13 pm",
    "2023-06-01 0 am",
    "2023-06-01 12 pm",
    "2023-06-01-13:00",
    "2023-06-01 07:30:61",
    "07:30",
    "",
    "soon",
    "1999-12-31 23:59 EST",
    "2023-06-01 07:30 PDT",
    "2023-06-01 07:30 AEDT",
    "2023-06-01T07:30:00-00:30",
)


EPOCHS = (
    ["1685604600", "1685608200"],
    ["1685604600000", "1685608200000.0"],
    ["1685604600000000"],
    ["1685604600000000000"],
    ["2023060107", "2023060108"],
    ["2023990107"],
    ["16856046"],
    ["x"],
    [],
    ["1685604600", "168560820"],
    ["1685604600", None],
)


ORDERS = (
    ["1/6/2023"],
    ["13/6/2023", "1/6/2023"],
    ["6/13/2023"],
    ["13/6/2023", "6/13/2023"],
    ["1.6.2023"],
    ["2023-06-01"],
    [],
    ["12/12/2023"],
    ["12-13-2023"],
    ["1.6.2023", "2/6/2023"],
    ["1-6-2023", "12/6/2023"],
)


def hourly(begin: str, count: int, step_min: int = 60, **series: float) -> pl.DataFrame:
    """Rows of series, each value another."""
    first = datetime.fromisoformat(begin)
    times = [first + timedelta(minutes=step_min * n) for n in range(count)]
    parts = [
        pl.DataFrame(
            {TIME: times, "zone": zone, "price_usd_per_mwh": [base + 0.5 * n for n in range(count)]}
        )
        for zone, base in series.items()
    ]
    return pl.concat(parts).with_columns(
        pl.col(TIME).dt.replace_time_zone("UTC").cast(stamps.INSTANT)
    )


def without(frame: pl.DataFrame, zone: str, *hours: int) -> pl.DataFrame:
    """The rows without some of a series, by number."""
    n = pl.int_range(pl.len()).over("zone")
    return frame.filter(~((pl.col("zone") == zone) & n.is_in(hours)))


def _local(day: str, zone: str) -> pl.DataFrame:
    """Two days of local stamps passed off as UTC."""
    first = datetime.fromisoformat(day)
    utc = pl.datetime_range(first, first + timedelta(hours=47), "1h", time_zone="UTC", eager=True)
    wall = utc.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.replace_time_zone("UTC")
    return pl.DataFrame(
        {
            TIME: wall.cast(stamps.INSTANT),
            "zone": "A",
            "price_usd_per_mwh": [1.0 * n for n in range(48)],
        }
    )


def hours_frames() -> dict[str, pl.DataFrame]:
    """Series with what is wrong with them."""
    two = hourly("2023-06-01", 30, A=40, B=50)
    half = hourly("2023-06-01", 48, 30, A=40)
    value = pl.col("price_usd_per_mwh")
    return {
        "sound": two,
        "gap": without(two, "A", 3),
        "gaps": without(two, "B", 0, 3, 4, 5, 9, 12, 15, 20, 29),
        "doubled": pl.concat([two, two[5:7], two[40:41]]),
        "unsorted": two.reverse(),
        "stray": pl.concat([two, hourly("2023-06-01T05:17", 1, A=1)]),
        "half hours": half,
        "half and whole": pl.concat([half, hourly("2023-06-01", 24, B=1)]),
        "half with a gap": without(half, "A", 7, 8),
        "late": pl.concat([half, hourly("2023-06-01T00:15", 48, 30, B=1)]),
        "changes": pl.concat([hourly("2023-06-01", 48, A=1), hourly("2023-06-03", 144, 15, A=9)]),
        "three hours": hourly("2023-06-01", 8, 180, A=1),
        "seven minutes": hourly("2023-06-01", 8, 7, A=1),
        "one row": hourly("2023-06-01", 1, A=1),
        "spring and a gap": without(_local("2024-03-30T12:00", "Europe/Berlin"), "A", 3),
        "autumn and a gap": without(_local("2024-10-26T12:00", "Europe/Berlin"), "A", 3, 20),
        "both in a year": pl.concat(
            [
                _local("2024-03-30T12:00", "Europe/Berlin"),
                _local("2024-10-26T12:00", "Europe/Berlin"),
            ]
        ),
        "both and gaps": without(
            pl.concat(
                [
                    _local("2024-10-26T12:00", "Europe/Berlin"),
                    _local("2025-03-29T12:00", "Europe/Berlin"),
                ]
            ),
            "A",
            3,
            60,
        ),
        "spring": _local("2024-03-30T12:00", "Europe/Berlin"),
        "autumn": _local("2024-10-26T12:00", "Europe/Berlin"),
        "their autumn": _local("2024-11-02T12:00", "America/New_York"),
        "values": two.with_columns(
            pl.when(value == 42)
            .then(None)
            .when(value == 44)
            .then(float("nan"))
            .when(value == 51)
            .then(float("inf"))
            .otherwise(value - 55)
            .alias(value.meta.output_name())
        ),
        "per kWh": two.with_columns(value / 1000),
        "another currency": two.with_columns(value * 1000),
        "short and odd": hourly("2023-06-01", 20, A=4000),
    }


PLACES: Sequence[tuple[float, float, str]] = (
    (59.9, 10.7, "Europe/Oslo"),
    (59.9, -10.7, "Europe/Oslo"),
    (10.7, 59.9, "Europe/Oslo"),
    (-33.9, 151.2, "Australia/Sydney"),
    (33.9, 151.2, "Australia/Sydney"),
    (41.9, 87.6, "America/Chicago"),
    (41.9, -87.6, "Mars/Base"),
    (1.0, 104.0, "Etc/GMT+5"),
    (52.5, 13.4, "Asia/Tokyo"),
    (0.5, 130.0, "Europe/Paris"),
    (-17.7, 178.0, "Pacific/Fiji"),
    (-17.7, -178.0, "Pacific/Fiji"),
    (64.1, -21.9, "Atlantic/Reykjavik"),
    (36.0, -120.0, "Asia/Tokyo"),
)
