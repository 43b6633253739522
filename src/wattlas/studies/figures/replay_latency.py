"""How long did requests take? Cumulative shares by policy, class and moment."""

from __future__ import annotations

from wattlas.studies.registry import REPLAY, figure, made_elsewhere, table

table(
    "replay_totals",
    "policy:text measure:text value? half_width?",
)(made_elsewhere)
table(
    "replay_latency",
    "policy:text class:text service:text moment:text requests p50_ms p95_ms p99_ms late_share",
)(made_elsewhere)
table(
    "replay_distribution",
    "policy:text class:text moment:text latency_ms share",
)(made_elsewhere)

figure(
    __file__,
    order=10,
    part=REPLAY,
    question="How long did requests take?",
    needs=("replay_distribution", "replay_latency"),
    missing="No request was served",
)
