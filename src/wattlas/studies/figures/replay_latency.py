"""How long did requests take? Cumulative shares by policy, class and moment."""

from __future__ import annotations

from wattlas.policy.forecasts.columns import SPEC
from wattlas.studies.registry import REPLAY, figure, replay_table

replay_table(
    "replay_totals",
    "policy:text measure:text value? half_width?",
)
replay_table(
    "replay_latency",
    "policy:text class:text service:text moment:text requests p50_ms p95_ms p99_ms late_share",
)
replay_table(
    "replay_distribution",
    "policy:text class:text moment:text latency_ms share",
)

replay_table("replay_forecasts", SPEC)
replay_table("replay_forecast_regret", "policy:text against:text measure:text value half_width?")

figure(
    __file__,
    order=10,
    part=REPLAY,
    question="How long did requests take?",
    needs=("replay_distribution", "replay_latency"),
    missing="No request was served",
)
