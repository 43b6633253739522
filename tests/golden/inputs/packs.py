"""Logs of requests, small tables, and files of measuring tools."""

from __future__ import annotations

import json
from typing import Any

from tests.data.test_measured import AIPERF, BENCH, CARBON, GENAI, IMAGES, LLMPERF, RUNS, TIMM, ZEUS
from tests.golden.inputs.scenarios import FILES

LOGS: dict[str, tuple[str, dict[str, Any]]] = {
    "jsonl": (
        "".join(
            json.dumps(
                {"t": f"2024-05-{d:02}T{h:02}:10:00Z", "m": m, "k": k, "i": 100 + h, "o": 5 * d}
            )
            + "\n"
            for d in range(1, 9)
            for h in range(0, 24, 1 + d % 3)
            for m, k in (("oslo", "a"), ("delhi", "b"))
        ),
        {},
    ),
    "csv": (
        "t,m,k\n"
        + "".join(f"2024-05-{d:02} {h:02}:10:00,oslo,a\n" for d in (1, 2) for h in range(24))
        + "2024-05-03 01:00:00,,a\n2024-05-02 05:00:00,,a\n",
        {"time_zone": "Europe/Oslo"},
    ),
    "without a place in part": (
        "t,m,k\n"
        + "".join(
            f"2024-05-01T{h:02}:00:00Z,oslo,a\n2024-05-01T{h:02}:00:00Z,delhi,b\n"
            for h in range(24)
        )
        + "2024-05-01T05:00:00Z,,a\n",
        {},
    ),
    "on a day of two clocks": (
        "t,m,k\n"
        + "".join(f"2024-10-27 {h:02}:30:00,oslo,a\n" for h in range(24))
        + "".join(f"2024-10-{d} {h:02}:30:00,oslo,a\n" for d in (26, 28) for h in range(24)),
        {"time_zone": "Europe/Oslo"},
    ),
    "epochs": (
        "t,m,k\n"
        + "".join(
            f"{1714521600 + 3600 * h},oslo,a\n{(1714521600 + 3600 * h) * 1000},oslo,b\n"
            for h in range(24)
        ),
        {},
    ),
    "tokens in words": (
        "t,m,k,i,o\n"
        + "".join(f"2024-05-01T{h:02}:00:00Z,oslo,a,{10 * h},{h}\n" for h in range(24))
        + "2024-05-01T05:00:00Z,oslo,a,many,\n2024-05-01T05:00:00Z,oslo,a,NaN,\n"
        + "2024-05-01T06:00:00Z,oslo,b,9,\n",
        {"tokens_in": "i", "tokens_out": "o"},
    ),
    "no zone": ("t,m,k\n2024-05-01 00:00:00,oslo,a\n", {}),
    "no day": ("t,m,k\n2024-05-01T05:00:00Z,oslo,a\n", {}),
    "no class": ("t,m,k\n" + "".join(f"2024-05-01T{h:02}:00:00Z,oslo,\n" for h in range(24)), {}),
    "no place": ("t,m,k\n" + "".join(f"2024-05-01T{h:02}:00:00Z,,a\n" for h in range(24)), {}),
    "no column": ("time,m,k\n2024-05-01T05:00:00Z,oslo,a\n", {}),
    "no rows": ("t,m,k\n", {}),
}


ISSUED = "issued_utc,time_utc,zone,price_usd_per_mwh,carbon_g_per_kwh\n"


CHOICES = "respondent,task,alternative,accuracy,latency_ms,carbon_g,price_usd,chosen,segment,more\n"


PROFILES = (
    "point,variant,accuracy,prefill_j_per_token,decode_j_per_token,"
    "prefill_gpu_s_per_token,decode_gpu_s_per_token,ttft_ms,itl_ms,level\n"
)


