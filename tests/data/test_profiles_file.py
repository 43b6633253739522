"""Tables of profiles become operating points, or say everything that is wrong with them."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import polars as pl
import pytest

import wattlas
from tests.data.scenario_files import tiny_folder
from wattlas.data.pack import EMBEDDED, open_pack
from wattlas.data.profiles_file import read_profiles
from wattlas.data.reader.source import read_table
from wattlas.data.schema.workload import VISION
from wattlas.data.vision_file import BOARD_W, vision_points
from wattlas.errors import InputError, Problem
from wattlas.model.workload import OperatingPoint, WorkloadClass
from wattlas.tiers.menu import menu

HEAD = (
    "point,variant,accuracy,prefill_j_per_token,decode_j_per_token,"
    "prefill_gpu_s_per_token,decode_gpu_s_per_token,ttft_ms,itl_ms"
)
GOOD = "a,v,0.8,0.1,1.0,0.001,0.01,40,20"
TIMM = "arch,infer_img_size,infer_samples_per_sec,infer_batch_size,device,top1"


def written(folder: Path, *lines: str, name: str = "mine.csv") -> Path:
    file = folder / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def problems(file: Path) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        read_profiles(file)
    return list(caught.value.problems)


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    """The columns of `points`; unknown ones are left alone, however near their names are."""
    file = written(
        tmp_path, f"{HEAD},itl_p95_ms,comment,weight,sources", f"{GOOD},33,mine,int4,a page"
    )
    assert read_profiles(file) == (
        OperatingPoint(
            "a", "v", 0.8, 0.1, 1.0, 0.001, 0.01, ttft_ms=40.0, itl_ms=20.0, itl_p95_ms=33.0
        ),
    )
    assert read_profiles("mine.csv", tmp_path) == read_profiles(file)


def test_a_table_of_requests_needs_no_tokens(tmp_path: Path) -> None:
    """Energy and accelerator time per request are enough."""
    file = written(tmp_path, "point,variant,accuracy,request_j,request_gpu_s,ttft_ms",
                   "a,v,0.8,1.5,0.004,12")  # fmt: skip
    assert read_profiles(file) == (
        OperatingPoint("a", "v", 0.8, request_j=1.5, request_gpu_s=0.004, ttft_ms=12.0),
    )
    half = written(
        tmp_path, "point,variant,accuracy,request_j,gpu_s", "a,v,0.8,1.5,1", name="h.csv"
    )
    assert [(p.where, p.line, p.what) for p in problems(half)] == [
        (name, 1, "this column is missing") for name in ("ttft_ms", "request_gpu_s")
    ]


@pytest.mark.parametrize(
    ("head", "row", "told"),
    [
        (HEAD.replace("ttft_ms", "ttft"), GOOD, [("ttft_ms", 1)]),
        (HEAD.replace("itl_ms", "tpot"), GOOD, [("itl_ms", 1)]),
        (HEAD, GOOD.replace(",40,", ",,"), [("profiles.a", 2)]),
        (HEAD, GOOD.replace(",20", ","), [("profiles.a", 2)]),
        (
            "point,variant,accuracy,request_j,request_gpu_s,ttft_ms",
            "a,v,1,1,1,",
            [("profiles.a", 2)],
        ),
        (
            "point,variant,accuracy,request_j,request_gpu_s,prefill_ms_per_token",
            "a,v,1,1,1,1",
            [("ttft_ms", 1)],
        ),
    ],
)
def test_a_point_without_service_time_is_refused(
    tmp_path: Path, head: str, row: str, told: list[tuple[str, int]]
) -> None:
    """It is not 0 ms; the column, or the point, is named once."""
    assert [(p.where, p.line) for p in problems(written(tmp_path, head, row))] == told


def test_other_columns_in_pairs_are_no_wide_form(tmp_path: Path) -> None:
    """A table that lacks one column lacks that, whatever else stands in it twice."""
    head = HEAD.replace("ttft_ms", "first") + ",p50_ms,p95_ms,p50_w,p95_w"
    assert [p.where for p in problems(written(tmp_path, head, f"{GOOD},1,2,3,4"))] == ["ttft_ms"]


def test_prompts_alone_tell_the_first_token(tmp_path: Path) -> None:
    """A slope per prompt token is a time to the first token."""
    file = written(tmp_path, HEAD.replace("ttft_ms", "prefill_ms_per_token"), GOOD)
    (point,) = read_profiles(file)
    assert (point.ttft_ms, point.prefill_ms_per_token) == (0.0, 40.0)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([f"{HEAD},itl_ms", f"{GOOD},1"], "the column `itl_ms` is there twice"),
        (["model,j_per_token_b8,j_per_token_b64,ms_b8,ms_b64", "a,1,2,3,4"], "in wide form"),
        (["of,a,b", *(f"{name},1,2" for name in HEAD.split(","))], "is turned"),
    ],
)
def test_tables_of_another_form_are_told_by_one_problem(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    """Another separator, several points in a row, points as columns: one thing is wrong."""
    (problem,) = problems(written(tmp_path, *lines))
    assert words in problem.what
    # Of a table on its side the row of points stands where names are looked for.
    assert problem.line == (2 if words == "is turned" else 1)


@pytest.mark.parametrize(
    ("name", "lines", "tool"),
    [
        ("runs.csv", ["model_id,energy_per_token_joules,output_throughput_tokens_per_sec,p90_ms",
                      "m,1,2,3"], "ML.ENERGY"),
        ("emissions.csv", ["duration,emissions,energy_consumed", "1,2,3"], "CodeCarbon"),
        ("bench.json", ["{}"], "`.json`"),
    ],
)  # fmt: skip
def test_what_tools_write_is_sent_to_the_verb_that_reads_it(
    tmp_path: Path, name: str, lines: list[str], tool: str
) -> None:
    """A measurement in place of a table of points names the verb that makes one."""
    (problem,) = problems(written(tmp_path, *lines, name=name))
    assert tool in problem.what
    assert "wattlas points FILE --out" in problem.fix


def test_columns_of_lists_and_structs_are_wrong_by_row(tmp_path: Path) -> None:
    """Parquet can hold them where figures are wanted."""
    pl.DataFrame(
        {"point": ["a"], "variant": ["v"], "accuracy": [[0.5]], "request_j": [1.0],
         "request_gpu_s": [{"mean": 1.0}], "ttft_ms": [3.0]}
    ).write_parquet(tmp_path / "mine.parquet")  # fmt: skip
    assert {p.where for p in problems(tmp_path / "mine.parquet")} == {
        "profiles.a.accuracy", "profiles.a.request_gpu_s",
    }  # fmt: skip


def test_text_in_utf_16_and_a_folder(tmp_path: Path) -> None:
    """What a spreadsheet saves is read as any other table; a folder is none."""
    file = tmp_path / "mine.csv"
    plain = f"{HEAD}\n{GOOD}\n"
    file.write_text(plain)
    points = read_profiles(file)
    for text, encoding in ((plain, "utf-16"), (plain.replace(",", ";"), "utf-8"),
                           (plain.replace(",", "\t"), "utf-8")):  # fmt: skip
        file.write_text(text, encoding=encoding)
        assert read_profiles(file) == points
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in problems(tmp_path / "folder.csv")[0].what


def test_the_packs_profiles() -> None:
    """By the name of the pack and by its folder; each a point that a scenario could use."""
    found = read_profiles("typical-2023")
    assert found == read_profiles(EMBEDDED / "typical-2023")
    rows = open_pack("typical-2023").frame("profiles")
    assert [o.id for o in found] == rows["point"].to_list()
    assert all(o.itl_p95_ms > 0 and o.hardware and o.weights_bytes > 0 for o in found)


def test_a_pack_without_profiles_says_so(tmp_path: Path) -> None:
    """And a name that is neither file nor pack names the packs."""
    with pytest.raises(InputError, match="there is no pack"):
        read_profiles("typical-1923")
    with pytest.raises(InputError, match="there is no such file"):
        read_profiles(tmp_path / "none.csv")


def test_profiles_can_be_a_scenarios_points(tmp_path: Path) -> None:
    """The pack's table is one that `points.table` takes, further columns and all."""
    folder = tiny_folder(tmp_path / "t")
    table = EMBEDDED / "typical-2023" / "profiles.csv"
    (folder.path / "points.csv").write_bytes(table.read_bytes())
    text = folder.document.read_text(encoding="utf-8")
    assert "points.csv" in text
    s = wattlas.load(folder.document)
    own = [p for p in s.points if "xh100" in p.id]
    assert own
    assert own[0] == next(p for p in read_profiles("typical-2023") if p.id == own[0].id)


