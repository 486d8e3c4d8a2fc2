"""What an earlier version wrote and understood: read, resumed and resolved by the code of today. See earlier/README.md.

Numbers are exact on the platform that wrote them, close elsewhere.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from html_page import Page
from small_runs import untimed
from this_platform import this_platform

import secondthought
from secondthought import build_report, load_policy, load_task
from secondthought.cli import main
from secondthought.config import ModelConfig, resolve
from secondthought.config.sft import resolve_sft
from secondthought.report import claims
from secondthought.report.numbers.runs import arms, load_runs
from secondthought.rollout import failure_file
from secondthought.runs.directory import RunDirectory
from secondthought.study import worker
from secondthought.study.run import run_study
from secondthought.train.run import execute
from secondthought.train.sft.run import train_sft

EARLIER = Path(__file__).with_name("earlier")
PRINTED = {
    "runs_list": ["runs", "list", ".", "--json"],
    "show_run": ["runs", "show", "run", "--json"],
    "show_sft": ["runs", "show", "sft", "--json"],
    "show_interrupted": ["runs", "show", "interrupted", "--json"],
    "habits_run": ["habits", "run", "--json"],
    "habits_study": ["habits", "study/primed/seed_0", "--detector", "functional", "--json"],
}
KINDS = {"defaults": "reflect-retry", "sft-defaults": "sft"}
"""What is trained with settings whose file is not named after it."""
SETTINGS = [path.stem for path in sorted((EARLIER / "settings").glob("*.toml"))]
RUNS = ("run", "whole", "interrupted", *(f"study/{arm}/seed_0" for arm in ("plain", "primed", "own")))
TUNINGS = ("sft", "study/primed/primed_0/sft", "study/own/primed_0/sft")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A copy of the files, as the working directory: their paths are relative."""
    shutil.copytree(EARLIER, tmp_path / "earlier")
    monkeypatch.chdir(tmp_path / "earlier")
    return tmp_path / "earlier"


@pytest.fixture
def cli(capsys, monkeypatch):
    """Run a command and return what it printed."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        found = capsys.readouterr()
        assert not code, found.err
        return found.out

    return run


def printed(name):
    return json.loads((EARLIER / "printed" / f"{name}.json").read_text())


def assert_same(found, wanted, at=""):
    """Equal records; floats may differ in their last bits, and there may be keys that the earlier version lacked."""
    if isinstance(wanted, dict):
        assert set(wanted) <= set(found), at
        for key in wanted:
            assert_same(found[key], wanted[key], f"{at}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), at
        for place, item in enumerate(wanted):
            assert_same(found[place], item, f"{at}[{place}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12), at
    else:
        assert (found, type(found)) == (wanted, type(wanted)), at


def assert_same_rows(found, wanted):
    """Equal metrics of every step, in whatever order of keys."""
    assert [row["step"] for row in found] == [row["step"] for row in wanted]
    for row, other in zip(found, wanted, strict=True):
        assert row.keys() == other.keys()
        if this_platform() == printed("platform"):
            assert row == other
        assert [key for key in row if row[key] is None] == [key for key in other if other[key] is None]
        known = {key: value for key, value in other.items() if value is not None}
        assert {key: row[key] for key in known} == pytest.approx(known, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize("name", PRINTED)
def test_commands_print_of_run_directories_what_they_printed(files, cli, name):
    wanted = printed(name)
    for point in wanted.get("points", ()) if name.startswith("habits") else ():
        if point["turn"] == "reflection":  # was not known; now one is right where its retry is
            assert set(point.pop("accuracy").values()) <= {None, 0}
    assert_same(json.loads(cli(*PRINTED[name])), wanted)


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_resolve_to_the_values_that_they_had(files, cli, name):
    command = ["study"] if name == "study" else ["train", KINDS.get(name, name)]
    found = json.loads(cli(*command, f"settings/{name}.toml", "--dry-run"))
    wanted = printed(f"settings_{name}")
    if name == "study":
        for settings in (found, wanted):
            settings["arms"] = {arm: _moved(keys) for arm, keys in settings["arms"].items()}
        assert_same(found, wanted)
    else:
        assert {**found, **_origin(wanted)} == wanted


def _moved(arm):
    """An arm's settings, `wrong_tries_of` where it is now: an option of its priming set."""
    kept = {key: value for key, value in arm.items() if key != "wrong_tries_of"}
    tries_of = arm.get("wrong_tries_of")
    return {**kept, "priming_settings": {"tries_of": tries_of}} if tries_of is not None else kept


def _origin(settings):
    """What a run's model comes from is read where it was, in `origin`, but is no setting of the run any more."""
    return {"origin": settings["origin"]} if "origin" in settings else {}


