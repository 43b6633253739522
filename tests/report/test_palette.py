"""The colours of the report can be told apart with each kind of colour vision."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from wattlas.report.vendor import asset_text

# Full dichromacy in linear sRGB, after Machado, Oliveira and Fernandes (2009).
VISION = {
    "full": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def palette() -> list[str]:
    """The colours as the page has them."""
    block = re.search(r"const PALETTE = \[(.*?)\];", asset_text("report/core.js"), re.S)
    assert block is not None
    return re.findall(r"#[0-9a-f]{6}", block[1])


def lab(colour: str, vision: str) -> np.ndarray:
    """CIE L*a*b* of a colour as it is seen, white point D65."""
    rgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", list(VISION))
def test_the_first_eight_are_apart(vision: str) -> None:
    """The regions of most energy differ by at least 12 in CIE 1976."""
    seen = [lab(colour, vision) for colour in palette()[:8]]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 12


def test_no_colour_twice() -> None:
    """There are 24 different colours before the first one returns."""
    assert len(set(palette())) == len(palette()) == 24
