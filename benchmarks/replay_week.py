"""One process that replays a Parquet file of requests over a week, and says how long and how much.

18 regions of 16 replicas each, 40 metros, cost and carbon counted: all that `wattlas replay` does
but the report. Prints wall seconds without the compiler and without planning, and peak MiB.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from wattlas.model.geography import Metro, Region, ServiceNode
from wattlas.model.network import Network
from wattlas.model.scenario import Scenario
from wattlas.model.signals import Hours, Signals
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.policy.planned import optimum
from wattlas.replays.arrivals.stream import AtRates, FromTrace
from wattlas.replays.arrivals.trace import open_trace
from wattlas.replays.run import replay
from wattlas.replays.service.model import ServiceModel
from wattlas.replays.service.serving import Serving

METROS, REGIONS, WEEK_H = 40, 18, 168
REPLICAS = 16
MEAN_IN, MEAN_OUT = 1050.0, 250.0


def world(requests: float) -> tuple[Scenario, ServiceModel]:
    """A world whose demand is so many requests over the week, and that is 60 % busy with them."""
    draw = np.random.default_rng(4)
    rate_per_s = requests / (WEEK_H * 3600.0)
    # What one replica must serve in the mean decides how fast it steps.
    batch = 32
    step_s = REGIONS * REPLICAS * batch / (MEAN_OUT * max(rate_per_s, 1.0)) * 0.6
    gpu_s = step_s / batch
    point = OperatingPoint(
        "p", "m", 0.9, 0.1, 1.0, decode_gpu_s_per_token=gpu_s, ttft_ms=10.0, itl_ms=1e3 * step_s
    )
    zones = tuple(f"z{n}" for n in range(REGIONS))
    shape = (REGIONS, WEEK_H)
    weight = draw.uniform(0.5, 1.5, METROS)
    demand = np.broadcast_to((weight / weight.sum())[:, None, None], (METROS, 1, WEEK_H))
    scenario = Scenario(
        "week",
        tuple(Metro(f"m{n}", 0.0, 0.0, "UTC", "NOR", "X", 1.0, "n") for n in range(METROS)),
        (ServiceNode("n", 0.0, 0.0),),
        tuple(Region(f"r{n}", 0.0, 0.0, zones[n], "NOR", "X") for n in range(REGIONS)),
        (WorkloadClass("k", 60_000.0, MEAN_IN, MEAN_OUT),),
        (point,),
        Hours.range("2023-01-01", WEEK_H),
        Signals(zones, draw.uniform(20, 90, shape), draw.uniform(50, 600, shape)),
        Network(
            np.full((METROS, 1), 10.0), draw.uniform(1, 150, (1, REGIONS)),
            np.full((1, REGIONS), 0.02), np.zeros((METROS, 1), bool), np.zeros((1, REGIONS), bool),
        ),
        demand * rate_per_s * 3600.0,
        np.full(shape, float(REPLICAS)),
    )  # fmt: skip
    return scenario, ServiceModel(step_s, batch=batch, kv_tokens=400_000)


def main(path: str) -> None:
    """Compile on a few requests, plan, then replay the file."""
    trace = open_trace(path)
    import polars as pl

    count = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    scenario, model = world(count)
    services = {"p": model}
    one = scenario.at_hours([0])
    few = replace(one, demand_per_h=one.demand_per_h / one.demand_per_h.sum() * 100)
    replay(few, optimum(few), AtRates(few), serving=Serving(services))
    policy = optimum(scenario)
    began = time.perf_counter()
    outcome = replay(scenario, policy, FromTrace(scenario, trace), serving=Serving(services))
    seconds = time.perf_counter() - began
    assert outcome.served == count
    print(f"{seconds:.3f} {_peak_mib():.1f}")


def _peak_mib() -> float:
    """Peak memory of this process. Where Linux says it, not that of the process that started it,
    which `getrusage` counts, too.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(sys.argv[1])
