"""What matters? Fields of a sweep by how much of a metric they decide."""

from __future__ import annotations

from wattlas.studies.registry import SWEEP, figure, sweep_table

sweep_table(
    "sweep_ranking",
    "metric:text label:text field:text rank low_value:text? high_value:text? low? high? swing? "
    "first first_low? first_high? total? total_low? total_high?",
)

figure(
    __file__,
    order=10,
    part=SWEEP,
    question="What matters?",
    needs=("sweep_ranking",),
    missing="No run has a result",
)
