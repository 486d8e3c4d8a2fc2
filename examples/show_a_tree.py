"""One group as a tree: the trunk that its branches share, and which tokens learn with what advantage."""

from secondthought import RunConfig, ScriptedPolicy, load_task
from secondthought.config import AlgorithmConfig
from secondthought.rollout.mining import mine
from secondthought.rollout.player import Keys, Player
from secondthought.rollout.scheduler import run
from secondthought.tasks.countdown.script import countdown_answers
from secondthought.train.algorithms import reflections
from secondthought.train.credit import Credited, credit


def main() -> None:
    """Four reflections on one failed attempt, under each setting of `algorithm.credit`."""
    config = RunConfig(algorithm=AlgorithmConfig(group_size=4))
    policy = ScriptedPolicy(countdown_answers(first_try=0.0, good_reflection=0.5, listening=1.0))
    task = load_task("countdown", {"preset": "tiny"})
    player = Player.resolve(policy, task, config.episode)
    keys = Keys(seed=3, phase="example")
    failures, _ = mine(player, task.problems("train", 1, seed=0), tries=1, keys=keys)
    [group] = run(policy, [reflections(player, config.algorithm, failure, keys) for failure in failures])
    for which in ("reflection", "retry", "all"):
        [item] = credit([group], config.algorithm.model_copy(update={"credit": which}), key=0)
        print(f"credit = {which}")
        draw(item)


def draw(item: Credited) -> None:
    """One character stands for eight tokens: `=` trunk, `+` and `-` learning, `.` read but not learning."""
    print(f"  trunk  {'=' * (len(item.tree.trunk) // 8)} {len(item.tree.trunk)} tokens, read once")
    for branch, reward in zip(item.tree.branches, item.group.rewards, strict=True):
        signs = [
            ("+" if advantage > 0 else "-") if learns else "."
            for advantage, learns in zip(branch.advantages, branch.learns, strict=True)
        ]
        print(f"  reward {reward:.0f}  \\_ {''.join(signs[::8])} {branch.num_learning} of {len(signs)} tokens learn")


if __name__ == "__main__":
    main()
