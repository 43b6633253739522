"""A scenario that states what it needs and nothing else: no coordinates, no tokens, no prices."""

from __future__ import annotations

from pathlib import Path

TEXT = """name: abstract
time: {start: "2024-01-31T12:00:00Z", hours: 6}
metros: {north: {}, south: {}}
nodes: {at: regions}
regions:
  hydro: {zone: H, pue: 1.1, reserved_gpu: 20}
  coal: {zone: C, pue: 1.3, reserved_gpu: 20}
network:
  metro_node: {pairs: {north: {hydro: 5, coal: 50}, south: {hydro: 50, coal: 5}}}
  node_region: {pairs: {hydro: {coal: 60}, coal: {hydro: 60}}}
signals: {carbon: {constant: {H: 90, C: 600}}}
points:
  big: {variant: big, accuracy: 0.8, request_j: 900, request_gpu_s: 2, ttft_ms: 100}
  little: {variant: little, accuracy: 0.6, request_j: 450, request_gpu_s: 1, ttft_ms: 40}
classes: {score: {latency_budget_ms: 500, bytes_per_request: 2000, accuracy_min: 0.7}}
demand: demand.csv
objective: {minimise: carbon}
"""
HOURS = [f"2024-01-31T{h}:00:00Z" for h in range(12, 18)]
RATES = {"north": 7000, "south": 15000}


def abstract_folder(folder: Path) -> Path:
    """The scenario in a folder, with its table of demand."""
    rows = [f"{time},{metro},score,{rate}" for metro, rate in RATES.items() for time in HOURS]
    lines = ["time_utc,metro,class,requests_per_h", *rows]
    (folder / "demand.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "scenario.yaml").write_text(TEXT, encoding="utf-8")
    return folder
