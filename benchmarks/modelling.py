"""The same program as a user of a modelling library would write it, up to a loaded solver.

Both write exactly the columns and rows of `wattlas.placement.problem.lp` from the same merged
instance, in the quickest idiom that the library documents. Seconds are CPU time, so that a busy
machine does not blur the ratios.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure


@dataclass(frozen=True)
class Built:
    """A program in HiGHS: seconds to write the model, to have it loaded, to solve it, its size."""

    write_s: float
    build_s: float
    solve_s: float
    columns: int
    rows: int
    objective: float


def linopy_program(instance: Instance, measure: Measure, hours: np.ndarray) -> Built:
    """linopy: labelled arrays over (hour, source, region, point), closed places masked."""
    import linopy
    import pandas as pd
    import xarray as xr

    warnings.simplefilter("ignore", getattr(linopy, "LinopySemanticsWarning", FutureWarning))
    began = time.process_time()
    s, r, o = instance.allowed.shape
    h = len(hours)
    axes = [pd.RangeIndex(n, name=name) for name, n in zip("hsro", (h, s, r, o), strict=True)]
    mask = np.broadcast_to(instance.allowed, (h, s, r, o))
    unit = (
        instance.energy_kwh[:, None, :, None] * measure.per_kwh[None, :, None, hours]
        + measure.per_request[..., None]
    )
    unit = np.moveaxis(unit, -1, 0)
    demand = xr.DataArray(instance.demand[:, hours].T, dims=["h", "s"])
    gpu = xr.DataArray(instance.gpu_h, dims=["s", "o"])
    room = xr.DataArray(instance.capacity[:, hours].T, dims=["h", "r"])
    model = linopy.Model()
    x = model.add_variables(lower=0, coords=axes, mask=xr.DataArray(mask, dims=list("hsro")))
    n = model.add_variables(lower=0, coords=axes[:2])
    model.add_constraints(x.sum(["r", "o"]) + n == demand)
    model.add_constraints((x * gpu).sum(["s", "o"]) <= room)
    for k in np.unique(instance.klass):
        sources_of_class = np.flatnonzero(instance.klass == k)
        excess = xr.DataArray(
            instance.accuracy[sources_of_class] - instance.mean_accuracy_min[k],
            dims=["s", "o"],
            coords={"s": sources_of_class},
        )
        model.add_constraints((x.sel(s=sources_of_class) * excess).sum(["s", "r", "o"]) >= 0)
    shed = xr.DataArray(measure.per_unserved, dims=["s"])
    model.add_objective((x * xr.DataArray(unit, dims=list("hsro"))).sum() + (n * shed).sum())
    written = time.process_time()
    with _quiet():
        solver = linopy.io.to_highspy(model, set_names=False)
    return _solved(solver, written - began, time.process_time() - began)


def pulp_program(instance: Instance, measure: Measure, hours: np.ndarray) -> Built:
    """PuLP: one object per column, expressions from lists of terms, HiGHS behind it."""
    import pulp

    began = time.process_time()
    s, r, o = np.nonzero(instance.allowed)
    unit = (
        instance.energy_kwh[:, None, :, None] * measure.per_kwh[None, :, None, hours]
        + measure.per_request[..., None]
    )
    model = pulp.LpProblem("placement", pulp.LpMinimize)
    cost: list[Any] = []
    for h, t in enumerate(hours):
        x = [model.add_variable(f"x{h}_{n}", 0) for n in range(len(s))]
        shed = [model.add_variable(f"n{h}_{a}", 0) for a in range(instance.sources)]
        columns_of_source: list[list[int]] = [[] for _ in range(instance.sources)]
        columns_of_region: list[list[int]] = [[] for _ in range(len(instance.capacity))]
        columns_of_class: dict[int, list[int]] = {int(k): [] for k in np.unique(instance.klass)}
        for n in range(len(s)):
            columns_of_source[s[n]].append(n)
            columns_of_region[r[n]].append(n)
            columns_of_class[int(instance.klass[s[n]])].append(n)
        for a in range(instance.sources):
            model += (
                pulp.lpSum([x[n] for n in columns_of_source[a]] + [shed[a]])
                == instance.demand[a, t]
            )
        for b, members in enumerate(columns_of_region):
            used = pulp.LpAffineExpression([(x[n], instance.gpu_h[s[n], o[n]]) for n in members])
            model += used <= instance.capacity[b, t]
        for k, members in columns_of_class.items():
            minimum = instance.mean_accuracy_min[k]
            excess = [(x[n], instance.accuracy[s[n], o[n]] - minimum) for n in members]
            model += pulp.LpAffineExpression(excess) >= 0
        cost += [(x[n], unit[s[n], r[n], o[n], h]) for n in range(len(s))]
        cost += [(shed[a], measure.per_unserved[a]) for a in range(instance.sources)]
    model += pulp.LpAffineExpression(cost)
    written = time.process_time()
    solver = pulp.HiGHS(msg=False, threads=1)
    with _quiet():
        solver.createAndConfigureSolver(model)
        solver.buildSolverModel(model)
    return _solved(model.solverModel, written - began, time.process_time() - began)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the solver's greeting, which no option of these libraries stops, off stdout."""
    sys.stdout.flush()
    stdout_copy, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(stdout_copy, 1)
        os.close(stdout_copy)
        os.close(nowhere)


def _solved(solver: Any, write_s: float, build_s: float) -> Built:
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    began = time.process_time()
    solver.run()
    seconds = time.process_time() - began
    value = float(solver.getInfo().objective_function_value)
    return Built(write_s, build_s, seconds, solver.getNumCol(), solver.getNumRow(), value)