def test_all_problems_of_a_table_by_line(tmp_path: Path) -> None:
    """A percentage, a negative energy, text, a doubled id, a gap: five lines, five problems."""
    file = written(
        tmp_path,
        HEAD,
        GOOD,
        "b,v,83,0.1,1.0,0.001,0.01,40,20",
        "c,v,0.8,0.1,-1.0,0.001,0.01,40,20",
        "d,v,high,0.1,1.0,0.001,0.01,40,20",
        GOOD,
        "f,v,0.8,,1.0,0.001,0.01,40,20",
    )
    found = {(p.line, p.what) for p in problems(file)}
    assert {line for line, _ in found} == {3, 4, 5, 6, 7}
    told = dict(found)
    assert told[3] == "is `83`, wanted a number of at most 1"
    assert told[4] == "is `-1.0`, wanted a number of at least 0"
    assert "wanted a number" in told[5]
    assert told[6] == "`a` is given twice, first on line 2"
    assert told[7] == "lacks `prefill_j_per_token`"


def test_an_empty_table_and_one_without_ids(tmp_path: Path) -> None:
    """Nothing to read is a mistake, and so is a table that names nothing."""
    (empty,) = problems(written(tmp_path, HEAD))
    assert empty.what == "there are none"
    nameless = problems(written(tmp_path, HEAD[len("point,") :], GOOD[2:]))
    assert [p.where for p in nameless] == ["point"]