TABLES: dict[str, str] = {
    "forecasts.sound": ISSUED + "2024-05-01T00:00Z,2024-05-01T05:00Z,NO,3,\n"
    "2024-05-01T01:00Z,2024-05-01T05:00Z,NO,4,30\n"
    "2024-05-01T00:00Z,2024-05-01T05:00Z,DE,-5,9\n",
    "forecasts.late": ISSUED
    + "2024-05-01T06:00Z,2024-05-01T05:00Z,NO,3,-1\n2024-05-01T06:00Z,2024-05-01T05:00Z,NO,3,1\n",
    "forecasts.nothing": "issued_utc,time_utc,zone\n2024-05-01T00:00Z,2024-05-01T05:00Z,NO\n",
    "forecasts.empty": ISSUED,
    "forecasts.columns": "time_utc,price\n1,2\n",
    "vintages.sound": ISSUED + "2024-05-01T06:00Z,2024-05-01T05:00Z,NO,3,30\n"
    "2024-05-02T06:00Z,2024-05-01T05:00Z,NO,4,\n",
    "vintages.early": ISSUED + "2024-05-01T05:30Z,2024-05-01T05:00Z,NO,3,30\n",
    "weather.sound": "time_utc,zone,temperature_c,humidity_pct\n2024-05-01T00:00Z,NO,3,\n"
    "2024-05-01T01:00Z,DE,4,90\n",
    "weather.issued": "issued_utc,time_utc,zone,wind_speed_m_per_s\n"
    "2024-05-01T00:00Z,2024-05-01T03:00Z,NO,3\n",
    "weather.wrong": "time_utc,zone,humidity_pct\n2024-05-01T00:00Z,NO,130\n",
    "intensity.sound": FILES["carbon.csv"],
    "intensity.gap": "time_utc,zone,average_g_per_kwh\n"
    "2024-05-01T00:00Z,A,3\n2024-05-01T02:00Z,A,4\n"
    "2024-05-01T01:00Z,B,4\n",
    "intensity.empty": "time_utc,zone,average_g_per_kwh\n",
    "intensity.wrong": "time_utc,zone,average_g_per_kwh\n2024-05-01T00:00Z,A,-3\n",
    "endpoints.sound": "region,point,url,service,model\nnorth,big,http://10.0.0.1:8000,svc,m1\n"
    "north,,https://[2001:db8::1]:8443,,\nsouth,tiny,http://x.example,,\n",
    "endpoints.wrong": "region,point,url\nnort,bigg,ftp://x\nnorth,,\n"
    "south,,http://a\nsouth,,http://b/v1/\n"
    "south,big,http://a:99999\n",
    "choices.sound": CHOICES + "r,1,a,0.8,200,0.3,0.01,1,s,x\nr,1,b,0.7,300,0.1,0.005,0,s,x\n"
    "q,1,a,0.8,200,0.3,0.01,0,t,x\nq,1,none,,,,,1,t,x\n",
    "choices.wrong": CHOICES + "r,1,a,80,200,0.3,0.01,1,s,x\nr,1,a,0.7,-3,0.1,-0.005,1,t,x\n"
    "q,1,a,0.8,fast,0.3,0.01,0,t,x\np,1,a,0.8,3,0.3,0.01,1,t,x\n",
    "choices.wide": "respondent,price_1,price_2,time_1,time_2,choice\nr,1,2,3,4,1\n",
    "choices.numbered": CHOICES.strip() + ",foo_1,foo_2,bar_2,bar_3\n"
    "r,1,a,0.8,200,0.3,0.01,1,s,x,1,2,3,4\nr,1,b,0.7,300,0.1,0.005,0,s,x,1,2,3,4\n",
    "choices.half bad": CHOICES + "r,1,a,0.8,200,0.3,0.01,maybe,s,x\n"
    "r,1,b,0.7,300,0.1,0.005,0,s,x\nq,1,a,0.8,200,0.3,0.01,0,t,x\nq,1,b,0.8,x,0.3,0.01,0,t,x\n"
    "p,1,a,0.8,200,0.3,0.01,0,t,x\n",
    "choices.wide of many": "respondent,"
    + ",".join(f"{name}_{n}" for name in ("price", "time", "gain") for n in (2, 1))
    + ",choice\nr,1,2,3,4,5,6,1\n",
    "choices.turned whole": "x,a\nrespondent,1\ntask,1\nalternative,2\naccuracy,1\nlatency_ms,3\n"
    "carbon_g,1\nprice_usd,1\n",
    "choices.turned": "x,a,b\nrespondent,1,2\ntask,1,1\naccuracy,1,1\nchosen,1,0\n",
    "choices.of nobody": "task,alternative,accuracy,latency_ms,carbon_g,price_usd,chosen\n"
    "1,a,0.5,3,4,5,1\n",
    "choices.lacking": "respondent,task,alternative,accuracy,latency_ms,carbon_g\nr,1,a,x,3,4\n",
    "choices.empty": CHOICES,
    "profiles.sound": PROFILES
    + "a,v,0.8,0.1,0.2,0.01,0.02,9,3,1\nb,w,0.9,0.1,0.2,0.01,0.02,9,3,2\n",
    "profiles.falling": PROFILES
    + "a,v,0.8,0.1,0.2,0.01,0.02,9,3,1\nb,w,0.7,0.1,0.2,0.01,0.02,9,3,2\n"
    "b,w,7,0.1,,0.01,0.02,9,3,2\n",
    "profiles.requests": "point,variant,accuracy,request_j,request_gpu_s,"
    "ttft_ms\na,v,0.8,3,0.5,20\n"
    "b,v,0.8,,0.5,\n",
    "profiles.empty": PROFILES,
    "profiles.of a tool": RUNS,
    "profiles.vision": "model,accuracy,images_per_s,device,batch,pixels\na,0.8,500,H100,64,224\n"
    "b,0.7,100,H10,,\na,0.8,500,H100,64,224\n",
    "profiles.vision of nothing": "model,accuracy,images_per_s,device,batch,pixels\n",
    "profiles.percent": "model,top1,images_per_s,power_w,energy_j\na,0.8,500,300,\nb,0.7,100,,2\n",
    "profiles.energy": "model,top1,images_per_s,power_w,energy_j\na,80,500,300,\nb,70,100,,2\n",
}


