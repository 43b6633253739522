"""Was the degradation cap kept? The degraded share of what was delivered, against the cap."""

from __future__ import annotations

from wattlas.studies.registry import REPLAY, figure, replay_table

replay_table(
    "replay_caps",
    "policy:text time_utc:time cap:text window_utc:time delivered granted degraded share share_max",
)

figure(
    __file__,
    order=20,
    part=REPLAY,
    question="Was the degradation cap kept?",
    needs=("replay_caps",),
    missing="No class is under a contract",
)
