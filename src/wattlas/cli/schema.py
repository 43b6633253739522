"""`wattlas schema`: the JSON Schema that editors complete and check `scenario.yaml` with."""

from __future__ import annotations

import sys


def command() -> None:
    """Print the JSON Schema of scenario.yaml.

    Editors find it through the first line of a file: # yaml-language-server: $schema=PATH
    """
    from importlib.resources import files

    sys.stdout.write((files("wattlas.data") / "scenario.schema.json").read_text(encoding="utf-8"))
