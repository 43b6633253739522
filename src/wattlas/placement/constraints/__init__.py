"""What a placement must keep: one file per constraint, and the registry that every path asks."""

# Each registers itself, in the order in which constraints are told.
# isort: off
from wattlas.placement.constraints import capacity as capacity
from wattlas.placement.constraints import shared_site as shared_site
from wattlas.placement.constraints import mean_accuracy as mean_accuracy
from wattlas.placement.constraints import objective_cap as objective_cap
from wattlas.placement.constraints import carbon_cap as carbon_cap
from wattlas.placement.constraints import degraded_share as degraded_share
from wattlas.placement.constraints import start_up as start_up
from wattlas.placement.constraints import state_move as state_move
from wattlas.placement.constraints import waiting as waiting
