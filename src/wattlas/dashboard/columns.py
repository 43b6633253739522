"""The columns of every table in a results folder: one place that writers and readers share.

Units are in the names. Energies, money and carbon are sums over the window with each step counted
as the hours it stands for; `mw` is mean power within one step. A kind of `text?` and the like may
hold nulls.
"""

from __future__ import annotations

_WINDOW = "requests it_mwh facility_mwh energy_usd carbon_kg rtt_ms"
_FLOWS = f"metro:text class:text region:text point:text? {_WINDOW}"

_SPECS: dict[str, str] = {
    "places": "kind:text id:text name:text lat_deg lon_deg zone:text? jurisdiction:text? "
    "country:text? population? pue? node:text?",
    "policies": "policy:text label:text feasible:flag reason:text? cost_usd? movable_usd? "
    "energy_usd? egress_usd? rent_usd? carbon_kg? carbon_average_kg? it_mwh? rtt_mean_ms? "
    "late_share?",
    "flows": _FLOWS,
    "home_flows": _FLOWS,
    "hourly": "time_utc:time hours_represented region:text requests it_mw facility_mw gpu "
    "capacity_gpu? price_usd_per_mwh? average_g_per_kwh? deciding_g_per_kwh? "
    "capacity_price_usd_per_gpu_h? home_it_mw?",
    "frontier": "variant:text objective:text x x_unit:text cost_usd? movable_usd? carbon_kg? "
    "exact:flag is_users_budget:flag dual_usd_per_ms? return_usd_per_ms? return_kg_per_ms? "
    "return_usd_per_mwh_ms? return_g_per_kwh_ms?",
    "abatement": "carbon_kg cost_usd abatement_usd_per_t?",
    "benefit": "removed:text label:text saving_usd? saving_kg? realised_ratio_usd? "
    "realised_ratio_kg? note:text?",
    "relocation": "from_zone:text to_zone:text it_mwh mean_mw? distance_km? line_mw? "
    "line_loss_share? line_loss_mwh?",
    "layers": "class:text layer:text it_mwh share?",
    "relocatable": "class:text it_mwh technical_mwh? technical_share? economic_mwh? "
    "economic_share?",
    "breakeven": "class:text from_region:text to_region:text quantity:text value? unit:text? "
    "verdict:text reason:text?",
    "candidates": "metro:text class:text region:text point:text? latency_ms? budget_ms? "
    "cost_usd_per_million? carbon_g_per_request? reason:text? chosen_share? binding:text?",
    "merit": "hour:time rank region:text cost_usd_per_it_mwh? capacity_mw? used_mw? demand_mw?",
    "duration": "policy:text quantity:text share_of_energy value",
}


def _parse(spec: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for word in spec.split():
        optional = word.endswith("?")
        name, _, kind = word.rstrip("?").partition(":")
        out[name] = (kind or "number") + ("?" if optional else "")
    return out


COLUMNS: dict[str, dict[str, str]] = {name: _parse(spec) for name, spec in _SPECS.items()}
"""Table -> column -> kind: `number`, `text`, `flag` or `time`, with `?` where nulls may stand."""

META_REQUIRED: dict[str, type] = {
    "wattlas": str,
    "created_utc": str,
    "scenario": dict,
    "window": dict,
    "intensity": dict,
    "status": str,
}
"""Keys without which `meta.json` cannot say what a reader must know, and their types."""
