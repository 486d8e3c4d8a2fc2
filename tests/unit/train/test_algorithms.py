"""The table and the settings agree, and what a row has no use for is refused in one sentence."""

from pathlib import Path

import pytest

from secondthought.cli.command_table import COMMANDS
from secondthought.config import AlgorithmConfig, CriticConfig, RunConfig, read_toml, resolve
from secondthought.config.algorithms import ALGORITHMS
from secondthought.errors import ConfigError
from secondthought.train.algorithms import BRANCHES

CONFIGS = Path(__file__).parents[3] / "configs"


def test_every_row_can_be_played_and_has_a_command():
    assert {row.branches for row in ALGORITHMS.values()} == set(BRANCHES)
    commands = {name.removeprefix("train ") for name in COMMANDS if name.startswith("train ")}
    assert commands == {*ALGORITHMS, "sft", "pretrain"}
    assert all((row.starts_from == "problems") == row.branches.startswith("attempts") for row in ALGORITHMS.values())


def test_an_algorithm_that_is_no_row_is_refused():
    with pytest.raises(ConfigError, match=r"algorithm.type: there is no algorithm 'dpo'; known: reflect-retry, grpo"):
        resolve({"algorithm": {"type": "dpo"}}, source="test")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"algorithm": {"type": "grpo", "kl_reward": 0.1}},
            "kl_reward .*it applies to ppo only, the others have kl_ref",
        ),
        ({"algorithm": {"type": "ppo", "kl_reward": 0.1}}, "one penalty in two places"),
        ({"algorithm": {"type": "ppo", "scale_by_std": True}}, "scale_by_std has no use with ppo: .*critic.whiten"),
        ({"algorithm": {"type": "ppo", "advantage": "positive"}}, "advantage has no use with ppo"),
        ({"algorithm": {"type": "rloo", "scale_by_std": True}}, "scale_by_std has no use with rloo"),
        (
            {"algorithm": {"type": "rloo", "baseline": "group"}},
            "baseline .* applies to reinforce only",
        ),
        ({"algorithm": {"type": "grpo", "group_size": 1}}, "group_size must be at least 2"),
        ({"algorithm": {"type": "reinforce", "baseline": "group", "group_size": 1}}, "group_size must be at least 2"),
        (
            {"algorithm": {"type": "grpo"}, "critic": {"lr": 1e-4}},
            "critic .* applies to ppo only",
        ),
        (
            {"algorithm": {"type": "reinforce"}, "train": {"mini_batches": 2}},
            "mini_batches .*no importance",
        ),
        ({"algorithm": {"type": "reinforce"}, "train": {"epochs": 2}}, "no importance ratio"),
        ({"algorithm": {"type": "ppo"}, "train": {"failures": "f.jsonl"}}, "train.failures has no use with ppo"),
        (
            {"algorithm": {"type": "rloo", "credit": "all"}},
            "credit .* applies to reflect-retry only",
        ),
        ({"algorithm": {"type": "grpo", "retries": 3}}, "retries has no use with grpo"),
        ({"algorithm": {"type": "retry-only", "retries": 3}}, "retries has no use with retry-only"),
        ({"algorithm": {"type": "reinforce", "clip_high": 0.3}}, "clip_high has no use with reinforce"),
        ({"algorithm": {"type": "grpo"}, "train": {"mine_tries": 8}}, "train.mine_tries has no use with grpo"),
        (
            {"algorithm": {"type": "reinforce", "clip_low": 0.1, "clip_high": 0.3}},
            "clip_low has no use .*; clip_high has no use",
        ),
    ],
)
def test_a_setting_without_a_use_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        resolve(settings, source="test")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("algorithm", [{"type": "ppo"}, {"type": "reinforce"}])
def test_one_sample_a_problem_is_enough_where_the_baseline_is_not_the_groups(algorithm):
    assert resolve({"algorithm": {**algorithm, "group_size": 1}}, source="test").algorithm.group_size == 1


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_settings_of_older_runs_stay_equal_to_themselves(kind):
    """What came with critics is written only where it is used, so runs begun before can be resumed."""
    written = RunConfig(algorithm=AlgorithmConfig(type=kind)).model_dump(mode="json")
    assert ("critic" in written) is (kind == "ppo")
    new = {"baseline", "kl_reward", "entropy_bonus"} & set(written["algorithm"])
    assert not new
    assert "mini_batches" not in written["train"]
    assert RunConfig.model_validate(written).critic == CriticConfig()


@pytest.mark.parametrize("name", ["four-habits-qwen2.5-3b", "four-habits-llama-3.2-3b"])
def test_the_papers_own_scale(name):
    """Section by section what the authors ran."""
    config = resolve(read_toml(CONFIGS / f"{name}.toml"), source=name)
    algorithm, critic, train = config.algorithm, config.critic, config.train
    assert (algorithm.type, algorithm.group_size, algorithm.kl_reward, algorithm.kl_ref) == ("ppo", 4, 0.001, 0.0)
    assert (algorithm.clip_low, algorithm.clip_high, algorithm.entropy_bonus) == (0.2, 0.2, 0.001)
    assert (critic.gamma, critic.gae_lambda, critic.value_clip, critic.whiten) == (1.0, 1.0, 0.5, True)
    assert (config.optim.lr, critic.lr, config.optim.max_grad_norm) == (1e-6, 1e-5, 1.0)
    assert (config.optim.warmup_steps, critic.warmup_steps, config.optim.schedule) == (0, 0, "constant")
    assert (train.steps, train.groups_per_step, train.mini_batches, critic.mini_batches) == (250, 256, 2, 8)
    assert (config.episode.max_attempt_tokens, config.episode.temperature, train.epochs) == (1024, 1.0, 1)
    assert config.model.precision == "bf16"
