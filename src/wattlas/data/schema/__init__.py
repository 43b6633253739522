"""Every table that Wattlas reads or writes, stated once: `TABLES` are those of packs, by name."""

from __future__ import annotations

from wattlas.data.schema import hours, places, workload
from wattlas.data.schema.columns import TableSchema

TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        *(places.METROS, places.NODES, places.REGIONS),
        *(hours.PRICE, hours.CARBON, hours.CAPACITY),
        *(places.CLOUD_REGIONS, places.CLOUD_RTT, places.CLOUD_EGRESS),
        *(places.RTT_METRO_NODE, places.RTT_NODE_REGION, places.EGRESS),
        *(workload.POINTS, workload.PROFILES, workload.POINT_ACCURACY, workload.CLASSES),
        *(hours.DEMAND, workload.TOKEN_PROFILES, *hours.TYPICAL),
    )
}
