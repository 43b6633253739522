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


def day_in_columns(form: str, first: int, last: int, *more: str) -> str:
    """One day in a row, with a column for each hour, and further columns that hold 7."""
    hours = range(first, last + 1)
    head = ",".join(["d", *(form.format(h) for h in hours), *more])
    return f"{head}\n" + ",".join(["2024-06-01", *(str(10 + h) for h in hours), *"7" * len(more)])


IN_COLUMNS: dict[str, tuple[str, Option]] = {
    "0 to 23": (day_in_columns("H{}", 0, 23), {"zone": "QQ"}),
    "0 to 24": (day_in_columns("{}:00", 0, 24), {"zone": "QQ"}),
    "1 to 24": (day_in_columns("HE {:02}", 1, 24), {"zone": "QQ"}),
    "1 to 25": (day_in_columns("hour_{}", 1, 25), {"zone": "QQ"}),
    "2 to 24": (day_in_columns("h{}", 2, 24), {"zone": "QQ"}),
    "0 to 25": (day_in_columns("h{}", 0, 25), {"zone": "QQ"}),
    "of no zone": (day_in_columns("Stunde {}", 1, 24), {}),
    "beside a value": (day_in_columns("{} h", 1, 24, "p"), {"zone": "QQ", "value_column": "p"}),
    "beside an hour": (day_in_columns("{}", 1, 24, "h"), {"zone": "QQ", "hour_column": "h"}),
    "beside a zone": (day_in_columns("{}:00:00", 0, 23, "z"), {"zone_column": "z"}),
    "of no day": (day_in_columns("{}", 1, 24), {"table": "rtt"}),
}


def hours_of_days(*days_: tuple[str, Sequence[int]]) -> str:
    """Numbered hours of some days."""
    return "\n".join(["d,h,p", *(f"{d},{h},{h}.5" for d, hours in days_ for h in hours)]) + "\n"


SPRING_DAY, AUTUMN_DAY = "2024-03-31", "2024-10-27"
NUMBERED: dict[str, Sequence[Sequence[int]]] = {
    "counted from 0": (range(23), range(25)),
    "counted from 1": (range(1, 24), range(1, 26)),
    "by the clock from 0": ([0, 1, *range(3, 24)], [0, 1, 2, *range(2, 24)]),
    "by the clock from 1": ([1, 2, *range(4, 25)], [1, 2, 3, *range(3, 25)]),
    "of no day": (range(24), range(24)),
    "in part": (range(5), range(7)),
}
HOURLESS = ("noon", "night", "dawn", "late", "3")


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
    "spring with quarter hours": (
        days(*[f"2024-03-31 0{t}" for t in ("1:45", "2:30", "2:00", "2:45", "2:15", "3:00")]),
        BERLIN,
    ),
    "no hours": ("d,h,p\n" + "".join(f"2024-06-01,{h},1\n" for h in HOURLESS), H),
    "one at four minutes past": (
        days("2024-06-01 00:04", "2024-06-01 01:00", "2024-06-01 02:00"),
        T,
    ),
    "all at four minutes past": (days("2024-06-01 00:04", "2024-06-01 01:09"), T),
    "one at the last second": (
        days("2024-06-01 00:59:59", "2024-06-01 01:59:00", "2024-06-01 02:59:59"),
        T,
    ),
    "all at a last second": (days("2024-06-01 00:59:59", "2024-06-01 01:29:59"), T),
    "a last second, minutes at will": (days("2024-06-01 00:57:59", "2024-06-01 01:59:59"), T),
    "days, of which one has an hour": (days("2024-06-01", "2024-06-02 05:00"), T),
    "no times": (days("2024-03-31 01:00", "now", "today", "later", "soon"), BERLIN),
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
    "ranges of full hours, then of times": (
        days("2024-06-01 0-1", "2024-06-01 01:00-02:00", "2024-06-01 02:00-03:00"),
        T,
    ),
    "ranges but for one": (
        days(*[f"2024-06-01 0{h}:00 - 0{h + 1}:00" for h in range(4)], "2024-06-01 04:00"),
        T,
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
