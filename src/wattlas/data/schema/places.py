"""Tables of places and of the network between them."""

from __future__ import annotations

from wattlas.data.schema.columns import ColumnSchema, TableSchema

_SWAPPED = "Give degrees; check that latitude and longitude are not swapped."
_PUE = "PUE is facility energy / IT energy, not the other way round."
_LAW = "The legal area that residency rules speak of, e.g. `EU`."
_NAME = ColumnSchema("name", "note", "What people call it.", "pack")
_COUNTRY = ColumnSchema("country", "text", "ISO 3166-1 alpha-2, e.g. `NG`.", "pack")
_WHERE = (
    ColumnSchema("lat_deg", "number", "Latitude, degrees north.", "pack", -90, 90, fix=_SWAPPED),
    ColumnSchema("lon_deg", "number", "Longitude, degrees east.", "pack", -180, 180, fix=_SWAPPED),
)

_PUBLIC = "Public region that gives what is not stated: `aws:eu-north-1`; the id, if it is one."
METROS = TableSchema(
    "metros",
    ("metro",),
    (
        ColumnSchema("metro", need="both"),
        _NAME,
        _COUNTRY,
        ColumnSchema("jurisdiction", "text", _LAW, "pack"),
        *_WHERE,
        ColumnSchema("timezone", "text", "IANA time zone; demand follows its local hours.", "pack"),
        ColumnSchema(
            "population", "number", "Persons served from here.", "pack", 0, usual=(0, 1e9)
        ),
        ColumnSchema(
            "node", "text", "Service node of its clients; else the nearest.", refers="nodes"
        ),
    ),
    "A client metro: where requests come from.",
)
NODES = TableSchema(
    "nodes",
    ("node",),
    (
        ColumnSchema("node", need="both"),
        _NAME,
        ColumnSchema("jurisdiction", "note", "The legal area it stands in.", "pack"),
        *_WHERE,
        ColumnSchema(
            "region", "text", "Where pinned state lives; else the nearest.", refers="regions"
        ),
        ColumnSchema("cloud", "text", _PUBLIC),
    ),
    "A service node: the API front door, which holds session state.",
)
_RESERVED = (
    "Accelerators held all year (GPU-h per h), or `free`: no limit, the default. `capacity:` may "
    "vary it by hour."
)
_YEAR = "What one of them costs a year, USD, used or not."
_MORE = "How many more can be had by the hour, or `free`: no limit. None unless given."
_HOUR = "What an hour of one of those costs, USD, paid when it is used."
_KEPT = "A fleet keeps at least so many reserved accelerators here: what is there already."
_RESERVED_MOST = "A fleet reserves at most so many accelerators here, or `free`."
_SITE = "What a fleet may have here in any hour, reserved and on demand together, or `free`."
_POWER = "Likewise as power at the meter, kW, or `free`."
_UTILISATION = "The share of a reserved accelerator's time that a fleet may count on."
_IDLE = "What a reserved accelerator draws while it does nothing, W: part of what it draws at work."
_EMBODIED = "Carbon of making a reserved accelerator, kg, by the year that it is held."
_FLEET = (
    ColumnSchema("reserved_gpu_min", "number", _KEPT, lower=0),
    ColumnSchema("reserved_gpu_max", "number", _RESERVED_MOST, lower=0, unlimited="free"),
    ColumnSchema("capacity_max", "number", _SITE, lower=0, unlimited="free"),
    ColumnSchema("power_max_kw", "number", _POWER, lower=0, unlimited="free"),
    ColumnSchema("utilisation_max", "number", _UTILISATION, lower=0.001, upper=1),
    ColumnSchema("idle_w", "number", _IDLE, lower=0),
    ColumnSchema("embodied_kg_per_gpu_year", "number", _EMBODIED, lower=0),
)
REGIONS = TableSchema(
    "regions",
    ("region",),
    (
        ColumnSchema("region", need="both"),
        _NAME,
        ColumnSchema("zone", "text", "Grid zone of its price and carbon signals.", "both"),
        _COUNTRY,
        ColumnSchema("jurisdiction", "text", _LAW, "pack"),
        *_WHERE,
        ColumnSchema("timezone", "text", "IANA time zone.", "pack"),
        ColumnSchema(
            "pue", "number", "Facility energy / IT energy.", "both", 1, usual=(1, 3), fix=_PUE
        ),
        ColumnSchema("reserved_gpu", "number", _RESERVED, lower=0, unlimited="free"),
        ColumnSchema("reserved_usd_per_gpu_year", "number", _YEAR, lower=0),
        ColumnSchema("on_demand_gpu", "number", _MORE, lower=0, unlimited="free"),
        ColumnSchema("on_demand_usd_per_gpu_h", "number", _HOUR, lower=0),
        ColumnSchema("cloud", "text", _PUBLIC),
        *_FLEET,
        ColumnSchema("queue_ms", "number", "Mean wait of a request before it is served.", lower=0),
        ColumnSchema("variants", "list", "Model variants that run here; all unless given."),
    ),
    "A compute region: a data centre on one grid zone.",
)

_METRO = ColumnSchema("metro", need="both", refers="metros")
_NODE = ColumnSchema("node", need="both", refers="nodes")
_REGION = ColumnSchema("region", need="both", refers="regions")
_METHOD = ColumnSchema("method", "note", "`measured`, or how else it was found.")
_RTT = ColumnSchema("rtt_ms", "number", "Round trip, ms.", "both", 0, usual=(0, 2000))
_USD = ColumnSchema("egress_usd_per_gb", "number", "Price of a GB.", "both", 0, usual=(0, 10))
RTT_METRO_NODE = TableSchema("rtt_metro_node", ("metro", "node"), (_METRO, _NODE, _RTT, _METHOD))
RTT_NODE_REGION = TableSchema(
    "rtt_node_region", ("node", "region"), (_NODE, _REGION, _RTT, _METHOD)
)
EGRESS = TableSchema("egress", ("node", "region"), (_NODE, _REGION, _USD, _METHOD))

_CLOUD = ColumnSchema("cloud", "text", "A public region: `aws:eu-north-1`.", "pack")
_TO = ColumnSchema("to", "text", "Another region of the same provider.", "pack")
_FOUND = ColumnSchema("source", "note", "Who publishes it.", "pack")
CLOUD_REGIONS = TableSchema(
    "cloud_regions",
    ("cloud",),
    (
        _CLOUD,
        *(REGIONS[name] for name in ("name", "country")),
        ColumnSchema("jurisdiction", "text", _LAW, "pack"),
        *_WHERE,
        ColumnSchema("timezone", "text", "IANA time zone.", "pack"),
        ColumnSchema("zone", "text", "Grid zone, where it is known."),
        ColumnSchema("pue", "number", "Published by the provider.", lower=1, usual=(1, 3)),
        ColumnSchema("place_source", "note", "Where the coordinates come from.", "pack"),
        ColumnSchema("zone_source", "note", "How the zone is known."),
        ColumnSchema("pue_source", "note", "Who published the PUE, for which year."),
    ),
)
"""Public regions of clouds; what is not known of one is empty."""
CLOUD_RTT = TableSchema("cloud_rtt", ("cloud", "to"), (_CLOUD, _TO, _RTT, _FOUND))
CLOUD_EGRESS = TableSchema("cloud_egress", ("cloud", "to"), (_CLOUD, _TO, _USD, _FOUND))
"""Prices between regions of one provider, and `to` the `internet`."""
