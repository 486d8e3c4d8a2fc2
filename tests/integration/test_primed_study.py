"""A study whose arms are primed first: set, fine-tuning, RL, counted habits; stages are reused, and changes refused."""

import json
import shutil
from pathlib import Path

import pytest
from forked_jobs import fork_jobs

from secondthought.config import EpisodeConfig, ModelConfig, TaskConfig
from secondthought.data.priming.from_primed_model import wrong_tries
from secondthought.errors import RunError
from secondthought.report.numbers.primed_arms import has_origins
from secondthought.report.numbers.runs import arms, load_runs
from secondthought.runs import contents
from secondthought.runs.directory import RunDirectory
from secondthought.runs.recorder import read_metrics
from secondthought.study import run as study
from secondthought.tasks.countdown import Countdown
from secondthought.tasks.options import split_of

TEXT = """
out = "{out}"
[settings]
threads = 1
task = {{ name = "countdown", options = {{ preset = "tiny" }}, train_problems = 8 }}
model = {{ path = "{model}", device = "cpu" }}
episode = {{ max_attempt_tokens = 8 }}
algorithm = {{ type = "grpo", group_size = 2, kl_ref = 0.0 }}
train = {{ steps = 2, groups_per_step = 2, eval_every = 1, eval_problems = 4, self_checks = false }}
evaluation = {{ problems = 4, temperatures = [1.0], tries = 1, habits = "functional", controls = false }}
[priming]
count = {size}
correct = 0.5
wording = "short"
[sft]
max_length = 4096
too_long = "drop"
train = {{ epochs = 1, batch_size = 4 }}
[arms.plain]
base = "tiny"
[arms.primed]
base = "tiny"
priming = "all-strategies"
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Processes of their own are tested elsewhere (`test_processes_of_their_own`); here they are forks."""
    fork_jobs(monkeypatch)


def write(tmp_path, checkpoints, size=4):
    path = tmp_path / "study.toml"
    path.write_text(TEXT.format(out=tmp_path / "out", model=checkpoints / "qwen2", size=size))
    return path


def run(file):
    return study.run_study(file, progress=lambda text: None)


def test_base_priming_rl_and_habits(tmp_path, checkpoints):
    file = write(tmp_path, checkpoints)
    found = run(file)
    out = tmp_path / "out"
    assert found["complete"], (out / "primed" / "seed_0.log").read_text()
    assert list(found["pieces"]) == ["plain/seed_0", "primed/primed", "primed/seed_0"]
    primed = out / "primed" / "primed"
    assert len((primed / "set.jsonl").read_text().splitlines()) == 4
    summary = json.loads((out / "primed/seed_0/summary.json").read_text())
    assert summary["model"] == str(primed / "sft" / "model")
    assert summary["before"]["t1.0"]["habits"]["behaviors"]["verification"]["presence"]["n"] == 4
    rows = read_metrics(out / "primed/seed_0/metrics.jsonl")
    assert all("behavior/backtracking/presence" in row and "eval/first_try" in row for row in rows)
    assert not any("eval/second_try" in row for row in rows)
    groups = arms(load_runs([out / "plain/seed_0", out / "primed/seed_0"]))
    assert has_origins(groups)
    declared = {"base": "tiny", "priming": "all-strategies", "arm": "primed", "dose": None}
    assert json.loads((out / "primed/seed_0/declared.json").read_text()) == declared
    assert "origin" not in RunDirectory.open(out / "primed/seed_0").config()
    assert "tiny, primed: all-strategies" in (out / "primed/seed_0/report.html").read_text()
    assert {arm.name for arm in groups} == {"tiny", "tiny, primed: all-strategies"}
    assert found["report"] == str(out / "report.html")
    assert "tiny, primed: all-strategies" in (out / "report.html").read_text()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.jsonl")}
    assert run(file)["complete"]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.jsonl")} == before


def test_another_set_is_not_taken_for_the_same(tmp_path, checkpoints):
    assert run(write(tmp_path, checkpoints))["complete"]
    with pytest.raises(RunError, match=r"set\.jsonl: was made with other settings"):
        run(write(tmp_path, checkpoints, size=5))


def test_an_arm_may_be_primed_with_traces_that_are_there(tmp_path, checkpoints):
    assert run(write(tmp_path, checkpoints))["complete"]
    traces = tmp_path / "own.jsonl"
    traces.write_text((tmp_path / "out/primed/primed/set.jsonl").read_text())
    more = f'[arms.own]\nbase = "tiny"\npriming = "own"\npriming_settings = {{ file = "{traces}", count = 3 }}\n'
    file = write(tmp_path, checkpoints)
    file.write_text(file.read_text() + more)
    assert run(file)["complete"]
    assert len((tmp_path / "out/own/primed/set.jsonl").read_text().splitlines()) == 3
    file.write_text(file.read_text().replace("count = 3", "count = 9").replace("[arms.own]", "[arms.more]"))
    assert run(file)["pieces"]["more/primed"] == "failed"
    assert "holds 4 traces, not 9" in (tmp_path / "out/more/primed.log").read_text()


