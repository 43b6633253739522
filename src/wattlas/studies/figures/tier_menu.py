"""What could be served instead? The menu of each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure
from wattlas.studies.tier_tables import MILLION, WH_PER_KWH, Row, menu_of_class, tier_table
from wattlas.units import S_PER_H

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign


@tier_table(
    "tier_menu",
    "class:text point:text variant:text hardware:text? accuracy service_ms service_p95_ms? "
    "energy_wh gpu_s cost_usd_per_million? carbon_g? pareto:flag role:text?",
)
def menu(scenario: Scenario, design: Design, whole: TierDesign) -> Iterator[Row]:
    served, base = menu_of_class(scenario, design, whole)
    grams = served.carbon_g(base.g_per_kwh, base.pue)
    full = design.service.full_points[:1]
    fallback = design.chosen.fallback if design.chosen is not None else None
    for n, name in enumerate(served.ids):
        yield {
            "class": served.klass,
            "point": name,
            "variant": served.variants[n],
            "hardware": served.hardware[n],
            "accuracy": float(served.accuracy[n]),
            "service_ms": float(served.service_ms[n]),
            "service_p95_ms": float(served.service_p95_ms[n]),
            "energy_wh": float(served.energy_kwh[n]) * WH_PER_KWH,
            "gpu_s": float(served.gpu_h[n]) * S_PER_H,
            "cost_usd_per_million": float(served.cost_usd[n]) * MILLION,
            "carbon_g": float(grams[n]),
            "pareto": bool(served.pareto[n]),
            "role": "full" if name in full else "fallback" if name == fallback else None,
        }


figure(
    __file__,
    order=20,
    part=TIERS,
    question="What could be served instead?",
    needs=("tier_menu",),
    missing="There is no menu of operating points",
    depth=Depth.APPENDIX,
)
