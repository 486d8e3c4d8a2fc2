"""The claims of Reflect, Retry, Reward: what is decided, and that outcomes which agree decide nothing by themselves."""

import json

import pytest
from fake_runs import write_fake_run

from secondthought.report.numbers.gains import gain, gain_of_run
from secondthought.report.numbers.runs import arms, load_runs
from secondthought.report.page import tables
from secondthought.report.papers.reflect_retry_reward import claims
from secondthought.stats import mean_difference, wilson

SKILLS = "Other skills are kept"


def skill(solved, n, change=None):
    """An other skill as a summary has it: as many solved before as after."""
    rate = wilson(solved, n).to_json()
    change = mean_difference([0.0] * n).to_json() if change is None else change
    return {"before": rate, "after": rate, "paired": {**change, "p": 1.0}}


def study(tmp_path, **skills):
    """Three seeds that all have these skills."""
    runs = [write_fake_run(tmp_path / str(seed), seed=seed, steps=4, problems=20) for seed in range(3)]
    for run in runs:
        summary = json.loads((run / "summary.json").read_text())
        (run / "summary.json").write_text(json.dumps({**summary, "other_skills": skills}))
    return arms(load_runs(runs))


def kept(tmp_path, **skills):
    [claim] = [claim for claim in claims(study(tmp_path, **skills)) if claim.title == SKILLS]
    return claim


NO_WIDTH = {"estimate": 0.0, "low": 0.0, "high": 0.0, "n": 3}


@pytest.mark.parametrize("change", [None, NO_WIDTH], ids=["as written today", "as the first version wrote it"])
def test_three_failures_that_nobody_rescued_prove_nothing(tmp_path, change):
    claim = kept(tmp_path, oracle=skill(0, 3, change))
    assert claim.verdict == "cannot tell"
    assert claim.result.pooled.low < -0.4
    assert claim.result.pooled.high > 0.4


def test_many_failures_without_a_change_show_that_a_skill_is_kept(tmp_path):
    assert kept(tmp_path / "many", oracle=skill(500, 1000)).verdict == "same direction at this scale"
    assert kept(tmp_path / "few", oracle=skill(100, 200)).verdict == "cannot tell"


def test_a_skill_that_was_hardly_measured_is_not_hidden_by_one_that_was(tmp_path):
    """The second fell a little, and surely no more; the first may have fallen by half."""
    well = skill(500, 1000, {"estimate": -0.001, "low": -0.004, "high": 0.002, "n": 1000})
    assert kept(tmp_path / "one", well=well).verdict == "same direction at this scale"
    assert kept(tmp_path / "two", hardly=skill(0, 3), well=well).verdict == "cannot tell"


def test_one_quantity_has_one_interval_everywhere(tmp_path):
    """The same gain in the table of a run, in that of arms and in the claim, though a summary says something else."""
    path = write_fake_run(tmp_path / "run", steps=4, problems=20)
    summary = json.loads((path / "summary.json").read_text())
    summary["paired"]["t1.0"]["first_try"] = {"estimate": 0.0, "low": 0.0, "high": 0.0, "n": 20, "p": 1.0}
    (path / "summary.json").write_text(json.dumps(summary))
    [run] = load_runs([path])
    [arm] = arms([run])
    expected = gain_of_run(run, "first_try")
    assert expected.low < expected.high
    pooled = gain(arm, "first_try").pooled
    assert (pooled.low, pooled.high) == (expected.low, expected.high)
    [row] = [row for row in tables.before_after(run) if (row.name, row.detail) == ("First try", "1")]
    [of_arm] = tables.comparators([arm])
    assert row.change == of_arm.first == tables.percent_cell(expected, signed=True)


def test_p_values_of_a_table_are_corrected_together(tmp_path):
    path = write_fake_run(tmp_path / "run", steps=4, problems=20)
    summary = json.loads((path / "summary.json").read_text())
    for of_try in summary["paired"].values():
        for one in of_try.values() if "p" not in of_try else ():
            one["p"] = 0.5
    summary["paired"]["t1.0"]["second_try"]["p"] = 0.01
    summary["paired"].pop("stored_rescue", None)
    (path / "summary.json").write_text(json.dumps(summary))
    [run] = load_runs([path])
    rows = [row for row in tables.before_after(run) if row.p]
    assert len(rows) == 6
    shown = {(row.name, row.detail): row.p for row in rows}
    assert shown.pop(("Second try", "1")) == ".060"
    assert set(shown.values()) == {"1.000"}
