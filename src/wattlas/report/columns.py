"""The columns of every table in a results folder: one place that writers and readers share.

Units are in the names. Energies, money and carbon are sums over the window with each step counted
as the hours it stands for; `mw` is mean power within one step. A kind of `text?` and the like may
hold nulls. The `reason` of a tier's verdict is a clause that can follow "because".
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
    "tier_verdicts": "class:text worth:flag reason:text price_usd full_accuracy full_latency_ms "
    "full_cost_usd full_carbon_g floor:text? discount? share? adoption? profit_gain_usd? "
    "profit_gain_share? carbon_saved_kg? carbon_saved_share? users_pay_usd_per_t?",
    "tier_menu": "class:text point:text variant:text hardware:text? accuracy service_ms "
    "service_p95_ms? energy_wh gpu_s cost_usd_per_million? carbon_g? pareto:flag role:text?",
    "tier_targets": "class:text cap_g from_g_per_kwh to_g_per_kwh? point:text accuracy "
    "service_ms utility",
    "tier_utility": "class:text segment:text accuracy latency_ms utility",
    "tier_shares": "zone:text cap_share rule:text place:text share?",
    "tier_grid": "class:text floor:text discount share adoption profit_gain_usd carbon_saved_kg",
    "tier_pareto": "class:text floor:text discount share adoption profit_gain_usd "
    "carbon_saved_kg chosen:text?",
    "tier_floors": "class:text floor:text levels_below discount share adoption profit_gain_usd "
    "carbon_saved_kg worth:flag",
    "tier_segments": "class:text segment:text requests_share consciousness adoption "
    "prefers:text gain_usd_per_million rational:flag compatible:flag losing_share",
    "tier_sensitivity": "class:text parameter:text label:text unit:text? low base high "
    "profit_gain_low_usd profit_gain_high_usd profit_gain_base_usd carbon_saved_low_kg "
    "carbon_saved_high_kg carbon_saved_base_kg discount_low? discount_high? discount_base?",
    "tier_split": "class:text part:text cost_usd? carbon_kg? saving_usd? saving_kg?",
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
