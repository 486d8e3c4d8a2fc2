import json
import subprocess
import sys

import pytest
from fake_runs import HOSTILE, write_fake_run
from html_page import Page

from secondthought.errors import RunError
from secondthought.report import arms, build_report, claims, load_runs
from secondthought.report.numbers.gains import Gain
from secondthought.report.page import browser, tables
from secondthought.report.papers.claim import verdict_on
from secondthought.runs import Recorder, RunDirectory
from secondthought.stats import Interval


def page(tmp_path, *runs):
    return Page(build_report(runs, tmp_path / "report.html").read_text())


def edit(run, change):
    """Change a run's summary in place."""
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    change(summary)
    path.write_text(json.dumps(summary))


def verdicts(*runs):
    return [(claim.verdict, claim.why) for claim in claims(arms(load_runs(runs)))]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    plan = {"reflect-retry": 5, "grpo": 3, "permuted-rewards": 3, "retry-only": 3, "credit-all": 3}
    return [
        write_fake_run(root / f"{arm}-{seed}", arm=arm, seed=seed, steps=20, problems=400, peers=True, temperatures=1)
        for arm, seeds in plan.items()
        for seed in range(seeds)
    ]


def test_the_file_stands_alone_and_is_well_formed(tmp_path, study):
    found = page(tmp_path, *study[::-1])
    text = (tmp_path / "report.html").read_text()
    assert found.open == []
    names = {name for name, _ in found.tags}
    assert not names & {"img", "link", "iframe", "object", "base"}
    assert len(found.named("script")) == 1
    links = [attrs.get("href") or attrs.get("src") for _, attrs in found.tags if "href" in attrs or "src" in attrs]
    assert all(link.startswith("#") for link in links)
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert {link[1:] for link in links} <= set(ids)
    assert len(ids) == len(set(ids))
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    # The arm that the claims are judged on comes first, whatever the order of the runs.
    assert text.index("<summary>reflect-retry-0") < text.index("<summary>credit-all-0")


def test_the_quality_of_reflections_and_their_bars_are_shown(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=20, problems=20)
    assert "Own reflections" not in page(tmp_path, run).text
    share = {"estimate": 0.31, "low": 0.2, "high": 0.42, "n": 50}

    def measured(summary):
        for when in ("before", "after"):
            summary[when]["t1.0"]["reflections"] = {"length": {**share, "estimate": 77.0}, "generality": share}
        summary["bars"] = {"before": {"says": "Not < shown."}, "after": None}

    edit(run, measured)
    text = page(tmp_path, run).text
    assert "Own reflections, at temperature 1" in text
    assert "Generality" in text
    assert "31.0" in text
    assert "Before training: Not < shown." in text
    assert "After training:" not in text


def test_hostile_text_is_inert(tmp_path):
    run = write_fake_run(tmp_path / HOSTILE.replace("/", ""), hostile=True, steps=20, problems=20)
    found = page(tmp_path, run)
    assert len(found.named("script")) == 1
    assert not found.named("img")
    assert not [attrs for _, attrs in found.tags if any(name.startswith("on") for name in attrs)]
    text = "".join(found.text)
    assert HOSTILE in text
    assert "{{ 7 * 7 }}" in text


def test_a_lone_surrogate_does_not_stop_the_report(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=10, problems=20)
    path = run / "episodes" / "step_000010.jsonl"
    path.write_text(path.read_text().replace("Let me see", "\\ud800"))
    page(tmp_path, run)


def test_report_does_not_import_torch():
    code = "import secondthought.report, sys; sys.exit(any(m in sys.modules for m in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_seed_of_every_arm_is_printed(study):
    rows = tables.comparators(arms(load_runs(study)))
    assert [(row.name, row.seeds) for row in rows] == [
        ("reflect-retry", "0, 1, 2, 3, 4"),
        ("credit-all", "0, 1, 2"),
        ("grpo", "0, 1, 2"),
        ("permuted-rewards", "0, 1, 2"),
        ("retry-only", "0, 1, 2"),
    ]
    assert all(len(row.second_seeds) == len(row.first_seeds) == len(row.seeds.split(",")) for row in rows)


