"""Gradient-boosted trees, by the library that the extra `forecast` brings."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattlas.errors import UsageError


def regressor(quantile: float, seed: int, **settings: Any) -> Any:
    """A model of a quantile, not learnt yet: `sklearn`'s histogram gradient boosting."""
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError:
        fix = "pip install 'wattlas[forecast]', or take persistence or climatology"
        raise UsageError(f"this forecast needs scikit-learn, which is not here: {fix}") from None
    return HistGradientBoostingRegressor(
        loss="quantile", quantile=quantile, early_stopping=False, random_state=seed, **settings
    )


def informed(x: np.ndarray) -> np.ndarray:
    """Columns (n, F) with zeros for those that know nothing, such as a clue that is never
    published: the library cannot learn from them."""
    known = np.isfinite(x).any(axis=0)
    return np.where(known, x, np.zeros(1, dtype=x.dtype))