def test_levels_that_accuracy_does_not_follow(tmp_path: Path) -> None:
    """Both rows are named; a level that is no number is told with them."""
    file = written(
        tmp_path,
        f"{HEAD},level",
        "small,s,0.7,0.1,1.0,0.001,0.01,40,20,1",
        "large,l,0.6,0.1,1.0,0.001,0.01,40,20,2",
        "huge,h,0.9,0.1,1.0,0.001,0.01,40,20,three",
        "same,l,0.7,0.1,1.0,0.001,0.01,40,20,2",
    )
    falls, wrong = problems(file)
    assert (wrong.line, wrong.what) == (4, "is `three`, wanted a number")
    assert falls.line == 3
    assert falls.what == "large of level 2 scores 0.6, below the 0.7 of small of level 1 (line 2)"
    good = written(
        tmp_path, f"{HEAD},level", f"{GOOD},2", "b,v,0.8,0.1,1,0.001,0.01,40,20,", name="g.csv"
    )
    assert [o.id for o in read_profiles(good)] == ["a", "b"]


def test_a_percentage_that_is_a_fraction_is_told(tmp_path: Path) -> None:
    """`top1` of which none is above 1 is refused; under the name `accuracy` it is a fraction."""
    rows = ["a,224,100,8,H100,0.71", "b,224,90,8,H100,0.93"]
    (problem,) = problems(written(tmp_path, TIMM, *rows))
    assert (problem.where, problem.line) == ("top1", 1)
    assert "`accuracy`" in problem.fix
    named = written(tmp_path, TIMM.replace("top1", "accuracy"), *rows)
    assert [o.accuracy for o in read_profiles(named)] == [0.71, 0.93]
    mixed = written(tmp_path, TIMM, rows[0], "b,224,90,8,H100,55")
    assert [o.accuracy for o in read_profiles(mixed)] == pytest.approx([0.0071, 0.55])


def test_images_per_second(tmp_path: Path) -> None:
    """Time and energy of an image, and the batch's time as service time."""
    file = written(
        tmp_path,
        "model,accuracy,throughput,device,batch,power_w",
        "net,0.8,2000,Card 9,64,300",
    )
    (point,) = read_profiles(file)
    assert point.id == "net-card-9-b64"
    assert (point.variant, point.hardware, point.accuracy) == ("net", "Card 9", 0.8)
    assert point.request_gpu_s == pytest.approx(1 / 2000)
    assert point.request_j == pytest.approx(300 / 2000)
    assert point.ttft_ms == pytest.approx(32.0)
    assert "power as stated" in point.source
    image = WorkloadClass("see", 100.0)
    assert image.it_kwh(point) == pytest.approx(0.15 / 3.6e6)
    assert image.service_ms(point) == pytest.approx(32.0)


def test_energy_comes_before_power_before_a_known_board(tmp_path: Path) -> None:
    """What is stated of a row counts; the board's power is an assumption, and said to be one."""
    file = written(
        tmp_path,
        "model,accuracy,images_per_s,device,power_w,energy_j",
        "both,0.8,1000,H100,300,0.2",
        "power,0.8,1000,H100,300,",
        "board,0.8,1000,H100,,",
    )
    both, power, board = read_profiles(file)
    assert (both.request_j, power.request_j, board.request_j) == (0.2, 0.3, 0.7)
    assert "energy as stated" in both.source
    assert "modelled at board power, 700 W" in board.source
    assert board.ttft_ms == 1.0


