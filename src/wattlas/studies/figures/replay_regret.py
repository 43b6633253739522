"""Which policy would have been best? What each costs and emits more, like for like."""

from __future__ import annotations

from wattlas.studies.registry import REPLAY, figure, replay_table

replay_table(
    "replay_policies",
    "policy:text seeds? cost_usd? carbon_kg? movable_usd? movable_kg? requests? unserved? late? "
    "late_share? best_cost:text? regret_cost_usd? regret_cost_half_usd? "
    "regret_cost_share? best_carbon:text? regret_carbon_kg? regret_carbon_half_kg? "
    "regret_carbon_share? regret_movable_usd? regret_movable_half_usd? regret_movable_kg? "
    "regret_movable_half_kg? against:text? against_cost_usd? against_cost_half_usd? "
    "against_carbon_kg? against_carbon_half_kg? against_movable_usd? against_movable_half_usd? "
    "against_movable_kg? against_movable_half_kg? reason:text?",
)

figure(
    __file__,
    order=5,
    part=REPLAY,
    question="Which policy would have been best?",
    needs=("replay_policies",),
    missing="One policy alone was replayed",
)
