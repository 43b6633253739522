"""Operating points of the embedded world, from measured profiles and a model of the prefill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

PEAK_TFLOPS = {
    ("H100", "bfloat16"): 989.0,
    ("H100", "fp8"): 1979.0,
    ("B200", "bfloat16"): 2250.0,
    ("B200", "fp8"): 4500.0,
}
"""Dense peak rates as the maker states them."""
BOARD_W = {"H100": 700.0, "B200": 1000.0}
BYTES_PER_PARAMETER = {"bfloat16": 2.0, "fp8": 1.0}
PREFILL_EFFICIENCY = {"dense": 0.4, "experts": 0.2}
"""Share of the peak rate that prompts run at: dense models, and mixtures of experts."""
FLOP_PER_TOKEN_PARAMETER = 2.0
FIRST_STEP_ITL = 1.5
"""First token after half a step of waiting and one step of its own, in inter-token latencies."""
TASK = "lm-arena-chat"


@dataclass(frozen=True)
class Choice:
    """A measured configuration that becomes an operating point."""

    point: str
    variant: str
    model_id: str
    gpu: str
    gpus: int
    sequences: int


_QWEN = "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8"
_LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
_GEMMA = "google/gemma-3-12b-it"
CHOICES = (
    Choice("large-h100-fast", "large", _QWEN, "H100", 8, 64),
    Choice("large-h100-batch", "large", _QWEN, "H100", 8, 256),
    Choice("medium-h100-fast", "medium", _LLAMA, "H100", 4, 64),
    Choice("medium-h100-batch", "medium", _LLAMA, "H100", 4, 256),
    Choice("small-h100-fast", "small", _GEMMA, "H100", 1, 16),
    Choice("small-h100-batch", "small", _GEMMA, "H100", 1, 128),
    Choice("large-b200-batch", "large", _QWEN, "B200", 2, 256),
    Choice("medium-b200-batch", "medium", _LLAMA, "B200", 2, 1024),
)


def points_table(data: Path) -> pl.DataFrame:
    """One row per choice; energies are IT energy, J per token."""
    profiles = pl.read_parquet(data / "llm_profiles_mlenergy_v3.parquet").filter(
        pl.col("task") == TASK
    )
    quality = dict(
        pl.read_csv(data / "llm_model_quality.csv").select("model_id", "mmlu_pro").iter_rows()
    )
    rows = []
    for choice in CHOICES:
        runs = profiles.filter(
            pl.col("model_id") == choice.model_id,
            pl.col("gpu_model") == choice.gpu,
            pl.col("num_gpus") == choice.gpus,
            pl.col("max_num_seqs") == choice.sequences,
        ).sort("energy_per_token_joules")
        rows.append(_row(choice, runs.row(0, named=True), quality[choice.model_id]))
    return pl.DataFrame(rows)


Run = dict[str, Any]
"""A measured configuration, as a row of the data set."""


def _row(choice: Choice, run: Run, accuracy: float) -> Run:
    return {
        "point": choice.point,
        "variant": choice.variant,
        "hardware": hardware(run),
        "accuracy": accuracy,
        **figures(run, float(run["median_itl_ms"])),
        "weights_bytes": weights_bytes(run),
        "accelerators": int(run["num_gpus"]),
        "source": source(run),
    }


def hardware(run: Run) -> str:
    """`8 x H100`."""
    return f"{run['num_gpus']} x {run['gpu_model']}"


def weights_bytes(run: Run) -> float:
    """Parameters times bytes each."""
    precision = BYTES_PER_PARAMETER[run["weight_precision"]]
    return float(run["total_params_billions"]) * 1e9 * precision


def kind(run: Run) -> str:
    """`dense`, or `experts` where not all parameters are active."""
    all_active = run["activated_params_billions"] == run["total_params_billions"]
    return "dense" if all_active else "experts"


def figures(run: Run, itl_ms: float) -> dict[str, float]:
    """Energy, accelerator time and latency per token of a run.

    Decode is measured; prefill is bound by arithmetic: 2·parameters FLOP per token.
    """
    gpu, gpus = run["gpu_model"], int(run["num_gpus"])
    flop = FLOP_PER_TOKEN_PARAMETER * float(run["activated_params_billions"]) * 1e9
    peak = PEAK_TFLOPS[gpu, run["weight_precision"]] * 1e12
    prefill_gpu_s = flop / (PREFILL_EFFICIENCY[kind(run)] * peak)
    return {
        "prefill_j_per_token": rounded(prefill_gpu_s * BOARD_W[gpu]),
        "decode_j_per_token": rounded(float(run["energy_per_token_joules"])),
        "prefill_gpu_s_per_token": rounded(prefill_gpu_s),
        "decode_gpu_s_per_token": rounded(gpus / float(run["output_throughput_tokens_per_sec"])),
        "ttft_ms": rounded(FIRST_STEP_ITL * itl_ms),
        "prefill_ms_per_token": rounded(prefill_gpu_s / gpus * 1e3),
        "itl_ms": rounded(itl_ms),
    }


def source(run: Run) -> str:
    """What of a row is measured, what is modelled, and whose the score is."""
    return (
        f"decode: ML.ENERGY leaderboard v3, {run['model_id']} on {hardware(run)}, "
        f"up to {run['max_num_seqs']} sequences (Apache-2.0); prefill and ttft: modelled, 2 FLOP "
        f"per active parameter at {PREFILL_EFFICIENCY[kind(run)]:.0%} of peak and board power; "
        "accuracy: MMLU-Pro (llm-stats, CC BY 4.0)"
    )


def rounded(value: float) -> float:
    """Four significant figures."""
    return float(f"{value:.4g}")
