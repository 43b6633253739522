"""Files of measuring tools become operating points by formulas, or say what they lack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from wattlas.data.measured.build import Measured
from wattlas.data.measured.facts import FACTS, GIVEN_BY
from wattlas.data.measured.layouts import LAYOUTS, QUANTITIES
from wattlas.data.profiles_file import read_profiles
from wattlas.errors import InputError, Problem, UsageError
from wattlas.model.workload import OperatingPoint
from wattlas.studies.points import measured_points, points_frame, points_listing

BENCH = {
    "model_id": "lab/Heron-7B", "max_concurrency": 16, "duration": 40.0, "completed": 120,
    "failed": 0, "total_input_tokens": 60_000, "total_output_tokens": 24_000,
    "mean_ttft_ms": 130.0, "mean_tpot_ms": 18.0, "mean_itl_ms": 19.5, "p95_itl_ms": 41.0,
}  # fmt: skip


def metric(value: float, unit: str) -> dict[str, Any]:
    return {"unit": unit, "avg": value}


METRICS = {
    "request_throughput": metric(3.0, "requests/sec"),
    "request_latency": metric(1650.0, "ms"),
    "time_to_first_token": metric(150.0, "ms"),
    "inter_token_latency": metric(15.0, "ms"),
    "output_token_throughput": metric(303.0, "tokens/sec"),
    "output_sequence_length": metric(101.0, "tokens"),
    "input_sequence_length": metric(404.0, "tokens"),
}
AIPERF = {
    **METRICS,
    "aiperf_version": "0.5.0",
    "benchmark_duration": metric(20.0, "sec"),
    "nvidia_total_gpu_energy": metric(12_120.0, "J"),
    "input_config": {"endpoint": {"model_names": ["heron"]}, "loadgen": {"concurrency": 8}},
}
GENAI = {
    **METRICS,
    "input_config": {"model_names": ["heron"]},
    "telemetry_stats": {
        "gpu_power_usage": {"unit": "W", "gpu0": {"avg": 310.0}, "gpu1": {"avg": 296.0}}
    },
}
LLMPERF = {
    "model": "heron", "num_concurrent_requests": 4, "results_ttft_s_mean": 0.2,
    "results_end_to_end_latency_s_mean": 1.18, "results_inter_token_latency_s_mean": 0.0236,
    "results_number_input_tokens_mean": 300, "results_number_output_tokens_mean": 50,
    "results_mean_output_throughput_token_per_s": 160.0, "results_num_completed_requests": 40,
}  # fmt: skip
ZEUS = (
    "start_time,window_name,elapsed_time,gpu0_energy,gpu1_energy\n"
    "10.5,answer,8,900,1100\n30.5,answer,12,1300,1500\n10.5,warm up,60,5000,5000\n"
)
CARBON = (
    "timestamp,project_name,run_id,duration,emissions,energy_consumed,gpu_count,gpu_model,pue\n"
    "2026-05-01T10:00:00,day,r1,100,0.1,0.002,1,1 x L4,1.25\n"
    "2026-05-01T10:05:00,day,r1,400,0.4,0.010,1,1 x L4,1.25\n"
)
RUNS = (
    "model_id,gpu_model,num_gpus,max_num_seqs,avg_batch_size,avg_output_len,"
    "output_throughput_tokens_per_sec,energy_per_token_joules,p95_itl_ms\n"
    "lab/Heron-7B,H100,2,64,60,500,2400,0.25,44\n"
)
IMAGES = (
    "model_id,gpu_model,num_gpus,batch_size,batch_latency_s,throughput_images_per_sec,"
    "energy_per_image_joules\nlab/Plover,B200,1,4,2.5,1.6,480\n"
)
TIMM = "model,infer_samples_per_sec,infer_batch_size,infer_img_size\nplover_s,500,64,224\n"


def written(folder: Path, content: str | Mapping[str, Any], name: str = "") -> Path:
    """A file as a tool writes it."""
    text = content if isinstance(content, str) else json.dumps(content)
    path = folder / (name or ("run.csv" if isinstance(content, str) else "run.json"))
    path.write_text(text, encoding="utf-8")
    return path


def only(file: Path, facts: Mapping[str, Sequence[str]], **terms: Any) -> OperatingPoint:
    """The one point of a file."""
    (point,) = measured_points([file], facts, **terms).points
    return point


def problems(file: Path, facts: Mapping[str, Sequence[str]], **terms: Any) -> list[Problem]:
    """What is wrong with a file."""
    with pytest.raises(InputError) as caught:
        measured_points([file], facts, **terms)
    return list(caught.value.problems)


SCORE = {"accuracy": ["0.6"]}
COUNT = {**SCORE, "accelerators": ["2"]}


def test_vllm_from_totals(tmp_path: Path) -> None:
    """A joule and a GPU-second per answer token are totals over 24,000; TPOT before chunks."""
    point = only(written(tmp_path, BENCH), {**COUNT, "energy_j": ["36000"], "hardware": ["L40S"]})
    assert point.id == "heron-7b-2xl40s-b16"
    assert (point.variant, point.hardware, point.accelerators) == ("heron-7b", "2 x L40S", 2.0)
    assert point.decode_j_per_token == pytest.approx(1.5)  # 36,000 J / 24,000
    assert point.decode_gpu_s_per_token == pytest.approx(2 * 40 / 24_000)
    assert (point.prefill_j_per_token, point.prefill_gpu_s_per_token) == (0.0, 0.0)
    assert (point.ttft_ms, point.itl_ms, point.itl_p95_ms) == (130.0, 18.0, 41.0)
    by_power = only(written(tmp_path, BENCH), {**COUNT, "power_w": ["900"]})
    assert by_power.decode_j_per_token == pytest.approx(900 * 40 / 24_000)


def test_prompts_take_the_part_that_is_said(tmp_path: Path) -> None:
    """What all requests of the run take is the same, whatever part is that of prompts."""
    file = written(tmp_path, BENCH)
    for part in (0.0, 0.25, 1.0):
        point = only(file, {**COUNT, "energy_j": ["36000"]}, prompt_share=part)
        energy = 60_000 * point.prefill_j_per_token + 24_000 * point.decode_j_per_token
        assert energy == pytest.approx(36_000)
        assert 60_000 * point.prefill_j_per_token == pytest.approx(part * 36_000)
        gpu = 60_000 * point.prefill_gpu_s_per_token + 24_000 * point.decode_gpu_s_per_token
        assert gpu == pytest.approx(80.0)


def test_aiperf_with_energy_of_its_own(tmp_path: Path) -> None:
    """12,120 J over 303 tokens a second for 20 s; its mean time between tokens as it is."""
    point = only(written(tmp_path, AIPERF), COUNT)
    assert point.decode_j_per_token == pytest.approx(12_120 / (303 * 20))
    assert point.decode_gpu_s_per_token == pytest.approx(2 / 303)
    assert (point.id, point.ttft_ms, point.itl_ms) == ("heron-b8", 150.0, 15.0)


def test_units_that_a_file_states(tmp_path: Path) -> None:
    """Nanoseconds and kilojoules are converted; a unit that is not known is told."""
    other = {**AIPERF, "time_to_first_token": metric(1.5e8, "ns"),
             "nvidia_total_gpu_energy": metric(12.12, "kJ")}  # fmt: skip
    point = only(written(tmp_path, other), COUNT)
    assert point.ttft_ms == pytest.approx(150.0)
    assert point.decode_j_per_token == pytest.approx(2.0)
    odd = written(tmp_path, {**AIPERF, "request_latency": metric(3.0, "ticks")}, "odd.json")
    assert [(p.where, p.what) for p in problems(odd, COUNT)] == [
        ("`request_latency.avg`", "is in `ticks`")
    ]


def test_genai_perf_adds_the_power_of_accelerators(tmp_path: Path) -> None:
    """310 W and 296 W over 303 tokens a second are 2 J a token."""
    assert only(written(tmp_path, GENAI), COUNT).decode_j_per_token == pytest.approx(2.0)


def test_llmperf_time_between_tokens_is_without_the_first(tmp_path: Path) -> None:
    """Its own mean has the first token in it: 1,180 − 200 ms over 49 tokens are 20 ms."""
    point = only(written(tmp_path, LLMPERF), {**COUNT, "power_w": ["320"]})
    assert point.itl_ms == pytest.approx(20.0)
    assert point.decode_j_per_token == pytest.approx(2.0)
    assert point.itl_p95_ms == 0.0


def test_llmperf_tells_answers_by_the_minute(tmp_path: Path) -> None:
    """192 of 50 tokens in a minute are the 160 tokens a second of the other figure."""
    facts = {**COUNT, "power_w": ["320"]}
    told = {"results_mean_output_throughput_token_per_s": None}
    by_minute = {**LLMPERF, **told, "results_num_completed_requests_per_min": 192.0}
    plain = only(written(tmp_path, LLMPERF), facts)
    point = only(written(tmp_path, by_minute), facts)
    for name in ("decode_j_per_token", "decode_gpu_s_per_token", "itl_ms", "ttft_ms"):
        assert getattr(point, name) == pytest.approx(getattr(plain, name)), name


def test_mlenergy_time_between_tokens_is_littles(tmp_path: Path) -> None:
    """60 requests at a time over 2,400 tokens a second are 25 ms; energy is as the file has it."""
    point = only(written(tmp_path, RUNS), {**SCORE, "ttft_ms": ["90"]})
    assert (point.itl_ms, point.itl_p95_ms, point.ttft_ms) == (pytest.approx(25.0), 44.0, 90.0)
    assert point.decode_j_per_token == 0.25
    assert point.decode_gpu_s_per_token == pytest.approx(2 / 2400)
    assert point.id == "heron-7b-2xh100-b64"


def test_images_per_second_of_mlenergy(tmp_path: Path) -> None:
    """A request is an image; its time is that of its batch."""
    point = only(written(tmp_path, IMAGES), SCORE)
    assert (point.request_j, point.ttft_ms) == (480.0, 2500.0)
    assert point.request_gpu_s == pytest.approx(1 / 1.6)


def test_zeus_windows_of_a_name_are_their_mean(tmp_path: Path) -> None:
    """2,000 J and 2,800 J in 8 s and 12 s for 50 requests each: 48 J and 0.4 GPU-s."""
    facts = {**SCORE, "model": ["heron"], "requests": ["50"], "ttft_ms": ["700"]}
    point = only(written(tmp_path, ZEUS), facts, only="answer")
    assert point.request_j == pytest.approx(48.0)
    assert point.request_gpu_s == pytest.approx(2 * 10 / 50)


def test_codecarbon_goes_on_in_a_run_and_has_its_pue_in_it(tmp_path: Path) -> None:
    """The last row of a run is all of it: 0.010 kWh / 1.25 over 200 · 80 tokens."""
    facts = {**SCORE, "model": ["heron"], "requests": ["200"], "tokens_out": ["80"],
             "ttft_ms": ["300"], "itl_ms": ["12"]}  # fmt: skip
    point = only(written(tmp_path, CARBON), facts)
    assert point.decode_j_per_token == pytest.approx(0.010 / 1.25 * 3.6e6 / 16_000)
    assert point.decode_gpu_s_per_token == pytest.approx(400 / 16_000)
    assert (point.itl_ms, point.hardware) == (12.0, "1 x L4")


def test_an_energy_log_beside_a_benchmark(tmp_path: Path) -> None:
    """The energy of one window is that of the run; which one must be said where there are two."""
    bench, log = written(tmp_path, BENCH), written(tmp_path, ZEUS, "log.csv")
    point = only(bench, COUNT, energy_log=log, window="warm up")
    assert point.decode_j_per_token == pytest.approx(10_000 / 24_000)
    notes = measured_points([bench], COUNT, energy_log=log, window="answer").notes
    assert any("covers 10 s, the measurement 40 s" in note for note in notes)
    assert any("2,400 J over 10 s of log.csv, the mean of 2 windows" in note for note in notes)
    (unsaid,) = problems(bench, COUNT, energy_log=log)
    assert "`answer`, `warm up`" in unsaid.fix
    (none,) = problems(bench, COUNT, energy_log=bench)
    assert "wanted a log of energy" in none.what


def test_timm_without_scores_and_power(tmp_path: Path) -> None:
    """The benchmark tells neither; both come from options, by model or for all, and from those
    only where the table has none."""
    file = written(tmp_path, TIMM)
    assert [p.where for p in problems(file, {})] == ["accuracy", "power_w"]
    point = only(file, {"accuracy": ["plover_s=0.8"], "power_w": ["250"], "hardware": ["X1"]})
    assert point.request_j == pytest.approx(250 / 500)
    assert (point.ttft_ms, point.id) == (pytest.approx(128.0), "plover_s-224px-x1-b64")
    head, row = TIMM.splitlines()
    stated = written(tmp_path, f"{head},accuracy,power_w,device\n{row},0.8,300,X2\n", "stated.csv")
    assert only(stated, {}).request_j == pytest.approx(300 / 500)
    options = {"accuracy": ["0.7"], "power_w": ["250"], "hardware": ["X1"]}
    assert [p.where for p in problems(stated, options)] == [
        "--accuracy", "--power-w", "--hardware",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "facts", "lacking"),
    [
        (BENCH, {}, "N, --energy-j J or --power-w W or --energy-log FILE, --accuracy SCORE."),
        (AIPERF, SCORE, "Add --accelerators N."),
        (LLMPERF, COUNT, "Add --energy-j J or --power-w W or --energy-log FILE."),
        (RUNS, SCORE, "Add --ttft-ms MS."),
        (IMAGES, {}, "Add --accuracy SCORE."),
        (CARBON, {}, "--requests N, --model NAME, --accuracy SCORE, --ttft-ms MS"),
        ({**BENCH, "mean_ttft_ms": None}, {**COUNT, "power_w": ["9"]}, "Add --ttft-ms MS."),
        (CARBON, {**SCORE, "model": ["m"], "ttft_ms": ["9"], "requests": ["9"],
                  "tokens_out": ["9"]}, "Add --itl-ms MS."),
    ],
)  # fmt: skip
def test_what_a_tool_does_not_tell_is_asked_for(
    tmp_path: Path, content: Any, facts: Mapping[str, list[str]], lacking: str
) -> None:
    """One problem names every fact that lacks, and the option that gives each."""
    (problem,) = problems(written(tmp_path, content), facts)
    assert lacking in problem.fix
    assert problem.what.startswith("lacks ")


def test_nothing_given_is_ignored(tmp_path: Path) -> None:
    """A fact that the file tells itself, a name that is not there, a number out of range."""
    file = written(tmp_path, BENCH)
    enough = {**COUNT, "power_w": ["400"]}
    assert problems(file, {**enough, "requests": ["7"]})[0].where == "--requests"
    named = problems(file, {**enough, "accuracy": ["0.6", "heronn-7b=0.7"]})
    assert [(p.where, p.fix) for p in named] == [("--accuracy", "Did you mean `heron-7b`?")]
    wrong = problems(file, {"accuracy": ["60"], "accelerators": ["0"], "ttft_ms": ["a", "1", "2"]})
    assert [p.where for p in wrong] == ["--accuracy", "--accelerators", "--ttft-ms", "--ttft-ms"]
    both = problems(file, {**enough, "energy_j": ["1"]})
    assert [p.where for p in both] == ["--power-w"]


def test_options_by_name_and_over_what_the_file_says(tmp_path: Path) -> None:
    """A score by model, one for the rest; a time to the first token in place of the measured."""
    other = written(tmp_path, {**BENCH, "model_id": "lab/Crane-30B"}, "crane.json")
    facts = {"accuracy": ["0.5", "crane-30b=0.7"], "accelerators": ["1"], "power_w": ["400"],
             "ttft_ms": ["crane.json=55"]}  # fmt: skip
    found = measured_points([written(tmp_path, BENCH), other], facts)
    assert [(o.variant, o.accuracy, o.ttft_ms) for o in found.points] == [
        ("heron-7b", 0.5, 130.0), ("crane-30b", 0.7, 55.0),
    ]  # fmt: skip
    assert "given: accuracy, accelerators, power_w, ttft_ms" in found.points[1].source


def test_several_results_of_one_file(tmp_path: Path) -> None:
    """Results line by line are points each; those of one name are told apart by a number."""
    lines = [{**BENCH, "max_concurrency": n} for n in (8, 16, 16)]
    file = written(tmp_path, "\n".join(json.dumps(line) for line in lines), "runs.jsonl")
    found = measured_points([file], {**COUNT, "power_w": ["400"]})
    assert [o.id for o in found.points] == ["heron-7b-b8", "heron-7b-b16", "heron-7b-b16-2"]
    failed = written(tmp_path, {**BENCH, "failed": 3}, "failed.json")
    notes = measured_points([failed], {**COUNT, "power_w": ["400"]}).notes
    assert any("3 requests failed" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{", "is no JSON"),
        ("b.json", "[]", "holds no result"),
        ("c.json", '{"x": 1}', "in no layout that is known"),
        ("d.csv", "x,y\n1,2\n", "in no layout that is known"),
        ("e.csv", "point,variant\na,b\n", "is a table of points already"),
        ("f.txt", "x", "ends in `.txt`"),
        ("h.json", json.dumps({**BENCH, "duration": 0}), "is 0, wanted a number above 0"),
        ("i.json", json.dumps({**BENCH, "completed": "many"}), "is `many`, wanted a number"),
        ("j.json", None, "is not there"),
    ],
)
def test_files_that_are_no_measurements(
    tmp_path: Path, name: str, text: str | None, words: str
) -> None:
    """Each is one problem in words of ours."""
    path = tmp_path / name if text is None else written(tmp_path, text, name)
    (problem,) = problems(path, COUNT)
    assert words in problem.what


def test_terms_that_cannot_go_together(tmp_path: Path) -> None:
    """A tool that is not known, a window without a log, two energies, a log for two files."""
    file = written(tmp_path, BENCH)
    for terms, words in (
        ({"layout": "vlm-bench"}, "Did you mean `vllm-bench`"),
        ({"window": "w"}, "Give the log"),
        ({"prompt_share": 1.5}, "0 to 1"),
    ):
        with pytest.raises(UsageError, match=words):
            measured_points([file], COUNT, **terms)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Leave out"):
        measured_points([file], {"power_w": ["1"]}, energy_log=file)
    with pytest.raises(UsageError, match="one file"):
        measured_points([file, file], COUNT, energy_log=file)
    (other,) = problems(file, COUNT, layout="zeus")
    assert "is not what Zeus writes" in other.what


def test_the_table_reads_back_as_the_same_points(tmp_path: Path) -> None:
    """What is written is a table of profiles; nothing changes on the way, points of both kinds."""
    files = [
        written(tmp_path, BENCH),
        written(tmp_path, IMAGES),
        written(tmp_path, AIPERF, "a.json"),
    ]
    facts = {**SCORE, "accelerators": ["heron-7b=2", "heron=2"], "power_w": ["heron-7b=400"]}
    found = measured_points(files, facts)
    points_frame(found).write_csv(tmp_path / "points.csv")
    assert read_profiles(tmp_path / "points.csv") == found.points


def test_the_registry_is_whole() -> None:
    """Every field is a known quantity, every lacking fact has an option, every option a fact."""
    for layout in LAYOUTS.values():
        assert layout.signs
        assert {field.quantity for field in layout.fields} <= QUANTITIES.keys()
        assert set(layout.lacks) <= GIVEN_BY.keys()
    assert {option for options in GIVEN_BY.values() for option in options} <= FACTS.keys()


def test_the_page_lists_every_layout(root: Path) -> None:
    """docs/menu.md names each tool as `--from` takes it, with what it lacks."""
    page = (root / "docs" / "menu.md").read_text(encoding="utf-8")
    for layout in LAYOUTS.values():
        (line,) = [row for row in page.splitlines() if row.startswith(f"| `{layout.id}` ")]
        words = {"ttft": "time to first token", "accelerators": "accelerators"}
        for fact in layout.lacks:
            assert words.get(fact, fact) in line, (layout.id, fact)


def test_real_runs_of_the_leaderboard(shared: Path) -> None:
    """All 838 are read; energy, accelerator time and Little's law as the table has them."""
    file = shared / "data" / "llm_profiles_mlenergy_v3.parquet"
    rows = pl.read_parquet(file)
    found = measured_points([file], {"accuracy": ["0.5"], "ttft_ms": ["100"]}).points
    assert len(found) == rows.height
    assert len({o.id for o in found}) == rows.height
    assert [o.decode_j_per_token for o in found] == rows["energy_per_token_joules"].to_list()
    rate = rows["output_throughput_tokens_per_sec"]
    assert [o.itl_ms for o in found] == pytest.approx(
        (rows["avg_batch_size"] / rate * 1e3).to_list()
    )
    assert [o.decode_gpu_s_per_token for o in found] == pytest.approx(
        (rows["num_gpus"] / rate).to_list()
    )


