"""Tables of operating points, classes, token profiles and choice experiments."""

from __future__ import annotations

from wattlas.data.schema.columns import ColumnSchema, TableSchema

LEVEL = "level"
_PERCENT = "Divide a percentage by 100."
_CLASS = ColumnSchema("class", need="both", refers="classes")
_POINT = ColumnSchema("point", need="both", refers="points")
_ACCURACY = ColumnSchema(
    "accuracy", "number", "A benchmark score, 0..1.", "both", 0, 1, fix=_PERCENT
)
_SOURCE = ColumnSchema("source", "note", "Where the figures come from.")
_SPANS = "Accelerators that one copy of the model spans; 1 unless given."
_PER_PROMPT = "Accelerator time per prompt token, s."
_PER_ANSWER = "Accelerator time per answer token, s."
_REQUEST_J = "IT energy per request beside that of its tokens, J; without tokens all of it."
_ADDS = "What each prompt token adds to the time to first token, ms."
_GPU_S = "Accelerator time per request beside that of its tokens, s."
_POINTS = (
    ColumnSchema("point", need="both"),
    ColumnSchema("variant", "text", "The model variant.", "both"),
    ColumnSchema("hardware", "note", "What it was measured on."),
    _ACCURACY,
    ColumnSchema("prefill_j_per_token", "number", "IT energy per prompt token, J.", "pack", 0),
    ColumnSchema("decode_j_per_token", "number", "IT energy per answer token, J.", "pack", 0),
    ColumnSchema("prefill_gpu_s_per_token", "number", _PER_PROMPT, "pack", 0),
    ColumnSchema("decode_gpu_s_per_token", "number", _PER_ANSWER, "pack", 0),
    ColumnSchema(
        "ttft_ms", "number", "Time to first token at a prompt of no length, ms.", "pack", 0
    ),
    ColumnSchema("prefill_ms_per_token", "number", _ADDS, "pack", 0),
    ColumnSchema("itl_ms", "number", "Time between answer tokens, ms.", "pack", 0),
    ColumnSchema("itl_p95_ms", "number", "95th percentile of `itl_ms`; 0: not known.", lower=0),
    ColumnSchema("request_j", "number", _REQUEST_J, lower=0),
    ColumnSchema("request_gpu_s", "number", _GPU_S, lower=0),
    ColumnSchema(
        "weights_bytes", "number", "Size of the model: what a cold start carries.", lower=0
    ),
    ColumnSchema("accelerators", "number", _SPANS, above=0),
    _SOURCE,
)

POINTS = TableSchema(
    "points",
    ("point",),
    _POINTS,
    "An operating point: a model variant on some hardware at some batch or power setting.",
)
PROFILES = TableSchema(
    "profiles",
    ("point",),
    (
        *_POINTS,
        ColumnSchema("itl_p99_ms", "number", "The 99th percentile of `itl_ms`.", lower=0),
        ColumnSchema(LEVEL, "number", "Which variants ought to be better: accuracy rises with it."),
        ColumnSchema("gpqa", "number", "A second score, 0..1.", "", 0, 1, fix=_PERCENT),
        ColumnSchema("usd_per_mtok_in", "number", "Price of a million prompt tokens.", lower=0),
        ColumnSchema("usd_per_mtok_out", "number", "Price of a million answer tokens.", lower=0),
    ),
    "A setting of a menu to choose operating points from.",
)
POINT_ACCURACY = TableSchema("point_accuracy", ("class", "point"), (_CLASS, _POINT, _ACCURACY))
VISION = TableSchema(
    "vision",
    (),
    (
        ColumnSchema("model", need="both", also={"arch": 1}),
        ColumnSchema("accuracy", "number", "", "both", 0, 1, fix=_PERCENT, also={"top1": 0.01}),
        ColumnSchema(
            "images_per_s",
            "number",
            "",
            "both",
            above=0,
            also={"throughput": 1, "infer_samples_per_sec": 1},
        ),
        ColumnSchema("device"),
        ColumnSchema("batch", "number", lower=0, also={"infer_batch_size": 1}),
        ColumnSchema("pixels", "number", lower=0, also={"infer_img_size": 1}),
        ColumnSchema("power_w", "number", "Power of the device under this load, W.", lower=0),
        ColumnSchema("energy_j", "number", "Energy of an image, J; comes before power.", lower=0),
    ),
)
"""Models without tokens; other names of a column are those of timm's benchmark."""

