"""The opening says what is known, in a sentence and up to three figures, of every kind of report."""

import json

import pytest
from fake_runs import write_arm, write_fake_run

from secondthought.report.numbers.inputs import gather
from secondthought.report.numbers.runs import load_runs
from secondthought.report.page.opening import opening
from secondthought.runs import Recorder, RunDirectory


def opened(*runs):
    return opening(gather(load_runs(runs)))


def titles(found):
    return [figure.title for figure in found.figures]


def edit(run, change):
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    change(summary)
    path.write_text(json.dumps(summary))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_fake_run(tmp_path_factory.mktemp("opening") / "run", steps=20, problems=200)


def test_a_measured_run_opens_with_its_second_try_its_reflections_and_its_cost(run):
    found = opened(run)
    rates = json.loads((run / "summary.json").read_text())
    before, after = (100 * rates[when]["t1.0"]["second_try"]["estimate"] for when in ("before", "after"))
    assert found.title == "reflect-retry on countdown, model small"
    assert found.when.endswith(str(json.loads((run / "environment.json").read_text())["started"][:4]))
    assert found.sentence == (
        f"After 20 steps of reflect-retry, small solves {after:.1f} % of 200 countdown test problems within two tries, "
        f"up from {before:.1f} % before."
    )
    assert titles(found) == ["Second try, test problems", "Own reflection against another problem's", "Tokens and time"]
    second, own, cost = found.figures
    assert (second.old, second.value) == (f"{before:.1f} %", f"{after:.1f} %")
    assert second.change.startswith(f"+{after - before:.1f} points [+")
    assert own.value == "36.9 % against 12.3 %"
    assert (cost.value, cost.change) == ("1.2M tokens", "in 62 seconds")


@pytest.mark.parametrize(
    ("difference", "words"), [(-0.3, "down from"), (0.0, "chance may explain the difference"), (0.3, "up from")]
)
def test_the_sentence_says_no_more_than_the_interval(tmp_path, difference, words):
    path = write_fake_run(tmp_path / "run", steps=5, problems=60)
    for kept in (path / "evaluations").iterdir():
        kept.unlink()
    paired = {"difference": difference, "low": difference - 0.1, "high": difference + 0.1}
    edit(path, lambda summary: summary["paired"]["t1.0"].update(second_try=paired))
    assert words in opened(path).sentence


def test_without_controls_the_first_try_stands_in_their_place(tmp_path):
    path = write_fake_run(tmp_path / "run", steps=5, problems=60)
    edit(path, lambda summary: summary.pop("controls"))
    assert titles(opened(path)) == ["Second try, test problems", "First try, test problems", "Tokens and time"]


def test_a_study_opens_with_its_first_arm_and_the_span_of_the_others(tmp_path):
    runs = [
        write_fake_run(tmp_path / f"{arm}{seed}", arm=arm, seed=seed, steps=5, problems=60)
        for arm in ("reflect-retry", "grpo", "permuted-rewards")
        for seed in range(2)
    ]
    found = opened(*runs)
    assert found.title == "reflect-retry and 2 other arms on countdown, model small"
    assert "on average over 2 seeds" in found.sentence
    assert "; 2 other arms changed by " in found.sentence
    assert found.figures[-1].title == "Tokens and time, mean of a run"


def test_a_study_of_habits_opens_with_the_span_over_its_starting_points(tmp_path):
    runs = [
        *write_arm(tmp_path, "terse", before=0.05, after=0.1),
        *write_arm(tmp_path, "rich", before=0.05, after=0.5),
        *write_arm(tmp_path, "terse", "dots", before=0.02, after=0.18),
    ]
    found = opened(*runs)
    assert found.sentence == (
        "From 3 starting points, the same RL leads to 10.2 % (terse) to 50.2 % (rich) of first tries right."
    )
    assert titles(found)[:2] == ["First try, rich", "First try, terse"]


def test_an_unfinished_run_opens_with_what_validation_told(tmp_path):
    found = opened(write_fake_run(tmp_path / "run", steps=20, status="interrupted"))
    assert found.sentence.startswith("run is interrupted at step 20 of 20, without a final evaluation; on validation ")
    assert titles(found) == ["Second try, validation problems", "Tokens and time"]
    assert found.cautions[0] == "run is interrupted: what was not measured is missing."


def test_the_test_before_training_is_known_before_the_end(tmp_path, run):
    path = write_fake_run(tmp_path / "run", steps=20, status="interrupted")
    (path / "evaluations").mkdir(exist_ok=True)
    name = "before_t1.0.jsonl"
    (path / "evaluations" / name).write_text((run / "evaluations" / name).read_text())
    assert titles(opened(path))[1] == "Second try before training"


def test_fine_tuning_opens_with_its_loss(tmp_path):
    with RunDirectory.create(tmp_path / "run") as directory:
        directory.write_config({"seed": 0, "model": {"path": "small"}, "task": "countdown", "data": "traces.jsonl"})
        recorder = Recorder(directory)
        recorder.metrics(0, {"eval/loss": 3.0})
        recorder.metrics(1, {"loss/sft": 2.0, "time/step": 1.5, "tokens/learned": 500})
        recorder.metrics(2, {"loss/sft": 1.0, "eval/loss": 2.5, "time/step": 1.5, "tokens/learned": 700})
        directory.write_summary("finished", {"arm": "sft", "model": "small", "examples": 1200})
    found = opened(tmp_path / "run")
    assert found.title == "fine-tuning on countdown, model small"
    assert found.sentence == (
        "After 2 steps of fine-tuning on 1,200 examples of traces.jsonl, loss on held-out examples went from 3.000 to "
        "2.500."
    )
    assert [(figure.old, figure.value) for figure in found.figures] == [
        ("3.000", "2.500"),
        ("2.000", "1.000"),
        ("", "1.2k tokens"),
    ]
    assert found.cautions == []


def test_a_run_with_nothing_but_a_config_opens_without_placeholders(tmp_path):
    with RunDirectory.create(tmp_path / "run") as directory:
        directory.write_config({})
    found = opened(tmp_path / "run")
    assert found.sentence == "run is interrupted, without a final evaluation; nothing was measured yet."
    assert found.figures == []
    assert "?" not in f"{found.title} {found.lead} {found.sentence}"
