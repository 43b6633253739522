"""Sizing a fleet: the accelerators of every region and all hours, to a gap of 1e-6.

The alternative is one program of all hours and accelerators, with equal sources merged alike, by
HiGHS's interior point without crossover; its size is what keeps it to days.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from benchmarks.registry import Benchmark, Figure, RunOptions
from benchmarks.shared import as_instance, shared_module
from wattlas.data.scenario_file import example
from wattlas.model.scenario import Scenario
from wattlas.placement.fleet.outage import outages
from wattlas.placement.fleet.reach import reach
from wattlas.placement.fleet.size import EXACT, Sizing
from wattlas.placement.fleet.terms import FleetTerms, terms_of
from wattlas.placement.hour import highs
from wattlas.placement.hour.merge_sources import alike_as_one

SIZES = {"tiny": 24, "week": 168, "month": 744, "year": 8760}
"""Hours of the embedded world."""
WHOLE_H = 168
"""Longer ones are not given to HiGHS as one program, unless it is asked for."""
L_HOURS = 8760
"""Hours of the instance of L, one operating point: 60 regions, 200 metros, 6 classes."""
L_RENT_USD = 2.0
"""Per accelerator-hour reserved in it."""
YEAR_S, OUTAGE_S, L_S, REACH_S = 10.0, 8.0, 40.0, 180.0
L_EXACT = 1e-5


def run(options: RunOptions) -> Sequence[Figure]:
    """CPU seconds of a fleet from reserved accelerators, of the same with on-demand ones beside
    them, and of what surviving the loss of any region adds. For a year also every jump of the
    return on reach, and with the shared folder a year of L.
    """
    hours = SIZES[options.size]
    year = options.size == "year"
    world = example("typical-2023")
    world = world.at_hours(np.arange(hours)) if hours < world.hours.count else world
    Sizing.of(terms_of(world.at_hours(np.arange(24)))).nominal()  # load the engine
    figures = []
    for name, scenario in (("reserved", world), ("with on demand", _with_on_demand(world))):
        terms = terms_of(scenario)
        began = time.process_time()
        found = Sizing.of(terms).nominal()
        ours = time.process_time() - began
        whole, value = _whole(terms) if hours <= WHOLE_H else (None, found.value)
        if abs(found.value - value) > 2e-6 * abs(value):
            raise AssertionError(f"{found.value} against {value} of one program")
        figures.append(
            Figure(
                f"fleet, {name}",
                ours,
                unit="CPU s",
                other=whole,
                other_name="HiGHS interior point, one program",
                target=YEAR_S if year else None,
                note=f"{found.y.sum():,.0f} GPU, gap {found.gap:.1g}, {found.rounds} rounds",
            )
        )
    figures.append(_outages(world, OUTAGE_S if year else None))
    if year:
        figures.append(_reach(world))
        if options.shared is not None:
            figures.append(_large(options))
    return figures


def _outages(world: Scenario, target: float | None) -> Figure:
    """What it takes, on top of the fleet, that any one region may be lost in any hour."""
    terms = terms_of(world)
    sizing = Sizing.of(terms)
    nominal = sizing.nominal()
    sets = [[r] for r in range(len(world.regions))]
    began = time.process_time()
    lost = outages(terms.instance, sets, terms.site, np.full(len(sets), np.inf))
    safe = sizing.exactly([nominal.y], [each.needs for each in lost], EXACT, lambda _: None)
    return Figure(
        "any one region lost, on top",
        time.process_time() - began,
        unit="CPU s",
        target=target,
        note=f"{nominal.y.sum():,.0f} accelerators become {safe.y.sum():,.0f}, gap {safe.gap:.1g}",
    )


def _reach(world: Scenario) -> Figure:
    """Every jump of the return on reach."""
    began = time.process_time()
    found = reach(world, samples=None)
    return Figure(
        "return on reach, all jumps",
        time.process_time() - began,
        unit="CPU s",
        target=REACH_S,
        note=f"{len(found.jumps)} jumps, {len(found.fleets)} fleets were sized",
    )


def _large(options: RunOptions) -> Figure:
    """A year of L to a gap of 1e-5, its rents alike in all regions; and on to that of others."""
    terms = large_terms(options)
    began = time.process_time()
    sizing = Sizing.of(terms)
    found = sizing.nominal(L_EXACT)
    took = time.process_time() - began
    closer = sizing.exactly([found.y], (), EXACT, lambda _: None)
    longer = time.process_time() - began
    return Figure(
        "fleet, a year of L",
        took,
        unit="CPU s",
        target=L_S,
        note=f"{found.y.sum():,.0f} GPU, gap {found.gap:.1g}, {found.rounds} rounds; "
        f"{longer:.0f} CPU s to a gap of {closer.gap:.1g}",
    )


def large_terms(options: RunOptions, hours: int = L_HOURS) -> FleetTerms:
    """The shared generator's L as the question of a fleet: everything must be served, from
    reserved accelerators."""
    arrays = shared_module(options, "instances").make("L", V=1, T=hours)
    whole, measure = as_instance(arrays)
    whole = replace(
        whole,
        unserved_usd=np.full(whole.sources, np.nan),
        surplus=np.zeros(whole.capacity.shape),
    )
    measure = replace(measure, per_unserved=whole.unserved_usd)
    instance, measure, _ = alike_as_one(whole, measure)
    regions = len(arrays["cap"])
    each, none, free = np.ones(regions), np.zeros(regions), np.full(regions, np.inf)
    most = (instance.most_gpu_h.T @ instance.demand).max(axis=1)
    return FleetTerms(
        instance, measure, L_RENT_USD * hours * each, none, most, free, each, none, most
    )


def _with_on_demand(world: Scenario) -> Scenario:
    """Accelerators without end by the hour, at twice what an hour of a reserved one costs."""
    regions = tuple(
        replace(
            region,
            on_demand_gpu=np.inf,
            on_demand_usd_per_gpu_h=2.0 * region.reserved_usd_per_gpu_year / 8760,
        )
        for region in world.regions
    )
    return replace(world, regions=regions)


def _whole(terms: FleetTerms) -> tuple[float, float]:
    """(CPU seconds, cost) of one program of all hours."""
    instance, measure = terms.instance, terms.measure
    columns, hours, regions = instance.columns, instance.demand.shape[1], len(terms.rent_usd)
    source, region, point = columns.source, columns.region, columns.point
    count = len(columns)
    began = time.process_time()
    cost = np.concatenate(
        [
            measure.units(instance, t, source, region, point) * instance.hours[t]
            for t in range(hours)
        ]
        + [measure.per_on_demand * instance.hours[t] for t in range(hours)]
        + [terms.rent_usd]
    )
    served = np.flatnonzero(columns.served)
    usage = sparse.csr_array(
        (instance.gpu_h[source[served], point[served]], (region[served], served)),
        shape=(regions, count),
    )
    each = sparse.csr_array((np.ones(count), (source, np.arange(count))))
    eye = sparse.eye_array(hours, format="csr")
    held = sparse.kron(np.ones((hours, 1)), sparse.eye_array(regions), format="csr")
    bought = sparse.eye_array(hours * regions, format="csr")
    zero = sparse.csr_array((hours * instance.sources, hours * regions + regions))
    matrix = sparse.vstack(
        [
            sparse.hstack([sparse.kron(eye, each), zero]),
            sparse.hstack([sparse.kron(eye, usage), -bought, -held]),
        ],
        format="csr",
    )
    demand = instance.demand.T.ravel()
    free = np.full(hours * regions, -np.inf)
    upper = np.concatenate(
        [np.full(hours * count, np.inf), instance.surplus.T.ravel(), terms.upper]
    )
    solver = highs.new_solver(interior=True)
    solver.setOptionValue("run_crossover", "off")
    solver.setOptionValue("ipm_optimality_tolerance", 1e-8)
    _pass(solver, cost, upper, matrix, np.concatenate([demand, free]),
          np.concatenate([demand, np.zeros(hours * regions)]))  # fmt: skip
    solver.run()
    value = float(solver.getInfo().objective_function_value)
    return time.process_time() - began, value


def _pass(
    solver: object, cost: np.ndarray, upper: np.ndarray, matrix: sparse.csr_array,
    low: np.ndarray, high: np.ndarray,
) -> None:  # fmt: skip
    import highspy

    rows, columns = matrix.shape
    none = np.zeros(0, np.int32)
    solver.passModel(  # type: ignore[attr-defined]
        columns,
        rows,
        matrix.nnz,
        0,
        int(highspy.MatrixFormat.kRowwise),
        int(highspy.HessianFormat.kTriangular),
        int(highspy.ObjSense.kMinimize),
        0.0,
        cost,
        np.zeros(columns),
        upper,
        low,
        high,
        matrix.indptr[:-1].astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        none,
        none,
        np.zeros(0),
        np.zeros(columns, np.int32),
    )


BENCHMARK = Benchmark(
    name="fleet",
    tells="accelerators of every region for all hours, against one program by interior point",
    sizes=tuple(SIZES),
    run=run,
    usual="year",
)
