"""What measurements are called: names that options may use, and ids of points."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COUNTED = re.compile(r"\d+ ?x ")
"""Hardware that says how many there are."""


def names_of(values: Mapping[str, Any], label: str) -> list[str]:
    """What an option may call a measurement: its run, its model, its file."""
    model = values.get("model", "")
    candidates = [values.get("run", ""), model, slug(model) if model else "", Path(label).name]
    return [name for name in candidates if name]


def slug(name: str) -> str:
    """`Qwen/Qwen3-14B` to `qwen3-14b`."""
    return "-".join(name.rstrip("/").split("/")[-1].lower().split())


def point_id(values: Mapping[str, Any], label: str) -> str:
    parts = [slug(values.get("model") or values.get("run") or Path(label).stem)]
    if "hardware" in values:
        parts.append(slug(hardware_of(values)).replace("-x-", "x"))
    if "setting" in values:
        parts.append(f"b{float(values['setting']):g}")
    return "-".join(parts)


def hardware_of(values: Mapping[str, Any]) -> str:
    """`8 x H100`, or as the file has it where it counts itself."""
    name, count = str(values.get("hardware", "")), values.get("accelerators")
    if not name or not count or COUNTED.match(name):
        return name
    return f"{float(count):g} x {name}"