def test_every_setting_of_a_run_is_among_those():
    """The settings of this test, laid over each other, are all that the earlier version had, none at its default."""
    given = [printed(f"settings_{name}") for name in ("reflect-retry", "ppo", "reinforce", "defaults")]
    names = [set(_flat(settings)) for settings in given]
    assert len(set.union(*names)) > 75
    default, changed = _flat(given[-1]), _flat(given[0])
    assert {key for key in default if changed.get(key) == default[key]} == {"algorithm.type", "task.name"}


def _flat(value, prefix=""):
    found = {}
    for key, item in value.items():
        found |= _flat(item, f"{prefix}{key}.") if isinstance(item, dict) else {f"{prefix}{key}": item}
    return found


@pytest.mark.parametrize("path", RUNS)
def test_the_settings_in_a_run_directory_are_those_of_today(path):
    """Equal to what a run of today would write of them, so that it may resume."""
    config = RunDirectory.open(EARLIER / path).config()
    found = json.loads(resolve(config, source=path).model_dump_json())
    assert {**found, **_origin(config)} == config


@pytest.mark.parametrize("path", TUNINGS)
def test_the_settings_of_a_fine_tuning_are_those_of_today(path):
    config = RunDirectory.open(EARLIER / path).config()
    assert json.loads(resolve_sft(config, source=path).model_dump_json()) == config


def test_a_killed_run_goes_on_and_ends_as_the_earlier_version_ended_it(files, cli):
    assert len(untimed(files / "interrupted")) == 5
    assert [file.name for file in sorted((files / "interrupted/checkpoints").glob("step_*"))][-1] == "step_000003"
    cli("train", "reflect-retry", "lucky.toml", "--run-dir", "interrupted", "--resume", "--quiet")
    assert_same_rows(untimed(files / "interrupted"), untimed(EARLIER / "whole"))
    found, wanted = (
        json.loads((path / "summary.json").read_text()) for path in (files / "interrupted", files / "whole")
    )
    assert found.keys() >= wanted.keys()  # today's say more
    for when in ("before", "after"):
        for name, rate in wanted[when]["t1.0"].items():
            if isinstance(rate, dict) and "low" in rate and rate["low"] == rate["high"]:  # lengths that are all alike
                kept, bounds = found[when]["t1.0"][name], {"low": rate["low"], "high": rate["high"]}
                assert kept in (rate, {**rate, "low": None, "high": None})  # measured then, or today
                found[when]["t1.0"][name] = {**kept, **bounds}
        assert_same(found[when], wanted[when])
    for summary in (found, wanted):  # bounds were a bootstrap's, and are Tango's today
        for difference in (*summary["paired"]["t1.0"].values(), summary["paired"].get("stored_rescue", {})):
            difference.pop("low", None)
            difference.pop("high", None)
    assert_same(found["paired"], wanted["paired"])
    for name in ("before_t1.0.jsonl", "after_t1.0.jsonl"):
        assert (files / "interrupted/evaluations" / name).read_text() == (
            files / "whole/evaluations" / name
        ).read_text()


@pytest.mark.parametrize("name", [name for name in RUNS if name != "interrupted"])
def test_a_finished_run_is_returned_as_it_is(files, name):
    config = resolve(RunDirectory.open(files / name).config(), source=name)
    before = contents(files / name)
    assert execute(config, resume=True, quiet=True) == json.loads((files / name / "summary.json").read_text())
    assert contents(files / name) == before


@pytest.mark.parametrize("name", TUNINGS)
def test_a_finished_fine_tuning_is_returned_as_it_is(files, name):
    config = resolve_sft(RunDirectory.open(files / name).config(), source=name)
    before = contents(files / name)
    assert train_sft(config, resume=True, quiet=True) == json.loads((files / name / "summary.json").read_text())
    assert contents(files / name) == before


def contents(path):
    """Every file below a directory, but for locks."""
    return {str(file): file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != "lock.json"}


def test_a_finished_study_is_left_as_it_is(files):
    before = contents(files / "study")
    found = run_study(files / "study.toml", progress=lambda text: None)
    assert found["complete"]
    assert set(found["pieces"].values()) == {"finished"}
    assert found["runs"] == ["study/plain/seed_0", "study/primed/seed_0", "study/own/seed_0"]
    after = contents(files / "study")
    assert set(after) - set(before) == {str(files / "study/report.html")}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("name", ["plain/seed_0", "primed/primed_0", "own/primed_0", "own/seed_0"])
def test_jobs_that_a_study_wrote_are_read(files, name):
    """Both are finished: nothing is left to do in them, which their worker can tell only by their settings."""
    before = contents(files / "study")
    assert worker.main(f"study/{name}.json") == 0
    assert contents(files / "study") == before