def test_a_board_of_ones_own(tmp_path: Path) -> None:
    """The power of a device that is not known here can be given."""
    file = written(tmp_path, "model,accuracy,images_per_s,device", "net,0.8,100,Mine")
    table = read_table(file, VISION, "mine.csv")
    (point,) = vision_points(table, {"Mine": 50.0})
    assert point.request_j == 0.5


def test_all_problems_of_a_vision_table(tmp_path: Path) -> None:
    """Unknown devices are one problem each, however many rows; the others one per row."""
    file = written(
        tmp_path,
        "model,accuracy,images_per_s,device",
        "percent,80,100,H100",
        "still,0.8,0,H100",
        "twice,0.8,100,H100",
        "twice,0.8,120,H100",
        "a,0.8,100,H10",
        "b,0.8,100,H10",
        "c,0.8,100,Abacus",
    )
    found = {(p.line, p.where): p for p in problems(file)}
    assert {line for line, _ in found} == {2, 3, 5, 6, 8}
    assert found[2, "accuracy"].what == "is `80`, wanted a number of at most 1"
    assert found[3, "images_per_s"].what == "is `0`, wanted a number of more than 0"
    assert "twice, first on line 4" in found[5, "model"].what
    assert found[6, "device"].what.startswith("`H10` has no known board power, and 2 rows")
    assert found[6, "device"].fix.endswith("Did you mean `H100`?")
    cells = written(tmp_path, "arch,infer_samples_per_sec", "a,fast", name="cells.csv")
    assert {p.where for p in problems(cells)} == {"accuracy", "infer_samples_per_sec"}


@pytest.fixture(scope="module")
def timm(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published benchmark of image models as plain CSV."""
    file = tmp_path_factory.mktemp("vision") / "timm.csv"
    with gzip.open(shared / "data" / "vision_profiles_timm.csv.gz", "rb") as packed:
        file.write_bytes(packed.read())
    return file


def device_rows(file: Path, device: str) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return [row for row in csv.DictReader(text) if row["device"] == device]


def one_device(file: Path, device: str, folder: Path) -> tuple[OperatingPoint, ...]:
    rows = device_rows(file, device)
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    return read_profiles(written(folder, *lines))


def test_a_published_benchmark_of_image_models(timm: Path, tmp_path: Path) -> None:
    """All 1,093 models of one card; the time of a batch is the one that was measured."""
    points = one_device(timm, "RTX 4090", tmp_path)
    rows = device_rows(timm, "RTX 4090")
    assert len(points) == len(rows) == 1093
    for point, row in zip(points, rows, strict=True):
        assert point.ttft_ms == pytest.approx(float(row["infer_step_time"]), rel=1e-2)
        assert point.accuracy == pytest.approx(float(row["top1"]) / 100)
    by_id = {o.id: o for o in points}
    resnet = by_id["resnet50-224px-rtx-4090-b1024"]
    assert resnet.request_j == pytest.approx(450 / 4217.6)
    assert resnet.request_gpu_s == pytest.approx(1 / 4217.6)
    assert resnet.accuracy == pytest.approx(0.81146)


def test_the_front_of_a_published_benchmark(timm: Path, tmp_path: Path) -> None:
    """Comparing all pairs of rows of the file gives the same front; the best scorer leads it."""
    points = one_device(timm, "RTX 4090", tmp_path)
    found = menu(WorkloadClass("see", 10_000.0), points).front()
    figures = [
        (
            float(row["top1"]),
            int(row["infer_batch_size"]) / float(row["infer_samples_per_sec"]),
            BOARD_W["RTX 4090"] / float(row["infer_samples_per_sec"]),
        )
        for row in device_rows(timm, "RTX 4090")
    ]
    front = {
        points[n].id
        for n, (a, ms, j) in enumerate(figures)
        if not any(b >= a and t <= ms and e <= j and (b, t, e) != (a, ms, j) for b, t, e in figures)
    }
    assert set(found.ids) == front
    assert found.ids[int(found.accuracy.argmax())].startswith("eva02_large_patch14_448-448px")
    assert 20 < len(front) < 300


def test_a_processor_has_no_board(timm: Path) -> None:
    """The file's 1,086 rows of a processor are one problem, with what to add."""
    (problem,) = problems(timm)
    assert "`CPU i9-10940X` has no known board power, and 1086 rows" in problem.what
    assert "Add a column power_w or energy_j" in problem.fix
