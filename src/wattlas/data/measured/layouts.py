"""How the files of measuring tools look: one record each, and what each of them does not tell.

A layout is recognised by `signs`, keys that all must be there. A field says where a quantity lies
and what one in the file's unit is in ours. The names of the fields are those of the tools' own
files, as their sources and exports have them in 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wattlas.units import J_PER_KWH

MS_PER_S = 1e3
S_PER_MIN = 60.0

QUANTITIES = {
    "model": "what was served",
    "hardware": "what it ran on",
    "run": "what the file calls this measurement",
    "accelerators": "accelerators that served it",
    "setting": "the limit on requests at a time, or the batch",
    "in_flight": "mean number of requests at a time",
    "duration_s": "length of the measurement, s",
    "requests": "requests answered",
    "failed": "requests that failed",
    "requests_per_s": "requests answered per second",
    "tokens_in": "mean prompt tokens per request",
    "tokens_out": "mean answer tokens per request",
    "total_tokens_in": "prompt tokens of all requests",
    "total_tokens_out": "answer tokens of all requests",
    "tokens_out_per_s": "answer tokens per second",
    "ttft_ms": "mean time to the first token, of a request without tokens its whole time, ms",
    "itl_ms": "mean time between answer tokens, ms",
    "itl_p95_ms": "95th percentile of the time between answer tokens, ms",
    "e2e_ms": "mean time of a whole request, ms",
    "energy_j": "energy of the measurement, J",
    "power_w": "mean power of all accelerators together, W",
    "j_per_token": "energy over answer tokens, J",
    "request_j": "energy of a request, J",
    "pue": "facility over IT energy, as far as the file's energy has it in it",
}
"""What a field can be, and in which unit. `data.measured.derive` says what is computed from it."""

How = Literal["one", "sum", "count"]


@dataclass(frozen=True)
class Field:
    """Where a quantity lies: keys from the root of a JSON file, or one column of a table.

    A key or a column with `*` in it stands for all that match: their `sum`, or how many there are.
    `unit` is what the file must say beside the value, where it says units.
    """

    quantity: str
    path: tuple[str | int, ...]
    factor: float = 1.0
    how: How = "one"
    unit: str = ""


@dataclass(frozen=True)
class ToolLayout:
    """What a tool writes. Of fields of one quantity the first that holds something counts."""

    id: str
    title: str
    kind: Literal["json", "table", "vision"]
    signs: tuple[tuple[str | int, ...], ...]
    fields: tuple[Field, ...]
    lacks: tuple[str, ...]
    """Facts that the tool does not tell, by the names of the options that give them."""
    key: tuple[str, ...] = ()
    """Columns that name a measurement; rows that agree in them are one."""
    rows: Literal["each", "last", "mean"] = "each"
    """What rows of one key are: `last` where each row goes on from the one before."""
    note: str = ""


def _f(quantity: str, *path: str | int, times: float = 1.0, unit: str = "") -> Field:
    return Field(quantity, path, times, "one", unit)


_METRICS = (
    _f("duration_s", "benchmark_duration", "avg", unit="s"),
    _f("requests", "request_count", "avg"),
    _f("failed", "error_request_count", "avg"),
    _f("requests_per_s", "request_throughput", "avg"),
    _f("tokens_in", "input_sequence_length", "avg"),
    _f("tokens_out", "output_sequence_length", "avg"),
    _f("tokens_out_per_s", "output_token_throughput", "avg"),
    _f("ttft_ms", "time_to_first_token", "avg", unit="ms"),
    _f("itl_ms", "inter_token_latency", "avg", unit="ms"),
    _f("e2e_ms", "request_latency", "avg", unit="ms"),
)
"""What genai-perf and its successor AIPerf both export: a mean with its unit. Percentiles of the
time between tokens are over requests there, not over tokens, and are left alone."""

LAYOUTS = {
    layout.id: layout
    for layout in (
        ToolLayout(
            "vllm-bench",
            "vLLM `bench serve`",
            "json",
            (("duration",), ("completed",), ("total_input_tokens",), ("total_output_tokens",)),
            (
                _f("model", "model_id"),
                _f("setting", "max_concurrency"),
                _f("duration_s", "duration"),
                _f("requests", "completed"),
                _f("failed", "failed"),
                _f("total_tokens_in", "total_input_tokens"),
                _f("total_tokens_out", "total_output_tokens"),
                _f("ttft_ms", "mean_ttft_ms"),
                # A chunk of a stream may hold several tokens: the time per token comes first.
                _f("itl_ms", "mean_tpot_ms"),
                _f("itl_ms", "mean_itl_ms"),
                _f("itl_p95_ms", "p95_itl_ms"),
                _f("e2e_ms", "mean_e2el_ms"),
            ),
            ("accuracy", "accelerators", "energy"),
        ),
        ToolLayout(
            "aiperf",
            "AIPerf",
            "json",
            (("aiperf_version",), ("request_latency", "avg")),
            (
                _f("model", "input_config", "endpoint", "model_names", 0),
                _f("model", "input_config", "models", "items", 0, "name"),
                _f("setting", "input_config", "loadgen", "concurrency"),
                *_METRICS,
                _f("energy_j", "nvidia_total_gpu_energy", "avg", unit="J"),
                _f("energy_j", "amd_total_gpu_energy", "avg", unit="J"),
                _f("power_w", "nvidia_total_gpu_power", "avg", unit="W"),
                _f("power_w", "amd_total_gpu_power", "avg", unit="W"),
            ),
            ("accuracy", "accelerators", "energy"),
        ),
        ToolLayout(
            "genai-perf",
            "genai-perf",
            "json",
            (("request_latency", "avg"), ("request_throughput", "avg"), ("input_config",)),
            (
                _f("model", "input_config", "model_names", 0),
                _f("model", "input_config", "model", 0),
                _f("setting", "input_config", "perf_analyzer", "stimulus", "concurrency"),
                *_METRICS,
                Field("power_w", ("telemetry_stats", "gpu_power_usage", "gpu*", "avg"), 1.0, "sum"),
            ),
            ("accuracy", "accelerators", "energy"),
        ),
        ToolLayout(
            "llmperf",
            "LLMPerf",
            "json",
            (("num_concurrent_requests",), ("results_end_to_end_latency_s_mean",)),
            (
                _f("model", "model"),
                _f("setting", "num_concurrent_requests"),
                _f("requests", "results_num_completed_requests"),
                _f("failed", "results_number_errors"),
                _f("requests_per_s", "results_num_completed_requests_per_min", times=1 / S_PER_MIN),
                _f("tokens_in", "results_number_input_tokens_mean"),
                _f("tokens_out", "results_number_output_tokens_mean"),
                _f("tokens_out_per_s", "results_mean_output_throughput_token_per_s"),
                _f("ttft_ms", "results_ttft_s_mean", times=MS_PER_S),
                # Its own time between tokens has the first token in it, and is left alone.
                _f("e2e_ms", "results_end_to_end_latency_s_mean", times=MS_PER_S),
            ),
            ("accuracy", "accelerators", "energy"),
        ),
        ToolLayout(
            "mlenergy",
            "ML.ENERGY leaderboard",
            "table",
            (("model_id",), ("energy_per_token_joules",), ("output_throughput_tokens_per_sec",)),
            (
                _f("model", "model_id"),
                _f("hardware", "gpu_model"),
                _f("run", "task"),
                _f("accelerators", "num_gpus"),
                _f("setting", "max_num_seqs"),
                _f("in_flight", "avg_batch_size"),
                _f("tokens_out", "avg_output_len"),
                _f("tokens_out_per_s", "output_throughput_tokens_per_sec"),
                _f("j_per_token", "energy_per_token_joules"),
                # The median is down to a quarter of the mean: that comes from `in_flight`.
                _f("itl_p95_ms", "p95_itl_ms"),
            ),
            ("accuracy", "ttft"),
        ),
        ToolLayout(
            "mlenergy-diffusion",
            "ML.ENERGY leaderboard, images and videos",
            "table",
            (("model_id",), ("batch_latency_s",)),
            (
                _f("model", "model_id"),
                _f("hardware", "gpu_model"),
                _f("run", "task"),
                _f("accelerators", "num_gpus"),
                _f("setting", "batch_size"),
                _f("requests_per_s", "throughput_images_per_sec"),
                _f("requests_per_s", "throughput_videos_per_sec"),
                _f("request_j", "energy_per_image_joules"),
                _f("request_j", "energy_per_video_joules"),
                _f("ttft_ms", "batch_latency_s", times=MS_PER_S),
            ),
            ("accuracy",),
        ),
        ToolLayout(
            "codecarbon",
            "CodeCarbon",
            "table",
            (("energy_consumed",), ("duration",), ("emissions",)),
            (
                _f("run", "task_name"),
                _f("run", "project_name"),
                _f("hardware", "gpu_model"),
                _f("accelerators", "gpu_count"),
                _f("duration_s", "duration"),
                _f("energy_j", "energy_consumed", times=J_PER_KWH),
                _f("pue", "pue"),
            ),
            ("model", "accuracy", "ttft", "requests", "tokens"),
            key=("run_id", "task_name"),
            rows="last",
            note="energy is that of processors, memory and accelerators, without the PUE it states",
        ),
        ToolLayout(
            "zeus",
            "Zeus",
            "table",
            (("window_name",), ("elapsed_time",), ("gpu*_energy",)),
            (
                _f("run", "window_name"),
                _f("duration_s", "elapsed_time"),
                Field("energy_j", ("gpu*_energy",), 1.0, "sum"),
                Field("accelerators", ("gpu*_energy",), 1.0, "count"),
            ),
            ("model", "accuracy", "ttft", "requests", "tokens"),
            key=("window_name",),
            rows="mean",
            note="windows of one name are their mean",
        ),
        ToolLayout(
            "timm",
            "timm benchmark",
            "vision",
            (("infer_samples_per_sec",),),
            (),
            ("accuracy", "energy"),
        ),
    )
}
"""By the name that `--from` takes; the first whose signs a file has is the one that it is in."""
