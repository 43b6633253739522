"""Who carries out the runs of a sweep: this process, processes beside it, or a cluster."""

from __future__ import annotations

from wattlas.studies.sweeps.carry_out import Here, Workers
from wattlas.studies.sweeps.cluster import cluster_at
from wattlas.studies.sweeps.local import Processes, cores


def workers_of(cluster: str | None, jobs: int | None, todo: int) -> Workers:
    """A cluster by its address, or processes of this machine, as many as there are cores.

    One run at a time is carried out in this process. Raises UsageError, MachineError.
    """
    if cluster is not None:
        return cluster_at(cluster, jobs)
    count = min(jobs or cores(), todo)
    return Here() if count <= 1 else Processes(count)
