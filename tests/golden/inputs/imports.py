"""Tables of others, and the options that they are read with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

UTC = ZoneInfo("UTC")


PLAIN = {"zone": "QQ", "unit": "usd/mwh"}


Option = dict[str, Any]


def days(
    *stamps: str, values: Sequence[Any] | None = None, sep: str = ",", head: str = "t,p"
) -> str:
    """A table of stamps with a value each."""
    cells = values or [f"{n}.5" for n in range(len(stamps))]
    return "\n".join([head, *(f"{t}{sep}{v}" for t, v in zip(stamps, cells, strict=True))]) + "\n"


def walls(
    begin: str, count: int, zone: str, form: str = "%Y-%m-%d %H:%M", step_min: int = 60
) -> list[str]:
    """What a clock shows at so many steps in a row."""
    first = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    steps = (first + timedelta(minutes=n * step_min) for n in range(count))
    return [f"{t.astimezone(ZoneInfo(zone)):{form}}" for t in steps]


AUTUMN, SPRING = "2024-10-26T22:00", "2024-03-30T23:00"


HE = [f"2024-06-01,{h}" for h in range(1, 25)]


T: Option = {"time_column": "t", "value_column": "p"}


H: Option = {"time_column": "d", "hour_column": "h", "value_column": "p"}


BERLIN: Option = {**T, "time_zone": "Europe/Berlin"}


def quarter_days(zone: str, begin: str) -> str:
    """Counted quarter hours of a local day and of the one after."""
    lines = []
    for day in range(2):
        low = (datetime.fromisoformat(begin) + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone))
        high = (datetime.fromisoformat(begin) + timedelta(days=day + 1)).replace(
            tzinfo=ZoneInfo(zone)
        )
        count = int((high.astimezone(UTC) - low.astimezone(UTC)) / timedelta(minutes=15))
        lines += [f"{low:%Y-%m-%d},{n},{n / 4}" for n in range(1, count + 1)]
    return "\n".join(["d,h,p", *lines])


CLOCKS: dict[str, tuple[str, Option]] = {
    "as is": (days("2024-06-01 00:00", "2024-06-01 01:00"), T),
    "autumn": (days(*walls(AUTUMN, 6, "Europe/Berlin")), BERLIN),
    "autumn backwards": (days(*reversed(walls(AUTUMN, 30, "Europe/Berlin"))), BERLIN),
    "autumn in no order": (
        days(
            *walls(AUTUMN, 30, "Europe/Berlin")[::2],
            *walls(AUTUMN, 30, "Europe/Berlin")[1::2][::-1],
        ),
        BERLIN,
    ),
    "autumn shuffled": (
        days(*sorted(walls(AUTUMN, 30, "Europe/Berlin"), key=lambda t: t[::-1])),
        BERLIN,
    ),
    "autumn with marks": (days(*walls(AUTUMN, 6, "Europe/Berlin", "%Y-%m-%d %H:%M %Z")), BERLIN),
    "autumn ends": (
        days(*walls("2024-10-26T23:00", 6, "Europe/Berlin")),
        {**BERLIN, "stamps": "end"},
    ),
    "autumn ends named after": (
        days(
            "2024-10-27 01:00",
            "2024-10-27 02:00",
            "2024-10-27 03:00",
            "2024-10-27 03:00",
            "2024-10-27 04:00",
        ),
        {**BERLIN, "stamps": "end"},
    ),
    "autumn flags": (
        "t,f,p\n2024-10-27 02:00,N,1\n2024-10-27 02:00,Y,2\n2024-10-27 03:00,N,3\n",
        {**BERLIN, "repeated_column": "f"},
    ),
    "spring": (days(*walls(SPRING, 5, "Europe/Berlin")), BERLIN),
    "spring with the hour": (
        days("2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 03:00"),
        BERLIN,
    ),
    "spring with an empty hour": (
        days("2024-03-31 01:00", "2024-03-31 02:00", "2024-03-31 03:00", values=[1, "", 3]),
        BERLIN,
    ),
    "half an hour": (
        days(*walls("2024-04-06T13:00", 5, "Australia/Lord_Howe", step_min=30)),
        {**T, "time_zone": "Australia/Lord_Howe"},
    ),
    "their zone": (
        days("2024-06-01 00:00+05:30", "2024-06-01 01:00+05:30"),
        {**T, "time_zone": "Europe/Berlin", "given": frozenset(["time_zone"])},
    ),
    "IST": (days("2024-06-01 00:00 IST", "2024-06-01 01:00 IST"), T),
    "IST given": (
        days("2024-06-01 00:00 IST", "2024-06-01 01:00 IST"),
        {**T, "time_zone": "Asia/Kolkata"},
    ),
    "a header of UTC": (
        days("2024-06-01 00:00", head="Time (UTC),p"),
        {**BERLIN, "time_column": "Time (UTC)"},
    ),
    "a header of CET": (
        days("2024-06-01 00:00", head="Time CET,p"),
        {**T, "time_column": "Time CET"},
    ),
    "a header of ET": (days("2024-06-01 00:00", head="Hour ET,p"), {**T, "time_column": "Hour ET"}),
    "a header of ET alone": (
        days("2024-06-01 00:00", head="Hour beginning of ET,p"),
        {**T, "time_column": "Hour beginning of ET"},
    ),
    "no column of parts": (
        "d,h,p\n2024-06-01,1,1\n",
        {**H, "interval_column": "i", "repeated_column": "r"},
    ),
    "no column of parts by pattern": (
        "d,h,p\n2024-06-01,1,1\n2024-06-01,24,2\n",
        {**H, "interval_column": "~i", "repeated_column": "~r", "hour_column": "~hh?"},
    ),
    "no column of hours by pattern": ("d,h,p\n2024-06-01,1,1\n", {**H, "hour_column": "~hour"}),
    "a header of local time": (
        days("2024-06-01 00:00", head="local,p"),
        {**T, "time_column": "local"},
    ),
    "another usual zone": (
        days("2024-06-01 00:00", head="t EET,p"),
        {**BERLIN, "time_column": "t EET", "zone_varies": True},
    ),
    "the usual zone": (
        days("2024-06-01 00:00", head="t CEST,p"),
        {**BERLIN, "time_column": "t CEST", "zone_varies": True},
    ),
    "usual but UTC": (
        days("2024-06-01 00:00", head="t UTC,p"),
        {**BERLIN, "time_column": "t UTC", "zone_varies": True},
    ),
    "ends by header": (days("2024-06-01 01:00", head="Ending,p"), {**T, "time_column": "Ending"}),
    "begins by header": (
        days("2024-06-01 01:00", "2024-06-01 02:00", head="Start,p"),
        {**T, "time_column": "Start"},
    ),
    "24:00": (days("2024-06-01 23:00", "2024-06-01 24:00"), T),
    "24:00 ends": (days("2024-06-01 23:00", "2024-06-01 24:00"), {**T, "stamps": "end"}),
    "last seconds": (days("2024-06-01 00:59:59", "2024-06-01 01:59:59"), T),
    "last seconds end": (
        days("2024-06-01 00:59:59", "2024-06-01 01:59:59"),
        {**T, "stamps": "end"},
    ),
    "last minutes end": (days("2024-06-01 00:14", "2024-06-01 00:29"), {**T, "stamps": "end"}),
    "shifted days": (days(*walls("2024-06-01T01:00", 24, "UTC")), T),
    "steps of an end": (
        days(*walls("2024-06-01T00:15", 8, "UTC", step_min=15)),
        {**T, "stamps": "end"},
    ),
    "a step given": (
        days("2024-06-01 01:00", "2024-06-01 02:00"),
        {**T, "stamps": "end", "step_min": 30},
    ),
    "ranges": (
        days("2024-06-01 00:00 - 01:00", "2024-06-01 01:00 - 02:00", "2024-06-01 02:00 - 03:00"),
        T,
    ),
    "ranges at their end": (
        days("2024-06-01 00:00 - 01:00", "2024-06-01 01:00 - 02:00"),
        {**T, "stamps": "end"},
    ),
    "ranges of twelve": (
        days("2024-06-01 11 am - 12 pm", "2024-06-01 12 pm - 1 pm", "2024-06-01 1 pm - 2 pm"),
        T,
    ),
    "no ranges": (days("2024-06-01 00:00-05:00", "2024-06-01 01:00-05:00"), T),
    "days first": (days("13/6/2024 00:00", "14/6/2024 00:00"), T),
    "days open": (days("3/6/2024 00:00", "4/6/2024 00:00"), T),
    "days said": (days("3/6/2024 00:00", "3/6/2024 01:00"), {**T, "dates": "month-first"}),
    "days said wrong": (days("13/6/2024 00:00", "4/6/2024 00:00"), {**T, "dates": "month-first"}),
    "days both": (days("13/6/2024 00:00", "6/13/2024 00:00"), T),
    "days needless": (
        days("2024-06-01 00:00", "2024-06-01 01:00"),
        {**T, "dates": "day-first", "given": frozenset(["dates"])},
    ),
    "dates alone": (days("2024-06-01", "2024-06-02"), T),
    "dates beside hours": ("Hour,t,p\n1,2024-06-01,3\n", T),
    "epochs": (days("1717200000", "1717203600"), T),
    "day numbers": (days("45444.5", "45444.54"), T),
    "short years": (days("1/6/24 00:00", "1/6/24 01:00"), T),
    "sums below": (days("2024-06-01 00:00", "Sum"), T),
    "empty stamps": ("t,p\n2024-06-01 00:00,1\n,2\n", T),
    "hours ending": ("d,h,p\n" + "\n".join(f"{d},{n}" for n, d in enumerate(HE)), H),
    "hours of 0": ("d,h,p\n" + "\n".join(f"2024-06-01,{h},{h}" for h in range(24)), H),
    "hours of 0 at the end": (
        "d,h,p\n" + "\n".join(f"2024-06-01,{h},{h}" for h in range(25)),
        {**H, "stamps": "end"},
    ),
    "hours unfit": ("d,h,p\n2024-06-01,7,1\n", H),
    "hours of a step": ("d,h,p\n2024-06-01,7,1\n", {**H, "step_min": 15}),
    "hours of a word": ("d,h,p\n2024-06-01,seven,1\n", H),
    "hours HE": ("d,h,p\n" + "\n".join(f"2024-06-01,HE {h},{h}" for h in range(1, 25)), H),
    "hours of a clock": ("d,h,p\n2024-06-01,0:00,1\n2024-06-01,1:00,2\n", H),
    "hours to 24:00": ("d,h,p\n2024-06-01,01:00,1\n2024-06-01,24:00,2\n", H),
    "hours neither": ("d,h,p\n2024-06-01,01:00,1\n2024-06-01,02:00,2\n", H),
    "hours neither, said": (
        "d,h,p\n2024-06-01,01:00,1\n2024-06-01,02:00,2\n",
        {**H, "stamps": "end"},
    ),
    "hours am": ("d,h,p\n2024-06-01,12 am,1\n2024-06-01,1 am,2\n2024-06-01,1 pm,3\n", H),
    "hours as ranges": ("d,h,p\n2024-06-01,00:00-01:00,1\n2024-06-01,01:00-02:00,2\n", H),
    "hours as ranges at the end": (
        "d,h,p\n2024-06-01,00:00-01:00,1\n2024-06-01,01:00-02:00,2\n",
        {**H, "stamps": "end"},
    ),
    "hours as short ranges": (
        "d,h,p\n" + "\n".join(f"2024-06-01,{h}-{h + 1},{h}" for h in range(24)),
        H,
    ),
    "twins": (
        "d,h,p\n"
        + "\n".join(f"2024-10-27,{h},{n}" for n, h in enumerate([1, 2, "3A", "3B", *range(4, 25)])),
        {**H, "time_zone": "Europe/Berlin"},
    ),
    "counted autumn": (
        "d,h,p\n" + "\n".join(f"2024-10-27,{h},{h}" for h in range(1, 26)),
        {**H, "time_zone": "Europe/Berlin"},
    ),
    "counted spring": (
        "d,h,p\n" + "\n".join(f"2024-03-31,{h},{h}" for h in range(1, 24)),
        {**H, "time_zone": "Europe/Berlin"},
    ),
    "by the clock in spring": (
        "d,h,p\n" + "\n".join(f"2024-03-31,{h},{h}" for h in range(1, 25) if h != 3),
        {**H, "time_zone": "Europe/Berlin"},
    ),
    "no telling in spring": (
        "d,h,p\n" + "\n".join(f"2024-03-31,{h},{h}" for h in range(1, 6)),
        {**H, "time_zone": "Europe/Berlin", "step_min": 60},
    ),
    "told in spring": (
        "d,h,p\n" + "\n".join(f"2024-03-31,{h},{h}" for h in range(1, 6)),
        {**H, "time_zone": "Europe/Berlin", "step_min": 60, "hour_numbers": "clock"},
    ),
    "counted quarters": (
        quarter_days("Europe/Madrid", "2024-10-26"),
        {**H, "time_zone": "Europe/Madrid"},
    ),
    "intervals": (
        "d,h,i,p\n"
        + "\n".join(f"2024-06-01,{h},{i},{h}.{i}" for h in (1, 2) for i in (1, 2, 3, 4)),
        {**H, "interval_column": "i"},
    ),
    "intervals of 0": (
        "d,h,i,p\n" + "\n".join(f"2024-06-01,{h},{i},{h}.{i}" for h in (0, 1) for i in (1, 2)),
        {**H, "interval_column": "i"},
    ),
    "dates in parts": ("y,m,d,p\n2024,6,1,3\n", {**T, "time_column": "y+m+d"}),
    "dates in parts with hours": (
        "y,m,d,h,p\n2024,6,1,130,3\n2024,6,1,30,3\n",
        {**T, "time_column": "y+m+d+h"},
    ),
    "date and time": (
        "d,t,z,p\n2024-06-01 00:00:00,7:30,+02:00,3\n2024-06-01 00:00:00,8:30,+02:00,3\n",
        {**T, "time_column": "d+t+z"},
    ),
}


V: Option = {**T, "zone": "QQ", "stamps": "begin"}


TWO = ("2024-06-01T00:00Z", "2024-06-01T01:00Z")


VALUES: dict[str, tuple[str, Option]] = {
    "decimal commas": (days(*TWO, values=["1,5", "2,25"], sep=";", head="t;p"), V),
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
