"""What policies are called where a reader sees them."""

from __future__ import annotations

POLICY_LABELS = {
    "optimum": "optimum",
    "carbon_optimum": "least carbon",
    "nearest": "nearest region",
    "nearest_available": "nearest region with capacity",
    "uniform": "equal shares",
    "best_region_cost": "one region, cheapest",
    "best_region_carbon": "one region, cleanest",
    "greedy_cost": "greedy by cost",
    "greedy_carbon": "greedy by carbon",
}
