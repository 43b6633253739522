"""Tables over time, and the figures that a typical pack makes its hours from."""

from __future__ import annotations

from wattlas.data.schema.columns import CellKind, ColumnSchema, TableSchema

TIME = "time_utc"
PARTS = (60, 30, 20, 15, 10, 5)
"""Steps that hours are made of, minutes."""
_TIME = ColumnSchema(TIME, "time", "Beginning of the step, UTC.", "both")
_ZONE = ColumnSchema("zone", need="both")
_METRO = ColumnSchema("metro", need="both", refers="metros")
_REGION = ColumnSchema("region", need="both", refers="regions")
_SIGNED = "Give a price; negative ones are allowed, missing ones are not."
_G = "gCO2e/kWh"
_USUAL_G = (2, 1500)
"""No fuel emits more per kWh over its life cycle on average."""
MOST, MOST_KWH = 1e6, 1e9
"""More than any price or intensity is, and than the servers of a region take in an hour: with them
all that follows is a whole number that ledgers keep."""
_USD = ColumnSchema(
    "price_usd_per_mwh", "number", need="both", unit="USD/MWh", usual=(1, 2000), fix=_SIGNED
)
_AVERAGE = ColumnSchema("average_g_per_kwh", "number", "", "both", 0, unit=_G, usual=_USUAL_G)
_MARGINAL = ColumnSchema("marginal_g_per_kwh", "number", lower=0, unit=_G, usual=_USUAL_G)
_GPU = ColumnSchema("reserved_gpu", "number", "", "both", 0)
_REQUESTS = ColumnSchema("requests_per_h", "number", "", "both", 0)

PRICE = TableSchema("price", (TIME, "zone"), (_TIME, _ZONE, _USD))
CARBON = TableSchema("carbon", (TIME, "zone"), (_TIME, _ZONE, _AVERAGE, _MARGINAL))
CAPACITY = TableSchema("capacity", (TIME, "region"), (_TIME, _REGION, _GPU))
DEMAND = TableSchema(
    "demand",
    (TIME, "metro", "class"),
    (_TIME, _METRO, ColumnSchema("class", need="both", refers="classes"), _REQUESTS),
)

ISSUED = "issued_utc"
FORECASTS = TableSchema(
    "forecasts",
    (ISSUED, TIME, "zone"),
    (
        ColumnSchema(ISSUED, "time", "When the forecast was issued, UTC.", "both"),
        ColumnSchema(TIME, "time", "Beginning of the hour that it speaks of, UTC.", "both"),
        _ZONE,
        ColumnSchema("price_usd_per_mwh", "number", unit="USD/MWh", fix=_SIGNED),
        ColumnSchema("carbon_g_per_kwh", "number", lower=0, unit=_G),
    ),
)
"""Forecasts as they were issued; carbon is of the intensity that decides."""

REVISED = TableSchema(
    "revised",
    (TIME, "region"),
    (
        ColumnSchema(TIME, "time", "Beginning of the hour, UTC.", "both"),
        ColumnSchema("region", need="both"),
        ColumnSchema("price_usd_per_mwh", "number", "", "", -MOST, MOST, unit="USD/MWh"),
        ColumnSchema("average_g_per_kwh", "number", "", "", 0, MOST, unit=_G, usual=_USUAL_G),
        ColumnSchema("marginal_g_per_kwh", "number", "", "", -MOST, MOST, unit=_G),
    ),
)
"""Signals of hours that are over, as they are known now; an empty cell is not revised."""

METERED = TableSchema(
    "metered",
    REVISED.key,
    (
        *REVISED.columns[:2],
        ColumnSchema("it_kwh", "number", need="both", above=0, upper=MOST_KWH, unit="kWh"),
    ),
)
"""IT energy of a region's servers in hours that are over, as their meters said."""

_WEATHER = (
    ColumnSchema("temperature_c", "number", unit="°C", usual=(-60, 60)),
    ColumnSchema("wind_speed_m_per_s", "number", lower=0, unit="m/s"),
    ColumnSchema("solar_w_per_m2", "number", lower=0, unit="W/m²"),
    ColumnSchema("humidity_pct", "number", lower=0, upper=100, unit="%"),
)
WEATHER = TableSchema(
    "weather",
    (TIME, "zone"),
    (ColumnSchema(TIME, "time", "Beginning of the hour, UTC.", "both"), _ZONE, *_WEATHER),
)
"""Weather as it was measured: known once its hour is over."""
WEATHER_ISSUED = TableSchema("weather", FORECASTS.key, (*FORECASTS.columns[:3], *_WEATHER))
"""Weather as it was forecast, or measured, when it was issued."""


def _figure(name: str, kind: CellKind = "number") -> ColumnSchema:
    return ColumnSchema(name, kind, need="pack")


def _typical(signal: str, unit: str, *series: ColumnSchema) -> tuple[TableSchema, ...]:
    """What a typical pack knows of a signal: by month and hour, by month, and by series."""
    zone, month, hour = _figure("zone", "text"), _figure("month", "whole"), "hour_utc"
    mean, spread = _figure(f"mean_{unit}"), (_figure(f"std_{unit}"), _figure("tail", "whole"))
    low, high = _figure(f"low_{unit}"), _figure(f"high_{unit}")
    slow = (_figure("slow_share"), ColumnSchema("persistence", "number"), *series)
    return (
        TableSchema(f"{signal}_figures", (), (zone, month, _figure(hour, "whole"), mean, *spread)),
        TableSchema(f"{signal}_months", (), (zone, month, low, high)),
        TableSchema(f"{signal}_series", (), (zone, *slow)),
    )


_PAIR = tuple(_figure(name, "text") for name in ("signal", "zone", "with_signal", "with_zone"))
TYPICAL = (
    *_typical("price", "usd_per_mwh"),
    *_typical("carbon", "g_per_kwh", ColumnSchema("price_correlation", "number")),
    TableSchema("correlation", (), (*_PAIR, _figure("correlation"))),
)
