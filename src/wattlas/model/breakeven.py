"""The value at which a move of demand starts to pay, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wattlas.model.shown import Tabular
from wattlas.model.table import Table, table_of


class Quantity(StrEnum):
    """What is varied while everything else stays as it is."""

    STAY = "stay_h"
    VOLUME = "volume_requests"
    PRICE_GAP = "price_gap_usd_per_mwh"
    CARBON_PRICE = "carbon_price_usd_per_t"
    PAYLOAD = "payload_bytes"
    STATE = "state_bytes"

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return _UNITS[self]


_UNITS = {
    Quantity.STAY: "h",
    Quantity.VOLUME: "requests",
    Quantity.PRICE_GAP: "USD/MWh",
    Quantity.CARBON_PRICE: "USD/t",
    Quantity.PAYLOAD: "B/request",
    Quantity.STATE: "B/session",
}


class Verdict(StrEnum):
    """What the break-even says of the move."""

    PAYS = "pays"
    """A value exists, and the move pays at the present one."""
    LOSES = "loses"
    """A value exists, and the move does not pay at the present one."""
    ALWAYS = "always"
    """The move pays at every value."""
    NEVER = "never"
    """The move pays at no value."""


class Side(StrEnum):
    """On which side of the value the move pays."""

    ABOVE = "above"
    BELOW = "below"
    NOWHERE = ""


@dataclass(frozen=True)
class BreakEven:
    """One break-even value: at exactly `value` the move neither gains nor loses.

    `value` is None where none exists, and `reason` says why in words. `now` is the present value
    of the quantity, `side` where the move pays. Units: `unit`.
    """

    quantity: Quantity
    value: float | None
    unit: str
    verdict: Verdict
    reason: str
    side: Side = Side.NOWHERE
    now: float | None = None

    def pays_at(self, value: float) -> bool:
        """Whether the move pays with the quantity at `value` and all else as it is."""
        if self.value is None:
            return self.verdict is Verdict.ALWAYS
        return value > self.value if self.side is Side.ABOVE else value < self.value


class BreakEvens(tuple[BreakEven, ...], Tabular):
    """All break-even values of a move."""

    __slots__ = ()

    def table(self) -> Table:
        """One row per quantity."""
        return table_of(
            {
                "quantity": str(each.quantity),
                "verdict": str(each.verdict),
                "value": each.value,
                "now": each.now,
                "unit": each.unit,
                "side": str(each.side),
                "reason": each.reason,
            }
            for each in self
        )