MEASURED: dict[str, tuple[Any, dict[str, list[str]], dict[str, Any]]] = {
    "vllm": (
        BENCH,
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"], "hardware": ["L40S"]},
        {},
    ),
    "vllm by power": (
        BENCH,
        {"accuracy": ["0.6"], "accelerators": ["2"], "power_w": ["900"], "ttft_ms": ["99"]},
        {"prompt_share": 0.25},
    ),
    "vllm without": (BENCH, {"accuracy": ["1.5", "x"], "energy_j": ["-1"], "hardware": [""]}, {}),
    "vllm lacking": (BENCH, {}, {}),
    "vllm and strangers": (
        BENCH,
        {
            "accuracy": ["0.6", "hero=0.7"],
            "accelerators": ["2"],
            "energy_j": ["1", "2"],
            "tokens_in": ["9"],
        },
        {},
    ),
    "vllm not wanted": (
        BENCH,
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"]},
        {"only": "plover"},
    ),
    "vllm as it is said": (
        BENCH,
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"]},
        {"layout": "vllm-bench"},
    ),
    "timm as it is said, of none": (
        TIMM,
        {"accuracy": ["0.8"], "power_w": ["9"]},
        {"layout": "timm", "only": "no such model"},
    ),
    "vllm of another": (BENCH, {}, {"layout": "aiperf"}),
    "vllm of a table": (RUNS, {}, {"layout": "vllm-bench"}),
    "aiperf": (AIPERF, {"accuracy": ["0.6"], "accelerators": ["2"]}, {"prompt_share": 0.5}),
    "aiperf in other units": (
        {
            **AIPERF,
            "benchmark_duration": {"unit": "ms", "avg": 20000},
            "time_to_first_token": {"unit": "us", "avg": 150000},
            "nvidia_total_gpu_energy": {"unit": "kJ", "avg": 12},
        },
        {"accuracy": ["0.6"], "accelerators": ["2"]},
        {},
    ),
    "aiperf in odd units": (
        {
            **AIPERF,
            "benchmark_duration": {"unit": "weeks", "avg": 1},
            "request_latency": {"unit": "ms", "avg": "slow"},
            "nvidia_total_gpu_energy": {"unit": "J", "avg": -5},
        },
        {},
        {},
    ),
    "genai": (GENAI, {"accuracy": ["heron=0.6"], "accelerators": ["2"], "requests": ["40"]}, {}),
    "llmperf": (
        LLMPERF,
        {"accuracy": ["0.6"], "accelerators": ["4"], "power_w": ["1000"]},
        {"prompt_share": 0.1},
    ),
    "mlenergy": (RUNS, {"accuracy": ["0.6"], "ttft_ms": ["50"]}, {}),
    "images": (IMAGES, {"accuracy": ["0.5"]}, {}),
    "timm": (TIMM, {"accuracy": ["0.8"], "hardware": ["H100"]}, {}),
    "timm by power": (TIMM, {"accuracy": ["0.8"], "power_w": ["250"]}, {}),
    "timm, of which one says its power": (
        "model,device,infer_samples_per_sec,infer_batch_size,infer_img_size,power_w\n"
        "plover_s,H100,500,64,224,\nheron_s,H100,300,64,224,400\n",
        {"accuracy": ["0.8", "heron_s=0.7"]},
        {},
    ),
    "timm lacking": (TIMM, {"hardware": ["H10"]}, {}),
    "timm of nothing": (TIMM, {"accuracy": ["0.8"], "power_w": ["9"]}, {"only": "x"}),
    "zeus": (
        ZEUS,
        {"model": ["answer=m"], "accuracy": ["0.5"], "requests": ["10"], "ttft_ms": ["30"]},
        {"only": "answer"},
    ),
    "zeus with tokens": (
        ZEUS,
        {
            "model": ["m"],
            "accuracy": ["0.5"],
            "requests": ["10"],
            "ttft_ms": ["30"],
            "tokens_out": ["20"],
            "itl_ms": ["4"],
        },
        {},
    ),
    "zeus lacking": (ZEUS, {"model": ["m"]}, {}),
    "carbon": (
        CARBON,
        {"model": ["m"], "accuracy": ["0.5"], "requests": ["100"], "ttft_ms": ["30"]},
        {},
    ),
    "points already": ("point,variant\na,b\n", {}, {}),
    "unknown": ({"a": 1}, {}, {}),
    "no objects": ([1], {}, {}),
    "no objects beside one": ([BENCH, 1], {}, {}),
    "no json": ("{", {}, {}),
    "nothing": ("model_id,energy_per_token_joules,output_throughput_tokens_per_sec\n", {}, {}),
    "failed": (
        {**BENCH, "failed": 7, "duration": 0},
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"]},
        {},
    ),
    "failed some": (
        {**BENCH, "failed": 7},
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000"]},
        {},
    ),
    "several": (
        [BENCH, {**BENCH, "max_concurrency": 8}, BENCH, {**BENCH, "model_id": "other"}],
        {"accuracy": ["0.6"], "accelerators": ["2"], "energy_j": ["36000", "other-b16=5"]},
        {},
    ),
}