TOKEN_PROFILES = TableSchema(
    "token_profiles",
    ("token_profile",),
    (
        ColumnSchema("token_profile", need="both", also={"trace": 1}),
        ColumnSchema("class", need="pack"),
        ColumnSchema("requests", "whole", need="pack"),
        ColumnSchema(
            "tokens_in",
            "number",
            "Mean prompt tokens per request.",
            "both",
            0,
            also={"tokens_in_mean": 1},
        ),
        ColumnSchema(
            "tokens_out",
            "number",
            "Mean answer tokens per request.",
            "both",
            0,
            also={"tokens_out_mean": 1},
        ),
        *(
            ColumnSchema(f"tokens_{way}", "number")
            for way in ("in_p50", "in_p95", "out_p50", "out_p95")
        ),
        ColumnSchema("source", "note", "The trace it was taken from."),
    ),
    "How long the prompts and answers of some kind of request are.",
)

_STATE = "stateless runs anywhere; sticky may move and pays for its state; pinned stays."
_NONE = "Where no place meets the budget: error, or nearest (served late, and reported)."
_TRIPS = "Network round trips between node and region before that moment; 1 unless given."
_TO = "The moment that the budget ends at; first_token unless given."
_PRICE = "What full service sells for; by its tokens at the prices under `users` unless given."
_UNSERVED = "Price of a request that is not served; without it all demand must be served."
_BYTES = "Bytes moved per request between node and region, both directions."
_WAIT = "Hours that a request may wait before it runs, a multiple of the step; 0 unless given."
_COPIES = (
    "Regions with a copy of pinned state, or * for all: they serve where its own region is lost."
)
_LEAST_ACCURACY = "Least accuracy of the operating point of any request."
CLASSES = TableSchema(
    "classes",
    ("class",),
    (
        ColumnSchema("class", need="both"),
        ColumnSchema("name", "note", "What people call it."),
        ColumnSchema("latency_budget_ms", "number", "From the client, ms.", "scenario", above=0),
        ColumnSchema("latency_to", "text", _TO, options=("first_token", "full_answer")),
        ColumnSchema("round_trips", "number", _TRIPS, lower=0),
        ColumnSchema("token_profile", "text", "Token profile that gives tokens_in and tokens_out."),
        ColumnSchema("tokens_in", "number", "Mean prompt tokens per request.", lower=0),
        ColumnSchema("tokens_out", "number", "Mean answer tokens per request.", lower=0),
        ColumnSchema("bytes_per_request", "number", _BYTES, lower=0),
        ColumnSchema("state", "text", _STATE, options=("stateless", "sticky", "pinned")),
        ColumnSchema("session_state_bytes", "number", "State that moves with a session.", lower=0),
        ColumnSchema(
            "requests_per_session_h", "number", "Requests per hour of a session.", above=0
        ),
        ColumnSchema("residency", "text", "Id of the residency rule that its requests obey."),
        ColumnSchema("accuracy_min", "number", _LEAST_ACCURACY, "", 0, 1),
        ColumnSchema("mean_accuracy_min", "number", "Least mean accuracy in each hour.", "", 0, 1),
        ColumnSchema("points", "list", "Operating points it may use; all unless given."),
        ColumnSchema("unserved_usd_per_request", "number", _UNSERVED, lower=0),
        ColumnSchema("when_none", "text", _NONE, options=("error", "nearest")),
        ColumnSchema("price_usd_per_request", "number", _PRICE, lower=0),
        ColumnSchema("may_wait_h", "number", _WAIT, lower=0),
        ColumnSchema("state_copies", "list", _COPIES),
        ColumnSchema(
            "relaxable", "flag", "Whether a frontier may vary its budget; yes unless given."
        ),
    ),
    "A workload class: requests that share a budget, a token profile, state and rules.",
)

_MARK = "Write 1 for the chosen alternative, else 0."
CHOICES = TableSchema(
    "choices",
    ("respondent", "task", "alternative"),
    (
        ColumnSchema("respondent", need="both"),
        ColumnSchema("task", need="both"),
        ColumnSchema("alternative", need="both", also={"alt": 1}),
        ColumnSchema("chosen", "flag", need="both", fix=_MARK, also={"choice": 1}),
        ColumnSchema("segment"),
        ColumnSchema("accuracy", "number", need="both"),
        ColumnSchema("latency_ms", "number", need="both"),
        ColumnSchema("carbon_g", "number", need="both"),
        ColumnSchema("price_usd", "number", need="both"),
    ),
)
"""A choice experiment; a row without any figure is "none of these"."""

TOTALS = TableSchema(
    "totals",
    (),
    (
        ColumnSchema("metro", refers="metros"),
        ColumnSchema("country"),
        ColumnSchema("class", need="both", refers="classes"),
        ColumnSchema("period"),
        ColumnSchema("requests_per_day", "number", lower=0),
        ColumnSchema("requests_per_month", "number", lower=0),
        ColumnSchema("tokens_per_day", "number", lower=0),
        ColumnSchema("tokens_per_month", "number", lower=0),
    ),
)
"""Demand as totals: one of metro and country, and one of the four numbers, in each row."""