def rates(summary):
    """The rates of a summary as the report writes them, before and after."""
    for when in ("before", "after"):
        for name in ("first_try", "second_try", "rescue"):
            rate = summary[when]["t1.0"].get(name)
            if rate and rate["n"]:
                yield f"{100 * rate['estimate']:.1f}"


def test_reports_have_the_numbers_of_the_summaries(files):
    for names in (["run"], ["study/plain/seed_0", "study/primed/seed_0", "study/own/seed_0"], ["sft"], ["interrupted"]):
        page = Page(build_report([files / name for name in names], files / "page.html").read_text())
        text = " ".join(page.text)
        for name in names:
            summary = json.loads((files / name / "summary.json").read_text())
            wanted = list(rates(summary)) if "after" in summary else []
            assert len(wanted) == {"run": 6, "sft": 0, "interrupted": 0}.get(name, 2)
            assert [number for number in wanted if not re.search(rf"(?<![\d.]){number}(?![\d.])", text)] == []
        assert len(page.named("svg")) > (0 if names != ["interrupted"] else -1)


def test_claims_and_arms_are_those_of_the_runs(files):
    claim = next(claim for claim in claims(arms(load_runs([files / "run"]))) if "first try" in claim.title)
    summary = json.loads((files / "run/summary.json").read_text())
    gain = summary["paired"]["t1.0"]["first_try"]["estimate"]
    assert claim.result.per_seed[0][1].estimate == pytest.approx(gain)
    groups = arms(load_runs([files / f"study/{arm}/seed_0" for arm in ("plain", "primed", "own")]))
    assert {arm.name for arm in groups} == {"rich", "rich, primed: all-strategies", "rich, primed: own-wrong"}


def test_failures_are_read_with_the_ids_that_they_have(files):
    task = load_task("countdown", {"preset": "tiny", "max_number": 8})
    found = failure_file.read(files / "failures.jsonl", task, load_policy(ModelConfig(path="small", device="cpu")))
    rows = [json.loads(line) for line in (files / "failures.jsonl").read_text().splitlines()]
    assert len(found) == len(rows) == 3
    for failure, row in zip(found, rows, strict=True):
        assert failure.problem.id == row["problem_id"]
        assert list(failure.attempt.completion.token_ids) == row["attempt"]["token_ids"]
        assert list(failure.attempt.completion.logprobs) == row["attempt"]["logprobs"]
        assert failure.attempt.completion.text == row["attempt"]["text"]
        assert dict(failure.provenance) == row["provenance"]


def test_fine_tuning_on_a_priming_set_goes_as_it_went(files, cli):
    cli("train", "sft", "sft.toml", "--run-dir", "anew", "--quiet")
    assert_same_rows(untimed(files / "anew"), untimed(EARLIER / "sft"))
    assert json.loads((files / "anew/data.json").read_text()) == json.loads((files / "sft/data.json").read_text())


def test_priming_sets_are_made_as_they_were(files, cli):
    cli("prime", "backtracking", "set.jsonl", "--count", 8, "--options.preset", "tiny", "--overwrite")
    tiny = ("--options.preset", "tiny", "--options.max-number", 8)
    cli("prime", "any", "from_eval.jsonl", "--source.samples", "eval/small_countdown_t1.jsonl", *tiny, "--overwrite")
    for name in ("set.jsonl", "from_eval.jsonl"):
        assert (files / name).read_text() == (EARLIER / name).read_text()


def test_answers_of_a_judge_are_not_asked_for_again(files, cli):
    nowhere = ("--judge-model", "judge", "--endpoint", "http://127.0.0.1:9/v1", "--answers", "answers.jsonl")
    found = cli("habits", "texts.jsonl", "--detector", "judge", *nowhere, "--yes").splitlines()
    wanted = (EARLIER / "printed/judged.jsonl").read_text().splitlines()
    for row, other in zip(found, wanted, strict=True):
        assert_same(json.loads(row), json.loads(other))
    assert (files / "answers.jsonl").read_text() == (EARLIER / "answers.jsonl").read_text()


def test_public_names_are_still_there():
    missing = [name for name in printed("public") if not hasattr(secondthought, name)]
    assert missing == []
    assert set(printed("public")) <= set(secondthought.__all__)


@pytest.mark.parametrize("name", printed("commands"))
def test_commands_have_the_options_that_they_had(cli, monkeypatch, name):
    monkeypatch.setattr(sys, "argv", ["secondthought"])
    found = cli(*name.split(), "--help")
    missing = [
        option for option in printed("commands")[name] if not re.search(rf"{re.escape(option)}(?![a-z0-9-])", found)
    ]
    assert missing == []