def test_numbers_in_the_page_are_those_of_the_summary(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=20, problems=40)

    def change(summary):
        summary["after"]["t0.5"]["first_try"] = {"estimate": 0.12345, "low": 0.1, "high": 0.15, "n": 40}

    edit(run, change)
    row = next(
        row for row in tables.before_after(load_runs([run])[0]) if (row.name, row.detail) == ("First try", "0.5")
    )
    assert row.after == ("12.3", "[10.0, 15.0]")
    assert "12.3" in page(tmp_path, run).text


def test_reasons_that_are_as_many_stand_by_name(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=5, problems=10)
    counts = {"wrong_numbers": 2, "malformed": 2, "correct": 1, "missed_target": 2, "too_long": 3}
    edit(run, lambda summary: summary["before"]["t1.0"].update(reasons=counts))
    names = [name for name, _, _ in tables.reasons(load_runs([run])[0])]
    assert names == ["correct", "too long", "malformed", "missed target", "wrong numbers"]


def test_runs_of_one_arm_that_differ_in_a_setting_are_two_arms(tmp_path):
    runs = [
        write_fake_run(tmp_path / arm / f"seed_{seed}", seed=seed, steps=5, problems=60)
        for arm in "ab"
        for seed in range(2)
    ]
    for run in runs[2:]:
        path = run / "config.json"
        path.write_text(path.read_text().replace('"group_size": 6', '"group_size": 8'))
    loaded = load_runs(runs)
    assert [run.label for run in loaded] == ["a/seed_0", "a/seed_1", "b/seed_0", "b/seed_1"]
    found = arms(loaded)
    assert [(arm.name, arm.num_seeds) for arm in found] == [
        ("reflect-retry (algorithm.group_size=6)", 2),
        ("reflect-retry (algorithm.group_size=8)", 2),
    ]
    assert "judged on reflect-retry (algorithm.group_size=6)" in "".join(page(tmp_path, *runs).text)


def test_claims_of_a_study(study):
    found = verdicts(*study)
    assert [verdict for verdict, _ in found] == [
        "same direction at this scale",
        "cannot tell",
        "same direction at this scale",
        "cannot tell",
        "cannot tell",
        "same direction at this scale",
    ]
    assert found[4][1] == "other skills were not measured"


def test_one_seed_can_never_tell(study):
    found = verdicts(study[0])
    assert {verdict for verdict, _ in found} == {"cannot tell"}
    assert found[0][1].startswith("one seed")
    assert "permuted rewards" in found[5][1]


def test_other_arms_say_nothing(study):
    found = verdicts(*study[5:])
    assert {verdict for verdict, _ in found} == {"cannot tell"}
    assert all("no run of reflect-retry" in why for _, why in found)


def test_a_large_model_that_is_not_better_is_no_opponent(tmp_path):
    runs = [write_fake_run(tmp_path / str(seed), seed=seed, steps=5, problems=60, peers=True) for seed in range(3)]

    def weaken(summary):
        summary["peers"]["large"]["t1.0"] = summary["before"]["t1.0"]

    assert verdicts(*runs)[1][0] == "cannot tell"
    for run in runs:
        edit(run, weaken)
    assert "not surely better" in verdicts(*runs)[1][1]


def test_other_skills_have_a_boundary_of_one_point(tmp_path):
    runs = [write_fake_run(tmp_path / str(seed), seed=seed, steps=5, problems=60) for seed in range(3)]
    for low, high, expected in [(-0.004, 0.002, "same direction at this scale"), (-0.09, -0.07, "not")]:
        skill = {"paired": {"difference": (low + high) / 2, "low": low, "high": high}}
        fine = {"paired": {"difference": 0.3, "low": 0.2, "high": 0.4}}
        for run in runs:
            edit(run, lambda summary, skill=skill, fine=fine: summary.update(other_skills={"a": fine, "b": skill}))
        assert verdicts(*runs)[4][0] == expected


@pytest.mark.parametrize(
    ("low", "high", "falls", "expected"),
    [
        (0.01, 0.2, False, "same direction at this scale"),
        (-0.2, -0.01, False, "not"),
        (-0.01, 0.2, False, "cannot tell"),
        (0.0, 0.2, False, "cannot tell"),
        (-0.2, -0.01, True, "same direction at this scale"),
        (0.01, 0.2, True, "not"),
        (float("nan"), float("nan"), False, "cannot tell"),
    ],
)
def test_the_rule(low, high, falls, expected):
    result = Gain(per_seed=(), pooled=Interval((low + high) / 2, low, high), num_seeds=3)
    assert verdict_on(result, falls=falls)[0] == expected


