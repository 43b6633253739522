"""Requests through vllm-sr-sim, the fleet simulator of vLLM's semantic router, in its environment.

Its model is another one (a slot per request, service times from a profile of an A100), so only the
speed is compared: CPU time of `Fleet.run` per request, which are made and read outside of it. It
looks at every pool at every event: at one pool it is at its best. `WATTLAS_SRSIM` names an
environment with the package.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

PER_GPU_S = 30.0
"""Requests a second and accelerator; the time of a request hardly depends on it."""
_SCRIPT = """
import json, random, sys, time
from fleet_sim import A100_80GB, Fleet, FleetConfig, PoolConfig, Request

pools, gpus, count, rate = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
router = "RandomRouter"
shapes = [PoolConfig(f"r{n}", A100_80GB, gpus, 8192) for n in range(pools)]
fleet = Fleet(FleetConfig(shapes, router))
draw, at, came = random.Random(1), 0.0, []
for n in range(count):
    at += draw.expovariate(rate)
    tokens_out = max(1, int(draw.expovariate(1 / 250)))
    came.append((at, Request(n, at, draw.randint(100, 2000), tokens_out)))
began = time.process_time()
result = fleet.run(came)
seconds = time.process_time() - began
print(json.dumps({"us": seconds / count * 1e6, "done": len(result.completed)}))
"""


def us_per_request(pools: int, gpus: int, count: int) -> float | None:
    """CPU microseconds of a request; None without the environment."""
    folder = os.environ.get("WATTLAS_SRSIM")
    if not folder:
        return None
    rate = PER_GPU_S * pools * gpus
    words = [str(word) for word in (pools, gpus, count, rate)]
    made = subprocess.run(
        [str(Path(folder) / "bin" / "python"), "-c", _SCRIPT, *words],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    told = json.loads(made.stdout)
    if told["done"] != count:
        raise AssertionError(f"{told['done']} of {count} requests ended")
    return float(told["us"])
