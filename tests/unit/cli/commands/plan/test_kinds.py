"""`plan` tells configs of `train`, of `train sft` and studies apart, and plans each."""

from pathlib import Path

import pytest

from secondthought.cli.commands.plan.kinds import file_of, kind_of
from secondthought.errors import ConfigError

CONFIGS = Path(__file__).parents[5] / "configs"
STUDY = """
out = "runs/none"
[settings.task.options]
preset = "tiny"
[settings.episode]
max_attempt_tokens = 20
[settings.train]
groups_per_step = 2
[arms.one]
settings.train = { steps = 3 }
[arms.two]
tokens_of = "one"
[arms.primed]
base = "small"
priming = "all-strategies"
settings.train = { steps = 4 }
"""


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_shipped_config_is_of_the_kind_that_it_is_called(path):
    expected = "study" if path.stem.endswith("study") else "sft" if path.stem.startswith("sft") else "run"
    assert kind_of([str(path)]) == (expected, path)


def write(path, text):
    path.write_text(text, "utf-8")
    return str(path)


def test_what_both_accept_is_a_run_unless_a_flag_is_of_fine_tuning(tmp_path):
    both = write(tmp_path / "both.toml", 'seed = 1\n[model]\npath = "small"\n')
    assert kind_of([both])[0] == "run"
    assert kind_of([both, "--examples=9"])[0] == "sft"
    assert kind_of(["--data", "rows.jsonl"])[0] == "sft"
    assert kind_of([]) == ("run", None)


def test_a_file_of_neither_says_what_both_have_against_it(tmp_path):
    neither = write(tmp_path / "neither.toml", "max_length = 9\n[algorithm]\ngroup_size = 4\n")
    with pytest.raises(ConfigError, match=r"`train` \(unknown key max_length.*`train sft` \(unknown key algorithm"):
        kind_of([neither])


def test_a_file_of_data_is_no_config(tmp_path):
    rows, other = write(tmp_path / "rows.jsonl", '{"a": 1}\n'), write(tmp_path / "plain", "seed = 1\n")
    assert file_of(["--train.failures", rows, other]) == Path(other)
    assert file_of(["--data", other]) is None


def test_a_plan_of_fine_tuning(cli, one_sentence, tmp_path):
    path = write(tmp_path / "sft.toml", "eval_share = 0.1\nmax_length = 64\n[train]\nbatch_size = 8\n")
    found = cli("plan", path, "--examples", "100", "--tokens-per-example", "32", "--json").object
    assert found["kind"] == "sft"
    assert (found["tokens"]["steps_per_epoch"], found["examples"]["held_out"]) == (12, 10)
    assert found["memory"]["need"] > max(found["memory"]["peaks"].values())
    assert found["time"]["run"]["all"] > 0
    out = cli("plan", path).out
    assert "say it with --examples N" in out
    assert "steps an epoch: cannot be told" in out
    assert "--measure" in one_sentence(cli("plan", path, "--measure"), 2)


def test_a_study_needs_the_name_of_an_arm(cli, one_sentence, tmp_path):
    path = write(tmp_path / "study.toml", STUDY)
    assert "--arm: one, two, primed" in one_sentence(cli("plan", path), 2)
    assert "no arm 'three'" in one_sentence(cli("plan", path, "--arm", "three"), 2)
    assert "token budget is unknown" in one_sentence(cli("plan", path, "--arm", "two"), 1)
    assert cli("plan", path, "--arm", "one", "--json").object["tokens"]["steps"] == 3
    primed = cli("plan", path, "--arm", "primed", "--json").object
    assert (primed["model"]["path"], primed["tokens"]["steps"]) == ("small", 4)
