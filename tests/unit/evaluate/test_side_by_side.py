"""Models side by side, from Python: pairs, files, and the loader that is passed in."""

import json

from secondthought.evaluate.side_by_side import EvaluationRequest, evaluate_side_by_side, summary_of, write
from secondthought.inference.scripted import ScriptedPolicy
from secondthought.tasks import load
from secondthought.tasks.countdown.script import countdown_answers


def scripted(name):
    return ScriptedPolicy(countdown_answers(first_try=float(name)), name=name)


def test_each_later_model_is_compared_with_each_before_it_where_task_and_temperature_agree(tmp_path):
    request = EvaluationRequest(
        models=("0.1", "0.5", "0.9"),
        tasks=(("countdown", load("countdown", {"preset": "tiny"})),),
        problems=20,
        temperatures=(0.0, 1.0),
    )
    results = evaluate_side_by_side(request, scripted)
    found = summary_of(request, results)
    pairs = [(item["after"], item["before"]) for item in found["differences"] if item["temperature"] == 0.0]
    assert pairs == [("0.5", "0.1"), ("0.9", "0.1"), ("0.9", "0.5")]
    assert len(found["differences"]) == 6
    write(tmp_path / "out", results, found, {"seed": 0})
    assert json.loads((tmp_path / "out/summary.json").read_text()) == {"options": {"seed": 0}, **found}
    assert len((tmp_path / "out/0.5_countdown_t0.jsonl").read_text().splitlines()) == 20


def test_more_samples_add_their_rates_and_leave_the_rounds_as_they_are():
    def rates(samples):
        request = EvaluationRequest(
            models=("0.5",),
            tasks=(("countdown", load("countdown", {"preset": "tiny"})),),
            problems=40,
            samples=samples,
        )
        (result,) = evaluate_side_by_side(request, scripted)
        return result.rates

    one, five = rates(1), rates(5)
    assert five.keys() - one.keys() == {"avg@5", "pass@2", "pass@4"}
    assert {name: five[name] for name in one} == one
    assert five["avg@5"]["estimate"] < five["pass@2"]["estimate"] < five["pass@4"]["estimate"]


def test_models_whose_names_are_spelled_alike_in_files_lose_nothing(tmp_path):
    policies = {"runs/a": scripted("0.1"), "runs-a": scripted("0.9")}
    request = EvaluationRequest(
        models=tuple(policies), tasks=(("countdown", load("countdown", {"preset": "tiny"})),), problems=8
    )
    results = evaluate_side_by_side(request, policies.__getitem__)
    write(tmp_path, results, summary_of(request, results), {})
    written = [path.read_text() for path in sorted(tmp_path.glob("*.jsonl"))]
    assert len(written) == 2
    assert written[0] != written[1]
