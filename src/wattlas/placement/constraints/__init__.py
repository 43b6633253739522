"""What a placement must keep: one file per constraint, and the registry that every path asks."""

from wattlas.placement.constraints import (  # noqa: F401  each registers itself, in this order
    capacity,
    degraded_share,
    mean_accuracy,
    objective_cap,
    start_up,
    state_move,
)