def test_the_interval_of_a_study_uses_the_problems_where_they_were_kept(tmp_path):
    runs = [write_fake_run(tmp_path / str(seed), seed=seed, steps=5, problems=60) for seed in range(3)]
    kept = claims(arms(load_runs(runs)))[0].result.pooled
    for run in runs:
        for path in (run / "evaluations").iterdir():
            path.unlink()
    summary_only = claims(arms(load_runs(runs)))[0].result.pooled
    assert summary_only.estimate == pytest.approx(kept.estimate)
    assert summary_only != kept


def test_a_copied_run_is_not_a_second_seed(tmp_path):
    runs = [write_fake_run(tmp_path / name, seed=4, steps=5, problems=60) for name in "ab"]
    found = claims(arms(load_runs(runs)))
    assert found[0].why.startswith("one seed")
    assert "same seed more than once" in "".join(page(tmp_path, *runs).text)


def test_a_run_with_nothing_but_a_config_has_a_report(tmp_path):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({})
    text = "".join(page(tmp_path, run.path).text)
    assert "run is interrupted" in text
    assert "kept no episodes" in text


def test_a_run_of_fine_tuning_shows_its_loss(tmp_path):
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_config({"seed": 0, "model": {"path": "small"}})
        recorder = Recorder(run)
        recorder.metrics(0, {"eval/loss": 3.0})
        for step in (1, 2):
            recorder.metrics(step, {"loss/sft": 2.0 / step, "optim/grad_norm": 1.0})
        recorder.metrics(2, {"eval/loss": 2.5})
    found = page(tmp_path, run.path)
    assert {"Loss over steps", "Gradient norm over steps"} == {
        attrs["aria-label"] for attrs in found.named("svg") if attrs.get("class") == "chart"
    }
    other = page(tmp_path, write_fake_run(tmp_path / "other", steps=20, status="interrupted"))
    assert "Loss" not in "".join(other.text)


def test_an_unfinished_run_has_curves_and_says_what_is_missing(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=20, status="interrupted")
    found = page(tmp_path, run)
    assert len([attrs for attrs in found.named("svg") if attrs.get("class") == "chart"]) == 9
    assert "nothing to draw: by wording (verification, backtracking" in "".join(found.text)
    assert "no final evaluation" in "".join(found.text)


def test_a_very_large_run_stays_small(tmp_path):
    run = write_fake_run(tmp_path / "run", steps=3000, problems=20, hostile=True)
    row = json.loads((run / "episodes" / "step_000010.jsonl").read_text().splitlines()[0])
    for branch in row["branches"]:
        branch["reflection"]["text"] = "<" * 1_000_000
        branch["reflection"].pop("tokens")
    for path in (run / "episodes").iterdir():
        path.write_text((json.dumps(row) + "\n") * 8 if path.name == "step_003000.jsonl" else path.read_text())
    assert build_report([run] * 3, tmp_path / "report.html").stat().st_size < 5_000_000
    assert len({group.step for group in browser.sample(load_runs([run]))}) <= browser.MOST_STEPS


def test_learned_turns_are_marked_and_flat_groups_are_not(tmp_path):
    run = write_fake_run(tmp_path / "run", arm="reflect-retry", steps=60, problems=20)
    for group in browser.sample(load_runs([run])):
        for branch in group.branches:
            marked = [turn.kind for turn in branch.turns if turn.learned]
            assert marked == ([] if branch.advantage == 0 else ["reflection"])
        assert not any(turn.learned for turn in group.history)
        assert (group.outcome == "some") == (not group.flat)


def test_what_is_no_run_is_one_sentence(tmp_path):
    with pytest.raises(RunError, match="no run directory was given"):
        build_report([], tmp_path / "report.html")
    with pytest.raises(RunError, match="no such run directory"):
        build_report([tmp_path / "nowhere"], tmp_path / "report.html")
    run = write_fake_run(tmp_path / "run", steps=2, problems=10)
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        build_report([run], tmp_path / "taken" / "report.html")
