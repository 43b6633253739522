"""Service models in a file: what calibration found, by operating point, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from wattlas.errors import InputError, Problem
from wattlas.replays.service.model import NO_POWER, PowerCurve, ServiceModel

_NUMBERS = ("step_s", "token_s", "context_s", "reserve")
_COUNTS = ("batch", "step_tokens", "kv_tokens")
_POWER = ("running", "power_w")
_FIX = "Write it with `wattlas replay calibrate LOG --point ID --out FILE.json`."


def services_text(services: Mapping[str, ServiceModel]) -> str:
    """Service models by the id of their operating point, as the text of a file."""
    return json.dumps({name: _plain(model) for name, model in services.items()}, indent=2) + "\n"


def _plain(model: ServiceModel) -> dict[str, Any]:
    plain: dict[str, Any] = {n: getattr(model, n) for n in (*_NUMBERS, *_COUNTS, "source")}
    if model.power is not NO_POWER:
        plain["power"] = {n: getattr(model.power, n).tolist() for n in _POWER}
        plain["power"]["source"] = model.power.source
    return plain


def read_services(path: str | Path) -> dict[str, ServiceModel]:
    """The models of a file. Raises InputError with everything that is wrong in it."""
    label = str(path)
    try:
        body = json.loads(Path(path).read_text("utf-8"))
    except OSError:
        raise InputError([Problem("(file)", "cannot be read", "Check the path.", label)]) from None
    except ValueError:
        raise InputError([Problem("(file)", "is no JSON", _FIX, label)]) from None
    if not isinstance(body, dict):
        raise InputError([Problem("(file)", "holds no models by point", _FIX, label)])
    models, problems = {}, []
    for name, entry in body.items():
        try:
            models[name] = _model(name, entry)
        except InputError as error:
            problems += [Problem(f"{name}.{p.where}", p.what, p.fix, label) for p in error.problems]
    if problems:
        raise InputError(problems)
    return models


def _model(name: str, entry: Any) -> ServiceModel:
    if not isinstance(entry, dict):
        raise InputError([Problem("service", "is no object", _FIX)])
    known = {f.name for f in fields(ServiceModel)}
    strange = [Problem(key, "is no part of a service model", _FIX) for key in entry
               if key not in known]  # fmt: skip
    if "step_s" not in entry:
        strange.append(Problem("step_s", "is missing", _FIX))
    if strange:
        raise InputError(strange)
    given = {key: value for key, value in entry.items() if key != "power"}
    return ServiceModel(**given, power=_power(entry.get("power")))


def _power(entry: Any) -> PowerCurve:
    if entry is None:
        return NO_POWER
    if not isinstance(entry, dict) or not set(_POWER) <= set(entry):
        raise InputError([Problem("power", f"wants {' and '.join(_POWER)}", _FIX)])
    try:
        running, power_w = (np.asarray(entry[n], dtype=float) for n in _POWER)
    except (TypeError, ValueError):
        raise InputError([Problem("power", "holds no numbers", _FIX)]) from None
    return PowerCurve(running, power_w, str(entry.get("source", "")))
