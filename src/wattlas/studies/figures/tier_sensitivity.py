"""What does the verdict depend on? The offer judged with one assumption varied at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wattlas.studies.registry import TIERS, Depth, figure
from wattlas.studies.tier_tables import Row, tier_table

if TYPE_CHECKING:
    from wattlas.model.scenario import Scenario
    from wattlas.studies.offers import Design, TierDesign
    from wattlas.tiers.sensitivity import Varied


@tier_table(
    "tier_sensitivity",
    "class:text parameter:text label:text unit:text? low base high profit_gain_low_usd "
    "profit_gain_high_usd profit_gain_base_usd carbon_saved_low_kg carbon_saved_high_kg "
    "carbon_saved_base_kg adoption_low adoption_high adoption_base test:text? passed:flag?",
)
def sensitivity(_scenario: Scenario, design: Design, _whole: TierDesign) -> Iterator[Row]:
    for varied in design.sensitivities:
        yield {"class": design.service.klass, **_varied(varied)}


figure(
    __file__,
    order=100,
    part=TIERS,
    question="What does the verdict depend on?",
    needs=("tier_sensitivity",),
    missing="Sensitivities were not computed",
    lacks="no offer to vary",
    depth=Depth.APPENDIX,
)


def _varied(varied: Varied) -> Row:
    assumption = varied.assumption
    row: Row = {
        "parameter": assumption.parameter,
        "label": assumption.label,
        "unit": assumption.unit or None,
        **dict(zip(("low", "base", "high"), assumption.values, strict=True)),
    }
    for name, offer in zip(("low", "base", "high"), varied.offers, strict=True):
        row[f"profit_gain_{name}_usd"] = offer.profit_gain_usd
        row[f"carbon_saved_{name}_kg"] = offer.carbon_saved_kg
        row[f"adoption_{name}"] = offer.adoption
    return {**row, "test": assumption.words or None, "passed": varied.passed}
