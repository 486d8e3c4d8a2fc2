"""Published curves beside ours: the right counterpart, their steps over the length of ours, bad files named."""

import pytest
from fake_runs import write_arm

from secondthought.errors import RunError
from secondthought.report.numbers.runs import arms, load_runs
from secondthought.report.page.published_charts import COUNTERPARTS, published_charts, read_published
from secondthought.runs import Recorder, RunDirectory

HEAD = "condition,step,accuracy,avg_verifications,avg_backtracking\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "llama_results.csv"
    rows = ["base_ppo,0,0.0,0.1,0.2", "base_ppo,250,0.5,1,2", "base_ppo,250,0.5,1,2", "dots,0,0.1,0,0"]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return path


def group(tmp_path, priming=""):
    paths = write_arm(tmp_path, "terse", priming, before=0.1, after=0.2, seeds=(0,))
    recorder = Recorder(RunDirectory.open(paths[0]))
    for step in (0, 50, 100):
        counts = {f"behavior/{name}/mean_count": 0.5 for name in ("verification", "backtracking")}
        recorder.metrics(step, {"eval/first_try": step / 200, **counts})
    return arms(load_runs(paths))


def test_rows_are_read_once_each_and_counts_are_summed(file):
    assert read_published(file)["base_ppo"] == [(0.0, 0.0, pytest.approx(0.3)), (250.0, 0.5, 3.0)]


def test_a_base_stands_beside_plain_rl_and_their_steps_fill_ours(tmp_path, file):
    accuracy, counts = published_charts(group(tmp_path), [file])
    assert [label for label, _ in accuracy.legend] == ["terse", "published, llama"]
    assert "published, llama, step 100: 50%" in accuracy.svg
    assert "terse, step 100: 50%" in accuracy.svg
    assert "published, llama, step 100: 3" in counts.svg
    assert "terse, step 50: 1" in counts.svg


def test_a_primed_arm_has_its_own_counterpart_or_none(tmp_path, file):
    assert COUNTERPARTS["dots"] == "dots"
    assert published_charts(group(tmp_path, "dots"), [file])
    assert not published_charts(group(tmp_path, "direct"), [file])
    assert not published_charts(group(tmp_path, "all-strategies"), [file])  # not in this file


def test_a_wrong_file_is_named_by_line(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(HEAD + "base_ppo,zero,0,0,0\n")
    with pytest.raises(RunError, match=r"x\.csv, line 2: not a row of published curves; it needs condition, step"):
        read_published(path)
    with pytest.raises(RunError, match=r"none\.csv: cannot be read: No such file or directory$"):
        read_published(tmp_path / "none.csv")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "", "1e999"])
def test_a_number_that_cannot_be_drawn_is_named_by_line(tmp_path, number):
    path = tmp_path / "x.csv"
    path.write_text(f"{HEAD}base_ppo,0,0.1,0,0\nbase_ppo,10,{number},0,0\n")
    with pytest.raises(RunError, match=r"x\.csv, line 3: not a row"):
        read_published(path)


@pytest.mark.parametrize("text", ["", HEAD])
def test_a_file_without_rows_is_not_passed_over(tmp_path, text):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(RunError, match=r"x\.csv: holds no rows"):
        read_published(path)
