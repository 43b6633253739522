"""The measured profiles of the embedded world: what a menu of models, hardware and batches holds.

All configurations under chat load whose model has a score that may be passed on, without those
that another batch size of the same model on the same kind of accelerator beats in energy, in time
between tokens and in throughput per accelerator at once.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl

import typical_points as points
from wattlas.tiers.menu import front_mask

SCORE, SECOND = "mmlu-pro", "gpqa"
USD_PER_CENT = 0.01
COMMON = re.compile(r"-(instruct|it|\d{4}|\d+b-\d+e)(?=-|$)")
"""Words that do not distinguish models: `instruct`, the month, and sizes beside another name."""


def profiles_table(data: Path) -> pl.DataFrame:
    """One row per configuration, by score, model, hardware and batch; energies are IT energy."""
    runs = _scored(data).filter(pl.col("task") == points.TASK)
    keep = np.zeros(runs.height, dtype=bool)
    for _, rows in runs.with_row_index().group_by("model_id", "gpu_model", maintain_order=True):
        keep[rows["index"].to_numpy()] = _front(rows)
    order = ["accuracy", "model_id", "gpu_model", "num_gpus", "max_num_seqs"]
    chosen = runs.filter(keep).sort(order, descending=[True, *[False] * 4])
    return pl.DataFrame([_row(run) for run in chosen.iter_rows(named=True)])


def _front(runs: pl.DataFrame) -> np.ndarray:
    per_gpu = runs["output_throughput_tokens_per_sec"] / runs["num_gpus"]
    itl = np.array([itl_ms(run) for run in runs.iter_rows(named=True)])
    return front_mask(per_gpu.to_numpy(), itl, runs["energy_per_token_joules"].to_numpy())


def _scored(data: Path) -> pl.DataFrame:
    """All runs with score, second score and list prices of their model, where it has a score."""
    names = pl.read_csv(data / "llm_model_quality.csv").select("model_id", llm="llmstats_id")
    scores = pl.read_csv(data / "llm_benchmark_scores_llmstats.csv").select(
        "benchmark", "score", llm="llmstats_model"
    )
    scores = scores.filter(pl.col("llm").is_in(names["llm"].drop_nulls().to_list()))
    for column, benchmark in (("accuracy", SCORE), ("gpqa", SECOND)):
        of_benchmark = scores.filter(pl.col("benchmark") == benchmark).select("llm", score_="score")
        names = names.join(
            of_benchmark.rename({"score_": column}), on="llm", how="left", validate="m:1"
        )
    prices = (
        pl.read_csv(data / "llm_api_prices_llmstats.csv")
        .group_by("model_id")
        .agg(
            (pl.median(f"{side}put_cents_per_million_tokens") * USD_PER_CENT)
            .round(4)
            .alias(f"usd_per_mtok_{side}")
            for side in ("in", "out")
        )
    )
    named = names.join(prices.rename({"model_id": "llm"}), on="llm", how="left")
    runs = pl.read_parquet(data / "llm_profiles_mlenergy_v3.parquet")
    return runs.join(named, on="model_id", how="inner", maintain_order="left").filter(
        pl.col("accuracy").is_not_null()
    )


def itl_ms(run: points.Run) -> float:
    """Mean time between tokens by Little's law, ms: sequences in flight over tokens per second.

    The time of an answer is a sum, so means add up and medians do not: at the largest batches the
    median is down to a quarter of the mean.
    """
    return float(run["avg_batch_size"] / run["output_throughput_tokens_per_sec"]) * 1e3


def variant(model_id: str) -> str:
    """`Qwen/Qwen3-235B-A22B-Instruct-2507-FP8` to `qwen3-235b-a22b-fp8`."""
    return COMMON.sub("", model_id.split("/")[-1].lower())


def _row(run: points.Run) -> points.Run:
    name = variant(run["model_id"])
    hardware = f"{run['num_gpus']}x{run['gpu_model'].lower()}"
    return {
        "point": f"{name}-{hardware}-b{run['max_num_seqs']}",
        "variant": name,
        "hardware": points.hardware(run),
        "accuracy": run["accuracy"],
        "gpqa": run["gpqa"],
        **points.figures(run, itl_ms(run)),
        "itl_p95_ms": points.rounded(run["p95_itl_ms"]),
        "itl_p99_ms": points.rounded(run["p99_itl_ms"]),
        "weights_bytes": points.weights_bytes(run),
        "accelerators": int(run["num_gpus"]),
        "usd_per_mtok_in": run["usd_per_mtok_in"],
        "usd_per_mtok_out": run["usd_per_mtok_out"],
        "source": f"{points.source(run)}; itl: mean, sequences in flight / throughput; "
        "list price: median of providers (llm-stats, CC BY 4.0)",
    }
