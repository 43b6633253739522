"""What an hour's demand would cost in each region, per MWh of the operating points that it runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattlas.model.plan import Flows
from wattlas.placement.problem.instance import Instance
from wattlas.placement.problem.unit_values import Measure, carbon, egress, energy, stated_cost
from wattlas.units import KWH_PER_MWH


def deciding(instance: Instance) -> dict[str, Measure]:
    """All that decides where a request runs, USD, and its parts."""
    whole, gamma = stated_cost(instance), instance.scenario.objective.carbon_price_usd_per_t
    priced = carbon(instance).times(gamma, "USD")
    rest = whole.plus(energy(instance), -1.0).plus(egress(instance), -1.0).plus(priced, -1.0)
    return {
        "cost": whole,
        "energy": energy(instance),
        "accelerator": rest,
        "egress": egress(instance),
        "carbon": priced,
    }


@dataclass(frozen=True)
class HourLoad:
    """What is served in an hour: source, class, region and point of each flow, and its rate."""

    instance: Instance
    source: np.ndarray
    region: np.ndarray
    point: np.ndarray
    rate: np.ndarray

    @staticmethod
    def of(instance: Instance, flows: Flows, served: np.ndarray) -> HourLoad:
        """Some flows of a plan, by index; the instance is unmerged."""
        classes = len(instance.scenario.classes)
        source = flows.metro[served].astype(np.int64) * classes + flows.klass[served]
        region, point = (column[served].astype(np.int64) for column in (flows.region, flows.point))
        return HourLoad(instance, source, region, point, flows.requests_per_h[served])

    def _may_run(self, allowed: np.ndarray) -> np.ndarray:
        """Whether each flow may run in each region at its point; bool, (flows, R)."""
        i, k, r, o = allowed.shape
        mask: np.ndarray = allowed.reshape(i * k, r, o)[self.source, :, self.point]
        return mask

    def per_mwh(self, measure: Measure, t: int, allowed: np.ndarray) -> np.ndarray:
        """Mean of a measure per MWh of IT energy in each region, (R,); nan where nothing may run.

        Energy that is nothing has no cost per MWh: nan, too.
        """
        may, regions = self._may_run(allowed), allowed.shape[2]
        kwh = self.rate * self.instance.energy_kwh[self.source, self.point]
        usd = np.zeros(regions)
        for r in range(regions):
            region = np.full(len(self.source), r)
            unit = measure.units(self.instance, t, self.source, region, self.point)
            usd[r] = (unit * self.rate) @ may[:, r]
        return _ratio(usd, kwh @ may / KWH_PER_MWH)

    def mw_per_gpu(self, allowed: np.ndarray) -> np.ndarray:
        """IT power per accelerator in each region, (R,): of what runs there, else of what may."""
        kwh = self.rate * self.instance.energy_kwh[self.source, self.point]
        gpu_h = self.rate * self.instance.gpu_h[self.source, self.point]
        may = self._may_run(allowed)
        runs = self.region[:, None] == np.arange(allowed.shape[2])
        counted = np.where(runs.any(axis=0), runs, may)
        return _ratio(kwh @ counted / KWH_PER_MWH, gpu_h @ counted)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, nan where the whole is nothing."""
    ratio: np.ndarray = np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
    return ratio
