"""A scenario small enough to check by hand, with every feature on, and a writer of LP text."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from wattlas.model.contract import ShareCap
from wattlas.model.frictions import Frictions
from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.objective import Objective, Window
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import OperatingPoint, State, WorkloadClass
from wattlas.placement.constraints.registry import links
from wattlas.placement.constraints.state_move import sticky
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.limit import Limit
from wattlas.placement.problem.lp import ColumnLayout, Costs
from wattlas.placement.problem.rows import Rows
from wattlas.placement.problem.shared_sites import SharedSites
from wattlas.placement.problem.unit_values import carbon, cost
from wattlas.placement.window.linked_program import layout_of, link_costs, program_rows

REGIONS = (
    Region(
        "oslo", 60.0, 11.0, "NO", "NO", "EU", pue=1.25, on_demand_gpu=1.0,
        on_demand_usd_per_gpu_h=2.0,
    ),
    Region(
        "pune", 18.5, 74.0, "IN", "IN", "IN", pue=1.5, reserved_gpu=0.0, on_demand_gpu=np.inf,
        on_demand_usd_per_gpu_h=1.0,
        variants=frozenset({"large"}),
    ),
)  # fmt: skip
POINTS = (
    OperatingPoint(
        "fast", "large", 0.9, decode_j_per_token=36.0, decode_gpu_s_per_token=0.36,
        ttft_ms=50.0, weights_bytes=100e9,
    ),
    OperatingPoint(
        "small", "mini", 0.7, decode_j_per_token=18.0, decode_gpu_s_per_token=0.18,
        ttft_ms=20.0, weights_bytes=10e9,
    ),
)  # fmt: skip
CLASSES = (
    WorkloadClass(
        "A", 300.0, tokens_out=100.0, bytes_per_request=1e6, state=State.STICKY,
        session_state_bytes=2e9, requests_per_session_h=10.0, mean_accuracy_min=0.8,
    ),
    WorkloadClass("D", 3.6e6, tokens_out=200.0, unserved_usd_per_request=0.05),
)  # fmt: skip
"""Per request of A: fast 1 Wh and 0.01 GPU-h, small half of both; of D twice as much."""


def tiny_program() -> ColumnLayout:
    """Three metros, two nodes, half hours 0 and 1 and, after a gap, 5, which stands for 30.

    Lagos and Accra differ in nothing for class D and are one source; sticky A keeps them apart.
    Paris asks for A only.
    """
    metros = (
        Metro("lagos", 6.5, 3.4, "Africa/Lagos", "NG", "NG", node="ghana"),
        Metro("accra", 5.6, -0.2, "Africa/Accra", "GH", "GH", node="ghana"),
        Metro("paris", 48.9, 2.4, "Europe/Paris", "FR", "EU", node="france"),
    )
    hours = Hours(np.datetime64("2023-01-01T00:00:00", "s"), np.array([0, 1, 5]),
                  np.array([1.0, 1.0, 30.0]), step_h=0.5)  # fmt: skip
    demand = np.zeros((3, 2, 3))
    demand[:, 0] = [[100, 110, 120], [0, 0, 0], [200, 210, 220]]
    demand[:2, 1] = [[10, 20, 30], [1, 2, 3]]
    scenario = Scenario(
        name="golden",
        metros=metros,
        nodes=(ServiceNode("ghana", 5.6, -0.2), ServiceNode("france", 48.9, 2.4)),
        regions=REGIONS,
        classes=CLASSES,
        points=POINTS,
        hours=hours,
        signals=Signals(
            zones=("IN", "NO"),
            price_usd_per_mwh=np.array([[80.0, 60.0, 40.0], [20.0, 0.0, -10.0]]),
            average_g_per_kwh=np.array([[700.0, 700.0, 700.0], [30.0, 30.0, 30.0]]),
            marginal_g_per_kwh=np.array([[800.0, 600.0, 400.0], [100.0, 200.0, 300.0]]),
        ),
        network=Network(
            rtt_metro_node_ms=np.full((3, 2), 10.0),
            rtt_node_region_ms=np.array([[120.0, 150.0], [25.0, 110.0]]),
            egress_usd_per_gb=np.array([[0.08, 0.09], [0.02, 0.03]]),
            modelled_metro_node=np.zeros((3, 2), dtype=bool),
            modelled_node_region=np.zeros((2, 2), dtype=bool),
        ),
        demand_per_h=demand,
        reserved_gpu=np.array([[3.0, 2.5, 2.0], [0.0, 0.0, 0.0]]),
        frictions=Frictions(
            start_usd_per_gpu_h=0.5, start_kwh_per_gpu_h=0.1, carry_weights=True, move_state=True
        ),
        objective=Objective(carbon_price_usd_per_t=100.0),
        share_caps=(ShareCap("D-fast", ("D",), ("fast",), 0.25, Window.HOUR),),
    )
    sites = SharedSites(np.array([[2.0, 0.0]]), np.array([6.5]))
    instance = replace(build_instance(scenario), sites=sites)
    return layout_of(instance, np.array([0, 1, 2]), links(scenario), {})


def tiny_limits(instance: Instance) -> tuple[Limit, ...]:
    """A limit on carbon over the first two hours, and one on cost over the last."""
    return (
        Limit("", "carbon", carbon(instance), 0.004, np.array([0, 1])),
        Limit("", "cost", cost(instance), 300.0, np.array([2])),
    )


def tiny_rows(layout: ColumnLayout) -> dict[str, Rows]:
    """Every block of rows of the program by name: of the demand, each constraint, each limit."""
    tied = links(layout.instance.scenario)
    blocks = program_rows(layout, tied, tiny_limits(layout.instance), tiny_costs(layout))
    return {block.name: block for block in blocks}


def tiny_costs(layout: ColumnLayout) -> Costs:
    """What the columns of the links cost, by unit."""
    return link_costs(layout, links(layout.instance.scenario))


def column_names(layout: ColumnLayout) -> list[str]:
    """`x[t0,lagos.A,oslo,fast]` for every column, in order."""
    s = layout.instance.scenario
    who, where = source_names(layout), [r.id for r in s.regions]
    models = [name for name, _ in layout.instance.copies[0]]
    held = [f"{r},{m}" for r in where for m in models]
    columns = layout.instance.columns
    places = zip(columns.source, columns.region, columns.point, strict=True)
    moved = np.flatnonzero(sticky(layout.instance))
    blocks = {
        "x": [
            f"{who[q]},unserved" if r < 0 else f"{who[q]},{where[r]},{s.points[o].id}"
            for q, r, o in places
        ],
        "o": [where[r] for r in layout.buyers],
        "u": held,
        "v": held,
        "y": [f"{who[q]},{r}" for q in moved for r in where],
    }
    return [
        f"{block}[t{s.hours.offset[t]},{name}]"
        for block, names in blocks.items()
        for t in layout.hours
        for name in names
    ]


def source_names(layout: ColumnLayout) -> list[str]:
    """`lagos+accra.D`: the metros that were merged, and their class."""
    s, (pointer, metro, klass) = layout.instance.scenario, layout.instance.members
    return [
        "+".join(s.metros[i].id for i in metro[low:high]) + f".{s.classes[klass[low]].id}"
        for low, high in itertools.pairwise(pointer)
    ]


def row_names(layout: ColumnLayout, block: Rows) -> list[str]:
    """`capacity[t0,oslo]` for every row of an equation, in order."""
    s, who = layout.instance.scenario, source_names(layout)
    limited = np.isfinite(layout.instance.capacity).any(axis=1)
    limited = ~np.isnan(layout.instance.mean_accuracy_min)
    held = [f"{r.id},{m}" for r in s.regions for m, _ in layout.instance.copies[0]]
    moved = np.flatnonzero(sticky(layout.instance))
    one_hour = {
        "demand": who,
        "capacity": [r.id for r, on in zip(s.regions, limited, strict=True) if on],
        "shared_site": ["oslo"],
        "mean_accuracy": [k.id for k, on in zip(s.classes, limited, strict=True) if on],
        "degraded_share": [cap.id for cap in s.share_caps],
        "holding": held,
        "starting": held,
        "moving": [f"{who[q]},{r.id}" for q in moved for r in s.regions],
    }
    if block.name == "limits":
        return [f"limits[{limit.id}]" for limit in tiny_limits(layout.instance)]
    return [f"{block.name}[t{s.hours.offset[t]},{n}]" for t in layout.hours
            for n in one_hour[block.name]]  # fmt: skip


def rows_text(layout: ColumnLayout, block: Rows, doc: str) -> str:
    """An equation as LP text, its formula as the first line."""
    columns = column_names(layout)
    lines = [f"\\ {doc}", "Subject To"]
    for q, name in enumerate(row_names(layout, block)):
        at = slice(int(block.start[q]), int(block.start[q + 1]))
        terms = list(zip(block.value[at], block.index[at], strict=True))
        lines.append(f" {name}:")
        lines += [f"    {_term(value, columns[j])}" for value, j in terms] or ["    0"]
        lines.append(f"    {_side(block.lower[q], block.upper[q])}")
    return "\n".join([*lines, "End", ""])


def objective_text(layout: ColumnLayout, values: np.ndarray, doc: str) -> str:
    """An objective as LP text; columns that cost nothing are written, too."""
    names = column_names(layout)
    terms = [f"    {_term(value, name)}" for value, name in zip(values, names, strict=True)]
    return "\n".join([f"\\ {doc}", "Minimize", " objective:", *terms, "End", ""])


def _term(value: float, name: str) -> str:
    sign = "-" if value < 0 else "+"
    return f"{sign} {abs(value):.12g} {name}"


def _side(lower: float, upper: float) -> str:
    if lower == upper:
        return f"= {lower:.12g}"
    if np.isinf(lower):
        return "free" if np.isinf(upper) else f"<= {upper:.12g}"
    assert np.isinf(upper)
    return f">= {lower + 0.0:.12g}"
