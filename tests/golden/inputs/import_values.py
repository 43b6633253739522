"""Files whose values and columns are odd, and layouts that are wrong."""

from __future__ import annotations

from typing import Any

from tests.golden.inputs.imports import (
    Option,
    T,
    days,
)

V: Option = {**T, "zone": "QQ", "stamps": "begin"}
TWO = ("2024-06-01T00:00Z", "2024-06-01T01:00Z")
MANY = [f"{letter}{n}" for n in "3120" for letter in "hgfedcba"]
"""Names in no order, more than any list shows."""
LONG = "".join(f"2024-06-01T00:00Z,{name},1\n" for name in MANY)
WIDE = ",".join(MANY)
VALUES: dict[str, tuple[str, Option]] = {
    "many renamed": ("t,z,p\n" + LONG, {**T, "zone_column": "z", "rename": {"q": "N"}}),
    "many, only others": ("t,z,p\n" + LONG, {**T, "zone_column": "z", "only": ("q",)}),
    "many, where no row": ("t,z,p\n" + LONG, {**V, "where": {"z": "q"}}),
    "many units": ("t,unit,p\n" + LONG, V),
    "many columns": (
        f"t,{WIDE}\n2024-06-01T00:00Z{',1' * 32}\n",
        {"time_column": "t", "zone": "Q"},
    ),
    "many columns, none of them": (f"t,{WIDE}\n2024-06-01T00:00Z{',1' * 32}\n", V),
    "many columns of words": (f"t,{WIDE}\n2024-06-01T00:00Z{',x' * 32}\n", {"time_column": "t"}),
    "many words": ("t,p\n" + "".join(f"2024-06-01T0{n}:00Z,w{7 - n}\n" for n in range(6)), V),
    "decimal commas": (days(*TWO, values=["1,5", "2,25"], sep=";", head="t;p"), V),
    "above it what looks like a header": (f"t,of ours\nx,p\n{days(*TWO)}", V),
    "nothing but times": ("t\n2024-06-01T00:00Z\n", {"time_column": "t", "zone": "QQ"}),
    "nothing but times, wide": ("t\n2024-06-01T00:00Z\n", {"time_column": "t"}),
    "no column of a pattern": (days(*TWO), {**V, "value_column": "~q.*"}),
    "no wide column": (days(*TWO), {"time_column": "t", "wide": "~q.*"}),
    "thousands": (days(*TWO, values=['"1,234.5"', "7"]), V),
    "open marks": (days(*TWO, values=['"1,234"', '"2,345"']), V),
    "open marks, said": (days(*TWO, values=['"1,234"', '"2,345"']), {**V, "decimal": ","}),
    "marks needless": (
        days(*TWO),
        {
            **V,
            "decimal": ".",
            "separator": ",",
            "sheet": "x",
            "given": frozenset(["decimal", "separator", "sheet"]),
        },
    ),
    "no numbers": (days(*TWO, values=["1", "many"]), V),
    "words for nothing": (days(*TWO, values=["n/a", "-9999"]), V),
    "other words for nothing": (
        days(
            "2024-06-01T00:00Z",
            *(f"2024-06-01T0{n}:00Z" for n in range(1, 5)),
            values=["-99999", "99999", "-999999.0", "-9998", "9999"],
        ),
        V,
    ),
    "nothing at all": (days(*TWO, values=["n/a", "-"]), V),
    "a factor": (days(*TWO), {**V, "factor": 2.5}),
    "a unit and a factor": (days(*TWO), {**V, "unit": "usct/kWh", "factor": 2.0}),
    "a currency": (days(*TWO), {**V, "currency": "EUR"}),
    "a currency and a factor": (days(*TWO), {**V, "currency": "EUR", "factor": 1.1}),
    "a column of units": (
        "t,p,unit\n2024-06-01T00:00Z,1,EUR/MWh\n2024-06-01T01:00Z,2,EUR/MWh\n",
        V,
    ),
    "a column of units, ours": (
        "t,p,unit\n2024-06-01T00:00Z,1,usd/kWh\n2024-06-01T01:00Z,2,usd/kWh\n",
        V,
    ),
    "a column of currencies": (
        "t,p (per kWh),Currency\n2024-06-01T00:00Z,1,USD\n2024-06-01T01:00Z,2,USD\n",
        {**V, "value_column": "p (per kWh)"},
    ),
    "a column of theirs": (
        "t,p per MWh,Currency\n2024-06-01T00:00Z,1,GBP\n2024-06-01T01:00Z,2,GBP\n",
        {**V, "value_column": "p per MWh", "factor": 1.25},
    ),
    "a column of odd units": (
        "t,p,uom\n2024-06-01T00:00Z,1,bananas\n2024-06-01T01:00Z,2,bananas\n",
        V,
    ),
    "units mixed": ("t,p,unit\n2024-06-01T00:00Z,1,EUR/MWh\n2024-06-01T01:00Z,2,USD/MWh\n", V),
    "units mixed, chosen": (
        "t,p,unit\n2024-06-01T00:00Z,1,EUR/MWh\n2024-06-01T01:00Z,2,USD/MWh\n",
        {**V, "where": {"unit": "USD/MWh"}},
    ),
    "units mixed, said": (
        "t,p,unit\n2024-06-01T00:00Z,1,EUR/MWh\n2024-06-01T01:00Z,2,USD/MWh\n",
        {**V, "unit": "usd/kwh"},
    ),
    "where nowhere": (days(*TWO), {**V, "where": {"q": "x"}}),
    "where no row": (
        "t,p,q\n2024-06-01T00:00Z,1,a\n2024-06-01T01:00Z,1,b\n",
        {**V, "where": {"q": "x"}},
    ),
    "where by pattern": (
        "t,p,Kind of q\n2024-06-01T00:00Z,1,a\n2024-06-01T01:00Z,1,b\n2024-06-01T02:00Z,1,c\n",
        {**V, "where": {"~kind.*": "a|c", "~no such": "x"}},
    ),
    "estimates": (
        "t,p,data estimated\n2024-06-01T00:00Z,1,true\n2024-06-01T01:00Z,1,False\n",
        {**V, "estimated_column": "~data estimated"},
    ),
    "keys": (
        "t,z,p\n2024-06-01T00:00Z,BZN|a,1\n2024-06-01T00:00Z,b,2\n",
        {**T, "zone_column": "z", "zone_prefix": "BZN|", "rename": {"b": "B"}},
    ),
    "keys alike": (
        "t,z,p\n2024-06-01T00:00Z,a b,1\n2024-06-01T00:00Z,A B,2\n",
        {**T, "zone_column": "z"},
    ),
    "keys empty": (
        "t,z,p\n2024-06-01T00:00Z,a,1\n2024-06-01T00:00Z,,2\n2024-06-01T01:00Z,,2\n",
        {**T, "zone_column": "z"},
    ),
    "renamed for nothing": (
        "t,z,p\n2024-06-01T00:00Z,north,1\n",
        {**T, "zone_column": "z", "rename": {"nort": "N"}},
    ),
    "only some": (
        "t,z,p\n2024-06-01T00:00Z,a,1\n2024-06-01T00:00Z,b,2\n",
        {**T, "zone_column": "z", "only": ("b",)},
    ),
    "only none": (
        "t,z,p\n2024-06-01T00:00Z,a,1\n2024-06-01T00:00Z,b,2\n",
        {**T, "zone_column": "z", "only": ("b", "c")},
    ),
    "wide": (
        "t,DE [€/MWh],FR\n2024-06-01T00:00Z,1,2\n2024-06-01T01:00Z,3,\n",
        {"time_column": "t", "factor": 2.0},
    ),
    "wide with a nameless column": (
        "t,DE,,\n2024-06-01T00:00Z,1,2,\n2024-06-01T01:00Z,3,,\n",
        {"time_column": "t"},
    ),
    "wide by pattern": (
        "t,DE price,FR load\n2024-06-01T00:00Z,1,2\n",
        {"time_column": "t", "wide": "~.* price"},
    ),
    "wide of nothing": ("t,DE,FR\n2024-06-01T00:00Z,1,-\n", {"time_column": "t"}),
    "one column of values": ("t,x\n2024-06-01T00:00Z,1\n", {"time_column": "t", "zone": "Q"}),
    "several columns of values": (
        "t,x,y\n2024-06-01T00:00Z,1,2\n",
        {"time_column": "t", "zone": "Q"},
    ),
    "no column of values": ("t,z\n2024-06-01T00:00Z,a\n", {"time_column": "t", "zone_column": "z"}),
    "no column": ("t,x\n2024-06-01T00:00Z,1\n", {**T, "zone_column": "zz", "hour_column": "hh"}),
    "hours across": (
        "d,z,h1,"
        + ",".join(f"h{h}" for h in range(2, 25))
        + "\n2024-06-01,a,"
        + ",".join(str(h) for h in range(1, 25))
        + "\n2024-06-02,a,9,"
        + "," * 22
        + "\n",
        {"time_column": "d", "zone_column": "z"},
    ),
    "hours across of nobody": (
        "d," + ",".join(f"{h:02}:00" for h in range(24)) + "\n2024-06-01" + ",1" * 24 + "\n",
        {"time_column": "d"},
    ),
    "hours across of somebody": (
        "d," + ",".join(f"{h:02}:00" for h in range(24)) + "\n2024-06-01" + ",1" * 24 + "\n",
        {"time_column": "d", "zone": "Q"},
    ),
    "ours": ("time_utc,zone,price_usd_per_mwh\n2024-06-01T00:00Z,a,1\n", {}),
    "ours and another": (
        "time_utc,zone,price_usd_per_mwh,p\n2024-06-01T00:00Z,a,1,2\n",
        {"value_column": "p"},
    ),
    "carbon of two kinds": (
        "time_utc,zone,average_g_per_kwh,marginal_g_per_kwh\n2024-06-01T00:00Z,a,1,2\n",
        {"table": "carbon"},
    ),
    "marginal of two kinds": (
        "time_utc,zone,average_g_per_kwh,marginal_g_per_kwh\n2024-06-01T00:00Z,a,1,2\n",
        {"table": "marginal"},
    ),
    "direct": (
        "time_utc,zone,kg CO2/kWh\n2024-06-01T00:00Z,a,0.5\n",
        {"table": "carbon", "intensity": "direct"},
    ),
    "demand": (
        "t,m,c,rps\n2024-06-01T00:00Z,a,x,2\n",
        {"table": "demand", "time_column": "t", "zone_column": "m", "class_column": "c"},
    ),
    "demand of a class": (
        "t,m,n\n2024-06-01T00:00Z,a,2\n",
        {
            "table": "demand",
            "time_column": "t",
            "zone_column": "m",
            "klass": "x",
            "unit": "requests",
        },
    ),
    "demand of nobody": ("t,n\n2024-06-01T00:00Z,2\n", {"table": "demand", "time_column": "t"}),
    "capacity": (
        "t,region,GPU\n2024-06-01T00:00Z,a,2\n",
        {"table": "capacity", "time_column": "t"},
    ),
    "capacity in MW": (
        "t,region,MW\n2024-06-01T00:00Z,a,2\n",
        {"table": "capacity", "time_column": "t"},
    ),
    "trips": (
        "a,b,latency (s)\nx,y,0.5\ny,x,\n",
        {"table": "rtt", "zone_column": "a", "class_column": "b", "value_column": "latency (s)"},
    ),
    "pairs by a pattern": (
        "from,x,latency ms\na,b,1\nb,a,4\n",
        {"table": "rtt", "zone_column": "from", "class_column": "x", "value_column": "~latency.*"},
    ),
    "a matrix beside a pattern": (
        "from,x,y\na,1 ms,2\nb,,4\n",
        {"table": "rtt", "value_column": "~latency.*"},
    ),
    "values without their pattern": (
        "t,x,y\n2024-06-01T00:00Z,1,2\n",
        {"table": "price", "value_column": "~price.*"},
    ),
    "a matrix": ("from,x,y\na,1 ms,2\nb,,4\n", {"table": "rtt"}),
    "prices of data": (
        "node,region,USD/TB\na,x,90\n",
        {"table": "egress", "value_column": "USD/TB"},
    ),
    "no header": (
        "2024;6;1;1;10,5;x\n2024;6;1;2;11,5;x\n",
        {
            "names": ("y", "m", "d", "h", "p", "e"),
            "time_column": "y+m+d",
            "hour_column": "h",
            "value_column": "p",
            "zone": "Q",
            "stamps": "end",
            "hour_numbers": "counted",
            "step_min": 60,
        },
    ),
    "no rows": ("t,p\n", T),
    "another comment": ("* x\nt,p\n2024-06-01T00:00Z,1\n", {**V, "comment": "*"}),
}
JSONS: dict[str, Any] = {
    "records": [{"t": TWO[0], "p": 1}, {"t": TWO[1], "p": None, "q": 3}, "no"],
    "nested": {"data": [{"t": TWO[0], "p": 1.5, "in": {"a": 1}}]},
    "lists within": [{"t": TWO[0], "p": 2, "xs": [{"n": 1}, {"n": 2}]}],
    "lists beside": {"t": list(TWO), "p": [1, 2], "unit": "EUR", "short": [1]},
    "matrix": {"a": {"x": 1, "y": None}, "b": {"x": 3, "y": 2.5}},
    "a matrix of which a row has words": {
        "a": {"x": 1, "y": None},
        "b": {"x": 3, "y": 2.5},
        "c": {"x": 3, "y": "z"},
        "d": {},
    },
    "lists of several kinds within": [{"t": TWO[0], "p": 2, "xs": [{"n": 1}, 2], "ys": []}],
    "lists of two lengths": {"t": list(TWO), "p": [1, 2], "q": [3, 4], "long": [1, 2, 3]},
    "objects beside lists": {"t": [{"t": TWO[0], "p": 2}], "u": [{"t": TWO[1], "p": 3}]},
    "within objects": {"meta": {"n": 1}, "body": {"rows": [{"t": TWO[0], "p": 9}]}},
    "nothing": {"a": 1},
    "empty": [],
    "text": "x",
}
WRONG: tuple[Option, ...] = (
    {"table": "prices"},
    {"unit": "eur/mwh"},
    {"time_zone": "Mars/Base"},
    {"time_zone": "../x"},
    {"step_min": 7},
    {"zone": "a", "zone_column": "b"},
    {"klass": "a", "class_column": "b", "table": "demand"},
    {"klass": "a"},
    {"klass": "a", "table": "rtt"},
    {"unit": "requests", "table": "demand"},
    {"unit": "requests"},
)
HEADERS = {
    "price": (
        "EUR/MWh",
        "€/kWh",
        "USD per MWh",
        "$/MWh",
        "US$ ct/kWh",
        "usct/kWh",
        "p/kWh",
        "ct/kWh",
        "price MWh",
        "price/kWh",
        "LMP",
        "Price [GBP/MWh]",
        "USD/MW",
        "yen/kWh",
        "kr/MWh",
        "price in EUR",
        "Price (€)",
        "Preis in Euro",
        "price kr",
        "price Rs",
        "cena zł",
        "price A$",
        "USD/MMBtu",
        "$/GJ",
        "A$/MWh",
        "EURMWh",
        "preis/mwh",
        "bananas/MWh",
        "USD/MWhe",
        "usc kWh",
        "per MWh",
        "INR",
    ),
    "carbon": (
        "gCO2eq/kWh",
        "g/kWh",
        "kg CO2 per MWh",
        "tCO2/MWh",
        "lbs/MWh",
        "short tons/MWh",
        "CO2 short tons/MWh",
        "average long tons per MWh",
        "average of metric tons per MWh",
        "tons CO2/GWh",
        "carbon intensity gCO₂eq/kWh (Life cycle)",
        "mg/Wh",
        "intensity/kWh",
        "kWh",
        "MWh",
        "x/MWh",
        "g/MJ",
        "kgCO2/kWh",
        "grams per kWh",
        "emissions (tonnes CO2e/MWh)",
        "g/kW",
        "EUR",
    ),
    "demand": (
        "rps",
        "requests/min",
        "requests per day",
        "qph",
        "hourly requests",
        "tokens/s",
        "million requests",
        "requests",
        "requests/month",
        "daily",
        "weekly",
        "requests per minute",
    ),
    "rtt": (
        "ms",
        "latency (s)",
        "RTT us",
        "seconds",
        "one-way ms",
        "oneway",
        "us latency",
        "rtt",
        "µs",
        "s p50 ms",
    ),
    "egress": ("USD/GB", "ct/GB", "$/TB", "EUR/GB", "USD per GiB", "egress", "USD/TiB", "price/MB"),
    "capacity": ("GPU", "nodes", "MW", "server count"),
}


TOPS = {
    "carbon": (
        *"g kg mg t lb lbs ton tons tonnes oz gco2 lbco2e".split(),
        *("short tons", "long ton", "metric tons"),
    ),
    "price": (*"usd $ us$ eur € gbp £ ct cents usct p øre dollars x".split(), "us cents"),
}
"""What stands before the amount in headers of units."""


FORMS = (
    "{top}/{amount}",
    "{top} per {amount}",
    "{top}{amount}",
    "{top}_{amount}",
    "a ({top}/{amount})",
    "a value per {amount} in {top}",
    "{top} co2eq of a {amount}",
)


AMOUNTS = "wh kwh mwh gwh mj gj kwhr mwhs mmbtu gb h".split()