def test_an_arm_may_be_primed_with_another_ones_wrong_tries(tmp_path):
    """Each trace is a whole try of the primed model, wrong by the task; the arm waits for the other one's priming."""
    file = write(tmp_path, tmp_path, size=16)
    text = (
        file.read_text()
        .replace(f"{tmp_path / 'qwen2'}", "rich")
        .replace("max_attempt_tokens = 8", "max_attempt_tokens = 48")
    )
    file.write_text(
        text + '[arms.own]\nbase = "tiny"\npriming = "own-wrong"\npriming_settings = { tries_of = "primed" }\n'
    )
    found = run(file)
    out = tmp_path / "out"
    assert found["complete"], (out / "own/primed.log").read_text()
    rows = [json.loads(line) for line in (out / "own/primed/set.jsonl").read_text().splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) == 16
    task = Countdown(preset="tiny")
    for row in rows:
        assert not task.verify(task.parse(row["problem"]), row["completion"]).correct
        assert not row["correct"]
        assert split_of(row["id"]) == "train"
    job = json.loads((out / "own/primed.json").read_text())["priming"]
    assert job["traces"]["tries"]["model"]["path"] == str(out / "primed/primed/sft/model")
    assert job["sft"]["model"]["path"] == "rich"


def test_tries_that_are_all_cut_off_prime_nothing(checkpoints):
    asked = {"name": "countdown", "options": {"preset": "tiny", "max_number": 3}}
    with pytest.raises(RunError, match=r"\d+ of 5 traces \(\d+ left out: cut off at the token limit"):
        wrong_tries(
            ModelConfig(path=str(checkpoints / "qwen2"), device="cpu"),
            TaskConfig.model_validate(asked),
            EpisodeConfig(max_attempt_tokens=1),
            count=5,
            seed=0,
        )


def test_runs_share_the_side_before_but_count_habits_anew(tmp_path, checkpoints):
    """A cache outlives the detector that counted: what it says of habits is not taken over."""
    file = write(tmp_path, checkpoints)
    cached = file.read_text().replace("controls = false }", f'controls = false, cache = "{tmp_path / "cache"}" }}')
    file.write_text(cached[: cached.index("[arms.primed]")])
    assert run(file)["complete"]
    [before] = (tmp_path / "cache").glob("*/before.json")
    side = json.loads(before.read_text())
    true = side["rates"]["t1.0"]["habits"]
    side["rates"]["t1.0"]["habits"] = {"behaviors": {}}
    side["rates"]["t1.0"]["first_try"]["estimate"] = 0.123
    before.write_text(json.dumps(side))
    entry = json.loads((before.parent / "entry.json").read_text())
    entry["files"]["before.json"] = contents.digest_of_entry(before.parent)["before.json"]
    (before.parent / "entry.json").write_text(json.dumps(entry))
    file.write_text(file.read_text() + "seeds = [0, 1]\n")
    assert run(file)["complete"]
    found = json.loads((tmp_path / "out/plain/seed_1/summary.json").read_text())["before"]["t1.0"]
    assert found["first_try"]["estimate"] == 0.123  # it came from the cache
    assert found["habits"] == true


BY_SEED = """
[arms.anew]
base = "tiny"
priming = "direct"
primed_anew = true
seeds = [0, 1]
[arms.bases]
base = "bases"
settings.model = {{ path = "{bases}" }}
seeds = [0, 1]
[arms.primed-bases]
base = "bases"
priming = "direct"
settings.model = {{ path = "{bases}" }}
seeds = [0, 1]
"""


def test_each_seed_may_have_a_base_and_a_priming_of_its_own(tmp_path, checkpoints):
    """Sets and models differ, and reports still take the seeds for one arm."""
    file = write(tmp_path, checkpoints)
    for seed in (0, 1):
        shutil.copytree(checkpoints / "qwen2", tmp_path / f"base-{seed}")
    common = file.read_text()[: file.read_text().index("[arms.plain]")]
    file.write_text(common + BY_SEED.format(bases=tmp_path / "base-{seed}"))
    found, out = run(file), tmp_path / "out"
    assert found["complete"], found
    assert list(found["pieces"])[:4] == ["anew/primed_0", "anew/primed_1", "anew/seed_0", "anew/seed_1"]
    job = {seed: json.loads((out / f"anew/primed_{seed}.json").read_text())["priming"] for seed in (0, 1)}
    assert [(job[seed]["traces"]["seed"], job[seed]["sft"]["seed"]) for seed in (0, 1)] == [(0, 0), (1, 1)]
    sets = [(out / f"anew/primed_{seed}/set.jsonl").read_text() for seed in (0, 1)]
    assert sets[0] != sets[1]
    config = {name: RunDirectory.open(out / name / "seed_1").config() for name in ("anew", "bases")}
    assert config["anew"]["model"]["path"] == str(out / "anew/primed_1/sft/model")
    assert config["bases"]["model"]["path"] == str(tmp_path / "base-1")
    primed = json.loads((out / "primed-bases/primed_1.json").read_text())["priming"]
    assert primed["sft"]["model"]["path"] == str(tmp_path / "base-1")
    groups = arms(load_runs([Path(path) for path in found["runs"]]))
    assert {arm.name: arm.num_seeds for arm in groups} == {
        "tiny, primed: direct": 2,
        "bases": 2,
        "bases, primed: direct": 2,
    }
    assert run(file)["complete"]