WHOLE = {
    "total_tokens_in": 6000.0,
    "total_tokens_out": 2400.0,
    "tokens_in": 55.0,
    "tokens_out": 22.0,
    "duration_s": 40.0,
    "requests": 110.0,
    "requests_per_s": 3.0,
    "tokens_out_per_s": 61.0,
    "energy_j": 3600.0,
    "pue": 1.2,
    "power_w": 90.0,
    "j_per_token": 1.7,
    "request_j": 33.0,
    "accelerators": 2.0,
    "itl_ms": 11.0,
    "e2e_ms": 500.0,
    "ttft_ms": 60.0,
    "in_flight": 5.0,
}

GONE: list[tuple[str, ...]] = [
    (),
    ("total_tokens_out",),
    ("total_tokens_in",),
    ("total_tokens_out", "duration_s"),
    ("total_tokens_out", "tokens_out_per_s"),
    ("total_tokens_out", "tokens_out_per_s", "requests"),
    ("total_tokens_out", "tokens_out_per_s", "requests", "requests_per_s"),
    ("j_per_token", "request_j"),
    ("j_per_token", "request_j", "energy_j"),
    ("j_per_token", "request_j", "energy_j", "power_w"),
    ("j_per_token", "total_tokens_out"),
    ("j_per_token", "total_tokens_out", "tokens_out"),
    ("j_per_token", "total_tokens_out", "tokens_out", "duration_s"),
    ("pue", "j_per_token"),
    ("accelerators",),
    ("itl_ms",),
    ("itl_ms", "e2e_ms"),
    ("itl_ms", "e2e_ms", "in_flight"),
    ("itl_ms", "tokens_out"),
    ("itl_ms", "tokens_out", "requests"),
    ("total_tokens_in", "tokens_in"),
    ("total_tokens_in", "tokens_out"),
    ("total_tokens_in", "tokens_out", "total_tokens_out"),
    ("total_tokens_out", "tokens_out", "tokens_out_per_s"),
    ("request_j", "requests"),
    ("request_j", "energy_j", "requests"),
    ("request_j", "energy_j", "requests", "requests_per_s"),
    ("duration_s", "requests_per_s"),
    ("requests", "requests_per_s"),
    tuple(WHOLE),
]
