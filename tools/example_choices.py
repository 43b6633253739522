"""Make the choice experiment of the example `tiny`: simulated respondents, known taste.

    python tools/example_choices.py src/wattlas/data/examples/tiny/choices.csv

Running it twice writes the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HEAD = (
    "# Simulated, not asked: {0} respondents, {1} tasks of {2} alternatives each. Their taste:",
    "# theta 0.2, k_a 0.5, k_l 0.3, W 0.01 USD per request, mu 0.002 USD, on a scale of",
    "# accuracy 0.6 to 0.9, latency 2000 to 200 ms and 0.3 g per request.",
    "# Made by tools/example_choices.py.",
    "respondent,task,alternative,accuracy,latency_ms,carbon_g,price_usd,chosen",
)
RESPONDENTS, TASKS, ALTERNATIVES = 150, 4, 3
SEED = 7
ACCURACY = (0.6, 0.7, 0.8, 0.9)
LATENCY_MS = (200, 600, 1200, 2000)
CARBON_G = (0.03, 0.1, 0.2, 0.3)
PRICE_USD = (0.002, 0.004, 0.006, 0.008)
K_A, K_L, THETA, W_USD, MU_USD = 0.5, 0.3, 0.2, 0.01, 0.002


def lines() -> Iterator[str]:
    """The lines of the table."""
    yield from (line.format(RESPONDENTS, TASKS, ALTERNATIVES) for line in HEAD)
    draw = np.random.Generator(np.random.PCG64(SEED))
    for respondent in range(1, RESPONDENTS + 1):
        for task in range(1, TASKS + 1):
            rows = [_alternative(draw) for _ in range(ALTERNATIVES)]
            felt = [worth_usd(*row) - MU_USD * np.log(-np.log(draw.random())) for row in rows]
            best = int(np.argmax(felt))
            for n, row in enumerate(rows):
                cells = ",".join(f"{cell:g}" for cell in row)
                yield f"r{respondent},{task},{'abc'[n]},{cells},{int(n == best)}"


def worth_usd(accuracy: float, latency_ms: float, carbon_g: float, price_usd: float) -> float:
    """v = W·[(1 − θ)·Q + θ·(1 − c/0.3 g)] − price, linear curves."""
    u_a, u_l = (accuracy - 0.6) / 0.3, (2000 - latency_ms) / 1800
    quality = K_A * u_a + K_L * u_l + (1 - K_A - K_L) * u_a * u_l
    return W_USD * ((1 - THETA) * quality + THETA * (1 - carbon_g / 0.3)) - price_usd


def _alternative(draw: np.random.Generator) -> tuple[float, float, float, float]:
    accuracy, latency, carbon, price = (
        levels[int(4 * draw.random())] for levels in (ACCURACY, LATENCY_MS, CARBON_G, PRICE_USD)
    )
    return accuracy, latency, carbon, price


def main(arguments: list[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("target", type=Path)
    target: Path = parser.parse_args(arguments).target
    target.write_text("\n".join(lines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