def test_real_images_and_videos(shared: Path) -> None:
    """Energy per image or per video; each row has one of them."""
    file = shared / "data" / "diffusion_profiles_mlenergy_v3.parquet"
    rows = pl.read_parquet(file)
    found = measured_points([file], {"accuracy": ["0.5"]}).points
    energy = rows.select(pl.coalesce("energy_per_image_joules", "energy_per_video_joules"))
    assert [o.request_j for o in found] == energy.to_series().to_list()


def test_a_listing_shows_what_any_of_the_points_has() -> None:
    """Of points by the token beside one by the request each figure, and nothing where there is
    none.
    """
    token = OperatingPoint(
        "t", "t", 0.7, decode_j_per_token=1.5, decode_gpu_s_per_token=0.25, ttft_ms=80.0, itl_ms=9.0
    )
    whole = OperatingPoint("w", "w", 0.6, request_j=900.0, request_gpu_s=2.0, ttft_ms=400.0)
    table = points_listing(Measured((token, whole), ())).table
    rows = {name: list(column) for name, column in table.items()}
    assert rows["point"] == ["t", "w"]
    assert rows["accuracy"] == [0.7, 0.6]
    assert rows["ttft_ms"] == [80.0, 400.0]
    for name, value in (("decode_j_per_token", 1.5), ("decode_gpu_s_per_token", 0.25)):
        assert rows[name][0] == value
        assert rows[name][1] != rows[name][1]
    for name, value in (("request_j", 900.0), ("request_gpu_s", 2.0)):
        assert rows[name][1] == value
        assert rows[name][0] != rows[name][0]
