"""How figures are written in the terminal."""

from __future__ import annotations

import pytest

from wattlas.cli.tables import figure, percent


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.505, "50.5%"), (-0.08, "-8.0%"), (0.0, "0.0%"), (-1e-9, "0.0%"), (-0.0, "0.0%")],
)
def test_shares(share: float, text: str) -> None:
    """One figure after the point, and a loss only where the figures show one."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), ("× 2", "× 2"), (float("nan"), "–"), (0.0, "0"), (1234.5, "1,234")],
)
def test_figures(value: float | str | None, text: str) -> None:
    """Thousands apart, texts as they are, and a dash for what there is none of."""
    assert figure(value) == text
