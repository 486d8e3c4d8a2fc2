"""Published curves beside ours: the right counterpart, their steps over the length of ours."""

import pytest
from fake_runs import write_arm

from secondthought.report.numbers.inputs import gather
from secondthought.report.numbers.published_curves import COUNTERPARTS
from secondthought.report.numbers.runs import load_runs
from secondthought.report.page.published_charts import published_charts
from secondthought.runs import Recorder, RunDirectory

HEAD = "condition,step,accuracy,avg_verifications,avg_backtracking\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "llama_results.csv"
    rows = ["base_ppo,0,0.0,0.1,0.2", "base_ppo,250,0.5,1,2", "base_ppo,250,0.5,1,2", "dots,0,0.1,0,0"]
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return path


def charts(tmp_path, file, priming=""):
    paths = write_arm(tmp_path, "terse", priming, before=0.1, after=0.2, seeds=(0,))
    recorder = Recorder(RunDirectory.open(paths[0]))
    for step in (0, 50, 100):
        counts = {f"behavior/{name}/mean_count": 0.5 for name in ("verification", "backtracking")}
        recorder.metrics(step, {"eval/first_try": step / 200, **counts})
    return published_charts(gather(load_runs(paths), [file])).charts


def test_a_base_stands_beside_plain_rl_and_their_steps_fill_ours(tmp_path, file):
    accuracy, counts = charts(tmp_path, file)
    assert [label for label, _ in accuracy.legend] == ["terse", "published, llama"]
    assert "published, llama, step 100: 50%" in accuracy.svg
    assert "terse, step 100: 50%" in accuracy.svg
    assert "published, llama, step 100: 3" in counts.svg
    assert "terse, step 50: 1" in counts.svg


def test_a_primed_arm_has_its_own_counterpart_or_none(tmp_path, file):
    assert COUNTERPARTS["dots"] == "dots"
    assert charts(tmp_path, file, "dots")
    assert not charts(tmp_path, file, "direct")
    assert not charts(tmp_path, file, "all-strategies")  # not in this file
