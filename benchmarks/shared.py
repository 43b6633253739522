"""Instances of the shared folder (`--shared`): `bench/instances.py` makes them by size."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.registry import RunOptions
from benchmarks.worlds import from_arrays
from wattlas.placement.engine import HourlyProgram
from wattlas.placement.hour.engine_hour import compact, program
from wattlas.placement.hour.merge_sources import alike_as_one
from wattlas.placement.hour.protocol import HourProblem
from wattlas.placement.problem.instance import Instance, build_instance
from wattlas.placement.problem.unit_values import Measure

Arrays = dict[str, Any]


def shared_module(options: RunOptions, name: str) -> Any:
    """A module of the shared folder's `bench`."""
    if options.shared is None:
        raise SystemExit("this benchmark needs --shared FOLDER with bench/instances.py")
    folder = str(options.shared / "bench")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def as_instance(arrays: Arrays) -> tuple[Instance, Measure]:
    """The generated arrays as an instance of the planner's and the measure to make least.

    Every (metro, class) pair with demand is a source; the legal mask is kept.
    """
    every_pair = build_instance(from_arrays("shared", arrays))
    _, metro, klass = every_pair.members
    points = arrays["V"]
    instance = replace(
        every_pair,
        demand=arrays["D"][metro, klass],
        allowed=arrays["mask"][metro, klass].transpose(0, 2, 1).copy(),
        energy_kwh=arrays["ek"][klass],
        gpu_h=arrays["gk"][klass],
        accuracy=np.broadcast_to(arrays["va"], (len(klass), points)),
        capacity=np.repeat(arrays["cap"][:, None], arrays["T"], axis=1),
        unserved_usd=np.full(len(klass), arrays["shed"]),
        mean_accuracy_min=np.where(points > 1, arrays["A"], np.nan),
    )
    egress = arrays["egr"][metro] * arrays["gb"][klass][:, None]
    per_request = np.repeat(egress[:, :, None], points, axis=2)
    none = np.zeros(len(arrays["cap"]))
    return instance, Measure("USD", arrays["w"], per_request, instance.unserved_usd, none)


def merged_program(instance: Instance, measure: Measure) -> HourlyProgram:
    """What `plan` hands to the engine: sources with the same places at the same costs as one."""
    few, measure_of_few, _ = alike_as_one(instance, measure)
    return compact(program(HourProblem(few, measure_of_few))[0])[0]


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the CPU seconds of all threads of this process."""
    began = time.process_time()
    result = work()
    return result, time.process_time() - began
